--- Bijectors one after another, turned round, and fixed permutations.
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local blame = require "orrery.blame"
local masks = require "orrery.flow.masks"
local nn = require "orrery.nn"
local options = require "orrery.options"

--- The first of the list first on the way from data to noise.
---@class orrery.flow.Chain: orrery.flow.Bijector
---@field list orrery.nn.ModuleList
local Chain = Bijector:subclass "Chain"

---@param list orrery.flow.Bijector[]
function Chain:init(list)
  if type(list) ~= "table" or #list == 0 then
    blame("flow.Chain: bijectors are %s; give a list of one or more",
      type(list) == "table" and "an empty list" or options.shown(list))
  end
  self.list = nn.ModuleList {}
  for i, b in ipairs(list) do
    if not Bijector.is(b) then
      blame("flow.Chain: entry %d is %s; give bijectors", i, options.shown(b))
    end
    self.list:append(b)
  end
end

---@param x orrery.Tensor  [B, ...]
---@param context? orrery.Tensor  given to each
---@return orrery.Tensor z
---@return orrery.Tensor logdet  [B], nats
function Chain:forward(x, context)
  local total
  for _, b in ipairs(self.list) do
    local logdet
    x, logdet = b(x, context)
    total = total and total + logdet or logdet
  end
  return x, total
end

local function back(self, way, z, context)
  local total
  for i = #self.list, 1, -1 do
    local logdet
    local b = self.list[i]
    z, logdet = (b[way] or b.inverse)(b, z, context)
    total = total and total + logdet or logdet
  end
  return z, total
end

---@param z orrery.Tensor  [B, ...]
---@param context? orrery.Tensor
---@return orrery.Tensor x
---@return orrery.Tensor logdet  [B], nats
function Chain:inverse(z, context) return back(self, "inverse", z, context) end

--- The plainer way back of each that has one.
---@param z orrery.Tensor  [B, ...]
---@param context? orrery.Tensor
---@return orrery.Tensor x
---@return orrery.Tensor logdet  [B], nats
function Chain:inverse_naive(z, context)
  return back(self, "inverse_naive", z, context)
end

--- Another bijector with its two directions exchanged.
---@class orrery.flow.Inverse: orrery.flow.Bijector
local Inverse = Bijector:subclass "Inverse"

---@param bijector orrery.flow.Bijector
function Inverse:init(bijector)
  if not Bijector.is(bijector) then
    blame("flow.Inverse: the bijector is %s; give one",
      options.shown(bijector))
  end
  self.of = bijector
end
function Inverse:forward(x, context) return self.of:inverse(x, context) end
function Inverse:inverse(z, context) return self.of:forward(z, context) end

--- A fixed order of the features: z[i] = x[order[i]].
---@class orrery.flow.Permute: orrery.flow.Bijector
---@field order orrery.Tensor  int64 [D], a buffer
---@field back orrery.Tensor  int64 [D], a buffer
local Permute = Bijector:subclass "Permute"

---@param features integer
---@param order? string|integer[]  "random" when absent, "reverse", or a list
---@param generator? orrery.Generator
function Permute:init(features, order, generator)
  self.features = options.count("flow.Permute", "features", features)
  local list = masks.order(self.features, order or "random", generator)
  local at = orrery.tensor(list, { dtype = "int64" })
  self:register_buffer("order", at)
  self:register_buffer("back", at:argsort())
end
function Permute:forward(x)
  self:want("x", x, self.features)
  return x:index_select(2, self.order), x:new_zeros { x:size(1) }
end
function Permute:inverse(z)
  self:want("z", z, self.features)
  return z:index_select(2, self.back), z:new_zeros { z:size(1) }
end
function Permute:extra_repr() return tostring(self.features) end

--- The last feature first.
---@class orrery.flow.Reverse: orrery.flow.Permute
local Reverse = Permute:subclass "Reverse"

---@param features integer
function Reverse:init(features) Permute.init(self, features, "reverse") end

return { Chain = Chain, Inverse = Inverse, Permute = Permute,
  Reverse = Reverse }
