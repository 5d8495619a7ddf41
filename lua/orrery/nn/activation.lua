--- Elementwise layers: activation functions.
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local blame = require "orrery.blame"
local options = require "orrery.options"

local layers = {}

--- A layer around one op, with numbers it takes in order. `wraps` lets help
--- tell what the op does.
local function layer(name, op, names, defaults)
  local class = Layer:subclass(name)
  local who = name:lower()
  local first, second = names[1], names[2]
  class.wraps = op
  function class:init(...)
    local given = ...
    if type(given) ~= "table" then given = nil end
    local taken = options.take(who, given, {}, names)
    for i, option in ipairs(names) do
      local value = taken[option]
      if value == nil and not given then value = (select(i, ...)) end
      if value == nil then value = defaults[i] end
      if value == nil then
        blame("%s: %s is missing; %s", who, option, option == "axis"
          and ("write nn.%s(-1) for the last axis"):format(name)
          or "give a number")
      end
      self[option] = options.number(who, option, value)
    end
  end
  function class:forward(x)
    if second then return F[op](x, self[first], self[second]) end
    if first then return F[op](x, self[first]) end
    return F[op](x)
  end
  function class:extra_repr()
    local parts = {}
    for i, option in ipairs(names) do
      parts[i] = ("%.14g"):format(self[option])
    end
    return table.concat(parts, ", ")
  end
  layers[name] = class
end

layer("CELU", "celu", { "alpha" }, { 1 })
layer("ELU", "elu", { "alpha" }, { 1 })
layer("GLU", "glu", { "axis" }, { -1 })
layer("Hardshrink", "hardshrink", { "lambda" }, { 0.5 })
layer("Hardsigmoid", "hardsigmoid", {}, {})
layer("Hardswish", "hardswish", {}, {})
layer("Hardtanh", "hardtanh", { "min_val", "max_val" }, { -1, 1 })
layer("LeakyReLU", "leaky_relu", { "negative_slope" }, { 0.01 })
layer("LogSigmoid", "logsigmoid", {}, {})
layer("LogSoftmax", "log_softmax", { "axis" }, {})
layer("Mish", "mish", {}, {})
layer("ReLU", "relu", {}, {})
layer("ReLU6", "relu6", {}, {})
layer("SELU", "selu", {}, {})
layer("SiLU", "silu", {}, {})
layer("Sigmoid", "sigmoid", {}, {})
layer("Softmax", "softmax", { "axis" }, {})
layer("Softmin", "softmin", { "axis" }, {})
layer("Softplus", "softplus", { "beta" }, { 1 })
layer("Softshrink", "softshrink", { "lambda" }, { 0.5 })
layer("Softsign", "softsign", {}, {})
layer("Tanh", "tanh", {}, {})
layer("Tanhshrink", "tanhshrink", {}, {})
layer("Threshold", "threshold", { "threshold", "value" }, {})

--- Gaussian error linear unit x Phi(x) (Hendrycks & Gimpel 2016).
---@class orrery.nn.GELU: orrery.nn.Module
local GELU = Layer:subclass "GELU"
layers.GELU = GELU

---@param opts? { approximate?: "none"|"tanh" }
function GELU:init(opts)
  opts = options.take("gelu", opts, { approximate = "none" })
  if opts.approximate ~= "none" and opts.approximate ~= "tanh" then
    blame("gelu: approximate is %s; use none or tanh",
      options.shown(opts.approximate))
  end
  self.approximate = opts.approximate
end

function GELU:forward(x)
  return F.gelu(x, { approximate = self.approximate })
end

function GELU:extra_repr()
  return self.approximate == "tanh" and '{ approximate = "tanh" }' or ""
end

return layers
