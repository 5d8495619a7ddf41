--- What convolution layers of one and of two axes have in common: their
--- options, and their weights.
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local blame = require "orrery.blame"
local options = require "orrery.options"
local show = require "orrery.nn.show"

local conv_setup = {}

local modes = { zeros = true, reflect = true, replicate = true,
  circular = true }

local function padding(who, value, read)
  if value == "valid" then value = 0 end
  if read == options.pair and type(value) == "string" then
    if value == "same" then return value end
    blame('%s: padding is "%s"; give a number, { height, width } or "same"',
      who, value)
  end
  return read(who, "padding", value, 0)
end

--- Checks the options and stores them as fields. `read` is options.count for
--- one axis, options.pair for two; `extra` holds further defaults.
---@return table opts  checked
function conv_setup.take(self, who, read, channels_in, channels_out,
  kernel_size, opts, extra)
  local defaults = { stride = 1, padding = 0, dilation = 1, groups = 1,
    bias = true, dtype = "float32" }
  for name, value in pairs(extra or {}) do defaults[name] = value end
  opts = options.take(who, opts, defaults, { "generator" })
  self.in_channels = options.count(who, "in_channels", channels_in)
  self.out_channels = options.count(who, "out_channels", channels_out)
  self.kernel_size = read(who, "kernel_size", kernel_size)
  self.stride = read(who, "stride", opts.stride)
  self.dilation = read(who, "dilation", opts.dilation)
  self.groups = options.count(who, "groups", opts.groups)
  self.padding = padding(who, opts.padding, read)
  if opts.padding_mode and not modes[opts.padding_mode] then
    blame("%s: padding_mode is %s; use zeros, reflect, replicate or circular",
      who, options.shown(opts.padding_mode))
  end
  self.padding_mode = opts.padding_mode
  if channels_in % self.groups ~= 0 or channels_out % self.groups ~= 0 then
    blame("%s: %d and %d channels do not split into %d groups; change groups",
      who, channels_in, channels_out, self.groups)
  end
  return opts
end

--- x as the layer's padding_mode pads it, and what is left for the convolution
--- to pad with zeros.
---@param self orrery.nn.Module
---@param x orrery.Tensor
---@return orrery.Tensor x
---@return integer|integer[] padding
function conv_setup.padded(self, x)
  local mode, n = self.padding_mode, self.padding
  if mode == "zeros" then mode = nil end
  if n == "same" then
    return F.pad_same(x, self.kernel_size, self.stride, self.dilation, mode)
  end
  if not mode then return x, n end
  if type(n) == "number" then return F.pad(x, { n, n }, { mode = mode }), 0 end
  return F.pad(x, { n[2], n[2], n[1], n[1] }, { mode = mode }), 0
end

--- A convolution's arguments, as it prints.
function conv_setup.describe(self)
  local values = setmetatable({ bias = self.bias ~= nil }, { __index = self })
  return ("%d, %d, %s"):format(self.in_channels, self.out_channels,
    show.value(self.kernel_size)) .. show.options(values, "stride", 1,
    "padding", 0, "padding_mode", "zeros", "output_padding", 0, "dilation", 1,
    "groups", 1, "bias", true)
end

--- Weight [first, second, kernel...] and bias, uniform in +- 1 / sqrt(fan_in)
--- as PyTorch computes it.
function conv_setup.weights(self, first, second, opts)
  local kernel = self.kernel_size
  if type(kernel) ~= "table" then kernel = { kernel } end
  local fan_in = second
  for _, k in ipairs(kernel) do fan_in = fan_in * k end
  local bound = 1 / math.sqrt(fan_in)
  self.weight = Layer.fresh({ first, second, table.unpack(kernel) }, bound,
    opts)
  if opts.bias then
    self.bias = Layer.fresh({ self.out_channels }, bound, opts)
  end
end

return conv_setup
