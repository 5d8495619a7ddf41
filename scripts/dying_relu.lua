--[[ What kills a discriminator's rectifiers, and what does that cost?

A unit of D that is never above 0 passes nothing back; when a whole layer is
dead D is flat and the generator gets a gradient of exactly 0. Causes: a large
rate (Adam 1e-2, 1e-1), a negative bias at the start (-1, -2, -4). Expect: the
dead share of D's second layer grows with both, leaky rectifiers (slope 0.2)
keep a gradient. D 2-128-128-1 and G of the same size on a ring of 8, the
non-saturating loss, 300 steps of 128.

A second for a cause, unit and seed, on one core:

  orrery scripts/dying_relu.lua seed=1..10
  orrery scripts/dying_relu.lua unit=relu,leaky_relu cause=bias-3 swap=G

Measured over 10 seeds (seed=1..10; mean +- standard deviation of the dead
share of D's second layer, the norm of G's gradient, and how often it was
exactly 0):

  cause    unit         dead 2          gradient        0
  lr1e-2   relu         0.33 +- 0.04    15.6 +- 6.2     0 of 10
  lr1e-2   leaky_relu   0.10 +- 0.03     6.4 +- 3.9     0 of 10
  lr1e-1   relu         0.79 +- 0.10     9.2 +- 6.0     0 of 10
  lr1e-1   leaky_relu   0.20 +- 0.13      58 +- 129     0 of 10
  bias-4   relu         1.00 +- 0.00       0           10 of 10
  bias-4   leaky_relu   0.92 +- 0.05    0.88 +- 0.35    0 of 10
]]
local orrery = require "orrery"
local data, gan, nn = orrery.data, orrery.gan, orrery.nn
local metrics, plot = orrery.metrics, orrery.plot

-- Rate of the player, and its biases at the start.
local causes = {
  none = { 1e-3, 0 }, ["lr1e-2"] = { 1e-2, 0 }, ["lr1e-1"] = { 1e-1, 0 },
  ["lr50"] = { 5e-2, 0 }, ["bias-1"] = { 1e-3, -1 },
  ["bias-2"] = { 1e-3, -2 }, ["bias-3"] = { 1e-3, -3 },
  ["bias-4"] = { 1e-3, -4 },
}
local names = {}
for name in pairs(causes) do names[#names + 1] = name end
table.sort(names)

local run = orrery.experiment {
  name = "dying_relu",
  knobs = {
    cause = { { "none", "lr1e-2", "lr1e-1", "bias-1", "bias-2", "bias-4" },
      "what is done to the player", one_of = names },
    unit = { { "relu", "leaky_relu" }, "its rectifiers",
      one_of = { "relu", "leaky_relu" } },
    swap = { "D", "whose rectifiers and cause", one_of = { "D", "G" } },
    steps = { 300, "of both players", min = 1 },
    batch = { 128, "examples", min = 1 },
    points = { 2048, "real ones, and as many made, to measure on", min = 1 },
  },
  step = "step",
  quick = { steps = 20, batch = 32, points = 128,
    cause = { "none", "bias-4" } },
}

local function sour(net, bias)
  for _, layer in ipairs(net:modules()) do
    if layer.class_name == "Linear" and layer.out_features > 2 then
      nn.init.constant_(layer.bias, bias)
    end
  end
end

-- The game; the player `swap` names has the cause and the units asked for.
local function build(k, stream)
  local rate, bias = table.unpack(causes[k.cause])
  local hit = k.swap == "D" and "discriminator" or "generator"
  local unit = { generator = "relu", discriminator = "leaky_relu" }
  local rates = { generator = 1e-3, discriminator = 1e-3 }
  unit[hit], rates[hit] = k.unit, rate
  local nets = { generator = gan.mlp(2, 2, { activation = unit.generator }),
    discriminator = gan.mlp(2, 1, { activation = unit.discriminator }) }
  if bias ~= 0 then sour(nets[hit], bias) end
  return gan.Game { generator = nets.generator, latent = 2,
    discriminator = nets.discriminator, loss = "non_saturating",
    stream = stream, optimizers = {
      generator = { lr = rates.generator },
      discriminator = { lr = rates.discriminator } } }, hit
end

-- Dead shares of the hit player's two layers, the gradients of G.
local function look(k, log, t, step)
  local from = orrery.Generator(77)
  local real = t.law:sample(k.points, { generator = from })
  local codes = t.game:noise(k.points, from)
  local m = t.players:measure(real, codes)
  log:monitor(step, m)
  t.film:add(step, orrery.no_grad(t.game.generator, codes:narrow(1, 1,
    math.min(500, k.points))))
  local letter, dead = t.hit == "discriminator" and "D" or "G", {}
  for name, share in pairs(m.dead_units) do
    local layer = name:match("^" .. letter .. "%.(%d+)$")
    if layer then dead[#dead + 1] = { tonumber(layer), share } end
  end
  table.sort(dead, function(a, b) return a[1] < b[1] end)
  return { dead1 = dead[1][2], dead2 = dead[2][2],
    gradient = m.gradient_norm.generator, at_samples = m.generator_gradient,
    silent = m.gradient_norm.generator == 0 and 1 or 0,
    accuracy = m.d_accuracy }
end

function run.trial(k, log)
  local law = data.known.ring {}
  local game, hit = build(k, log:generator "game")
  local t = { law = law, game = game, hit = hit,
    film = gan.pictures.Film(), players = orrery.train.players {
      generator = game.generator, discriminator = game.discriminator,
      loss = game.loss, centres = law.centers:float(), radius = law.radius } }
  local start = look(k, log, t, 0)
  local last
  log:steps { steps = k.steps, every = math.max(1, k.steps // 10),
    objects = { game = game, film = t.film }, batches = law:batches(k.batch,
      { generator = log:generator "data" }),
    update = function(x)
      local n = game:step(x)
      return { loss = n.generator, D = n.discriminator }
    end,
    before = function() t.players:before() end,
    mark = function(step) last = look(k, log, t, step) end }
  last = last or look(k, log, t, k.steps)
  last.at_start = start.dead2
  log:image("film", t.film:figure(law))
  last.modes = metrics.modes(game:sample(2500), law).modes
  return last
end

function run.report(trials, page)
  page:heading "Results"
  page:text("After the last step. dead 1, dead 2: share of units of the "
    .. "player's hidden layers that are never above 0 on real and made points; "
    .. "at the start: of the second layer. gradient: norm over G's "
    .. "parameters; silent: 1 where it is exactly 0.")
  page:table(trials, { "cause", "unit", { "at_start", "at the start" },
    { "dead1", "dead 1" }, { "dead2", "dead 2" }, "gradient", "silent",
    "accuracy", "modes" })
  local rows, series = trials:by_setting(), {}
  for _, unit in ipairs { "relu", "leaky_relu" } do
    local x, y = {}, {}
    for i, u in ipairs(rows.unit) do
      if u == unit then x[#x + 1], y[#y + 1] = rows.cause[i], rows.dead2[i] end
    end
    if #x > 0 then series[#series + 1] = { x = x, y = y, name = unit } end
  end
  page:plot(plot.bar { series = series, title = "dead share, second layer",
    ymin = 0, ymax = 1 })
  page:heading "Samples"
  page:image_matrix { rows = "cause", images = { "film" } }
end

return run(...)
