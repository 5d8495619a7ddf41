--- layer_norm and group_norm: against float64 by the formula, on rows that are
--- hard on one-pass sums, and the same bits whatever the number of threads.
local orrery, t = require "orrery", require "orrery.testing"
local F = orrery.nn.functional

-- By the formula, op by op, over the last axis of x [rows, length].
local function standardised(x, eps)
  local mean = x:mean(-1, { keepdim = true })
  local d = x - mean
  return d / ((d * d):mean(-1, { keepdim = true }) + eps):sqrt()
end

local function grads(fn, xs, gy)
  return orrery.grad(fn(table.unpack(xs)), xs, { grad_outputs = { gy } })
end

local function doubled(list)
  local out = {}
  for i, x in ipairs(list) do
    out[i] = x:detach():to("float64"):requires_grad_()
  end
  return out
end

local function layer(eps)
  return function(x, w, b)
    return F.layer_norm(x, { normalized_shape = { x:size(-1) }, weight = w,
      bias = b, eps = eps })
  end
end

local function by_formula(eps)
  return function(x, w, b) return standardised(x, eps) * w + b end
end

t.test("layer_norm and its gradients agree with the formula in float64",
  function()
    for _, size in ipairs { { 3, 2 }, { 37, 64 }, { 5, 100 }, { 9, 33 },
      { 2, 5000 }, { 300, 17 } } do
      local rows, n = table.unpack(size)
      local xs = { orrery.randn(rows, n):requires_grad_(),
        orrery.randn(n):requires_grad_(), orrery.randn(n):requires_grad_() }
      local gy, wide = orrery.randn(rows, n), doubled(xs)
      local y = layer(1e-5)(table.unpack(xs))
      local want = by_formula(1e-5)(table.unpack(wide))
      t.near(y:to("float64"), want, 2e-5)
      local g = grads(layer(1e-5), xs, gy)
      local wanted = grads(by_formula(1e-5), wide, gy:to("float64"))
      local scale = rows ^ 0.5 + 200 / n  -- two values may lie close together
      for i = 1, 3 do
        t.near(g[i]:to("float64"), wanted[i], 1e-5 * scale)
      end
    end
  end)

t.test("group_norm agrees with layer_norm over its groups", function()
  local x = orrery.randn({ 3, 6, 5, 7 }, { dtype = "float64" })
  local w = orrery.randn({ 6 }, { dtype = "float64" })
  local y = F.group_norm(x, { num_groups = 2, weight = w })
  local rows = standardised(x:view(6, 105), 1e-5):view(3, 6, 5, 7)
  t.near(y, rows * w:view(6, 1, 1), 1e-12)
end)

t.test("a first value far out, or all far from 0, costs no digits", function()
  local x = orrery.randn(4, 256)
  x[{ 1, 1 }] = 1e4     -- the mean is 5 deviations away from the others'
  x[{ 2, {} }] = x[2] + 1000
  x[{ 3, 1 }] = -300
  local eps = 1e-5
  local y = layer(eps)(x)
  local want = standardised(x:to("float64"), eps)
  -- The mean itself is rounded to float32: half of 2^-14 at 1000.
  t.near(y:to("float64"), want, 4e-5)
  t.near(layer(0)(orrery.full({ 2, 8 }, 3) + orrery.range(1, 8)),
    standardised(orrery.range(1, 8):expand(2, 8), 0), 1e-6)
end)

t.test("a row with NaN is NaN, and no other row is", function()
  local x = orrery.randn(3, 40)
  x[{ 2, 40 }] = 0 / 0
  local y = layer(1e-5)(x)
  t.equal(y:isnan():sum(2):tolist(), { 0, 40, 0 })
end)

t.test("the same bits at one thread and at two", function()
  local threads, results = orrery.threads(), {}
  local xs = { orrery.randn(700, 96):requires_grad_(),
    orrery.randn(96):requires_grad_(), orrery.randn(96):requires_grad_() }
  local gy = orrery.randn(700, 96)
  for n = 1, 2 do
    orrery.set_threads(n)
    results[n] = grads(layer(1e-5), xs, gy)
  end
  orrery.set_threads(threads)
  for i = 1, 3 do t.equal(results[1][i]:tolist(), results[2][i]:tolist()) end
end)
