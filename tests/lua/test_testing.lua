--- The testing module itself: what it accepts, refuses and blames.
local orrery, t = require "orrery", require "orrery.testing"

local function double(x) return x * 2 end
local function misuse() error("f: x is 0; give 1", 2) end

t.test("near accepts a difference below the tolerance", function()
  t.near(1 + 1e-7, 1, 1e-6)
  t.near({ 1, { 2, 3 } }, { 1, { 2, 3 + 1e-12 } })
  t.near(orrery.tensor { 1, 2 }, { 1, 2 })
  t.near(orrery.tensor { { 5 } }, 5)
end)

t.test("near names the first place that differs", function()
  t.fails_like("value%[2%] is 2, wanted 3", t.near, { 1, 2 }, { 1, 3 })
  t.fails_like("has 2 entries", t.near, { 1, 2 }, { 1, 2, 3 })
  t.fails_like("shape is %[2%], wanted %[3%]", t.near, orrery.zeros(2),
    orrery.zeros(3))
end)

t.test("near refuses NaN in place of a number", function()
  t.fails_like("wanted 1", t.near, 0 / 0, 1)
  t.near(0 / 0, 0 / 0)
end)

t.test("equal tells dtypes and the last bit apart", function()
  t.equal(orrery.ones(2), orrery.ones(2))
  t.fails_like("float64", t.equal, orrery.ones(2),
    orrery.ones(2, { dtype = "float64" }))
  t.fails_like("value", t.equal, 0.1 + 0.2, 0.3)
end)

t.test("equal compares tables that hold themselves", function()
  local a, b = { 1 }, { 1 }
  a.self, b.self = a, b
  t.equal(a, b)
  b.self = { 1, self = { 2 } }
  t.fails_like("value%[self%]", t.equal, a, b)
  a[2], b[2] = a, b
  t.fails_like("wanted", t.equal, a, { 1 })
end)

t.test("fails wants the whole message", function()
  t.fails("f: x is 0; give 1", misuse)
  t.fails("f: x is 0; give 1", function() return (misuse()) end)
  t.fails_like("the error is", t.fails, "another", misuse)
  t.fails_like("no error was raised", t.fails, "any", double, 1)
end)

t.test("fails wants the caller's line", function()
  local elsewhere = load("error('f: x is 0; give 1', 1)", "@elsewhere.lua")
  t.fails_like("not the caller's line", t.fails, "f: x is 0; give 1", elsewhere)
end)

t.test("gradcheck accepts right gradients of both orders", function()
  local x = orrery.tensor({ 0.3, -1.2, 2 }, { dtype = "float64" })
  t.gradcheck(function(v) return (v * v * v):sum() end, { x }, { order = 2 })
end)

t.test("gradcheck finds a gradient that does not flow", function()
  local x = orrery.tensor({ 0.3, -1.2 }, { dtype = "float64" })
  t.fails_like("input 1, element 1", t.gradcheck,
    function(v) return v * v:detach() end, { x })
end)
