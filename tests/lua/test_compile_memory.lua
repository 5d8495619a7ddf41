--- What compiled steps take in memory: one arena for all of them, the old
--- gradients' room for the new ones, nothing kept from the recording.
local orrery, t = require "orrery", require "orrery.testing"
local nn, optim = orrery.nn, orrery.optim

local function live()
  collectgarbage()
  collectgarbage()
  local _, bytes = orrery.live()
  return bytes
end

--- Doubles x often, in buffers of its size that take turns.
local function doubling(n)
  local twice = orrery.eye(4) * 2  -- no elementwise op: those share a row
  local step, x = orrery.compile(function(x)
    for _ = 1, 6 do x = x:matmul(twice) end
    return x:sum()
  end), orrery.ones(n // 4, 4)
  return function() return step(x):item() end, step
end

t.test("steps share the memory they work in", function()
  local before = live()
  local one, first = doubling(1 << 20)
  local other, second = doubling(3 << 18)
  for _ = 1, 3 do
    t.equal({ one(), other() }, { 64 * (1 << 20), 64 * (3 << 18) })
  end
  t.ok(first.peak_bytes >= 8 << 20 and second.peak_bytes >= 6 << 20)
  local held = live() - before - (4 << 20) - (3 << 20)  -- the arguments
  t.ok(held >= 8 << 20 and held < 11 << 20, held)
  first:reset()
  second:reset()
  t.ok(live() - before - (7 << 20) < 1 << 20)
end)

t.test("a larger step moves the smaller one's buffers", function()
  local small, large = doubling(1000), doubling(5000)
  for _ = 1, 2 do t.equal(small(), 64000) end
  for _ = 1, 2 do t.equal(large(), 320000) end
  for _ = 1, 2 do t.equal(small(), 64000) end
end)

t.test("without memory for the arena the next run tries again", function()
  local run = doubling(1 << 16)
  run()
  local failed = 0
  for n = 1, 20 do
    orrery.fail_after(n)
    local ok, why = pcall(run)
    orrery.fail_after(0)
    if ok then break end
    t.ok(tostring(why):find "memory", tostring(why))
    failed = failed + 1
  end
  t.ok(failed > 0)
  t.equal(run(), 64 * (1 << 16))
end)

t.test("gradients set again take the room of the old ones", function()
  local net = nn.Linear(1000, 1000)
  local opt, x = optim.SGD(net, { lr = 0.1 }), orrery.randn(2, 1000)
  local step = orrery.compile(function(v)
    local loss = (net(v) ^ 2):mean()
    opt:minimize(loss)
    return loss
  end)
  for _ = 1, 2 do step(x) end
  local before = live()
  orrery.reset_peak()
  step(x)
  local _, _, peak = orrery.live()
  t.ok(peak - before < 1e6, peak - before)  -- the weight's is 4 MB
end)

t.test("what is used up before a gradient is made lies where it will be",
  function()
    local w = orrery.ones { 512, 512, requires_grad = true }
    local a, b = orrery.eye(512) * 2, orrery.randn(512, 512)
    local function f(x)
      w.grad = nil
      local y = x:matmul(a):matmul(a):matmul(b):sum(1)
      local loss = (w * y):sum()
      loss:backward()
      return y:sum()
    end
    local step, kept = orrery.compile(f), {}
    for k = 1, 4 do
      local x = orrery.full({ 512, 512 }, k)
      step(x)
      kept[k] = w.grad
    end
    for k = 1, 4 do
      f(orrery.full({ 512, 512 }, k))
      t.ok(orrery.equal(kept[k], w.grad), k)
    end
    local facts = step.kept[1].program:facts()
    -- Of the products two are there at once, then the gradient.
    t.ok(facts.peak_bytes < 2.1 * (1 << 20), facts.peak_bytes)
  end)

t.test("gradients held elsewhere stay what they were", function()
  local w = orrery.ones { 3, requires_grad = true }
  local step = orrery.compile(function(v)
    w.grad = nil
    (w * v):sum():backward()
  end)
  local kept = {}
  for k = 1, 4 do
    step(orrery.tensor { k, k, k })
    kept[k] = w.grad
  end
  for k = 1, 4 do t.equal(kept[k]:tolist(), { k, k, k }) end
end)
