--[[ What does a CycleGAN make of two collections of pictures without pairs?

data: emoji (two styles of drawing; the same emoji are held out as true pairs),
striped (plain and striped shapes), night, winter, brush (drawn landscapes by
day and changed so), fruit (apples and oranges), or a folder with trainA,
trainB, testA and testB (horse2zebra, monet2photo, summer2winter). The page has
a sheet for each mark, with a slider: inputs, translations, what comes back,
what the other generator makes of an image that is its own already; and the
curves of all six terms.

method: cyclegan; adversarial (neither cycle nor identity); identity (the input
as it is); pix2pix (the same generator on true pairs: the bound). Where pairs
are held out: mean absolute difference to the true partner, a perceptual
distance, whether the partner is the nearest of all ("found"), and on striped
"strict": the error inside the shape is under half the input's own.

Emoji, mean +- standard deviation of 3 seeds on all 132 held-out pairs
(orrery scripts/cyclegan.lua seed=1..3):

               L1              feature         found           L1, found back
  identity     0.142           0.427           0.447           0.142  0.606
  cyclegan     0.135 +- 0.001  0.416 +- 0.003  0.482 +- 0.004  0.134  0.583
  pix2pix      0.127 +- 0.000  0.389 +- 0.001  0.326 +- 0.020
  adversarial  0.335 +- 0.145  0.754 +- 0.335  0.008 +- 0.000  0.334  0.066

A CycleGAN keeps what is drawn and its colours, smooths the shading away or
puts it on (half are taken for the other style), and comes 5 % nearer to the
truth; found is better one way, no better the other. Most of the distance is
another drawing of the same thing, which pairs do not tell either (11 %).
pix2pix hedges between drawings, so that its pictures are found less often. The
adversarial loss alone gives one pattern for all, or white.

Most of an emoji is white, where the generator's tanh saturates: with two
halvings and rate 1e-3 both generators gave plain white and stayed there (L1
0.235). One halving learns colours at once and keeps more of 32 pixels.

augment, for few pictures: none; dag (a head of each discriminator for each of
three turns, Tran et al. 2021); diffaugment (Zhao et al. 2020). 60 striped
shapes of each kind, one seed of the third command, at steps 600 and 2400; by
heart: how much more discriminators make of real pictures they learn from than
of held-out ones (real is 1, made 0):

               L1             strict        found         by heart
  none         0.073  0.084   0.490  0.373  0.888  0.650  0.58  2.07
  dag          0.072  0.084   0.598  0.310  0.773  0.588  0.63  2.64
  diffaugment  0.064  0.061   0.235  0.663  0.990  0.995  0.01  0.06

Without augmentation the discriminators learn the 60 by heart (their loss falls
from 0.23 to 0.08; 0.25 is a guess), and from step 600 on translations get
worse. Turned copies for heads of their own do not keep the shared trunk from
it (0.05). With diffaugment every picture is another one each time: it starts
slower and goes on getting better. B to A is the same: L1 0.084, 0.088, 0.057.

Small discriminators (n_layers=1) and 600 steps of residual nets (ngf=16,
n_blocks=2) are too short for that; 3 seeds, in the same order: L1 0.086 +-
0.003, 0.094 +- 0.005, 0.092 +- 0.002; strict 0.136 +- 0.032, 0.077 +- 0.028,
0.122 +- 0.015. From all 2000 shapes, one seed: 0.077 and 0.435.

A minute for a method and seed of the first, on one core that is free:

  orrery scripts/cyclegan.lua
  orrery scripts/cyclegan.lua data=striped method=cyclegan ngf=16 n_blocks=2
  orrery scripts/cyclegan.lua data=striped images=60 method=cyclegan size=16 \
    augment=none,dag,diffaugment netG=unet batch=8 lr=2e-3 steps=2400 held=400
  orrery scripts/cyclegan.lua data=FOLDER method=cyclegan size=64 \
    load_size=128 netG=unet ngf=32 norm=instance batch=2 lambda_cycle=5 \
    lambda_identity=1 ndf=32 lr=4e-4 steps=5000 marks=10 held=60
  orrery scripts/cyclegan.lua data=FOLDER method=cyclegan size=128 ngf=64 \
    ndf=64 n_blocks=6 n_downsampling=2 n_layers=3 batch=1 norm=instance \
    lr=2e-4 steps=21340

The fourth, on 200 horses and 200 zebras (parts of 64 pixels of pictures of
128), takes ten to fifteen minutes at one thread. Looked at by eye on held-out
pictures: horses of every colour get short black and white stripes on backs,
necks and faces; grass, bushes, sand and skies stay as they are, a sea and a
car's mirror get stripes too. Zebras turn brown or grey and lose about half of
their stripes, and are a little blurred. Cycle comes down from 0.60 at step 100
to 0.13 (both ways together, black at -1), identity from 0.56 to 0.15, D of A
from 0.31 to 0.22, D of B from 0.31 to 0.19, while G's own terms rise from 0.32
to 0.40 and 0.33; 0.77 of the horses are taken for zebras, 0.55 of the zebras
for horses, and pictures move by 0.045.

Tried before: whole pictures of 64 pixels, whose stripes are one pixel wide,
give specks (weights 10 and 1, 3000 steps), hardly any from step 3000 on with
weights 10 and 0.5; load_size=96 gives chequers on horses at step 4000, most of
them gone at 7000; weights 2 and 1 put them on sand and trees as well;
diffaugment changes little. Residual nets (ngf=24 n_blocks=6 norm=instance
batch=1, weights 5 and 2.5, 6500 steps) had changed colours everywhere and made
no stripes: they want the published hundreds of epochs. U-Nets keep sharp what
they need not change.

The last one is the published configuration at 128 pixels, 20 epochs of
horse2zebra: 6 blocks, rate 2e-4, beta1 0.5, weights 10 and 5, pool of 50.
]]
local orrery = require "orrery"
local data, gan, metrics = orrery.data, orrery.gan, orrery.metrics
local nn, plot, translate = orrery.nn, orrery.plot, orrery.translate

local run = orrery.experiment {
  name = "cyclegan",
  knobs = {
    data = { "emoji", "emoji, striped, night, winter, brush, fruit, or a "
      .. "folder with trainA, trainB ..." },
    method = { { "identity", "adversarial", "cyclegan", "pix2pix" },
      "what translates", one_of = { "identity", "adversarial", "cyclegan",
        "pix2pix" } },
    augment = { "none", "what the discriminators see", one_of = { "none",
      "dag", "diffaugment" } },
    lambda_cycle = { 10.0, "weight of |F(G(x)) - x|", min = 0 },
    lambda_identity = { 5.0, "weight of |G(y) - y|", min = 0 },
    pool_size = { 50, "earlier images for the discriminators", min = 0 },
    gan_mode = { "lsgan", "least squares, or vanilla: the log loss",
      one_of = { "lsgan", "vanilla" } },
    netG = { "resnet", "generators", one_of = { "resnet", "unet" } },
    ngf = { 16, "channels of the generators' first map", min = 1 },
    n_blocks = { 3, "residual blocks", min = 0 },
    n_downsampling = { 1, "halvings before them; published: 2", min = 0 },
    ndf = { 16, "channels of the discriminators' first map", min = 1 },
    n_layers = { 2, "of stride 2 in them; 3 sees 70 pixels", min = 1 },
    norm = { "none", "of all nets", one_of = { "none", "instance" } },
    size = { 32, "pixels", min = 16 },
    load_size = { 0, "what a folder's pictures are scaled to before size is "
      .. "cut out; 0: as published, 286/256 of it", min = 0 },
    mixed = { 1, "sizes in turn, each half the one before", min = 1 },
    images = { 0, "of each domain, 0 for all", min = 0 },
    steps = { 800, "of both players, the second half with a falling rate",
      min = 2 },
    batch = { 4, "images of each domain", min = 1 },
    accumulate = { 1, "parts that a batch is taken in", min = 1 },
    lr = { 6e-4, "of Adam, generators; published: 2e-4 with batch 1",
      min = 0 },
    lr_D = { 0.0, "discriminators; 0: the same", min = 0 },
    held = { 132, "pictures of each domain measured on", min = 4 },
    marks = { 8, "sheets along the way", min = 1 },
    compile = { true, "record the step and replay it: the same numbers" },
  },
  step = "step",
  quick = { steps = 6, held = 8, ngf = 4, ndf = 4, n_blocks = 1, batch = 2,
    marks = 2, data = "striped", size = 16, n_layers = 1, images = 16,
    method = { "adversarial", "cyclegan", "pix2pix" } },
}

-- ---------------------------------------------------------------------- data

local sources = {
  striped = function(k)
    return data.known.striped { size = k.size, held = k.held,
      images = math.max(k.images, k.quick and 200 or 2000) }
  end,
  emoji = function(k) return data.emoji { size = k.size } end,
}

-- Drawn landscapes by night or in winter, or as a painter sees them; apples
-- and oranges.
for _, name in ipairs { "night", "winter", "brush", "fruit" } do
  sources[name] = function(k)
    local drawn = name == "fruit" and data.known.fruit or data.known.landscape
    return drawn { size = k.size, held = k.held, images = k.images > 0
      and k.images or 1000, change = name ~= "fruit" and name or nil }
  end
end

-- The first n; fewer than asked for would make what a page says untrue.
local function some(k, name, set)
  if k.images > #set and not k.quick then
    error(("cyclegan: images=%d but there are %d of %s; give fewer, or 0 for "
      .. "all"):format(k.images, #set, name), 0)
  end
  return set:subset(1, math.min(k.images, #set))
end

-- The first few of a set, as a batch.
local function shown(set, n)
  return set:get(orrery.range(1, math.min(n, #set), { dtype = "int64" }))
end

local function middle(x, size)
  local off = (x:size(3) - size) // 2
  return off == 0 and x or x:narrow(3, off + 1, size)
    :narrow(4, off + 1, size):contiguous()
end

-- A folder to train on parts of `size`, its test pictures at the same scale.
local function folder(k)
  local large = k.load_size > 0 and k.load_size or nil
  local set, why = data.cyclegan(k.data, { size = k.size, resize = large })
  if set and large then
    set.test = data.cyclegan(k.data, { size = large }).test
  end
  return set, why
end

-- Parts are cut out of pictures of a folder, at least as large; a
-- discriminator of this depth has a least side that it has an output for.
local function check_sizes(k)
  if k.load_size > 0 and (sources[k.data] or k.load_size < k.size) then
    error(("cyclegan: load_size=%d size=%d data=%s: pictures of a folder are "
      .. "scaled to load_size, not less than size; leave load_size out"):format(
      k.load_size, k.size, k.data), 0)
  end
  local least, wants = k.size >> (k.mixed - 1), 3 << k.n_layers
  if least < wants then
    error(("cyclegan: size=%d mixed=%d goes down to %d pixels, but n_layers=%d "
      .. "wants %d; give a smaller mixed or n_layers"):format(k.size, k.mixed,
      least, k.n_layers, wants), 0)
  end
end

local function load(k)
  check_sizes(k)
  local set, why
  if sources[k.data] then
    set = sources[k.data](k)
  else
    set, why = folder(k)
    if not set then error(why, 0) end
  end
  local d = { A = set.train.A, B = set.train.B, pairs = set.train.pairs }
  for name, one in pairs(d) do
    if k.images > 0 then d[name] = some(k, name, one) end
  end
  if set.test.pairs then
    d.a, d.b, d.mask = shown(set.test.pairs, k.held)
    d.known, d.exact = true, k.data == "striped"
  else
    d.a = middle(shown(set.test.A or set.train.A, k.held), k.size)
    d.b = middle(shown(set.test.B or set.train.B, k.held), k.size)
  end
  d.judge = translate.domain_classifier(shown(set.train.A, 400),
    shown(set.train.B, 400), { steps = k.quick and 4 or 200 })
  return d
end

-- ---------------------------------------------------------------------- nets

local function generator(k)
  local norm = k.norm ~= "none" and k.norm or false
  local o = { ngf = k.ngf, norm = norm, init_gain = norm and 0.02 }
  if k.netG == "unet" then
    o.num_downs = math.floor(math.log(k.size >> (k.mixed - 1), 2) + 0.5) - 1
    return translate.UNet(o)
  end
  o.n_blocks, o.n_downsampling = k.n_blocks, k.n_downsampling
  return translate.ResNet(o)
end

-- A discriminator and its parts.
local function discriminator(k, more)
  local norm = k.norm ~= "none" and k.norm or false
  local o = { ndf = k.ndf, n_layers = k.n_layers, norm = norm,
    init_gain = norm and 0.02 }
  for name, value in pairs(more or {}) do o[name] = value end
  if k.augment ~= "dag" then
    return translate.PatchGAN(o), k.augment == "diffaugment"
      and { gan.augment() } or {}
  end
  o.head = false
  local trunk, heads = translate.PatchGAN(o), {}
  for i = 1, 4 do
    heads[i] = nn.Conv2d(trunk.features, 1, 4, { padding = 1 })
  end
  return nn.Sequential { trunk, table.remove(heads) }, { gan.dag {
    trunk = trunk, heads = heads, maps = gan.maps.rotations(), weight = 1 } }
end

local function shared(k, log, more)
  local o = { lr = k.lr, lr_D = k.lr_D > 0 and k.lr_D or nil, epoch_steps = 1,
    n_epochs = k.steps // 2, n_epochs_decay = k.steps - k.steps // 2,
    accumulate = k.accumulate, compile = k.compile,
    gan_mode = k.gan_mode, stream = log:generator "pool" }
  for name, value in pairs(more) do o[name] = value end
  return o
end

local build = {}

function build.cyclegan(k, log)
  local netD_A, parts_A = discriminator(k)
  local netD_B, parts_B = discriminator(k)
  local alone = k.method == "adversarial"
  return translate.CycleGAN(shared(k, log, { netG_A = generator(k),
    netG_B = generator(k), netD_A = netD_A, netD_B = netD_B,
    parts_A = parts_A, parts_B = parts_B, pool_size = k.pool_size,
    lambda_A = alone and 0 or k.lambda_cycle,
    lambda_B = alone and 0 or k.lambda_cycle,
    identity = alone and 0 or k.lambda_identity }))
end

build.adversarial = build.cyclegan

function build.pix2pix(k, log)
  local netD, parts = discriminator(k, { input_nc = 6 })
  return translate.Pix2Pix(shared(k, log, { netG = generator(k), netD = netD,
    parts = parts }))
end

-- The input as it is.
function build.identity()
  local function same(_, x) return x end
  return { to_B = same, to_A = same }
end

-- ------------------------------------------------------------------ measured

-- Curves in the order of the page: six terms of a CycleGAN, three of pix2pix,
-- what is measured.
local curves = { "G, A to B", "G, B to A", "D of B", "D of A", "cycle",
  "identity", "G_GAN", "G_L1", "D", "l1", "l1_A", "feature", "found",
  "found_A", "strict", "domain_B", "domain_A", "returned", "moved",
  "by_heart" }

local function plotted(log, step, numbers)
  for _, name in ipairs(curves) do
    if numbers[name] then log:scalar(name, step, numbers[name]) end
  end
end

local function in_pieces(fn, x)
  local list = {}
  for from = 1, x:size(1), 25 do
    list[#list + 1] = fn(x:narrow(1, from, math.min(25,
      x:size(1) - from + 1)))
  end
  return orrery.cat(list, 1)
end

-- How much more the discriminators make of real pictures they learn from than
-- of others: what they know by heart. Real is 1, made 0.
local function by_heart(game, d)
  local function gap(netD, seen, unseen)
    return orrery.no_grad(function()
      return (in_pieces(netD, seen):mean() - in_pieces(netD, unseen):mean())
        :item()
    end)
  end
  return (gap(game.netD_A, shown(d.B, d.b:size(1)), d.b)
    + gap(game.netD_B, shown(d.A, d.a:size(1)), d.a)) / 2
end

local function measured(game, d)
  local fake_b = in_pieces(function(x) return game:to_B(x) end, d.a)
  local out = { domain_B = d.judge(fake_b),
    moved = (fake_b - d.a):abs():mean():item() / 2 }
  local scores = d.known and translate.against_partners(fake_b, d.b) or {}
  out.l1, out.feature, out.found = scores.l1, scores.feature, scores.first
  out.strict = d.exact and metrics.translated(d.a, fake_b, d.b, d.mask).strict
    or nil
  if game.netD_A then out.by_heart = by_heart(game, d) end
  if game.to_A then
    local fake_a = in_pieces(function(x) return game:to_A(x) end, d.b)
    out.domain_A = 1 - d.judge(fake_a)
    local rec = in_pieces(function(x) return game:to_A(x) end, fake_b)
    out.returned = (rec - d.a):abs():mean():item() / 2
    scores = d.known and translate.against_partners(fake_a, d.a) or {}
    out.l1_A, out.found_A = scores.l1, scores.first
  end
  return out
end

local function draw(k, log, game, d, step)
  local n = math.min(k.size > 64 and 4 or 8, d.a:size(1), d.b:size(1))
  local a, b = d.a:narrow(1, 1, n), d.b:narrow(1, 1, n)
  local visuals = game.visuals and game:visuals(a, b)
    or { real_A = a, fake_B = game:to_B(a) }
  log:image("translations", translate.sheet(visuals, d.known and {
    A = game.visuals and a, B = b }, math.max(1, 64 // k.size)),
    { step = step })
end

-- Batches of either kind, and one step's numbers of them.
local function play(k, log, game, d)
  local function batches(set, name)
    return set:batches(k.batch, { shuffle = true, drop_last = true,
      generator = log:generator(name) })
  end
  local function sized(x, step)
    local halvings = (step - 1) % k.mixed
    if halvings == 0 then return x end
    return nn.functional.avg_pool2d(x, 1 << halvings)
  end
  local source = game.to_A and translate.unpaired(batches(d.A, "order of A"),
    batches(d.B, "order of B")) or batches(d.pairs, "order")
  return source, function(a, b, ...)
    local step = select(-1, ...)  -- behind a mask, if pairs have one
    local numbers = game:step(sized(a, step), sized(b, step))
    if game.to_A then numbers = translate.six_terms(numbers) end
    numbers.loss = numbers.cycle or numbers.G_L1 or numbers["G, A to B"]
    return numbers
  end
end

function run.trial(k, log)
  local d = load(k)
  local game = build[k.method](k, log)
  if k.method == "identity" then
    draw(k, log, game, d, k.steps)
    return measured(game, d)
  end
  if k.method == "pix2pix" and not d.pairs then
    error(("cyclegan: %s has no pairs; leave pix2pix out"):format(k.data), 0)
  end
  local result
  local sheets = math.max(1, k.steps // k.marks)
  local function mark(step, means)
    plotted(log, step, means)
    if step % sheets == 0 or step == k.steps then
      result = measured(game, d)
      plotted(log, step, result)
      draw(k, log, game, d, step)
    end
  end
  local batches, update = play(k, log, game, d)
  log:steps { steps = k.steps, every = math.max(1, sheets // 5),
    objects = { game = game }, batches = batches, update = update,
    mark = mark }
  return result or measured(game, d)
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Differences have black at 0 and white at 1. L1, feature "
    .. "distance and found (the true partner is the nearest of all) are of A "
    .. "to B on held-out pairs, where there are any.")
  for _, t in ipairs(trials) do
    if t.l1 then
      page:table(trials, { "method", "augment", { "l1", "L1" }, { "feature",
        "feature distance" }, "found", { "l1_A", "L1, B to A" },
        { "found_A", "found, B to A" }, t.strict and "strict" })
      break
    end
  end
  page:text("Without pairs: the share taken for the other domain by a small "
    .. "net, the cycle's L1 on held-out pictures, how far they moved; by how "
    .. "much discriminators prefer real pictures that they learnt from to "
    .. "others (by heart).")
  page:table(trials, { "method", "augment", { "domain_B", "domain A to B" },
    { "domain_A", "B to A" }, { "returned", "cycle" }, "moved",
    { "by_heart", "by heart" } })
  local rows = trials:by_setting()
  if rows.l1 then
    page:plot(plot.bar { x = rows.method, y = rows.l1,
      title = "L1 to the true partner" })
  end
  page:heading "Translations"
  page:image_matrix { rows = "method", columns = "augment",
    image = "translations", step = "step" }
end

return run(...)
