--- Layers that came with generators of growing resolution: normalised pixels,
--- variety within the batch, smoothing.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local blame = require "orrery.blame"
local options = require "orrery.options"

local layers = {}

local want_images = require("orrery.nn.checks").images

--- Divides each pixel's (or code's) channels by their root mean square:
--- x / sqrt(mean over axis 2 of x^2 + eps) (Karras et al. 2018).
---@class orrery.nn.PixelNorm: orrery.nn.Module
local PixelNorm = Layer:subclass "PixelNorm"
layers.PixelNorm = PixelNorm

---@param eps? number  1e-8
function PixelNorm:init(eps)
  self.eps = options.number("pixelnorm", "eps", eps or 1e-8)
end

---@param x orrery.Tensor  [N, C, ...]
---@return orrery.Tensor  alike
function PixelNorm:forward(x)
  if x:dim() < 2 then
    self:fail("x is %s but [N, C, ...] is wanted; change the layer or its "
      .. "input", x:shape_str())
  end
  return x * (x:square():mean { axis = 2, keepdim = true } + self.eps):rsqrt()
end

--- Lets a discriminator see variety: images are taken in groups, and one more
--- channel holds the group's standard deviation, averaged over everything
--- else (Karras et al. 2018).
---@class orrery.nn.MinibatchStdDev: orrery.nn.Module
local MinibatchStdDev = Layer:subclass "MinibatchStdDev"
layers.MinibatchStdDev = MinibatchStdDev

---@param group_size? integer  4; a smaller batch is one group
---@param eps? number  1e-8
function MinibatchStdDev:init(group_size, eps)
  self.group_size = options.count("minibatchstddev", "group_size",
    group_size or 4)
  self.eps = options.number("minibatchstddev", "eps", eps or 1e-8)
end

---@param x orrery.Tensor  [N, C, H, W], N a multiple of group_size or less
---@return orrery.Tensor  [N, C + 1, H, W]
function MinibatchStdDev:forward(x)
  want_images(self, x)
  local n, c, h, w = x:shape()
  local group = math.min(self.group_size, n)
  if n == 0 or n % group ~= 0 then
    self:fail("%d images do not split into groups of %d; change the batch or "
      .. "group_size", n, group)
  end
  local sd = (x:reshape { group, n // group, c, h, w }
    :var { axis = 1, correction = 0 } + self.eps):sqrt()
    :mean { axis = { 2, 3, 4 } }
  local map = sd:view { 1, n // group, 1, 1, 1 }
    :expand { group, n // group, 1, h, w }:reshape { n, 1, h, w }
  return orrery.cat({ x, map }, 2)
end

function MinibatchStdDev:extra_repr() return tostring(self.group_size) end

--- Smooths each channel with the outer product of a row of weights, divided by
--- their sum; zeros beyond the edge (Zhang 2019; Karras et al. 2019).
---@class orrery.nn.Blur: orrery.nn.Module
---@field kernel orrery.Tensor  [k, k], a buffer
local Blur = Layer:subclass "Blur"
layers.Blur = Blur

---@param kernel? number[]  { 1, 2, 1 }
---@param opts? { stride?: integer, dtype?: string }
function Blur:init(kernel, opts)
  opts = options.take("blur", opts, { stride = 1, dtype = "float32" })
  if kernel ~= nil and type(kernel) ~= "table" then
    blame("blur: kernel is %s; give a list of weights", options.shown(kernel))
  end
  kernel = kernel or { 1, 2, 1 }
  local sum = 0
  for i, v in ipairs(kernel) do
    sum = sum + options.number("blur", "weight " .. i, v)
  end
  if sum == 0 then blame("blur: the weights' sum is 0; give others") end
  self.stride = options.count("blur", "stride", opts.stride)
  local row = orrery.tensor(kernel, { dtype = opts.dtype }) / sum
  self:register_buffer("kernel", row:outer(row))
end

---@param x orrery.Tensor  [N, C, H, W]
---@return orrery.Tensor  [N, C, H', W']
function Blur:forward(x)
  want_images(self, x)
  local k, c = self.kernel:size(1), x:size(2)
  local before = (k - 1) // 2
  local padded = F.pad(x, { before, k - 1 - before, before, k - 1 - before })
  return F.conv2d(padded, self.kernel:expand { c, 1, k, k }:contiguous(),
    { stride = self.stride, groups = c })
end

return layers
