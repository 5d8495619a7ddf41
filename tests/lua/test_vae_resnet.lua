--- The residual encoder and decoder: sizes by counting, blocks that begin as
--- the identity, steps that lower the loss.
local orrery, t = require "orrery", require "orrery.testing"
local vae = orrery.vae

local function count(module)
  local n = 0
  for _, p in ipairs(module:parameters()) do n = n + p:numel() end
  return n
end

t.test("the networks have the sizes that their layers add up to", function()
  local model = vae.resnet { latent = 5, size = 16, colours = 3, channels = 4,
    blocks = 2 }
  -- A block of c channels holds two 3x3 convolutions.
  local function block(c) return 2 * (9 * c * c + c) end
  local both = 2 * block(4) + 2 * block(8)
  local flat = 8 * 4 * 4
  t.equal(count(model.encoder), both + (16 * 3 * 4 + 4) + (16 * 4 * 8 + 8)
    + (flat * 10 + 10))
  t.equal(count(model.decoder), both + (5 * flat + flat) + (16 * 8 * 4 + 4)
    + (16 * 4 * 3 + 3))
end)

t.test("images of each size come back in their shape", function()
  for _, size in ipairs { 8, 28, 32 } do
    local model = vae.resnet { latent = 3, size = size, channels = 2,
      blocks = 1 }
    local x = orrery.rand({ 2, 1, size, size },
      { generator = orrery.Generator(1) })
    t.equal({ model:encode(x):shape() }, { 2, 3 })
    t.equal({ model:reconstruct(x):shape() }, { 2, 1, size, size })
    t.equal({ model:sample(4, orrery.Generator(1)):shape() },
      { 4, 1, size, size })
  end
  t.fails("vae.resnet: size is 30; give a multiple of 4", vae.resnet,
    { size = 30 })
end)

t.test("blocks begin as the identity and learn to be more", function()
  orrery.manual_seed(1)
  local model = vae.resnet { latent = 3, size = 8, channels = 2, blocks = 1 }
  local x = orrery.rand({ 4, 1, 8, 8 }, { generator = orrery.Generator(1) })
  -- By hand: the encoder without its blocks.
  local h = x
  for _, layer in ipairs(model.encoder:children()) do
    if layer.class_name ~= "Residual" then h = layer(h) end
  end
  t.near(model.encoder(x), h, 1e-6)
  local optimizer = orrery.optim.SGD(model, { lr = 1e-3 })
  local function loss()
    return (model:loss(x, { generator = orrery.Generator(4) }))
  end
  local before = loss()
  optimizer:minimize(before)
  t.ok(loss():item() < before:item())
  t.ok((model.encoder(x) - h):abs():amax():item() > 0)
  for _ = 1, 20 do optimizer:minimize(loss()) end
  -- Once its last convolution is not zero every layer of a block learns.
  for name, p in model:named_parameters() do
    t.ok(p.grad:abs():sum():item() > 0, name)
  end
end)
