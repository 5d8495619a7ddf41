-- %% [markdown]
-- # 002-2  CycleGAN, from photographs to Monet
-- Two heaps of images $x$ and $y$, no pairs; a generator for each direction,
-- a discriminator for each side:
--
-- $$ \begin{aligned} L_{GAN}(G, D_Y) &= \mathbb E_y \log D_Y(y) + \mathbb E_x
-- \log(1 - D_Y(G(x))), \qquad L_{GAN}(F, D_X) \text{ likewise,} \\
-- L_{cyc}(G, F) &= \mathbb E_x \lVert F(G(x)) - x \rVert_1 + \mathbb E_y
-- \lVert G(F(y)) - y \rVert_1. \end{aligned} $$
--
-- (The published answer labels the second line $L_{GAN}$ too, and writes plain
-- bars for the $L_1$ norm.) Problem 002-2.2, patches, is replayed with 003-4f.

-- %%
local orrery = require "orrery"
local data, gan, metrics, nn = orrery.data, orrery.gan, orrery.metrics,
  orrery.nn
local plot, replay, translate = orrery.plot, orrery.replay, orrery.translate
local F = nn.functional
local set = replay.settings {
  toy_steps = 2000, toy_batch = 64, seeds = 3, width = 64,
  images = 500, steps = 600, batch = 4, ngf = 16,
  quick = { toy_steps = 20, seeds = 1, width = 4, images = 16, steps = 4,
    batch = 2, ngf = 4 },
}
local double = { dtype = "float64" }

-- %% [markdown]
-- ## What the adversarial term does not see (002-2.1)
-- Eight peaks on a ring are mapped to eight on a ring that is turned by an
-- eighth of the way to the next. Turning by any odd number of sixteenths is a
-- perfect $G$: the law of $G(x)$ is that of $y$, $D$'s loss stays at $2 \log
-- 2$. The cycle term asks that $F$ undo $G$; it does not say which bijection.

-- %% Eight perfect maps
local ring = data.known.ring { std = 0.15 }
local function turn(x, sixteenths)
  local angle = sixteenths * math.pi / 8
  local c, s = math.cos(angle), math.sin(angle)
  return x:matmul(orrery.tensor({ { c, s }, { -s, c } }, { dtype = x.dtype }))
end
local points = ring:sample(2000)
local worst, cycles = 0, {}
for k = 1, 15, 2 do
  -- In y's own frame G(x) is x turned by an even number of sixteenths.
  local nats = -ring:log_prob(turn(turn(points, k), -1)):mean():item()
  worst = math.max(worst, math.abs(nats
    - -ring:log_prob(points):mean():item()))
  cycles[#cycles + 1] = (turn(turn(points, k), -1) - points):abs():mean()
    :item()
end
replay.check("laws of the eight maps differ by, nats", worst, 0, { abs = 1e-4 })
replay.check("cycle, F turning back by one: when G turns by one", cycles[1], 0,
  { abs = 1e-5 })
replay.check("when G turns by nine", cycles[5], 1, { relation = ">" })
local even = orrery.zeros(4, double)
replay.check("D's loss when it can tell nothing",
  gan.losses.non_saturating.discriminator(even, even), 2 * math.log(2),
  { abs = 1e-6 })

-- %% Trained, with and without the cycle
local function points_of(seed)
  local from = orrery.Generator(seed)
  return function()
    return ring:sample(set.toy_batch, { generator = from }),
      turn(ring:sample(set.toy_batch, { generator = from }), 1)
  end
end
local function toy(seed, lambda)
  orrery.manual_seed(seed)
  local function map() return gan.mlp(2, 2, { hidden = { 64, 64 } }) end
  local function judge()
    return gan.mlp(2, 1, { hidden = { 64, 64 }, activation = "leaky_relu" })
  end
  local game = translate.CycleGAN { netG_A = map(), netG_B = map(),
    netD_A = judge(), netD_B = judge(), gan_mode = "vanilla", lr = 1e-3,
    lambda_A = lambda, lambda_B = lambda, identity = 0, pool_size = 0,
    compile = true }
  local batch = points_of(seed)
  for _ = 1, set.toy_steps do game:step(batch()) end
  local x = ring:sample(2500, { generator = orrery.Generator(9) })
  local there = game:to_B(x)
  return metrics.modes(turn(there, -1), ring).modes20,
    (game:to_A(there) - x):abs():mean():item(), there
end
local lost, ratio, sheet = 0, 0, {}
for seed = 1, set.seeds do
  local modes, cycle, at = toy(seed, 10)
  local modes0, cycle0, at0 = toy(seed, 0)
  print(("seed %d: cycle weight 10: %d of 8 peaks, F(G(x)) off by %.3f; none: "
    .. "%d of 8, %.3f"):format(seed, modes, cycle, modes0, cycle0))
  if modes0 <= 5 then lost = lost + 1 end
  ratio = math.max(ratio, cycle0 / cycle)
  if seed == 1 then
    sheet[1] = plot.scatter { at, square = true, title = "cycle weight 10" }
    sheet[2] = plot.scatter { at0, square = true, title = "no cycle" }
  end
end
replay.check("without the cycle: runs that collapse, or errors of F(G(x)) in "
  .. "tens of the cycle's", math.max(lost, ratio / 10), 1, { relation = ">=",
    quick = { wanted = 0 } })
orrery.show(plot.grid { columns = 2, table.unpack(sheet) })

-- %% [markdown]
-- ## The networks (002-2.3)
-- A U-Net of eight levels, all convolutions 4 x 4 of stride 2: down without a
-- norm at first, up with dropout of one half three times. Instance norms have
-- scales, convolutions no bias but the last; weights and scales begin as
-- $N(0, 0.02^2)$.

-- %% As the notebook stacks them
local function instance(c) -- of one pixel too, as there
  return nn.InstanceNorm2d(c, { affine = true, single = true })
end
local function down(from, to, norm)
  return nn.Sequential { nn.Conv2d(from, to, 4, { stride = 2, padding = 1,
    bias = false }), norm and instance(to) or nn.Identity(),
    nn.LeakyReLU(0.3) }
end
local function up(from, to, dropout)
  return nn.Sequential { nn.ConvTranspose2d(from, to, 4, { stride = 2,
    padding = 1, bias = false }), instance(to),
    dropout and nn.Dropout(0.5) or nn.Identity(), nn.ReLU() }
end
local function begin(net)
  for name, p in net:named_parameters() do
    if name:find "bias$" then nn.init.zeros_(p) else
      nn.init.normal_(p, 0, 0.02)
    end
  end
  return net
end

local Unet = nn.Module:subclass "Unet"

function Unet:init(levels, c, dropout)
  local function width(k) return c * math.min(8, 1 << (k - 1)) end
  self.down, self.up = nn.ModuleList {}, nn.ModuleList {}
  for k = 1, levels do
    self.down:append(down(k == 1 and 3 or width(k - 1), width(k), k > 1))
  end
  for k = levels - 1, 1, -1 do
    local from = k == levels - 1 and width(levels) or 2 * width(k + 1)
    self.up:append(up(from, width(k), dropout and #self.up < 3))
  end
  self.last = nn.ConvTranspose2d(2 * width(1), 3, 4, { stride = 2,
    padding = 1 })
  begin(self)
end

-- With `seen`, a list, says what shapes there are.
function Unet:forward(x, seen)
  local skips = {}
  local function note(h)
    if seen then
      seen[#seen + 1] = ("%dx%dx%d"):format(h:size(3), h:size(4), h:size(2))
    end
    return h
  end
  for i, layer in ipairs(self.down) do
    x = note(layer(x))
    skips[i] = x
  end
  for i, layer in ipairs(self.up) do
    x = note(orrery.cat({ layer(x), skips[#skips - i] }, 2))
  end
  return note(self.last(x):tanh())
end

local function patches(c)
  return begin(nn.Sequential { down(3, c, false), down(c, 2 * c, true),
    down(2 * c, 4 * c, true), nn.ZeroPad2d(1),
    nn.Conv2d(4 * c, 8 * c, 4, { bias = false }), instance(8 * c),
    nn.LeakyReLU(0.3), nn.ZeroPad2d(1), nn.Conv2d(8 * c, 1, 4) })
end

-- %% Shapes and numbers of parameters
local function count(net)
  local n = 0
  for _, p in ipairs(net:parameters()) do n = n + p:numel() end
  return n
end
orrery.manual_seed(2)
local unet, D = Unet(8, set.width, true), patches(set.width)
local seen = {}
local picture = orrery.randn(1, 3, 256, 256)
orrery.no_grad(function() unet(picture, seen) end)
print(table.concat(seen, " "))
local c = set.width
local listed = { { 128, c }, { 64, 2 * c }, { 32, 4 * c }, { 16, 8 * c },
  { 8, 8 * c }, { 4, 8 * c }, { 2, 8 * c }, { 1, 8 * c }, { 2, 16 * c },
  { 4, 16 * c }, { 8, 16 * c }, { 16, 16 * c }, { 32, 8 * c }, { 64, 4 * c },
  { 128, 2 * c }, { 256, 3 } }
local as_listed = 0
for i, row in ipairs(listed) do
  if seen[i] == ("%dx%dx%d"):format(row[1], row[1], row[2]) then
    as_listed = as_listed + 1
  end
end
replay.check("shapes as listed", as_listed, #listed, { abs = 0 })
replay.check("parameters of the U-Net", count(unet), 54414979, { abs = 0,
  quick = { wanted = 213739 } })
replay.check("parameters of the discriminator", count(D), 2765569, { abs = 0,
  quick = { wanted = 11569 } })
replay.check("side of its map", orrery.no_grad(D, picture):size(4), 30,
  { abs = 0 })

-- %% [markdown]
-- ## One pixel, normalised
-- The notebook normalises each channel of the innermost map over its pixels.
-- There is one: less its mean it is 0, and the shift is all that is left,
-- whatever the picture. The innermost level never carries anything. (The layer
-- comes from an add-on package, not the core one; and a TPU is a convenience.)
-- Here the layer refuses a single pixel unless it is told to take it.

-- %% The innermost map of two pictures
local function innermost(x)
  for i = 1, 8 do x = unet.down[i](x) end
  return x
end
local difference = orrery.no_grad(function()
  return (innermost(picture) - innermost(-picture)):abs():max()
end)
replay.check("innermost maps of two pictures differ by", difference, 0,
  { abs = 1e-6 })
local taken, complaint = pcall(nn.InstanceNorm2d(2), orrery.randn(1, 2, 1, 1))
print((complaint:gsub("^.-:%d+: ", "")))
replay.check("a single pixel is taken unasked", taken and 1 or 0, 0,
  { abs = 0 })

-- %% [markdown]
-- ## Replicas
-- A strategy for several devices gives each a part of the batch and averages
-- the gradients. Where no statistic runs over the batch that is the gradient of
-- the whole batch: four replicas of one picture, and one of four.

-- %% Gradients of the generators' loss
local G4, F4, D4 = Unet(4, 4):double(), Unet(4, 4):double(),
  translate.PatchGAN { ndf = 4, n_layers = 1 }:double()
local pictures = orrery.randn({ 4, 3, 16, 16 }, double)
local function cost(x)
  local there = G4(x)
  return (-D4(there)):softplus():mean() + F.l1_loss(F4(there), x) * 10
end
local parameters = nn.ModuleList { G4, F4 }:parameters()
-- The innermost convolutions have no gradient at all, as said above.
local unused = { allow_unused = true }
local whole = orrery.grad(cost(pictures), parameters, unused)
local parts = {}
for r = 1, 4 do
  local grads = orrery.grad(cost(pictures:narrow(1, r, 1)), parameters, unused)
  for i, g in ipairs(grads) do
    parts[i] = parts[i] and parts[i] + g / 4 or g / 4
  end
end
local apart = 0
for i, g in ipairs(parts) do
  apart = math.max(apart, (g - whole[i]):abs():max():item())
end
replay.check("gradients of four replicas and of one differ by", apart, 0,
  { abs = 1e-6 })

-- %% [markdown]
-- ## A run
-- The notebook shows fakes after one epoch of about 6,200 steps and 1,013 of
-- the second. Records, their checksums and the count in a file's name are
-- replayed with the inventory of data. Here plain and striped shapes of 16
-- pixels take the place of photographs and paintings, and a U-Net of four
-- levels that of eight.

-- %% CycleGAN with the log loss
replay.check("steps of the notebook's run", 6200 + 1013, 7213, { abs = 0 })
local striped = data.known.striped { images = set.images, held = 100 }
orrery.manual_seed(1)
local function judge()
  return translate.PatchGAN { ndf = set.ngf, n_layers = 2 }
end
local game = translate.CycleGAN { netG_A = Unet(4, set.ngf, true),
  netG_B = Unet(4, set.ngf, true), netD_A = judge(), netD_B = judge(),
  gan_mode = "vanilla", lr = 2e-3, compile = true }
local function rounds(part)
  local loader
  return function()
    local x = loader and loader()
    if not x then
      loader = part:batches(set.batch, { shuffle = true, drop_last = true })
      x = loader()
    end
    return x
  end
end
local next_a, next_b = rounds(striped.train.A), rounds(striped.train.B)
local curve = { cycle = {}, G = {}, D = {} }
local first, last = 0, 0
local begun, ended = 4, math.max(1, set.steps // 20)
for step = 1, set.steps do
  local n = game:step((next_a()), (next_b()))
  local cycle = (n.cycle_A + n.cycle_B):item()
  curve.cycle[step], curve.G[step] = cycle, (n.G_A + n.G_B):item()
  curve.D[step] = (n.D_A + n.D_B):item()
  if step <= begun then first = first + cycle / begun end
  if step > set.steps - ended then last = last + cycle / ended end
end
replay.check("cycle L1 of the last twentieth, of the first four steps",
  last / first, 0.5, { relation = "<=", quick = { wanted = 10 } })
orrery.show(plot.line { series = { { y = curve.cycle, name = "cycle" },
  { y = curve.G, name = "generators" }, { y = curve.D, name = "D" } },
  xlabel = "step", ylabel = "loss" })
local a, b = striped.test.A:everything(), striped.test.B:everything()
local v = game:visuals(a:narrow(1, 1, 8), b:narrow(1, 1, 8))
plot.grid((orrery.cat({ v.real_A, v.fake_B, v.rec_A, v.real_B, v.fake_A,
  v.rec_B }, 1) + 1) / 2, { columns = 8, scale = 4 })

-- %% [markdown]
-- From above: plain, striped, plain again; striped, plain, striped again.
