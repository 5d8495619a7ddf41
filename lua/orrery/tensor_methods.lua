--- Tensor methods and functions made of other ops.
local orrery = require "orrery.core"
local define = require "orrery.define"
local methods = orrery.Tensor.methods
local blame, describe = orrery.blame, orrery.describe
local both, check, resolve = define.both, define.tensor, define.axis

local function check_count(who, name, n)
  if math.type(n) == "integer" and n >= 1 then return end
  blame(("%s: %s is %s; pass a whole number from 1"):format(who, name,
    describe(n)))
end

-- Several values go through Lua's stack, which holds a million.
local function check_pieces(who, x, n)
  if n <= 100000 then return end
  blame(("%s: x is %s, which would fall into %d pieces; make it 100000 at "
    .. "most"):format(who, x:shape_str(), n))
end

-- One function for f(x, ...) and x:f(...).
for name, dtype in pairs { float = "float32", double = "float64",
  long = "int64", byte = "uint8" } do
  --- x in that dtype; x itself when it has it already.
  methods[name] = function(x)
    check(name, x)
    return x.dtype == dtype and x or x:to(dtype)
  end
end

-- The ops behind functions that choose between several, for the tests.
orrery.originals = {}

-- The distance of two tensors has the name of the submodule of distributions,
-- which passes calls on.
orrery.originals.dist = orrery.dist
orrery.dist = nil

-- max and min: of everything, along an axis, or of two tensors.
for name, all in pairs { max = "amax", min = "amin" } do
  local along, overall = orrery[name], orrery[all]
  local of_two = orrery[name .. "imum"]
  orrery.originals[name] = along
  both(name, function(x, y, ...)
    if orrery.is_tensor(y) then return of_two(x, y, ...) end
    if y == nil or type(y) == "table" and y.axis == nil and y.x == nil then
      return overall(x, y, ...)
    end
    return along(x, y, ...)
  end)
end

--- Pieces of `length` along the axis (the last may be shorter), or of the
--- lengths given in a table: several values, views of x.
---@param x orrery.Tensor
---@param length integer|integer[]
---@param axis? integer  default 1
both("split", function(x, length, axis)
  check("split", x)
  axis = resolve("split", x, axis)
  local size, pieces, start = x:size(axis), {}, 1
  if type(length) ~= "table" then
    check_count("split", "length", length)
    local each = length
    length = {}
    check_pieces("split", x, (size - 1) // each + 1)
    for i = 1, math.max(1, (size - 1) // each + 1) do
      length[i] = math.min(each, size - (i - 1) * each)
    end
  end
  local total = 0
  for _, n in ipairs(length) do
    if math.type(n) ~= "integer" or n < 0 then
      blame(("split: a length is %s; pass whole numbers"):format(describe(n)))
    end
    total = total + n
  end
  if total ~= size then
    blame(("split: the lengths add up to %d but axis %d of %s has %d"):format(
      total, axis, x:shape_str(), size))
  end
  for i, n in ipairs(length) do
    pieces[i] = x:narrow(axis, start, n)
    start = start + n
  end
  return table.unpack(pieces)
end)

--- x in n pieces along the axis, equal but for the last: several values.
---@param x orrery.Tensor
---@param n integer
---@param axis? integer  default 1
both("chunk", function(x, n, axis)
  check("chunk", x)
  check_count("chunk", "n", n)
  axis = resolve("chunk", x, axis)
  return x:split(math.max(1, (x:size(axis) - 1) // n + 1), axis)
end)

--- The rows along an axis, which goes: several values, views of x.
---@param x orrery.Tensor
---@param axis? integer  default 1
both("unbind", function(x, axis)
  check("unbind", x)
  axis = resolve("unbind", x, axis)
  local rows = {}
  check_pieces("unbind", x, x:size(axis))
  for i = 1, x:size(axis) do rows[i] = x:select(axis, i) end
  return table.unpack(rows)
end)

--- Sum over the last axis.
function methods.sum_last(x)
  check("sum_last", x)
  return x:sum(-1)
end

--- x in the shape of y, over the same storage.
function methods.view_as(x, y)
  check("view_as", x)
  check("view_as", y)
  return x:view { y:shape() }
end

--- x expanded to the shape of y.
function methods.expand_as(x, y)
  check("expand_as", x)
  check("expand_as", y)
  return x:expand { y:shape() }
end

--- x in the dtype of y.
function methods.type_as(x, y)
  check("type_as", x)
  check("type_as", y)
  return x.dtype == y.dtype and x or x:to(y.dtype)
end

--- x with its two axes swapped.
function methods.t(x)
  check("t", x)
  if x:dim() ~= 2 then
    blame(("t: x is %s; it needs two axes"):format(x:shape_str()))
  end
  return x:transpose(1, 2)
end

-- clamp with a tensor as a limit is an op of its own.
local clamp = orrery.clamp
local function is_limit(x, y, opts)
  local t = orrery.is_tensor
  return t(x) or t(y) or type(opts) == "table" and (t(opts.min) or t(opts.max))
end
orrery.originals.clamp = clamp
both("clamp", function(x, min, max, ...)
  local opts = max == nil and min or max
  local fn = is_limit(min, max, opts) and orrery.hidden.clamp_between or clamp
  if max == nil then return fn(x, min) end
  return fn(x, min, max, ...)
end)

local function shown(sizes)
  local parts = {}
  for i, size in ipairs(sizes) do
    parts[i] = math.type(size) and tostring(size) or describe(size)
  end
  return table.concat(parts, ", ")
end

-- The sizes whose product is n, with what is missing in place of a -1; nil
-- when there are none.
local function filled(sizes, n)
  local list, unknown, product = {}, nil, 1
  for i, size in ipairs(sizes) do
    if math.type(size) ~= "integer" or size < -1 or size == -1 and unknown then
      return nil
    elseif size == -1 then
      unknown = i
    else
      product = product * size
    end
    list[i] = size
  end
  if unknown then
    if product == 0 or n % product ~= 0 then return nil end
    list[unknown] = n // product
  end
  return (unknown or product == n) and list or nil
end

--- x with one axis split into several of the sizes given; one may be -1.
---@param x orrery.Tensor
---@param axis integer
---@param sizes integer[]
both("unflatten", function(x, axis, sizes)
  check("unflatten", x)
  axis = resolve("unflatten", x, axis)
  if type(sizes) ~= "table" or #sizes == 0 then
    blame(("unflatten: sizes is %s; pass a table of sizes"):format(
      describe(sizes)))
  end
  local shape = { x:shape() }
  local list = filled(sizes, table.remove(shape, axis))
  if not list then
    blame(("unflatten: axis %d of %s does not become [%s]; use sizes with "
      .. "product %d, one of them -1 if you like"):format(axis, x:shape_str(),
      shown(sizes), x:size(axis)))
  end
  for i, n in ipairs(list) do table.insert(shape, axis + i - 1, n) end
  return x:reshape(shape)
end)

--- Whether x and y have one shape and dtype, and equal values.
both("equal", function(x, y)
  check("equal", x)
  check("equal", y)
  if x.dtype ~= y.dtype or x:shape_str() ~= y:shape_str() then return false end
  if x:numel() == 0 then return true end
  return x:eq(y):to("int64"):sum():item() == x:numel()
end)

return methods
