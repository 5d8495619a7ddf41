-- %% [markdown]
-- # 002-3  A generator steered by styles
-- StyleGAN (Karras, Laine & Aila 2019) changes the generator of a progressive
-- GAN and nothing else: a *mapping* network turns the code $z$ into a style
-- $w$; the synthesis starts at a learned constant; after each convolution come
-- noise, scaled by a learned number for each channel, and adaptive instance
-- normalisation by the style. Discriminator, loss and training are as before,
-- but for styles that are mixed in training. Two measures came with it, path
-- length and separability, and photographs of faces (FFHQ). Small ones are
-- trained and looked into in hw002_3_trained.lua.

-- %%
local orrery = require "orrery"
local gan, metrics, nn = orrery.gan, orrery.metrics, orrery.nn
local plot, replay = orrery.plot, orrery.replay
local style = orrery.style
local set = replay.settings { cards = 20000, steps = 1000,
  quick = { cards = 5000, steps = 3 } }
local o64 = { dtype = "float64" }
local exact = { abs = 1e-6 }

-- %% [markdown]
-- ## (a), (b) Layers
-- Sides double from 4 to 1,024 pixels, with two layers each: $2 (\log_2 1024 -
-- 1) = 18$. The mapping has 8 layers, 512 to 512. Counted by hand, as the
-- table of the authors' program has it (a way to pixels for each side):

-- %% The published generator, counted
local function conv(from, to, k) return from * to * k * k end
local function published()
  local mapping, synthesis, layers = 8 * (512 * 512 + 512), 512 * 16, 0
  local before
  for log_side = 2, 10 do
    local c = math.min(512, 16384 >> log_side)
    for _, from in ipairs { before or 0, c } do
      -- Convolution, noise strengths, bias, and the affine map of the style.
      synthesis = synthesis + conv(from, c, 3) + 2 * c + 512 * 2 * c + 2 * c
      layers = layers + 1
    end
    synthesis = synthesis + conv(c, 3, 1) + 3
    before = c
  end
  return layers, mapping, synthesis
end
local layers, mapping, synthesis = published()
replay.check("layers that take a style", layers, 18, { abs = 0 })
replay.check("weights of the mapping", mapping, 2101248, { abs = 0 })
replay.check("weights in all", mapping + synthesis, 26219627, { abs = 0 })

-- %% The same, made narrow
local narrow = style.Generator { size = 1024, channel_base = 2048,
  channel_max = 2, latent = 4, style_dim = 4, mapping = 8, colours = 3 }
replay.check("layers of a narrow one", narrow.layers, 18, { abs = 0 })
replay.check("sides", #narrow.sides, 9, { abs = 0 })

-- %% [markdown]
-- *What the mapping is for.* The published answer counts it a merit that $z$
-- must follow the density of the data. It is the other way round: that is the
-- trouble with $Z$, and $W$ is free of it. Say the data have two factors, even
-- on a square of which a corner is missing (no bearded women, say). A map from
-- $N(0, I)$ to this law must bend: here the triangular one, $z_1 \to x_1$ by
-- its distribution function, $z_2 \to x_2$ by that given $x_1$. Lines along
-- which a factor is constant are straight in $x$, which a synthesis that is
-- linear in $w = x$ can keep; in $z$ they are not.

-- %% A square without a corner
local square = orrery.linspace(0.02, 0.98, 49, o64)
-- x in [0, 1]^2 but x1 > 1/2 and x2 > 1/2: area 3/4.
local function code_of(x1, x2)
  local height = orrery.where(x1:gt(0.5), 0.5, 1)
  local mass = orrery.where(x1:gt(0.5), 2 / 3 + (x1 - 0.5) * 2 / 3,
    x1 * 4 / 3)
  local function normal(u) return u:clamp(1e-6, 1 - 1e-6):ndtri() end
  return orrery.stack({ normal(mass), normal(x2 / height) }, 2)
end
-- Length over distance of the ends, of lines on which x2 is constant.
local function bent(value)
  local line = code_of(square, orrery.full({ 49 }, value, o64))
  local steps = (line:narrow(1, 2, 48) - line:narrow(1, 1, 48)):norm(2, 2)
  return steps:sum():item() / (line[49] - line[1]):norm():item()
end
local random = orrery.Generator(1)
local draws = orrery.rand({ 6000, 2 }, { dtype = "float64",
  generator = random })
local inside = orrery.argwhere((draws:select(2, 1):le(0.5)):logical_or(
  draws:select(2, 2):le(0.5))):reshape(-1)
local x = draws:index_select(1, inside)
local z = code_of(x:select(2, 1), x:select(2, 2))
local factor = x:select(2, 2):gt(0.3):double()
local _, in_w = style.direction(x, factor)
local _, in_z = style.direction(z, factor)
print(("a linear probe of x2 > 0.3 is wrong on %.2f %% of W, %.2f %% of Z")
  :format(100 * (1 - in_w), 100 * (1 - in_z)))
replay.check("lines x2 = 0.3 in Z: length over distance", bent(0.3), 1.02,
  { relation = ">" })
replay.check("errors of a linear probe in W", 1 - in_w, 0, { abs = 5e-3 })
replay.check("in Z", 1 - in_z, 0.05, { relation = ">" })
local curves = {}
for i, value in ipairs { 0.1, 0.2, 0.3, 0.4 } do
  curves[i] = { name = "x2 = " .. value, x = nil }
  local line = code_of(square, orrery.full({ 49 }, value, o64))
  curves[i].x, curves[i].y = line:select(2, 1), line:select(2, 2)
end
plot.line { series = curves, title = "one factor constant, in Z",
  xlabel = "z1", ylabel = "z2" }

-- %% [markdown]
-- *Truncation* draws styles to their mean, $w' = \bar w + \psi (w - \bar w)$:
-- the covariance is multiplied by $\psi^2$.

-- %% Truncation
local G = style.Generator { size = 28, channel_max = 8 }
G:measure_mean(2000)
local codes = orrery.randn(500, 64)
local function spread(psi)
  return G:styles(codes, { psi = psi }):select(2, 1):double():var(1):sum()
    :item()
end
replay.check("variance at psi = 0.7 of that at 1", spread(0.7) / spread(1),
  0.49, { abs = 1e-4 })

-- %% [markdown]
-- ## (c) Normalisation
-- Batch normalisation takes mean and deviation over the batch, instance
-- normalisation of each image and channel by itself; AdaIN then gives them the
-- style's:
--
-- $$ \mathrm{AdaIN}(x, y) = \sigma(y) \frac{x - \mu(x)}{\sigma(x)} + \mu(y). $$
--
-- AdaIN itself has nothing to learn, as the published answer says; the affine
-- map that makes $\sigma(y)$ and $\mu(y)$ of $w$ does.

-- %% Statistics
local content = orrery.randn({ 1, 2, 40, 40 }, o64) * 3 + 1
local given = orrery.randn({ 1, 2, 30, 30 }, o64)
given = (given - given:mean { axis = { 3, 4 }, keepdim = true })
  / given:std { axis = { 3, 4 }, correction = 0, keepdim = true } * 1.7 + 0.4
local adain = nn.AdaIN(nil, nil, { eps = 1e-12 })
local styled = adain(content, given)
replay.check("deviation after AdaIN", styled[1][1]:std { correction = 0 }, 1.7,
  exact)
replay.check("mean after AdaIN", styled[1][1]:mean(), 0.4, exact)
replay.check("AdaIN(a x + b, y) less AdaIN(x, y)",
  (adain(content * 2.5 - 3, given) - styled):abs():amax(), 0, { abs = 1e-4 })
-- Two images, one of ten times the contrast.
local pair = orrery.randn({ 2, 1, 30, 30 }, o64)
pair[2] = pair[2] * 10
local function contrast(layer)
  local y = layer(pair)
  return (y[2]:std() / y[1]:std()):item()
end
replay.check("contrasts' ratio after batch norm, over that before",
  contrast(nn.BatchNorm2d(1, o64)) / contrast(function(v) return v end), 1,
  exact)
replay.check("contrasts' ratio after instance norm",
  contrast(nn.InstanceNorm2d(1, { eps = 1e-12, dtype = "float64" })), 1,
  exact)

-- %% [markdown]
-- ## (e) Losses
-- Nothing is new here: WGAN-GP on CelebA-HQ and for configuration A on FFHQ,
-- the non-saturating loss with $R_1$ for B to F on FFHQ. (The published answer
-- has a non-saturating loss for all of FFHQ's and leaves $R_1$ out.)

-- %% Slopes
local a = orrery.tensor({ -5 }, o64):requires_grad_()
local saturating = (1 - a:sigmoid()):log()
local other = orrery.softplus(-a)
replay.check("slope of log(1 - sigmoid(a)) at -5",
  orrery.grad(saturating:sum(), { a })[1], -0.00669285092, exact)
replay.check("slope of -log sigmoid(a) at -5",
  orrery.grad(other:sum(), { a })[1], -0.993307149, exact)
-- A linear critic between laws that are 2 apart: 2 w - 10 (w - 1)^2.
local w = orrery.linspace(0, 2, 200001, o64)
local value = w * 2 - (w - 1) ^ 2 * 10
replay.check("best slope under a penalty of 10",
  w[value:argmax():item()], 1.1, { abs = 1e-5 })
replay.check("its value", value:amax(), 2.1, exact)

-- %% The penalty's gradient, against differences
local critic = nn.Sequential { nn.Linear(3, 8, o64), nn.Tanh(),
  nn.Linear(8, 1, o64) }
local real, fake = orrery.randn({ 6, 3 }, o64), orrery.randn({ 6, 3 }, o64)
local function penalty()
  return gan.penalties.gp(critic, real, fake, orrery.Generator(4))
end
local first = critic[1].weight
local slope = orrery.grad(penalty(), { first })[1]
local along = orrery.randn({ 8, 3 }, o64)
local function at(h)
  orrery.no_grad(function() first:add_(along * h) end)
  local y = penalty():item()
  orrery.no_grad(function() first:add_(along * -h) end)
  return y
end
replay.check("gradient of the penalty less differences",
  (slope * along):sum():item() - (at(1e-4) - at(-1e-4)) / 2e-4, 0,
  { abs = 1e-3 })

-- %% R1, of a slope that is known; and slopes after WGAN-GP
-- D(x) = w x has the slope w everywhere: gamma / 2 |w|^2 with gamma = 10.
local flat = nn.Linear(3, 1, o64)
replay.check("R1 of a linear D over 5 |w|^2",
  gan.penalties.r1(flat, real) * 10 / (flat.weight:square():sum() * 5), 1,
  exact)
local ring = orrery.data.known.ring {}
local betas = { 0, 0.9 }
local game = gan.Game { generator = gan.mlp(2, 2),
  discriminator = gan.mlp(2, 1), latent = 2, loss = "wgan",
  parts = { gan.penalty("gp", 10) }, critic_steps = 5, compile = true,
  optimizers = { generator = { lr = 1e-3, betas = betas },
    discriminator = { lr = 1e-3, betas = betas } } }
for _ = 1, set.steps do game:step((ring:sample(5 * 64))) end
local between = orrery.lerp(game:sample(1000), (ring:sample(1000)),
  orrery.rand { 1000, 1 })
replay.check("mean slope of the critic between made and real",
  gan.penalties.norms(game.discriminator, between):mean(), 1, { abs = 0.2,
    quick = { abs = 1 } })

-- %% [markdown]
-- ## (f) A card for a set of images
-- FFHQ: 70,000 photographs of $1024 \times 1024$ pixels from a public site,
-- varied in age, origin, background and light, aligned and cropped; it has the
-- bias of those who upload, and of glasses and hats. What a card must find:
-- generated shapes, of which a tenth was given a hat.

-- %% A planted bias
local card = { name = "FFHQ", images = 70000, side = 1024 }
replay.check("images, as stated", card.images, 70000, { abs = 0 })
local hats = orrery.rand({ set.cards }, { generator = random }):lt(0.1)
local faces = orrery.zeros(200, 1, 12, 12)
faces[{ {}, {}, { 4, 11 }, { 3, 10 } }] = 0.6
local shown = hats:narrow(1, 1, 200):float():reshape(200, 1, 1, 1)
faces[{ {}, {}, { 1, 3 }, { 2, 11 } }] =
  shown:expand { 200, 1, 3, 10 }
local counted = faces[{ {}, 1, 2, 6 }]:gt(0.5):double()
replay.check("hats found less hats planted, of 200",
  counted:sum():item() - hats:narrow(1, 1, 200):sum():item(), 0, { abs = 0 })
replay.check("part with a hat", hats:double():mean(), 0.1, { abs = 0.01,
  quick = { abs = 0.02 } })
plot.grid(faces:narrow(1, 1, 40), { columns = 20 })

-- %% [markdown]
-- ## (g) and (i) What was published
-- FID on FFHQ by the share of examples with mixed styles in training (rows)
-- and the number of codes mixed in the test; and of the configurations.

-- %% Mixing
local mixing = { [0] = { 4.42, 8.22, 12.88, 17.41 },
  [50] = { 4.41, 6.10, 8.71, 11.61 }, [90] = { 4.40, 5.11, 6.88, 9.03 },
  [100] = { 4.83, 5.17, 6.63, 8.40 } }
local rising, ahead = 0, 0
for share, row in pairs(mixing) do
  for k = 2, 4 do
    if row[k] > row[k - 1] then rising = rising + 1 end
    if share > 0 and row[k] < mixing[0][k] then ahead = ahead + 1 end
  end
end
replay.check("steps up along rows, of 12", rising, 12, { abs = 0 })
replay.check("ahead of no mixing, two codes or more, of 9", ahead, 9,
  { abs = 0 })
local series = {}
for _, share in ipairs { 0, 50, 90, 100 } do
  series[#series + 1] = { x = { 1, 2, 3, 4 }, y = mixing[share],
    name = share .. " % mixed" }
end
plot.line { series = series, xlabel = "codes", ylabel = "FID",
  title = "as published" }

-- %% [markdown]
-- A is the progressive GAN, B has smooth resampling, C a mapping and styles, D
-- no code as input, E noise, F mixing. The published answer says that each
-- addition helps and that FFHQ is better than CelebA-HQ: from C to D FFHQ gets
-- worse, from E to F CelebA-HQ does, and FIDs of two data sets cannot be
-- compared.

-- %% Configurations
local celeba = { 7.79, 6.11, 5.34, 5.07, 5.06, 5.17 }
local ffhq = { 8.04, 5.25, 4.85, 4.88, 4.42, 4.40 }
local function gain(row, from, to) return (row[from] - row[to]) / row[from] end
replay.check("A to F on FFHQ", gain(ffhq, 1, 6), 0.452736318, exact)
replay.check("A to F on CelebA-HQ", gain(celeba, 1, 6), 0.336, { abs = 5e-4 })
replay.check("A to B on FFHQ", gain(ffhq, 1, 2), 0.347, { abs = 5e-4 })
replay.check("A to B on CelebA-HQ", gain(celeba, 1, 2), 0.216, { abs = 5e-4 })
replay.check("C to D on FFHQ gets worse by", ffhq[4] - ffhq[3], 0.03, exact)
replay.check("E to F on CelebA-HQ gets worse by", celeba[6] - celeba[5], 0.11,
  exact)
local letters = { "A", "B", "C", "D", "E", "F" }
plot.bar { series = { { x = letters, y = celeba, name = "CelebA-HQ" },
  { x = letters, y = ffhq, name = "FFHQ" } }, ylabel = "FID",
  title = "as published" }

-- %% [markdown]
-- ## (j) Measures
-- Path length: $2 \lVert A \rVert_F^2$ for a linear generator $A$ of $N(0,
-- I)$; an arc between orthogonal unit vectors has speed $\pi / 2$.
-- Separability: $\exp \sum_i H(Y_i \mid X_i)$, the entropy of attributes that
-- hyperplanes leave.

-- %% Closed forms
local double = orrery.tensor({ 1, 2 }, o64)
replay.check("path length of diag(1, 2)", metrics.ppl(function(v)
  return v * double
end, { space = "w", resamples = 0, n = set.cards, draw = function(n, g)
  return orrery.randn({ n, 2 }, { dtype = "float64", generator = g })
end }).value, 10, { rel = 0.03, quick = { rel = 0.06 } })
local e1, e2 = orrery.tensor({ { 1, 0 } }, o64), orrery.tensor({ { 0, 1 } },
  o64)
local _, speed = metrics.slerp(e1, e2, 0.3)
replay.check("squared speed of an arc", (speed ^ 2):sum(), 2.4674011, exact)
replay.check("exp of 0.3 nats", math.exp(0.3), 1.34985881, exact)
local even = orrery.tensor({ { 50, 50 }, { 50, 50 } }, o64)
replay.check("a useless hyperplane", math.exp(metrics.conditional_entropy(
  even)), 2, exact)
