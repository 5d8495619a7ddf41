--- Sorting, order statistics and running folds against Lua's own sort and
--- hand work.
local orrery, t = require "orrery", require "orrery.testing"
local inf, nan = math.huge, 0 / 0

local function f64(values)
  return orrery.tensor(values, { dtype = "float64" })
end
local function i64(values)
  return orrery.tensor(values, { dtype = "int64" })
end

t.test("sort agrees with table.sort on random rows of every dtype", function()
  for _, dtype in ipairs { "float32", "float64", "int64", "uint8" } do
    for _, n in ipairs { 1, 2, 3, 8, 33, 1000 } do
      local x = (orrery.rand({ 3, n }, { generator = orrery.Generator(n) })
        * 200):floor():to(dtype)
      local y, at = x:sort()
      for row = 1, 3 do
        local want = x[row]:tolist()
        table.sort(want)
        t.equal(y[row], orrery.tensor(want, { dtype = dtype }))
      end
      t.equal(x:gather(2, at), y)
      t.equal(x:sort(2, true), y:flip(2))
    end
  end
end)

t.test("sort is stable both ways and puts NaN last, first when descending",
  function()
    local x = f64 { 2, nan, 1, 2, 1, nan }
    local _, up = x:sort()
    local _, down = x:sort { descending = true }
    t.equal(up, i64 { 3, 5, 1, 4, 2, 6 })
    t.equal(down, i64 { 2, 6, 1, 4, 3, 5 })
    t.equal(x:argsort(), up)
    t.equal(f64({ { 3, 1 }, { 2, 5 } }):sort(1), f64 { { 2, 1 }, { 3, 5 } })
  end)

t.test("topk and kthvalue are pieces of sort", function()
  local x = f64 { { 5, 1, 4 }, { 2, 9, 3 } }
  local y, at = x:topk(2)
  t.equal(y, f64 { { 5, 4 }, { 9, 3 } })
  t.equal(at, i64 { { 1, 3 }, { 2, 3 } })
  y, at = x:topk(1, { axis = 1, largest = false })
  t.equal(y, f64 { { 2, 1, 3 } })
  t.equal(at, i64 { { 2, 1, 2 } })
  y, at = x:kthvalue(2)
  t.equal(y, f64 { 4, 3 })
  t.equal(at, i64 { 3, 3 })
end)

t.test("median is the lower middle, NaN wins", function()
  local y, at = f64({ { 4, 1, 3, 2 }, { 1, nan, 0, nan } }):median(2)
  t.equal(y, f64 { 2, nan })
  t.equal(at, i64 { 4, 2 })
  t.equal(f64({ 5, 1, 3 }):median(), f64(3))
  local x = f64({ { 5, 1 }, { 3, 9 } }):requires_grad_()
  t.equal(orrery.grad((x:median()), x)[1], f64 { { 0, 0 }, { 1, 0 } })
end)

t.test("quantile interpolates in each of the five ways", function()
  local x = f64 { 40, 10, 20, 30 }
  t.near(x:quantile(0.5), f64(25), 1e-14)
  t.near(x:quantile(f64 { 0, 0.4, 1 }), f64 { 10, 22, 40 }, 1e-12)
  local want = { lower = 20, higher = 30, nearest = 20, midpoint = 25 }
  for how, value in pairs(want) do
    t.equal(x:quantile(0.4, { interpolation = how }), f64(value))
  end
  local y = f64 { { 1, 2, 3 }, { 6, 5, 4 } }
  t.equal(y:quantile(f64 { 0.5, 1 }, 2), f64 { { 2, 5 }, { 3, 6 } })
  t.equal({ y:quantile(0.5, 1, true):shape() }, { 1, 3 })
  t.equal({ y:quantile(f64 { 0.5 }, 1, true):shape() }, { 1, 1, 3 })
  t.equal(f64({ 1, nan, 3 }):quantile(0), f64(nan))
end)

t.test("cumprod goes through zeros, and so do its gradients", function()
  t.equal(f64({ 2, 3, 0, 5 }):cumprod(1), f64 { 2, 6, 0, 0 })
  t.equal(i64({ 1, 2, 3, 4, 5 }):cumprod(1), i64 { 1, 2, 6, 24, 120 })
  local x = f64({ 2, 0, 4 }):requires_grad_()
  -- y = x1, x1 x2, x1 x2 x3
  t.equal(orrery.grad(x:cumprod(1):sum(), x)[1], f64 { 1, 10, 0 })
end)

t.test("logcumsumexp is the log of cumsum of exp, and never overflows",
  function()
    local x = orrery.randn({ 4, 9 }, { dtype = "float64" })
    t.near(x:logcumsumexp(2), x:exp():cumsum(2):log(), 1e-13)
    t.near(f64({ 1000, 1000 }):logcumsumexp(1),
      f64 { 1000, 1000 + math.log(2) }, 1e-12)
    t.equal(f64({ -inf, -inf, 1 }):logcumsumexp(1), f64 { -inf, -inf, 1 })
  end)
