--- Data: sets of examples, batches in a seeded order, the public digit sets.
---
---     local digits = data.mnist {}
---     for x, y in digits.train:batches(128, { shuffle = true }) do ... end
local Loader = require "orrery.data.loader"
local blame = require "orrery.blame"
local idx = require "orrery.data.idx"
local options = require "orrery.options"
local sets = require "orrery.data.dataset"

local data = { Loader = Loader, Dataset = sets.Dataset,
  shapes = require "orrery.data.shapes" }

local digit_names = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" }
local clothes = { "T-shirt", "trouser", "pullover", "dress", "coat", "sandal",
  "shirt", "sneaker", "bag", "ankle boot" }

local function directory(who, opts)
  opts = options.take(who, opts, {}, { "dir" })
  if opts.dir ~= nil and type(opts.dir) ~= "string" then
    blame("%s: dir is %s; give the path of a folder", who,
      options.shown(opts.dir))
  end
  return opts.dir and (opts.dir:gsub("(.)/+$", "%1"))
end

--- Handwritten digits, 28 x 28 bytes. Without `dir` the 10,000 that come with
--- Orrery, 8,000 to train and 2,000 to test; with `dir` the original files of
--- that folder (IDX or IDX.gz), 60,000 and 10,000. The field `all` joins both.
--- Labels are classes from 1: digit + 1.
---@param opts? { dir?: string }
---@return { train: orrery.data.ImageDataset, test: orrery.data.ImageDataset,
---   all: orrery.data.ImageDataset, classes: string[] }?
---@return string? message  when the files are missing or damaged
function data.mnist(opts)
  local dir = directory("mnist", opts)
  if dir then return idx.folder("mnist", dir, digit_names) end
  return idx.digits("mnist", digit_names)
end

-- Where Debian's package dataset-fashion-mnist puts its files.
local fashion_places = { "/usr/share/datasets/fashion-mnist",
  "/usr/local/share/datasets/fashion-mnist" }

--- Fashion-MNIST (Xiao et al. 2017), from `dir` or from where Debian's package
--- dataset-fashion-mnist puts it. Shaped as `mnist` with `dir`.
---@param opts? { dir?: string }
function data.fashion(opts)
  local dir = directory("fashion", opts)
  if dir then return idx.folder("fashion", dir, clothes) end
  for _, place in ipairs(fashion_places) do
    if idx.exists(place .. "/train-images-idx3-ubyte.gz") then
      return idx.folder("fashion", place, clothes)
    end
  end
  return nil, "fashion: no Fashion-MNIST on this machine; install Debian's "
    .. "package dataset-fashion-mnist, or give { dir = FOLDER } with its four "
    .. "files"
end

--- Tensors side by side, alike in their first axis.
---@param ... orrery.Tensor
---@return orrery.data.TensorDataset
function data.TensorDataset(...) return sets.TensorDataset.new(...) end

--- Batches of any dataset: as dataset:batches(size, opts).
---@param dataset orrery.data.Dataset
---@param opts table  batch_size, and the options of batches
---@return orrery.data.Loader
function data.loader(dataset, opts)
  local rest = {}
  for name, value in pairs(type(opts) == "table" and opts or {}) do
    rest[name] = value
  end
  local size = rest.batch_size
  rest.batch_size = nil
  return Loader.new(dataset, size, rest)
end

return data
