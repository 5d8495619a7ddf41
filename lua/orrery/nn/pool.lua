--- Layers that change the size of images [N, C, H, W].
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local options = require "orrery.options"

local layers = {}

local function pooling(name, fn, extra)
  local class = Layer:subclass(name)
  local who = name:lower()
  function class:init(kernel_size, opts)
    opts = options.take(who, opts, { padding = 0 }, { "stride", extra })
    self.kernel_size = options.pair(who, "kernel_size", kernel_size)
    self.stride = options.pair(who, "stride", opts.stride or kernel_size)
    self.padding = options.pair(who, "padding", opts.padding, 0)
    self[extra] = opts[extra]
  end
  function class:forward(x)
    return fn()(x, { kernel_size = self.kernel_size, stride = self.stride,
      padding = self.padding, [extra] = self[extra] })
  end
  function class:extra_repr()
    return ("{ %d, %d }"):format(table.unpack(self.kernel_size))
  end
  layers[name] = class
end

--- The largest of each window; { stride = kernel_size, padding = 0,
--- ceil_mode = false }.
pooling("MaxPool2d", function() return F.max_pool2d end, "ceil_mode")
--- The mean of each window; { stride = kernel_size, padding = 0,
--- count_include_pad = true }.
pooling("AvgPool2d", function() return F.avg_pool2d end, "count_include_pad")

--- Repeats rows and columns `scale_factor` times.
---@class orrery.nn.Upsample: orrery.nn.Module
local Upsample = Layer:subclass "Upsample"
layers.Upsample = Upsample

---@param opts integer|{ scale_factor: integer }
function Upsample:init(opts)
  if type(opts) ~= "table" then opts = { scale_factor = opts } end
  opts = options.take("upsample", opts, {}, { "scale_factor" })
  self.scale_factor = options.count("upsample", "scale_factor",
    opts.scale_factor)
end

function Upsample:forward(x)
  return F.upsample(x, { scale_factor = self.scale_factor })
end

function Upsample:extra_repr() return tostring(self.scale_factor) end

return layers
