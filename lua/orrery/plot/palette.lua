--- Colours that can be told apart with any colour vision.
local palette = {}

--- For series: Okabe & Ito's, darkest first and its yellow deepened for white
--- paper; then two more, for ten classes.
--- Okabe, Ito, "Color Universal Design", 2008.
palette.series = {
  "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#000000",
  "#b3a100", "#8c6239", "#888888",
}

--- For numbers: from little to much. viridis by Smith and van der Walt, every
--- eighth of it; diverging is blue, white, orange, for both sides of a middle.
palette.maps = {
  viridis = { "#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80",
    "#5ec962", "#addc30", "#fde725" },
  diverging = { "#053061", "#2166ac", "#67a9cf", "#d1e5f0", "#f7f7f7",
    "#fddbc7", "#ef8a62", "#c0500e", "#672400" },
  grey = { "#000000", "#ffffff" },
}

--- Colour of series i.
---@param i integer
---@return string  "#rrggbb"
function palette.of(i)
  return palette.series[(i - 1) % #palette.series + 1]
end

local function parts(color)
  return tonumber(color:sub(2, 3), 16), tonumber(color:sub(4, 5), 16),
    tonumber(color:sub(6, 7), 16)
end
palette.parts = parts

--- Colour of a number in a map.
---@param map string
---@param at number  0 to 1
---@return integer r  0 to 255
---@return integer g
---@return integer b
function palette.at(map, at)
  local colors = palette.maps[map]
  at = math.max(0, math.min(1, at)) * (#colors - 1)
  local low = math.min(math.floor(at), #colors - 2)
  local f = at - low
  local r1, g1, b1 = parts(colors[low + 1])
  local r2, g2, b2 = parts(colors[low + 2])
  local function mix(a, b) return math.floor(a + (b - a) * f + 0.5) end
  return mix(r1, r2), mix(g1, g2), mix(b1, b2)
end

return palette
