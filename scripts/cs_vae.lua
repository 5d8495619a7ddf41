--[[ A VAE pulled to its prior by the Cauchy-Schwarz divergence instead of KL.

The loss is reconstruction + lambda D_CS(q(z | x) || N(0, I)) (Tran, Pantic &
Deisenroth 2022). Per latent D_CS pulls less than KL: half as much on the mean
of a posterior of the prior's width. It is no bound on log p(x). Expect: as
lambda grows the posterior means shrink, reconstruction rises.

Half a minute on 2 cores:

  orrery scripts/cs_vae.lua
  orrery scripts/cs_vae.lua divergence=cs,kl lambda=0.5,1,2,5,10 seed=1..3 -j 2

Measured (divergence=cs seed=1..3; nats, mean +- sd):

  lambda   reconstruction        KL          reach
     0.5    111.0 +- 0.5    33.4 +- 0.6   1.13 +- 0.02
     1      118.3 +- 0.5    23.2 +- 0.7   0.94 +- 0.02
     2      128.7 +- 0.7    15.6 +- 0.3   0.77 +- 0.01
     5      145.6 +- 0.3     8.7 +- 0.1   0.58 +- 0.00
    10      163.1 +- 0.1     5.3 +- 0.5   0.44 +- 0.00
]]
local orrery = require "orrery"
local data, optim, plot, vae = orrery.data, orrery.optim, orrery.plot,
  orrery.vae

local run = orrery.experiment {
  name = "cs_vae",
  knobs = {
    lambda = { { 0.5, 1.0, 2.0, 5.0, 10.0 }, "weight of the divergence",
      min = 0 },
    divergence = { "cs", "what pulls the posteriors", one_of = { "cs", "kl" } },
    latent = { 20, "size of the code", min = 1 },
    epochs = { 5, "passes over the training images", min = 1 },
    batch = { 128, "images per step", min = 1 },
    lr = { 1e-3, "learning rate of Adam", min = 0 },
    images = { 0, "training images to use, 0 for all", min = 0 },
    data = { "embedded", "embedded, or a folder with the MNIST files" },
  },
  quick = { epochs = 2, images = 1000, lambda = { 1.0, 10.0 } },
}

function run.trial(k, log)
  local digits = assert(data.mnist { dir = k.data, images = k.images,
    held = k.quick and 300 or 0 })
  local held = digits.test:everything()
  local model = vae.mlp { latent = k.latent }
  vae.train(log, model, {
    opt = optim.Adam(model, { lr = k.lr }), images = digits.train,
    epochs = k.epochs, batch = k.batch,
    objective = k.divergence == "cs"
      and vae.objectives.cauchy_schwarz { lambda = k.lambda }
      or vae.objectives.elbo { beta = k.lambda },
  })
  local m = vae.measure(model, held)
  log:image("reconstructions", vae.pictures.reconstructions(model,
    held:narrow(1, 1, 32)))
  log:image("samples", vae.pictures.samples(model))
  return { rec = m.rec, kl = m.kl, active = m.active,
    reach = m.means:abs():mean():item() }
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out images, nats per image. Reach: the mean of |mean of "
    .. "q(z | x)| over latents and images.")
  page:table(trials, { "divergence", "lambda", { "rec", "reconstruction" },
    { "kl", "KL" }, "reach", "active" })
  local rows = trials:by_setting()
  page:plot(plot.line { x = rows.lambda, y = rows.rec, log_x = true,
    title = "Reconstruction", xlabel = "lambda", ylabel = "nats" })
  page:heading "Images by lambda"
  page:image_matrix { rows = "lambda", images = { "reconstructions",
    "samples" } }
end

return run(...)
