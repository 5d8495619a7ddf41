--- Charts through gnuplot, and tensors of images as one picture.
---
---     plot.line { x = rate, y = distortion, labels = beta }:save "rd.png"
---     plot.grid(images, { columns = 8 }):save "samples.png"
---
--- A chart is described by plain tables and drawn when it is saved, as PNG or
--- SVG by the file's ending. Without gnuplot `save` returns nil and says so.
local Figure = require "orrery.plot.figure"
local gnuplot = require "orrery.plot.gnuplot"
local plot = {}

---@class orrery.plot.Series
---@field x number[]  a list or a tensor; bars: names or numbers
---@field y number[]
---@field name? string  shown in the legend
---@field sd? number[]  draws the band y - sd .. y + sd
---@field labels? any[]  written beside the points

-- Plain list of numbers (or names) from a list or a tensor of any shape.
local function list(v, who, name)
  if type(v) == "userdata" then v = v:reshape(-1):tolist() end
  if type(v) ~= "table" then
    error(("%s: %s is %s; give a list of numbers or a tensor"):format(who,
      name, v == nil and "missing" or "a " .. type(v)), 4)
  end
  return v
end

local function range_to(n)
  local t = {}
  for i = 1, n do t[i] = i end
  return t
end

local function one_series(s, who, i)
  local y = list(s.y or s[1], who, "y")
  local x = s.x == nil and range_to(#y) or list(s.x, who, "x")
  if #x ~= #y then
    error(("%s: x has %d values but y has %d; match them"):format(who, #x, #y),
      4)
  end
  return {
    x = x, y = y, name = s.name, color = s.color or i, style = s.style,
    sd = s.sd and list(s.sd, who, "sd"),
    labels = s.labels and list(s.labels, who, "labels"),
  }
end

local function figure(kind, options, who)
  if type(options) ~= "table" then
    error(("%s: options are a %s; give a table"):format(who, type(options)), 3)
  end
  local fig = { kind = kind, series = {} }
  for _, key in ipairs { "title", "xlabel", "ylabel", "log_x", "log_y",
    "square", "size", "caption", "ymin" } do
    fig[key] = options[key]
  end
  return Figure.new(fig)
end

local function with_series(kind, options, who)
  local fig = figure(kind, options, who)
  for i, s in ipairs(options.series or { options }) do
    fig.series[i] = one_series(s, who, i)
  end
  return fig
end

--- Lines through points, in order.
---@param options table  x, y, sd, labels, name or series = { {x=, y=}, ... };
---  title, xlabel, ylabel, log_x, log_y, ymin
---@return orrery.plot.Figure
function plot.line(options) return with_series("line", options, "plot.line") end

--- Points; with `class` one colour and mark per class, and a legend.
---@param options table  x, y, class (labels from 1), classes (their names) or
---  series; title, xlabel, ylabel, square
---@return orrery.plot.Figure
function plot.scatter(options)
  if not options or options.class == nil then
    return with_series("scatter", options, "plot.scatter")
  end
  local fig = figure("scatter", options, "plot.scatter")
  local all = one_series(options, "plot.scatter", 1)
  local class = list(options.class, "plot.scatter", "class")
  if #class ~= #all.x then
    error(("plot.scatter: x has %d values but class has %d; match them")
      :format(#all.x, #class), 2)
  end
  local by = {}
  for i, c in ipairs(class) do
    by[c] = by[c] or { x = {}, y = {}, color = c,
      name = tostring((options.classes or {})[c] or c) }
    table.insert(by[c].x, all.x[i])
    table.insert(by[c].y, all.y[i])
  end
  for c in pairs(by) do fig.series[#fig.series + 1] = by[c] end
  table.sort(fig.series, function(a, b) return a.color < b.color end)
  return fig
end

--- Bars side by side; x are names or numbers, the same for all series.
---@param options table  x, y or series = { {name=, y=}, ... }
---@return orrery.plot.Figure
function plot.bar(options) return with_series("bar", options, "plot.bar") end

--- Bars of how many values fall into each of `bins` equal intervals.
---@param options table  values (list or tensor), bins = 30; title, log_y, ...
---@return orrery.plot.Figure
function plot.hist(options)
  local fig = figure("line", options, "plot.hist")
  local values = list(options.values or options[1], "plot.hist", "values")
  local low, high, bins = math.huge, -math.huge, options.bins or 30
  for _, v in ipairs(values) do
    low, high = math.min(low, v), math.max(high, v)
  end
  if #values == 0 then low, high = 0, 1 end
  local width = high > low and (high - low) / bins or 1
  local x, y = {}, {}
  for b = 1, bins do x[b], y[b] = low + (b - 0.5) * width, 0 end
  for _, v in ipairs(values) do
    local b = math.min(bins, (v - low) // width + 1)
    if b == b then y[math.tointeger(b)] = y[math.tointeger(b)] + 1 end
  end
  fig.series[1] = { x = x, y = y, color = 1, style = "boxes" }
  return fig
end

--- A table of numbers as colours, first row at the top.
---@param options table  z (rows of numbers, or a matrix), title, xlabel, ylabel
---@return orrery.plot.Figure
function plot.heat(options)
  local fig = figure("heat", options, "plot.heat")
  local z = options.z or options[1]
  if type(z) == "userdata" then z = z:tolist() end
  if type(z) ~= "table" or type(z[1]) ~= "table" then
    error("plot.heat: z is not rows of numbers; give a matrix", 2)
  end
  fig.z = z
  return fig
end

--- Can charts be drawn here?
---@return boolean ok
---@return string? why  a sentence when not
function plot.available() return gnuplot.available() end

plot.grid = require "orrery.plot.grid"
return plot
