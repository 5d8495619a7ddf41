--- Nets and layers of GANs: sizes, initial weights, values by hand.
local orrery, t = require "orrery", require "orrery.testing"
local gan, nn = orrery.gan, orrery.nn

local function count(net)
  local n = 0
  for _, p in ipairs(net:parameters()) do n = n + p:numel() end
  return n
end

t.test("a net of a gain begins with orthogonal weights times it", function()
  local net = gan.mlp(16, 2, { gain = 0.8 })
  t.equal(count(net), 16 * 128 + 128 + 128 * 128 + 128 + 128 * 2 + 2)
  local w = net[3].weight:detach()
  t.near(w:matmul(w:transpose(1, 2)), orrery.eye(128) * 0.64, 1e-4)
  t.near(net[3].bias, orrery.zeros(128), 0)
  local he = gan.mlp(2, 1, { hidden = { 4000 } })
  t.near(he[1].weight:std(), 1, 0.03)  -- sqrt(2 / 2)
end)

t.test("scales and batch norm stand where they should", function()
  local net = gan.mlp(2, 2, { scale = 0.25, output_scale = 10,
    hidden = { 3 }, activation = "tanh" })
  local x = orrery.randn(5, 2)
  t.near(net(x), net[4](net[3](net[2](x * 0.25))) * 10, 1e-5)
  local normed = gan.mlp(2, 2, { hidden = { 3, 4 }, batch_norm = true })
  t.equal(count(normed), 6 + 3 + 6 + 12 + 4 + 8 + 8 + 2)
  t.fails('gan.mlp: activation is "elu"; give relu, leaky_relu, tanh, or a '
    .. "function that makes a layer", gan.mlp, 2, 2, { activation = "elu" })
end)

t.test("maxout is the largest of its linear pieces", function()
  local unit = gan.Maxout(3, 4, 5)
  local x = orrery.randn(6, 3)
  local all = unit.linear(x):tolist()
  local y = unit(x):tolist()
  for i = 1, 6 do
    for j = 1, 4 do
      local best = -math.huge
      for k = 1, 5 do best = math.max(best, all[i][(j - 1) * 5 + k]) end
      t.near(y[i][j], best, 1e-6)
    end
  end
  t.equal(gan.maxout(2):forward(orrery.randn(3, 2)):shape_str(), "[3, 1]")
end)

t.test("minibatch discrimination adds closeness to the others", function()
  local layer = gan.MinibatchDiscrimination(3, 2, 4)
  local x = orrery.randn(5, 3)
  local m = layer.maps(x):reshape(5, 2, 4):tolist()
  local y = layer(x):tolist()
  for i = 1, 5 do
    for b = 1, 2 do
      local sum = 0.0
      for j = 1, 5 do
        if j ~= i then
          local far = 0.0
          for c = 1, 4 do far = far + math.abs(m[i][b][c] - m[j][b][c]) end
          sum = sum + math.exp(-far)
        end
      end
      t.near(y[i][3 + b], sum, 1e-5)
    end
  end
  -- A collapsed batch is as close as can be.
  local one = layer(orrery.ones(5, 3))
  t.near(one:narrow(2, 4, 2), orrery.full({ 5, 2 }, 4), 1e-5)
end)

t.test("the batch's spread is one feature more", function()
  local x = orrery.tensor { { 0, 1 }, { 2, 5 } }
  t.near(gan.BatchSpread()(x), { { 0, 1, 1.5 }, { 2, 5, 1.5 } }, 1e-4)
  for _, kind in ipairs { "discrimination", "spread" } do
    local D = gan.mlp(2, 1, { minibatch = kind })
    t.equal(D(orrery.randn(4, 2)):shape_str(), "[4, 1]")
  end
end)

t.test("a projection adds the class's product", function()
  local D = gan.Projection(nn.Identity(), 3, 4)
  local x = orrery.randn(2, 3)
  local y = orrery.tensor({ 4, 1 }, { dtype = "int64" })
  local e = D.embedding.weight:detach()
  local wanted = D.head(x):reshape(-1)
    + orrery.stack({ (e[4] * x[1]):sum(), (e[1] * x[2]):sum() }, 1)
  t.near(D(x, y):reshape(-1), wanted, 1e-5)
end)

for _, size in ipairs { 28, 32, 64 } do
  t.test(("nets for images of %d give images and logits"):format(size),
    function()
      for _, kind in ipairs { "dcgan", "resnet" } do
        local G = gan[kind .. "_generator"] { size = size, channels = 4,
          latent = 5, colours = 3 }
        local D, features = gan[kind .. "_discriminator"] { size = size,
          channels = 4, colours = 3 }
        local x = G(orrery.randn(2, 5))
        t.equal(x:shape_str(), ("[2, 3, %d, %d]"):format(size, size))
        t.ok(x:abs():amax():item() <= 1)
        t.equal(D(x):shape_str(), "[2, 1]")
        local body = gan[kind .. "_discriminator"] { size = size,
          channels = 4, colours = 3, head = false }
        t.equal(body(x):shape_str(), ("[2, %d]"):format(features))
      end
    end)
end

-- 64 x 64 in three colours, 64 channels: convolutions 1024-512-256-128(64)-3
-- of 4 x 4 with biases, and batch norms, by hand.
t.test("DCGAN has the parameters of its sizes", function()
  local c = 64
  local G = gan.dcgan_generator { size = 64, colours = 3 }
  t.equal(count(G), 101 * 8 * c * 16
    + 16 * (8 * 4 + 4 * 2 + 2) * c * c + 16 * 3 * c + 7 * c + 3
    + 2 * (8 + 4 + 2 + 1) * c)
  local D = gan.dcgan_discriminator { size = 64, colours = 3 }
  t.equal(count(D), 16 * 3 * c + 16 * (2 + 8 + 32) * c * c + 15 * c
    + 2 * 14 * c + 8 * c * 16 + 1)
  t.near(G[4].weight and G[4].weight:std() or G[5].weight:std(), 0.02, 1e-3)
end)

t.test("spectral norm holds every layer of D", function()
  local D = gan.dcgan_discriminator { channels = 4, spectral = true,
    batch_norm = false }
  t.equal(D(orrery.randn(2, 1, 28, 28)):shape_str(), "[2, 1]")
  local found = 0
  for name in D:named_parameters() do
    if name:find "weight_orig$" then found = found + 1 end
  end
  t.equal(found, 3)
end)

t.test("image nets play: packed, penalised, told the class", function()
  orrery.manual_seed(1)
  local G = gan.dcgan_generator { channels = 2, latent = 3 + 4 }
  local body, features = gan.dcgan_discriminator { channels = 2,
    head = false, batch_norm = false }
  local game = gan.Game { generator = G, latent = 3,
    discriminator = gan.Projection(body, features, 4),
    parts = { gan.conditional(4, "projection"), gan.penalty("gp", 10) },
    loss = "wgan" }
  local y = orrery.tensor({ 1, 2, 3, 4 }, { dtype = "int64" })
  local r = game:step(orrery.rand(4, 1, 28, 28), y)
  t.ok(r.discriminator:isfinite():item() == 1)
  local packed = gan.Game { generator = gan.dcgan_generator { channels = 2,
    latent = 3 }, latent = 3, parts = { gan.pack(2) },
    discriminator = gan.dcgan_discriminator { channels = 2, colours = 2 } }
  t.ok(packed:step(orrery.rand(4, 1, 28, 28)).generator:isfinite():item() == 1)
end)
