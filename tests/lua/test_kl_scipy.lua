--- Every registered closed form of KL against integrals of SciPy's densities,
--- sums of its probabilities, and NumPy's inverses and determinants.
local orrery, t = require "orrery", require "orrery.testing"
local python = require "orrery.testing.python"
local dist = orrery.dist

local scipy = python.having "scipy.integrate"
if not scipy then
  return t.skip("KL beside SciPy", "no python3 here has scipy")
end

-- kl(p, q): the integral of p log p / q, panel by panel between quantiles that
-- lie decades apart, so that heavy tails count too. Of counts, the sum.
local program = [=[
import math
import warnings
import numpy as np
import scipy.integrate as integrate
import scipy.stats as s
from numpy import array, exp, eye, diag

warnings.simplefilter("ignore")

def kl(p, q):
    if hasattr(p.dist, "pmf"):
        k = np.arange(400)
        a, b = p.logpmf(k), q.logpmf(k)
        return np.sum(np.where(a > -math.inf, np.exp(a) * (a - b), 0.0))
    steps = [10.0 ** -k for k in (40, 30, 24, 19, 15, 12, 10, 8, 6, 5, 4, 3,
                                  2, 1)] + [0.25, 0.5]
    ends = sorted({float(x) for x in [p.ppf(u) for u in [0] + steps]
                   + [p.isf(u) for u in steps + [0]] if abs(x) < 1e300})
    near = [a for a in (q.ppf(0), q.median(), 0.0) if ends[0] < a < ends[-1]]
    ends = sorted(set(ends + near))
    def f(x):
        a = p.logpdf(x)
        return math.exp(a) * (a - q.logpdf(x)) if a > -700 else 0.0
    return sum(integrate.quad(f, a, b, epsabs=1e-15, epsrel=1e-13)[0]
               for a, b in zip(ends, ends[1:]))

def classes(p, q):
    p, q = array(p) / sum(p), array(q) / sum(q)
    return float(np.sum(p * np.log(p / q)))

def gauss(m, a, n, b):
    m, a, n, b = array(m), array(a), array(n), array(b)
    i, d = np.linalg.inv(b), n - m
    return 0.5 * (np.trace(i @ a) - len(m) + d @ i @ d
                  + np.linalg.slogdet(b)[1] - np.linalg.slogdet(a)[1])

# stick by stick: the first share, then the rest among the rest
def dirichlet(a, b):
    return sum(kl(s.beta(a[i], sum(a[i + 1:])), s.beta(b[i], sum(b[i + 1:])))
               for i in range(len(a) - 1))

m, n, sd = [1, -1, 0.5], [0, 0.3, 0], [1.2, 0.7, 2]
w, d = array([[1, 0.5], [-1, 1], [0.2, 0.3]]), [0.5, 1, 2]
low, flat = w @ w.T + diag(d), diag(array(sd) ** 2)
cov = array([[2, 0.6, 0.1], [0.6, 1, -0.2], [0.1, -0.2, 0.5]])
]=]

local function T(v) return orrery.tensor(v, { dtype = "float64" }) end
local m, n, sd = T { 1, -1, 0.5 }, T { 0, 0.3, 0 }, T { 1.2, 0.7, 2 }
local low = dist.LowRankMultivariateNormal(m, T { { 1, 0.5 }, { -1, 1 },
  { 0.2, 0.3 } }, T { 0.5, 1, 2 })
local full = dist.MultivariateNormal(n, { covariance = T { { 2, 0.6, 0.1 },
  { 0.6, 1, -0.2 }, { 0.1, -0.2, 0.5 } } })
local flat = dist.Independent(dist.Normal(m, sd), 1)
local two = dist.Independent(dist.Normal(n, 1), 1)
local curve = dist.transforms.Softplus()

-- Ours, the other's.
local cases = {
  { dist.Bernoulli { probs = T(0.3) }, dist.Bernoulli { logits = T(1.2) },
    "kl(s.bernoulli(0.3), s.bernoulli(1 / (1 + exp(-1.2))))" },
  { dist.Beta(T(2.6), 3.7), dist.Beta(T(3.1), 1.9),
    "kl(s.beta(2.6, 3.7), s.beta(3.1, 1.9))" },
  { dist.Beta(T(0.6), 1.7), dist.Beta(T(3.1), 1.9),
    "kl(s.beta(0.6, 1.7), s.beta(3.1, 1.9))" },
  { dist.Binomial { total_count = T(20), probs = T(0.3) }, dist.Binomial {
    total_count = T(20), probs = T(0.8) },
    "kl(s.binom(20, 0.3), s.binom(20, 0.8))" },
  { dist.Categorical { probs = T { 1, 2, 7 } }, dist.Categorical {
    probs = T { 3, 3, 2 } }, "classes([1, 2, 7], [3, 3, 2])" },
  { dist.OneHotCategorical { probs = T { 1, 2, 7 } }, dist.OneHotCategorical {
    probs = T { 3, 3, 2 } }, "classes([1, 2, 7], [3, 3, 2])" },
  { dist.Cauchy(T(0.3), 1.2), dist.Cauchy(T(-0.5), 0.8),
    "kl(s.cauchy(0.3, 1.2), s.cauchy(-0.5, 0.8))" },
  { dist.Dirichlet(T { 0.7, 2, 3 }), dist.Dirichlet(T { 1.5, 0.8, 2 }),
    "dirichlet([0.7, 2, 3], [1.5, 0.8, 2])" },
  { dist.Exponential(T(1.7)), dist.Exponential(T(0.4)),
    "kl(s.expon(scale=1 / 1.7), s.expon(scale=1 / 0.4))" },
  { dist.Gamma(T(2.6), 1.7), dist.Gamma(T(3.1), 0.9),
    "kl(s.gamma(2.6, scale=1 / 1.7), s.gamma(3.1, scale=1 / 0.9))" },
  { dist.Gamma(T(0.4), 1.7), dist.Gamma(T(3.1), 0.9),
    "kl(s.gamma(0.4, scale=1 / 1.7), s.gamma(3.1, scale=1 / 0.9))" },
  { dist.Gumbel(T(0.3), 0.6), dist.Gumbel(T(-0.5), 0.8),
    "kl(s.gumbel_r(0.3, 0.6), s.gumbel_r(-0.5, 0.8))" },
  { dist.Laplace(T(0.3), 1.2), dist.Laplace(T(-0.5), 0.8),
    "kl(s.laplace(0.3, 1.2), s.laplace(-0.5, 0.8))" },
  { dist.Laplace(T(0.3), 0.6), dist.Normal(T(-0.5), 0.8),
    "kl(s.laplace(0.3, 0.6), s.norm(-0.5, 0.8))" },
  { dist.Normal(T(0.3), 0.6), dist.Laplace(T(-0.5), 0.8),
    "kl(s.norm(0.3, 0.6), s.laplace(-0.5, 0.8))" },
  { dist.LogNormal(T(0.4), 0.5), dist.LogNormal(T(0.1), 0.3),
    "kl(s.lognorm(0.5, scale=exp(0.4)), s.lognorm(0.3, scale=exp(0.1)))" },
  { dist.Normal(T(0.3), 1.2), dist.Normal(T(-0.5), 0.8),
    "kl(s.norm(0.3, 1.2), s.norm(-0.5, 0.8))" },
  { dist.Poisson(T(3.5)), dist.Poisson(T(5)),
    "kl(s.poisson(3.5), s.poisson(5))" },
  { dist.Uniform(T(0), 1), dist.Uniform(T(-1), 2),
    "kl(s.uniform(0, 1), s.uniform(-1, 3))" },
  { dist.Uniform(T(0), 1), dist.Normal(T(0.2), 0.7),
    "kl(s.uniform(0, 1), s.norm(0.2, 0.7))" },
  { dist.VonMises(T(0.4), 2.5), dist.VonMises(T(-1), 0.7),
    "kl(s.vonmises(2.5, loc=0.4), s.vonmises(0.7, loc=-1))" },
  { dist.Transformed(dist.Gumbel(T(0.3), 0.6), curve), dist.Transformed(
    dist.Gumbel(T(-0.5), 0.8), curve),
    "kl(s.gumbel_r(0.3, 0.6), s.gumbel_r(-0.5, 0.8))" },
  { full, low, "gauss(n, cov, m, low)" },
  { low, full, "gauss(m, low, n, cov)" },
  { full, full:expand(), "gauss(n, cov, n, cov)" },
  { low, low:expand(), "gauss(m, low, m, low)" },
  { full, dist.MultivariateNormal(m, { scale_diag = sd }),
    "gauss(n, cov, m, flat)" },
  { dist.MultivariateNormal(m, { scale_diag = sd }), full,
    "gauss(m, flat, n, cov)" },
  { flat, two, "gauss(m, flat, n, eye(3))" },
  { flat, full, "gauss(m, flat, n, cov)" },
  { full, flat, "gauss(n, cov, m, flat)" },
  { flat, low, "gauss(m, flat, m, low)" },
  { low, flat, "gauss(m, low, m, flat)" },
}

t.test("every registered pair is in the list below", function()
  local seen = {}
  for _, case in ipairs(cases) do
    seen[case[1].name .. " " .. case[2].name] = true
  end
  for _, pair in ipairs(dist.kl_pairs()) do
    local name = pair[1] .. " " .. pair[2]
    t.ok(seen[name], name .. " is not compared")
  end
end)

t.test("closed forms of KL are SciPy's integrals", function()
  local lines = { program }
  for i, case in ipairs(cases) do
    lines[i + 1] = ("print('%%.17g' %% %s)"):format(case[3])
  end
  local text, why = python.run(scipy, table.concat(lines, "\n"))
  if not text then t.fail("%s", why) end
  local i = 0
  for word in text:gmatch "%S+" do
    i = i + 1
    local p, q, what = table.unpack(cases[i])
    local nats, how = dist.kl(p, q)
    t.ok(how.exact, what)
    local want = tonumber(word) or t.fail("%s: %s", what, text)
    local off = math.abs(nats:item() - want) / (1 + math.abs(want))
    if not (off <= 1e-10) then
      t.fail("%s is %.14g here, %s there", what, nats:item(), word)
    end
  end
  t.equal(i, #cases)
end)
