--- A prior made of posteriors: the mixture of what the encoder says of learned
--- pseudo-inputs u (Tomczak & Welling 2018, eq. 9),
---
---     p(z) = 1/K sum_k q(z | u_k)
---
---     local model = vae.mlp { prior = vae.VampPrior { inputs = 50 } }
---
--- There is no closed KL to it: a model with this prior takes its KL term from
--- draws.
local orrery = require "orrery"
local nn = require "orrery.nn"
local options = require "orrery.options"

---@class orrery.vae.VampPrior: orrery.nn.Module
---@field inputs orrery.Tensor  [K, ...], any numbers; u is their sigmoid
local VampPrior = nn.Module:subclass "VampPrior"

---@param given? table  inputs = 50, how many; features = 784, a number or a
---  list of sizes; images [K, ...] in [0, 1] to begin with, else u is noise
---  about 0.5; generator
function VampPrior:init(given)
  local o = options.take("vae.VampPrior", given, { inputs = 50,
    features = 784 }, { "images", "generator" })
  local start
  if o.images then
    -- The sigmoid's inverse is finite only inside (0, 1).
    start = options.tensor("vae.VampPrior", "images", o.images, "float")
      :clamp(0.01, 0.99):logit()
  else
    local f = type(o.features) == "table" and o.features or { o.features }
    start = orrery.randn({ options.count("vae.VampPrior", "inputs", o.inputs),
      table.unpack(f) }, { generator = o.generator }) * 0.1
  end
  self.inputs = start:detach():clone():requires_grad_()
end

--- The pseudo-inputs as images.
---@return orrery.Tensor  [K, ...] in (0, 1)
function VampPrior:images() return self.inputs:sigmoid() end

--- The mixture under this model's encoder as it is now.
---@param model orrery.vae.VAE
---@return orrery.dist.Mixture  event [latent]
function VampPrior:forward(model)
  local dist = require "orrery.dist"
  local weights = orrery.ones(self.inputs:size(1),
    { dtype = self.inputs.dtype })
  return dist.Mixture(weights, model:posterior(self:images()))
end

return VampPrior
