--- Histograms: how many values fall into each of some equal intervals.
local blame = require "orrery.blame"
local options = require "orrery.options"
local making = require "orrery.plot.making"
local numbers = require "orrery.plot.numbers"
local finite = numbers.finite

local function ends(all, range, who)
  if range ~= nil then
    if type(range) ~= "table" or not finite(range[1]) or not finite(range[2])
      or range[1] >= range[2] then
      blame("%s: range is %s; give { low, high }", who,
        type(range) == "table" and "not two rising numbers"
        or options.shown(range))
    end
    return range[1], range[2]
  end
  local low, high = math.huge, -math.huge
  for _, values in ipairs(all) do
    for _, v in ipairs(values) do
      if finite(v) then low, high = math.min(low, v), math.max(high, v) end
    end
  end
  if low > high then return 0, 1 end
  if low == high then return low - 0.5, high + 0.5 end
  return low, high
end

local function count(values, low, high, bins)
  local y, n, width = {}, 0, (high - low) / bins
  for b = 1, bins do y[b] = 0 end
  for _, v in ipairs(values) do
    if v >= low and v <= high then
      local b = math.min(bins, math.floor((v - low) / width) + 1)
      y[b], n = y[b] + 1, n + 1
    end
  end
  return y, n
end

---@param who string
---@param o table  values or series, bins, range, density; of every chart
---@return orrery.plot.Figure
return function(who, o)
  local fig = making.figure(who, "hist", o, { "values", "series", "bins",
    "range", "density", "name", "color" })
  local bins = options.count(who, "bins", o.bins or 30)
  local given = o.series or { { values = o.values, name = o.name,
    color = o.color } }
  local all = {}
  for i, one in ipairs(given) do
    all[i] = numbers.list(who, "values", one.values or one[1])
  end
  local low, high = ends(all, o.range, who)
  local width = (high - low) / bins
  for i, values in ipairs(all) do
    local x = {}
    for b = 1, bins do x[b] = low + (b - 0.5) * width end
    local y, n = count(values, low, high, bins)
    if o.density then
      for b = 1, bins do y[b] = n > 0 and y[b] / (n * width) or 0 end
    end
    if n > 0 then
      fig.series[#fig.series + 1] = { kind = "boxes", x = x, y = y,
        width = width, name = given[i].name, color = given[i].color or i }
    end
  end
  fig.ylabel = fig.ylabel or (o.density and "density" or "count")
  return fig
end
