--- Convolutions of images [N, C, H, W].
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local checks = require "orrery.nn.checks"
local conv_setup = require "orrery.nn.conv_setup"
local options = require "orrery.options"

local function check_input(self, x)
  checks.images(self, x, self.in_channels)
end

--- Cross-correlation with `out_channels` kernels. padding = "same" gives
--- ceil(size / stride) rows and columns; what is odd is padded after.
---@class orrery.nn.Conv2d: orrery.nn.Module
---@field weight orrery.Tensor  [out_channels, in_channels / groups, kh, kw]
---@field bias orrery.Tensor?  [out_channels]
local Conv2d = Layer:subclass "Conv2d"

---@param in_channels integer
---@param out_channels integer
---@param kernel_size integer|integer[]
---@param opts? { stride?: integer|integer[],
---   padding?: integer|integer[]|"same"|"valid", padding_mode?: "zeros"
---   |"reflect"|"replicate"|"circular", dilation?: integer|integer[],
---   groups?: integer, bias?: boolean, dtype?: string,
---   generator?: orrery.Generator }
function Conv2d:init(in_channels, out_channels, kernel_size, opts)
  opts = conv_setup.take(self, "conv2d", options.pair, in_channels,
    out_channels, kernel_size, opts, { padding_mode = "zeros" })
  conv_setup.weights(self, out_channels, in_channels // self.groups, opts)
end

---@param x orrery.Tensor  [N, in_channels, H, W]
---@return orrery.Tensor  [N, out_channels, H', W']
function Conv2d:forward(x)
  check_input(self, x)
  local padding
  x, padding = conv_setup.padded(self, x)
  return F.conv2d(x, self.weight, self.bias, { stride = self.stride,
    padding = padding, dilation = self.dilation, groups = self.groups })
end

Conv2d.extra_repr = conv_setup.describe

--- The gradient of Conv2d with respect to its input, as a layer: size - 1
--- times stride, plus the kernel. padding = "same" gives size * stride.
---@class orrery.nn.ConvTranspose2d: orrery.nn.Module
---@field weight orrery.Tensor  [in_channels, out_channels / groups, kh, kw]
---@field bias orrery.Tensor?  [out_channels]
local ConvTranspose2d = Layer:subclass "ConvTranspose2d"

---@param in_channels integer
---@param out_channels integer
---@param kernel_size integer|integer[]
---@param opts? { stride?: integer|integer[],
---   padding?: integer|integer[]|"same",
---   output_padding?: integer|integer[], dilation?: integer|integer[],
---   groups?: integer, bias?: boolean, dtype?: string,
---   generator?: orrery.Generator }
function ConvTranspose2d:init(in_channels, out_channels, kernel_size, opts)
  local who = "convtranspose2d"
  opts = conv_setup.take(self, who, options.pair, in_channels,
    out_channels, kernel_size, opts, { output_padding = 0 })
  self.output_padding = options.pair(who, "output_padding",
    opts.output_padding, 0)
  conv_setup.weights(self, in_channels, out_channels // self.groups, opts)
end

--- Rows or columns that "same" takes off the full result, before and after;
--- negative after means that output_padding has to add some.
local function same_crop(kernel, stride, dilation)
  local surplus = dilation * (kernel - 1) + 1 - stride
  local before = math.max(surplus, 0) // 2
  return before, surplus - before
end

local function forward_same(self, x)
  local pad, add, cut = {}, {}, {}
  for i = 1, 2 do
    local before, after = same_crop(self.kernel_size[i], self.stride[i],
      self.dilation[i])
    pad[i], add[i] = before, math.max(before - after, 0)
    cut[i] = math.max(after - before, 0)
  end
  local y = F.conv_transpose2d(x, self.weight, self.bias,
    { stride = self.stride, padding = pad, output_padding = add,
      dilation = self.dilation, groups = self.groups })
  for i = 1, 2 do
    if cut[i] > 0 then y = y:narrow(i - 3, 1, y:size(i - 3) - cut[i]) end
  end
  return y
end

---@param x orrery.Tensor  [N, in_channels, H, W]
---@return orrery.Tensor  [N, out_channels, H', W']
function ConvTranspose2d:forward(x)
  check_input(self, x)
  if self.padding == "same" then return forward_same(self, x) end
  return F.conv_transpose2d(x, self.weight, self.bias,
    { stride = self.stride, padding = self.padding,
      output_padding = self.output_padding, dilation = self.dilation,
      groups = self.groups })
end

ConvTranspose2d.extra_repr = conv_setup.describe

return { Conv2d = Conv2d, ConvTranspose2d = ConvTranspose2d }
