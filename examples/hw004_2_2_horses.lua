-- %% [markdown]
-- # 004-2.2.3  Horses and zebras, twenty epochs
-- Images of 128 pixels, 6 residual blocks, batches of 1, rate $2 \cdot
-- 10^{-4}$, $\beta_1 = 0.5$, weights 10 of the cycle and 5 of identity, 20
-- epochs. What was observed: the two generators do not train alike; losses
-- swing; discriminators have it easy at first; losses of generators and
-- discriminators go opposite ways; at first only colours change, the
-- background's too, later the animal is told from it. (The settings are said to
-- be the paper's; the paper trains 200 epochs, and uses the identity term for
-- some sets only. There is no number 2.2.2.)
--
-- The nets are built at their real size. Trained are small U-Nets, on plain and
-- striped shapes of 32 pixels; or on photographs, in a folder with trainA,
-- trainB, testA and testB; or all as published, 21,340 steps of 1.3 s:
--
--     orrery replay FILE zebras=FOLDER side=64 ngf=32
--     orrery replay FILE zebras=FOLDER side=128 netG=resnet_6blocks \
--       netD=basic ngf=64 ndf=64

-- %%
local orrery = require "orrery"
local data, metrics, plot = orrery.data, orrery.metrics, orrery.plot
local replay, translate = orrery.replay, orrery.translate
local set = replay.settings { zebras = "", images = 100, held = 100,
  side = 32, netG = "unet_small", netD = "small", ngf = 16, ndf = 16,
  epochs = 20, wide = 64,
  quick = { images = 3, held = 8, side = 16, ngf = 4, ndf = 4, epochs = 3,
    wide = 4 } }

-- %% [markdown]
-- ## The two domains (004-2.2.1)
-- How many there are, how large and of which colours, and a sheet at the size
-- of the original.

-- %% Looked at
local wide = data.known.striped { size = 128, images = 8, held = 8 }
local card = data.describe(wide)
print(card)
for i, side in ipairs { "A", "B" } do
  replay.check(("pixels across, train %s"):format(side), card[i].width, 128,
    { abs = 0 })
end
orrery.show(data.sheet({ train = { A = wide.train.A, B = wide.train.B } },
  { count = 8, columns = 8 }))
local domains
if set.zebras ~= "" then
  domains = assert(data.cyclegan(set.zebras, { size = set.side }))
  print(data.describe(domains, { check = true }))
  orrery.show(data.sheet(domains, { count = 8, columns = 8 }))
else
  print "photographs: no folder given; zebras = FOLDER shows and trains them"
  domains = data.known.striped { size = set.side, images = set.images,
    held = set.held }
end

-- %% [markdown]
-- ## The settings
-- Those of the game are what a CycleGAN has without options.

-- %% Nets at 128 pixels
local whole = translate.ResNet { n_blocks = 6, ngf = set.wide }
local sides = {}
for _, layer in ipairs(whole:modules()) do
  if rawget(layer, "kernel_size") then
    layer:register_forward_hook(function(_, _, y)
      sides[#sides + 1] = y:size(4)
    end)
  end
end
local some = wide.train.A:get(orrery.range(1, 1, { dtype = "int64" }))
orrery.no_grad(whole, some)
print(table.concat(sides, " "))
replay.check("128, 64, 32 ... 32, 64, 128", table.concat(sides, " "):find(
  "^128 64 32 .* 32 64 128 128$") and 1 or 0, 1, { abs = 0 })
local map = orrery.no_grad(translate.PatchGAN { ndf = set.wide }, some)
replay.check("rows of D's map", map:size(3), 14, { abs = 0 })
replay.check("columns", map:size(4), 14, { abs = 0 })
local parameters = 0
for _, p in ipairs(translate.ResNet { n_blocks = 6 }:parameters()) do
  parameters = parameters + p:numel()
end
replay.check("parameters of a generator", parameters, 7837699, { abs = 0 })

-- %% The game
local function generator()
  return translate.generator(set.netG, { ngf = set.ngf,
    num_downs = set.netG == "unet_small" and 3 or nil })
end
local function discriminator()
  return translate.discriminator(set.netD, { ndf = set.ndf })
end
orrery.manual_seed(1)
local game = translate.CycleGAN { netG_A = generator(), netG_B = generator(),
  netD_A = discriminator(), netD_B = discriminator(), compile = true }
for _, row in ipairs { { "rate of generators", game.lr, 2e-4 },
  { "rate of discriminators", game.lr_D, 2e-4 }, { "beta1", game.beta1, 0.5 },
  { "weight of the cycle", game.lambda_A, 10 },
  { "weight of identity", game.weights.A.identity, 5 },
  { "earlier images", game.pool_size, 50 } } do
  replay.check(row[1], row[2], row[3], { abs = 0 })
end

-- %% [markdown]
-- ## Twenty epochs
-- Batches of 1 at a constant rate. What is held out is measured after each
-- epoch: how far the background moved where its place is known. Below, how
-- steady each player's loss was from epoch to epoch: that the two generators
-- are not alike, and the two discriminators neither, shows there.

-- %% Trained
local function held(part)
  local test = domains.test[part]
  return test:get(orrery.range(1, math.min(set.held, #test),
    { dtype = "int64" }))
end
local a, b, mask
if domains.test.pairs then a, b, mask = held "pairs" else
  a, b = held "A", held "B"
end
local one = { shuffle = true }
local batches = translate.unpaired(domains.train.A:batches(1, one),
  domains.train.B:batches(1, one))
local names = { "G_A", "G_B", "D_A", "D_B", "cycle_A", "cycle_B", "idt_A",
  "idt_B" }
local curves, background, sheets = {}, {}, {}
for _, name in ipairs(names) do curves[name] = {} end
local steps = math.min(#domains.train.A, #domains.train.B)

local function epoch(k)
  local sums = {}
  for _ = 1, steps do
    for name, value in pairs(game:step(batches())) do
      sums[name] = (sums[name] or 0) + value:item() / steps
    end
  end
  for _, name in ipairs(names) do curves[name][k] = sums[name] end
  if mask then
    local there = metrics.translated(a, game:to_B(a), b, mask)
    local back = metrics.translated(b, game:to_A(b), a, mask)
    background[k] = (there.background + back.background) / 2
  end
end
local shown = { [set.epochs // 4] = true, [set.epochs // 2] = true,
  [set.epochs] = true }
for k = 1, set.epochs do
  epoch(k)
  if shown[k] then
    print(("epoch %2d: cycle %.3f, D %.3f, background moved %s"):format(k,
      curves.cycle_A[k] + curves.cycle_B[k], curves.D_A[k] + curves.D_B[k],
      background[k] and ("%.3f"):format(background[k]) or "-"))
    sheets[#sheets + 1] = translate.sheet(game:visuals(a:narrow(1, 1, 6),
      b:narrow(1, 1, 6)), nil, math.max(1, 64 // a:size(4)))
  end
end

-- %% Curves
local function both(kind)
  local sum = {}
  for k = 1, set.epochs do
    sum[k] = curves[kind .. "_A"][k] + curves[kind .. "_B"][k]
  end
  return sum
end
local function correlation(x, y)
  x, y = orrery.tensor(x), orrery.tensor(y)
  x, y = x - x:mean(), y - y:mean()
  return ((x * y):sum() / ((x * x):sum() * (y * y):sum()):sqrt()):item()
end
local cycle = both "cycle"
replay.check("cycle at the end, of that of the first epoch",
  cycle[set.epochs] / cycle[1], 0.5, { relation = "<",
    quick = { wanted = 10 } })
replay.check("losses of generators and discriminators: correlation",
  correlation(both "G", both "D"), 0, { relation = "<",
    quick = { relation = "<=", wanted = 1.01 } })
if mask then
  replay.check("background moved at the end, of that after a quarter",
    background[set.epochs] / background[math.max(1, set.epochs // 4)], 1,
    { relation = "<", quick = { wanted = 10 } })
end
for i = 1, 4 do
  local s = metrics.stability(curves[names[i]])
  print(("%s  mean %.3f, sd %.3f, lag 1 %5.2f, %d turns"):format(names[i],
    s.mean, s.sd, s.lag1, s.turns))
end
local lines = { columns = 2 }
for i, kind in ipairs { "G", "D", "cycle", "idt" } do
  lines[i] = plot.line { title = kind, xlabel = "epoch", series = {
    { y = curves[kind .. "_A"], name = "A to B" },
    { y = curves[kind .. "_B"], name = "B to A" } } }
end
plot.grid(lines)

-- %% After a quarter
orrery.show(sheets[1])

-- %% After half
orrery.show(sheets[2])

-- %% At the end
orrery.show(sheets[#sheets])
