--- How long a function takes: what `:time` prints.

local core = require "orrery.core"

local function live_bytes() return (select(2, core.live())) end

local function duration(seconds)
  if seconds < 1e-6 then return ("%.0f ns"):format(seconds * 1e9) end
  if seconds < 1e-3 then return ("%.3g us"):format(seconds * 1e6) end
  if seconds < 1 then return ("%.3g ms"):format(seconds * 1e3) end
  return ("%.3g s"):format(seconds)
end

local function bytes_text(n)
  for _, unit in ipairs { "B", "kB", "MB" } do
    if math.abs(n) < 1000 then return ("%.3g %s"):format(n, unit) end
    n = n / 1000
  end
  return ("%.3g GB"):format(n)
end

--- Runs f for about half a second, at least once, and tells the median of its
--- times and what it leaves alive.
---@param f function
---@return string line
return function(f)
  local now = core.clock
  collectgarbage()
  local before = live_bytes()
  local start = now()
  f()
  local first = now() - start
  local times = { first }
  local runs = math.min(10000, math.floor(0.5 / math.max(first, 1e-7)))
  for i = 2, runs do
    if now() - start > 1 then break end
    local t = now()
    f()
    times[i] = now() - t
  end
  table.sort(times)
  collectgarbage()
  local after = live_bytes()
  return ("%s (median of %d)   %s live"):format(
    duration(times[(#times + 1) // 2]), #times, bytes_text(after - before))
end
