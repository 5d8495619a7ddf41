--- Continuous flows against fields whose paths are known, and their solvers.
local orrery, t = require "orrery", require "orrery.testing"
local flow = orrery.flow
local solvers = require "orrery.flow.solvers"
local f64 = { dtype = "float64" }

local function randn(...) return orrery.randn({ ... }, f64) end

-- dx/dt = A x, whose paths are exp(A t) x.
local function linear(A)
  return function(x) return x:matmul(A:transpose(1, 2)) end
end

local function largest(a, b) return (a - b):abs():max():item() end

t.test("a linear field's log-density is exp(tr(A) t)'s, its paths exp(A t) x",
  function()
    for d = 1, 4 do
      local A, x = randn(d, d) * 0.7, randn(6, d)
      for _, o in ipairs { { solver = "rk4", steps = 60 },
        { solver = "dopri5", tolerance = 1e-10 } } do
        o.net, o.time, o.dtype = linear(A), 1.5, "float64"
        local b = flow.Continuous(d, o)
        local z, logdet = b(x)
        t.near(z, x:matmul((A * 1.5):matrix_exp():transpose(1, 2)), 1e-5)
        t.near(logdet, orrery.ones({ 6 }, f64) * A:trace():item() * 1.5,
          1e-9)
        local model = flow.Model { shape = { d }, bijector = b }
        local normal = orrery.dist.Normal(0, 1)
        t.near(model:log_prob(x), normal:log_prob(z):sum(2)
          + A:trace() * 1.5, 1e-9)
      end
    end
  end)

t.test("the time is given to the field, and runs back for the inverse",
  function()
    -- dx/dt = cos(t) x: x(T) = x exp(sin T).
    local b = flow.Continuous(2, { net = function(x, time)
      return x * math.cos(time)
    end, time = 2, solver = "dopri5", tolerance = 1e-11, dtype = "float64" })
    local x = randn(3, 2)
    local z, logdet = b(x)
    t.near(z, x * math.exp(math.sin(2)), 1e-9)
    t.near(logdet, orrery.full({ 3 }, 2 * math.sin(2), f64), 1e-9)
    t.near((b:inverse(z)), x, 1e-9)
  end)

t.test("halving steps divides the error of rk4 by 16", function()
  local function f(_, y) return { y[1]:sin() } end
  local y0 = orrery.tensor({ 1 }, f64)
  -- y' = sin y: tan(y / 2) = tan(y0 / 2) e^t.
  local exact = 2 * math.atan(math.tan(0.5) * math.exp(2))
  local function err(steps)
    return math.abs(solvers.rk4(f, { y0 }, 0, 2, steps)[1]:item() - exact)
  end
  local ratio = err(20) / err(40)
  t.ok(ratio > 14 and ratio < 18, ratio)
end)

t.test("dopri5 keeps to its tolerance, and the fifth order's cost", function()
  local function f(_, y) return { y[1]:sin() } end
  local y0 = orrery.tensor({ 1 }, f64)
  local exact = 2 * math.atan(math.tan(0.5) * math.exp(2))
  local before
  for _, tolerance in ipairs { 1e-4, 1e-7, 1e-10 } do
    local y, calls = solvers.dopri5(f, { y0 }, 0, 2, tolerance, 1000)
    t.ok(math.abs(y[1]:item() - exact) <= 10 * tolerance)
    -- Steps as the inverse fifth power: a factor of 4 for one of 1,000.
    t.ok(not before or calls < 6 * before)
    before = calls
  end
end)

t.test("the exact trace is the Jacobian's, Hutchinson's it on average",
  function()
    orrery.manual_seed(8)
    local b = flow.Continuous(3, { hidden = { 8 }, steps = 3,
      dtype = "float64" })
    local x = randn(1, 3)
    local _, exact = b(x)
    t.near(exact, flow.jacobian_logdet(b, x), 1e-4)
    b.trace = "hutchinson"
    local _, guess = orrery.no_grad(b, x:expand { 4000, 3 })
    local se = guess:std():item() / 4000 ^ 0.5
    t.ok(se > 0)
    t.near(guess:mean(), exact:item(), 4 * se)
  end)

t.test("Hutchinson's trace of one feature is exact", function()
  local b = flow.Continuous(1, { hidden = { 8 }, steps = 4,
    dtype = "float64" })
  local x = randn(5, 1)
  local _, exact = b(x)
  b.trace = "hutchinson"
  t.near(select(2, b(x)), exact, 1e-12)
end)

t.test("gradients of log-densities are those of differences", function()
  for _, o in ipairs { { solver = "rk4", steps = 3 },
    { solver = "dopri5", tolerance = 1e-7 } } do
    o.dtype, o.hidden = "float64", { 4 }
    local b = flow.Continuous(2, o)
    local x, weight = randn(2, 2), b.net.layers[1].weight:detach()
    local function nats(v)
      local z, logdet = b(v)
      return logdet - (z ^ 2):sum(2) / 2
    end
    t.gradcheck(nats, { x }, { tol = 1e-4 })
    t.gradcheck(function(w)
      b.net.layers[1].weight = w
      return nats(x)
    end, { weight }, { tol = 1e-4 })
  end
end)

t.test("without recording the numbers are the same", function()
  local b = flow.Continuous(2, { hidden = { 8 }, steps = 5,
    dtype = "float64" })
  local x = randn(4, 2)
  local z, logdet = b(x)
  local same, nats = orrery.no_grad(b, x)
  t.equal({ same, nats }, { z:detach(), logdet:detach() })
  t.ok(not same.requires_grad and z.requires_grad)
end)

t.test("a field of a context takes each row's own", function()
  local b = flow.Continuous(2, { hidden = { 8 }, context = 3, steps = 10,
    dtype = "float64" })
  local x, c = randn(4, 2), randn(4, 3)
  local z = b(x, c)
  t.near((b(x:narrow(1, 2, 1), c:narrow(1, 2, 1))), z:narrow(1, 2, 1), 1e-12)
  t.ok(largest(b(x, c * 2), z) > 0)
  t.near((b:inverse(z, c)), x, 1e-5)
end)

t.test("wrong arguments are named with what helps", function()
  t.fails("flow.Continuous: solver is \"euler\"; give rk4 or dopri5",
    flow.Continuous, 2, { solver = "euler" })
  t.fails("flow.Continuous: trace is 3; give exact or hutchinson",
    flow.Continuous, 2, { trace = 3 })
  t.fails("flow.Continuous: time is 0; give a number over 0",
    flow.Continuous, 2, { time = 0 })
  t.fails("continuous: net gave a float32 tensor [1, 1] for x [1, 2]; return "
    .. "dx/dt, as large as x", flow.Continuous(2, { net = function(x)
    return x:narrow(2, 1, 1)
  end }), orrery.zeros { 1, 2 })
  t.fails("continuous: 3 steps do not reach a tolerance of 1e-12; give a "
    .. "larger one, a smoother field, or float64", flow.Continuous(1,
    { most = 3, solver = "dopri5", tolerance = 1e-12, dtype = "float64",
      net = function(x) return (x * 9):sin() * 9 end }),
    orrery.ones({ 1, 1 }, f64))
end)
