--- Incomplete gamma functions and zeta against closed forms, floating-point
--- neighbours and parts.
local orrery, t = require "orrery", require "orrery.testing"

local function f64(v) return orrery.tensor(v, { dtype = "float64" }) end

t.test("gammainc of 1 and 1/2 are an exponential and an error function",
  function()
    local x = f64 { 1e-8, 0.3, 1, 5, 30, 700 }
    local one = orrery.ones_like(x)
    t.near(one:gammainc(x) / -(-x):expm1(), one, 1e-14)
    t.near(one:gammaincc(x) / (-x):exp(), one, 1e-13)
    t.near((one / 2):gammainc(x), x:sqrt():erf(), 1e-15)
    t.near((one / 2):gammaincc(x) / x:sqrt():erfc(), one, 1e-12)
  end)

t.test("gammaincc of a whole number is a sum of Poisson probabilities",
  function()
    for _, n in ipairs { 1, 7, 40 } do
      local x = 0.8 * n
      local term, sum = math.exp(-x), 0
      for k = 1, n do
        sum = sum + term
        term = term * x / k
      end
      t.near(f64({ n }):gammaincc(f64 { x }), f64 { sum }, 1e-13)
    end
    -- 1 - e^-100 times the sum of 100^k / k! below 100, in 60 digits.
    t.near(f64({ 100 }):gammainc(f64 { 100 }), f64 { 0.51329879827914866 },
      1e-15)
  end)

t.test("the expansion for huge a meets the series", function()
  -- P(a, a) = 1/2 + 1 / (3 sqrt(2 pi a)) + O(a^-3/2), on both sides.
  for _, a in ipairs { 9.9e6, 1.01e7, 1e12 } do
    local tail = 1 / (3 * math.sqrt(2 * math.pi * a))
    t.near(f64({ a }):gammainc(f64 { a }), f64 { 0.5 + tail }, 1e-12)
    local x = f64 { a + 3 * math.sqrt(a) }
    t.near(f64({ a }):gammainc(x) + f64({ a }):gammaincc(x), f64 { 1 }, 1e-15)
  end
end)

t.test("gammainc at the ends of its domain", function()
  local inf = math.huge
  local a, x = f64 { 2, 2, 0, inf, 2 }, f64 { 0, inf, 1, 1, -1 }
  t.equal(a:gammainc(x):narrow(1, 1, 4), f64 { 0, 1, 1, 0 })
  t.equal(a:gammaincc(x):narrow(1, 1, 4), f64 { 1, 0, 0, 1 })
  t.equal(a:gammainc(x):isnan(), orrery.tensor({ 0, 0, 0, 0, 1 },
    { dtype = "uint8" }))
  local y = f64({ 2 }):requires_grad_()
  t.fails("gammainc: it has no gradient by a; use a:detach()", function()
    y:gammainc(f64 { 1 }):backward()
  end)
end)

t.test("zeta at even numbers is a power of pi", function()
  local pi = math.pi
  t.near(f64({ 2, 4, 6 }):zeta(f64 { 1 }), f64 { pi ^ 2 / 6, pi ^ 4 / 90,
    pi ^ 6 / 945 }, 1e-14)
  t.near(f64({ 2 }):zeta(f64 { 0.5 }), f64 { pi ^ 2 / 2 }, 1e-14)
  t.equal(f64({ 1, 3, 1e30 }):zeta(f64 { 1, 0, 2 }), f64 { math.huge,
    math.huge, 0 })
  t.ok(orrery.special.zeta == orrery.zeta)
end)

t.test("nextafter is one step, frexp undone by ldexp", function()
  t.equal(f64({ 1, 1, 0 }):nextafter(f64 { 2, 0, 1 }), f64 { 1 + 2.0 ^ -52,
    1 - 2.0 ^ -53, 2.0 ^ -1074 })
  t.equal(orrery.tensor({ 1 }):nextafter(orrery.tensor { 2 }):item(),
    1 + 2.0 ^ -23)
  local x = f64 { 0, 1, -10, 1e300, 3e-310 }
  local m, e = x:frexp()
  t.equal(m:ldexp(e), x)
  t.equal(m:narrow(1, 1, 3), f64 { 0, 0.5, -0.625 })
  t.equal(e:narrow(1, 1, 3), orrery.tensor({ 0, 1, 4 }, { dtype = "int64" }))
end)

t.test("betainc of halves and whole numbers is elementary", function()
  local x = f64 { 1e-9, 0.03, 0.4, 0.9, 0.999 }
  local one = orrery.ones_like(x)
  t.near((one / 2):betainc(one / 2, x), x:sqrt():asin() * (2 / math.pi), 1e-15)
  t.near((one * 7):betainc(one, x) / x ^ 7, one, 1e-13)
  t.near(one:betainc(one * 7, x), -((-x):log1p() * 7):expm1(), 1e-15)
  -- The chance of at least k heads in n throws.
  local n, k, p = 12, 5, 0.3
  local sum, term = 0, (1 - p) ^ n
  for i = 0, n do
    if i >= k then sum = sum + term end
    term = term * (n - i) / (i + 1) * p / (1 - p)
  end
  t.near(f64({ k }):betainc(f64 { n - k + 1 }, f64 { p }), f64 { sum }, 1e-14)
end)

t.test("betainc is 1 - itself mirrored, for large numbers too", function()
  local a, b = f64 { 0.1, 3, 800, 1e6, 2e-3 }, f64 { 20, 3, 900, 1e6, 1e5 }
  local x = f64 { 0.3, 0.5, 0.46, 0.5003, 1e-3 }
  t.near(a:betainc(b, x) + b:betainc(a, 1 - x), orrery.ones_like(a), 1e-10)
  -- The same numbers on both sides: half of it lies below 1/2.
  t.near(a:betainc(a, orrery.full_like(a, 0.5)), orrery.full_like(a, 0.5),
    1e-10)
  t.equal(f64({ 2, 2, 0, 2 }):betainc(f64 { 3, 3, 1, 1 },
    f64 { 0, 1, 0.5, 1.5 }):isnan(),
    orrery.tensor({ 0, 0, 1, 1 }, { dtype = "uint8" }))
  t.fails("betainc: it has no gradient by a; use a:detach()", function()
    f64({ 2 }):requires_grad_():betainc(f64 { 2 }, f64 { 0.5 }):backward()
  end)
end)

t.test("a gamma number keeps its quantile when its concentration moves",
  function()
    local a = f64 { 0.05, 0.7, 1, 6, 40, 900, 1e5 }
    local h = a * 1e-5
    for _, share in ipairs { 0.6, 0.95, 1.1, 1.7 } do
      local y = a * share + (share - 1) * a:sqrt() / 2 + 0.02
      local by_a = ((a + h):gammainc(y) - (a - h):gammainc(y)) / (h * 2)
      local density = ((a - 1) * y:log() - y - a:lgamma()):exp()
      local inside = density:gt(1e-8):to "float64"
      local slope = orrery.standard_gamma_grad(a, y)
      t.near(slope * density * inside, -by_a * inside, 3e-8)
    end
    -- Past 1e7 by the normal law of the cube root: both sides of the seam.
    local z = f64 { -2, 0.5, 3 }
    for _, seam in ipairs { 0.999e7, 1.001e7 } do
      local near = f64 { 1, 1, 1 } * seam
      local third = 1 - 1 / (9 * near) + z / (near:sqrt() * 3)
      t.near(orrery.standard_gamma_grad(near, near * third ^ 3),
        1 + z / (near:sqrt() * 2), 1e-6)
    end
  end)

t.test("gamma numbers have the moments and the quantiles of their law",
  function()
    local n = 200000
    for i, a in ipairs { 0.08, 0.6, 1, 3.5, 200 } do
      local noise = orrery.Generator(20 + i)
      local y = orrery.standard_gamma(orrery.full({ n }, a,
        { dtype = "float64" }), { generator = noise })
      -- Uniform quantiles: mean 1/2, variance 1/12, 4 standard errors.
      local q = y:new_full({ n }, a):gammainc(y)
      t.near(q:mean(), f64(0.5), 4 * math.sqrt(1 / 12 / n))
      t.near(q:var(), f64(1 / 12), 4 * math.sqrt(1 / 180 / n))
      t.near(y:mean(), f64(a), 4 * math.sqrt(a / n))
    end
    t.ok(orrery.standard_gamma(orrery.full({ 1000 }, 1e-4)):gt(0):all():item()
      == 1)
    t.ok(orrery.standard_gamma(f64 { 0, -1, 0 / 0 }):isnan():all():item() == 1)
  end)
