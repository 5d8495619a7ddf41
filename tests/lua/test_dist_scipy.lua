--- Densities, distribution functions and entropies against SciPy's, at random
--- parameters and points.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local json = require "orrery.json"
local dist = orrery.dist

local python
for _, candidate in ipairs { "python3", "/usr/bin/python3" } do
  if not python and os.execute(candidate
    .. " -c 'import scipy.stats' >/dev/null 2>&1") then
    python = candidate
  end
end
if not python then
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
-- as one in a, b, c and v, which is normal.
local laws = {
  { "Normal", "s.norm(a, b)", "a + b * v" },
  { "Laplace", "s.laplace(a, b)", "a + b * v" },
  { "Logistic", "s.logistic(a, b)", "a + b * v" },
  { "Gumbel", "s.gumbel_r(a, b)", "a + b * v" },
  { "Cauchy", "s.cauchy(a, b)", "a + b * v" },
  { "Uniform", "s.uniform(0, c)", "c * abs(v) / 3",
    function(_, _, c) return 0, c end },
  { "Gamma", "s.gamma(b, scale=1 / c)", "b / c * exp(v / 2)",
    function(_, b, c) return b, c end },
  { "Exponential", "s.expon(scale=1 / b)", "exp(v) / b",
    function(_, b) return b end },
  { "Beta", "s.beta(b, c)", "1 / (1 + exp(-v))",
    function(_, b, c) return b, c end },
  { "StudentT", "s.t(c, a, b)", "a + b * v * 2",
    function(a, b, c) return c, a, b end },
  { "VonMises", "s.vonmises(c, loc=0)", "v",
    function(_, _, c) return 0, c end },
  { "LogNormal", "s.lognorm(b, scale=exp(a))", "exp(a + b * v)" },
  { "Poisson", "s.poisson(c)", "floor(c * exp(v / 2))",
    function(_, _, c) return c end, true },
  { "Binomial", "s.binom(20, 1 / (1 + exp(-a)))", "floor(10 + v)",
    function(a) return { total_count = 20, logits = a } end, true },
}

local program = [=[
import json
import numpy as np
import scipy.stats as s
from numpy import abs, exp, floor
with open("cases.json") as f:
    case = json.load(f)
a, b, c, v = (np.array(case[k]) for k in "abcv")
out = {}
for name, law, points, discrete in case["laws"]:
    p, x = eval(law), eval(points)
    out[name] = {
        "x": x.tolist(),
        "log_prob": (p.logpmf if discrete else p.logpdf)(x).tolist(),
        "cdf": p.cdf(x).tolist(),
        "entropy": None if discrete else
                   np.broadcast_to(p.entropy(), x.shape).tolist()}
with open("answers.json", "w") as f:
    json.dump(out, f)
]=]

local function answers(case)
  local folder = files.folder()
  json.write(folder .. "/cases.json", case)
  local file = assert(io.open(folder .. "/program.py", "w"))
  file:write(program)
  file:close()
  local pipe = io.popen(("cd '%s' && '%s' program.py 2>&1"):format(folder,
    python))
  local text = pipe:read "a"
  if not pipe:close() then t.fail("%s", text) end
  return json.read(folder .. "/answers.json")
end

test("densities, distribution functions and entropies are SciPy's",
  function()
    local a, b, c, v = column(-2, 2), column(0.2, 3), column(0.3, 12),
      orrery.randn({ n }, { dtype = "float64", generator = random })
    local asked = json.list {}
    for i, row in ipairs(laws) do
      asked[i] = json.list { row[1], row[2], row[3], row[5] or false }
    end
    local all = answers { a = a:tolist(), b = b:tolist(), c = c:tolist(),
      v = v:tolist(), laws = asked }
    for _, row in ipairs(laws) do
      local name, want = row[1], all[row[1]]
      local law = dist[name]((row[4] or function(p, q) return p, q end)(
        a, b, c))
      local x = orrery.tensor(want.x, { dtype = "float64" })
      local function near(got, values, scale)
        local w = orrery.tensor(values, { dtype = "float64" })
        local gap = ((got - w):abs() / (w:abs() * scale + 1)):max():item()
        if not (gap <= 1e-10) then t.fail("%s is off by %g", name, gap) end
      end
      near(law:log_prob(x), want.log_prob, 1)
      if name ~= "Binomial" then near(law:cdf(x), want.cdf, 0) end
      if not row[5] then near(law:entropy(), want.entropy, 1) end
    end
  end)
