--- From what the user wrote to the fields of a figure, checked.
local blame = require "orrery.blame"
local options = require "orrery.options"
local Figure = require "orrery.plot.figure"
local numbers = require "orrery.plot.numbers"

local making = {}

-- Of every chart, and of every series of lines or points.
local common = { "title", "caption", "xlabel", "ylabel", "log_x", "log_y",
  "xmin", "xmax", "ymin", "ymax", "square", "size", "legend" }
local of_series = { "x", "y", "name", "color", "sd", "low", "high", "band",
  "labels" }

local function set_of(...)
  local set = {}
  for _, names in ipairs { ... } do
    for _, name in ipairs(names) do set[name] = true end
  end
  return set
end

local function refuse_unknown(who, given, known)
  for name in pairs(given) do
    if not known[name] then options.unknown(who, name, known) end
  end
end

--- The table of options, where the data may also come first: f(y, { ... }),
--- f { y, title = ... } and f { 1, 2, 3 } are f { y = y, ... }.
---@param who string
---@param first any
---@param given any
---@param name string  what the data is called
---@return table
function making.options(who, first, given, name)
  local o = {}
  if options.is_tensor(first) then
    o[name] = first
  elseif type(first) ~= "table" then
    blame("%s: argument 1 is %s; give a table { %s = ... }", who,
      options.shown(first), name)
  else
    for key, value in pairs(first) do
      if type(key) == "string" then o[key] = value end
    end
    local one = #first == 1 and first[1]
    if type(one) == "table" or options.is_tensor(one) then
      o[name] = one
    elseif first[1] ~= nil or given ~= nil and next(first) == nil then
      o[name] = table.move(first, 1, #first, 1, {})
    end
  end
  if given ~= nil and type(given) ~= "table" then
    blame("%s: options are %s; give a table", who, options.shown(given))
  end
  for key, value in pairs(given or {}) do o[key] = value end
  return o
end

local function check_common(who, fig)
  for _, name in ipairs { "xmin", "xmax", "ymin", "ymax" } do
    if fig[name] ~= nil then
      options.number(who, name, fig[name], numbers.finite, "a number")
    end
  end
  for _, axis in ipairs { "x", "y" } do
    local log = fig["log_" .. axis]
    local low, high = fig[axis .. "min"], fig[axis .. "max"]
    if low and high and low >= high then
      blame("%s: %smin is %g and %smax is %g; make the first the less", who,
        axis, low, axis, high)
    end
    if log and (low and low <= 0 or high and high <= 0) then
      blame("%s: a logarithmic %s axis cannot end at %g; give more than 0",
        who, axis, low and low <= 0 and low or high)
    end
  end
  if fig.size then
    fig.size = options.pair(who, "size", fig.size, 32)
  end
  local where = fig.legend
  if where ~= nil and where ~= "right" and where ~= "below"
    and where ~= "inside" and where ~= false then
    blame('%s: legend is %s; give "right", "below", "inside" or false', who,
      options.shown(where))
  end
end

--- A figure without series yet.
---@param who string
---@param kind string
---@param given table
---@param own string[]  options beside those of every chart
---@return orrery.plot.Figure
function making.figure(who, kind, given, own)
  refuse_unknown(who, given, set_of(common, own))
  local fig = { kind = kind, series = {} }
  for _, name in ipairs(common) do fig[name] = given[name] end
  check_common(who, fig)
  return Figure.new(fig)
end

local function same_length(who, a, name_a, b, name_b)
  if #a ~= #b then
    blame("%s: %s has %d values but %s has %d; match them", who, name_a, #a,
      name_b, #b)
  end
end

-- Adds the band: given by its ends, by a half-width, or by several runs.
local function add_band(who, s, given)
  if given.sd ~= nil then
    local sd = numbers.list(who, "sd", given.sd)
    same_length(who, s.y, "y", sd, "sd")
    s.low, s.high = {}, {}
    for i, v in ipairs(s.y) do s.low[i], s.high[i] = v - sd[i], v + sd[i] end
  elseif given.low ~= nil or given.high ~= nil then
    s.low = numbers.list(who, "low", given.low)
    s.high = numbers.list(who, "high", given.high)
    same_length(who, s.y, "y", s.low, "low")
    same_length(who, s.y, "y", s.high, "high")
  end
end

--- One series of a chart.
---@param who string
---@param given table  x, y, name, sd, low, high, band, labels, color
---@param i integer  which it is
---@param kind string
---@return orrery.plot.Series
function making.series(who, given, i, kind)
  local s = { kind = kind, name = given.name, color = given.color or i,
    dashed = given.dashed, size = given.point_size }
  if numbers.is_rows(given.y) then
    s.y, s.low, s.high = numbers.band(who, given.y, given.band)
  else
    s.y = numbers.list(who, "y", given.y)
    add_band(who, s, given)
  end
  s.x = given.x == nil and numbers.count_to(#s.y)
    or numbers.list(who, "x", given.x, kind == "bar")
  same_length(who, s.x, "x", s.y, "y")
  if given.labels ~= nil then
    local labels = given.labels
    if options.is_tensor(labels) then labels = numbers.list(who, "labels",
      labels) end
    if type(labels) ~= "table" then
      blame("%s: labels is %s; give a list", who, options.shown(labels))
    end
    same_length(who, s.x, "x", labels, "labels")
    s.labels = labels
  end
  if math.type(s.color) ~= "integer" or s.color < 1 then
    blame("%s: color is %s; give its number in the palette, from 1", who,
      options.shown(s.color))
  end
  return s
end

--- A figure of one series, or of those in `series`.
---@param who string
---@param kind string
---@param given table
---@param own? string[]  further options of a series
---@return orrery.plot.Figure
function making.chart(who, kind, given, own)
  own = own or {}
  local several = given.series
  if several == nil then
    local names = table.move(own, 1, #own, #of_series + 1,
      table.move(of_series, 1, #of_series, 1, {}))
    local fig = making.figure(who, kind, given, names)
    fig.series[1] = making.series(who, given, 1, kind)
    return fig
  end
  if type(several) ~= "table" then
    blame("%s: series is %s; give a list of tables", who,
      options.shown(several))
  end
  local fig = making.figure(who, kind, given, { "series" })
  local known = set_of(of_series, own)
  for i, one in ipairs(several) do
    if type(one) ~= "table" then
      blame("%s: series[%d] is %s; give a table { x = ..., y = ... }", who, i,
        options.shown(one))
    end
    refuse_unknown(("%s: series[%d]"):format(who, i), one, known)
    fig.series[i] = making.series(who, one, i, kind)
  end
  return fig
end

making.same_length = same_length
return making
