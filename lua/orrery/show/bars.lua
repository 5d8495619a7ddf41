--- Bars in characters: a line for each, so that names of any length are read.
local colors = require "orrery.show.colors"
local letters = require "orrery.show.letters"
local numbers = require "orrery.plot.numbers"

local eighths = { "\u{258f}", "\u{258e}", "\u{258d}", "\u{258c}", "\u{258b}",
  "\u{258a}", "\u{2589}" }

local function value_text(s, i, short)
  local text = ("%.4g"):format(s.y[i])
  if not short and s.low and numbers.finite(s.low[i]) then
    text = ("%s (%.4g to %.4g)"):format(text, s.low[i], s.high[i])
  end
  return text
end

-- A bar from 0, whose place is after `zero` eighths of the room.
local function bar(from, to)
  from, to = math.floor(from + 0.5), math.floor(to + 0.5)
  local full, rest = (to - from) // 8, (to - from) % 8
  return (" "):rep(from // 8) .. ("\u{2588}"):rep(full)
    .. (eighths[rest] or "")
end

---@param fig orrery.plot.Figure
---@param t orrery.show.Terminal
---@param width integer
---@return string[] lines
return function(fig, t, width)
  local names, longest, values = {}, 0, 0
  local low, high = math.min(0, fig.ymin or 0), math.max(0, fig.ymax or 0)
  for _, s in ipairs(fig.series) do
    for i, y in ipairs(s.y) do
      names[i] = names[i] or (type(s.x[i]) == "number"
        and ("%.6g"):format(s.x[i]) or tostring(s.x[i]))
      longest = math.max(longest, letters.length(names[i]))
      if numbers.finite(y) then
        values = math.max(values, #value_text(s, i))
        low, high = math.min(low, y), math.max(high, y)
      end
    end
  end
  if high == low then high = low + 1 end
  longest = math.min(longest, width // 3)
  local short = width - longest - values < 15
  if short then values = 10 end
  local room = math.max(4, width - longest - values - 3)
  local unit = 8 * room / (high - low)
  local lines = {}
  for i, name in ipairs(names) do
    for k, s in ipairs(fig.series) do
      local y = s.y[i]
      local head = letters.pad(k == 1 and name or "", longest)
      local text = "no number"
      local drawn = ""
      if numbers.finite(y) then
        text = value_text(s, i, short)
        -- Left of 0 in whole characters: there are no eighths from the right.
        local zero = -low * unit // 8 * 8
        drawn = y >= 0 and bar(zero, zero + y * unit)
          or bar((zero + y * unit) // 8 * 8, zero)
      end
      local on = "\27[" .. colors.code(t.colors, 38, colors.of(s.color)) .. "m"
      lines[#lines + 1] = t.colors == "none"
        and ("%s %s %s"):format(head, drawn, text)
        or ("%s %s%s\27[0m %s"):format(head, on, drawn, text)
    end
  end
  return lines
end
