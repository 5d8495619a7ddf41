--- Blocks of convolutions and the layers they are made of: sizes of known
--- networks, padding modes, norms, upsampling, Bilinear.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn
local o64 = { dtype = "float64" }

local function f64(...) return orrery.randn({ ... }, o64) end

-- The generator of CycleGAN: c7s1-64, d128, d256, R256 x n, u128, u64, c7s1-3,
-- with biases and an instance norm without weights.
local function resnet(blocks, width)
  local o = { norm = "instance", bias = true, padding_mode = "reflect" }
  local function with(more)
    for k, v in pairs(o) do if more[k] == nil then more[k] = v end end
    return more
  end
  local w = width
  local list = { nn.ConvBlock(3, w, 7, with {}),
    nn.ConvBlock(w, 2 * w, 3, with { stride = 2, padding_mode = "zeros" }),
    nn.ConvBlock(2 * w, 4 * w, 3, with { stride = 2,
      padding_mode = "zeros" }) }
  for _ = 1, blocks do
    list[#list + 1] = nn.Residual(nn.Sequential {
      nn.ConvBlock(4 * w, 4 * w, 3, with {}),
      nn.ConvBlock(4 * w, 4 * w, 3, with { act = "none" }) })
  end
  for _, c in ipairs { 4 * w, 2 * w } do
    list[#list + 1] = nn.ConvBlock(c, c // 2, 3, { norm = "instance",
      bias = true, transpose = true, stride = 2, output_padding = 1 })
  end
  list[#list + 1] = nn.ConvBlock(w, 3, 7, with { norm = "none", act = "tanh" })
  return nn.Sequential(list)
end

t.test("ConvBlock makes the translation nets with their known counts",
  function()
    t.equal(resnet(6, 64):num_parameters(), 7837699)
    local small = resnet(1, 4)
    t.equal(small(orrery.rand { 1, 3, 16, 16 }):shape_str(), "[1, 3, 16, 16]")
    local o = { act = "leaky_relu", stride = 2, padding = 1, bias = true }
    local function down(a, b, norm, stride)
      return nn.ConvBlock(a, b, 4, { act = o.act, padding = 1, bias = true,
        norm = norm, stride = stride })
    end
    local patch = nn.Sequential { down(3, 64, "none", 2),
      down(64, 128, "instance", 2), down(128, 256, "instance", 2),
      down(256, 512, "instance", 1),
      nn.ConvBlock(512, 1, 4, { norm = "none", act = "none", padding = 1 }) }
    t.equal(patch:num_parameters(), 2764737)
  end)

t.test("a block is what its parts are in turn", function()
  local block = nn.ConvBlock(2, 3, 3, { dtype = "float64" })
  t.ok(not block.conv.bias)
  local x = f64(2, 2, 5, 5)
  local y = nn.functional.conv2d(x, block.conv.weight, nil, { padding = 1 })
  t.near(block(x), nn.BatchNorm2d(3, o64)(y):relu(), 1e-10)
  local names = {}
  for name in block:named_parameters() do names[#names + 1] = name end
  t.equal(names, { "conv.weight", "norm.weight", "norm.bias" })
  t.equal(tostring(nn.ConvBlock(1, 2, 4, { stride = 2, norm = false,
    act = nn.LeakyReLU(0.1), dropout = 0.5 })), table.concat({
      "ConvBlock(",
      "  (conv): Conv2d(1, 2, 4, { stride = 2, padding = 1 })",
      "  (act): LeakyReLU(0.1)",
      "  (drop): Dropout(0.5)",
      ")" }, "\n"))
  local spectral = nn.ConvBlock(1, 2, 3, { spectral = true, norm = "none" })
  t.ok(spectral:state_dict()["conv.weight_orig"])
  local custom = nn.ConvBlock(1, 4, 3, { norm = function(c)
    return nn.GroupNorm(2, c)
  end })
  t.equal(tostring(custom.norm), "GroupNorm(2, 4)")
end)

t.test("misuse of a block is named", function()
  t.fails('convblock: norm is "bach"; use batch, instance, layer, none, a '
    .. "module or a function that makes one", nn.ConvBlock, 1, 2, 3,
    { norm = "bach" })
  t.fails("convblock: act gives 3; it must make a module", nn.ConvBlock, 1, 2,
    3, { act = function() return 3 end })
  t.fails("convblock: unknown option strid; did you mean stride?",
    nn.ConvBlock, 1, 2, 3, { strid = 2 })
  t.fails("conv2d 1.conv: x is [1, 3, 4, 4] but [N, 1, H, W] is wanted; change "
    .. "the layer or its input", nn.Sequential { nn.ConvBlock(1, 2, 3) },
    orrery.zeros { 1, 3, 4, 4 })
end)

for _, mode in ipairs { "reflect", "replicate", "circular" } do
  t.test("padding_mode " .. mode .. " is a pad layer in front", function()
    local conv = nn.Conv2d(2, 3, { 3, 5 }, { padding = { 1, 2 },
      padding_mode = mode, dtype = "float64" })
    local x = f64(1, 2, 6, 6)
    local padded = nn.functional.pad(x, { 2, 2, 1, 1 }, { mode = mode })
    t.near(conv(x), nn.functional.conv2d(padded, conv.weight, conv.bias), 1e-12)
    t.equal(tostring(conv), ("Conv2d(2, 3, { 3, 5 }, { padding = { 1, 2 }, "
      .. 'padding_mode = "%s" })'):format(mode))
    local line = nn.Conv1d(2, 3, 3, { padding = 1, padding_mode = mode,
      dtype = "float64" })
    local s = f64(1, 2, 6)
    t.near(line(s), nn.functional.conv1d(nn.functional.pad(s, { 1, 1 },
      { mode = mode }), line.weight, line.bias), 1e-12)
    local same = nn.Conv2d(1, 1, 4, { padding = "same", padding_mode = mode })
    t.equal(same(orrery.rand { 1, 1, 6, 6 }):shape_str(), "[1, 1, 6, 6]")
  end)
end

t.test("padding valid is none; other modes are refused", function()
  t.equal(nn.Conv2d(1, 1, 3, { padding = "valid" })
    (orrery.zeros { 1, 1, 5, 5 }):shape_str(), "[1, 1, 3, 3]")
  t.fails('conv2d: padding_mode is "mirror"; use zeros, reflect, replicate or '
    .. "circular", nn.Conv2d, 1, 1, 3, { padding_mode = "mirror" })
end)

t.test("pad layers of sequences", function()
  local x = orrery.tensor { { { 1, 2, 3 } } }
  t.near(nn.ReflectionPad1d(2)(x), { { { 3, 2, 1, 2, 3, 2, 1 } } })
  t.near(nn.ReplicationPad1d { 1, 0 }(x), { { { 1, 1, 2, 3 } } })
  t.near(nn.CircularPad1d(1)(x), { { { 3, 1, 2, 3, 1 } } })
  t.near(nn.ConstantPad1d({ 0, 1 }, 9)(x), { { { 1, 2, 3, 9 } } })
  t.equal(tostring(nn.ConstantPad1d({ 0, 1 }, 9)),
    "ConstantPad1d({ 0, 1 }, 9)")
  t.fails("reflectionpad1d: padding has 3 entries; give one number or "
    .. "{ left, right }", nn.ReflectionPad1d, { 1, 2, 3 })
end)

t.test("InstanceNorm1d and 2d normalise each channel of each example",
  function()
    for rank, class in pairs { [3] = nn.InstanceNorm1d,
      [4] = nn.InstanceNorm2d } do
      local sizes = rank == 3 and { 2, 3, 20 } or { 2, 3, 4, 5 }
      local x = orrery.randn(sizes, o64) * 3 + 7
      local y = class(3, { affine = true, dtype = "float64" })(x):flatten(3)
      t.near(y:mean(3), orrery.zeros { 2, 3 }, 1e-9)
      t.near(y:var { axis = 3, correction = 0 }, orrery.ones { 2, 3 }, 1e-4)
    end
    t.fails("instancenorm2d: x is [2, 3, 1, 1]: one value per channel has no "
      .. "variance, only the bias would be left; normalise a larger map or "
      .. "give { single = true }",
      nn.InstanceNorm2d(3), orrery.zeros { 2, 3, 1, 1 })
    local one = nn.InstanceNorm2d(1, { affine = true, single = true })
    nn.init.constant_(one.bias, 2)
    local x = orrery.full({ 1, 1, 1, 1 }, 5):requires_grad_()
    t.near(one(x), { { { { 2 } } } })
    one(x):sum():backward()
    t.near({ x.grad:item(), one.bias.grad:item() }, { 0, 1 })
  end)

t.test("InstanceNorm's running statistics are the examples' means", function()
  local norm = nn.InstanceNorm1d(1, { track_running_stats = true,
    momentum = 0.5, dtype = "float64" })
  norm(orrery.tensor({ { { 1, 3 } }, { { 4, 10 } } }, o64))
  t.near(norm.running_mean, { (2 + 7) / 2 / 2 }, 1e-12)
  t.near(norm.running_var, { 0.5 + (2 + 18) / 2 / 2 }, 1e-12)
  local x = orrery.tensor({ { { 5 } } }, o64)
  t.near(norm:eval()(x):item(), (5 - 2.25) / math.sqrt(5.5 + 1e-5), 1e-12)
  t.equal(tostring(norm), "InstanceNorm1d(1, { momentum = 0.5, "
    .. "track_running_stats = true })")
end)

t.test("Upsample by lines or by repeating, to a size or by a factor", function()
  local x = orrery.tensor { { { { 0, 4 } } } }
  t.near(nn.Upsample { scale_factor = { 1, 2 }, mode = "bilinear" }(x),
    { { { { 0, 1, 3, 4 } } } })
  t.near(nn.Upsample { size = { 1, 5 }, mode = "bilinear",
    align_corners = true }(x), { { { { 0, 1, 2, 3, 4 } } } })
  t.near(nn.UpsamplingBilinear2d { size = { 1, 3 } }(x),
    { { { { 0, 2, 4 } } } })
  t.near(nn.UpsamplingNearest2d(2)(x), { { { { 0, 0, 4, 4 },
    { 0, 0, 4, 4 } } } })
  t.near(nn.Upsample { size = { 2, 2 } }(x), { { { { 0, 4 }, { 0, 4 } } } })
  t.equal(tostring(nn.Upsample { size = 4, mode = "bilinear" }),
    'Upsample({ size = 4, mode = "bilinear" })')
  t.fails("upsample: give either size or scale_factor", nn.Upsample, {})
  t.fails('upsample: mode is "cubic"; use nearest, nearest-exact, linear, '
    .. "bilinear, bicubic or area", nn.Upsample, { size = 2, mode = "cubic" })
end)

t.test("Bilinear is a' W b for each output", function()
  local layer = nn.Bilinear(2, 3, 2, o64)
  local a, b = f64(4, 2), f64(4, 3)
  local y = layer(a, b)
  for k = 1, 2 do
    local want = (a:matmul(layer.weight[k]) * b):sum(2) + layer.bias[k]
    t.near(y[{ {}, k }], want, 1e-10)
  end
  t.equal(layer(f64(2, 5, 2), f64(2, 5, 3)):shape_str(), "[2, 5, 2]")
  t.gradcheck(function(p, q) return layer(p, q) end, { a, b })
  t.equal(tostring(layer), "Bilinear(2, 3, 2)")
  t.fails("bilinear: b is [4, 2] but [..., 3] is wanted; change the layer or "
    .. "its input", layer, a, a)
  t.fails("bilinear: a is [4, 2] but b is [3, 3]; all but their last axes must "
    .. "be alike", layer, a, f64(3, 3))
end)
