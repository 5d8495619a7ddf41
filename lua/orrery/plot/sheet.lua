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
-- there are charts, else to about 200 pixels; one with names beside its rows,
-- to about 700.
local function factor(fig, beside_charts, named)
  if not fig.pixels then return 1 end
  local w, h = sheet.extent(fig)
  local room = beside_charts and { chart[1], chart[2] - line } or { 200, 200 }
  if named then room = { 700, 1400 } end
  return math.max(1, math.min(room[1] // w, room[2] // h, named and 4 or 999))
end

local function longest(names)
  local most = 0
  for _, name in ipairs(names or {}) do
    most = math.max(most, utf8.len(tostring(name)) or 0)
  end
  return most
end

local function measured(fig)
  local cells, charts = {}, false
  local named = fig.row_names or fig.column_names
  for i, one in ipairs(fig.figures) do
    cells[i] = { figure = smaller(one) }
    charts = charts or one.series ~= nil
  end
  for _, cell in ipairs(cells) do
    local w, h = sheet.extent(cell.figure)
    cell.scale = factor(cell.figure, charts, named)
    cell.title = cell.figure.pixels and cell.figure.title
    cell.w, cell.h = w * cell.scale, h * cell.scale
    cell.head = (cell.title or fig.column_names) and line or 0
    cell.left = fig.row_names and 7 * longest(fig.row_names) + 12 or 0
  end
  return cells
end

-- Where the middle of row or column i of a grid of images is, in pixels of it.
local function middle(tiles, i, size)
  return tiles.padding + (i - 1) * (size + tiles.padding) + size / 2
end

--- Titles, and names of rows and columns, and where they go.
local function texts_of(fig, plan)
  local texts = {}
  local function add(text, x, y, align, bold)
    texts[#texts + 1] = { text = tostring(text), x = x, y = y, align = align,
      bold = bold }
  end
  if fig.title then
    add(fig.title, plan.width / 2, gap + line / 2, "center", true)
  end
  for _, cell in ipairs(plan.cells) do
    if cell.title then
      add(cell.title, cell.x + cell.w / 2, cell.y - line / 2, "center")
    end
  end
  local cell = plan.cells[1]
  local tiles = cell.figure.tiles
  for i, name in ipairs(fig.row_names or {}) do
    add(name, cell.x - 8, cell.y + cell.scale * middle(tiles, i, tiles.height),
      "right")
  end
  for i, name in ipairs(fig.column_names or {}) do
    add(name, cell.x + cell.scale * middle(tiles, i, tiles.width),
      cell.y - line / 2, "center")
  end
  return texts
end

--- Where everything goes.
---@param fig orrery.plot.Figure  with figures
---@return table plan  cells of figure, x, y, w, h, scale; texts of text, x, y,
---  align, bold; width, height
function sheet.plan(fig)
  local cells = measured(fig)
  local columns = math.min(#cells, fig.columns
    or math.ceil(math.sqrt(#cells)))
  local wide, high = {}, {}
  for i, cell in ipairs(cells) do
    local column, row = (i - 1) % columns + 1, (i - 1) // columns + 1
    cell.column, cell.row = column, row
    wide[column] = math.max(wide[column] or 0, cell.w + cell.left)
    high[row] = math.max(high[row] or 0, cell.h + cell.head)
  end
  local head = fig.title and line + 6 or 0
  local x, y = { gap }, { gap + head }
  for i = 1, #wide do x[i + 1] = x[i] + wide[i] + gap end
  for i = 1, #high do y[i + 1] = y[i] + high[i] + gap end
  for _, cell in ipairs(cells) do
    local free = wide[cell.column] - cell.w - cell.left
    cell.x = x[cell.column] + cell.left + free // 2
    cell.y = y[cell.row] + cell.head
  end
  local plan = { cells = cells, width = x[#x], height = y[#y] }
  plan.texts = texts_of(fig, plan)
  return plan
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

-- White paper with the texts on it.
local function paper(plan)
  if #plan.texts == 0 then
    return orrery.full({ 3, plan.height, plan.width }, 255,
      { dtype = "uint8" })
  end
  local png, why = gnuplot.texts(plan.texts, plan.width, plan.height)
  if not png then return nil, why end
  return raw.png_pixels("plot", png)
end

--- The sheet as pixels.
---@param fig orrery.plot.Figure
---@return orrery.Tensor? pixels  uint8 [3, H, W]
---@return string? why
function sheet.raster(fig)
  local plan = sheet.plan(fig)
  local page, why = paper(plan)
  if not page then return nil, why end
  local figures = {}
  for i, cell in ipairs(plan.cells) do figures[i] = cell.figure end
  local rasters
  rasters, why = Figure.rasters(figures)
  if not rasters then return nil, why end
  for i, cell in ipairs(plan.cells) do
    local pixels = rasters[i]
    if cell.scale > 1 then
      pixels = require "orrery.plot.pixels".enlarge(pixels:unsqueeze(1),
        cell.scale)[1]
    end
    paste(page, pixels, cell.x, cell.y)
  end
  return page
end

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

local anchors = { center = "middle", right = "end", left = "start" }

local function text_tag(t)
  return ('<text x="%g" y="%g" text-anchor="%s" font-size="13" '
    .. 'font-weight="%s" font-family="DejaVu Sans, Verdana, sans-serif">%s'
    .. "</text>"):format(t.x, t.y + 4.5, anchors[t.align],
      t.bold and "bold" or "normal", (t.text:gsub("[&<>]", entities)))
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
  for _, t in ipairs(plan.texts) do parts[#parts + 1] = text_tag(t) end
  for i, cell in ipairs(plan.cells) do
    local svg, why = cell.figure:bytes "svg"
    if not svg then return nil, why end
    parts[#parts + 1] = nested(svg, cell, i)
  end
  parts[#parts + 1] = "</svg>\n"
  return table.concat(parts, "\n")
end

return sheet
