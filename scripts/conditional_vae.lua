--[[ What is left for the code to say once the label is known?

A conditional VAE (Sohn, Lee & Yan 2015) shows encoder and decoder the digit's
class. Expect: its code no longer tells classes apart (neighbours name the
class of a plain VAE's code far better), and its images are of the class asked
for, which a classifier confirms.

A quarter of a minute for each model and seed on a core:

  orrery scripts/conditional_vae.lua
  orrery scripts/conditional_vae.lua latent=2,10 seed=1..3 -j 2

Measured (seed=1..3, 2 latents; mean +- sd; sharpness over that of the images,
a classifier that is right for 96 % of them):

                              plain            conditional
  ELBO, nats              -161.3 +- 0.4      -136.5 +- 0.2
  neighbours right          0.60 +- 0.04       0.17 +- 0.01
  samples as asked          0.10 +- 0.01       0.99 +- 0.01
  class kept in rec.        0.57 +- 0.05       0.96 +- 0.00
  sharpness of samples      0.06 +- 0.00       0.12 +- 0.00
  of reconstructions        0.08 +- 0.01       0.13 +- 0.00
]]
local orrery = require "orrery"
local data, metrics, nn = orrery.data, orrery.metrics, orrery.nn
local optim, plot, vae = orrery.optim, orrery.plot, orrery.vae

local run = orrery.experiment {
  name = "conditional_vae",
  knobs = {
    model = { { "plain", "conditional" }, "does it see the class",
      one_of = { "plain", "conditional" } },
    latent = { 2, "size of the code", min = 1 },
    epochs = { 30, "passes over the training images", min = 1 },
    batch = { 128, "images per step", min = 1 },
    lr = { 1e-3, "learning rate of Adam", min = 0 },
    images = { 0, "training images to use, 0 for all", min = 0 },
    data = { "embedded", "embedded, or a folder with the MNIST files" },
  },
  quick = { epochs = 2, images = 1000 },
}

-- A classifier of digits that never saw what it judges: what class an image is
-- of, from 1.
local function classifier(train, epochs)
  local half = { stride = 2, padding = 2 }
  local net = nn.Sequential { nn.Conv2d(1, 16, 5, half), nn.ReLU(),
    nn.Conv2d(16, 32, 5, half), nn.ReLU(), nn.Flatten(),
    nn.Linear(32 * 7 * 7, 10) }
  local opt = optim.Adam(net, { lr = 2e-3 })
  for _ = 1, epochs do
    for x, y in train:batches(50, { shuffle = true, seed = 1 }) do
      orrery.tidy(function()
        opt:minimize(nn.functional.cross_entropy(net(x), y))
      end)
    end
  end
  return function(x)
    return orrery.no_grad(function() return net(x):argmax { axis = 2 } end)
  end
end

local function share(a, b) return a:eq(b):float():mean():item() end

function run.trial(k, log)
  local digits = assert(data.mnist { dir = k.data, images = k.images,
    held = k.quick and 300 or 0 })
  local images, labels = digits.test:everything()
  local model = k.model == "plain" and vae.mlp { latent = k.latent }
    or vae.Conditional { latent = k.latent }
  local function given(y)
    return k.model == "plain" and model or model:given(y)
  end
  vae.train(log, model, {
    opt = optim.Adam(model, { lr = k.lr }), images = digits.train,
    epochs = k.epochs, batch = k.batch,
    loss = function(x, y, c) return given(y):loss(x, c) end,
  })
  local function measure(x, y)
    return vae.measure(given(y), x, { batch = x:size(1) })
  end
  local m = measure(images, labels)
  -- Neighbours are sought among the codes of images it was trained on.
  local known_x, known_y = digits.train:subset(1, math.min(4000,
    #digits.train)):everything()
  local knn = metrics.knn_accuracy(measure(known_x, known_y).means, known_y,
    m.means, labels)
  local wanted = orrery.range(1, 10, { dtype = "int64" })
    :tile { k.quick and 20 or 100 }
  local drawn, back = orrery.no_grad(function()
    return given(wanted):sample(#wanted, orrery.Generator(1))
      :reshape(-1, 1, 28, 28), given(labels):reconstruct(images)
      :reshape(-1, 1, 28, 28)
  end)
  log:image("samples", plot.grid(drawn:narrow(1, 1, 200), { columns = 10 }))
  log:image("reconstructions", vae.pictures.reconstructions(
    given(labels:narrow(1, 1, 16)), images:narrow(1, 1, 16)))
  if k.latent == 2 then
    log:image("codes", vae.pictures.scatter(m.means, labels))
  end
  local judge = classifier(digits.train, k.quick and 5 or 10)
  local seen = judge(images)
  return { elbo = m.elbo, rec = m.rec, kl = m.kl, knn = knn,
    judged = share(seen, labels), obeyed = share(judge(drawn), wanted),
    kept = share(judge(back), seen), sharp = metrics.sharpness(drawn, images),
    back_sharp = metrics.sharpness(back, images) }
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out images, nats per image. Neighbours: accuracy of the five "
    .. "nearest codes. As asked: samples in which a classifier sees the class "
    .. "asked for; a plain VAE cannot be asked, so a tenth is chance. Kept: "
    .. "reconstructions in which it sees what it sees in the image. Sharp: "
    .. "variance of the Laplacian over that of the images, of samples and of "
    .. "reconstructions.")
  page:table(trials, { "model", "latent", { "elbo", "ELBO" },
    { "rec", "reconstruction" }, { "kl", "KL" }, { "knn", "neighbours" },
    { "obeyed", "as asked" }, "kept", { "sharp", "sharp, samples" },
    { "back_sharp", "sharp, reconstructed" }, { "judged", "classifier" } })
  local rows = trials:by_setting()
  page:plot(plot.bar { x = rows.model, y = rows.knn,
    title = "Do codes tell classes apart?", ylabel = "accuracy" })
  page:heading "Images"
  page:image_matrix { rows = "model", images = { "samples",
    "reconstructions" } }
end

return run(...)
