-- %% [markdown]
-- # 003-2  The VAE that can be solved by hand
-- With $z \sim N(0, 1)$ and $x \mid z \sim N(az + b, s^2)$ everything a VAE
-- speaks of has a closed form, so the identities can be checked to the last
-- digit:
--
-- $$ \log p(x) = \underbrace{\mathbb E_q \log p(x \mid z) -
-- \mathrm{KL}(q \,\|\, p(z))}_{\text{ELBO}} +
-- \mathrm{KL}(q \,\|\, p(z \mid x)). $$
--
-- A Cauchy-Schwarz term in place of the KL,
-- $D_{CS} = -\log \frac{\int pq}{\sqrt{\int p^2 \int q^2}}$, gives
-- $\mathcal L_{CS} = \mathbb E_q \log p(x \mid z) - \lambda
-- D_{CS}(q \,\|\, p(z))$, which is no lower bound: in the worked case it
-- exceeds $\log p(x)$ itself.

-- %%
local orrery = require "orrery"
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  random = 1000, repeats = 4000, longest = 1000, quick = { repeats = 400 },
}
local double = { dtype = "float64" }

-- %% [markdown]
-- ## Both sides of the identities
-- Every argument below may be a tensor: the worked case has one number, the
-- check that follows 1,000 random ones.

-- %% Closed forms
local function log_normal(x, mean, var)
  return ((x - mean) ^ 2 / var + var:log() + math.log(2 * math.pi)) * -0.5
end

local function kl(m, v, mean, var)
  return ((m - mean) ^ 2 / var + v / var - (v / var):log() - 1) * 0.5
end

-- With the standard normal.
local function cauchy_schwarz(m, v)
  return m ^ 2 / (2 * (v + 1)) + ((v + 1) / (2 * v:sqrt())):log() * 0.5
end

-- p: a, b, s, x; q: m, v.
local function terms(p)
  local rest, noise = p.x - p.b, p.s ^ 2
  local precision = p.a ^ 2 / noise + 1
  local out = {
    log_p = log_normal(p.x, p.b, p.a ^ 2 + noise),
    rec = (((rest - p.a * p.m) ^ 2 + p.a ^ 2 * p.v) / noise + noise:log()
      + math.log(2 * math.pi)) * -0.5,
    prior = kl(p.m, p.v, p.m * 0, p.v * 0 + 1),
    posterior = kl(p.m, p.v, p.a * rest / noise / precision, 1 / precision),
    cs = cauchy_schwarz(p.m, p.v),
  }
  out.elbo = out.rec - out.prior
  return out
end

local function numbers(p)
  for name, value in pairs(p) do p[name] = orrery.tensor(value, double) end
  return p
end

-- %% The worked case
local case = terms(numbers { a = 1.3, b = 0.2, s = 0.7, x = 1.1, m = 0.4,
  v = 0.25 })
local exact = { abs = 1e-6 }
replay.check("log p(x)", case.log_p, -1.49438079, exact)
replay.check("E_q log p(x | z)", case.rec, -1.14073298, exact)
replay.check("ELBO", case.elbo, -1.53888016, exact)
replay.check("KL to the posterior", case.posterior, 0.0444993695, exact)
replay.check("KL to the prior", case.prior, 0.398147181, exact)
replay.check("with Cauchy-Schwarz, lambda 2", case.rec - 2 * case.cs,
  -1.49187653, exact)
replay.check("it exceeds log p(x)", case.rec - 2 * case.cs, case.log_p,
  { relation = ">" })

-- %% 1,000 random cases
local function draw() return orrery.randn(set.random, double) end
local any = terms { a = draw(), b = draw(), s = draw():exp(), x = draw() * 2,
  m = draw(), v = (draw() / 2):exp() }
replay.check("ELBO + KL to the posterior is log p(x)",
  (any.elbo + any.posterior - any.log_p):abs():max(), 0, { abs = 1e-9 })
replay.check("the ELBO is a bound", (any.elbo - any.log_p):max(), 0,
  { relation = "<=" })

-- %% [markdown]
-- ## Without an encoder
-- $\log \frac1L \sum_l p(x \mid z_l)$ with draws of the prior tends to
-- $\log p(x)$, from below: for $L = 1$ it is $-3.113$ on average.

-- %% Draws of the prior
local worked = numbers { a = 1.3, b = 0.2, s = 0.7, x = 1.1 }
local means, counts, count = {}, {}, 1
while count <= set.longest do
  local z = orrery.randn(set.repeats, count, double)
  local log_p = log_normal(worked.x, worked.a * z + worked.b, worked.s ^ 2)
  local estimate = log_p:logsumexp(2) - math.log(count)
  counts[#counts + 1], means[#means + 1] = count, estimate:mean():item()
  count = count * 10
end
replay.check("one draw, on average", means[1], -3.113284, { rel = 0.05,
  quick = { rel = 0.2 } })
for i = 2, #means - 1 do
  replay.check(("%d draws beat %d"):format(counts[i], counts[i - 1]), means[i],
    means[i - 1], { relation = ">" })
end
replay.check(("%d draws come close"):format(set.longest), means[#means],
  case.log_p, { abs = 0.01 })
plot.line { title = "log p(x) by draws of the prior", xlabel = "draws",
  ylabel = "nats", log_x = true, series = {
    { x = counts, y = means, name = "estimate" },
    { x = { 1, set.longest }, y = { -1.49438, -1.49438 }, name = "log p(x)" },
  } }
