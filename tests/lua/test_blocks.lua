--- Residual, MaskedLinear and PReLU.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

t.test("Residual adds its input, and wants one shape", function()
  local x = orrery.tensor { { -1, 2 } }
  t.equal(nn.Residual(nn.ReLU())(x), orrery.tensor { { -1, 4 } })
  t.fails("residual: x is [1, 2] but the body gives [1, 3]; they must have "
    .. "one shape", nn.Residual(nn.Linear(2, 3)), x)
end)

t.test("what a MaskedLinear works out of its mask outlives a tidy", function()
  local layer = nn.MaskedLinear(80, 80)
  layer:set_mask(orrery.ones(80, 80):tril())
  layer:load_state_dict(layer:state_dict())  -- the mask is another one now
  local x = orrery.randn(2, 80)
  local first = orrery.tidy(function() return layer(x):clone() end)
  t.equal(layer(x), first)
end)

t.test("MaskedLinear does not see what the mask hides", function()
  local layer = nn.MaskedLinear(2, 2, { bias = false })
  layer:set_mask(orrery.tensor { { 0, 1 }, { 1, 0 } })
  local x = orrery.tensor({ 3, 5 }):requires_grad_()
  local y = layer(x)
  t.near(y[1]:detach(), layer.weight[1][2]:detach() * 5, 1e-6)
  y[1]:backward()
  t.equal(x.grad[1]:item(), 0)
  t.equal(layer.weight.grad, orrery.tensor { { 0, 5 }, { 0, 0 } })
  t.equal(layer:state_dict()["mask"] ~= nil, true)
end)

-- The masks of one MADE layer: sees where the output's degree is at least
-- (`strict`: more than) the input's.
local function made_mask(out_degree, in_degree, strict)
  local o, i = out_degree:unsqueeze(2), in_degree:unsqueeze(1)
  return (strict and o:gt(i) or o:ge(i)):to "float32"
end

-- Result and gradients by the layer, and by the masked weight in float64.
local function both_ways(layer, x)
  local function run(weight, bias, input, fn)
    local y = fn(input)
    local g = orrery.grad((y * y):sum(), { input, weight, bias })
    return { y:detach(), g[1], g[2], g[3] }
  end
  local w = layer.weight:detach():double():requires_grad_()
  local b = layer.bias:detach():double():requires_grad_()
  local mask = layer.mask:double()
  local double = x:detach():double():requires_grad_()
  return run(layer.weight, layer.bias, x, layer),
    run(w, b, double, function(input)
      return nn.functional.linear(input, w * mask, b)
    end)
end

t.test("MaskedLinear by degrees is the masked product", function()
  orrery.manual_seed(5)
  for case = 1, 24 do
    local k, n = 40 + case * 7, 230 - case * 5
    local ins = orrery.randint(0, 30, k)
    local outs = orrery.randint(case % 4 == 0 and 31 or 0, 33, n)
    if case % 3 == 0 then ins = orrery.range(1, k) end
    if case % 5 == 0 then outs = orrery.range(1, n) end
    local layer = nn.MaskedLinear(k, n)
    layer:set_mask(made_mask(outs, ins, case % 2 == 0))
    local shape = case % 2 == 0 and { 3, 5, k } or { case % 7, k }
    local x = orrery.randn(shape):requires_grad_()
    local got, want = both_ways(layer, x)
    for i, value in ipairs(want) do t.near(got[i]:double(), value, 2e-4) end
    local hidden = layer.mask:eq(0)
    t.equal((got[3] * hidden:to "float32"):abs():sum():item(), 0)
  end
end)

t.test("MaskedLinear follows its mask when that is changed", function()
  orrery.manual_seed(6)
  local k, n = 80, 90
  local layer = nn.MaskedLinear(k, n)
  local x = orrery.randn(4, k):requires_grad_()
  local stairs = made_mask(orrery.range(1, n), orrery.range(1, k))
  local function check()
    local got, want = both_ways(layer, x)
    for i, value in ipairs(want) do t.near(got[i]:double(), value, 2e-4) end
  end
  check()
  layer:set_mask(stairs)
  check()
  layer.mask[{ 1, k }] = 1  -- no staircase any more
  check()
  layer:set_mask(1 - stairs)
  check()
  layer.mask:copy_(stairs * 0.5)  -- nor zeros and ones
  check()
  layer:load_state_dict { weight = layer.weight:detach(),
    bias = layer.bias:detach(), mask = stairs }
  check()
end)

t.test("MaskedLinear gives the same bits with any number of threads", function()
  orrery.manual_seed(7)
  local layer = nn.MaskedLinear(300, 500)
  layer:set_mask(made_mask(orrery.randint(1, 300, 500), orrery.randperm(300)))
  local x = orrery.randn(130, 300):requires_grad_()
  local before = orrery.threads()
  local results = {}
  for threads = 1, 2 do
    orrery.set_threads(threads)
    local y = layer(x)
    local g = orrery.grad((y * y):sum(), { x, layer.weight, layer.bias })
    results[threads] = { y:detach(), g[1], g[2], g[3] }
  end
  orrery.set_threads(before)
  for i = 1, 4 do t.equal(results[1][i], results[2][i]) end
end)

t.test("PReLU learns its slope", function()
  local layer = nn.PReLU()
  local y = layer(orrery.tensor { { -4, 4 } })
  t.equal(y:detach(), orrery.tensor { { -1, 4 } })
  y:sum():backward()
  t.equal(layer.weight.grad, orrery.tensor { -4 })
end)
