--- Functions of several index tensors: grids, and writing at points.
local orrery = require "orrery.core"
local methods = orrery.Tensor.methods
local blame, describe = orrery.blame, orrery.describe

local function check_tensors(who, list, n)
  for i = 1, n do
    if not orrery.is_tensor(list[i]) then
      blame(("%s: argument %d is %s; pass a tensor"):format(who, i,
        describe(list[i])))
    end
  end
end

--- The coordinates of every point of a grid, one tensor per axis: several
--- values, all of shape [#x1, #x2, ...], views.
---@param ... orrery.Tensor  each [N] or a scalar; last, a table of options:
---   indexing = "ij" (default), or "xy", which swaps the first two axes
---@return orrery.Tensor ...
function orrery.meshgrid(...)
  local list, indexing = { ... }, "ij"
  local n = select("#", ...)
  if type(list[n]) == "table" then
    indexing, n = list[n].indexing or "ij", n - 1
  end
  if indexing ~= "ij" and indexing ~= "xy" then
    blame(("meshgrid: indexing is %s; use \"ij\" or \"xy\""):format(
      describe(indexing)))
  elseif n < 1 then
    blame "meshgrid: no tensor is given; pass one per axis"
  end
  check_tensors("meshgrid", list, n)
  local sizes = {}
  for i = 1, n do
    if list[i]:dim() > 1 then
      blame(("meshgrid: argument %d is %s; it must have one axis"):format(i,
        list[i]:shape_str()))
    end
    sizes[i] = list[i]:numel()
  end
  local grids = {}
  for i = 1, n do
    local shape = {}
    for k = 1, n do shape[k] = k == i and sizes[i] or 1 end
    local y = list[i]:reshape(shape):expand(sizes)
    grids[i] = indexing == "xy" and n > 1 and y:transpose(1, 2) or y
  end
  return table.unpack(grids, 1, n)
end

--- All tuples with one element of each tensor, the last changing fastest.
---@param ... orrery.Tensor  each [N]
---@return orrery.Tensor  [#x1 #x2 ..., how many]; [N] of one tensor
function orrery.cartesian_prod(...)
  local n = select("#", ...)
  if n < 1 then blame "cartesian_prod: no tensor is given; pass one or more" end
  check_tensors("cartesian_prod", { ... }, n)
  for i, x in ipairs { ... } do
    if x:dim() ~= 1 then
      blame(("cartesian_prod: argument %d is %s; it must have one axis"):format(
        i, x:shape_str()))
    end
  end
  if n == 1 then return (...) end
  local columns = { orrery.meshgrid(...) }
  for i = 1, n do columns[i] = columns[i]:reshape(-1) end
  return orrery.stack(columns, -1)
end

--- The r-element parts of a vector, their elements in its order.
---@param x orrery.Tensor  [N]
---@param r? integer  default 2
---@param with_replacement? boolean  an element may come again
---@return orrery.Tensor  [K, r]
function methods.combinations(x, r, with_replacement)
  check_tensors("combinations", { x }, 1)
  r = r == nil and 2 or r
  if x:dim() ~= 1 then
    blame(("combinations: x is %s; it must have one axis"):format(
      x:shape_str()))
  elseif math.type(r) ~= "integer" or r < 1 or r > 8 then
    blame(("combinations: r is %s; use 1 to 8"):format(describe(r)))
  end
  local positions, grids = orrery.range(1, x:numel(), { dtype = "int64" }), {}
  for i = 1, r do grids[i] = positions end
  grids = { orrery.meshgrid(table.unpack(grids)) }
  local compare = with_replacement and orrery.le or orrery.lt
  local wanted = grids[1]:ge(1)
  for i = 2, r do
    wanted = wanted:logical_and(compare(grids[i - 1], grids[i]))
  end
  local columns = {}
  for i = 1, r do
    columns[i] = x:index_select(1, grids[i]:masked_select(wanted))
  end
  return orrery.stack(columns, -1)
end
orrery.combinations = methods.combinations

local evenly = orrery.repeat_interleave
orrery.originals.repeat_interleave = evenly

-- Row i of the axis repeats[i] times: position p of the result comes from the
-- first row whose running total reaches p.
local function by_counts(x, repeats, axis)
  if type(axis) == "table" then axis = axis.axis end
  if axis == nil then x, axis = x:reshape(-1), 1 end
  if repeats.dtype ~= "int64" or repeats:dim() > 1 then
    blame(("repeat_interleave: repeats is %s; use a number or int64 [N]")
      :format(describe(repeats)))
  end
  local n, ends = x:size(axis), repeats:reshape(-1)
  if ends:numel() == 1 then ends = ends:expand { n } end
  if ends:numel() ~= n then
    blame(("repeat_interleave: repeats has %d counts but axis %d of x %s has "
      .. "%d elements"):format(ends:numel(), axis, x:shape_str(), n))
  elseif n > 0 and ends:amin():item() < 0 then
    blame(("repeat_interleave: repeats holds %d; use counts of 0 or more")
      :format(ends:amin():item()))
  end
  ends = ends:cumsum(1)
  local total = n > 0 and ends[n]:item() or 0
  local from = orrery.range(1, total, { dtype = "int64" })
  return x:index_select(axis, orrery.searchsorted(ends, from))
end

--- Each element along an axis (of all in a row without one) several times in
--- succession: as often everywhere, or as a tensor counts for each.
---@param x orrery.Tensor
---@param repeats integer|orrery.Tensor  int64 [N], one count per element
---@param axis? integer
---@return orrery.Tensor
function methods.repeat_interleave(x, repeats, axis, ...)
  if orrery.is_tensor(x) and orrery.is_tensor(repeats) then
    return by_counts(x, repeats, axis)
  end
  return evenly(x, repeats, axis, ...)
end
orrery.repeat_interleave = methods.repeat_interleave

-- The common shape of index tensors.
local function broadcast(indices)
  local sum = indices[1]
  for i = 2, #indices do sum = sum + indices[i] end
  return { sum:shape() }
end

local function check_positions(x, indices)
  for axis, index in ipairs(indices) do
    if index.dtype ~= "int64" then
      blame(("index_put: index %d is %s; it must be int64, or one uint8 mask")
        :format(axis, index.dtype))
    end
    local n = x:size(axis)
    local low = index:numel() > 0 and index:amin():item() or 1
    local high = index:numel() > 0 and index:amax():item() or 1
    if low < 1 or high > n then
      blame(("index_put: index %d holds %d but axis %d of %s has positions 1 "
        .. "to %d"):format(axis, low < 1 and low or high, axis, x:shape_str(),
        n))
    end
  end
end

-- A mask over the first axes as one index over them merged.
local function from_mask(x, mask)
  local rows = { x:shape() }
  for axis = 1, mask:dim() do
    if axis > x:dim() or mask:size(axis) ~= rows[axis] then
      blame(("index_put: x is %s but the mask is %s; match its axes"):format(
        x:shape_str(), mask:shape_str()))
    end
  end
  return mask:flatnonzero(), mask:dim()
end

-- Positions over the first #indices axes merged: (i - 1) n2 + j ...
local function merged(x, indices)
  check_positions(x, indices)
  local shape = broadcast(indices)
  local flat
  for axis, index in ipairs(indices) do
    local at = index:expand(shape) - 1
    flat = flat and flat * x:size(axis) + at or at
  end
  return flat + 1, #indices
end

local function check_indices(x, indices)
  check_tensors("index_put", { x }, 1)
  if type(indices) ~= "table" or #indices == 0 or #indices > x:dim() then
    blame(("index_put: indices is %s; pass a table of 1 to %d tensors for %s")
      :format(type(indices) == "table" and "a table of " .. #indices
      or describe(indices), x:dim(), x:shape_str()))
  end
  for i, index in ipairs(indices) do
    if not orrery.is_tensor(index) then
      blame(("index_put: index %d is %s; pass a tensor"):format(i,
        describe(index)))
    end
  end
end

--- x with values written at the points (i, j, ...) that the index tensors,
--- broadcast together, name on its first axes; of values that meet the last
--- stays, or with accumulate all are added to what x holds there.
---@param x orrery.Tensor
---@param indices orrery.Tensor[]  int64, positions from 1; or one uint8 mask
---@param values orrery.Tensor|number  broadcast to the points' shape
---@param accumulate? boolean
---@return orrery.Tensor
function methods.index_put(x, indices, values, accumulate)
  check_indices(x, indices)
  if type(values) ~= "number" and not orrery.is_tensor(values) then
    blame(("index_put: values is %s; pass a tensor or a number"):format(
      describe(values)))
  elseif accumulate ~= nil and type(accumulate) ~= "boolean" then
    blame(("index_put: accumulate is %s; pass true or false"):format(
      describe(accumulate)))
  end
  local at, n
  if #indices == 1 and indices[1].dtype == "uint8" then
    at, n = from_mask(x, indices[1])
  else
    at, n = merged(x, indices)
  end
  local sizes, shape, rows = { x:shape() }, { at:shape() }, 1
  for axis = 1, n do rows = rows * sizes[axis] end
  local flat, rest = { rows }, { at:numel() }
  for axis = n + 1, #sizes do
    flat[#flat + 1], rest[#rest + 1] = sizes[axis], sizes[axis]
    shape[#shape + 1] = sizes[axis]
  end
  if type(values) == "number" then
    values = orrery.tensor(values, { dtype = x.dtype })
  end
  values = values:expand(shape):reshape(rest)
  local write = accumulate and x.index_add or x.index_copy
  return write(x:reshape(flat), 1, at:reshape(-1), values):reshape(sizes)
end
orrery.index_put = methods.index_put

return methods
