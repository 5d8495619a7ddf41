-- %% [markdown]
-- # 000-2c1  Where beta comes from
-- Ask for a code that keeps as much of $x$ as it can for at most $\delta$ nats:
--
-- $$ \max_{q, f}\; \mathbb E_x\, \mathbb E_{q(z \mid x)} \log p(x \mid z)
-- \quad \text{subject to} \quad \mathrm{KL}(q(z \mid x) \,\|\, p(z)) \le
-- \delta. $$
--
-- With a multiplier $\beta \ge 0$ (Karush, Kuhn and Tucker) this is to maximise
--
-- $$ \mathcal F = \mathbb E_q \log p(x \mid z) - \beta\, (\mathrm{KL}(q \,\|\,
-- p(z)) - \delta) \;\ge\; \mathbb E_q \log p(x \mid z) - \beta\,
-- \mathrm{KL}(q \,\|\, p(z)), $$
--
-- because $\beta \delta \ge 0$; and as $\beta \delta$ does not depend on the
-- networks, both have the same gradients. So the loss is
-- $\mathcal L_\beta = -\mathbb E_q \log p(x \mid z) + \beta\, \mathrm{KL}(q
-- \,\|\, p(z))$. To choose $\beta$ is to choose $\delta$ without naming it: it
-- is the KL that is reached.
--
-- For $\beta = 1$ the loss is $-\mathrm{ELBO} = -\log p(x) + \mathrm{KL}(q
-- \,\|\, p(z \mid x))$. A published answer writes the one with the KL to the
-- *posterior* and the constraint with the KL to the *prior* and does not say
-- why. Both are right, being the two sides of one identity; the constraint is
-- on the last term of its right side:
--
-- $$ -\log p(x) + \mathrm{KL}(q \,\|\, p(z \mid x)) = -\mathbb E_q \log
-- p(x \mid z) + \mathrm{KL}(q \,\|\, p(z)). $$

-- %%
local orrery = require "orrery"
local dist, optim, plot = orrery.dist, orrery.optim, orrery.plot
local replay, vae = orrery.replay, orrery.vae
local set = replay.settings {
  steps = 2000, dual = 6000, betas = { 0.25, 0.5, 1, 2, 4, 8, 16 },
  quick = { steps = 1000, dual = 2500, betas = { 1, 4 } },
}
local double = { dtype = "float64" }

-- %% [markdown]
-- ## One image of one pixel
-- $z \sim N(0, 1)$, $x \mid z \sim N(1.3 z + 0.2,\, 0.7^2)$, $x = 1.1$ and $q =
-- N(0.4, 0.5^2)$: all terms have closed forms, and the KLs are those of
-- orrery.dist.

-- %% Both sides of the identity
local a, b, s, x = 1.3, 0.2, 0.7, 1.1
local prior = dist.Normal(orrery.tensor(0.0, double), 1)

-- E log p(x | z) under N(m, v).
local function kept(m, v)
  return (((x - b - m * a) ^ 2 + v * a ^ 2) / s ^ 2
    + math.log(2 * math.pi * s ^ 2)) * -0.5
end

-- The best q at a given beta is p(z) p(x | z)^(1 / beta), made to integrate to
-- 1; at beta = 1 the posterior.
local function best_q(beta)
  local precision = 1 + a ^ 2 / (beta * s ^ 2)
  return a * (x - b) / (beta * s ^ 2) / precision, 1 / precision
end

local function normal(m, v) return dist.Normal(m, math.sqrt(v)) end

local function number(v) return orrery.tensor(v, double) end

local exact = { abs = 1e-7 }
local q = normal(number(0.4), 0.25)
local at_q = kept(number(0.4), number(0.25))
local mean, var = best_q(1)
local to_prior = dist.kl(q, prior)
local to_posterior = dist.kl(q, normal(number(mean), var))
local log_p = normal(number(b), a ^ 2 + s ^ 2):log_prob(number(x))
replay.check("log p(x)", log_p, -1.49438079, exact)
replay.check("E_q log p(x | z)", at_q, -1.14073298, exact)
replay.check("KL to the prior", to_prior, 0.398147181, exact)
replay.check("KL to the posterior", to_posterior, 0.0444993695, exact)
replay.check("ELBO", at_q - to_prior, -1.53888016, exact)
replay.check("loss at beta 1, by the other side",
  -log_p + to_posterior, to_prior - at_q, { abs = 1e-12 })

-- %% [markdown]
-- ## The best code for each beta
-- Setting both derivatives to zero gives $q_\beta \propto p(z)\,
-- p(x \mid z)^{1/\beta}$: precision $1 + \frac{a^2}{\beta s^2}$. Its KL is
-- $\delta(\beta)$, and falls as $\beta$ grows.

-- %% Gradients there, and delta
local function loss_of(m, logvar, beta)
  local v = logvar:exp()
  local kl = (v + m ^ 2 - logvar - 1) * 0.5
  return kl * beta - kept(m, v), kl
end

local betas, deltas, steepest = {}, {}, 0
for i = 0, 60 do
  betas[i + 1] = 0.25 * 2 ^ (i / 10)
  local m, v = best_q(betas[i + 1])
  local mb = number(m):requires_grad_()
  local sb = number(math.log(v)):requires_grad_()
  local loss, kl = loss_of(mb, sb, betas[i + 1])
  for _, g in ipairs(orrery.grad(loss, { mb, sb })) do
    steepest = math.max(steepest, g:abs():item())
  end
  deltas[i + 1] = kl:item()
end
replay.check("gradients at the best codes", steepest, 0, { abs = 1e-12 })
local falls = true
for i = 2, #deltas do falls = falls and deltas[i] < deltas[i - 1] end
replay.check("delta falls with beta", falls and 1 or 0, 1, { abs = 0 })

-- %% [markdown]
-- The other way round: name $\delta = 0.3$ and let $\beta$ find itself, rising
-- while the KL is above $\delta$ and falling while it is below, as $q$ descends
-- (at every step a little of both). It settles where $\delta(\beta) = 0.3$.

-- %% Descent in q, ascent in beta
local wanted_kl = 0.3
local m, logvar = number(0.0):requires_grad_(), number(0.0):requires_grad_()
local opt = optim.SGD({ m, logvar }, { lr = 0.05 })
local log_beta, path, kls = 0, {}, {}
for i = 1, set.dual do
  local loss, kl = loss_of(m, logvar, math.exp(log_beta))
  opt:minimize(loss)
  log_beta = log_beta + 0.02 * (kl:item() - wanted_kl)
  path[i], kls[i] = math.exp(log_beta), kl:item()
end
local low, high = 0.25, 16
for _ = 1, 60 do
  local middle = (low + high) / 2
  local mb, vb = best_q(middle)
  if dist.kl(normal(number(mb), vb), prior):item() > wanted_kl then
    low = middle
  else
    high = middle
  end
end
replay.check("KL reached", kls[#kls], wanted_kl, { rel = 1e-3,
  quick = { rel = 0.02 } })
replay.check("beta found", path[#path], low, { rel = 1e-3,
  quick = { rel = 0.05 } })
plot.grid { columns = 2,
  plot.line { x = betas, y = deltas, log_x = true, xlabel = "beta",
    ylabel = "delta: nats", title = "the constraint that beta stands for" },
  plot.line { title = "delta = 0.3: beta finds itself", xlabel = "step",
    series = { { y = path, name = "beta" }, { y = kls, name = "KL" } } } }

-- %% [markdown]
-- ## What beta trades
-- The same with a decoder that learns: a linear VAE on Gaussian data is
-- probabilistic PCA at heart. A direction of variance $l$ is used when
-- $l > \beta\sigma^2$, costs $\frac12 \log \frac{l}{\beta\sigma^2}$ nats, and
-- leaves $\beta\sigma^2$ of itself unexplained. On the plane of rate $R$ (the
-- KL) and distortion $D = -\mathbb E_q \log p(x \mid z)$, each $\beta$ finds
-- the point where $D + \beta R$ is least: a curve that falls, is convex, and
-- has slope $-\beta$ there.

-- %% Trained, and compared with the optimum
local variances, noise = { 8, 4, 2, 1, 0.5 }, 0.2
local half = orrery.randn(200, #variances, double)
half = half - half:mean(1)
local _, _, axes = orrery.svd(half)  -- white in the sample itself
local white = half:matmul(axes:transpose(1, 2))
white = white / white:std(1, { correction = 0 })
local points = white * orrery.tensor(variances, double):sqrt()

local function optimum(beta)
  local rate, left = 0, 0
  for _, l in ipairs(variances) do
    local used = l > beta * noise
    rate = rate + (used and math.log(l / (beta * noise)) / 2 or 0)
    left = left + (used and beta * noise or l)
  end
  return rate, left / noise / 2
    + math.log(2 * math.pi * noise) * #variances / 2
end

local model = vae.Linear(#variances, 5, { sigma2 = noise })
local function train(beta, steps)
  local adam = optim.Adam(model:parameters(), { lr = 0.01 })
  local step = orrery.compile(function(batch)
    adam:minimize(model:loss(batch, beta))
    return batch
  end)
  for _ = 1, steps do step(points) end
  local rec, cost = model:terms(points)
  return cost:sum(2):mean():item(), rec:mean():item()
end

local shown = { rate = {}, distortion = {} }
train(1, 2 * set.steps)
for i, beta in ipairs(set.betas) do
  local name = ("beta %g: "):format(beta)
  local rate, distortion = train(beta, set.steps)
  local best_rate, best = optimum(beta)
  replay.check(name .. "rate", rate, best_rate, { rel = 0.01 })
  replay.check(name .. "distortion", distortion, best, { rel = 0.01 })
  local more_rate, more = train(1.05 * beta, set.steps)
  replay.check(name .. "slope", (more - distortion) / (more_rate - rate),
    -beta, { rel = 0.1 })
  shown.rate[i], shown.distortion[i] = rate, distortion
end

-- %% [markdown]
-- Convex: the chord between two neighbours is steeper than the curve at the
-- smaller beta and less steep than at the larger.

-- %% The curve
for i = 2, #set.betas do
  local chord = (shown.distortion[i] - shown.distortion[i - 1])
    / (shown.rate[i] - shown.rate[i - 1])
  local name = ("chord, beta %g to %g"):format(set.betas[i - 1], set.betas[i])
  replay.check(name .. ": steeper than at the first", chord, -set.betas[i - 1],
    { relation = "<" })
  replay.check(name .. ": less steep than at the second", chord, -set.betas[i],
    { relation = ">" })
end
local best = { rate = {}, distortion = {} }
for i, beta in ipairs(betas) do
  best.rate[i], best.distortion[i] = optimum(beta)
end
plot.overlay { title = "rate and distortion of the linear VAE",
  xlabel = "rate (nats)", ylabel = "distortion (nats)",
  plot.line { x = best.rate, y = best.distortion, name = "optimum" },
  plot.scatter { x = shown.rate, y = shown.distortion, labels = set.betas,
    name = "trained" } }
