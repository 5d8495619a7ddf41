-- %% [markdown]
-- # 004-2.1.3  What CycleGAN is bad at
-- Colour and texture change well, form and pose badly. Two reasons. A
-- convolution moves nothing far: what is to appear somewhere has to be made of
-- what is seen there, and the first thing such a net learns is to leave
-- everything in its place. And the cycle term punishes whatever cannot be
-- undone: where the way there must forget (how the tail was held), the way back
-- must guess, and the guess costs.
--
-- Upright bars show both kinds of change: *texture*, the same bars striped;
-- *pose*, the same bars lying down, centre, colour and length kept. Both are
-- one-to-one, so a perfect translation has no cycle error in either.

-- %%
local orrery = require "orrery"
local data, metrics, plot = orrery.data, orrery.metrics, orrery.plot
local replay, translate = orrery.replay, orrery.translate
local set = replay.settings { images = 1000, held = 200, steps = 400,
  batch = 4, ngf = 16, ndf = 16, judged = 200, seeds = 3,
  quick = { images = 16, held = 12, steps = 4, batch = 2, ngf = 4, ndf = 4,
    judged = 2, seeds = 1 } }

-- %% Bars
local side = 32
local function bars(n, seed)
  local g = { generator = orrery.Generator(seed) }
  local function uniform(low, high)
    return orrery.rand(n, 1, 1, 1, g) * (high - low) + low
  end
  local long, short = uniform(8, 12), uniform(2.5, 4)
  local room = long * -2 + side
  local at = orrery.range(1, side, { dtype = "float32" }) - 0.5
  local u = (at:reshape(1, 1, 1, side)
    - (uniform(0, 1) * room + long)):abs()
  local v = (at:reshape(1, 1, side, 1)
    - (uniform(0, 1) * room + long)):abs()
  local upright = u:le(short):float() * v:le(long):float()
  local lying = u:le(long):float() * v:le(short):float()
  local hue = orrery.rand(n, 1, 1, 1, g) * 6
    + orrery.tensor { 5, 3, 1 }:reshape(1, 3, 1, 1)
  hue = hue:remainder(6)
  local colour = -hue:minimum(-hue + 4):clamp(0, 1) * 0.85 + 0.95
  local grey = uniform(0.25, 0.65) + orrery.randn(n, 3, side, side, g) * 0.03
  local dark = orrery.range(0, side - 1):remainder(4):ge(2):float()
    :reshape(1, 1, side, 1) * -0.75 + 1
  local function seen(shape, shade)
    return (grey + (colour * shade - grey) * shape) * 2 - 1
  end
  return { plain = seen(upright, 1), texture = seen(upright, dark),
    pose = seen(lying, 1), mask = upright:maximum(lying) }
end
local first, second = bars(set.images, 1), bars(set.images, 2)
local held = bars(set.held, 3)
local rows = { held.plain:narrow(1, 1, 12), held.texture:narrow(1, 1, 12),
  held.pose:narrow(1, 1, 12) }
plot.grid((orrery.cat(rows, 1) + 1) / 2, { columns = 12, scale = 3,
  row_names = { "upright", "striped", "lying" } })

-- %% [markdown]
-- ## How far a net sees
-- The end of a lying bar is up to 12 pixels from its middle, and up to 9 from
-- the nearest pixel of the upright one. The gradient of one output pixel says
-- which pixels of the input it depends on. (There are nets that see further;
-- they too begin with what lies near. With bars half as large a net of three
-- levels succeeds.)

-- %% The window of one output pixel
local function generator()
  return translate.generator("unet_small", { ngf = set.ngf })
end
orrery.manual_seed(1)
local net, reach = generator(), 0
local noise = orrery.randn(1, 3, side, side):requires_grad_()
for i = 15, 18 do
  local slope = orrery.grad(net(noise)[{ 1, 1, 16, i }], { noise })[1]
  local columns = slope:ne(0):any(2):any(3):reshape(-1):nonzero()
  reach = math.max(reach, i - columns:amin():item(),
    columns:amax():item() - i)
end
print(("an output sees at most %d pixels to a side"):format(reach))
replay.check("pixels seen to a side", reach, 9, { relation = "<" })

-- %% [markdown]
-- ## The same nets on both
-- Unpaired sets of different bars; $\lambda = 10$, identity 5. *Right*: the
-- error where either bar is, is under half the distance of input and partner.

-- %% Trained and measured
local function distance(x, y) return (x - y):abs():mean():item() end
local shown = {}
local function play(what)
  local judge = translate.domain_classifier(first.plain, second[what],
    { steps = set.judged })
  local function discriminator()
    return translate.discriminator("small", { ndf = set.ndf })
  end
  local game = translate.CycleGAN { netG_A = generator(),
    netG_B = generator(), netD_A = discriminator(),
    netD_B = discriminator(), lr = 2e-3, epoch_steps = 1,
    n_epochs = set.steps // 2, n_epochs_decay = set.steps - set.steps // 2,
    compile = true }
  local order = { shuffle = true, drop_last = true }
  local batches = translate.unpaired(
    data.TensorDataset(first.plain):batches(set.batch, order),
    data.TensorDataset(second[what]):batches(set.batch, order))
  for _ = 1, set.steps do game:step(batches()) end
  local a, b = held.plain, held[what]
  local v = game:visuals(a, b)
  shown[what] = { v.fake_B:narrow(1, 1, 12), v.rec_A:narrow(1, 1, 12) }
  local function right(x, y, truth)
    return metrics.translated(x, y, truth, held.mask).strict
  end
  return { domain = (judge(v.fake_B) + 1 - judge(v.fake_A)) / 2,
    real = (judge(b) + 1 - judge(a)) / 2,
    cycle = (distance(v.rec_A, a) + distance(v.rec_B, b)) / 2,
    right = (right(a, v.fake_B, b) + right(b, v.fake_A, a)) / 2 }
end
local found = {}
for _, what in ipairs { "texture", "pose" } do
  found[what] = replay.medians(set.seeds, function() return play(what) end)
  local f = found[what]
  print(("%-8s taken for the other domain %.2f (real ones %.2f), right %.2f, "
    .. "cycle %.3f"):format(what, f.domain, f.real, f.right, f.cycle))
end
replay.check("taken for the other domain: texture less pose",
  found.texture.domain - found.pose.domain, 0.15, { relation = ">=",
    quick = { wanted = -2 } })
replay.check("cycle, pose to texture", found.pose.cycle / found.texture.cycle,
  1, { relation = ">", quick = { wanted = 0 } })
replay.check("right, pose", found.pose.right, 0.1, { relation = "<=",
  quick = { wanted = 1 } })
plot.grid((orrery.cat({ held.plain:narrow(1, 1, 12), shown.texture[1],
  shown.texture[2], shown.pose[1], shown.pose[2] }, 1) + 1) / 2, {
    columns = 12, scale = 3, row_names = { "A", "striped", "back", "lying",
      "back" } })

-- %% [markdown]
-- Stripes come out well. Of bars lying down there are crossbeams where the
-- upright one is near, and of that what was left for the way back to find.
