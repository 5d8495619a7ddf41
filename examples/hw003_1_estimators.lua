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

-- %% [markdown]
-- ## Other means and slopes
-- The table's formulas at $\mu \in \{0, 0.5, 1, 1.5, 3\}$ and $m \in \{0.7, 1,
-- 2\}$: means within four standard errors, and of the fifteen variances of each
-- row the one that is furthest off.

-- %% Fifteen cases
local pi = math.pi
local theory = {
  { pathwise, "pathwise",
    function(m) return 0 * m end, function(m) return 4 * m ^ 4 end },
  { score, "score", function(m, mu) return m ^ 2 * (mu ^ 2 + 2) end,
    function(m, mu) return m ^ 4 * (mu ^ 4 + 14 * mu ^ 2 + 15) end },
  { score, "score, best baseline", function(m) return 2 * m ^ 2 end,
    function(m, mu) return m ^ 4 * (8 * mu ^ 2 + 6) end },
  { independent, "weak, independent",
    function(m) return m ^ 2 * (2 / pi - 0.5) end,
    function(m, mu) return m ^ 4 * ((8 / pi - 2) * mu ^ 2 + 4 / pi) end },
  { coupled, "weak, coupled", function(m) return m ^ 2 * (4 / pi - 1) end,
    function(m, mu) return m ^ 4 * (16 / pi - 4) * mu ^ 2 end },
}
local function furthest(row, power)
  local off, mean_off = 0, 0
  for _, mu in ipairs { 0, 0.5, 1, 1.5, 3 } do
    for _, m in ipairs { 0.7, 1, 2 } do
      local function f(z) return (z * m) ^ power end
      local eta = power == 1 and m or 2 * m ^ 2 * mu
      local best = power == 1 and m * mu or m ^ 2 * (mu ^ 2 + 3)
      local x = row[1](f, mu, row[2]:find "baseline" and best or nil)
      local want = row[2 + power](m, mu)
      local error = math.sqrt(want / x:numel())
      mean_off = math.max(mean_off,
        math.abs(x:mean():item() - eta) / (error + 1e-12))
      off = math.max(off, math.abs(x:var():item() - want)
        / (want > 0 and want or 1e-12))
    end
  end
  return off, mean_off
end
for power, what in ipairs { ", linear", ", square" } do
  for _, row in ipairs(theory) do
    local off, mean_off = furthest(row, power)
    replay.check(row[2] .. what .. ": means off, standard errors", mean_off, 4,
      { relation = "<" })
    replay.check(row[2] .. what .. ": variances off, relative", off, 0.03,
      { relation = "<", quick = { wanted = 0.1 } })
  end
end

-- %% [markdown]
-- ## For the same work
-- A weak derivative evaluates $f$ twice a draw, and $2d$ times in $d$
-- dimensions, since each coordinate of the mean has its own pair; the other two
-- get the whole gradient from one draw. With two evaluations counted, the weak
-- derivative is the better one for the square only while $|\mu| < 1.153$
-- (independent) or $1.353$ (coupled).

-- %% Equal evaluations
local function half_crossing(variances)
  local doubled = {}
  for i, v in ipairs(variances) do doubled[i] = 2 * v end
  return crossing(doubled)
end
replay.check("crossing, independent, equal work", half_crossing(curves[3]),
  1.15321, { abs = 0.1 })
replay.check("crossing, coupled, equal work", half_crossing(curves[4]),
  1.35274, { abs = 0.1 })
local work, bars = { 2, 20, 200, 2000 }, {}
for _, row in ipairs { { pathwise, "pathwise", 1 }, { score, "score", 1 },
  { coupled, "weak, coupled", 2 } } do
  local x, y = row[1](square, 1), {}
  for i, n in ipairs(work) do
    local draws = n // row[3]
    local kept = x:reshape(-1):narrow(1, 1, x:numel() // draws * draws)
    y[i] = kept:reshape(-1, draws):mean(2):std():item()
  end
  bars[#bars + 1] = { x = work, y = y, name = row[2] }
  replay.check(row[2] .. ": error falls as one over the root of the work",
    y[1] / y[4], math.sqrt(1000), { rel = 0.15, quick = { rel = 0.4 } })
end
plot.line { series = bars, log_x = true, log_y = true,
  xlabel = "evaluations of f", ylabel = "sd of the estimate" }

-- %% [markdown]
-- The time of a thousand draws, the median of five, on this machine; and a sum
-- of squares in $d$ dimensions, where the score of each coordinate is
-- multiplied by the noise of all: its variance grows with $d^2$, the coupled
-- weak derivative's and the pathwise one's not at all.

-- %% Time
local small = { 1, set.draws }
local function seconds(of)
  local times = {}
  size = small
  of(square, 1)
  for i = 1, 5 do
    local t = os.clock()
    for _ = 1, 20 do of(square, 1) end
    times[i] = (os.clock() - t) / 20
  end
  size = { set.repeats, set.draws }
  table.sort(times)
  return times[3]
end
for _, row in ipairs { { pathwise, "pathwise" }, { score, "score" },
  { coupled, "weak, coupled" } } do
  print(("%-14s %.0f us"):format(row[2], seconds(row[1]) * 1e6))
end

-- %% Dimensions: the first coordinate's gradient of a sum of squares, mean 1
local growth = { { pathwise, "pathwise" }, { score, "score" },
  { coupled, "weak, coupled" } }
local dimensions, series = { 1, 2, 4, 8, 16 }, {}
for c, row in ipairs(growth) do
  local y = {}
  for i, d in ipairs(dimensions) do
    -- The others' squares, which the first coordinate's estimator sees too.
    local rest = orrery.zeros(size[1], size[2], double)
    for _ = 2, d do rest = rest + (orrery.randn(size, double) + 1) ^ 2 end
    y[i] = row[1](function(z) return z ^ 2 + rest end, 1):var():item()
  end
  series[c] = { x = dimensions, y = y, name = row[2] }
end
-- Var(e ((1 + e)^2 + R)) = E e^2 (1 + e)^4 + 2 E e^2 (1 + e)^2 E R + E R^2 - 4
-- = 34 + 16 (d - 1) + 6 (d - 1) + 4 (d - 1)^2 - 4.
local function score_variance(d)
  return 30 + 22 * (d - 1) + 4 * (d - 1) ^ 2
end
replay.check("score, 16 dimensions", series[2].y[5], score_variance(16),
  { rel = 0.05, quick = { rel = 0.15 } })
replay.check("pathwise, 16 dimensions", series[1].y[5], 4, { rel = 0.05 })
replay.check("weak, coupled, 16 dimensions", series[3].y[5], 16 / pi - 4,
  { rel = 0.05 })
plot.line { series = series, xlabel = "dimensions", log_y = true,
  ylabel = "variance of one draw", ymin = 0.5 }
