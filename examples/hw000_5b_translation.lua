-- %% [markdown]
-- # 000-5b  CycleGAN on very little data
-- A CycleGAN has two games, each with a discriminator that learns thirty images
-- by heart. The remedies of 000-5b go into either: *naive*, real images turned
-- by quarters; *both*, real and made ones turned before one $D$; *DAG*, a head
-- of the discriminator for each of the three turns. Beside them stands
-- *DiffAugment* (Zhao et al. 2020): brightness, saturation, contrast, shift and
-- a hole at random, of real and made images alike. And what more images are
-- worth.

-- %%
local orrery = require "orrery"
local data, gan, metrics = orrery.data, orrery.gan, orrery.metrics
local nn, plot = orrery.nn, orrery.plot
local replay, translate = orrery.replay, orrery.translate
local set = replay.settings { few = 30, all = 1000, held = 200, steps = 600,
  batch = 4, ngf = 16, ndf = 16, seeds = 1,
  quick = { few = 8, all = 16, held = 8, steps = 4, batch = 2, ngf = 4,
    ndf = 4, seeds = 1 } }

-- %% Discriminators and what they see
local function plain()
  return translate.discriminator("small", { ndf = set.ndf }), {}
end
local kinds = { none = plain, ["more images"] = plain }
local turns = gan.maps.rotations()
function kinds.naive() return plain(), { gan.naive(turns) } end
function kinds.both()
  return plain(), { gan.augment(turns, { share = 0.5 }) }
end
function kinds.DiffAugment() return plain(), { gan.augment() } end
function kinds.DAG()
  local trunk = translate.discriminator("small", { ndf = set.ndf,
    head = false })
  local heads = {}
  for i = 1, 4 do
    heads[i] = nn.Conv2d(trunk.features, 1, 4, { padding = 1 })
  end
  return nn.Sequential { trunk, table.remove(heads) }, { gan.dag {
    trunk = trunk, heads = heads, maps = turns, weight = 1 } }
end

-- %% [markdown]
-- *Right*: the error inside the shape is under half the distance between input
-- and partner. *Upright*: the picture made is nearer to the shape with stripes
-- from top to bottom, which no picture of B has, than to its partner, whose
-- stripes go across.

-- %% Six ways
local a, b, mask
local function upright(made)
  local late = orrery.range(0, 15):remainder(4):ge(2):float()
  local function off(truth)
    return ((made - truth) * mask):abs():flatten(2):mean(2)
  end
  local function turned(dark)
    return off((a + 1) * (mask * dark * -0.75 + 1) - 1)
  end
  return turned(late):minimum(turned(-late + 1)):lt(off(b)):float():mean()
end
local function play(kind)
  local images = kind == "more images" and set.all or set.few
  local striped = data.known.striped { images = images, held = set.held }
  a, b, mask = striped.test.pairs:everything()
  local function generator()
    return translate.generator("unet_small", { ngf = set.ngf })
  end
  local netD_A, parts_A = kinds[kind]()
  local netD_B, parts_B = kinds[kind]()
  local game = translate.CycleGAN { netG_A = generator(),
    netG_B = generator(), netD_A = netD_A, netD_B = netD_B,
    parts_A = parts_A, parts_B = parts_B, lr = 2e-3, epoch_steps = 1,
    n_epochs = set.steps // 2, n_epochs_decay = set.steps - set.steps // 2,
    compile = true }
  local order = { shuffle = true, drop_last = true }
  local batches = translate.unpaired(
    striped.train.A:batches(set.batch, order),
    striped.train.B:batches(set.batch, order))
  for _ = 1, set.steps do game:step(batches()) end
  local v = game:visuals(a, b)
  return { made = v.fake_B:narrow(1, 1, 8),
    right = (metrics.translated(a, v.fake_B, b, mask).strict
      + metrics.translated(b, v.fake_A, a, mask).strict) / 2,
    cycle = (v.rec_A - a):abs():mean():item(), upright = upright(v.fake_B),
    off = (v.fake_B - b):abs():mean():item() }
end
local found, sheet, names = {}, {}, { "A" }
for i, kind in ipairs { "none", "naive", "both", "DAG", "DiffAugment",
  "more images" } do
  local made  -- of the first seed
  local f = replay.medians(set.seeds, function()
    local one = play(kind)
    made, one.made = made or one.made, nil
    return one
  end)
  found[kind], sheet[i + 1], names[i + 1] = f, made, kind
  print(("%-12s strictly right %.2f, upright %.3f, off the partner %.3f, cycle "
    .. "%.3f"):format(kind, f.right, f.upright, f.off, f.cycle))
end
local none = found.none
replay.check("naive: share upright", found.naive.upright, 0.05,
  { relation = ">", quick = { relation = ">=", wanted = 0 } })
replay.check("both: share upright", found.both.upright, 0.02,
  { relation = "<=", quick = { wanted = 1 } })
replay.check("more images: strictly right, less none's",
  found["more images"].right - none.right, 0.3, { relation = ">",
    quick = { wanted = -2 } })
replay.check("DiffAugment: strictly right, less none's",
  found.DiffAugment.right - none.right, 0.05, { relation = ">",
    quick = { wanted = -2 } })
replay.check("DiffAugment: off the partner, of none's",
  found.DiffAugment.off / none.off, 1, { relation = "<",
    quick = { wanted = 100 } })
replay.check("DAG: off the partner, of none's", found.DAG.off / none.off, 1.2,
  { relation = "<", quick = { wanted = 100 } })
sheet[1], sheet[#sheet + 1] = a:narrow(1, 1, 8), b:narrow(1, 1, 8)
names[#names + 1] = "true B"
plot.grid((orrery.cat(sheet, 1) + 1) / 2, { columns = 8, scale = 4,
  row_names = names })

-- %% [markdown]
-- Shown turned stripes as real ones, a naive $D$ gets some made. Turned on both
-- sides they are not, though to that $D$ both kinds look alike: the rest of the
-- loss (identity, cycle) knows which way stripes go, and with four times the
-- images to learn, $D$ says more that is of use. A head for each turn helps
-- little here, though it did a GAN of digits. Shifts and changes of colour do
-- more, and 1000 images do most.
