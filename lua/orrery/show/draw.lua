--- A figure as text for a terminal.
local orrery = require "orrery"
local raw = require "orrery.core"._io
local blocks = require "orrery.show.blocks"
local chafa = require "orrery.show.chafa"

local draw = {}

-- Pixels as large as `size` (width, height) holds, and no more than `most`
-- times their own: whole times, so that each stays a square.
local function enlarged(pixels, size, most)
  local c, h, w = pixels:shape()
  local k = math.min(most, size[1] // w, size[2] // h)
  if k <= 1 then return pixels end
  return pixels:reshape(c, h, 1, w, 1):expand(c, h, k, w, k)
    :reshape(c, h * k, w * k)
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

local function room(t)
  return { t.columns * t.cell[1], math.max(8, t.rows - 3) * t.cell[2] }
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

-- An image for a terminal that draws pixels.
local function with_pixels(pixels, t)
  local size = room(t)
  pixels = fitted(enlarged(pixels, { math.min(size[1], 640),
    math.min(size[2], 640) }, 8), size)
  if t.mode == "sixel" then return chafa(pixels, t, "sixel") end
  local png, why = raw.png_bytes("show", pixels)
  if not png then return nil, why end
  return draw[t.mode](png)
end

local function with_symbols(pixels, t)
  local size = { t.columns, 2 * math.max(4, t.rows - 3) }
  local _, h, w = pixels:shape()
  if w > size[1] or h > size[2] then
    local text = chafa(pixels, t, "symbols")
    if text then return text end
  end
  return blocks(fitted(enlarged(pixels, size, 4), size), t.colors)
end

--- Text that draws the figure; nil and a sentence when it cannot be drawn.
---@param fig orrery.plot.Figure
---@param t orrery.show.Terminal
---@return string? text
---@return string? why
return function(fig, t)
  local pixels, why = fig:raster()
  if not pixels then return nil, why end
  if t.mode ~= "symbols" then
    local text = with_pixels(pixels, t)
    if text then return text end
  end
  return with_symbols(pixels, t)
end
