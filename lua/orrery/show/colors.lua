--- Colours as a terminal is told of them.
local colors = {}

--- The nearest of the 256 colours every terminal has: its 6 x 6 x 6 cube, or
--- its 24 greys where all three are close.
local function indexed(r, g, b)
  if math.max(r, g, b) - math.min(r, g, b) < 12 then
    local grey = (r + g + b) // 3
    if grey < 4 then return 16 elseif grey > 246 then return 231 end
    return 232 + math.min(23, math.max(0, (grey - 3) // 10))
  end
  local function level(v)
    return v < 48 and 0 or v < 115 and 1 or math.min(5, (v - 35) // 40)
  end
  return 16 + 36 * level(r) + 6 * level(g) + level(b)
end

--- The numbers that set a colour, between "\27[" and "m".
---@param depth "true"|"256"|"none"
---@param where 38|48  the text's colour, or the background's
---@param rgb? integer[]  the terminal's own when absent
---@return string
function colors.code(depth, where, rgb)
  if not rgb or depth == "none" then return tostring(where + 1) end
  if depth == "true" then
    return ("%d;2;%d;%d;%d"):format(where, rgb[1], rgb[2], rgb[3])
  end
  return ("%d;5;%d"):format(where, indexed(rgb[1], rgb[2], rgb[3]))
end

-- Those of orrery.plot.palette, lightened to be read on dark and light; the
-- seventh, black there, is the terminal's own.
local series = {
  { 59, 142, 208 }, { 224, 112, 42 }, { 31, 174, 132 }, { 230, 159, 0 },
  { 204, 121, 167 }, { 86, 180, 233 }, false, { 170, 155, 30 },
  { 160, 118, 79 }, { 136, 136, 136 },
}

--- Colour of series i.
---@param i integer
---@return integer[]? rgb
function colors.of(i) return series[(i - 1) % #series + 1] or nil end

return colors
