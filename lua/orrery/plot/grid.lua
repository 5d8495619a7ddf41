--- Many images side by side in one picture.
local options = require "orrery.options"
local pixels = require "orrery.plot.pixels"
local blame = require "orrery.blame"

--- Tiles images into rows, left to right, top to bottom.
---@param images orrery.Tensor  [N, C, H, W] (C is 1, 3 or 4), [N, H, W] or
---  [H, W]; uint8, or floats in [0, 1]
---@param given? table  columns (default: as square as can be), padding = 2
---  pixels, background = 255 (grey level between images), scale = 1 (each
---  pixel becomes scale x scale), range = { 0, 1 } (what black and white
---  stand for) or "auto"
---@return orrery.plot.Figure
return function(images, given)
  if not options.is_tensor(images) then
    blame("plot.grid: images are %s; give a tensor [N, C, H, W]",
      options.shown(images))
  end
  return pixels.figure("plot.grid", images, given, true)
end
