--- Posteriors that are known by their draws: z [k, B, L] of k codes for each of
--- B images, and log q(z | x) [k, B] in nats.
---
---     local model = vae.VAE { encoder = e, decoder = d, latent = 2,
---       posterior = vae.sampled.flow(dist.transforms.Affine(1, 2)) }
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local sampled = {}
local log_tau = math.log(2 * math.pi)

--- log N(z; mean, e^logvar) of each element.
function sampled.log_normal(z, mean, logvar)
  return ((z - mean) ^ 2 * (-logvar):exp() + logvar + log_tau) * -0.5
end

--- log N(z; 0, 1) of each element.
function sampled.log_standard(z) return (z ^ 2 + log_tau) * -0.5 end

--- Draws of the encoder's Gaussian.
---@param model orrery.vae.VAE
---@param x orrery.Tensor  [B, ...]
---@param k integer
---@param generator? orrery.Generator
---@return orrery.Tensor z  [k, B, L]
---@return orrery.Tensor log_q  [k, B]
---@return table parameters  mean, logvar [B, L]
function sampled.gaussian(model, x, k, generator)
  local mean, logvar = model:encode(x)
  local b, latent = mean:size()
  local eps = orrery.randn({ k, b, latent }, { dtype = mean.dtype,
    generator = generator })
  local z = mean + (logvar * 0.5):exp() * eps
  return z, sampled.log_normal(z, mean, logvar):sum(3),
    { mean = mean, logvar = logvar }
end

--- Refuses what is not k draws for each of b images.
---@return orrery.Tensor z
---@return orrery.Tensor log_q
function sampled.check(z, log_q, k, b)
  local good = orrery.is_tensor(z) and orrery.is_tensor(log_q)
    and z:dim() == 3 and log_q:dim() == 2 and z:size(1) == k
    and z:size(2) == b and log_q:size(1) == k and log_q:size(2) == b
  if not good then
    blame("vae: the posterior gave %s and %s; give z [%d, %d, latent] and "
      .. "log q [%d, %d]", options.shown(z), options.shown(log_q), k, b, k, b)
  end
  return z, log_q
end

--- A posterior that sends the encoder's Gaussian draws through an invertible
--- map f (Rezende & Mohamed 2015, eqs. 5 and 13): z = f(z0) has
--- log q(z | x) = log q0(z0 | x) - log |det df/dz0|.
---@param f fun(z: orrery.Tensor, x: orrery.Tensor): orrery.Tensor,
---   orrery.Tensor  z0 [k, B, L] and images [B, ...] to z [k, B, L] and the log
---  of the determinant [k, B]; or a table with forward, such as those of
---  orrery.dist.transforms, which give it for each element; for a bijector of
---  orrery.flow there is flow.Posterior
---@return fun(model, x, k, generator): orrery.Tensor, orrery.Tensor
function sampled.flow(f)
  local forward = f
  if type(f) == "table" and f.inverse then
    forward = function(z) return f:forward(z) end
  else
    options.callable("flow", "f", f)
  end
  return function(model, x, k, generator)
    local z0, log_q = sampled.gaussian(model, x, k, generator)
    local z, log_det = forward(z0, x)
    if log_det:dim() == 3 then log_det = log_det:sum(3) end
    return z, log_q - log_det
  end
end

return sampled
