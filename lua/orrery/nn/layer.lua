--- What the built-in layers have in common: their input is a tensor, and they
--- say so.
local orrery = require "orrery"
local Module = require "orrery.nn.module"
local options = require "orrery.options"

local call = Module.__call

---@class orrery.nn.Layer: orrery.nn.Module
local Layer = Module:subclass "Layer"

function Layer.__call(self, x)
  if not options.is_tensor(x) then
    self:fail("x is %s; give a tensor", options.shown(x))
  end
  return call(self, x)
end

--- A fresh trainable tensor, uniform in +- bound.
---@param shape integer[]
---@param bound number
---@param opts { dtype: string, generator?: orrery.Generator }
---@return orrery.Tensor
function Layer.fresh(shape, bound, opts)
  return orrery.rand(shape, { low = -bound, high = bound, dtype = opts.dtype,
    generator = opts.generator }):requires_grad_()
end

return Layer
