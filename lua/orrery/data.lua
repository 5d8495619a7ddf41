--- Data: sets of examples, batches in a seeded order, the public digit sets,
--- pictures in folders and zip files.
---
---     local digits = data.mnist {}
---     for x, y in digits.train:batches(128, { shuffle = true }) do ... end
---     local horses = assert(data.cyclegan("horse2zebra", { size = 128 }))
---     for a in horses.train.A:batches(1, { shuffle = true }) do ... end
local Loader = require "orrery.data.loader"
local blame = require "orrery.blame"
local idx = require "orrery.data.idx"
local options = require "orrery.options"
local sets = require "orrery.data.dataset"

local data = { Loader = Loader, Dataset = sets.Dataset,
  ImagePool = require "orrery.data.image_pool",
  Pictures = require "orrery.data.pictures",
  emoji = require "orrery.data.emoji",
  known = require "orrery.data.known",
  shapes = require "orrery.data.shapes",
  whole = require "orrery.data.whole" }

for _, module in ipairs { "folders", "inspect" } do
  for name, fn in pairs(require("orrery.data." .. module)) do
    data[name] = fn
  end
end

local digit_names = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" }
local clothes = { "T-shirt", "trouser", "pullover", "dress", "coat", "sandal",
  "shirt", "sneaker", "bag", "ankle boot" }

-- The folder to read, if any, and how many images to keep of each set.
local function wanted(who, opts)
  opts = options.take(who, opts, { images = 0, held = 0 }, { "dir" })
  local dir = opts.dir
  if dir ~= nil and type(dir) ~= "string" then
    blame("%s: dir is %s; give the path of a folder", who, options.shown(dir))
  end
  if dir == "embedded" then dir = nil end
  return dir and (dir:gsub("(.)/+$", "%1")),
    { train = options.count(who, "images", opts.images, 0),
      test = options.count(who, "held", opts.held, 0) }
end

-- The first so many of each set, all where that is 0.
local function first(limits, digits, why)
  if not digits then return nil, why end
  for part, n in pairs(limits) do
    if n > 0 and n < #digits[part] then
      digits[part] = digits[part]:subset(1, n)
    end
  end
  return digits
end

--- Handwritten digits, 28 x 28 bytes. Without `dir`, or with "embedded", the
--- 10,000 that come with Orrery, 8,000 to train and 2,000 to test; with `dir`
--- the original files of that folder (IDX or IDX.gz), 60,000 and 10,000.
--- `images` and `held` keep the first so many of each. The field `all` joins
--- both. Labels are classes from 1: digit + 1.
---@param opts? { dir?: string, images?: integer, held?: integer }  0 keeps all
---@return { train: orrery.data.ImageDataset, test: orrery.data.ImageDataset,
---   all: orrery.data.ImageDataset, classes: string[] }?
---@return string? message  when the files are missing or damaged
function data.mnist(opts)
  local dir, limits = wanted("mnist", opts)
  if dir then return first(limits, idx.folder("mnist", dir, digit_names)) end
  return first(limits, idx.digits("mnist", digit_names))
end

--- Fashion-MNIST (Xiao et al. 2017), from `dir` or from where Debian's package
--- dataset-fashion-mnist puts it. Shaped as `mnist` with `dir`.
---@param opts? { dir?: string, images?: integer, held?: integer }  0 keeps all
function data.fashion(opts)
  local dir, limits = wanted("fashion", opts)
  if dir then return first(limits, idx.folder("fashion", dir, clothes)) end
  local place = idx.fashion()
  if place then return first(limits, idx.folder("fashion", place, clothes)) end
  return nil, "fashion: no Fashion-MNIST on this machine; install Debian's "
    .. "package dataset-fashion-mnist, or give { dir = FOLDER } with its four "
    .. "files"
end

--- Tensors side by side, alike in their first axis.
---@param ... orrery.Tensor
---@return orrery.data.TensorDataset
function data.TensorDataset(...) return sets.TensorDataset.new(...) end

--- Grey pictures with a class each; see orrery.data.ImageDataset.
---@param images orrery.Tensor  uint8 [N, H, W]
---@param labels orrery.Tensor  int64 [N], from 1
---@return orrery.data.ImageDataset
function data.ImageDataset(images, labels)
  options.tensor("ImageDataset", "images", images)
  options.tensor("ImageDataset", "labels", labels)
  if images.dtype ~= "uint8" or images:dim() ~= 3 or labels.dtype ~= "int64"
    or labels:shape_str() ~= ("[%d]"):format(images:size(1)) then
    blame("ImageDataset: images are %s %s, labels %s %s; give uint8 [N, H, W] "
      .. "and int64 [N]", images.dtype, images:shape_str(), labels.dtype,
      labels:shape_str())
  end
  return sets.ImageDataset.new(images, labels)
end

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
