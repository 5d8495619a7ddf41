--[[ What is left for the code to say once the label is known?

A conditional VAE (Sohn, Lee & Yan 2015) shows encoder and decoder the digit's
class. Expect: its code no longer tells classes apart (neighbours name the
class of a plain VAE's code far better), and its images are of the class asked
for, which a classifier confirms.

Half a minute on 2 cores:

  orrery scripts/conditional_vae.lua
  orrery scripts/conditional_vae.lua latent=2,10 epochs=10 seed=1..3 -j 2
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
    epochs = { 10, "passes over the training images", min = 1 },
    batch = { 128, "images per step", min = 1 },
    lr = { 1e-3, "learning rate of Adam", min = 0 },
    images = { 0, "training images to use, 0 for all", min = 0 },
    data = { "embedded", "embedded, or a folder with the MNIST files" },
  },
  quick = { epochs = 2, images = 1000 },
}

-- A classifier of digits that never saw what it judges.
local function classifier(train, epochs)
  local net = nn.Sequential { nn.Flatten(), nn.Linear(784, 200), nn.ReLU(),
    nn.Linear(200, 10) }
  local opt = optim.Adam(net, { lr = 2e-3 })
  for _ = 1, epochs do
    for x, y in train:batches(100, { shuffle = true, seed = 1 }) do
      orrery.tidy(function()
        opt:minimize(nn.functional.cross_entropy(net(x), y))
      end)
    end
  end
  return function(x)
    return orrery.no_grad(function() return net(x):argmax { axis = 2 } end)
  end
end

-- How often neighbours name the class of a held-out code.
local function separability(codes, labels)
  local n = codes:size(1)
  local cut = n * 4 // 5
  return metrics.knn_accuracy(codes:narrow(1, 1, cut),
    labels:narrow(1, 1, cut), codes:narrow(1, cut + 1, n - cut),
    labels:narrow(1, cut + 1, n - cut))
end

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
  local m = vae.measure(given(labels), images, { batch = images:size(1) })
  local wanted = orrery.range(1, 10, { dtype = "int64" }):tile { 20 }
  local drawn = orrery.no_grad(function()
    return given(wanted):sample(200, orrery.Generator(1)):reshape(200, 1, 28,
      28)
  end)
  log:image("samples", plot.grid(drawn, { columns = 10 }))
  log:image("reconstructions", vae.pictures.reconstructions(
    given(labels:narrow(1, 1, 16)), images:narrow(1, 1, 16)))
  if k.latent == 2 then
    log:image("codes", vae.pictures.scatter(m.means, labels))
  end
  local judge = classifier(digits.train, k.quick and 5 or 3)
  return { elbo = m.elbo, rec = m.rec, kl = m.kl,
    knn = separability(m.means, labels),
    judged = judge(images):eq(labels):float():mean():item(),
    obeyed = judge(drawn):eq(wanted):float():mean():item() }
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out images, nats per image. Neighbours: accuracy of the five "
    .. "nearest codes. As asked: samples in which a classifier sees the class "
    .. "asked for; a plain VAE cannot be asked, so a tenth is chance.")
  page:table(trials, { "model", { "elbo", "ELBO" },
    { "rec", "reconstruction" }, { "kl", "KL" }, { "knn", "neighbours" },
    { "obeyed", "as asked" }, { "judged", "classifier" } })
  local rows = trials:by_setting()
  page:plot(plot.bar { x = rows.model, y = rows.knn,
    title = "Do codes tell classes apart?", ylabel = "accuracy" })
  page:heading "Images"
  page:image_matrix { rows = "model", images = { "samples",
    "reconstructions" } }
end

return run(...)
