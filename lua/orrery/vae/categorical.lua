--- A VAE of categorical latents: `variables` rows of `classes`, prior uniform
--- (Jang, Gu & Poole 2017; Maddison, Mnih & Teh 2017). How the gradient gets
--- through the draw is the choice of an estimator.
---
---     local model = vae.Categorical { variables = 20, classes = 10 }
---     local loss = model:loss(x, { estimator = estimators.gumbel_softmax {
---       temperature = 0.5 } })
local orrery = require "orrery"
local nn = require "orrery.nn"
local dist = require "orrery.dist"
local estimators = require "orrery.estimators"
local checks = require "orrery.vae.checks"
local likelihood = require "orrery.vae.likelihoods"
local options = require "orrery.options"

---@class orrery.vae.Categorical: orrery.nn.Module
---@field variables integer
---@field classes integer
---@field encoder orrery.nn.Module  x -> [B, variables * classes], logits
---@field decoder orrery.nn.Module  [B, variables * classes] -> as VAE's
local Categorical = nn.Module:subclass "CategoricalVAE"

---@param given? table  variables = 20, classes = 10, hidden = 256, features =
---  784, likelihood = "bernoulli", sigma, encoder, decoder
function Categorical:init(given)
  local o = options.take("vae.Categorical", given, { variables = 20,
    classes = 10, hidden = 256, features = 784, likelihood = "bernoulli" },
    { "encoder", "decoder", "sigma", "levels" })
  for _, name in ipairs { "variables", "classes", "hidden", "features" } do
    options.count("vae.Categorical", name, o[name])
  end
  local width = o.variables * o.classes
  self.variables, self.classes = o.variables, o.classes
  self.encoder = o.encoder or nn.Sequential { nn.Flatten(),
    nn.Linear(o.features, o.hidden), nn.ReLU(), nn.Linear(o.hidden, width) }
  self.decoder = o.decoder or nn.Sequential { nn.Linear(width, o.hidden),
    nn.ReLU(), nn.Linear(o.hidden, o.features) }
  self.likelihood = o.likelihood
  self.noise = likelihood(o.likelihood, o)
end

--- Unnormalised log-probabilities of q(z | x).
---@param x orrery.Tensor  images, first axis B
---@return orrery.Tensor  [B, variables, classes]
function Categorical:logits(x)
  checks.images("vae.Categorical", x)
  return self.encoder(x):reshape(x:size(1), self.variables, self.classes)
end

--- KL(q || uniform) of each variable.
---@param logits orrery.Tensor  [B, variables, classes]
---@return orrery.Tensor nats  [B, variables]
function Categorical:kl(logits)
  options.tensor("vae.Categorical", "logits", logits, "float")
  local l = logits:log_softmax(-1)
  return (l:exp() * l):sum(-1) + math.log(self.classes)
end

local function law(logits) return dist.OneHotCategorical { logits = logits } end

-- -log p(x | z) of each image, as a function of the rows z.
function Categorical:cost_of(x)
  return function(z)
    return self.noise:nll(x, self.decoder(z:flatten(2)))
  end
end

-- For an estimator that changes the length of its gradient: the KL term, beta
-- times log q(z | x) / p(z) of the draw, is part of what it estimates, lest the
-- shortened gradient of rec be drowned by the full one of kl.
local function whole_cost(self, x, logits, beta, seen)
  local rec_of, prior = self:cost_of(x), -self.variables
    * math.log(self.classes)
  local q = dist.Independent(law(logits:detach()), 1)
  return function(z)
    seen.rec = rec_of(z)
    return seen.rec + (q:log_prob(z) - prior) * beta
  end
end

--- What is minimised: the mean of rec + beta kl, nats per image.
---@param x orrery.Tensor
---@param given? table  estimator = Gumbel-softmax at 0.5, beta = 1, generator
---@return orrery.Tensor loss
---@return table terms  rec, kl
function Categorical:loss(x, given)
  local o = options.take("vae.Categorical", given, { beta = 1,
    estimator = estimators.gumbel_softmax() }, { "generator" })
  local logits = self:logits(x)
  local kl = self:kl(logits):sum(2):mean()
  local through = { generator = o.generator, input = x:flatten(2) }
  if o.estimator.rescales then
    local seen = {}
    local loss = o.estimator:through(whole_cost(self, x, logits, o.beta, seen),
      law, { logits }, through):mean()
    return loss, { rec = seen.rec:mean(), kl = kl }
  end
  local rec = o.estimator:through(self:cost_of(x), law, { logits }, through)
    :mean()
  return rec + kl * o.beta, { rec = rec, kl = kl }
end

--- Both terms of the bound with hard draws, whatever it was trained with.
---@param images orrery.Tensor  [N, ...]
---@param given? { draws?: integer, batch?: integer, seed?: integer }  5, 500,
---  0
---@return { rec: number, kl: number, elbo: number, used: integer }  nats per
---  image; used: classes of the mean variable that one image in a hundred takes
function Categorical:measure(images, given)
  local o = options.take("measure", given, { draws = 5, batch = 500,
    seed = 0 })
  checks.images("vae.Categorical", images)
  local noise, n = orrery.Generator(o.seed), images:size(1)
  local rec, kl, counts = 0, 0, nil
  orrery.no_grad(function()
    for first = 1, n, o.batch do
      local x = images:narrow(1, first, math.min(o.batch, n - first + 1))
      local r, k, c = orrery.tidy(function()
        local logits = self:logits(x)
        local sum = 0
        for _ = 1, o.draws do
          local z = law(logits):sample(nil, { generator = noise })
          sum = sum + self:cost_of(x)(z):to "float64":sum():item()
        end
        return sum / o.draws, self:kl(logits):to "float64":sum():item(),
          logits:softmax(-1):to "float64":sum(1)
      end)
      rec, kl, counts = rec + r, kl + k, counts and counts + c or c
    end
  end)
  local used = (counts / n):gt(0.01):to "float64":sum(2):mean():item()
  return { rec = rec / n, kl = kl / n, elbo = -(rec + kl) / n, used = used }
end

--- The image the decoder means.
---@param z orrery.Tensor  rows [B, variables, classes]
function Categorical:decode(z)
  options.tensor("vae.Categorical", "z", z, "float")
  return self.noise:mean(self.decoder(z:flatten(2)))
end

--- Images back from the likeliest class of each variable.
---@param x orrery.Tensor
function Categorical:reconstruct(x)
  return self:decode(law(self:logits(x)):mode())
end

--- Images of classes drawn from the prior.
---@param n integer
---@param generator? orrery.Generator
function Categorical:sample(n, generator)
  local logits = orrery.zeros(n, self.variables, self.classes)
  return self:decode(law(logits):sample(nil, { generator = generator }))
end

return Categorical
