--- Layers of style-based generators, against their formulas.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn
local o64 = { dtype = "float64" }

local function f64(...) return orrery.randn({ ... }, o64) end

t.test("AdaIN sets mean and deviation by the style", function()
  local layer = nn.AdaIN(2, 3, o64)
  nn.init.zeros_(layer.affine.weight)
  orrery.no_grad(function()
    layer.affine.bias:copy_(orrery.tensor { 1.7, 0.5, 0.4, -1 })
  end)
  local x = f64(2, 2, 8, 8)
  local y = layer(x, f64(2, 3)):detach()
  t.near(y:mean { axis = { 3, 4 } }, { { 0.4, -1 }, { 0.4, -1 } }, 1e-7)
  t.near(y:std { axis = { 3, 4 }, correction = 0 },
    { { 1.7, 0.5 }, { 1.7, 0.5 } }, 1e-4)
  local w = f64(2, 3)
  t.near(layer(x * 3 + 2, w), layer(x, w), 1e-4)
end)

t.test("a fresh AdaIN is an instance norm, up to what the style adds",
  function()
    local layer = nn.AdaIN(2, 3, o64)
    local x = f64(1, 2, 4, 4)
    t.near(layer(x, orrery.zeros({ 1, 3 }, o64)),
      nn.functional.instance_norm(x), 1e-12)
    t.equal(tostring(layer), "AdaIN(2, 3\n  (affine): Linear(3, 4)\n)")
  end)

t.test("AdaIN without sizes takes the statistics of an image", function()
  local x, y = f64(2, 3, 6, 6), f64(2, 3, 4, 5) * 3 + 1
  local z = nn.AdaIN()(x, y)
  t.near(z:mean { axis = { 3, 4 } }, y:mean { axis = { 3, 4 } }, 1e-9)
  t.equal(#nn.AdaIN():parameters(), 0)
end)

-- Scales the weight by each image's style, brings kernels to norm 1, and
-- convolves one image at a time.
local function modulated(layer, x, w, demodulate)
  local styles = layer.affine(w)
  local out = {}
  for n = 1, x:size(1) do
    local s = styles[n]:view { 1, layer.in_channels, 1, 1 }
    local kernel = layer.weight * s
    if demodulate then
      kernel = kernel / (kernel:square():sum { axis = { 2, 3, 4 },
        keepdim = true } + 1e-8):sqrt()
    end
    out[n] = nn.functional.conv2d(x[{ { n, n } }], kernel, layer.bias,
      { padding = layer.padding })
  end
  return orrery.cat(out, 1)
end

for _, demodulate in ipairs { true, false } do
  t.test("ModulatedConv2d, demodulate = " .. tostring(demodulate), function()
    local layer = nn.ModulatedConv2d(3, 4, 3, 5, { dtype = "float64",
      demodulate = demodulate })
    nn.init.normal_(layer.bias)
    local x, w = f64(2, 3, 6, 6), f64(2, 5)
    t.near(layer(x, w), modulated(layer, x, w, demodulate), 1e-10)
    t.gradcheck(function(a, b) return layer(a, b) end, { f64(1, 3, 4, 4),
      f64(1, 5) })
  end)
end

t.test("demodulation keeps the variance, whatever the style", function()
  local layer = nn.ModulatedConv2d(16, 32, 3, 4, { padding = 0, bias = false,
    generator = orrery.Generator(1) })
  local g = { generator = orrery.Generator(2) }
  local y = layer(orrery.randn({ 4, 16, 34, 34 }, g),
    orrery.randn({ 4, 4 }, g) * 5)
  -- Kernels of norm 1 on white noise: variance 1 in each of 32 maps.
  t.near(y:detach():var(), 1, 0.05)
end)

t.test("PixelNorm divides by the channels' root mean square", function()
  local x = orrery.tensor({ { 3, 4 } }, o64)
  t.near(nn.PixelNorm(0)(x), { { 3 / math.sqrt(12.5), 4 / math.sqrt(12.5) } },
    1e-12)
  local y = nn.PixelNorm()(f64(2, 5, 3, 3))
  t.near(y:square():mean { axis = 2 }, orrery.ones { 2, 3, 3 }, 1e-6)
  t.equal(nn.PixelNorm()(orrery.zeros { 1, 2 }), orrery.zeros { 1, 2 })
end)

t.test("MinibatchStdDev adds one channel of the group's deviation", function()
  local x = orrery.zeros({ 4, 1, 1, 2 }, o64)
  -- Groups of two hold images 1 and 3, 2 and 4.
  x[1], x[3] = 1, 5
  x[2], x[4] = 0, 6
  local y = nn.MinibatchStdDev(2, 0)(x)
  t.equal(y:shape_str(), "[4, 2, 1, 2]")
  t.near(y[{ {}, 2, 1, 1 }], { 2, 3, 2, 3 }, 1e-12)
  t.near(y[{ {}, 1 }], x[{ {}, 1 }], 1e-12)
  t.equal(nn.MinibatchStdDev()(orrery.zeros { 3, 2, 4, 4 }):shape_str(),
    "[3, 3, 4, 4]")
  t.fails("minibatchstddev: 3 images do not split into groups of 2; change the "
    .. "batch or group_size", nn.MinibatchStdDev(2),
    orrery.zeros { 3, 1, 2, 2 })
end)

t.test("NoiseInjection adds noise times a strength for each channel",
  function()
    local layer = nn.NoiseInjection(2, { generator = orrery.Generator(3) })
    local x = orrery.rand { 2, 2, 3, 3 }
    t.equal(layer(x):detach(), x)
    orrery.no_grad(function()
      layer.weight:copy_(orrery.tensor { 1, -2 })
    end)
    local noise = orrery.randn { 2, 1, 3, 3 }
    local added = (layer(x, noise) - x):detach()
    t.near(added[{ {}, 1 }], noise[{ {}, 1 }], 1e-5)
    t.near(added[{ {}, 2 }], noise[{ {}, 1 }] * -2, 1e-5)
    t.ok((layer(x) - layer(x)):abs():amax():item() > 0)
  end)

t.test("Blur spreads a point as the binomial, and keeps what is constant",
  function()
    local x = orrery.zeros { 1, 2, 5, 5 }
    x[{ 1, 2, 3, 3 }] = 16
    local y = nn.Blur()(x)
    t.near(y[{ 1, 2, { 2, 4 }, { 2, 4 } }],
      { { 1, 2, 1 }, { 2, 4, 2 }, { 1, 2, 1 } })
    t.near(y[{ 1, 1 }], orrery.zeros { 5, 5 })
    local flat = nn.Blur { 1, 3, 3, 1 }(orrery.ones { 1, 1, 6, 6 })
    t.equal(flat:shape_str(), "[1, 1, 6, 6]")
    t.near(flat[{ 1, 1, { 2, 4 }, { 2, 4 } }], orrery.ones { 3, 3 })
    t.equal(nn.Blur(nil, { stride = 2 })(x):shape_str(), "[1, 2, 3, 3]")
  end)

t.test("misuse names the layer", function()
  local net = nn.ModuleList { nn.AdaIN(2, 3) }
  local x = orrery.zeros { 2, 2, 4, 4 }
  t.fails("adain 1: style is missing; call it with (x, w)", net[1], x)
  t.fails("adain 1: style is [1, 3] but [2, 3] is wanted; give one row for "
    .. "each image", net[1], x, orrery.zeros { 1, 3 })
  t.fails("modulatedconv2d: x is [2, 2, 4, 4] but [N, 3, H, W] is wanted; "
    .. "change the layer or its input", nn.ModulatedConv2d(3, 1, 1, 2), x)
  t.fails("adain: style_dim is missing; give a whole number of at least 1",
    nn.AdaIN, 2)
  t.fails("blur: the weights' sum is 0; give others", nn.Blur, { 1, -1 })
  t.fails("pixelnorm: x is [3] but [N, C, ...] is wanted; change the layer or "
    .. "its input", nn.PixelNorm(), orrery.zeros { 3 })
end)
