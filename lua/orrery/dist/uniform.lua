--- Uniform(low, high).
local orrery = require "orrery"
local Distribution = require "orrery.dist.distribution"
local parameters = require "orrery.dist.parameters"

local names = { "low", "high" }

---@class orrery.dist.Uniform: orrery.dist.Distribution
---@field low orrery.Tensor
---@field high orrery.Tensor
local Uniform = Distribution:subclass("Uniform", { has_rsample = true,
  parameter_names = names })

function Uniform:init(...)
  local given = parameters.named("Uniform", names, ...)
  self:take({ low = given.low or 0, high = given.high or 1 }, names)
  parameters.check("Uniform", "high - low", self.high - self.low,
    function(width) return width:gt(0) end, "high must be over low")
end

function Uniform:draw(shape, generator)
  local u = self:noise(orrery.rand, shape, generator)
  return (self.low + (self.high - self.low) * u):to(self.dtype)
end

function Uniform:log_prob(x)
  x = orrery.is_tensor(x) and x or self.low:new_full({}, x)
  local inside = x:ge(self.low):logical_and(x:le(self.high))
  local level = -(self.high - self.low):log() + x * 0
  return orrery.where(inside, level, -math.huge)
end

function Uniform:entropy() return self:spread((self.high - self.low):log()) end
function Uniform:cdf(x)
  return ((x - self.low) / (self.high - self.low)):clamp(0, 1)
end
function Uniform:icdf(u) return self.low + (self.high - self.low) * u end
function Uniform:mean() return self:spread((self.low + self.high) / 2) end
function Uniform:var()
  return self:spread((self.high - self.low) ^ 2 / 12)
end

return Uniform
