--- Long lines with fewer points: as many as a picture can tell apart. Of each
--- stretch the least and the greatest value stay, in order, so no spike is
--- lost; a band keeps its extremes likewise.
local numbers = require "orrery.plot.numbers"
local finite = numbers.finite

local most = 4000  -- points that are drawn as they are

local function rising(x)
  for i = 2, #x do
    if not (x[i] >= x[i - 1]) then return false end
  end
  return true
end

-- Places of the least and the greatest of values from first to last; a gap
-- counts as a value, so that it stays one.
local function extremes(y, first, last)
  local low, high, gap = nil, nil, nil
  for i = first, last do
    if not finite(y[i]) then
      gap = gap or i
    else
      if not low or y[i] < y[low] then low = i end
      if not high or y[i] > y[high] then high = i end
    end
  end
  local places, seen = {}, {}
  for _, i in ipairs { low or gap, high or gap, gap or low } do
    if i and not seen[i] then
      seen[i], places[#places + 1] = true, i
    end
  end
  table.sort(places)
  return places
end

local function fold(list, first, last, pick)
  local found
  for i = first, last do
    if finite(list[i]) then
      found = found and pick(found, list[i]) or list[i]
    end
  end
  return found or 0 / 0
end

---@param s orrery.plot.Series
---@return orrery.plot.Series
return function(s)
  local n = #s.y
  if n <= most or s.labels or not rising(s.x) then return s end
  local out = {}
  for key, value in pairs(s) do out[key] = value end
  out.x, out.y = {}, {}
  out.low, out.high = s.low and {}, s.high and {}
  local stretch = math.ceil(n / (most // 3))
  for first = 1, n, stretch do
    local last = math.min(n, first + stretch - 1)
    local low = s.low and fold(s.low, first, last, math.min)
    local high = s.high and fold(s.high, first, last, math.max)
    for _, i in ipairs(extremes(s.y, first, last)) do
      local k = #out.y + 1
      out.x[k], out.y[k] = s.x[i], s.y[i]
      if low then out.low[k], out.high[k] = low, high end
    end
  end
  return out
end
