--- How a game stands, in numbers that train.monitors has rules for, whatever
--- D is shown: packs, pairs, classes.
local orrery = require "orrery"
local measures = require "orrery.train.measures"

local function norm(loss, tensors)
  return measures.gradient_norm(orrery.grad(loss, tensors,
    { allow_unused = true, retain_graph = true }))
end

-- Layers of D that are off on both sides, by name.
local function dead(game, real, fake)
  if game.labelled then return nil end
  local shares = measures.dead_layers(game.discriminator,
    orrery.cat({ real.x, fake.x:detach() }, 1))
  local out = {}
  for name, share in pairs(shares) do out["D." .. name] = share end
  return next(out) and out
end

--- See orrery.gan.Game.measure.
---@param game orrery.gan.Game
---@param real table  side
---@param fake table  side, its x without a graph
---@return table measured
return function(game, real, fake)
  fake.x:requires_grad_()
  local r, f = game:seen(real), game:seen(fake)
  local on_real, on_fake = game:judge(r), game:judge(f)
  local out = { dead_units = dead(game, r, f) or nil }
  out.d_accuracy, out.d_accuracy_real, out.d_accuracy_fake =
    measures.d_accuracy(on_real, on_fake)
  local loss = game.loss.generator(on_fake, on_real)
  out.generator_gradient = norm(loss, { fake.x })
  out.gradient_norm = { discriminator = norm(
    game.loss.discriminator(on_real, on_fake),
    game.discriminator:parameters()) }
  return out
end
