--- Charts and pictures: what is described is what is drawn.
local t = require "orrery.testing"
local plot = require "orrery.plot"

local function slurp(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

t.test("a chart that cannot be described says why", function()
  t.fails("plot.line: x has 2 values but y has 3; match them", plot.line,
    { x = { 1, 2 }, y = { 1, 2, 3 } })
  t.fails("plot.line: y is missing; give a list of numbers or a tensor",
    plot.line, { x = { 1 } })
  t.fails("plot.scatter: x has 2 values but class has 1; match them",
    plot.scatter, { x = { 1, 2 }, y = { 1, 2 }, class = { 1 } })
  t.fails("plot: a.gif ends in neither .png nor .svg; name it so",
    function() plot.line { y = { 1 } }:save "a.gif" end)
end)

local ok, why = plot.available()
local test = ok and t.test or function(name) t.skip(name, why) end

test("every kind of chart is drawn, odd values and all", function()
  local path = os.tmpname()
  for _, figure in ipairs {
    plot.line { x = { 1, 2, 3 }, y = { 1, 0 / 0, math.huge }, sd = { 1, 1, 1 },
      labels = { "a", 'b"\\', "c" }, title = "it's $x`\" <b>\n" },
    plot.line { x = {}, y = {} },
    plot.line { x = { 5 }, y = { 5 }, log_x = true, log_y = true },
    plot.scatter { x = { 1, 2 }, y = { 1, 2 }, class = { 2, 1 },
      classes = { "one", "two" }, square = true },
    plot.bar { x = { "a", "b_c" }, y = { 1, -2 }, xlabel = "x" },
    plot.bar { series = { { y = { 1, 2 }, sd = { 1, 1 } }, { y = { 3, 4 } } } },
    plot.hist { values = { 1, 1, 2, 3 }, bins = 3, log_y = true },
    plot.hist { values = {} },
    plot.heat { z = { { 1, 2 }, { 3, 0 / 0 } } },
  } do
    local done, message = figure:save(path .. ".png")
    t.ok(done, message)
    t.equal(slurp(path .. ".png"):sub(1, 8), "\137PNG\r\n\26\n")
    done, message = figure:save(path .. ".svg")
    t.ok(done, message)
    local svg = slurp(path .. ".svg")
    t.ok(svg:find "<svg" and svg:find "</svg>%s*$")
  end
  for _, ending in ipairs { "", ".png", ".svg" } do
    os.remove(path .. ending)
  end
end)

test("a chart in a folder that is not there is refused", function()
  local done, message = plot.line { y = { 1 } }:save "/nowhere/at/all.png"
  t.equal(done, nil)
  t.ok(message:find "^plot: /nowhere/at/all.png cannot be written: ", message)
end)

test("equal counts: a histogram holds every value once", function()
  local figure = plot.hist { values = { 0, 0.1, 0.5, 0.9, 1 }, bins = 2 }
  t.equal(figure.series[1].y, { 2, 3 })
end)
