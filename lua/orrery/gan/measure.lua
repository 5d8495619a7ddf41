--- How a game stands, in numbers that train.monitors has rules for, whatever
--- D is shown: packs, pairs, classes. What train.players is for nets alone.
local orrery = require "orrery"
local guard = require "orrery.train.guard"
local measures = require "orrery.train.measures"
local pair = require "orrery.train.pair"

-- Both nets, and all that the game's parts bring.
local function nets(game)
  local list = { game.generator, game.discriminator }
  for _, part in ipairs(game.parts) do
    for _, kind in ipairs { "players", "critics" } do
      for _, net in pairs(part[kind] or {}) do list[#list + 1] = net end
    end
  end
  return list
end

local function norms(loss, ...)
  local norm, all = measures.gradient_norm, {}
  for _, list in ipairs { ... } do table.move(list, 1, #list, #all + 1, all) end
  local given = orrery.grad(loss, all, { allow_unused = true,
    retain_graph = true })
  local first, out = 1, {}
  for i, list in ipairs { ... } do
    out[i] = norm { table.unpack(given, first, first + #list - 1) }
    first = first + #list
  end
  return table.unpack(out)
end

local function gradients(game, fake, on_real, on_fake, out)
  local loss = game.loss.generator(on_fake, on_real)
  if game.both_ways then loss = loss + game.loss.generator(-on_real) end
  local G, D = game.generator:parameters(), game.discriminator:parameters()
  local samples, generator = norms(loss, { fake.x }, G)
  out.generator_gradient = samples
  out.gradient_norm = { generator = generator, discriminator =
    norms(game.loss.discriminator(on_real, on_fake), D) }
end

--- See orrery.gan.Game.measure.
---@param game orrery.gan.Game
---@param sides fun(): table, table  the real side and the fake one
---@return table measured
return function(game, sides)
  local _ <close> = guard.looking { models = nets(game),
    generators = { game.stream }, stream = orrery.default_generator() }
  return orrery.tidy(function()
    local real, fake = sides()
    local r, f = game:seen(real), game:seen(fake)
    local on_real, on_fake = game:judge(r), game:judge(f)
    local out = {}
    if game.boundary then
      out.d_accuracy, out.d_accuracy_real, out.d_accuracy_fake =
        measures.d_accuracy(on_real - game.boundary, on_fake - game.boundary)
    end
    gradients(game, fake, on_real, on_fake, out)
    out.dead_units = pair.dead(game, function()
      game:judge(r)
      game:judge(f)
    end, function() game:generate(fake.z, fake.y) end)
    out.update_ratio = pair.moved(game)
    return out
  end)
end
