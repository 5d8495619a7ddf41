--- The figures of a replay: what was measured, what was wanted, how far apart
--- they may be, and whether they are.
local blame = require "orrery.blame"
local columns = require "orrery.report.columns"
local options = require "orrery.options"

---@class orrery.replay.Figure
---@field name string
---@field measured number
---@field wanted number
---@field rel? number  |measured - wanted| <= rel * |wanted|
---@field abs? number  |measured - wanted| <= abs
---@field relation? "<"|"<="|">"|">="  measured to wanted
---@field ok boolean
local figures = {}

local relations = {
  ["<"] = function(a, b) return a < b end,
  ["<="] = function(a, b) return a <= b end,
  [">"] = function(a, b) return a > b end,
  [">="] = function(a, b) return a >= b end,
}

--- A number as the table has it.
---@param v number
---@return string
function figures.show(v) return v == v and columns.show(v) or "nan" end

local function number(who, name, value)
  if options.is_tensor(value) and value:numel() == 1 then
    value = value:item()
  end
  if type(value) == "number" then return value end
  return blame("%s: %s is %s; give a number or a tensor of one element", who,
    name, options.shown(value))
end

local known = { rel = true, abs = true, relation = true, wanted = true,
  quick = true }

local function kind_of(given)
  local kind
  for _, key in ipairs { "rel", "abs", "relation" } do
    if given[key] ~= nil then kind = kind and "several" or key end
  end
  return kind
end

-- The one of rel, abs and relation that is given.
local function tolerance(who, given)
  local kind = type(given) == "table" and kind_of(given) or nil
  if kind == "relation" and relations[given.relation] then
    return kind, given.relation
  end
  local value = (kind == "rel" or kind == "abs") and given[kind]
  if type(value) == "number" and value >= 0 then return kind, value end
  return blame("%s: the tolerance is %s; give { rel = 0.05 }, { abs = 1e-6 } "
    .. "or { relation = '<' }", who, kind == "several" and "given twice"
    or kind and ("%s = %s"):format(kind, tostring(given[kind]))
    or options.shown(given))
end

--- Is a number as near to another as the figure asks?
---@param f orrery.replay.Figure
---@param measured number
---@param wanted number
---@return boolean
function figures.near(f, measured, wanted)
  if f.relation then return relations[f.relation](measured, wanted) end
  if measured == wanted then return true end
  local gap = math.abs(measured - wanted)
  return gap <= (f.abs or f.rel * math.abs(wanted))
end

--- A figure, measured against what is wanted.
---@param name string
---@param measured number|orrery.Tensor
---@param wanted number|orrery.Tensor
---@param given table  rel, abs or relation; quick = { ... } for small
---  settings: another of these, another `wanted`, or both
---@param quick boolean
---@return orrery.replay.Figure
function figures.new(name, measured, wanted, given, quick)
  if type(name) ~= "string" or name == "" then
    blame("replay.check: name is %s; give the figure a name",
      options.shown(name))
  end
  local who = "replay.check: " .. name
  if type(given) == "table" then
    for key in pairs(given) do
      if not known[key] then options.unknown(who, key, known) end
    end
    local small = quick and given.quick
    if small then
      wanted = small.wanted or wanted
      if kind_of(small) then given = small end
    end
  end
  local f = { name = name, measured = number(who, "measured", measured),
    wanted = number(who, "wanted", wanted) }
  local kind, value = tolerance(who, given, quick)
  f[kind] = value
  f.ok = figures.near(f, f.measured, f.wanted)
  return f
end

--- The tolerance as people write it: 5 %, 1e-06, <.
---@param f orrery.replay.Figure
---@return string
function figures.tolerance_text(f)
  if f.relation then return f.relation end
  if f.rel then return ("%.4g %%"):format(100 * f.rel) end
  return ("%.3g"):format(f.abs)
end

--- One line: the figure, what was measured, what is wanted, whether it holds.
---@param f orrery.replay.Figure
---@return string
function figures.line(f)
  local tol = figures.tolerance_text(f)
  return ("%s: %s, wanted %s%s  %s"):format(f.name, figures.show(f.measured),
    f.relation and tol .. " " or "", figures.show(f.wanted)
    .. (f.relation and "" or " +- " .. tol), f.ok and "ok" or "FAILS")
end

local function rows(list)
  local out = {}
  for i, f in ipairs(list) do
    out[i] = { f.name, figures.show(f.measured), figures.show(f.wanted),
      figures.tolerance_text(f), f.ok and "ok" or "FAILS" }
  end
  return out
end

--- The figures as columns: heads, rows of text, which are numbers.
---@param list orrery.replay.Figure[]
---@return table layout  as orrery.report.columns has it
function figures.layout(list)
  return { heads = { "figure", "measured", "wanted", "tol", "" },
    rows = rows(list), numeric = { false, true, true, true, false } }
end

--- How many there are, and how many hold.
---@param list orrery.replay.Figure[]
---@return integer all
---@return integer ok
function figures.count(list)
  local ok = 0
  for _, f in ipairs(list) do ok = ok + (f.ok and 1 or 0) end
  return #list, ok
end

--- The figures as a file of comma-separated values.
---@param list orrery.replay.Figure[]
---@return string
function figures.csv(list)
  local out = { "figure,measured,wanted,tolerance,ok" }
  for _, f in ipairs(list) do
    out[#out + 1] = ('"%s",%.17g,%.17g,%s,%s'):format(f.name:gsub('"', '""'),
      f.measured, f.wanted, figures.tolerance_text(f), tostring(f.ok))
  end
  return table.concat(out, "\n") .. "\n"
end

return figures
