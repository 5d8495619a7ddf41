--[[ Which gradient gets through a categorical latent?

A VAE of 20 variables of 10 classes has no path from a drawn class back to its
probabilities. The relaxed draw of Gumbel-softmax makes one, at a bias; the
score function needs none, at a variance that baselines lower. Expect, at 3,000
equal updates: Gumbel-softmax about 25 nats ahead of the score function with a
running-mean baseline; a learned one makes little of the images, leave-one-out
comes nearest.

Half a minute for each estimator and seed on a core:

  orrery scripts/categorical_vae.lua
  orrery scripts/categorical_vae.lua estimator=gumbel,score seed=1..5 -j 2

Measured (estimator=gumbel,loo,learned,score,nvil seed=1..5; held-out -ELBO in
nats, mean +- sd): in each seed Gumbel-softmax is ahead of leave-one-out by 6.3
or more, of the others by 22.8 or more.

  estimator   -ELBO            behind
  gumbel      130.3 +- 0.3
  loo         137.0 +- 0.2      6.7 +- 0.5
  learned     153.9 +- 0.8     23.7 +- 0.8
  score       154.5 +- 0.7     24.2 +- 0.7
  nvil        159.3 +- 0.9     29.0 +- 0.7
]]
local orrery = require "orrery"
local data, estimators, nn = orrery.data, orrery.estimators, orrery.nn
local optim, plot, vae = orrery.optim, orrery.plot, orrery.vae

local run = orrery.experiment {
  name = "categorical_vae",
  knobs = {
    estimator = { { "gumbel", "score", "loo", "learned" },
      "how gradients get through", one_of = { "gumbel", "gumbel_hard",
        "straight_through", "score", "plain", "loo", "learned", "nvil",
        "rebar" } },
    variables = { 20, "latents", min = 1 },
    classes = { 10, "classes of each", min = 2 },
    steps = { 3000, "updates", min = 1 },
    batch = { 100, "images per step", min = 1 },
    lr = { 1e-3, "learning rate of Adam", min = 0 },
    coldest = { 0.5, "temperature that exp(-5e-4 step) stops at", min = 0.05 },
    data = { "embedded", "embedded, or a folder with the MNIST files" },
  },
  step = "step",
  quick = { steps = 60, estimator = { "gumbel", "score" } },
}

-- What foretells the reconstruction of an image.
local function critic()
  return { lr = 1e-3, net = nn.Sequential { nn.Linear(784, 100), nn.ReLU(),
    nn.Linear(100, 1) } }
end

local function estimator_of(k)
  local kinds = {
    gumbel = function() return estimators.gumbel_softmax() end,
    gumbel_hard = function()
      return estimators.gumbel_softmax { hard = true }
    end,
    straight_through = estimators.straight_through,
    score = function() return estimators.score { baseline = "mean" } end,
    plain = function() return estimators.score() end,
    loo = function()
      return estimators.score { baseline = "loo", draws = 2 }
    end,
    learned = function()
      return estimators.score { baseline = estimators.learned(critic()) }
    end,
    nvil = function() return estimators.nvil(critic()) end,
    rebar = function() return estimators.rebar() end,
  }
  return kinds[k.estimator]()
end

function run.trial(k, log)
  local digits = assert(data.mnist { dir = k.data,
    held = k.quick and 200 or 0 })
  local held = digits.test:everything()
  local model = vae.Categorical { variables = k.variables,
    classes = k.classes }
  local estimator = estimator_of(k)
  local m
  vae.train(log, model, {
    opt = optim.Adam(model, { lr = k.lr }), images = digits.train,
    steps = k.steps, batch = k.batch, drop_last = true,
    objects = { estimator = estimator },
    loss = function(x, _, c)
      estimator.temperature = math.max(k.coldest, math.exp(-5e-4 * c.step))
      return model:loss(x, { estimator = estimator, generator = c.generator })
    end,
    mark = function(step)
      m = model:measure(held)
      log:scalar("held-out -ELBO", step, -m.elbo)
    end,
  })
  m = m or model:measure(held)
  log:image("reconstructions", vae.pictures.reconstructions(model,
    held:narrow(1, 1, 32)))
  log:image("samples", vae.pictures.samples(model))
  return { nats = -m.elbo, rec = m.rec, kl = m.kl, used = m.used }
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out images, nats per image, five hard draws of the code. "
    .. "Used: classes of a variable that one image in a hundred takes.")
  page:table(trials, { "estimator", { "nats", "-ELBO" },
    { "rec", "reconstruction" }, { "kl", "KL" }, "used" })
  local rows = trials:by_setting()
  page:plot(plot.bar { x = rows.estimator, y = rows.nats,
    title = "Held-out -ELBO", ylabel = "nats" })
  page:heading "Images by estimator"
  page:image_matrix { rows = "estimator", images = { "reconstructions",
    "samples" } }
end

return run(...)
