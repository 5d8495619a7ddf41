--- Optimal transport: plans against enumeration, SciPy and POT; its values'
--- gradients; what is refused.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local python = require "orrery.testing.python"
local ot, dist = orrery.ot, orrery.dist

local random = orrery.Generator(11)
local function tensor(v) return orrery.tensor(v, { dtype = "float64" }) end
local function randn(...)
  return orrery.randn({ ... }, { dtype = "float64", generator = random })
end
local function rand(...)
  return orrery.rand({ ... }, { low = 0.1, high = 1, dtype = "float64",
    generator = random })
end
local function masses(n)
  local a = rand(n)
  return a / a:sum()
end

local function gaps(box)
  local x, y = tensor(box.x), tensor(box.y)
  return (x:unsqueeze(2) - y:unsqueeze(1)):abs()
end

local function price(plan, cost) return (tensor(plan) * cost):sum() end

-- ---- boxes

t.fact("F085", "box plan gamma_1 cost", 42, 1e-12, function()
  return price(ot.boxes.six.plans[1], gaps(ot.boxes.six))
end)
t.fact("F086", "box plan gamma_2 cost", 42, 1e-12, function()
  return price(ot.boxes.six.plans[2], gaps(ot.boxes.six))
end)
t.fact("F087", "W1 of the box example", 7, 1e-12, function()
  local b = ot.boxes.six
  return ot.line(tensor(b.x), tensor(b.y), { a = tensor(b.a),
    b = tensor(b.b) })
end)
t.fact("F088", "{3,7} to {4,6}: monotone plan", 2, 1e-12, function()
  return price(ot.boxes.two.plans[1], gaps(ot.boxes.two))
end)
t.fact("F089", "{3,7} to {4,6}: crossed plan", 6, 1e-12, function()
  return price(ot.boxes.two.plans[2], gaps(ot.boxes.two))
end)
t.fact("F090", "W1 of {3,7} to {4,6}", 1, 1e-12, function()
  local b = ot.boxes.two
  return ot.distance(tensor(b.x):unsqueeze(2), tensor(b.y):unsqueeze(2))
end)

t.test("every plan of the six boxes costs 42, and there are 24 of them",
  function()
    local b, count, seen = ot.boxes.six, 0, 0
    local cost = gaps(b)
    for plan in ot.couplings(b.a, b.b) do
      count = count + 1
      t.equal(price(plan, cost):item(), 42.0)
      for _, known in ipairs(b.plans) do
        if tensor(plan):equal(tensor(known)) then seen = seen + 1 end
      end
    end
    t.equal(seen, 2)
    -- Ways to put b in order into a row of 3, one of 1 and one of 2: the
    -- coefficient of x^3 y z^2 in the product of h_1 h_1 h_2 h_2, 3 variables.
    local function ways(left, k)
      local total = 0
      if k > #b.b then return 1 end
      for i = 0, math.min(left[1], b.b[k]) do
        for j = 0, math.min(left[2], b.b[k] - i) do
          local rest = b.b[k] - i - j
          if rest <= left[3] then
            total = total + ways({ left[1] - i, left[2] - j, left[3] - rest },
              k + 1)
          end
        end
      end
      return total
    end
    t.equal(count, ways({ 3, 1, 2 }, 1))
  end)

t.test("whole masses give whole plans, the cheapest of all", function()
  for _ = 1, 20 do
    local a, b = { 2, 1, 3 }, { 1, 4, 1 }
    local cost, least = randn(3, 4 - 1), math.huge
    for plan in ot.couplings(a, b) do
      least = math.min(least, price(plan, cost):item())
    end
    local plan, prices = ot.plan(cost, a, b)
    t.near(plan, plan:round(), 0)
    t.near(ot.cost(cost, a, b), least, 1e-12)
    t.near((prices.u * tensor(a)):sum() + (prices.v * tensor(b)):sum(), least,
      1e-12)
  end
end)

-- ---- exact plans

t.test("a plan has its masses, and prices that prove it the cheapest",
  function()
    for _, size in ipairs { { 1, 5 }, { 7, 1 }, { 30, 41 }, { 64, 64 } } do
      local n, m = table.unpack(size)
      local a, b = masses(n), masses(m)
      if n > 4 then  -- some rows without mass
        a = orrery.where(a:lt(0.01), 0, a)
        a = a / a:sum()
      end
      local cost = ot.costs(randn(n, 3), randn(m, 3), { p = 2 })
      local plan, p = ot.plan(cost, a, b)
      t.ok(plan:min():item() >= 0)
      t.near(plan:sum(2), a:tolist(), 1e-14)
      t.near(plan:sum(1), b:tolist(), 1e-14)
      local slack = cost - p.u:unsqueeze(2) - p.v:unsqueeze(1)
      t.ok(slack:min():item() >= -1e-11, "a price is over a cost")
      t.near((slack * plan):sum(), 0, 1e-11)
    end
  end)

t.test("equal costs and equal masses, where all plans tie, end", function()
  local plan = ot.plan(orrery.ones { 40, 40 })
  t.near(plan:sum(1), orrery.full({ 40 }, 1 / 40):tolist(), 1e-6)
  local grid = orrery.range(1, 25, { dtype = "float64" }):unsqueeze(2)
  t.near(ot.distance(grid, grid), 0, 0)
end)

t.test("costs differentiate by the plan, masses by the prices", function()
  local x, y = randn(4, 2), randn(5, 2)
  local a, b = masses(4), masses(5)
  t.gradcheck(function(u, v)
    return ot.distance(u, v, { p = 2, a = a, b = b })
  end, { x, y })
  local cost = ot.costs(x, y)
  -- Masses that keep their sum: the last is what the others leave.
  t.gradcheck(function(first)
    return ot.cost(cost, orrery.cat({ first, (1 - first:sum()):unsqueeze(1) },
      1), b)
  end, { a:narrow(1, 1, 3) })
end)

t.test("assignment is the cheapest permutation", function()
  local function permutations(n)
    if n == 0 then return { {} } end
    local all = {}
    for _, p in ipairs(permutations(n - 1)) do
      for k = 1, n do
        local q = { table.unpack(p) }
        table.insert(q, k, n)
        all[#all + 1] = q
      end
    end
    return all
  end
  for _ = 1, 10 do
    local cost, least = randn(5, 5), math.huge
    for _, p in ipairs(permutations(5)) do
      local sum = 0
      for i, j in ipairs(p) do sum = sum + cost[{ i, j }]:item() end
      least = math.min(least, sum)
    end
    local columns, total = ot.assign(cost)
    t.near(total, least, 1e-12)
    t.near(columns:sort(), { 1, 2, 3, 4, 5 }, 0)
  end
  local columns, total = ot.assign(tensor { { 5 }, { 2 }, { 9 } })
  t.near(columns, { 0, 1, 0 }, 0)
  t.near(total, 2, 0)
end)

-- ---- on lines

t.test("the line's distances are the exact plan's", function()
  for _, p in ipairs { 1, 2, 3 } do
    local x, y, a, b = randn(6), randn(9), masses(6), masses(9)
    local function exact(ma, mb)
      return ot.distance(x:unsqueeze(2), y:unsqueeze(2), { p = p, a = ma,
        b = mb }):item()
    end
    t.near(ot.line(x, y, { p = p }), exact(), 1e-10)
    t.near(ot.line(x, y, { p = p, a = a, b = b }), exact(a, b), 1e-10)
    t.near(ot.line(x, y:narrow(1, 1, 6), { p = p }), ot.distance(
      x:unsqueeze(2), y:narrow(1, 1, 6):unsqueeze(2), { p = p }):item(), 1e-10)
  end
  t.gradcheck(function(x, y) return ot.line(x, y, { p = 2 }) end,
    { randn(5), randn(7) })
end)

t.test("slices of shifted points: the mean squared shadow of the shift",
  function()
    local x, shift = randn(50, 3), tensor { 1, -2, 0.5 }
    local along = ot.sliced(x, x + shift, { directions = orrery.eye(3,
      { dtype = "float64" }) })
    t.near(along ^ 2, (1 + 4 + 0.25) / 3, 1e-12)
    -- E cos^2 = 1 / D, with 4 standard errors of 20,000 directions
    local w = ot.sliced(x, x + shift, { directions = 20000,
      generator = random })
    t.near(w ^ 2, 5.25 / 3, 4 * 5.25 * math.sqrt(4 / 45 / 20000))
  end)

-- ---- Sinkhorn

t.test("with little entropy the plan's cost nears the exact one", function()
  local cost, a, b = ot.costs(randn(12, 2), randn(9, 2)), masses(12), masses(9)
  local least = ot.cost(cost, a, b):item()
  local before = math.huge
  for _, epsilon in ipairs { 0.3, 0.1, 0.03 } do
    local _, how = ot.sinkhorn(cost, a, b, { epsilon = epsilon,
      steps = 5000 })
    t.ok(how.settled, "not settled")
    t.near(how.plan:sum(2), a:tolist(), 1e-8)
    t.near(how.plan:sum(1), b:tolist(), 1e-8)
    local off = (how.plan * cost):sum():item() - least
    t.ok(off >= -1e-8 and off < before and off < 2 * epsilon)
    before = off
  end
  -- far beyond exp: logarithms hold
  local value = ot.sinkhorn(cost * 1e4, a, b, { epsilon = 1, steps = 50 })
  t.ok(value:isfinite():item() == 1)
end)

t.test("Sinkhorn's value differentiates, at the solution and through it",
  function()
    local cost, a, b = ot.costs(randn(4, 2), randn(3, 2)), masses(4), masses(3)
    local o = { epsilon = 0.5, steps = 300, tolerance = 1e-14 }
    t.gradcheck(function(c) return (ot.sinkhorn(c, a, b, o)) end, { cost })
    t.gradcheck(function(c)
      local _, how = ot.sinkhorn(c, a, b, { epsilon = 0.5, steps = 60,
        tolerance = 0, through = true })
      return how.plan
    end, { cost })
    t.gradcheck(function(first)
      return (ot.sinkhorn(cost, orrery.cat({ first, (1 - first:sum())
        :unsqueeze(1) }, 1), b, o))
    end, { a:narrow(1, 1, 3) })
  end)

t.test("the debiased divergence is 0 at home and pulls clouds together",
  function()
    local x = randn(8, 2)
    t.near(ot.sinkhorn_divergence(x, x), 0, 1e-7)
    local y = (randn(8, 2) + 2):requires_grad_()
    local before = ot.sinkhorn_divergence(y, x, { epsilon = 0.5 })
    local g = orrery.grad(before, { y })[1]
    local after = ot.sinkhorn_divergence(y - g * 2, x, { epsilon = 0.5 })
    t.ok(after:item() < 0.7 * before:item())
  end)

-- ---- the lines as functions of theta

t.test("parallel lines: only W1 has a slope", function()
  local theta = tensor { -0.5, 0, 0.25 }:requires_grad_()
  local d = ot.parallel_lines(theta)
  t.near(d.js, { math.log(2), 0, math.log(2) }, 1e-15)
  t.near(d.tv, { 1, 0, 1 }, 0)
  t.near(d.w1, { 0.5, 0, 0.25 }, 0)
  t.near(d.kl, { math.huge, 0, math.huge }, 0)
  t.near(d.reverse_kl, { math.huge, 0, math.huge }, 0)
  t.near(orrery.grad(d.js:sum(), { theta })[1], { 0, 0, 0 }, 0)
  t.near(orrery.grad(d.w1:sum(), { theta })[1], { -1, 0, 1 }, 0)
end)

t.test("parallel lines with noise are normal laws apart", function()
  local theta = tensor { 0.4, -0.1 }
  local d = ot.parallel_lines(theta, { noise = 0.2 })
  t.near(d.js[1], 0.33683082, 1e-6)  -- of a gap of 2 deviations
  t.near(d.kl, ((theta / 0.2) ^ 2 / 2):tolist(), 1e-12)
  t.near(d.tv[2], 0.197412651, 1e-6)  -- 2 Phi(1/4) - 1
  t.gradcheck(function(x)
    return ot.parallel_lines(x, { noise = 0.3 }).js
  end, { theta })
end)

-- ---- the dual

t.test("the prices of a plan are a function that tells the laws apart by W1",
  function()
    local x, y = randn(20, 2), randn(20, 2) + 1
    local cost = ot.costs(x, y)
    local _, p = ot.plan(cost)
    -- f(z) = min_j |z - y_j| - v_j has slope 1 and is u at x, -v at y.
    local function f(z) return (ot.costs(z, y) - p.v):amin(2) end
    t.near(ot.dual(f, x, y), ot.cost(cost):item(), 1e-10)
    local w = randn(2)
    w = w / w:norm()
    t.ok(ot.dual(function(z) return z:matmul(w) end, y, x):item()
      <= ot.cost(cost):item() + 1e-12)
  end)

t.test("a critic of normal laws apart finds their distance and its bias",
  function()
    orrery.manual_seed(8)
    local gap, steps, draw = 2, 150, orrery.Generator(5)
    local net = orrery.nn.Linear(2, 1)
    local critic = ot.Critic { net = net, steps = steps, generator = draw,
      optimizer = orrery.optim.Adam(net:parameters(), { lr = 0.05 }) }
    local function pair(n)
      return orrery.randn({ n, 2 }, { generator = draw })
        + orrery.tensor { gap, 0 }, orrery.randn({ n, 2 },
        { generator = draw })
    end
    for _ = 1, steps do critic:step(pair(256)) end
    local x, y = pair(20000)
    local estimate, slope = critic:estimate(x, y), critic:slope(x, y)
    t.near(slope, 1 + gap / 20, 0.05)
    t.near(estimate / slope, gap, 0.05 * gap)
    local other = ot.Critic { net = orrery.nn.Linear(2, 1) }
    other:load_state_dict { net = critic.net:state_dict(), taken = 3,
      optimizer = other.optimizer:state_dict() }
    t.equal(other:estimate(x, y), estimate)
  end)

t.test("a clipped critic keeps its weights and needs nothing else said",
  function()
    local net = orrery.nn.Linear(1, 1)
    local critic = ot.Critic { net = net, clip = 0.01 }
    local x, y = orrery.ones(4, 1), orrery.zeros(4, 1)
    for _ = 1, 3 do critic:step(x, y) end
    t.ok(net.weight:abs():max():item() <= 0.01 + 1e-9)
    t.equal(critic.optimizer.param_groups[1].lr, 5e-5)
  end)

-- ---- what is refused

t.test("misuse is named", function()
  t.fails("plan: cost is a float32 tensor [3]; give floating costs [N, M]",
    ot.plan, orrery.zeros(3))
  t.fails("plan: a sums to 1 but b to 2; give equal sums over 0", ot.plan,
    orrery.zeros(2, 2), nil, { 1, 1 })
  t.fails("cost: a is [3]; give masses [2]", ot.cost, orrery.zeros(2, 2),
    { 1, 1, 1 })
  t.fails("cost: a holds a mass under 0; masses are from 0 on", ot.cost,
    orrery.zeros(2, 2), { 2, -1 })
  t.fails("distance: x is [3, 2] but y is [3, 1]; points have equally many "
    .. "coordinates", ot.distance, orrery.zeros(3, 2), orrery.zeros(3, 1))
  t.fails("distance: p is 0.5; give a number from 1 on", ot.distance,
    orrery.zeros(3, 2), orrery.zeros(3, 2), { p = 0.5 })
  t.fails("sinkhorn: epsilon is 0; give a number over 0", ot.sinkhorn,
    orrery.zeros(2, 2), nil, nil, { epsilon = 0 })
  t.fails("couplings: a sums to 3 but b to 2; give equal sums", ot.couplings,
    { 3 }, { 1, 1 })
  t.fails("line: x is [2, 3] but y is [3, 3]; only the last axes may differ",
    ot.line, orrery.zeros(2, 3), orrery.zeros(3, 3))
  t.fails("sliced: directions is 0; give a whole number of at least 1",
    ot.sliced, orrery.zeros(2, 2), orrery.zeros(2, 2), { directions = 0 })
  t.fails("Critic: penalty is \"gq\"; give gp, lp or false", ot.Critic,
    { net = orrery.nn.Linear(1, 1), penalty = "gq" })
  t.fails("Critic: net is missing; give a module", ot.Critic, {})
  t.fails("transport: cost holds NaN or infinity; give finite costs", ot.plan,
    tensor { { math.huge } })
end)

-- ---- beside SciPy and POT

-- Writes the tensors as .npy files, runs the program, reads answers.npy.
local function ask(name, tensors, program)
  local folder = files.folder()
  for key, x in pairs(tensors) do
    orrery.io.write_npy(("%s/%s.npy"):format(folder, key), x)
  end
  local said, why = python.run(name, program, folder)
  if not said then t.fail("%s", why) end
  local answer = orrery.io.read_npy(folder .. "/answers.npy")
  files.drop(folder)
  return answer
end

local scipy = python.having "scipy.optimize, scipy.stats"
if not scipy then
  t.skip("transport beside SciPy", "no python3 here has scipy")
else
  t.test("assignment and W1 are SciPy's", function()
    local cost, wide = randn(60, 60), randn(20, 35)
    local ties = (randn(40, 40) * 2):round()
    local x, y, a, b = randn(70), randn(45) + 1, rand(70), rand(45)
    local got = ask(scipy, { c1 = cost, c2 = wide, c3 = ties,
      c4 = wide:transpose(1, 2):contiguous(), x = x, y = y, a = a, b = b }, [[
import numpy as np
from scipy.optimize import linear_sum_assignment as f
from scipy.stats import wasserstein_distance as w
L = {n: np.load(n + ".npy") for n in ("c1", "c2", "c3", "c4", *"xyab")}
out = [L[c][f(L[c])].sum() for c in ("c1", "c2", "c3", "c4")]
x, y, a, b = (L[n] for n in "xyab")
np.save("answers.npy", np.array(out + [w(x, y), w(x, y, a, b)]))
]])
    local ours = {}
    for i, c in ipairs { cost, wide, ties, wide:transpose(1, 2) } do
      ours[i] = select(2, ot.assign(c)):item()
    end
    ours[5] = ot.line(x, y):item()
    ours[6] = ot.line(x, y, { a = a, b = b }):item()
    t.near(got, ours, 1e-9)
    t.near(dist.wasserstein1(x, y), got[5]:item(), 1e-9)
  end)
end

local pot = python.having "ot"
if not pot then
  t.skip("transport beside POT", "no python3 here has ot (python3-pot)")
else
  t.test("exact, entropic and 1-D costs are POT's", function()
    local x, y, a, b = randn(40, 3), randn(55, 3), masses(40), masses(55)
    local got = ask(pot, { x = x, y = y, a = a, b = b }, [[
import numpy as np
import ot
x, y, a, b = (np.load(n + ".npy") for n in "xyab")
out = []
for metric in ("euclidean", "sqeuclidean"):
    M = ot.dist(x, y, metric)
    out.append(ot.emd2(a, b, M))
    out.append(ot.emd2([], [], M))
P = ot.sinkhorn(a, b, M, 1.0, method="sinkhorn_log", stopThr=1e-13,
                numItermax=20000)
out.append((P * M).sum())
out.append(ot.wasserstein_1d(x[:, 0], y[:, 0], a, b, p=2))
np.save("answers.npy", np.array(out))
]])
    local c1, c2 = ot.costs(x, y), ot.costs(x, y, { p = 2 })
    local _, how = ot.sinkhorn(c2, a, b, { epsilon = 1, steps = 20000,
      tolerance = 1e-13 })
    t.near(got, { ot.cost(c1, a, b):item(), ot.cost(c1):item(),
      ot.cost(c2, a, b):item(), ot.cost(c2):item(),
      (how.plan * c2):sum():item(),
      ot.line(x:select(2, 1), y:select(2, 1), { p = 2, a = a, b = b,
        root = false }):item() }, 1e-9)
  end)
end
