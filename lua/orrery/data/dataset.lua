--- Examples by position: tensors side by side, sets of images with classes,
--- and parts of either. A dataset has `#d`, `d:get(indices)`, `d:batches()`,
--- `d:steps()`, `d:subset()` and `d:split()`.
local orrery = require "orrery"
local Loader = require "orrery.data.loader"
local blame = require "orrery.blame"
local options = require "orrery.options"

local is_tensor = options.is_tensor

---@class orrery.data.Dataset
---@operator len: integer
local Dataset = {}
Dataset.__index = Dataset

--- An iterator over batches, which is also a cursor: see orrery.data.loader.
---@param size integer  examples a batch
---@param opts? { shuffle?: boolean, drop_last?: boolean, seed?: integer,
---   generator?: orrery.Generator, flat?: boolean, dtype?: string }
---@return orrery.data.Loader
function Dataset:batches(size, opts) return Loader.new(self, size, opts) end

-- The seed of the epoch that begins after `done` steps: one of its own.
local function later(opts, done)
  if not opts or not opts.seed or done == 0 then return opts end
  local o = {}
  for name, value in pairs(opts) do o[name] = value end
  o.seed = opts.seed + done
  return o
end

--- So many batches, whatever epochs they make, each with its number:
---
---     for step, x, y in digits.train:steps(2000, 128, { shuffle = true }) do
---
--- Every epoch has an order of its own. A `seed` gives the first one; that of
--- an epoch that begins after n steps has seed + n. What is to be interrupted
--- and resumed goes through batches() and train.loop or log:steps.
---@param n integer  batches
---@param size integer  examples a batch
---@param opts? table  as of batches()
---@return fun(): integer?, ...  step from 1, then what batches() gives
function Dataset:steps(n, size, opts)
  options.count("steps", "n", n, 0)
  local done, batches = 0, Loader.new(self, size, opts)
  if #batches == 0 then
    blame("steps: %d examples make no batch of %d; lower size%s", #self, size,
      #self > 0 and " or leave out drop_last" or "")
  end
  return function()
    if done == n then return nil end
    local batch = table.pack(batches())
    if batch[1] == nil then
      batches = Loader.new(self, size, later(opts, done))
      batch = table.pack(batches())
    end
    done = done + 1
    return done, table.unpack(batch, 1, batch.n)
  end
end

--- Some of the examples: positions first to last, or those listed.
---@param first integer|integer[]|orrery.Tensor
---@param last? integer
---@return orrery.data.Dataset
function Dataset:subset(first, last)
  local n = #self
  if is_tensor(first) then return self:pick(first) end
  if type(first) == "table" then
    for i, at in ipairs(first) do
      if math.type(at) ~= "integer" or at < 1 or at > n then
        blame("subset: entry %d is %s; use positions 1 to %d", i,
          options.shown(at), n)
      end
    end
    return self:pick(orrery.tensor(first, { dtype = "int64" }))
  end
  local a = options.count("subset", "first", first)
  local b = options.count("subset", "last", last or n, 0)
  if b > n or b < a - 1 then
    blame("subset: %d to %d is asked for of %d examples; use 1 to %d", a, b,
      n, n)
  end
  return self:slice(a, b)
end

--- Cuts the examples into parts, at random when a seed is given.
---@param sizes number[]  counts, or fractions with sum 1
---@param opts? { seed?: integer, generator?: orrery.Generator }
---@return orrery.data.Dataset ...  one for each size
function Dataset:split(sizes, opts)
  opts = options.take("split", opts, {}, { "seed", "generator" })
  if type(sizes) ~= "table" or #sizes == 0 then
    blame("split: sizes are %s; give counts or fractions as a list",
      options.shown(sizes))
  end
  local n, total, ends = #self, 0, {}
  for i, size in ipairs(sizes) do
    total = total + options.number("split", "size " .. i, size,
      function(v) return v >= 0 end, "a count or a fraction")
    ends[i] = total
  end
  local fractions = math.abs(total - 1) < 1e-9 and n ~= 1
  if not fractions and total ~= n then
    blame("split: the sizes add up to %g but there are %d examples; make them "
      .. "add up to that, or to 1", total, n)
  end
  local whole = self
  if opts.seed or opts.generator then
    local generator = opts.generator or orrery.Generator(opts.seed)
    whole = self:pick(orrery.randperm(n, { generator = generator }))
  end
  local parts, start = {}, 1
  for i, at in ipairs(ends) do
    local last = fractions and math.floor(at * n + 0.5) or math.tointeger(at)
    if not last then
      blame("split: size %d is %s; give whole numbers", i,
        options.shown(sizes[i]))
    end
    parts[i] = whole:slice(start, last)
    start = last + 1
  end
  return table.unpack(parts)
end

-- ------------------------------------------------------------------ tensors

---@class orrery.data.TensorDataset: orrery.data.Dataset
---@field tensors orrery.Tensor[]  alike in their first axis
local TensorDataset = setmetatable({}, { __index = Dataset })
TensorDataset.__index = TensorDataset

function TensorDataset.__len(self) return self.tensors[1]:size(1) end

local function of_tensors(tensors)
  return setmetatable({ tensors = tensors }, TensorDataset)
end

---@param ... orrery.Tensor  [N, ...] each
---@return orrery.data.TensorDataset
function TensorDataset.new(...)
  local tensors = { ... }
  for i = 1, math.max(1, select("#", ...)) do
    local x = tensors[i]
    if not is_tensor(x) or x:dim() == 0 then
      blame("tensordataset: argument %d is %s; give tensors with an axis of "
        .. "examples", i, is_tensor(x) and "a single number"
        or options.shown(x))
    end
    if x:size(1) ~= tensors[1]:size(1) then
      blame("tensordataset: argument 1 has %d examples but argument %d has "
        .. "%d; match them", tensors[1]:size(1), i, x:size(1))
    end
  end
  return of_tensors(tensors)
end

local function map(list, fn)
  local out = {}
  for i, x in ipairs(list) do out[i] = fn(x) end
  return out
end

--- The examples at these positions.
---@param indices orrery.Tensor  int64 [B]
---@return orrery.Tensor ...  [B, ...], one of each tensor
function TensorDataset:get(indices)
  return table.unpack(map(self.tensors, function(x)
    return x:index_select(1, indices)
  end))
end

function TensorDataset:pick(indices)
  return of_tensors { self:get(indices) }
end

function TensorDataset:slice(first, last)
  return of_tensors(map(self.tensors, function(x)
    return x:narrow(1, first, last - first + 1)
  end))
end

-- ------------------------------------------------------------------- images

--- Grey pictures kept as bytes, with a class each. Batches are floating, 0 to
--- 1, as [B, 1, H, W] ([B, H * W] with { flat = true }), and the classes.
---@class orrery.data.ImageDataset: orrery.data.Dataset
---@field images orrery.Tensor  uint8 [N, H, W]
---@field labels orrery.Tensor  int64 [N], from 1
local ImageDataset = setmetatable({}, { __index = Dataset })
ImageDataset.__index = ImageDataset

function ImageDataset.__len(self) return self.images:size(1) end

---@param images orrery.Tensor  uint8 [N, H, W]
---@param labels orrery.Tensor  int64 [N]
---@return orrery.data.ImageDataset
function ImageDataset.new(images, labels)
  return setmetatable({ images = images, labels = labels }, ImageDataset)
end

---@param indices orrery.Tensor  int64 [B]
---@param opts? { flat?: boolean, dtype?: string }
---@return orrery.Tensor x  [B, 1, H, W], 0 to 1
---@return orrery.Tensor labels  int64 [B]
function ImageDataset:get(indices, opts)
  local x = self.images:index_select(1, indices)
  local b, h, w = x:size()
  x = x:to(opts and opts.dtype or "float32") / 255
  x = opts and opts.flat and x:reshape(b, h * w) or x:reshape(b, 1, h, w)
  return x, self.labels:index_select(1, indices)
end

--- All examples at once, as get() gives them.
---@param opts? { flat?: boolean, dtype?: string }
function ImageDataset:everything(opts)
  opts = options.take("everything", opts, {}, { "flat", "dtype" })
  return self:get(orrery.range(1, #self, { dtype = "int64" }), opts)
end

function ImageDataset:pick(indices)
  return ImageDataset.new(self.images:index_select(1, indices),
    self.labels:index_select(1, indices))
end

function ImageDataset:slice(first, last)
  local n = last - first + 1
  return ImageDataset.new(self.images:narrow(1, first, n),
    self.labels:narrow(1, first, n))
end

function ImageDataset.__tostring(self)
  return ("%d images of %d x %d"):format(#self, self.images:size(2),
    self.images:size(3))
end

return { Dataset = Dataset, TensorDataset = TensorDataset,
  ImageDataset = ImageDataset }
