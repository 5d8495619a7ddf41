--- Beta(concentration1, concentration0) on [0, 1], and Dirichlet on rows that
--- add up to 1.
local orrery = require "orrery"
local Distribution = require "orrery.dist.distribution"
local Gamma = require("orrery.dist.gamma").Gamma
local parameters = require "orrery.dist.parameters"

local names = { "concentration1", "concentration0" }

---@class orrery.dist.Beta: orrery.dist.Distribution
---@field concentration1 orrery.Tensor  a, the weight of 1
---@field concentration0 orrery.Tensor  b, the weight of 0
local Beta = Distribution:subclass("Beta", { has_rsample = true })

function Beta:init(...)
  local given = parameters.named("Beta", names, ...)
  parameters.one_of("Beta", given, { "concentration1" })
  parameters.one_of("Beta", given, { "concentration0" })
  self:take(given, names)
  parameters.positive("Beta", "concentration1", self.concentration1)
  parameters.positive("Beta", "concentration0", self.concentration0)
end

function Beta:draw(shape, generator)
  local full = self.joined(shape, self.batch_shape)
  local function gamma(a)
    return Gamma.standard(a:to(self.dtype):expand(full), generator)
  end
  local a, b = gamma(self.concentration1), gamma(self.concentration0)
  -- Rounding may reach the ends, which no draw does.
  local least = self.dtype == "float32" and 2.0 ^ -24 or 2.0 ^ -53
  return (a / (a + b)):clamp(2.0 ^ -126, 1 - least)
end

-- log B(a, b)
local function log_beta(a, b)
  return a:lgamma() + b:lgamma() - (a + b):lgamma()
end

function Beta:log_prob(x)
  x = orrery.is_tensor(x) and x or self.concentration1:new_full({}, x)
  local a, b = self.concentration1, self.concentration0
  local outside = x:lt(0):logical_or(x:gt(1))
  local at = x:clamp(0, 1)
  return orrery.where(outside, -math.huge, (a - 1):xlogy(at)
    + (b - 1):xlog1py(-at) - log_beta(a, b))
end

function Beta:entropy()
  local a, b = self.concentration1, self.concentration0
  return log_beta(a, b) - (a - 1) * a:digamma() - (b - 1) * b:digamma()
    + (a + b - 2) * (a + b):digamma()
end

function Beta:cdf(x)
  x = orrery.is_tensor(x) and x or self.concentration1:new_full({}, x)
  return self.concentration1:betainc(self.concentration0, x:clamp(0, 1))
end

function Beta:range() return 0, 1, 0.5, 1 end

function Beta:mean()
  return self.concentration1 / (self.concentration1 + self.concentration0)
end

function Beta:var()
  local a, b = self.concentration1, self.concentration0
  return a * b / ((a + b) ^ 2 * (a + b + 1))
end

--- Dirichlet(concentration [..., K]).
---@class orrery.dist.Dirichlet: orrery.dist.Distribution
---@field concentration orrery.Tensor  [batch..., K]
local Dirichlet = Distribution:subclass("Dirichlet", { has_rsample = true,
  event_dims = 1 })

function Dirichlet:init(...)
  local given = parameters.named("Dirichlet", { "concentration" }, ...)
  parameters.one_of("Dirichlet", given, { "concentration" })
  self:take(given, { "concentration" })
  parameters.positive("Dirichlet", "concentration", self.concentration)
end

function Dirichlet:draw(shape, generator)
  local full = self.joined(shape, self.batch_shape, self.event_shape)
  local y = Gamma.standard(self.concentration:expand(full), generator)
  return y / y:sum { axis = -1, keepdim = true }
end

-- log B(a), the logarithm of what the density is divided by.
local function log_norm(a) return a:lgamma():sum(-1) - a:sum(-1):lgamma() end

function Dirichlet:log_prob(x)
  local a = self.concentration
  return (a - 1):xlogy(x):sum(-1) - log_norm(a)
end

function Dirichlet:entropy()
  local a = self.concentration
  local total = a:sum(-1)
  return log_norm(a) + (total - a:size(-1)) * total:digamma()
    - ((a - 1) * a:digamma()):sum(-1)
end

function Dirichlet:mean()
  return self.concentration
    / self.concentration:sum { axis = -1, keepdim = true }
end

function Dirichlet:var()
  local total = self.concentration:sum { axis = -1, keepdim = true }
  local m = self.concentration / total
  return m * (1 - m) / (total + 1)
end

return { Beta = Beta, Dirichlet = Dirichlet }
