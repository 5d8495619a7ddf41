--- What style-based networks are made of: weights with an equalised learning
--- rate, convolutions that a style steers, and the way to pixels.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Module = require "orrery.nn.module"
local options = require "orrery.options"
local resampling = require "orrery.style.resampling"

local layers = {}

local function want(self, x, axis, n, name)
  if not options.is_tensor(x) or x:dim() < axis or x:size(axis) ~= n then
    self:fail("%s is %s but axis %d must have %d; change the layer or its "
      .. "input", name, options.is_tensor(x) and x:shape_str()
      or options.shown(x), axis, n)
  end
end

-- Weights N(0, 1 / rate^2): what the layer multiplies by makes them He's.
local function drawn(sizes, rate, o)
  return orrery.randn(sizes, { std = 1 / rate, dtype = o.dtype,
    generator = o.generator }):requires_grad_()
end

local common = { gain = 1, lr_mul = 1, bias = true, dtype = "float32" }

local function take(who, given, defaults)
  local d = {}
  for k, v in pairs(common) do d[k] = v end
  for k, v in pairs(defaults or {}) do d[k] = v end
  local o = options.take(who, given, d, { "generator" })
  options.number(who, "gain", o.gain)
  options.number(who, "lr_mul", o.lr_mul, function(v) return v > 0 end,
    "a number above 0")
  return o
end

--- A linear layer with an equalised learning rate (Karras et al. 2018, section
--- 4.1): weights are N(0, 1) and multiplied by gain / sqrt(in) as they are
--- used, so that Adam moves all layers alike. With lr_mul they learn so many
--- times as fast (0.01 in a mapping).
---@class orrery.style.EqualLinear: orrery.nn.Module
---@field weight orrery.Tensor  [out, in]
---@field bias orrery.Tensor?  [out]
local EqualLinear = Module:subclass "EqualLinear"
layers.EqualLinear = EqualLinear

---@param from integer
---@param to integer
---@param given? { gain?: number, lr_mul?: number, bias?: boolean,
---  start?: number, dtype?: string, generator?: orrery.Generator }  1, 1, true;
---  start: of the bias, 0
function EqualLinear:init(from, to, given)
  local who = "equallinear"
  local o = take(who, given, { start = 0 })
  self.from = options.count(who, "from", from)
  self.to = options.count(who, "to", to)
  self.weight = drawn({ to, from }, o.lr_mul, o)
  self.scale, self.rate = o.gain / math.sqrt(from) * o.lr_mul, o.lr_mul
  if o.bias then
    self.bias = orrery.full({ to }, o.start / o.lr_mul, { dtype = o.dtype })
      :requires_grad_()
  end
end

---@param x orrery.Tensor  [..., in]
---@return orrery.Tensor  [..., out]
function EqualLinear:forward(x)
  want(self, x, x:dim(), self.from, "x")
  local bias = self.bias
  if bias and self.rate ~= 1 then bias = bias * self.rate end
  return F.linear(x, self.weight * self.scale, bias)
end

function EqualLinear:extra_repr()
  return ("%d, %d"):format(self.from, self.to)
end

--- A convolution of stride 1 that keeps the side, likewise equalised.
---@class orrery.style.EqualConv2d: orrery.nn.Module
---@field weight orrery.Tensor  [out, in, k, k]
---@field bias orrery.Tensor?  [out]
local EqualConv2d = Module:subclass "EqualConv2d"
layers.EqualConv2d = EqualConv2d

---@param from integer
---@param to integer
---@param kernel integer  odd
---@param given? { gain?: number, lr_mul?: number, bias?: boolean,
---  dtype?: string, generator?: orrery.Generator }  1, 1, true
function EqualConv2d:init(from, to, kernel, given)
  local who = "equalconv2d"
  local o = take(who, given)
  self.from = options.count(who, "from", from)
  self.to = options.count(who, "to", to)
  self.kernel = options.count(who, "kernel", kernel)
  self.weight = drawn({ to, from, kernel, kernel }, o.lr_mul, o)
  self.scale = o.gain / math.sqrt(from * kernel * kernel) * o.lr_mul
  if o.bias then
    self.bias = orrery.zeros({ to }, { dtype = o.dtype }):requires_grad_()
  end
end

---@param x orrery.Tensor  [N, in, H, W]
---@return orrery.Tensor  [N, out, H, W]
function EqualConv2d:forward(x)
  want(self, x, 2, self.from, "x")
  return F.conv2d(x, self.weight * self.scale, self.bias,
    { padding = self.kernel // 2 })
end

function EqualConv2d:extra_repr()
  return ("%d, %d, %d"):format(self.from, self.to, self.kernel)
end

-- Noise images, drawn here unless given; nil for none.
local function noise_for(self, x, noise)
  if noise == false or not self.strength then return nil end
  if noise ~= nil then return noise end
  return orrery.randn({ x:size(1), 1, x:size(3), x:size(4) },
    { dtype = x.dtype, generator = self.stream })
end

-- [C] as [1, C, 1, 1].
local function per_channel(v) return v:reshape { 1, -1, 1, 1 } end

local function up(self, x)
  if not self.doubles then return x end
  return self.smooth and resampling.double(x) or F.upsample_nearest2d(x, 2)
end

--- A layer of StyleGAN's synthesis (Karras et al. 2019, figure 1): perhaps
--- twice the side, a convolution, noise times a learnt strength for each
--- channel, a bias, leaky ReLU, and AdaIN by the style. Without a style its
--- pixels are normalised instead, as in progressive GANs.
---@class orrery.style.Layer: orrery.nn.Module
local Layer = Module:subclass "StyleLayer"
layers.Layer = Layer

---@param from integer  0: no convolution
---@param to integer
---@param o table  style_dim (nil: no style), noise, smooth, doubles, dtype,
---  generator, stream
function Layer:init(from, to, o)
  local equal = { dtype = o.dtype, generator = o.generator,
    gain = math.sqrt(2), bias = false }
  self.to, self.doubles, self.smooth = to, o.doubles, o.smooth
  self.stream = o.stream
  if from > 0 then self.conv = EqualConv2d(from, to, 3, equal) end
  if o.noise then
    self.strength = orrery.zeros({ to }, { dtype = o.dtype }):requires_grad_()
  end
  self.bias = orrery.zeros({ to }, { dtype = o.dtype }):requires_grad_()
  if o.style_dim then
    self.affine = EqualLinear(o.style_dim, 2 * to,
      { dtype = o.dtype, generator = o.generator })
  end
end

---@param x orrery.Tensor  [N, from, H, W]
---@param w? orrery.Tensor  [N, style_dim]
---@param noise? orrery.Tensor|false  [N or 1, 1, H', W'], drawn when absent
---@return orrery.Tensor  [N, to, H', W']
function Layer:forward(x, w, noise)
  x = up(self, x)
  if self.conv then x = self.conv(x) end
  noise = noise_for(self, x, noise)
  if noise then x = x + noise * per_channel(self.strength) end
  x = F.leaky_relu(x + per_channel(self.bias), 0.2)
  if not self.affine then
    return x * (x:square():mean { axis = 2, keepdim = true } + 1e-8):rsqrt()
  end
  local scale, shift = self.affine(w):unsqueeze(-1):unsqueeze(-1):chunk(2, 2)
  return F.instance_norm(x, { eps = 1e-8 }) * (scale + 1) + shift
end

--- A layer of StyleGAN2's (Karras et al. 2020, figure 2 d): the style scales
--- the channels that a convolution takes in, whose kernels are brought back to
--- norm 1; then noise times one learnt strength, a bias, leaky ReLU.
---@class orrery.style.Modulated: orrery.nn.Module
local Modulated = Module:subclass "ModulatedLayer"
layers.Modulated = Modulated

---@param from integer
---@param to integer
---@param o table  style_dim, noise, smooth, doubles, dtype, generator, stream;
---  kernel = 3, rgb: neither demodulation nor noise nor leaky ReLU
function Modulated:init(from, to, o)
  local k = o.rgb and 1 or 3
  self.from, self.to, self.rgb = from, to, o.rgb
  self.doubles, self.smooth, self.stream = o.doubles, o.smooth, o.stream
  self.weight = drawn({ to, from, k, k }, 1, o)
  self.scale = 1 / math.sqrt(from * k * k)
  if o.noise and not o.rgb then
    self.strength = orrery.zeros({}, { dtype = o.dtype }):requires_grad_()
  end
  self.bias = orrery.zeros({ to }, { dtype = o.dtype }):requires_grad_()
  self.affine = EqualLinear(o.style_dim, from, { start = 1,
    dtype = o.dtype, generator = o.generator })
end

---@param x orrery.Tensor  [N, from, H, W]
---@param w orrery.Tensor  [N, style_dim]
---@param noise? orrery.Tensor|false  [N or 1, 1, H', W'], drawn when absent
---@return orrery.Tensor  [N, to, H', W']
function Modulated:forward(x, w, noise)
  x = up(self, x)
  x = F.modulated_conv2d(x, self.weight * self.scale, self.affine(w),
    { demodulate = not self.rgb, padding = self.rgb and 0 or 1 })
  noise = noise_for(self, x, noise)
  if noise then x = x + noise * self.strength end
  x = x + per_channel(self.bias)
  if self.rgb then return x end
  return F.leaky_relu(x, 0.2) * math.sqrt(2)
end

return layers
