--- Changes of images that augment data, and whether they can be undone. Only
--- what can be undone leaves the Jensen-Shannon divergence of two laws as it
--- is; everything else lowers it, and what a mixture of changes hides is lost
--- (Tran et al. 2021, table 1).
---
---     local turn = gan.maps.rotation(90)
---     turn.inverse(turn.forward(x))            -- x again
---     gan.maps.round_trip(gan.maps.translation(4), x)   -- over 0
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local maps = {}

---@class orrery.gan.Map
---@field name string
---@field forward fun(x: orrery.Tensor): orrery.Tensor  [B, C, S, S]
---@field inverse fun(y: orrery.Tensor): orrery.Tensor  what comes closest
---@field invertible boolean

--- A quarter turn, or two or three, counterclockwise.
---@param degrees integer  0, 90, 180 or 270
---@return orrery.gan.Map
function maps.rotation(degrees)
  local k = math.tointeger(degrees) and degrees % 90 == 0 and degrees // 90
  if not k then
    blame("rotation: degrees is %s; give 90, 180 or 270",
      options.shown(degrees))
  end
  local function turn(x, times)
    return x:rot90 { k = times, axes = { 3, 4 } }
  end
  return { name = ("rotation %d"):format(degrees), invertible = true,
    forward = function(x) return turn(x, k) end,
    inverse = function(y) return turn(y, -k) end }
end

local mirrors = { ["left-right"] = { 4 }, ["up-down"] = { 3 },
  both = { 3, 4 } }

--- A mirror image.
---@param way string  "left-right", "up-down" or "both"
---@return orrery.gan.Map
function maps.flip(way)
  local axes = mirrors[way]
  if not axes then
    blame("flip: way is %s; give left-right, up-down or both",
      options.shown(way))
  end
  local function fn(x) return x:flip(axes) end
  return { name = "flip " .. way, invertible = true, forward = fn,
    inverse = fn }
end

--- Several, the first of the list first.
---@param list orrery.gan.Map[]
---@return orrery.gan.Map
function maps.chain(list)
  local names, invertible = {}, true
  for i, map in ipairs(list) do
    names[i], invertible = map.name, invertible and map.invertible
  end
  return { name = table.concat(names, ", "), invertible = invertible,
    forward = function(x)
      for _, map in ipairs(list) do x = map.forward(x) end
      return x
    end,
    inverse = function(y)
      for i = #list, 1, -1 do y = list[i].inverse(y) end
      return y
    end }
end

local shifts = { up = { 0, -1 }, down = { 0, 1 }, left = { -1, 0 },
  right = { 1, 0 } }

-- Columns and rows move on; what leaves is lost, zeros come in.
local function shifted(x, dx, dy)
  return orrery.functional.pad(x, { dx, -dx, dy, -dy })
end

--- A shift by so many pixels, zeros where nothing comes from.
---@param pixels integer
---@param way? string  "right", "left", "up" or "down"
---@return orrery.gan.Map
function maps.translation(pixels, way)
  options.count("translation", "pixels", pixels, 0)
  local step = shifts[way or "right"]
  if not step then
    blame("translation: way is %s; give right, left, up or down",
      options.shown(way))
  end
  local dx, dy = step[1] * pixels, step[2] * pixels
  return { name = ("translation %s by %d"):format(way or "right", pixels),
    invertible = pixels == 0,
    forward = function(x) return shifted(x, dx, dy) end,
    inverse = function(y) return shifted(y, -dx, -dy) end }
end

local corners = { ["top left"] = { 0, 0 }, ["top right"] = { 1, 0 },
  ["bottom left"] = { 0, 1 }, ["bottom right"] = { 1, 1 } }

local function resized(x, size)
  return orrery.functional.interpolate(x, { size = { size, size },
    mode = "bilinear" })
end

--- A corner of the image, enlarged to its size.
---@param share number  of the side that is kept, 0 to 1
---@param corner? string  "top left", "top right", "bottom left" or "bottom
---  right"
---@return orrery.gan.Map
function maps.crop(share, corner)
  options.number("crop", "share", share, function(v)
    return v > 0 and v <= 1
  end, "a number over 0, up to 1")
  local at = corners[corner or "top left"]
  if not at then
    blame("crop: corner is %s; give top left, top right, bottom left or "
      .. "bottom right", options.shown(corner))
  end
  local function kept(side) return math.max(1, math.floor(side * share)) end
  return { name = ("crop %s %g"):format(corner or "top left", share),
    invertible = share == 1,
    forward = function(x)
      local side = x:size(4)
      local k = kept(side)
      local from = { at[1] * (side - k), at[2] * (side - k) }
      return resized(x:narrow(4, from[1] + 1, k):narrow(3, from[2] + 1, k),
        side)
    end,
    inverse = function(y)
      local side = y:size(4)
      local k = kept(side)
      local left, top = at[1] * (side - k), at[2] * (side - k)
      return orrery.functional.pad(resized(y, k), { left, side - k - left, top,
        side - k - top })
    end }
end

--- The quarter turns but the whole one: 90, 180 and 270 degrees.
---@return orrery.gan.Map[]
function maps.rotations()
  return { maps.rotation(90), maps.rotation(180), maps.rotation(270) }
end

--- The three mirror images.
---@return orrery.gan.Map[]
function maps.flips()
  return { maps.flip "left-right", maps.flip "up-down", maps.flip "both" }
end

--- The largest error of a map and its inverse: 0 when it can be undone.
---@param map orrery.gan.Map
---@param x orrery.Tensor  [B, C, S, S]
---@return number
function maps.round_trip(map, x)
  return orrery.no_grad(function()
    return (map.inverse(map.forward(x)) - x):abs():max():item()
  end)
end

return maps
