--- Films: frames shown one after another, as a GIF; on paper, and in a
--- terminal, some of them side by side.
local blame = require "orrery.blame"
local options = require "orrery.options"
local Figure = require "orrery.plot.figure"
local pixels = require "orrery.plot.pixels"
local ranges = require "orrery.plot.ranges"
local sheet = require "orrery.plot.sheet"
local raw = require "orrery.core"._io

local film = {}

local who = "plot.animation"
local own = { delay = 0.1, loop = true, hold = 0 }
local of_images = { "range", "scale", "columns", "padding", "background",
  "colors", "title", "caption" }

-- Frames along the first axis of a tensor.
local function slices(x)
  if x:dim() < 3 or x:dim() > 5 then
    blame("%s: the tensor is %s; give [T, H, W], [T, C, H, W] or "
      .. "[T, N, C, H, W], or a list of frames", who, x:shape_str())
  end
  local list = {}
  for i = 1, x:size(1) do list[i] = x[i] end
  return list
end

-- Charts of a film have the same axes, so that what moves is the data: the
-- widest of all frames, where they are not given.
local function same_axes(frames)
  local ends = {}
  local function widen(name, v, pick)
    ends[name] = ends[name] and pick(ends[name], v) or v
  end
  for _, fig in ipairs(frames) do
    if not fig.series then return end
    local x, y, empty = ranges.of(fig)
    if not empty then
      widen("xmin", x[1], math.min)
      widen("xmax", x[2], math.max)
      widen("ymin", y[1], math.min)
      widen("ymax", y[2], math.max)
    end
    for _, s in ipairs(fig.series) do
      if s.z then
        local low, high = ranges.of_map(s)
        widen("zmin", low, math.min)
        widen("zmax", high, math.max)
      end
    end
  end
  for i, fig in ipairs(frames) do
    local copy = {}
    for key, value in pairs(fig) do copy[key] = value end
    for _, name in ipairs { "xmin", "xmax", "ymin", "ymax" } do
      if copy[name] == nil then copy[name] = ends[name] end
    end
    copy.series = {}
    for k, s in ipairs(fig.series) do
      if s.z then
        local map = {}
        for key, value in pairs(s) do map[key] = value end
        map.zmin, map.zmax = s.zmin or ends.zmin, s.zmax or ends.zmax
        s = map
      end
      copy.series[k] = s
    end
    frames[i] = Figure.new(copy)
  end
end

local function figures(list, given)
  local of_image, frames = {}, {}
  for _, name in ipairs(of_images) do of_image[name] = given[name] end
  for i, one in ipairs(list) do
    if options.is_tensor(one) then
      one = pixels.figure(who, one, of_image)
    elseif not Figure.is(one) or one.frames then
      blame("%s: frame %d is %s; give figures or images", who, i,
        options.shown(one))
    end
    frames[i] = one
  end
  if #frames == 0 then
    blame("%s: there are no frames; give figures or images", who)
  end
  same_axes(frames)
  return frames
end

--- See orrery.plot.
function film.make(first, more)
  local list, given = first, {}
  if options.is_tensor(first) then
    list = slices(first)
  elseif type(first) ~= "table" or Figure.is(first) then
    blame("%s: argument 1 is %s; give a list of frames", who,
      options.shown(first))
  else
    for key, value in pairs(first) do
      if type(key) == "string" then given[key] = value end
    end
    if #first == 1 and options.is_tensor(first[1]) and first[1]:dim() > 2 then
      list = slices(first[1])
    end
  end
  for key, value in pairs(more or {}) do given[key] = value end
  local o = options.take(who, given, own, of_images)
  local function seconds(v) return v >= 0 and v <= 600 end
  options.number(who, "delay", o.delay, seconds, "seconds, 0 to 600")
  options.number(who, "hold", o.hold, seconds, "seconds, 0 to 600")
  options.flag(who, "loop", o.loop)
  return Figure.new { kind = "animation", frames = figures(list, given),
    delay = o.delay, hold = o.hold, loop = o.loop, title = o.title,
    caption = o.caption }
end

-- Players take less than two hundredths of a second for a tenth.
local function delays(fig)
  local list = {}
  for i = 1, #fig.frames do
    list[i] = math.max(2, math.floor(100 * fig.delay + 0.5))
  end
  list[#list] = list[#list] + math.floor(100 * fig.hold + 0.5)
  return list
end

--- The film as a GIF.
---@param fig orrery.plot.Figure  a film, or anything else as one frame
---@return string? bytes
---@return string? why
function film.gif(fig)
  if not fig.frames then
    fig = { frames = { fig }, delay = 1, hold = 0, loop = false }
  end
  local rasters, why = Figure.rasters(fig.frames)
  if not rasters then return nil, why end
  for i, raster in ipairs(rasters) do
    if raster:size(1) ~= 1 then rasters[i] = sheet.rgb(raster) end
  end
  return raw.gif_bytes("plot", rasters, delays(fig), fig.loop)
end

--- Some of the frames on one sheet: the first, the last, and as many between
--- as make at most eight.
---@param fig orrery.plot.Figure
---@return orrery.plot.Figure
function film.still(fig)
  local n = math.min(8, #fig.frames)
  local chosen = {}
  for i = 1, n do
    local at = n == 1 and 1 or 1 + (#fig.frames - 1) * (i - 1) // (n - 1)
    chosen[i] = fig.frames[at]
  end
  return Figure.new { kind = "grid", figures = chosen, title = fig.title,
    columns = math.min(4, n), caption = fig.caption }
end

return film
