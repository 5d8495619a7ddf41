--- Pages, tables and charts: escaped, whole, valid.
local t = require "orrery.testing"
local base64 = require "orrery.report.base64"
local columns = require "orrery.report.columns"
local curves = require "orrery.report.curves"
local json = require "orrery.json"
local plot = require "orrery.plot"
local assets = require "orrery.report.assets"
local parts = require "orrery.report.parts"
local thinning = require "orrery.report.thinning"
local report = require "orrery.report"

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

t.test("a long series keeps every group's mean, least and most", function()
  local x, y = {}, {}
  for i = 1, 1003 do x[i], y[i] = i, (i * 37) % 101 end
  y[500], y[501] = 0 / 0, math.huge
  local thin = thinning.thin({ x = x, y = y }, 100)
  t.ok(#thin.x <= 100)
  t.equal(thin.size, 11)
  for p = 1, #thin.x do
    local sum, n, lo, hi = 0, 0, math.huge, -math.huge
    for i = 11 * (p - 1) + 1, math.min(11 * p, 1003) do
      if y[i] - y[i] == 0 then
        sum, n = sum + y[i], n + 1
        lo, hi = math.min(lo, y[i]), math.max(hi, y[i])
      end
    end
    t.near(thin.y[p], sum / n, 1e-12)
    t.equal({ thin.lo[p], thin.hi[p] }, { lo, hi })
  end
  t.equal(thin.x[1], 6.0)
  local short = thinning.thin({ x = x, y = y }, 1003)
  t.ok(short.x == x and short.y == y and not short.size)
end)

t.test("a chart says what of its values it leaves out", function()
  local x, y = {}, {}
  for i = 1, 4000 do x[i], y[i] = i, i end
  y[7] = 0 / 0
  local _, note = thinning.chart({ { x = x, y = y } }, 1000)
  t.equal(note, "4,000 values, 4 to a point: the line is their mean, the band "
    .. "goes from the least to the most; the store has every value. "
    .. "1 value is no number or infinite, and left out.")
  _, note = thinning.chart({ { x = { 1 }, y = { 1 } } }, 1000)
  t.equal(note, nil)
end)

local features = require "orrery.core"._io.features
local with_json = features.json and t.test or function(name)
  t.skip(name, "this build has no json")
end

with_json("numbers of a chart are JSON, steps written once", function()
  local spec = json.decode(curves.spec { title = "</script>", series = {
    { name = 'a"\\', x = { 1, 2, 3 }, y = { 0.5, 0 / 0, math.huge } },
    { name = "b", group = "g", x = { 1, 2, 3 }, y = { 1, 2, 3 },
      sd = { 0, 1, 2 } } } })
  t.equal(spec.title, "</script>")
  t.equal(spec.series[1].name, 'a"\\')
  t.equal(spec.series[1].x, { 1, 2, 3 })
  t.equal(spec.series[1].y[1], 0.5)
  t.equal(spec.series[2].x, 0)
  t.equal(spec.series[2].lo, { 1, 1, 1 })
  t.equal(spec.series[2].hi, { 1, 3, 5 })
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

-- The page of a run of 100,000 steps with 25 logged numbers.
t.test("a page of long curves stays small", function()
  local x, y = {}, {}
  for i = 1, 100000 do x[i], y[i] = i, math.sin(i * 12.9898) / i end
  local page = report.new { title = "long" }
  for c = 1, 25 do
    page:curves { title = "curve " .. c, points = parts.points(25),
      series = { { name = "y", x = x, y = y } } }
  end
  t.ok(#page:html() < 5e6, #page:html())
end)

local charts, why = plot.available()
local with_charts = charts and t.test or function(name) t.skip(name, why) end

with_charts("without dygraphs curves are still pictures", function()
  local there = assets.dygraphs
  assets.dygraphs = function() return nil end
  local _ <close> = setmetatable({}, { __close = function()
    assets.dygraphs = there
  end })
  local page = report.new { title = "still" }
  page:curves { title = "c", series = { { name = "a", group = "g",
    x = { 1, 2 }, y = { 1, 0 / 0 }, sd = { 1, 1 } } } }
  page:curves { title = "n", ticks = { "mlp", "conv" },
    series = { { x = { 1, 2 }, y = { 3, 4 }, sd = { 1, 1 } } } }
  local html = page:html()
  t.equal(select(2, html:gsub("src='data:image/svg", "")), 2)
  t.ok(not html:find("Dygraph(", 1, true))
end)
