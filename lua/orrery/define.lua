--- What the files of functions on tensors share: how a function becomes a
--- method too, and the checks that come first.
local orrery = require "orrery.core"
local methods = orrery.Tensor.methods
local blame, describe = orrery.blame, orrery.describe

local define = {}

--- Makes fn both orrery.NAME(x, ...) and x:NAME(...).
---@param name string
---@param fn function
function define.both(name, fn)
  methods[name] = fn
  orrery[name] = fn
end

--- x, which must be a tensor.
---@param who string  whose sentence it is
---@param x any
---@return orrery.Tensor
function define.tensor(who, x)
  if orrery.is_tensor(x) then return x end
  blame(("%s: x is %s; pass a tensor"):format(who, describe(x)))
end

--- An axis of x, counted from 1 when it came from the end.
---@param who string
---@param x orrery.Tensor
---@param axis any  1 when absent
---@return integer
function define.axis(who, x, axis)
  local rank = define.tensor(who, x):dim()
  axis = axis or 1
  if math.type(axis) ~= "integer" then
    blame(("%s: axis is %s; pass a whole number"):format(who, describe(axis)))
  elseif axis == 0 or axis > rank or axis < -rank then
    blame(("%s: axis is %d but x is %s; use 1 to %d or -%d to -1"):format(who,
      axis, x:shape_str(), rank, rank))
  end
  return axis > 0 and axis or axis + rank + 1
end

return define
