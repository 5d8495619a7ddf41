--- Options of ops that PyTorch has: alpha, rounding_mode, decimals, axis ...
local orrery, t = require "orrery", require "orrery.testing"

local function f64(v) return orrery.tensor(v, { dtype = "float64" }) end
local function int(v) return orrery.tensor(v, { dtype = "int64" }) end

t.test("add, sub and index_add take a factor for what is added", function()
  local x, y = f64 { 1, 2 }, f64 { 3, -1 }
  t.equal(orrery.add(x, y, { alpha = 2 }), f64 { 7, 0 })
  t.equal(x:sub(y, { alpha = 0.5 }), f64 { -0.5, 2.5 })
  t.equal(int { 1, 2 }:add(int { 3, 4 }, { alpha = -1 }), int { -2, -2 })
  t.equal(x:clone():add_(y, { alpha = 2 }), f64 { 7, 0 })
  t.equal(x:clone():sub_(1, { alpha = 2 }), f64 { -1, 0 })
  t.equal(x:index_add(1, int { 2, 2 }, y, { alpha = 10 }), f64 { 1, 22 })
  t.gradcheck(function(a, b) return a:add(b, { alpha = 3 }) ^ 2 end, { x, y })
  t.fails("add: alpha is 0.5 but x and y are whole numbers; use a whole one",
    orrery.add, int { 1 }, int { 1 }, { alpha = 0.5 })
  t.fails("sub: unknown option alhpa; did you mean alpha?", orrery.sub, x, y,
    { alhpa = 1 })
end)

t.test("div rounds towards 0 or downwards", function()
  local x, y = { 7, -7, 7, -7, 6, 0 }, { 2, 2, -2, -2, 3, 5 }
  local cut, down = { 3, -3, -3, 3, 2, 0 }, { 3, -4, -4, 3, 2, 0 }
  for _, make in ipairs { f64, int } do
    t.equal(make(x):div(make(y), { rounding_mode = "trunc" }), make(cut))
    t.equal(orrery.div(make(x), make(y), { rounding_mode = "floor" }),
      make(down))
    t.equal(make(x):div_(make(y), { rounding_mode = "trunc" }), make(cut))
  end
  t.equal(int { 7, -7 }:div(2, { rounding_mode = "trunc" }), int { 3, -3 })
  -- Beyond 2^53, where a quotient of floats is not exact.
  t.equal(int { 9007199254740993, math.mininteger }
    :div(int { 1, -1 }, { rounding_mode = "trunc" }),
    int { 9007199254740993, math.mininteger })
  t.fails('div: rounding_mode is "up"; use "trunc" or "floor", or leave it out',
    orrery.div, f64 { 1 }, f64 { 2 }, { rounding_mode = "up" })
end)

t.test("round keeps decimals, or rounds to tens", function()
  t.near(f64 { 1.2345, -0.126, 2.5 }:round { decimals = 2 },
    f64 { 1.23, -0.13, 2.5 }, 1e-12)
  t.equal(f64 { 1250, 1350, 14 }:round { decimals = -2 },
    f64 { 1200, 1400, 0 })
end)

t.test("whole numbers are rectified and multiplied as they are", function()
  t.equal(int { -2, 3 }:relu(), int { 0, 3 })
  t.equal(orrery.nn.functional.relu6(int { -2, 3, 9 }), int { 0, 3, 6 })
  local x = int { { 1, 2 }, { 3, 4 } }
  t.equal(x:matmul(x), int { { 7, 10 }, { 15, 22 } })
  t.equal(x:transpose(1, 2):matmul(x), int { { 10, 14 }, { 14, 20 } })
  t.equal(x:mv(int { 1, -1 }), int { -1, -1 })
  t.equal(orrery.zeros({ 2, 0 }, { dtype = "int64" }):matmul(
    orrery.zeros({ 0, 1 }, { dtype = "int64" })), int { { 0 }, { 0 } })
  local big = int { { 9007199254740993 } }  -- no float64 holds it
  t.equal(big:matmul(int { { 3 } }), int { { 3 * 9007199254740993 } })
  local b = orrery.tensor({ { 16, 16 } }, { dtype = "uint8" })
  t.equal(b:matmul(b:transpose(1, 2)), orrery.zeros({ 1, 1 },
    { dtype = "uint8" }))  -- 512 wraps
end)

t.test("whole numbers are raised, limited and counted as they are", function()
  t.equal(int { 3, -2 } ^ 2, int { 9, 4 })
  t.equal(2 ^ int { 0, 10 }, int { 1, 1024 })
  t.equal(int { 1, -1, 2, -1 }:pow(int { -3, -3, -1, -2 }),
    int { 1, -1, 0, 1 })
  t.equal(int { 3 }:pow(39), int { 4052555153018976267 })
  t.equal(int { 3 } ^ 0.5, orrery.tensor { 3 } ^ 0.5)
  t.fails("pow: y is -1 but x is int64; whole numbers have no negative powers: "
    .. "use x:float()", orrery.pow, int { 2 }, -1)
  t.equal(orrery.nn.functional.hardtanh(int { -3, 0, 3 }), int { -1, 0, 1 })
  t.equal(int { -3, 0, 3 }:clamp(-0.5, 2), orrery.tensor { -0.5, 0, 2 })
  local bytes = orrery.tensor({ 1, 3, 3 }, { dtype = "uint8" })
  t.equal(bytes:bincount(), int { 1, 0, 2 })
  t.equal(bytes:scatter(1, int { 2 }, 9):tolist()[2], 9)
  t.fails("scatter: source is 256, which uint8 cannot hold; use 0 to 255",
    orrery.scatter, bytes, 1, int { 2 }, 256)
  t.equal(int { 1, 2 }:addr(int { 1, 2 }, int { 3, -4 }),
    int { { 4, -2 }, { 7, -6 } })
end)

t.test("qr gives r alone", function()
  local x = f64 { { 2, 1 }, { 0.5, 3 }, { 1, 1 } }
  local q, r = orrery.qr(x, { mode = "r" })
  t.equal(q:numel(), 0)
  t.near(r:transpose(1, 2):matmul(r), x:transpose(1, 2):matmul(x), 1e-12)
end)

t.test("cholesky_inverse inverts what was factored", function()
  local x = f64 { { 4, 1 }, { 1, 3 } }
  local want = f64 { { 3 / 11, -1 / 11 }, { -1 / 11, 4 / 11 } }
  t.near(x:cholesky():cholesky_inverse(), want, 1e-12)
  t.near(x:cholesky { upper = true }:cholesky_inverse { upper = true }, want,
    1e-12)
end)

t.test("unique finds the rows, and the columns, that differ", function()
  local x = int { { 2, 1 }, { 1, 3 }, { 2, 1 }, { 1, 2 } }
  local values, at, counts = orrery.unique(x, { axis = 1 })
  t.equal(values, int { { 1, 2 }, { 1, 3 }, { 2, 1 } })
  t.equal(at, int { 3, 2, 3, 1 })
  t.equal(counts, int { 1, 1, 2 })
  t.equal((f64 { { 3, 1, 3 }, { 0, 5, 0 } }:unique { axis = -1 }),
    f64 { { 1, 3 }, { 5, 0 } })
  values, at = orrery.zeros(0, 2):unique { axis = 1 }
  t.equal({ values:shape() }, { 0, 2 })
  t.equal(at:numel(), 0)
  t.equal({ (orrery.zeros(3, 0):unique { axis = 1 }):shape() }, { 1, 0 })
  t.fails("unique: axis is 3 but x is [4, 2]; use one of its axes",
    orrery.unique, x, { axis = 3 })
end)

t.test("unique_consecutive compares neighbouring rows", function()
  local x = int { { 1, 2 }, { 1, 2 }, { 1, 3 }, { 1, 2 } }
  local values, run, counts = orrery.unique_consecutive(x, { axis = 1 })
  t.equal(values, int { { 1, 2 }, { 1, 3 }, { 1, 2 } })
  t.equal(run, int { 1, 1, 2, 3 })
  t.equal(counts, int { 2, 1, 1 })
end)

t.test("gradient is exact for parabolas, at uneven points too", function()
  local at = f64 { 0, 0.5, 2, 3, 3.25 }
  local x = at * at - at * 3
  local slope = at * 2 - 3
  t.near(x:gradient { spacing = { at }, edge_order = 2 }, slope, 1e-12)
  t.near(x:gradient({ spacing = { at } }):narrow(1, 2, 3), slope:narrow(1, 2,
    3), 1e-12)
  local grid = f64 { { 1, 2, 4 }, { 3, 4, 6 } }
  local down, across = grid:gradient { spacing = 2 }
  t.equal(down, f64 { { 1, 1, 1 }, { 1, 1, 1 } })
  t.equal(across, f64 { { 0.5, 0.75, 1 }, { 0.5, 0.75, 1 } })
  t.equal(int({ 1, 4, 9 }):gradient(), orrery.tensor { 3, 4, 5 })
  t.fails("gradient: axis 1 of [2] has size 2; at least 3 are wanted",
    orrery.gradient, f64 { 1, 2 }, { edge_order = 2 })
  t.fails("gradient: spacing has 1 entries for 2 axes; give one for each",
    orrery.gradient, grid, { spacing = { 1 } })
end)

t.test("histogram counts between edges, the last one included", function()
  local x = f64 { 0, 0.5, 1, 1.5, 2, 3, -1, 0 / 0 }
  local counts, edges = x:histogram(f64 { 0, 1, 2 })
  t.equal(counts, f64 { 2, 3 })
  t.equal(edges, f64 { 0, 1, 2 })
  t.equal((x:narrow(1, 1, 5):histogram(4, { range = { 0, 2 } })),
    f64 { 1, 1, 1, 2 })
  t.near(x:narrow(1, 1, 5):histogram(2, { density = true }), f64 { 0.4, 0.6 },
    1e-15)
  t.equal((f64({ 3, 3 }):histogram(2, { weight = f64 { 0.5, 2 } })),
    f64 { 0, 2.5 })
  t.equal(select(2, f64({ 3 }):histogram(1)), f64 { 2.5, 3.5 })
  t.fails("histogram: the range is 2 to 1; give two finite numbers that grow",
    orrery.histogram, x, 2, { range = { 2, 1 } })
end)

t.test("put writes in row-major order, index_reduce folds slices", function()
  local x = f64 { { 1, 2 }, { 3, 4 } }
  t.equal(x:put(int { 4, 1 }, f64 { 9, 8 }), f64 { { 8, 2 }, { 3, 9 } })
  t.equal(x:put(int { 2, 2 }, f64 { 1, 1 }, { accumulate = true }),
    f64 { { 1, 4 }, { 3, 4 } })
  local y = x:clone()
  y:put_(int { 3 }, f64 { 0 })
  t.equal(y, f64 { { 1, 2 }, { 0, 4 } })
  t.equal(x:index_reduce(1, int { 2, 2 }, f64 { { 5, 1 }, { 2, 2 } },
    { reduce = "amax" }), f64 { { 1, 2 }, { 5, 4 } })
  t.equal(x:index_reduce(2, int { 1 }, f64 { { 3 }, { 5 } }, { reduce = "mean",
    include_self = false }), f64 { { 3, 2 }, { 5, 4 } })
end)
