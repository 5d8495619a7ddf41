--- Layers of style-based generators (Karras et al. 2019, 2020). Images are
--- [N, C, H, W], styles w are [N, style_dim].
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Linear = require("orrery.nn.linear").Linear
local Module = require "orrery.nn.module"
local options = require "orrery.options"

local layers = {}

--- What a style does to each of n channels, by a linear layer that at first
--- gives values around `start`.
local function affine(style_dim, starts, opts)
  local n = #starts
  local layer = Linear(style_dim, n,
    { dtype = opts.dtype, generator = opts.generator })
  orrery.no_grad(function()
    layer.bias:copy_(orrery.tensor(starts, { dtype = opts.dtype }))
  end)
  return layer
end

local function numbers(n, value, list)
  list = list or {}
  for _ = 1, n do list[#list + 1] = value end
  return list
end

local want_images = require("orrery.nn.checks").images

local function want_style(self, x, w)
  if not options.is_tensor(w) then
    self:fail("style is %s; call it with (x, w)", options.shown(w))
  end
  if w:dim() ~= 2 or w:size(1) ~= x:size(1) or w:size(2) ~= self.style_dim then
    self:fail("style is %s but [%d, %d] is wanted; give one row for each image",
      w:shape_str(), x:size(1), self.style_dim)
  end
end

--- Adaptive instance normalisation (Huang & Belongie 2017). AdaIN() gives x
--- the channels' means and deviations of another image: adain(x, y). With
--- sizes they come from a style by a learnt linear layer, scale 1 and shift 0
--- at first (Karras et al. 2019): adain(x, w).
---@class orrery.nn.AdaIN: orrery.nn.Module
---@field affine orrery.nn.Linear?  style_dim to scales and shifts, 2 C
local AdaIN = Module:subclass "AdaIN"
layers.AdaIN = AdaIN

---@param num_features? integer  C
---@param style_dim? integer
---@param opts? { eps?: number, dtype?: string, generator?: orrery.Generator }
function AdaIN:init(num_features, style_dim, opts)
  opts = options.take("adain", opts, { eps = 1e-5, dtype = "float32" },
    { "generator" })
  self.eps = options.number("adain", "eps", opts.eps)
  if num_features == nil then return end
  local c = options.count("adain", "num_features", num_features)
  self.num_features = c
  self.style_dim = options.count("adain", "style_dim", style_dim)
  self.affine = affine(style_dim, numbers(c, 0, numbers(c, 1)), opts)
end

---@param x orrery.Tensor  [N, C, H, W]
---@param style orrery.Tensor  [N, style_dim], or an image [N, C, H', W']
---@return orrery.Tensor  [N, C, H, W]
function AdaIN:forward(x, style)
  want_images(self, x, self.num_features)
  if not self.affine then
    want_images(self, style, x:size(2))
    return F.adain(x, style, { eps = self.eps })
  end
  want_style(self, x, style)
  local scale, shift = self.affine(style):unsqueeze(-1):unsqueeze(-1)
    :chunk(2, 2)
  return F.instance_norm(x, { eps = self.eps }) * scale + shift
end

function AdaIN:extra_repr()
  return self.affine and ("%d, %d"):format(self.num_features, self.style_dim)
    or ""
end

--- A convolution whose input channels a style scales, its kernels brought
--- back to norm 1 unless demodulate = false (Karras et al. 2020, StyleGAN2).
---@class orrery.nn.ModulatedConv2d: orrery.nn.Module
---@field weight orrery.Tensor  [out_channels, in_channels, k, k]
---@field bias orrery.Tensor?  [out_channels]
---@field affine orrery.nn.Linear  style_dim to in_channels
local ModulatedConv2d = Module:subclass "ModulatedConv2d"
layers.ModulatedConv2d = ModulatedConv2d

---@param in_channels integer
---@param out_channels integer
---@param kernel_size integer
---@param style_dim integer
---@param opts? { demodulate?: boolean, stride?: integer, padding?: integer,
---   bias?: boolean, eps?: number, dtype?: string,
---   generator?: orrery.Generator }  true, 1, what keeps an odd kernel's size,
---   true, 1e-8
function ModulatedConv2d:init(in_channels, out_channels, kernel_size, style_dim,
  opts)
  local who = "modulatedconv2d"
  opts = options.take(who, opts, { demodulate = true, stride = 1, bias = true,
    eps = 1e-8, dtype = "float32" }, { "padding", "generator" })
  self.in_channels = options.count(who, "in_channels", in_channels)
  self.out_channels = options.count(who, "out_channels", out_channels)
  self.kernel_size = options.count(who, "kernel_size", kernel_size)
  self.style_dim = options.count(who, "style_dim", style_dim)
  self.demodulate = opts.demodulate and true or false
  self.stride = options.count(who, "stride", opts.stride)
  self.padding = options.count(who, "padding",
    opts.padding or (self.kernel_size - 1) // 2, 0)
  self.eps = options.number(who, "eps", opts.eps)
  local k = self.kernel_size
  self.weight = orrery.randn({ out_channels, in_channels, k, k },
    { std = 1 / math.sqrt(in_channels * k * k), dtype = opts.dtype,
      generator = opts.generator }):requires_grad_()
  if opts.bias then
    self.bias = orrery.zeros({ out_channels }, { dtype = opts.dtype })
      :requires_grad_()
  end
  self.affine = affine(style_dim, numbers(in_channels, 1), opts)
end

---@param x orrery.Tensor  [N, in_channels, H, W]
---@param w orrery.Tensor  [N, style_dim]
---@return orrery.Tensor  [N, out_channels, H', W']
function ModulatedConv2d:forward(x, w)
  want_images(self, x, self.in_channels)
  want_style(self, x, w)
  local y = F.modulated_conv2d(x, self.weight, self.affine(w),
    { demodulate = self.demodulate, stride = self.stride,
      padding = self.padding, eps = self.eps })
  return self.bias and y + self.bias:view { 1, self.out_channels, 1, 1 } or y
end

function ModulatedConv2d:extra_repr()
  return ("%d, %d, %d, %d%s"):format(self.in_channels, self.out_channels,
    self.kernel_size, self.style_dim,
    self.demodulate and "" or ", { demodulate = false }")
end

--- Adds a noise image, drawn afresh for each example, times a learnt strength
--- for each channel, 0 at first (Karras et al. 2019).
---@class orrery.nn.NoiseInjection: orrery.nn.Module
---@field weight orrery.Tensor  [C]
local NoiseInjection = Module:subclass "NoiseInjection"
layers.NoiseInjection = NoiseInjection

---@param num_features integer  C
---@param opts? { dtype?: string, generator?: orrery.Generator }
function NoiseInjection:init(num_features, opts)
  local who = "noiseinjection"
  opts = options.take(who, opts, { dtype = "float32" }, { "generator" })
  self.num_features = options.count(who, "num_features", num_features)
  self.generator = opts.generator
  self.weight = orrery.zeros({ num_features }, { dtype = opts.dtype })
    :requires_grad_()
end

---@param x orrery.Tensor  [N, C, H, W]
---@param noise? orrery.Tensor  [N, 1, H, W], standard normal when absent
---@return orrery.Tensor  [N, C, H, W]
function NoiseInjection:forward(x, noise)
  want_images(self, x, self.num_features)
  local n, _, h, w = x:shape()
  if noise == nil then
    noise = orrery.randn({ n, 1, h, w },
      { dtype = x.dtype, generator = self.generator })
  end
  want_images(self, noise, 1)
  return x + noise * self.weight:view { 1, self.num_features, 1, 1 }
end

function NoiseInjection:extra_repr() return tostring(self.num_features) end

return layers
