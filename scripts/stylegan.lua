--[[ What do a mapping to styles, mixing and noise buy a small generator?

StyleGAN (Karras et al. 2019; version=2: StyleGAN2, 2020) on small images: the
code z is mapped to a style w that steers each layer, noise is added to each.
Expect: the way through W is smoother than that through Z (perceptual path
length) and attributes part along hyperplanes better there; a generator trained
on mixed styles is better when styles are mixed and nearly as good when they
are not; noise moves details only; a direction found by a linear probe in W
moves its attribute, while the digit stays what it is.

  orrery scripts/stylegan.lua
  orrery scripts/stylegan.lua mixing=0,0.5,0.9 seed=1..3
  orrery scripts/stylegan.lua version=2 path_length=0,2
  orrery scripts/stylegan.lua data=fashion
  orrery scripts/stylegan.lua data=FOLDER size=32 attribute=light channels=48 \
    base=384 steps=1500 frames=12

Measured on digits with mixing=0,0.5 seed=1..6 and 0.9, 100 seconds a run on one
core. FID of samples with one to four codes each; path lengths / 1,000 and
separability in Z and W; S, the share of images that a linear classifier of real
digits calls slanted after edits by two deviations to less and to more; F,
squared distance that features moved, over that of two different digits; PSNR
of held-out digits projected:

  mixing seed  FID 1 to 4 codes   PPL Z  W    sep. Z W  S          F     PSNR
  0      1     75  110  127  142  9.2    6.2  126    58  0.17 0.84  0.21  30
  0      2     78  100  116  127  8.4    5.2  123    57  0.05 0.88  0.40  30
  0      3     68   89   96  105  10.9   6.5  113    50  0.05 0.88  0.25  31
  0      4     79  101  124  134  11.5   7.3  130    64  0.42 0.78  0.13  29
  0      5     73   97  113  121  9.9    6.3  143    67  0.09 0.78  0.21  29
  0      6     76   98  110  128  9.3    6.8  130    64  0.17 0.88  0.27  30
  0.5    1     75   86   91   96  10.0   6.6  120    57  0.09 0.88  0.25  30
  0.5    2     80   90   98  107  8.6    6.0  130    69  0.19 0.61  0.07  29
  0.5    3     76   85   85   94  10.2   7.2  115    61  0.03 0.88  0.32  31
  0.5    4     96   98  108  118  9.3    6.5  110    54  0.25 0.67  0.16  30
  0.5    5     75   88   97  103  10.4   7.9  119    58  0.12 0.83  0.25  30
  0.5    6     82   89   93  103  9.9    6.7  117    59  0.12 0.88  0.30  30
  0.9    1     72   80   87   90  9.8    7.0  137    66  0.11 0.81  0.26  29
  0.9    2     90   91   93   96  10.4   6.6  117    61  0.19 0.69  0.17  29
  0.9    3     94   96   96   97  9.4    5.8  120    65  0.02 0.86  0.46  29

Means of six with one and two codes: 75 +- 4 and 99 +- 7 without mixing, 81 +- 8
and 89 +- 5 with half of the examples mixed. Seed by seed with one code 1, 3,
12, 21, 1 and 7 % worse (8 +- 8), with two 21, 10, 4, 3, 9 and 9 % better. With
0.9 86 +- 12 and 89 +- 8: more than so short a training can bear with one code.

Edits that far keep the class of 0.38 to 0.77 of the digits. Half as far, by one
deviation, they keep 0.61 to 0.89 (without mixing and with half mixed): slanted
are 0.19 to 0.30 after edits to less, 0.53 to 0.78 after edits to more, and F is
0.02 to 0.15.

Noise makes 0.011 to 0.049 of the variance that styles make of a pixel, at
most 0.021 of any attribute's, and that along the strokes' edges; 0.77 to 0.93
of what the last two layers' noise does are waves shorter than four pixels.

Clothes (data=fashion steps=2000): shoes, trousers, tops and coats in outline,
with coarse texture; coarse styles change the kind, fine ones the brightness.
FID 78, 100, 109 and 117 (257 after 333 steps), path lengths 8.3 and 5.3,
separability 102 and 45; of clothes slant is the kind: an edit by two deviations
goes from 0.22 to 0.77 slanted and keeps 0.31 of the kinds, F 0.64.

Faces (celeba64 and the fifth command): heads, hair, eyes and mouths, and in
every other one a patch of a wrong colour. Path lengths 2.5 and 1.3,
separability 6.6 and 3.3; lit from the right are 0.06 and 0.81 after edits by
two deviations, F 0.29.

Slower D collapses: of 1,000 steps with D at 5e-4 samples keep 0.20 of the
digits' variance (0.73 at 3e-3), FID 589 (257); StyleGAN's own D with 5e-3 keeps
0.42 after 400 steps and takes three times as long. R1 of 0.5 at every 16th
step, instead of 10 at each, gives 315. version=2 gives 329 with 0.62.
]]
local orrery = require "orrery"
local data, gan, metrics = orrery.data, orrery.gan, orrery.metrics
local plot, style = orrery.plot, orrery.style

local run = orrery.experiment {
  name = "stylegan",
  knobs = {
    data = { "digits", "digits, fashion, or a folder of pictures" },
    size = { 28, "side of the images; digits and clothes have 28", min = 8 },
    version = { 1, "1: AdaIN; 2: modulated weights", min = 1, max = 2 },
    mixing = { { 0.5 }, "share of examples with two styles", min = 0,
      max = 1 },
    path_length = { 0.0, "weight of path-length regularisation", min = 0 },
    judge = { "dcgan", "D: a plain one without batch norm, or StyleGAN's, "
      .. "which takes other sides than 28, 32 and 64",
      one_of = { "dcgan", "style" } },
    r1 = { 10.0, "weight of R1", min = 0 },
    lazy = { 1, "R1 at every so many steps, as often as much", min = 1 },
    grow = { false, "train on smaller images first, fade larger ones in; "
      .. "version 1, and judge=style whatever it is" },
    channels = { 32, "of the smallest map, at most", min = 1 },
    base = { 224, "a map of side s has base / s channels", min = 1 },
    latent = { 64, "numbers of a code and of a style", min = 2 },
    mapping = { 2, "layers from codes to styles", min = 1 },
    mapping_rate = { 0.01, "of their learning rate", min = 0 },
    steps = { 4000, "of both players", min = 1 },
    batch = { 16, "images; for judge=style a multiple of 4", min = 4 },
    lr = { 5e-3, "of Adam, the generator's", min = 0 },
    judge_lr = { 3e-3, "D's; both fall to 0 over the last half", min = 0 },
    attribute = { "slant", "to edit", one_of = style.attribute_names },
    images = { 8000, "training images", min = 100 },
    made = { 2000, "samples measured on", min = 100 },
    frames = { 6, "marks along the way", min = 1 },
  },
  step = "step",
  by = "fid",
  quick = { steps = 8, batch = 8, channels = 4, base = 56, latent = 8,
    mapping = 2, images = 200, made = 100, frames = 2 },
}

-- ------------------------------------------------------------------- images

-- Images to learn from and images to measure against, of [0, 1]; of a folder
-- all are read at once.
local function load(k)
  if k.data == "digits" or k.data == "fashion" then
    local set, why = (k.data == "digits" and data.mnist or data.fashion) {
      images = k.images, held = k.made }
    if not set then error(why, 0) end
    local x = set.train:everything()
    if x:size(-1) ~= k.size then
      error(("stylegan: size is %d, but %s have %d; leave it out"):format(
        k.size, k.data, x:size(-1)), 0)
    end
    return x, (set.test:everything())
  end
  local set, why = data.images(k.data, { size = k.size, range = { 0, 1 },
    classes = false, damaged = "skip" })
  if not set then
    error(("data is neither digits nor fashion; %s"):format(why), 0)
  end
  local all = set:get(orrery.range(1, math.min(#set, k.images + k.made),
    { dtype = "int64" }))
  local held = math.min(k.made, all:size(1) // 5)
  return all:narrow(1, held + 1, all:size(1) - held), all:narrow(1, 1, held)
end

-- What a metric looks at: grey images of [0, 1].
local function grey(x) return x:mean { axis = 2, keepdim = true } end

-- --------------------------------------------------------------- the players

local function judge(k, colours, both)
  if k.judge == "style" or k.grow then return style.Discriminator(both) end
  return gan.dcgan_discriminator { size = k.size, colours = colours,
    channels = 16, batch_norm = false }
end

local function build(k, colours)
  local both = { size = k.size, colours = colours, version = k.version,
    channel_base = k.base, channel_max = k.channels, progressive = k.grow }
  local g = { latent = k.latent, style_dim = k.latent, mapping = k.mapping,
    mapping_rate = k.mapping_rate, mixing = k.mixing }
  for name, value in pairs(both) do g[name] = value end
  local G, D = style.Generator(g), judge(k, colours, both)
  local parts = { style.lazy(gan.penalty("r1", k.r1), k.lazy) }
  local betas = { 0, 0.99 }
  local of_g, of_d = { lr = k.lr, betas = betas },
    { lr = k.judge_lr, betas = betas }
  if k.lazy > 1 then of_d = style.lazy_adam(of_d, k.lazy) end
  if k.path_length > 0 then
    parts[2] = style.path_length { weight = k.path_length }
    of_g = style.lazy_adam(of_g, 4)
  end
  local game = gan.Game { generator = G, discriminator = D, ema = 0.995,
    latent = k.latent, parts = parts, compile = true,
    rate = gan.halfway(k.steps),
    optimizers = { generator = of_g, discriminator = of_d } }
  local growth = k.grow and style.growth { nets = { G, D,
    game.average.model }, steps = k.steps }
  return game, growth
end

-- -------------------------------------------------------------- measurements

local function fid_of(real, x)
  local e = metrics.extractor()
  return metrics.fid(real, e:features(grey(x)), { resamples = 0,
    extractor = e })
end

local function samples(G, n, codes)
  return style.samples(G, n, { codes = codes,
    generator = orrery.Generator(2) })
end

-- What the extractor's classes are called here, where it knows any.
local function kinds(k)
  return k.data == "digits" and "digits" or k.data == "fashion" and "clothes"
end

-- Of attributes and classes.
local function separability(k, d)
  local classes = {}
  if kinds(k) then
    local said = metrics.extractor():classify(d.x, kinds(k))
    for c = 1, 10 do classes[c] = said:eq(c):double() end
  end
  return style.separability(d, classes)
end

-- What edits to less and to more of an attribute did to images x: of which a
-- linear classifier says that they have it, how far features moved, and how
-- many are of the class that they were.
local function judged(k, says, x, low, high)
  local before = x:narrow(1, 1, low:size(1))
  before = orrery.cat({ before, before }, 1)
  local after, e = orrery.cat({ low, high }, 1), metrics.extractor()
  local kept = kinds(k) and e:classify(after, kinds(k)):eq(
    e:classify(before, kinds(k))):double():mean():item()
  return says(low):mean():item(), says(high):mean():item(),
    style.moved(e:features(grey(before)), e:features(grey(after))), kept or nil
end

-- Edits along the direction of an attribute.
local function edits(k, G, d, real, log)
  local which
  for i, name in ipairs(style.attribute_names) do
    if name == k.attribute then which = i end
  end
  local found = style.directions(d)
  local plain = style.edit(G, d, found.plain[which], which)
  local alone = style.edit(G, d, found.alone[which], which)
  local says, right = style.linear_classifier(real,
    style.above(style.read_attributes(real):select(2, which)),
    math.min(2000, real:size(1) * 4 // 5))
  log:image("edits", style.pictures.edits(G,
    G:spliced({ d.w:narrow(1, 1, 8) }, {}), found.plain[which],
    plain.amounts, false))
  local out, images = { probe = found.accuracy[which], judged = right,
    follows = plain.follows, edited = plain.edited, others = plain.others,
    others_alone = alone.others }, plain.images
  out.less, out.more, out.features, out.kept = judged(k, says, d.x, images[1],
    images[9])
  out.less_one, out.more_one, out.features_one, out.kept_one = judged(k, says,
    d.x, images[3], images[7])
  return out
end

-- Noise against styles: of a pixel, and of attributes.
local function noise_facts(k, G)
  local random, n = orrery.Generator(8), k.quick and 8 or 64
  local ws = orrery.no_grad(function()
    return G:styles(orrery.randn({ n, G.latent }, { generator = random }))
  end)
  local o = { draws = k.quick and 3 or 20, generator = random }
  local all = style.noise_effect(G, ws, o)
  o.layers = { #G.synthesis - 1, #G.synthesis }
  local last = style.noise_effect(G, ws, o)
  o.layers = nil
  return { noise_share = all.share, noise_detail = all.detail,
    fine_share = last.share, fine_detail = last.detail,
    noise_on_attributes = style.noise_on_attributes(G, ws, o):amax():item() }
end

-- -------------------------------------------------------------------- trials

local function results(k, log, game, real, held)
  local G, e = game.average.model, metrics.extractor()
  G:measure_mean(nil, orrery.Generator(9))
  local x = samples(G, k.made, 1)
  local fid = fid_of(real, x)
  local out = { fid = fid.value, extractor = fid.extractor, hash = fid.hash,
    fid_bias = fid.bias, sharpness = metrics.sharpness(grey(x), grey(held)) }
  for codes = 2, 4 do
    out["fid" .. codes] = fid_of(real, samples(G, k.made, codes)).value
  end
  log:image("samples", plot.grid(x:narrow(1, 1, 100), { columns = 10 }))
  local z, w = style.ppl(G, { n = k.quick and 20 or 1000, extractor = e,
    resamples = 0 })
  local d = style.survey(G, k.quick and 100 or 4000, orrery.Generator(4))
  out.ppl_z, out.ppl_w = z.value, w.value
  out.separability_z, out.separability_w = separability(k, d)
  for name, value in pairs(noise_facts(k, G)) do out[name] = value end
  for name, value in pairs(edits(k, G, d, held, log)) do out[name] = value end
  local few = k.quick and 2 or 6
  local sheets, psnr = style.pictures.gallery(G, { count = few,
    frames = k.quick and 2 or 12, draws = k.quick and 4 or 50,
    images = held:narrow(1, 1, few) * 2 - 1, steps = k.quick and 3 or 300,
    generator = orrery.Generator(6) })
  for name, sheet in pairs(sheets) do log:image(name, sheet) end
  out.psnr = psnr
  return out
end

function run.trial(k, log)
  local train, held = load(k)
  local game, growth = build(k, train:size(2))
  local e = metrics.extractor()
  local real, film = e:features(grey(held)), gan.pictures.ImageFilm()
  log:steps {
    steps = k.steps, every = math.max(1, k.steps // k.frames),
    objects = { game = game, film = film },
    batches = data.TensorDataset(train):batches(k.batch, { shuffle = true,
      drop_last = true, generator = log:generator "order" }),
    update = function(x)
      x = x * 2 - 1
      if growth then x = growth:set(game.steps + 1, x) end
      local n = game:step(x)
      return { loss = n.generator, D = n.discriminator,
        ["D is right"] = (n.real_right + n.fake_right) / 2 }
    end,
    mark = function(step, means)
      local G = game.average.model
      log:scalar("FID", step, fid_of(real, samples(G, k.made, 1)).value)
      log:scalar("loss of G", step, means.loss)
      log:scalar("loss of D", step, means.D)
      log:monitor(step, { d_accuracy = means["D is right"] })
      film:add(step, samples(G, 50, 1))
    end,
  }
  if growth then growth:set(game.steps) end
  log:image("film", film:figure { columns = 10 })
  assert(orrery.save(log.record:path "generator.safetensors",
    game.average.model:state_dict()))
  return results(k, log, game, real, held)
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Of the generator's average. FID of samples against held-out "
    .. "images, features of Orrery's own extractor: with one code each, then "
    .. "with styles of two to four codes, changing at random layers. PPL: mean "
    .. "squared speed of the features on the way from one code to another, "
    .. "round through Z or straight through W. Separability: exp of the "
    .. "entropies of attributes and classes that hyperplanes leave.")
  page:table(trials, { "mixing", { "fid", "FID" }, { "fid2", "2 codes" },
    { "fid3", "3" }, { "fid4", "4" }, { "ppl_z", "PPL Z" },
    { "ppl_w", "PPL W" }, { "separability_z", "separability Z" },
    { "separability_w", "W" }, "sharpness" })
  local rows, series = trials:by_setting(), {}
  for _, row in ipairs(rows) do
    local name = "mixing " .. row.mixing
    if row.path_length > 0 then
      name = name .. ", path length " .. row.path_length
    end
    series[#series + 1] = { x = { 1, 2, 3, 4 }, name = name,
      y = { row.fid, row.fid2, row.fid3, row.fid4 } }
  end
  page:plot(plot.line { series = series, title = "FID of mixed styles",
    xlabel = "codes", ylabel = "FID", ymin = 0 })
  page:heading "Noise"
  page:text("Variance of a pixel over draws of noise, over that of styles; the "
    .. "share of its energy in waves shorter than four pixels (white noise: "
    .. "0.75); the same of noise in the last two layers alone; the most that "
    .. "noise makes of any attribute's variance.")
  page:table(trials, { "mixing", { "noise_share", "share" },
    { "noise_detail", "detail" }, { "fine_share", "last layers" },
    { "fine_detail", "detail" }, { "noise_on_attributes", "attributes" } })
  page:heading "An edit"
  page:text("Two deviations either way along the direction of the attribute. "
    .. "Probe: how often its hyperplane in W is right. Follows: rank "
    .. "correlation of attribute and amount. Moved: of the attribute, in its "
    .. "deviations; of the other attribute that moves most, as part of that; "
    .. "the same along what is orthogonal to the others' directions. PSNR: of "
    .. "held-out images projected.")
  page:table(trials, { "mixing", "attribute", "probe", "follows",
    { "edited", "moved" }, "others", { "others_alone", "orthogonal" },
    { "psnr", "PSNR" } })
  page:text("Less, more: share of images that a linear classifier of real "
    .. "images says have the attribute, after edits by two deviations and by "
    .. "one (judged: how often it is right on others). Kept: the class, by a "
    .. "classifier. Features: squared distance over that of two different "
    .. "images.")
  page:table(trials, { "mixing", "judged", { "less", "2: less" }, "more",
    "kept", "features", { "less_one", "1: less" }, { "more_one", "more" },
    { "kept_one", "kept" }, { "features_one", "features" } })
  page:heading "Pictures"
  page:text("Mixing: the left column's images with the coarse, middle or fine "
    .. "styles of those above. Truncation: psi = 1, 0.7, 0.5, 0.3, 0. Noise: "
    .. "none, four draws, where it matters. Edits: less of the attribute on "
    .. "the left, more on the right. Projected: held-out images above.")
  page:image_matrix { rows = "mixing", images = { "samples", "film" } }
  page:image_matrix { rows = "mixing", images = { "mixing, coarse",
    "mixing, middle", "mixing, fine" } }
  page:image_matrix { rows = "mixing", images = { "truncation", "noise" } }
  page:image_matrix { rows = "mixing", images = { "edits", "projected",
    "interpolation" } }
end

return run(...)
