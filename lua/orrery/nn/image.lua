--- Layers for images and sequences: moving pixels, padding, one-dimensional
--- convolutions, windows.
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local blame = require "orrery.blame"
local checks = require "orrery.nn.checks"
local conv_setup = require "orrery.nn.conv_setup"
local options = require "orrery.options"
local show = require "orrery.nn.show"

local layers = {}

--- A layer around one op of the input and a whole number. `wraps` lets help
--- tell what the op does.
local function one_number(name, option, op)
  local class = Layer:subclass(name)
  class.wraps = op
  function class:init(n)
    self[option] = options.count(name:lower(), option, n)
  end
  function class:forward(x) return F[op](x, self[option]) end
  function class:extra_repr() return tostring(self[option]) end
  layers[name] = class
end

--- Channels to pixels: [N, C r^2, H, W] to [N, C, H r, W r].
one_number("PixelShuffle", "upscale_factor", "pixel_shuffle")
--- Pixels to channels: [N, C, H r, W r] to [N, C r^2, H, W].
one_number("PixelUnshuffle", "downscale_factor", "pixel_unshuffle")

--- Channels of `groups` groups, dealt out in turn.
one_number("ChannelShuffle", "groups", "channel_shuffle")

-- ------------------------------------------------------------------ padding

--- { left, right } and for images { ..., top, bottom }, as F.pad wants it.
local function sides_of(who, padding, sides)
  local list = {}
  if type(padding) ~= "table" then
    local n = options.count(who, "padding", padding, 0)
    for i = 1, sides do list[i] = n end
    return list
  end
  if #padding ~= sides then
    blame("%s: padding has %d entries; give one number or { left, right%s }",
      who, #padding, sides == 4 and ", top, bottom" or "")
  end
  for i = 1, sides do
    list[i] = options.count(who, "padding " .. i, padding[i], 0)
  end
  return list
end

--- A layer that pads images [N, C, H, W], or sequences [N, C, L] when `sides`
--- is 2, in one mode.
local function padding_layer(name, mode, sides)
  local class = Layer:subclass(name)
  class.wraps = "pad"
  local who = name:lower()
  local shape = sides == 2 and "[N, C, L]" or "[N, C, H, W]"
  function class:init(padding, value)
    self.padding = sides_of(who, padding, sides)
    self.value = options.number(who, "value", value or 0)
  end
  function class:forward(x)
    local least = sides // 2 + 1  -- without N
    if x:dim() ~= least and x:dim() ~= least + 1 then
      self:fail("x is %s but %s is wanted; change the layer or its input",
        x:shape_str(), shape)
    end
    return F.pad(x, self.padding, { mode = mode, value = self.value })
  end
  function class:extra_repr()
    local value = self.value ~= 0 and (", %g"):format(self.value) or ""
    return ("{ %s }%s"):format(table.concat(self.padding, ", "), value)
  end
  layers[name] = class
end

--- Mirror images without the edge itself.
padding_layer("ReflectionPad1d", "reflect", 2)
padding_layer("ReflectionPad2d", "reflect", 4)
--- The edge, repeated.
padding_layer("ReplicationPad1d", "replicate", 2)
padding_layer("ReplicationPad2d", "replicate", 4)
--- The opposite side.
padding_layer("CircularPad1d", "circular", 2)
padding_layer("CircularPad2d", "circular", 4)
padding_layer("ZeroPad2d", "constant", 4)
--- ConstantPad2d(padding, value).
padding_layer("ConstantPad1d", "constant", 2)
padding_layer("ConstantPad2d", "constant", 4)

-- ---------------------------------------------------------------- sequences

local function check_sequence(self, x)
  checks.sequences(self, x, self.in_channels)
end

--- Cross-correlation of sequences with `out_channels` kernels.
---@class orrery.nn.Conv1d: orrery.nn.Module
---@field weight orrery.Tensor  [out_channels, in_channels / groups, k]
---@field bias orrery.Tensor?  [out_channels]
local Conv1d = Layer:subclass "Conv1d"
layers.Conv1d, Conv1d.extra_repr = Conv1d, conv_setup.describe

---@param in_channels integer
---@param out_channels integer
---@param kernel_size integer
---@param opts? { stride?: integer, padding?: integer, padding_mode?: "zeros"
---   |"reflect"|"replicate"|"circular", dilation?: integer, groups?: integer,
---   bias?: boolean, dtype?: string, generator?: orrery.Generator }
function Conv1d:init(in_channels, out_channels, kernel_size, opts)
  opts = conv_setup.take(self, "conv1d", options.count, in_channels,
    out_channels, kernel_size, opts, { padding_mode = "zeros" })
  conv_setup.weights(self, out_channels, in_channels // self.groups, opts)
end

---@param x orrery.Tensor  [N, in_channels, L]
---@return orrery.Tensor  [N, out_channels, L']
function Conv1d:forward(x)
  check_sequence(self, x)
  local padding
  x, padding = conv_setup.padded(self, x)
  return F.conv1d(x, self.weight, self.bias, { stride = self.stride,
    padding = padding, dilation = self.dilation, groups = self.groups })
end

--- The gradient of Conv1d with respect to its input, as a layer.
---@class orrery.nn.ConvTranspose1d: orrery.nn.Module
---@field weight orrery.Tensor  [in_channels, out_channels / groups, k]
---@field bias orrery.Tensor?  [out_channels]
local ConvTranspose1d = Layer:subclass "ConvTranspose1d"
layers.ConvTranspose1d = ConvTranspose1d
ConvTranspose1d.extra_repr = conv_setup.describe

---@param in_channels integer
---@param out_channels integer
---@param kernel_size integer
---@param opts? { stride?: integer, padding?: integer,
---   output_padding?: integer, dilation?: integer, groups?: integer,
---   bias?: boolean, dtype?: string, generator?: orrery.Generator }
function ConvTranspose1d:init(in_channels, out_channels, kernel_size, opts)
  local who = "convtranspose1d"
  opts = conv_setup.take(self, who, options.count, in_channels,
    out_channels, kernel_size, opts, { output_padding = 0 })
  self.output_padding = options.count(who, "output_padding",
    opts.output_padding, 0)
  conv_setup.weights(self, in_channels, out_channels // self.groups, opts)
end

---@param x orrery.Tensor  [N, in_channels, L]
---@return orrery.Tensor  [N, out_channels, L']
function ConvTranspose1d:forward(x)
  check_sequence(self, x)
  return F.conv_transpose1d(x, self.weight, self.bias,
    { stride = self.stride, padding = self.padding,
      output_padding = self.output_padding, dilation = self.dilation,
      groups = self.groups })
end

-- ------------------------------------------------------------------ windows

--- A pool whose windows follow from the size wanted.
local function adaptive(name, images, op)
  local class = Layer:subclass(name)
  class.wraps = op
  local read = images and options.pair or options.count
  local check = images and checks.images or checks.sequences
  function class:init(output_size, opts)
    local who = name:lower()
    self.output_size = read(who, "output_size", output_size)
    local max = op:find "max"
    opts = options.take(who, opts, max and { return_indices = false } or {})
    self.return_indices = max
      and options.flag(who, "return_indices", opts.return_indices)
  end
  function class:forward(x)
    check(self, x)
    if not self.return_indices then return F[op](x, self.output_size) end
    return F[op](x, self.output_size, { return_indices = true })
  end
  function class:extra_repr() return show.value(self.output_size) end
  layers[name] = class
end

adaptive("AdaptiveAvgPool1d", false, "adaptive_avg_pool1d")
adaptive("AdaptiveMaxPool1d", false, "adaptive_max_pool1d")
adaptive("AdaptiveAvgPool2d", true, "adaptive_avg_pool2d")
adaptive("AdaptiveMaxPool2d", true, "adaptive_max_pool2d")

local function set_window(self, who, kernel_size, opts)
  opts = options.take(who, opts, { dilation = 1, padding = 0, stride = 1 })
  self.window = {
    kernel_size = options.pair(who, "kernel_size", kernel_size),
    dilation = options.pair(who, "dilation", opts.dilation),
    padding = options.pair(who, "padding", opts.padding, 0),
    stride = options.pair(who, "stride", opts.stride),
  }
end

--- Windows of images as columns: [N, C, H, W] to [N, C kh kw, L].
---@class orrery.nn.Unfold: orrery.nn.Module
local Unfold = Layer:subclass "Unfold"
layers.Unfold = Unfold

---@param kernel_size integer|integer[]
---@param opts? { dilation?: integer|integer[], padding?: integer|integer[],
---   stride?: integer|integer[] }
function Unfold:init(kernel_size, opts)
  set_window(self, "unfold", kernel_size, opts)
end

local function window_repr(self)
  return show.value(self.window.kernel_size) .. show.options(self.window,
    "dilation", 1, "padding", 0, "stride", 1)
end

Unfold.extra_repr = window_repr

function Unfold:forward(x)
  checks.images(self, x)
  return F.unfold(x, self.window)
end

--- Sums such columns into images of output_size.
---@class orrery.nn.Fold: orrery.nn.Module
local Fold = Layer:subclass "Fold"
layers.Fold = Fold

---@param output_size integer|integer[]
---@param kernel_size integer|integer[]
---@param opts? { dilation?: integer|integer[], padding?: integer|integer[],
---   stride?: integer|integer[] }
function Fold:init(output_size, kernel_size, opts)
  set_window(self, "fold", kernel_size, opts)
  self.window.output_size = options.pair("fold", "output_size", output_size)
end

function Fold:extra_repr()
  return show.value(self.window.output_size) .. ", " .. window_repr(self)
end

function Fold:forward(x) return F.fold(x, self.window) end

return layers
