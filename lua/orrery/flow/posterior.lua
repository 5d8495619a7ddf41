--- A flow as the posterior of a VAE (Rezende & Mohamed 2015; Kingma et al.
--- 2016).
local Bijector = require "orrery.flow.bijector"
local blame = require "orrery.blame"
local nn = require "orrery.nn"
local options = require "orrery.options"

--- The encoder's Gaussian draws z0, sent through a bijector the way it samples:
--- z = inverse(z0), log q(z | x) = log q0(z0 | x) - log |det dz/dz0|.
---
---     local model = vae.mlp { latent = 2,
---       posterior = flow.Posterior(flow.IAF(2, { hidden = { 32 } })) }
---
--- Ways that are one pass are those to take: flow.IAF, flow.Coupling,
--- flow.Inverse(flow.Planar(2)). Its parameters are the model's.
---@class orrery.flow.Posterior: orrery.nn.Module
---@field bijector orrery.flow.Bijector  of the codes, [B, latent]
---@field context? orrery.nn.Module
local Posterior = nn.Module:subclass "Posterior"

---@param bijector orrery.flow.Bijector
---@param opts? table  context: a module of images [B, ...] that gives what the
---  bijector takes as context for each, [B, C]
function Posterior:init(bijector, opts)
  local who = "flow.Posterior"
  if not Bijector.is(bijector) then
    blame("%s: bijector is %s; give one, such as flow.IAF(2)", who,
      options.shown(bijector))
  end
  local o = options.take(who, opts, {}, { "context" })
  self.bijector = bijector
  self.context = o.context and options.callable(who, "context", o.context)
end

--- What a VAE asks of its posterior.
---@param model orrery.vae.VAE
---@param x orrery.Tensor  [B, ...]
---@param k integer  draws of each
---@param generator? orrery.Generator
---@return orrery.Tensor z  [k, B, L]
---@return orrery.Tensor log_q  [k, B], nats
function Posterior:forward(model, x, k, generator)
  if type(model) ~= "table" or not model.encode then
    self:fail("model is %s; give the VAE", options.shown(model))
  end
  options.tensor("flow.Posterior", "x", x, "float")
  options.count("flow.Posterior", "k", k)
  local gaussian = require("orrery.vae.sampled").gaussian
  local z0, log_q = gaussian(model, x, k, generator)
  local rows, latent = k * z0:size(2), z0:size(3)
  local given = self.context and self.context(x)
  if given then
    given = given:unsqueeze(1):expand { k, given:size(1), given:size(2) }
      :reshape(rows, given:size(2))
  end
  local z, logdet = self.bijector:inverse(z0:reshape(rows, latent), given)
  return z:reshape(k, -1, latent), log_q - logdet:reshape(k, -1)
end

return { Posterior = Posterior }
