--- A rectangle of characters to draw on: in dots, 2 across and 4 down to a
--- character (braille), in letters, and in background colours, two to a
--- character. What was drawn last is on top; letters hide dots.
local code = require "orrery.show.colors".code

---@class orrery.show.Canvas
---@field width integer  characters
---@field height integer
local Canvas = {}
Canvas.__index = Canvas

-- Bits of the dots of one character, by column and row.
local bits = { [0] = { [0] = 0x01, 0x02, 0x04, 0x40 },
  { [0] = 0x08, 0x10, 0x20, 0x80 } }

local function cell(self, column, row)
  if column < 1 or row < 1 or column > self.width or row > self.height then
    return nil
  end
  local at = (row - 1) * self.width + column
  local c = self.cells[at]
  if not c then
    c = { dots = 0 }
    self.cells[at] = c
  end
  return c
end

--- Sets a dot; x and y count from 0, from the left and from the top.
function Canvas:dot(x, y, color)
  local c = cell(self, x // 2 + 1, y // 4 + 1)
  if not c then return end
  c.dots = c.dots | bits[x % 2][y % 4]
  c.color, c.shade = color, nil
end

--- A letter at a column and row, from 1.
function Canvas:put(column, row, letter, color)
  local c = cell(self, column, row)
  if c then c.letter, c.color = letter, color end
end

--- A text from a column on.
function Canvas:write(column, row, text, color)
  for _, point in utf8.codes(text, true) do
    self:put(column, row, utf8.char(point), color)
    column = column + 1
  end
end

--- A light pattern where there is nothing else.
function Canvas:tint(column, row, color)
  local c = cell(self, column, row)
  if c and c.dots == 0 and not c.letter then c.shade, c.color = true, color end
end

--- Background colours of the upper and the lower half of a character.
function Canvas:fill(column, row, upper, lower)
  local c = cell(self, column, row)
  if c then c.upper, c.lower = upper, lower end
end

-- The part of a line from p within 0 .. size, as fractions of it.
local function clip(p, d, size, t0, t1)
  if d == 0 then
    if p < 0 or p > size then return 1, 0 end
    return t0, t1
  end
  local a, b = -p / d, (size - p) / d
  if a > b then a, b = b, a end
  return math.max(t0, a), math.min(t1, b)
end

local function whole(v) return math.floor(v + 0.5) end

--- A line of dots; what lies outside is left out.
function Canvas:line(x1, y1, x2, y2, color)
  local dx, dy = x2 - x1, y2 - y1
  local t0, t1 = clip(x1, dx, 2 * self.width - 1, 0, 1)
  t0, t1 = clip(y1, dy, 4 * self.height - 1, t0, t1)
  if t0 > t1 then return end
  local ax, ay = x1 + t0 * dx, y1 + t0 * dy
  local bx, by = x1 + t1 * dx, y1 + t1 * dy
  local steps = math.max(1, whole(math.max(math.abs(bx - ax),
    math.abs(by - ay))))
  for i = 0, steps do
    self:dot(whole(ax + (bx - ax) * i / steps),
      whole(ay + (by - ay) * i / steps), color)
  end
end

-- What a character shows: its text, its colour and its background.
local function shown(c)
  if not c then return " " end
  if c.letter then return c.letter, c.color, c.lower or c.upper end
  if c.dots ~= 0 then
    return utf8.char(0x2800 + c.dots), c.color, c.lower or c.upper
  end
  if c.upper or c.lower then
    if not c.upper then return "\u{2584}", c.lower end
    return "\u{2580}", c.upper, c.lower
  end
  if c.shade then return "\u{2591}", c.color end
  return " "
end

--- The rows as text, each of `width` characters but for spaces at its end.
---@param depth "true"|"256"|"none"
---@return string[]
function Canvas:rows(depth)
  local rows = {}
  for row = 1, self.height do
    local line, before = {}, "39;49"
    for column = 1, self.width do
      local letter, fore, back = shown(
        self.cells[(row - 1) * self.width + column])
      local now = code(depth, 38, fore) .. ";" .. code(depth, 48, back)
      if now ~= before and depth ~= "none" then
        line[#line + 1] = "\27[" .. now .. "m"
        before = now
      end
      line[#line + 1] = letter
    end
    local text = table.concat(line)
    rows[row] = before ~= "39;49" and text .. "\27[0m"
      or text:gsub(" +$", "")
  end
  return rows
end

---@param width integer  characters
---@param height integer
---@return orrery.show.Canvas
return function(width, height)
  return setmetatable({ width = width, height = height, cells = {} }, Canvas)
end
