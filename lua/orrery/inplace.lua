--- Forms ending in _ of functions that have no kernel of their own to write
--- over their input: the result is computed, then copied over x. And filling
--- with random numbers. As with every such form, nothing is recorded, and a
--- tensor whose gradient is being recorded is refused.
local orrery = require "orrery.core"
local define = require "orrery.define"
local methods = orrery.Tensor.methods
local blame, describe = orrery.blame, orrery.describe
local check = define.tensor

local function overwrite(who, x, fn, ...)
  check(who, x)
  local y
  do
    local _ <close> = orrery.grad_mode(false)
    y = fn(...)
  end
  if y:shape_str() ~= x:shape_str() then
    blame(("%s: x is %s but the result %s; it must keep its shape"):format(who,
      x:shape_str(), y:shape_str()))
  end
  return x:copy_(y)
end

for _, name in ipairs { "addbmm", "addcdiv", "addcmul", "addmm", "addmv",
  "addr", "baddbmm", "bitwise_and", "bitwise_left_shift", "bitwise_not",
  "bitwise_or", "bitwise_right_shift", "bitwise_xor", "celu", "clamp_max",
  "clamp_min", "copysign", "cumprod", "cumsum", "deg2rad", "eq", "float_power",
  "fmax", "fmin", "gcd", "ge", "gt", "heaviside", "i0", "index_copy",
  "index_fill", "index_put", "index_reduce", "lcm", "ldexp", "le", "lerp",
  "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "lt",
  "masked_fill", "masked_scatter", "mvlgamma", "ne", "put", "rad2deg", "relu6",
  "renorm", "scatter_reduce", "selu", "sinc", "threshold", "tril", "triu",
  "xlogy" } do
  local fn = methods[name] or orrery.functional[name]
  if fn and not methods[name .. "_"] then
    --- Writes the result of the function without _ over x; returns x.
    methods[name .. "_"] = function(x, ...)
      return overwrite(name .. "_", x, fn, x, ...)
    end
  end
end

-- ---- random numbers

local function check_number(who, name, v)
  if type(v) == "number" then return v end
  blame(("%s: %s is %s; pass a number"):format(who, name, describe(v)))
end

-- Options of a creating function for numbers that x can hold.
local function drawn(who, x, opts)
  check(who, x)
  if opts ~= nil and type(opts) ~= "table" then
    blame(("%s: the options are %s; pass a table"):format(who, describe(opts)))
  end
  local float = x:is_floating_point() and x.dtype or "float32"
  return { x:shape() }, { dtype = float, generator = opts and opts.generator }
end

--- Writes normal numbers over x; returns x.
---@param mean? number  0
---@param std? number  1
---@param opts? { generator?: orrery.Generator }
function methods.normal_(x, mean, std, opts)
  local shape, o = drawn("normal_", x, opts)
  o.mean = check_number("normal_", "mean", mean or 0)
  o.std = check_number("normal_", "std", std or 1)
  return overwrite("normal_", x, orrery.randn, shape, o)
end

--- Writes uniform numbers over x; returns x.
---@param low? number  0
---@param high? number  1
---@param opts? { generator?: orrery.Generator }
function methods.uniform_(x, low, high, opts)
  local shape, o = drawn("uniform_", x, opts)
  o.low = check_number("uniform_", "low", low or 0)
  o.high = check_number("uniform_", "high", high or 1)
  return overwrite("uniform_", x, orrery.rand, shape, o)
end

--- Writes exponential numbers of mean 1 / rate over x; returns x.
---@param rate? number  1
---@param opts? { generator?: orrery.Generator }
function methods.exponential_(x, rate, opts)
  local shape, o = drawn("exponential_", x, opts)
  o.rate = check_number("exponential_", "rate", rate or 1)
  return overwrite("exponential_", x, orrery.exponential, shape, o)
end

--- Writes e^n over x, n normal with that mean and spread; returns x.
---@param mean? number  1
---@param std? number  2
---@param opts? { generator?: orrery.Generator }
function methods.log_normal_(x, mean, std, opts)
  local shape, o = drawn("log_normal_", x, opts)
  o.mean = check_number("log_normal_", "mean", mean or 1)
  o.std = check_number("log_normal_", "std", std or 2)
  return overwrite("log_normal_", x, function()
    return orrery.randn(shape, o):exp()
  end)
end

--- Writes Cauchy numbers over x; returns x.
---@param median? number  0
---@param sigma? number  1, half the width at half height
---@param opts? { generator?: orrery.Generator }
function methods.cauchy_(x, median, sigma, opts)
  local shape, o = drawn("cauchy_", x, opts)
  median = check_number("cauchy_", "median", median or 0)
  sigma = check_number("cauchy_", "sigma", sigma or 1)
  return overwrite("cauchy_", x, function()
    return ((orrery.rand(shape, o) - 0.5) * math.pi):tan() * sigma + median
  end)
end

--- Writes 1 with probability p, else 0, over x; returns x.
---@param p? number|orrery.Tensor  0.5
---@param opts? { generator?: orrery.Generator }
function methods.bernoulli_(x, p, opts)
  local shape, o = drawn("bernoulli_", x, opts)
  p = p or 0.5
  if not orrery.is_tensor(p) then check_number("bernoulli_", "p", p) end
  return overwrite("bernoulli_", x, function()
    local probs = orrery.is_tensor(p) and p:expand(shape)
      or orrery.full(shape, p, { dtype = o.dtype })
    return probs:bernoulli { generator = o.generator }
  end)
end

--- Writes how many throws it takes until the first success over x, each
--- succeeding with probability p; returns x.
---@param p number  0 to 1, both excluded
---@param opts? { generator?: orrery.Generator }
function methods.geometric_(x, p, opts)
  local shape, o = drawn("geometric_", x, opts)
  if not (check_number("geometric_", "p", p) > 0 and p < 1) then
    blame(("geometric_: p is %g; it must be between 0 and 1"):format(p))
  end
  o.rate = -math.log(1 - p)
  return overwrite("geometric_", x, function()
    return orrery.exponential(shape, o):floor() + 1
  end)
end

--- Writes whole numbers from low to high, both included, over x; returns x.
---@param low integer
---@param high integer
---@param opts? { generator?: orrery.Generator }
function methods.random_(x, low, high, opts)
  local shape, o = drawn("random_", x, opts)
  o.dtype = x.dtype
  return overwrite("random_", x, orrery.randint, low, high, shape, o)
end

--- Writes a number on the main diagonal of a matrix; returns x.
---@param value number
function methods.fill_diagonal_(x, value)
  check("fill_diagonal_", x)
  check_number("fill_diagonal_", "value", value)
  if x:dim() ~= 2 then
    blame(("fill_diagonal_: x is %s; it needs two axes"):format(x:shape_str()))
  end
  x:diagonal():fill_(value)
  return x
end

return methods
