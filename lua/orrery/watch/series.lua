--- Numbers of a run as what a chart draws, short enough for a page: of a long
--- stretch every point stands for several, with their mean, least and greatest,
--- as in a report. What was no number is counted, and its first step told.
local json = require "orrery.json"
local thinning = require "orrery.report.thinning"

local most = 600  -- points of one name in one go

local function finite(v) return v - v == 0 end

-- JSON has only strings for those; a chart takes null for a gap.
local function gaps(values)
  local out = json.list()
  for i, v in ipairs(values) do out[i] = finite(v) and v or json.null end
  return out
end

local function finished(s)
  local thin = thinning.thin(s, most)
  return { name = s.name, x = json.list(thin.x), y = gaps(thin.y),
    lo = thin.lo and gaps(thin.lo), hi = thin.hi and gaps(thin.hi),
    size = thin.size, odd = s.odd, odd_at = s.odd_at, odd_is = s.odd_is }
end

local function add(s, step, value)
  s.x[#s.x + 1], s.y[#s.y + 1] = step, value
  if not finite(value) then
    s.odd = (s.odd or 0) + 1
    if s.odd == 1 then
      s.odd_at, s.odd_is = step, value ~= value and "nan" or "infinite"
    end
  end
end

--- Numbers by name, in the order the names came.
---@param rows table[]  { seq, name, step, value }
---@param clean fun(name: string): string
---@return table[] series  { name, x, y, lo?, hi?, size? (values to a point),
---  odd? (how many were no number), odd_at?, odd_is? }
return function(rows, clean)
  local list, by = json.list(), {}
  for _, r in ipairs(rows) do
    local step = tonumber(r[3])
    if step and finite(step) then
      local s = by[r[2]]
      if not s then
        s = { name = clean(r[2]), x = {}, y = {} }
        by[r[2]], list[#list + 1] = s, s
      end
      add(s, step, tonumber(r[4]) or 0 / 0)
    end
  end
  for i, s in ipairs(list) do list[i] = finished(s) end
  return list
end
