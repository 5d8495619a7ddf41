--- Normalizing flows: densities by invertible maps of a known law.
---
---     local model = flow.Model {
---       bijector = flow.maf(2, { layers = 5, hidden = { 64, 64 } }),
---       shape = { 2 },
---     }
---     opt:minimize(-model:log_prob(x):mean())   -- nats
---     local points = model:sample(100)          -- one pass' worth of work
---
--- A bijector is a module: forward(x) -> z, log |det dz/dx| leads from data to
--- noise, inverse(z) -> x, log |det dx/dz| back.
local flow = {}

flow.Bijector = require "orrery.flow.bijector"
flow.MADE = require "orrery.flow.made"
flow.spline = require "orrery.flow.spline"
flow.anomaly = require "orrery.flow.anomaly"
flow.pictures = require "orrery.flow.pictures"
for _, name in ipairs {
  "masks",
  "autoregressive",
  "mixture",
  "coupling",
  "normalise",
  "linear",
  "multiscale",
  "planar",
  "sylvester",
  "continuous",
  "chain",
  "jacobian",
  "pushforward",
  "posterior",
  "model",
  "likelihood",
  "pixels",
} do
  for key, value in pairs(require("orrery.flow." .. name)) do
    flow[key] = value
  end
end

return flow
