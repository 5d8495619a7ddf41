--- How each kind of series is drawn in characters. `c` has the canvas, x and y
--- (from numbers to dots, from 0, the top is 0) and whether a map lies below.
local colors = require "orrery.show.colors"
local numbers = require "orrery.plot.numbers"
local palette = require "orrery.plot.palette"
local ranges = require "orrery.plot.ranges"
local thinned = require "orrery.plot.thinned"
local finite = numbers.finite

local marks = {}

local shapes = { "\u{25cf}", "\u{25a0}", "\u{25b2}", "\u{25c6}", "\u{25bc}",
  "+", "x", "\u{25cb}", "\u{25a1}", "\u{25b3}" }

--- The sign of a series in the legend.
function marks.sign(s)
  if s.kind == "line" then return "\u{2501}\u{2501}" end
  if s.kind == "scatter" and not s.value then
    return shapes[(s.color - 1) % #shapes + 1]
  end
  return "\u{25a0}"
end

local function whole(v) return math.floor(v + 0.5) end
local function at_cell(c, x, y) return c.x(x) // 2 + 1, c.y(y) // 4 + 1 end

local function labels(s, c)
  for i, label in ipairs(s.labels or {}) do
    if finite(s.x[i]) and finite(s.y[i]) then
      local column, row = at_cell(c, s.x[i], s.y[i])
      label = type(label) == "number" and ("%.5g"):format(label)
        or tostring(label)
      local free = c.canvas.width - (utf8.len(label) or #label) + 1
      c.canvas:write(math.max(1, math.min(column + 1, free)),
        math.max(1, row - 1), label)
    end
  end
end

local function band(s, c, color)
  if not s.low then return end
  for i = 1, #s.x - 1 do
    local x1, x2 = c.x(s.x[i]), c.x(s.x[i + 1])
    local l1, l2 = c.y(s.low[i]), c.y(s.low[i + 1])
    local h1, h2 = c.y(s.high[i]), c.y(s.high[i + 1])
    if x1 and x2 and l1 and l2 and h1 and h2 then
      for column = whole(x1) // 2 + 1, whole(x2) // 2 + 1 do
        local f = x2 > x1 and math.max(0, math.min(1,
          (2 * column - 1 - x1) / (x2 - x1))) or 0
        local top, bottom = h1 + (h2 - h1) * f, l1 + (l2 - l1) * f
        for row = whole(top) // 4 + 1, whole(bottom) // 4 + 1 do
          c.canvas:tint(column, row, color)
        end
      end
    end
  end
end

function marks.line(s, c)
  s = thinned(s)
  local color = colors.of(s.color)
  band(s, c, color)
  local px, py
  for i = 1, #s.y do
    local x, y = c.x(s.x[i]), c.y(s.y[i])
    if x and y then
      if not px then
        c.canvas:dot(whole(x), whole(y), color)
      elseif not (s.dashed and whole(x) // 6 % 2 == 1) then
        c.canvas:line(px, py, x, y, color)
      end
      px, py = x, y
    else
      px, py = nil, nil
    end
  end
  labels(s, c)
end

function marks.scatter(s, c)
  local low, high
  if s.value then low, high = ranges.of_map(s) end
  local few = #s.y <= 150
  for i = 1, #s.y do
    local x, y = c.x(s.x[i]), c.y(s.y[i])
    local color = colors.of(s.color)
    if s.value then
      local v = s.value[i]
      color = finite(v) and { palette.at(s.map, (v - low) / (high - low)) }
      if not color then x = nil end
    end
    if x and y and few then
      c.canvas:put(whole(x) // 2 + 1, whole(y) // 4 + 1,
        shapes[(s.color - 1) % #shapes + 1], color)
    elseif x and y then
      c.canvas:dot(whole(x), whole(y), color)
    end
  end
  labels(s, c)
end

local eighths = { "\u{2581}", "\u{2582}", "\u{2583}", "\u{2584}",
  "\u{2585}", "\u{2586}", "\u{2587}", "\u{2588}" }

-- One histogram: columns of characters, their tops in eighths.
local function filled(s, c, color)
  local left = s.x[1] - s.width / 2
  for column = 1, c.canvas.width do
    local i = math.floor((c.at_x(2 * column - 1.5) - left) / s.width) + 1
    local top = s.y[i] and s.y[i] > 0 and c.y(s.y[i])
    if top then
      local high = whole(2 * (4 * c.canvas.height - top))  -- in eighths
      for row = 1, math.min(c.canvas.height, (high + 7) // 8) do
        c.canvas:put(column, c.canvas.height - row + 1,
          eighths[math.min(8, high - 8 * (row - 1))], color)
      end
    end
  end
end

-- Several: their outlines.
local function outline(s, c, color)
  local floor_ = 4 * c.canvas.height - 1
  local before = floor_
  for i = 1, #s.y do
    local x1, x2 = c.x(s.x[i] - s.width / 2), c.x(s.x[i] + s.width / 2)
    local top = s.y[i] > 0 and math.min(floor_, c.y(s.y[i])) or floor_
    c.canvas:line(x1, before, x1, top, color)
    c.canvas:line(x1, top, x2, top, color)
    if i == #s.y then c.canvas:line(x2, top, x2, floor_, color) end
    before = top
  end
end

function marks.boxes(s, c)
  (c.n > 1 and outline or filled)(s, c, colors.of(s.color))
end

-- Upright, where bars share a frame with something else: from 0 to the number,
-- in dots.
function marks.bar(s, c)
  local width = 0.8 / c.n
  local shift = (c.i - (c.n + 1) / 2) * width
  local floor_ = math.min(4 * c.canvas.height - 1, c.y(0) or math.huge)
  for i, y in ipairs(s.y) do
    local to = c.y(y)
    local from_x, to_x = c.x(s.at[i] + shift - width / 2),
      c.x(s.at[i] + shift + width / 2)
    for x = whole(from_x), whole(to_x) - 1 do
      if to then c.canvas:line(x, floor_, x, to, colors.of(s.color)) end
    end
  end
end

-- The place in a list of cells that a number falls into.
local function cell_of(at, v, log)
  for i = 1, #at do
    local low, high = ranges.cell(at, i, log)
    if v >= math.min(low, high) and v <= math.max(low, high) then return i end
  end
end

function marks.heatmap(s, c)
  local low, high = ranges.of_map(s)
  local log_low = s.log_z and math.log(low)
  local log_high = s.log_z and math.log(high)
  local function color(row, column)
    local v = row and column and s.z[row][column]
    if not finite(v) or s.log_z and v <= 0 then return nil end
    local f = s.log_z and (math.log(v) - log_low) / (log_high - log_low)
      or (v - low) / (high - low)
    return { palette.at(s.map, f) }
  end
  local columns, rows = {}, {}
  for column = 1, c.canvas.width do
    columns[column] = cell_of(s.x, c.at_x(2 * column - 1.5), c.log_x)
  end
  for half = 1, 2 * c.canvas.height do
    rows[half] = cell_of(s.y, c.at_y(2 * half - 1.5), c.log_y)
  end
  for row = 1, c.canvas.height do
    for column = 1, c.canvas.width do
      c.canvas:fill(column, row, color(rows[2 * row - 1], columns[column]),
        color(rows[2 * row], columns[column]))
    end
  end
end

-- Where the level lies between two corners of a cell.
local function crossing(p, q, level)
  if (p.z < level) == (q.z < level) then return nil end
  local f = (level - p.z) / (q.z - p.z)
  return { x = p.x + f * (q.x - p.x), y = p.y + f * (q.y - p.y) }
end

local function segments(corners, level, draw)
  local found = {}
  for k = 1, 4 do
    found[#found + 1] = crossing(corners[k], corners[k % 4 + 1], level)
  end
  for k = 1, #found - 1, 2 do draw(found[k], found[k + 1]) end
end

-- Lines through the cells' edges where they cross the level.
function marks.contour(s, c)
  local low, high = ranges.of_map(s)
  local levels = s.levels
  if type(levels) == "number" then
    levels = ranges.ticks({ low, high }, levels)
  end
  for _, level in ipairs(levels) do
    local color = s.over and { 255, 255, 255 }
      or { palette.at(s.map, 0.1 + 0.8 * (level - low) / (high - low)) }
    for i = 1, #s.y - 1 do
      for j = 1, #s.x - 1 do
        local corners = {}
        for k, at in ipairs { { i, j }, { i, j + 1 }, { i + 1, j + 1 },
          { i + 1, j } } do
          corners[k] = { x = c.x(s.x[at[2]]), y = c.y(s.y[at[1]]),
            z = s.z[at[1]][at[2]] }
          if not (corners[k].x and corners[k].y and finite(corners[k].z)) then
            corners = nil
            break
          end
        end
        if corners then
          segments(corners, level, function(p, q)
            c.canvas:line(p.x, p.y, q.x, q.y, color)
          end)
        end
      end
    end
  end
end

local heads = { [0] = "\u{2192}", "\u{2197}", "\u{2191}", "\u{2196}",
  "\u{2190}", "\u{2199}", "\u{2193}", "\u{2198}" }

function marks.quiver(s, c)
  local color = colors.of(s.color)
  for i = 1, #s.x do
    local u, v = s.u[i], s.v[i]
    local x1, y1 = c.x(s.x[i]), c.y(s.y[i])
    local x2 = x1 and finite(u) and c.x(s.x[i] + u)
    local y2 = y1 and finite(v) and c.y(s.y[i] + v)
    if x2 and y2 then
      c.canvas:line(x1, y1, x2, y2, color)
      if math.abs(x2 - x1) + math.abs(y2 - y1) >= 1 then
        local turn = math.atan(y1 - y2, x2 - x1) / (math.pi / 4)
        c.canvas:put(whole(x2) // 2 + 1, whole(y2) // 4 + 1,
          heads[whole(turn) % 8], color)
      end
    end
  end
end

return marks
