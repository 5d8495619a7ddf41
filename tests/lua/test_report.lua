--- Pages, tables and charts: escaped, whole, valid.
local t = require "orrery.testing"
local base64 = require "orrery.report.base64"
local columns = require "orrery.report.columns"
local plot = require "orrery.plot"
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
