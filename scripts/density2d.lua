--[[ Which densities of the plane can which autoregressive model learn?

Each law is known, so -E log p(x) has a floor, its entropy, and what a model
costs above it (gap) is KL(law || model). made and made_reverse: one masked net
and a Gaussian for each input, in either order. maf: five of them stacked.
made_mog: one net and a mixture of Gaussians for each input. spline: two layers
of monotone splines. Expect: made is a Gaussian fit where inputs are independent
(grid: 3.532), and misses the parabola in the wrong order by 0.3355 nats; maf
bends one Gaussian into the law and stays 0.7 to 1.5 above the floor where modes
are apart; mixtures and splines come within 0.1.

  orrery scripts/density2d.lua
  orrery scripts/density2d.lua data=grid,ring model=made_mog,maf seed=1..3
  orrery scripts/density2d.lua data=spirals model=spline steps=2000 bins=16

coupling is Glow's steps for the plane, continuous a field that carries points.

  orrery scripts/density2d.lua data=two_moons,ring model=continuous
  orrery scripts/density2d.lua data=two_moons,ring,grid model=coupling seed=1..3

Measured, nats above the floor on the same points, mean +- standard deviation of
three seeds (two: **, one: *); no NLL was 3 standard errors below its floor:

  data            made         made_mog   maf       spline     coupling
  gaussian        0.0000
  parabola        0.334                   0.00005   0.050
                  +- 0.005                          +- 0.002
  grid                         0.0001     1.12      0.014      0.91
                                          +- 0.08   +- 0.002   +- 0.06
  ring            5.464        0.003      1.13      0.067      1.34
                  +- 0.008     +- 0.001   +- 0.27   +- 0.010   +- 0.45
  ring std=0.01   6.675        0.009      2.00
                  +- 0.009     +- 0.006   +- 0.38
  two_moons                    0.014 *    0.015 *   0.005 *    0.010
  pinwheel *                   0.027      0.080     0.008
  checkerboard *               0.142      0.105     0.042
  circles *                    0.043      0.484     0.017
  spirals *                    0.077      0.268     0.017

made_reverse: parabola 0.0005; spline on the grid: of 2,000 steps; maf after
20,000: grid 0.80 +- 0.07 **; continuous: ring 0.084 *, two_moons 0.014 *. Of a
ring the points far from its modes are few and dear to a maf: the standard error
of its NLL there is 0.01 to 0.6. Five seconds (made) to a minute (spline) a
trial on one busy core.
]]
local orrery = require "orrery"
local data, flow, optim = orrery.data, orrery.flow, orrery.optim
local known = data.known

-- The law of each name.
local laws = {
  grid = function(o)
    o.spacing = 1
    return known.grid(o)
  end,
  ring = known.ring, spirals = known.spirals, circles = known.circles,
  checkerboard = known.checkerboard, pinwheel = known.pinwheel,
  two_moons = known.two_moons, parabola = known.parabola,
  gaussian = function(o)
    o.bend, o.slope = 0, 0.5
    return known.parabola(o)
  end,
}

-- How each model is trained unless told: small last layers begin as one
-- Gaussian, which costs a flow thousands of steps where modes are apart.
local usual = {
  made = { steps = 4000, lr = 1e-3, activation = "relu", last = 0.01 },
  made_reverse = { steps = 4000, lr = 1e-3, activation = "relu",
    last = 0.01 },
  maf = { steps = 6000, lr = 3e-3, activation = "relu", last = 1.0 },
  made_mog = { steps = 5000, lr = 5e-3, activation = "tanh", last = 0.01 },
  spline = { steps = 5000, lr = 3e-3, activation = "relu", last = 1.0 },
  coupling = { steps = 5000, lr = 3e-3 },
  continuous = { steps = 2000, lr = 1e-2 },
}
local names = { "made", "made_reverse", "maf", "made_mog", "spline" }
local more_names = { "made", "made_reverse", "maf", "made_mog", "spline",
  "coupling", "continuous" }

local all = {}
for name in pairs(laws) do all[#all + 1] = name end
table.sort(all)

local run = orrery.experiment {
  name = "density2d",
  knobs = {
    data = { all, "law to learn", one_of = all },
    model = { names, "what learns it", one_of = more_names },
    steps = { 0, "updates; 0: as the model needs", min = 0 },
    lr = { 0.0, "of Adam, cosine to 0; 0: as the model needs", min = 0 },
    batch = { 256, "fresh points a step", min = 1 },
    hidden = { 64, "units in each of two hidden layers", min = 1 },
    layers = { 0, "of maf (0: 5), spline (0: 2), coupling (0: 8)", min = 0 },
    components = { 10, "of each mixture", min = 1 },
    spread = { 1.0, "of the means of the components at first", min = 0 },
    bins = { 24, "of each spline", min = 1 },
    frames = { 12, "of the film", min = 1 },
    held = { 50000, "fresh points to measure on", min = 2 },
    std = { 0.0, "of modes, curves and the parabola's x1; 0: the law's own",
      min = 0 },
    compile = { true, "record the step and replay it: the same numbers" },
  },
  step = "step",
  quick = { steps = 20, batch = 64, hidden = 16, frames = 2, held = 500,
    data = { "grid" }, model = { "made_mog" } },
}

-- To mean 0 and deviation 1, by 20,000 points.
local function standard(law)
  local x = law:sample(20000, { generator = orrery.Generator(1) })
  local scale = x:std(1):reciprocal()
  return flow.Elementwise(orrery.dist.transforms.Affine(-x:mean(1) * scale,
    scale))
end

local build = {}

local function made(k, o, order)
  return flow.Model { shape = { 2 }, bijector = flow.MAF(2, { order = order,
    hidden = { k.hidden, k.hidden }, activation = o.activation,
    last_scale = o.last, generator = o.random }) }
end
function build.made(k, o) return made(k, o, "natural") end
function build.made_reverse(k, o) return made(k, o, "reverse") end

function build.maf(k, o)
  return flow.Model { shape = { 2 }, bijector = flow.maf(2, {
    layers = k.layers > 0 and k.layers or 5, hidden = { k.hidden, k.hidden },
    activation = o.activation, last_scale = o.last, generator = o.random }) }
end

function build.made_mog(k, o)
  return flow.MADEMoG(2, { components = k.components, spread = k.spread,
    hidden = { k.hidden, k.hidden }, activation = o.activation,
    last_scale = o.last, generator = o.random })
end

function build.spline(k, o, law)
  return flow.Model { shape = { 2 }, bijector = flow.Chain { standard(law),
    flow.maf(2, { kind = "spline", layers = k.layers > 0 and k.layers or 2,
      hidden = { k.hidden, k.hidden }, activation = o.activation,
      last_scale = o.last, bins = k.bins, bound = 4,
      generator = o.random }) } }
end

-- Glow's steps for the plane: activation norm, a linear map, a coupling.
function build.coupling(k, o)
  local list = {}
  for i = 1, k.layers > 0 and k.layers or 8 do
    list[3 * i - 2] = flow.ActNorm(2)
    list[3 * i - 1] = flow.Linear(2, { generator = o.random })
    list[3 * i] = flow.Coupling(2, { hidden = { k.hidden, k.hidden },
      soft = true, clamp = 2, last_scale = 0, swap = i % 2 == 0 })
  end
  return flow.Model { shape = { 2 }, bijector = flow.Chain(list) }
end

function build.continuous(k, o, law)
  return flow.Model { shape = { 2 }, bijector = flow.Chain { standard(law),
    flow.Continuous(2, { hidden = { k.hidden, k.hidden }, steps = 8,
      generator = o.random }) } }
end

-- Mean and standard error of values [N].
local function mean_of(x)
  return x:mean():item(), x:std():item() / math.sqrt(x:numel())
end

-- Nats of n fresh points, and what they are above the truth's, point by point.
local function measure(model, law, n, seed)
  local x = law:sample(n, { generator = orrery.Generator(seed),
    dtype = "float64" })
  local nats = flow.anomaly.nll(model, x:float(), { batch = 5000 })
  local truth = flow.anomaly.nll(law, x, { batch = 5000 })
  local nll, error = mean_of(nats)
  local paired, paired_error = mean_of(nats - truth)
  return { nll = nll, error = error, paired = paired,
    paired_error = paired_error }
end

local function law_of(k)
  if k.std > 0 and (k.data == "checkerboard" or k.data == "pinwheel") then
    error(("density2d: std is %g but a %s has none; leave it out"):format(
      k.std, k.data), 0)
  end
  return laws[k.data](k.std > 0 and { std = k.std } or {})
end

function run.trial(k, log)
  local law, use = law_of(k), {}
  for name, value in pairs(usual[k.model]) do use[name] = value end
  use.random = log:generator "weights"
  local steps = k.steps > 0 and k.steps or use.steps
  local rate = k.lr > 0 and k.lr or use.lr
  local model = build[k.model](k, use, law)
  local opt = optim.Adam(model, { lr = rate })
  local film = flow.pictures.Film(law)
  local function step(x)
    local loss = -model:log_prob(x):mean()
    opt:minimize(loss, { max_norm = 10 })
    return loss
  end
  -- Activation norms set themselves, which is not to be recorded.
  orrery.no_grad(function()
    model:log_prob((law:sample(1000, { generator = orrery.Generator(1) })))
  end)
  if k.compile then step = orrery.compile(step) end
  log:steps { steps = steps, every = math.max(1, steps // k.frames),
    objects = { model = model, opt = opt, film = film },
    batches = law:batches(k.batch, { generator = log:generator "data" }),
    update = function(...)
      local at = select(-1, ...)
      opt.param_groups[1].lr = rate * 0.5
        * (1 + math.cos(math.pi * (at - 1) / steps))
      return { loss = step((...)) }
    end,
    mark = function(at, means)
      log:scalar("training NLL", at, means.loss)
      film:add(at, model, (model:sample(5000,
        { generator = orrery.Generator(at) })))
    end }
  local m = measure(model, law, k.held, 1000 + k.seed)
  log:image("density", flow.pictures.density(model, law,
    { title = k.model }))
  log:image("samples", film:figure())
  m.floor = law:entropy()
  m.gap = m.nll - m.floor
  return m
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Nats of fresh points, their standard error, the entropy of the "
    .. "law; gap: nats above it; paired: mean of log p - log q over the same "
    .. "points, the same gap without the noise of the points.")
  page:table(trials, { "data", "model", { "nll", "NLL" }, { "error", "s.e." },
    "floor", "gap", "paired", { "paired_error", "its s.e." } })
  page:heading "Densities"
  page:image_matrix { rows = "data", columns = "model", image = "density" }
  page:heading "Films"
  page:image_matrix { rows = "data", columns = "model", image = "samples" }
end

return run(...)
