--- Figures of any kind side by side on one sheet, each with its title.
local orrery = require "orrery"
local Figure = require "orrery.plot.figure"
local gnuplot = require "orrery.plot.gnuplot"
local script = require "orrery.plot.script"
local raw = require "orrery.core"._io

local sheet = {}

local gap = 10       -- pixels between cells
local line = 24      -- height of a title
local chart = { 480, 330 }

--- Width and height of a figure in pixels.
---@param fig orrery.plot.Figure
---@return integer width
---@return integer height
function sheet.extent(fig)
  if fig.pixels then
    local size = { fig.pixels:shape() }
    return size[#size], size[#size - 1]
  elseif fig.figures then
    local plan = sheet.plan(fig)
    return plan.width, plan.height
  end
  return script.size(fig)
end

-- Charts are smaller in company, unless they have a size of their own.
local function smaller(fig)
  if not fig.series or fig.size then return fig end
  local copy = {}
  for key, value in pairs(fig) do copy[key] = value end
  copy.size = fig.square and { chart[2] + 60, chart[2] } or chart
  return setmetatable(copy, getmetatable(fig))
end

-- What an image is enlarged by: whole times, to about a chart's size where
-- there are charts, else to about 200 pixels.
local function factor(fig, beside_charts)
  if not fig.pixels then return 1 end
  local w, h = sheet.extent(fig)
  local room = beside_charts and { chart[1], chart[2] - line } or { 200, 200 }
  return math.max(1, math.min(room[1] // w, room[2] // h))
end

local function measured(fig)
  local cells, charts = {}, false
  for i, one in ipairs(fig.figures) do
    cells[i] = { figure = smaller(one) }
    charts = charts or one.series ~= nil
  end
  for _, cell in ipairs(cells) do
    local w, h = sheet.extent(cell.figure)
    cell.scale = factor(cell.figure, charts)
    cell.title = cell.figure.pixels and cell.figure.title
    cell.w, cell.h = w * cell.scale, h * cell.scale
    cell.head = cell.title and line or 0
  end
  return cells
end

--- Where everything goes.
---@param fig orrery.plot.Figure  with figures
---@return table plan  cells of figure, x, y, w, h, head, title, scale; width,
---  height, head
function sheet.plan(fig)
  local cells = measured(fig)
  local columns = math.min(#cells, fig.columns
    or math.ceil(math.sqrt(#cells)))
  local wide, high = {}, {}
  for i, cell in ipairs(cells) do
    local column, row = (i - 1) % columns + 1, (i - 1) // columns + 1
    cell.column, cell.row = column, row
    wide[column] = math.max(wide[column] or 0, cell.w)
    high[row] = math.max(high[row] or 0, cell.h + cell.head)
  end
  local head = fig.title and line + 6 or 0
  local x, y = { gap }, { gap + head }
  for i = 1, #wide do x[i + 1] = x[i] + wide[i] + gap end
  for i = 1, #high do y[i + 1] = y[i] + high[i] + gap end
  for _, cell in ipairs(cells) do
    local free = wide[cell.column] - cell.w
    cell.x, cell.y = x[cell.column] + free // 2, y[cell.row] + cell.head
  end
  return { cells = cells, width = x[#x], height = y[#y], head = head }
end

-- uint8 [3, H, W] from any raster, what is transparent on white.
local function rgb(pixels)
  local c, h, w = pixels:shape()
  if c == 1 then return pixels:expand(3, h, w) end
  if c == 3 then return pixels end
  local color = pixels:narrow(1, 1, 3):to "float32"
  local alpha = pixels:narrow(1, 4, 1):to "float32" * (1 / 255)
  return ((color * alpha + (1 - alpha) * 255) + 0.5):floor():to "uint8"
end
sheet.rgb = rgb

local function paste(page, pixels, x, y)
  local _, h, w = pixels:shape()
  page[{ {}, { y + 1, y + h }, { x + 1, x + w } }] = rgb(pixels)
end

local function paste_text(page, text, x, y, w, bold)
  local png, why = gnuplot.text(text, w, line, "png", bold)
  if not png then return nil, why end
  paste(page, raw.png_pixels("plot", png), x, y)
  return true
end

local function paste_cell(page, cell, pixels)
  local k = cell.scale
  if k > 1 then
    pixels = require "orrery.plot.pixels".enlarge(pixels:unsqueeze(1), k)[1]
  end
  paste(page, pixels, cell.x, cell.y)
  if not cell.title then return true end
  return paste_text(page, cell.title, cell.x, cell.y - line, cell.w)
end

--- The sheet as pixels.
---@param fig orrery.plot.Figure
---@return orrery.Tensor? pixels  uint8 [3, H, W]
---@return string? why
function sheet.raster(fig)
  local plan = sheet.plan(fig)
  local page = orrery.full({ 3, plan.height, plan.width }, 255,
    { dtype = "uint8" })
  local figures = {}
  for i, cell in ipairs(plan.cells) do figures[i] = cell.figure end
  local rasters, problem = Figure.rasters(figures)
  if not rasters then return nil, problem end
  for i, cell in ipairs(plan.cells) do
    local ok, why = paste_cell(page, cell, rasters[i])
    if not ok then return nil, why end
  end
  if fig.title then
    local ok, why = paste_text(page, fig.title, gap, gap,
      plan.width - 2 * gap, true)
    if not ok then return nil, why end
  end
  return page
end

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

local function text_tag(text, x, y, weight)
  return ('<text x="%g" y="%g" text-anchor="middle" font-size="13" '
    .. 'font-weight="%s" font-family="DejaVu Sans, Verdana, sans-serif">%s'
    .. "</text>"):format(x, y, weight, (text:gsub("[&<>]", entities)))
end

-- An SVG inside another: placed and scaled, its names told from the others'.
local function nested(svg, cell, i)
  local w, h = sheet.extent(cell.figure)
  svg = svg:gsub("^.-<svg", "<svg", 1)
    :gsub("( id=['\"])", ("%%1c%d-"):format(i))
    :gsub("(href=['\"]#)", ("%%1c%d-"):format(i))
    :gsub("(url%(['\"]?#)", ("%%1c%d-"):format(i))
  local head, rest = svg:match "^(<svg[^>]*>)(.*)$"
  head = head:gsub(' width="[^"]*"', ""):gsub(' height="[^"]*"', "")
    :gsub(' viewBox="[^"]*"', "")
  return ('<svg x="%d" y="%d" width="%d" height="%d" viewBox="0 0 %d %d"')
    :format(cell.x, cell.y, cell.w, cell.h, w, h) .. head:sub(5) .. rest
end

--- The sheet as SVG.
---@param fig orrery.plot.Figure
---@return string? svg
---@return string? why
function sheet.svg(fig)
  local plan = sheet.plan(fig)
  local parts = { ('<svg xmlns="http://www.w3.org/2000/svg" '
    .. 'xmlns:xlink="http://www.w3.org/1999/xlink" width="%d" height="%d" '
    .. 'viewBox="0 0 %d %d">'):format(plan.width, plan.height, plan.width,
      plan.height), '<rect width="100%" height="100%" fill="white"/>' }
  if fig.title then
    parts[#parts + 1] = text_tag(fig.title, plan.width / 2, gap + 16, "bold")
  end
  for i, cell in ipairs(plan.cells) do
    local svg, why = cell.figure:bytes "svg"
    if not svg then return nil, why end
    parts[#parts + 1] = nested(svg, cell, i)
    if cell.title then
      parts[#parts + 1] = text_tag(cell.title, cell.x + cell.w / 2,
        cell.y - 7, "normal")
    end
  end
  parts[#parts + 1] = "</svg>\n"
  return table.concat(parts, "\n")
end

return sheet
