--- A VAE given a label: encoder and decoder both see it, so that the latents
--- are left to say what the label does not (Sohn, Lee & Yan 2015).
---
---     local model = vae.Conditional { classes = 10, latent = 2 }
---     local loss = model:given(labels):loss(x)
---     local images = model:given(labels):sample(#labels)
local orrery = require "orrery"
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local likelihood = require "orrery.vae.likelihoods"
local options = require "orrery.options"
local VAE = require "orrery.vae.model"

---@class orrery.vae.Conditional: orrery.nn.Module
---@field classes integer
---@field latent integer
---@field encoder orrery.nn.Module  [B, features + classes] -> [B, 2 latent]
---@field decoder orrery.nn.Module  [B, latent + classes] -> as VAE's
local Conditional = nn.Module:subclass "ConditionalVAE"

---@param given? table  classes = 10, latent = 2, hidden = 400, features = 784,
---  likelihood = "bernoulli", sigma, encoder, decoder
function Conditional:init(given)
  local o = options.take("vae.Conditional", given, { classes = 10, latent = 2,
    hidden = 400, features = 784, likelihood = "bernoulli" },
    { "encoder", "decoder", "sigma", "levels" })
  for _, name in ipairs { "classes", "latent", "hidden", "features" } do
    options.count("vae.Conditional", name, o[name])
  end
  self.classes, self.latent = o.classes, o.latent
  self.encoder = o.encoder or nn.Sequential {
    nn.Linear(o.features + o.classes, o.hidden), nn.ReLU(),
    nn.Linear(o.hidden, 2 * o.latent) }
  self.decoder = o.decoder or nn.Sequential {
    nn.Linear(o.latent + o.classes, o.hidden), nn.ReLU(),
    nn.Linear(o.hidden, o.features) }
  self.likelihood = o.likelihood
  self.noise = likelihood(o.likelihood, o)
end

-- Labels as rows beside n rows of x; fewer labels go round.
local function beside(x, rows)
  local n, b = x:size(1), rows:size(1)
  if n ~= b then
    if n % b ~= 0 then
      blame("vae.Conditional: there are %d labels for %d rows; match them", b,
        n)
    end
    rows = rows:tile({ n // b, 1 })
  end
  return orrery.cat({ x, rows:to(x.dtype) }, 2)
end

--- The model for images of these labels, to use as any VAE: loss with every
--- objective, reconstruct, sample, measure.
---@param labels orrery.Tensor  int64 [B], from 1
---@return orrery.vae.VAE
function Conditional:given(labels)
  if not orrery.is_tensor(labels) or labels:dim() ~= 1 then
    blame("vae.Conditional: labels are %s; give int64 [B]",
      options.shown(labels))
  end
  local rows = orrery.one_hot(labels:long(), self.classes)
  return setmetatable({
    latent = self.latent, likelihood = self.likelihood, noise = self.noise,
    encoder = function(x) return self.encoder(beside(x:flatten(2), rows)) end,
    decoder = function(z) return self.decoder(beside(z, rows)) end,
  }, { __index = VAE })
end

return Conditional
