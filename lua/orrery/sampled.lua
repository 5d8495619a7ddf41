--- Functions known at points: their slopes, and how often values fall between
--- edges.
local orrery = require "orrery.core"
local define = require "orrery.define"
local options = require "orrery.options"
local methods = orrery.Tensor.methods
local blame, is_tensor = require "orrery.blame", orrery.is_tensor
local both = define.both

-- ---- gradient

-- Element i of axis, the axis kept.
local function at(x, axis, i) return x:narrow(axis, i, 1) end

local function combined(x, axis, first, weights)
  local sum
  for k, w in ipairs(weights) do
    local term = at(x, axis, first + k - 1) * w
    sum = sum and sum + term or term
  end
  return sum
end

-- Slope at the first of points with gaps a and b after it, through the first
-- two or three; gaps are negative when they lead backwards.
local function edge_weights(a, b, order)
  if order == 1 then return { -1 / a, 1 / a } end
  return { -(2 * a + b) / (a * (a + b)), (a + b) / (a * b),
    -a / (b * (a + b)) }
end

local function inner(x, axis, gaps)
  local n = x:size(axis)
  local function middle(k) return x:narrow(axis, k, n - 2) end
  if type(gaps) == "number" then
    return (middle(3) - middle(1)) / (2 * gaps)
  end
  local a, b = gaps:narrow(axis, 1, n - 2), gaps:narrow(axis, 2, n - 2)
  local right = (middle(3) - middle(2)) * (a / b)
  local left = (middle(2) - middle(1)) * (b / a)
  return (left + right) / (a + b)
end

local function slope(x, axis, gaps, order)
  local n = x:size(axis)
  local function gap(k)
    return type(gaps) == "number" and gaps or at(gaps, axis, k)
  end
  local second = order == 2
  local first = edge_weights(gap(1), second and gap(2), order)
  local last = edge_weights(-gap(n - 1), second and -gap(n - 2), order)
  local back = {}
  for k, w in ipairs(last) do back[#last + 1 - k] = w end
  local parts = { combined(x, axis, 1, first) }
  if n > 2 then parts[2] = inner(x, axis, gaps) end
  parts[#parts + 1] = combined(x, axis, n + 1 - #back, back)
  return orrery.cat(parts, axis)
end

-- The axes asked for, from 1.
local function wanted_axes(x, axis)
  local list, rank = {}, x:dim()
  if axis == nil then
    for k = 1, rank do list[k] = k end
    return list
  end
  for k, a in ipairs(type(axis) == "table" and axis or { axis }) do
    list[k] = define.axis("gradient", x, a)
  end
  return list
end

-- How far apart the points of an axis are: a number, or a tensor shaped to
-- go along it.
local function gaps_of(x, axis, spacing)
  if type(spacing) == "number" then
    if spacing ~= 0 then return spacing end
    blame("gradient: spacing is 0; give the distance of the points")
  elseif not is_tensor(spacing) then
    blame("gradient: spacing holds %s; give a number or a tensor of positions "
      .. "for each axis", options.shown(spacing))
  elseif spacing:dim() ~= 1 or spacing:numel() ~= x:size(axis) then
    blame("gradient: x is %s but the positions along axis %d are %s; give %d",
      x:shape_str(), axis, spacing:shape_str(), x:size(axis))
  end
  local shape = {}
  for k = 1, x:dim() do shape[k] = k == axis and -1 or 1 end
  local n = spacing:numel()
  spacing = spacing:to(x.dtype)
  return (spacing:narrow(1, 2, n - 1) - spacing:narrow(1, 1, n - 1))
    :reshape(shape)
end

--- The slope of x along each axis (or those named): differences of neighbours
--- on both sides, exact for parabolas; at the ends, of the nearest two points,
--- or with edge_order = 2 three. One tensor for each axis.
---@param x orrery.Tensor
---@param opts? { spacing?: number|table, axis?: integer|integer[],
---   edge_order?: 1|2 }  spacing: the distance of the points, or for each axis
---   a distance or a tensor of positions; 1 when absent
---@return orrery.Tensor ...
both("gradient", function(x, opts)
  define.tensor("gradient", x)
  opts = options.take("gradient", opts, { spacing = 1, edge_order = 1 },
    { "axis" })
  if opts.edge_order ~= 1 and opts.edge_order ~= 2 then
    blame("gradient: edge_order is %s; use 1 or 2",
      options.shown(opts.edge_order))
  end
  if not x:is_floating_point() then x = x:float() end
  local axes, slopes = wanted_axes(x, opts.axis), {}
  local spacing = opts.spacing
  if type(spacing) == "table" and #spacing ~= #axes then
    blame("gradient: spacing has %d entries for %d axes; give one for each",
      #spacing, #axes)
  end
  for k, axis in ipairs(axes) do
    if x:size(axis) <= opts.edge_order then
      blame("gradient: axis %d of %s has size %d; at least %d are wanted",
        axis, x:shape_str(), x:size(axis), opts.edge_order + 1)
    end
    local each = type(spacing) == "table" and spacing[k] or spacing
    slopes[k] = slope(x, axis, gaps_of(x, axis, each), opts.edge_order)
  end
  return table.unpack(slopes)
end)

-- ---- histogram

local function range_of(x, range)
  if range == nil then
    if x:numel() == 0 then return -0.5, 0.5 end
    range = { x:amin():item(), x:amax():item() }
  end
  local low, high = range[1], range[2]
  if type(low) ~= "number" or type(high) ~= "number" or not (low <= high)
    or low == -math.huge or high == math.huge then
    blame("histogram: the range is %s to %s; give two finite numbers that "
      .. "grow", options.shown(low), options.shown(high))
  end
  if low == high then return low - 0.5, high + 0.5 end
  return low, high
end

local function edges_of(x, bins, range)
  if not is_tensor(bins) then
    local n = options.count("histogram", "bins", bins)
    local low, high = range_of(x, range)
    return orrery.linspace(low, high, n + 1, { dtype = x.dtype })
  end
  if range ~= nil then
    blame("histogram: range is given, but bins has the edges; leave it out")
  elseif bins:dim() ~= 1 or bins:numel() < 2 or bins.dtype ~= x.dtype then
    blame("histogram: bins is %s; give %s edges [N], 2 or more",
      options.shown(bins), x.dtype)
  end
  return bins
end

--- How many elements lie between neighbouring edges: from each edge, up to the
--- next, the last one included. What lies outside is not counted. The result
--- is of x's dtype and has no gradient.
---@param x orrery.Tensor
---@param bins integer|orrery.Tensor  how many, or the edges, which grow [N]
---@param opts? { range?: number[], weight?: orrery.Tensor, density?: boolean }
---   range { low, high }, that of x when absent; weight counts instead of 1;
---   density: of integral 1
---@return orrery.Tensor counts  [N - 1]
---@return orrery.Tensor edges  [N]
both("histogram", function(x, bins, opts)
  opts = options.take("histogram", opts, { density = false },
    { "range", "weight" })
  options.flag("histogram", "density", opts.density)
  x = options.tensor("histogram", "x", x, "float"):detach():reshape(-1)
  local weight = opts.weight
  if weight ~= nil then
    weight = options.tensor("histogram", "weight", weight):detach():reshape(-1)
    if weight:numel() ~= x:numel() or weight.dtype ~= x.dtype then
      blame("histogram: x has %d elements of %s but weight %d of %s; match "
        .. "them", x:numel(), x.dtype, weight:numel(), weight.dtype)
    end
  end
  local edges = edges_of(x, bins, opts.range)
  local n = edges:numel() - 1
  local last = edges:narrow(1, n + 1, 1)
  local bin = edges:searchsorted(x, { right = true }) - 1
  bin = bin - x:eq(last):long()
  local inside = x:ge(edges:narrow(1, 1, 1)):logical_and(x:le(last))
  weight = weight or orrery.ones_like(x)
  local counts = orrery.zeros({ n }, { dtype = x.dtype })
    :index_add(1, bin:masked_select(inside), weight:masked_select(inside))
  if opts.density then
    local width = edges:narrow(1, 2, n) - edges:narrow(1, 1, n)
    counts = counts / (width * counts:sum())
  end
  return counts, edges
end)

return methods
