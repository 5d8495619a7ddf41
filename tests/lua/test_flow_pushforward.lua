--- The law of g(Z) from g alone; F135 to F140 of the list of facts, F152 to
--- F154 (what a published run's times say).
local orrery, t = require "orrery", require "orrery.testing"
local flow, dist = orrery.flow, orrery.dist
local f64 = { dtype = "float64" }

local line = flow.Pushforward(dist.Uniform(0, 1), function(z)
  return z * 2 + 1
end)
local curve = flow.Pushforward(dist.Uniform(0, 2), orrery.exp)

-- ---- facts

t.fact("F135", "p_X(2), X=2Z+1, Z~U(0,1)", 0.5, 1e-6, function()
  return line:density(2)
end)
t.fact("F136", "p_X(3), X=exp(Z), Z~U(0,2)", 0.166666667, 1e-6, function()
  return curve:density(3)
end)
t.fact("F137", "E[X], X=exp(Z), Z~U(0,2)", 3.19452805, 1e-6, function()
  return curve:mean()
end)
t.fact("F138", "Var[X], X=exp(Z), Z~U(0,2)", 3.19452805, 1e-6, function()
  return curve:var()
end)
t.fact("F139", "median of X, X=exp(Z), Z~U(0,2)", 2.71828183, 1e-6,
  function() return curve:icdf(0.5) end)
t.fact("F140", "entropy of X, X=exp(Z), Z~U(0,2)", 1.69314718, 1e-6,
  function() return curve:entropy() end)

local total, batches, sampling = 1199.7, 100 * 73, 140.4
t.fact("F152", "sampling-to-step ratio of the published run", 854.313578, 1e-4,
  function() return sampling / (total / batches) end)
t.fact("F153", "time of one of its training steps, s", 0.164342466, 1e-6,
  function() return total / batches end)
t.fact("F154", "its sampling time over its training time", 0.117029257, 1e-6,
  function() return sampling / total end)

-- ---- more laws with a closed form

t.test("the square of a normal number has chi-square's law", function()
  local law = flow.Pushforward(dist.Normal(0, 1),
    function(z) return z ^ 2 end, { turns = { 0 } })
  local x = orrery.tensor({ 0.01, 0.3, 1, 2.5, 9 }, f64)
  local chi = dist.Gamma(orrery.tensor(0.5, f64), 0.5)
  t.near(law:log_prob(x), chi:log_prob(x), 1e-9)
  t.near(law:cdf(x), chi:cdf(x), 1e-9)
  t.near(law:mean(), 1, 1e-6)
  t.near(law:var(), 2, 1e-5)
  t.near(law:inverse(4):flatten(), { -2, 2 }, 1e-12)
  t.equal(law:log_prob(-1):item(), -math.huge)
end)

t.test("the sine of an angle has the arcsine law", function()
  local law = flow.Pushforward(dist.Uniform(-math.pi, math.pi), orrery.sin,
    { turns = { -math.pi / 2, math.pi / 2 } })
  local x = orrery.tensor({ -0.9, -0.2, 0.1, 0.5, 0.99 }, f64)
  t.near(law:density(x), 1 / (math.pi * (1 - x ^ 2):sqrt()), 1e-9)
  t.near(law:cdf(x), x:asin() / math.pi + 0.5, 1e-9)
  t.near(law:icdf(0.75), math.sin(math.pi / 4), 1e-9)
end)

t.test("a falling map turns the law round", function()
  local law = flow.Pushforward(dist.Exponential(orrery.tensor(2, f64)),
    function(z) return -z end)
  t.near(law:density(-0.7), 2 * math.exp(-1.4), 1e-9)
  t.near(law:cdf(-0.7), math.exp(-1.4), 1e-9)
end)

t.test("draws have the law's quantiles", function()
  local law = flow.Pushforward(dist.Normal(0, 1), function(z)
    return z ^ 3 + z
  end)
  local n = 20000
  local x = law:sample(n, { generator = orrery.Generator(6) }):sort()
  local gap = (law:cdf(x) - orrery.range(1, n):double() / n):abs():max()
  t.ok(gap:item() < 1.63 / n ^ 0.5)  -- Kolmogorov, 99 %
end)

t.test("the density has a gradient", function()
  local law = flow.Pushforward(dist.Normal(0, 1), orrery.sinh)
  t.gradcheck(function(x) return law:log_prob(x) end,
    { orrery.randn({ 4 }, f64) })
end)

t.test("a law is drawn with its draws", function()
  local figure = curve:plot { draws = 500, points = 20,
    generator = orrery.Generator(1) }
  t.ok(figure)
end)

t.test("a map that turns, and wrong arguments, are named with what helps",
  function()
    t.fails_like("flow.Pushforward: g turns between %-7.94.* and 7.94.*; give "
      .. "turns, the points where it does", flow.Pushforward,
      dist.Normal(0, 1), function(z) return z ^ 2 end)
    t.fails("flow.Pushforward: base is Poisson; give a continuous law of one "
      .. "number", flow.Pushforward, dist.Poisson(orrery.tensor(2)))
    t.fails("flow.Pushforward: turn 2 is 0, not over the one before, 1; give "
      .. "them in order", flow.Pushforward, dist.Normal(0, 1), orrery.sin,
      { turns = { 1, 0 } })
    t.fails("flow.Pushforward: g is missing; give a function",
      flow.Pushforward, dist.Normal(0, 1))
    t.fails("flow.Pushforward: g gave a float64 tensor [] for z [10]; return a "
      .. "number for each", flow.Pushforward, dist.Normal(0, 1),
      function(z) return z:sum() end)
  end)
