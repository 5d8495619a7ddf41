--- Layers that change the size of images [N, C, H, W].
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local blame = require "orrery.blame"
local checks = require "orrery.nn.checks"
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

--- Images of another size, by repeating pixels or by straight lines between
--- them.
---@class orrery.nn.Upsample: orrery.nn.Module
local Upsample = Layer:subclass "Upsample"
layers.Upsample = Upsample

local function set_upsample(self, who, opts, mode, align_corners)
  if type(opts) ~= "table" then opts = { scale_factor = opts } end
  opts = options.take(who, opts,
    { mode = mode or "nearest", align_corners = align_corners or false },
    { "scale_factor", "size" })
  if (opts.size == nil) == (opts.scale_factor == nil) then
    blame("%s: give either size or scale_factor", who)
  end
  if opts.mode ~= "nearest" and opts.mode ~= "bilinear"
    or mode and opts.mode ~= mode then
    blame("%s: mode is %s; use nearest or bilinear", who,
      options.shown(opts.mode))
  end
  self.mode, self.align_corners = opts.mode, opts.align_corners
  if opts.size ~= nil then
    self.size = options.pair(who, "size", opts.size)
  else
    self.scale_factor = options.pair(who, "scale_factor", opts.scale_factor)
  end
end

---@param opts integer|{ scale_factor?: integer|integer[], size?: integer|
---   integer[], mode?: "nearest"|"bilinear", align_corners?: boolean }
---   a number is the scale_factor
function Upsample:init(opts) set_upsample(self, "upsample", opts) end

---@param x orrery.Tensor  [N, C, H, W]
---@return orrery.Tensor  [N, C, H', W']
function Upsample:forward(x)
  checks.images(self, x)
  if self.mode == "nearest" and self.scale_factor then
    return F.upsample_nearest2d(x, self.scale_factor)
  end
  return F.interpolate(x, { size = self.size,
    scale_factor = self.scale_factor, mode = self.mode,
    align_corners = self.align_corners })
end

local function pair_text(pair)
  return pair[1] == pair[2] and tostring(pair[1])
    or ("{ %d, %d }"):format(pair[1], pair[2])
end

function Upsample:extra_repr()
  local parts = { self.size and "size = " .. pair_text(self.size)
    or "scale_factor = " .. pair_text(self.scale_factor) }
  if self.mode ~= "nearest" then
    parts[2] = ('mode = "%s"'):format(self.mode)
  end
  if self.align_corners then parts[#parts + 1] = "align_corners = true" end
  return "{ " .. table.concat(parts, ", ") .. " }"
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
