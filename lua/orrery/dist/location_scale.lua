--- Laws of loc + scale * e, for a standard variable e: normal, Laplace,
--- logistic, Gumbel, Cauchy.
local orrery = require "orrery"
local Distribution = require "orrery.dist.distribution"
local parameters = require "orrery.dist.parameters"
local blame = require "orrery.blame"

local laws = {}
local names = { "loc", "scale" }
local half_log_tau = 0.5 * math.log(2 * math.pi)
local euler = 0.57721566490153286

-- Gives class what follows from the standard law `e`: log density, entropy,
-- distribution function and quantile at z = (x - loc) / scale.
local function define(name, e)
  local class = Distribution:subclass(name, { has_rsample = true,
    parameter_names = names })

  function class:init(...)
    local given = parameters.named(name, names, ...)
    self:take({ loc = given.loc or 0, scale = given.scale or 1 }, names)
    parameters.positive(name, "scale", self.scale)
  end

  function class:standard(x) return (x - self.loc) / self.scale end

  function class:draw(shape, generator)
    return (self.loc + self.scale * self:noise(e.noise, shape, generator))
      :to(self.dtype)
  end

  function class:log_prob(x)
    return e.log_density(self:standard(x)) - self.scale:log()
  end

  function class:entropy() return self:spread(self.scale:log() + e.entropy) end
  function class:cdf(x) return e.cdf(self:standard(x)) end
  function class:icdf(u)
    u = orrery.is_tensor(u) and u or self.loc:new_full({}, u)
    return self.loc + self.scale * e.icdf(u)
  end
  function class:mean()
    return self:spread(e.mean and self.loc + self.scale * e.mean or self.loc)
  end
  function class:var() return self:spread(self.scale ^ 2 * e.var) end
  function class:mode() return self:spread(self.loc) end
  laws[name] = class
  return class
end

--- Normal(loc, scale), scale the standard deviation.
---@class orrery.dist.Normal: orrery.dist.Distribution
---@field loc orrery.Tensor
---@field scale orrery.Tensor
define("Normal", {
  noise = orrery.randn, entropy = 0.5 + half_log_tau, var = 1,
  log_density = function(z) return z ^ 2 * -0.5 - half_log_tau end,
  cdf = orrery.ndtr, icdf = orrery.ndtri,
})

-- e1 - e2 of exponential numbers.
local function laplace_noise(shape, opts)
  return orrery.exponential(shape, opts) - orrery.exponential(shape, opts)
end

--- Laplace(loc, scale): density exp(-|x - loc| / scale) / (2 scale).
---@class orrery.dist.Laplace: orrery.dist.Distribution
define("Laplace", {
  noise = laplace_noise, entropy = 1 + math.log(2), var = 2,
  log_density = function(z) return -z:abs() - math.log(2) end,
  cdf = function(z) return 0.5 - z:sign() * (-z:abs()):expm1() * 0.5 end,
  icdf = function(u)
    local low, high = (u * 2):log(), -((1 - u) * 2):log()
    return orrery.where(u:lt(0.5), low, high)
  end,
})

-- The logarithm of a ratio of exponential numbers.
local function logistic_noise(shape, opts)
  return orrery.exponential(shape, opts):log()
    - orrery.exponential(shape, opts):log()
end

--- Logistic(loc, scale): its distribution function is the sigmoid.
---@class orrery.dist.Logistic: orrery.dist.Distribution
define("Logistic", {
  noise = logistic_noise, entropy = 2, var = math.pi ^ 2 / 3,
  log_density = function(z) return -z:abs() - (-z:abs()):softplus() * 2 end,
  cdf = orrery.sigmoid, icdf = function(u) return u:logit() end,
})

--- Gumbel(loc, scale), of maxima: distribution function exp(-exp(-z)).
---@class orrery.dist.Gumbel: orrery.dist.Distribution
define("Gumbel", {
  noise = orrery.gumbel, entropy = 1 + euler, mean = euler,
  var = math.pi ^ 2 / 6,
  log_density = function(z) return -z - (-z):exp() end,
  cdf = function(z) return (-(-z):exp()):exp() end,
  icdf = function(u) return -(-u:log()):log() end,
})

-- A normal number over another.
local function cauchy_noise(shape, opts)
  return orrery.randn(shape, opts) / orrery.randn(shape, opts)
end

--- Cauchy(loc, scale): no mean, no variance.
---@class orrery.dist.Cauchy: orrery.dist.Distribution
local Cauchy = define("Cauchy", {
  noise = cauchy_noise, entropy = math.log(4 * math.pi),
  log_density = function(z) return -(z ^ 2):log1p() - math.log(math.pi) end,
  cdf = function(z) return z:atan() / math.pi + 0.5 end,
  icdf = function(u) return ((u - 0.5) * math.pi):tan() end,
})
function Cauchy:mean()  -- luacheck: ignore
  blame "Cauchy: it has no mean; use mode, its middle"
end
function Cauchy:var()  -- luacheck: ignore
  blame "Cauchy: it has no variance; half of it lies within scale of loc"
end

return laws
