-- %% [markdown]
-- # 003-4c  pix2pix or CycleGAN
-- pix2pix is given pairs: an aerial photograph and the map of the same place.
-- (The published answer's example, photographs to real images, is none.)
-- CycleGAN is given two heaps of images without pairs, and asks in their
-- stead that a way there and back again leads home; it needs two generators
-- and two discriminators. Where pairs exist, they tell more. That pix2pix was
-- published with a U-Net and CycleGAN with a residual net is a choice, not
-- the difference: here both schemes train both generators.
--
-- Pairs: colourisation, drawings to photographs, repair of damaged pictures
-- (scripts colorize.lua, restore.lua). No pairs: the style of a painter, day
-- and night, summer and winter (inventory_day_night.lua).

-- %%
local orrery = require "orrery"
local data, plot, replay = orrery.data, orrery.plot, orrery.replay
local translate = orrery.translate
local set = replay.settings {
  images = 1000, steps = 600, batch = 4, ngf = 16, ndf = 16, lr = 1e-3,
  blocks = 2,
  quick = { images = 16, steps = 2, batch = 2, ngf = 4, ndf = 4 },
}

-- %% [markdown]
-- ## Published settings, and those here (003-4d)
-- What the papers and their programs set, what a game without options has, and
-- what is smaller here. Words behind the file's name put the published settings
-- in: `ngf=64 ndf=64 blocks=9 batch=1 lr=2e-4`.

-- %% A table
local function judge(channels)
  return translate.PatchGAN { input_nc = channels, ndf = set.ndf,
    n_layers = 2, norm = "instance" }
end
local generators = {
  ["U-Net"] = function()
    return translate.UNet { num_downs = 4, ngf = set.ngf, dropout_levels = 0 }
  end,
  residual = function()
    return translate.ResNet { ngf = set.ngf, n_blocks = set.blocks,
      n_downsampling = 1, norm = "batch" }
  end,
}
local small = generators["U-Net"]
local usual = translate.Pix2Pix { netG = small(), netD = judge(6) }
local cycle = translate.CycleGAN { netG_A = small(), netG_B = small(),
  netD_A = judge(3), netD_B = judge(3) }
for _, row in ipairs {
  { "pix2pix: weight of L1", usual.lambda_L1, 100 },
  { "pix2pix: rate of Adam", usual.lr, 2e-4 },
  { "pix2pix: beta1", usual.beta1, 0.5 },
  { "CycleGAN: weight of the cycles", cycle.lambda_A, 10 },
  { "CycleGAN: weight of identity, of the cycle's", cycle.lambda_identity,
    0.5 },
  { "CycleGAN: earlier images for D", cycle.pool_size, 50 },
  { "CycleGAN: rate of Adam", cycle.lr, 2e-4 },
  { "CycleGAN: epochs at this rate", cycle.n_epochs, 100 },
} do
  replay.check(row[1], row[2], row[3], { abs = 0 })
end
for _, row in ipairs {
  { "loss of pix2pix", "log", "log" }, { "of CycleGAN", "square", "square" },
  { "images of a batch", 1, set.batch }, { "rate of Adam", 2e-4, set.lr },
  { "dropout in the decoder", 0.5, 0 }, { "first channels of G", 64, set.ngf },
  { "first channels of D", 64, set.ndf },
  { "residual blocks, 256 pixels", 9, set.blocks },
  { "levels of the U-Net, 256 pixels", 8, 4 },
} do
  print(("%-32s published %-7s here %s"):format(table.unpack(row)))
end

-- %% [markdown]
-- ## Two schemes, two generators
-- Plain shapes are to be striped. The true partner of every held-out picture
-- is known. CycleGAN sees other shapes on either side. Norms are over the
-- batch: an instance norm behind the first convolution takes brightness and
-- contrast out of the picture, and with them the grey of these backgrounds.

-- %% Training
local striped = data.known.striped { images = set.images, held = 100 }
local a, b, mask = striped.test.pairs:everything()

local function rounds(loader, step)
  local done = 0
  while done < set.steps do
    for x, y in loader() do
      if done == set.steps then return end
      step(x, y)
      done = done + 1
    end
  end
end

local order = { shuffle = true, drop_last = true }
local function by_pairs(make)
  local game = translate.Pix2Pix { netG = make(), netD = judge(6), lr = set.lr,
    compile = true }
  rounds(function() return striped.train.pairs:batches(set.batch, order) end,
    function(x, y) game:step(x, y) end)
  return game
end
local function by_cycles(make)
  local game = translate.CycleGAN { netG_A = make(), netG_B = make(),
    netD_A = judge(3), netD_B = judge(3), lr = set.lr, identity = 5,
    compile = true }
  rounds(function()
    local others = striped.train.B:batches(set.batch, order)
    local some = striped.train.A:batches(set.batch, order)
    return function()
      local x = some()
      if x then return x, (others()) end
    end
  end, function(x, y) game:step(x, y) end)
  return game
end

local function off(x) return (x - b):abs():mean():item() end
local found, sheet = {}, { a:narrow(1, 1, 8) }
for _, name in ipairs { "U-Net", "residual" } do
  for scheme, train in pairs { pix2pix = by_pairs, CycleGAN = by_cycles } do
    orrery.manual_seed(1)
    local made = train(generators[name]):to_B(a)
    found[scheme .. ", " .. name] = { l1 = off(made), made = made }
  end
end
local untouched = off(a)
print(("L1 to the true partner; untouched %.4f"):format(untouched))
for _, name in ipairs { "pix2pix, U-Net", "pix2pix, residual",
  "CycleGAN, U-Net", "CycleGAN, residual" } do
  local one = found[name]
  local background = ((one.made - b):abs() * (1 - mask)):sum():item()
    / (3 * (1 - mask):sum():item())
  print(("%-20s %.4f, background %.4f"):format(name, one.l1, background))
  sheet[#sheet + 1] = one.made:narrow(1, 1, 8)
  replay.check(name .. ": L1, of that of a net that was not trained",
    one.l1 / off(generators["U-Net"]():eval()(a)), 0.5,
    { relation = "<", quick = { wanted = 100 } })
end
for _, name in ipairs { "U-Net", "residual" } do
  replay.check(("%s: L1 of pix2pix, of CycleGAN's"):format(name),
    found["pix2pix, " .. name].l1 / found["CycleGAN, " .. name].l1, 1,
    { relation = "<", quick = { wanted = 100 } })
end
sheet[#sheet + 1] = b:narrow(1, 1, 8)
plot.grid((orrery.cat(sheet, 1) + 1) / 2, { columns = 8, scale = 4 })

-- %% [markdown]
-- From above: the input; pix2pix with a U-Net, with a residual net; CycleGAN
-- with either; the truth.
