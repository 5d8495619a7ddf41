--- A convolution with what usually follows it.
local Layer = require "orrery.nn.layer"
local Module = require "orrery.nn.module"
local activation = require "orrery.nn.activation"
local batch_norm = require "orrery.nn.norm"
local blame = require "orrery.blame"
local conv = require "orrery.nn.conv"
local dropout = require "orrery.nn.dropout"
local instance_norm = require "orrery.nn.instance_norm"
local norm_layers = require "orrery.nn.norm_layers"
local options = require "orrery.options"
local weight_norms = require "orrery.nn.weight_norms"
local sorted_keys = require "orrery.sorted_keys"

-- Layers by the name a user gives; each is called with the channels and dtype.
local norms = {
  batch = function(c, o) return batch_norm.BatchNorm2d(c, o) end,
  instance = function(c, o) return instance_norm.InstanceNorm2d(c, o) end,
  layer = function(c, o) return norm_layers.GroupNorm(1, c, o) end,
}

local activations = {
  relu = activation.ReLU, elu = activation.ELU, gelu = activation.GELU,
  silu = activation.SiLU, tanh = activation.Tanh, sigmoid = activation.Sigmoid,
  leaky_relu = function() return activation.LeakyReLU(0.2) end,
}

--- The layer a name, a module or a function stands for; nil for false.
local function choose(option, value, known, ...)
  if value == false or value == "none" then return nil end
  if Module.is_module(value) then return value end
  local make = known[value]
  if type(value) == "function" then make = value end
  if not make then
    blame("convblock: %s is %s; use %s, none, a module or a function that "
      .. "makes one", option, options.shown(value),
      table.concat(sorted_keys(known), ", "))
  end
  local layer = make(...)
  if not Module.is_module(layer) then
    blame("convblock: %s gives %s; it must make a module", option,
      options.shown(layer))
  end
  return layer
end

--- Convolution, norm, activation, dropout: fields conv, norm, act and drop,
--- those that are wanted. The convolution has a bias unless a norm follows
--- that would take it out again.
---
---     nn.ConvBlock(3, 64, 4, { stride = 2, act = "leaky_relu" })
---@class orrery.nn.ConvBlock: orrery.nn.Module
---@field conv orrery.nn.Conv2d|orrery.nn.ConvTranspose2d
---@field norm orrery.nn.Module?
---@field act orrery.nn.Module?
---@field drop orrery.nn.Module?  a Dropout
local ConvBlock = Layer:subclass "ConvBlock"

local own = { norm = "batch", act = "relu", transpose = false,
  spectral = false, dropout = 0 }
local for_conv = { "stride", "padding", "padding_mode", "output_padding",
  "dilation", "groups", "bias", "dtype", "generator" }

---@param in_channels integer
---@param out_channels integer
---@param kernel_size integer|integer[]
---@param opts? table  those of Conv2d (ConvTranspose2d with transpose = true),
---   padding being half the kernel unless told; norm = "batch", "instance",
---   "layer", "none" or fun(channels); act = "relu", "leaky_relu" (0.2), "elu",
---   "gelu", "silu", "tanh", "sigmoid", "none", a module or fun();
---   spectral = true divides the weight by its spectral norm; dropout = p
function ConvBlock:init(in_channels, out_channels, kernel_size, opts)
  local o = options.take("convblock", opts, own, for_conv)
  local rest = {}
  for _, name in ipairs(for_conv) do rest[name] = o[name] end
  local kernel = options.pair("convblock", "kernel_size", kernel_size)
  if rest.padding == nil then
    rest.padding = { (kernel[1] - 1) // 2, (kernel[2] - 1) // 2 }
  end
  local norm = choose("norm", o.norm, norms, out_channels, { dtype = o.dtype })
  if rest.bias == nil then rest.bias = norm == nil end
  local class = o.transpose and conv.ConvTranspose2d or conv.Conv2d
  self.conv = class(in_channels, out_channels, kernel, rest)
  if o.spectral then weight_norms.spectral_norm(self.conv) end
  self.norm = norm
  self.act = choose("act", o.act, activations)
  if o.dropout ~= 0 then
    self.drop = dropout.Dropout(o.dropout, { generator = o.generator })
  end
end

---@param x orrery.Tensor  [N, in_channels, H, W]
---@return orrery.Tensor  [N, out_channels, H', W']
function ConvBlock:forward(x)
  x = self.conv(x)
  if self.norm then x = self.norm(x) end
  if self.act then x = self.act(x) end
  return self.drop and self.drop(x) or x
end

return { ConvBlock = ConvBlock }
