--- Gamma(concentration, rate) and Exponential(rate).
local orrery = require "orrery"
local Distribution = require "orrery.dist.distribution"
local parameters = require "orrery.dist.parameters"

local names = { "concentration", "rate" }

---@class orrery.dist.Gamma: orrery.dist.Distribution
---@field concentration orrery.Tensor
---@field rate orrery.Tensor  1 / scale
local Gamma = Distribution:subclass("Gamma", { has_rsample = true })

function Gamma:init(...)
  local given = parameters.named("Gamma", names, ...)
  parameters.one_of("Gamma", given, { "concentration" })
  self:take({ concentration = given.concentration, rate = given.rate or 1 },
    names)
  parameters.positive("Gamma", "concentration", self.concentration)
  parameters.positive("Gamma", "rate", self.rate)
end

--- Gamma numbers of rate 1; the gradient by the concentration is that of a
--- number that keeps its quantile.
---@param concentration orrery.Tensor  expanded to the shape of the draw
---@param generator? orrery.Generator
---@return orrery.Tensor
function Gamma.standard(concentration, generator)
  local a = concentration:detach()
  local y = orrery.standard_gamma(a:contiguous(), { generator = generator })
  if not concentration.requires_grad then return y end
  return y + (concentration - a) * orrery.standard_gamma_grad(a, y)
end

function Gamma:draw(shape, generator)
  local a = self.concentration:to(self.dtype)
  return (Gamma.standard(a:expand(self.joined(shape, self.batch_shape)),
    generator) / self.rate):to(self.dtype)
end

function Gamma:log_prob(x)
  x = orrery.is_tensor(x) and x or self.rate:new_full({}, x)
  local a, r = self.concentration, self.rate
  local inside = (a - 1):xlogy(x:clamp { min = 0 }) - r * x
    + a * r:log() - a:lgamma()
  return orrery.where(x:lt(0), -math.huge, inside)
end

function Gamma:entropy()
  local a = self.concentration
  return a - self.rate:log() + a:lgamma() + (1 - a) * a:digamma()
end

function Gamma:cdf(x)
  x = orrery.is_tensor(x) and x or self.rate:new_full({}, x)
  return self.concentration:gammainc((x * self.rate):clamp { min = 0 })
end

function Gamma:range() return 0, nil, self:mean(), self:mean() + self:std() end
function Gamma:mean() return self.concentration / self.rate end
function Gamma:var() return self.concentration / self.rate ^ 2 end

--- Exponential(rate): the time until an event.
---@class orrery.dist.Exponential: orrery.dist.Distribution
---@field rate orrery.Tensor
local Exponential = Distribution:subclass("Exponential",
  { has_rsample = true })

function Exponential:init(...)
  local given = parameters.named("Exponential", { "rate" }, ...)
  self:take({ rate = given.rate or 1 }, { "rate" })
  parameters.positive("Exponential", "rate", self.rate)
end

function Exponential:draw(shape, generator)
  return (self:noise(orrery.exponential, shape, generator) / self.rate)
    :to(self.dtype)
end

function Exponential:log_prob(x)
  x = orrery.is_tensor(x) and x or self.rate:new_full({}, x)
  return orrery.where(x:lt(0), -math.huge, self.rate:log() - self.rate * x)
end

function Exponential:entropy() return 1 - self.rate:log() end
function Exponential:cdf(x)
  x = orrery.is_tensor(x) and x or self.rate:new_full({}, x)
  return -(-self.rate * x:clamp { min = 0 }):expm1()
end
function Exponential:icdf(u)
  u = orrery.is_tensor(u) and u or self.rate:new_full({}, u)
  return -(-u):log1p() / self.rate
end
function Exponential:mean() return 1 / self.rate end
function Exponential:var() return self.rate ^ -2 end

return { Gamma = Gamma, Exponential = Exponential }
