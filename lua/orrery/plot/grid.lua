--- Many images side by side in one picture.
local orrery = require "orrery"

---@class orrery.plot.Picture
---@field pixels orrery.Tensor  uint8 [H, W] or [3, H, W]
local Picture = {}
Picture.__index = Picture

--- Writes the picture.
---@param path string  ends in .png
---@return boolean? ok  nil when it could not
---@return string? message
function Picture:save(path)
  return orrery.io.write_png(path, self.pixels)
end

-- uint8 [N, C, H, W]; floats are taken as 0 (black) to 1 (white).
local function to_bytes(images)
  if images.dtype ~= "uint8" then
    images = (images:detach():clamp(0, 1) * 255 + 0.5):floor():to("uint8")
  end
  if images:dim() == 2 then images = images:unsqueeze(1) end
  if images:dim() == 3 then images = images:unsqueeze(2) end
  return images
end

--- Tiles images into rows, left to right, top to bottom.
---@param images orrery.Tensor  [N, C, H, W] (C is 1 or 3), [N, H, W] or [H, W];
---  uint8, or floats in [0, 1]
---@param options? table  columns (default: as square as can be), padding = 2
---  pixels, background = 255 (grey level between images), scale = 1 (each
---  pixel becomes scale x scale)
---@return orrery.plot.Picture
return function(images, options)
  local o = options or {}
  if type(images) ~= "userdata" or images:dim() < 2 or images:dim() > 4 then
    error("plot.grid: images are not a tensor [N, C, H, W]; stack them first",
      2)
  end
  images = to_bytes(images)
  local n, channels, h, w = images:shape()
  if n == 0 or (channels ~= 1 and channels ~= 3) then
    error(("plot.grid: images are %s; give at least one, of 1 or 3 channels")
      :format(images:shape_str()), 2)
  end
  local scale, pad = o.scale or 1, o.padding or 2
  if scale > 1 then
    images = images:reshape(n, channels, h, 1, w, 1)
      :expand(n, channels, h, scale, w, scale)
      :reshape(n, channels, h * scale, w * scale)
    h, w = h * scale, w * scale
  end
  local columns = o.columns or math.ceil(math.sqrt(n))
  local rows = (n + columns - 1) // columns
  local sheet = orrery.full(
    { channels, rows * (h + pad) + pad, columns * (w + pad) + pad },
    o.background or 255, { dtype = "uint8" })
  for i = 1, n do
    local top = (i - 1) // columns * (h + pad) + pad
    local left = (i - 1) % columns * (w + pad) + pad
    sheet[{ {}, { top + 1, top + h }, { left + 1, left + w } }] = images[i]
  end
  if channels == 1 then sheet = sheet[1] end
  return setmetatable({ pixels = sheet }, Picture)
end
