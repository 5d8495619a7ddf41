--- Laws of counts: Poisson(rate) and Binomial(total_count, probs or logits).
local orrery = require "orrery"
local Distribution = require "orrery.dist.distribution"
local parameters = require "orrery.dist.parameters"

local function tensor_like(x, like)
  return orrery.is_tensor(x) and x or like:new_full({}, x)
end

-- The entropy of counts 0 .. most, the rest being next to impossible.
local function entropy(law, most)
  local shape = { most + 1 }
  for i = 1, #law.batch_shape do shape[i + 1] = 1 end
  local k = orrery.range(0, most, { dtype = "float64" }):reshape(shape)
  local l = law:log_prob(k)
  return -orrery.where(l:gt(-math.huge), l:exp() * l, 0):sum(1)
end

--- How many events come when `rate` are expected.
---@class orrery.dist.Poisson: orrery.dist.Distribution
---@field rate orrery.Tensor
local Poisson = Distribution:subclass("Poisson", { is_discrete = true })

function Poisson:init(...)
  local given = parameters.named("Poisson", { "rate" }, ...)
  parameters.one_of("Poisson", given, { "rate" })
  self:take(given, { "rate" })
  parameters.check("Poisson", "rate", self.rate,
    function(r) return r:ge(0) end, "it must be 0 or more")
end

function Poisson:draw(shape, generator)
  return orrery.poisson(self.rate:detach():to(self.dtype)
    :expand(self.joined(shape, self.batch_shape)):contiguous(),
    { generator = generator })
end

function Poisson:log_prob(x)
  x = tensor_like(x, self.rate)
  return x:xlogy(self.rate) - self.rate - (x + 1):lgamma()
end

function Poisson:cdf(x)
  x = tensor_like(x, self.rate):floor()
  return orrery.where(x:lt(0), 0,
    (x:clamp { min = 0 } + 1):gammaincc(self.rate))
end

--- A sum over the counts that come more often than once in 10^17.
function Poisson:entropy()
  local most = self.rate:detach():max():item()
  return entropy(self, math.ceil(most + 9 * math.sqrt(most)) + 30)
end

function Poisson:mean() return self.rate end
function Poisson:var() return self.rate end

--- How many of total_count trials succeed.
---@class orrery.dist.Binomial: orrery.dist.Distribution
---@field total_count orrery.Tensor
local Binomial = Distribution:subclass("Binomial", { is_discrete = true })

function Binomial:init(...)
  local given = parameters.named("Binomial", { "total_count", "probs",
    "logits" }, ...)
  parameters.one_of("Binomial", given, { "total_count" })
  local name = parameters.one_of("Binomial", given, { "probs", "logits" })
  self:take(given, { "total_count", name })
  if name == "probs" then
    parameters.chance("Binomial", "probs", self.probs)
  end
end

function Binomial:chance() return self.probs or self.logits:sigmoid() end

function Binomial:draw(shape, generator)
  local full = self.joined(shape, self.batch_shape)
  return orrery.binomial(self.total_count:detach():to(self.dtype):expand(full)
    :contiguous(), self:chance():detach():to(self.dtype):expand(full)
    :contiguous(), { generator = generator })
end

function Binomial:log_prob(x)
  local n, p = self.total_count, self:chance()
  x = tensor_like(x, n)
  return (n + 1):lgamma() - (x + 1):lgamma() - (n - x + 1):lgamma()
    + x:xlogy(p) + (n - x):xlog1py(-p)
end

--- By the incomplete beta function: more than k successes of n have the
--- chance that the k + 1st of n uniform numbers lies below p.
function Binomial:cdf(x)
  local n, p = self.total_count, self:chance()
  x = tensor_like(x, n):floor()
  local k = x:maximum(0):minimum(n - 1)
  local inside = (n - k):betainc(k + 1, 1 - p)
  return orrery.where(x:lt(0), 0, orrery.where(x:ge(n), 1, inside))
end

--- A sum over all counts.
function Binomial:entropy()
  return entropy(self, math.tointeger(self.total_count:max():item()))
end

function Binomial:mean() return self.total_count * self:chance() end
function Binomial:var()
  local p = self:chance()
  return self.total_count * p * (1 - p)
end

return { Poisson = Poisson, Binomial = Binomial }
