--[[ What does beta buy, and what does it cost?

A VAE minimises reconstruction + beta * KL (Higgins et al. 2017). Expect: as
beta grows the code gets cheaper (KL falls), the images get blurrier
(reconstruction rises) and the KL gathers in fewer latents. On the plane of
rate (KL) and distortion (reconstruction) the sweep draws one curve, and its
slope at each point is -beta. Half a minute on 2 cores with the 8,000 digits
that come with Orrery:

  orrery scripts/beta_sweep.lua
  orrery scripts/beta_sweep.lua beta=1,4 seed=1..3 epochs=10
  orrery scripts/beta_sweep.lua model=conv data=FOLDER all=true beta=1 epochs=30

With the two latents of model=conv about every second seed keeps one of them
asleep (KL near 3.4) for the first epochs: compare several.

`objective` says what beta weighs: the KL term (elbo), its total correlation
(beta_tc, factor), how far it is from `nats` that grow (capacity), covariances
of the codes (dip), their discrepancy from the prior (info), the Cauchy-Schwarz
divergence (cs); or the nats each latent has for nothing (free_bits). With
`anneal` beta rises over the first quarter of the steps, or of each quarter.

On shapes whose shape, scale, rotation and place are known the codes are also
scored against these factors. Expect MIG to be higher for beta = 4 than for 1
after 4,000 updates (a minute each):

  orrery scripts/beta_sweep.lua data=shapes beta=1,4 epochs=54 seed=1..10
  orrery scripts/beta_sweep.lua data=shapes objective=beta_tc beta=4 epochs=54 \
    seed=1..10
  orrery scripts/beta_sweep.lua data=shapes objective=factor beta=10 epochs=54

Measured (seed=1..10, mean +- sd): MIG is higher for 4 in eight seeds of ten, by
0.015 to 0.19, and lower by 0.02 in two; TC is lower in every one, by 2.4 nats
or more.

  beta   MIG              DCI              SAP              TC, nats
  1      0.066 +- 0.038   0.316 +- 0.045   0.142 +- 0.082   3.60 +- 0.59
  4      0.143 +- 0.060   0.488 +- 0.062   0.243 +- 0.093   0.67 +- 0.18

With objective=beta_tc and beta=4 MIG is 0.250 +- 0.025 (0.20 to 0.29), above
the plain VAE's in ten seeds of ten, TC 0.69 +- 0.11 nats. ]]
local orrery = require "orrery"
local data, metrics, optim = orrery.data, orrery.metrics, orrery.optim
local plot, vae = orrery.plot, orrery.vae

local run = orrery.experiment {
  name = "beta_sweep",
  knobs = {
    beta = { { 0.5, 1.0, 4.0, 10.0 }, "weight of the KL term", min = 0 },
    objective = { "elbo", "what beta weighs", one_of = { "elbo", "beta_tc",
      "factor", "capacity", "dip", "info", "free_bits", "cs" } },
    anneal = { "none", "how beta comes to its value", one_of = { "none",
      "warm_up", "cyclic" } },
    nats = { 25.0, "KL that objective=capacity grows to", min = 0 },
    model = { "mlp", "encoder and decoder", one_of = { "mlp", "conv",
      "resnet" } },
    decoder = { "bernoulli", "law of a pixel given the code",
      one_of = { "bernoulli", "gaussian" } },
    sigma = { 0.3, "standard deviation of a gaussian pixel", min = 1e-3 },
    latent = { 0, "size of the code; 0 is 2 for conv, 10 for shapes, else 20",
      min = 0 },
    epochs = { 5, "passes over the training images", min = 1 },
    batch = { 128, "images per step", min = 1 },
    lr = { 1e-3, "learning rate of Adam", min = 0 },
    data = { "embedded", "embedded digits, shapes, or a folder with the MNIST "
      .. "files" },
    images = { 0, "training images to use, 0 for all", min = 0 },
    all = { false, "train on training and test images together" },
    compile = { false, "record the step and replay it: the same numbers" },
  },
  step = "epoch",
  quick = { epochs = 1, images = 1000, beta = { 1.0, 4.0 } },
}

-- Shapes of known factors, all of them to measure against; two thousand as the
-- held-out images are, though they are trained on too.
local function load_shapes(k)
  local set = data.shapes {}
  local some = orrery.randperm(#set, { generator = orrery.Generator(1) })
  local train = k.images > 0 and set:subset(some:narrow(1, 1,
    math.min(k.images, #set))) or set
  return train, (set:get(some:narrow(1, 1, k.quick and 500 or 2000))), set
end

-- What to train on, and what to measure on: images [N, 1, 28, 28] in [0, 1]
-- and their classes.
local function load_digits(k)
  local digits = assert(data.mnist { dir = k.data,
    held = k.quick and 500 or 0 })
  local train = k.all and digits.all or digits.train
  if k.images > 0 and k.images < #train then
    train = train:subset(1, k.images)
  end
  return train, digits.test:everything()
end

local function latents(k)
  if k.latent > 0 then return k.latent end
  return k.model == "conv" and 2 or k.data == "shapes" and 10 or 20
end

local function build(k)
  local o = { likelihood = k.decoder, sigma = k.sigma, latent = latents(k) }
  if k.data == "shapes" then
    if k.model == "mlp" then o.features, o.hidden = 32 * 32, { 256, 256 } end
    if k.model == "resnet" then o.size = 32 end
  end
  return vae[k.model](o)
end

-- What is minimised, as a function of beta, which may change with the step.
local function objective_of(k, images, steps)
  local o, s = vae.objectives, vae.schedules
  local factor = k.objective == "factor"
    and vae.Factor { latent = latents(k), hidden = 256 }
  local kinds = {
    elbo = function(beta) return o.elbo { beta = beta } end,
    beta_tc = function(beta) return o.beta_tc { beta = beta, images = images }
    end,
    factor = function(beta)
      factor.gamma = beta
      return factor
    end,
    capacity = function(beta)
      return o.capacity { gamma = beta,
        nats = s.warm_up(math.max(1, steps // 2), { to = k.nats }) }
    end,
    dip = function(beta) return o.dip { off_diagonal = beta } end,
    info = function(beta) return o.info { lambda = beta } end,
    free_bits = function(beta) return o.free_bits { nats = beta } end,
    cs = function(beta) return o.cauchy_schwarz { lambda = beta } end,
  }
  return kinds[k.objective], factor
end

-- Beta is read anew at each step: it may be changed at the prompt that Ctrl-C
-- opens.
local function beta_of(k, steps)
  local quarter = math.max(1, steps // 4)
  local share = k.anneal == "warm_up" and vae.schedules.warm_up(quarter)
    or k.anneal == "cyclic" and vae.schedules.cyclic(quarter)
  return function(step) return share and k.beta * share(step) or k.beta end
end

local function train(k, log, model, images, held)
  local steps = k.epochs * ((#images + k.batch - 1) // k.batch)
  local objective, factor = objective_of(k, #images, steps)
  -- FactorVAE's discriminator has images and a step of its own.
  local others = factor and images:batches(k.batch, { shuffle = true,
    drop_last = true, generator = log:generator "others" })
  local noise = factor and log:generator "discriminator"
  vae.train(log, model, {
    opt = optim.Adam(model, { lr = k.lr }), images = images,
    epochs = k.epochs, batch = k.batch, compile = k.compile,
    beta = beta_of(k, steps),
    objects = factor and { others = others,
      discriminator = factor.discriminator, critic = factor.optimizer },
    loss = function(x, _, c)
      return model:loss(x, { generator = c.generator, step = c.step,
        objective = objective(c.beta) })
    end,
    after = factor and function()
      factor:update(model, others() or others(), { generator = noise })
    end,
    mark = function(epoch)
      local m = vae.measure(model, held)
      log:scalar("held-out reconstruction", epoch, m.rec)
      log:scalar("held-out KL", epoch, m.kl)
      log:monitor(epoch, { kl_per_latent = m.kl_per_latent,
        active_units = m.active })
      log:image("held-out images", vae.pictures.reconstructions(model,
        held:narrow(1, 1, 8), 8), { step = epoch })
    end,
  })
end

local function draw(k, log, model, held, labels, m)
  local pictures = vae.pictures
  log:image("reconstructions",
    pictures.reconstructions(model, held:narrow(1, 1, 32)))
  log:image("samples", pictures.samples(model))
  log:image("traversals",
    pictures.traversals(model, held:narrow(1, 1, 1), m.kl_per_latent))
  log:image("walk", pictures.film(model, held:narrow(1, 1, 4),
    m.kl_per_latent, { frames = k.quick and 4 or 16 }))
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

function run.trial(k, log)
  local shapes = k.data == "shapes"
  local images, held, more = (shapes and load_shapes or load_digits)(k)
  local model = build(k)
  train(k, log, model, images, held)
  local m = vae.measure(model, held)
  draw(k, log, model, held, more, m)
  local result = { rate = m.kl, distortion = m.rec, elbo = m.elbo,
    active = m.active, latents = model.latent,
    kl_per_latent = m.kl_per_latent }
  if shapes then
    local scores = vae.disentanglement(model, more,
      k.quick and { codes = 500, votes = 40 } or {})
    for name, score in pairs(scores) do result[name] = score end
  else
    local drawn = orrery.no_grad(function()
      return model:sample(500, orrery.Generator(1))
    end)
    result.sharpness = metrics.sharpness(drawn:reshape(500, 1, 28, 28), held)
  end
  return result
end

-- A curve for each objective.
local function curves(rows)
  local series, by = {}, {}
  for _, row in ipairs(rows) do
    local s = by[row.objective]
    if not s then
      s = { name = row.objective, x = {}, y = {}, labels = {} }
      by[row.objective], series[#series + 1] = s, s
    end
    local n = #s.x + 1
    s.x[n], s.y[n], s.labels[n] = row.rate, row.distortion, row.beta
  end
  return series
end

-- How steep the curve is between neighbours: between -beta of the one and of
-- the other where both are trained to their end.
local function slopes(s)
  local parts = {}
  for i = 2, #s.x do
    parts[i - 1] = ("%.2f from beta %g to %g"):format((s.y[i] - s.y[i - 1])
      / (s.x[i] - s.x[i - 1]), s.labels[i - 1], s.labels[i])
  end
  return ("Slopes of %s: %s."):format(s.name, table.concat(parts, ", "))
end

-- KL of the latents, largest first, one line per beta.
local function spectrum(trials)
  local series, seen = {}, {}
  for _, t in ipairs(trials) do
    local name = ("%s beta %g"):format(t.objective, t.beta)
    if t.status == "done" and not seen[name] then
      seen[name] = true
      local kl = { table.unpack(t.kl_per_latent) }
      table.sort(kl, function(a, b) return a > b end)
      series[#series + 1] = { y = kl, name = name }
    end
  end
  return series
end

local of_shapes = { { "mig", "MIG" }, { "dci", "DCI" }, { "sap", "SAP" },
  { "factor_vae", "FactorVAE score" }, { "beta_vae", "beta-VAE score" },
  { "correlation", "TC" } }

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out images, nats per image, one draw of the code. Active: "
    .. "latents whose posterior means vary by more than 0.01. Sharp: variance "
    .. "of the Laplacian of samples over that of the images. TC: total "
    .. "correlation of the codes.")
  local rows = trials:by_setting()
  local series = curves(rows)
  local columns = { "beta", { "rate", "rate (KL)" },
    { "distortion", "distortion (reconstruction)" }, { "elbo", "ELBO" },
    "active", { "latents", "of" } }
  if #series > 1 then table.insert(columns, 1, "objective") end
  local more = rows.mig and of_shapes or { { "sharpness", "sharp" } }
  table.move(more, 1, #more, #columns + 1, columns)
  page:table(trials, columns)
  page:plot(plot.line { series = series, title = "Rate and distortion",
    xlabel = "rate: KL (nats)", ylabel = "distortion (nats)" },
    { caption = "Each point is one beta; the slope of the curve is -beta." })
  for _, s in ipairs(series) do
    if #s.x > 1 then page:text(slopes(s)) end
  end
  page:plot(plot.line { series = spectrum(trials), title = "KL per latent",
    xlabel = "latent, most used first", ylabel = "nats", ymin = 0 })
  page:heading "Images by beta"
  local rows_by = #series == 1 and "beta" or nil
  page:image_matrix { rows = rows_by, images = { "reconstructions",
    "samples" } }
  page:image_matrix { rows = rows_by, images = { "traversals", "walk" } }
end

return run(...)
