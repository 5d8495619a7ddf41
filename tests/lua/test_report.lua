--- Pages, tables and charts: escaped, whole, valid.
local t = require "orrery.testing"
local base64 = require "orrery.report.base64"
local columns = require "orrery.report.columns"
local plot = require "orrery.plot"
local report = require "orrery.report"

local function slurp(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

t.test("base64 gives the examples of RFC 4648", function()
  for text, want in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v",
    foob = "Zm9vYg==", fooba = "Zm9vYmE=", foobar = "Zm9vYmFy",
    ["\0\255\16"] = "AP8Q" } do
    t.equal(base64(text), want)
  end
end)

t.test("text in a page is never markup", function()
  local evil = "</script><img src=x onerror='a()'>&\""
  local page = report.new { title = evil, subtitle = evil }
  page:heading(evil):text(evil):fold(evil, evil)
  page:table({ { a = evil } }, { { "a", evil } })
  page:curves { title = evil, xlabel = evil,
    series = { { name = evil, x = { 1, 2 }, y = { 0 / 0, 2 } } } }
  local html = page:html()
  t.equal(html:find("<img src=x", 1, true), nil)
  t.ok(html:find("&lt;/script&gt;&lt;img src=x onerror=&#39;", 1, true))
end)

t.test("a page asks the network for nothing", function()
  local page = report.new { title = "page" }
  page:curves { title = "c", series = { { x = { 1, 2 }, y = { 1, 2 } } } }
  page:plot(plot.line { x = { 1, 2 }, y = { 1, 2 } })
  local html = page:html()
  for _, pattern in ipairs { "src='http", 'src="http', "href=", "@import",
    "url%(" } do
    t.equal(html:find(pattern), nil, pattern)
  end
end)

t.test("rows of one setting become mean and standard deviation", function()
  local rows = {}
  for seed = 1, 3 do
    rows[seed] = { group = "a", x = 4.0, y = 10 + 2 * seed, note = "n" }
  end
  local layout = columns.layout(rows, { "x", "y", "note" })
  -- 12, 14, 16: mean 14, sample standard deviation 2
  t.equal(layout.rows, { { "4", "14.0 +- 2.0", "n" } })
  t.equal(columns.text(layout), "x             y   note\n4   14.0 +- 2.0   n\n")
end)

t.test("columns have as many decimals as their largest value needs", function()
  local layout = columns.layout({ { a = 0.12345, b = 7, c = 1234.56 },
    { a = 0.5, b = 10, c = 2.25 } }, { "a", "b", "c" })
  t.equal(layout.rows, { { "0.1235", "7", "1235" }, { "0.5000", "10", "2" } })
end)

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
  t.ok(message:find "^plot: /nowhere/at/all.png.part: ", message)
end)

test("equal counts: a histogram holds every value once", function()
  local figure = plot.hist { values = { 0, 0.1, 0.5, 0.9, 1 }, bins = 2 }
  t.equal(figure.series[1].y, { 2, 3 })
end)
