--- Tensors put beside each other, cut apart and brought to one shape: what
--- PyTorch has besides cat, stack, split and expand, made of these.
local orrery = require "orrery.core"
local methods = orrery.Tensor.methods
local blame, describe = orrery.blame, orrery.describe

local function check(who, x)
  if orrery.is_tensor(x) then return x end
  blame(("%s: x is %s; pass a tensor"):format(who, describe(x)))
end

-- A list of at least one tensor; `prepare` is applied to each.
local function each(who, list, prepare)
  if type(list) ~= "table" or orrery.is_tensor(list) or #list == 0 then
    blame(("%s: tensors is %s; pass a table of tensors"):format(who,
      type(list) == "table" and "empty" or describe(list)))
  end
  local out = {}
  for i, x in ipairs(list) do
    if not orrery.is_tensor(x) then
      blame(("%s: tensor %d is %s; pass a tensor"):format(who, i, describe(x)))
    end
    out[i] = prepare(x)
  end
  return out
end

local function both(name, fn)
  methods[name] = fn
  orrery[name] = fn
end

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

--- Joins tensors along the second axis; those of one axis along that.
---@param tensors orrery.Tensor[]
function orrery.hstack(tensors)
  local list = each("hstack", tensors, orrery.atleast_1d)
  return orrery.cat(list, list[1]:dim() == 1 and 1 or 2)
end

--- Joins tensors along the first axis; those of one axis become rows.
---@param tensors orrery.Tensor[]
function orrery.vstack(tensors)
  return orrery.cat(each("vstack", tensors, orrery.atleast_2d), 1)
end

--- Joins tensors along the third axis, which matrices get for it.
---@param tensors orrery.Tensor[]
function orrery.dstack(tensors)
  return orrery.cat(each("dstack", tensors, orrery.atleast_3d), 3)
end

--- Joins tensors along the second axis; those of one axis become columns.
---@param tensors orrery.Tensor[]
function orrery.column_stack(tensors)
  return orrery.hstack(each("column_stack", tensors, function(x)
    return x:dim() > 1 and x or x:reshape(-1, 1)
  end))
end

local function resolve(who, x, axis)
  local rank = check(who, x):dim()
  if math.type(axis) ~= "integer" then
    blame(("%s: axis is %s; pass a whole number"):format(who, describe(axis)))
  elseif axis == 0 or axis > rank or axis < -rank then
    blame(("%s: axis is %d but x is %s; use 1 to %d or -%d to -1"):format(who,
      axis, x:shape_str(), rank, rank))
  end
  return axis > 0 and axis or axis + rank + 1
end

-- Lengths of n pieces as alike as can be, the longer ones first; or of the
-- pieces that begin at the positions given.
local function lengths(who, cuts, size)
  local out = {}
  if type(cuts) == "table" then
    local from = 1
    for i, at in ipairs(cuts) do
      if math.type(at) ~= "integer" or at < from or at > size + 1 then
        blame(("%s: cut %d is %s; pass growing positions from 1 to %d"):format(
          who, i, describe(at), size + 1))
      end
      out[i], from = at - from, at
    end
    out[#out + 1] = size + 1 - from
  elseif math.type(cuts) == "integer" and cuts >= 1 and cuts <= 1 << 20 then
    for i = 1, cuts do
      out[i] = size // cuts + (i <= size % cuts and 1 or 0)
    end
  else
    blame(("%s: cuts is %s; pass how many pieces, or where pieces begin")
      :format(who, describe(cuts)))
  end
  return out
end

--- Pieces of x along an axis, several views: so many, as alike as can be, or
--- cut before each of the positions in a table.
---@param x orrery.Tensor
---@param cuts integer|integer[]
---@param axis? integer  default 1
both("tensor_split", function(x, cuts, axis)
  axis = resolve("tensor_split", x, axis or 1)
  return x:split(lengths("tensor_split", cuts, x:size(axis)), axis)
end)

-- hsplit and its like: x needs axes enough, and a number must divide evenly.
local function divided(who, least, axis_of)
  return function(x, cuts)
    if check(who, x):dim() < least then
      blame(("%s: x is %s; it needs at least %d axes"):format(who,
        x:shape_str(), least))
    end
    local axis = axis_of(x)
    if math.type(cuts) == "integer" and cuts > 0 and x:size(axis) % cuts > 0
    then
      blame(("%s: axis %d of %s does not fall into %d equal pieces"):format(
        who, axis, x:shape_str(), cuts))
    end
    return x:split(lengths(who, cuts, x:size(axis)), axis)
  end
end

--- tensor_split along the second axis (the first of a row), in equal pieces.
both("hsplit", divided("hsplit", 1, function(x)
  return x:dim() == 1 and 1 or 2
end))

--- tensor_split along the first axis, in equal pieces.
both("vsplit", divided("vsplit", 2, function() return 1 end))

--- tensor_split along the third axis, in equal pieces.
both("dsplit", divided("dsplit", 3, function() return 3 end))

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
