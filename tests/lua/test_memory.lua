--- Memory stays bounded with no collectgarbage() by hand, in both modes of
--- Lua's collector, and every failed allocation is an error without a leak.
local orrery, t = require "orrery", require "orrery.testing"

local MiB = 2 ^ 20

-- The peak of tensor bytes while fn runs, over what was live before.
local function peak_of(fn)
  collectgarbage()
  collectgarbage()
  local _, before = orrery.live()
  orrery.reset_peak()
  fn()
  local _, _, peak = orrery.live()
  return (peak - before) / MiB
end

local function peak_resident()
  local file = io.open("/proc/self/status", "r")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  local kib = text:match "VmHWM:%s+(%d+)"
  return kib and tonumber(kib) / 1024
end

local function in_both_modes(fn)
  for _, mode in ipairs { "generational", "incremental" } do
    local before = collectgarbage(mode)
    local ok, why = pcall(fn, mode)
    collectgarbage(before)
    if not ok then error(why, 0) end
  end
end

t.test("a million tensors of 40 kB, none kept, stay below 64 MiB", function()
  local before = peak_resident()
  local rounds = orrery.machine().sanitized and 2e4 or 5e5
  in_both_modes(function(mode)
    local peak = peak_of(function()
      for _ = 1, rounds do local _ = orrery.zeros(10000) end
    end)
    t.ok(peak <= 40, ("%s: peak %.1f MiB"):format(mode, peak))
  end)
  local after = peak_resident()
  -- A sanitizer keeps freed memory for itself; then the counter must do.
  if before and not orrery.machine().sanitized then
    t.ok(after - before <= 64,
      ("resident peak grew by %.1f MiB"):format(after - before))
  end
end)

t.test("tensors kept through a step and then dropped stay bounded", function()
  in_both_modes(function(mode)
    local peak = peak_of(function()
      for _ = 1, 60 do
        local kept = {}
        for i = 1, 20 do
          kept[i] = orrery.zeros(250000)
          local _ = orrery.zeros(250000)
        end
        t.equal(#kept, 20)
      end
    end)
    -- 20 MB are in use at once; twice that, and the floor.
    t.ok(peak <= 90, ("%s: peak %.1f MiB"):format(mode, peak))
  end)
end)

t.test("a recorded chain that is dropped each step stays bounded", function()
  in_both_modes(function(mode)
    local w = orrery.zeros(1000, { requires_grad = true })
    local peak = peak_of(function()
      for _ = 1, 2000 do
        local y = w
        for _ = 1, 20 do y = y:exp() end
        y:sum():backward()
        w.grad = nil
      end
    end)
    t.ok(peak <= 40, ("%s: peak %.1f MiB"):format(mode, peak))
  end)
end)

t.test("what an op made and nobody kept is the next op's memory", function()
  local x = orrery.zeros(1 << 20)
  in_both_modes(function(mode)
    local peak = peak_of(function()
      for _ = 1, 50 do local _ = x:exp() end
    end)
    -- The last one and the one being made.
    t.ok(peak <= 8.5, ("%s: peak %.1f MiB"):format(mode, peak))
  end)
end)

t.test("temporaries of several ops stay within a quarter more", function()
  local kept = orrery.zeros(16 << 20)
  in_both_modes(function(mode)
    local x, one = kept:view(16, -1)[1], orrery.ones(1)
    local peak = peak_of(function()
      for _ = 1, 20 do
        local a, b, c = x + one, x - one, x * one
        local _ = (a * b + c) * (a - b)
      end
    end)
    -- Seven of 4 MiB are in use at once, 64 MiB were before.
    t.ok(peak <= 28 + 24 + 8, ("%s: peak %.1f MiB"):format(mode, peak))
  end)
  t.equal(kept:numel(), 16 << 20)
end)

t.test("tensors of no size do not pile up either", function()
  local before = orrery.live()
  for _ = 1, 2e5 do local _ = orrery.zeros(0) end
  t.ok(orrery.live() - before < 1e5)
end)

t.test("a stopped collector is left stopped", function()
  collectgarbage "stop"
  for _ = 1, 300 do local _ = orrery.zeros(50000) end
  local live = orrery.live()
  collectgarbage "restart"
  t.ok(live >= 300)
end)

t.test("a finalizer may make tensors while memory is low", function()
  local made = 0
  for _ = 1, 400 do
    setmetatable({}, { __gc = function()
      local _ = orrery.zeros(20000)
      made = made + 1
    end })
    local _ = orrery.zeros(20000)
  end
  collectgarbage()
  t.equal(made, 400)
end)

-- Fails each allocation of fn in turn, until none is left to fail.
local function fail_each(fn, ...)
  local want = fn(...)
  collectgarbage()
  local live, n = orrery.live(), 0
  repeat
    n = n + 1
    orrery.fail_after(n)
    local ok, why = pcall(fn, ...)
    orrery.fail_after(0)
    if not ok then t.ok(tostring(why):find "memory", tostring(why)) end
    collectgarbage()
    collectgarbage()
    t.equal(orrery.live(), live)
  until ok or n > 2000
  t.ok(n > 1 and n <= 2000, n .. " allocations")
  t.equal(fn(...), want)
end

t.test("each allocation of a step may fail: an error, no leak", function()
  local w = orrery.tensor({ 1, 2, 3 }, { requires_grad = true })
  local x = orrery.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
  fail_each(function()
    local y = (x * w + 2)[{ {}, { 1, 2 } }]
    local z = orrery.cat({ y, y:exp() * 1e-3 }, 1):sum()
    return orrery.grad(z, { w })[1]:tolist()
  end)
end)

t.test("each allocation of a creation or assignment may fail", function()
  fail_each(function()
    local x = orrery.tensor { { 1, 2 }, { 3, 4 } }
    x[{ 1, {} }] = 7
    x[x:gt(3)] = 1
    local a, b = orrery.split(x, 1)
    local values, places = x:max(1)
    local text = tostring(x)
    return { a:tolist(), b:tolist(), values:tolist(), places:tolist(), text,
      orrery.rand(3, { generator = orrery.Generator(3) }):tolist() }
  end)
end)

t.test("the counters tell bytes and blocks", function()
  local _, before = orrery.live()
  local x = orrery.zeros(1000)
  local _, after = orrery.live()
  t.ok(after - before >= 4000 and x ~= nil)
  local m = orrery.memory()
  t.equal(m.live_bytes, after)
  t.ok(m.calls > 0 and m.cached_bytes >= 0)
  orrery.trim()
  t.equal(orrery.memory().cached_bytes, 0)
end)

t.test("what would pass the limit fails at once, naming both", function()
  collectgarbage()
  local _, live = orrery.live()
  local before = orrery.memory_limit(live + 1000000)
  t.equal(orrery.memory_limit(), live + 1000000)
  local ok, why = pcall(orrery.zeros, 1000, 1000)
  local x = pcall(orrery.zeros, 100, 100)
  orrery.memory_limit(before)
  t.ok(not ok and x)
  t.ok(why:find(("memory: 4000000 bytes are not to be had %%(%%d+ of at most "
    .. "%d are in use%%)"):format(live + 1000000)), why)
  t.equal(orrery.memory_limit(), before)
end)

t.test("a rectifier's gradient needs its result alone, where that tells",
  function()
    local x = orrery.rand({ 1 << 16 }, -1, 1):requires_grad_()
    local function kept(fn)
      collectgarbage()
      collectgarbage()
      local _, before = orrery.live()
      local y = fn(x * 1)  -- nobody else has the product
      collectgarbage()
      collectgarbage()
      local _, after = orrery.live()
      y:sum():backward()
      x.grad = nil
      return (after - before) // (4 << 16)
    end
    t.equal(kept(orrery.relu), 1)
    t.equal(kept(function(h) return orrery.leaky_relu(h, 0.2) end), 1)
    t.equal(kept(function(h) return orrery.leaky_relu(h, 0) end), 1)
    t.equal(kept(function(h) return orrery.leaky_relu(h, -0.2) end), 2)
  end)
