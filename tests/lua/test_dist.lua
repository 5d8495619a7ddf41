--- Distributions against integrals, sums, their own draws and closed forms.
local orrery, t = require "orrery", require "orrery.testing"
local dist = orrery.dist

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end
local draws = os.getenv "ORRERY_FULL" and 1000000 or 100000

-- Laws of single numbers; a float64 parameter makes draws float64 too.
local function on_the_line()
  return {
    dist.Normal(tensor(0.4), 1.3), dist.Laplace(tensor(-1), 0.7),
    dist.Logistic(tensor(0.5), 0.6), dist.Gumbel(tensor(1), 0.8),
    dist.Uniform(tensor(-1), 2.5), dist.Gamma(tensor(2.6), 1.7),
    dist.Exponential(tensor(1.4)), dist.Beta(tensor(2.2), 3.4),
    dist.StudentT(tensor(9.5), 0.3, 1.2), dist.VonMises(tensor(0.6), 2.1),
    dist.LogNormal(tensor(0.1), 0.4), dist.Cauchy(tensor(0.2), 0.9),
    dist.Mixture(tensor { 0.3, 0.7 }, dist.Normal(tensor { -1, 2 },
      tensor { 0.5, 1 })),
    dist.RelaxedBernoulli(tensor(0.7), { probs = 0.35 }),
    dist.Transformed(dist.Normal(tensor(0.2), 0.6),
      { dist.transforms.Affine(0.1, -2), dist.transforms.Tanh() }),
  }
end

local no_moments = { Cauchy = true, RelaxedBernoulli = true,
  Transformed = true }
local no_entropy = { Mixture = true, RelaxedBernoulli = true,
  Transformed = true }

-- Where the density is; the line for those not named.
local ends = { Gamma = { 0, 60 }, Exponential = { 0, 60 }, Beta = { 0, 1 },
  VonMises = { -math.pi, math.pi }, LogNormal = { 0, 60 },
  RelaxedBernoulli = { 0, 1 }, Uniform = { -1, 2.5 }, Transformed = { -1, 1 } }

-- The integral of f by the trapezoid rule in s: x is a sigmoid of s between
-- ends, else sinh s, so that ends and tails are reached smoothly.
local function integral(law, f)
  local range, top = ends[law.name], ends[law.name] and 37 or 14
  local s = orrery.linspace(-top, top, 40001, f64)
  local x, slope = s:sinh(), s:cosh()
  if range then
    local u = s:sigmoid()
    x = range[1] + (range[2] - range[1]) * u
    slope = u * (1 - u) * (range[2] - range[1])
  end
  return (f(x):nan_to_num(0) * slope):sum() * (2 * top / 40000)
end

-- E g(x) by that integral.
local function mean_of(law, g)
  return integral(law, function(x)
    local l = law:log_prob(x)
    return l:exp() * g(x, l:clamp { min = -1e4 })
  end)
end

t.test("densities integrate to 1, and to the mean, variance and entropy said",
  function()
    for _, law in ipairs(on_the_line()) do
      local tol = (law.name == "Laplace" or law.name == "Uniform") and 1e-5
        or law.name == "Cauchy" and 2e-6 or 1e-9
      t.near(mean_of(law, function(x) return x * 0 + 1 end), tensor(1), tol)
      if not no_moments[law.name] and law.name ~= "VonMises" then
        local m = mean_of(law, function(x) return x end)
        t.near(m, law:mean(), tol * 4)
        t.near(mean_of(law, function(x) return (x - m) ^ 2 end), law:var(),
          law.name == "StudentT" and 1e-6 or tol * 20)
      end
      if not no_entropy[law.name] then
        t.near(-mean_of(law, function(_, l) return l end), law:entropy(),
          law.name == "Cauchy" and 1e-4 or tol * 20)
      end
    end
  end)

t.test("cdf is the integral of the density, icdf takes it back", function()
  for _, law in ipairs(on_the_line()) do
    local u = tensor { 0.003, 0.2, 0.45, 0.71, 0.9995 }
    local x = law:icdf(u)
    t.near(law:cdf(x), u, 1e-12)
    -- A step outside the interval and inside it, by Simpson's rule.
    local h = 2e-4
    x = x:narrow(1, 2, 3)
    local inner = (law:log_prob(x - h):exp() + law:log_prob(x + h):exp()
      + law:log_prob(x):exp() * 4) * (h / 3)
    t.near(law:cdf(x + h) - law:cdf(x - h), inner, 1e-11)
  end
end)

t.test("probabilities of counts add up to 1, their mean, variance, cdf",
  function()
    local k = orrery.range(0, 60, f64)
    for _, law in ipairs { dist.Bernoulli { probs = tensor(0.35) },
      dist.Bernoulli { logits = tensor(-1.2) }, dist.Poisson(tensor(3.4)),
      dist.Binomial(tensor(11), { probs = tensor(0.3) }) } do
      local most = law.name == "Bernoulli" and 2
        or law.name == "Binomial" and 12 or 61
      local x = k:narrow(1, 1, most)
      local p = law:log_prob(x):exp()
      t.near(p:sum(), tensor(1), 1e-14)
      local m = (p * x):sum()
      t.near(m, law:mean(), 1e-13)
      t.near((p * (x - m) ^ 2):sum(), law:var(), 1e-12)
      if law.name ~= "Binomial" then
        t.near(law:cdf(x), p:cumsum(1), 1e-14)
      end
      if law.name == "Bernoulli" then
        t.near(law:entropy(), -(p * p:log()):sum(), 1e-15)
      end
    end
  end)

t.test("classes: probabilities, entropy, labels from 1, rows", function()
  local weights = tensor { { 1, 2, 7 }, { 3, 3, 0 } }
  local c = dist.Categorical { probs = weights }
  local p = weights / weights:sum { axis = 2, keepdim = true }
  t.near(c:log_prob(orrery.tensor({ 3, 1 }, { dtype = "int64" })),
    tensor { math.log(0.7), math.log(0.5) }, 1e-15)
  t.near(c:log_prob(c:enumerate_support()):exp(), p:transpose(1, 2), 1e-15)
  t.near(c:entropy(), p:entr():sum(2), 1e-15)
  local rows = dist.OneHotCategorical { logits = weights:log() }
  t.near(rows:log_prob(rows:enumerate_support()):exp(), p:transpose(1, 2),
    1e-15)
  t.near(rows:mean(), p, 1e-15)
  t.equal(c:mode(), orrery.tensor({ 3, 1 }, { dtype = "int64" }))
  t.equal(rows:mode(), tensor { { 0, 0, 1 }, { 1, 0, 0 } })
  local drawn = c:sample({ draws }, { generator = orrery.Generator(5) })
  for label = 1, 3 do
    local share = drawn:eq(label):to("float64"):mean(1)
    local sd = (p:select(2, label) * (1 - p:select(2, label)) / draws):sqrt()
    t.ok((share - p:select(2, label)):abs():le(sd * 4):all():item() == 1)
  end
end)

t.test("draws are spread as the distribution function says", function()
  for i, law in ipairs(on_the_line()) do
    local x = law:sample(draws, { generator = orrery.Generator(i) })
    t.ok(x.dtype == "float64" and x:numel() == draws, law.name)
    local u = law:cdf(x)
    t.near(u:mean(), tensor(0.5), 4 / math.sqrt(12 * draws))
    t.near(u:var(), tensor(1 / 12), 4 / math.sqrt(180 * draws))
    t.near((u ^ 5):mean(), tensor(1 / 6), 4 * math.sqrt(25 / 396 / draws))
  end
  for i, law in ipairs { dist.Poisson(tensor(3.4)),
    dist.Binomial(tensor(11), { probs = tensor(0.3) }),
    dist.Bernoulli { probs = tensor(0.2) } } do
    local x = law:sample(draws, { generator = orrery.Generator(50 + i) })
    t.near(x:mean(), law:mean(), 4 * law:std():item() / math.sqrt(draws))
  end
end)

t.test("draws of many numbers have the mean and covariance said", function()
  local n = draws
  local w = tensor { { 1, 0.5 }, { -1, 1 }, { 0.2, 0.3 } }
  local cov = tensor { { 2, 0.6, 0.1 }, { 0.6, 1, -0.2 }, { 0.1, -0.2, 0.5 } }
  for i, law in ipairs {
    dist.MultivariateNormal(tensor { 1, -1, 0 }, { covariance = cov }),
    dist.MultivariateNormal { loc = tensor { 1, -1, 0 },
      precision = cov:inverse() },
    dist.MultivariateNormal(0, { scale_diag = tensor { 1, 2, 3 } }),
    dist.LowRankMultivariateNormal(tensor { 1, -1, 0 }, w,
      tensor { 0.5, 1, 2 }),
    dist.Dirichlet(tensor { 0.7, 2, 3 }) } do
    local x = law:sample(n, { generator = orrery.Generator(i) })
    t.equal(x:size(2), 3)
    local sd = law:std()
    t.ok((x:mean(1) - law:mean()):abs():le(sd * (4 / math.sqrt(n))):all()
      :item() == 1, law.name)
    t.near(x:var(1), law:var(), 0.02 * law:var():max():item())
    if law.covariance then
      -- The density is that of the covariance: against an inverse and a
      -- determinant.
      local s, gap = law:covariance(), x:narrow(1, 1, 9) - law:mean()
      local square = (gap:matmul(s:inverse()) * gap):sum(2)
      t.near(law:log_prob(x:narrow(1, 1, 9)), (square + s:logdet()
        + 3 * math.log(2 * math.pi)) * -0.5, 1e-11)
      t.near(law:entropy(), (s:logdet() + 3 * math.log(2 * math.pi) + 3) * 0.5,
        1e-12)
    end
  end
  t.near(dist.MultivariateNormal(0, { precision = cov:inverse() })
    :covariance(), cov, 1e-13)
end)

-- Laws in the plane and on the triangle of three shares, with what makes
-- points of them from a square of s and t, and the slope of that.
local function plane(s, v)
  return orrery.stack({ s:sinh(), v:sinh() }, 2), s:cosh() * v:cosh()
end
local function triangle(s, v)
  local a, rest = s:sigmoid(), (-s):sigmoid()
  local b, c = v:sigmoid(), (-v):sigmoid()
  return orrery.stack({ a, rest * b, rest * c }, 2), a * rest ^ 2 * b * c
end

t.test("densities of several numbers integrate to 1 and to the mean said",
  function()
    local cov = tensor { { 2, 0.6 }, { 0.6, 1 } }
    local m = tensor { 0.3, -0.5 }
    local concrete = dist.RelaxedOneHotCategorical(tensor(0.7),
      { probs = tensor { 0.2, 0.3, 0.5 } })
    local cases = {
      { dist.MultivariateNormal(m, { covariance = cov }), plane, 7 },
      { dist.MultivariateNormal(m, { scale_diag = tensor { 1, 2 } }), plane,
        7 },
      { dist.LowRankMultivariateNormal(m, tensor { { 1 }, { -0.5 } },
        tensor { 0.6, 1 }), plane, 7 },
      { dist.Independent(dist.Logistic(m, 0.6), 1), plane, 7 },
      { dist.Mixture(tensor { 0.3, 0.7 }, dist.MultivariateNormal(tensor {
        { 0, 1 }, { -2, 0 } }, { covariance = cov })), plane, 7 },
      { dist.Transformed(dist.Independent(dist.Normal(m, 0.8), 1),
        dist.transforms.Affine(0.5, -2)), plane, 7 },
      { dist.Dirichlet(tensor { 0.7, 2, 3 }), triangle, 60 },
      { concrete, triangle, 60 },
    }
    local n = 401
    for i, case in ipairs(cases) do
      local law, map, top = table.unpack(case)
      local at = orrery.linspace(-top, top, n, f64)
      local x, slope = map(at:repeat_interleave(n), at:tile { n })
      local w = (law:log_prob(x):nan_to_num(-math.huge):exp() * slope)
        * (2 * top / (n - 1)) ^ 2
      t.near(w:sum(), tensor(1), 1e-9)
      local mean = (w:unsqueeze(2) * x):sum(1)
      local drawn = law:sample(draws // 4, { generator = orrery.Generator(i) })
      t.ok((drawn:mean(1) - mean):abs():le(drawn:std(1)
        * (4 / math.sqrt(draws // 4))):all():item() == 1, law.name)
      if law ~= concrete and law.name ~= "Transformed" then
        t.near(law:mean(), mean, 1e-7)
      end
    end
  end)

t.test("Dirichlet and the concrete law on two classes are laws on the line",
  function()
    local x = tensor { 0.07, 0.4, 0.83 }
    local pair = orrery.stack({ x, 1 - x }, 2)
    t.near(dist.Dirichlet(tensor { 2.2, 3.4 }):log_prob(pair),
      dist.Beta(tensor(2.2), 3.4):log_prob(x), 1e-13)
    t.near(dist.Dirichlet(tensor { 2.2, 3.4 }):entropy(),
      dist.Beta(tensor(2.2), 3.4):entropy(), 1e-13)
    t.near(dist.RelaxedOneHotCategorical(tensor(0.7),
      { probs = tensor { 0.35, 0.65 } }):log_prob(pair),
      dist.RelaxedBernoulli(tensor(0.7), { probs = 0.35 }):log_prob(x), 1e-12)
  end)

-- Mean over draws of d f(x) / d parameter, and its standard error.
local function slope_of_mean(make, value, f, seed)
  local p = tensor(value):expand(draws):contiguous():requires_grad_()
  local x = make(p):rsample(nil, { generator = orrery.Generator(seed) })
  local g = orrery.grad(f(x):sum(), { p })[1]
  return g:mean(), 4 * g:std():item() / math.sqrt(draws)
end

t.test("draws carry gradients: slopes of means are slopes of closed forms",
  function()
    local function same(x) return x end
    local cases = {
      { function(p) return dist.Gamma(p, 2) end, 0.6, same, 0.5 },
      -- E log x = psi(a) - log rate
      { function(p) return dist.Gamma(p, 2) end, 3.3, orrery.log,
        tensor(3.3):polygamma(1):item() },
      { function(p) return dist.Gamma(2, p) end, 1.7, same, -2 / 1.7 ^ 2 },
      { function(p) return dist.Beta(p, 1.5) end, 2.5, same, 1.5 / 16 },
      { function(p) return dist.Beta(2.5, p) end, 1.5, same, -2.5 / 16 },
      { function(p) return dist.StudentT(p, 0, 2) end, 12,
        function(x) return x ^ 2 end, 4 * -2 / 100 },
      { function(p) return dist.Laplace(1, p) end, 0.8,
        function(x) return (x - 1) ^ 2 end, 4 * 0.8 },
      { function(p) return dist.Gumbel(0, p) end, 0.8, same, 0.5772156649 },
      { function(p) return dist.LogNormal(p, 0.4) end, 0.3, same,
        math.exp(0.3 + 0.08) },
      { function(p) return dist.Uniform(0, p) end, 3, same, 0.5 },
    }
    for i, case in ipairs(cases) do
      local got, tol = slope_of_mean(case[1], case[2], case[3], i)
      t.near(got, tensor(case[4]), math.max(tol, 1e-12))
    end
    t.fails("Bernoulli: its draws have no gradient; use sample, or "
      .. "RelaxedBernoulli", function()
        dist.Bernoulli { probs = 0.2 }:rsample()
      end)
  end)

t.test("log_prob and entropy differentiate by parameters and values",
  function()
    local x = tensor { 0.2, 0.7 }
    local function check(make, ...)
      local inputs = { x, ... }
      t.gradcheck(function(v, ...) return make(...):log_prob(v) end, inputs)
    end
    local a, b = tensor { 0.8, 1.4 }, tensor { 1.3, 0.6 }
    for _, name in ipairs { "Normal", "Laplace", "Logistic", "Gumbel",
      "Cauchy", "Gamma", "Beta", "VonMises", "LogNormal" } do
      check(dist[name], a, b)
      if name ~= "Cauchy" then
        t.gradcheck(function(p, q) return dist[name](p, q):entropy() end,
          { a, b })
      end
    end
    check(dist.StudentT, tensor { 3, 4.5 }, a, b)
    check(function(l) return dist.Bernoulli { logits = l } end, a)
    check(function(l) return dist.RelaxedBernoulli(0.6, { logits = l }) end, a)
    t.gradcheck(function(v, m, l)
      return dist.MultivariateNormal(m, { scale_tril = l }):log_prob(v)
    end, { x, a, tensor { { 1.1, 0 }, { 0.3, 0.8 } } })
    t.gradcheck(function(v, m, w, d)
      return dist.LowRankMultivariateNormal(m, w, d):log_prob(v)
    end, { x, a, tensor { { 1.1 }, { 0.3 } }, b })
  end)

t.test("shapes: draws before batch before event; expand; Independent",
  function()
    local q = dist.Normal(orrery.zeros(4, 3), orrery.ones(3))
    t.equal({ q:sample({ 2, 5 }):shape() }, { 2, 5, 4, 3 })
    t.equal({ q:sample(2):shape() }, { 2, 4, 3 })
    t.equal({ q:sample():shape() }, { 4, 3 })
    t.equal({ q:log_prob(orrery.zeros(7, 1, 1)):shape() }, { 7, 4, 3 })
    local rows = dist.Independent(q, 1)
    t.equal(rows.batch_shape, { 4 })
    t.equal(rows.event_shape, { 3 })
    t.near(rows:log_prob(orrery.zeros(4, 3)),
      q:log_prob(orrery.zeros(4, 3)):sum(-1))
    t.equal({ rows:expand(6, 4):sample(2):shape() }, { 2, 6, 4, 3 })
    t.equal({ dist.Dirichlet(orrery.ones(2, 3)):expand(5, 2):sample():shape() },
      { 5, 2, 3 })
    t.equal({ dist.Categorical { probs = orrery.ones(4, 3) }:expand(2, 4)
      :sample(6):shape() }, { 6, 2, 4 })
    t.ok(dist.Normal(0, 1):sample(3).dtype == "float32")
    t.ok(dist.Normal(tensor(0), 1):sample(3).dtype == "float64")
    t.equal(tostring(dist.Normal(orrery.zeros(3), 2)),
      "Normal(loc [3], scale 2)")
  end)

t.test("draws repeat with the generator", function()
  for _, law in ipairs(on_the_line()) do
    t.equal(law:sample({ 4 }, { generator = orrery.Generator(3) }),
      law:sample({ 4 }, { generator = orrery.Generator(3) }))
  end
end)

t.test("what cannot be is refused in a sentence", function()
  t.fails("Normal: scale holds -1; it must be over 0", dist.Normal, 0, -1)
  t.fails("Normal: scale holds NaN; it must be over 0", dist.Normal, 0, 0 / 0)
  t.fails("Normal: scale holds 0; it must be over 0", dist.Normal, 0,
    orrery.tensor { 1, 0 })
  t.fails("Normal: loc is [2], scale is [3]: they do not broadcast; match "
    .. "their sizes", dist.Normal, orrery.zeros(2), orrery.ones(3))
  t.fails("Normal: unknown option sigma; it takes loc, scale", dist.Normal,
    { sigma = 2 })
  t.fails("Bernoulli: probs holds 1.5; it must be 0 to 1", dist.Bernoulli,
    { probs = 1.5 })
  t.fails("Bernoulli: probs or logits is missing; give one", dist.Bernoulli)
  t.fails("Categorical: probs and logits are both given; give one",
    dist.Categorical, { probs = { 1, 2 }, logits = { 1, 2 } })
  t.fails("Uniform: high - low holds -1; high must be over low", dist.Uniform,
    2, 1)
  t.fails("Independent: n is 2 but the batch has 1 axes; use 0 to 1",
    dist.Independent, dist.Normal(orrery.zeros(3), 1), 2)
  t.fails("Mixture: there are 2 weights for 3 components; match them",
    dist.Mixture, { 1, 2 }, dist.Normal(orrery.zeros(3), 1))
  t.fails("MultivariateNormal: covariance is [2, 3]; give square matrices "
    .. "[..., D, D]", dist.MultivariateNormal,
    { covariance = orrery.zeros(2, 3) })
  t.fails("Normal:sample: a size is -1; give a whole number of at least 0",
    function() dist.Normal(0, 1):sample(-1) end)
end)
