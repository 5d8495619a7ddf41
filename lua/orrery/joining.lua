--- Tensors put beside each other and cut apart: what PyTorch has besides cat,
--- stack and split, made of these.
local orrery = require "orrery.core"
local define = require "orrery.define"
local methods = orrery.Tensor.methods
local blame, describe = orrery.blame, orrery.describe
local both, check, resolve = define.both, define.tensor, define.axis

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
  elseif math.type(cuts) == "integer" and cuts >= 1 and cuts <= 1 << 16 then
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
  --- tensor_split along one axis: hsplit's second (the first of a row),
  --- vsplit's first, dsplit's third. A number of pieces must divide evenly.
  ---@param x orrery.Tensor
  ---@param cuts integer|integer[]
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

return methods
