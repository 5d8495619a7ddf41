--- New tensors like one at hand, ranges as PyTorch counts them, and questions
--- about tensors.
local orrery = require "orrery.core"
local define = require "orrery.define"
local methods = orrery.Tensor.methods
local blame, describe = orrery.blame, orrery.describe
local both, check = define.both, define.tensor

-- Sizes as numbers or as a table, perhaps with options after them.
local function split_options(...)
  local n, sizes, opts = select("#", ...), { ... }, {}
  local last = sizes[n]
  if type(last) == "table" and (n > 1 or next(last) ~= nil and #last == 0) then
    opts, sizes[n] = last, nil
  end
  if type(sizes[1]) == "table" then sizes = sizes[1] end
  return sizes, opts
end

local function with_dtype(x, opts)
  local out = { dtype = x.dtype }
  for k, v in pairs(opts) do out[k] = v end
  return out
end

for name, make in pairs { new_zeros = orrery.zeros, new_ones = orrery.ones,
  new_empty = orrery.zeros } do
  --- Zeros (new_ones: ones) of x's dtype.
  ---@param x orrery.Tensor
  ---@param ... integer  sizes, or a table of them; then options
  methods[name] = function(x, ...)
    check(name, x)
    local sizes, opts = split_options(...)
    return make(sizes, with_dtype(x, opts))
  end
end

--- One value, of x's dtype.
---@param x orrery.Tensor
---@param sizes integer[]
---@param value number
---@param opts? { dtype?: string, requires_grad?: boolean }
function methods.new_full(x, sizes, value, opts)
  check("new_full", x)
  if opts ~= nil and type(opts) ~= "table" then
    blame(("new_full: the options are %s; pass a table"):format(
      describe(opts)))
  end
  return orrery.full(sizes, value, with_dtype(x, opts or {}))
end

--- A tensor of the values in tables, of x's dtype.
---@param x orrery.Tensor
---@param values number|table|orrery.Tensor
---@param opts? { dtype?: string, requires_grad?: boolean }
function methods.new_tensor(x, values, opts)
  check("new_tensor", x)
  if opts ~= nil and type(opts) ~= "table" then
    blame(("new_tensor: the options are %s; pass a table"):format(
      describe(opts)))
  end
  return orrery.tensor(values, with_dtype(x, opts or {}))
end

--- A tensor whose values do not matter; they are 0.
---@param ... integer  sizes, or a table of them; then options
function orrery.empty(...) return orrery.zeros(...) end

--- Like x, its values not mattering; they are 0.
---@param x orrery.Tensor
---@param opts? { dtype?: string }
both("empty_like", function(x, opts)
  return orrery.zeros_like(check("empty_like", x), opts)
end)

--- Whole numbers low to high, both included, in x's shape and dtype.
---@param x orrery.Tensor
---@param low integer
---@param high integer
---@param opts? { dtype?: string, generator?: orrery.Generator }
both("randint_like", function(x, low, high, opts)
  check("randint_like", x)
  if opts ~= nil and type(opts) ~= "table" then
    blame(("randint_like: the options are %s; pass a table"):format(
      describe(opts)))
  end
  return orrery.randint(low, high, { x:shape() }, with_dtype(x, opts or {}))
end)

--- A tensor; the same one when it is one already and of the dtype wanted.
---@param values number|boolean|table|orrery.Tensor
---@param opts? { dtype?: string }
function orrery.as_tensor(values, opts)
  if orrery.is_tensor(values) then
    local dtype = type(opts) == "table" and opts.dtype
    return dtype and values:to(dtype) or values
  end
  return orrery.tensor(values, opts)
end

--- Numbers from first on, in steps, below last (PyTorch's half-open range;
--- orrery.range includes its end): arange(last) begins at 0. int64 when all
--- three are whole.
---@param first number
---@param last? number
---@param step? number  1
---@param opts? { dtype?: string, requires_grad?: boolean }
---@return orrery.Tensor
function orrery.arange(first, last, step, ...)
  local opts = ...
  if type(step) == "table" then step, opts = nil, step end
  if type(last) == "table" then last, opts = nil, last end
  if last == nil then first, last = 0, first end
  step = step == nil and 1 or step
  for i, v in ipairs { first or false, last or false, step } do
    if type(v) ~= "number" or v ~= v or math.abs(v) == math.huge then
      blame(("arange: %s is %s; pass a finite number"):format(
        ({ "first", "last", "step" })[i], describe(v or nil)))
    end
  end
  local span = (last - first) / step
  if step == 0 or span < 0 then
    blame(("arange: no steps of %s lead from %s to %s; turn its sign"):format(
      step, first, last))
  elseif opts ~= nil and type(opts) ~= "table" then
    blame(("arange: the options are %s; pass a table"):format(describe(opts)))
  end
  local n, whole = math.ceil(span), math.type(first) == "integer"
    and math.type(last) == "integer" and math.type(step) == "integer"
  if n > 1 << 40 then blame(("arange: %.0f numbers are too many"):format(n)) end
  opts = with_dtype({ dtype = whole and "int64" or "float32" }, opts or {})
  if n == 0 then return orrery.zeros({ 0 }, opts) end
  return orrery.range(first, first + (n - 1) * step, step, opts)
end

--- Numbers evenly spaced on a logarithmic scale, base^first to base^last.
---@param first number
---@param last number
---@param n integer  how many
---@param opts? { base?: number, dtype?: string }  base 10
---@return orrery.Tensor
function orrery.logspace(first, last, n, opts)
  if opts ~= nil and type(opts) ~= "table" then
    blame(("logspace: the options are %s; pass a table"):format(
      describe(opts)))
  end
  local base = opts and opts.base or 10
  if type(base) ~= "number" then
    blame(("logspace: base is %s; pass a number"):format(describe(base)))
  end
  local exponents = orrery.linspace(first, last, n, { dtype = "float64" })
  local base_of = orrery.full({}, base, { dtype = "float64" })
  return base_of:pow(exponents):to(opts and opts.dtype or "float32")
end

--- Normal numbers with a mean and a standard deviation for each element, which
--- broadcast; of the sizes given when both are numbers.
---@param mean number|orrery.Tensor
---@param std number|orrery.Tensor
---@param opts? table  sizes, dtype, generator
function orrery.normal(mean, std, opts)
  if opts ~= nil and type(opts) ~= "table" then
    blame(("normal: the options are %s; pass a table"):format(describe(opts)))
  end
  opts = opts or {}
  local like = orrery.is_tensor(mean) and mean or std
  for i, v in ipairs { mean or false, std or false } do
    if not orrery.is_tensor(v) and type(v) ~= "number" then
      blame(("normal: %s is %s; pass a tensor or a number"):format(
        i == 1 and "mean" or "std", describe(v or nil)))
    end
  end
  if not orrery.is_tensor(like) then
    return orrery.randn(opts.sizes or {}, { mean = mean, std = std,
      dtype = opts.dtype, generator = opts.generator })
  end
  local shape = orrery.is_tensor(mean) and orrery.is_tensor(std)
    and orrery.broadcast_shapes({ mean:shape() }, { std:shape() })
    or { like:shape() }
  local noise = orrery.randn(shape, { dtype = like:is_floating_point()
    and like.dtype or nil, generator = opts.generator })
  return noise * std + mean
end

--- Where the default generator stands, for set_rng_state.
---@return table
function orrery.get_rng_state() return orrery.default_generator():state() end

--- Takes the default generator back to where it stood.
---@param state table  from get_rng_state
function orrery.set_rng_state(state)
  if type(state) ~= "table" then
    blame(("set_rng_state: state is %s; pass what get_rng_state gave"):format(
      describe(state)))
  end
  orrery.default_generator():set_state(state)
end

-- ---- questions

--- Whether x has an element that is not 0; x has just one.
both("is_nonzero", function(x) return check("is_nonzero", x):item() ~= 0 end)

--- Whether x and y have the same sizes.
both("is_same_size", function(x, y)
  return check("is_same_size", x):shape_str()
    == check("is_same_size", y):shape_str()
end)

--- Whether the dtype of x holds negative numbers.
both("is_signed", function(x) return check("is_signed", x).dtype ~= "uint8" end)

local bytes = { float32 = 4, float64 = 8, int64 = 8, uint8 = 1 }
--- Bytes that one element takes.
---@return integer
function methods.element_size(x)
  return bytes[check("element_size", x).dtype]
end

--- The dtype of x; with a name, x in that dtype.
---@param x orrery.Tensor
---@param dtype? string
---@return string|orrery.Tensor
function methods.type(x, dtype)
  check("type", x)
  if dtype == nil then return x.dtype end
  return x.dtype == dtype and x or x:to(dtype)
end

--- x as 1 where it is not 0, else 0 (uint8, which masks are made of).
function methods.bool(x) return check("bool", x):ne(0) end

return methods
