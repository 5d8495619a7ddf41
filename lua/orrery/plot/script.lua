--- A chart as a script for gnuplot: the frame, and one block of data and one
--- part of the `plot` command for each thing drawn.
local palette = require "orrery.plot.palette"
local ranges = require "orrery.plot.ranges"
local marks = require "orrery.plot.marks"
local text = require "orrery.plot.text"
local number, quote = text.number, text.quote

local script = {}

local font = "DejaVu Sans"

--- Width and height of a chart in pixels.
---@param fig orrery.plot.Figure
---@return integer width
---@return integer height
function script.size(fig)
  if fig.size then return fig.size[1], fig.size[2] end
  if fig.square then return 620, 520 end
  return 720, 440
end

local function longest_name(fig)
  local longest, n = 0, 0
  for _, s in ipairs(fig.series) do
    if s.name then
      longest, n = math.max(longest, #tostring(s.name)), n + 1
    end
  end
  return longest, n
end

local function has_map(fig)
  for _, s in ipairs(fig.series) do
    if s.z then return s end
  end
end

-- Beside the frame, or below it when names are long or colours are explained
-- there. gnuplot takes letters to be wider than they are.
local function key(fig, add)
  local longest, n = longest_name(fig)
  if fig.legend == false or n == 0 then return add "unset key" end
  local where = fig.legend or (longest > 22 or has_map(fig)) and "below"
    or "right"
  local places = {
    right = "outside right top",
    below = "outside below center horizontal",
    inside = "inside right top opaque fillcolor rgb '#30ffffff'",
  }
  add(("set key %s Left reverse samplen 1.5 spacing 1.15 width %d"):format(
    places[where], where == "right" and 1 - longest // 5 or 1))
  return where
end

local function map_palette(fig, add)
  local s = has_map(fig)
  if not s then return end
  local stops, colors = {}, palette.maps[s.map]
  -- Its lightest colours make no lines on white paper.
  local n = #colors - (s.kind == "contour" and s.map == "viridis" and 2 or 0)
  for i = 1, n do stops[i] = ("%d %s"):format(i - 1, quote(colors[i])) end
  add("set palette defined (" .. table.concat(stops, ", ") .. ")")
  local low, high = ranges.of_map(s)
  if s.log_z then add "set logscale cb" end
  add(("set cbrange [%s:%s]"):format(number(low), number(high)))
  add "set format cb '%g'"
  if s.zlabel then add("set cblabel " .. quote(s.zlabel)) end
  add "set colorbox"
end

-- Ticks at numbers, few enough that their texts stay apart; of things that are
-- counted at whole ones.
local function numbered(axis, range, log, most, add, whole)
  local ticks = {}
  for _, v in ipairs(ranges.ticks(range, most, log)) do
    if not whole or v == math.floor(v) then
      ticks[#ticks + 1] = ("%s %s"):format(quote(ranges.tick_text(v, log)),
        number(v))
    end
  end
  if log and range[2] / range[1] < 1e6 then  -- and small ones between
    for e = math.floor(math.log(range[1], 10)), math.log(range[2], 10) do
      for k = 2, 9 do
        ticks[#ticks + 1] = ("'' %s 1"):format(number(k * 10.0 ^ e))
      end
    end
  end
  add(("set %stics (%s)"):format(axis, table.concat(ticks, ", ")))
end

-- Ticks with names: of bars, of a matrix' rows and columns.
local function named(axis, names, places, room, add)
  local ticks, longest = {}, 0
  local every = math.max(1, math.ceil(#names / 40))
  for i = 1, #names, every do
    local name = type(names[i]) == "number" and ("%.6g"):format(names[i])
      or tostring(names[i])
    longest = math.max(longest, utf8.len(name) or #name)
    -- A tick's text is a format for its number.
    ticks[#ticks + 1] = ("%s %s"):format(quote((name:gsub("%%", "%%%%"))),
      number(places[i]))
  end
  local turned = axis == "x" and #ticks * (longest + 1) * 7 > room
  if turned then  -- they reach to the left of their bars
    add(("set lmargin %d"):format(math.max(10, longest * 3 // 4 + 3)))
  end
  add(("set %stics %s scale 0 (%s)"):format(axis,
    turned and "rotate by 35 right" or "", table.concat(ticks, ", ")))
end

-- Whether all points of lines are at whole numbers of x, two at least.
local function counted(fig)
  local some = false
  for _, s in ipairs(fig.series) do
    if s.kind ~= "line" then return false end
    for _, v in ipairs(s.x) do
      if v ~= math.floor(v) then return false end
      some = some or v ~= s.x[1]
    end
  end
  return some
end

local function ticks(fig, x, y, add, width, height)
  numbered("x", x, fig.log_x, width // 75, add,
    not fig.log_x and counted(fig))
  numbered("y", y, fig.log_y, height // 50, add)
  for _, s in ipairs(fig.series) do
    if s.kind == "bar" then
      named("x", s.x, s.at, width - 80, add)
      return add "set grid noxtics\nset xzeroaxis lt 1 lc rgb '#555555'"
    elseif s.kind == "heatmap" and not s.plain then
      add "unset grid"
      if s.columns then named("x", s.columns, s.x, width - 160, add) end
      if s.rows then named("y", s.rows, s.y, 0, add) end
    end
  end
end

local function frame(fig, add, width, height)
  local x, y, empty = ranges.of(fig)
  if fig.log_x then add "set logscale x" end
  if fig.log_y then add "set logscale y" end
  add(("set xrange [%s:%s]"):format(number(x[1]), number(x[2])))
  local low, high = number(y[1]), number(y[2])
  if fig.down then low, high = high, low end
  add(("set yrange [%s:%s]"):format(low, high))
  if fig.square then add "set size ratio -1" end
  if not empty then ticks(fig, x, y, add, width, height) end
  return empty
end

--- What an empty chart says.
---@return string
function script.reason(fig)
  local any = false
  for _, s in ipairs(fig.series) do any = any or #s.y > 0 end
  if not any then return "no values" end
  if fig.log_x or fig.log_y then
    return "no finite values above 0, as a logarithmic axis needs"
  end
  return "no finite values"
end

local function head(fig, format, add, scale)
  local width, height = script.size(fig)
  add "set encoding utf8"
  if format == "png" then
    add(("set terminal pngcairo noenhanced size %d,%d fontscale %g "
      .. "linewidth %g pointscale %g font '%s,11' background rgb 'white'")
      :format(width * scale, height * scale, scale, scale, scale, font))
  else
    add(("set terminal svg noenhanced size %d,%d font '%s,12' "
      .. "background 'white'"):format(width, height, font))
  end
  add "set border 3 lc rgb '#555555'"
  add "set tics nomirror out scale 0.6 textcolor rgb '#333333'"
  add "set grid lc rgb '#dddddd' lw 1 lt 1"
  add "set style fill noborder"
  if fig.title then
    add(("set title %s font '%s:Bold,%d'"):format(quote(fig.title), font,
      format == "png" and 12 or 13))
  end
  if fig.xlabel then add("set xlabel " .. quote(fig.xlabel)) end
  if fig.ylabel then add("set ylabel " .. quote(fig.ylabel)) end
  return width, height
end

--- The script; what it draws goes to gnuplot's output.
---@param fig orrery.plot.Figure
---@param format "png"|"svg"
---@param scale? number  of everything, for screens of small pixels
---@return string
function script.of(fig, format, scale)
  local lines, parts = {}, {}
  local function add(line) lines[#lines + 1] = line end
  local width, height = head(fig, format, add, scale or 1)
  local legend = key(fig, add)
  map_palette(fig, add)
  if legend ~= "right" and not has_map(fig) then add "set rmargin 3.5" end
  if frame(fig, add, width, height) then
    add "unset tics"
    add("set label 1 " .. quote(script.reason(fig))
      .. " at graph 0.5, graph 0.5 center tc rgb '#777777'")
    parts[1] = "NaN notitle"
    add "unset colorbox"
  else
    local number_of, seen = marks.count(fig.series), {}
    for i, s in ipairs(fig.series) do
      seen[s.kind] = (seen[s.kind] or 0) + 1
      local context = { fig = fig, name = "$d" .. i, i = seen[s.kind],
        n = number_of[s.kind], add = add, id = i,
        dot = format == "svg" and 0.7 or 1 }
      function context.plot(part) parts[#parts + 1] = part end
      marks[s.kind](s, context)
    end
  end
  add("plot " .. table.concat(parts, ", \\\n  "))
  return table.concat(lines, "\n") .. "\n"
end

--- Texts on white paper, as a PNG: each has text, x and y (pixels from the
--- upper left, of its middle or, aligned, of its end), align, bold.
---@param texts table[]
---@param width integer
---@param height integer
---@return string
function script.texts(texts, width, height)
  local lines = {
    "set encoding utf8", ("set terminal pngcairo noenhanced size %d,%d "
      .. "font '%s,10' background rgb 'white'"):format(width, height, font),
    "unset border", "unset tics", "unset key", "set margins 0,0,0,0",
    ("set xrange [0:%d]"):format(width), ("set yrange [%d:0]"):format(height),
  }
  for i, t in ipairs(texts) do
    lines[#lines + 1] = ("set label %d %s at %g,%g %s%s"):format(i,
      quote(t.text), t.x, t.y, t.align or "center",
      t.bold and (" font '%s:Bold,12'"):format(font) or "")
  end
  lines[#lines + 1] = "plot NaN notitle"
  return table.concat(lines, "\n") .. "\n"
end

return script
