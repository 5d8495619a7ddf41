--- Probability distributions: draws, densities, entropies and divergences.
---
---     local q = dist.Normal(mean, std)            -- a batch of them
---     local z = q:rsample()                       -- gradients reach mean, std
---     local nats = dist.kl(q, dist.Normal(0, 1)):sum(-1)
---
--- A law has batch_shape and event_shape, sample, rsample, log_prob, entropy,
--- cdf, icdf, mean, var and std (orrery.dist.distribution). Parameters are
--- numbers or tensors, in order or by name; everything is in nats.
---
--- Called, `orrery.dist(x, y)` is the distance of two tensors, as in PyTorch.
local orrery = require "orrery"

local dist = {
  Distribution = require "orrery.dist.distribution",
  Uniform = require "orrery.dist.uniform",
  Bernoulli = require "orrery.dist.bernoulli",
  StudentT = require "orrery.dist.student_t",
  VonMises = require "orrery.dist.von_mises",
  Independent = require "orrery.dist.independent",
  Mixture = require "orrery.dist.mixture",
  transforms = require "orrery.dist.transforms",
}

for _, name in ipairs { "location_scale", "categorical", "gamma", "beta",
  "counts", "multivariate_normal", "relaxed", "transformed", "kl",
  "divergences", "wasserstein", "two_samples" } do
  for key, value in pairs(require("orrery.dist." .. name)) do
    dist[key] = value
  end
end

return setmetatable(dist, { __call = function(_, ...)
  return orrery.originals.dist(...)
end })
