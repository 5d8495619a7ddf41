--- Linear layer and the shape layers that stand around it.
local blame = require "orrery.blame"
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local options = require "orrery.options"

local layers = {}

--- y = x W' + b over the last axis. Weights and bias start uniform in
--- +- 1 / sqrt(in_features), as in PyTorch.
---@class orrery.nn.Linear: orrery.nn.Module
---@field weight orrery.Tensor  [out_features, in_features]
---@field bias orrery.Tensor?  [out_features]
local Linear = Layer:subclass "Linear"
layers.Linear = Linear

---@param in_features integer
---@param out_features integer
---@param opts? { bias?: boolean, dtype?: string, generator?: orrery.Generator }
function Linear:init(in_features, out_features, opts)
  opts = options.take("linear", opts, { bias = true, dtype = "float32" },
    { "generator" })
  self.in_features = options.count("linear", "in_features", in_features)
  self.out_features = options.count("linear", "out_features", out_features)
  local bound = 1 / math.sqrt(self.in_features)
  self.weight = Layer.fresh({ out_features, in_features }, bound, opts)
  if opts.bias then
    self.bias = Layer.fresh({ out_features }, bound, opts)
  end
end

---@param x orrery.Tensor  [..., in_features]
---@return orrery.Tensor  [..., out_features]
function Linear:forward(x)
  if x:dim() == 0 or x:size(-1) ~= self.in_features then
    self:fail("x is %s but in_features is %d; change the layer or its input",
      x:shape_str(), self.in_features)
  end
  return F.linear(x, self.weight, self.bias)
end

function Linear:extra_repr()
  return ("%d, %d%s"):format(self.in_features, self.out_features,
    self.bias and "" or ", { bias = false }")
end

--- Joins axes `first` to `last` into one; from 2 on when not told.
---@class orrery.nn.Flatten: orrery.nn.Module
local Flatten = Layer:subclass "Flatten"
layers.Flatten = Flatten

function Flatten:init(first, last)
  self.first, self.last = first or 2, last or -1
  for _, name in ipairs { "first", "last" } do
    options.number("flatten", name, self[name], math.tointeger,
      "a whole number")
  end
end

function Flatten:forward(x) return x:flatten(self.first, self.last) end

function Flatten:extra_repr()
  return ("%d, %d"):format(self.first, self.last)
end

--- Splits one axis into several: Unflatten(2, { 64, 7, 7 }).
---@class orrery.nn.Unflatten: orrery.nn.Module
local Unflatten = Layer:subclass "Unflatten"
layers.Unflatten = Unflatten

---@param axis integer
---@param sizes integer[]
function Unflatten:init(axis, sizes)
  options.number("unflatten", "axis", axis, math.tointeger, "a whole number")
  if type(sizes) ~= "table" or #sizes == 0 then
    blame("unflatten: sizes are %s; give a list of them", options.shown(sizes))
  end
  self.axis = math.tointeger(axis)
  self.sizes = {}
  for i, n in ipairs(sizes) do
    self.sizes[i] = options.count("unflatten", "size " .. i, n, 0)
  end
end

function Unflatten:forward(x)
  local axis = self.axis < 0 and x:dim() + 1 + self.axis or self.axis
  local sizes, count = {}, 1
  for _, n in ipairs(self.sizes) do count = count * n end
  if axis < 1 or axis > x:dim() or x:size(axis) ~= count then
    self:fail("x is %s but axis %d is to become [%s]; change the sizes",
      x:shape_str(), self.axis, table.concat(self.sizes, ", "))
  end
  for i = 1, x:dim() do
    if i == axis then
      for _, n in ipairs(self.sizes) do sizes[#sizes + 1] = n end
    else
      sizes[#sizes + 1] = x:size(i)
    end
  end
  return x:reshape(sizes)
end

function Unflatten:extra_repr()
  return ("%d, { %s }"):format(self.axis, table.concat(self.sizes, ", "))
end

--- Gives every example the shape told: View(64, 7, 7) makes [N, 64, 7, 7].
---@class orrery.nn.View: orrery.nn.Module
local View = Layer:subclass "View"
layers.View = View

function View:init(...)
  local first = ...
  self.sizes = {}
  for i, n in ipairs(type(first) == "table" and first or { ... }) do
    self.sizes[i] = options.count("view", "size " .. i, n, -1)
  end
end

function View:forward(x)
  if x:dim() == 0 then
    self:fail("x is a single number; give a batch, its first axis is kept")
  end
  return x:reshape { x:size(1), table.unpack(self.sizes) }
end

function View:extra_repr() return table.concat(self.sizes, ", ") end

--- Gives back what it gets.
---@class orrery.nn.Identity: orrery.nn.Module
local Identity = Layer:subclass "Identity"
layers.Identity = Identity

function Identity:forward(x) return x end  -- luacheck: ignore

return layers
