--[[ When does a GAN collapse, and what cures it?

Rings and grids of Gaussians, whose modes can be counted. A set-up is nets and
a remedy: C collapses (D ten times slower than G), A and B do not, C-unroll5,
C-pack2 ... change one thing. Expect: plain C ends on 0 or 1 of 8 modes,
unrolling and packing find all; equal rates find all without a remedy.

Seconds (2 to 30) a set-up and seed, on one core; the table is in this file:

  orrery scripts/mode_collapse.lua setup=C,A,C-unroll5,C-pack2 seed=1..10
  orrery scripts/mode_collapse.lua setup=B-veegan data=grid steps=12000
  orrery scripts/mode_collapse.lua setup=adagan seed=1..10
]]
local orrery = require "orrery"
local data, gan, metrics = orrery.data, orrery.gan, orrery.metrics
local plot = orrery.plot

--[[ Measured on the last samples of each run (VEEGAN's from the averaged
generator), n of the seeds 1 to 10, mean +- sd over them: modes with at least
1 and 20 good samples, good ones per cent, KL of these and of all samples. On
the right PyTorch 1.13's means of 2 to 19 seeds of the same set-ups (its grid
with batch 128, here 256).

  set-up           n  modes      (20) good, %  KL   all   modes good KL   all
  C                10 0.3 +- 0.5  0.2   0 +- 1 2.08 1.77  0.6   0    -    1.83
  A                10 8.0 +- 0.0  8.0  84 +- 5 0.01 0.00  8     85   0.00 -
  C-unroll5        10 8.0 +- 0.0  8.0  83 +- 2 0.00 0.00  8     72   0.09 0.01
  C-unroll5-first  10 8.0 +- 0.0  8.0  83 +- 3 0.00 0.00  5.7   53   0.70 0.48
  C-pack2          10 8.0 +- 0.0  8.0  75 +- 3 0.00 0.00  8     77   0.00 0.00
  B                10 7.9 +- 0.3  7.8  90 +- 3 0.05 0.04  8     88   0.03 0.02
  B-pack2          10 8.0 +- 0.0  8.0  94 +- 4 0.02 0.01  8     93   0.04 -
  B-wgangp         10 8.0 +- 0.0  8.0  81 +- 7 0.01 0.00  8     77   0.02 -
  B-wganclip       10 8.0 +- 0.0  7.8 61 +- 14 0.03 0.00  8     63   0.02 -
  B-veegan         10 8.0 +- 0.0  8.0  47 +- 7 0.04 0.00  8     54   0.03 -
  B-r1             10 8.0 +- 0.0  7.9  72 +- 6 0.02 0.00  8     73   0.01 -
  B-lsgan          10 6.0 +- 1.1  5.4  75 +- 5 0.43 0.29  6.8   70   0.31 -
  grid3            10 23.6 +- 1.9 16.6 81 +- 10 0.38 0.24  25    51   0.63 0.16
  grid3-pack2      3  24.7 +- 0.6 12.3 47 +- 13 0.43 0.07  20    50   0.71 0.34

adagan, 10 seeds: of the data's mass the first generator alone covers
0.53 +- 0.42, the best of five 0.82 +- 0.18, the mixture 1.00 +- 0.00
(at least 0.95 in 10 of 10); PyTorch 0.72, 0.95, 0.999, 5 seeds.

Of the published orders (VEEGAN, table 1; PacGAN, table 1) these show: a plain
GAN far behind unrolling and packing in modes (nets C); VEEGAN and WGANs cover
all modes with fewer good samples than a plain GAN that converged; AdaGAN's
single < best < mixture. These do not: unrolling's few good samples; packing
ahead of a plain GAN at equal rates (B, B-pack2); on the grid it evens
modes out and loses good samples. Nor do counts show that unrolling needs
its second order: with the updates held fixed (C-unroll5-first) all are found.
Tests hold its derivatives against differences instead. ]]
local run = orrery.experiment {
  name = "mode_collapse",
  knobs = {
    setup = { { "C", "A", "C-unroll5", "C-pack2" }, "NETS-REMEDY as in "
      .. "gan.setups, nets A, B, C or grid3; or adagan" },
    data = { "", "a law of data.known; the set-up's own when empty" },
    steps = { 0, "of the generator; 0: the set-up's own", min = 0 },
    batch = { 0, "examples a step; 0: the set-up's own", min = 0 },
    frames = { 10, "marks along the way", min = 1 },
    pictures = { true, "film, map of D and samples" },
    compile = { true, "record the step and replay it: the same numbers" },
  },
  step = "step",
  by = "kl_all",
  quick = { steps = 60, batch = 64, frames = 2, setup = { "C", "C-pack2" } },
}

local function given(value, none) return value ~= none and value or nil end

-- Five generators of 32-32 units on 4,000 points round 8 random places.
local function boosted(k)
  local law = data.known.scattered {}
  local o = { scale = 0.1, hidden = { 32, 32 } }
  local ada = gan.AdaGAN { data = law:sample(4000), scale = 0.1,
    components = 5, steps = given(k.steps, 0) or 1000, game = function()
      return gan.Game { latent = 5, loss = "saturating", compile = k.compile,
        generator = gan.mlp(5, 2, { hidden = o.hidden, output_scale = 10 }),
        discriminator = gan.mlp(2, 1, o), optimizers = {
          generator = { lr = 1e-3 }, discriminator = { lr = 2e-4 } } }
    end }
  local function step() return select(2, ada:step()) end
  return { player = ada, law = law, steps = 5 * ada.options.steps, step = step,
    sample = function(n) return ada:sample(n) end, batches = law:batches(1),
    playing = function() return ada.games[math.max(1, ada.begun)] end }
end

local function game(k)
  local s = gan.setup(k.setup, { data = given(k.data, ""),
    steps = given(k.steps, 0), batch = given(k.batch, 0),
    compile = k.compile })
  return { player = s.game, law = s.data, steps = s.steps,
    step = function(x, y) return s.game:step(x, y) end,
    sample = s.sample, batches = s.data:batches(s.batch), game = s.game,
    playing = function() return s.game end }
end

-- Results and what they are called, in the order of the table.
local columns = { "modes", "modes20", "quality", "kl", "kl_all", "reached",
  "as_asked", "single", "best", "boosted" }
local headings = { modes20 = "modes (20)", quality = "high quality",
  kl = "KL", kl_all = "KL, all", as_asked = "as asked" }

-- AdaGAN's coverage: of the first component alone, the best one, all.
local function coverage(t)
  local truth, best = t.law:sample(1000), 0
  local function of(opts)
    return (metrics.mass_coverage(t.player:sample(1000, opts), truth))
  end
  for i = 1, #t.player.games do best = math.max(best, of { only = i }) end
  return { single = of { only = 1 }, best = best, boosted = of {} }
end

local function draw(log, t, film, step)
  local title = ("step %d"):format(step)
  log:image("samples", gan.pictures.samples((t.sample(500)), t.law, title))
  log:image("film", film:figure(t.law))
  if t.game and not t.game.needs_labels then
    log:image("D and its gradient", gan.pictures.field(t.game, t.law,
      { title = title, samples = (t.sample(200)) }))
  end
end

-- What samples are worth: modes where there are some, else the share of
-- typical samples and of the law's mass that is reached.
local function measure(t)
  local x, asked = t.sample(2500)
  if not t.law.radius then
    return { quality = 100 * metrics.typical(x, t.law),
      reached = metrics.mass_coverage(x:narrow(1, 1, 1000),
        (t.law:sample(1000))) }
  end
  local m = metrics.modes(x, t.law)
  return { modes = m.modes, modes20 = m.modes20, quality = 100 * m.quality,
    kl = m.kl == m.kl and m.kl or math.log(m.of), kl_all = m.kl_all,
    as_asked = asked and asked:eq(m.nearest):double():mean():item() }
end

-- At a mark: what the film and the monitors see. The stream of random numbers
-- is put back: looking more often does not change the training.
local function look(k, log, t, film, step)
  local stream = orrery.default_generator()
  local place = stream:state()
  local m = measure(t)
  for _, name in ipairs { "modes", "quality", "kl_all", "reached" } do
    if m[name] then log:scalar(headings[name] or name, step, m[name]) end
  end
  local watched = t.playing():measure(t.law:sample(256))
  watched.mode_coverage = m.modes and m.modes / t.law.centers:size(1)
  log:monitor(step, watched)
  if k.pictures and t.law.dim == 2 then film:add(step, (t.sample(500))) end
  stream:set_state(place)
  return m.modes and ("modes %d/%d  good %.0f %%"):format(m.modes,
    t.law.centers:size(1), m.quality) or ("good %.0f %%"):format(m.quality)
end

function run.trial(k, log)
  local t = k.setup == "adagan" and boosted(k) or game(k)
  local film = gan.pictures.Film()
  log:steps {
    steps = t.steps, every = math.max(1, t.steps // k.frames),
    objects = { player = t.player, film = film }, batches = t.batches,
    update = function(x, y)
      local n = t.step(x, y)
      return { loss = n.generator, D = n.discriminator,
        ["D is right"] = n.real_right and (n.real_right + n.fake_right) / 2 }
    end,
    before = function() t.playing():before() end,
    mark = function(step) return look(k, log, t, film, step) end,
  }
  local result = measure(t)
  if k.setup == "adagan" then
    for name, value in pairs(coverage(t)) do result[name] = value end
  end
  if k.pictures and t.law.dim == 2 then draw(log, t, film, t.steps) end
  return result
end

function run.report(trials, page)
  page:heading "Results"
  page:text("2,500 samples at the end. Modes with at least 1 and 20 samples "
    .. "within three standard deviations; the share of such samples, per cent; "
    .. "KL of their shares from equal ones, log(modes) when there are none; "
    .. "the same of all samples, each given to its nearest mode.")
  local shown = { "setup" }
  for _, name in ipairs(columns) do
    if trials[name] then
      shown[#shown + 1] = { name, headings[name] or name }
    end
  end
  page:table(trials, shown)
  local list = trials:by_setting()
  if list.modes then
    page:plot(plot.bar { x = list.setup, y = list.modes,
      title = "Modes found", ylabel = "modes" })
  end
  page:heading "As published"
  page:text("Of rings of 8 and grids of 25: modes found, good samples per "
    .. "cent. Their nets, budgets and rings are others: compare orders.")
  page:table(gan.published, { "source", "method", "ring", { "ring_quality",
    "good" }, "grid", { "grid_quality", "good" } })
  page:heading "Samples"
  page:image_matrix { rows = "setup", images = { "samples", "film",
    "D and its gradient" } }
end

return run(...)
