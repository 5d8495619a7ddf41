--- A variational autoencoder: what vae.mlp and vae.conv build and every
--- objective trains.
local orrery = require "orrery"
local nn = require "orrery.nn"
local checks = require "orrery.vae.checks"
local likelihood = require "orrery.vae.likelihoods"
local objectives = require "orrery.vae.objectives"
local options = require "orrery.options"
local sampled = require "orrery.vae.sampled"
local F = nn.functional

---@class orrery.vae.VAE: orrery.nn.Module
---@field encoder orrery.nn.Module  x -> [B, 2 * latent]: mean and log-variance
---@field decoder orrery.nn.Module  z -> logits or means, of any shape
---@field latent integer
---@field likelihood "bernoulli"|"gaussian"|"logistic"
---@field noise orrery.nn.Module  what the decoder's numbers say of an image
local VAE = nn.Module:subclass "VAE"

---@param given table  encoder, decoder, latent, likelihood = "bernoulli"
---  ("gaussian", "logistic"); gaussian: sigma = 1 ("learned", "optimal");
---  prior: a distribution of codes, or what gives one when called with the
---  model, such as vae.VampPrior, in N(0, I)'s stead; posterior: a function of
---  model, x, k and generator that gives draws z [k, B, latent] and their
---  log q(z | x) [k, B], such as vae.sampled.flow, in the Gaussian's stead
function VAE:init(given)
  local o = options.take("vae.VAE", given, { likelihood = "bernoulli" },
    { "encoder", "decoder", "latent", "sigma", "levels", "prior",
      "posterior" })
  self.encoder = options.callable("vae.VAE", "encoder", o.encoder)
  self.decoder = options.callable("vae.VAE", "decoder", o.decoder)
  self.latent = options.count("vae.VAE", "latent", o.latent)
  self.own_prior, self.own_posterior = o.prior, o.posterior
  self.likelihood = o.likelihood
  self.noise = likelihood(self.likelihood, o)
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
  options.tensor("vae", "mean", mean, "float")
  options.tensor("vae", "logvar", logvar, "float")
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
---@param given? table  beta = 1, generator, objective, step (for objectives
---  that change with training)
---@return orrery.Tensor loss
---@return table terms  rec, kl: the two means; and what the objective adds
function VAE:loss(x, given)
  local o = options.take("vae.loss", given, { beta = 1 }, { "generator",
    "objective", "step" })
  checks.images("vae.loss", x)
  if o.objective then
    return options.callable("vae.loss", "objective", o.objective)(self, x, o)
  end
  local rec, kl = self:terms(x, o.generator)
  rec, kl = rec:mean(), kl:sum(2):mean()
  return rec + kl * o.beta, { rec = rec, kl = kl }
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

return VAE
