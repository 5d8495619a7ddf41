--- Coupling layers, splines, activation norm and maps of single numbers: both
--- ways, and log-determinants by autograd; F141, F142.
local orrery, t = require "orrery", require "orrery.testing"
local flow = orrery.flow
local f64 = { dtype = "float64" }

local function randn(...) return orrery.randn({ ... }, f64) end

local function jacobian(b, x)
  return orrery.jacobian(function(v) return (b(v)) end, x):squeeze(3)
    :squeeze(1)
end

local function det_at(kind, net, x)
  return jacobian(flow.Coupling(2, { kind = kind, net = net }),
    orrery.tensor({ x }, f64)):det()
end
t.fact("F141", "det J, additive coupling", 1, 1e-6, function()
  return det_at("additive", function(x) return x:sin() * 3 end, { 0.3, -2 })
end)
t.fact("F142", "det J, affine coupling with s(x1)=1.5+sin x1 at x1=0.3",
  1.79552021, 1e-6, function()
    return det_at("affine", function(x)
      return orrery.cat({ x ^ 2, (x:sin() + 1.5):log() }, 2)
    end, { 0.3, -2 })
  end)

--- Both ways and the log-determinant of a bijector of D features.
local function holds(b, features, scale)
  local x = randn(20, features) * (scale or 1)
  local z, logdet = b(x)
  local back, minus = b:inverse(z)
  t.near(back, x, 1e-10)
  t.near(minus, -logdet, 1e-9)
  for i = 1, 3 do
    local row = x:narrow(1, i, 1)
    local log = jacobian(b, row):det():abs():log()
    t.near(logdet:narrow(1, i, 1), log:reshape { 1 }, 1e-9)
  end
end

t.test("couplings are undone, with the Jacobian's log-determinant", function()
  for _, kind in ipairs { "affine", "additive", "spline" } do
    for _, features in ipairs { 2, 5 } do
      for _, swap in ipairs { false, true } do
        holds(flow.Coupling(features, { kind = kind, swap = swap,
          hidden = { 8 }, dtype = "float64" }), features, 2)
      end
    end
  end
end)

t.test("splines with steep and flat bins are undone, tails included",
  function()
    for bins = 1, 6 do
      local p = randn(200, flow.spline.parameters(bins)) * 3
      local x = randn(200) * 2
      local y, slope = flow.spline.forward(x, p, bins, 3)
      local back, minus = flow.spline.inverse(y, p, bins, 3)
      t.near(back, x, 1e-8)
      t.near(minus, -slope, 1e-7)
      local outside = x:abs():gt(3)
      t.equal(orrery.where(outside, y, 0), orrery.where(outside, x, 0))
    end
  end)

t.test("a spline of equal bins and slopes of one is the identity", function()
  local one = math.log(math.exp(1 - 1e-3) - 1)
  local p = orrery.cat({ orrery.zeros({ 9, 8 }, f64),
    orrery.full({ 9, 3 }, one, f64) }, 2)
  local x = orrery.range(-4, 4):to "float64"
  local y, slope = flow.spline.forward(x, p, 4, 3)
  t.near(y, x, 1e-12)
  t.near(slope, orrery.zeros({ 9 }, f64), 1e-12)
end)

t.test("a spline's slope is its derivative", function()
  local p = randn(30, flow.spline.parameters(5))
  local x = randn(30):requires_grad_()
  local y, slope = flow.spline.forward(x, p, 5, 3)
  local dy = orrery.grad(y:sum(), { x })[1]
  t.near(slope:exp(), dy, 1e-9)
end)

t.test("a conditional coupling is undone under its context", function()
  local b = flow.Coupling(3, { context = 2, hidden = { 8 },
    dtype = "float64" })
  local x, c = randn(4, 3), randn(4, 2)
  t.near((b:inverse(b(x, c), c)), x, 1e-10)
end)

t.test("activation norm makes its first batch standard, and then stays",
  function()
    local b = flow.ActNorm(3, f64)
    local z = b(randn(50, 3) * 4 + 7)
    t.near(z:mean(1), { 0, 0, 0 }, 1e-9)
    t.near(z:var(1, { correction = 0 }), { 1, 1, 1 }, 1e-9)
    local scale = b.log_scale:clone()
    b(randn(50, 3))
    t.equal(b.log_scale, scale)
    holds(b, 3)
  end)

t.test("maps of single numbers are bijectors of any shape", function()
  local maps = orrery.dist.transforms
  for _, name in ipairs { "Sigmoid", "Tanh", "Softplus", "Exp" } do
    holds(flow.Elementwise(maps[name]()), 3, 0.5)
  end
end)

t.test("a chain has the parameters of all its bijectors", function()
  local chain = flow.Chain { flow.ActNorm(2), flow.Coupling(2,
    { hidden = { 16 } }), flow.Coupling(2, { hidden = { 16 }, swap = true }) }
  t.ok(#chain:parameters() == 2 + 2 * 4)
end)

t.test("wrong arguments are named with what helps", function()
  t.fails("flow.Coupling: kind is \"cubic\"; give affine, additive or spline",
    flow.Coupling, 2, { kind = "cubic" })
  t.fails("flow.Elementwise: transform is missing; give one of "
    .. "dist.transforms", flow.Elementwise)
end)
