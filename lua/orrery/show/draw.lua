--- A figure as text for a terminal.
local orrery = require "orrery"
local raw = require "orrery.core"._io
local blocks = require "orrery.show.blocks"
local chafa = require "orrery.show.chafa"
local chart = require "orrery.show.chart"
local letters = require "orrery.show.letters"

local draw = {}

-- Pixels as large as `size` (width, height) holds, and no more than `most`
-- times their own: whole times, so that each stays a square.
local function enlarged(pixels, size, most)
  local _, h, w = pixels:shape()
  local k = math.min(most, size[1] // w, size[2] // h)
  if k <= 1 then return pixels end
  return require "orrery.plot.pixels".enlarge(pixels:unsqueeze(1), k)[1]
end

-- Pixels shrunk to fit `size`, each of the new ones the mean of those below.
local function fitted(pixels, size)
  local _, h, w = pixels:shape()
  local k = math.min(1, size[1] / w, size[2] / h)
  if k == 1 then return pixels end
  local to = { math.max(1, math.floor(h * k + 0.5)),
    math.max(1, math.floor(w * k + 0.5)) }
  return orrery.no_grad(function()
    local small = orrery.functional.adaptive_avg_pool2d(
      pixels:to "float32":unsqueeze(1), to)
    return (small[1] + 0.5):floor():clamp(0, 255):to "uint8"
  end)
end

-- kitty's protocol: the PNG in base64, 4096 characters at a time; q=2, so that
-- it answers nothing. https://sw.kovidgoyal.net/kitty/graphics-protocol/
function draw.kitty(png)
  local data, parts = require "orrery.report.base64"(png), {}
  for at = 1, #data, 4096 do
    local last = at + 4096 > #data
    parts[#parts + 1] = ("\27_G%sm=%d;%s\27\\"):format(
      at == 1 and "f=100,a=T,q=2," or "", last and 0 or 1,
      data:sub(at, at + 4095))
  end
  return table.concat(parts) .. "\n"
end

-- https://iterm2.com/documentation-images.html
function draw.iterm2(png)
  return ("\27]1337;File=inline=1;size=%d;preserveAspectRatio=1:%s\7\n")
    :format(#png, require "orrery.report.base64"(png))
end

-- Charts are drawn larger where characters have many pixels.
local function raster(fig, t)
  local scale = math.max(1, math.min(3, math.floor(t.cell[1] / 8 + 0.5)))
  if not fig.series or scale == 1 then return fig:raster() end
  local png, why = require "orrery.plot.gnuplot".draw(fig, "png", scale)
  if not png then return nil, why end
  return raw.png_pixels("plot", png)
end

-- A film plays where a GIF does.
local function playing(fig, t)
  if not fig.frames or t.mode ~= "iterm2" then return nil end
  local gif = fig:bytes "gif"
  return gif and draw.iterm2(gif)
end

-- For a terminal that draws pixels; nil where it cannot be done.
local function with_pixels(fig, t)
  local pixels, why = raster(fig, t)
  if not pixels then return nil, why end
  local size = { t.columns * t.cell[1], math.max(8, t.rows - 3) * t.cell[2] }
  pixels = fitted(enlarged(pixels, { math.min(size[1], 640),
    math.min(size[2], 640) }, 8), size)
  if t.mode == "sixel" then return chafa(pixels, t, "sixel") end
  local png
  png, why = raw.png_bytes("show", pixels)
  if not png then return nil, why end
  return draw[t.mode](png)
end

-- A line without what sets colours.
local function plain(line) return (line:gsub("\27%[[%d;?]*%a", "")) end

local function split(text)
  local lines = {}
  for line in text:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

-- Pixels as half-blocks, or by chafa's many characters where they are more
-- than the terminal has.
local function image(pixels, t, alone)
  local size = { t.columns, 2 * math.max(4, t.rows - 3) }
  local _, h, w = pixels:shape()
  if alone and (w > size[1] or h > size[2]) then
    local text = chafa(pixels, t, "symbols")
    if text then
      local lines, width = split(text), 0
      for _, line in ipairs(lines) do
        width = math.max(width, letters.length(plain(line)))
      end
      return lines, width
    end
  end
  pixels = fitted(enlarged(pixels, size, 4), size)
  return split(blocks(pixels, t.colors)), pixels:size(-1)
end

local function with_title(lines, fig, width)
  if fig.title then table.insert(lines, 1, letters.clip(fig.title, width)) end
  return lines
end

-- A grid of images with names beside its rows and above its columns.
local function named(fig, t)
  local grid, indent = fig.figures[1], 0
  for _, name in ipairs(fig.row_names or {}) do
    indent = math.max(indent, math.min(letters.length(tostring(name)), 20) + 1)
  end
  local cell = setmetatable({ columns = t.columns - indent }, { __index = t })
  local lines, width = image(grid:raster(), cell, true)
  local tiles = grid.tiles
  local function middle(i, size, all, room)
    return math.floor((tiles.padding + (i - 1) * (size + tiles.padding)
      + size / 2) / all * room) + 1
  end
  local beside, above = {}, {}
  for i, name in ipairs(fig.row_names or {}) do
    beside[middle(i, tiles.height, grid.pixels:size(-2), #lines)] = name
  end
  for row, text in ipairs(lines) do
    lines[row] = letters.pad(beside[row] or "", indent) .. text
  end
  local free = 0
  for i, name in ipairs(fig.column_names or {}) do
    name = tostring(name)
    local at = middle(i, tiles.width, grid.pixels:size(-1), width)
      - letters.length(name) // 2
    if at > free and at + letters.length(name) <= width + 2 then
      above[#above + 1] = (" "):rep(at - free - 1) .. name .. " "
      free = at + letters.length(name)
    end
  end
  if #above > 0 then
    table.insert(lines, 1, (" "):rep(indent) .. table.concat(above))
  end
  return with_title(lines, fig, t.columns), width + indent
end

local symbols

-- Blocks of lines side by side, then the next row of them.
local function sheet(fig, t)
  local n = #fig.figures
  local charts = false
  for _, one in ipairs(fig.figures) do charts = charts or one.series ~= nil end
  local across = math.min(n, fig.columns or math.ceil(math.sqrt(n)),
    math.max(1, t.columns // (charts and 38 or 16)))
  local cell = setmetatable({ columns = (t.columns - 2 * (across - 1))
    // across, rows = charts and 20 or t.rows }, { __index = t })
  local lines = {}
  if fig.title then lines[1] = letters.clip(fig.title, t.columns) end
  for first = 1, n, across do
    local blocks_, high = {}, 0
    for i = first, math.min(n, first + across - 1) do
      local b = { symbols(fig.figures[i], cell) }
      if not b[1] then return nil, b[2] end
      blocks_[#blocks_ + 1], high = b[1], math.max(high, #b[1])
    end
    for row = 1, high do
      local parts = {}
      for i, b in ipairs(blocks_) do
        local line = b[row] or ""
        parts[i] = line .. (" "):rep(cell.columns + 2
          - letters.length(plain(line)))
      end
      lines[#lines + 1] = table.concat(parts):gsub("%s+$", "")
    end
    if first + across <= n then lines[#lines + 1] = "" end
  end
  return lines, t.columns
end

-- Lines of characters, and how wide they are.
function symbols(fig, t)
  if fig.frames then
    return sheet(require "orrery.plot.film".still(fig), t)
  elseif fig.row_names or fig.column_names then
    return named(fig, t)
  elseif fig.figures then
    return sheet(fig, t)
  elseif fig.series then
    return chart(fig, t)
  elseif t.colors == "none" then
    return nil, "show: an image is all colours, and NO_COLOR is set; "
      .. "save it to a file"
  end
  local lines, width = image(fig:raster(), t, not getmetatable(t))
  return with_title(lines, fig, t.columns), width
end

--- Text that draws the figure; nil and a sentence when it cannot be drawn.
---@param fig orrery.plot.Figure
---@param t orrery.show.Terminal
---@return string? text
---@return string? why
return function(fig, t)
  if t.mode ~= "symbols" then
    local text = playing(fig, t) or with_pixels(fig, t)
    if text then return text end
  end
  local lines, why = symbols(fig, t)
  if not lines then return nil, why end
  return table.concat(lines, "\n") .. "\n"
end
