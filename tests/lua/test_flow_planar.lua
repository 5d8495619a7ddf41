--- Planar, radial and Sylvester flows, and the roots their inverses are: what
--- they hold beyond being undone (test_flow_bijectors).
local orrery, t = require "orrery", require "orrery.testing"
local flow = orrery.flow
local roots = require "orrery.flow.roots"
local f64 = { dtype = "float64" }

local function randn(...) return orrery.randn({ ... }, f64) end
local function rand(...) return orrery.rand({ ... }, f64) end

t.test("roots are found to rounding, steep and nearly flat ones", function()
  local r, q = rand(500) * 1.98 - 0.99, rand(500) * 1.98 - 0.99
  local c, y = randn(500) * 2, randn(500) * 4
  t.near(roots.bent(y + r * (q * y + c):tanh(), r, q, c), y, 1e-13)
  local value = orrery.tensor({ 1e-12, 1e-3, 8, 1e9 }, f64)
  local cube = roots.increasing(function(x)
    return x ^ 3 - value, x ^ 2 * 3
  end, value * 0, value + 1)
  t.near(cube / value ^ (1 / 3), { 1, 1, 1, 1 }, 1e-12)
end)

t.test("a root's derivatives are those of the inverse function", function()
  local function log(x)
    return roots.increasing(function(y) return y:exp() - x, y:exp() end,
      x * 0 - 10, x * 0 + 10)
  end
  local x = rand(4) + 0.5
  t.gradcheck(log, { x })
  local v = x:clone():requires_grad_()
  local d = orrery.grad(log(v):sum(), { v }, { create_graph = true })[1]
  t.near(d, 1 / x, 1e-12)
  local dd = orrery.grad(d:sum(), { v }, { create_graph = true })[1]
  t.near(dd, -1 / x ^ 2, 1e-10)
  t.near(orrery.grad(dd:sum(), { v })[1], 2 / x ^ 3, 1e-8)
end)

local function classes()
  return { flow.Planar(3, f64), flow.Radial(3, f64), flow.Sylvester(3, f64),
    flow.Sylvester(3, { units = 2, reflections = 0, dtype = "float64" }) }
end

t.test("both directions have gradients, by numbers and parameters",
  function()
    for _, b in ipairs(classes()) do
      local x = randn(2, 3)
      t.gradcheck(function(v) return b(v) end, { x })
      t.gradcheck(function(v) return b:inverse(v) end, { x })
      local p, name = b.own:detach(), "own"
      t.gradcheck(function(v)
        b[name] = v
        return b:inverse(x)
      end, { p })
    end
  end)

t.test("a planar flow whose u points against w stays one to one", function()
  local b = flow.Planar(2, f64)
  orrery.no_grad(function()
    b.own:copy_(orrery.tensor({ 1, 1, -4, -4, 0.3 }, f64))
  end)
  local line = orrery.linspace(-5, 5, 400, f64):unsqueeze(2)
    :expand { 400, 2 }
  local z, logdet = b(line)
  local step = z:narrow(1, 2, 399) - z:narrow(1, 1, 399)
  t.ok(step:gt(0):all():item() ~= 0)
  t.ok(logdet:isfinite():all():item() ~= 0)
  t.near((b:inverse(z)), line, 1e-9)
end)

t.test("a radial flow moves points along rays from its centre", function()
  local b = flow.Radial(3, f64)
  local x = randn(5, 3)
  local c = b.own:narrow(1, 1, 3)
  local before, after = x - c, b(x) - c
  t.near(orrery.functional.cosine_similarity(before, after, 2),
    orrery.ones({ 5 }, f64), 1e-12)
end)

t.test("a Sylvester flow of one unit is a planar one", function()
  local s = flow.Sylvester(2, { units = 1, reflections = 1,
    dtype = "float64" })
  local p = flow.Planar(2, f64)
  -- Q is the reflected first axis, z = x + q r tanh(s q'x + b).
  local r, k, b, v1, v2 = table.unpack(s.own:tolist())
  local n = v1 ^ 2 + v2 ^ 2
  local q1, q2 = 1 - 2 * v1 * v1 / n, -2 * v2 * v1 / n
  local R = 0.99 * (1 - 2 / (math.exp(2 * r) + 1))
  local S = 0.99 * (1 - 2 / (math.exp(2 * k) + 1))
  -- Planar: w = S q, and u along q with w u = softplus(w u0) - 1 = R S.
  local raw = math.log(math.exp(R * S + 1) - 1)
  local along = raw / S
  orrery.no_grad(function()
    p.own:copy_(orrery.tensor({ S * q1, S * q2, along * q1, along * q2, b },
      f64))
  end)
  local x = randn(6, 2)
  local z, logdet = s(x)
  local same, nats = p(x)
  t.near(z, same, 1e-10)
  t.near(logdet, nats, 1e-10)
end)

t.test("with a context each row has numbers of its own", function()
  for _, class in ipairs { flow.Planar, flow.Radial, flow.Sylvester } do
    local b = class(2, { context = 3, dtype = "float64" })
    local x, c = randn(4, 2), randn(4, 3)
    local z, logdet = b(x, c)
    for i = 1, 4 do
      local one, nats = b(x:narrow(1, i, 1), c:narrow(1, i, 1))
      t.near(one, z:narrow(1, i, 1), 1e-12)
      t.near(nats, logdet:narrow(1, i, 1), 1e-12)
    end
  end
end)

t.test("a stack of planar flows learns a law of two modes", function()
  orrery.manual_seed(2)
  local list = {}
  for i = 1, 6 do list[i] = flow.Planar(1, f64) end
  local model = flow.Model { shape = { 1 }, bijector = flow.Chain(list) }
  local law = orrery.dist.Mixture(orrery.tensor({ 0.5, 0.5 }, f64),
    orrery.dist.Normal(orrery.tensor({ -2, 2 }, f64), 0.5))
  local x = law:sample { 400 }:unsqueeze(2)
  local own = law:log_prob(x):mean():item()
  local normal = -0.5 * math.log(2 * math.pi * math.exp(1)
    * x:var():item())
  local opt, nats = orrery.optim.Adam(model, { lr = 0.03 }), nil
  for _ = 1, 150 do
    nats = -model:log_prob(x):mean()
    opt:minimize(nats)
  end
  t.ok(-nats:item() > normal + 0.6 * (own - normal))
end)

t.test("wrong arguments are named with what helps", function()
  t.fails("flow.Planar: features is \"two\"; give a whole number of at least 1",
    flow.Planar, "two")
  t.fails("flow.Planar: scale is 0; give a number over 0", flow.Planar, 2,
    { scale = 0 })
  t.fails("flow.Sylvester: units are 3 but features 2; give at most as many",
    flow.Sylvester, 2, { units = 3 })
  t.fails("radial: x is [1, 3] but [B, 2] is wanted; change the layer or its "
    .. "input", flow.Radial(2), orrery.zeros { 1, 3 })
  t.fails("planar: context is missing but [1, 3] is wanted; give one row for "
    .. "each x", flow.Planar(2, { context = 3 }), orrery.zeros { 1, 2 })
  t.fails("planar: context is given but none is taken; leave it out, or make "
    .. "the layer with context = SIZE", flow.Planar(2), orrery.zeros { 1, 2 },
    orrery.zeros { 1, 2 })
end)
