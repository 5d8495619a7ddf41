--- Charts of numbers over a plane: heat maps, contours, arrows.
local blame = require "orrery.blame"
local options = require "orrery.options"
local making = require "orrery.plot.making"
local numbers = require "orrery.plot.numbers"
local palette = require "orrery.plot.palette"

local maps = {}

local of_map = { "z", "x", "y", "zlabel", "zmin", "zmax", "log_z", "colors",
  "values", "levels", "filled", "rows", "columns" }

-- Where the columns (or rows) are: at 1, 2, ... unless told.
local function places(who, name, given, n)
  if given == nil then return numbers.count_to(n) end
  local list = numbers.list(who, name, given)
  if #list ~= n then
    blame("%s: %s has %d values but z has %d %s; match them", who, name,
      #list, n, name == "x" and "columns" or "rows")
  end
  return list
end

local function names_of(who, name, given, n)
  if given == nil then return nil end
  local list = numbers.list(who, name, given, true)
  if #list ~= n then
    blame("%s: %s names %d but z has %d; match them", who, name, #list, n)
  end
  return list
end

local function map_figure(who, kind, o)
  local z = numbers.rows(who, "z", o.z)
  local fig = making.figure(who, kind, o, of_map)
  local colors = o.colors or "viridis"
  if not palette.maps[colors] then
    blame('%s: colors is %s; give "viridis", "diverging" or "grey"', who,
      options.shown(colors))
  end
  local s = {
    kind = kind, color = 1, z = z, map = colors, zlabel = o.zlabel,
    zmin = o.zmin, zmax = o.zmax, log_z = o.log_z,
    x = places(who, "x", o.x, #(z[1] or {})), y = places(who, "y", o.y, #z),
    rows = names_of(who, "rows", o.rows, #z),
    columns = names_of(who, "columns", o.columns, #(z[1] or {})),
  }
  fig.series[1] = s
  return fig, s
end

--- A heat map; see orrery.plot.
function maps.heatmap(who, o)
  local fig, s = map_figure(who, "heatmap", o)
  s.values = o.values
  fig.down = o.y == nil  -- as a matrix is written: its first row on top
  return fig
end

--- Contour lines; see orrery.plot.
function maps.contour(who, o)
  local fig, s = map_figure(who, "contour", o)
  if #s.x == 1 or #s.y == 1 then
    blame("%s: z is %d x %d; give at least two rows and columns", who, #s.y,
      #s.x)
  end
  s.levels = o.levels or 8
  if type(s.levels) == "table" or options.is_tensor(s.levels) then
    s.levels = numbers.list(who, "levels", s.levels)
  else
    options.count(who, "levels", s.levels)
  end
  if o.filled then
    local below = {}
    for key, value in pairs(s) do below[key] = value end
    below.kind, below.plain = "heatmap", true
    table.insert(fig.series, 1, below)
    s.over = true
  end
  return fig
end

-- x, y, u, v as equally long lists, from those or from places along the axes
-- and matrices [y, x] of arrows.
local function arrows(who, o)
  if not numbers.is_rows(o.u) then
    return numbers.list(who, "x", o.x), numbers.list(who, "y", o.y),
      numbers.list(who, "u", o.u), numbers.list(who, "v", o.v)
  end
  local u, v = numbers.rows(who, "u", o.u), numbers.rows(who, "v", o.v)
  if #u ~= #v or #(u[1] or {}) ~= #(v[1] or {}) then
    blame("%s: u is %d x %d but v is %d x %d; match them", who, #u,
      #(u[1] or {}), #v, #(v[1] or {}))
  end
  local at_x = places(who, "x", o.x, #(u[1] or {}))
  local at_y = places(who, "y", o.y, #u)
  local x, y, fu, fv = {}, {}, {}, {}
  for i = 1, #u do
    for j = 1, #u[i] do
      x[#x + 1], y[#y + 1] = at_x[j], at_y[i]
      fu[#fu + 1], fv[#fv + 1] = u[i][j], v[i][j]
    end
  end
  return x, y, fu, fv
end

-- How much to lengthen the arrows so that the longest spans one place of a
-- square grid of as many.
local function fitting(x, y, u, v)
  local most, low, high = 0, math.huge, -math.huge
  for i in ipairs(x) do
    local long = math.sqrt(u[i] ^ 2 + v[i] ^ 2)
    if numbers.finite(long) then most = math.max(most, long) end
    for _, at in ipairs { x[i], y[i] } do
      if numbers.finite(at) then
        low, high = math.min(low, at), math.max(high, at)
      end
    end
  end
  local side = math.max(1, math.sqrt(#x) - 1)
  local place = high > low and (high - low) / side or 1
  return most > 0 and place / most or 1
end

--- Arrows; see orrery.plot.
function maps.quiver(who, o)
  local fig = making.figure(who, "quiver", o,
    { "x", "y", "u", "v", "scale", "name", "color" })
  if fig.square == nil then fig.square = true end
  local x, y, u, v = arrows(who, o)
  for name, list in pairs { y = y, u = u, v = v } do
    making.same_length(who, x, "x", list, name)
  end
  local scale = o.scale or fitting(x, y, u, v)
  options.number(who, "scale", scale, numbers.finite)
  local long_u, long_v = {}, {}
  for i in ipairs(u) do long_u[i], long_v[i] = u[i] * scale, v[i] * scale end
  fig.series[1] = { kind = "quiver", x = x, y = y, u = long_u, v = long_v,
    color = o.color or 1, name = o.name }
  return fig
end

return maps
