--- Discriminators that judge patches: one convolutional net whose outputs each
--- see a window of the image (Isola et al. 2017, section 3.2.2). Names of
--- options and parameters are the published ones.
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local layers = require "orrery.translate.layers"
local options = require "orrery.options"
local receptive_field = require "orrery.translate.receptive_field"

local discriminators = {}
local add = layers.add

local function read(who, given, more)
  local defaults = { input_nc = 3, ndf = 64, norm = "instance",
    init_gain = 0.02 }
  for name, value in pairs(more) do defaults[name] = value end
  local o = options.take(who, given, defaults, { "generator", "bias" })
  options.count(who, "input_nc", o.input_nc)
  options.count(who, "ndf", o.ndf)
  local wants
  o.make_norm, wants = layers.norm(who, o.norm)
  o.first_bias = o.bias ~= false
  if o.bias == nil then o.bias = wants end
  options.flag(who, "bias", o.bias)
  return o
end

---@class orrery.translate.PatchGAN: orrery.nn.Module
---@field model orrery.nn.Sequential
---@field receptive_field integer  pixels one output sees along one axis
---@field jump integer  pixels from one output to the next
local PatchGAN = nn.Module:subclass "PatchGAN"
discriminators.PatchGAN = PatchGAN

--- A net of 4 x 4 convolutions: n_layers of stride 2, one of stride 1, one to
--- a single channel; leaky rectifiers of 0.2 between, a norm but on the first
--- and last. n_layers = 3 sees 70 x 70 pixels (2,764,737 parameters), 1 sees
--- 16, 2 sees 34, 5 sees 286; the patches overlap. Its outputs are logits.
---@param given? table  input_nc = 3 (of a conditional one: both images'
---  channels), ndf = 64, n_layers = 3, norm = "instance" ("instance_affine",
---  "batch", false), spectral = false (weights of spectral norm 1), head =
---  true (false: ends in its features, for heads of one's own), init_gain =
---  0.02 (false: every layer's own), bias (false: only the last convolution
---  has one), generator
---@return orrery.translate.PatchGAN  [B, input_nc, H, W] -> [B, 1, h, w]
function PatchGAN:init(given)
  local who = "translate.PatchGAN"
  local o = read(who, given, { n_layers = 3, spectral = false, head = true })
  options.count(who, "n_layers", o.n_layers)
  options.flag(who, "spectral", o.spectral)
  local function conv(from, to, stride, bias)
    return nn.Conv2d(from, to, 4, { stride = stride, padding = 1,
      bias = bias, generator = o.generator })
  end
  local c = o.ndf
  local list = { conv(o.input_nc, c, 2, o.first_bias), nn.LeakyReLU(0.2) }
  for n = 1, o.n_layers do
    local to = o.ndf * math.min(8, 1 << n)
    add(list, conv(c, to, n < o.n_layers and 2 or 1, o.bias), o.make_norm(to),
      nn.LeakyReLU(0.2))
    c = to
  end
  if o.head then add(list, conv(c, 1, 1, true)) end
  self.model, self.features = nn.Sequential(list), c
  layers.begin(self, o.init_gain, o.generator)
  if o.spectral then
    for _, layer in ipairs(list) do
      if layer.kernel_size then nn.utils.spectral_norm(layer) end
    end
  end
  self.receptive_field, self.jump = receptive_field(self)
end

function PatchGAN:forward(x)
  if x:dim() ~= 4 then
    self:fail("x is %s; give [B, C, H, W]", x:shape_str())
  end
  return self.model(x)
end

--- The side of the map of logits for images of that side.
---@param side integer
---@return integer
function PatchGAN:map(side)
  local _, _, map = receptive_field(self, options.count("translate.PatchGAN",
    "side", side))
  return map
end

function PatchGAN:extra_repr()
  return ("receptive field %d, jump %d"):format(self.receptive_field,
    self.jump)
end

--- A discriminator of single pixels: 1 x 1 convolutions, so that it judges
--- colours alone (Isola et al. 2017's 1 x 1 PatchGAN).
---@class orrery.translate.PixelGAN: orrery.translate.PatchGAN
---@field net orrery.nn.Sequential
local PixelGAN = PatchGAN:subclass "PixelGAN"
discriminators.PixelGAN = PixelGAN

---@param given? table  input_nc = 3, ndf = 64, norm = "instance", init_gain =
---  0.02, bias, generator
---@return orrery.translate.PixelGAN  [B, input_nc, H, W] -> [B, 1, H, W]
function PixelGAN:init(given)
  local o = read("translate.PixelGAN", given, {})
  local function conv(from, to, bias)
    return nn.Conv2d(from, to, 1, { bias = bias, generator = o.generator })
  end
  self.net = nn.Sequential { conv(o.input_nc, o.ndf, o.first_bias),
    nn.LeakyReLU(0.2), conv(o.ndf, 2 * o.ndf, o.bias),
    o.make_norm(2 * o.ndf), nn.LeakyReLU(0.2), conv(2 * o.ndf, 1, o.bias) }
  layers.begin(self, o.init_gain, o.generator)
  self.receptive_field, self.jump = receptive_field(self)
end

function PixelGAN:forward(x) return self.net(x) end

--- Several discriminators alike, the first on the image, each further one on
--- an image of half the side (Wang et al. 2018, pix2pixHD, section 3.2).
---@class orrery.translate.MultiScale: orrery.nn.Module
---@field layers orrery.nn.ModuleList
local MultiScale = nn.Module:subclass "MultiScale"
discriminators.MultiScale = MultiScale

---@param given { num_D?: integer, netD?: fun(): orrery.nn.Module }  3; makes
---  one of them, PatchGAN {} when absent. Other options are PatchGAN's
---@return orrery.translate.MultiScale  [B, C, H, W] -> a list of maps
function MultiScale:init(given)
  local who = "translate.MultiScale"
  local rest = {}
  for name, value in pairs(given or {}) do rest[name] = value end
  local n = options.count(who, "num_D", rest.num_D or 3)
  local make = rest.netD or function() return PatchGAN(rest) end
  options.callable(who, "netD", make)
  rest.num_D, rest.netD = nil, nil
  self.layers = nn.ModuleList {}
  for _ = 1, n do self.layers:append(make()) end
end

function MultiScale:forward(x)
  local out = {}
  for i, net in ipairs(self.layers) do
    if i > 1 then
      x = nn.functional.avg_pool2d(x, 3, { stride = 2, padding = 1,
        count_include_pad = false })
    end
    out[i] = net(x)
  end
  return out
end

-- ------------------------------------------------------------------ by name

-- What stands beside the generator of that name.
local small = { n_layers = 2, norm = false, init_gain = false }

local known = {
  basic = function(o) o.n_layers = 3 return PatchGAN(o) end,
  n_layers = PatchGAN,
  pixel = PixelGAN,
  multi_scale = MultiScale,
  small = function(o) return PatchGAN(layers.fill(o, small)) end,
}

--- A discriminator by the name it was published under, or "small": a PatchGAN
--- that sees 34 x 34 pixels, without norm (n_layers = 2, norm = false,
--- init_gain = false, unless told), to play against generator "unet_small".
---@param netD string  basic (70 x 70), n_layers, pixel, multi_scale or small
---@param given? table  its options
---@return orrery.nn.Module
function discriminators.discriminator(netD, given)
  local make = known[netD]
  if not make then
    blame("translate.discriminator: netD is %s; give basic, n_layers, "
      .. "pixel, multi_scale or small", options.shown(netD))
  end
  local o = {}
  for name, value in pairs(given or {}) do o[name] = value end
  return make(o)
end

return discriminators
