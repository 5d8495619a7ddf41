--- Special functions, whole and fractional parts, limits and activations
--- against closed forms.
local orrery, t = require "orrery", require "orrery.testing"
local inf, nan, pi = math.huge, 0 / 0, math.pi

local function f64(values)
  return orrery.tensor(values, { dtype = "float64" })
end
local function i64(values)
  return orrery.tensor(values, { dtype = "int64" })
end

-- Relative, to a few units in the last place.
local function close(x, want, tol)
  for i, w in ipairs(want) do
    local v = x[i]:item()
    local fine = v == w or v ~= v and w ~= w
      or math.abs(v - w) <= (tol or 4e-15) * math.abs(w)
    if not fine then t.fail("element %d is %.17g, not %.17g", i, v, w) end
  end
end

t.test("erfinv undoes erf and has its limits", function()
  local x = { -0.999, -0.6, -1e-3, -1e-12, 0, 1e-300, 0.2, 0.49999, 0.5, 0.9 }
  close(f64(x):erfinv():erf(), x)
  close(f64({ -1, 1, 1.1, nan }):erfinv(), { -inf, inf, nan, nan })
  -- The tail: 1 - erf(y) = 1 - x exactly, for x next to 1.
  local edge = 1 - 2 ^ -50
  close(f64({ edge }):erfinv():erfc(), { 2 ^ -50 }, 1e-13)
  close(f64({ 0.5 }):erfinv(), { 0.47693627620446987 })
end)

t.test("erfc keeps its digits where erf is 1", function()
  close(f64({ 0, 1, 10 }):erfc(),
    { 1, 0.15729920705028513, 2.0884875837625446e-45 }, 1e-14)
end)

t.test("lgamma is the logarithm of factorials", function()
  local n, want, sum = {}, {}, 0
  for i = 1, 30 do
    n[i], want[i] = i, sum
    sum = sum + math.log(i)
  end
  close(f64(n):lgamma(), want, 1e-14)
  close(f64({ 0.5, -0.5, 0, -3 }):lgamma(),
    { math.log(pi) / 2, math.log(2 * math.sqrt(pi)), inf, inf }, 1e-14)
end)

t.test("digamma and polygamma have their known values", function()
  local euler, zeta3 = 0.57721566490153286, 1.2020569031595943
  close(f64({ 1, 0.5, 0.25, 2, -0.5 }):digamma(), { -euler,
    -euler - 2 * math.log(2), -euler - pi / 2 - 3 * math.log(2), 1 - euler,
    -euler - 2 * math.log(2) + 2 }, 1e-14)
  close(f64({ 0, -1, -1e-20, 1e-20 }):digamma(), { -inf, nan, 1e20, -1e20 })
  close(f64({ 1, 0.5, -0.5 }):polygamma(1), { pi ^ 2 / 6, pi ^ 2 / 2,
    pi ^ 2 / 2 + 4 }, 1e-14)
  close(f64({ 1, 0.5 }):polygamma(2), { -2 * zeta3, -14 * zeta3 }, 1e-14)
  close(f64({ 1 }):polygamma(3), { pi ^ 4 / 15 }, 1e-14)
  close(f64({ 0, -2, 1 / 0 }):polygamma(1), { inf, inf, 0 })
  -- psi'(x) + psi'(1 - x) = (pi / sin pi x)^2, far below 0 too.
  close(f64({ -1e15 + 0.25 }):polygamma(1), { 2 * pi ^ 2 }, 1e-13)
end)

t.test("atan2 knows the quadrants, hypot does not overflow", function()
  close(orrery.atan2(f64 { 1, 1, -1, -1, 0 }, f64 { 1, -1, -1, 1, -1 }),
    { pi / 4, 3 * pi / 4, -3 * pi / 4, -pi / 4, pi })
  close(orrery.hypot(f64 { 3, 1e200, 0 }, f64 { 4, 1e200, 0 }),
    { 5, math.sqrt(2) * 1e200, 0 })
  local x = f64({ 0, 0 }):requires_grad_()
  local y = orrery.hypot(x[1], x[2]) + orrery.atan2(x[1], x[2])
  t.equal(orrery.grad(y, x)[1], f64 { 0, 0 })
end)

t.test("logaddexp at infinities and far apart", function()
  close(orrery.logaddexp(f64 { 0, 1000, -inf, inf, -inf },
    f64 { 0, 0, -inf, inf, 3 }), { math.log(2), 1000, -inf, inf, 3 })
  local x = f64({ -inf, 2 }):requires_grad_()
  t.equal(orrery.grad(x:logaddexp(f64 { -inf, -inf }):sum(), x)[1],
    f64 { 0.5, 1 })
end)

t.test("other bases and hyperbolic inverses", function()
  close(f64({ 8, 0.25, 0 }):log2(), { 3, -2, -inf })
  close(f64({ 1000, 0.01 }):log10(), { 3, -2 })
  close(f64({ 10, -3 }):exp2(), { 1024, 0.125 })
  local x = { 0.3, 0.7 }
  close(f64(x):sinh():asinh(), x)
  close(f64(x):cosh():acosh(), x, 1e-14)
  close(f64(x):tanh():atanh(), x, 1e-14)
end)

t.test("divisions agree with Lua's and C's", function()
  local a, b = { 7, -7, 7, -7, 6 }, { 3, 3, -3, -3, -3 }
  local whole, rest = {}, {}
  for i = 1, 5 do whole[i], rest[i] = a[i] // b[i], math.fmod(a[i], b[i]) end
  t.equal(i64(a) // i64(b), i64(whole))
  t.equal(f64(a) // f64(b), f64(whole))
  t.equal(i64(a):fmod(i64(b)), i64(rest))
  t.equal(f64(a):fmod(f64(b)), f64(rest))
  t.equal(i64({ 5, math.mininteger }):floor_divide(i64 { 0, -1 }),
    i64 { 0, math.mininteger })
  t.equal(f64({ 1, -1 }) // 0, f64 { inf, -inf })
  t.equal(f64({ 1.75, -1.75 }):trunc(), f64 { 1, -1 })
  t.equal(f64({ 1.75, -1.75 }):frac(), f64 { 0.75, -0.75 })
  t.equal(f64({ 1 }) // 0.1, f64 { 9 })  -- 0.1 is a little above 1/10
end)

t.test("nan_to_num, heaviside and count_nonzero", function()
  local x = f64 { nan, inf, -inf, 2 }
  local largest = 0x1.fffffffffffffp1023
  t.equal(x:nan_to_num(), f64 { 0, largest, -largest, 2 })
  t.equal(x:nan_to_num(1, 2, 3), f64 { 1, 2, 3, 2 })
  local y = f64({ nan, inf, 1 }):requires_grad_()
  t.equal(orrery.grad((y:nan_to_num() * 3):sum(), y)[1], f64 { 0, 0, 3 })
  t.equal(f64({ -2, 0, 3 }):heaviside(0.5), f64 { 0, 0.5, 1 })
  local z = i64 { { 0, 1, 2 }, { 0, 0, 5 } }
  t.equal(z:count_nonzero():item(), 3)
  t.equal(z:count_nonzero(1), i64 { 0, 1, 2 })
end)

t.test("clamp takes tensors as limits, max having the last word", function()
  local x = f64({ 1, 5, 9, 3 }):requires_grad_()
  local low = f64({ 2, 2, 2, 8 }):requires_grad_()
  local high = f64({ 7, 7, 7, 6 }):requires_grad_()
  local y = x:clamp(low, high)
  t.equal(y:detach(), f64 { 2, 5, 7, 6 })
  local g = orrery.grad(y:sum(), { x, low, high })
  t.equal(g[1], f64 { 0, 1, 0, 0 })
  t.equal(g[2], f64 { 1, 0, 0, 0 })
  t.equal(g[3], f64 { 0, 0, 1, 1 })
  t.equal(orrery.clamp(f64 { 1, 9 }, { max = f64 { 0, 10 } }), f64 { 0, 9 })
  t.equal(orrery.clamp(f64 { 1, 9 }, f64 { 3, 3 }), f64 { 3, 9 })
  t.equal(orrery.clamp(f64 { 1, 9 }, 2, 5), f64 { 2, 5 })
  t.equal(orrery.clamp(f64 { 1, 9 }, { max = 5 }), f64 { 1, 5 })
end)

t.test("activations have their defining values", function()
  local x = f64 { -1.5, 0, 2 }
  local function each(fn)
    local want = {}
    for i, v in ipairs(x:tolist()) do want[i] = fn(v) end
    return want
  end
  local exp, log, tanh = math.exp, math.log, function(v)
    return (math.exp(2 * v) - 1) / (math.exp(2 * v) + 1)
  end
  close(x:mish(), each(function(v) return v * tanh(log(1 + exp(v))) end), 1e-14)
  close(x:celu(0.5), each(function(v)
    return v > 0 and v or 0.5 * (exp(v / 0.5) - 1)
  end), 1e-14)
  close(x:softsign(), each(function(v) return v / (1 + math.abs(v)) end))
  close(x:hardswish(), each(function(v)
    return v * math.min(math.max(v + 3, 0), 6) / 6
  end), 1e-14)
  close(x:softmin(1), each(function(v)
    return exp(-v) / (exp(1.5) + 1 + exp(-2))
  end), 1e-14)
  t.equal(f64({ -1, 3, 8 }):relu6(), f64 { 0, 3, 6 })
  t.equal(f64({ { -1, -1 }, { 2, -4 } }):prelu(f64 { 0.5, 0.25 }),
    f64 { { -0.5, -0.25 }, { 2, -1 } })
  t.near(f64({ 3, 4, 0, inf }):glu(), f64 { 1.5, 4 }, 1e-15)
  -- selu's fixed point: a standard normal keeps mean 0 and variance 1.
  local z = orrery.linspace(-9, 9, 20001, { dtype = "float64" })
  local w = (z * z * -0.5):exp()
  w = w / w:sum()
  local y = z:selu()
  t.near((y * w):sum(), 0, 1e-6)
  t.near((y * y * w):sum(), 1, 1e-6)
end)

t.test("gumbel_softmax is a draw, one-hot when hard, and passes gradients",
  function()
    local f = orrery.functional.gumbel_softmax
    local logits = f64({ 0, math.log(3) }):expand(4000, 2):clone()
    logits:requires_grad_()
    local y = f(logits, 0.5, true, { generator = orrery.Generator(3) })
    t.equal(y:sum(2):detach(), orrery.ones({ 4000 }, { dtype = "float64" }))
    -- 3 of 4 on average: four standard deviations are 0.028.
    t.near(y:mean(1):detach(), f64 { 0.25, 0.75 }, 0.028)
    local soft = f(logits, 0.5, { generator = orrery.Generator(3) })
    t.equal(soft:argmax(2), y:argmax(2))
    local w = orrery.rand({ 4000, 2 }, { dtype = "float64" })
    t.near(orrery.grad((y * w):sum(), logits)[1],
      orrery.grad((soft * w):sum(), logits)[1], 1e-12)
  end)

t.test("logit, xlogy, sinc and the shrinks have their defining values",
  function()
    local x = f64 { -2, 0, 0.3 }
    t.near(x:sigmoid():logit(), x, 1e-14)
    t.near(f64({ 0, 1 }):logit(0.25), f64 { -math.log(3), math.log(3) }, 1e-14)
    t.equal(f64({ 0, 0, 0, 0 }):xlogy(f64 { 0, inf, 2, nan }),
      f64 { 0, 0, 0, nan })
    t.near(f64({ 2 }):xlogy(3), f64 { 2 * math.log(3) }, 1e-14)
    t.near(f64({ 0, 0.5, 1, 1.5 }):sinc(), f64 { 1, 2 / pi, 0,
      -2 / (3 * pi) }, 1e-15)
    local zero = f64({ 0 }):requires_grad_()
    local slope = orrery.grad(zero:sinc(), zero, { create_graph = true })[1]
    t.near(orrery.grad(slope, zero)[1], f64 { -pi ^ 2 / 3 }, 1e-13)
    t.equal(f64({ -2, 0.25, 1 }):softshrink(), f64 { -1.5, 0, 0.5 })
    t.equal(f64({ -2, 0.25, 1 }):hardshrink(), f64 { -2, 0, 1 })
    t.equal(f64({ 1 }):addcmul(f64 { 2 }, f64 { 3 }, 0.5), f64 { 4 })
    t.equal(f64({ 1 }):addcdiv(f64 { 3 }, f64 { 2 }, 2), f64 { 4 })
  end)

t.test("huber_loss, kl_div and gaussian_nll_loss by their definitions",
  function()
    local F, log = orrery.functional, math.log
    t.near(F.huber_loss(f64 { 0, 5 }, f64 { 1, 1 }, "none", 2),
      f64 { 0.5, 6 }, 1e-15)
    local p, q = f64 { { 0.5, 0.5 }, { 0, 1 } }, f64 { { 0.25, 0.75 },
      { 0.5, 0.5 } }
    local want = 0.5 * log(2) + 0.5 * log(2 / 3) + log(2)
    t.near(F.kl_div(q:log(), p, "sum"), f64(want), 1e-15)
    t.near(F.kl_div(q:log(), p, "batchmean"), f64(want / 2), 1e-15)
    t.near(F.kl_div(p:clamp(0.1):log(), q:log(), "sum", true),
      F.kl_div(p:clamp(0.1):log(), q, "sum"), 1e-14)
    t.near(F.gaussian_nll_loss(f64 { 1 }, f64 { 3 }, f64 { 4 },
      { full = true }), f64((log(2 * pi) + log(4) + 1) / 2), 1e-15)
  end)
