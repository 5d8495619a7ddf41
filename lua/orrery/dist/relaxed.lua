--- Relaxed discrete laws at a temperature, whose draws let gradients through:
--- the concrete distribution of Maddison, Mnih & Teh 2017, Gumbel-softmax of
--- Jang, Gu & Poole 2017.
local orrery = require "orrery"
local Bernoulli = require "orrery.dist.bernoulli"
local Distribution = require "orrery.dist.distribution"
local options = require "orrery.options"
local parameters = require "orrery.dist.parameters"
local Categories = require("orrery.dist.categorical").OneHotCategorical

local names = { "temperature", "probs", "logits" }

local function init(self, ...)
  local given = parameters.named(self.name, names, ...)
  parameters.one_of(self.name, given, { "temperature" })
  local cools, dtype = parameters.tensors(self.name, given, { "temperature" })
  self.temperature = cools.temperature
  parameters.positive(self.name, "temperature", self.temperature)
  given.temperature = nil
  local hard = self.hard(given)
  for _, key in ipairs { "probs", "logits", "batch_shape", "event_shape",
    "parameter_shape", "classes" } do
    self[key] = hard[key]
  end
  self.dtype = dtype == "float32" and hard.dtype or dtype
  self.parameter_names = { "temperature", hard.parameter_names[1] }
  self.discrete = hard
end

local function tensor_of(self, x)
  return orrery.is_tensor(x) and x or orrery.tensor(x, { dtype = self.dtype })
end

local function expand(self, ...)
  local given = { temperature = self.temperature }
  local name = self.parameter_names[2]
  given[name] = self.discrete:expand(...)[name]
  return getmetatable(self)(given)
end

--- RelaxedBernoulli(temperature, { probs = } or { logits = }), in (0, 1).
---@class orrery.dist.RelaxedBernoulli: orrery.dist.Distribution
---@field temperature orrery.Tensor
---@field discrete orrery.dist.Bernoulli  the law it goes to as it cools
local RelaxedBernoulli = Distribution:subclass("RelaxedBernoulli",
  { has_rsample = true, hard = Bernoulli })
RelaxedBernoulli.init, RelaxedBernoulli.expand = init, expand

function RelaxedBernoulli:draw(shape, generator)
  local noise = self:noise(orrery.exponential, shape, generator):log()
    - self:noise(orrery.exponential, shape, generator):log()
  return ((self.discrete:log_odds() + noise) / self.temperature):sigmoid()
    :to(self.dtype)
end

-- Maddison et al., eq. 24.
function RelaxedBernoulli:log_prob(x)
  local t = self.temperature
  x = tensor_of(self, x)
  local gap = self.discrete:log_odds() - t * x:logit()
  return t:log() + gap - gap:softplus() * 2 - x:log() - (-x):log1p()
end

-- A logistic number around the log odds, cooled and squashed.
function RelaxedBernoulli:cdf(x)
  x = tensor_of(self, x)
  return (x:clamp(0, 1):logit() * self.temperature - self.discrete:log_odds())
    :sigmoid()
end
function RelaxedBernoulli:icdf(u)
  u = tensor_of(self, u)
  return ((u:logit() + self.discrete:log_odds()) / self.temperature):sigmoid()
end

--- RelaxedOneHotCategorical(temperature, { probs = } or { logits = }): rows
--- [..., K] of positive numbers that add up to 1.
---@class orrery.dist.RelaxedOneHotCategorical: orrery.dist.Distribution
---@field temperature orrery.Tensor
---@field discrete orrery.dist.OneHotCategorical
local RelaxedOneHot = Distribution:subclass("RelaxedOneHotCategorical",
  { has_rsample = true, hard = Categories, event_dims = 1 })
RelaxedOneHot.init, RelaxedOneHot.expand = init, expand

function RelaxedOneHot:draw(shape, generator)
  local noise = self:noise(orrery.gumbel, shape, generator)
  return ((self.discrete:log_weights() + noise) / self.temperature)
    :softmax(-1):to(self.dtype)
end

-- Maddison et al., eq. 10.
function RelaxedOneHot:log_prob(x)
  options.tensor("RelaxedOneHotCategorical", "x", x, "float")
  local t, k, log_x = self.temperature, self.classes, x:log()
  local gap = self.discrete:log_weights() - t * log_x
  return t:log() * (k - 1) + t:new_full({}, k):lgamma() + gap:sum(-1)
    - gap:logsumexp { axis = -1 } * k - log_x:sum(-1)
end

return { RelaxedBernoulli = RelaxedBernoulli,
  RelaxedOneHotCategorical = RelaxedOneHot }
