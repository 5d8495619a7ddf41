--- What convolution layers of one and of two axes have in common: their
--- options, and their weights.
local Layer = require "orrery.nn.layer"
local blame = require "orrery.blame"
local options = require "orrery.options"

local conv_setup = {}

local function padding(who, value, read)
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
  if channels_in % self.groups ~= 0 or channels_out % self.groups ~= 0 then
    blame("%s: %d and %d channels do not split into %d groups; change groups",
      who, channels_in, channels_out, self.groups)
  end
  return opts
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
