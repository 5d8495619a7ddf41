--- Draws a figure with gnuplot, a child process that reads one script.
local script = require "orrery.plot.script"

local gnuplot = {}

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

-- gnuplot names its pictures after itself, which browsers show as a hint; and
-- edges between cells are to be sharp.
local function tidied(svg, fig)
  local title = fig.title and fig.title:gsub("[%c&<>]", function(c)
    return ({ ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" })[c] or " "
  end)
  svg = svg:gsub("<title>Gnuplot</title>\n?", function()
    return title and "<title>" .. title .. "</title>\n" or ""
  end, 1):gsub("<desc>.-</desc>\n?", "", 1)
  for _, s in ipairs(fig.series) do
    if s.kind == "heatmap" then
      svg = svg:gsub("<svg", '<svg shape-rendering="crispEdges"', 1)
        :gsub("<image ", '<image style="image-rendering:pixelated" ')
      break
    end
  end
  svg = svg:gsub('font%-family="DejaVu Sans:Bold"',
    'font-family="DejaVu Sans" font-weight="bold"')
  return (svg:gsub('font%-family="DejaVu Sans"',
    'font-family="DejaVu Sans, Verdana, sans-serif"'))
end

-- Runs gnuplot on a script; what it draws comes back through a pipe. It must
-- not have the terminal to read from: stopped by a Ctrl-C it may go on as its
-- own prompt and take what is typed at ours.
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
  local child = io.popen(("'%s' -d '%s' </dev/null 2>'%s'"):format(
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
---@param scale? number  of everything in a PNG
---@return string? bytes
---@return string? why
function gnuplot.draw(fig, format, scale)
  local ok, why = gnuplot.available()
  if not ok then return nil, why end
  local bytes
  bytes, why = run(script.of(fig, format, scale))
  if bytes then return format == "svg" and tidied(bytes, fig) or bytes end
  return nil, "plot: gnuplot could not draw this: " .. why
end

local signature = "\137PNG\r\n\26\n"

--- Draws charts as PNGs, all by one gnuplot: starting it takes most of its
--- time.
---@param figures orrery.plot.Figure[]
---@return string[]? pngs
---@return string? why
function gnuplot.draw_all(figures)
  local ok, why = gnuplot.available()
  if not ok then return nil, why end
  local parts, pngs = {}, {}
  for i, fig in ipairs(figures) do parts[i] = script.of(fig, "png") end
  if #parts == 0 then return pngs end
  local bytes
  bytes, why = run(table.concat(parts, "reset\n"))
  local at = bytes and 1
  while at do
    local next_ = bytes:find(signature, at + 1, true)
    pngs[#pngs + 1] = bytes:sub(at, (next_ or 0) - 1)
    at = next_
  end
  if #pngs == #figures then return pngs end
  return nil, "plot: gnuplot could not draw this: " .. (why or "it stopped")
end

--- Texts alone on white paper, as a PNG.
---@param texts table[]  see orrery.plot.script
---@param width integer
---@param height integer
---@return string? bytes
---@return string? why
function gnuplot.texts(texts, width, height)
  local ok, why = gnuplot.available()
  if not ok then return nil, why end
  return run(script.texts(texts, width, height))
end

return gnuplot
