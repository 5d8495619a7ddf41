--- Films: GIFs read back by a decoder of their own, and frames on one sheet.
local orrery = require "orrery"
local t = require "orrery.testing"
local film = require "orrery.plot.film"
local plot = require "orrery.plot"

local raw = require "orrery.core"._io
local test = raw.features.gif and t.test or function(name)
  t.skip(name, "this build has no giflib")
end

-- Codes of GIF's LZW, `size` bits the least, as a list of colour numbers.
local function unpack_lzw(data, size)
  local clear, stop = 1 << size, (1 << size) + 1
  local width, bits, n, at, words = size + 1, 0, 0, 1, {}
  local function reset()
    for i = 0, clear - 1 do words[i] = { i } end
    for i = clear, 4095 do words[i] = nil end
    words.next, width = stop + 1, size + 1
  end
  reset()
  local out, before = {}, nil
  while true do
    while n < width do
      bits, n, at = bits | data:byte(at) << n, n + 8, at + 1
    end
    local code = bits & (1 << width) - 1
    bits, n = bits >> width, n - width
    if code == stop then return out end
    if code == clear then
      reset()
      before = nil
    else
      local word = words[code]
      if before and words.next < 4096 then
        local new = table.move(before, 1, #before, 1, {})
        new[#new + 1] = (word or before)[1]
        words[words.next] = new
        words.next = words.next + 1
        word = word or new
        if words.next == 1 << width and width < 12 then width = width + 1 end
      end
      table.move(word, 1, #word, #out + 1, out)
      before = word
    end
  end
end

local function palette_of(gif, at, n)
  local colors = {}
  for i = 0, n - 1 do colors[i] = { gif:byte(at + 3 * i, at + 3 * i + 2) } end
  return colors, at + 3 * n
end

-- The blocks of data from `at` on, joined, and where the next thing begins.
local function blocks(gif, at)
  local parts = {}
  while gif:byte(at) ~= 0 do
    parts[#parts + 1] = gif:sub(at + 1, at + gif:byte(at))
    at = at + 1 + gif:byte(at)
  end
  return table.concat(parts), at + 1
end

-- Puts an image on the screen and returns where it ends.
local function read_image(gif, at, film_, screen)
  local x, y, w, h, flags = ("<I2I2I2I2B"):unpack(gif, at + 1)
  local palette
  at = at + 10
  if flags & 128 ~= 0 then
    palette, at = palette_of(gif, at, 2 << (flags & 7))
  end
  palette = palette or film_.palette
  local size = gif:byte(at)
  local data
  data, at = blocks(gif, at + 1)
  local places = unpack_lzw(data, size)
  t.equal(#places, w * h)
  for i, place in ipairs(places) do
    local row, column = y + (i - 1) // w + 1, x + (i - 1) % w + 1
    for c = 1, 3 do screen[c][row][column] = palette[place][c] end
  end
  film_.areas[#film_.areas + 1] = w * h
  return at
end

local function copy(screen)
  local out = {}
  for c = 1, 3 do
    out[c] = {}
    for y, row in ipairs(screen[c]) do
      out[c][y] = table.move(row, 1, #row, 1, {})
    end
  end
  return out
end

-- width, height, loops, and lists: frames [3][H][W], delays, areas.
local function read_gif(gif)
  t.equal(gif:sub(1, 6), "GIF89a")
  local w, h, flags = ("<I2I2B"):unpack(gif, 7)
  local f, at = { width = w, height = h, frames = {}, delays = {},
    areas = {} }, 14
  if flags & 128 ~= 0 then
    f.palette, at = palette_of(gif, at, 2 << (flags & 7))
  end
  local screen = { {}, {}, {} }
  for c = 1, 3 do
    for y = 1, h do
      screen[c][y] = {}
      for x = 1, w do screen[c][y][x] = -1 end
    end
  end
  while gif:byte(at) ~= 0x3b do
    if gif:byte(at) == 0x2c then
      at = read_image(gif, at, f, screen)
      f.frames[#f.frames + 1] = copy(screen)
    else
      t.equal(gif:byte(at), 0x21)
      local kind = gif:byte(at + 1)
      local data
      data, at = blocks(gif, at + 2)
      if kind == 0xf9 then
        f.delays[#f.delays + 1] = ("<I2"):unpack(data, 2)
        t.equal(data:byte(1) >> 2 & 7, 1)  -- what is there stays there
      elseif data:sub(1, 11) == "NETSCAPE2.0" then
        f.loops = ("<I2"):unpack(data, 13)
      end
    end
  end
  t.equal(at, #gif)
  return f
end

test("a film of few colours comes back to the last bit", function()
  -- A white square that moves over coloured ground, in 5 frames of 9 x 13.
  local frames, want = {}, {}
  for i = 1, 5 do
    local x = orrery.zeros({ 3, 9, 13 }, { dtype = "uint8" })
    x[1] = 200
    x[{ 2, {}, { 1, 4 } }] = 77
    if i ~= 3 then x[{ {}, { i, i + 2 }, { i, i + 3 } }] = 255 end
    frames[i], want[i] = x, x:tolist()
  end
  frames[6], want[6] = frames[5], want[5]
  local gif = plot.animation(frames, { delay = 0.25, hold = 1 }):bytes "gif"
  local f = read_gif(gif)
  t.equal({ f.width, f.height, f.loops }, { 13, 9, 0 })
  t.equal(f.delays, { 25, 25, 25, 25, 25, 125 })
  t.equal(f.frames, want)
  t.equal(f.areas[1], 9 * 13)
  t.equal(f.areas[2], 4 * 5)  -- where the square was and where it is
  t.equal(f.areas[6], 1)      -- nothing changed
end)

test("grey films and films of one pass are as told", function()
  local x = orrery.randint(0, 255, { 3, 6, 7 }):to "uint8"
  local f = read_gif(plot.animation(x:unsqueeze(2), { loop = false, delay = 0 })
    :bytes "gif")
  t.equal(f.loops, nil)
  t.equal(f.delays, { 2, 2, 2 })
  for i = 1, 3 do
    for c = 1, 3 do t.equal(f.frames[i][c], x[i]:tolist()) end
  end
end)

test("many colours become 256 whose mean over a few pixels is right",
  function()
    -- A smooth square of 64 x 64 colours: 4,096 of them.
    local ramp = orrery.linspace(0, 1, 64)
    local x = orrery.stack({ ramp:reshape(64, 1):expand(64, 64),
      ramp:reshape(1, 64):expand(64, 64), orrery.full({ 64, 64 }, 0.5) }, 1)
    local f = read_gif(plot.image(x):bytes "gif")
    local got = orrery.tensor(f.frames[1])
    local want = plot.image(x).pixels:to "float32"
    local pool = orrery.functional.avg_pool2d
    local off = (pool(got:unsqueeze(1), 8) - pool(want:unsqueeze(1), 8)):abs()
    t.ok(off:max():item() < 4, "off by " .. off:max():item())
    t.ok((got - want):abs():mean():item() < 8)
    local seen, n = {}, 0
    for y = 1, 64 do
      for column = 1, 64 do
        local key = f.frames[1][1][y][column] << 16
          | f.frames[1][2][y][column] << 8 | f.frames[1][3][y][column]
        if not seen[key] then seen[key], n = true, n + 1 end
      end
    end
    t.ok(n > 200 and n <= 256, n .. " colours")
  end)

local python = require("orrery.testing.python").having "PIL"
local judged = python and test or function(name)
  t.skip(name, "Python has no PIL here")
end

judged("a GIF is one for PIL too", function()
  local path = os.tmpname()
  t.ok(plot.animation(orrery.rand { 4, 3, 33, 17 }):save(path .. ".gif"))
  local pipe = io.popen(([[%s -c '
from PIL import Image
i = Image.open("%s.gif")
i.seek(3)
i.load()
print(i.n_frames, *i.size, i.info["loop"])' 2>&1]]):format(python, path))
  local said = pipe:read "a"
  pipe:close()
  os.remove(path)
  os.remove(path .. ".gif")
  t.equal(said, "4 17 33 0\n")
end)

test("a film that runs out of memory anywhere leaves nothing behind",
  function()
    -- More than 256 colours, so that every step of the work is taken.
    local frames = orrery.rand({ 2, 3, 20, 20 }):mul(255):to "uint8"
    local list, done = { frames[1], frames[2] }, false
    collectgarbage()
    local before = orrery.memory().live_blocks
    for n = 1, 200 do
      orrery.fail_after(n)
      local ok, bytes = pcall(raw.gif_bytes, "test", list, { 5, 5 }, true)
      orrery.fail_after(0)
      collectgarbage()
      t.equal(orrery.memory().live_blocks, before)
      done = ok and bytes ~= nil
      if done then break end
    end
    t.ok(done)
  end)

test("frames of different sizes are refused, by their numbers", function()
  local figure = plot.animation { orrery.zeros { 4, 5 }, orrery.zeros { 4, 6 } }
  t.fails("plot: frame 2 is 6 x 4 pixels, the first 5 x 4; make them alike",
    function() figure:bytes "gif" end)
end)

t.test("what is no film is refused by its name", function()
  t.fails("plot.animation: there are no frames; give figures or images",
    plot.animation, {})
  t.fails("plot.animation: frame 2 is \"x\"; give figures or images",
    plot.animation, { orrery.zeros { 2, 2 }, "x" })
  t.fails("plot.animation: the tensor is [3]; give [T, H, W], [T, C, H, W] or "
    .. "[T, N, C, H, W], or a list of frames", plot.animation,
    orrery.zeros { 3 })
  t.fails("plot.animation: delay is -1; give seconds, 0 to 600",
    plot.animation, { orrery.zeros { 2, 2 }, delay = -1 })
  t.fails("plot.animation: unknown option deley; did you mean delay?",
    plot.animation, { orrery.zeros { 2, 2 }, deley = 1 })
end)

t.test("charts of a film have the same axes, the widest of all", function()
  local f = plot.animation { plot.line { x = { 0, 1 }, y = { 0, 10 } },
    plot.line { x = { 0, 5 }, y = { -3, 4 } } }
  for i = 1, 2 do
    t.equal(f.frames[i].xmin, 0)
    t.equal(f.frames[i].xmax, 5)
    t.ok(f.frames[i].ymin < -3 and f.frames[i].ymax > 10)
  end
  t.ok(plot.animation { plot.heatmap { { { 0, 1 } } },
    plot.heatmap { { { 5, 9 } } } }.frames[1].series[1].zmax == 9)
end)

t.test("on paper a film is its first, its last and some between", function()
  local x = orrery.range(1, 20):reshape(20, 1, 1)
  local still = film.still(plot.animation(x, { range = { 0, 20 } }))
  t.equal(#still.figures, 8)
  t.equal(still.figures[1].pixels:item(), 13)  -- a twentieth of 255
  t.equal(still.figures[8].pixels:item(), 255)
end)

t.test("names stand beside their rows and above their columns", function()
  local grid = plot.grid(orrery.rand { 5, 10, 20 }, { columns = 3,
    padding = 2, row_names = { "one", "two" }, column_names = { -1, 0, 1 } })
  local plan = require "orrery.plot.sheet".plan(grid)
  local cell, at = plan.cells[1], {}
  for _, text in ipairs(plan.texts) do at[text.text] = text end
  t.equal(cell.scale, 4)
  -- Rows of 10 pixels, 2 between and around; each pixel 4 times.
  t.equal(at.one.y - cell.y, 4 * 7)
  t.equal(at.two.y - cell.y, 4 * 19)
  t.ok(at.one.x < cell.x and at.one.align == "right")
  t.equal(at["0"].x - cell.x, 4 * 34)
  t.ok(at["0"].y < cell.y)
  t.fails("plot.grid: row_names is a list of 1; give a list of 2", plot.grid,
    orrery.rand { 5, 4, 4 }, { columns = 3, row_names = { "a" } })
  t.fails("plot.grid: column_names is 3; give a list of 3", plot.grid,
    orrery.rand { 5, 4, 4 }, { columns = 3, column_names = 3 })
end)

t.test("a sheet holds every image where its place is", function()
  local a = orrery.full({ 10, 20 }, 0.2)
  local b = orrery.zeros { 3, 10, 20 }
  b[1] = 1
  local sheet = plot.grid { a, b, a, columns = 2 }:raster()
  -- Enlarged 10 times, to 200 x 100; 10 pixels between and around.
  t.equal(sheet:shape_str(), "[3, 230, 430]")
  t.equal(sheet[{ {}, 11, 11 }]:tolist(), { 51, 51, 51 })
  t.equal(sheet[{ {}, 110, 210 }]:tolist(), { 51, 51, 51 })
  t.equal(sheet[{ {}, 111, 211 }]:tolist(), { 255, 255, 255 })
  t.equal(sheet[{ {}, 11, 221 }]:tolist(), { 255, 0, 0 })
  t.equal(sheet[{ {}, 121, 11 }]:tolist(), { 51, 51, 51 })
  t.equal(sheet[{ {}, 121, 221 }]:tolist(), { 255, 255, 255 })
end)

local charts, why = plot.available()
if not raw.features.png then charts, why = false, "no libspng here" end
local drawn = charts and t.test or function(name) t.skip(name, why) end

drawn("charts drawn together are those drawn alone", function()
  local figures = { plot.line { y = { 1, 2 }, log_y = true, title = "a" },
    plot.heatmap { { { 1, 2 }, { 3, 4 } } }, plot.image(orrery.rand { 4, 4 }),
    plot.contour { z = { { 1, 2 }, { 3, 1 } } }, plot.line { y = { 3, 1 } } }
  local together = require "orrery.plot.figure".rasters(figures)
  for i, figure in ipairs(figures) do
    local alone = figure:raster()
    t.equal({ together[i]:shape() }, { alone:shape() })
    t.equal(together[i]:eq(alone):all():item(), 1)  -- pixels by the million
  end
end)

drawn("a sheet mixes charts, images and titles", function()
  local figure = plot.grid { plot.line { y = { 1, 2 }, title = "one & two" },
    plot.image(orrery.zeros { 4, 4 }, { title = "dark <1>" }),
    plot.scatter { y = { 1, 2 } }, title = "all" }
  local pixels = figure:raster()
  local svg = figure:bytes "svg"
  local w, h = svg:match '^<svg [^>]*width="(%d+)" height="(%d+)"'
  t.equal({ pixels:shape() }, { 3, tonumber(h), tonumber(w) })
  for _, text in ipairs { ">all<", ">dark &lt;1&gt;<", "one &amp; two" } do
    t.ok(svg:find(text, 1, true), text)
  end
  local ids = {}
  for id in svg:gmatch " id=['\"]([^'\"]+)" do
    t.ok(not ids[id], id)
    ids[id] = true
  end
  for id in svg:gmatch "href=['\"]#([^'\"]+)" do t.ok(ids[id], id) end
end)
