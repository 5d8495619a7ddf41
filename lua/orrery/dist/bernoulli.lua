--- Bernoulli { probs = } or { logits = }: 1 or 0. Values between are taken
--- too, and give the cross-entropy that VAEs of grey images use.
local orrery = require "orrery"
local Distribution = require "orrery.dist.distribution"
local parameters = require "orrery.dist.parameters"

---@class orrery.dist.Bernoulli: orrery.dist.Distribution
---@field probs? orrery.Tensor  as given
---@field logits? orrery.Tensor  as given
local Bernoulli = Distribution:subclass("Bernoulli", { is_discrete = true,
  relaxed = "RelaxedBernoulli" })

function Bernoulli:init(...)
  local given = parameters.named("Bernoulli", { "probs", "logits" }, ...)
  local name = parameters.one_of("Bernoulli", given, { "probs", "logits" })
  self:take(given, { name })
  if name == "probs" then
    parameters.chance("Bernoulli", "probs", self.probs)
  end
end

--- The chance of 1.
---@return orrery.Tensor  [batch...]
function Bernoulli:mean() return self.probs or self.logits:sigmoid() end

--- log(p / (1 - p)).
---@return orrery.Tensor  [batch...]
function Bernoulli:log_odds() return self.logits or self.probs:logit() end

function Bernoulli:draw(shape, generator)
  local p = self:mean():to(self.dtype):detach()
  return orrery.bernoulli(p:expand(self.joined(shape, self.batch_shape))
    :contiguous(), { generator = generator })
end

function Bernoulli:log_prob(x)
  if self.logits then
    return self.logits * x - self.logits:softplus()
  end
  x = orrery.is_tensor(x) and x or self.probs:new_full({}, x)
  return x:xlogy(self.probs) + (1 - x):xlog1py(-self.probs)
end

function Bernoulli:entropy()
  local p = self:mean()
  if self.logits then return self.logits:softplus() - self.logits * p end
  return p:entr() + (1 - p):entr()
end

function Bernoulli:var()
  local p = self:mean()
  return p * (1 - p)
end

function Bernoulli:cdf(x)
  x = orrery.is_tensor(x) and x or self:mean():new_full({}, x)
  return orrery.where(x:lt(0), 0,
    orrery.where(x:lt(1), 1 - self:mean(), 1))
end

function Bernoulli:enumerate_support()
  local values = orrery.tensor({ 0, 1 }, { dtype = self.dtype })
  local shape = { 2 }
  for i = 1, #self.batch_shape do shape[i + 1] = 1 end
  return values:reshape(shape):expand(self.joined({ 2 }, self.batch_shape))
end

return Bernoulli
