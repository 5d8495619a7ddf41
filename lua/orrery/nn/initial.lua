--- Initial values of parameters: nn.init, with PyTorch's names and formulas.
--- Each writes over its tensor and gives it back. All numbers are computed
--- before the first is written, so a failure leaves the tensor as it was.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local initial = {}
for name, fn in pairs(require "orrery.nn.initial_maps") do
  initial[name] = fn
end

local function overwrite(tensor, values)
  orrery.no_grad(function() tensor:copy_(values) end)
  return tensor
end

--- Checks the tensor; gives the options a random tensor like it is made with.
local function like(who, tensor, opts)
  options.tensor(who, "tensor", tensor, "float")
  opts = options.take(who, opts, {}, { "generator" })
  return { dtype = tensor.dtype, generator = opts.generator }
end

local function uniform(shape, low, high, opts)
  opts.low, opts.high = low, high
  return orrery.rand(shape, opts)
end

--- Uniform on [low, high).
---@param tensor orrery.Tensor
---@param low? number  0
---@param high? number  1
---@param opts? { generator?: orrery.Generator }
function initial.uniform_(tensor, low, high, opts)
  local o = like("uniform_", tensor, opts)
  low = options.number("uniform_", "low", low or 0)
  high = options.number("uniform_", "high", high or 1)
  return overwrite(tensor, uniform({ tensor:shape() }, low, high, o))
end

--- Normal with that mean and standard deviation.
---@param tensor orrery.Tensor
---@param mean? number  0
---@param std? number  1
---@param opts? { generator?: orrery.Generator }
function initial.normal_(tensor, mean, std, opts)
  local o = like("normal_", tensor, opts)
  o.mean = options.number("normal_", "mean", mean or 0)
  o.std = options.number("normal_", "std", std or 1)
  return overwrite(tensor, orrery.randn({ tensor:shape() }, o))
end

--- One number everywhere.
---@param tensor orrery.Tensor
---@param value number
function initial.constant_(tensor, value)
  options.tensor("constant_", "tensor", tensor)
  options.number("constant_", "value", value)
  orrery.no_grad(function() tensor:fill_(value) end)
  return tensor
end

--- 0 everywhere.
---@param tensor orrery.Tensor
function initial.zeros_(tensor) return initial.constant_(tensor, 0) end

--- 1 everywhere.
---@param tensor orrery.Tensor
function initial.ones_(tensor) return initial.constant_(tensor, 1) end

--- Inputs and outputs of one unit: receptive field times channels.
---@return number fan_in
---@return number fan_out
local function fans(who, tensor)
  if options.tensor(who, "tensor", tensor, "float"):dim() < 2 then
    blame("%s: tensor is %s; give at least two axes, as a weight has", who,
      tensor:shape_str())
  end
  local field = 1
  for axis = 3, tensor:dim() do field = field * tensor:size(axis) end
  return tensor:size(2) * field, tensor:size(1) * field
end

local gains = {
  linear = 1, conv1d = 1, conv2d = 1, conv_transpose1d = 1,
  conv_transpose2d = 1, sigmoid = 1, tanh = 5 / 3, relu = math.sqrt(2),
  selu = 3 / 4,
}

--- What keeps the variance of signals through a nonlinearity.
---@param nonlinearity string
---@param slope? number  of leaky_relu, 0.01
---@return number
function initial.calculate_gain(nonlinearity, slope)
  if nonlinearity == "leaky_relu" then
    slope = options.number("calculate_gain", "slope", slope or 0.01)
    return math.sqrt(2 / (1 + slope ^ 2))
  end
  if nonlinearity == nil or not gains[nonlinearity] then
    blame("calculate_gain: nonlinearity is %s; use linear, sigmoid, tanh, "
      .. "relu, leaky_relu or selu", options.shown(nonlinearity))
  end
  return gains[nonlinearity]
end

--- Glorot & Bengio 2010 (Keras' glorot_uniform):
--- +- gain sqrt(6 / (fan_in + fan_out)).
---@param tensor orrery.Tensor
---@param gain? number
---@param opts? { generator?: orrery.Generator }
function initial.xavier_uniform_(tensor, gain, opts)
  local fan_in, fan_out = fans("xavier_uniform_", tensor)
  local bound = options.number("xavier_uniform_", "gain", gain or 1)
    * math.sqrt(6 / (fan_in + fan_out))
  return initial.uniform_(tensor, -bound, bound, opts)
end

--- As above, normal with sd gain sqrt(2 / (fan_in + fan_out)).
function initial.xavier_normal_(tensor, gain, opts)
  local fan_in, fan_out = fans("xavier_normal_", tensor)
  local sd = options.number("xavier_normal_", "gain", gain or 1)
    * math.sqrt(2 / (fan_in + fan_out))
  return initial.normal_(tensor, 0, sd, opts)
end

--- The standard deviation, and the options left to draw with.
local function kaiming_sd(who, tensor, opts)
  opts = options.take(who, opts,
    { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" }, { "generator" })
  local fan_in, fan_out = fans(who, tensor)
  if opts.mode ~= "fan_in" and opts.mode ~= "fan_out" then
    blame("%s: mode is %s; use fan_in or fan_out", who,
      options.shown(opts.mode))
  end
  local fan = opts.mode == "fan_in" and fan_in or fan_out
  return initial.calculate_gain(opts.nonlinearity, opts.a) / math.sqrt(fan),
    { generator = opts.generator }
end

--- He et al. 2015: variance gain^2 / fan, uniform.
---@param tensor orrery.Tensor
---@param opts? { a?: number, mode?: string, nonlinearity?: string,
---   generator?: orrery.Generator }
function initial.kaiming_uniform_(tensor, opts)
  local sd, rest = kaiming_sd("kaiming_uniform_", tensor, opts)
  local bound = math.sqrt(3) * sd
  return initial.uniform_(tensor, -bound, bound, rest)
end

--- He et al. 2015: variance gain^2 / fan, normal.
function initial.kaiming_normal_(tensor, opts)
  local sd, rest = kaiming_sd("kaiming_normal_", tensor, opts)
  return initial.normal_(tensor, 0, sd, rest)
end

--- Normal, drawn again outside [a, b].
---@param tensor orrery.Tensor
---@param opts? { mean?: number, std?: number, a?: number, b?: number,
---   generator?: orrery.Generator }
function initial.trunc_normal_(tensor, opts)
  local o = options.take("trunc_normal_", opts,
    { mean = 0, std = 1, a = -2, b = 2 }, { "generator" })
  options.tensor("trunc_normal_", "tensor", tensor, "float")
  for _, name in ipairs { "mean", "std", "a", "b" } do
    options.number("trunc_normal_", name, o[name])
  end
  local shape = { tensor:shape() }
  local draw = { dtype = tensor.dtype, generator = o.generator,
    mean = o.mean, std = o.std }
  if not (o.std > 0 and o.a < o.mean + 3 * o.std and o.b > o.mean - 3 * o.std
    and o.b - o.a > 0.01 * o.std) then
    blame("trunc_normal_: [%g, %g] is too far out for mean %g and std %g; "
      .. "use uniform_", o.a, o.b, o.mean, o.std)
  end
  local values = orrery.randn(shape, draw)
  repeat
    local out = values:lt(o.a):logical_or(values:gt(o.b))
    local left = out:sum():item()
    if left > 0 then
      values = orrery.where(out, orrery.randn(shape, draw), values)
    end
  until left == 0
  return overwrite(tensor, values)
end

return initial
