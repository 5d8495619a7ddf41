--- Where axes begin and end, and where their ticks go.
local numbers = require "orrery.plot.numbers"
local finite = numbers.finite

local ranges = {}

local function widen(range, v, log)
  if not finite(v) or log and v <= 0 then return end
  range[1], range[2] = math.min(range[1], v), math.max(range[2], v)
end

-- Room on both sides, in units of the axis as it is drawn.
local function padded(range, log, below, above)
  local low, high = range[1], range[2]
  if low > high then return log and { 0.1, 10 } or { 0, 1 }, true end
  if log then
    low, high = math.log(low, 10), math.log(high, 10)
    if high - low < 1e-9 then low, high = low - 0.5, high + 0.5 end
  elseif high - low <= 1e-12 * math.max(math.abs(low), math.abs(high)) then
    local half = high == 0 and 0.5 or math.abs(high) / 10
    low, high = low - half, high + half
  end
  local span = high - low
  low, high = low - below * span, high + above * span
  if log then low, high = 10 ^ low, 10 ^ high end
  return { low, high }, false
end

--- Ends of cell i: half-way to its neighbours, on the axis as it is drawn.
---@param at number[]  where the cells are
---@param i integer
---@param log? boolean
---@return number low
---@return number high
function ranges.cell(at, i, log)
  local function place(k)
    return at[k] and (log and math.log(at[k]) or at[k])
  end
  local here, before, after = place(i), place(i - 1), place(i + 1)
  local unit = log and math.log(10) or 1
  local step = after and after - here or before and here - before or unit
  local low = (before and (before + here) or 2 * here - step) / 2
  local high = (after and (here + after) or 2 * here + (here
    - (before or here - unit))) / 2
  if log then return math.exp(low), math.exp(high) end
  return low, high
end

local function around(places, range, log)
  local n = #places
  if n == 0 then return end
  local first, other = ranges.cell(places, 1, log)
  local last, end_ = ranges.cell(places, n, log)
  for _, v in ipairs { first, other, last, end_ } do widen(range, v, log) end
end

local collect = {}

function collect.line(s, x, y, fig)
  for i, v in ipairs(s.y) do
    if finite(v) and finite(s.x[i]) then
      widen(x, s.x[i], fig.log_x)
      widen(y, v, fig.log_y)
      widen(y, s.low and s.low[i], fig.log_y)
      widen(y, s.high and s.high[i], fig.log_y)
    end
  end
end
collect.scatter = collect.line

-- Bars stand on 0, or on a logarithmic axis on what is below the least.
function collect.bar(s, x, y, fig)
  around(s.at, x)
  if not fig.log_y then widen(y, 0) end
  for i, v in ipairs(s.y) do
    widen(y, v, fig.log_y)
    widen(y, s.low and s.low[i], fig.log_y)
    widen(y, s.high and s.high[i], fig.log_y)
  end
end

function collect.boxes(s, x, y, fig)
  if #s.x > 0 then
    widen(x, s.x[1] - s.width / 2)
    widen(x, s.x[#s.x] + s.width / 2)
  end
  if not fig.log_y then widen(y, 0) end
  for _, v in ipairs(s.y) do widen(y, v, fig.log_y) end
end

function collect.heatmap(s, x, y, fig)
  around(s.x, x, fig.log_x)
  around(s.y, y, fig.log_y)
end

function collect.contour(s, x, y, fig)
  for _, v in ipairs(s.x) do widen(x, v, fig.log_x) end
  for _, v in ipairs(s.y) do widen(y, v, fig.log_y) end
end

function collect.quiver(s, x, y)
  for i in ipairs(s.x) do
    if finite(s.u[i]) and finite(s.v[i]) then
      widen(x, s.x[i])
      widen(x, s.x[i] + s.u[i])
      widen(y, s.y[i])
      widen(y, s.y[i] + s.v[i])
    end
  end
end

local tight = { heatmap = true, contour = true, boxes = true }

--- The ends of both axes, with room around what is drawn.
---@param fig orrery.plot.Figure
---@return number[] x
---@return number[] y
---@return boolean empty  there is nothing to draw
function ranges.of(fig)
  local x, y = { math.huge, -math.huge }, { math.huge, -math.huge }
  local all_tight, standing, points = #fig.series > 0, false, false
  local written = 0  -- characters of the longest label, right of its point
  for _, s in ipairs(fig.series) do
    collect[s.kind](s, x, y, fig)
    all_tight = all_tight and (tight[s.kind] or false)
    standing = standing or s.kind == "bar" or s.kind == "boxes"
    points = points or s.kind == "scatter" or s.kind == "quiver"
      or s.labels ~= nil
    for _, label in ipairs(s.labels or {}) do
      written = math.max(written, utf8.len(tostring(label)) or 0)
    end
  end
  local side = points and 0.05 or 0
  local flat = all_tight and not standing
  local on_floor = standing and not fig.log_y and y[1] >= 0
  local from, to, none, none_y
  from, none = padded(x, fig.log_x, all_tight and 0 or side,
    all_tight and 0 or math.max(side, 0.012 * written))
  to, none_y = padded(y, fig.log_y, (flat or on_floor) and 0 or 0.05,
    flat and 0 or 0.06)
  local function given(range, low, high)
    return { low or range[1], high or range[2] }
  end
  return given(from, fig.xmin, fig.xmax), given(to, fig.ymin, fig.ymax),
    none or none_y
end

--- Least and greatest number of a map; both ends as far from 0 when it
--- diverges.
---@param s table  a series with z
---@return number low
---@return number high
function ranges.of_map(s)
  local low, high = math.huge, -math.huge
  for _, row in ipairs(s.z) do
    for _, v in ipairs(row) do
      if finite(v) and not (s.log_z and v <= 0) then
        low, high = math.min(low, v), math.max(high, v)
      end
    end
  end
  if low > high then low, high = s.log_z and 0.1 or 0, 1 end
  if s.map == "diverging" and not s.log_z then
    local most = math.max(math.abs(low), math.abs(high))
    low, high = -most, most
  end
  low, high = s.zmin or low, s.zmax or high
  if high <= low then
    if s.log_z then return low / 2, low * 2 end
    return low - 0.5, low + 0.5
  end
  return low, high
end

-- Powers of ten; 2 and 5 times them too where there are few.
local function decades(low, high, most)
  local ticks = {}
  local first = math.ceil(math.log(low, 10) - 1e-9)
  local last = math.floor(math.log(high, 10) + 1e-9)
  local step = math.max(1, math.ceil((last - first) / most))
  local times = last - first <= 1 and { 1, 2, 5 } or { 1 }
  for e = first - 1, last do
    for _, k in ipairs(e % step == 0 and times or {}) do
      local at = k * 10.0 ^ e
      if at >= low * (1 - 1e-9) and at <= high * (1 + 1e-9) then
        ticks[#ticks + 1] = at
      end
    end
  end
  return ticks
end

local function round_step(rough)
  local unit = 10.0 ^ math.floor(math.log(rough, 10))
  for _, k in ipairs { 1, 2, 5 } do
    if k * unit >= rough * (1 - 1e-9) then return k * unit end
  end
  return 10 * unit
end

--- Round numbers within an axis, at most `most` of them.
---@param range number[]
---@param most integer
---@param log? boolean
---@return number[]
function ranges.ticks(range, most, log)
  local low, high = range[1], range[2]
  if log then
    local ticks = decades(low, high, most)
    if #ticks > 1 then return ticks end
  end
  local step = round_step((high - low) / math.max(1, most))
  local ticks = {}
  for i = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) do
    ticks[#ticks + 1] = i * step
  end
  return ticks
end

--- A tick's number as people write it.
---@param v number
---@param log? boolean
---@return string
function ranges.tick_text(v, log)
  if log and v > 0 and (v < 0.01 or v >= 1e4) then
    local e = math.floor(math.log(v, 10) + 1e-9)
    return ("%de%d"):format(math.floor(v / 10.0 ^ e + 0.5), e)
  end
  if v ~= 0 and (math.abs(v) >= 1e7 or math.abs(v) < 1e-4) then
    return (("%.3g"):format(v):gsub("e([+-])0*", "e%1"):gsub("e%+", "e"))
  end
  return ("%.7g"):format(v)
end

return ranges
