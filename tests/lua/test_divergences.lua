--- Divergences against integrals by another rule, sums, draws, and the facts
--- that are known in closed form.
local orrery, t = require "orrery", require "orrery.testing"
local dist = orrery.dist

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end
local function Normal(m, s) return dist.Normal(tensor(m), s) end
local function item(x) return x:item() end

-- The integral of p log p / q by Simpson's rule, densities 0 outside.
local function kl_by_simpson(p, q, low, high)
  local n = 200001
  local x = orrery.linspace(low, high, n, f64)
  local w = orrery.full({ n }, 2, f64)
  w[{ { 2, -2, 2 } }] = 4
  w[1], w[n] = 1, 1
  local a = p:log_prob(x)
  local f = (a:exp() * (a - q:log_prob(x))):nan_to_num(0)
  return (f * w):sum() * ((high - low) / (n - 1) / 3)
end

t.test("closed forms of KL are the integrals", function()
  local cases = {
    { Normal(0.3, 1.2), Normal(-0.5, 0.8), -12, 12 },
    { dist.Laplace(tensor(0.3), 1.2), dist.Laplace(tensor(-0.5), 0.8), -40,
      40 },
    { dist.Laplace(tensor(0.3), 0.6), Normal(-0.5, 0.8), -25, 25 },
    { dist.Gumbel(tensor(0.3), 0.6), dist.Gumbel(tensor(-0.5), 0.8), -4, 30 },
    { dist.Uniform(tensor(0), 1), dist.Uniform(tensor(-1), 2), 0, 1 },
    { dist.Uniform(tensor(0), 1), Normal(0.2, 0.7), 0, 1 },
    { dist.Gamma(tensor(2.6), 1.7), dist.Gamma(tensor(3.1), 0.9), 1e-9, 40 },
    { dist.Exponential(tensor(1.7)), dist.Exponential(tensor(0.4)), 0, 40 },
    { dist.Beta(tensor(2.6), 3.7), dist.Beta(tensor(3.1), 1.9), 1e-9,
      1 - 1e-9 },
    { dist.VonMises(tensor(0.4), 2.5), dist.VonMises(tensor(-1), 0.7),
      -math.pi, math.pi },
    { dist.LogNormal(tensor(0.4), 0.5), dist.LogNormal(tensor(0.1), 0.3),
      1e-9, 60 },
  }
  for _, case in ipairs(cases) do
    local p, q, low, high = table.unpack(case)
    local nats, how = dist.kl(p, q)
    t.ok(how.exact, p.name)
    t.near(nats, kl_by_simpson(p, q, low, high), 2e-8)
    t.near(dist.kl(p, p), tensor(0), 1e-13)
  end
  -- Heavy tails: quadrature in asinh x.
  local p, q = dist.Cauchy(tensor(0.3), 1.2), dist.Cauchy(tensor(-0.5), 0.8)
  local s = orrery.linspace(-25, 25, 400001, f64)
  local x = s:sinh()
  local a = p:log_prob(x)
  t.near(dist.kl(p, q), (a:exp() * (a - q:log_prob(x)) * s:cosh()):sum()
    * (50 / 400000), 1e-8)
end)

t.test("KL of classes and counts is the sum", function()
  local p, q = tensor { 0.2, 0.5, 0.3 }, tensor { 0.6, 0.1, 0.3 }
  local want = (p * (p / q):log()):sum()
  t.near(dist.kl(dist.Categorical { probs = p }, dist.Categorical {
    logits = q:log() + 3 }), want, 1e-15)
  t.near(dist.kl(dist.OneHotCategorical { probs = p },
    dist.OneHotCategorical { probs = q }), want, 1e-15)
  local zero = dist.Categorical { probs = tensor { 0, 0.5, 0.5 } }
  t.near(dist.kl(zero, dist.Categorical { probs = p }),
    tensor(0.5 * math.log(0.5 / 0.5) + 0.5 * math.log(0.5 / 0.3)), 1e-15)
  t.ok(item(dist.kl(dist.Categorical { probs = p }, zero)) == math.huge)
  local bern = 0.3 * math.log(0.3 / 0.8) + 0.7 * math.log(0.7 / 0.2)
  local by_p = dist.Bernoulli { probs = tensor(0.3) }
  local by_l = dist.Bernoulli { logits = tensor(math.log(0.8 / 0.2)) }
  t.near(dist.kl(by_p, by_l), tensor(bern), 1e-15)
  t.near(dist.kl(dist.Bernoulli { logits = tensor(math.log(3 / 7)) }, by_l),
    tensor(bern), 1e-15)
  local k = orrery.range(0, 80, f64)
  local a, b = dist.Poisson(tensor(3.5)), dist.Poisson(tensor(5))
  t.near(dist.kl(a, b), (a:log_prob(k):exp()
    * (a:log_prob(k) - b:log_prob(k))):sum(), 1e-12)
end)

t.test("KL of Gaussians of every form is one number", function()
  local w = tensor { { 1, 0.5 }, { -1, 1 }, { 0.2, 0.3 } }
  local d = tensor { 0.5, 1, 2 }
  local m, n = tensor { 1, -1, 0.5 }, tensor { 0, 0.3, 0 }
  local low = dist.LowRankMultivariateNormal(m, w, d)
  local full = dist.MultivariateNormal(m, { covariance = low:covariance() })
  local other = dist.MultivariateNormal(n, { covariance = tensor {
    { 2, 0.6, 0.1 }, { 0.6, 1, -0.2 }, { 0.1, -0.2, 0.5 } } })
  local sd = tensor { 1.2, 0.7, 2 }
  local diag = dist.MultivariateNormal(n, { scale_diag = sd })
  local rows = dist.Independent(dist.Normal(n, sd), 1)
  local as_full = dist.MultivariateNormal(n, { scale_tril = sd:diag_embed() })
  -- By inverse and determinants.
  local s, r = full:covariance(), other:covariance()
  local gap = (n - m):unsqueeze(-1)
  local want = (r:inverse():matmul(s):trace() - 3 + r:logdet() - s:logdet()
    + gap:transpose(1, 2):matmul(r:inverse()):matmul(gap):sum()) * 0.5
  t.near(dist.kl(full, other), want, 1e-12)
  t.near(dist.kl(low, other), want, 1e-12)
  t.near(dist.kl(other, low), dist.kl(other, full), 1e-12)
  for _, q in ipairs { rows, as_full } do
    t.near(dist.kl(low, diag), dist.kl(low, q), 1e-12)
    t.near(dist.kl(diag, low), dist.kl(q, low), 1e-12)
    t.near(dist.kl(diag, q), tensor(0), 1e-14)
  end
  t.near(dist.kl(rows, dist.Independent(dist.Normal(orrery.zeros(3, f64), 1),
    1)), dist.kl(dist.Normal(n, sd), dist.Normal(0, 1)):sum(-1), 1e-14)
end)

t.test("without a closed form draws stand in, and say how well", function()
  local p, q = dist.Logistic(tensor { 0, 1 }, 1), dist.Normal(tensor(0), 2)
  local nats, how = dist.kl(p, q, { samples = 40000,
    generator = orrery.Generator(1) })
  t.ok(not how.exact and how.samples == 40000)
  for i, m in ipairs { 0, 1 } do
    local want = kl_by_simpson(dist.Logistic(tensor(m), 1), q, -40, 40)
    t.near(nats[i], want, 4 * how.standard_error[i]:item())
  end
  t.ok(tostring(how):find "^Monte Carlo, 40000 draws, standard error 0%.0")
  -- Asked for, draws are used where there is a closed form too.
  local a, b = Normal(0.3, 1.2), Normal(-0.5, 0.8)
  local drawn, of = dist.kl(a, b, { samples = 100000,
    generator = orrery.Generator(2) })
  t.near(drawn, dist.kl(a, b), 4 * of.standard_error:item())
  t.near(dist.js(a, b, { samples = 100000, generator = orrery.Generator(3) }),
    dist.js(a, b), 0.005)
end)

local function near(got, want, tol) t.near(got, tensor(want), tol or 1e-6) end

t.test("W2 of Gaussians that commute is the distance of their roots", function()
  local turn = tensor { { 0.8, -0.6 }, { 0.6, 0.8 } }
  local function turned(a, b)
    return turn:matmul(tensor { { a * a, 0 }, { 0, b * b } })
      :matmul(turn:transpose(1, 2))
  end
  local p = dist.MultivariateNormal(tensor { 1, 0 },
    { covariance = turned(1, 3) })
  local q = dist.MultivariateNormal(tensor { 0, 2 },
    { covariance = turned(2, 0.5) })
  near(dist.wasserstein2(p, q) ^ 2, 1 + 4 + 1 + 6.25, 1e-10)
  near(dist.wasserstein2(p, p), 0, 1e-6)
end)

t.test("distances of samples on the line, of any two sizes", function()
  near(dist.wasserstein1(tensor { 3, 7 }, tensor { 6, 4 }), 1, 1e-15)
  near(dist.wasserstein2(tensor { 3, 7 }, tensor { 6, 4 }), 1, 1e-15)
  -- Each point three or two times: the same laws.
  local x, y = tensor { 0.3, 2, -1 }, tensor { 0.5, 4 }
  near(dist.wasserstein1(x, y), item(dist.wasserstein1(
    orrery.cat { x, x }, orrery.cat { y, y, y })), 1e-14)
  t.gradcheck(dist.wasserstein1, { x, y })
  t.fails("wasserstein1: y is a float32 tensor [2, 3]; give a distribution, "
    .. "or floating samples [N]", dist.wasserstein1, x, orrery.zeros(2, 3))
end)

t.test("Renyi and chi-square: closed forms are the integrals", function()
  local p, q = Normal(0.3, 0.8), Normal(-0.5, 1.1)
  local x = orrery.linspace(-20, 20, 40001, f64)
  local function integral(f) return f:sum() * 1e-3 end
  local a, b = p:log_prob(x), q:log_prob(x)
  for _, alpha in ipairs { 0.3, 0.5, 2, 1.5 } do
    near(dist.renyi(p, q, alpha), math.log(item(integral(
      (a * alpha + b * (1 - alpha)):exp()))) / (alpha - 1), 1e-10)
  end
  near(dist.chi2(p, q), item(integral((a * 2 - b):exp())) - 1, 1e-9)
  near(dist.renyi(p, q, 1), item(dist.kl(p, q)), 1e-15)
  -- Close to 1 it is close to KL, on both sides of quadrature too.
  near(dist.renyi(dist.Gumbel(tensor(0), 1), dist.Gumbel(tensor(1), 1),
    1 + 1e-6), item(dist.kl(dist.Gumbel(tensor(0), 1),
    dist.Gumbel(tensor(1), 1))), 1e-5)
  t.ok(item(dist.renyi(Normal(0, 3), Normal(0, 1), 2)) == math.huge)
  near(dist.renyi(dist.Categorical { probs = tensor { 0.5, 0.5 } },
    dist.Categorical { probs = tensor { 0.9, 0.1 } }, 2),
    math.log(0.25 / 0.9 + 0.25 / 0.1), 1e-14)
end)

t.test("the alpha divergence goes from one KL to the other", function()
  local p, q = Normal(0.3, 0.8), Normal(-0.5, 1.1)
  local x = orrery.linspace(-20, 20, 40001, f64)
  local a, b = p:log_prob(x), q:log_prob(x)
  for _, alpha in ipairs { 0.3, 0.5, 1.5, 2 } do
    local mass = item((a * alpha + b * (1 - alpha)):exp():sum()) * 1e-3
    near(dist.alpha(p, q, alpha), (mass - 1) / (alpha * (alpha - 1)), 1e-9)
  end
  near(dist.alpha(p, q, 0), item(dist.kl(q, p)), 1e-15)
  near(dist.alpha(p, q, 1), item(dist.kl(p, q)), 1e-15)
  near(dist.alpha(p, q, 1e-6), item(dist.kl(q, p)), 1e-5)
  near(dist.alpha(p, q, 1 + 1e-6), item(dist.kl(p, q)), 1e-5)
  near(dist.alpha(p, q, 2), item(dist.chi2(p, q)) / 2, 1e-12)
  local drawn, how = dist.alpha(p, q, 0.5, { samples = 100000,
    generator = orrery.Generator(1) })
  near(drawn, item(dist.alpha(p, q, 0.5)), 4 * how.standard_error:item())
  t.fails("alpha: alpha is -1; give a number, 0 or more", dist.alpha, p, q, -1)
end)

t.test("Cauchy-Schwarz of mixtures is the integral", function()
  local p = dist.Mixture(tensor { 0.3, 0.7 },
    dist.Normal(tensor { -1, 2 }, tensor { 0.5, 1 }))
  local q = dist.Mixture(tensor { 0.2, 0.5, 0.3 },
    dist.Normal(tensor { 0, 1, 3 }, tensor { 1, 0.4, 0.7 }))
  local x = orrery.linspace(-20, 20, 40001, f64)
  local a, b = p:log_prob(x):exp(), q:log_prob(x):exp()
  local function integral(f) return f:sum() * 1e-3 end
  local want = -((integral(a * b) ^ 2 / (integral(a * a) * integral(b * b)))
    :log()) * 0.5
  local nats, how = dist.cauchy_schwarz(p, q)
  t.near(nats, want, 1e-10)
  t.ok(how.exact)
  t.near(dist.cauchy_schwarz(p, Normal(0.5, 1.5)), dist.cauchy_schwarz(
    p, dist.Mixture(tensor { 1 }, dist.Normal(tensor { 0.5 }, 1.5))), 1e-12)
  -- Two dimensions that do not mix: the sum of both.
  local function both(m, s)
    return dist.Independent(dist.Normal(tensor(m), tensor(s)), 1)
  end
  t.near(dist.cauchy_schwarz(both({ 0, 1 }, { 1, 0.5 }),
    both({ 1, -1 }, { 1, 2 })), dist.cauchy_schwarz(Normal(0, 1), Normal(1, 1))
    + dist.cauchy_schwarz(Normal(1, 0.5), Normal(-1, 2)), 1e-13)
  -- In the plane, full against diagonal covariances, one component each.
  local full = dist.MultivariateNormal(tensor { 0, 1 }, { covariance = tensor
    { { 1, 0 }, { 0, 0.25 } } })
  t.near(dist.cauchy_schwarz(full, both({ 1, -1 }, { 1, 2 })),
    dist.cauchy_schwarz(both({ 0, 1 }, { 1, 0.5 }), both({ 1, -1 },
      { 1, 2 })), 1e-12)
end)

t.test("MMD and the energy distance of samples", function()
  local x = tensor { { 0, 0 }, { 3, 4 } }
  local y = tensor { { 0, 0 }, { 0, 1 }, { 3, 4 } }
  local function k(d2) return math.exp(-d2 / 8) end
  local xx, yy = k(25), (k(1) + k(25) + k(18)) / 3
  local xy = (1 + k(1) + k(25) + k(25) + k(18) + 1) / 6
  near(dist.mmd(x, y, { bandwidth = 2 }), xx + yy - 2 * xy, 1e-14)
  near(dist.mmd(x, x, { bandwidth = 2, unbiased = false }), 0, 1e-14)
  local d = math.sqrt(18)
  near(dist.energy_distance(x, y), 2 * (0 + 1 + 5 + 5 + d + 0) / 6
    - 2 * 5 / 4 - 2 * (1 + 5 + d) / 9, 1e-14)
  -- Without bias: around 0 for one law, over 10 pairs of samples.
  local sum, square = 0, 0
  for i = 1, 10 do
    local noise = orrery.Generator(i)
    local v = item(dist.mmd(orrery.randn({ 100, 2 }, { generator = noise }),
      orrery.randn({ 100, 2 }, { generator = noise }), { bandwidth = 1 }))
    sum, square = sum + v, square + v * v
  end
  local se = math.sqrt((square - sum * sum / 10) / 9 / 10)
  t.ok(math.abs(sum / 10) < 4 * se, sum)
end)

t.test("what cannot be compared is refused in a sentence", function()
  t.fails("kl: q is 3; give a distribution", dist.kl, Normal(0, 1), 3)
  t.fails("kl: p has events of [], q of [3]; match them", dist.kl,
    Normal(0, 1), dist.Independent(dist.Normal(orrery.zeros(3), 1), 1))
  t.fails("cauchy_schwarz: there is no closed form for Dirichlet and "
    .. "Dirichlet; give Gaussians, mixtures of them, or laws on the line",
    dist.cauchy_schwarz, dist.Dirichlet(orrery.ones(3)),
    dist.Dirichlet(orrery.ones(3)))
  t.fails("renyi: alpha is -1; give a number over 0", dist.renyi,
    Normal(0, 1), Normal(1, 1), -1)
end)

t.test("a divergence of one's own has its place", function()
  local Mine = dist.Distribution:subclass "Mine"
  function Mine:init() self.batch_shape, self.event_shape = {}, {} end
  dist.register_kl(Mine, dist.Normal, function() return tensor(7) end)
  near(dist.kl(Mine(), Normal(0, 1)), 7)
end)
