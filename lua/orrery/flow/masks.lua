--- Degrees and masks of MADE (Germain et al. 2015, eqs. 12-13): a unit of
--- degree m may depend on the inputs of degree at most m, an output of degree
--- d on those below d alone.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local masks = {}

local function as_degrees(who, name, v)
  if type(v) == "table" and not options.is_tensor(v) then
    v = orrery.tensor(v, { dtype = "int64" })
  end
  options.tensor(who, name, v)
  if v.dtype ~= "int64" or v:dim() ~= 1 then
    blame("%s: %s is %s; give whole numbers, one per unit", who, name,
      options.shown(v))
  end
  return v
end

--- Ones where unit `to[i]` may see unit `from[j]`: to >= from, or, for the
--- output layer, `strict`: to > from.
---@param to orrery.Tensor|integer[]  int64 [N], degrees of a layer's outputs
---@param from orrery.Tensor|integer[]  int64 [K], of its inputs
---@param strict? boolean
---@return orrery.Tensor mask  float64 [N, K]
function masks.mask(to, from, strict)
  to = as_degrees("flow.mask", "to", to):unsqueeze(2)
  from = as_degrees("flow.mask", "from", from):unsqueeze(1)
  return (strict and to:gt(from) or to:ge(from)):to "float64"
end

--- Degrees of the inputs of a MADE: the place of each in the order.
---@param features integer
---@param order? string|integer[]  "natural", "reverse", "random", or a list:
---  order[i] is the place of input i
---@param generator? orrery.Generator
---@return integer[]
function masks.order(features, order, generator)
  local out = {}
  features = options.count("flow.order", "features", features)
  if type(order) == "table" then
    local seen = {}
    for i = 1, features do
      local d = order[i]
      if math.type(d) ~= "integer" or d < 1 or d > features or seen[d] then
        blame("flow.MADE: order[%d] is %s; give each of 1 to %d once", i,
          options.shown(d), features)
      end
      seen[d], out[i] = true, d
    end
    return out
  end
  if order == "random" then
    local keys = orrery.rand({ features }, { generator = generator })
    for place, i in ipairs(keys:argsort():tolist()) do out[i] = place end
    return out
  end
  if order ~= "natural" and order ~= "reverse" then
    blame("flow.MADE: order is %s; give natural, reverse, random or a list",
      options.shown(order))
  end
  for i = 1, features do
    out[i] = order == "natural" and i or features + 1 - i
  end
  return out
end

--- Degrees of a hidden layer, spread evenly and sorted, so that masks are
--- block-triangular and what they hide is not multiplied.
---@param units integer
---@param features integer
---@param context boolean  true: there are units that see no input at all
---@return integer[]
function masks.spread(units, features, context)
  units = options.count("flow.spread", "units", units)
  features = options.count("flow.spread", "features", features)
  local low = (context or features == 1) and 0 or 1
  local out, span = {}, features - low
  for i = 0, units - 1 do out[i + 1] = low + i * span // units end
  return out
end

return masks
