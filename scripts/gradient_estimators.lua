--[[ Which estimator of a gradient scatters least?

The gradient of E f(z), z ~ N(mu, 1), by mu: pathwise, score function (plain,
best constant baseline, leave one out) and measure-valued (coupled or not).
For f = m z the pathwise estimate has no variance at all; for f = (m z)^2 it
has 4 m^4, and the measure-valued one beats it for |mu| under 2.234, coupled
under 1.913. Expect variances on the theory's lines.

Seconds on 2 cores:

  orrery scripts/gradient_estimators.lua
  orrery scripts/gradient_estimators.lua f=square mu=0,1,1.9,2.3,3 m=0.7,1,2
]]
local orrery = require "orrery"
local dist, estimators, plot = orrery.dist, orrery.estimators, orrery.plot

local run = orrery.experiment {
  name = "gradient_estimators",
  knobs = {
    f = { { "line", "square" }, "f(z) = m z or (m z)^2",
      one_of = { "line", "square" } },
    mu = { { 0.0, 0.5, 1.0, 1.5, 3.0 }, "mean of z" },
    m = { 1.0, "factor in f", min = 0 },
    n = { 1000, "draws of one estimate", min = 2 },
    repeats = { 2000, "estimates", min = 10 },
  },
  quick = { repeats = 200, mu = { 1.0 } },
}

local pi = math.pi

-- Variance of one draw's estimate in theory.
local theory = {
  line = {
    pathwise = function() return 0 end,
    score = function(mu, m) return m ^ 2 * (mu ^ 2 + 2) end,
    best = function(_, m) return 2 * m ^ 2 end,
    independent = function(_, m) return m ^ 2 * (4 - pi) / (2 * pi) end,
    coupled = function(_, m) return m ^ 2 * (4 - pi) / pi end,
  },
  square = {
    pathwise = function(_, m) return 4 * m ^ 4 end,
    score = function(mu, m)
      return m ^ 4 * (mu ^ 4 + 14 * mu ^ 2 + 15)
    end,
    best = function(mu, m) return m ^ 4 * (8 * mu ^ 2 + 6) end,
    independent = function(mu, m)
      return m ^ 4 * ((8 / pi - 2) * mu ^ 2 + 4 / pi)
    end,
    coupled = function(mu, m) return m ^ 4 * (16 / pi - 4) * mu ^ 2 end,
  },
}

local names = { "pathwise", "score", "best", "independent", "coupled" }

local function estimator_of(name, k)
  local best = k.f == "line" and k.m * k.mu
    or k.m ^ 2 * (k.mu ^ 2 + 3)
  local kinds = {
    pathwise = estimators.pathwise(), score = estimators.score(),
    best = estimators.score { baseline = best },
    independent = estimators.measure { coupled = false },
    coupled = estimators.measure(),
  }
  return kinds[name]
end

function run.trial(k, log)
  local function f(z)
    return k.f == "line" and z * k.m or (z * k.m) ^ 2
  end
  local q = dist.Normal(orrery.tensor(k.mu, { dtype = "float64" }), 1)
  local noise, rows, result = log:generator "noise", {}, {}
  for i, name in ipairs(names) do
    local s = estimators.variance(estimator_of(name, k), f, q, nil,
      { n = k.n, repeats = k.repeats, generator = noise })
    result[name] = s.trace * k.n
    rows[i] = { estimator = name, mean = s.mean:item(), variance = s.trace
      * k.n, theory = theory[k.f][name](k.mu, k.m), evaluations =
      s.evaluations, seconds = s.seconds }
    log:progress(i / #names, name)
  end
  log:table { title = "estimators", rows = rows, columns = { "estimator",
    "mean", "variance", "theory", "evaluations" } }
  return result
end

-- Variance against mu: a line of theory and points for each estimator.
local function lines(trials, f)
  local series, m = {}, nil
  for _, name in ipairs(names) do
    local x, y = {}, {}
    for _, t in ipairs(trials) do
      if t.status == "done" and t.f == f then
        x[#x + 1], y[#y + 1], m = t.mu, math.max(t[name], 1e-6), t.m
      end
    end
    series[#series + 1] = { x = x, y = y, name = name }
  end
  return m and series
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Variance of one draw's estimate: that of a mean of n draws times "
    .. "n.")
  page:table(trials, { "f", "mu", table.unpack(names) })
  for _, f in ipairs { "line", "square" } do
    local series = lines(trials, f)
    if series and #series[1].x > 1 then
      page:plot(plot.line { series = series, log_y = true, xlabel = "mu",
        ylabel = "variance", title = "f is a " .. f })
    end
  end
end

return run(...)
