--[[ What does beta buy, and what does it cost?

A VAE minimises reconstruction + beta * KL (Higgins et al. 2017). Expect: as
beta grows the code gets cheaper (KL falls), the images get blurrier
(reconstruction rises) and the KL gathers in fewer latents. On the plane of
rate (KL) and distortion (reconstruction) the sweep draws one curve, and its
slope at each point is -beta.

Half a minute on 2 cores with the 8,000 digits that come with Orrery:

  orrery scripts/beta_sweep.lua
  orrery scripts/beta_sweep.lua beta=1,4 seed=1..3 epochs=10
  orrery scripts/beta_sweep.lua model=conv data=FOLDER all=true beta=1 epochs=30

With the two latents of model=conv about every second seed keeps one of them
asleep (KL near 3.4) for the first epochs: compare several.

On shapes whose shape, scale, rotation and place are known the codes are also
scored against these factors. Expect MIG, DCI and SAP to be higher for beta = 4
than for 1 after 4,000 updates (a minute each):

  orrery scripts/beta_sweep.lua data=shapes beta=1,4 epochs=54 seed=1..5 -j 2
  orrery scripts/beta_sweep.lua data=shapes objective=beta_tc epochs=54
]]
local orrery = require "orrery"
local data, metrics, optim = orrery.data, orrery.metrics, orrery.optim
local plot, vae = orrery.plot, orrery.vae

local run = orrery.experiment {
  name = "beta_sweep",
  knobs = {
    beta = { { 0.5, 1.0, 4.0, 10.0 }, "weight of the KL term", min = 0 },
    model = { "mlp", "encoder and decoder", one_of = { "mlp", "conv" } },
    decoder = { "bernoulli", "law of a pixel given the code",
      one_of = { "bernoulli", "gaussian" } },
    sigma = { 0.3, "standard deviation of a gaussian pixel", min = 1e-3 },
    latent = { 0, "size of the code; 0 is 20 for mlp, 2 for conv", min = 0 },
    epochs = { 5, "passes over the training images", min = 1 },
    batch = { 128, "images per step", min = 1 },
    lr = { 1e-3, "learning rate of Adam", min = 0 },
    objective = { "elbo", "what beta weighs", one_of = { "elbo", "beta_tc",
      "dip", "info", "free_bits", "cs" } },
    data = { "embedded", "embedded digits, shapes, or a folder with the MNIST "
      .. "files" },
    images = { 0, "training images to use, 0 for all", min = 0 },
    all = { false, "train on training and test images together" },
    compile = { false, "record the step and replay it: the same numbers" },
  },
  step = "epoch",
  quick = { epochs = 1, images = 1000, beta = { 1.0, 4.0 } },
}

-- Shapes of known factors: all to train on, two thousand to measure on, with
-- their factors.
local function load_shapes(k)
  local set = data.shapes {}
  local some = orrery.randperm(#set, { generator = orrery.Generator(1) })
  local train = k.images > 0 and set:subset(some:narrow(1, 1,
    math.min(k.images, #set))) or set
  local held, factors = set:get(some:narrow(1, 1, k.quick and 500 or 2000))
  return train, held, factors
end

-- What to train on, and what to measure on: images [N, 1, 28, 28] in [0, 1]
-- and their classes.
local function load_digits(k)
  local folder = k.data ~= "embedded" and k.data or nil
  local digits, why = data.mnist { dir = folder }
  if not digits then error(why, 0) end
  local train, held = k.all and digits.all or digits.train, digits.test
  if k.images > 0 and k.images < #train then
    train = train:subset(1, k.images)
  end
  if k.quick then held = held:subset(1, 500) end
  return train, held:everything()
end

-- What is minimised: beta weighs the KL term, or what stands for it.
local function objective_of(k, n, beta)
  local o = vae.objectives
  local kinds = {
    elbo = function() return o.elbo { beta = beta } end,
    beta_tc = function() return o.beta_tc { beta = beta, images = n } end,
    dip = function() return o.dip { off_diagonal = beta } end,
    info = function() return o.info { lambda = beta } end,
    free_bits = function() return o.free_bits { nats = beta } end,
    cs = function() return o.cauchy_schwarz { lambda = beta } end,
  }
  return kinds[k.objective]()
end

-- One step of training, as a function of the images; both terms as numbers.
-- Beta is read anew at each step: it may be changed at the prompt that Ctrl-C
-- opens, and counts as an argument of the recorded step.
local function stepper(k, t)
  local function update(x, beta)
    local loss, terms = t.model:loss(x, { generator = t.noise,
      objective = objective_of(k, #t.train, beta) })
    t.opt:zero_grad()
    loss:backward()
    t.opt:step()
    return terms.rec, terms.kl
  end
  if k.compile then update = orrery.compile(update) end
  return function(x)
    return orrery.tidy(function()
      local rec, kl = update(x, k.beta)
      return rec:item(), kl:item()
    end)
  end
end

-- One pass over the images, or what is left of it; `at` counts along.
local function epoch(k, log, t, at)
  for x in t.batches do
    local rec, kl = t.step(x)
    log:finite("loss", at.epoch, rec + k.beta * kl)
    at.seen, at.rec = at.seen + x:size(1), at.rec + rec * x:size(1)
    at.kl = at.kl + kl * x:size(1)
    log:progress((at.epoch - 1 + at.seen / #t.train) / k.epochs,
      ("epoch %d/%d  rec %.1f  kl %.2f"):format(at.epoch, k.epochs,
        at.rec / at.seen, at.kl / at.seen))
    if log:due() then log:checkpoint(at) end
  end
end

local function draw(k, log, model, held, labels, m)
  local pictures = vae.pictures
  log:image("reconstructions",
    pictures.reconstructions(model, held:narrow(1, 1, 32)))
  log:image("samples", pictures.samples(model))
  log:image("traversals",
    pictures.traversals(model, held:narrow(1, 1, 1), m.kl_per_latent))
  if model.latent == 2 and k.data ~= "shapes" then
    local names = {}
    for digit = 0, 9 do names[digit + 1] = tostring(digit) end
    log:image("codes", pictures.scatter(m.means, labels, names))
    log:image("plane", pictures.plane(model))
  end
  local rows, index = {}, {}
  for i, kl in ipairs(m.kl_per_latent) do
    rows[i], index[i] = { latent = i, kl = kl }, i
  end
  log:image("KL per latent", plot.bar { x = index, y = m.kl_per_latent,
    title = ("KL per latent, beta = %g"):format(k.beta), xlabel = "latent",
    ylabel = "nats" })
  log:table { title = "KL per latent", rows = rows,
    columns = { "latent", "kl" } }
end

-- The code against the known factors.
local function scores(means, factors)
  local dci = metrics.dci(means, factors)
  return { mig = metrics.mig(means, factors), sap = metrics.sap(means,
    factors), dci = dci.disentanglement }
end

local function build(k)
  local o = { likelihood = k.decoder, sigma = k.sigma }
  if k.latent > 0 then o.latent = k.latent end
  if k.data == "shapes" then
    o.latent, o.features, o.hidden = o.latent or 10, 32 * 32, { 256, 256 }
    return vae.mlp(o)
  end
  return vae[k.model](o)
end

function run.trial(k, log)
  local shapes = k.data == "shapes"
  local digits, held, labels = (shapes and load_shapes or load_digits)(k)
  local model = build(k)
  local t = { train = digits, model = model, noise = log:generator "noise",
    opt = optim.Adam(model:parameters(), { lr = k.lr }),
    batches = digits:batches(k.batch,
      { shuffle = true, generator = log:generator "order" }) }
  t.step = stepper(k, t)
  local at = log:resume({ model = model, opt = t.opt, batches = t.batches },
    { epoch = 1, seen = 0, rec = 0.0, kl = 0.0 })
  local m
  while at.epoch <= k.epochs do
    epoch(k, log, t, at)
    m = vae.measure(model, held)
    log:scalar("training reconstruction", at.epoch, at.rec / at.seen)
    log:scalar("training KL", at.epoch, at.kl / at.seen)
    log:scalar("held-out reconstruction", at.epoch, m.rec)
    log:scalar("held-out KL", at.epoch, m.kl)
    log:monitor(at.epoch, { kl_per_latent = m.kl_per_latent,
      active_units = m.active })
    log:image("held-out images", vae.pictures.reconstructions(model,
      held:narrow(1, 1, 8), 8), { step = at.epoch })
    at = { epoch = at.epoch + 1, seen = 0, rec = 0.0, kl = 0.0,
      train_rec = at.rec / at.seen, train_kl = at.kl / at.seen }
    log:checkpoint(at)
  end
  m = m or vae.measure(model, held)
  draw(k, log, model, held, labels, m)
  local result = { rate = m.kl, distortion = m.rec, elbo = m.elbo,
    active = m.active, latents = model.latent, train_rec = at.train_rec,
    train_kl = at.train_kl, kl_per_latent = m.kl_per_latent }
  if shapes then
    for name, score in pairs(scores(m.means, labels)) do
      result[name] = score
    end
  end
  return result
end

-- KL of the latents, largest first, one line per beta.
local function spectrum(trials)
  local series, seen = {}, {}
  for _, t in ipairs(trials) do
    if t.status == "done" and not seen[t.beta] then
      seen[t.beta] = true
      local kl = { table.unpack(t.kl_per_latent) }
      table.sort(kl, function(a, b) return a > b end)
      series[#series + 1] = { y = kl, name = ("beta %g"):format(t.beta) }
    end
  end
  return series
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out images, nats per image, one draw of the code. Active: "
    .. "latents whose posterior means vary by more than 0.01.")
  local columns = { "beta", { "rate", "rate (KL)" },
    { "distortion", "distortion (reconstruction)" }, { "elbo", "ELBO" },
    "active", { "latents", "of" } }
  if trials[1] and trials[1].data == "shapes" then
    table.move({ { "mig", "MIG" }, { "dci", "DCI" }, { "sap", "SAP" } }, 1, 3,
      #columns + 1, columns)
  end
  page:table(trials, columns)
  local rows = trials:by_setting()
  page:plot(plot.line { x = rows.rate, y = rows.distortion,
    labels = rows.beta, title = "Rate and distortion",
    xlabel = "rate: KL (nats)", ylabel = "distortion (nats)" },
    { caption = "Each point is one beta; the slope of the curve is -beta." })
  page:plot(plot.line { series = spectrum(trials), title = "KL per latent",
    xlabel = "latent, most used first", ylabel = "nats", ymin = 0 })
  page:heading "Images by beta"
  page:image_matrix { rows = "beta", images = { "reconstructions",
    "samples" } }
end

return run(...)
