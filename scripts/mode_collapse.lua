--[[ When does a GAN collapse, and what cures it?

Rings and grids of Gaussians, whose modes can be counted. A set-up is nets and
a remedy: C collapses (D ten times slower than G), A and B do not, C-unroll5,
C-pack2 ... change one thing. Expect: plain C ends on 0 or 1 of 8 modes,
unrolling and packing find all; equal rates find all without a remedy.

Seconds a set-up and seed, on one core:

  orrery scripts/mode_collapse.lua setup=C,A,C-unroll5,C-pack2 seed=1..10
  orrery scripts/mode_collapse.lua setup=B-veegan data=grid steps=12000
  orrery scripts/mode_collapse.lua setup=adagan seed=1..10
]]
local orrery = require "orrery"
local data, gan, metrics = orrery.data, orrery.gan, orrery.metrics
local plot = orrery.plot

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
    sample = function(n) return ada:sample(n) end,
    batches = law:batches(1) }
end

local function game(k)
  local s = gan.setup(k.setup, { data = given(k.data, ""),
    steps = given(k.steps, 0), batch = given(k.batch, 0),
    compile = k.compile })
  return { player = s.game, law = s.data, steps = s.steps,
    step = function(x) return s.game:step(x) end,
    sample = function(n) return (s.game:sample(n, { average = s.average })) end,
    batches = s.data:batches(s.batch), game = s.game }
end

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
  log:image("samples", gan.pictures.samples(t.sample(500), t.law, title))
  log:image("film", film:figure(t.law))
  if t.game and t.law.centers then
    log:image("D and its gradient", gan.pictures.field(t.game, t.law,
      { title = title, samples = t.sample(200) }))
  end
end

function run.trial(k, log)
  local t = k.setup == "adagan" and boosted(k) or game(k)
  local film = gan.pictures.Film()
  log:steps {
    steps = t.steps, every = math.max(1, t.steps // k.frames),
    objects = { player = t.player, film = film }, batches = t.batches,
    update = function(x)
      local n = t.step(x)
      return { loss = n.generator, D = n.discriminator,
        ["D is right"] = (n.real_right + n.fake_right) / 2 }
    end,
    mark = function(step, means)
      local m = metrics.modes(t.sample(2500), t.law)
      log:scalar("D is right", step, means["D is right"])
      log:scalar("modes", step, m.modes)
      log:scalar("high quality", step, m.quality)
      log:scalar("KL of all samples", step, m.kl_all)
      if k.pictures then film:add(step, t.sample(500)) end
    end,
  }
  local m = metrics.modes(t.sample(2500), t.law)
  local result = { modes = m.modes, modes20 = m.modes20,
    quality = 100 * m.quality, kl_all = m.kl_all,
    kl = m.kl == m.kl and m.kl or math.log(m.of) }
  if k.setup == "adagan" then
    for name, value in pairs(coverage(t)) do result[name] = value end
  end
  if k.pictures then draw(log, t, film, t.steps) end
  return result
end

function run.report(trials, page)
  page:heading "Results"
  page:text("2,500 samples at the end. Modes with at least 1 and 20 samples "
    .. "within three standard deviations; the share of such samples, per cent; "
    .. "KL of their shares from equal ones, log(modes) when there are none; "
    .. "the same of all samples, each given to its nearest mode.")
  local columns = { "setup", "modes", { "modes20", "modes (20)" },
    { "quality", "high quality" }, { "kl", "KL" }, { "kl_all", "KL, all" } }
  for _, t in ipairs(trials) do
    if t.boosted then
      table.move({ "single", "best", "boosted" }, 1, 3, #columns + 1, columns)
      break
    end
  end
  page:table(trials, columns)
  local list = trials:by_setting()
  page:plot(plot.bar { x = list.setup, y = list.modes, title = "Modes found",
    ylabel = "modes" })
  page:heading "Samples"
  page:image_matrix { rows = "setup", images = { "samples",
    "D and its gradient" } }
end

return run(...)
