-- %% [markdown]
-- # 003-1  Three estimators of one gradient
-- How does $\eta(\mu) = \nabla_\mu\, \mathbb E_{z \sim N(\mu, 1)} f(z)$ come
-- out of draws of $z$, for $f(z) = mz$ and $f(z) = (mz)^2$, and which of three
-- estimators has the least variance?
--
-- **Pathwise.** With $z = \mu + \varepsilon$ the derivative goes inside:
-- $\alpha = f'(\mu + \varepsilon)$.
--
-- **Score function.** $\nabla_\mu \log N(z; \mu, 1) = z - \mu$, so
-- $\beta = f(z)\,(z - \mu)$, minus any constant baseline times $z - \mu$.
--
-- **Weak derivative.** $\nabla_\mu N(\mu, 1) = \frac{1}{\sqrt{2\pi}}(p_+ -
-- p_-)$, where $p_\pm$ is the law of $\mu \pm W$, $W$ Rayleigh: $\gamma =
-- \frac{1}{\sqrt{2\pi}} (f(\mu + W) - f(\mu - W'))$, with $W' = W$ (coupled) or
-- independent of it. It costs two evaluations of $f$ a draw.
--
-- A published answer says that the pathwise estimator has variance zero and is
-- the best in both cases. That holds for the linear $f$ only. For one draw:
--
-- | estimator | $f = mz$ | $f = (mz)^2$ |
-- |---|---|---|
-- | pathwise | $0$ | $4m^4$ |
-- | score | $m^2(\mu^2 + 2)$ | $m^4(\mu^4 + 14\mu^2 + 15)$ |
-- | score, best baseline | $2m^2$ | $m^4(8\mu^2 + 6)$ |
-- | weak, independent | $m^2(2/\pi-1/2)$ | $m^4((8/\pi-2)\mu^2+4/\pi)$ |
-- | weak, coupled | $m^2(4/\pi-1)$ | $m^4(16/\pi-4)\mu^2$ |
--
-- so for the square the weak derivative beats the pathwise one while
-- $|\mu| < 2.234$ (independent) or $1.913$ (coupled).

-- %%
local orrery = require "orrery"
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  repeats = 2000, draws = 1000,
  quick = { repeats = 200 },
}
local root = math.sqrt(2 * math.pi)
local size = { set.repeats, set.draws }
local double = { dtype = "float64" }

local function rayleigh()
  return (orrery.rand(size, double):neg():log1p() * -2):sqrt()
end

-- %% The estimators, one number per draw
local function pathwise(f, mu)
  local z = (orrery.randn(size, double) + mu):requires_grad_()
  return orrery.grad(f(z):sum(), { z })[1]
end

local function score(f, mu, baseline)
  local eps = orrery.randn(size, double)
  return (f(eps + mu) - (baseline or 0)) * eps
end

local function coupled(f, mu)
  local w = rayleigh()
  return (f(w + mu) - f(-w + mu)) / root
end

local function independent(f, mu)
  return (f(rayleigh() + mu) - f(-rayleigh() + mu)) / root
end

-- %% [markdown]
-- ## Means and variances at $\mu = 1$, $m = 1$
-- Each estimator averages 1,000 draws, and that many times over. The means
-- agree with $\eta$ within four standard errors; the variances, times 1,000,
-- with the table.

-- %% Measured
local function linear(z) return z end
local function square(z) return z ^ 2 end
local estimates = {}

local function compare(name, of, f, eta, want, ...)
  local x = of(f, 1, ...):mean(2)
  local error = math.sqrt(want / set.draws / set.repeats)
  replay.check(name .. ": mean", x:mean(), eta, { abs = 4 * error + 1e-12 })
  replay.check(name .. ": variance", x:var() * set.draws, want,
    want == 0 and { abs = 1e-20 } or { rel = 0.1, quick = { rel = 0.4 } })
  estimates[name] = x
end

compare("pathwise, linear", pathwise, linear, 1, 0)
compare("score, linear", score, linear, 1, 3)
compare("weak coupled, linear", coupled, linear, 1, 4 / math.pi - 1)
compare("weak independent, linear", independent, linear, 1, 2 / math.pi - 0.5)

compare("pathwise, square", pathwise, square, 2, 4)
compare("score, square", score, square, 2, 30)
compare("score, best baseline, square", score, square, 2, 14, 4)
compare("weak coupled, square", coupled, square, 2, 16 / math.pi - 4)
compare("weak independent, square", independent, square, 2,
  12 / math.pi - 2)

-- %% Estimates of 1,000 draws each, for the square
local shown = {}
for _, name in ipairs { "score, square", "pathwise, square",
  "weak coupled, square" } do
  shown[#shown + 1] = { values = estimates[name], name = name:match "^[^,]+" }
end
plot.hist { series = shown, bins = 40, xlabel = "estimate of the gradient, 2",
  ylabel = "estimates" }

-- %% [markdown]
-- ## Where the order changes
-- The variance of one draw against $\mu$, for the square. Where a weak
-- derivative's curve crosses the pathwise one, 4, follows from a straight line
-- in $\mu^2$.

-- %% Variance against the mean
local mus, curves = {}, { {}, {}, {}, {} }
for i = 0, 12 do
  local mu = i / 4
  mus[#mus + 1] = mu
  for c, of in ipairs { score, pathwise, independent, coupled } do
    curves[c][#mus] = of(square, mu):var():item()
  end
end

-- Slope and height of the line through variance against mu^2.
local function crossing(variances)
  local x = orrery.tensor(mus, double) ^ 2
  local y = orrery.tensor(variances, double)
  local dx = x - x:mean()
  local slope = ((dx * y):sum() / (dx * dx):sum()):item()
  local height = y:mean():item() - slope * x:mean():item()
  return math.sqrt((4 - height) / slope)
end

replay.check("crossing, independent", crossing(curves[3]), 2.2338,
  { abs = 0.1 })
replay.check("crossing, coupled", crossing(curves[4]), 1.9131, { abs = 0.1 })
plot.line { title = "variance of one draw, f(z) = z^2", log_y = true,
  xlabel = "mu", ylabel = "variance", ymin = 0.05, series = {
    { x = mus, y = curves[1], name = "score" },
    { x = mus, y = curves[2], name = "pathwise" },
    { x = mus, y = curves[3], name = "weak, independent" },
    { x = mus, y = curves[4], name = "weak, coupled" },
  } }
