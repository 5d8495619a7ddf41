-- %% [markdown]
-- # 000-1  The gradient of an expectation, two ways
-- **(a)** Under the integral, and because $\nabla q = q\,\nabla \log q$,
--
-- $$ \nabla_\theta\, \mathbb E_{z \sim q_\theta} f(z)
-- = \int f\, \nabla_\theta q_\theta\, dz
-- = \mathbb E\,[\, f(z)\, \nabla_\theta \log q_\theta(z) \,]
-- \approx \frac1N \sum_i f(z_i)\, \nabla_\theta \log q_\theta(z_i). $$
--
-- The sum is an unbiased estimate, not the gradient itself as one published
-- answer writes. The score $s = \nabla \log q$ has mean
-- $\int \nabla q = \nabla 1 = 0$, so any constant may be taken from $f$; the
-- best is $b^* = \mathbb E[f s^2] / \mathbb E[s^2]$. The weakness is the
-- variance: that of the mean is $\mathrm{Cov}(X) / N$ (the published answer
-- drops the $N$), and $\mathrm{Cov}(X)$ is large.
--
-- In a VAE it would train the encoder: $\nabla_\phi\, \mathbb
-- E_{q_\phi(z \mid x)} \log p(x \mid z) = \mathbb E\,[ \log p(x \mid z)\,
-- \nabla_\phi \log q_\phi(z \mid x) ]$. Averaging $p(x \mid z)$ over draws of
-- the prior, offered as the use elsewhere, answers another question.

-- %%
local orrery = require "orrery"
local data, dist, nn, optim = orrery.data, orrery.dist, orrery.nn, orrery.optim
local estimators, vae = orrery.estimators, orrery.vae
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  throws = 100000, draws = 2000000, repeats = 2000, prior = 100000,
  steps = 800, hidden = 200, gradients = 200,
  quick = { throws = 10000, draws = 200000, repeats = 200, prior = 100,
    steps = 60, hidden = 50, gradients = 40 },
}
local double = { dtype = "float64" }

-- Slope of log y against log x.
local function slope(x, y)
  x, y = orrery.tensor(x, double):log(), orrery.tensor(y, double):log()
  x = x - x:mean()
  return (x * y):sum() / (x * x):sum()
end

-- %% [markdown]
-- ## Monte Carlo: two dice
-- The histogram of $N$ throws settles at the triangle law $p$. Half the sum of
-- the bars' errors is, on average, $\frac{1}{\sqrt{2 \pi N}} \sum_s
-- \sqrt{p_s (1 - p_s)}$ once $N$ is large: a digit more costs 100 times the
-- throws.

-- %% Throws
local law, scatter = {}, 0
for s = 2, 12 do
  law[s - 1] = (6 - math.abs(s - 7)) / 36
  scatter = scatter + math.sqrt(law[s - 1] * (1 - law[s - 1]))
end
local triangle = orrery.tensor(law, double)

local function throw(n)
  local sum = orrery.randint(1, 6, n) + orrery.randint(1, 6, n)
  return sum:unsqueeze(2):eq(orrery.range(2, 12, { dtype = "int64" }))
    :to "float64":mean(1)
end

local eyes = { 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }
local counts, errors, bars = {}, {}, {}
local throws = 1
while throws <= set.throws do
  local total, shares = 0, nil
  for _ = 1, 40 do
    shares = throw(throws)
    total = total + (shares - triangle):abs():sum():item() / 2
  end
  counts[#counts + 1], errors[#errors + 1] = throws, total / 40
  bars[#bars + 1] = { x = eyes, y = shares, name = throws .. " throws" }
  throws = throws * 10
end
replay.check("slope of the error", slope({ table.unpack(counts, 2) },
  { table.unpack(errors, 2) }), -0.5, { abs = 0.1 })
replay.check("its size, most throws", errors[#errors], scatter
  / math.sqrt(2 * math.pi * counts[#counts]), { rel = 0.2 })
replay.check("P(7)", bars[#bars].y[6], 1 / 6,
  { abs = 4 * math.sqrt(5 / 36 / counts[#counts]) })
bars[#bars + 1] = { x = eyes, y = triangle, name = "law" }
plot.bar { series = bars, xlabel = "eyes", ylabel = "share" }

-- %% [markdown]
-- ## How much the score estimate scatters
-- For $z \sim N(\mu, 1)$ the score is $z - \mu$ and the variance of one draw's
-- estimate is $\mu^2 + 2$ for $f = z$, $\mu^4 + 14\mu^2 + 15$ for $f = z^2$.
-- A baseline $b$ takes $2 b\, \mathbb E[f s^2] - b^2$ away.

-- %% Variances of one draw
local function line(z) return z end
local function square(z) return z ^ 2 end

local function score(f, mu, baseline, n)
  local q = dist.Normal(orrery.tensor(mu, double), 1)
  return estimators.score { baseline = baseline }:each(f, q, nil, n)[1]
end

local function scatters(name, f, mu, baseline, eta, want)
  local g = score(f, mu, baseline, set.draws)
  replay.check(name .. ": mean", g:mean(), eta,
    { abs = 4 * math.sqrt(want / set.draws) })
  replay.check(name .. ": variance", g:var(), want,
    { rel = 0.05, quick = { rel = 0.1 } })
end

scatters("z", line, 1, nil, 1, 3)
scatters("z, baseline f(mu)", line, 1, 1, 1, 2)
scatters("z^2", square, 1, nil, 2, 30)
scatters("z^2 at mu = 0", square, 0, nil, 0, 15)
scatters("z^2, baseline f(mu)", square, 1, 1, 2, 23)
scatters("z^2, baseline E f", square, 1, 2, 2, 18)
scatters("z^2, best baseline", square, 1, 4, 2, 14)
local eps = orrery.randn(set.draws, double)
replay.check("the best baseline", (square(eps + 1) * eps ^ 2):mean(), 4,
  { rel = 0.05, quick = { rel = 0.1 } })

-- %% Means of N draws
local sizes, variances = { 1, 10, 100, 1000 }, {}
for i, n in ipairs(sizes) do
  variances[i] = score(square, 1, nil, set.repeats * n)
    :reshape(set.repeats, n):mean(2):var():item()
end
replay.check("variance falls as 1 / N: slope", slope(sizes, variances), -1,
  { abs = 0.05, quick = { abs = 0.15 } })
replay.check("variance of the mean of 1,000", variances[4], 0.03,
  { rel = 0.15, quick = { rel = 0.4 } })
plot.line { log_x = true, log_y = true, xlabel = "N", ylabel = "variance",
  title = "score estimates of the gradient of E z^2", series = {
    { x = sizes, y = variances, name = "measured" },
    { x = sizes, y = { 30, 3, 0.3, 0.03 }, name = "30 / N", dashed = true },
  } }

-- %% [markdown]
-- ## $\log p(x)$ from draws of the prior
-- $\log \frac1L \sum_l p(x \mid z_l)$ is consistent, and by Jensen's inequality
-- too low for every finite $L$. Here $z \sim N(0, 1)$, $x \mid z \sim N(1.3 z +
-- 0.2,\, 0.7^2)$ and $x = 1.1$.

-- %% From below
local exact = dist.Normal(0.2, math.sqrt(1.3 ^ 2 + 0.7 ^ 2)):log_prob(1.1)
  :item()
replay.check("log p(x)", exact, -1.49438079, { abs = 1e-5 })
local many, means, l = {}, {}, 1
while l <= set.prior do
  local z = orrery.randn(math.min(40000, 4000000 // l), l, double)
  local log_p = ((z * 1.3 - 0.9) / 0.7) ^ 2 * -0.5
    - math.log(0.7 * math.sqrt(2 * math.pi))
  many[#many + 1] = l
  means[#means + 1] = (log_p:logsumexp(2) - math.log(l)):mean():item()
  l = l * 10
end
replay.check("one draw, on average", means[1], -3.113284, { rel = 0.025 })
for i = 2, math.min(#means, 4) do
  replay.check(("%d draws beat %d"):format(many[i], many[i - 1]), means[i],
    means[i - 1], { relation = ">" })
end
replay.check("the most draws come close", means[#means], exact,
  { abs = 0.004, quick = { abs = 0.015 } })
plot.line { log_x = true, xlabel = "L", ylabel = "nats", series = {
  { x = many, y = means, name = "estimate" },
  { x = { 1, set.prior }, y = { exact, exact }, name = "log p(x)" } } }

-- %% [markdown]
-- ## (b) The noise as an input
-- Write $z = \mu_\phi(x) + \sigma_\phi(x)\, \varepsilon$ with $\varepsilon \sim
-- N(0, I)$: the mean, plus the noise times the *standard deviation* (a
-- published answer says the variance). The randomness then comes in from the
-- side, the way from $\phi$ to the loss is a function like any other, and
--
-- $$ \nabla_\phi\, \mathbb E_q \log p(x \mid z) \approx \frac1K \sum_k
-- \nabla_\phi \log p(x \mid \mu_\phi + \sigma_\phi\, \varepsilon_k). $$
--
-- It is wrong to say that Monte Carlo is impossible without the trick: the
-- score function does it, only with far more noise. Below is the graph with
-- the trick; with a plain draw the way back ends at $z$, and there is no
-- gradient by $\mu$ and $\sigma$ at all.

-- %% The two graphs
local decode = nn.Sequential { nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 5) }
decode:to "float64"
local x = orrery.rand(4, 5, double)
local mu = orrery.randn(4, 2, double):requires_grad_()
local logvar = orrery.randn(4, 2, double):requires_grad_()
local noise = orrery.randn(4, 2, double)

local function cost(z) return ((decode(z) - x) ^ 2):sum() * 0.5 end
local function trick(m, v) return cost(m + (v * 0.5):exp() * noise) end

print(orrery.graph(trick(mu, logvar), { model = decode,
  names = { mu = mu, logvar = logvar } }))
local plain = dist.Normal(mu, (logvar * 0.5):exp()):sample()
print(orrery.graph(cost(plain), { model = decode }))
replay.check("a plain draw passes gradients on", plain.requires_grad and 1
  or 0, 0, { abs = 0 })
replay.check("the draw with the trick", (mu + noise).requires_grad and 1 or 0,
  1, { abs = 0 })

-- %% [markdown]
-- With the noise held fixed the gradient is that of an ordinary function, so
-- finite differences of the same noisy loss must give it.

-- %% Finite differences, the same noise
local grads = orrery.grad(trick(mu, logvar), { mu, logvar })
local by_hand = { orrery.zeros(4, 2, double), orrery.zeros(4, 2, double) }
local at = { mu:detach(), logvar:detach() }
for which = 1, 2 do
  for i = 1, 4 do
    for j = 1, 2 do
      local ends = {}
      for side, h in ipairs { 1e-5, -1e-5 } do
        local moved = { at[1]:clone(), at[2]:clone() }
        moved[which][{ i, j }] = moved[which][{ i, j }]:item() + h
        ends[side] = trick(moved[1], moved[2]):item()
      end
      by_hand[which][{ i, j }] = (ends[1] - ends[2]) / 2e-5
    end
  end
end
for which, name in ipairs { "mean", "log-variance" } do
  local gap = (grads[which] - by_hand[which]):norm()
  replay.check("relative error, by the " .. name,
    gap / by_hand[which]:norm(), 0, { abs = 1e-6 })
end

-- %% [markdown]
-- For $\log N(x; az + b, s^2)$ and $z \sim N(\mu, v^2)$ the pathwise derivative
-- by $\mu$ is $a (x - az - b) / s^2$, of variance $a^4 v^2 / s^4$.

-- %% Its variance
local q = dist.Normal(orrery.tensor(0.4, double), 0.5)
local function log_p(z)
  return dist.Normal(z * 1.3 + 0.2, 0.7):log_prob(orrery.tensor(1.1, double))
end
replay.check("pathwise variance", estimators.pathwise():each(log_p, q, nil,
  set.draws)[1]:var(), 2.97386506, { rel = 0.01, quick = { rel = 0.02 } })

-- %% [markdown]
-- ## A VAE trained by each
-- The same network, images and number of steps; only the way the encoder's
-- gradient gets through the draw differs.

-- %% Training
local digits = assert(data.mnist {})
local held = digits.test:subset(1, 500):everything()
local ways = { "pathwise", "score, mean taken off", "score" }
local by = { estimators.pathwise(), estimators.score { baseline = "mean" },
  estimators.score() }

local function law_of(mean, log_variance)
  return dist.Independent(dist.Normal(mean, (log_variance * 0.5):exp()), 1)
end

local function bound(model, images, estimator)
  local mean, log_variance = model:encode(images)
  local rec = estimator:through(function(z)
    return model:distortion(images, model.decoder(z))
  end, law_of, { mean, log_variance })
  return (rec + nn.functional.kl_normal(mean, log_variance):sum(2)):mean()
end

local models, elbos, curves = {}, {}, {}
for i, estimator in ipairs(by) do
  orrery.manual_seed(1)
  local model = vae.mlp { latent = 10, hidden = set.hidden }
  local opt, shown = optim.Adam(model, { lr = 1e-3 }), {}
  for step, images in digits.train:steps(set.steps, 100,
    { shuffle = true, seed = 0 }) do
    local loss = bound(model, images, estimator)
    opt:minimize(loss)
    shown[step] = -loss:item()
  end
  models[i], elbos[i] = model, vae.measure(model, held).elbo
  curves[i] = { y = shown, name = ways[i] }
end
replay.check("ELBO, pathwise above score", elbos[1], elbos[3],
  { relation = ">" })
replay.check("ELBO, pathwise above score with mean", elbos[1], elbos[2],
  { relation = ">" })
plot.line { series = curves, xlabel = "step", ylabel = "ELBO, nats per image",
  ymin = -400 }

-- %% [markdown]
-- How much the encoder's gradient scatters over draws of $z$, for one batch
-- and the network that was trained pathwise: the sum of all its parameters'
-- variances.

-- %% Variance of the encoder's gradient
local batch = held:narrow(1, 1, 100)
local parameters = models[1].encoder:parameters()
local traces = {}
for i, estimator in ipairs(by) do
  local rows = {}
  for r = 1, set.gradients do
    local g = orrery.grad(bound(models[1], batch, estimator), parameters)
    for k = 1, #g do g[k] = g[k]:reshape(-1) end
    rows[r] = orrery.cat(g, 1)
  end
  traces[i] = orrery.stack(rows, 1):var(1):sum():item()
end
replay.check("variance, score over pathwise", traces[3] / traces[1], 10,
  { relation = ">=" })
replay.check("the mean taken off helps", traces[2], traces[3],
  { relation = "<" })
plot.bar { x = ways, y = traces, log_y = true,
  ylabel = "variance of the encoder's gradient" }
