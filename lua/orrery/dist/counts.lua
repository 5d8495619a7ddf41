--- Laws of counts: Poisson(rate) and Binomial(total_count, probs or logits).
local orrery = require "orrery"
local Distribution = require "orrery.dist.distribution"
local parameters = require "orrery.dist.parameters"

local function tensor_like(x, like)
  return orrery.is_tensor(x) and x or like:new_full({}, x)
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

function Binomial:mean() return self.total_count * self:chance() end
function Binomial:var()
  local p = self:chance()
  return self.total_count * p * (1 - p)
end

return { Poisson = Poisson, Binomial = Binomial }
