--- Pictures in the terminal, read back by decoders of their protocols.
local orrery = require "orrery"
local t = require "orrery.testing"
local plot = require "orrery.plot"
local show = require "orrery.show"
local terminal = require "orrery.show.terminal"
local raw = require "orrery.core"._io

local with_png = raw.features.png and t.test or function(name)
  t.skip(name, "this build has no libspng")
end

local function screen(mode, changes)
  local s = { mode = mode, colors = "true", columns = 60, rows = 23,
    cell = { 8, 16 } }
  for name, value in pairs(changes or {}) do s[name] = value end
  return s
end

-- Pixels of half-blocks as { { r, g, b }, ... } rows, by a terminal that knows
-- colours and the upper half-block alone.
local function half_blocks(text)
  local rows, fore, back = {}, nil, nil
  for line in text:gmatch "([^\n]*)\n" do
    local up, down = {}, {}
    local at = 1
    while at <= #line do
      local codes, after = line:match("^\27%[([%d;]*)m()", at)
      if codes then
        for where, r, g, b in codes:gmatch "([34]8);2;(%d+);(%d+);(%d+)" do
          local c = { tonumber(r), tonumber(g), tonumber(b) }
          if where == "38" then fore = c else back = c end
        end
        if codes == "0" then fore, back = nil, nil end
        if codes:find ";49$" then back = nil end
        at = after
      else
        t.equal(line:sub(at, at + 2), "\u{2580}")
        up[#up + 1], down[#down + 1] = fore, back
        at = at + 3
      end
    end
    rows[#rows + 1] = up
    if #down > 0 then rows[#rows + 1] = down end
  end
  return rows
end

t.test("half-blocks hold every pixel of an image that fits", function()
  local image = orrery.randint(0, 255, { 3, 5, 40 }):to "uint8"
  local rows = half_blocks(show.text(image, screen "symbols"))
  t.equal(#rows, 5)  -- odd: the last line has upper halves alone
  for y = 1, 5 do
    t.equal(#rows[y], 40)
    for x = 1, 40 do
      t.equal(rows[y][x], image[{ {}, y, x }]:tolist())
    end
  end
end)

t.test("a small image is enlarged by whole pixels, at most four times",
  function()
    local image = orrery.tensor({ { 0, 255 }, { 255, 0 } }, { dtype = "uint8" })
    local rows = half_blocks(show.text(image, screen "symbols"))
    t.equal(#rows, 8)
    t.equal(#rows[1], 8)
    t.equal(rows[4][4], { 0, 0, 0 })
    t.equal(rows[4][5], { 255, 255, 255 })
  end)

t.test("an image never exceeds the terminal", function()
  local image = orrery.rand { 3, 300, 900 }
  for _, columns in ipairs { 20, 61 } do
    local text = show.text(image, screen("symbols", { columns = columns }))
    local lines = 0
    for line in text:gmatch "([^\n]*)\n" do
      lines = lines + 1
      local plain = line:gsub("\27%[[%d;?]*%a", "")
      t.ok(utf8.len(plain) <= columns, plain)
    end
    t.ok(lines <= 20)
  end
end)

t.test("where colours are few the nearest of the 256 is taken", function()
  local image = orrery.tensor({ { 255, 0 } }, { dtype = "uint8" })
  local text = show.text(image, screen("symbols", { colors = "256",
    rows = 4, columns = 2 }))
  t.ok(text:find("38;5;231", 1, true) and text:find("38;5;16", 1, true), text)
  t.equal(text:find(";2;", 1, true), nil)
end)

local digits = {}
for i = 1, 64 do
  digits[("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    :byte(i)] = i - 1
end
local function unbase64(text)
  local out, bits, n = {}, 0, 0
  for c in text:gmatch "[%w+/]" do
    bits, n = bits << 6 | digits[c:byte()], n + 6
    if n >= 8 then
      n = n - 8
      out[#out + 1] = string.char(bits >> n & 255)
      bits = bits & (1 << n) - 1
    end
  end
  return table.concat(out)
end

local function pixels_of(png) return assert(raw.png_pixels("test", png)) end

-- 70 x 30 of noise: enlarged six times, to 420 x 180.
local noise = orrery.randint(0, 255, { 3, 30, 70 }):to "uint8":tolist()
local function noisy() return orrery.tensor(noise, { dtype = "uint8" }) end

with_png("kitty gets the PNG in pieces, told to answer nothing", function()
  local text = show.text(noisy(), screen "kitty")
  local data, n = {}, 0
  for keys, piece in text:gmatch "\27_G([^;]*);([^\27]*)\27\\" do
    n = n + 1
    t.ok(#piece <= 4096)
    t.equal(keys:find "q=2" ~= nil, n == 1)
    data[n] = piece
    if keys:find "m=0" then break end
  end
  t.ok(n > 1)
  local x = pixels_of(unbase64(table.concat(data)))
  t.equal(x:shape_str(), "[3, 180, 420]")
  t.equal(x[{ {}, 179, 419 }], noisy()[{ {}, 30, 70 }])
  t.equal(x[{ {}, 1, 7 }], noisy()[{ {}, 1, 2 }])
end)

with_png("iTerm2 gets the PNG and its size", function()
  local text = show.text(noisy(), screen "iterm2")
  local size, data = text:match
    "^\27%]1337;File=inline=1;size=(%d+);preserveAspectRatio=1:([%w+/=]+)\7\n$"
  local png = unbase64(data)
  t.equal(#png, tonumber(size))
  t.equal(pixels_of(png):shape_str(), "[3, 180, 420]")
end)

-- A sixel decoder: rows of { r, g, b } in percent.
local function sixels(text)
  local body = text:match "\27P[%d;]*q(.*)\27\\"
  local colors, rows, x, y, color = {}, {}, 1, 0, nil
  local function put(bits, n)
    for _ = 1, n do
      for k = 0, 5 do
        if bits >> k & 1 == 1 then
          rows[y + k + 1] = rows[y + k + 1] or {}
          rows[y + k + 1][x] = colors[color]
        end
      end
      x = x + 1
    end
  end
  local at = 1
  while at <= #body do
    local c = body:sub(at, at)
    local id, r, g, b, after = body:match("^#(%d+);2;(%d+);(%d+);(%d+)()", at)
    local count, what, next_ = body:match("^!(%d+)([?-~])()", at)
    if id then
      colors[id], at = { tonumber(r), tonumber(g), tonumber(b) }, after
    elseif c == "#" then
      color, at = body:match("^#(%d+)()", at)
    elseif count then
      put(what:byte() - 63, tonumber(count))
      at = next_
    elseif c == '"' then
      at = body:match('^"[%d;]*()', at)
    else
      if c == "$" then x = 1 elseif c == "-" then x, y = 1, y + 6
      elseif c:find "[?-~]" then put(c:byte() - 63, 1) end
      at = at + 1
    end
  end
  return rows
end

local chafa = os.execute "command -v chafa >/dev/null 2>&1"
local test = chafa and with_png or function(name)
  t.skip(name, "chafa is not here")
end

test("sixels keep the picture's size and colours", function()
  -- Four squares of 120 x 120 pixels after enlarging by 8.
  local image = orrery.zeros { 3, 30, 30 }
  image[{ 1, { 1, 15 }, { 1, 15 } }] = 1
  image[{ 2, { 16, 30 }, { 16, 30 } }] = 1
  image[{ {}, { 1, 15 }, { 16, 30 } }] = 1
  local rows = sixels(show.text(image, screen "sixel"))
  for at, want in pairs { [{ 60, 60 }] = { 100, 0, 0 },
    [{ 60, 180 }] = { 100, 100, 100 }, [{ 180, 180 }] = { 0, 100, 0 },
    [{ 180, 60 }] = { 0, 0, 0 } } do
    t.near(rows[at[1]][at[2]], want, 0.05)
  end
  t.equal(rows[250] == nil or rows[250][10] == nil, true)
end)

t.test("the environment tells what a terminal draws", function()
  local function mode(env, is_terminal)
    env.LANG = env.LANG or "en_US.UTF-8"
    env.TERM = env.TERM or "xterm-256color"
    return (terminal.mode(function(name) return env[name] or "" end,
      is_terminal ~= false))
  end
  t.equal(mode {}, "symbols")
  t.equal(mode { TERM = "xterm-kitty" }, "kitty")
  t.equal(mode { TERM = "xterm-kitty", TMUX = "/tmp/tmux,1,0" }, "symbols")
  t.equal(mode { TERM_PROGRAM = "iTerm.app" }, "iterm2")
  t.equal(mode { TERM = "foot" }, "sixel")
  t.equal(mode { NO_COLOR = "1" }, "none")
  t.equal(mode { NO_COLOR = "1", TERM = "xterm-kitty" }, "none")
  t.equal(mode { TERM = "dumb" }, "none")
  t.equal(mode { LANG = "C" }, "none")
  t.equal(mode { LANG = "C", LC_ALL = "C.utf8" }, "symbols")
  t.equal(mode({}, false), "none")
  t.equal(mode({ ORRERY_GRAPHICS = "sixel" }, false), "sixel")
end)

with_png("where nothing can be drawn the picture's path is said", function()
  local text = show.text(noisy(), screen "none")
  local path = text:match "^figure %(image, 70 x 30%): (%S+%.png)\n$"
  t.equal(orrery.read_image(path), noisy())
  os.remove(path)
end)

t.test("a sink takes what is shown, and gives it back to the terminal",
  function()
    local seen = {}
    local before = show.sink(function(figure) seen[#seen + 1] = figure end)
    local figure = plot.line { y = { 1, 2 } }
    orrery.show(figure)
    orrery.show(orrery.zeros { 2, 4, 4 })
    local session = require "orrery.repl".session { write = function() end }
    session:eval "plot.line { y = { 3, 2, 1 } }, nil"
    show.sink(before)
    t.equal(#seen, 3)
    t.ok(rawequal(seen[1], figure))
    t.equal(seen[2].pixels:shape_str(), "[8, 14]")
    t.equal(seen[3].series[1].y, { 3, 2, 1 })
  end)

t.test("what is no picture is refused by its name", function()
  t.fails("show: argument 1 is \"cat\"; pass a figure or an image tensor",
    orrery.show, "cat")
  t.fails("show: argument 1 is missing; pass a figure or an image tensor",
    orrery.show)
  t.fails("show: the tensor is [784]; images are [H, W], [C, H, W] or "
    .. "[N, C, H, W]: reshape it", orrery.show, orrery.zeros { 784 })
  t.fails("show: images are [1, 2, 4, 4]; give at least one, of 1, 3 or 4 "
    .. "channels", orrery.show, orrery.zeros { 1, 2, 4, 4 })
  t.fails("show: the images are int64; make them uint8, or give range",
    orrery.show, orrery.zeros({ 4, 4 }, { dtype = "int64" }))
  t.fails("show: unknown option colums; did you mean columns?", orrery.show,
    orrery.zeros { 4, 4 }, { colums = 2 })
  t.fails('show: range is 3; give { black, white } or "auto"', orrery.show,
    orrery.zeros { 4, 4 }, { range = 3 })
end)

t.test("range says what black and white stand for", function()
  local x = orrery.tensor { { -1, 0, 1, 0 / 0 } }
  local function bytes(range)
    return plot.grid(x, { padding = 0, range = range }).pixels:tolist()[1]
  end
  t.equal(bytes { -1, 1 }, { 0, 128, 255, 0 })
  t.equal(bytes "auto", { 0, 128, 255, 0 })
  t.equal(bytes(), { 0, 0, 255, 0 })
end)

-- ---------------------------------------------------- charts in characters

local plain = { mode = "symbols", colors = "none", columns = 80, rows = 26,
  cell = { 8, 16 } }

local function lines_of(text)
  local lines = {}
  for line in text:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

local bits = { 0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80 }

-- What stands right of the axis' line; nil where there is none.
local function inside_of(line)
  for _, sign in ipairs { " \u{2502}", " \u{2524}" } do
    local _, stop = line:find(sign, 1, true)
    if stop then return line:sub(stop + 1) end
  end
end

-- The plot's frame: dots as { x, y } from its lower left, in dots, and its
-- size; letters by row and column, from the upper left.
local function frame_of(text)
  local rows, width = {}, nil
  for _, line in ipairs(lines_of(text)) do
    local rule = line:match "^ *\u{2514}(.*)$"
    width = rule and utf8.len(rule) or width
    rows[#rows + 1] = inside_of(line)
  end
  local dots, letters = {}, {}
  for row, line in ipairs(rows) do
    local column = 0
    for _, point in utf8.codes(line) do
      column = column + 1
      if point >= 0x2800 and point <= 0x28ff then
        for k, bit in ipairs(bits) do
          if (point - 0x2800) & bit ~= 0 then
            dots[#dots + 1] = { x = 2 * (column - 1) + (k - 1) % 2,
              y = 4 * (#rows - row) + 3 - (k - 1) // 2 }
          end
        end
      elseif point ~= 32 then
        letters[#letters + 1] = { row = row, column = column,
          text = utf8.char(point) }
      end
    end
  end
  return dots, letters, 2 * width, 4 * #rows
end

t.test("a line in characters has its dots on the line", function()
  local dots, _, width, height = frame_of(show.text(
    plot.line { x = { 0, 1 }, y = { 0, 1 }, ymin = 0, ymax = 1 }, plain))
  t.ok(#dots >= width)
  local seen = {}
  for _, dot in ipairs(dots) do
    t.ok(math.abs(dot.y / (height - 1) - dot.x / (width - 1)) < 0.02)
    seen[dot.x] = true
  end
  for x = 0, width - 1 do t.ok(seen[x], "a gap at " .. x) end
end)

t.test("what is no number leaves a gap in characters too", function()
  local y = {}
  for i = 1, 101 do y[i] = i > 40 and i < 60 and 0 / 0 or 1 end
  local dots, _, width = frame_of(show.text(plot.line { y = y }, plain))
  for _, dot in ipairs(dots) do
    local x = 100 * dot.x / (width - 1)
    t.ok(x < 39.8 or x > 58.2, "a dot at " .. x)
  end
end)

t.test("a chart in characters says title, axes, ticks, names and labels",
  function()
    local text = show.text(plot.line { series = {
      { x = { 0, 10 }, y = { 100, 200 }, name = "first",
        labels = { "a", "b" } },
      { x = { 0, 10 }, y = { 150, 150 }, name = "second", dashed = true } },
      title = "Title here", xlabel = "step", ylabel = "nats" }, plain)
    for _, word in ipairs { "Title here", "step", "nats", "first", "second",
      "100 \u{2524}", "200 \u{2524}" } do
      t.ok(text:find(word, 1, true), word .. "\n" .. text)
    end
    t.ok(text:find "\n *0  +2  +4  +6  +8  +10\n", text)
    t.ok(text:find "b" and not text:find "\27")
  end)

t.test("points of classes have marks of their own", function()
  local _, letters = frame_of(show.text(plot.scatter { x = { 0, 1, 2 },
    y = { 0, 1, 2 }, class = { 1, 2, 3 } }, plain))
  local found = {}
  for _, l in ipairs(letters) do found[#found + 1] = l.text end
  -- From the top: the third class first.
  t.equal(table.concat(found), "\u{25b2}\u{25a0}\u{25cf}")
  t.ok(letters[1].column > letters[3].column)
end)

t.test("bars in characters are as long as their numbers", function()
  local function bars(y)
    local lines = lines_of(show.text(plot.bar { x = { "one", "two" }, y = y },
      plain))
    local _, one = lines[1]:gsub("\u{2588}", "")
    local _, two = lines[2]:gsub("\u{2588}", "")
    return one, two, lines
  end
  local one, two = bars { 10, 5 }
  t.ok(one > 40 and math.abs(one - 2 * two) <= 1)
  local lines
  one, two, lines = bars { 1, -1 }
  t.ok(math.abs(one - two) <= 1)
  -- One bar ends where the other begins.
  t.equal(#lines[1]:match "one +", 4 + two)
  t.equal(lines[2]:match "two +", "two ")
end)

t.test("a histogram in characters has columns as high as its counts",
  function()
    local _, letters, width, height = frame_of(show.text(plot.hist {
      values = { 1, 1, 1, 1, 3, 3 }, bins = 2, ymax = 4 }, plain))
    local high = {}
    for _, l in ipairs(letters) do
      high[l.column] = (high[l.column] or 0) + 1
    end
    t.equal(high[2], height // 4)
    t.near(high[width // 2 - 1] / high[2], 0.5, 0.1)
  end)

t.test("bars below a line stand where it has its points", function()
  local dots, _, width, height = frame_of(show.text(plot.overlay {
    plot.bar { y = { 4, 2 } }, plot.line { x = { 0.5, 2.5 }, y = { 4, 4 } },
    ymax = 4 }, plain))
  local high = {}
  for _, dot in ipairs(dots) do high[dot.x] = (high[dot.x] or 0) + 1 end
  -- The bars' middles are at a quarter and at three quarters.
  t.equal(high[width // 4], height)
  t.near((high[3 * width // 4] - 1) / height, 0.5, 0.05)
  t.equal(high[width // 2], 1)  -- between them the line alone
end)

t.test("a heat map in characters has the first row on top", function()
  local inside = {}
  for _, line in ipairs(lines_of(show.text(plot.heatmap { { { 0, 1 },
    { 1, 0.5 } } }, screen "symbols"))) do
    inside[#inside + 1] = inside_of(line)
  end
  local rows = half_blocks(table.concat(inside, "\n") .. "\n")
  t.equal(rows[1][1], { 68, 1, 84 })
  t.equal(rows[1][#rows[1]], { 253, 231, 37 })
  t.equal(rows[#rows][1], { 253, 231, 37 })
  t.equal(rows[#rows][#rows[1]], { 33, 145, 140 })  -- viridis' middle
end)

t.test("contours of a cone are circles", function()
  local n, at, z = 41, {}, {}
  for i = 1, n do at[i] = (i - 21) / 10 end
  for i = 1, n do
    z[i] = {}
    for j = 1, n do z[i][j] = math.sqrt(at[i] ^ 2 + at[j] ^ 2) end
  end
  local dots, _, width, height = frame_of(show.text(plot.contour { z = z,
    x = at, y = at, levels = { 1 }, square = true }, plain))
  t.ok(#dots > 60)
  for _, dot in ipairs(dots) do
    local x = -2 + 4 * dot.x / (width - 1)
    local y = -2 + 4 * dot.y / (height - 1)
    t.near(math.sqrt(x * x + y * y), 1, 0.06)
  end
end)

t.test("arrows in characters point where they go", function()
  local _, letters = frame_of(show.text(plot.quiver { x = { 0, 1, 0, 1 },
    y = { 0, 0, 1, 1 }, u = { 1, 0, -1, -1 }, v = { 0, 1, 0, -1 } }, plain))
  local heads = {}
  for _, l in ipairs(letters) do heads[l.text] = true end
  t.equal(heads, { ["\u{2192}"] = true, ["\u{2191}"] = true,
    ["\u{2190}"] = true, ["\u{2199}"] = true })
end)

t.test("no chart in characters is wider than its terminal", function()
  local z = { { 1, 2 }, { 3, 0 / 0 } }
  local image = plot.image(orrery.rand { 8, 8 }, { title = "image" })
  for _, figure in ipairs {
    plot.line { { { 1, 2, 3 }, { 2, 1, 4 } }, name = "a rather long name",
      labels = { "one", "a label", "another long label" }, title = "t" },
    plot.line { y = {}, title = "none" },
    plot.line { x = { 1e-6, 1e-3, 1 }, y = { 1e5, 1e6, 1e9 }, log_x = true,
      log_y = true },
    plot.scatter { y = orrery.randn { 300, 2 }, value = orrery.randn { 300 } },
    plot.scatter { y = orrery.randn { 30, 2 }, square = true },
    plot.bar { x = { "a bar whose name is far too long to be written whole",
      "b" }, y = { -1e-9, 12345.678 }, sd = { 1, 1 } },
    plot.hist { series = { { values = { 1, 2 } }, { values = { 3 } } } },
    plot.heatmap { z = z, rows = { "first row", "second" },
      columns = { "first column", "second" }, zlabel = "number" },
    plot.heatmap { z = z, rows = { ("x"):rep(90), "\u{e9}\u{e9}\u{e9}" },
      title = ("title "):rep(40), xlabel = ("x "):rep(120) },
    plot.contour { z = { { 1, 2 }, { 3, 1 } }, filled = true },
    plot.quiver { x = { 1, 2 }, y = { 1, 2 }, u = { 0, 0 }, v = { 0, 0 } },
    plot.overlay { plot.bar { x = { "a", "b" }, y = { -3, 1 } },
      plot.line { y = { 1, 2 } } },
    plot.grid { plot.line { y = { 1, 2 } }, image, image },
    plot.animation { image, image },
    plot.grid(orrery.rand { 6, 28, 28 }, { columns = 3, title = "names",
      row_names = { "a row whose name is far too long", 2 },
      column_names = { "left", "middle and more than that", "right" } }),
  } do
    for _, columns in ipairs { 40, 80, 200 } do
      local text = show.text(figure, screen("symbols", { columns = columns }))
      for _, line in ipairs(lines_of(text)) do
        line = line:gsub("\27%[[%d;]*m", "")
        t.ok(utf8.len(line) <= columns, tostring(figure) .. ": " .. line)
      end
    end
  end
end)
