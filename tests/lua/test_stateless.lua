--- A module as a function of its parameters.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

local function f64(v) return orrery.tensor(v, { dtype = "float64" }) end

t.test("functional_call computes with what it is given, and puts it back",
  function()
    local layer = nn.Linear(2, 2):double()
    local own, bias = layer.weight, layer.bias
    local w, x = f64 { { 1, 2 }, { 3, 4 } }, f64 { { 1, -1 } }
    t.near(orrery.functional_call(layer, { weight = w, bias = f64 { 0, 1 } },
      x), f64 { { -1, 0 } }, 1e-12)
    t.near(orrery.functional_call(layer, { weight = w }, x):detach(),
      f64 { { -1, -1 } } + bias:detach(), 1e-12)
    t.ok(layer.weight == own and layer.bias == bias)
    t.fails_like("linear: x is", orrery.functional_call, layer,
      { weight = w }, orrery.zeros(3, 3))
    t.ok(layer.weight == own, "an error leaves the module as it was")
    t.equal(#layer:parameters(), 2)
  end)

t.test("gradients reach what is given, not the module's own", function()
  local net = nn.Sequential { nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1) }
  net:double()
  local names, list = {}, {}
  for name, p in net:named_parameters() do
    names[#names + 1], list[#list + 1] = name, p:detach()
  end
  local x = f64 { { 0.5, -1 }, { 2, 0.1 } }
  local function loss(...)
    local given = {}
    for i, p in ipairs { ... } do given[names[i]] = p end
    return (orrery.functional_call(net, given, x) ^ 2):sum()
  end
  t.gradcheck(loss, list, { order = 2 })
  for _, p in ipairs(net:parameters()) do t.ok(p.grad == nil) end
  local g = orrery.grad((net(x) ^ 2):sum(), net:parameters())
  t.near(orrery.jacobian(loss, list), g, 1e-12)
end)

t.test("a step of descent on given parameters can be differentiated", function()
  -- l(w) = (w - 3)^2 after w - r 2 (w - 3) is (w - 3)^2 (1 - 2 r)^2.
  local layer = nn.Linear(1, 1, { bias = false }):double()
  local x = f64 { { 1 } }
  local function loss(w)
    return ((orrery.functional_call(layer, { weight = w }, x) - 3) ^ 2):sum()
  end
  local r = f64(0.1):requires_grad_()
  local w = f64 { { 5 } }:requires_grad_()
  local g = orrery.grad(loss(w), { w }, { create_graph = true })[1]
  t.near(orrery.grad(loss(w - r * g), { r })[1], -4 * 4 * (1 - 0.2), 1e-12)
end)

t.test("tied weights change together, and buffers too", function()
  local net = nn.Sequential { nn.Linear(1, 1, { bias = false }),
    nn.Linear(1, 1, { bias = false }) }
  net[2].weight = net[1].weight
  local y = orrery.functional_call(net, { ["1.weight"] = orrery.full({ 1, 1 },
    3) }, orrery.ones(1, 1))
  t.equal(y, orrery.tensor { { 9 } })
  local norm = nn.BatchNorm1d(1, { affine = false, eps = 0 }):eval()
  t.near(orrery.functional_call(norm, { running_var = orrery.tensor { 4 } },
    orrery.tensor { { 6 } }), orrery.tensor { { 3 } })
  t.equal(norm.running_var, orrery.tensor { 1 })
end)

t.test("misuse of functional_call is named", function()
  local layer = nn.Linear(2, 1)
  t.fails("functional_call: module is 3; give a module",
    orrery.functional_call, 3, {})
  t.fails("functional_call: params is missing; give a table of tensors by name",
    orrery.functional_call, layer)
  t.fails('functional_call: the module has no parameter or buffer "wieght"; '
    .. "did you mean weight?", orrery.functional_call, layer,
    { wieght = orrery.zeros(1, 2) })
  t.fails("functional_call: weight is [2, 1] but the module's is [1, 2]; "
    .. "match them", orrery.functional_call, layer,
    { weight = orrery.zeros(2, 1) })
end)
