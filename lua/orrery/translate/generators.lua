--- Generators of images from images: the residual one of Johnson et al. (2016)
--- that CycleGAN uses, and pix2pix's U-Net. Options have the names they were
--- published under, parameters those of PyTorch's modules of that time
--- (model.1.weight ...), so that trained weights load by nn.utils.load_torch.
local orrery = require "orrery"
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local layers = require "orrery.translate.layers"
local options = require "orrery.options"

local generators = {}
local add = layers.add

local shared = { input_nc = 3, output_nc = 3, ngf = 64, norm = "instance",
  use_dropout = false, init_gain = 0.02 }

local function read(who, given, more, optional)
  local defaults = {}
  for name, value in pairs(shared) do defaults[name] = value end
  for name, value in pairs(more) do defaults[name] = value end
  local o = options.take(who, given, defaults, { "generator", "bias",
    optional })
  for _, name in ipairs { "input_nc", "output_nc", "ngf" } do
    options.count(who, name, o[name])
  end
  local wants
  o.make_norm, wants = layers.norm(who, o.norm)
  if o.bias == nil then o.bias = wants end
  options.flag(who, "bias", o.bias)
  return o
end

-- ---------------------------------------------------------------- residual

-- Padding layer, if any, and the padding that is left to the convolution.
local function padding(o, n)
  local class = ({ reflect = nn.ReflectionPad2d,
    replicate = nn.ReplicationPad2d })[o.padding_type]
  if class then return class(n), 0 end
  if o.padding_type ~= "zero" then
    blame("translate.ResNet: padding_type is %s; give reflect, replicate or "
      .. "zero", options.shown(o.padding_type))
  end
  return nil, n
end

local function padded_conv(list, o, from, to, side, bias)
  local pad, left = padding(o, side // 2)
  add(list, pad)
  add(list, nn.Conv2d(from, to, side, { padding = left, bias = bias,
    generator = o.generator }))
end

-- x + (convolution, norm, rectifier, convolution, norm), children under the
-- published name.
---@class orrery.translate.ResNetBlock: orrery.nn.Module
local ResNetBlock = nn.Module:subclass "ResNetBlock"

function ResNetBlock:init(c, o)
  local list = {}
  padded_conv(list, o, c, c, 3, o.bias)
  add(list, o.make_norm(c), nn.ReLU())
  add(list, layers.dropout("translate.ResNet", o.use_dropout, o.generator))
  padded_conv(list, o, c, c, 3, o.bias)
  add(list, o.make_norm(c))
  self.conv_block = nn.Sequential(list)
end

function ResNetBlock:forward(x) return x + self.conv_block(x) end

---@class orrery.translate.ResNet: orrery.nn.Module
---@field model orrery.nn.Sequential
local ResNet = nn.Module:subclass "ResNet"
generators.ResNet = ResNet

local function up(list, o, from, to)
  add(list, nn.ConvTranspose2d(from, to, 3, { stride = 2, padding = 1,
    output_padding = 1, bias = o.bias, generator = o.generator }),
    o.make_norm(to), nn.ReLU())
end

--- A residual generator (Zhu et al. 2017, section 7.2): c7s1-ngf,
--- n_downsampling convolutions of stride 2, n_blocks residual blocks, as many
--- steps up, c7s1-output_nc, tanh. The published sizes have 6 blocks at 128
--- pixels and 9 at 256: 7,837,699 and 11,378,179 parameters.
---@param given? table  input_nc = 3, output_nc = 3, ngf = 64, n_blocks = 9,
---  n_downsampling = 2, norm = "instance" ("instance_affine", "batch", false),
---  use_dropout = false (true, or "noise": on in eval too), padding_type =
---  "reflect" ("replicate", "zero"), kernel = 7 (of the first and last
---  convolution), init_gain = 0.02 (false: every layer's own), bias, generator
---@return orrery.translate.ResNet  [B, input_nc, H, W] -> [B, output_nc, H, W]
---  in [-1, 1], H and W multiples of 2^n_downsampling
function ResNet:init(given)
  local who = "translate.ResNet"
  local o = read(who, given, { n_blocks = 9, n_downsampling = 2,
    padding_type = "reflect", kernel = 7 })
  options.count(who, "n_blocks", o.n_blocks, 0)
  options.count(who, "n_downsampling", o.n_downsampling, 0)
  if options.count(who, "kernel", o.kernel) % 2 == 0 then
    blame("%s: kernel is %d; give an odd number", who, o.kernel)
  end
  local list, c = {}, o.ngf
  padded_conv(list, o, o.input_nc, c, o.kernel, o.bias)
  add(list, o.make_norm(c), nn.ReLU())
  for _ = 1, o.n_downsampling do
    add(list, nn.Conv2d(c, 2 * c, 3, { stride = 2, padding = 1,
      bias = o.bias, generator = o.generator }), o.make_norm(2 * c),
      nn.ReLU())
    c = 2 * c
  end
  for _ = 1, o.n_blocks do add(list, ResNetBlock(c, o)) end
  for _ = 1, o.n_downsampling do
    up(list, o, c, c // 2)
    c = c // 2
  end
  padded_conv(list, o, c, o.output_nc, o.kernel, true)
  add(list, nn.Tanh())
  self.model = nn.Sequential(list)
  self.multiple = 1 << o.n_downsampling
  layers.begin(self, o.init_gain, o.generator)
end

-- An image that cannot be halved so often and doubled again.
local function want_multiple(self, x)
  if x:dim() ~= 4 or x:size(3) % self.multiple ~= 0
      or x:size(4) % self.multiple ~= 0 or x:numel() == 0 then
    self:fail("x is %s; give [B, C, H, W] with H and W multiples of %d",
      x:shape_str(), self.multiple)
  end
end

function ResNet:forward(x)
  want_multiple(self, x)
  return self.model(x)
end

-- ------------------------------------------------------------------- U-Net

-- One level: down, what lies deeper, up; gives x and that side by side.
---@class orrery.translate.SkipBlock: orrery.nn.Module
local SkipBlock = nn.Module:subclass "SkipBlock"

function SkipBlock:init(o, place)
  local outer, inner, deeper = place.outer, place.inner, place.deeper
  local list = {}
  local function conv(class, from, to, bias)
    return class(from, to, 4, { stride = 2, padding = 1, bias = bias,
      generator = o.generator })
  end
  if not place.outermost then add(list, nn.LeakyReLU(0.2)) end
  add(list, conv(nn.Conv2d, place.outermost and o.input_nc or outer, inner,
    o.bias))
  if deeper then
    if not place.outermost then add(list, o.make_norm(inner)) end
    add(list, deeper)
  elseif o.norm_deepest then
    add(list, o.make_norm(inner, true))
  end
  local from = deeper and (o.skips and 2 * inner or inner) or inner
  add(list, nn.ReLU())
  if place.outermost then
    add(list, conv(nn.ConvTranspose2d, from, o.output_nc, true), nn.Tanh())
  else
    add(list, conv(nn.ConvTranspose2d, from, outer, o.bias),
      o.make_norm(outer))
  end
  add(list, place.dropout)
  self.model = nn.Sequential(list)
  self.skip = o.skips and not place.outermost
end

function SkipBlock:forward(x)
  local y = self.model(x)
  return self.skip and orrery.cat({ x, y }, 2) or y
end

---@class orrery.translate.UNet: orrery.nn.Module
---@field model orrery.nn.Module
local UNet = nn.Module:subclass "UNet"
generators.UNet = UNet

--- pix2pix's U-Net (Isola et al. 2017, section 6.1.1): 4 x 4 convolutions of
--- stride 2 down to one pixel and up again, each level's features beside what
--- comes up from below. num_downs = 8 is for 256 pixels, 7 for 128.
---@param given? table  num_downs = 8, input_nc = 3, output_nc = 3, ngf = 64,
---  norm = "batch" ("instance", "instance_affine", false), use_dropout = true
---  ("noise": on in eval too; false), dropout_levels = num_downs - 5 (levels
---  with dropout, counted from the deepest but one), skips = true,
---  norm_deepest = false (true: a norm also on the deepest map, as some
---  programs have it; of one pixel it leaves the bias alone), init_gain = 0.02
---  (false: every layer's own), bias, generator
---@return orrery.translate.UNet  [B, input_nc, H, W] -> [B, output_nc, H, W]
---  in [-1, 1], H and W multiples of 2^num_downs
function UNet:init(given)
  local who = "translate.UNet"
  local o = read(who, given, { num_downs = 8, norm = "batch",
    use_dropout = true, skips = true, norm_deepest = false }, "dropout_levels")
  local n = options.count(who, "num_downs", o.num_downs, 2)
  local dropping = options.count(who, "dropout_levels",
    o.dropout_levels or math.max(0, n - 5), 0)
  options.flag(who, "skips", o.skips)
  layers.dropout(who, o.use_dropout)  -- says what is wrong with it
  local function width(level) return o.ngf * math.min(8, 1 << (level - 1)) end
  local net
  for level = n, 1, -1 do
    local inner, outer = width(level), width(math.max(1, level - 1))
    local dropped = level > 1 and level < n and level >= n - dropping
    net = SkipBlock(o, { inner = inner, outer = outer, deeper = net,
      outermost = level == 1,
      dropout = dropped and layers.dropout(who, o.use_dropout, o.generator)
        or nil })
  end
  self.model = net
  self.multiple = 1 << n
  layers.begin(self, o.init_gain, o.generator)
end

function UNet:forward(x)
  want_multiple(self, x)
  return self.model(x)
end

-- ------------------------------------------------------------------ by name

-- For pictures of 16 to 32 pixels: no norm, which would take brightness away,
-- and layers begun in their own way, from which few steps go a long way.
local small = { num_downs = 2, norm = false, dropout_levels = 0,
  init_gain = false }

local known = {
  resnet_6blocks = function(o) o.n_blocks = 6 return ResNet(o) end,
  resnet_9blocks = function(o) o.n_blocks = 9 return ResNet(o) end,
  unet_128 = function(o) o.num_downs = 7 return UNet(o) end,
  unet_256 = function(o) o.num_downs = 8 return UNet(o) end,
  unet_small = function(o) return UNet(layers.fill(o, small)) end,
}

--- A generator by the name it was published under, or "unet_small": a U-Net
--- of two levels without norm or dropout (num_downs = 2, norm = false,
--- dropout_levels = 0, init_gain = false, unless told), which learns in seconds
--- what pictures of 16 to 32 pixels ask for.
---@param netG string  resnet_9blocks, resnet_6blocks, unet_256, unet_128 or
---  unet_small
---@param given? table  options of ResNet or UNet
---@return orrery.nn.Module
function generators.generator(netG, given)
  local make = known[netG]
  if not make then
    blame("translate.generator: netG is %s; give resnet_9blocks, "
      .. "resnet_6blocks, unet_256, unet_128 or unet_small",
      options.shown(netG))
  end
  local o = {}
  for name, value in pairs(given or {}) do o[name] = value end
  return make(o)
end

return generators
