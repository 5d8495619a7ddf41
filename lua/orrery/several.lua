--- Functions with several results, or whose result is no tensor, made of ops.
local orrery = require "orrery.core"
local define = require "orrery.define"
local methods = orrery.Tensor.methods
local blame, describe = orrery.blame, orrery.describe
local both, check = define.both, define.tensor

for name, op in pairs { std_mean = "std", var_mean = "var" } do
  local spread = orrery[op]
  --- The standard deviation (var_mean: variance) and the mean along axes: two
  --- values.
  ---@param x orrery.Tensor
  ---@param opts? table  axis, keepdim and correction, as std has them
  both(name, function(x, opts)
    check(name, x)
    if type(opts) == "number" then opts = { axis = opts } end
    if opts ~= nil and type(opts) ~= "table" then
      blame(("%s: the options are %s; pass a table"):format(name,
        describe(opts)))
    end
    opts = opts or {}
    local axis = opts.axis or {}
    return spread(x, { axis = axis, keepdim = opts.keepdim,
      correction = opts.correction }), x:mean { axis = axis,
      keepdim = opts.keepdim }
  end)
end

--- The smallest and the largest element along an axis, or of all: two values.
---@param x orrery.Tensor
---@param opts? { axis?: integer, keepdim?: boolean }
both("aminmax", function(x, opts)
  check("aminmax", x)
  if type(opts) == "number" then opts = { axis = opts } end
  if opts ~= nil and type(opts) ~= "table" then
    blame(("aminmax: the options are %s; pass a table"):format(describe(opts)))
  end
  opts = opts or {}
  return x:amin(opts), x:amax(opts)
end)

--- Whether isclose holds everywhere.
---@param x orrery.Tensor
---@param y orrery.Tensor
---@param rtol? number  default 1e-5
---@param atol? number  default 1e-8
---@param equal_nan? boolean  whether NaN is close to NaN
---@return boolean
both("allclose", function(x, y, rtol, atol, equal_nan)
  check("allclose", x)
  check("allclose", y)
  local near = x:isclose(y, { rtol = rtol, atol = atol,
    equal_nan = equal_nan })
  return near:numel() == 0 or near:all():item() ~= 0
end)

--- x limited from below only.
---@param x orrery.Tensor
---@param min number|orrery.Tensor
both("clamp_min", function(x, min)
  return check("clamp_min", x):clamp { min = min }
end)

--- x limited from above only.
---@param x orrery.Tensor
---@param max number|orrery.Tensor
both("clamp_max", function(x, max)
  return check("clamp_max", x):clamp { max = max }
end)

local function double(x)
  return orrery.is_tensor(x) and x:double() or x
end

--- x ^ y computed in float64, whatever the dtypes are.
---@param x orrery.Tensor|number
---@param y orrery.Tensor|number
both("float_power", function(x, y)
  if not orrery.is_tensor(x) and not orrery.is_tensor(y) then
    blame(("float_power: x is %s; pass a tensor"):format(describe(x)))
  end
  return orrery.pow(double(x), double(y))
end)

--- Each run of equal elements in a row once, for every element which run it
--- is in, and the runs' lengths: three values. x counts as one row.
---@param x orrery.Tensor
both("unique_consecutive", function(x)
  local flat = check("unique_consecutive", x):detach():reshape(-1)
  local n = flat:numel()
  if n == 0 then
    local none = orrery.zeros({ 0 }, { dtype = "int64" })
    return flat, none:reshape { x:shape() }, none:clone()
  end
  local new = orrery.cat { orrery.ones(1, { dtype = "uint8" }),
    flat:narrow(1, 2, n - 1):ne(flat:narrow(1, 1, n - 1)) }
  local run = new:cumsum(1)
  return flat:masked_select(new), run:reshape { x:shape() }, run:bincount()
end)

--- The most frequent element along an axis, the smallest of equally frequent
--- ones, and the last position that holds it: two values.
---@param x orrery.Tensor
---@param axis? integer  default -1
---@param keepdim? boolean
both("mode", function(x, axis, keepdim)
  axis = axis or -1
  if type(axis) == "table" then
    axis, keepdim = axis.axis or -1, axis.keepdim
  end
  if check("mode", x):dim() == 0 then return x, orrery.ones({},
    { dtype = "int64" }) end
  local sorted, index = x:sort(axis)
  local n = sorted:size(axis)
  if n == 0 then
    blame(("mode: x is %s: nothing to choose from; use an axis that is not "
      .. "empty"):format(x:shape_str()))
  end
  -- How long the run of equal elements that ends here is.
  local place = orrery.range(1, n, { dtype = "int64" })
  local shape = {}
  for k = 1, x:dim() do shape[k] = 1 end
  shape[axis > 0 and axis or x:dim() + 1 + axis] = n
  place = place:reshape(shape):expand { x:shape() }
  local new = orrery.cat({ orrery.ones_like(sorted:narrow(axis, 1, 1),
    { dtype = "uint8" }), sorted:narrow(axis, 2, n - 1)
    :ne(sorted:narrow(axis, 1, n - 1)) }, axis)
  local start = (place * new):cummax(axis)
  local at = (place - start):argmax { axis = axis, keepdim = true }
  local value, where = sorted:gather(axis, at), index:gather(axis, at)
  if keepdim then return value, where end
  return value:squeeze(axis), where:squeeze(axis)
end)

--- x sorted along its first axis: sort's first result.
both("msort", function(x)
  return (check("msort", x):sort(1))
end)

--- The median of what is not NaN along an axis (without one: of all), and its
--- position; of NaN alone it is NaN. Of an even number it is the lower one.
---@param x orrery.Tensor
---@param axis? integer
---@param keepdim? boolean
both("nanmedian", function(x, axis, keepdim)
  if type(axis) == "table" then axis, keepdim = axis.axis, axis.keepdim end
  check("nanmedian", x)
  if axis == nil then x, axis, keepdim = x:reshape(-1), 1, false end
  local sorted, index = x:sort(axis)
  if sorted:size(axis) == 0 then
    blame(("nanmedian: x is %s: nothing to choose from; use an axis that is "
      .. "not empty"):format(x:shape_str()))
  end
  local n = sorted:isnan():logical_not():long():sum { axis = axis,
    keepdim = true }
  local at = ((n + 1) // 2):clamp { min = 1 }
  local value, where = sorted:gather(axis, at), index:gather(axis, at)
  if keepdim then return value, where end
  return value:squeeze(axis), where:squeeze(axis)
end)

-- cross_entropy to probabilities instead of classes is an op of its own.
local to_classes = orrery.cross_entropy
local to_probabilities = orrery.hidden.soft_cross_entropy
local function cross_entropy(input, target, ...)
  local t = target
  if target == nil and type(input) == "table" then t = input.target end
  local soft = orrery.is_tensor(t) and t:is_floating_point()
  local fn = soft and to_probabilities or to_classes
  if target == nil then return fn(input) end
  return fn(input, target, ...)
end
orrery.originals.cross_entropy = to_classes
orrery.cross_entropy = cross_entropy
orrery.functional.cross_entropy = cross_entropy

-- ~mask is the opposite mask; of int64 numbers each bit is turned.
function orrery.Tensor.__bnot(x)
  return x.dtype == "uint8" and x:logical_not() or x:bitwise_not()
end

return methods
