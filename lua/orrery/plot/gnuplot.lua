--- Draws a figure with gnuplot, a child process that reads one script.
local gnuplot = {}

-- Okabe & Ito's palette, told apart with any colour vision, darkest first and
-- its yellow deepened for white paper; then two more, for ten classes.
local palette = {
  "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#000000",
  "#b3a100", "#8c6239", "#888888",
}
-- Marks differ too: circle, square, triangles, diamond, pentagon, crosses.
local marks = { 7, 5, 9, 13, 11, 15, 2, 1, 3, 4 }

local missing = "plot: gnuplot is not here; install it (apt-get install " ..
  "gnuplot-nox) to get charts"
local found

--- Is gnuplot here? Looked up once.
---@return boolean ok
---@return string? message
function gnuplot.available()
  if found == nil then
    local program = os.getenv "ORRERY_GNUPLOT" or "gnuplot"
    found = os.execute(("command -v '%s' >/dev/null 2>&1"):format(
      program:gsub("'", "'\\''"))) and program or false
  end
  if found then return true end
  return false, missing
end

local function quote(text)
  return "'" .. tostring(text):gsub("[%c]", " "):gsub("'", "''") .. "'"
end

local function number(v)
  if type(v) ~= "number" or v ~= v or v == math.huge or v == -math.huge then
    return "NaN"
  end
  return ("%.9g"):format(v)
end

-- Columns: x, y, low, high, label; text x (bars) is replaced by its position.
local function block(name, s)
  local lines = { "$" .. name .. " << EOD" }
  for i, y in ipairs(s.y) do
    local x = type(s.x[i]) == "number" and s.x[i] or i
    local sd = s.sd and s.sd[i] or 0
    local label = s.labels and s.labels[i] or ""
    label = type(label) == "number" and ("%.5g"):format(label)
      or tostring(label)
    lines[#lines + 1] = ("%s %s %s %s \"%s\""):format(number(x), number(y),
      number(y - sd), number(y + sd), label:gsub('[%c"\\]', " "))
  end
  lines[#lines + 1] = "EOD"
  return table.concat(lines, "\n")
end

local function color(s) return palette[(s.color - 1) % #palette + 1] end

local function mark(s) return marks[(s.color - 1) % #marks + 1] end

local draw = {}

function draw.line(s, name, out)
  local rgb, title = quote(color(s)), s.name and quote(s.name)
  if s.sd then
    out(("$%s using 1:3:4 with filledcurves fs transparent solid 0.2 noborder "
      .. "lc rgb %s notitle"):format(name, rgb))
  end
  if s.style == "boxes" then
    out(("$%s using 1:2 with boxes fs solid 0.8 noborder lc rgb %s %s"):format(
      name, rgb, title and "title " .. title or "notitle"))
    return
  end
  local points = #s.y <= 40 and ("linespoints pt %d ps 0.9"):format(mark(s))
    or "lines"
  out(("$%s using 1:2 with %s lw 2 lc rgb %s %s"):format(name, points, rgb,
    title and "title " .. title or "notitle"))
  if s.labels then
    out("$" .. name .. " using 1:2:5 with labels left offset 0.8,0.6 notitle")
  end
end

function draw.scatter(s, name, out)
  local size = #s.y > 500 and 0.5 or 0.9
  out(("$%s using 1:2 with points pt %d ps %g lc rgb %s %s"):format(name,
    mark(s), size, quote(color(s)),
    s.name and "title " .. quote(s.name) or "notitle"))
  if s.labels then
    out("$" .. name .. " using 1:2:5 with labels left offset 0.8,0.6 notitle")
  end
end

-- Side by side: series i of n moves by its share of the bar's width.
function draw.bar(s, name, out, i, n)
  local width = 0.8 / n
  local shift = (i - (n + 1) / 2) * width
  out(("$%s using ($1%+g):2:(%g) with boxes fs solid 0.85 noborder %s %s")
    :format(name, shift, width, "lc rgb " .. quote(color(s)),
      s.name and "title " .. quote(s.name) or "notitle"))
  if s.sd then
    out(("$%s using ($1%+g):2:3:4 with yerrorbars pt -1 lc rgb '#333333' "
      .. "notitle"):format(name, shift))
  end
end

-- Bars and histograms start at 0; names, and few numbers, get a tick each.
local function axes(fig, add)
  if fig.log_x then add "set logscale x" end
  if fig.log_y then add "set logscale y" end
  if fig.kind == "bar" then
    if not fig.log_y then add "set yrange [*<0:0<*]" end
    add "set grid noxtics"
    local ticks = {}
    for i, x in ipairs(fig.series[1] and fig.series[1].x or {}) do
      ticks[i] = ("%s %s"):format(quote(x),
        number(type(x) == "number" and x or i))
    end
    if #ticks > 0 and #ticks <= 40 then
      add("set xtics (" .. table.concat(ticks, ", ") .. ")")
    end
  elseif fig.series[1] and fig.series[1].style == "boxes" then
    if not fig.log_y then add "set yrange [0:*]" end
  else
    add "set offsets graph 0.02, graph 0.04, graph 0.05, graph 0.03"
    if fig.kind == "line" and not fig.log_x then add "set autoscale xfix" end
  end
  if fig.ymin then add(("set yrange [%s:*]"):format(number(fig.ymin))) end
  if fig.square then add "set size ratio -1" end
end

local function heat(fig, add)
  add("set palette defined (0 '#440154', 1 '#414487', 2 '#2a788e', "
    .. "3 '#22a884', 4 '#7ad151', 5 '#fde725')")
  add "unset grid"
  add "set tics out nomirror"
  add "set autoscale xfix"
  add "set yrange [*:*] reverse"
  add "set autoscale yfix"
  add "$z << EOD"
  for _, row in ipairs(fig.z) do
    local cells = {}
    for j, v in ipairs(row) do cells[j] = number(v) end
    add(table.concat(cells, " "))
  end
  add "EOD"
  add "plot $z matrix using ($1+1):($2+1):3 with image notitle"
end

local function script(fig, format)
  local lines = {}
  local function add(text) lines[#lines + 1] = text end
  local size = fig.size or (fig.square and { 620, 540 } or { 720, 440 })
  add(("set terminal %s noenhanced size %d,%d font 'DejaVu Sans,11' %s"):format(
    format == "png" and "pngcairo" or "svg", size[1], size[2],
    format == "png" and "background rgb 'white'" or "background 'white'"))
  add "set datafile missing 'NaN'"
  add "set border 3 lc rgb '#555555'"
  add "set tics nomirror"
  add "set grid lc rgb '#dddddd' lw 1"
  add "set key outside right top Left reverse samplen 1.5 spacing 1.15"
  if fig.title then add("set title " .. quote(fig.title)) end
  if fig.xlabel then add("set xlabel " .. quote(fig.xlabel)) end
  if fig.ylabel then add("set ylabel " .. quote(fig.ylabel)) end
  if fig.kind == "heat" then
    heat(fig, add)
    return table.concat(lines, "\n") .. "\n"
  end
  axes(fig, add)
  local parts, drawn = {}, 0
  for i, s in ipairs(fig.series) do
    if #s.y > 0 then
      add(block("d" .. i, s))
      drawn = drawn + 1
      draw[fig.kind](s, "d" .. i, function(p) parts[#parts + 1] = p end, i,
        #fig.series)
    end
  end
  if drawn == 0 then  -- gnuplot refuses to draw nothing: an empty frame
    add "set xrange [0:1]; set yrange [0:1]"
    parts[1] = "NaN notitle"
  end
  add("plot " .. table.concat(parts, ", \\\n  "))
  return table.concat(lines, "\n") .. "\n"
end

-- Runs gnuplot on a script; what it draws comes back through a pipe.
local function run(text)
  local name = os.tmpname()
  local log = name .. ".log"
  local _ <close> = setmetatable({}, { __close = function()
    os.remove(name)
    os.remove(log)
  end })
  local file, why = io.open(name, "w")
  if not file then return nil, why end
  file:write(text):close()
  local child = io.popen(("'%s' '%s' 2>'%s'"):format(
    found:gsub("'", "'\\''"), name, log), "r")
  if not child then return nil, "it cannot be started" end
  local bytes = child:read "a"
  local ok = child:close()
  if ok and bytes and #bytes > 0 then return bytes end
  if require "orrery.core".interrupted() then return nil, "interrupted" end
  local notes = io.open(log, "r")
  local said = notes and notes:read "a" or ""
  if notes then notes:close() end
  said = said:gsub("^.*\n(%S[^\n]*)\n*$", "%1"):gsub("%s+", " ")
  return nil, said:find "%S" and said or "it stopped"
end

--- Draws a chart.
---@param fig orrery.plot.Figure
---@param format "png"|"svg"
---@return string? bytes
---@return string? why
function gnuplot.draw(fig, format)
  local ok, why = gnuplot.available()
  if not ok then return nil, why end
  local bytes
  bytes, why = run(script(fig, format))
  if bytes then return bytes end
  return nil, "plot: gnuplot could not draw this: " .. why
end

return gnuplot
