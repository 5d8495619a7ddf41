--- Options of ops that are other ops in disguise: a factor for the second term
--- of a sum, division to whole numbers, the triangular factor alone, rows and
--- columns that differ instead of elements.
local orrery = require "orrery.core"
local options = require "orrery.options"
local methods = orrery.Tensor.methods
local blame, is_tensor = require "orrery.blame", orrery.is_tensor

local function is_term(v) return type(v) == "number" or is_tensor(v) end

local function both(name, fn)
  orrery.originals[name] = orrery[name]
  methods[name], orrery[name] = fn, fn
end

local function is_whole(v)
  if is_tensor(v) then return not v:is_floating_point() end
  return math.type(v) == "integer"
end

-- y * opts.alpha, for x and y of sums; whole numbers take a whole factor.
local function scaled(who, x, y, opts)
  local alpha = options.take(who, opts, { alpha = 1 }).alpha
  options.number(who, "alpha", alpha)
  if is_whole(x) and is_whole(y) and math.type(alpha) ~= "integer" then
    blame("%s: alpha is %s but x and y are whole numbers; use a whole one",
      who, tostring(alpha))
  end
  return y * alpha
end

for _, name in ipairs { "add", "sub" } do
  local op, inplace = orrery[name], methods[name .. "_"]
  --- x + alpha y, or x - alpha y, elementwise with broadcasting.
  ---@param x orrery.Tensor|number
  ---@param y orrery.Tensor|number
  ---@param opts? { alpha?: number }  default 1
  ---@return orrery.Tensor
  both(name, function(x, y, opts, ...)
    if opts == nil then
      if y == nil then return op(x) end
      return op(x, y)
    elseif type(opts) ~= "table" or not is_term(y) then
      return op(x, y, opts, ...)
    end
    return op(x, scaled(name, x, y, opts))
  end)
  --- Writes the sum or difference over x; returns x.
  methods[name .. "_"] = function(x, y, opts, ...)
    if type(opts) ~= "table" or not is_term(y) then
      if opts ~= nil then return inplace(x, y, opts, ...) end
      return inplace(x, y)
    end
    local _ <close> = orrery.grad_mode(false)
    return inplace(x, scaled(name .. "_", x, y, opts))
  end
end

local div, div_inplace = orrery.div, methods.div_

-- x / y cut off towards 0. Of whole numbers exactly: without the remainder the
-- division comes out even.
local function cut_off(x, y)
  if is_whole(x) and is_whole(y) then
    return orrery.floor_divide(orrery.sub(x, orrery.fmod(x, y)), y)
  end
  return div(x, y):trunc()
end

local function divided(who, x, y, opts)
  local mode = options.take(who, opts, {}, { "rounding_mode" }).rounding_mode
  if mode == nil then return div(x, y) end
  if mode == "floor" then return orrery.floor_divide(x, y) end
  if mode == "trunc" then return cut_off(x, y) end
  blame('%s: rounding_mode is %s; use "trunc" or "floor", or leave it out',
    who, options.shown(mode))
end

--- x / y, elementwise with broadcasting; rounded towards 0 with rounding_mode
--- "trunc", downwards with "floor".
---@param x orrery.Tensor|number
---@param y orrery.Tensor|number
---@param opts? { rounding_mode?: "trunc"|"floor" }
---@return orrery.Tensor
both("div", function(x, y, opts, ...)
  if opts == nil then
    if y == nil then return div(x) end
    return div(x, y)
  elseif type(opts) ~= "table" then
    return div(x, y, opts, ...)
  end
  return divided("div", x, y, opts)
end)

--- Writes the quotient over x; returns x.
function methods.div_(x, y, opts, ...)
  if type(opts) ~= "table" then
    if opts ~= nil then return div_inplace(x, y, opts, ...) end
    return div_inplace(x, y)
  end
  local quotient
  do
    local _ <close> = orrery.grad_mode(false)
    quotient = divided("div_", x, y, opts)
  end
  return x:copy_(quotient)
end

local index_add = orrery.index_add
--- x with alpha times source added at the positions of one axis; repeated
--- positions add up.
---@param x orrery.Tensor
---@param axis integer
---@param index orrery.Tensor  [M], int64
---@param source orrery.Tensor  like x, M along the axis
---@param opts? { alpha?: number }
---@return orrery.Tensor
both("index_add", function(x, axis, index, source, opts, ...)
  if type(opts) == "table" and opts.alpha ~= nil and is_tensor(source) then
    return index_add(x, axis, index, scaled("index_add", source, source, opts))
  end
  if axis == nil then return index_add(x) end
  if index == nil then return index_add(x, axis) end
  if source == nil then return index_add(x, axis, index) end
  if opts == nil then return index_add(x, axis, index, source) end
  return index_add(x, axis, index, source, opts, ...)
end)

local qr = orrery.qr
--- x = q r; see the op. mode = "r" gives r as the second result and an empty
--- tensor for q.
---@param x orrery.Tensor  [..., M, N]
---@param opts? { mode?: "reduced"|"complete"|"r" }
---@return orrery.Tensor q
---@return orrery.Tensor r
both("qr", function(x, opts, ...)
  local mode = type(opts) == "table" and opts.mode or opts
  if mode == "r" and is_tensor(x) then
    local _, r = qr(x)
    return orrery.zeros({ 0 }, { dtype = x.dtype }), r
  end
  if opts == nil then return qr(x) end
  return qr(x, opts, ...)
end)

-- ---- rows that differ

-- x with the axis first and the others as one: [N, M].
local function as_rows(who, x, opts)
  options.tensor(who, "x", x)
  local axis = options.take(who, opts, {}, { "axis" }).axis
  local rank = x:dim()
  if math.type(axis) ~= "integer" or axis == 0 or axis > rank
    or axis < -rank then
    blame("%s: axis is %s but x is %s; use one of its axes", who,
      options.shown(axis), x:shape_str())
  end
  local n = x:size(axis)
  local columns = 1
  for k, size in ipairs { x:shape() } do
    if k ~= axis and k ~= rank + 1 + axis then columns = columns * size end
  end
  return x:detach():movedim(axis, 1):reshape { n, columns }, axis
end

local function whole_numbers(n, value)
  return orrery.full({ n }, value, { dtype = "int64" })
end

local unique = orrery.unique
--- The different elements in order; for each element of x its position among
--- them; and how often each occurs: three values. With axis, the different
--- slices along it, in order of their first elements, then their second ...
---@param x orrery.Tensor
---@param opts? { axis?: integer }
---@return orrery.Tensor values
---@return orrery.Tensor inverse
---@return orrery.Tensor counts
both("unique", function(x, opts)
  if type(opts) ~= "table" or opts.axis == nil then
    if opts == nil then return unique(x) end
    return unique(x, opts)
  end
  local rows, axis = as_rows("unique", x, opts)
  local n = rows:size(1)
  if n == 0 then return x, whole_numbers(0, 1), whole_numbers(0, 1) end
  local place, counts = whole_numbers(n, 1), whole_numbers(1, n)
  for k = 1, rows:size(2) do
    local _, at = unique(rows:select(2, k))
    _, place, counts = unique(place * (n + 1) + at)
  end
  local order = place:argsort(1)
  local first = order:index_select(1, counts:cumsum(1) - counts + 1)
  return x:index_select(axis, first), place, counts
end)

local runs = orrery.unique_consecutive
--- Each run of equal elements in a row once, for every element which run it
--- is in, and the runs' lengths: three values. x counts as one row; with axis,
--- the slices along it are compared.
---@param x orrery.Tensor
---@param opts? { axis?: integer }
both("unique_consecutive", function(x, opts)
  if opts == nil then return runs(x) end
  local rows, axis = as_rows("unique_consecutive", x, opts)
  local n = rows:size(1)
  if n == 0 then return x, whole_numbers(0, 1), whole_numbers(0, 1) end
  local new = orrery.cat { orrery.ones(1, { dtype = "uint8" }),
    rows:narrow(1, 2, n - 1):ne(rows:narrow(1, 1, n - 1)):any(2) }
  local run = new:cumsum(1)
  local first = orrery.range(1, n, { dtype = "int64" }):masked_select(new)
  return x:index_select(axis, first), run, run:bincount()
end)
orrery.originals.unique_consecutive = nil

return methods
