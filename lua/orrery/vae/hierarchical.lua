--- A VAE of two stochastic layers (Rezende, Mohamed & Wierstra 2014; Burda,
--- Grosse & Salakhutdinov 2016, eqs. 1 and 2), each conditional a Gaussian of
--- diagonal covariance:
---
---     p(z2) p(z1 | z2) p(x | z1)       q(z1 | x) q(z2 | z1)
---
---     local model = vae.Hierarchical { latent1 = 100, latent2 = 50 }
---     local loss = model:loss(x, { objective = vae.objectives.iwae() })
---
--- A code is z1 and z2 side by side, so that ELBO, IWAE and nll are those of
--- every model whose KL term is taken from draws.
local orrery = require "orrery"
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local checks = require "orrery.vae.checks"
local likelihood = require "orrery.vae.likelihoods"
local options = require "orrery.options"
local sampled = require "orrery.vae.sampled"
local VAE = require "orrery.vae.model"

---@class orrery.vae.Hierarchical: orrery.vae.VAE
---@field latent1 integer  the layer next to the image
---@field latent2 integer
---@field encoder orrery.nn.Module  x -> [B, 2 latent1]: mean and log-variance
---@field encoder2 orrery.nn.Module  z1 -> [B, 2 latent2]
---@field decoder2 orrery.nn.Module  z2 -> [B, 2 latent1]
---@field decoder orrery.nn.Module  codes, or z1 alone -> what the likelihood
---  takes
local Hierarchical = VAE:subclass "HierarchicalVAE"

-- The image depends on z2 through z1 only.
local Lower = nn.Module:subclass "Lower"
function Lower:init(latent1, net) self.latent1, self.net = latent1, net end
function Lower:forward(z)
  options.tensor("vae.Hierarchical", "z", z, "float")
  return self.net((z:narrow(-1, 1, self.latent1)))
end

-- Two layers of tanh between, as in Burda et al., section 5.
local function net(input, hidden, output)
  return nn.Sequential { nn.Linear(input, hidden), nn.Tanh(),
    nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, output) }
end

---@param given? table  latent1 = 100, latent2 = 50, hidden = 200, hidden2 =
---  100, features = 784, likelihood = "bernoulli", sigma; encoder, encoder2,
---  decoder1, decoder2 in the stead of networks of these sizes
function Hierarchical:init(given)
  local o = options.take("vae.Hierarchical", given, { latent1 = 100,
    latent2 = 50, hidden = 200, hidden2 = 100, features = 784,
    likelihood = "bernoulli" }, { "encoder", "encoder2", "decoder1",
    "decoder2", "sigma", "levels" })
  local a = options.count("vae.Hierarchical", "latent1", o.latent1)
  local b = options.count("vae.Hierarchical", "latent2", o.latent2)
  self.latent1, self.latent2, self.latent = a, b, a + b
  self.encoder = o.encoder or nn.Sequential { nn.Flatten(),
    net(o.features, o.hidden, 2 * a) }
  self.encoder2 = o.encoder2 or net(a, o.hidden2, 2 * b)
  self.decoder2 = o.decoder2 or net(b, o.hidden2, 2 * a)
  self.decoder = Lower(a, o.decoder1 or net(a, o.hidden, o.features))
  self.likelihood = o.likelihood
  self.noise = likelihood(o.likelihood, o)
end

-- The halves of a code.
local function halves(self, z)
  return z:narrow(-1, 1, self.latent1),
    z:narrow(-1, self.latent1 + 1, self.latent2)
end

-- Mean and log-variance of a network's Gaussian, whatever axes z has.
local function gaussian(network, z)
  local sizes = { z:shape() }
  local rows = network(z:reshape(-1, z:size(-1)))
  sizes[#sizes] = rows:size(2)
  return rows:reshape(sizes):chunk(2, -1)
end

-- A draw of N(mean, e^logvar).
local function draw(mean, logvar, generator)
  return mean + (logvar * 0.5):exp() * orrery.randn({ mean:shape() },
    { dtype = mean.dtype, generator = generator })
end

function Hierarchical:closed()  -- luacheck: ignore
  return false
end

--- Mean and log-variance of q(z1 | x).
---@param x orrery.Tensor  images, first axis B
---@return orrery.Tensor mean  [B, latent1]
---@return orrery.Tensor logvar  [B, latent1]
function Hierarchical:encode(x)
  checks.images("vae.Hierarchical", x)
  return gaussian(self.encoder, x:flatten(2))
end

--- k draws of z1 from q(z1 | x), and one of z2 from q(z2 | z1) for each.
---@return orrery.Tensor z  [k, B, latent1 + latent2]
---@return orrery.Tensor log_q  [k, B], nats
---@return table parameters  mean of q(z1 | x) [B, latent1]; log_q1 [k, B];
---  mean2, logvar2 of q(z2 | z1) [k, B, latent2]
function Hierarchical:draws(x, k, generator)
  local z1, log_q1, q1 = sampled.gaussian(self, x, k, generator)
  local mean, logvar = gaussian(self.encoder2, z1)
  local z2 = draw(mean, logvar, generator)
  return orrery.cat({ z1, z2 }, -1),
    log_q1 + sampled.log_normal(z2, mean, logvar):sum(-1),
    { mean = q1.mean, log_q1 = log_q1, mean2 = mean, logvar2 = logvar }
end

-- log p(z1 | z2).
local function log_lower(self, z1, z2)
  local mean, logvar = gaussian(self.decoder2, z2)
  return sampled.log_normal(z1, mean, logvar):sum(-1)
end

--- log p(z1 | z2) + log N(z2; 0, I).
---@param z orrery.Tensor  [..., latent1 + latent2]
---@return orrery.Tensor nats  [...]
function Hierarchical:log_prior(z)
  local z1, z2 = halves(self, z)
  return log_lower(self, z1, z2) + sampled.log_standard(z2):sum(-1)
end

--- p(z) of a code is not one of orrery.dist's: log_prior and codes stand for
--- it.
function Hierarchical:prior()  -- luacheck: ignore
  blame("vae.Hierarchical: its prior is no single law; use log_prior(z) and "
    .. "codes(n)")
end

--- The terms of the bound from one draw, by layers: what z1 costs past
--- p(z1 | z2), sampled, and KL(q(z2 | z1) || N(0, I)).
---@param x orrery.Tensor
---@param generator? orrery.Generator
---@return orrery.Tensor rec  [B]
---@return orrery.Tensor kl  [B, 2]
---@return orrery.Tensor mean  [B, latent1], of q(z1 | x)
function Hierarchical:terms(x, generator)
  local z, _, q = self:draws(x, 1, generator)
  z = z:squeeze(1)
  local z1, z2 = halves(self, z)
  local first = q.log_q1:squeeze(1) - log_lower(self, z1, z2)
  local second = nn.functional.kl_normal(q.mean2, q.logvar2):squeeze(1):sum(2)
  return self:distortion(x, self.decoder(z)),
    orrery.stack({ first, second }, 2), q.mean
end

--- Codes from the prior, from the top down.
---@param n integer
---@param generator? orrery.Generator
---@return orrery.Tensor  [n, latent1 + latent2]
function Hierarchical:codes(n, generator)
  local z2 = orrery.randn({ n, self.latent2 }, { generator = generator })
  local mean, logvar = gaussian(self.decoder2, z2)
  return orrery.cat({ draw(mean, logvar, generator), z2:to(mean.dtype) }, -1)
end

--- Images from codes drawn from the prior.
---@param n integer
---@param generator? orrery.Generator
function Hierarchical:sample(n, generator)
  return self:decode(self:codes(n, generator))
end

return Hierarchical
