--[[ What do several draws in the bound buy?

The importance-weighted bound of k draws (Burda, Grosse & Salakhutdinov 2016)
is tighter than the VAE's and rewards posteriors that a Gaussian fits badly.
Expect: for every model the bound falls as it is given more draws; on 8,000
digits after 6,000 updates of 20 images training with k = 5 is about 5 nats
ahead of k = 1 in the 500-draw bound.

A quarter of a minute for each k and seed on a core:

  orrery scripts/iwae.lua
  orrery scripts/iwae.lua k=1,5,50 seed=1..3 -j 2
  orrery scripts/iwae.lua k=1,50 data=FOLDER steps=15000 marks=5

Measured (k=1,5 seed=1..3; nats, mean +- sd): what is trained with more draws
is ahead in each seed, by 4.6, 4.9 and 6.1 nats with 500 draws.

  trained with      -L1             -L5             -L50            -L500
  k = 1        120.9 +- 0.7    117.2 +- 0.3    115.0 +- 0.3    114.0 +- 0.3
  k = 5        120.7 +- 0.8    114.1 +- 0.6    110.4 +- 0.5    108.8 +- 0.5

On all of MNIST (one seed, far from converged; -L50 of 1,000 test images) k = 50
is ahead of k = 1 by 121.9 to 128.8 after 3,000 updates, 110.8 to 115.4 after
6,000, 106.6 to 109.9 after 9,000; the paper has 1.6 nats at the end. k = 1
reaches 99.2 with 500 draws after 30,000 updates, ten epochs; the paper's 3,280
epochs end at 86.8.
]]
local orrery = require "orrery"
local data, nn, optim = orrery.data, orrery.nn, orrery.optim
local plot, vae = orrery.plot, orrery.vae

local run = orrery.experiment {
  name = "iwae",
  knobs = {
    k = { { 1, 5 }, "draws in the bound", min = 1 },
    latent = { 50, "size of the code", min = 1 },
    hidden = { 200, "units of each of two layers", min = 1 },
    steps = { 6000, "updates", min = 1 },
    marks = { 6, "times that the held-out bound is taken", min = 1 },
    batch = { 20, "images per step", min = 1 },
    lr = { 1e-3, "learning rate of Adam", min = 0 },
    draws = { 500, "draws of the held-out likelihood", min = 1 },
    held = { 1000, "held-out images", min = 1 },
    data = { "embedded", "embedded, or a folder with the MNIST files" },
  },
  step = "step",
  quick = { steps = 60, draws = 20, held = 50 },
}

-- 784-200-200-(50+50) and back, tanh, Glorot & Bengio's initialisation.
local function build(k)
  local function mlp(from, to)
    return nn.Sequential { nn.Flatten(), nn.Linear(from, k.hidden), nn.Tanh(),
      nn.Linear(k.hidden, k.hidden), nn.Tanh(), nn.Linear(k.hidden, to) }
  end
  return vae.glorot(vae.VAE { latent = k.latent,
    encoder = mlp(784, 2 * k.latent), decoder = mlp(k.latent, 784) })
end

function run.trial(k, log)
  local digits = assert(data.mnist { dir = k.data, held = k.held })
  -- One binarisation of the held-out images, the same for every trial.
  local held = orrery.bernoulli((digits.test:everything()),
    { generator = orrery.Generator(1) })
  local model, pixels = build(k), log:generator "pixels"
  local function bound(draws)
    return vae.nll(model, held, { samples = math.min(draws, k.draws) }).nll
  end
  vae.train(log, model, {
    opt = optim.Adam(model, { lr = k.lr, eps = 1e-4 }), images = digits.train,
    steps = k.steps, every = math.max(1, k.steps // k.marks),
    batch = k.batch, drop_last = true,
    objective = vae.objectives.iwae { k = k.k },
    loss = function(x, _, c)
      return model:loss(orrery.bernoulli(x, { generator = pixels }), c)
    end,
    mark = function(step)
      log:scalar("held-out -L1", step, bound(1))
      log:scalar("held-out -L50", step, bound(50))
    end,
  })
  log:image("samples", vae.pictures.samples(model))
  local means = orrery.no_grad(function() return (model:encode(held)) end)
  return { L1 = bound(1), L5 = bound(5), L50 = bound(50), nll = bound(k.draws),
    active = orrery.metrics.active_units(means) }
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out images of one fixed binarisation, nats per image: the "
    .. "bounds of 1 and 5 draws, and of the most. Active: latents whose "
    .. "posterior means vary by more than 0.01.")
  page:table(trials, { "k", { "L1", "-L1" }, { "L5", "-L5" },
    { "nll", "-log p" }, "active" })
  local rows = trials:by_setting()
  page:plot(plot.line { x = rows.k, y = rows.nll, title = "Held-out -log p",
    xlabel = "draws in training", ylabel = "nats", log_x = true })
  page:heading "Samples"
  page:image_matrix { rows = "k", images = { "samples" } }
end

return run(...)
