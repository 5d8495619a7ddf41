--- Tensors of images as one picture of bytes.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local Figure = require "orrery.plot.figure"
local palette = require "orrery.plot.palette"

local pixels = {}

--- What the options of images are, with their defaults.
pixels.defaults = { padding = 2, background = 255, scale = 1 }
pixels.optional = { "columns", "range", "title", "caption", "colors" }

-- What black and white stand for: { low, high }, or "auto" for the least and
-- the greatest value there is.
local function ends(who, x, range)
  if range == nil then return 0, 1 end
  if range == "auto" then
    if x:numel() == 0 then return 0, 1 end
    local finite = x:isfinite()
    if finite:any():item() == 0 then return 0, 1 end
    local shown = x:masked_select(finite)
    local low, high = shown:min():item(), shown:max():item()
    return low, high > low and high or low + 1
  end
  if type(range) ~= "table" or type(range[1]) ~= "number"
    or type(range[2]) ~= "number" or range[1] >= range[2] then
    blame('%s: range is %s; give { black, white } or "auto"', who,
      type(range) == "table" and "not two rising numbers"
      or options.shown(range))
  end
  return range[1], range[2]
end

--- uint8 from numbers; floats are taken as 0 (black) to 1 (white) unless
--- `range` says otherwise. What is no number is black.
function pixels.bytes(who, x, range)
  x = x:detach()
  if x.dtype == "uint8" and range == nil then return x end
  if x.dtype == "int64" and range == nil then
    blame("%s: the images are int64; make them uint8, or give range", who)
  end
  return orrery.no_grad(function()
    local low, high = ends(who, x, range)
    if x.dtype ~= "float64" then x = x:to "float32" end
    x = (x:nan_to_num(low, high, low) - low) * (1 / (high - low))
    return (x:clamp(0, 1) * 255 + 0.5):floor():to "uint8"
  end)
end

--- uint8 [N, C, H, W] from any tensor of images. Three axes are [C, H, W]
--- when the first is 1 or 3, unless `many` says that they are [N, H, W].
function pixels.batch(who, x, range, many)
  local rank = x:dim()
  if rank < 2 or rank > 4 then
    blame("%s: the tensor is %s; images are [H, W], [C, H, W] or "
      .. "[N, C, H, W]: reshape it", who, x:shape_str())
  end
  x = pixels.bytes(who, x, range)
  if rank == 2 then
    x = x:unsqueeze(1):unsqueeze(1)
  elseif rank == 3 then
    local one = not many and (x:size(1) == 1 or x:size(1) == 3)
    x = x:unsqueeze(one and 1 or 2)
  end
  local c = x:size(2)
  if x:numel() == 0 or c ~= 1 and c ~= 3 and c ~= 4 then
    blame("%s: images are %s; give at least one, of 1, 3 or 4 channels", who,
      x:shape_str())
  end
  return x
end

--- Each pixel as k x k of them.
---@param x orrery.Tensor  [N, C, H, W]
---@param k integer
function pixels.enlarge(x, k)
  if k == 1 then return x end
  local n, c, h, w = x:shape()
  return x:reshape(n, c, h, 1, w, 1):expand(n, c, h, k, w, k)
    :reshape(n, c, h * k, w * k)
end

--- Images side by side in rows, left to right, top to bottom.
---@param images orrery.Tensor  uint8 [N, C, H, W]
---@param o table  columns?, padding, background
---@return orrery.Tensor sheet  uint8 [C, ...]
---@return table tiles  where each is: count, columns, width, height, padding
function pixels.tile(images, o)
  local n, channels, h, w = images:shape()
  local pad = o.padding
  local columns = math.min(o.columns or math.ceil(math.sqrt(n)), n)
  local rows = (n + columns - 1) // columns
  local sheet = orrery.full(
    { channels, rows * (h + pad) + pad, columns * (w + pad) + pad },
    o.background, { dtype = "uint8" })
  for i = 1, n do
    local top = (i - 1) // columns * (h + pad) + pad
    local left = (i - 1) % columns * (w + pad) + pad
    sheet[{ {}, { top + 1, top + h }, { left + 1, left + w } }] = images[i]
  end
  return sheet, { count = n, columns = columns, width = w, height = h,
    padding = pad }
end

-- Grey levels as the colours of a map.
local function coloured(who, images, map)
  if not palette.maps[map] then
    blame('%s: colors is %s; give "viridis", "diverging" or "grey"', who,
      options.shown(map))
  elseif images:size(2) ~= 1 then
    blame("%s: colors are for images of one channel; these have %d", who,
      images:size(2))
  end
  local table_ = {}
  for level = 1, 256 do
    table_[level] = { palette.at(map, (level - 1) / 255) }
  end
  local colors = orrery.tensor(table_, { dtype = "uint8" })
  local n, _, h, w = images:shape()
  local places = images:reshape(-1):to "int64" + 1
  return colors:index_select(1, places):reshape(n, h, w, 3)
    :permute(1, 4, 2, 3)
end

local function checked(who, given)
  local o = options.take(who, given, pixels.defaults, pixels.optional)
  options.count(who, "padding", o.padding, 0)
  options.count(who, "scale", o.scale)
  if o.columns then options.count(who, "columns", o.columns) end
  options.number(who, "background", o.background, function(v)
    return v >= 0 and v <= 255
  end, "a grey level, 0 to 255")
  return o
end

--- A picture of one image, or of many as a grid.
---@param who string
---@param x orrery.Tensor
---@param given? table
---@param many? boolean  three axes are [N, H, W], and one has a border too
---@return orrery.plot.Figure
function pixels.figure(who, x, given, many)
  local o = checked(who, given)
  local images = pixels.batch(who, x, o.range, many)
  if o.colors then images = coloured(who, images, o.colors) end
  images = pixels.enlarge(images, o.scale)
  local sheet, tiles = images[1], nil
  if many or images:size(1) > 1 then sheet, tiles = pixels.tile(images, o) end
  if sheet:size(1) == 1 then sheet = sheet[1] end
  return Figure.new { kind = "image", pixels = sheet:contiguous(),
    tiles = tiles, title = o.title, caption = o.caption }
end

return pixels
