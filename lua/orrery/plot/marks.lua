--- How each kind of series is drawn by gnuplot: its data, and its part of the
--- `plot` command. `c` has add (a line of the script), plot (a part), the name
--- of the data, and which of how many series of its kind this is.
local numbers = require "orrery.plot.numbers"
local palette = require "orrery.plot.palette"
local ranges = require "orrery.plot.ranges"
local thinned = require "orrery.plot.thinned"
local text = require "orrery.plot.text"
local finite, number, quote = numbers.finite, text.number, text.quote

local marks = {}

--- How many series of each kind there are.
---@param series orrery.plot.Series[]
---@return table<string, integer>
function marks.count(series)
  local n = {}
  for _, s in ipairs(series) do n[s.kind] = (n[s.kind] or 0) + 1 end
  return n
end

-- Marks differ too: circle, square, triangles, diamond, pentagon, crosses.
local shapes = { 7, 5, 9, 13, 11, 15, 2, 1, 3, 4 }

local function color(s) return "rgb " .. quote(palette.of(s.color)) end
local function shape(s) return shapes[(s.color - 1) % #shapes + 1] end
local function title(s)
  return s.name and "title " .. quote(s.name) or "notitle"
end

-- Columns: x, y, low, high, label, value. A text x is given by its place.
local function points(s)
  local rows = {}
  for i, y in ipairs(s.y) do
    local x = s.at and s.at[i] or s.x[i]
    rows[i] = table.concat({ number(x), number(y),
      number(s.low and s.low[i]), number(s.high and s.high[i]),
      text.label(s.labels and s.labels[i]),
      number(s.value and s.value[i]) }, " ")
  end
  return rows
end

-- The band in stretches without a gap.
local function band(s, name, c)
  local rows = {}
  for i in ipairs(s.y) do
    if finite(s.x[i]) and finite(s.low[i]) and finite(s.high[i]) then
      rows[#rows + 1] = ("%s %s %s"):format(number(s.x[i]), number(s.low[i]),
        number(s.high[i]))
    elseif rows[#rows] ~= "" and #rows > 0 then
      rows[#rows + 1] = ""
    end
  end
  if #rows == 0 then return end
  c.add(text.block(name, rows))
  c.plot(("%s using 1:2:3 with filledcurves fs transparent solid 0.2 noborder "
    .. "lc %s notitle"):format(name, color(s)))
end

-- Points with a gap on both sides: no line shows them.
local function alone(s)
  local rows = {}
  for i, y in ipairs(s.y) do
    if finite(y) and not finite(s.y[i - 1]) and not finite(s.y[i + 1]) then
      rows[#rows + 1] = number(s.x[i]) .. " " .. number(y)
    end
  end
  return rows
end

local function labels(s, c)
  if s.labels then
    c.plot(c.name .. " using 1:2:5 with labels left offset 0.8,0.6 "
      .. "font ',10' notitle")
  end
end

function marks.line(s, c)
  s = thinned(s)
  if s.low then band(s, c.name .. "band", c) end
  c.add(text.block(c.name, points(s)))
  local few = #s.y <= 40
  local style = few and ("linespoints pt %d ps %g"):format(shape(s),
    0.8 * c.dot) or "lines"
  c.plot(("%s using 1:2 with %s lw 2 dt %d lc %s %s"):format(c.name, style,
    s.dashed and 2 or 1, color(s), title(s)))
  local single = few and {} or alone(s)
  if #single > 0 then
    c.add(text.block(c.name .. "alone", single))
    c.plot(("%salone using 1:2 with points pt 7 ps %g lc %s notitle"):format(
      c.name, 0.4 * c.dot, color(s)))
  end
  labels(s, c)
end

-- From the lower to the upper end, with a cap at both.
local function whiskers(c, shift, ink)
  c.plot(("%s using ($1%+g):3:(0):($4-$3) with vectors heads "
    .. "size graph 0.008,90 lw 1.2 lc %s notitle"):format(c.name, shift, ink))
end

function marks.scatter(s, c)
  c.add(text.block(c.name, points(s)))
  local n = #s.y
  local size = (n > 3000 and 0.35 or n > 500 and 0.5 or 0.9) * (s.size or 1)
    * c.dot
  if s.value then
    c.plot(("%s using 1:2:6 with points pt 7 ps %g lc palette %s"):format(
      c.name, size, title(s)))
  else
    c.plot(("%s using 1:2 with points pt %d ps %g lc %s %s"):format(c.name,
      n > 500 and 7 or shape(s), size, color(s), title(s)))
  end
  if s.low then
    whiskers(c, 0, color(s))
  end
  labels(s, c)
end

-- Side by side: series i of n moves by its share of the bar's width.
function marks.bar(s, c)
  local width = 0.8 / c.n
  local shift = (c.i - (c.n + 1) / 2) * width
  c.add(text.block(c.name, points(s)))
  c.plot(("%s using ($1%+g):2:(%g) with boxes fs solid 0.85 noborder lc %s %s")
    :format(c.name, shift, width, color(s), title(s)))
  if s.low then
    whiskers(c, shift, "rgb '#333333'")
  end
end

function marks.boxes(s, c)
  c.add(text.block(c.name, points(s)))
  local fill = c.n > 1 and "transparent solid 0.45" or "solid 0.85"
  c.plot(("%s using 1:2:(%.9g) with boxes fs %s noborder lc %s %s"):format(
    c.name, s.width, fill, color(s), title(s)))
end

-- Numbers in the cells, in black or white, whichever stands out.
local function values(s, c)
  local low, high = ranges.of_map(s)
  local sets = { { "#ffffff" }, { "#000000" } }
  for i, row in ipairs(s.z) do
    for j, v in ipairs(row) do
      if finite(v) then
        local r, g, b = palette.at(s.map, (v - low) / (high - low))
        local set = 0.299 * r + 0.587 * g + 0.114 * b < 140 and sets[1]
          or sets[2]
        set[#set + 1] = ("%s %s %s"):format(number(s.x[j]), number(s.y[i]),
          text.label(("%.3g"):format(v)))
      end
    end
  end
  for k, set in ipairs(sets) do
    local ink = table.remove(set, 1)
    if #set > 0 then
      c.add(text.block(c.name .. "ink" .. k, set))
      c.plot(("%sink%d using 1:2:3 with labels font ',10' tc rgb '%s' notitle")
        :format(c.name, k, ink))
    end
  end
end

-- Are the places equally far from each other?
local function even(at)
  local step = #at > 1 and (at[#at] - at[1]) / (#at - 1) or 1
  for i = 2, #at do
    if math.abs(at[i] - at[i - 1] - step) > 1e-6 * math.abs(step) then
      return false
    end
  end
  return step > 0
end

-- Behind the cells, so that those without a number are grey.
local function ground(s, c)
  local log_x, log_y = c.fig.log_x, c.fig.log_y
  local x1 = ranges.cell(s.x, 1, log_x)
  local _, x2 = ranges.cell(s.x, #s.x, log_x)
  local y1 = ranges.cell(s.y, 1, log_y)
  local _, y2 = ranges.cell(s.y, #s.y, log_y)
  c.add(("set object %d rectangle from %s,%s to %s,%s behind"):format(c.id,
    number(x1), number(y1), number(x2), number(y2)))
  c.add(("set object %d fillcolor rgb '#d8d8d8' fillstyle solid noborder")
    :format(c.id))
end

-- An image where all cells are alike, rectangles where they are not.
function marks.heatmap(s, c)
  local rows = {}
  local image = even(s.x) and even(s.y) and #s.x > 1 and #s.y > 1
    and not (c.fig.log_x or c.fig.log_y)
  for i, row in ipairs(s.z) do
    local y1, y2 = ranges.cell(s.y, i, c.fig.log_y)
    for j, v in ipairs(row) do
      if s.log_z and v <= 0 then v = 0 / 0 end
      local x1, x2 = ranges.cell(s.x, j, c.fig.log_x)
      if image then
        rows[#rows + 1] = ("%s %s %s"):format(number(s.x[j]), number(s.y[i]),
          number(v))
      elseif finite(v) then
        rows[#rows + 1] = table.concat({ number(s.x[j]), number(s.y[i]),
          number(x1), number(x2), number(y1), number(y2), number(v) }, " ")
      end
    end
  end
  c.add(text.block(c.name, rows))
  ground(s, c)
  c.plot(c.name .. (image and " using 1:2:3 with image notitle"
    or " using 1:2:3:4:5:6:7 with boxxyerror fs solid 1 noborder lc palette "
    .. "notitle"))
  if s.values then values(s, c) end
end

-- gnuplot finds the lines itself, in a table made before.
function marks.contour(s, c)
  local rows = {}
  for i, row in ipairs(s.z) do
    for j, v in ipairs(row) do
      rows[#rows + 1] = ("%s %s %s"):format(number(s.x[j]), number(s.y[i]),
        number(v))
    end
    rows[#rows + 1] = ""
  end
  rows[#rows] = nil
  local levels = { "auto " .. tostring(s.levels) }
  if type(s.levels) == "table" then
    for i, level in ipairs(s.levels) do levels[i] = number(level) end
    levels[1] = "discrete " .. (levels[1] or "0")
  end
  local grid, lines = c.name .. "grid", c.name
  c.add(text.block(grid, rows))
  c.add("set contour base\nunset surface")
  c.add("set cntrparam levels " .. table.concat(levels, ","))
  c.add(("set table %s\nsplot %s using 1:2:3\nunset table\nunset contour")
    :format(lines, grid))
  c.plot(("%s using 1:2:3 with lines lw %s notitle"):format(lines,
    s.over and "1 lc rgb '#90ffffff'" or "1.8 lc palette"))
end

function marks.quiver(s, c)
  local rows = {}
  for i in ipairs(s.x) do
    rows[i] = ("%s %s %s %s"):format(number(s.x[i]), number(s.y[i]),
      number(s.u[i]), number(s.v[i]))
  end
  c.add(text.block(c.name, rows))
  c.plot(("%s using 1:2:3:4 with vectors head size graph 0.012,20 filled "
    .. "lw 1.3 lc %s %s"):format(c.name, color(s), title(s)))
end

return marks
