--- Elementwise layers: activation functions and dropout.
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local blame = require "orrery.blame"
local options = require "orrery.options"

local layers = {}

--- A layer around one function, with numbers it takes in order.
local function layer(name, fn, names, defaults)
  local class = Layer:subclass(name)
  local who = name:lower()
  function class:init(...)
    local given = ...
    if type(given) ~= "table" then given = nil end
    local taken = options.take(who, given, {}, names)
    for i, option in ipairs(names) do
      local value = taken[option]
      if value == nil and not given then value = (select(i, ...)) end
      if value == nil then value = defaults[i] end
      if value == nil then
        blame("%s: %s is missing; write nn.%s(-1) for the last axis", who,
          option, name)
      end
      self[option] = options.number(who, option, value)
    end
  end
  function class:forward(x) return fn(x, self) end
  function class:extra_repr()
    local parts = {}
    for i, option in ipairs(names) do
      parts[i] = ("%.14g"):format(self[option])
    end
    return table.concat(parts, ", ")
  end
  layers[name] = class
end

layer("ReLU", function(x) return F.relu(x) end, {}, {})
layer("Tanh", function(x) return F.tanh(x) end, {}, {})
layer("Sigmoid", function(x) return F.sigmoid(x) end, {}, {})
layer("SiLU", function(x) return F.silu(x) end, {}, {})
layer("Mish", function(x) return F.mish(x) end, {}, {})
layer("SELU", function(x) return F.selu(x) end, {}, {})
layer("ReLU6", function(x) return F.relu6(x) end, {}, {})
layer("LogSigmoid", function(x) return F.logsigmoid(x) end, {}, {})
layer("Softsign", function(x) return F.softsign(x) end, {}, {})
layer("Tanhshrink", function(x) return F.tanhshrink(x) end, {}, {})
layer("Hardsigmoid", function(x) return F.hardsigmoid(x) end, {}, {})
layer("Hardswish", function(x) return F.hardswish(x) end, {}, {})
layer("LeakyReLU",
  function(x, self) return F.leaky_relu(x, self.negative_slope) end,
  { "negative_slope" }, { 0.01 })
layer("ELU", function(x, self) return F.elu(x, self.alpha) end,
  { "alpha" }, { 1 })
layer("CELU", function(x, self) return F.celu(x, self.alpha) end,
  { "alpha" }, { 1 })
layer("Softshrink", function(x, self) return F.softshrink(x, self.lambda) end,
  { "lambda" }, { 0.5 })
layer("Hardshrink", function(x, self) return F.hardshrink(x, self.lambda) end,
  { "lambda" }, { 0.5 })
layer("GLU", function(x, self) return F.glu(x, self.axis) end,
  { "axis" }, { -1 })
layer("Softplus", function(x, self) return F.softplus(x, self.beta) end,
  { "beta" }, { 1 })
layer("Hardtanh",
  function(x, self) return F.hardtanh(x, self.min_val, self.max_val) end,
  { "min_val", "max_val" }, { -1, 1 })
layer("Softmax", function(x, self) return F.softmax(x, self.axis) end,
  { "axis" }, {})
layer("Softmin", function(x, self) return F.softmin(x, self.axis) end,
  { "axis" }, {})
layer("LogSoftmax", function(x, self) return F.log_softmax(x, self.axis) end,
  { "axis" }, {})

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

--- In training zeroes each entry with probability p and scales the rest by
--- 1 / (1 - p), so that the expectation stays; else gives back its input.
---@class orrery.nn.Dropout: orrery.nn.Module
local Dropout = Layer:subclass "Dropout"
layers.Dropout = Dropout

---@param p? number  0.5
---@param opts? { generator?: orrery.Generator }
function Dropout:init(p, opts)
  opts = options.take("dropout", opts, {}, { "generator" })
  self.p = options.number("dropout", "p", p or 0.5,
    function(v) return v >= 0 and v <= 1 end, "a probability, 0 to 1")
  self.generator = opts.generator
end

function Dropout:forward(x)
  if not self.training or self.p == 0 then return x end
  return F.dropout(x, { p = self.p, generator = self.generator })
end

function Dropout:extra_repr() return ("%.14g"):format(self.p) end

return layers
