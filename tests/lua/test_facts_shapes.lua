--- Shapes and numbers of parameters, H of the list of facts (patch
--- discriminators and generators of translation: test_translate_networks), and
--- what is left of J (heads and gradients: test_facts_vae, _estimators;
--- records and their checksums: examples/inventory_data.lua; iterations of a
--- notebook: examples/hw002_2_cyclegan.lua). F216 was counted on a sheet of
--- pictures; there is nothing to compute it from.
local orrery, t = require "orrery", require "orrery.testing"
local nn, vae = orrery.nn, orrery.vae
local fact = t.fact

local function count(module)
  local n = 0
  for _, p in ipairs(module:parameters()) do n = n + p:numel() end
  return n
end

-- ---- the Keras example's VAE, layer by layer

local model = vae.conv { latent = 2 }

-- The layers of a net that have weights, in order.
local function weighted(net)
  local list = {}
  for _, layer in ipairs(net:modules()) do
    if rawget(layer, "weight") then list[#list + 1] = layer end
  end
  return list
end

local encoder, decoder = weighted(model.encoder), weighted(model.decoder)
for i, row in ipairs { { "F155", "convolution 3x3, 1 to 32", 320 },
  { "F156", "convolution 3x3, 32 to 64", 18496 },
  { "F157", "dense, 3136 to 16", 50192 },
  { "F158", "dense, 16 to 2", 34 } } do
  fact(row[1], row[2], row[3], 0, function() return count(encoder[i]) end)
end
fact("F159", "the encoder", 69076, 0, function()
  return count(model.encoder)
end)
for i, row in ipairs { { "F160", "dense, 2 to 3136", 9408 },
  { "F161", "transposed convolution 3x3, 64 to 64", 36928 },
  { "F162", "transposed convolution 3x3, 64 to 32", 18464 },
  { "F163", "transposed convolution 3x3, 32 to 1", 289 } } do
  fact(row[1], row[2], row[3], 0, function() return count(decoder[i]) end)
end
fact("F164", "the decoder", 65089, 0, function()
  return count(model.decoder)
end)
fact("F165", "the whole VAE", 134165, 0, function() return count(model) end)

-- ---- sides of maps

local function side(class, h, stride, kernel, padding, more)
  local layer = class(1, 1, kernel, { stride = stride, padding = padding,
    output_padding = more })
  return layer(orrery.zeros(1, 1, h, h)):size(4)
end

for id, row in pairs {
  F179 = { 7, 2, 3, 1, 1, 14 }, F180 = { 14, 2, 3, 1, 1, 28 },
  F181 = { 7, 2, 4, 1, 0, 14 }, F182 = { 4, 2, 5, 2, 0, 7 },
  F183 = { 7, 2, 5, 2, 1, 14 }, F184 = { 1, 2, 4, 1, 0, 2 } } do
  local h, s, k, p, more, want = table.unpack(row)
  fact(id, ("side %d through a transposed convolution of %d"):format(h, k),
    want, 0, function() return side(nn.ConvTranspose2d, h, s, k, p, more) end)
end
fact("F185", "side 28 through a convolution of 3", 14, 0, function()
  return side(nn.Conv2d, 28, 2, 3, 1)
end)
fact("F186", "side 28 through a convolution of 5", 14, 0, function()
  return side(nn.Conv2d, 28, 2, 5, 2)
end)

t.test("500 random transposed convolutions have the side of the formula",
  function()
    local draw = orrery.Generator(11)
    local function number(low, high)
      return math.tointeger(orrery.randint(low, high, 1,
        { generator = draw }):item())
    end
    for _ = 1, 500 do
      local h, s, k, d = number(1, 9), number(1, 3), number(1, 5), number(1, 2)
      local p = number(0, math.min(2, d * (k - 1) // 2))
      local more = number(0, math.max(s, d) - 1)
      local layer = nn.ConvTranspose2d(1, 1, k, { stride = s, padding = p,
        dilation = d, output_padding = more })
      t.equal(layer(orrery.zeros(1, 1, h, h)):size(3),
        s * (h - 1) + d * (k - 1) + 1 - 2 * p + more)
    end
  end)

-- ---- style, layers, noise

-- Content of 4,000 pixels, and a style of scale 1.7 and shift 0.4.
local function styled()
  local draw = { dtype = "float64", generator = orrery.Generator(12) }
  local content = orrery.randn({ 1, 1, 50, 80 }, draw) * 3 + 1
  local style = orrery.randn({ 1, 1, 50, 80 }, draw)
  style = (style - style:mean()) / style:std { correction = 0 } * 1.7 + 0.4
  return nn.AdaIN(nil, nil, { eps = 1e-12 })(content, style)
end
fact("F188", "deviation after AdaIN", 1.7, 1e-6, function()
  return styled():std { correction = 0 }
end)
fact("F189", "mean after AdaIN", 0.4, 1e-6, function()
  return styled():mean()
end)

-- The size alone decides; narrow maps keep it small.
fact("F190", "layers of a generator of 1,024 pixels", 18, 0, function()
  return #orrery.style.Generator({ size = 1024, channel_base = 1024,
    channel_max = 2, latent = 2, style_dim = 2, mapping = 1 }).synthesis
end)

-- Of both values a unit can have, 0 and 3 / (1 - p).
fact("F191", "variance of 3 under dropout of one half", 9, 1e-6, function()
  local x = nn.functional.dropout(orrery.full({ 200000 }, 3,
    { dtype = "float64" }), { p = 0.5, generator = orrery.Generator(13) })
  local values = { x:amin():item(), x:amax():item() }
  local mean = (values[1] + values[2]) / 2
  return ((values[1] - mean) ^ 2 + (values[2] - mean) ^ 2) / 2
end)

-- ---- translation and style, J

-- FID of StyleGAN's configurations A and F (Karras et al. 2019, table 1).
fact("F219", "what A to F gain on FFHQ", 0.452736318, 1e-6, function()
  local fid = orrery.tensor({ 8.04, 4.40 }, { dtype = "float64" })
  return -((fid[2] - fid[1]) / fid[1])
end)

fact("F225", "weight of identity, 0.5 of the cycle's 10", 5, 0, function()
  local function zero() return nn.Conv2d(1, 1, 1, { bias = false }) end
  local game = orrery.translate.CycleGAN { netG_A = zero(), netG_B = zero(),
    netD_A = zero(), netD_B = zero() }
  return game.weights.A.identity
end)
