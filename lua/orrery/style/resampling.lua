--- Twice and half the side of images, smoothly: what bilinear interpolation
--- does, by shifts and sums, which differentiate again.
local orrery = require "orrery"
local options = require "orrery.options"

local resampling = {}

-- x and its neighbours before and after along an axis; the edge is its own.
local function neighbours(x, axis)
  local n = x:size(axis)
  if n == 1 then return x, x end
  return orrery.cat({ x:narrow(axis, 1, 1), x:narrow(axis, 1, n - 1) }, axis),
    orrery.cat({ x:narrow(axis, 2, n - 1), x:narrow(axis, n, 1) }, axis)
end

local function doubled(x, axis)
  local before, after = neighbours(x, axis)
  local near = x * 0.75
  local sizes = { x:shape() }
  sizes[axis] = sizes[axis] * 2
  return orrery.stack({ near + before * 0.25, near + after * 0.25 }, axis + 1)
    :reshape(sizes)
end

-- Weights 1, 3, 3, 1 over 8, at every second place.
local function halved(x, axis)
  local sizes = { x:shape() }
  local half = sizes[axis] // 2
  sizes[axis] = half
  table.insert(sizes, axis + 1, 2)
  local both = x:reshape(sizes)
  local a, b = both:select(axis + 1, 1), both:select(axis + 1, 2)
  local before = half == 1 and a or orrery.cat({ a:narrow(axis, 1, 1),
    b:narrow(axis, 1, half - 1) }, axis)
  local after = half == 1 and b or orrery.cat({ a:narrow(axis, 2, half - 1),
    b:narrow(axis, half, 1) }, axis)
  return (a + b) * 0.375 + (before + after) * 0.125
end

--- Images of twice the side: interpolate's "bilinear".
---@param x orrery.Tensor  [N, C, H, W]
---@return orrery.Tensor  [N, C, 2 H, 2 W]
function resampling.double(x)
  options.tensor("style.double", "x", x, "float")
  return doubled(doubled(x, 3), 4)
end

--- Images of half the side, smoothed by 1, 3, 3, 1 along both axes first
--- (Karras et al. 2019, 2020).
---@param x orrery.Tensor  [N, C, H, W], H and W even
---@return orrery.Tensor  [N, C, H / 2, W / 2]
function resampling.halve(x)
  options.tensor("style.halve", "x", x, "float")
  if x:dim() ~= 4 or x:size(3) % 2 ~= 0 or x:size(4) % 2 ~= 0 then
    require "orrery.blame"("style.halve: x is %s; give [N, C, H, W] of even "
      .. "sides", x:shape_str())
  end
  return halved(halved(x, 3), 4)
end

return resampling
