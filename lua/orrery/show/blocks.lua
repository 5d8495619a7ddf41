--- Pixels as half-blocks: each character is two of them, one above the other,
--- the upper in the text's colour and the lower in the background's.

local code = require "orrery.show.colors".code

-- Rows of pixels as functions of the column: red, green, blue, with what is
-- transparent on white.
local function reader(pixels)
  local planes = pixels:tolist()
  local n = #planes
  return function(row, column)
    local v = planes[1][row][column]
    if n == 1 then return v, v, v end
    local g, b = planes[2][row][column], planes[3][row][column]
    if n == 3 then return v, g, b end
    local a = planes[4][row][column]
    local function on_white(x) return (x * a + 255 * (255 - a)) // 255 end
    return on_white(v), on_white(g), on_white(b)
  end
end

--- Text that draws the pixels.
---@param pixels orrery.Tensor  uint8 [C, H, W], C is 1, 3 or 4
---@param colors "true"|"256"
---@return string
return function(pixels, colors)
  local _, h, w = pixels:shape()
  local at, lines = reader(pixels), {}
  for top = 1, h, 2 do
    local line, fore, back = {}, nil, nil
    for x = 1, w do
      local f = code(colors, 38, { at(top, x) })
      local b = code(colors, 48, top < h and { at(top + 1, x) } or nil)
      if f ~= fore or b ~= back then
        line[#line + 1] = ("\27[%s;%sm"):format(f, b)
        fore, back = f, b
      end
      line[#line + 1] = "\u{2580}"
    end
    lines[#lines + 1] = table.concat(line) .. "\27[0m\n"
  end
  return table.concat(lines)
end
