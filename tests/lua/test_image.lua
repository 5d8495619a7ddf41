--- Sequences, pixels as channels, and normalisation within examples, against
--- plain loops and defining properties.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn
local F = nn.functional

local f64 = { dtype = "float64" }
local function tensor(values) return orrery.tensor(values, f64) end
local function rand(...)
  return orrery.rand({ ... }, { low = -2, high = 2, dtype = "float64",
    generator = orrery.Generator(7) })
end

t.test("conv1d is the sum over taps, by hand", function()
  local x = tensor { { { 1, 2, 3, 4, 5 } } }
  local w = tensor { { { 1, 0, -1 } } }
  t.equal(F.conv1d(x, w), tensor { { { -2, -2, -2 } } })
  t.equal(F.conv1d(x, w, tensor { 10 }, { stride = 2, padding = 1 }),
    tensor { { { 8, 8, 14 } } })
  t.equal(F.conv1d(x, w, { dilation = 2 }), tensor { { { -4 } } })
end)

t.test("conv_transpose1d is the transpose of conv1d", function()
  local x, w, y = rand(2, 4, 9), rand(6, 2, 3), rand(2, 6, 5)
  local with = { stride = 2, padding = 1, groups = 2 }
  local a = (F.conv1d(x, w, with) * y):sum()
  local b = (x * F.conv_transpose1d(y, w, with)):sum()
  t.near(a, b, 1e-12)
end)

t.test("pools of sequences take windows", function()
  local x = tensor { { { 1, 5, 2, 4, 3 } } }
  t.equal(F.max_pool1d(x, 2), tensor { { { 5, 4 } } })
  t.equal(F.max_pool1d(x, 3, 1), tensor { { { 5, 5, 4 } } })
  t.equal(F.avg_pool1d(x, 2), tensor { { { 3, 3 } } })
  t.equal(F.avg_pool1d(x, { kernel_size = 2, ceil_mode = true }),
    tensor { { { 3, 3, 3 } } })
end)

t.test("pixel_shuffle puts channel r i + j at row i, column j", function()
  local x = tensor { 1, 2, 3, 4, 5, 6, 7, 8 }:reshape { 1, 4, 1, 2 }
  t.equal(F.pixel_shuffle(x, 2),
    tensor { { { { 1, 3, 2, 4 }, { 5, 7, 6, 8 } } } })
  local y = rand(2, 18, 2, 3)
  t.equal(F.pixel_unshuffle(F.pixel_shuffle(y, 3), 3), y)
  t.equal(nn.PixelUnshuffle(3)(nn.PixelShuffle(3)(y)), y)
end)

--- Mean 0 and variance var / (var + eps) along the last axis.
local function standard(y, x, eps)
  t.near(y:mean(-1), orrery.zeros({ y:size(1) }, f64), 1e-12)
  local v = x:var { axis = -1, correction = 0 }
  t.near(y:var { axis = -1, correction = 0 }, v / (v + eps), 1e-12)
end

t.test("each normalisation makes mean 0 and variance 1 where it says",
  function()
    local x, eps = rand(2, 4, 3, 5), 1e-3
    local function check(y, rows)
      standard(y:reshape { rows, -1 }, x:reshape { rows, -1 }, eps)
    end
    check(F.layer_norm(x, { normalized_shape = { 5 }, eps = eps }), 24)
    check(F.layer_norm(x, { normalized_shape = { 3, 5 }, eps = eps }), 8)
    check(F.group_norm(x, { num_groups = 2, eps = eps }), 4)
    check(F.instance_norm(x, { eps = eps }), 8)
    local w, b = rand(4), rand(4)
    t.near(F.group_norm(x, w, b, { num_groups = 2, eps = eps }),
      F.group_norm(x, { num_groups = 2, eps = eps }) * w:reshape { 4, 1, 1 }
        + b:reshape { 4, 1, 1 }, 1e-12)
  end)

t.test("adain gives the moments of the style", function()
  local x, style = rand(2, 3, 4, 4), rand(2, 3, 5, 2) * 3 + 1
  local y = F.adain(x, style, { eps = 0 })
  t.near(y:mean { axis = { 3, 4 } }, style:mean { axis = { 3, 4 } }, 1e-12)
  t.near(y:var { axis = { 3, 4 }, correction = 0 },
    style:var { axis = { 3, 4 }, correction = 0 }, 1e-12)
end)

t.test("modulated_conv2d is a convolution with each example's own kernel",
  function()
    local x, w, s = rand(2, 3, 5, 5), rand(4, 3, 3, 3), rand(2, 3)
    local y = F.modulated_conv2d(x, w, s, { padding = 1 })
    for n = 1, 2 do
      local own = w * s[n]:reshape { 1, 3, 1, 1 }
      local norm = (own * own):sum({ 2, 3, 4 }, true):sqrt()
      t.near(y:narrow(1, n, 1), F.conv2d(x:narrow(1, n, 1), own / norm,
        { padding = 1 }), 1e-8)
    end
  end)

t.test("embedding looks rows up; the padding row stays", function()
  local e = nn.Embedding(4, 3, { padding_idx = 2, dtype = "float64" })
  local index = orrery.tensor({ { 1, 2 }, { 4, 1 } }, { dtype = "int64" })
  local y = e(index)
  t.equal(y[2][1]:detach(), e.weight[4]:detach())
  t.equal(y[1][2]:detach(), orrery.zeros({ 3 }, f64))
  y:sum():backward()
  t.equal(e.weight.grad:sum(2), tensor { 6, 0, 0, 3 })
end)

t.test("padding layers pad as F.pad does", function()
  local x = tensor { { { { 1, 2, 3 }, { 4, 5, 6 } } } }
  t.equal(nn.ReflectionPad2d { 1, 0, 0, 1 }(x),
    tensor { { { { 2, 1, 2, 3 }, { 5, 4, 5, 6 }, { 2, 1, 2, 3 } } } })
  t.equal(nn.ZeroPad2d(1)(x):sum():item(), 21)
  t.equal(nn.ConstantPad2d(1, 2)(x):sum():item(), 21 + 28)
  t.equal(nn.ReplicationPad2d { 2, 0, 0, 0 }(x)[1][1][1],
    tensor { 1, 1, 1, 2, 3 })
end)

t.test("layers give the shapes they promise", function()
  local x = orrery.zeros { 2, 4, 6 }
  t.equal({ nn.Conv1d(4, 8, 3, { padding = 1 })(x):shape() }, { 2, 8, 6 })
  t.equal({ nn.ConvTranspose1d(4, 2, 2, { stride = 2 })(x):shape() },
    { 2, 2, 12 })
  t.equal({ nn.MaxPool1d(2)(x):shape() }, { 2, 4, 3 })
  t.equal({ nn.AvgPool1d(2)(x):shape() }, { 2, 4, 3 })
  t.equal({ nn.LayerNorm(6)(x):shape() }, { 2, 4, 6 })
  t.equal({ nn.GroupNorm(2, 4)(x):shape() }, { 2, 4, 6 })
  t.equal({ nn.InstanceNorm2d(4)(orrery.zeros { 1, 4, 2, 2 }):shape() },
    { 1, 4, 2, 2 })
end)

t.test("a layer says what input it wants", function()
  t.fails("conv1d: x is [2, 3] but [N, 4, L] is wanted; change the layer or "
    .. "its input", nn.Conv1d(4, 2, 1), orrery.zeros { 2, 3 })
  t.fails("layernorm: x is [2, 3] but [..., 4] is wanted; change the layer or "
    .. "its input", nn.LayerNorm(4), orrery.zeros { 2, 3 })
  t.fails("groupnorm: 4 channels do not split into 3 groups; change "
    .. "num_groups", nn.GroupNorm, 3, 4)
end)
