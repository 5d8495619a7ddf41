--- What PyTorch users type besides the ops: second names, in-place forms,
--- random filling, joining and cutting, several results, and questions.
local orrery, t = require "orrery", require "orrery.testing"

local function f64(values)
  return orrery.tensor(values, { dtype = "float64" })
end
local function i64(values)
  return orrery.tensor(values, { dtype = "int64" })
end
local function u8(values)
  return orrery.tensor(values, { dtype = "uint8" })
end

t.test("every second name is another's, in place too, and helps", function()
  local methods = orrery.Tensor.methods
  for second, first in pairs(require "orrery.aliases") do
    local fn = rawget(orrery, second) or methods[second]
    t.ok(fn, second)
    t.ok(fn == rawget(orrery, first) or fn == methods[first], second)
    t.ok(orrery.help(second):find("another name of " .. first, 1, true))
  end
  t.equal(f64({ 0.5 }):arcsin(), f64({ 0.5 }):asin())
  t.equal(f64({ -3 }):absolute_(), f64 { 3 })
end)

t.test("forms in _ write what the plain form gives, in x's dtype", function()
  local x = f64 { { 1, 2 }, { 3, 4 } }
  t.equal(x:clone():masked_fill_(u8 { { 0, 1 }, { 1, 0 } }, 9),
    f64 { { 1, 9 }, { 9, 4 } })
  t.equal(x:clone():lerp_(f64 { 5 }, 0.5), f64 { { 3, 3.5 }, { 4, 4.5 } })
  t.equal(x:clone():gt_(2), f64 { { 0, 0 }, { 1, 1 } })
  t.equal(x:clone():tril_(), f64 { { 1, 0 }, { 3, 4 } })
  t.equal(x:clone():cumsum_(1), f64 { { 1, 2 }, { 4, 6 } })
  t.equal(x:clone():fill_diagonal_(0), f64 { { 0, 2 }, { 3, 0 } })
  local y = x:clone()
  t.ok(rawequal(y:addcmul_(x, x), y))
  t.fails_like("^lerp_: x is %[2%] but the result %[2, 2%]", function()
    return f64({ 1, 2 }):lerp_(x, 0.5)
  end)
end)

t.test("a recorded tensor is not written over, without recording it is",
  function()
    local x = f64({ 1, 2 }):requires_grad_()
    t.fails_like("gradient", function() return x:normal_() end)
    orrery.no_grad(function() x:normal_() end)
    t.ok(x.requires_grad and x.is_leaf)
  end)

t.test("random filling has the mean and spread of its distribution", function()
  local g = orrery.Generator(3)
  local o = { generator = g }
  local x = orrery.zeros(40000, { dtype = "float64" })
  local function near(mean, std)
    local s, m = x:std_mean()
    t.ok(math.abs(m:item() - mean) < 5 * std / 200, "mean")
    t.ok(math.abs(s:item() / std - 1) < 0.05, "spread")
  end
  x:normal_(2, 3, o)
  near(2, 3)
  x:uniform_(-1, 3, o)
  near(1, 4 / math.sqrt(12))
  x:exponential_(0.5, o)
  near(2, 2)
  x:bernoulli_(0.3, o)
  near(0.3, math.sqrt(0.21))
  x:geometric_(0.25, o)
  near(4, math.sqrt(0.75) / 0.25)
  x:random_(1, 6, o)
  near(3.5, math.sqrt(35 / 12))
  x:log_normal_(0, 0.25, o)
  near(math.exp(1 / 32),
    math.exp(1 / 32) * math.sqrt(math.exp(1 / 16) - 1))
  -- Half of a Cauchy distribution lies within sigma of the median.
  x:cauchy_(1, 2, o)
  local share = (x - 1):abs():lt(2):double():mean():item()
  t.ok(math.abs(share - 0.5) < 0.0125)
end)

t.test("new tensors take dtype and, by name, options", function()
  local x = i64 { 1, 2 }
  t.equal(x:new_zeros(2, 1), i64 { { 0 }, { 0 } })
  t.equal(x:new_ones({ 2 }, { dtype = "float64" }), f64 { 1, 1 })
  t.equal(x:new_full({ 2 }, 7), i64 { 7, 7 })
  t.equal(x:new_tensor { 3 }, i64 { 3 })
  t.equal(x:new_zeros({}):shape_str(), "[]")
  t.equal(orrery.empty_like(x), i64 { 0, 0 })
  t.equal(x:randint_like(4, 4), i64 { 4, 4 })
  t.ok(rawequal(orrery.as_tensor(x), x))
  t.equal(x:type(), "int64")
  t.equal(x:type "uint8", u8 { 1, 2 })
  t.equal(f64({ 0, -2 }):bool(), u8 { 0, 1 })
  t.equal(x:element_size(), 8)
  t.ok(x:is_signed() and not u8({ 1 }):is_signed())
end)

t.test("arange leaves its end out, logspace has it", function()
  t.equal(orrery.arange(3), i64 { 0, 1, 2 })
  t.equal(orrery.arange(1, 2, 0.5), orrery.tensor { 1, 1.5 })
  t.equal(orrery.arange(5, 1, -2), i64 { 5, 3 })
  t.equal(orrery.arange(2, 2):numel(), 0)
  t.equal(orrery.arange(2, { dtype = "float64" }), f64 { 0, 1 })
  t.fails("arange: no steps of 1 lead from 3 to 1; turn its sign",
    orrery.arange, 3, 1)
  t.near(orrery.logspace(0, 2, 3, { dtype = "float64" }), f64 { 1, 10, 100 })
  t.near(orrery.logspace(0, 2, 3, { base = 2 }), orrery.tensor { 1, 2, 4 })
end)

t.test("float_power works in float64 whatever it is given", function()
  local y = orrery.tensor({ 2 }):float_power(0.5)
  t.equal(y.dtype, "float64")
  t.equal(y:item(), math.sqrt(2))
  t.equal(i64({ 3 }):float_power(2), f64 { 9 })
end)

t.test("cuts that do not fit are refused", function()
  local x = orrery.zeros(3, 5)
  t.fails("hsplit: axis 2 of [3, 5] does not fall into 2 equal pieces",
    orrery.hsplit, x, 2)
  t.fails("tensor_split: cut 2 is the number 1; pass growing positions from 1 "
    .. "to 6", orrery.tensor_split, x, { 3, 1 }, 2)
  local a, b = x:vsplit { 2 }
  t.equal(a:shape_str() .. b:shape_str(), "[1, 5][2, 5]")
  t.fails_like("^broadcast_shapes: size 1 of shape 2", orrery.broadcast_shapes,
    { 2 }, { 3 })
  t.equal(x:sum_to_size(1, 5):shape_str(), "[1, 5]")
  t.equal(orrery.zeros(2, 3):mT():shape_str(), "[3, 2]")
end)

t.test("bits of whole numbers and masks have Lua's operators", function()
  local a, b = i64 { 12, -1 }, i64 { 10, 6 }
  t.equal(a & b, i64 { 8, 6 })
  t.equal(a | b, i64 { 14, -1 })
  t.equal(a ~ b, i64 { 6, -7 })
  t.equal(~a, i64 { -13, 0 })
  t.equal(a << 1, i64 { 24, -2 })
  t.equal(a >> 2, i64 { 3, -1 })
  t.equal(a & 3, i64 { 0, 3 })
  t.equal(~u8 { 0, 1 }, u8 { 1, 0 })
  t.equal(i64({ math.mininteger, 0 }):gcd(i64 { 6, 0 }), i64 { 2, 0 })
  t.equal(i64({ 1 }):bitwise_left_shift(64), i64 { 0 })
  t.equal(i64({ -8, 8 }):bitwise_right_shift(64), i64 { -1, 0 })
end)

t.test("closeness knows infinities and NaN", function()
  local inf, nan = math.huge, 0 / 0
  local x, y = f64 { inf, -inf, nan, 1 }, f64 { inf, inf, nan, 1 + 1e-7 }
  t.equal(x:isclose(y), u8 { 1, 0, 0, 1 })
  t.equal(x:isclose(y, { equal_nan = true }), u8 { 1, 0, 1, 1 })
  t.ok(not x:allclose(y))
  t.ok(f64({ inf }):allclose(f64 { inf }))
  t.ok(orrery.zeros(0):allclose(orrery.zeros(0)))
  t.equal(u8({ 1 }):isclose(u8 { 2 }), u8 { 0 })
  t.equal(f64({ nan, 1 }):fmax(f64 { 2, nan }), f64 { 2, 1 })
  t.equal(f64({ -0.0, 0 }):signbit(), u8 { 1, 0 })
end)

t.test("the normal distribution keeps its digits in the tails", function()
  local x = f64 { -37, -10, -1, 0, 2, 9 }
  local p = x:ndtr()
  t.equal(p[4]:item(), 0.5)
  -- From tables of the tail: Q(1), Q(10).
  t.near(p[3] / 0.15865525393145705, 1, 1e-14)
  t.near(p[2] / 7.6198530241605945e-24, 1, 1e-13)
  t.near(x:log_ndtr():exp() / p, orrery.ones_like(x), 1e-12)
  t.near(p:narrow(1, 1, 5):ndtri() - x:narrow(1, 1, 5), orrery.zeros(5,
    { dtype = "float64" }), 1e-12)
  -- The asymptotic series, -x^2/2 - log(-x) - log(2 pi)/2 - 1/x^2.
  t.near(f64({ -1e4 }):log_ndtr(), f64 { -5e7 - math.log(1e4)
    - math.log(2 * math.pi) / 2 - 1e-8 }, 1e-7)
  t.near(f64({ 1e5 }):erfcx() * 1e5 * math.sqrt(math.pi), 1, 1e-10)
end)

t.test("Bessel functions agree with their integral and recurrence", function()
  -- I_n(x) = 1/pi integral over 0..pi of e^(x cos s) cos(n s): the trapezoid
  -- rule is exact to rounding for periodic integrands.
  local s = orrery.linspace(0, math.pi, 201, { dtype = "float64" })
  for _, x in ipairs { 0, 0.3, 4, 29, 35, 80 } do
    local weight = (s:cos() * x - x):exp()
    local i0 = weight:trapezoid(s):item() / math.pi
    local i1 = (weight * s:cos()):trapezoid(s):item() / math.pi
    t.near(f64({ x }):i0e(), f64 { i0 }, 1e-14)
    t.near(f64({ x }):i1e(), f64 { i1 }, 1e-14)
  end
  t.equal(f64({ -2 }):i1(), -f64({ 2 }):i1())
  t.equal(f64({ math.huge }):i0e(), f64 { 0 })
end)

t.test("cross_entropy takes probabilities as it takes classes", function()
  local F = orrery.nn.functional
  local x, y = orrery.randn(4, 3), i64 { 1, 3, 2, 2 }
  t.near(F.cross_entropy(x, y:one_hot(3):float()), F.cross_entropy(x, y))
  t.near(F.cross_entropy { input = x, target = y:one_hot(3):float() },
    orrery.cross_entropy(x, y))
  t.fails_like("^soft_cross_entropy: input is %[4, 3%]", F.cross_entropy, x,
    orrery.randn(4))
end)

t.test("what max pooling took goes back to where it was", function()
  local F = orrery.nn.functional
  local x = orrery.rand(2, 3, 4, 6) + 1
  local y, at = F.max_pool2d(x, 2, { return_indices = true })
  local back = F.max_unpool2d(y, at, 2)
  t.near(back, orrery.where(back:ne(0), x, 0))
  t.near(F.max_pool2d(back, 2), y)
  local z, where = F.max_pool1d(x[1], 3, { return_indices = true })
  t.near(F.max_pool1d(F.max_unpool1d(z, where, 3), 3), z)
  t.equal(select("#", F.max_pool2d(x, 2)), 1)
  t.equal(select("#", F.max_pool2d(x, 2, { return_indices = false })), 1)
end)

t.test("dropped channels are dropped whole; alpha_dropout keeps mean and "
  .. "variance", function()
  local F, g = orrery.nn.functional, orrery.Generator(5)
  local y = F.dropout2d(orrery.ones(50, 40, 2, 3), { p = 0.25, generator = g })
  local sums = y:sum { 3, 4 }
  t.equal((sums:eq(0) | sums:isclose(orrery.tensor(8))):all():item(), 1)
  t.ok(math.abs(sums:eq(0):float():mean():item() - 0.25) < 0.05)
  local x = orrery.randn(60000, { generator = g })
  local s, m = F.alpha_dropout(x, { p = 0.2, generator = g }):std_mean()
  t.ok(math.abs(m:item()) < 0.025 and math.abs(s:item() - 1) < 0.025)
end)

t.test("running extremes remember NaN and the last of equals", function()
  local y, at = f64({ 1, 3, 3, 2, 0 / 0, 5 }):cummax(1)
  t.equal(at, i64 { 1, 2, 3, 3, 5, 5 })
  t.ok(y:narrow(1, 5, 2):isnan():all():item() == 1)
  local z, of = i64({ 4, 6, 2, 2 }):cummin(1)
  t.equal(z, i64 { 4, 4, 2, 2 })
  t.equal(of, i64 { 1, 1, 3, 4 })
end)

t.test("windows of an axis, medians without NaN, normal numbers at places",
  function()
    t.equal(f64({ 1, 2, 3, 4, 5 }):unfold(1, 2, 2), f64 { { 1, 2 }, { 3, 4 } })
    t.equal(f64({ { 1, 2 }, { 3, 4 }, { 5, 6 } }):unfold(1, 2, 1),
      f64 { { { 1, 3 }, { 2, 4 } }, { { 3, 5 }, { 4, 6 } } })
    t.fails("unfold: size is 4 but axis 1 of [3] has 3 elements",
      orrery.zeros(3).unfold, orrery.zeros(3), 1, 4, 1)
    local nan = 0 / 0
    local m, at = f64({ { 3, nan, 1, 2 }, { nan, 5, nan, nan } }):nanmedian(2)
    t.equal(m, f64 { 2, 5 })
    t.equal(at, i64 { 4, 2 })
    t.equal(f64({ nan, 4, 2 }):nanmedian():item(), 2)
    t.equal(f64({ { 3, 1 }, { 2, 5 } }):msort(), f64 { { 2, 1 }, { 3, 5 } })
    t.equal(orrery.normal(f64 { 1, 2 }, 0), f64 { 1, 2 })
    local before = orrery.get_rng_state()
    local x = orrery.normal(0, 1, { sizes = { 3 } })
    orrery.set_rng_state(before)
    t.equal(orrery.randn(3), x)
    t.ok(orrery.special.ndtr == orrery.ndtr)
  end)

t.test("whole numbers stay whole where PyTorch keeps them so", function()
  local x = i64 { 3, -2, 1 << 60 }
  for _, name in ipairs { "floor", "ceil", "round", "trunc", "nan_to_num" } do
    t.equal(x[name](x), x)
    t.equal(x[name](u8 { 7 }), u8 { 7 })
  end
  t.equal(x:addcmul(i64 { 2 }, i64 { 3 }, { value = -1 }),
    i64 { -3, -8, (1 << 60) - 6 })
end)
