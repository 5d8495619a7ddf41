--- Charts and pictures: what is described is what is drawn.
local orrery = require "orrery"
local t = require "orrery.testing"
local numbers = require "orrery.plot.numbers"
local plot = require "orrery.plot"
local ranges = require "orrery.plot.ranges"
local thinned = require "orrery.plot.thinned"

local nan = 0 / 0

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
  t.fails("plot.line: y[2] is \"b\"; give numbers", plot.line,
    { y = { 1, "b" } })
  t.fails("plot.line: argument 1 is 3; give a table { y = ... }", plot.line, 3)
  t.fails("plot.line: unknown option titel; did you mean title?", plot.line,
    { y = { 1 }, titel = "x" })
  t.fails("plot.line: series[2]: unknown option z; did you mean x?", plot.line,
    { series = { { y = { 1 } }, { y = { 1 }, z = 1 } } })
  t.fails('plot.line: band is "ci"; give "sd", "se", "range" or two '
    .. "quantiles { 0.25, 0.75 }", plot.line, { { { 1 }, { 2 } }, band = "ci" })
  t.fails("plot.line: a logarithmic y axis cannot end at 0; give more than 0",
    plot.line, { y = { 1 }, log_y = true, ymin = 0 })
  t.fails("plot.line: xmin is 2 and xmax is 1; make the first the less",
    plot.line, { y = { 1 }, xmin = 2, xmax = 1 })
  t.fails("plot.scatter: x has 2 values but class has 1; match them",
    plot.scatter, { x = { 1, 2 }, y = { 1, 2 }, class = { 1 } })
  t.fails("plot.heatmap: z[1] is 1; give a matrix, or rows of numbers",
    plot.heatmap, { z = { 1, 2 } })
  t.fails("plot.heatmap: z has rows of 2 and of 1 numbers; make them equal",
    plot.heatmap, { z = { { 1, 2 }, { 3 } } })
  t.fails("plot.contour: z is 1 x 3; give at least two rows and columns",
    plot.contour, { z = { { 1, 2, 3 } } })
  t.fails("plot.quiver: x has 1 values but u has 2; match them", plot.quiver,
    { x = { 1 }, y = { 1 }, u = { 1, 2 }, v = { 1 } })
  t.fails("plot.overlay: [2] is 4; give charts", plot.overlay,
    { plot.line { y = { 1 } }, 4 })
  t.fails("plot: a.bmp ends in neither .png, .svg, .gif nor .jpg; name it so",
    function() plot.line { y = { 1 } }:save "a.bmp" end)
end)

t.test("data may come first, alone or in the table", function()
  for _, figure in ipairs { plot.line({ 1, 2 }, { title = "a" }),
    plot.line { { 1, 2 }, title = "a" }, plot.line { 1, 2, title = "a" },
    plot.line(orrery.tensor { 1, 2 }, { title = "a" }),
    plot.line { y = { 1, 2 }, title = "a" } } do
    t.equal(figure.series[1].y, { 1, 2 })
    t.equal(figure.series[1].x, { 1, 2 })
    t.equal(figure.title, "a")
  end
  local points = plot.scatter(orrery.tensor { { 1, 2 }, { 3, 4 } })
  t.equal(points.series[1].x, { 1, 3 })
  t.equal(points.series[1].y, { 2, 4 })
end)

if plot.available() then
  t.test("a name may have quotes of each kind, which run nothing", function()
    local path = os.tmpname()
    os.remove(path)
    local name = ([[f'' "g" \n `touch %s`]]):format(path)
    local svg = assert(plot.line { y = { 1, 2 }, name = name }:bytes "svg")
    t.ok(svg:find("f'' \"g\" \\n `touch " .. path .. "`", 1, true), svg)
    t.equal(io.open(path), nil)
  end)
end

t.test("several runs become their mean and a band, number by number",
  function()
    local runs = { { 1, 2, nan }, { 3, 2, 5 }, { 5 } }
    local y, low, high = numbers.band("test", runs)
    t.near(y, { 3, 2, 5 })
    t.near(low, { 1, 2, 5 })  -- 1, 3, 5 have the standard deviation 2
    t.near(high, { 5, 2, 5 })
    y, low, high = numbers.band("test", runs, "se")
    t.near({ y[1], low[1], high[1] }, { 3, 3 - 2 / 3 ^ 0.5, 3 + 2 / 3 ^ 0.5 })
    y, low, high = numbers.band("test", runs, "range")
    t.near({ y[1], low[1], high[1] }, { 3, 1, 5 })
    -- Of 1, 2, 3, 10 the quartiles are 1.75 and 4.75, the median 2.5.
    y, low, high = numbers.band("test", { { 10 }, { 3 }, { 1 }, { 2 } },
      { 0.25, 0.75 })
    t.near({ y[1], low[1], high[1] }, { 2.5, 1.75, 4.75 })
    t.equal(numbers.band("test", { { nan }, { nan } })[1], nan)
  end)

t.test("equal counts: a histogram holds every value once", function()
  local figure = plot.hist { values = { 0, 0.1, 0.5, 0.9, 1 }, bins = 2 }
  t.equal(figure.series[1].y, { 2, 3 })
  figure = plot.hist { values = { nan, 3, math.huge }, bins = 1 }
  t.equal(figure.series[1].y, { 1 })
  figure = plot.hist { bins = 4, density = true,
    series = { { values = { 0, 1 } }, { values = { 2, 2 } } } }
  t.near(figure.series[1].y, { 1, 0, 1, 0 })  -- bins of one half
  t.near(figure.series[2].y, { 0, 0, 0, 2 })
end)

t.test("ticks are round and within the axis", function()
  t.near(ranges.ticks({ 0, 1 }, 5), { 0, 0.2, 0.4, 0.6, 0.8, 1 })
  t.near(ranges.ticks({ -3.1, 12 }, 6), { 0, 5, 10 })
  t.near(ranges.ticks({ 1e-4, 100 }, 9, true),
    { 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100 })
  t.near(ranges.ticks({ 0.3, 6 }, 6, true), { 0.5, 1, 2, 5 })
  t.near(ranges.ticks({ 40, 45 }, 5, true), { 40, 41, 42, 43, 44, 45 })
  t.equal(ranges.tick_text(100000), "100000")
  t.equal(ranges.tick_text(1e-6, true), "1e-6")
  t.equal(ranges.tick_text(5e6, true), "5e6")
  t.equal(ranges.tick_text(0.1 + 0.2), "0.3")
end)

t.test("a line over whole numbers has ticks at whole numbers only", function()
  local function ticks(x)
    return require("orrery.plot.script").of(plot.line { x = x, y = x },
      "svg"):match "set xtics %((.-)%)"
  end
  t.equal(ticks { 1, 2, 3, 4 }, "'1' 1, '2' 2, '3' 3, '4' 4")
  t.ok(ticks { 1, 2.5, 3, 4 }:find("'1.5' 1.5", 1, true))
  t.ok(ticks { 0, 4000 }:find("'1000' 1000", 1, true))
end)

t.test("axes hold what is drawn, and nothing makes them collapse", function()
  local x, y, empty = ranges.of(plot.line { x = { 1, 9 }, y = { 5, 5 } })
  t.equal({ x[1], x[2], empty }, { 1, 9, false })
  t.ok(y[1] < 5 and y[2] > 5)
  x, y, empty = ranges.of(plot.bar { y = { 2, -1 } })
  t.equal(empty, false)
  t.equal(x, { 0.5, 2.5 })
  t.ok(y[1] < -1 and y[2] > 2)
  t.ok(select(2, ranges.of(plot.bar { y = { 2 }, sd = { 3 } }))[2] > 5)
  t.equal(select(3, ranges.of(plot.line { y = { nan, math.huge } })), true)
  y = select(2, ranges.of(plot.line { y = { -1, 0, 10, 1000 }, log_y = true }))
  t.ok(y[1] > 1 and y[1] <= 10 and y[2] >= 1000, "not above 0 counts")
end)

t.test("cells reach half-way to each other, on the axis as it is drawn",
  function()
    local function cell(...) return { ranges.cell(...) } end
    t.near(cell({ 1, 2, 4 }, 1), { 0.5, 1.5 })
    t.near(cell({ 1, 2, 4 }, 2), { 1.5, 3 })
    t.near(cell({ 1, 2, 4 }, 3), { 3, 5 })
    t.near(cell({ 7 }, 1), { 6.5, 7.5 })
    t.near(cell({ 1, 100 }, 1, true), { 0.1, 10 })
    t.near(cell({ 1, 100 }, 2, true), { 10, 1000 })
  end)

t.test("a long line keeps its spikes, gaps and ends when it is thinned",
  function()
    local x, y = {}, {}
    for i = 1, 50000 do x[i], y[i] = i, math.sin(i / 1000) end
    y[12345], y[33333], y[40000] = 99, -99, nan
    local s = thinned { x = x, y = y }
    local high, low, gap = false, false, false
    for i, v in ipairs(s.y) do
      high = high or v == 99 and s.x[i] == 12345
      low = low or v == -99 and s.x[i] == 33333
      gap = gap or v ~= v and s.x[i] == 40000
      t.ok(i == 1 or s.x[i] > s.x[i - 1])
    end
    t.ok(#s.y < 5000 and high and low and gap)
    t.ok(s.x[#s.x] > 49950)
  end)

local ok, missing = plot.available()
local with_png = require "orrery.core"._io.features.png and t.test
  or function(name) t.skip(name, "this build has no libspng") end
local test = ok and with_png or function(name) t.skip(name, missing) end

-- Every tag closed in its order, and every text free of markup.
local function check_xml(text)
  local open = {}
  text = text:gsub("<!%-%-.-%-%->", ""):gsub("<%?.-%?>", "")
    :gsub("<!DOCTYPE.->", ""):gsub("<!%[CDATA%[.-%]%]>", "")
  local tag = "([^<]*)<(/?)([%w:]+)([^>]*)>"
  for between, close, name, rest in text:gmatch(tag) do
    t.equal(between:find "&[^#%w]", nil)
    if close == "/" then
      t.equal(table.remove(open), name)
    elseif rest:sub(-1) ~= "/" then
      open[#open + 1] = name
    end
  end
  t.equal(#open, 0)
end

test("every kind of chart is drawn, odd values and all", function()
  local path = os.tmpname()
  for _, figure in ipairs {
    plot.line { x = { 1, 2, 3 }, y = { 1, nan, math.huge }, sd = { 1, 1, 1 },
      labels = { "a", 'b"\\', "c" }, title = "it's $x`\" <b>&\n" },
    plot.line { x = {}, y = {} },
    plot.line { { { 1, 2, 3 }, { 2, 3, 4 } }, name = "runs", dashed = true },
    plot.line { x = { 5 }, y = { 5 }, log_x = true, log_y = true },
    plot.line { y = { -1, 0 }, log_y = true },
    plot.scatter { x = { 1, 2 }, y = { 1, 2 }, class = { 2, 1 },
      classes = { "one", "two" }, square = true },
    plot.scatter { x = { 1, 2 }, y = { 1, 2 }, value = { 0, nan } },
    plot.scatter { series = { { y = { 1 }, sd = { 1 } }, { y = {} } } },
    plot.bar { x = { "a", "b_c" }, y = { 1, -2 }, xlabel = "x" },
    plot.bar { series = { { y = { 1, 2 }, sd = { 1, 1 } }, { y = { 3, 4 } } } },
    plot.bar { y = {} },
    plot.hist { values = { 1, 1, 2, 3 }, bins = 3, log_y = true },
    plot.hist { values = {} },
    plot.heatmap { z = { { 1, 2 }, { 3, nan } }, values = true },
    plot.heatmap { z = { { nan } }, log_z = true },
    plot.heatmap { z = { { 1, 0 }, { 10, 100 } }, x = { 1, 10 }, y = { 1, 2 },
      log_x = true, log_z = true },
    plot.heatmap { z = {} },
    plot.contour { z = { { 1, 2 }, { 3, nan } }, filled = true },
    plot.contour { z = { { 1, 2 }, { 3, 1 } }, levels = { 1.5, 2.5 } },
    plot.contour { z = { { 1, 1 }, { 1, 1 } } },
    plot.quiver { x = { 1, 2 }, y = { 1, 2 }, u = { 1, nan }, v = { 0, 1 } },
    plot.quiver { x = { 1 }, y = { 1 }, u = { 0 }, v = { 0 } },
    plot.quiver { x = { 1, 2 }, y = { 1, 2 }, u = { { 1, 1 }, { 1, 1 } },
      v = { { 0, 0 }, { 0, 0 } } },
    plot.overlay { plot.line { y = { 1, 2 } }, plot.hist { 1, 2 } },
    plot.overlay { plot.bar { y = { 1, 2 } }, plot.line { y = { 1, 2 } } },
  } do
    local done, message = figure:save(path .. ".png")
    t.ok(done, message)
    t.equal(orrery.read_image(path .. ".png"):size(1), 3)
    done, message = figure:save(path .. ".svg")
    t.ok(done, message)
    local svg = slurp(path .. ".svg")
    t.ok(svg:find "<svg" and svg:find "</svg>%s*$")
    check_xml(svg)
  end
  for _, ending in ipairs { "", ".png", ".svg" } do
    os.remove(path .. ending)
  end
end)

test("texts are shown as they are, whatever they mean to gnuplot", function()
  local evil = { "`echo run`", "50 %s", "@x", "a\\b", '"quoted"', "x_1^2" }
  for _, text in ipairs(evil) do
    local svg = plot.bar { x = { text, "b" }, y = { 1, 2 }, title = text,
      name = text, ylabel = text }:bytes "svg"
    local plain, n = svg:gsub("&quot;", '"'), 0
    for found in plain:gmatch ">([^<>]*)<" do
      if found:find(text, 1, true) then n = n + 1 end
    end
    t.ok(n >= 4, text .. " is there " .. n .. " times")
  end
end)

test("an SVG says its title, axes, names and labels", function()
  local svg = plot.line { x = { 1, 2 }, y = { 3, 4 }, name = "beta < 4",
    title = "Rate & co", xlabel = "step", ylabel = "nats",
    labels = { "first", "second" } }:bytes "svg"
  for _, text in ipairs { "beta &lt; 4", "Rate &amp; co", "step", "nats",
    "first", "second" } do
    t.ok(svg:find(text, 1, true), text)
  end
  t.ok(svg:find("<title>Rate &amp; co</title>", 1, true))
end)

test("an empty chart says so, and why", function()
  for text, figure in pairs {
    ["no values"] = plot.line { y = {} },
    ["no finite values"] = plot.line { y = { nan } },
    ["no finite values above 0, as a logarithmic axis needs"] =
      plot.line { y = { -1 }, log_y = true },
  } do
    t.ok(figure:bytes "svg":find(">" .. text .. "<", 1, true), text)
  end
end)

-- Places { x, y } of the pixels that have this colour.
local function pixels_of(figure, r, g, b)
  local p = assert(figure:raster()):tolist()
  local found = {}
  for y = 1, #p[1] do
    for x = 1, #p[1][1] do
      if p[1][y][x] == r and p[2][y][x] == g and p[3][y][x] == b then
        found[#found + 1] = { x = x, y = y }
      end
    end
  end
  return found
end

test("a rising line rises, and a gap is a gap", function()
  local y = {}
  for i = 1, 101 do y[i] = i > 40 and i < 60 and nan or i end
  local found = pixels_of(plot.line { y = y, size = { 400, 300 } }, 0, 114, 178)
  table.sort(found, function(a, b) return a.x < b.x end)
  t.ok(#found > 200)
  local widest, at = 0, nil
  for i = 2, #found do
    t.ok(found[i].y <= found[i - 1].y + 4)
    if found[i].x - found[i - 1].x > widest then
      widest, at = found[i].x - found[i - 1].x, found[i - 1].x
    end
  end
  -- The gap takes 20 of the 100 steps, from step 40 on.
  local all = found[#found].x - found[1].x
  t.near(widest / all, 0.2, 0.03)
  t.near((at - found[1].x) / all, 0.39, 0.03)
end)

test("a heat map has the first row on top, and the colours of its ends",
  function()
    local figure = plot.heatmap { z = { { 0, 1 }, { 1, 1 } },
      size = { 400, 400 } }
    local dark = pixels_of(figure, 68, 1, 84)      -- viridis at 0
    local bright = pixels_of(figure, 253, 231, 37)  -- and at 1
    local function mean(found)
      local x, y, n = 0, 0, 0
      for _, p in ipairs(found) do
        if p.x < 300 then x, y, n = x + p.x, y + p.y, n + 1 end
      end
      return { x = x / n, y = y / n, n = n }
    end
    local d, b = mean(dark), mean(bright)
    t.ok(d.x < b.x and d.y < b.y)
    t.near(b.n / d.n, 3, 0.1)
  end)

test("a chart in a folder that is not there is refused", function()
  local done, message = plot.line { y = { 1 } }:save "/nowhere/at/all.png"
  t.equal(done, nil)
  t.ok(message:find "^plot: /nowhere/at/all.png cannot be written: ", message)
end)

-- A fresh copy of the module, for which gnuplot is called `name`.
local function gnuplot_called(name)
  local getenv = os.getenv
  os.getenv = function(variable)  -- luacheck: ignore
    return variable == "ORRERY_GNUPLOT" and name or getenv(variable)
  end
  local copy = dofile(package.searchpath("orrery.plot.gnuplot", package.path))
  copy.available()
  os.getenv = getenv  -- luacheck: ignore
  return copy
end

t.test("without gnuplot a chart says what to install", function()
  local gnuplot = gnuplot_called "/nowhere/gnu'plot"
  local bytes, why = gnuplot.draw(plot.line { y = { 1 } }, "png")
  t.equal(bytes, nil)
  t.equal(why, "plot: gnuplot is not here; install it (apt-get install "
    .. "gnuplot-nox) to get charts")
end)

t.test("a gnuplot that fails is quoted, or said to have stopped", function()
  local bytes, why = gnuplot_called "false".draw(plot.line { y = { 1 } }, "png")
  t.equal(bytes, nil)
  t.equal(why, "plot: gnuplot could not draw this: it stopped")
end)

with_png("an image in an SVG is its own PNG", function()
  local image = orrery.randint(0, 255, { 3, 4, 5 }):to "uint8"
  local svg = plot.image(image):bytes "svg"
  check_xml(svg)
  t.ok(svg:find('width="5" height="4"', 1, true))
  t.ok(svg:find(require "orrery.report.base64"(plot.image(image):bytes "png"),
    1, true))
end)

with_png("an image is saved by its name's ending", function()
  local base = os.tmpname()
  local image = orrery.full({ 3, 16, 24 }, 0.5)
  local jpeg = orrery.io.features.jpeg
  for _, ending in ipairs { ".png", ".PNG", jpeg and ".jpg",
    jpeg and ".jpeg" } do
    t.ok(plot.image(image):save(base .. ending))
    local back = orrery.read_image(base .. ending)
    t.equal(back:shape_str(), "[3, 16, 24]")
    t.near(back:to "float32":mean(), 128, 0.02)
    os.remove(base .. ending)
  end
  os.remove(base)
end)

t.test("the colours of a map run through its own", function()
  local x = orrery.tensor { { 0, 1 } }
  t.equal(plot.image(x, { colors = "viridis" }).pixels:tolist(),
    { { { 68, 253 } }, { { 1, 231 } }, { { 84, 37 } } })
  t.fails('plot.image: colors is "jet"; give "viridis", "diverging" or "grey"',
    plot.image, x, { colors = "jet" })
  t.fails("plot.image: colors are for images of one channel; these have 3",
    plot.image, orrery.zeros { 3, 2, 2 }, { colors = "grey" })
end)
