-- %% [markdown]
-- # 000-4a  Mode collapse
-- The generator's step descends $\frac1m \sum_i \log(1 - D(G(z_i)))$. Were $D$
-- to stand still, the best $G$ would be one point, $x^* = \arg\max_x D(x)$,
-- whatever $z$ is. So $G$ runs there; $D$ learns to reject $x^*$; $G$ hops to
-- another mode, and the chase begins anew. That is the ordinary course of the
-- game, not something a Wasserstein critic adds to it, as one published answer
-- reads. All samples on one point is rare; some modes missing is common.
--
-- Where $G$ ignores $z$, $\partial G / \partial z \approx 0$. Another answer
-- concludes that $G$ is not trained then: but the gradient by the *parameters*
-- does not vanish, it moves the one point about.
--
-- Remedies by which the answers go: let $G$ look some steps of $D$ ahead
-- (unrolled); a net that brings samples back to their noise, and a $D$ of pairs
-- (VEEGAN); a mixture of generators, each for what the others miss (AdaGAN);
-- the Wasserstein distance; noise on what $D$ sees.

-- %%
local orrery = require "orrery"
local data, gan, metrics, nn = orrery.data, orrery.gan, orrery.metrics,
  orrery.nn
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  share = 1, shots = 5, boosted = 2000, classifier = 400, digits = 1500,
  seeds = 3,
  quick = { share = 0.01, shots = 2, boosted = 20, classifier = 10,
    digits = 20, seeds = 1 },
}
local double = { dtype = "float64" }

-- %% [markdown]
-- ## A game that never ends
-- One number each, $\min_x \max_y xy$, at a rate of 0.1. If both move at once
-- the radius grows by $\sqrt{1 + 0.1^2}$ a step. One after the other they keep
-- $x^2 + y^2 - 0.1\,xy$ as it is and go round for ever, between the radii
-- $1 / \sqrt{1 \pm 0.05}$: 0.976 and 1.026.

-- %% Two players of x y
local function rounds(alternating, steps)
  local x, y, radii, xs, ys = 1, 0, {}, {}, {}
  for i = 1, steps do
    local to = x - 0.1 * y
    y = y + 0.1 * (alternating and to or x)
    x = to
    radii[i], xs[i], ys[i] = math.sqrt(x * x + y * y), x, y
  end
  return orrery.tensor(radii, double), xs, ys
end

local grown, sx, sy = rounds(false, 100)
replay.check("both at once: radius after 100 steps", grown[100], 1.64463182,
  { abs = 1e-7 })
local bounded, ax, ay = rounds(true, 10000)
replay.check("in turn: largest radius", bounded:amax(),
  1 / math.sqrt(0.95) + 1e-9, { relation = "<=" })
replay.check("in turn: smallest radius", bounded:amin(),
  1 / math.sqrt(1.05) - 1e-9, { relation = ">=" })
plot.line { square = true, xlabel = "x", ylabel = "y", series = {
  { x = sx, y = sy, name = "both at once" },
  { x = { table.unpack(ax, 1, 100) }, y = { table.unpack(ay, 1, 100) },
    name = "in turn" } } }

-- %% [markdown]
-- ## A ring of eight
-- Eight Gaussians of standard deviation 0.02 at radius 2. A sample is good
-- within three standard deviations of a centre, a mode is covered by 20 of
-- 2,500 samples. All but one thing is the same in the set-ups that begin with
-- C; B and A have other nets or rates (see `gan.setups`). Each is played with
-- three seeds, and the median counts.

-- %% The plain game, whose discriminator learns ten times slower
local ring = data.known.ring {}

-- Plays a set-up; what it covers at the end, and snapshots on the way.
local function play(name, steps, given)
  local o = { steps = math.max(10, steps * set.share // 1 | 0) }
  for key, value in pairs(given or {}) do o[key] = value end
  if set.share < 1 then o.batch = 32 end
  local s = gan.setup(name, o)
  local every, shots, hops, done = s.steps // set.shots, {}, {}, 0
  local looking = orrery.Generator(5)  -- which must not change the training
  local function made(n)
    return (s.game:sample(n, { average = s.average, generator = looking }))
  end
  for x in s.data:batches(s.batch) do
    s.game:step(x)
    done = done + 1
    if done % math.max(1, s.steps // 60) == 0 then
      local middle = made(256):mean(1)
      hops[#hops + 1] = ((s.data.centers - middle) ^ 2):sum(2):argmin():item()
    end
    if done % every == 0 and #shots < set.shots then
      shots[#shots + 1] = gan.pictures.samples(made(500), s.data,
        ("%s, step %d"):format(name, done))
    end
    if done == s.steps then break end
  end
  local m = metrics.modes(made(2500), s.data)
  print(("%-12s %5d steps  %2d of %d covered, good %3.0f %%, KL of modes %.2f")
    :format(name, s.steps, m.modes20, m.of, 100 * m.quality, m.kl_all))
  return { setup = s, m = m, shots = shots, hops = hops }
end

-- With every seed: the last game, and the medians of what it covers.
local function covers(name, steps, slope_of)
  local run
  local median = replay.medians(set.seeds, function()
    run = play(name, steps)
    return { modes = run.m.modes20,
      slope = slope_of and slope_of(run.setup.game) }
  end)
  return run, median
end

-- ||dG/dz||, the mean over 500 codes, along a random direction each.
local function slope(game)
  local z, h = game:noise(500, orrery.Generator(3)), 1e-2
  local way = orrery.randn({ 500, z:size(2) },
    { generator = orrery.Generator(4) })
  way = way / way:norm(2, -1):unsqueeze(2) * h
  return orrery.no_grad(function()
    return ((game.generator(z + way) - game.generator(z - way)) / (2 * h))
      :norm(2, -1):mean():item()
  end)
end

local plain, of_plain = covers("C", 3000, slope)
replay.check("plain: modes covered", of_plain.modes, 4, { relation = "<=" })
orrery.show(plot.grid { columns = set.shots, table.unpack(plain.shots) })
plot.line { y = plain.hops, xlabel = "time", ylabel = "mode",
  title = "the mode nearest to the mean of G: it hops", ymin = 0, ymax = 9 }

-- %% [markdown]
-- What $D$ says of each place, and where it pushes: with the samples on one
-- side, the other side looks more real.

-- %% D
gan.pictures.field(plain.setup.game, ring,
  { samples = (plain.setup.sample(200)) })

-- %% Remedies
local cures = {
  { "C-unroll5", 2000 }, { "B-wgangp", 2000 }, { "B-veegan", 8000 },
}
local last = {}
for i, cure in ipairs(cures) do
  local run, median = covers(cure[1], cure[2])
  replay.check(cure[1] .. ": modes covered", median.modes, 7,
    { relation = ">=", quick = { wanted = 0 } })
  replay.check(cure[1] .. ": more than plain", median.modes,
    of_plain.modes + 3, { relation = ">=", quick = { wanted = 0 } })
  last[i] = run.shots[#run.shots]
end

-- %% [markdown]
-- And what no gate is set for: noise on $D$'s inputs changes nothing in this
-- set-up; the same nets with *equal* rates need no remedy at all; on the grid
-- of 25 the plain game finds most modes but few of them often.

-- %% Others
orrery.manual_seed(1)
local noisy = play("C-noise", 2000)
local healthy, of_healthy = covers("A", 3000, slope)
local grid = play("B", 3000, { data = "grid" })
last[4] = noisy.shots[#noisy.shots]
last[5] = healthy.shots[#healthy.shots]
last[6] = grid.shots[#grid.shots]
last.columns = 3
plot.grid(last)

-- %% [markdown]
-- ## What z still moves
-- $\lVert \partial G / \partial z \rVert$, the mean over 500 codes: of the
-- collapsed generator against the healthy one, which has the same nets. It does
-- not vanish here, since the one blob that hops about is no point; on the
-- digits below it does. The gradient by the parameters is there all along.

-- %% Slopes of G
replay.check("slope of G, collapsed over healthy",
  of_plain.slope / of_healthy.slope, 0.5, { relation = "<",
    quick = { wanted = 10 } })
local z = plain.setup.game:noise(128)
local pushes = orrery.grad(plain.setup.game.loss.generator(
  plain.setup.game:score(plain.setup.game.generator(z)):unsqueeze(2)),
  plain.setup.game.generator:parameters())
local norm = 0
for _, g in ipairs(pushes) do norm = norm + (g ^ 2):sum():item() end
replay.check("gradient by its parameters", math.sqrt(norm), 1e-3,
  { relation = ">" })

-- %% [markdown]
-- ## AdaGAN
-- Four small generators, 4,000 points round eight scattered places; each new
-- one learns on data weighed towards what the mixture before it misses, found
-- by a classifier.

-- %% Boosted
local law = data.known.scattered {}
local wide = { 64, 64 }

local function component()
  return gan.Game { latent = 5, loss = "non_saturating", compile = true,
    generator = gan.mlp(5, 2, { hidden = wide, output_scale = 10 }),
    discriminator = gan.mlp(2, 1, { hidden = wide, scale = 0.1 }),
    rate = gan.halfway(set.boosted), optimizers = {
      generator = { lr = 1e-3 }, discriminator = { lr = 3e-4 } } }
end

local pictures
local covered = replay.medians(set.seeds, function(seed)
  local ada = gan.AdaGAN { data = law:sample(4000), scale = 0.1,
    components = 4, steps = set.boosted, classifier_steps = set.classifier,
    game = component }
  while ada:step() do end
  local modes = {}
  pictures = { columns = 4 }
  for t = 1, 4 do
    local x = ada:sample(2500, { components = t })
    modes[t] = metrics.modes(x, law).modes20
    pictures[t] = gan.pictures.samples(x:narrow(1, 1, 500), law,
      ("%d: %d modes"):format(t, modes[t]))
  end
  print(("seed %d: modes of the first 1 to 4: %s"):format(seed,
    table.concat(modes, ", ")))
  return modes
end)
for t = 2, 4 do
  replay.check(("modes of the first %d"):format(t), covered[t],
    covered[t - 1], { relation = ">=", quick = { wanted = 0 } })
end
replay.check("modes of all four", covered[4], 7, { relation = ">=",
  quick = { wanted = 0 } })
plot.grid(pictures)

-- %% [markdown]
-- ## Digits
-- The same on images: a classifier names 2,500 samples of a GAN whose $D$
-- learns as fast as $G$, and of one whose $D$ learns 50 times slower.

-- %% Classes of samples
local digits = assert(data.mnist {})
local namer = metrics.extractor()

local function images(d_rate)
  local game = gan.Game { latent = 32, loss = "non_saturating", compile = true,
    generator = nn.Sequential { nn.Linear(32, 128), nn.ReLU(),
      nn.Linear(128, 784), nn.Sigmoid() },
    discriminator = gan.mlp(784, 1, { hidden = { 128 },
      activation = "leaky_relu" }), optimizers = {
      generator = { lr = 1e-3, betas = { 0.5, 0.999 } },
      discriminator = { lr = d_rate, betas = { 0.5, 0.999 } } } }
  for _, x in digits.train:steps(set.digits, 64,
    { shuffle = true, seed = 0, drop_last = true }) do
    game:step(x:flatten(2))
  end
  local x = game:sample(2500):reshape(2500, 1, 28, 28)
  local named = namer:classify(x, "digits")
  local m = metrics.class_modes(named, 10)
  m.counts, m.slope = named:bincount { minlength = 10 }, slope(game)
  return x, m
end

local well, of_well, ill, of_ill
local named = replay.medians(set.seeds, function(seed)
  well, of_well = images(1e-3)
  ill, of_ill = images(2e-5)
  print(("seed %d: %d classes at equal rates, %d of a slow D"):format(seed,
    of_well.modes, of_ill.modes))
  return { well = of_well.modes, ill = of_ill.modes, well_kl = of_well.kl,
    ill_kl = of_ill.kl, slope = of_ill.slope / of_well.slope }
end)
replay.check("classes, equal rates", named.well, 9, { relation = ">=",
  quick = { wanted = 1 } })
replay.check("classes, slow D", named.ill, 2, { relation = "<=",
  quick = { wanted = 10 } })
replay.check("KL of the classes, slow D", named.ill_kl, named.well_kl,
  { relation = ">", quick = { wanted = -1 } })
replay.check("slope of G, slow D over equal rates", named.slope, 0.1,
  { relation = "<", quick = { wanted = 10 } })
orrery.show(plot.bar { series = {
  { x = digits.classes, y = of_well.counts, name = "equal rates" },
  { x = digits.classes, y = of_ill.counts, name = "slow D" } },
  ylabel = "samples" })
plot.grid(orrery.cat({ well:narrow(1, 1, 16), ill:narrow(1, 1, 16) }, 1),
  { columns = 16, scale = 2, padding = 2 })
