-- %% [markdown]
-- # 004-2.2.4  Apples and oranges
-- The same once more with apples and oranges and a pool of 50 images. What was
-- observed: generators' losses keep swinging, discriminators' swing faster;
-- colour changes first, that of the surroundings too, which the last epoch has
-- not cured. (The published answer speaks of 200 rounds, where the run has 20
-- epochs, and of 50 images shown to the discriminator at a time. Batches stay
-- at 1: a stored image takes the place of the new one half of the time.)
--
-- Round fruit of 32 pixels, drawn: at the same place, in the same light, before
-- the same leaves. So it is known what a recolouring of the leaves is. The
-- settings as published are words away, for photographs in a folder with
-- trainA, trainB, testA and testB:
--
--     orrery replay FILE fruit=FOLDER side=128 lr=2e-4 netG=resnet_6blocks \
--       netD=basic ngf=64 ndf=64

-- %%
local orrery = require "orrery"
local data, metrics, plot = orrery.data, orrery.metrics, orrery.plot
local replay, translate = orrery.replay, orrery.translate
local set = replay.settings { fruit = "", images = 60, held = 100, side = 32,
  netG = "unet_small", netD = "small", ngf = 16, ndf = 16, epochs = 20,
  lr = 1e-3,
  quick = { images = 3, held = 8, side = 16, ngf = 4, ndf = 4, epochs = 4 } }
local fruit, a, b, mask
if set.fruit ~= "" then
  fruit = assert(data.cyclegan(set.fruit, { size = set.side }))
  local function held(test)
    return (test:get(orrery.range(1, math.min(set.held, #test),
      { dtype = "int64" })))
  end
  a, b = held(fruit.test.A), held(fruit.test.B)
  orrery.show(data.sheet(fruit, { count = 12 }))
else
  fruit = data.known.fruit { size = set.side, images = set.images,
    held = set.held }
  a, b, mask = fruit.test.pairs:everything()
  orrery.show(data.sheet(fruit.test.pairs, { count = 12 }))
end

-- %% [markdown]
-- ## Pool and identity, on and off
-- *Shift* is how far the mean colour of the surroundings went, the mean of both
-- directions with black at $-1$ and white at 1; *turns* are changes of the sign
-- of the slope of a loss, from step to step; *off* is the mean difference to
-- the true partner on the fruit. (Where the fruit is nobody knows of
-- photographs: there *shift* is of all of the picture.)

-- %% Three runs
local outside = mask and -mask + 1 or orrery.ones(1, 1, set.side, set.side)
local function shift(x, y)
  local sum = ((x - y) * outside):flatten(3):sum(3)
  return (sum / outside:flatten(3):sum(3)):abs():mean():item()
end

local few, sheets = math.min(8, a:size(1), b:size(1)), {}
local function play(pool_size, identity)
  local function generator()
    return translate.generator(set.netG, { ngf = set.ngf,
      num_downs = set.netG == "unet_small" and 3 or nil })
  end
  local function discriminator()
    return translate.discriminator(set.netD, { ndf = set.ndf })
  end
  local game = translate.CycleGAN { netG_A = generator(),
    netG_B = generator(), netD_A = discriminator(),
    netD_B = discriminator(), lr = set.lr, pool_size = pool_size,
    identity = identity, compile = true }
  local one = { shuffle = true }
  local batches = translate.unpaired(fruit.train.A:batches(1, one),
    fruit.train.B:batches(1, one))
  local G, D, shifts, shown = {}, {}, {}, {}
  for k = 1, set.epochs do
    for _ = 1, math.min(#fruit.train.A, #fruit.train.B) do
      local n = game:step(batches())
      G[#G + 1], D[#D + 1] = (n.G_A + n.G_B):item(), (n.D_A + n.D_B):item()
    end
    local there, back = game:to_B(a), game:to_A(b)
    shifts[k] = (shift(there, a) + shift(back, b)) / 2
    if k == set.epochs // 4 or k == set.epochs // 2 or k == set.epochs then
      shown[#shown + 1] = there:narrow(1, 1, few)
    end
  end
  sheets[#sheets + 1] = shown
  local last = mask and metrics.translated(a, game:to_B(a), b, mask)
  return { game = game, G = G, D = D, shifts = shifts,
    shift = shifts[set.epochs], off = last and last.object_error,
    G_turns = metrics.stability(G).turns,
    D_turns = metrics.stability(D).turns, sd = metrics.stability(D).sd }
end
local found = {}
for _, way in ipairs { { "pool 50, identity 5", 50, 5 },
  { "no pool, identity 5", 0, 5 }, { "pool 50, no identity", 50, 0 } } do
  local name = way[1]
  orrery.manual_seed(1)
  found[name] = play(way[2], way[3])
  local f = found[name]
  print(("%-20s shift %.3f, fruit off by %s, turns of G %4d, of D %4d, sd of "
    .. "D %.3f"):format(name, f.shift, f.off and ("%.3f"):format(f.off) or "?",
      f.G_turns, f.D_turns, f.sd))
end
local seed = found["pool 50, identity 5"]
local bare = found["pool 50, no identity"]
replay.check("images in the pool", seed.game.pool_size, 50, { abs = 0 })
replay.check("shift of the surroundings with identity, of that without",
  seed.shift / bare.shift, 1, { relation = "<", quick = { wanted = 100 } })
if mask then
  local untouched = metrics.translated(a, a, b, mask).object_error
  replay.check("fruit off the true partner, of untouched fruit",
    seed.off / untouched, 0.7, { relation = "<", quick = { wanted = 100 } })
end
local turns = seed.D_turns - found["no pool, identity 5"].D_turns
print(("turns of D's loss, with the pool less without: %d"):format(turns))
local curves = {}
for name, f in pairs(found) do
  curves[#curves + 1] = { y = f.shifts, name = name }
end
table.sort(curves, function(x, y) return x.name < y.name end)
plot.grid { columns = 2,
  plot.line { title = "shift of the surroundings", xlabel = "epoch", ymin = 0,
    series = curves },
  plot.line { title = "losses", xlabel = "step", series = {
    { y = seed.G, name = "generators" },
    { y = seed.D, name = "discriminators" } } } }

-- %% Sheets
local rows, names = { a:narrow(1, 1, few) }, { "apples" }
for i, share in ipairs { 4, 2, 1 } do
  for k, what in pairs { [1] = "identity", [3] = "none" } do
    rows[2 * i + (k == 1 and 0 or 1)] = sheets[k][i]
    names[2 * i + (k == 1 and 0 or 1)] = ("%d, %s"):format(
      set.epochs // share, what)
  end
end
rows[#rows + 1], names[#names + 1] = b:narrow(1, 1, few), "oranges"
plot.grid((orrery.cat(rows, 1) + 1) / 2, { columns = few, scale = 2,
  row_names = names })

-- %% [markdown]
-- Left: epochs, with the identity term and without. That the pool makes the
-- discriminators' loss turn more often is recorded, not required: one run each
-- says little of it.
