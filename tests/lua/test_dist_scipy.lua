--- Densities, distribution functions, quantiles, moments and entropies against
--- SciPy's, at random parameters and points.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local json = require "orrery.json"
local python = require "orrery.testing.python"
local dist = orrery.dist

local scipy = python.having "scipy.stats"
if not scipy then
  return t.skip("distributions beside SciPy", "no python3 here has scipy")
end
local test = t.needing "json"

local n = 40
local random = orrery.Generator(4)
local function column(low, high)
  return orrery.rand({ n }, { low = low, high = high, dtype = "float64",
    generator = random })
end

-- Our law, SciPy's with its arguments as an expression in a, b, c and points x
-- as one in a, b, c and v, which is normal: some lie outside the support.
local laws = {
  { "Normal", "s.norm(a, b)", "a + b * v" },
  { "Laplace", "s.laplace(a, b)", "a + b * v" },
  { "Logistic", "s.logistic(a, b)", "a + b * v" },
  { "Gumbel", "s.gumbel_r(a, b)", "a + b * v" },
  { "Cauchy", "s.cauchy(a, b)", "a + b * v" },
  { "Uniform", "s.uniform(0, c)", "c * (v + 1) / 2",
    function(_, _, c) return 0, c end },
  { "Gamma", "s.gamma(b, scale=1 / c)", "b / c * (exp(v / 2) - 0.3)",
    function(_, b, c) return b, c end },
  { "Exponential", "s.expon(scale=1 / b)", "(exp(v) - 0.3) / b",
    function(_, b) return b end },
  { "Beta", "s.beta(b, c)", "1.2 / (1 + exp(-v)) - 0.1",
    function(_, b, c) return b, c end },
  { "StudentT", "s.t(c, a, b)", "a + b * v * 2",
    function(a, b, c) return c, a, b end },
  { "VonMises", "s.vonmises(c, loc=0)", "v",
    function(_, _, c) return 0, c end },
  { "LogNormal", "s.lognorm(b, scale=exp(a))", "exp(a + b * v) - 0.1" },
  { "Bernoulli", "s.bernoulli(1 / (1 + exp(-a)))", "1.0 * (v > 0)",
    function(a) return { logits = a } end },
  { "Poisson", "s.poisson(c)", "floor(c * exp(v / 2)) - 1",
    function(_, _, c) return c end },
  { "Binomial", "s.binom(20, 1 / (1 + exp(-a)))", "floor(10 + 4 * v)",
    function(a) return { total_count = 20, logits = a } end },
}

-- Laws that SciPy has no class for, as formulas in its parts.
local program = [=[
import json
import numpy as np
import scipy.stats as s
import scipy.special as sp
from numpy import abs, exp, floor
with open("cases.json") as f:
    case = json.load(f)
a, b, c, v = (np.array(case[k]) for k in "abcv")
u = np.array(case["u"])
out = {}
for name, law, points in case["laws"]:
    p, x = eval(law), eval(points)
    discrete = hasattr(p.dist, "pmf")
    at = p.ppf(u)
    if not discrete: # some are good to 1e-9 only: two steps of Newton's
        for _ in range(2):
            at = at - (p.cdf(at) - u) / p.pdf(at)
    row = lambda y: [None if np.isnan(z) else str(z)
                     for z in np.broadcast_to(y, x.shape)]
    out[name] = {
        "x": x.tolist(), "log_prob": row((p.logpmf if discrete else
                                          p.logpdf)(x)),
        "cdf": row(p.cdf(x)), "icdf": row(at),
        "entropy": row(p.entropy()), "mean": row(p.mean()),
        "var": row(p.var())}
# SciPy stops these sums early
k = np.arange(400)[:, None]
for name, p in (("Binomial", s.binom(20, 1 / (1 + exp(-a)))),
                ("Poisson", s.poisson(c))):
    out[name]["entropy"] = [str(h) for h in sp.entr(p.pmf(k)).sum(0)]

m, cov = np.array(case["mean"]), np.array(case["cov"])
rows, w = np.array(case["rows"]), np.array(case["weights"])
gauss = s.multivariate_normal(m, cov)
simplex = rows / rows.sum(1, keepdims=True)
dirichlet = s.dirichlet(w)
k, t = len(w), 0.7
pi = w / w.sum()
mixture = sp.logsumexp(np.log(pi) + s.norm(m, w).logpdf(v[:, None]), axis=1)
concrete = (sp.gammaln(k) + (k - 1) * np.log(t)
            - k * np.log((pi * simplex ** -t).sum(1))
            + (np.log(pi) - (t + 1) * np.log(simplex)).sum(1))
y = np.tanh(2 * v + 1)
out["many"] = {
    "gauss": gauss.logpdf(rows).tolist(), "gauss_entropy": gauss.entropy(),
    "dirichlet": [dirichlet.logpdf(r) for r in simplex],
    "dirichlet_entropy": float(dirichlet.entropy()),
    "classes": s.multinomial(1, pi).logpmf(np.eye(k)).tolist(),
    "classes_entropy": s.entropy(w), "mixture": mixture.tolist(),
    "concrete": concrete.tolist(),
    "tanh": (s.norm.logpdf(v) - np.log(2 * (1 - y ** 2))).tolist(),
    "logit": (s.logistic(0.4).logpdf(0.7 * sp.logit(simplex[:, 0]))
              + np.log(0.7 / simplex[:, 0] / (1 - simplex[:, 0]))).tolist()}
with open("answers.json", "w") as f:
    json.dump(out, f)
]=]

local function answers(case)
  local folder = files.folder()
  json.write(folder .. "/cases.json", case)
  local text, why = python.run(scipy, program, folder)
  local all = text and json.read(folder .. "/answers.json")
  files.drop(folder)
  return all or t.fail("%s", why)
end

local function tensor(v) return orrery.tensor(v, { dtype = "float64" }) end

-- Numbers of SciPy's: "inf" and what cannot be (null) among them.
local function numbers(list)
  local values = {}
  for i, v in ipairs(list) do
    values[i] = v == "inf" and math.huge or v == "-inf" and -math.huge
      or tonumber(v) or 0 / 0
  end
  return tensor(values)
end

-- Off by at most 1e-10, relative to `scale` times what is wanted and 1.
local function near(name, got, want, scale)
  local gap = (got - want):abs() / (want:abs() * scale + 1)
  gap = orrery.where(got:eq(want):logical_or(got:ne(got)
    :logical_and(want:ne(want))), 0, gap)
  local worst = gap:max():item()
  if not (worst <= 1e-10) then t.fail("%s is off by %g", name, worst) end
end

local a, b, c, v, u = column(-2, 2), column(0.2, 3), column(0.3, 12),
  orrery.randn({ n }, { dtype = "float64", generator = random }),
  column(0.01, 0.99)
local mean, weights = { 0.3, -1, 2 }, { 0.7, 2, 1.3 }
local cov = { { 2, 0.6, 0.1 }, { 0.6, 1, -0.2 }, { 0.1, -0.2, 0.5 } }
local rows = orrery.rand({ n, 3 }, { dtype = "float64", generator = random })

local asked, all = json.list {}, nil
for i, row in ipairs(laws) do
  asked[i] = json.list { row[1], row[2], row[3] }
end
local function answered()
  all = all or answers { a = a:tolist(), b = b:tolist(), c = c:tolist(),
    v = v:tolist(), u = u:tolist(), laws = asked, mean = mean, cov = cov,
    weights = weights, rows = rows:tolist() }
  return all
end

for _, row in ipairs(laws) do
  local name = row[1]
  test(name .. " is SciPy's", function()
    local want = answered()[name]
    local law = dist[name]((row[4] or function(p, q) return p, q end)(a, b, c))
    local x = tensor(want.x)
    near("log_prob", law:log_prob(x), numbers(want.log_prob), 1)
    near("cdf", law:cdf(x), numbers(want.cdf), 0)
    near("icdf", law:icdf(u), numbers(want.icdf), 1)
    near("entropy", law:entropy(), numbers(want.entropy), 1)
    if name ~= "Cauchy" then
      near("mean", law:mean(), numbers(want.mean), 1)
      -- On the circle the variance is another thing.
      if name ~= "VonMises" then
        near("variance", law:var(), numbers(want.var), 1)
      end
    end
  end)
end

test("laws of many numbers and made of others are SciPy's parts", function()
  local want = answered().many
  local w = tensor(weights)
  local simplex = rows / rows:sum { axis = 2, keepdim = true }
  local classes = dist.OneHotCategorical { probs = w }
  -- The same covariance from its root, and as a diagonal and two factors.
  local full = tensor(cov)
  local values, vectors = full:eigh()
  local least = values[1]:item()
  local factor = vectors:narrow(2, 2, 2)
    * (values:narrow(1, 2, 2) - least):sqrt()
  for _, law in ipairs { dist.MultivariateNormal(tensor(mean),
    { covariance = full }), dist.MultivariateNormal(tensor(mean),
    { scale_tril = full:cholesky() }), dist.MultivariateNormal(tensor(mean),
    { precision = full:inverse() }), dist.LowRankMultivariateNormal(
    tensor(mean), factor, orrery.full_like(tensor(mean), least)) } do
    near("gaussian", law:log_prob(rows), tensor(want.gauss), 1)
    near("its entropy", law:entropy(), tensor(want.gauss_entropy), 1)
  end
  near("Dirichlet", dist.Dirichlet(w):log_prob(simplex),
    tensor(want.dirichlet), 1)
  near("its entropy", dist.Dirichlet(w):entropy(),
    tensor(want.dirichlet_entropy), 1)
  near("classes", classes:log_prob(classes:enumerate_support()),
    tensor(want.classes), 1)
  near("their entropy", classes:entropy(), tensor(want.classes_entropy), 1)
  local labels = dist.Categorical { probs = w }
  near("labels", labels:log_prob(labels:enumerate_support()),
    tensor(want.classes), 1)
  near("cdf of labels", labels:cdf(labels:enumerate_support()),
    tensor(want.classes):exp():cumsum(1), 1)
  near("mixture", dist.Mixture(w, dist.Normal(tensor(mean), w)):log_prob(v),
    tensor(want.mixture), 1)
  near("concrete rows", dist.RelaxedOneHotCategorical(tensor(0.7),
    { probs = w }):log_prob(simplex), tensor(want.concrete), 1)
  near("concrete bits", dist.RelaxedBernoulli(tensor(0.7), { logits = 0.4 })
    :log_prob(simplex:select(2, 1)), tensor(want.logit), 1)
  local T = dist.transforms
  near("tanh", dist.Transformed(dist.Normal(tensor(0), 1),
    { T.Affine(1, 2), T.Tanh() }):log_prob((v * 2 + 1):tanh()),
    tensor(want.tanh), 1)
end)
