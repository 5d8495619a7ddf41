--- What every function of orrery.plot returns: a picture that can be shown,
--- saved and had as bytes, whatever it is made of.
---
--- Charts (series and axes) are drawn by gnuplot when they are asked for;
--- images (`pixels`) are written by the core; grids have figures, and films
--- frames, of either kind.
local core = require "orrery.core"
local blame = require "orrery.blame"
local gnuplot = require "orrery.plot.gnuplot"
local raw = core._io

---@class orrery.plot.Figure
---@field kind string  "line" "scatter" "bar" "hist" "heatmap" "image" ...
---@field series? orrery.plot.Series[]  of a chart
---@field pixels? orrery.Tensor  of an image: uint8 [H, W] or [C, H, W]
---@field figures? orrery.plot.Figure[]  of a grid
---@field frames? orrery.plot.Figure[]  of a film
---@field title? string
---@field xlabel? string
---@field ylabel? string
---@field log_x? boolean
---@field log_y? boolean
---@field square? boolean  one unit is as long in x as in y
---@field size? integer[]  width and height in pixels
---@field caption? string  what a report writes below
local Figure = { __name = "orrery.plot.Figure" }
Figure.__index = Figure

local formats = { png = true, svg = true, gif = true }

--- Is this a figure?
---@param value any
---@return boolean
function Figure.is(value)
  return type(value) == "table" and getmetatable(value) == Figure
end

--- A figure of these fields.
---@param fields table
---@return orrery.plot.Figure
function Figure.new(fields) return setmetatable(fields, Figure) end

-- An image in an SVG: its PNG inside, with square pixels when it is enlarged.
local function wrapped(fig)
  local png, why = raw.png_bytes("plot", fig.pixels)
  if not png then return nil, why end
  local size = { fig.pixels:shape() }
  local w, h = size[#size], size[#size - 1]
  return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
    .. 'viewBox="0 0 %d %d">\n<image width="%d" height="%d" '
    .. 'style="image-rendering:pixelated" href="data:image/png;base64,%s"/>\n'
    .. "</svg>\n"):format(w, h, w, h, w, h,
      require "orrery.report.base64"(png))
end

local function sheet() return require "orrery.plot.sheet" end
local function film() return require "orrery.plot.film" end

--- The picture as a file would hold it.
---@param format "png"|"svg"|"gif"  a film moves as a GIF only: the others show
---  some of its frames side by side
---@return string? bytes  nil when it cannot be drawn here
---@return string? why
function Figure:bytes(format)
  if not formats[format] then
    blame("plot: format is %s; give png, svg or gif", tostring(format))
  end
  if format == "gif" then return film().gif(self) end
  if self.frames then return film().still(self):bytes(format) end
  if self.series then return gnuplot.draw(self, format) end
  if format == "svg" then
    return (self.figures and sheet().svg or wrapped)(self)
  end
  local pixels, why = self:raster()
  if not pixels then return nil, why end
  return raw.png_bytes("plot", pixels)
end

-- A JPEG has no transparency, and its pixels are those of the PNG.
local function save_jpeg(fig, path)
  local pixels, why = fig:raster()
  if not pixels then return nil, why end
  if pixels:size(1) == 4 then pixels = sheet().rgb(pixels) end
  return require "orrery.io".write_jpeg(path, pixels)
end

--- Writes the picture; the file appears whole or not at all.
---@param path string  ends in .png, .svg, .gif or .jpg
---@return boolean? ok  nil when it could not
---@return string? why
function Figure:save(path)
  local format = tostring(path):match "%.(%w+)$"
  format = format and format:lower()
  if format == "jpg" or format == "jpeg" then return save_jpeg(self, path) end
  if not formats[format] then
    blame("plot: %s ends in neither .png, .svg, .gif nor .jpg; name it so",
      tostring(path))
  end
  local bytes, why = self:bytes(format)
  if not bytes then return nil, why end
  return raw.write_file("plot", path, bytes)
end

--- The picture as pixels.
---@return orrery.Tensor? pixels  uint8 [C, H, W], C is 1, 3 or 4
---@return string? why
function Figure:raster()
  if self.frames then return film().still(self):raster() end
  if self.figures then return sheet().raster(self) end
  if self.pixels then
    return self.pixels:dim() == 2 and self.pixels:unsqueeze(1) or self.pixels
  end
  local png, why = gnuplot.draw(self, "png")
  if not png then return nil, why end
  return raw.png_pixels("plot", png)
end

--- The pixels of several figures; their charts are drawn together.
---@param figures orrery.plot.Figure[]
---@return orrery.Tensor[]? rasters
---@return string? why
function Figure.rasters(figures)
  local charts, rasters = {}, {}
  for _, fig in ipairs(figures) do
    if fig.series then charts[#charts + 1] = fig end
  end
  local pngs, why = {}, nil
  if #charts > 0 then pngs, why = gnuplot.draw_all(charts) end
  if not pngs then return nil, why end
  local drawn = 0
  for i, fig in ipairs(figures) do
    if fig.series then
      drawn = drawn + 1
      rasters[i], why = raw.png_pixels("plot", pngs[drawn])
    else
      rasters[i], why = fig:raster()
    end
    if not rasters[i] then return nil, why end
  end
  return rasters
end

function Figure:__tostring()
  local parts = { self.kind }
  if self.title then parts[#parts + 1] = ("%q"):format(self.title) end
  if self.pixels then
    local size = { self.pixels:shape() }
    parts[#parts + 1] = ("%d x %d"):format(size[#size], size[#size - 1])
  elseif self.frames then
    parts[#parts + 1] = ("%d frames"):format(#self.frames)
  end
  return ("figure (%s)"):format(table.concat(parts, ", "))
end

return Figure
