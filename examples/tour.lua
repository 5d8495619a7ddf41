-- %% [markdown]
-- # A tour of Orrery
-- Tensors, gradients, a picture, and a small variational autoencoder that
-- learns to draw digits. This page was written by `orrery replay
-- examples/tour.lua`; the file is plain Lua, so `orrery examples/tour.lua`
-- runs it as well. At the prompt, `orrery`, every line of it can be typed.

-- %%
local orrery = require "orrery"
local data, optim, plot, vae = orrery.data, orrery.optim, orrery.plot,
  orrery.vae
local replay, show = orrery.replay, orrery.show
local set = replay.settings {
  images = 8000, epochs = 3,
  quick = { images = 2000, epochs = 1 },
}

-- %% [markdown]
-- ## Tensors
-- A tensor is an array of numbers of one type. Arithmetic works element by
-- element and stretches axes of size 1; axes and indices count from 1, and -1
-- is the last. The value that a cell ends with is shown below it.

-- %%
local a = orrery.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
local b = a * 10 + orrery.tensor { 0.5, 0, -0.5 }
print(b)
print("second row, from its second column:", b[{ 2, { 2, 3 } }])
a:matmul(a:transpose(1, 2))

-- %% [markdown]
-- ## Gradients
-- What is computed from a tensor that requires a gradient can be
-- differentiated, and the gradient is a tensor again. So the second derivative
-- of $f(x) = e^{-x/4} \sin x$ is the gradient of a gradient:
--
-- $$ f'(x) = e^{-x/4}\left(\cos x - \tfrac14 \sin x\right), \qquad
-- f''(x) = e^{-x/4}\left(-\tfrac{15}{16} \sin x - \tfrac12 \cos x\right). $$

-- %% A function and its derivatives
local x = orrery.linspace(0, 12, 200, { dtype = "float64",
  requires_grad = true })
local f = (-x / 4):exp() * x:sin()
local df = orrery.grad(f:sum(), { x }, { create_graph = true })[1]
local ddf = orrery.grad(df:sum(), { x })[1]

local by_hand = (-x / 4):exp() * (x:sin() * (-15 / 16) - x:cos() / 2)
replay.check("largest error of f''", (ddf - by_hand):abs():max(), 0,
  { abs = 1e-12 })
plot.line { title = "a function and its derivatives", xlabel = "x", series = {
  { x = x:detach(), y = f:detach(), name = "f" },
  { x = x:detach(), y = df:detach(), name = "f'" },
  { x = x:detach(), y = ddf, name = "f''" },
} }

-- %% [markdown]
-- ## Digits
-- Orrery comes with handwritten digits, so nothing needs a network.

-- %%
local digits = assert(data.mnist {})
local train = digits.train:subset(1, math.min(set.images, #digits.train))
local held = digits.test:everything()
show(held:narrow(1, 1, 32), { columns = 16 })

-- %% [markdown]
-- ## A variational autoencoder
-- An encoder gives each image $x$ a Gaussian $q(z \mid x)$ over ten numbers, a
-- decoder makes an image of a draw of it, and both are trained on what the
-- image costs in nats (Kingma & Welling 2014):
--
-- $$ -\log p(x) \;\le\; \underbrace{-E_q \log p(x \mid z)}_{\text{distortion}}
-- + \underbrace{\mathrm{KL}(q(z \mid x) \,\|\, N(0, I))}_{\text{rate}}. $$
--
-- The loop below is all there is to it.

-- %% Training
local model = vae.mlp { latent = 10, hidden = 200 }
local opt = optim.Adam(model, { lr = 2e-3 })
local losses = {}
for _ = 1, set.epochs do
  for images in train:batches(100, { shuffle = true }) do
    local loss = model:loss(images)
    opt:minimize(loss)
    losses[#losses + 1] = loss:item()
  end
end
print(("%d steps: from %.0f to %.0f nats per image"):format(#losses,
  losses[1], losses[#losses]))
plot.line { y = losses, title = "training", xlabel = "step",
  ylabel = "nats per image" }

-- %% [markdown]
-- Held-out images tell what was learnt: untrained, every one of the 784 pixels
-- costs $\log 2$, 543 nats in all.

-- %% Measured on held-out images
local m = vae.measure(model, held)
replay.check("bound on held-out images, nats", -m.elbo, 160,
  { relation = "<", quick = { wanted = 400 } })
replay.check("rate is less than the distortion", m.kl, m.rec,
  { relation = "<" })
vae.pictures.reconstructions(model, held:narrow(1, 1, 16))

-- %% [markdown]
-- Above: digits and what comes back from ten numbers each. Below: what the
-- decoder makes of codes drawn from $N(0, I)$, which no encoder has seen.

-- %%
vae.pictures.samples(model, 48)

-- %% [markdown]
-- ## Further
-- - `orrery` is the prompt: Tab completes, `?name` explains, Ctrl-C stops
--   whatever runs and keeps what you have.
-- - `orrery scripts/beta_sweep.lua beta=1,4,10` trains this model with several
--   weights of the rate and writes a report.
-- - `orrery help --html reference.html` writes the whole reference as a page.
-- - `orrery notebook old.ipynb` turns a notebook into a file like this one.
