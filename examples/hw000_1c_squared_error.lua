-- %% [markdown]
-- # 000-1c  When is the squared error the right loss of a decoder?
-- When $p(x \mid z) = N(x;\, f(z),\, c I)$ with $c$ fixed:
--
-- $$ \log p(x \mid z) = -\frac{\lVert x - f(z) \rVert^2}{2c}
-- - \frac D2 \log(2 \pi c), $$
--
-- and the last term does not depend on $f$, so the $f$ that maximises
-- $\mathbb E_q \log p(x \mid z)$ is the one that minimises the squared error.
-- Nothing else is needed: the prior $N(0, I)$ and the Gaussian $q(z \mid x)$,
-- which a published answer lists among the conditions, make the KL term closed,
-- and "a positive constant $f$" there should be the constant $c$.
--
-- $c$ is the weight of the reconstruction beside the KL term. The error summed
-- over pixels with weight 1 means $c = \frac12$; its mean over $D$ pixels means
-- $c = \frac D2$, which is the same as $\beta = D$ with the sum. With the mean,
-- then, hardly any latent is worth its KL.

-- %%
local orrery = require "orrery"
local data, dist, optim, vae = orrery.data, orrery.dist, orrery.optim,
  orrery.vae
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  steps = 800, hidden = 200, held = 1000,
  quick = { steps = 80, hidden = 64, held = 200 },
}
local double = { dtype = "float64" }
local pixels = 784

-- %% [markdown]
-- ## The identity
-- For 16 random images and outputs of a decoder: the log-density, by way of
-- the normal law, against the squared error.

-- %% Values and gradients
local x = orrery.rand(16, pixels, double)
local f = orrery.rand(16, pixels, double):requires_grad_()

for _, c in ipairs { 0.1, 0.5, 1 } do
  local nll = -dist.Normal(f, math.sqrt(c)):log_prob(x):sum(2)
  local error = ((x - f) ^ 2):sum(2)
  local constant = pixels / 2 * math.log(2 * math.pi * c)
  local gap = (nll - (error / (2 * c) + constant)):abs() / nll:abs()
  print(("c = %-3g  -log N %9.3f  error / 2c %8.3f  constant %8.3f"):format(c,
    nll[1]:item(), error[1]:item() / (2 * c), constant))
  replay.check(("c = %g: relative difference"):format(c), gap:max(), 0,
    { abs = 1e-12 })
  local of_nll = orrery.grad(nll:sum(), { f })[1]
  local of_error = orrery.grad(error:sum(), { f })[1]
  local off = (of_nll - of_error / (2 * c)):abs():max()
  replay.check(("c = %g: gradients are 1 / (2c) to 1"):format(c), off, 0,
    { abs = 1e-10 })
end

-- %% [markdown]
-- Two numbers to the last digit: the constant for $D = 784$ and $c = \frac12$,
-- and the rest of $-\log p$ at a squared error of 3, which is 3.

-- %% The constant
local function nll_at(square)
  local at = orrery.zeros(pixels, double)
  at[1] = math.sqrt(square)
  return -dist.Normal(orrery.zeros(pixels, double), math.sqrt(0.5))
    :log_prob(at):sum()
end
replay.check("constant, D = 784, c = 1/2", nll_at(0), 448.734115,
  { abs = 1e-6 })
replay.check("what a squared error of 3 adds", nll_at(3) - nll_at(0), 3,
  { abs = 1e-6 })

-- %% [markdown]
-- ## Sum or mean
-- Two VAEs of ten latents, alike but for $c$: the squared error summed, and its
-- mean. A latent is *active* when the means of its posteriors vary by more than
-- 0.01 from image to image.

-- %% Training
local digits = assert(data.mnist {})
local held = digits.test:subset(1, set.held):everything()
local losses = { "sum", "mean" }
local noise = { sum = 0.5, mean = pixels / 2 }
local models, measured, curves = {}, {}, {}

for _, name in ipairs(losses) do
  orrery.manual_seed(1)
  local model = vae.mlp { latent = 10, hidden = set.hidden,
    likelihood = "gaussian", sigma = math.sqrt(noise[name]) }
  local opt, kl = optim.Adam(model, { lr = 2e-3 }), {}
  for step, images in digits.train:steps(set.steps, 100,
    { shuffle = true, seed = 0 }) do
    local loss, terms = model:loss(images)
    opt:minimize(loss)
    kl[step] = terms.kl:item()
  end
  models[name], measured[name] = model, vae.measure(model, held)
  curves[#curves + 1] = { y = kl, name = name }
end
plot.line { series = curves, xlabel = "step", ylabel = "KL, nats per image",
  log_y = true, ymin = 1e-4 }

-- %% What is left of the latents
local function error_of(model)
  return orrery.no_grad(function()
    return ((model:reconstruct(held) - held:flatten(2)) ^ 2):sum(2):mean()
  end)
end

local spread = ((held - held:mean(1)) ^ 2):flatten(2):sum(2):mean()
replay.check("active latents, sum over mean", measured.sum.active,
  measured.mean.active, { relation = ">" })
replay.check("active latents, mean", measured.mean.active, 0, { abs = 0 })
replay.check("active latents, sum", measured.sum.active, 5,
  { relation = ">=", quick = { wanted = 2 } })
replay.check("KL with the mean, nats", measured.mean.kl, 0.05,
  { relation = "<" })
replay.check("squared error with the sum, of the spread",
  error_of(models.sum) / spread, 0.6,
  { relation = "<", quick = { wanted = 0.95 } })
replay.check("with the mean no better than the mean image",
  error_of(models.mean) / spread, 0.98, { relation = ">=" })

local bars = {}
for i, name in ipairs(losses) do
  bars[i] = { y = measured[name].kl_per_latent, name = name }
end
plot.bar { series = bars, xlabel = "latent", ylabel = "KL, nats per image" }

-- %% [markdown]
-- Digits and what comes back: with the sum, then with the mean, where every
-- image becomes the mean image.

-- %% Pictures
orrery.show(vae.pictures.reconstructions(models.sum, held:narrow(1, 1, 16)))
vae.pictures.reconstructions(models.mean, held:narrow(1, 1, 16))
