--- Settings and results as text, and back to the last bit. JSON has no NaN
--- and no infinity: they are written as { "$number": "nan" }.
local json = require "orrery.json"
local packing = {}

local words = {
  ["nan"] = 0 / 0, ["inf"] = math.huge, ["-inf"] = -math.huge,
}

local function to_words(v)
  if type(v) == "table" then
    local out = setmetatable({}, getmetatable(v))
    for key, x in next, v do out[key] = to_words(x) end
    return out
  elseif math.type(v) ~= "float" or v - v == 0 then
    return v
  end
  return { ["$number"] = v ~= v and "nan" or v > 0 and "inf" or "-inf" }
end

local function from_words(v)
  if type(v) ~= "table" then return v end
  if v["$number"] then return words[v["$number"]] end
  for key, x in pairs(v) do v[key] = from_words(x) end
  return v
end

---@param value any  what orrery.json writes, and numbers of every kind
---@param indent? integer
---@return string
function packing.pack(value, indent)
  return json.encode(to_words(value), { indent = indent })
end

---@param text string?
---@return any value  nil for nil, and for what is not such a text
function packing.unpack(text)
  return text and from_words((json.decode(text)))
end

--- A number as one would type it; all others as tostring has them.
---@param v any
---@return string
function packing.show(v)
  if math.type(v) ~= "float" then return tostring(v) end
  local s = ("%.14g"):format(v)
  return tonumber(s) == v and s or ("%.17g"):format(v)
end

--- FNV-1a, 64 bits (Fowler, Noll, Vo): short names for long settings.
---@param text string
---@return string  16 hex digits
function packing.hash(text)
  local h = 0xcbf29ce484222325
  for i = 1, #text do h = (h ~ text:byte(i)) * 0x100000001b3 end
  return ("%016x"):format(h)
end

return packing
