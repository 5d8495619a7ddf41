-- %% [markdown]
-- # 002-3  Small style-based generators, trained and looked into
-- What hw002_3_style.lua derives and quotes, on generators of digits that are
-- trained here, each for a minute or less: what noise, mixing, truncation and
-- the mapping do, the six configurations, and edits.

-- %%
local orrery = require "orrery"
local data, gan, metrics = orrery.data, orrery.gan, orrery.metrics
local plot, replay, style = orrery.plot, orrery.replay, orrery.style
local set = replay.settings {
  steps = 1200, batch = 16, base = 224, channels = 32, judge = 16,
  made = 2000, survey = 3000, paths = 600, projection = 300, seed = 1,
  quick = { steps = 3, batch = 4, base = 56, channels = 4, judge = 2,
    made = 60, survey = 60, paths = 10, projection = 3 },
}

-- %% [markdown]
-- ## Training
-- Digits of 28 pixels, six layers at 7, 14 and 28. The game is the published
-- one: the non-saturating loss and $R_1$ with $\gamma = 10$, at every step. $D$
-- is a plain one of two convolutions for all, as all that is new is in the
-- generator; it must learn fast, or such small generators go to one image.
-- Three are looked into: without mixing (configuration E), with nine of ten
-- examples mixed (F), and F with path-length regularisation, $\mathbb E (\lVert
-- J^\top y \rVert - a)^2$ (Karras et al. 2020), which the paper named as
-- further work.

-- %% Training
local digits = assert(data.mnist { images = math.max(set.batch, 8000),
  held = set.made })
local images, held = digits.train, (digits.test:everything())
local look = metrics.extractor()
local of_real = look:features(held)
local betas = { 0, 0.99 }
local function trained(name, more)
  orrery.manual_seed(set.seed)
  local G = style.Generator((style.configuration(name, { size = 28,
    channel_base = set.base, channel_max = set.channels, mapping = 2 })))
  local parts = { gan.penalty("r1", 10), more and style.path_length(more) }
  local rates = { lr = 5e-3, betas = betas }
  local game = gan.Game { generator = G, latent = 64, ema = 0.99,
    discriminator = gan.dcgan_discriminator { channels = set.judge,
      batch_norm = false }, parts = parts, compile = true,
    rate = gan.halfway(set.steps), optimizers = {
      generator = more and style.lazy_adam(rates, 4) or rates,
      discriminator = { lr = 3e-3, betas = betas } } }
  local batches = images:batches(set.batch, { shuffle = true,
    drop_last = true, seed = set.seed })
  for _ = 1, set.steps do
    game:step((batches() or batches()) * 2 - 1)
  end
  game.average.model:measure_mean(nil, orrery.Generator(9))
  return game.average.model
end
local function samples(net, count, n)
  return style.samples(net, n or set.made, { codes = count,
    generator = orrery.Generator(2) })
end
local function fid(net, count)
  return metrics.fid(of_real, look:features(samples(net, count)),
    { resamples = 0 }).value
end
local mixed, unmixed = trained "F", trained "E"
local even_paths = trained("F", { weight = 2 })
replay.check("variance of the digits made over that of real ones",
  samples(mixed):var(1):sum() / held:var(1):sum(), 0.5, { relation = ">=",
    quick = { wanted = 0 } })

-- %% Samples, and the same digits drawn to the mean
local ws = orrery.no_grad(function()
  return mixed:styles(orrery.randn({ 8, 64 },
    { generator = orrery.Generator(3) }))
end)
local noise = mixed:noise(1, orrery.Generator(3))
plot.grid { plot.grid(samples(mixed, 1, 60), { columns = 10,
  title = "samples" }),
  style.pictures.truncation(mixed, ws, nil, noise) }

-- %% Variety by psi
local function variety(psi)
  local made = style.samples(mixed, 200, { psi = psi,
    generator = orrery.Generator(5) }):flatten(2)
  return made:cdist(made):mean():item()
end
local psis, varieties = { 0, 0.3, 0.5, 0.7, 1 }, {}
for i, psi in ipairs(psis) do varieties[i] = variety(psi) end
for i = 2, 5 do
  replay.check(("variety at psi = %g less at %g"):format(psis[i],
    psis[i - 1]), varieties[i] - varieties[i - 1], 0, { relation = ">",
    quick = { wanted = -1 } })
end
local at_mean = orrery.no_grad(function()
  return mixed:synthesize(mixed:truncate(ws, 0), false)
end)
replay.check("psi = 0, no noise: images less the first",
  (at_mean - at_mean:narrow(1, 1, 1)):abs():amax(), 0, { abs = 1e-5 })

-- %% [markdown]
-- ## (d), (h) Noise
-- Noise enters each layer through its own strengths, not through the affine
-- map of the style, as the published answer has it; and its effect is far
-- *smaller* than that of a code of an ordinary GAN: it moves details.

-- %% What noise does, and where
local effect = style.noise_effect(mixed, ws, { draws = 100,
  generator = orrery.Generator(6) })
replay.check("variance by noise over that by style", effect.share, 0.2,
  { relation = "<=", quick = { wanted = 10 } })
local fine = style.noise_effect(mixed, ws, { draws = 40, layers = { 5, 6 },
  generator = orrery.Generator(6) })
replay.check("energy of the last side's noise in short waves", fine.detail,
  0.7, { relation = ">=", quick = { wanted = 0 } })
local still = orrery.no_grad(function()
  return mixed:synthesize(ws, false) - mixed:synthesize(ws, false)
end)
replay.check("without noise: two images of a style differ by",
  still:abs():amax(), 0, { abs = 0 })
local many = style.survey(mixed, set.survey, orrery.Generator(4))
local by_noise = {}
for i = 1, 20 do
  by_noise[i] = orrery.no_grad(function()
    return style.read_attributes(style.pictures.shown(mixed:synthesize(ws,
      mixed:noise(8, orrery.Generator(10 + i)))))
  end)
end
local moved = orrery.stack(by_noise, 1):var(1):mean(1) / many.values:var(1)
for i, name in ipairs(style.attribute_names) do
  print(("%s: noise makes %.3f of the variance that codes make"):format(name,
    moved[i]:item()))
end
replay.check("attributes' variance by noise over that by code, mean",
  moved:mean(), 0.05, { relation = "<=", quick = { wanted = 100 } })
style.pictures.noise(mixed, ws, effect.map, 4, orrery.Generator(7))

-- %% [markdown]
-- ## (g) Mixing
-- Two codes $z_1, z_2$, and their styles change at a random layer; not two
-- "latent layers". Digits of the left with the styles of those above at 7
-- pixels, and at 28.

-- %% Coarse and fine
local left, above = ws:narrow(1, 1, 4), ws:narrow(1, 5, 4)
local fids = { mixed = {}, unmixed = {} }
for k = 1, 4 do
  fids.mixed[k], fids.unmixed[k] = fid(mixed, k), fid(unmixed, k)
end
plot.line { xlabel = "codes", ylabel = "FID", ymin = 0, series = {
  { x = { 1, 2, 3, 4 }, y = fids.mixed, name = "90 % mixed" },
  { x = { 1, 2, 3, 4 }, y = fids.unmixed, name = "not mixed" } } }
replay.check("not mixed: FID of four codes over that of one",
  fids.unmixed[4] / fids.unmixed[1], 1, { relation = ">",
    quick = { wanted = 0 } })
for k = 2, 4 do
  replay.check(("FID of %d codes: not mixed less mixed"):format(k),
    fids.unmixed[k] - fids.mixed[k], 0, { relation = ">",
      quick = { wanted = -1e6 } })
end
-- Shape, as slant and width in their deviations, and features of a digit with
-- layers of another's styles: how far they are from the digit's own.
local pairs_of = many.w:size(1) // 2
local first = mixed:spliced({ many.w:narrow(1, 1, pairs_of) }, {})
local second = mixed:spliced({ many.w:narrow(1, pairs_of + 1, pairs_of) }, {})
local function changed(from, to)
  local crossed = orrery.no_grad(function()
    return style.pictures.shown(mixed:synthesize(style.crossed(first, second,
      from, to), false))
  end)
  local own = many.x:narrow(1, 1, pairs_of)
  local function shape(x)
    local all = style.read_attributes(x) / many.values:std(1)
    return orrery.stack({ all:select(2, 1), all:select(2, 3) }, 2)
  end
  return (shape(crossed) - shape(own)):square():mean():item(),
    style.moved(look:features(own), look:features(crossed))
end
local coarse_shape, coarse_features = changed(1, 2)
local fine_shape, fine_features = changed(5, 6)
replay.check("shape moved by fine styles over that by coarse ones",
  fine_shape / coarse_shape, 1, { relation = "<", quick = { wanted = 1e6 } })
replay.check("features moved, fine over coarse",
  fine_features / coarse_features, 1, { relation = "<",
    quick = { wanted = 1e6 } })
plot.grid { style.pictures.mixing(mixed, left, above, 1, 2, noise),
  style.pictures.mixing(mixed, left, above, 5, 6, noise) }

-- %% [markdown]
-- ## (a), (i) The six configurations
-- From a progressive GAN's generator, with the code at its bottom (A), to all
-- of StyleGAN's (F), trained alike. What took 25 million photographs to show
-- does not show in 19,200 digits: a constant that styles must first learn to
-- bend is slower than a code that is a picture from the start, and A is ahead.

-- %% A to F
local nets, rows = { E = unmixed, F = mixed }, {}
for i, name in ipairs { "A", "B", "C", "D", "E", "F" } do
  rows[i] = fid(nets[name] or trained(name), 1)
  print(name, ("FID %.0f"):format(rows[i]))
end
replay.check("configurations that ran", #rows, 6, { abs = 0 })
replay.check("so early, FID of F over that of A", rows[6] / rows[1], 1,
  { relation = ">", quick = { wanted = 0 } })
plot.bar { series = { { x = { "A", "B", "C", "D", "E", "F" }, y = rows,
  name = "digits" } }, ylabel = "FID", title = "trained here" }

-- %% [markdown]
-- ## (b), (j) Path lengths, and what a plane parts

-- %% Path length, and errors of linear probes
local function lengths(net)
  local in_codes, in_styles = style.ppl(net, { n = set.paths,
    extractor = look, resamples = 0 })
  return in_codes.value, in_styles.value
end
local ppl_z, ppl_w = lengths(mixed)
local _, ppl_even = lengths(even_paths)
print(("Z %.0f, W %.0f, W with the penalty %.0f"):format(ppl_z, ppl_w,
  ppl_even))
replay.check("path length in W over that in Z", ppl_w / ppl_z, 1,
  { relation = "<", quick = { wanted = 1e6 } })
replay.check("in W, with the penalty over without", ppl_even / ppl_w, 1,
  { relation = "<", quick = { wanted = 1e6 } })
local wrong = { z = 0, w = 0 }
for i = 1, #style.attribute_names do
  local label = style.above(many.values:select(2, i))
  for space in pairs(wrong) do
    local _, accuracy = style.direction(many[space], label)
    wrong[space] = wrong[space] + (1 - accuracy) / #style.attribute_names
  end
end
replay.check("linear probes' errors, W less Z", wrong.w - wrong.z, 0,
  { relation = "<=", quick = { wanted = 1 } })

-- %% [markdown]
-- ## (k) Editing
-- The published answer edits age and gender of a photograph with a pretrained
-- generator (one picture's caption says "younger" where gender was changed).
-- Of digits: slant in the stead of age, ink in that of gender. The direction
-- is the normal of the hyperplane in $W$ that parts slanted digits from
-- upright ones.

-- %% Directions
local found = style.directions(many)
local edit = style.edit(mixed, many, found.plain[1], 1)
local alone = style.edit(mixed, many, found.alone[1], 1)
replay.check("slant follows the amount: rank correlation", edit.follows, 0.9,
  { relation = ">=", quick = { wanted = -1 } })
replay.check("others' move over slant's, orthogonal to theirs", alone.others,
  0.5, { relation = "<=", quick = { wanted = 1e6 } })
local n = edit.images[1]:size(1)
local before, kept, moved_by = many.x:narrow(1, 1, n), 0, 0
for _, side in ipairs { alone.images[3], alone.images[7] } do
  kept = kept + look:classify(side, "digits"):eq(look:classify(before,
    "digits")):double():mean():item() / 2
  moved_by = moved_by + style.moved(look:features(before),
    look:features(side)) / 2
end
replay.check("digits that stay, one deviation either way", kept, 0.5,
  { relation = ">=", quick = { wanted = 0 } })
replay.check("features' move over their distance in other digits", moved_by,
  0.5, { relation = "<=", quick = { wanted = 1e6 } })
local eight = math.min(8, n)
style.pictures.edits(mixed, mixed:spliced({ many.w:narrow(1, 1, eight) }, {}),
  found.plain[1], edit.amounts, false)

-- %% A digit projected into W, edited, written and read
local target = held:narrow(1, 1, 6) * 2 - 1
local places, psnr = style.project(mixed, target, { steps = set.projection })
replay.check("projection, decibels", psnr:mean(), 20, { relation = ">=",
  quick = { wanted = 0 } })
local strip = orrery.no_grad(function()
  return style.pictures.shown(orrery.cat({ mixed:synthesize(places, false),
    mixed:synthesize(places + found.plain[1] * edit.amounts[7], false) }, 1))
end)
local file = os.tmpname() .. ".png"
local bytes = (strip[1] * 255):round():to "uint8"
assert(orrery.write_image(file, bytes))
replay.check("written and read: differs by",
  (orrery.read_image(file):float() - bytes:float()):abs():amax(), 0,
  { abs = 0 })
os.remove(file)
plot.grid(orrery.cat({ held:narrow(1, 1, 6), strip }, 1), { columns = 6,
  title = "held-out digits, projected, projected and slanted" })
