--[[ What do the distance, the discriminator and its input each add to pix2pix?

Pairs of a label map and a textured picture, generated: of two of the five
classes only the pattern is given, not its place, so that their mean and their
median are the same grey. A segmenter trained on real pictures reads the
classes off translated ones (mean intersection over union, IOU).

loss: gan (the discriminator sees the output alone), l1, l2, cgan (it sees the
input too), l1+gan, l1+cgan, l2+cgan. patch: what one of its outputs sees, 1,
16, 34 or 70 pixels (Isola et al. 2017, tables 1 and 2). Expect: in IOU gan
< l1 < cgan <= l1+cgan; 1 x 1 patches < 16 x 16; l2 blurs what l1 leaves sharp.

data: labels; striped (plain and striped shapes); emoji (two styles of the same
emoji, the bound for translation without pairs); or a folder of pictures with
both halves side by side (facades, maps).

Half a minute for a setting and seed, on one core that is free:

  orrery scripts/pix2pix.lua
  orrery scripts/pix2pix.lua loss=l1+cgan patch=1,16
  orrery scripts/pix2pix.lua data=emoji loss=l1,l1+cgan
  orrery scripts/pix2pix.lua data=FOLDER AtoB=false loss=l1+cgan size=64 \
    batch=1 norm=instance lr=4e-4 lambda_L1=100 steps=2000

Measured, mean +- standard deviation of seed=1..3; cgan 1..4, l1+cgan with 100
and patches of 16 1..5:

  loss      weight  patch   IOU             L1              sharpness
  gan               16      0.146 +- 0.014  0.249 +- 0.017  1.03 +- 0.14
  l1        100     16      0.597 +- 0.042  0.146 +- 0.001  0.18 +- 0.02
  l2        100     16      0.473 +- 0.005  0.149 +- 0.001  0.06 +- 0.00
  cgan              16      0.816 +- 0.036  0.210 +- 0.020  1.28 +- 0.07
  l1+cgan    20     16      0.843 +- 0.015  0.183 +- 0.002  1.07 +- 0.08
  l1+cgan   100     16      0.744 +- 0.144  0.167 +- 0.006  0.95 +- 0.10
  l1+cgan    20      1      0.440 +- 0.003  0.152 +- 0.002  0.74 +- 0.55
  l1+cgan   100      1      0.443 +- 0.001  0.147 +- 0.001  0.30 +- 0.00

Of real pictures the segmenter's IOU is 0.95. (Alone a distance may have any
weight: Adam divides it out.) Seed by seed, l1 is above gan by 0.451 +- 0.055
and cgan above l1 by 0.229 +- 0.007. Whether L1 adds to cgan is within the
spread: with weight 20 the differences are -0.001, 0.047 and 0.004. With the
published 100 they are 0.018, -0.168, -0.001 and -0.225, so there the order does
not hold: three seeds of five reach 0.83 to 0.86, two had 0.85 and 0.81 after
1200 steps and ended at 0.62 and 0.56. What L1 adds for sure is a smaller L1.

Photographs of 64 pixels, looked at (size=64 batch=1 norm=instance lr=4e-4
lambda_L1=100 steps=2000, a minute): facades (AtoB=false, 400 pairs) get rows of
windows where the labels have them, walls grey and blurred, a white sky; L1
0.166. From maps (150 pairs) come the grey and green of a town from above, water
and parks a little darker, but no streets, and white dots; L1 0.107. Batch norms
with batch=1 leave streaks.
]]
local orrery = require "orrery"
local data, metrics = orrery.data, orrery.metrics
local plot, translate = orrery.plot, orrery.translate

local run = orrery.experiment {
  name = "pix2pix",
  knobs = {
    data = { "labels", "labels, striped, emoji or a folder of pairs" },
    loss = { { "gan", "l1", "l2", "cgan", "l1+cgan" }, "what G pays",
      one_of = { "gan", "l1", "l2", "cgan", "l1+gan", "l1+cgan",
        "l2+cgan" } },
    patch = { 16, "pixels that D judges at a time", one_of = { 1, 16, 34,
      70 } },
    netG = { "unet", "generator", one_of = { "unet", "resnet" } },
    lambda_L1 = { 20.0, "weight of the distance, L2 too; published: 100",
      min = 0 },
    use_dropout = { "noise", "in the U-Net: in eval too, in training, none",
      one_of = { "noise", "training", "none" } },
    ngf = { 16, "channels of G's first map", min = 1 },
    ndf = { 16, "channels of D's first map", min = 1 },
    norm = { "batch", "of both", one_of = { "batch", "instance", "none" } },
    steps = { 1500, "updates of each", min = 1 },
    batch = { 8, "pairs", min = 1 },
    lr = { 1e-3, "of Adam; published with batch 1: 2e-4", min = 0 },
    gan_mode = { "vanilla", "the log loss, or lsgan", one_of = { "vanilla",
      "lsgan" } },
    size = { 32, "pixels", min = 16 },
    AtoB = { true, "of a folder: left to right, or right to left" },
    images = { 1000, "pairs to learn from", min = 8 },
    held = { 100, "pairs measured on", min = 8 },
    marks = { 5, "along the way", min = 1 },
    compile = { true, "record the step and replay it: the same numbers" },
  },
  step = "step",
  quick = { steps = 6, images = 24, held = 8, ngf = 4, ndf = 4, batch = 4,
    marks = 2, size = 16, loss = { "l1", "l1+cgan" } },
}

-- ---------------------------------------------------------------------- data

local sources = {}

function sources.labels(k)
  return translate.labelled_pairs { size = k.size, images = k.images,
    held = k.held }
end

function sources.striped(k)
  local set = data.known.striped { size = k.size, images = k.images,
    held = k.held }
  return { train = set.train.pairs, test = set.test.pairs }
end

function sources.emoji(k)
  local set = data.emoji { size = k.size }
  return { train = set.train.pairs, test = set.test.pairs }
end

local function load(k)
  local set, why
  if sources[k.data] then
    set = sources[k.data](k)
  else
    set, why = data.pix2pix(k.data, { size = k.size,
      A = k.AtoB and "left" or "right" })
    if not set then error(why, 0) end
    local held = set.test or set.val
    if not held then
      error(("pix2pix: %s has no pictures in test or val; it needs some to "
        .. "measure on"):format(k.data), 0)
    end
    set = { train = set.train.pairs, test = held.pairs }
  end
  local held = table.pack(set.test:get(orrery.range(1, math.min(k.held,
    #set.test), { dtype = "int64" })))
  local d = { train = set.train, a = held[1], b = held[2], more = held[3] }
  if k.data == "labels" then
    local _, pictures, classes = set.train:everything()
    d.read = translate.segmenter(pictures, classes,
      { steps = k.quick and 4 or nil })
  end
  return d
end

-- ---------------------------------------------------------------------- nets

local function generator(k, side)
  local norm = k.norm ~= "none" and k.norm or false
  if k.netG == "resnet" then
    return translate.ResNet { ngf = k.ngf, n_blocks = 6, norm = norm }
  end
  local downs = math.floor(math.log(side, 2) + 0.5) - 1
  return translate.UNet { ngf = k.ngf, norm = norm, num_downs = downs,
    dropout_levels = math.min(3, downs - 2), use_dropout = k.use_dropout
      == "noise" and "noise" or k.use_dropout == "training" }
end

local function discriminator(k, conditional)
  local o = { input_nc = conditional and 6 or 3, ndf = k.ndf,
    norm = k.norm ~= "none" and k.norm or false }
  if k.patch == 1 then return translate.PixelGAN(o) end
  o.n_layers = ({ [16] = 1, [34] = 2, [70] = 3 })[k.patch]
  return translate.PatchGAN(o)
end

local function build(k, log, side)
  local conditional = k.loss:find "cgan" ~= nil
  return translate.Pix2Pix { netG = generator(k, side),
    netD = discriminator(k, conditional), conditional = conditional,
    gan_mode = k.gan_mode, lambda_gan = k.loss:find "gan" and 1 or 0,
    lambda_L1 = k.loss:find "l1" and k.lambda_L1 or 0,
    lambda_L2 = k.loss:find "l2" and k.lambda_L1 or 0, lr = k.lr,
    epoch_steps = 1, n_epochs = k.steps // 2,
    n_epochs_decay = k.steps - k.steps // 2, compile = k.compile,
    stream = log:generator "augmentation" }
end

-- ------------------------------------------------------------------ measured

-- In pieces, so that memory stays small.
local function translated(game, x)
  local list = {}
  for from = 1, x:size(1), 50 do
    list[#list + 1] = game:to_B(x:narrow(1, from, math.min(50,
      x:size(1) - from + 1)))
  end
  return orrery.cat(list, 1)
end

local function measured(k, game, d)
  local made = translated(game, d.a)
  local again = translated(game, d.a)
  local scores = translate.against_partners(made, d.b)
  local function unit(x) return x * 0.5 + 0.5 end
  local out = { l1 = scores.l1, feature = scores.feature,
    first = scores.first, sharpness = metrics.sharpness(unit(made),
      unit(d.b)), diversity = (made - again):abs():mean():item() / 2 }
  if d.read then
    out.iou = translate.iou(d.read(made), d.more, 5)
  elseif k.data == "striped" then
    out.strict = metrics.translated(d.a, made, d.b, d.more).strict
  end
  return out, made
end

function run.trial(k, log)
  local d = load(k)
  local game = build(k, log, d.a:size(3))
  local result
  local function mark(step, means)
    local made
    result, made = measured(k, game, d)
    for name, value in pairs(means) do
      if name ~= "loss" then log:scalar(name, step, value) end
    end
    for name, value in pairs(result) do log:scalar(name, step, value) end
    local n = math.min(10, made:size(1))
    log:image("translations", plot.grid(orrery.cat({ d.a:narrow(1, 1, n),
      made:narrow(1, 1, n), d.b:narrow(1, 1, n) }, 1), { columns = n,
      range = { -1, 1 }, row_names = { "A", "A to B", "true B" },
      scale = k.size < 48 and 2 or 1 }), { step = step })
    return ("L1 %.3f"):format(result.l1)
  end
  log:steps { steps = k.steps, every = math.max(1, k.steps // k.marks),
    objects = { game = game },
    batches = d.train:batches(k.batch, { shuffle = true, drop_last = true,
      generator = log:generator "order" }),
    update = function(a, b)
      local numbers = game:step(a, b)
      numbers.loss = numbers.G_L1 or numbers.G_L2 or numbers.G_GAN
      return numbers
    end, mark = mark }
  if not result then result = measured(k, game, d) end
  if d.read then result.iou_real = translate.iou(d.read(d.b), d.more, 5) end
  return result
end

function run.report(trials, page)
  page:heading "Results"
  page:text("On held-out pairs. IOU: what a segmenter reads off translated "
    .. "pictures, against the label map. L1 and diversity (between two "
    .. "outputs for one input) with black at 0 and white at 1; sharpness: 1 "
    .. "is as sharp as the partners; found: the partner is the nearest.")
  local columns = { "data", "loss", "patch", { "l1", "L1" },
    { "feature", "feature distance" }, { "first", "found" }, "sharpness",
    "diversity" }
  for _, more in ipairs { { "iou", "IOU" }, { "iou_real", "IOU of real" },
    { "strict", "strict" } } do
    for _, t in ipairs(trials) do
      if t[more[1]] then
        table.insert(columns, 4, more)
        break
      end
    end
  end
  page:table(trials, columns)
  page:heading "Translations"
  page:image_matrix { rows = "loss", columns = "patch",
    image = "translations", step = "step" }
end

return run(...)
