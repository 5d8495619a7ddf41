--- What every bijector is: a module with two directions,
---     forward(x, context) -> z, logdet     log |det dz/dx|, nats, [B]
---     inverse(z, context) -> x, logdet     log |det dx/dz|, nats, [B]
--- forward is the way of the density, data to noise; inverse that of sampling.
local blame = require "orrery.blame"
local nn = require "orrery.nn"
local options = require "orrery.options"

---@class orrery.flow.Bijector: orrery.nn.Module
local Bijector = nn.Module:subclass "Bijector"

function Bijector:inverse()
  blame("%s: inverse is missing; define function %s:inverse(z)",
    self:label(), self.class_name)
end

--- Sums all axes but the first.
---@param x orrery.Tensor  [B, ...]
---@return orrery.Tensor  [B]
function Bijector.rowsum(x)
  return x:dim() > 1 and x:flatten(2):sum(2) or x
end

--- Raises unless `x` is a floating batch [B, features].
---@param name string  "x" or "z"
---@param x any
---@param features integer
function Bijector:want(name, x, features)
  if not options.is_tensor(x) then
    self:fail("%s is %s; give a tensor [B, %d]", name, options.shown(x),
      features)
  end
  if x:dim() ~= 2 or x:size(2) ~= features then
    self:fail("%s is %s but [B, %d] is wanted; change the layer or its input",
      name, x:shape_str(), features)
  end
end

--- Is `value` a bijector?
---@return boolean
function Bijector.is(value)
  return type(value) == "table" and value.inverse ~= nil
    and value.forward ~= nil
end

return Bijector
