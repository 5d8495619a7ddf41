--- Variational autoencoders (Kingma & Welling 2014) with a weight beta on the
--- KL term (Higgins et al. 2017).
---
---     local model = vae.mlp { latent = 20 }
---     local loss, terms = model:loss(x, { beta = 4, generator = noise })
---
--- Everything is in nats per image: `rec` is -E_q log p(x | z), one draw of z;
--- `kl` is KL(q(z | x) || N(0, I)); -ELBO = rec + kl.
local orrery = require "orrery"
local nn = require "orrery.nn"
local likelihood = require "orrery.vae.likelihoods"
local objectives = require "orrery.vae.objectives"
local sampled = require "orrery.vae.sampled"
local F = nn.functional
local vae = {}

---@class orrery.vae.VAE: orrery.nn.Module
---@field encoder orrery.nn.Module  x -> [B, 2 * latent]: mean and log-variance
---@field decoder orrery.nn.Module  z -> logits or means, of any shape
---@field latent integer
---@field likelihood "bernoulli"|"gaussian"|"logistic"
---@field noise orrery.nn.Module  what the decoder's numbers say of an image
local VAE = nn.Module:subclass "VAE"

---@param options table  encoder, decoder, latent, likelihood = "bernoulli"
---  ("gaussian", "logistic"); gaussian: sigma = 1 ("learned", "optimal");
---  prior: a distribution of codes, or what gives one when called with the
---  model, such as vae.VampPrior, in N(0, I)'s stead; posterior: a function of
---  model, x, k and generator that gives draws z [k, B, latent] and their
---  log q(z | x) [k, B], such as vae.sampled.flow, in the Gaussian's stead
function VAE:init(options)
  self.encoder, self.decoder = options.encoder, options.decoder
  self.own_prior, self.own_posterior = options.prior, options.posterior
  self.latent = options.latent
  self.likelihood = options.likelihood or "bernoulli"
  self.noise = likelihood(self.likelihood, options)
end

--- Parameters of q(z | x).
---@param x orrery.Tensor  images, first axis B
---@return orrery.Tensor mean  [B, latent]
---@return orrery.Tensor logvar  [B, latent]
function VAE:encode(x)
  local h = self.encoder(x)
  return h:narrow(2, 1, self.latent), h:narrow(2, self.latent + 1, self.latent)
end

--- A draw of q(z | x) that lets gradients through.
---@param generator? orrery.Generator
---@return orrery.Tensor z  [B, latent]
function VAE:draw(mean, logvar, generator)
  local eps = orrery.randn({ mean:size(1), mean:size(2) },
    { dtype = mean.dtype, generator = generator })
  return mean + (logvar * 0.5):exp() * eps
end

--- -log p(x | z) of each image.
---@param x orrery.Tensor
---@param y orrery.Tensor  what the decoder gave
---@return orrery.Tensor nats  [B]
function VAE:distortion(x, y) return self.noise:nll(x, y) end

--- Is the KL term that of a Gaussian to N(0, I), with its closed form? With
--- a prior or a posterior of the model's own it is taken from draws.
---@return boolean
function VAE:closed() return not (self.own_prior or self.own_posterior) end

--- k draws of q(z | x).
---@param x orrery.Tensor  images, first axis B
---@param k integer
---@param generator? orrery.Generator
---@return orrery.Tensor z  [k, B, latent]
---@return orrery.Tensor log_q  [k, B], nats
---@return table parameters  mean, logvar [B, latent] of a Gaussian q
function VAE:draws(x, k, generator)
  if not self.own_posterior then
    return sampled.gaussian(self, x, k, generator)
  end
  local z, log_q = self.own_posterior(self, x, k, generator)
  sampled.check(z, log_q, k, x:size(1))
  return z, log_q, {}
end

--- log p(z).
---@param z orrery.Tensor  [..., latent]
---@return orrery.Tensor nats  [...]
function VAE:log_prior(z)
  if self.own_prior then return self:prior():log_prob(z) end
  return sampled.log_standard(z):sum(-1)
end

--- The encoder's Gaussian of diagonal covariance for each image: q(z | x), but
--- for a model with a posterior of its own.
---@param x orrery.Tensor
---@return orrery.dist.Independent  batch [B], event [latent]
function VAE:posterior(x)
  local dist = require "orrery.dist"
  local mean, logvar = self:encode(x)
  return dist.Independent(dist.Normal(mean, (logvar * 0.5):exp()), 1)
end

--- p(z).
---@return orrery.dist.Distribution  event [latent]
function VAE:prior()
  local own = self.own_prior
  if own then return own.log_prob and own or own(self) end
  local dist = require "orrery.dist"
  local zero = orrery.zeros({ self.latent })
  return dist.Independent(dist.Normal(zero, 1), 1)
end

--- Both terms of the bound.
---@param x orrery.Tensor
---@param generator? orrery.Generator
---@return orrery.Tensor rec  [B]
---@return orrery.Tensor kl  [B, latent]; [B, 1] when it is taken from the draw
---@return orrery.Tensor mean  [B, latent]; the draw where q has no known mean
function VAE:terms(x, generator)
  if not self:closed() then
    local log_w, d = objectives.log_weights(self, x, 1, generator)
    local rec = d.rec:squeeze(1)
    return rec, (-log_w:squeeze(1) - rec):unsqueeze(2), d.mean or d.z:squeeze(1)
  end
  local mean, logvar = self:encode(x)
  local z = self:draw(mean, logvar, generator)
  return self:distortion(x, self.decoder(z)), F.kl_normal(mean, logvar), mean
end

--- What is minimised: mean over the batch of rec + beta * kl, or another
--- objective of orrery.vae.objectives.
---@param x orrery.Tensor
---@param options? table  beta = 1, generator, objective, step (for objectives
---  that change with training)
---@return orrery.Tensor loss
---@return table terms  rec, kl: the two means; and what the objective adds
function VAE:loss(x, options)
  options = options or {}
  if options.objective then return options.objective(self, x, options) end
  local rec, kl = self:terms(x, options.generator)
  rec, kl = rec:mean(), kl:sum(2):mean()
  return rec + kl * (options.beta or 1), { rec = rec, kl = kl }
end

--- The image the decoder means: probabilities or means.
---@param z orrery.Tensor  [B, latent]
---@return orrery.Tensor  as the decoder shapes it
function VAE:decode(z) return self.noise:mean(self.decoder(z)) end

--- Images back from the means of their codes; from a draw where the model has
--- a posterior of its own.
---@param x orrery.Tensor
---@param generator? orrery.Generator
function VAE:reconstruct(x, generator)
  if self.own_posterior then
    return self:decode(self:draws(x, 1, generator):squeeze(1))
  end
  return self:decode((self:encode(x)))
end

--- Images from codes drawn from the prior.
---@param n integer
---@param generator? orrery.Generator
function VAE:sample(n, generator)
  if self.own_prior then
    return self:decode(self:prior():sample({ n }, { generator = generator }))
  end
  return self:decode(orrery.randn({ n, self.latent },
    { generator = generator }))
end
vae.VAE = VAE

-- Linear layers through these sizes, ReLU between them.
local function layers(first, sizes)
  local list = { first }
  for i = 1, #sizes - 1 do
    list[#list + 1] = nn.Linear(sizes[i], sizes[i + 1])
    if i < #sizes - 1 then list[#list + 1] = nn.ReLU() end
  end
  return nn.Sequential(list)
end

-- { first, hidden..., last }, the hidden sizes in either order.
local function sizes_of(first, hidden, last, backwards)
  local sizes = { first }
  for i = 1, #hidden do
    sizes[i + 1] = hidden[backwards and #hidden + 1 - i or i]
  end
  sizes[#sizes + 1] = last
  return sizes
end

--- The fully connected network: sizes - hidden - (latent + latent) - hidden -
--- sizes, ReLU, PyTorch's default initialisation.
---@param options? table  latent = 20, hidden = 400 (a list for several layers),
---  features = 784, likelihood, sigma, prior, posterior
---@return orrery.vae.VAE
function vae.mlp(options)
  local o = options or {}
  local latent, hidden = o.latent or 20, o.hidden or 400
  local features = o.features or 784
  if type(hidden) ~= "table" then hidden = { hidden } end
  return VAE {
    latent = latent, likelihood = o.likelihood, sigma = o.sigma,
    levels = o.levels, prior = o.prior, posterior = o.posterior,
    encoder = layers(nn.Flatten(), sizes_of(features, hidden, 2 * latent)),
    decoder = layers(nil, sizes_of(latent, hidden, features, true)),
  }
end

-- Two layers side by side for the parameters of q, as the Keras example has
-- them: Glorot's bound depends on the size of each.
local Heads = nn.Module:subclass "Heads"

function Heads:init(features, latent)
  self.mean = nn.Linear(features, latent)
  self.logvar = nn.Linear(features, latent)
end

function Heads:forward(h)
  return orrery.cat({ self.mean(h), self.logvar(h) }, 2)
end

--- Glorot & Bengio's initialisation (2010) of every weight, uniform, and zero
--- biases: Keras' defaults.
---@param model orrery.nn.Module
---@return orrery.nn.Module model  the same
function vae.glorot(model)
  for name, p in model:named_parameters() do
    if name:find "bias$" then
      nn.init.zeros_(p)
    else
      nn.init.xavier_uniform_(p)
    end
  end
  return model
end

--- The convolutional network of the Keras example for 28x28 digits: two 3x3
--- convolutions of stride 2 down to 7x7x64, a dense layer of 16, and the way
--- back by transposed convolutions; 69,076 + 65,089 parameters at latent 2.
---@param options? table  latent = 2, likelihood, sigma, prior, posterior
---@return orrery.vae.VAE
function vae.conv(options)
  local o = options or {}
  local latent = o.latent or 2
  local half = { stride = 2, padding = "same" }
  local model = VAE {
    latent = latent, likelihood = o.likelihood, sigma = o.sigma,
    levels = o.levels, prior = o.prior, posterior = o.posterior,
    encoder = nn.Sequential {
      nn.Conv2d(1, 32, 3, half), nn.ReLU(),
      nn.Conv2d(32, 64, 3, half), nn.ReLU(), nn.Flatten(),
      nn.Linear(7 * 7 * 64, 16), nn.ReLU(), Heads(16, latent),
    },
    decoder = nn.Sequential {
      nn.Linear(latent, 7 * 7 * 64), nn.ReLU(), nn.Unflatten(2, { 64, 7, 7 }),
      nn.ConvTranspose2d(64, 64, 3, half), nn.ReLU(),
      nn.ConvTranspose2d(64, 32, 3, half), nn.ReLU(),
      nn.ConvTranspose2d(32, 1, 3, { padding = "same" }),
    },
  }
  return vae.glorot(model)
end

vae.objectives = objectives
vae.schedules = require "orrery.vae.schedules"
vae.sampled = sampled
vae.nll = require "orrery.vae.nll"
vae.Linear = require "orrery.vae.linear"
vae.Categorical = require "orrery.vae.categorical"
vae.Conditional = require "orrery.vae.conditional"
vae.VampPrior = require "orrery.vae.vamp"
vae.measure = require "orrery.vae.measure"
vae.pictures = require "orrery.vae.pictures"
return vae
