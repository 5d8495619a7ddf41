--- Twice and half the side of images, smoothly, as products with a matrix on
--- either side: they differentiate again, and cost little beside convolutions.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local program = require "orrery.core".program

local resampling = {}

-- Rows of weights: entries { place, weight }, where places beyond the edge are
-- the edge.
local function matrix(rows, n, entries)
  local list = {}
  for i = 1, rows do
    local row = {}
    for j = 1, n do row[j] = 0 end
    for _, e in ipairs(entries(i)) do
      local j = math.max(1, math.min(n, e[1]))
      row[j] = row[j] + e[2]
    end
    list[i] = row
  end
  return list
end

local makers = {}

function makers.double(n)
  return matrix(2 * n, n, function(i)
    local own = (i + 1) // 2
    return { { own, 0.75 }, { i % 2 == 1 and own - 1 or own + 1, 0.25 } }
  end)
end

function makers.halve(n)
  return matrix(n // 2, n, function(i)
    return { { 2 * i - 2, 0.125 }, { 2 * i - 1, 0.375 }, { 2 * i, 0.375 },
      { 2 * i + 1, 0.125 } }
  end)
end

-- Made once for each size, while anybody uses it. One made inside a step that
-- is being recorded is that step's own.
local kept = setmetatable({}, { __mode = "v" })

local function weights(kind, n, dtype)
  local key = ("%s %d %s"):format(kind, n, dtype)
  if kept[key] then return kept[key] end
  local m = orrery.tensor(makers[kind](n), { dtype = dtype })
  if not program.recording() then kept[key] = orrery.keep(m) end
  return m
end

local function resampled(kind, x)
  local h, w = x:size(3), x:size(4)
  local right = weights(kind, w, x.dtype):transpose(1, 2)
  return weights(kind, h, x.dtype):matmul(x):matmul(right)
end

local function images(who, x)
  options.tensor(who, "x", x, "float")
  if x:dim() ~= 4 then
    blame("%s: x is %s; give [N, C, H, W]", who, x:shape_str())
  end
end

--- Images of twice the side: interpolate's "bilinear".
---@param x orrery.Tensor  [N, C, H, W]
---@return orrery.Tensor  [N, C, 2 H, 2 W]
function resampling.double(x)
  images("style.double", x)
  return resampled("double", x)
end

--- Images of half the side, smoothed by 1, 3, 3, 1 along both axes first
--- (Karras et al. 2019, 2020); beyond the edge is the edge.
---@param x orrery.Tensor  [N, C, H, W], H and W even
---@return orrery.Tensor  [N, C, H / 2, W / 2]
function resampling.halve(x)
  images("style.halve", x)
  if x:size(3) % 2 ~= 0 or x:size(4) % 2 ~= 0 then
    blame("style.halve: x is %s; give even sides", x:shape_str())
  end
  return resampled("halve", x)
end

return resampling
