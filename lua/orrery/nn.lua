--- Neural networks: modules, layers, initial values, functions.
---
---     local model = nn.Sequential {
---       nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 10),
---     }
---     local logits = model(x)
local orrery = require "orrery"
local options = require "orrery.options"

local nn = {
  Module = require "orrery.nn.module",
  AveragedModel = require("orrery.nn.averaged").AveragedModel,
  functional = require "orrery.nn.functional",
  init = require "orrery.nn.initial",
  utils = require "orrery.nn.utils",
}

for _, part in ipairs { "linear", "conv", "activation", "norm",
  "norm_layers", "pool", "image", "blocks", "container",
  "losses", "style", "progressive", "instance_norm", "conv_block",
  "dropout", "checkpointed", "recurrent", "attention",
  "transformer", "embedding" } do
  for name, class in pairs(require("orrery.nn." .. part)) do
    nn[name] = class
  end
end

--- A trainable tensor: a module field that holds one is a parameter.
---@param values orrery.Tensor
---@return orrery.Tensor  shares its memory
function nn.Parameter(values)
  options.tensor("parameter", "values", values, "float")
  return orrery.no_grad(function() return values:detach():requires_grad_() end)
end

return nn
