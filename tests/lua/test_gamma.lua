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
