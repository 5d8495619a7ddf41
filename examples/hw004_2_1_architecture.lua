-- %% [markdown]
-- # 004-2.1.2  Two generators, blocks, patches and a pool
-- 1. *Two generators.* The cycle needs a way there and a way back, and the two
--    are not equally hard: to draw stripes is one thing, to guess what is under
--    them another.
-- 2. *ResNet blocks or a U-Net.* pix2pix uses a U-Net, whose skips carry exact
--    geometry to the output; CycleGAN a stack of residual blocks, which change
--    style at a coarser scale. Both schemes train both (003-4c).
-- 3. *A matrix of verdicts* instead of one (003-4f). Its side, 30 at 256
--    pixels, is not the side of the patch, 70.
-- 4. *A pool of 50 earlier images* (not "5 to 0"), so that the discriminator
--    does not only fight the newest trick of the generator: losses are to
--    swing less.

-- %%
local orrery = require "orrery"
local data, metrics, plot = orrery.data, orrery.metrics, orrery.plot
local replay, translate = orrery.replay, orrery.translate
local set = replay.settings { queries = 60000, images = 1000, held = 200,
  steps = 600, batch = 4, ngf = 16, ndf = 16, seeds = 3, wide = 64,
  quick = { queries = 3000, images = 16, held = 8, steps = 6, batch = 2,
    ngf = 4, ndf = 4, seeds = 1, wide = 4 } }

-- %% [markdown]
-- ## Numbers of parameters
-- The residual generator is c7s1-64, d128, d256, R256 six times at 128 pixels
-- and nine at 256, u128, u64, c7s1-3: the number is the channels, of a
-- convolution 7 x 7, one of stride 2, a residual block, a step up. Its shapes
-- are printed with problem 004-2.2.3.

-- %% Counted
local function count(net)
  local n = 0
  for _, p in ipairs(net:parameters()) do n = n + p:numel() end
  return n
end
replay.check("residual generator, 6 blocks",
  count(translate.ResNet { n_blocks = 6 }), 7837699, { abs = 0 })
replay.check("9 blocks", count(translate.ResNet { n_blocks = 9 }), 11378179,
  { abs = 0 })
replay.check("U-Net for 256 pixels, scales in its norms",
  count(translate.UNet { ngf = set.wide, norm = "instance_affine",
    norm_deepest = true, use_dropout = false, bias = false }), 54414979,
  { abs = 0, quick = { wanted = 213739 } })
replay.check("patch discriminator", count(translate.PatchGAN {}), 2764737,
  { abs = 0 })
replay.check("... with scales in its norms, one bias",
  count(translate.PatchGAN { norm = "instance_affine", bias = false }), 2765569,
  { abs = 0 })
replay.check("pixels seen with 1 x 1 convolutions",
  translate.PixelGAN { ndf = 4 }.receptive_field, 1, { abs = 0 })
for layers, wanted in pairs { 16, 34, 70, [5] = 286 } do
  replay.check(("pixels seen with %d layers of stride 2"):format(layers),
    translate.PatchGAN { n_layers = layers, ndf = 4 }.receptive_field, wanted,
    { abs = 0 })
end
local map = translate.PatchGAN { ndf = 4 }
replay.check("pixels from one output to the next", map.jump, 8, { abs = 0 })
replay.check("side of its map, 256 pixels", map:map(256), 30, { abs = 0 })
replay.check("128 pixels", map:map(128), 14, { abs = 0 })

-- %% [markdown]
-- ## The pool
-- It fills; then each newcomer is handed on with probability $\frac12$, else it
-- takes the place of a stored image, which is handed on in its stead. A stored
-- image leaves with probability $\frac12 \cdot \frac1{50}$ at each query, so
-- after 100 of them on average: the mean age of what is handed on is $\frac12
-- \cdot 0 + \frac12 \cdot 100 = 50$. Ages are spread like a geometric law's,
-- whose deviation is as large as its mean.

-- %% Ages in queries
local pool = data.ImagePool { size = 50 }
local handed = {}
for first = 1, set.queries + 1000, 1000 do
  handed[#handed + 1] = pool:query(orrery.range(first, first + 999))
end
local settled = orrery.cat(handed, 1):narrow(1, 1001, set.queries)
local age = orrery.range(1001, 1000 + set.queries):double() - settled
local new = age:eq(0):double():mean():item()
local spread = 4 / math.sqrt(set.queries)  -- of four deviations, in units of 1
replay.check("share that is new", new, 0.5, { abs = 0.5 * spread })
replay.check("mean age", age:mean(), 50, { abs = 86.6 * spread })
replay.check("mean age of what was stored", age:mean():item() / (1 - new), 100,
  { abs = 100 * math.sqrt(2) * spread })
plot.hist { age[age:gt(0)], bins = 60, title = "age of a stored image",
  xlabel = "queries" }

-- %% [markdown]
-- ## Trained with and without; one generator for both
-- Plain and striped shapes of 16 pixels, small U-Nets, identity 5. Of the
-- second half of the run, while the rate falls: mean and deviation of the
-- discriminators' losses, their autocorrelation from one step to the next,
-- changes of the sign of their slope, and the mean square of their change from
-- one step to the next, which is what a swing is. *Right* is the share of
-- held-out pictures whose error in the shape is under half the distance between
-- input and partner.

-- %% Three ways
local striped = data.known.striped { images = set.images, held = set.held }
local a, b, mask = striped.test.pairs:everything()
local function generator()
  return translate.generator("unet_small", { ngf = set.ngf })
end
local function discriminator()
  return translate.discriminator("small", { ndf = set.ndf })
end

local function swing(losses)
  local x = orrery.tensor(losses, { dtype = "float64" })
  local change = x:narrow(1, 2, #losses - 1) - x:narrow(1, 1, #losses - 1)
  return (change * change):mean():item()
end

local curves = {}
local function play(pool_size, one_for_both)
  local there = generator()
  local game = translate.CycleGAN { netG_A = there,
    netG_B = one_for_both and there or generator(),
    netD_A = discriminator(), netD_B = discriminator(),
    pool_size = pool_size, lr = 2e-3, epoch_steps = 1,
    n_epochs = set.steps // 2, n_epochs_decay = set.steps - set.steps // 2,
    compile = true }
  local order = { shuffle = true, drop_last = true }
  local batches = translate.unpaired(
    striped.train.A:batches(set.batch, order),
    striped.train.B:batches(set.batch, order))
  local sums, late = {}, {}
  for step = 1, set.steps do
    local n = game:step(batches())
    sums[step] = (n.D_A + n.D_B):item()
    if step > set.steps // 2 then late[#late + 1] = sums[step] end
  end
  curves[#curves + 1] = sums
  local there_right = metrics.translated(a, game:to_B(a), b, mask).strict
  local back_right = metrics.translated(b, game:to_A(b), a, mask).strict
  local s = metrics.stability(late)
  return { mean = s.mean, sd = s.sd, lag1 = s.lag1, turns = s.turns,
    swing = swing(late), there = there_right, back = back_right }
end
local found = {}
for _, way in ipairs { { "pool of 50", 50 }, { "no pool", 0 },
  { "one generator", 50, true } } do
  local name = way[1]
  found[name] = replay.medians(set.seeds, function()
    return play(way[2], way[3])
  end)
  local f = found[name]
  print(("%-13s D: mean %.3f, sd %.3f, lag 1 %5.2f, turns %3.0f, swing %.5f; "
    .. "right %.2f, back %.2f"):format(name, f.mean, f.sd, f.lag1, f.turns,
      f.swing, f.there, f.back))
end
replay.check("swing of D's loss with the pool, of that without",
  found["pool of 50"].swing / found["no pool"].swing, 1, { relation = "<=",
    quick = { wanted = 100 } })
local one, two = found["one generator"], found["pool of 50"]
replay.check("one generator: right, of that of two",
  (one.there + one.back) / math.max(two.there + two.back, 1e-9), 0.5,
  { relation = ">=", quick = { wanted = 0 } })
plot.line { title = "discriminators' loss", xlabel = "step", series = {
  { y = curves[1], name = "pool of 50" },
  { y = curves[set.seeds + 1], name = "no pool" } } }

-- %% [markdown]
-- One generator for both ways is its own inverse. It can be: stripes show which
-- way a picture is to go. It does nearly as well, worse where stripes are to be
-- drawn. Two are needed where a picture does not show its domain.
