--- Numbers and texts as gnuplot reads them.
local numbers = require "orrery.plot.numbers"

local text = {}

--- A text as nothing but text: no quote ends it, no line does.
function text.quote(value)
  local words = tostring(value):gsub("%c", " ")
  if not words:find "'" then return "'" .. words .. "'" end
  -- Between double quotes backquotes would run a program.
  return '"' .. words:gsub('[\\"`]', function(c)
    return ("\\%03o"):format(c:byte())
  end) .. '"'
end

--- A number; what is none, or infinite, leaves a gap.
function text.number(v)
  return numbers.finite(v) and ("%.9g"):format(v) or "NaN"
end

--- A label as a word of a data block.
function text.label(value)
  if value == nil then return '""' end
  if type(value) == "number" then value = ("%.5g"):format(value) end
  return '"' .. tostring(value):gsub('[%c"\\]', " ") .. '"'
end

--- A block of data named $name: rows of words, "" parts two stretches.
---@param name string
---@param rows string[]
---@return string
function text.block(name, rows)
  return ("%s << EOD\n%s\nEOD"):format(name, table.concat(rows, "\n"))
end

return text
