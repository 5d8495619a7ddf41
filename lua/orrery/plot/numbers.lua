--- What charts are drawn from, as plain lists of numbers.
local blame = require "orrery.blame"
local options = require "orrery.options"

local numbers = {}

local function shown(value)
  return type(value) == "table" and "a table" or options.shown(value)
end

--- A list of numbers, from a list or a tensor of any shape. Booleans and texts
--- are refused, unless `names` allows texts.
---@param who string
---@param name string
---@param v any
---@param names? boolean
---@return any[]
function numbers.list(who, name, v, names)
  if options.is_tensor(v) then return v:detach():reshape(-1):tolist() end
  if type(v) ~= "table" then
    blame("%s: %s is %s; give a list of numbers or a tensor", who, name,
      shown(v))
  end
  for i = 1, #v do
    local kind = type(v[i])
    if kind ~= "number" and not (names and kind == "string") then
      blame("%s: %s[%d] is %s; give numbers%s", who, name, i, shown(v[i]),
        names and " or names" or "")
    end
  end
  return v
end

--- Rows of numbers, from a matrix or a list of lists.
---@return number[][]
function numbers.rows(who, name, v)
  if options.is_tensor(v) then
    if v:dim() ~= 2 then
      blame("%s: %s is %s; give a matrix", who, name, v:shape_str())
    end
    return v:detach():tolist()
  end
  if type(v) ~= "table" or type(v[1]) ~= "table" and v[1] ~= nil then
    local row = type(v) == "table"
    blame("%s: %s is %s; give a matrix, or rows of numbers", who,
      row and name .. "[1]" or name, shown(row and v[1] or v))
  end
  for i, row in ipairs(v) do
    numbers.list(who, ("%s[%d]"):format(name, i), row)
    if #row ~= #v[1] then
      blame("%s: %s has rows of %d and of %d numbers; make them equal", who,
        name, #v[1], #row)
    end
  end
  return v
end

--- Is it a matrix, or a list of lists?
function numbers.is_rows(v)
  if options.is_tensor(v) then return v:dim() == 2 end
  return type(v) == "table" and (type(v[1]) == "table"
    or options.is_tensor(v[1]))
end

--- 1, 2, ... n.
function numbers.count_to(n)
  local t = {}
  for i = 1, n do t[i] = i end
  return t
end

--- Is it a number one can draw?
function numbers.finite(v)
  return type(v) == "number" and v == v and math.abs(v) < math.huge
end

-- What `runs` have at place i, without what is no number, in order.
local function column(runs, i)
  local values = {}
  for _, run in ipairs(runs) do
    if run[i] and run[i] == run[i] then values[#values + 1] = run[i] end
  end
  table.sort(values)
  return values
end

-- The value below which a fraction q lies, between neighbours by a line.
local function quantile(values, q)
  local at = 1 + q * (#values - 1)
  local low = math.floor(at)
  local high = math.min(#values, low + 1)
  return values[low] + (at - low) * (values[high] - values[low])
end

local function moments(values)
  local sum, squares = 0, 0
  for _, v in ipairs(values) do sum = sum + v end
  local mean = sum / #values
  for _, v in ipairs(values) do squares = squares + (v - mean) ^ 2 end
  return mean, math.sqrt(squares / math.max(1, #values - 1))
end

local bands = {}

function bands.sd(values)
  local mean, sd = moments(values)
  return mean, mean - sd, mean + sd
end

function bands.se(values)
  local mean, sd = moments(values)
  local se = sd / math.sqrt(#values)
  return mean, mean - se, mean + se
end

function bands.range(values)
  return (moments(values)), values[1], values[#values]
end

local function band_of(who, band)
  if band == nil then return bands.sd end
  if type(band) == "string" and bands[band] then return bands[band] end
  local low, high = nil, nil
  if type(band) == "table" then low, high = band[1], band[2] end
  if type(low) ~= "number" or type(high) ~= "number" or low < 0 or high > 1
    or low > high then
    blame('%s: band is %s; give "sd", "se", "range" or two quantiles '
      .. "{ 0.25, 0.75 }", who, type(band) == "table" and "no two quantiles"
      or shown(band))
  end
  return function(values)
    return quantile(values, 0.5), quantile(values, low), quantile(values, high)
  end
end

--- One line and a band from several runs of the same thing: their mean with
--- standard deviation ("sd", of a sample), standard error ("se") or range
--- ("range"), or their median between two quantiles. What is no number in one
--- run is left out there; a run may be shorter than others.
---@param who string
---@param runs any  a matrix [runs, points] or a list of lists
---@param band? string|number[]
---@return number[] y
---@return number[] low
---@return number[] high
function numbers.band(who, runs, band)
  local lists, longest, of = {}, 0, band_of(who, band)
  if options.is_tensor(runs) then runs = runs:detach():tolist() end
  for i, run in ipairs(runs) do
    lists[i] = numbers.list(who, ("y[%d]"):format(i), run)
    longest = math.max(longest, #lists[i])
  end
  local y, low, high = {}, {}, {}
  for i = 1, longest do
    local values = column(lists, i)
    y[i], low[i], high[i] = 0 / 0, 0 / 0, 0 / 0
    if #values > 0 then y[i], low[i], high[i] = of(values) end
  end
  return y, low, high
end

return numbers
