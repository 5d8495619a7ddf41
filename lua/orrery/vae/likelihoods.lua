--- What a decoder's numbers y say of an image x: -log p(x | z) in nats for each
--- image, and the image that is meant.
local orrery = require "orrery"
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local options = require "orrery.options"
local F = nn.functional

local half_log_tau = 0.5 * math.log(2 * math.pi)
local likelihoods = {}

--- Pixels that are 1 with probability sigmoid(y); grey ones count as that
--- share of 1s, so that their best cost is the entropy and not 0.
local Bernoulli = nn.Module:subclass "BernoulliLikelihood"
likelihoods.bernoulli = Bernoulli

function Bernoulli:init() end

---@param x orrery.Tensor  [B, ...] in [0, 1]
---@param y orrery.Tensor  [B, ...]
---@return orrery.Tensor nats  [B]
function Bernoulli:nll(x, y)  -- luacheck: ignore
  return F.binary_cross_entropy_with_logits(y:flatten(2), x:flatten(2),
    { reduction = "none" }):sum(2)
end
function Bernoulli:mean(y) return y:sigmoid() end  -- luacheck: ignore

--- Gaussian pixels of mean y and standard deviation sigma: a number, "learned"
--- (one for all pixels), or "optimal", the root of the batch's mean squared
--- error, which is the best one at any moment (Rybkin, Daniilidis & Levine
--- 2021, sigma-VAE, eq. 7).
---@field sigma number|"learned"|"optimal"
---@field log_sigma? orrery.Tensor
local Gaussian = nn.Module:subclass "GaussianLikelihood"
likelihoods.gaussian = Gaussian

function Gaussian:init(o)
  local sigma = o.sigma or 1
  if sigma == "learned" then
    self.log_sigma = orrery.zeros({}, { requires_grad = true })
  elseif sigma ~= "optimal" then
    options.number("vae", "sigma", sigma, function(s) return s > 0 end,
      "a number over 0, \"learned\" or \"optimal\"")
  end
  self.sigma = sigma
end

function Gaussian:nll(x, y)
  local square = (x:flatten(2) - y:flatten(2)) ^ 2
  local d = square:size(2)
  local rec = square:sum(2)
  if type(self.sigma) == "number" then
    return rec * (0.5 / self.sigma ^ 2)
      + (math.log(self.sigma) + half_log_tau) * d
  end
  local log_sigma = self.log_sigma or square:mean():log() * 0.5
  return rec * (log_sigma * -2):exp() * 0.5 + (log_sigma + half_log_tau) * d
end
function Gaussian:mean(y) return y end  -- luacheck: ignore

--- Pixels of 256 levels in [0, 1]: what a logistic law of mean y and a learned
--- scale gives to each level's interval, the outer ones open (Kingma et al.
--- 2016, eq. 14).
---@field log_scale orrery.Tensor
local Logistic = nn.Module:subclass "LogisticLikelihood"
likelihoods.logistic = Logistic

function Logistic:init(o)
  self.levels = options.count("vae", "levels", o.levels or 256, 2)
  self.log_scale = orrery.full({}, -2, { requires_grad = true })
end

function Logistic:nll(x, y)
  x, y = x:flatten(2), y:flatten(2)
  local half, rate = 0.5 / (self.levels - 1), (-self.log_scale):exp()
  local above, below = (x - y + half) * rate, (x - y - half) * rate
  -- log(sigmoid(a) - sigmoid(b)) = a's log-sigmoid + log(1 - sigmoid(b) /
  -- sigmoid(a)), which keeps small differences.
  local low, high = above:logsigmoid(), -below:softplus()
  local width = half * 2 * rate
  local middle = above:logsigmoid() - below:softplus()
    + (-(-width):expm1()):log()
  local inside = orrery.where(x:le(half), low,
    orrery.where(x:ge(1 - half), high, middle))
  return -inside:sum(2)
end
function Logistic:mean(y) return y:clamp(0, 1) end  -- luacheck: ignore

--- The likelihood of that name.
---@param name "bernoulli"|"gaussian"|"logistic"
---@param o table  sigma, levels
return function(name, o)
  local kind = likelihoods[name]
  if not kind then
    blame("vae: likelihood is %s; it is bernoulli, gaussian or logistic",
      tostring(name))
  end
  return kind(o)
end
