--- A chart in characters: the frame, its ticks and legend as letters, what it
--- shows in dots. It needs no other program, and is read in any terminal.
local bars = require "orrery.show.bars"
local canvas = require "orrery.show.canvas"
local colors = require "orrery.show.colors"
local letters = require "orrery.show.letters"
local marks = require "orrery.show.marks"
local numbers = require "orrery.plot.numbers"
local palette = require "orrery.plot.palette"
local ranges = require "orrery.plot.ranges"

local count = require "orrery.plot.marks".count
local clip, length = letters.clip, letters.length

local function centered(text, width)
  text = clip(text, width)
  return (" "):rep((width - length(text)) // 2) .. text
end

local function bold(text, t)
  return t.colors == "none" and text or "\27[1m" .. text .. "\27[0m"
end

local function coloured(text, color, t)
  if t.colors == "none" then return text end
  return ("\27[%sm%s\27[0m"):format(colors.code(t.colors, 38, color), text)
end

-- Signs and names, as many to a line as fit.
local function legend(fig, t, width, indent)
  local lines, line, used = {}, "", 0
  for _, s in ipairs(fig.legend ~= false and fig.series or {}) do
    if s.name then
      local sign, name = marks.sign(s), clip(s.name, width - 6)
      local n = length(sign) + length(name) + 4
      if used > 0 and used + n > width then
        lines[#lines + 1] = (" "):rep(indent) .. line
        line, used = "", 0
      end
      line = line .. coloured(sign, colors.of(s.color), t) .. " " .. name
        .. "   "
      used = used + n
    end
  end
  if used > 0 then lines[#lines + 1] = (" "):rep(indent) .. line end
  for i, text in ipairs(lines) do lines[i] = text:gsub("%s+$", "") end
  return lines
end

-- The colours of a map from its least to its greatest number.
local function scale(fig, t, indent, width)
  for _, s in ipairs(fig.series) do
    if s.z then
      local low, high = ranges.of_map(s)
      low, high = ("%.3g"):format(low), ("%.3g"):format(high)
      local n = math.max(2, math.min(24, width - indent - #low - #high - 2))
      local parts = {}
      for i = 0, n - 1 do
        parts[#parts + 1] = coloured("\u{2588}",
          { palette.at(s.map, i / (n - 1)) }, t)
      end
      local left = width - indent - #low - #high - n - 4
      return (" "):rep(indent) .. low .. " " .. table.concat(parts) .. " "
        .. high .. (s.zlabel and left > 3 and "  " .. clip(s.zlabel, left)
        or "")
    end
  end
end

-- From numbers to dots 0 .. n - 1, and back.
local function axis(range, log, n, down)
  local low, high = range[1], range[2]
  if log then low, high = math.log(low), math.log(high) end
  local function to(v)
    if not numbers.finite(v) or log and v <= 0 then return nil end
    local f = ((log and math.log(v) or v) - low) / (high - low)
    return (down and 1 - f or f) * (n - 1)
  end
  local function from(dot)
    local f = dot / (n - 1)
    local v = low + (down and 1 - f or f) * (high - low)
    return log and math.exp(v) or v
  end
  return to, from
end

-- Room for the plot itself, in characters: twice as high as wide.
local function room(fig, x, y, width, height)
  if not fig.square or fig.log_x or fig.log_y then return width, height end
  local ratio = (x[2] - x[1]) / (y[2] - y[1])
  local wide = math.floor(2 * height * ratio + 0.5)
  if wide <= width then return math.max(8, wide), height end
  return width, math.max(4, math.floor(width / ratio / 2 + 0.5))
end

local function y_ticks(fig, y, height)
  local names, values = {}, {}
  for _, s in ipairs(fig.series) do
    if s.rows and #s.rows <= height then values, names = s.y, s.rows end
  end
  if #values == 0 then
    values = ranges.ticks(y, math.max(2, height // 2), fig.log_y)
    for i, v in ipairs(values) do
      names[i] = ranges.tick_text(v, fig.log_y)
    end
  end
  return values, names
end

local function x_ticks(fig, x, width)
  for _, s in ipairs(fig.series) do
    if s.columns then return s.x, s.columns end
    if s.at then return s.at, s.x end
  end
  local values = ranges.ticks(x, math.max(2, width // 10), fig.log_x)
  local names = {}
  for i, v in ipairs(values) do names[i] = ranges.tick_text(v, fig.log_x) end
  return values, names
end

-- The line below the plot, and the ticks' texts where there is room for them.
local function bottom(values, names, to_x, width, indent)
  local rule, texts, free = {}, {}, 0
  for i = 1, width do rule[i] = "\u{2500}" end
  for i, v in ipairs(values) do
    local column = math.floor(to_x(v) + 0.5) // 2 + 1
    local name = tostring(names[i])
    local start = math.min(math.max(column - length(name) // 2, 1 - indent),
      width + 2 - length(name))
    if column >= 1 and column <= width and start > free then
      rule[column] = "\u{252c}"
      local pad = start - free - 1 + (free == 0 and indent or 0)
      texts[#texts + 1] = (" "):rep(pad) .. name
      free = start + length(name)
      texts[#texts + 1] = " "
    end
  end
  return (" "):rep(indent - 1) .. "\u{2514}" .. table.concat(rule),
    (table.concat(texts):gsub("%s+$", ""))
end

local function frame(fig, t, area, x, y)
  local width, height = room(fig, x, y, area.width, area.height)
  local to_x, at_x = axis(x, fig.log_x, 2 * width)
  local to_y, at_y = axis(y, fig.log_y, 4 * height, not fig.down)
  local c = { canvas = canvas(width, height), x = to_x, y = to_y, at_x = at_x,
    at_y = at_y, log_x = fig.log_x, log_y = fig.log_y }
  local number_of, seen = count(fig.series), {}
  for _, s in ipairs(fig.series) do
    seen[s.kind] = (seen[s.kind] or 0) + 1
    c.n, c.i = number_of[s.kind], seen[s.kind]
    marks[s.kind](s, c)
  end
  local values, names = y_ticks(fig, y, height)
  local label = {}
  for i, v in ipairs(values) do
    local row = math.floor(to_y(v) + 0.5) // 4 + 1
    label[row] = label[row] or tostring(names[i])
  end
  local lines = {}
  for row, text in ipairs(c.canvas:rows(t.colors)) do
    local name = clip(label[row] or "", area.indent - 2)
    lines[row] = (" "):rep(area.indent - 2 - length(name)) .. name
      .. (label[row] and " \u{2524}" or " \u{2502}") .. text
  end
  local xv, xn = x_ticks(fig, x, width)
  local rule, texts = bottom(xv, xn, to_x, width, area.indent)
  lines[#lines + 1], lines[#lines + 2] = rule, texts
  return lines, width
end

local function empty_line(fig)
  return "(" .. require "orrery.plot.script".reason(fig) .. ")"
end

-- How wide the ticks' texts on the left are, with the line beside them.
local function indent_of(fig, y, height, width)
  local longest = 1
  local _, names = y_ticks(fig, y, height)
  for _, name in ipairs(names) do
    longest = math.max(longest, length(tostring(name)))
  end
  return math.min(longest, 24, width // 4) + 2
end

--- Lines of text that draw a chart.
---@param fig orrery.plot.Figure  with series
---@param t orrery.show.Terminal
---@return string[] lines
---@return integer width  of the widest
return function(fig, t)
  local width = math.min(t.columns, 100)
  local lines, x, y, empty = {}, ranges.of(fig)
  local function add_all(more) table.move(more, 1, #more, #lines + 1, lines) end
  if fig.title then lines[1] = bold(centered(fig.title, width), t) end
  local only_bars = #fig.series > 0
  for _, s in ipairs(fig.series) do
    only_bars = only_bars and s.kind == "bar"
  end
  if empty or only_bars then
    if fig.ylabel then lines[#lines + 1] = clip(fig.ylabel, width) end
    add_all(empty and { empty_line(fig) } or bars(fig, t, width))
    add_all(legend(fig, t, width, 0))
    return lines, width
  end
  local height = math.max(6, math.min(20, t.rows - 8))
  local indent = indent_of(fig, y, height, width)
  if fig.ylabel then lines[#lines + 1] = clip(fig.ylabel, width) end
  local drawn, wide = frame(fig, t, { width = math.max(10, width - indent - 1),
    height = height, indent = indent }, x, y)
  add_all(drawn)
  if fig.xlabel then
    lines[#lines + 1] = (" "):rep(indent) .. centered(fig.xlabel, wide)
  end
  lines[#lines + 1] = scale(fig, t, indent, width)
  add_all(legend(fig, t, width - indent, indent))
  return lines, width
end
