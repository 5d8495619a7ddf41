-- %% [markdown]
-- # 000-3b  Rectifiers that die, and who is hurt
-- $\mathrm{ReLU}(a) = \max(a, 0)$ has slope 0 for $a < 0$; the leaky one, $a$
-- above 0 and $\alpha a$ below, has slope $\alpha$. A unit that is below 0 for
-- every input passes nothing back and does not learn any more. If all units of
-- one layer of the *discriminator* are so, $D$ is constant in $x$, $\partial D
-- / \partial x = 0$, and the generator, whose gradient comes through $D$, gets
-- none. The question blames the generator's own units and ends by asking why
-- ReLU cures it; dead units in $G$ only cost it capacity, and the cure is Leaky
-- ReLU. Causes: a high learning rate, a large negative bias.
--
-- How likely is it at the start? With zero biases and weights of a symmetric
-- law the pre-activation of a unit is as often above 0 as below, for any one
-- input that is not 0 itself. So a layer of $n$ is silent with probability
-- $2^{-n}$, and a net of $L$ such layers with $1 - (1 - 2^{-n})^L$.

-- %%
local orrery = require "orrery"
local data, gan, metrics, nn = orrery.data, orrery.gan, orrery.metrics,
  orrery.nn
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  trials = 20000, steps = 300, batch = 128, seeds = 3,
  quick = { trials = 4000, steps = 40, batch = 32, seeds = 1 },
}
local F = nn.functional

-- %% [markdown]
-- ## The two units

-- %% At -3
local at = orrery.tensor { -3.0 }:requires_grad_()
local leaky = F.leaky_relu(at, { negative_slope = 0.2 })
replay.check("leaky, slope 0.2, at -3", leaky, -0.6, { abs = 1e-6 })
replay.check("its gradient", orrery.grad(leaky:sum(), { at })[1], 0.2,
  { abs = 1e-6 })
replay.check("the gradient of ReLU at -3",
  orrery.grad(at:relu():sum(), { at })[1], 0, { abs = 0 })

-- %% [markdown]
-- ## Nets that are dead from birth
-- Many nets of random weights, one input each.

-- %% Simulated
local depths = 20

-- Shares of nets that are silent after 1, 2, ... layers of n; and of units
-- below 0 in the first.
local function silent(n)
  local h = orrery.randn(set.trials, 1, n)
  local shares, below = {}, nil
  for layer = 1, depths do
    local a = h:bmm(orrery.randn(set.trials, n, n))
    below = below or a:lt(0):double():mean():item()
    h = a:relu()
    shares[layer] = h:amax { axis = { 2, 3 } }:eq(0):double():mean():item()
    h = h / h:amax { axis = { 2, 3 }, keepdim = true }:clamp_min(1e-30)
  end
  return shares, below
end

local layers = { xlabel = "layers", ylabel = "nets that are silent",
  title = "lines: theory; points: simulated" }
for i, n in ipairs { 2, 3, 8 } do
  local shares, below = silent(n)
  local theory, off = {}, 0
  for l = 1, depths do
    theory[l] = 1 - (1 - 2 ^ -n) ^ l
    off = math.max(off, math.abs(shares[l] - theory[l]))
  end
  replay.check(("n = %d: units below 0"):format(n), below, 0.5,
    { abs = 0.005, quick = { abs = 0.02 } })
  replay.check(("n = %d: off the law, at most"):format(n), off, 0,
    { abs = 0.01, quick = { abs = 0.03 } })
  if n == 2 then
    replay.check("n = 2, 10 layers", shares[10], 0.943686485,
      { abs = 0.01, quick = { abs = 0.02 } })
  elseif n == 8 then
    replay.check("n = 8, one layer", shares[1], 0.00390625,
      { abs = 4 * math.sqrt(0.0039 / set.trials) })
  end
  layers[2 * i - 1] = plot.line { y = theory, color = i,
    name = ("n = %d"):format(n) }
  layers[2 * i] = plot.scatter { x = orrery.range(1, depths), y = shares,
    color = i }
end
plot.overlay(layers)

-- %% [markdown]
-- ## In a game
-- Eight Gaussians on a ring; both players have two hidden layers of 128. The
-- discriminator has ReLU or leaky units and one of three stresses: none, a
-- learning rate 50 times as high, biases that begin at -3. Dead is a unit whose
-- output is exactly 0 on 512 real and 512 made points; a leaky unit never is.
-- Then the same is done to the generator, its opponent being healthy.

-- %% Played
local ring = data.known.ring {}
local stresses = { { "none", 1e-3, 0 }, { "lr x 50", 5e-2, 0 },
  { "bias -3", 1e-3, -3 } }

local function sour(net, bias)
  for _, layer in ipairs(net:modules()) do
    if layer.class_name == "Linear" and layer.out_features > 2 then
      nn.init.constant_(layer.bias, bias)
    end
  end
end

-- The share of hidden units that say 0 to all of x, of all layers.
local function dead_share(net, x)
  local dead, units = 0, 0
  orrery.no_grad(function()
    for _, layer in ipairs(net) do
      x = layer(x)
      if layer.class_name:find "ReLU" then
        dead = dead + x:abs():amax { axis = 1 }:eq(0):sum():item()
        units = units + x:size(2)
      end
    end
  end)
  return dead / units
end

-- How far the generator is pushed, and what it found.
local function play(hit, unit, stress)
  local rates = { generator = 1e-3, discriminator = 1e-3 }
  local units = { generator = "relu", discriminator = "leaky_relu" }
  rates[hit], units[hit] = stress[2], unit
  local nets = {
    generator = gan.mlp(2, 2, { activation = units.generator }),
    discriminator = gan.mlp(2, 1, { activation = units.discriminator }) }
  sour(nets[hit], stress[3])
  local game = gan.Game { generator = nets.generator, latent = 2,
    discriminator = nets.discriminator, loss = "non_saturating",
    compile = true, optimizers = { generator = { lr = rates.generator },
      discriminator = { lr = rates.discriminator } } }
  local left = set.steps
  for x in ring:batches(set.batch) do
    game:step(x)
    left = left - 1
    if left == 0 then break end
  end
  local from = orrery.Generator(7)
  local real, codes = ring:sample(512, { generator = from }),
    game:noise(512, from)
  local made = orrery.no_grad(function() return game.generator(codes) end)
  local m = orrery.train.players { generator = game.generator,
    discriminator = game.discriminator, loss = game.loss }
    :measure(real, codes)
  return { dead = dead_share(game[hit], hit == "generator" and codes
    or orrery.cat({ real, made }, 1)), gradient = m.gradient_norm.generator,
    modes = metrics.modes(game:sample(2500), ring).modes }
end

-- Medians over the seeds, by player, stress and unit.
local function table_of(hit)
  local rows = {}
  print("in the " .. hit)
  for _, stress in ipairs(stresses) do
    rows[stress[1]] = {}
    for _, unit in ipairs { "relu", "leaky_relu" } do
      local row = replay.medians(set.seeds, function()
        return play(hit, unit, stress)
      end)
      print(("%-8s %-10s  dead %3.0f %%  gradient of G %8.2g  modes %g")
        :format(stress[1], unit, 100 * row.dead, row.gradient, row.modes))
      rows[stress[1]][unit] = row
    end
  end
  return rows
end

local in_d = table_of "discriminator"
local in_g = table_of "generator"

-- %% What it did
local hit = in_d["bias -3"]
replay.check("D, bias -3, ReLU: dead", hit.relu.dead, 0.5,
  { relation = ">=" })
replay.check("D, bias -3, leaky: exactly 0", hit.leaky_relu.dead, 0,
  { abs = 0 })
replay.check("D, bias -3: gradient into G, of the leaky one",
  hit.relu.gradient / hit.leaky_relu.gradient, 1e-3,
  { relation = "<=", quick = { wanted = 1 } })
replay.check("D, lr x 50: dead, ReLU over leaky", in_d["lr x 50"].relu.dead,
  in_d["lr x 50"].leaky_relu.dead, { relation = ">",
    quick = { wanted = -1 } })
replay.check("G, bias -3, ReLU: the gradient stays, of the leaky one",
  in_g["bias -3"].relu.gradient / in_g["bias -3"].leaky_relu.gradient, 1e-3,
  { relation = ">" })
local names, bars = {}, { { name = "ReLU", y = {} }, { name = "leaky",
  y = {} } }
for i, stress in ipairs(stresses) do
  names[i] = stress[1]
  bars[1].y[i] = in_d[stress[1]].relu.dead
  bars[2].y[i] = in_d[stress[1]].leaky_relu.dead
end
bars[1].x, bars[2].x = names, names
plot.bar { series = bars, title = "dead units of the discriminator", ymin = 0,
  ymax = 1 }
