--- Values drawn at random: `lr=log:1e-4..1e-2`, `width=lin:16..256`. The i-th
--- draw of a knob depends on its name, the interval and i alone, so the same
--- command has the same trials, and a larger samples= adds to them.
local values = require "orrery.knobs.values"

local draws = {}

-- A number in [0, 1) from a text and a counter: FNV-1a, then the finalizer of
-- SplitMix64 (Steele, Lea and Flood 2014).
local function uniform(text, i)
  local h = 0xcbf29ce484222325
  for at = 1, #text do h = (h ~ text:byte(at)) * 0x100000001b3 end
  h = h + i * 0x9e3779b97f4a7c15
  h = (h ~ h >> 30) * 0xbf58476d1ce4e5b9
  h = (h ~ h >> 27) * 0x94d049bb133111eb
  return ((h ~ h >> 31) >> 11) * 0x1p-53
end

local function bounds(knob, name, kind, from, to)
  local low, why = values.read(knob, name, from)
  if low == nil then return nil, why end
  local high
  high, why = values.read(knob, name, to)
  if high == nil then return nil, why end
  local word = ("%s is %s:%s..%s; "):format(name, kind, from, to)
  if not (low < high) then
    return nil, word .. "write the smaller end first"
  elseif kind == "log" and low <= 0 then
    return nil, word .. "log: needs ends above 0"
  elseif high == math.huge or low == -math.huge then
    return nil, word .. "the ends must be finite"
  end
  return low, high
end

--- What a word asks to draw from.
---@param knob table
---@param name string
---@param text string  "log:1e-4..1e-2" or "lin:0..1"
---@return table? draw  nil when the word is no such thing
---@return string? message  when it is a wrong one
function draws.read(knob, name, text)
  local kind, from, to = text:match "^(%a+):(.-)%.%.(.+)$"
  if kind ~= "log" and kind ~= "lin" then return nil end
  local type_of = values.kind_of(knob)
  if type_of ~= "float" and type_of ~= "integer" then
    return nil, ("%s is %s; only numbers are drawn, and it is a %s"):format(
      name, text, type_of)
  end
  local low, high = bounds(knob, name, kind, from, to)
  if low == nil then return nil, high end
  return { name = name, kind = kind, low = low, high = high,
    whole = type_of == "integer", text = name .. "=" .. text }
end

-- Four digits are enough of a random number, and can be read.
local function value(draw, i)
  local u = uniform(draw.text, i)
  local low, high = draw.low, draw.high
  if draw.kind == "log" then
    low, high = math.log(low), math.log(high + (draw.whole and 1 or 0))
  elseif draw.whole then
    high = high + 1
  end
  local x = low + u * (high - low)
  if draw.kind == "log" then x = math.exp(x) end
  if draw.whole then
    return math.max(draw.low, math.min(draw.high, math.floor(x)))
  end
  x = tonumber(("%.4g"):format(x)) + 0.0
  return math.max(draw.low, math.min(draw.high, x))
end

--- The first n settings of the drawn knobs. Whole numbers may repeat: then
--- there are fewer.
---@param list table[]  of draws.read
---@param n integer
---@return table<string, number>[] settings
function draws.take(list, n)
  local out, seen = {}, {}
  for i = 1, n do
    local setting, words = {}, {}
    for j, draw in ipairs(list) do
      setting[draw.name] = value(draw, i)
      words[j] = values.show(setting[draw.name])
    end
    local key = table.concat(words, " ")
    if not seen[key] then seen[key], out[#out + 1] = true, setting end
  end
  return out
end

return draws
