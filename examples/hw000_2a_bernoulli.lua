-- %% [markdown]
-- # 000-2a  A decoder of coins, and the cross-entropy
-- Let each of $D$ pixels be a coin that shows 1 with probability $\mu_i =
-- \sigma(a_i)$, where $a$ is what the decoder gives and $\sigma$ the sigmoid.
-- The coins are independent given $z$, so
--
-- $$ p(x \mid z) = \prod_i \mu_i^{x_i} (1 - \mu_i)^{1 - x_i}, \qquad
-- -\log p(x \mid z) = -\sum_i x_i \log \mu_i + (1 - x_i) \log(1 - \mu_i), $$
--
-- and the right side is the binary cross-entropy of $x$ and $\mu$, summed over
-- pixels. With $q(z \mid x) = N(m, \mathrm{diag}\, s^2)$ the loss of the VAE is
--
-- $$ -\mathrm{ELBO} = \mathbb E_q\, \mathrm{BCE}(x, \mu(z)) + \tfrac12 \sum_j
-- (s_j^2 + m_j^2 - \log s_j^2 - 1). $$
--
-- Two slips of a published answer: the covariance is $\mathrm{diag}\, s^2$, not
-- $\mathrm{diag}\, s$; and the loss is *minus* the log-likelihood. Another
-- leaves the question open.
--
-- From $a$ itself, because $\log \sigma(a) = -\log(1 + e^{-a})$,
--
-- $$ \mathrm{BCE} = \log(1 + e^a) - a x, \qquad
-- \frac{\partial\, \mathrm{BCE}}{\partial a} = \sigma(a) - x. $$

-- %%
local orrery = require "orrery"
local data, dist, nn, optim = orrery.data, orrery.dist, orrery.nn, orrery.optim
local plot, replay, vae = orrery.plot, orrery.replay, orrery.vae
local F = nn.functional
local set = replay.settings {
  draws = 1000000, steps = 1500, hidden = 200, held = 2000,
  quick = { draws = 100000, steps = 100, hidden = 50, held = 200 },
}
local double = { dtype = "float64" }
local sum = { reduction = "sum" }

-- %% [markdown]
-- ## Four ways to one number
-- On random black and white images: from the logits, from the probabilities,
-- by the law of orrery.dist, and as the logarithm of the product itself. The
-- product needs small images: of 784 coins it is 0 in float32.

-- %% Values
local function images_of(pixels)
  return orrery.rand(16, pixels, double):gt(0.5):double(),
    orrery.randn(16, pixels, double):requires_grad_()
end

local x, a = images_of(30)
local stable = F.binary_cross_entropy_with_logits(a, x, sum)
local likelihood = a:sigmoid() ^ x * (1 - a:sigmoid()) ^ (1 - x)
local ways = {
  { "from probabilities", F.binary_cross_entropy(a:sigmoid(), x, sum) },
  { "softplus(a) - a x", (a:softplus() - a * x):sum() },
  { "the law", -dist.Bernoulli { logits = a }:log_prob(x):sum() },
  { "-log of the product", -likelihood:prod(2):log():sum() },
}
for _, way in ipairs(ways) do
  replay.check("BCE, " .. way[1] .. ": relative difference",
    (way[2] - stable) / stable, 0, { abs = 1e-12 })
end
local wide_x, wide_a = images_of(784)
local chance = wide_a:sigmoid()
local coins = (wide_x * chance + (1 - wide_x) * (1 - chance)):to "float32"
replay.check("product of 784 coins, float32", coins:prod(2):max(), 0,
  { abs = 0 })

-- %% [markdown]
-- ## Gradients
-- Autograd, the formula $\sigma(a) - x$, and finite differences.

-- %% Three gradients
local by_tape = orrery.grad(stable, { a })[1]
replay.check("gradient: formula", (by_tape - (a:sigmoid() - x)):abs():max(), 0,
  { abs = 1e-12 })
local h = 1e-5
local function bce(logit, target)
  return F.binary_cross_entropy_with_logits(logit, target,
    { reduction = "none" })
end
local slopes = (bce(a:detach() + h, x) - bce(a:detach() - h, x)) / (2 * h)
replay.check("gradient: finite differences", (by_tape - slopes):abs():max(), 0,
  { abs = 1e-8 })

local function at(logit, target)
  local l = orrery.tensor(logit, double):requires_grad_()
  local value = bce(l, orrery.tensor(target, double))
  return value:item(), orrery.grad(value, { l })[1]:item()
end
local _, slope = at(0.3, 1)
replay.check("slope at a = 0.3, x = 1", slope, -0.425557483, { abs = 1e-9 })
replay.check("BCE at a = -2, x = 1: softplus(2)", (at(-2, 1)), 2.12692801,
  { abs = 1e-8 })

-- %% [markdown]
-- ## Far out
-- In float32 $\sigma(80)$ is 1 and $\log(1 - \sigma)$ minus infinity. From
-- probabilities the cross-entropy is therefore cut off at 100, and where the
-- sigmoid is flat no gradient comes through, though the pixel is as wrong as
-- can be. From logits, in the form $\max(a, 0) - a x + \log(1 + e^{-|a|})$,
-- both are exact.

-- %% At logits of +-80
local far = orrery.tensor { -80.0, -80.0, 80.0, 80.0 }:requires_grad_()
local target = orrery.tensor { 0.0, 1.0, 0.0, 1.0 }
local from_logits = bce(far, target)
local from_chance = F.binary_cross_entropy(far:sigmoid(), target,
  { reduction = "none" })
local gradient = orrery.grad(from_logits:sum(), { far })[1]
local flat = orrery.grad(from_chance:sum(), { far })[1]
local wanted = { 0, 80, 80, 0 }
local push = { 0, -1, 1, 0 }
for i = 1, 4 do
  local where = ("a = %g, x = %g"):format(far[i]:item(), target[i]:item())
  replay.check("BCE, " .. where, from_logits[i], wanted[i], { abs = 1e-6 })
  replay.check("slope, " .. where, gradient[i], push[i], { abs = 1e-6 })
end
replay.check("numbers that are none",
  orrery.cat({ from_logits, gradient }, 1):isfinite():logical_not():sum(), 0,
  { abs = 0 })
print("from probabilities", from_chance)
print("and its gradient", flat)

-- %% [markdown]
-- ## Grey pixels
-- For $0 < x < 1$ the same formula is used, though no coin shows grey. It is
-- least at $\mu = x$ and is then the entropy $-x \log x - (1 - x) \log(1 - x)$,
-- which is not 0: at $x = \frac12$ it is $\log 2$. So even a perfect decoder
-- has a loss, which has nothing to tell of its quality.

-- %% The floor
local mu = orrery.linspace(0.001, 0.999, 999, double)
local series = {}
for i, grey in ipairs { 0, 0.1, 0.3, 0.5 } do
  local cost = F.binary_cross_entropy(mu, mu * 0 + grey, { reduction = "none" })
  series[i] = { x = mu, y = cost, name = ("x = %g"):format(grey) }
  if grey > 0 then
    replay.check(("best mean for x = %g"):format(grey),
      mu[cost:argmin():item()], grey, { abs = 1e-9 })
    replay.check(("its cost for x = %g: the entropy"):format(grey), cost:min(),
      dist.Bernoulli { probs = orrery.tensor(grey, double) }:entropy(),
      { abs = 1e-9 })
  end
end
replay.check("BCE of x = 1/2 at its best mean", series[4].y:min(), math.log(2),
  { abs = 1e-9 })
plot.line { series = series, xlabel = "mean", ylabel = "BCE, nats", ymax = 3 }

-- %% [markdown]
-- The digits have grey rims: their floor is some 45 nats an image, a good third
-- of what VAEs of grey digits report. The two numbers wanted here are those of
-- another 2,000 of the same digits.

-- %% The floor of the digits
local digits = assert(data.mnist {})
local held = digits.test:subset(1, set.held):everything()
local floor = dist.Bernoulli { probs = held:flatten(2) }:entropy():sum(2)
replay.check("floor of held-out digits, nats", floor:mean(), 45.5,
  { rel = 0.01, quick = { abs = 4 } })
local mean_image = digits.train:everything():mean(1)
local of_mean = F.binary_cross_entropy(mean_image:expand(held:shape()), held,
  { reduction = "none" }):flatten(2):sum(2)
replay.check("the mean image's loss, nats", of_mean:mean(), 207.9,
  { rel = 0.015, quick = { abs = 8 } })

-- %% [markdown]
-- ## The KL term
-- Its closed form against the law's own and against draws.

-- %% Values
local function kl(mean, logvar)
  return (logvar:exp() + mean ^ 2 - logvar - 1) * 0.5
end
local function one(mean, logvar)
  return kl(orrery.tensor(mean, double), orrery.tensor(logvar, double))
end
replay.check("KL of N(1, 1/4)", one(1, math.log(0.25)), 0.818147181,
  { abs = 1e-9 })
replay.check("KL at mean 1/2, log-variance -1", one(0.5, -1), 0.308939721,
  { abs = 1e-9 })
local m, s = orrery.randn(50, double), orrery.randn(50, double)
local q = dist.Normal(m, (s / 2):exp())
replay.check("KL by orrery.dist", (dist.kl(q, dist.Normal(m * 0, 1))
  - kl(m, s)):abs():max(), 0, { abs = 1e-12 })
local near = dist.Normal(orrery.tensor(0.5, double), math.exp(-0.5))
local z = near:sample { set.draws }
local ratio = near:log_prob(z) - dist.Normal(0, 1):log_prob(z)
replay.check("KL by draws", ratio:mean(), 0.308939721,
  { abs = 4 * ratio:std():item() / math.sqrt(set.draws) })

-- %% [markdown]
-- ## The whole loss
-- Put together by hand, for one batch and one draw of the noise, it is what
-- `vae.mlp` minimises.

-- %% By hand
orrery.manual_seed(1)
local model = vae.mlp { latent = 10, hidden = set.hidden }
local batch = held:narrow(1, 1, 100)
local loss, terms = model:loss(batch, { generator = orrery.Generator(7) })
local mean, logvar = model:encode(batch)
local eps = orrery.randn({ 100, 10 }, { generator = orrery.Generator(7) })
local logits = model.decoder(mean + (logvar / 2):exp() * eps)
local rec = F.binary_cross_entropy_with_logits(logits, batch:flatten(2), sum)
  / 100
replay.check("reconstruction, by hand", rec, terms.rec, { rel = 1e-5 })
replay.check("loss, by hand", rec + kl(mean, logvar):sum() / 100, loss,
  { rel = 1e-5 })

-- %% Trained
local opt, curve = optim.Adam(model, { lr = 2e-3 }), {}
for step, images in digits.train:steps(set.steps, 100,
  { shuffle = true, seed = 0 }) do
  local cost = model:loss(images)
  opt:minimize(cost)
  curve[step] = cost:item()
end
local measured = vae.measure(model, held)
replay.check("BCE of held-out digits, above the floor", measured.rec,
  floor:mean(), { relation = ">" })
replay.check("BCE below the mean image's", measured.rec, 130,
  { relation = "<", quick = { wanted = 220 } })
plot.line { ylabel = "nats per image", xlabel = "step", ymax = 400, series = {
  { y = curve, name = "loss" },
  { x = { 1, set.steps }, y = { 45.5, 45.5 }, name = "floor",
    dashed = true } } }

-- %% [markdown]
-- The law is one of black and white pixels: above, means $\mu$, which everybody
-- shows; below, draws of the law, which are what the model says images look
-- like.

-- %% Means, and draws
local means = orrery.no_grad(function()
  return model:reconstruct(held:narrow(1, 1, 12)):reshape(12, 1, 28, 28)
end)
local drawn = dist.Bernoulli { probs = means }:sample()
plot.grid(orrery.cat({ means, drawn }, 1), { columns = 12, scale = 2,
  padding = 2 })
