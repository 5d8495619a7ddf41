--- Which runs are meant: `beta=4 status=done` and the like.
local packing = require "orrery.runs.packing"
local values = require "orrery.knobs.values"
local sorted_keys = require "orrery.sorted_keys"

local filters = {}

local fields = { status = true, experiment = true, script = true, id = true }

local function base(path) return (path or ""):match "[^/]*$" end

-- A script fits by its path, by its file's name, and by that without ".lua".
local function of(run, name)
  if not fields[name] then return run.knobs[name] end
  return rawget(run, name)
end

local function same(have, want)
  if type(have) == "number" and type(want) == "string" then
    return have == tonumber(want) or packing.show(have) == want
  elseif type(have) == "boolean" then
    return tostring(have) == tostring(want)
  end
  return have == want
end

local function fits_one(run, name, want)
  local have = of(run, name)
  if name == "script" and have then
    return have == want or base(have) == base(want)
      or base(have):gsub("%.lua$", "") == want
  end
  return have ~= nil and same(have, want)
end

--- Does a run have the settings, status ... that are wanted?
---@param run orrery.runs.Record
---@param wanted table<string, any>  a value, or a list of which one will do
---@return boolean
function filters.fits(run, wanted)
  for name, want in pairs(wanted) do
    local any = false
    for _, w in ipairs(type(want) == "table" and want or { want }) do
      any = any or fits_one(run, name, w)
    end
    if not any then return false end
  end
  return true
end

-- "1,4,10" and "1..5" as lists of words.
local function words_of(text)
  local list = {}
  for word in (text .. ","):gmatch "([^,]*)," do
    local from, to = word:match "^(%-?%d+)%.%.(%-?%d+)$"
    from, to = math.tointeger(tonumber(from)), math.tointeger(tonumber(to))
    if from and to and to - from < 10000 then
      for v = from, to do list[#list + 1] = tostring(v) end
    else
      list[#list + 1] = word
    end
  end
  return list
end

--- Splits a command line into filters, an optional out=, and the rest.
---@param words string[]
---@return table<string, string[]> wanted
---@return string[] rest
---@return string? out
function filters.read(words)
  local wanted, rest, out = {}, {}, nil
  for _, word in ipairs(words) do
    local name, text = word:match "^([%a_][%w_]*)=(.*)$"
    if name == "out" then
      out = text
    elseif name then
      wanted[name] = words_of(text)
    else
      rest[#rest + 1] = word
    end
  end
  return wanted, rest, out
end

--- What is wrong with the names of the filters, or nil.
---@param wanted table<string, any>
---@param list table  all runs
---@return string?
function filters.complaint(wanted, list)
  local known = {}
  for name in pairs(fields) do known[name] = true end
  for _, run in ipairs(list) do
    for name in pairs(run.knobs) do known[name] = true end
  end
  for _, name in ipairs(sorted_keys(wanted)) do
    if not known[name] then
      return ("runs: no run has a setting %s; %s"):format(name,
        values.did_you_mean(name, sorted_keys(known)))
    end
  end
end

return filters
