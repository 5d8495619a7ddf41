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
local blame = require "orrery.blame"
local options = require "orrery.options"
local VAE = require "orrery.vae.model"
local vae = {}

vae.VAE = VAE

-- What builders hand on to the model.
local of_model = { "likelihood", "sigma", "levels", "prior", "posterior" }

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
---@param given? table  latent = 20, hidden = 400 (a list for several layers),
---  features = 784, likelihood, sigma, levels, prior, posterior
---@return orrery.vae.VAE
function vae.mlp(given)
  local o = options.take("vae.mlp", given, { latent = 20, hidden = 400,
    features = 784 }, of_model)
  local latent = options.count("vae.mlp", "latent", o.latent)
  local features = options.count("vae.mlp", "features", o.features)
  local hidden = {}
  for i, n in ipairs(type(o.hidden) == "table" and o.hidden or { o.hidden }) do
    hidden[i] = options.count("vae.mlp", "hidden", n)
  end
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
  if type(model) ~= "table" or not model.named_parameters then
    blame("vae.glorot: the model is %s; give a module", options.shown(model))
  end
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
---@param given? table  latent = 2, likelihood, sigma, levels, prior, posterior
---@return orrery.vae.VAE
function vae.conv(given)
  local o = options.take("vae.conv", given, { latent = 2 }, of_model)
  local latent = options.count("vae.conv", "latent", o.latent)
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

vae.objectives = require "orrery.vae.objectives"
vae.schedules = require "orrery.vae.schedules"
vae.sampled = require "orrery.vae.sampled"
vae.nll = require "orrery.vae.nll"
vae.Linear = require "orrery.vae.linear"
vae.Categorical = require "orrery.vae.categorical"
vae.Conditional = require "orrery.vae.conditional"
vae.Factor = require "orrery.vae.factor"
vae.Hierarchical = require "orrery.vae.hierarchical"
vae.Joint = require "orrery.vae.joint"
vae.resnet = require "orrery.vae.resnet"
vae.VampPrior = require "orrery.vae.vamp"
vae.train = require "orrery.vae.train"
vae.disentanglement = require "orrery.vae.disentanglement"
vae.measure = require "orrery.vae.measure"
vae.pictures = require "orrery.vae.pictures"
return vae
