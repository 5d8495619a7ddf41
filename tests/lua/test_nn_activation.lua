--- Each activation layer is its function, with its options passed on.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

local x = orrery.linspace(-4, 7, 12, { dtype = "float64" }):view(3, 4)

for name, fn in pairs { Mish = "mish", SELU = "selu", ReLU6 = "relu6",
  LogSigmoid = "logsigmoid", Softsign = "softsign", Tanhshrink = "tanhshrink",
  Hardsigmoid = "hardsigmoid", Hardswish = "hardswish", CELU = "celu",
  Softshrink = "softshrink", Hardshrink = "hardshrink", GLU = "glu" } do
  t.test(("nn.%s() does what %s does"):format(name, fn), function()
    t.equal(nn[name]()(x), orrery[fn](x))
  end)
end

t.test("activation layers pass their options on", function()
  t.equal(nn.CELU(2)(x), x:celu(2))
  t.equal(nn.Softshrink { lambda = 1 }(x), x:softshrink(1))
  t.equal(nn.Hardshrink(3)(x), x:hardshrink(3))
  t.equal(nn.GLU(-1)(x), x:glu())
  t.equal(nn.Softmin(1)(x), x:softmin(1))
  t.fails("softmin: axis is missing; write nn.Softmin(-1) for the last axis",
    nn.Softmin)
end)
