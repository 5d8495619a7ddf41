--- Counting, looking up, writing at positions and rearranging, by hand work.
local orrery, t = require "orrery", require "orrery.testing"
local nan = 0 / 0

local function f64(values)
  return orrery.tensor(values, { dtype = "float64" })
end
local function i64(values)
  return orrery.tensor(values, { dtype = "int64" })
end
local function u8(values)
  return orrery.tensor(values, { dtype = "uint8" })
end

t.test("unique gives values, positions and counts that agree", function()
  local x = i64 { { 3, 1, 3 }, { 7, 1, 3 } }
  local y, at, n = x:unique()
  t.equal(y, i64 { 1, 3, 7 })
  t.equal(at, i64 { { 2, 1, 2 }, { 3, 1, 2 } })
  t.equal(n, i64 { 2, 3, 1 })
  t.equal(y:take(at), x)
  t.equal(f64({ 2, nan, 2, nan }):transpose(1, 1):unique(),
    f64 { 2, nan, nan })
  t.equal(x:transpose(1, 2):unique(), y)
end)

t.test("searchsorted finds the first element not below, or above", function()
  local s = f64 { 1, 3, 3, 5 }
  local x = f64 { { 0, 1, 2 }, { 3, 5, 6 } }
  t.equal(s:searchsorted(x), i64 { { 1, 1, 2 }, { 2, 4, 5 } })
  t.equal(s:searchsorted(x, true), i64 { { 1, 2, 2 }, { 4, 5, 5 } })
  t.equal(x:bucketize(s), s:searchsorted(x))
  t.equal(orrery.searchsorted(f64 { { 1, 2 }, { 3, 4 } }, f64 { { 2 }, { 2 } }),
    i64 { { 2 }, { 1 } })
  t.equal(s:searchsorted(nan), i64(5))
  t.equal(s:searchsorted(3), i64(2))
end)

t.test("bincount, one_hot and histc count", function()
  local x = i64 { 2, 1, 2, 4 }
  t.equal(x:bincount(), i64 { 1, 2, 0, 1 })
  t.equal(x:bincount(f64 { 0.5, 1, 0.25, 2 }, 5), f64 { 1, 0.75, 0, 2, 0 })
  t.equal(i64({ 2, 1 }):one_hot(3), i64 { { 0, 1, 0 }, { 1, 0, 0 } })
  t.equal({ i64({ { 2, 1 } }):one_hot():shape() }, { 1, 2, 2 })
  t.equal(f64({ 0, 1, 1.5, 2, 4, 9, nan }):histc(4, 0, 4),
    f64 { 1, 2, 1, 1 })
  t.equal(f64({ 1, 2, 3 }):histc(2), f64 { 1, 2 })
  t.equal(f64({ 5, 5 }):histc(2), f64 { 0, 2 })
  t.fails("histc: x holds inf at element 2; give min and max", orrery.histc,
    f64 { 1, math.huge })
end)

t.test("scatter writes, the last of several staying, which alone is felt",
  function()
    local x = orrery.zeros({ 2, 3 }, { dtype = "float64" }):requires_grad_()
    local source = f64({ { 1, 2 }, { 3, 4 } }):requires_grad_()
    local y = x:scatter(2, i64 { { 1, 3 }, { 2, 2 } }, source)
    t.equal(y:detach(), f64 { { 1, 0, 2 }, { 0, 4, 0 } })
    local w = f64 { { 1, 2, 3 }, { 4, 5, 6 } }
    local g = orrery.grad((y * w):sum(), { x, source })
    t.equal(g[1], f64 { { 0, 2, 0 }, { 4, 0, 6 } })
    t.equal(g[2], f64 { { 1, 3 }, { 0, 5 } })
    t.equal(f64({ 1, 2 }):scatter(1, i64 { 2 }, 9), f64 { 1, 9 })
    t.equal(f64({ 1, 2 }):index_fill(1, i64 { 1 }, 7), f64 { 7, 2 })
    t.equal(f64({ { 1, 2 }, { 3, 4 } }):index_copy(2, i64 { 2 },
      f64 { { 8 }, { 9 } }), f64 { { 1, 8 }, { 3, 9 } })
    t.equal(f64({ { 1, 2 }, { 3, 4 } }):take(i64 { { 4, 1 } }),
      f64 { { 4, 1 } })
  end)

t.test("index_put writes at points, rows and masks", function()
  local x = orrery.zeros({ 2, 3 }, { dtype = "float64" })
  local i, j = i64 { 1, 2, 1 }, i64 { 3, 1, 3 }
  t.equal(x:index_put({ i, j }, f64 { 1, 2, 3 }),
    f64 { { 0, 0, 3 }, { 2, 0, 0 } })
  t.equal(x:index_put({ i, j }, f64 { 1, 2, 3 }, true),
    f64 { { 0, 0, 4 }, { 2, 0, 0 } })
  t.equal(x:index_put({ i64 { 2 } }, f64 { 5, 6, 7 }),
    f64 { { 0, 0, 0 }, { 5, 6, 7 } })
  t.equal(x:index_put({ u8 { { 1, 0, 0 }, { 0, 0, 1 } } }, f64 { 5, 6 }),
    f64 { { 5, 0, 0 }, { 0, 0, 6 } })
  t.equal(x:index_put({ u8 { 0, 1 } }, 4), f64 { { 0, 0, 0 }, { 4, 4, 4 } })
  -- Indices broadcast: a column against a row.
  t.equal(x:index_put({ i64 { { 1 }, { 2 } }, i64 { 1, 3 } }, 1),
    f64 { { 1, 0, 1 }, { 1, 0, 1 } })
  t.gradcheck(function(a, v) return a:index_put({ i, j }, v) ^ 2 end,
    { f64 { { 1, 2, 3 }, { 4, 5, 6 } }, f64 { 1, 2, 3 } }, { order = 2 })
  t.fails("index_put: index 2 holds 4 but axis 2 of [2, 3] has positions 1 "
    .. "to 3", orrery.index_put, x, { i, j + 1 }, 0)
  t.fails("index_put: x is [2, 3] but the mask is [3]; match its axes",
    orrery.index_put, x, { u8 { 1, 0, 1 } }, 0)
  t.fails("index_put: indices is a table of 0; pass a table of 1 to 2 tensors "
    .. "for [2, 3]", orrery.index_put, x, {}, 0)
end)

t.test("roll, rot90, tile and repeat_interleave rearrange", function()
  local x = i64 { { 1, 2, 3 }, { 4, 5, 6 } }
  t.equal(x:roll(1), i64 { { 6, 1, 2 }, { 3, 4, 5 } })
  t.equal(x:roll(1, 2), i64 { { 3, 1, 2 }, { 6, 4, 5 } })
  t.equal(x:roll({ 1, -1 }, { 1, 2 }), i64 { { 5, 6, 4 }, { 2, 3, 1 } })
  t.equal(x:roll(-10, 2), x:roll(-1, 2))
  t.equal(x:rot90(), i64 { { 3, 6 }, { 2, 5 }, { 1, 4 } })
  t.equal(x:rot90(2), x:flip(1, 2))
  t.equal(x:rot90(-1), x:rot90():rot90():rot90())
  t.equal(x:rot90(1, { 2, 1 }), x:rot90(3))
  t.equal(i64({ 1, 2 }):tile(2, 2), i64 { { 1, 2, 1, 2 }, { 1, 2, 1, 2 } })
  t.equal(x:tile(2), i64 { { 1, 2, 3, 1, 2, 3 }, { 4, 5, 6, 4, 5, 6 } })
  t.equal(x:repeat_interleave(2), i64 { 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6 })
  t.equal(i64({ { 1 }, { 2 } }):repeat_interleave(2, 1),
    i64 { { 1 }, { 1 }, { 2 }, { 2 } })
end)

t.test("meshgrid spans the points, either way round", function()
  local a, b = orrery.meshgrid(f64 { 1, 2 }, f64 { 3, 4, 5 })
  t.equal(a, f64 { { 1, 1, 1 }, { 2, 2, 2 } })
  t.equal(b, f64 { { 3, 4, 5 }, { 3, 4, 5 } })
  local c, d = orrery.meshgrid(f64 { 1, 2 }, f64 { 3, 4, 5 },
    { indexing = "xy" })
  t.equal(c, a:t())
  t.equal(d, b:t())
  t.fails("meshgrid: argument 2 is the number 3; pass a tensor",
    orrery.meshgrid, f64 { 1 }, 3)
  t.fails("meshgrid: argument 1 is [1, 1]; it must have one axis",
    orrery.meshgrid, f64 { { 1 } })
end)

t.test("diff, movedim, masked_scatter and cosine_similarity", function()
  t.equal(i64({ 1, 4, 9, 16 }):diff(), i64 { 3, 5, 7 })
  t.equal(i64({ 1, 4, 9, 16 }):diff(2), i64 { 2, 2 })
  t.equal({ f64({ 1 }):diff(3):shape() }, { 0 })
  local x = orrery.zeros(2, 3, 4)
  t.equal({ x:movedim(1, -1):shape() }, { 3, 4, 2 })
  t.equal({ x:movedim({ 1, 3 }, { 2, 1 }):shape() }, { 4, 2, 3 })
  t.equal(f64({ 1, 2, 3 }):masked_scatter(u8 { 1, 0, 1 }, f64 { 7, 8, 9 }),
    f64 { 7, 2, 8 })
  local a, b = f64 { { 1, 0 }, { 3, 4 } }, f64 { { 1, 1 }, { 4, 3 } }
  t.near(orrery.functional.cosine_similarity(a, b),
    f64 { math.sqrt(0.5), 24 / 25 }, 1e-15)
end)

t.test("cartesian_prod and combinations list tuples", function()
  local x, y = orrery.tensor { 1, 2 }, orrery.tensor { 5, 6, 7 }
  t.near(orrery.cartesian_prod(x, y), { { 1, 5 }, { 1, 6 }, { 1, 7 },
    { 2, 5 }, { 2, 6 }, { 2, 7 } })
  t.near(orrery.cartesian_prod(x), { 1, 2 })
  t.near(y:combinations(), { { 5, 6 }, { 5, 7 }, { 6, 7 } })
  t.near(x:combinations(2, true), { { 1, 1 }, { 1, 2 }, { 2, 2 } })
  t.near(y:combinations(3), { { 5, 6, 7 } })
  t.equal(x:combinations(3):shape_str(), "[0, 3]")
  t.fails("combinations: x is [1, 2]; it must have one axis",
    orrery.combinations, x:unsqueeze(1))
  t.fails("cartesian_prod: argument 2 is the number 3; pass a tensor",
    orrery.cartesian_prod, x, 3)
end)

t.test("repeat_interleave counts each element by a tensor", function()
  local function counts(...)
    return orrery.tensor({ ... }, { dtype = "int64" })
  end
  local x = orrery.tensor { { 1, 2 }, { 3, 4 } }
  t.near(x:repeat_interleave(counts(2, 1), 1), { { 1, 2 }, { 1, 2 }, { 3, 4 } })
  t.near(x:repeat_interleave(counts(0, 3), { axis = -1 }),
    { { 2, 2, 2 }, { 4, 4, 4 } })
  t.near(x:repeat_interleave(counts(1, 0, 2, 0)), { 1, 3, 3 })
  t.equal(x:repeat_interleave(counts(0, 0), 2):shape_str(), "[2, 0]")
  t.fails("repeat_interleave: repeats holds -1; use counts of 0 or more",
    orrery.repeat_interleave, x, counts(1, -1), 1)
  t.fails("repeat_interleave: repeats has 3 counts but axis 1 of x [2, 2] has "
    .. "2 elements", orrery.repeat_interleave, x, counts(1, 1, 1), 1)
end)
