--- Layers that are random in training and do nothing, or something fixed, in
--- eval.
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local options = require "orrery.options"

local layers = {}

--- In training, what the op makes of the input with probability p (0.5 unless
--- told); in eval the input. Drawn from { generator = } when given.
local function dropout(name, op)
  local class = Layer:subclass(name)
  local who = name:lower()
  class.wraps = op  -- for help
  function class:init(p, opts)
    opts = options.take(who, opts, {}, { "generator" })
    self.p = options.number(who, "p", p or 0.5,
      function(v) return v >= 0 and v <= 1 end, "a probability, 0 to 1")
    self.generator = opts.generator
  end
  function class:forward(x)
    if not self.training or self.p == 0 then return x end
    return F[op](x, { p = self.p, generator = self.generator })
  end
  function class:extra_repr() return ("%.14g"):format(self.p) end
  layers[name] = class
end

dropout("AlphaDropout", "alpha_dropout")
dropout("Dropout", "dropout")
dropout("Dropout1d", "dropout1d")
dropout("Dropout2d", "dropout2d")
dropout("FeatureAlphaDropout", "feature_alpha_dropout")

--- Leaky rectifier whose slope is drawn from [lower, upper) for each negative
--- entry in training, and is their mean in eval (Xu et al. 2015).
---@class orrery.nn.RReLU: orrery.nn.Module
local RReLU = Layer:subclass "RReLU"
layers.RReLU = RReLU

---@param lower? number  1/8
---@param upper? number  1/3
---@param opts? { generator?: orrery.Generator }
function RReLU:init(lower, upper, opts)
  opts = options.take("rrelu", opts, {}, { "generator" })
  self.lower = options.number("rrelu", "lower", lower or 1 / 8)
  self.upper = options.number("rrelu", "upper", upper or 1 / 3,
    function(u) return u >= self.lower end, "a number of at least lower")
  self.generator = opts.generator
end

function RReLU:forward(x)
  return F.rrelu(x, { lower = self.lower, upper = self.upper,
    training = self.training, generator = self.generator })
end

function RReLU:extra_repr()
  return ("%.14g, %.14g"):format(self.lower, self.upper)
end

return layers
