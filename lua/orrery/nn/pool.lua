--- Layers that change the size of images [N, C, H, W] and sequences [N, C, L].
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local checks = require "orrery.nn.checks"
local options = require "orrery.options"
local show = require "orrery.nn.show"

local layers = {}

local flag = options.flag

--- A layer around one pool. `read` is options.count for sequences [N, C, L],
--- options.pair for images.
local function pooling(name, op, read, dilated)
  local class = Layer:subclass(name)
  local who = name:lower()
  class.wraps = op  -- for help
  local last = dilated and "dilation" or "count_include_pad"
  function class:init(kernel_size, opts)
    opts = options.take(who, opts, { padding = 0, ceil_mode = false,
      return_indices = false, [last] = dilated and 1 or true }, { "stride" })
    if not dilated and opts.return_indices then
      blame("%s: it has no indices to return; leave return_indices out", who)
    end
    self.kernel_size = read(who, "kernel_size", kernel_size)
    self.stride = read(who, "stride", opts.stride or kernel_size)
    self.padding = read(who, "padding", opts.padding, 0)
    self.ceil_mode = flag(who, "ceil_mode", opts.ceil_mode)
    self[last] = (dilated and read or flag)(who, last, opts[last])
    self.return_indices = flag(who, "return_indices", opts.return_indices)
  end
  local check = read == options.pair and checks.images or checks.sequences
  function class:forward(x)
    check(self, x)
    return F[op](x, self.kernel_size, { stride = self.stride,
      padding = self.padding, ceil_mode = self.ceil_mode,
      return_indices = self.return_indices or nil, [last] = self[last] })
  end
  function class:extra_repr()
    return show.value(self.kernel_size) .. show.options(self,
      "stride", self.kernel_size, "padding", 0, "ceil_mode", false,
      last, dilated and 1 or true)
  end
  layers[name] = class
end

--- The largest of each window of a sequence; { stride = kernel_size,
--- padding = 0, dilation = 1, ceil_mode = false, return_indices = false }: with
--- the last, their positions from 1 are a second result.
pooling("MaxPool1d", "max_pool1d", options.count, true)
--- The largest of each window of an image; options as MaxPool1d's, each a
--- number or { height, width }.
pooling("MaxPool2d", "max_pool2d", options.pair, true)
--- The mean of each window of a sequence; { stride = kernel_size, padding = 0,
--- ceil_mode = false, count_include_pad = true }.
pooling("AvgPool1d", "avg_pool1d", options.count, false)
--- The mean of each window of an image; options as AvgPool1d's, sizes a number
--- or { height, width }.
pooling("AvgPool2d", "avg_pool2d", options.pair, false)

--- A layer around one power-average pool.
local function lp_pooling(name, op, read)
  local class = Layer:subclass(name)
  local who = name:lower()
  class.wraps = op
  function class:init(norm_type, kernel_size, opts)
    opts = options.take(who, opts, { ceil_mode = false }, { "stride" })
    self.norm_type = options.number(who, "norm_type", norm_type,
      function(p) return p > 0 end, "a number above 0")
    self.kernel_size = read(who, "kernel_size", kernel_size)
    self.stride = read(who, "stride", opts.stride or kernel_size)
    self.ceil_mode = flag(who, "ceil_mode", opts.ceil_mode)
  end
  local check = read == options.pair and checks.images or checks.sequences
  function class:forward(x)
    check(self, x)
    return F[op](x, self.norm_type, self.kernel_size,
      { stride = self.stride, ceil_mode = self.ceil_mode })
  end
  function class:extra_repr()
    return show.value(self.norm_type) .. ", " .. show.value(self.kernel_size)
      .. show.options(self, "stride", self.kernel_size, "ceil_mode", false)
  end
  layers[name] = class
end

lp_pooling("LPPool1d", "lp_pool1d", options.count)
lp_pooling("LPPool2d", "lp_pool2d", options.pair)

--- The way back from a max pool: each value to where its index says, zeros
--- elsewhere. Called as unpool(y, indices), both from
--- F.max_pool2d_with_indices (or 1d).
local function unpooling(name, op, read)
  local class = Module:subclass(name)
  local who = name:lower()
  function class:init(kernel_size, opts)
    opts = options.take(who, opts, { padding = 0 }, { "stride" })
    self.kernel_size = read(who, "kernel_size", kernel_size)
    self.stride = read(who, "stride", opts.stride or kernel_size)
    self.padding = read(who, "padding", opts.padding, 0)
  end
  function class:forward(y, indices, opts)
    if not options.is_tensor(y) or not options.is_tensor(indices) then
      self:fail("it is called with (y, indices), two tensors")
    end
    opts = options.take(who, opts, {}, { "output_size" })
    return F[op](y, indices, self.kernel_size, { stride = self.stride,
      padding = self.padding, output_size = opts.output_size })
  end
  function class:extra_repr()
    return show.value(self.kernel_size) .. show.options(self,
      "stride", self.kernel_size, "padding", 0)
  end
  class.wraps = op
  layers[name] = class
end

unpooling("MaxUnpool1d", "max_unpool1d", options.count)
unpooling("MaxUnpool2d", "max_unpool2d", options.pair)

--- Images of another size, by repeating pixels, by lines or curves between
--- them, or by means over areas.
---@class orrery.nn.Upsample: orrery.nn.Module
local Upsample = Layer:subclass "Upsample"
layers.Upsample = Upsample

local modes = { nearest = true, ["nearest-exact"] = true, bilinear = true,
  bicubic = true, area = true, linear = true }

local function set_upsample(self, who, opts, mode, align_corners)
  if type(opts) ~= "table" then opts = { scale_factor = opts } end
  opts = options.take(who, opts,
    { mode = mode or "nearest", align_corners = align_corners or false },
    { "scale_factor", "size" })
  if (opts.size == nil) == (opts.scale_factor == nil) then
    blame("%s: give either size or scale_factor", who)
  end
  if not modes[opts.mode] or mode and opts.mode ~= mode then
    blame("%s: mode is %s; use %s", who, options.shown(opts.mode),
      mode or "nearest, nearest-exact, linear, bilinear, bicubic or area")
  end
  self.mode, self.align_corners = opts.mode, opts.align_corners
  if opts.size ~= nil then
    self.size = options.pair(who, "size", opts.size)
  else
    self.scale_factor = options.pair(who, "scale_factor", opts.scale_factor)
  end
end

---@param opts integer|{ scale_factor?: integer|integer[], size?: integer|
---   integer[], mode?: "nearest"|"nearest-exact"|"linear"|"bilinear"|"bicubic"|
---   "area",
---   align_corners?: boolean }  a number is the scale_factor
function Upsample:init(opts) set_upsample(self, "upsample", opts) end

---@param x orrery.Tensor  [N, C, H, W], or [N, C, L]
---@return orrery.Tensor  [N, C, H', W'] or [N, C, L']
function Upsample:forward(x)
  checks.images(self, x)
  if x:dim() == 4 and self.mode == "nearest" and self.scale_factor then
    return F.upsample_nearest2d(x, self.scale_factor)
  end
  return F.interpolate(x, { size = self.size,
    scale_factor = self.scale_factor, mode = self.mode,
    align_corners = self.align_corners })
end

function Upsample:extra_repr()
  return (show.options(self, "size", nil, "scale_factor", nil,
    "mode", "nearest", "align_corners", false):gsub("^, ", ""))
end

--- Upsample with mode = "nearest".
---@class orrery.nn.UpsamplingNearest2d: orrery.nn.Upsample
local UpsamplingNearest2d = Upsample:subclass "UpsamplingNearest2d"
layers.UpsamplingNearest2d = UpsamplingNearest2d

function UpsamplingNearest2d:init(opts)
  set_upsample(self, "upsamplingnearest2d", opts, "nearest")
end

--- Upsample with mode = "bilinear" and align_corners = true.
---@class orrery.nn.UpsamplingBilinear2d: orrery.nn.Upsample
local UpsamplingBilinear2d = Upsample:subclass "UpsamplingBilinear2d"
layers.UpsamplingBilinear2d = UpsamplingBilinear2d

function UpsamplingBilinear2d:init(opts)
  set_upsample(self, "upsamplingbilinear2d", opts, "bilinear", true)
end

return layers
