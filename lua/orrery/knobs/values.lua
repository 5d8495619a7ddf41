--- What knobs are made of: their types, the values a word stands for, and
--- the knobs every script has.
local nearest = require "orrery.nearest"
local sorted_keys = require "orrery.sorted_keys"
local values = {}

-- Every script has these. All but the seed steer the run, not the trial.
values.builtin = {
  seed = { 1, "seed of every random stream", min = 0 },
  threads = { 0, "threads to compute with, 0 for the default", min = 0 },
  out = { "runs", "folder of the store and of the run folders" },
  samples = { 0, "draws of knobs written lr=log:1e-4..1e-2, x=lin:0..1",
    min = 0, max = 10000 },
  halve = { "", "knob that is a budget, epochs=1,3,9: the best go on" },
  by = { "", "result that halve compares, smallest best, or max:RESULT" },
}
local builtin_names = { "seed", "threads", "out", "samples", "halve", "by" }

--- A knob of the script, or one that every script has; nil when neither.
function values.declared(spec, name)
  return (spec.knobs or {})[name] or values.builtin[name]
end

--- Names of all knobs, the script's own first.
function values.names(spec)
  local names = sorted_keys(spec.knobs or {})
  for _, name in ipairs(builtin_names) do
    if not (spec.knobs or {})[name] then names[#names + 1] = name end
  end
  return names
end

-- The default's first value decides the type: a list is a sweep by default.
function values.kind_of(knob)
  local v = knob[1]
  if type(v) ~= "table" then return math.type(v) or type(v) end
  for _, x in ipairs(v) do
    if math.type(x) == "float" then return "float" end
  end
  return math.type(v[1]) or type(v[1])
end

--- A value as one would type it.
function values.show(v)
  if math.type(v) == "float" then
    local s = ("%.14g"):format(v)
    return tonumber(s) == v and s or ("%.17g"):format(v)
  end
  return tostring(v)
end

function values.show_list(list)
  local out = {}
  for i, v in ipairs(list) do out[i] = values.show(v) end
  return table.concat(out, ",")
end

--- What to say after a word that is none of `names`. A number is no slip of the
--- pen: all are named.
function values.did_you_mean(word, names)
  local near = not tonumber(word) and nearest(word, names)
  if near then return "did you mean " .. near .. "?" end
  return "it is one of " .. table.concat(names, ", ")
end

local convert = {}
values.convert = convert

function convert.integer(text)
  local v = tonumber(text)
  return v and math.tointeger(v), "a whole number"
end

function convert.float(text)
  local v = tonumber(text)
  if text == "inf" or text == "-inf" then
    v = text == "inf" and math.huge or -math.huge
  end
  return v and v + 0.0, "a number"
end

function convert.boolean(text)
  local words = {
    ["true"] = true, yes = true, on = true, ["1"] = true,
    ["false"] = false, no = false, off = false, ["0"] = false,
  }
  return words[text], "true or false"
end

function convert.string(text) return text, "text" end

-- Value of one word, or nil and what is wrong with it.
function values.read(knob, name, text)
  local value, want = convert[values.kind_of(knob)](text)
  if value == nil then
    return nil, ("%s is %s; it must be %s"):format(name,
      text == "" and "empty" or text, want)
  end
  if knob.one_of then
    local names = {}
    for i, v in ipairs(knob.one_of) do
      if v == value then return value end
      names[i] = values.show(v)
    end
    return nil, ("%s is %s; %s"):format(name, text,
      values.did_you_mean(text, names))
  end
  if knob.min and value < knob.min then
    return nil, ("%s is %s; it must be at least %s"):format(name, text,
      values.show(knob.min))
  elseif knob.max and value > knob.max then
    return nil, ("%s is %s; it must be at most %s"):format(name, text,
      values.show(knob.max))
  elseif value ~= value then
    return nil, ("%s is nan; give a number"):format(name)
  end
  return value
end

-- `1..3` in whole numbers, both ends included; nil when it is no range.
local function read_range(knob, name, text)
  local from, to = text:match "^(%-?%d+)%.%.(%-?%d+)$"
  if not from or values.kind_of(knob) == "string" then return nil end
  from, to = math.tointeger(tonumber(from)), math.tointeger(tonumber(to))
  if not from or not to then return nil end
  if to < from then
    return nil, ("%s is %s; write the smaller end first"):format(name, text)
  elseif to - from > 9999 then
    return nil, ("%s is %s: %d values; give at most 10000"):format(name, text,
      to - from + 1)
  end
  local words = {}
  for v = from, to do words[#words + 1] = tostring(v) end
  return words
end

-- Values of `a,b,1..3`, or nil and a message. No value may come twice: two
-- trials with the same settings would share a run folder.
function values.read_all(knob, name, text)
  local list, seen = {}, {}
  for word in (text .. ","):gmatch "([^,]*)," do
    local words, why = read_range(knob, name, word)
    if why then return nil, why end
    for _, w in ipairs(words or { word }) do
      local value, message = values.read(knob, name, w)
      if value == nil then return nil, message end
      if seen[value] then
        return nil, ("%s has %s twice; give each value once"):format(name,
          values.show(value))
      end
      seen[value], list[#list + 1] = true, value
    end
  end
  return list
end

--- Values a knob has when none is given: one, or several for a sweep.
function values.default(spec, name, quick)
  local v = values.declared(spec, name)[1]
  if quick and spec.quick and spec.quick[name] ~= nil then
    v = spec.quick[name]
  end
  local list, float = {}, values.kind_of(values.declared(spec, name)) == "float"
  for i, x in ipairs(type(v) == "table" and v or { v }) do
    list[i] = float and type(x) == "number" and x + 0.0 or x
  end
  return list
end

return values
