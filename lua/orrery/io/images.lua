--- Pictures: PNG, exact and with a checksum, and JPEG, neither.
local core = require "orrery.core"
local check = require "orrery.io.check"
local options = require "orrery.options"
local raw = core._io

local images = {}

local function read(kind, path)
  check.path("read_" .. kind, path)
  return raw.read_tensor(kind, "read_" .. kind, path)
end

--- Reads a PNG as uint8 [C, H, W]: C is 1 (grey), 3 (RGB) or 4 (RGBA).
---@param path string
---@return orrery.Tensor? picture
---@return string? why
function images.read_png(path) return read("png", path) end

--- Reads a JPEG as uint8 [C, H, W]: C is 1 (grey) or 3 (RGB; CMYK is
--- converted). EXIF is not looked at: a picture taken sideways comes sideways.
---@param path string
---@return orrery.Tensor? picture
---@return string? why
function images.read_jpeg(path) return read("jpeg", path) end

--- Reads a PNG or JPEG, whichever it is, whatever it is called.
---@param path string
---@return orrery.Tensor? picture
---@return string? why
function images.read_image(path) return read("image", path) end

--- Writes a PNG from uint8, or from floats where 0 is black and 1 white (what
--- lies outside is cut off).
---@param path string
---@param x orrery.Tensor  [H, W] or [C, H, W], C = 1, 3 or 4
---@return true? ok
---@return string? why
function images.write_png(path, x)
  check.path("write_png", path)
  check.tensor("write_png", x)
  return raw.write_tensor("png", "write_png", path, x)
end

local function quality_of(who, opts)
  opts = options.take(who, opts, { quality = 90 })
  return math.tointeger(options.number(who, "quality", opts.quality,
    function(q) return math.tointeger(q) and q >= 1 and q <= 100 end,
    "a whole number, 1 to 100"))
end

--- Writes a JPEG, from what write_png takes but a fourth channel. Below
--- quality 90 colours are kept at half the size.
---@param path string
---@param x orrery.Tensor  [H, W] or [C, H, W], C = 1 or 3
---@param opts? { quality?: integer }  1 to 100, 90 when absent
---@return true? ok
---@return string? why
function images.write_jpeg(path, x, opts)
  check.path("write_jpeg", path)
  check.tensor("write_jpeg", x)
  return raw.write_tensor("jpeg", "write_jpeg", path, x,
    quality_of("write_jpeg", opts))
end

--- Writes a picture in the format its name ends in: .png, .jpg or .jpeg.
---@param path string
---@param x orrery.Tensor  [H, W] or [C, H, W], uint8, or floats from 0 to 1
---@param opts? { quality?: integer }  of a JPEG
---@return true? ok
---@return string? why
function images.write_image(path, x, opts)
  local who = "write_image"
  check.path(who, path)
  check.tensor(who, x)
  local quality = quality_of(who, opts)
  local kind = (path:match "%.(%w+)$" or ""):lower()
  if kind == "png" then return raw.write_tensor("png", who, path, x) end
  if kind == "jpg" or kind == "jpeg" then
    return raw.write_tensor("jpeg", who, path, x, quality)
  end
  return core.blame(("%s: %s ends in neither .png, .jpg nor .jpeg; rename it")
    :format(who, path))
end

return images
