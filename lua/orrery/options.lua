--- Checks of plain arguments: what layers, optimisers and loops are given.
local blame = require "orrery.blame"
local nearest = require "orrery.nearest"
local sorted_keys = require "orrery.sorted_keys"

local options = {}

--- Is x a tensor?
options.is_tensor = require("orrery.core")._io.is_tensor

--- Fills in defaults and refuses names nobody asked for.
---@param who string  the function, for messages
---@param given? table  as the user wrote it
---@param defaults table<string, any>  name -> default
---@param optional? string[]  further names, without default
---@return table  a fresh table
function options.take(who, given, defaults, optional)
  if given ~= nil and type(given) ~= "table" then
    blame("%s: options are a %s; write them as a table { name = value }", who,
      type(given))
  end
  local known, taken = {}, {}
  for name, value in pairs(defaults) do
    known[name], taken[name] = true, value
  end
  for _, name in ipairs(optional or {}) do known[name] = true end
  for name, value in pairs(given or {}) do
    if not known[name] then options.unknown(who, name, known) end
    taken[name] = value
  end
  return taken
end

--- Raises for an option nobody asked for, naming the nearest one.
function options.unknown(who, name, known)
  local names = sorted_keys(known)
  local close = type(name) == "string" and nearest(name, names)
  blame("%s: unknown option %s; %s", who, tostring(name),
    close and "did you mean " .. close .. "?"
    or "it takes " .. table.concat(names, ", "))
end

--- A value as sentences name it.
local function shown(value)
  if type(value) == "string" then
    return #value <= 40 and ("%q"):format(value) or "a long string"
  end
  if type(value) == "number" then return tostring(value) end
  if options.is_tensor(value) then
    return ("%s %s tensor %s"):format(value.dtype == "int64" and "an" or "a",
      value.dtype, value:shape_str())
  end
  local meta = type(value) == "userdata" and getmetatable(value)
  return value == nil and "missing" or "a " .. (meta and meta.__name
    or type(value))
end
options.shown = shown

--- True or false.
---@param who string  whose sentence it is
---@param name string
---@param value any
---@return boolean value
function options.flag(who, name, value)
  if type(value) ~= "boolean" then
    blame("%s: %s is %s; give true or false", who, name, shown(value))
  end
  return value
end

--- A whole number of at least `least` (1 unless told), as an integer.
function options.count(who, name, value, least)
  local n = math.tointeger(value)
  least = least or 1
  if type(value) ~= "number" or not n or n < least then
    blame("%s: %s is %s; give a whole number of at least %d", who, name,
      shown(value), least)
  end
  return n
end

--- A number for which `holds`, if given; `wish` says so in words.
function options.number(who, name, value, holds, wish)
  if type(value) ~= "number" or (holds and not holds(value)) then
    blame("%s: %s is %s; give %s", who, name, shown(value), wish or "a number")
  end
  return value
end

--- One or two whole numbers: { height, width }.
function options.pair(who, name, value, least)
  if type(value) == "table" then
    if #value ~= 2 then
      blame("%s: %s has %d entries; give one number or { height, width }", who,
        name, #value)
    end
    return { options.count(who, name, value[1], least),
      options.count(who, name, value[2], least) }
  end
  local n = options.count(who, name, value, least)
  return { n, n }
end

--- A tensor; a floating one with `kind` "float".
function options.tensor(who, name, value, kind)
  if not options.is_tensor(value)
    or (kind == "float" and not value.dtype:find "^float") then
    blame("%s: %s is %s; give a %stensor", who, name, shown(value),
      kind == "float" and "floating " or "")
  end
  return value
end

--- A string that is not empty.
function options.text(who, name, value)
  if type(value) ~= "string" or value == "" then
    blame("%s: %s is %s; give a string", who, name, shown(value))
  end
  return value
end

--- A callable: a function, or a table or userdata with __call.
function options.callable(who, name, value)
  local meta = type(value) ~= "function" and getmetatable(value)
  if type(value) ~= "function" and not (meta and meta.__call) then
    blame("%s: %s is %s; give a function", who, name, shown(value))
  end
  return value
end

return options
