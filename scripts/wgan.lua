--[[ What does a Wasserstein critic measure, and what does it teach?

apart1, apart2, apart4: a critic alone, between N(0, I) and N(m, I) in the
plane with |m| = 1, 2, 4. Expect: with a two-sided penalty of weight lambda its
slope is not 1 but 1 + |m| / (2 lambda), so the estimate is that many times
|m|; divided by the slope it is |m|. Clipped to 0.01 it is about 1/100 of that.

ring, grid: a generator learns from it. Expect: the critic's estimate follows
the exact W1 of samples down; clipped weights pile up at the bounds. With the
ordinary loss there is no such number: D's accuracy stays near 1 early on and
the gradient at the samples dies with the saturating loss.

Three seconds for a critic and seed, half a minute for a ring, on one core:

  orrery scripts/wgan.lua
  orrery scripts/wgan.lua method=gp seed=1..5
  orrery scripts/wgan.lua data=ring method=gp,clip clip=0.1
  orrery scripts/wgan.lua data=ring method=clip clip=0.001,0.01,0.1,1
  orrery scripts/wgan.lua data=ring method=saturating,non_saturating

Measured over 5 seeds (method=gp seed=1..5; mean +- standard deviation):

  |m|   estimate / |m|     1 + |m| / 20   slope              estimate / slope
  1     1.028 +- 0.009     1.05           1.043 +- 0.005     0.985 +- 0.005
  2     1.086 +- 0.005     1.10           1.095 +- 0.003     0.992 +- 0.002
  4     1.198 +- 0.004     1.20           1.197 +- 0.003     1.001 +- 0.001

The last column is over |m| as well.

A generator on the ring, 4,000 steps, three seeds (W1 of 500 samples and real
ones; modes with at least one good sample of 2,500, and the share of good ones;
correlation of the critic's estimate with W1 along the training; weights within
a thousandth of the bounds), constant rates:

  data=ring method=saturating,non_saturating,gp seed=1..3
  data=ring method=clip clip=0.001,0.01,0.1,1 seed=1..3

  method           W1             modes        good   correlation     bounds
  saturating       0.29 +- 0.05   7.7 +- 0.6   15 %
  non_saturating   0.32 +- 0.09   8            26 %
  gp               0.22 +- 0.05   8            37 %   0.88 +- 0.06
  clip 0.001       0.90 +- 0.01   4.3 +- 2.1    0 %   -0.28 +- 0.11   42 %
  clip 0.01        0.40 +- 0.09   6.0 +- 1.7    3 %   0.44 +- 0.21    20 %
  clip 0.1         0.30 +- 0.03   7.3 +- 0.6   10 %   0.87 +- 0.09    15 %
  clip 1           0.30 +- 0.04   6.3 +- 1.5    7 %   -0.89 +- 0.03    8 %

So: at equal rates nothing collapses here, and the saturating loss is no worse
than the other. The critic's estimate follows W1 at one clip of four; at 1 it
rises as W1 falls. Beside a generator fewer weights lie at the bounds than with
a critic alone. Two draws of 500 real points are 0.15 apart.
]]
local orrery = require "orrery"
local data, gan, metrics = orrery.data, orrery.gan, orrery.metrics
local optim, ot, plot = orrery.optim, orrery.ot, orrery.plot

local run = orrery.experiment {
  name = "wgan",
  knobs = {
    data = { { "apart1", "apart2", "apart4" }, "two laws, or one to learn",
      one_of = { "apart1", "apart2", "apart4", "ring", "grid" } },
    method = { { "gp", "clip" }, "how the critic is held, or no critic",
      one_of = { "gp", "lp", "clip", "saturating", "non_saturating" } },
    weight = { 0.0, "of the penalty; 0: 10 for a critic alone, else 1",
      min = 0 },
    clip = { 0.01, "bound of the weights", min = 0 },
    lr = { 0.0, "0: 1e-3 of Adam; clipped 5e-5 of RMSProp, 5e-4 with a "
      .. "generator", min = 0 },
    steps = { 0, "0: 1000 for a critic alone, else 4000", min = 0 },
    batch = { 0, "examples; 0: 256 for a critic alone, else 128", min = 0 },
    frames = { 20, "marks along the way", min = 1 },
  },
  step = "step",
  quick = { steps = 20, batch = 32, frames = 2, data = { "apart2", "ring" },
    method = { "gp" } },
}

local function either(value, other) return value ~= 0 and value or other end

local function discriminator()
  return gan.mlp(2, 1, { activation = "leaky_relu" })
end

local function shown(log, step, steps, text)
  log:progress(step / steps, ("step %d/%d  %s"):format(step, steps, text))
end

-- The part of weights within a thousandth of the bounds.
local function at_bounds(net, clip)
  local n, all = 0, 0
  for _, p in ipairs(net:parameters()) do
    n = n + p:detach():abs():ge(clip * 0.999):sum():item()
    all = all + p:numel()
  end
  return n / all
end

local function weights_of(net)
  local list = {}
  for i, p in ipairs(net:parameters()) do list[i] = p:detach():reshape(-1) end
  return orrery.cat(list, 1)
end

local function draw_weights(k, log, net)
  if k.method ~= "clip" then return end
  log:image("weights", plot.hist { values = weights_of(net), bins = 41,
    title = ("weights clipped at %g"):format(k.clip), xlabel = "weight" })
end

-- ---- a critic alone

local function alone(k, log)
  local gap = tonumber(k.data:match "%d")
  local steps, batch = either(k.steps, 1000), either(k.batch, 256)
  local draw, net = log:generator "samples", discriminator()
  local clipped = k.method == "clip"
  local rate = either(k.lr, clipped and 5e-5 or 1e-3)
  local critic = ot.Critic { net = net, steps = steps, generator = draw,
    weight = either(k.weight, 10), penalty = not clipped and k.method or nil,
    clip = clipped and k.clip or nil,
    optimizer = clipped and optim.RMSprop(net:parameters(), { lr = rate })
      or optim.Adam(net:parameters(), { lr = rate, betas = { 0.5, 0.9 } }) }
  local function pair(n, from)
    local o = { generator = from or draw }
    return orrery.randn({ n, 2 }, o) + orrery.tensor { gap, 0 },
      orrery.randn({ n, 2 }, o)
  end
  local at = log:resume({ critic = critic }, { step = 0 })
  local every = math.max(1, steps // k.frames)
  while at.step < steps do
    local estimate = critic:step(pair(batch))
    at.step = at.step + 1
    log:finite("estimate", at.step, estimate)
    shown(log, at.step, steps, ("estimate %.3g"):format(estimate))
    local mark = at.step % every == 0 or at.step == steps
    if mark then
      local x, y = pair(2000, orrery.Generator(at.step))
      log:scalar("estimate over |m|", at.step, critic:estimate(x, y) / gap)
      log:scalar("slope", at.step, critic:slope(x, y, orrery.Generator(1)))
    end
    if mark or log:due() then log:checkpoint(at) end
  end
  -- 20,000 fresh points, their own mean difference instead of |m|.
  local x, y = pair(20000)
  local own = (x:mean(1) - y:mean(1)):norm():item()
  local estimate, slope = critic:estimate(x, y), critic:slope(x, y)
  draw_weights(k, log, net)
  return { estimate = estimate / own, slope = slope,
    unbiased = estimate / slope / own, bound = clipped
      and at_bounds(net, k.clip) or nil,
    wanted = not clipped and 1 + gap / 2 / either(k.weight, 10) or nil }
end

-- ---- a generator that learns

local function game_of(k, stream)
  local parts, wgan = {}, true
  if k.method == "clip" then
    parts[1] = gan.clip(k.clip)
  elseif k.method == "gp" or k.method == "lp" then
    parts[1] = gan.penalty(k.method, either(k.weight, 1))
  else
    wgan = false
  end
  local adam = { lr = either(k.lr, 1e-3), betas = { 0.5, 0.9 } }
  local function rms(params)
    return optim.RMSprop(params, { lr = either(k.lr, 5e-4), alpha = 0.9 })
  end
  local each = k.method == "clip" and rms or adam
  return gan.Game { generator = gan.mlp(2, 2), latent = 2, parts = parts,
    discriminator = discriminator(), critic_steps = wgan and 5 or 1,
    loss = wgan and "wgan" or k.method, stream = stream, compile = true,
    optimizers = { generator = each, discriminator = each } }, wgan
end

local function estimate_of(game, real, fake)
  return orrery.no_grad(ot.dual, game.discriminator, real, fake):item()
end

-- What is measured at a mark; `seen` keeps the pairs of estimate and W1.
local function look(t, step, log, seen)
  local from = orrery.Generator(step)
  local real = t.law:sample(500, { generator = from })
  local fake, codes = t.game:sample(500, { generator = from })
  local w1 = ot.distance(real, fake):item()
  local estimate = estimate_of(t.game, real, fake)
  seen.estimate[#seen.estimate + 1] = estimate
  seen.w1[#seen.w1 + 1] = w1
  log:scalar("W1 of samples", step, w1)
  if t.wgan then log:scalar("critic's estimate", step, estimate) end
  local m = t.players:measure(real, codes)
  log:monitor(step, m)
  t.film:add(step, fake)
  return ("W1 %.3g  modes %g/%d"):format(w1, m.mode_coverage
    * t.law.centers:size(1), t.law.centers:size(1))
end

local function learn(k, log)
  local law = data.known[k.data] {}
  local game, wgan = game_of(k, log:generator "game")
  local steps, batch = either(k.steps, 4000), either(k.batch, 128)
  local t = { law = law, game = game, wgan = wgan,
    film = gan.pictures.Film(), players = orrery.train.players {
      generator = game.generator, discriminator = game.discriminator,
      loss = game.loss, centres = law.centers:float(), radius = law.radius } }
  local seen = { estimate = {}, w1 = {},
    state_dict = function(self)
      return { estimate = self.estimate, w1 = self.w1 }
    end,
    load_state_dict = function(self, s)
      self.estimate, self.w1 = s.estimate, s.w1
    end }
  log:steps { steps = steps, every = math.max(1, steps // k.frames),
    objects = { game = game, seen = seen, film = t.film },
    batches = law:batches(batch * game.critic_steps,
      { generator = log:generator "data" }),
    update = function(x)
      local n = game:step(x)
      return { loss = n.generator, D = n.discriminator }
    end,
    before = function() t.players:before() end,
    mark = function(step) return look(t, step, log, seen) end }
  local m = metrics.modes(game:sample(2500), law)
  draw_weights(k, log, game.discriminator)
  if wgan then
    log:image("critic and W1", plot.scatter { x = seen.w1, y = seen.estimate,
      title = "along the training", xlabel = "W1 of 500 samples",
      ylabel = "critic's estimate" })
  end
  log:image("film", t.film:figure(law))
  log:image("D and its gradient", gan.pictures.field(game, law,
    { title = k.method, samples = (game:sample(200)) }))
  return { w1 = seen.w1[#seen.w1], modes = m.modes, quality = m.quality,
    correlation = wgan and #seen.w1 > 1
      and metrics.correlation(seen.estimate, seen.w1) or nil,
    bound = k.method == "clip" and at_bounds(game.discriminator, k.clip)
      or nil }
end

function run.trial(k, log)
  if k.data:find "^apart" then return alone(k, log) end
  return learn(k, log)
end

function run.report(trials, page)
  page:heading "Results"
  local critics, learners = {}, {}
  for _, t in ipairs(trials) do
    local list = t.data:find "^apart" and critics or learners
    list[#list + 1] = t
  end
  local columns = { "data", "method" }
  if critics[1] then
    page:text("estimate: the critic's, over |m|; wanted: 1 + |m| / (2 lambda); "
      .. "slope: its mean gradient norm; unbiased: estimate / slope, which "
      .. "should be 1.")
    table.move({ "estimate", "wanted", "slope", "unbiased" }, 1, 4, 3, columns)
  end
  if learners[1] then
    page:text("W1 of 500 samples at the end; correlation of the critic's "
      .. "estimate with it along the training.")
    table.move({ { "w1", "W1" }, "correlation", "modes", "quality" }, 1, 4,
      #columns + 1, columns)
  end
  columns[#columns + 1] = { "bound", "weights at the bounds" }
  page:table(trials, columns)
  if learners[1] then
    page:heading "Samples"
    page:image_matrix { trials = learners, rows = "method", images = { "film",
      "D and its gradient", "critic and W1" } }
  end
end

return run(...)
