--- Tensors brought to other shapes: what PyTorch has besides reshape, expand
--- and flip, made of these.
local orrery = require "orrery.core"
local define = require "orrery.define"
local methods = orrery.Tensor.methods
local blame, describe = orrery.blame, orrery.describe
local both, check = define.both, define.tensor

--- x with as many axes of size 1 in front as it takes to have one.
both("atleast_1d", function(x)
  return check("atleast_1d", x):dim() > 0 and x or x:reshape(1)
end)

--- x with as many axes of size 1 in front as it takes to have two.
both("atleast_2d", function(x)
  local rank = check("atleast_2d", x):dim()
  if rank == 0 then return x:reshape(1, 1) end
  return rank > 1 and x or x:unsqueeze(1)
end)

--- x with axes of size 1 so that it has three: a matrix gets a last one, a
--- row [n] becomes [1, n, 1].
both("atleast_3d", function(x)
  local rank = check("atleast_3d", x):dim()
  if rank == 0 then return x:reshape(1, 1, 1) end
  if rank == 1 then return x:unsqueeze(1):unsqueeze(3) end
  return rank > 2 and x or x:unsqueeze(3)
end)

--- The shape that tensors of these shapes are broadcast to, as a table.
---@param ... integer[]  sizes
---@return integer[]
function orrery.broadcast_shapes(...)
  local shapes, rank = { ... }, 0
  for i = 1, select("#", ...) do
    if type(shapes[i]) ~= "table" then
      blame(("broadcast_shapes: shape %d is %s; pass a table of sizes"):format(
        i, describe(shapes[i])))
    end
    rank = math.max(rank, #shapes[i])
  end
  local out = {}
  for k = 1, rank do out[k] = 1 end
  for i, shape in ipairs(shapes) do
    for k, size in ipairs(shape) do
      local at = rank - #shape + k
      if math.type(size) ~= "integer" or size < 0
          or size ~= 1 and out[at] ~= 1 and out[at] ~= size then
        blame(("broadcast_shapes: size %d of shape %d is %s; sizes must be "
          .. "equal or 1, matched from the last axis"):format(k, i,
          describe(size)))
      end
      if size ~= 1 then out[at] = size end
    end
  end
  return out
end

--- Views of the tensors in the one shape that they broadcast to: several
--- values.
---@param ... orrery.Tensor
---@return orrery.Tensor ...
function orrery.broadcast_tensors(...)
  local list, shapes = { ... }, {}
  local n = select("#", ...)
  for i = 1, n do
    if not orrery.is_tensor(list[i]) then
      blame(("broadcast_tensors: argument %d is %s; pass a tensor"):format(i,
        describe(list[i])))
    end
    shapes[i] = { list[i]:shape() }
  end
  local shape = orrery.broadcast_shapes(table.unpack(shapes))
  for i = 1, n do list[i] = list[i]:expand(shape) end
  return table.unpack(list, 1, n)
end

--- All elements in a row: flatten without axes.
both("ravel", function(x) return check("ravel", x):reshape(-1) end)

--- The columns of a matrix, and what stands in for them, in reverse order.
both("fliplr", function(x)
  if check("fliplr", x):dim() < 2 then
    blame(("fliplr: x is %s; it needs at least two axes"):format(
      x:shape_str()))
  end
  return x:flip(2)
end)

--- The rows in reverse order.
both("flipud", function(x)
  if check("flipud", x):dim() < 1 then
    blame "flipud: x is a scalar; it needs at least one axis"
  end
  return x:flip(1)
end)

--- The elements of x, whatever its shape, on a diagonal of a matrix.
---@param x orrery.Tensor
---@param offset? integer  default 0
both("diagflat", function(x, offset)
  return check("diagflat", x):reshape(-1):diag(offset or 0)
end)

--- x with its last two axes swapped.
function methods.mT(x)
  if check("mT", x):dim() < 2 then
    blame(("mT: x is %s; it needs at least two axes"):format(x:shape_str()))
  end
  return x:transpose(-2, -1)
end

--- x in the shape of y.
function methods.reshape_as(x, y)
  check("reshape_as", x)
  return x:reshape { check("reshape_as", y):shape() }
end

--- All windows of `size` elements along an axis, `step` apart, a window's
--- elements on a new last axis (a copy).
---@param x orrery.Tensor
---@param axis integer
---@param size integer
---@param step integer
function methods.unfold(x, axis, size, step)
  local rank = check("unfold", x):dim()
  for i, v in ipairs { axis or false, size or false, step or false } do
    if math.type(v) ~= "integer" or i > 1 and (v < 1 or v > 1 << 40) then
      blame(("unfold: %s is %s; pass a whole number from 1"):format(
        ({ "axis", "size", "step" })[i], describe(v or nil)))
    end
  end
  if axis == 0 or axis > rank or axis < -rank then
    blame(("unfold: axis is %d but x is %s; use 1 to %d or -%d to -1"):format(
      axis, x:shape_str(), rank, rank))
  end
  axis = axis > 0 and axis or axis + rank + 1
  local count = (x:size(axis) - size) // step + 1
  if count < 1 then
    blame(("unfold: size is %d but axis %d of %s has %d elements"):format(size,
      axis, x:shape_str(), x:size(axis)))
  end
  local i64 = { dtype = "int64" }
  local first = orrery.range(0, count - 1, i64):unsqueeze(2) * step
  local at = first + orrery.range(1, size, i64)
  return x:index_select(axis, at:reshape(-1))
    :unflatten(axis, { count, size }):movedim(axis + 1, -1)
end

--- x summed over the axes along which `sizes` would be broadcast to it.
---@param x orrery.Tensor
---@param ... integer  sizes, or a table of them
function methods.sum_to_size(x, ...)
  local sizes = type((...)) == "table" and (...) or { ... }
  local rank, axes = check("sum_to_size", x):dim(), {}
  for k = 1, rank do
    local size = sizes[k - rank + #sizes]
    if size == nil or size == 1 and x:size(k) ~= 1 then
      axes[#axes + 1] = k
    elseif size ~= x:size(k) then
      blame(("sum_to_size: x is %s; size %d must be %d or 1"):format(
        x:shape_str(), k - rank + #sizes, x:size(k)))
    end
  end
  if #sizes > rank then
    blame(("sum_to_size: x is %s but %d sizes are given"):format(x:shape_str(),
      #sizes))
  end
  if #axes == 0 then return x end
  return x:sum { axis = axes, keepdim = true }:reshape(sizes)
end

return methods
