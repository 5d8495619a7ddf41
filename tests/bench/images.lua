--- Workloads of convolutional nets: VAE, DCGAN, CycleGAN, pix2pix, a small
--- StyleGAN. Each entry builds its nets and returns one training step;
--- torch_workloads.py has the same ones.
local orrery = require "orrery"
local mlps = require "bench.mlp"
local nn, optim, F = orrery.nn, orrery.optim, orrery.nn.functional
local mlp, bce = mlps.mlp, mlps.bce

local function conv(a, b, k, stride, padding, bias)
  return nn.Conv2d(a, b, k, { stride = stride, padding = padding,
    bias = bias ~= false })
end

local function up(a, b, k, stride, padding, output_padding, bias)
  return nn.ConvTranspose2d(a, b, k, { stride = stride, padding = padding,
    output_padding = output_padding or 0, bias = bias ~= false })
end

local function images(n, c, size)
  return orrery.rand(n, c, size, size) * 2 - 1
end

local workloads = {}

--- The Keras example's VAE for 28 x 28 images, batch 128.
function workloads.vae_conv(batch)
  local n = batch or 128
  local x = orrery.rand(n, 1, 28, 28)
  local net = nn.ModuleList {
    nn.Sequential { conv(1, 32, 3, 2, 1), nn.ReLU(), conv(32, 64, 3, 2, 1),
      nn.ReLU(), nn.Flatten(), nn.Linear(3136, 16), nn.ReLU() },
    nn.Linear(16, 2), nn.Linear(16, 2),
    nn.Sequential { nn.Linear(2, 3136), nn.ReLU(),
      nn.Unflatten(2, { 64, 7, 7 }), up(64, 64, 3, 2, 1, 1), nn.ReLU(),
      up(64, 32, 3, 2, 1, 1), nn.ReLU(), up(32, 1, 3, 1, 1), nn.Sigmoid() },
  }
  local opt = optim.Adam(net)
  return function()
    local h = net[1](x)
    local mean, logvar = net[2](h), net[3](h)
    local z = mean + (logvar * 0.5):exp() * orrery.randn_like(mean)
    local rec = F.binary_cross_entropy(net[4](z), x, { reduction = "sum" })
    local kl = (logvar - mean * mean - logvar:exp() + 1):sum() * -0.5
    local loss = (rec + kl) / n
    opt:minimize(loss)
    return loss
  end
end

--- One step of D, then one of G through D.
local function gan_step(G, D, x, noise, options)
  local optG, optD = optim.Adam(G, options), optim.Adam(D, options)
  return function()
    local fake = G(noise())
    optD:minimize(bce(D(x), 1) + bce(D(fake:detach()), 0))
    local loss = bce(D(fake), 1)
    optG:minimize(loss)
    return loss
  end
end

--- DCGAN for 28 x 28 images, batch 64.
function workloads.dcgan28(batch)
  local n = batch or 64
  local G = nn.Sequential { nn.Linear(100, 256 * 49, { bias = false }),
    nn.Unflatten(2, { 256, 7, 7 }), nn.BatchNorm2d(256), nn.ReLU(),
    up(256, 128, 4, 2, 1, 0, false), nn.BatchNorm2d(128), nn.ReLU(),
    up(128, 64, 4, 2, 1, 0, false), nn.BatchNorm2d(64), nn.ReLU(),
    conv(64, 1, 3, 1, 1), nn.Tanh() }
  local D = nn.Sequential { conv(1, 64, 4, 2, 1), nn.LeakyReLU(0.2),
    conv(64, 128, 4, 2, 1, false), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
    nn.Flatten(), nn.Linear(128 * 49, 1) }
  return gan_step(G, D, images(n, 1, 28),
    function() return orrery.randn(n, 100) end,
    { lr = 2e-4, betas = { 0.5, 0.999 } })
end

local function resnet_generator(f)
  local layers = { nn.ReflectionPad2d(3), conv(3, f, 7), nn.InstanceNorm2d(f),
    nn.ReLU() }
  local function add(...)
    for _, layer in ipairs { ... } do layers[#layers + 1] = layer end
  end
  for _, c in ipairs { f, 2 * f } do
    add(conv(c, 2 * c, 3, 2, 1), nn.InstanceNorm2d(2 * c), nn.ReLU())
  end
  local c = 4 * f
  for _ = 1, 6 do
    add(nn.Residual(nn.Sequential { nn.ReflectionPad2d(1), conv(c, c, 3),
      nn.InstanceNorm2d(c), nn.ReLU(), nn.ReflectionPad2d(1), conv(c, c, 3),
      nn.InstanceNorm2d(c) }))
  end
  for _, a in ipairs { 4 * f, 2 * f } do
    add(up(a, a // 2, 3, 2, 1, 1), nn.InstanceNorm2d(a // 2), nn.ReLU())
  end
  add(nn.ReflectionPad2d(3), conv(f, 3, 7), nn.Tanh())
  return nn.Sequential(layers)
end

local function patch_discriminator(channels, f)
  local layers = { conv(channels, f, 4, 2, 1), nn.LeakyReLU(0.2) }
  for _, l in ipairs { { f, 2 * f, 2 }, { 2 * f, 4 * f, 2 },
    { 4 * f, 8 * f, 1 } } do
    layers[#layers + 1] = conv(l[1], l[2], 4, l[3], 1)
    layers[#layers + 1] = nn.InstanceNorm2d(l[2])
    layers[#layers + 1] = nn.LeakyReLU(0.2)
  end
  layers[#layers + 1] = conv(8 * f, 1, 4, 1, 1)
  return nn.Sequential(layers)
end

local function mse_to(x, target) return ((x - target) ^ 2):mean() end

--- LSGAN + 10 cycle + 5 identity, batch 1: both generators, then both critics.
local function cyclegan(size, f)
  local A, B = resnet_generator(f), resnet_generator(f)  -- a to b, b to a
  local DA, DB = patch_discriminator(3, f), patch_discriminator(3, f)
  local a, b = images(1, 3, size), images(1, 3, size)
  local options = { lr = 2e-4, betas = { 0.5, 0.999 } }
  local optG = optim.Adam(nn.ModuleList { A, B }, options)
  local optD = optim.Adam(nn.ModuleList { DA, DB }, options)
  return function()
    local fb, fa = A(a), B(b)
    local loss = mse_to(DB(fb), 1) + mse_to(DA(fa), 1)
      + (F.l1_loss(B(fb), a) + F.l1_loss(A(fa), b)) * 10
      + (F.l1_loss(A(b), b) + F.l1_loss(B(a), a)) * 5
    optG:minimize(loss)
    fa, fb = fa:detach(), fb:detach()
    optD:minimize((mse_to(DA(a), 1) + mse_to(DA(fa), 0)
      + mse_to(DB(b), 1) + mse_to(DB(fb), 0)) * 0.5)
    return loss
  end
end

function workloads.cyclegan64() return cyclegan(64, 32) end
function workloads.cyclegan128() return cyclegan(128, 64) end

local UNetBlock = nn.Module:subclass "UNetBlock"

function UNetBlock:init(outer, inner, sub, options)
  local layers = { conv(options.channels or outer, inner, 4, 2, 1) }
  local function add(layer) layers[#layers + 1] = layer end
  if not options.outermost then
    table.insert(layers, 1, nn.LeakyReLU(0.2))
    if sub then add(nn.BatchNorm2d(inner)) end
  end
  if sub then add(sub) end
  add(nn.ReLU())
  add(up(sub and inner * 2 or inner, outer, 4, 2, 1))
  add(options.outermost and nn.Tanh() or nn.BatchNorm2d(outer))
  if options.dropout then add(nn.Dropout(0.5)) end
  self.body, self.outermost = nn.Sequential(layers), options.outermost
end

function UNetBlock:forward(x)
  local y = self.body(x)
  return self.outermost and y or orrery.cat({ x, y }, 2)
end

--- U-Net of six steps down, conditional PatchGAN, 100 L1, batch 1.
function workloads.pix2pix64()
  local f = 32
  local net = UNetBlock(8 * f, 8 * f, nil, {})
  net = UNetBlock(8 * f, 8 * f, net, { dropout = true })
  net = UNetBlock(4 * f, 8 * f, net, {})
  net = UNetBlock(2 * f, 4 * f, net, {})
  net = UNetBlock(f, 2 * f, net, {})
  local G = UNetBlock(3, f, net, { outermost = true, channels = 3 })
  local D = patch_discriminator(6, f)
  local a, b = images(1, 3, 64), images(1, 3, 64)
  local options = { lr = 2e-4, betas = { 0.5, 0.999 } }
  local optG, optD = optim.Adam(G, options), optim.Adam(D, options)
  return function()
    local fake = G(a)
    optD:minimize((bce(D(orrery.cat({ a, fake:detach() }, 2)), 0)
      + bce(D(orrery.cat({ a, b }, 2)), 1)) * 0.5)
    local loss = bce(D(orrery.cat({ a, fake }, 2)), 1)
      + F.l1_loss(fake, b) * 100
    optG:minimize(loss)
    return loss
  end
end

--- One resolution: (convolution, noise, leaky ReLU, AdaIN) twice.
local Synthesis = nn.Module:subclass "Synthesis"

function Synthesis:init(c, w, upsample)
  self.upsample = upsample
  self.conv = nn.ModuleList { conv(c, c, 3, 1, 1), conv(c, c, 3, 1, 1) }
  self.style = nn.ModuleList { nn.Linear(w, 2 * c), nn.Linear(w, 2 * c) }
  self.strength1 = nn.Parameter(orrery.zeros(1, c, 1, 1))
  self.strength2 = nn.Parameter(orrery.zeros(1, c, 1, 1))
end

function Synthesis:forward(x, w)
  if self.upsample then x = F.interpolate(x, { scale_factor = 2 }) end
  for i = 1, 2 do
    x = self.conv[i](x)
    local noise = orrery.randn(x:size(1), 1, x:size(3), x:size(4))
    x = F.leaky_relu(x + self["strength" .. i] * noise, 0.2)
    local scale, shift = self.style[i](w):unsqueeze(3):unsqueeze(4):chunk(2, 2)
    x = F.instance_norm(x) * (scale + 1) + shift
  end
  return x
end

local StyleGenerator = nn.Module:subclass "StyleGenerator"

function StyleGenerator:init(c, w)
  self.map = nn.Sequential { mlp({ w, w, w, w, w, w, w, w, w },
    function() return nn.LeakyReLU(0.2) end), nn.LeakyReLU(0.2) }
  self.const = nn.Parameter(orrery.randn(1, c, 4, 4))
  self.blocks = nn.ModuleList {}
  for i = 1, 4 do self.blocks:append(Synthesis(c, w, i > 1)) end
  self.rgb = conv(c, 3, 1)
end

function StyleGenerator:forward(z)
  local w = self.map(z * ((z * z):mean(2, { keepdim = true }) + 1e-8):rsqrt())
  local x = self.const:expand(z:size(1), -1, -1, -1)
  for _, block in ipairs(self.blocks) do x = block(x, w) end
  return self.rgb(x)
end

--- Mapping 8 x 256, synthesis 4 to 32 pixels of 64 channels, batch 16.
function workloads.stylegan_small(batch)
  local n, c, w = batch or 16, 64, 256
  local D = nn.Sequential { conv(3, c, 4, 2, 1), nn.LeakyReLU(0.2),
    conv(c, c, 4, 2, 1), nn.LeakyReLU(0.2), conv(c, c, 4, 2, 1),
    nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(c * 16, 1) }
  return gan_step(StyleGenerator(c, w), D, images(n, 3, 32),
    function() return orrery.randn(n, w) end,
    { lr = 1e-3, betas = { 0, 0.99 } })
end

return workloads
