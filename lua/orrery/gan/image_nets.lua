--- Generators and discriminators of images: DCGAN's and residual ones, for
--- sides of 28, 32 and 64. Generators end in tanh: pixels are in [-1, 1].
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local options = require "orrery.options"

local nets = {}

-- Side of the smallest map, and how often it is doubled.
local plans = { [28] = { 7, 2 }, [32] = { 4, 3 }, [64] = { 4, 4 } }

local function read(who, given, more)
  local defaults = { size = 28, colours = 1, channels = 64 }
  for name, value in pairs(more) do defaults[name] = value end
  local o = options.take(who, given, defaults)
  local plan = plans[o.size]
  if not plan then
    blame("%s: size is %s; give 28, 32 or 64", who, options.shown(o.size))
  end
  for _, name in ipairs { "colours", "channels" } do
    options.count(who, name, o[name])
  end
  o.side, o.doublings = plan[1], plan[2]
  return o
end

local function add(list, ...)
  for _, layer in ipairs { ... } do list[#list + 1] = layer end
end

-- Weights N(0, 0.02), scales of batch norm N(1, 0.02), biases 0 (Radford et
-- al. 2016, section 4, and its code).
local function begin(net)
  for name, p in net:named_parameters() do
    if name:find "bias$" then
      nn.init.zeros_(p)
    else
      nn.init.normal_(p, p:dim() == 1 and 1 or 0, 0.02)
    end
  end
  return net
end

--- DCGAN's generator (Radford et al. 2016): a small map of many channels is
--- doubled by transposed convolutions, batch norm and ReLU between.
---@param opts? table  latent = 100, size = 28 (32, 64), colours = 1, channels
---  = 64 (of the last map but one), batch_norm = true
---@return orrery.nn.Sequential  [B, latent] -> [B, colours, size, size]
function nets.dcgan_generator(opts)
  local o = read("gan.dcgan_generator", opts, { latent = 100,
    batch_norm = true })
  options.count("gan.dcgan_generator", "latent", o.latent)
  local c = o.channels << (o.doublings - 1)
  local list = { nn.Linear(o.latent, c * o.side * o.side),
    nn.Unflatten(2, { c, o.side, o.side }) }
  for _ = 1, o.doublings - 1 do
    if o.batch_norm then add(list, nn.BatchNorm2d(c)) end
    add(list, nn.ReLU(), nn.ConvTranspose2d(c, c // 2, 4,
      { stride = 2, padding = 1 }))
    c = c // 2
  end
  if o.batch_norm then add(list, nn.BatchNorm2d(c)) end
  add(list, nn.ReLU(), nn.ConvTranspose2d(c, o.colours, 4,
    { stride = 2, padding = 1 }), nn.Tanh())
  return begin(nn.Sequential(list))
end

--- DCGAN's discriminator: convolutions of stride 2, leaky ReLU of slope 0.2,
--- batch norm but on the first. Leave batch norm out under a gradient penalty:
--- it makes D's output for one image depend on the others.
---@param opts? table  size = 28, colours = 1 (times the images of a pack),
---  channels = 64 (of the first map), batch_norm = true, spectral = false
---  (weights of spectral norm 1, Miyato et al. 2018), head = true (false: ends
---  in its features, for gan.Projection)
---@return orrery.nn.Sequential  [B, colours, size, size] -> [B, 1]
---@return integer features  before the last layer
function nets.dcgan_discriminator(opts)
  local o = read("gan.dcgan_discriminator", opts, { batch_norm = true,
    spectral = false, head = true })
  local list, from, c = {}, o.colours, o.channels
  for k = 1, o.doublings do
    local conv = nn.Conv2d(from, c, 4, { stride = 2, padding = 1 })
    add(list, conv)
    if k > 1 and o.batch_norm then add(list, nn.BatchNorm2d(c)) end
    add(list, nn.LeakyReLU(0.2))
    from, c = c, c * 2
  end
  local features = from * o.side * o.side
  add(list, nn.Flatten())
  if o.head then add(list, nn.Linear(features, 1)) end
  local net = begin(nn.Sequential(list))
  if o.spectral then
    for _, layer in ipairs(list) do
      if layer.weight and layer.weight:dim() > 1 then
        nn.utils.spectral_norm(layer)
      end
    end
  end
  return net, features
end

-- x + f(x) where the two differ in size: both ways change it alike.
---@class orrery.gan.Block: orrery.nn.Module
local Block = nn.Module:subclass "Block"

function Block:init(way, past) self.way, self.past = way, past end

function Block:forward(x) return self.way(x) + self.past(x) end

local function conv(from, to, side)
  return nn.Conv2d(from, to, side, { padding = side // 2 })
end

-- Twice as large: nearest pixels, before the convolution of either way.
local function up(from, to)
  local function double() return nn.Upsample { scale_factor = 2 } end
  return Block(nn.Sequential { nn.BatchNorm2d(from), nn.ReLU(), double(),
    conv(from, to, 3), nn.BatchNorm2d(to), nn.ReLU(), conv(to, to, 3) },
    nn.Sequential { double(), conv(from, to, 1) })
end

-- Half as large, by means of four; the first block sees the image itself.
local function down(from, to, first)
  local way = { conv(from, to, 3), nn.ReLU(), conv(to, to, 3),
    nn.AvgPool2d(2) }
  if not first then table.insert(way, 1, nn.ReLU()) end
  return Block(nn.Sequential(way),
    nn.Sequential { conv(from, to, 1), nn.AvgPool2d(2) })
end

--- A residual generator (Gulrajani et al. 2017, appendix; Miyato et al. 2018,
--- table 4): blocks that double the side, batch norm, nearest upsampling.
---@param opts? table  latent = 128, size = 32 (28, 64), colours = 1, channels
---  = 64
---@return orrery.nn.Sequential  [B, latent] -> [B, colours, size, size]
function nets.resnet_generator(opts)
  local o = read("gan.resnet_generator", opts, { latent = 128, size = 32 })
  options.count("gan.resnet_generator", "latent", o.latent)
  local c, side = o.channels, o.side
  local list = { nn.Linear(o.latent, c * side * side),
    nn.Unflatten(2, { c, side, side }) }
  for _ = 1, o.doublings do add(list, up(c, c)) end
  add(list, nn.BatchNorm2d(c), nn.ReLU(), conv(c, o.colours, 3), nn.Tanh())
  return nn.Sequential(list)
end

--- Its discriminator: blocks that halve the side, one more at the end, the
--- mean over pixels, no normalisation.
---@param opts? table  size = 32, colours = 1, channels = 64, head = true
---@return orrery.nn.Sequential  [B, colours, size, size] -> [B, 1]
---@return integer features
function nets.resnet_discriminator(opts)
  local o = read("gan.resnet_discriminator", opts, { size = 32, head = true })
  local c = o.channels
  local list = { down(o.colours, c, true) }
  for _ = 2, o.doublings do add(list, down(c, c)) end
  add(list, nn.Residual(nn.Sequential { nn.ReLU(), conv(c, c, 3), nn.ReLU(),
    conv(c, c, 3) }), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
  if o.head then add(list, nn.Linear(c, 1)) end
  return nn.Sequential(list), c
end

return nets
