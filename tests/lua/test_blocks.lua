--- Residual, MaskedLinear and PReLU.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

t.test("Residual adds its input, and wants one shape", function()
  local x = orrery.tensor { { -1, 2 } }
  t.equal(nn.Residual(nn.ReLU())(x), orrery.tensor { { -1, 4 } })
  t.fails("residual: x is [1, 2] but the body gives [1, 3]; they must have "
    .. "one shape", nn.Residual(nn.Linear(2, 3)), x)
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

t.test("PReLU learns its slope", function()
  local layer = nn.PReLU()
  local y = layer(orrery.tensor { { -4, 4 } })
  t.equal(y:detach(), orrery.tensor { { -1, 4 } })
  y:sum():backward()
  t.equal(layer.weight.grad, orrery.tensor { -4 })
end)
