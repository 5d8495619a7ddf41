--- Pictures: charts, images, grids of both, and films of those.
---
---     show(plot.line { y = losses, title = "loss", log_y = true })
---     plot.line { x = rate, y = distortion, labels = beta }:save "rd.png"
---     plot.grid(images, { columns = 8 }):save "samples.png"
---     plot.grid { chart, other, image, columns = 2 }:save "all.svg"
---     plot.animation(samples_by_epoch, { delay = 0.2 }):save "training.gif"
---
--- Every function here returns a figure: `show(figure)` draws it in the
--- terminal, `figure:save(path)` writes PNG, SVG, GIF or JPEG by the path's
--- ending, `figure:bytes(format)` gives what the file would hold. Nothing is
--- drawn before. Files of charts are drawn by gnuplot; without it `save` and
--- `bytes` return nil and say so, while `show` draws charts in characters.
---
--- Charts take, beside their data: title, xlabel, ylabel, log_x, log_y, xmin,
--- xmax, ymin, ymax, square (a unit is as long in x as in y), size (width and
--- height in pixels), legend ("right", "below", "inside" or false), caption.
--- What is no number leaves a gap. Data are lists or tensors, and may come
--- first: plot.line(y, { title = "loss" }).
local blame = require "orrery.blame"
local is_tensor = require("orrery.options").is_tensor
local shown = require("orrery.options").shown
local gnuplot = require "orrery.plot.gnuplot"
local making = require "orrery.plot.making"
local maps = require "orrery.plot.maps"
local numbers = require "orrery.plot.numbers"
local pixels = require "orrery.plot.pixels"

local plot = {}

---@class orrery.plot.Series
---@field kind string
---@field x any[]  numbers; bars: or names
---@field y number[]
---@field low? number[]  the band's lower end
---@field high? number[]
---@field name? string  shown in the legend
---@field color integer  in the palette, from 1
---@field labels? any[]  written beside the points

--- Lines through points, in order. Several runs of one thing (y a matrix
--- [runs, points] or a list of lists) become their mean and a band.
---@param given table  x (1, 2, ... when absent), y, name, sd (band of that
---  half-width) or low and high, band = "sd", "se", "range" or two quantiles
---  { 0.25, 0.75 } (around the median) for several runs, labels (beside the
---  points), color (from 1), dashed; or series = { { x=, y=, ... }, ... }; and
---  what all charts take
---@param more? table  the options, where y came first
---@return orrery.plot.Figure
function plot.line(given, more)
  return making.chart("plot.line", "line",
    making.options("plot.line", given, more, "y"), { "dashed" })
end

-- Points of each class as a series of their own.
local function by_class(fig, who, o)
  local all = fig.series[1]
  local class = numbers.list(who, "class", o.class)
  making.same_length(who, all.x, "x", class, "class")
  local by, series = {}, {}
  for i, c in ipairs(class) do
    if not by[c] then
      by[c] = { kind = "scatter", x = {}, y = {}, color = c, size = all.size,
        name = tostring((o.classes or {})[c] or c) }
      series[#series + 1] = by[c]
    end
    table.insert(by[c].x, all.x[i])
    table.insert(by[c].y, all.y[i])
  end
  table.sort(series, function(a, b) return a.color < b.color end)
  fig.series = series
end

-- A matrix [points, 2] is x and y.
local function split_points(o)
  if o.x == nil and is_tensor(o.y) and o.y:dim() == 2
    and o.y:size(2) == 2 then
    o.x, o.y = o.y:select(2, 1), o.y:select(2, 2)
  end
end

--- Points; with `class` one colour and mark per class, and a legend; with
--- `value` coloured by a number.
---@param given table  x, y (or y alone: a matrix [points, 2]), class (labels
---  from 1), classes (their names), value, zlabel (what the values are),
---  colors = "viridis", labels, point_size = 1; or series = { ... }; and what
---  all charts take
---@param more? table
---@return orrery.plot.Figure
function plot.scatter(given, more)
  local who = "plot.scatter"
  local o = making.options(who, given, more, "y")
  split_points(o)
  local own = { "class", "classes", "value", "zlabel", "colors", "point_size" }
  for _, one in ipairs(type(o.series) == "table" and o.series or {}) do
    if type(one) == "table" then split_points(one) end
  end
  local fig = making.chart(who, "scatter", o, own)
  if o.class ~= nil then
    by_class(fig, who, o)
  elseif o.value ~= nil then
    local s = fig.series[1]
    s.value = numbers.list(who, "value", o.value)
    making.same_length(who, s.x, "x", s.value, "value")
    s.z, s.map, s.zlabel = { s.value }, o.colors or "viridis", o.zlabel
  end
  return fig
end

--- Bars side by side; x are names or numbers, the same for all series.
---@param given table  x, y, sd (or low and high, or several runs), name; or
---  series = { {name=, y=}, ... }; and what all charts take
---@param more? table
---@return orrery.plot.Figure
function plot.bar(given, more)
  local fig = making.chart("plot.bar", "bar",
    making.options("plot.bar", given, more, "y"))
  for _, s in ipairs(fig.series) do s.at = numbers.count_to(#s.x) end
  return fig
end

--- Bars of how many values fall into each of some equal intervals.
---@param given table  values (list or tensor), bins = 30, range = { low,
---  high }, density (areas sum to 1), name; or series = { { values=, name= },
---  ... }; and what all charts take
---@param more? table
---@return orrery.plot.Figure
function plot.hist(given, more)
  return require "orrery.plot.hist"("plot.hist",
    making.options("plot.hist", given, more, "values"))
end

--- A matrix as colours, first row on top; with `y` given, as a plane with y
--- upwards.
---@param given table  z [rows, columns], x and y (where columns and rows
---  are), rows and columns (their names), values (write the numbers into the
---  cells), zlabel, zmin, zmax, log_z, colors = "viridis" ("diverging" has its
---  middle at 0, "grey"); and what all charts take
---@param more? table
---@return orrery.plot.Figure
function plot.heatmap(given, more)
  return maps.heatmap("plot.heatmap",
    making.options("plot.heatmap", given, more, "z"))
end

--- Lines along which a function of the plane has the same value.
---@param given table  z [rows, columns], x and y (where columns and rows
---  are), levels = 8 (how many, or a list of them), filled (colours below),
---  zlabel, colors; and what all charts take
---@param more? table
---@return orrery.plot.Figure
function plot.contour(given, more)
  return maps.contour("plot.contour",
    making.options("plot.contour", given, more, "z"))
end

--- Arrows (u, v) from points (x, y), together so long that they do not meet.
---@param given table  x, y, u, v: lists of the same length, or matrices u, v
---  [rows, columns] with x and y along the axes; scale (of the lengths), name,
---  color; and what all charts take
---@return orrery.plot.Figure
function plot.quiver(given)
  return maps.quiver("plot.quiver",
    making.options("plot.quiver", given, nil, "u"))
end

--- Several charts in one frame: a contour below points, say. Titles and axes
--- are the first one's unless told.
---@param figures table  charts; and what all charts take
---@return orrery.plot.Figure
function plot.overlay(figures)
  return require "orrery.plot.overlay"(figures)
end

--- An image.
---@param image orrery.Tensor  [H, W], [C, H, W] (C is 1 or 3) or, as a grid,
---  [N, C, H, W] or [N, H, W]; uint8, or floats in [0, 1]
---@param given? table  range = { 0, 1 } (what black and white stand for) or
---  "auto", scale = 1, colors ("viridis" ...: of one channel), title, caption;
---  of several, as plot.grid
---@return orrery.plot.Figure
function plot.image(image, given)
  if not is_tensor(image) then
    blame("plot.image: argument 1 is %s; give a tensor [C, H, W]",
      shown(image))
  end
  return pixels.figure("plot.image", image, given)
end

--- A film: `:save "x.gif"` plays it. Charts have the same axes in all frames.
---@param frames table|orrery.Tensor  figures and images, or images along the
---  first axis: [T, H, W], [T, C, H, W], or grids [T, N, C, H, W]
---@param given? table  (or in the list) delay = 0.1 seconds a frame, hold = 0
---  seconds more for the last, loop = true (for ever), title, caption; of
---  images, as plot.image
---@return orrery.plot.Figure
function plot.animation(frames, given)
  return require "orrery.plot.film".make(frames, given)
end

--- Can charts be drawn here?
---@return boolean ok
---@return string? why  a sentence when not
function plot.available() return gnuplot.available() end

plot.grid = require "orrery.plot.grid"
return plot
