--- Settings given as words, `epochs=20 amounts=50,200`: found among others, and
--- read as what the file's own values are.
local values = require "orrery.knobs.values"

local given = {}

--- Name and text of a word `name=value`; nil when it is none.
---@param word string
---@return string? name
---@return string? text
function given.split(word)
  return word:match "^([%a_][%w_]*)=(.*)$"
end

--- All of them in a list of words, the last of a name.
---@param words string[]
---@return table<string, string> texts
function given.among(words)
  local texts = {}
  for _, word in ipairs(words) do
    local name, text = given.split(word)
    if name then texts[name] = text end
  end
  return texts
end

--- A text as a value like `own`: number, true or false, text, or a list.
---@param name string
---@param own any  what the file itself sets
---@param text string
---@return any value  nil when the text does not fit
---@return string? message
function given.value(name, own, text)
  local list = type(own) == "table"
  local knob = { own }
  if list and own[1] == nil or not values.convert[values.kind_of(knob)] then
    return nil, ("%s is a %s; change it in the file"):format(name, type(own))
  end
  if list then return values.read_all(knob, name, text) end
  return values.read(knob, name, text)
end

return given
