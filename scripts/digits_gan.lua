--[[ How close do a GAN's digits and clothes come to real ones, and to a VAE's?

DCGANs (Radford et al. 2016) of 28 x 28 images, measured as they learn: FID
under Orrery's own extractor, precision and recall, sharpness against real
images. Expect: a GAN's FID falls below that of a VAE of the same data, its
images are as sharp as real ones where the VAE's are blurred; a conditional GAN
draws the class it is asked for.

models: ns (non-saturating), wgan_gp (critic_steps updates of D for one),
conditional (ns, both players told the class), vae. Each about a minute on one
core that is free, wgan_gp one and a half:

  orrery scripts/digits_gan.lua
  orrery scripts/digits_gan.lua data=fashion model=ns,vae seed=1..10
  orrery scripts/digits_gan.lua model=conditional steps=3000

Measured on clothes with the settings below, mean +- standard deviation (range)
over seeds, 2,000 samples each, one thread:

  orrery scripts/digits_gan.lua data=fashion model=ns,vae seed=1..10
  orrery scripts/digits_gan.lua data=fashion model=wgan_gp seed=1..3

           seeds  FID                     sharpness       precision  recall
  ns       10     31.1 +- 1.6 (29-34)     0.84 +- 0.04    0.47       0.64
  wgan_gp  3      29.6 +- 3.6 (27-34)     0.91 +- 0.01    0.44       0.66
  vae      10     61.6 +- 2.4 (59-66)     0.195 +- 0.005  0.54       0.42

With each of the ten seeds the GAN's FID is below the VAE's and its images are
sharper; the VAE's precision is ahead. As many training images are 1.4 away.
None is at its very end, but all are past the steep part. FID on the way:

  ns, wgan_gp at 500, 1,000, 1,500, 2,000    126, 52, 37, 31; 137, 60, 40, 30
  vae at 1,500, 3,000, 4,500, 6,000          98, 74, 66, 62

On digits, two seeds, a conditional GAN draws what it is asked for in 92 % of
its samples (FID 13 and 10).
]]
local orrery = require "orrery"
local data, gan, metrics = orrery.data, orrery.gan, orrery.metrics
local plot, vae = orrery.plot, orrery.vae

local run = orrery.experiment {
  name = "digits_gan",
  knobs = {
    model = { { "ns", "conditional", "vae" }, "what learns", one_of = { "ns",
      "wgan_gp", "conditional", "vae" } },
    data = { "digits", "digits, fashion, or a folder with the MNIST files" },
    steps = { 2000, "of the generator", min = 1 },
    batch = { 64, "images a step of the GAN", min = 2 },
    vae_steps = { 6000, "of the VAE, 128 images each", min = 1 },
    latent = { 64, "size of the GAN's code; the VAE has 20", min = 1 },
    channels = { 16, "of the widest map; more at the smaller ones", min = 1 },
    lr = { 1e-3, "learning rate of Adam", min = 0 },
    critic_steps = { 3, "updates of D for one of G, wgan_gp", min = 1 },
    images = { 8000, "training images, 0 for all", min = 0 },
    held = { 2000, "samples measured, and held-out images", min = 100 },
    frames = { 6, "marks along the way", min = 1 },
    compile = { true, "record the step and replay it: the same numbers" },
  },
  step = "step",
  by = "fid",
  quick = { steps = 12, vae_steps = 12, batch = 16, channels = 4,
    images = 400, held = 100, frames = 2, model = { "conditional", "vae" } },
}

local function load(k)
  local o = { images = k.images, held = k.held }
  local set, why
  if k.data == "fashion" then
    set, why = data.fashion(o)
  else
    o.dir = k.data ~= "digits" and k.data or nil
    set, why = data.mnist(o)
  end
  if not set then error(why, 0) end
  return set.train, set.test:everything()
end

-- A player of the trial: what has a state, a step on images of [0, 1] and
-- their classes, and samples of [0, 1] for classes [n].
local function game(k, log)
  local told = k.model == "conditional"
  local critic = k.model == "wgan_gp"
  local rates = { lr = k.lr, betas = { critic and 0 or 0.5, 0.9 } }
  local g = gan.Game {
    generator = gan.dcgan_generator { latent = k.latent + (told and 10 or 0),
      channels = k.channels },
    discriminator = gan.dcgan_discriminator { channels = k.channels,
      colours = told and 11 or 1, batch_norm = not critic },
    latent = k.latent, loss = critic and "wgan" or "non_saturating",
    critic_steps = critic and k.critic_steps or 1,
    parts = critic and { gan.penalty("gp", 10) }
      or told and { gan.conditional(10) } or {},
    optimizers = { generator = rates, discriminator = rates }, ema = 0.99,
    compile = k.compile, stream = log:generator "noise",
  }
  return { object = g, batch = k.batch * g.critic_steps,
    step = function(x, y)
      local n = g:step(x * 2 - 1, y)
      return { loss = n.generator, D = n.discriminator,
        ["D is right"] = n.real_right and (n.real_right + n.fake_right) / 2 }
    end,
    before = function() g:before() end,
    look = function(x, y) return g:measure(x * 2 - 1, told and y or nil) end,
    sample = function(y, random)
      local x = g:sample(y:size(1), { y = told and y or nil, average = true,
        generator = random })
      return (x + 1) / 2
    end }
end

local function variational(k, log)
  local model = vae.mlp { latent = 20 }
  local opt = orrery.optim.Adam(model, { lr = 1e-3 })
  local noise = log:generator "noise"
  local object = { state_dict = function()
    return { model = model:state_dict(), opt = opt:state_dict() }
  end, load_state_dict = function(_, state)
    model:load_state_dict(state.model)
    opt:load_state_dict(state.opt)
  end }
  local function update(x)
    local loss, terms = model:loss(x, { generator = noise })
    opt:minimize(loss)
    return { loss = loss, rec = terms.rec, kl = terms.kl }
  end
  return { object = object, step = k.compile and orrery.compile(update)
    or update, batch = math.min(128, k.images > 0 and k.images or 128),
    sample = function(y, random)
      local n = y:size(1)
      return orrery.no_grad(function()
        return model:sample(n, random):reshape(n, 1, 28, 28)
      end)
    end }
end

-- Every class in turn, n in all.
local function asked(n)
  return orrery.range(0, n - 1, { dtype = "int64" }):remainder(10) + 1
end

-- Which of the extractor's classes the data's are.
local function kinds(k) return k.data == "fashion" and "clothes" or "digits" end

-- The samples of one mark, measured against real images.
local function measured(k, t, held, real)
  local y = asked(k.held)
  local x = t.sample(y, orrery.Generator(2))
  local e = metrics.extractor()
  local features = e:features(x)
  local none = { resamples = 0, extractor = e }
  local pr = metrics.precision_recall(real, features, none)
  local said = e:classify(x, kinds(k))
  return { fid = metrics.fid(real, features, none),
    precision = pr.precision.value, recall = pr.recall.value,
    sharpness = metrics.sharpness(x, held),
    coverage = metrics.class_modes(said, 10).modes / 10,
    obeyed = said:eq(y):double():mean():item() }, x, features
end

-- The row of the table, and the samples it is about.
local function results(k, t, train, held, real)
  local m, x, features = measured(k, t, held, real)
  local e = metrics.extractor()
  local none = { resamples = 0, extractor = e }
  local fid = metrics.fid(real, features, { extractor = e })
  local others = e:features((train:get(orrery.range(1, math.min(k.held,
    #train), { dtype = "int64" }))))
  return { fid = fid.value, fid_low = fid.low, fid_high = fid.high,
    fid_bias = fid.bias, n = fid.n, extractor = fid.extractor,
    hash = fid.hash, floor = metrics.fid(real, others, none).value,
    kid = metrics.kid(real, features, none).value,
    is = metrics.inception_score(x, none).value, precision = m.precision,
    recall = m.recall, sharpness = m.sharpness,
    obeyed = k.model == "conditional" and m.obeyed or nil,
    alike = metrics.ms_ssim_diversity(x, { resamples = 0 }).value }, x
end

function run.trial(k, log)
  local train, held, labels = load(k)
  local e = metrics.extractor()
  local real = e:features(held)
  local t = (k.model == "vae" and variational or game)(k, log)
  local film = gan.pictures.ImageFilm()
  local steps = k.model == "vae" and k.vae_steps or k.steps
  log:steps {
    steps = steps, every = math.max(1, steps // k.frames),
    objects = { player = t.object, film = film },
    batches = train:batches(t.batch, { shuffle = true, drop_last = true,
      generator = log:generator "order" }),
    update = t.step,
    before = t.before,
    mark = function(step)
      local m = measured(k, t, held, real)
      log:scalar("FID", step, m.fid.value)
      for _, name in ipairs { "precision", "recall", "sharpness" } do
        log:scalar(name, step, m[name])
      end
      if k.model == "conditional" then log:scalar("obeyed", step, m.obeyed) end
      if t.look then
        local n = math.min(t.batch, held:size(1))
        local seen = t.look(held:narrow(1, 1, n), labels:narrow(1, 1, n))
        seen.mode_coverage = m.coverage
        log:monitor(step, seen)
      end
      film:add(step, t.sample(asked(50), orrery.Generator(1)))
      return ("FID %.4g"):format(m.fid.value)
    end,
  }
  log:image("film", film:figure { columns = 10 })
  local result, x = results(k, t, train, held, real)
  log:image("samples", plot.grid(x:narrow(1, 1, 100), { columns = 10 }))
  result.judged = e:classify(held, kinds(k)):eq(labels):double():mean():item()
  return result
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Samples against as many held-out images, with the features of "
    .. "Orrery's own extractor: such distances are comparable among "
    .. "themselves only. Of real images: what as many training images are "
    .. "away. Sharpness: of the Laplacian, 1 is as sharp as real. "
    .. "As asked: samples in which a classifier sees the class asked for.")
  local columns = { "model", { "fid", "FID" },
    { "floor", "of real images" }, "precision", "recall",
    "sharpness", { "is", "Inception score" }, { "alike", "MS-SSIM" } }
  for _, t in ipairs(trials) do
    if t.obeyed then
      columns[#columns + 1] = { "obeyed", "as asked" }
      break
    end
  end
  page:table(trials, columns)
  local rows = trials:by_setting()
  page:plot(plot.bar { x = rows.model, y = rows.fid, ylabel = "FID",
    title = "Fréchet distance to held-out images" })
  page:plot(plot.bar { x = rows.model, y = rows.sharpness,
    ylabel = "of real images'", title = "Sharpness" })
  page:heading "Samples"
  page:image_matrix { rows = "model", images = { "samples", "film" } }
end

return run(...)
