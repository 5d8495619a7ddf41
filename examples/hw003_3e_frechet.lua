-- %% [markdown]
-- # 003-3e to 3g  The Fréchet distance of images, and its neighbours
-- Two stages: a network that was trained on something else turns each image
-- into features; then the features of real and of generated images are taken
-- for draws of two Gaussians, whose distance is
--
-- $$ \mathrm{FID} = \lVert \mu_r - \mu_g \rVert^2 + \mathrm{Tr}\big(\Sigma_r +
-- \Sigma_g - 2 (\Sigma_r \Sigma_g)^{1/2}\big), $$
--
-- the squared 2-Wasserstein distance of these Gaussians. $\Sigma_r \Sigma_g$ is
-- the product of matrices and the root that of a matrix; a published answer
-- takes both element by element. One number mixes realism and diversity, takes
-- the features for Gaussian, and is too large for few images. Here the network
-- is a small classifier of digits, so its numbers compare only with each other.

-- %%
local orrery = require "orrery"
local data, dist, metrics = orrery.data, orrery.dist, orrery.metrics
local optim, plot, replay = orrery.optim, orrery.plot, orrery.replay
local vae, F = orrery.vae, orrery.nn.functional
local set = replay.settings {
  images = 8000, held = 2000, repeats = 40, steps = 2400,
  hidden = 200, pairs = 500, sizes = { 250, 500, 1000, 2000, 4000 },
  quick = { images = 600, held = 200, repeats = 8, steps = 40,
    hidden = 64, pairs = 20, sizes = { 250, 1000 } },
}
local double = { dtype = "float64" }
local none = { resamples = 0 }
local function matrix(m) return orrery.tensor(m, double) end

-- %% [markdown]
-- ## (e) Closed forms
-- With diagonal covariances it is $\sum (\Delta \mu)^2 + \sum (\Delta s)^2$;
-- $\mathrm{Tr} (\Sigma_1 \Sigma_2)^{1/2}$ is computed as that of the symmetric
-- $(\Sigma_1^{1/2} \Sigma_2 \Sigma_1^{1/2})^{1/2}$.

-- %% By hand
local zero2, zero8 = orrery.zeros(2, double), orrery.zeros(8, double)
local s1 = matrix { { 2, 0.5 }, { 0.5, 1 } }
local s2 = matrix { { 1, -0.3 }, { -0.3, 2 } }
local m2 = matrix { 1, -1 }
local frechet = metrics.frechet_distance
local tiny = { abs = 1e-6 }
local full = frechet(zero2, s1, m2, s2)
replay.check("two full covariances", full, 2.57542589, tiny)
replay.check("the same from the other side", frechet(m2, s2, zero2, s1), full,
  tiny)
replay.check("diagonal ones", frechet(zero2, matrix { { 1, 0 }, { 0, 4 } },
  matrix { 1, 2 }, matrix { { 4, 0 }, { 0, 1 } }), 7, tiny)
replay.check("N(0, 1) and N(0, 9)", frechet(matrix { 0 }, matrix { { 1 } },
  matrix { 0 }, matrix { { 9 } }), 4, tiny)
local eye = orrery.eye(8, double)
replay.check("less diversity, N(0, I) and N(0, I / 4)", frechet(zero8, eye,
  zero8, eye * 0.25), 2, tiny)
replay.check("a law with itself", frechet(zero2, s1, zero2, s1), 0, tiny)
local element = 2 + (s1 + s2 - (s1 * s2):abs():sqrt() * 2):diagonal():sum()
replay.check("element by element it would be", element, 2.343, { abs = 1e-3 })

-- %% [markdown]
-- Two samples of $n$ of the same $N(0, I_d)$ are apart by about $(2d +
-- d(d+1)/2)/n$ on average.

-- %% The bias in n
local function apart(n)
  local values = {}
  for i = 1, set.repeats do
    values[i] = metrics.fid(orrery.randn(n, 8, double),
      orrery.randn(n, 8, double), none).value
  end
  return orrery.tensor(values, double):mean():item()
end
local found, theory = {}, {}
for i, n in ipairs(set.sizes) do
  found[i], theory[i] = apart(n), (16 + 36) / n
end
replay.check("8 dimensions, 1,000 draws each", apart(1000), 0.052,
  { abs = 0.008 })
plot.line { xlabel = "n", ylabel = "FID of one law", log_x = true, log_y = true,
  series = { { x = set.sizes, y = found, name = "measured" },
    { x = set.sizes, y = theory, name = "(2d + d(d+1)/2) / n" } } }

-- %% [markdown]
-- ## The features
-- The 48 numbers of the last layer but one of the classifier that comes with
-- Orrery; it never saw the held-out images.

-- %% A classifier of digits
local digits = assert(data.mnist {})
local images = digits.train:subset(1, set.images)
local held, labels = digits.test:subset(1, set.held):everything()
local judge = metrics.extractor()
local function body(x) return judge:features(x) end
local function of(net, x)
  return orrery.no_grad(function() return net(x) end)
end
replay.check("classifier right on held-out images",
  judge:classify(held, "digits"):eq(labels):double():mean(), 0.97,
  { relation = ">=", quick = { wanted = 0.95 } })

-- %% [markdown]
-- ## What it sees
-- Half of the held-out images stand for the data, the other half is spoiled in
-- five steps: noise, blur (1-2-1 both ways, again and again), more and more
-- images replaced by ones, more and more classes dropped.

-- %% Ladders of damage
local half = set.held // 2
local real, base = held:narrow(1, 1, half), held:narrow(1, half + 1, half)
local base_labels = labels:narrow(1, half + 1, half)
local window = matrix { 1, 2, 1 }:float()
window = (window:unsqueeze(2) * window:unsqueeze(1) / 16):reshape(1, 1, 3, 3)
local function blurred(x, times)
  for _ = 1, times do x = F.conv2d(x, window, nil, { padding = 1 }) end
  return x
end
local grain = orrery.randn(half, 1, 28, 28)
local function noisy(x, sd) return (x + grain * sd):clamp(0, 1) end
local function pick(mask) return mask:nonzero():reshape(-1) end
local ones = base:index_select(1, pick(base_labels:eq(2)))
local ladders = {
  noise = function(level) return noisy(base, 0.08 * level) end,
  blur = function(level) return blurred(base, level) end,
  swapped = function(level)
    local n = half * level // 8
    local copies = ones:index_select(1, orrery.randint(1, ones:size(1), n))
    return n == 0 and base or orrery.cat({ copies,
      base:narrow(1, n + 1, half - n) }, 1)
  end,
  dropped = function(level)
    return base:index_select(1, pick(base_labels:gt(level)))
  end,
}
local order, series = { "noise", "blur", "swapped", "dropped" }, {}
local real_features = of(body, real)
local function fid(x)
  return metrics.fid(real_features, of(body, x), none).value
end
for i, name in ipairs(order) do
  local y = {}
  for level = 0, 5 do
    y[level + 1] = fid(ladders[name](level))
    if level > 0 then
      replay.check(("%s, step %d beyond the one before"):format(name, level),
        y[level + 1], y[level], { relation = ">", quick = {
          wanted = y[level] * 0.7 } })
    end
  end
  series[i] = { x = { 0, 1, 2, 3, 4, 5 }, y = y, name = name }
end
replay.check("images with themselves, of the features' variance",
  metrics.fid(real_features, real_features, none).value
  / real_features:var(1):sum(), 0, tiny)
orrery.show(plot.line { series = series, xlabel = "step", ylabel = "FID" })
local rows = {}
for _, name in ipairs(order) do
  for level = 0, 5 do
    rows[#rows + 1] = ladders[name](level):narrow(1, 1, 4)
  end
end
plot.grid(orrery.cat(rows, 1), { columns = 24 })

-- %% [markdown]
-- ## (f) Reconstructions and random samples
-- Reconstructions are nearer to the data than samples are, since they start
-- from real images. What makes the difference is the code: a draw of the prior
-- is not a draw of the aggregate posterior $\frac1n \sum_i q(z \mid x_i)$, the
-- codes the decoder was trained on. Draws of laws fitted to those codes lie
-- between.

-- %% A VAE of ten latents
local model = vae.mlp { latent = 10, hidden = set.hidden }
local opt = optim.Adam(model, { lr = 2e-3 })
for _, x in images:steps(set.steps, 100, { shuffle = true, seed = 0 }) do
  opt:minimize((model:loss(x)))
end
local codes = of(function(x) return model:posterior(x):sample():double() end,
  images:everything())

-- A Gaussian of the codes' mean and covariance.
local function fitted(z)
  local gap = z - z:mean(1)
  return dist.MultivariateNormal(z:mean(1), { covariance =
    gap:transpose(1, 2):matmul(gap) / z:size(1)
    + orrery.eye(z:size(2), double) * 1e-6 })
end
local clusters = metrics.kmeans(codes, 10, { restarts = 1 }).labels
local parts = {}
for c = 1, 10 do
  local mine = codes:index_select(1, pick(clusters:eq(c)))
  parts[c] = fitted(mine):sample { mine:size(1) * set.held // codes:size(1) }
end
local function decoded(z)
  return of(function(at) return model:decode(at):reshape(-1, 1, 28, 28) end,
    z:float())
end
local kinds = { "reconstructions", "ten Gaussians", "one Gaussian", "prior" }
local made = {
  of(function(x) return model:reconstruct(x):reshape(-1, 1, 28, 28) end, held),
  decoded(orrery.cat(parts, 1)), decoded(fitted(codes):sample { set.held }),
  decoded(orrery.randn(set.held, 10)),
}
local held_features = of(body, held)
local scores = {}
for i, kind in ipairs(kinds) do
  scores[i] = metrics.fid(held_features, of(body, made[i]), none).value
  print(("%-16s %.3f"):format(kind, scores[i]))
end
local some = images:subset(1, math.min(set.held, set.images)):everything()
print(("%-16s %.3f"):format("real and real", metrics.fid(held_features,
  of(body, some), none).value))
for i = 2, 4 do
  replay.check(kinds[i - 1] .. " nearer than " .. kinds[i], scores[i - 1],
    scores[i], { relation = "<=", quick = { wanted = scores[i] * 3 + 1 } })
end
orrery.show(plot.bar { series = { { x = kinds, y = scores, name = "FID" } } })
local sheet = {}
for i = 1, 4 do
  local n = made[i]:size(1)
  sheet[i] = made[i]:index_select(1, orrery.range(0, 15, { dtype = "int64" })
    * (n // 16) + 1)
end
plot.grid(orrery.cat(sheet, 1), { columns = 16, scale = 2 })

-- %% [markdown]
-- ## (g) Other measures
-- The Inception score $\exp \mathbb E\, \mathrm{KL}(p(y \mid x) \,\|\, p(y))$
-- lies between 1 and the number of classes, high when labels are confident and
-- all appear. It never looks at real images. A published answer has it a
-- measure of diversity mostly, and precision and recall one of latent space:
-- these compare the laws of images, in feature space.

-- %% Extreme cases
local function inception(p) return metrics.inception_score(p, none).value end
local sure = orrery.eye(10, double):tile { 20, 1 }
replay.check("sure of all ten classes", inception(sure), 10, tiny)
replay.check("one class only", inception(sure:narrow(1, 1, 1):tile { 20, 1 }),
  1, tiny)
replay.check("two classes, sure to 0.9", inception(matrix { { 0.9, 0.1 },
  { 0.1, 0.9 } }), 1.44493481, tiny)
-- Images of pure noise, which the classifier is sure of, twenty a class.
local static = orrery.rand(200, 784, double)
local rank = static:select(2, 1):argsort(1):argsort(1)
local labelled = ((rank - 1) // 20 + 1):one_hot(10)
replay.check("pure noise, twenty surely of each class",
  inception(labelled:double()), 10, tiny)
replay.check("path length of the map diag(1, 2)", metrics.ppl(function(z)
  return z * matrix { 1, 2 }
end, { latent = 2, n = 20000, space = "w", resamples = 0,
  draw = function(n, generator)
    return orrery.randn({ n, 2 }, { dtype = "float64", generator = generator })
  end }).value, 10, { rel = 0.05 })
local _, velocity = metrics.slerp(matrix { { 1, 0 } }, matrix { { 0, 1 } }, 0.3)
replay.check("speed^2 of an arc of a quarter circle", (velocity ^ 2):sum(),
  2.4674011, tiny)
local same = metrics.prd(real_features, real_features, none)
replay.check("precision and recall of a law with itself", same.f8.value
  + same.f1_8.value, 2, tiny)

-- %% [markdown]
-- ## Which measure sees what
-- Four failures: blur; only the digits 0 to 4; copies of training images; and
-- noise that leaves the label. Memorisation is the share of images that lie
-- nearer to a training image than to a held-out one, 0.5 for none.

-- %% Four failures
local learned = some:narrow(1, 1, half)
local few = base:index_select(1, pick(base_labels:le(5)))
local failures = { { "as real", base }, { "blur", blurred(base, 4) },
  { "half the classes", few:index_select(1, orrery.randint(1, few:size(1),
    half)) }, { "copies", learned }, { "noise", noisy(base, 0.25) } }
local seen = {}
print "                     FID     IS  precision  recall   F1/8     F8  copied"
for _, failure in ipairs(failures) do
  local name, x = failure[1], failure[2]
  local features = of(body, x)
  local pr = metrics.precision_recall(real_features, features, none)
  local prd = metrics.prd(real_features, features, none)
  local row = { fid = fid(x), is = inception(judge:probs(x, "digits"):double()),
    precision = pr.precision.value, recall = pr.recall.value,
    f8 = prd.f8.value, f1_8 = prd.f1_8.value, copied =
      metrics.memorisation(x:flatten(2), learned:flatten(2), real:flatten(2),
        none).value }
  print(("%-17s %7.2f %6.2f %10.3f %7.3f %6.3f %6.3f %7.2f"):format(name,
    row.fid, row.is, row.precision, row.recall, row.f1_8, row.f8, row.copied))
  seen[name] = row
end
local as_real, classes = seen["as real"], seen["half the classes"]
replay.check("half the classes: recall, of that as real", classes.recall
  / as_real.recall, 0.7, { relation = "<=", quick = { wanted = 1 } })
replay.check("half the classes: precision, of that as real",
  classes.precision / as_real.precision, 1, { abs = 0.05,
    quick = { abs = 0.3 } })
replay.check("blur: precision below that as real", seen.blur.precision,
  as_real.precision, { relation = "<", quick = { wanted = 1.01 } })
replay.check("copies: FID below that of noise", seen.copies.fid,
  seen.noise.fid, { relation = "<", quick = { wanted = 1e3 } })
replay.check("copies: seen by the nearest neighbour", seen.copies.copied, 0.95,
  { relation = ">=" })

-- %% [markdown]
-- The path length belongs to a generator, not to its images: how far the
-- features move along a short way in the latent. Blur makes it shorter, so it
-- too wants company.

-- %% Path lengths
local function length(generate)
  return metrics.ppl(function(z)
    return judge:embed(generate(model:decode(z):reshape(-1, 1, 28, 28)))
  end, { latent = 10, n = set.pairs, space = "z", resamples = 0 }).value
end
local straight = length(function(x) return x end)
local smooth = length(function(x) return blurred(x, 4) end)
print(("path length %.1f, blurred %.1f"):format(straight, smooth))
replay.check("blur shortens the way", smooth, straight, { relation = "<",
  quick = { wanted = straight * 2 + 1 } })
