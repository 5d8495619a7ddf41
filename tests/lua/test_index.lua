--- x[key] and x[key] = value, against plain Lua tables.
local orrery, t = require "orrery", require "orrery.testing"

local function i64(v) return orrery.tensor(v, { dtype = "int64" }) end
local function u8(v) return orrery.tensor(v, { dtype = "uint8" }) end

-- [2, 3, 4] holding 100 i + 10 j + k.
local function numbered()
  local x = {}
  for i = 1, 2 do
    x[i] = {}
    for j = 1, 3 do
      x[i][j] = {}
      for k = 1, 4 do x[i][j][k] = 100 * i + 10 * j + k end
    end
  end
  return orrery.tensor(x)
end

t.test("a position selects along the first axis, from either end", function()
  local x = numbered()
  t.equal(x[2][1][3]:item(), 213)
  t.equal(x[-1][-3][-2]:item(), 213)
  t.equal({ x[1]:shape() }, { 3, 4 })
  t.ok(x[1]:shares_storage(x))
end)

t.test("a table has one entry per axis", function()
  local x = numbered()
  t.equal(x[{ 2, 1, 3 }]:item(), 213)
  t.equal(x[{ 1, { 2, 3 }, {} }]:tolist(),
    { { 121, 122, 123, 124 }, { 131, 132, 133, 134 } })
  t.equal(x[{ {}, 2, { 1, 4, 3 } }]:tolist(), { { 121, 124 }, { 221, 224 } })
  t.equal({ x[{ { 2 } }]:shape() }, { 1, 3, 4 })
  t.equal({ x[{}]:shape() }, { 2, 3, 4 })
  t.equal(x[{ -1, -1, { -2, -1 } }]:tolist(), { 233, 234 })
  t.equal({ x[{ {}, { 4, 3 } }]:shape() }, { 2, 0, 4 })
end)

t.test("a view by ranges of every kind equals the loop over them", function()
  local x = numbered()
  for a = 1, 4 do
    for b = a, 4 do
      for step = 1, 4 do
        local got, want = x[{ 2, 3, { a, b, step } }]:tolist(), {}
        for k = a, b, step do want[#want + 1] = 230 + k end
        t.equal(got, want)
      end
    end
  end
end)

t.test("an int64 tensor takes rows in its order, in its shape", function()
  local x = numbered()
  t.equal(x[i64 { 2, 1, 2 }]:select(3, 1):select(2, 1):tolist(),
    { 211, 111, 211 })
  t.equal({ x[i64 { { 1, 2 }, { 2, 1 }, { 1, 1 } }]:shape() }, { 3, 2, 3, 4 })
  t.equal(x[{ 1, i64 { 3, 1 } }]:tolist(),
    { { 131, 132, 133, 134 }, { 111, 112, 113, 114 } })
end)

t.test("a mask takes what is not 0, over the first axes", function()
  local x = numbered()
  t.equal(x[x:gt(222)]:tolist(),
    { 223, 224, 231, 232, 233, 234 })
  t.equal(x[u8 { { 0, 0, 1 }, { 1, 0, 0 } }]:tolist(),
    { { 131, 132, 133, 134 }, { 211, 212, 213, 214 } })
  t.equal({ x[u8 { 0, 0 }]:shape() }, { 0, 3, 4 })
  t.equal(x[{ {}, u8 { 0, 1, 0 } }]:tolist(),
    { { { 121, 122, 123, 124 } }, { { 221, 222, 223, 224 } } })
end)

t.test("indexing is differentiable", function()
  local x = orrery.tensor({ { 1, 2, 3 }, { 4, 5, 6 } },
    { dtype = "float64" })
  t.gradcheck(function(v)
    return v[{ 2, { 1, 3, 2 } }] * v[{ {}, 3 }]:sum(), v[2] ^ 2,
      v[i64 { 2, 2, 1 }] ^ 2, v[v:detach():gt(2.5)] ^ 3
  end, { x }, { order = 2 })
end)

t.test("assignment writes numbers and tensors, broadcast", function()
  local x = numbered()
  x[{ 1, 2, 3 }] = 0
  t.equal(x[{ 1, 2 }]:tolist(), { 121, 122, 0, 124 })
  x[{ {}, 1 }] = orrery.tensor { 1, 2, 3, 4 }
  t.equal(x[{ 2, 1 }]:tolist(), { 1, 2, 3, 4 })
  x[2] = x[1]
  t.equal(x[2], x[1])
  x[{ {}, {}, { 1, 4, 3 } }] = -1
  t.equal(x[{ 1, 3 }]:tolist(), { -1, 132, 133, -1 })
end)

t.test("assignment through masks and positions, also to views", function()
  local x = numbered()
  x[x:gt(200)] = 0
  t.equal(x:sum():item(), 12 * 122.5)
  local v = numbered():transpose(1, 3)
  v[i64 { 4, 1 }] = orrery.tensor(5)
  t.equal(v[1]:sum():item() + v[4]:sum():item(), 60)
  t.equal(v[2]:tolist()[1], { 112, 212 })
  local y = orrery.tensor { 1, 2, 3 }
  y[y:gt(1)] = orrery.tensor { 8, 9 }
  t.equal(y:tolist(), { 1, 8, 9 })
end)

t.test("overlapping parts are copied before they are written", function()
  local x = orrery.tensor { 1, 2, 3, 4, 5 }
  x[{ { 2, 5 } }] = x[{ { 1, 4 } }]
  t.equal(x:tolist(), { 1, 1, 2, 3, 4 })
end)

t.test("what lies outside is named with the shape", function()
  local x = numbered()
  local function get(key) return function() return x[key] end end
  t.fails("index: position 3 is asked of axis 1 but x is [2, 3, 4]; use 1 to "
    .. "2 or -2 to -1", get(3))
  t.fails("index: position 0 is asked of axis 2 but x is [2, 3, 4]; use 1 to "
    .. "3 or -3 to -1", get { 1, 0 })
  t.fails("index: position 5 is asked of axis 3 but x is [2, 3, 4]; use 1 to "
    .. "4 or -4 to -1", get { 1, 1, { 2, 5 } })
  t.fails("index: 4 entries are given but x is [2, 3, 4]; give one entry per "
    .. "axis at most", get { 1, 1, 1, 1 })
  t.fails("index: the range {3, 1} goes backwards; use flip",
    get { 1, { 3, 1 } })
  t.fails_like("index: the step of a range is %-1", get { 1, { 3, 1, -1 } })
  t.fails("index: the mask is [3] but x is [2, 3, 4]; a mask has the sizes of "
    .. "x's axes, from the first on", get(u8 { 1, 0, 1 }))
  t.fails_like("index: the key is true; use a position", get(true))
  t.fails_like("index: the number 1.5 is no position", get(1.5))
  t.fails_like("index: the key is a float32 tensor %[1%]",
    get(orrery.tensor { 1 }))
  t.fails_like("index_select: index holds 7", get(i64 { 7 }))
  t.fails("index: x has no axes; use x:item()",
    function() return orrery.tensor(1)[1] end)
end)

t.test("assignment that cannot be, changes nothing", function()
  local x = orrery.tensor { 1, 2, 3 }
  local function set(key, value) return function() x[key] = value end end
  t.fails('index: the value is the string "a"; assign a number or a tensor',
    set(1, "a"))
  t.fails_like("does not broadcast", set({ { 1, 2 } }, orrery.tensor { 1, 2,
    3 }))
  t.fails_like("position 9 is outside", set(i64 { 1, 9 }, 0))
  t.fails_like("position 4", set(4, 0))
  t.equal(x:tolist(), { 1, 2, 3 })
end)

t.test("assignment to what is recorded is refused, but under no_grad",
  function()
    local w = orrery.tensor({ 1, 2 }, { requires_grad = true })
    t.fails("index: x requires grad; in place, its gradient would be lost; "
      .. "use orrery.no_grad or x:detach()", function() w[1] = 5 end)
    orrery.no_grad(function() w[1] = 5 end)
    t.equal(w:detach():tolist(), { 5, 2 })
    local x = orrery.tensor { 1, 2 }
    t.fails_like("the value requires grad", function() x[1] = w[1] end)
  end)
