-- %% [markdown]
-- # 000-5b  A GAN on very little data
-- With few images $D$ learns them by heart: it is right on all of them and
-- wrong on everything else, so it has nothing to tell the generator. More
-- images are wanted, and changed copies (turned, mirrored, shifted) are the
-- cheap ones. Which changes help, and where must they go in? The answer given
-- is DAG, augmentation made for GANs (Tran et al. 2021). Here it is for one
-- game; a CycleGAN has two of them, each with a $D$ to which the same is done.
--
-- With the best $D^* = p_d / (p_d + p_g)$ the value of the game is
--
-- $$ V(D^*, G) = -\log 4 + 2\, \mathrm{JS}(P_d \,\|\, P_g). $$
--
-- *Naive augmentation* changes the real images only. The value becomes $-\log 4
-- + 2\, \mathrm{JS}(P_d^T \,\|\, P_g)$, least at $P_g = P_d^T$: the generator
-- learns the changed images too. That much follows; that it is worse by other
-- measures is something the paper observes, and does not prove.
--
-- *The same change on both sides.* If $T$ can be undone and $J$ is its
-- Jacobian, $p^T(Tx) = p(x)\, |J|^{-1}$, so that the best $D$ of changed images
--
-- $$ D_T^*(Tx) = \frac{p_d(x)\, |J|^{-1}}{(p_d(x) + p_g(x))\, |J|^{-1}}
-- = D^*(x), \qquad \mathrm{JS}(P_d^T \,\|\, P_g^T) = \mathrm{JS}(P_d \,\|\,
-- P_g). $$
--
-- They are *equal*; one sentence of the published answer says that they are
-- not, against its own formula. Permutations of pixels have $|J| = 1$. If $T$
-- cannot be undone, JS can only be smaller.
--
-- *One D for all changes* sees mixtures $\sum_m w_m P^{T_m}$, and JS is convex:
--
-- $$ \mathrm{JS}\Big(\sum_m w_m P^{T_m} \,\Big\|\, \sum_m w_m Q^{T_m}\Big) \le
-- \sum_m w_m\, \mathrm{JS}(P^{T_m} \,\|\, Q^{T_m}) = \mathrm{JS}(P \,\|\, Q).
-- $$
--
-- So the left side may be 0 while $P \ne Q$.
--
-- *DAG*: a head $D_k$ for each $T_k$, $T_1$ being no change, on one trunk:
--
-- $$ \max_D\; V(D, G) + \frac{\lambda_u}{K - 1} \sum_{k=2}^K V(D_k, G), \qquad
-- \min_G\; V(D, G) + \frac{\lambda_v}{K - 1} \sum_{k=2}^K V(D_k, G), $$
--
-- $$ \begin{aligned} \sum_{k=2}^K V(D_k^*, G) &= -(K - 1) \log 4 + 2
-- \sum_{k=2}^K \mathrm{JS}(P_d^{T_k} \,\|\, P_g^{T_k}) \\ &= (K - 1)
-- \big({-\log 4} + 2\, \mathrm{JS}(P_d \,\|\, P_g)\big), \end{aligned} $$
--
-- with the constant that the answer leaves out. Every head pulls $P_g$ to
-- $P_d$, and the trunk sees $K$ times as many images. (Slips of the pen there:
-- IS and single bars for JS and double ones, clipping for cropping.)

-- %%
local orrery = require "orrery"
local data, dist, gan, metrics, nn = orrery.data, orrery.dist, orrery.gan,
  orrery.metrics, orrery.nn
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  steps = 2000, batch = 32, few = 200, made = 1000, all = 4000,
  amounts = { 50, 200, 1000 },
  quick = { steps = 4, batch = 8, few = 20, made = 50, all = 100,
    amounts = { 10, 20 } },
}
local double = { dtype = "float64" }
local exact = { abs = 1e-6 }

-- %% [markdown]
-- ## (i) Laws on the line
-- $T(x) = x + \frac12 \sin x$ rises everywhere, so it can be undone, and moves
-- both laws out of the Gaussians. $|x|$ cannot; nor does a mixture of $x$ and
-- its mirror image $-x$ say which of the two there was.

-- %% JS before and after
local function normal(m)
  return dist.Normal(orrery.tensor(m, double), 1)
end
local bend = {}
function bend.forward(_, x) return x + x:sin() / 2, (x:cos() / 2):log1p() end
function bend.inverse(_, y)
  local low, high = y - 0.5, y + 0.5
  for _ = 1, 55 do
    local x = (low + high) / 2
    local under = bend:forward(x):lt(y)
    low = orrery.where(under, x, low)
    high = orrery.where(under, high, x)
  end
  return low, (low:cos() / 2):log1p()
end
local function bent(p) return dist.Transformed(p, bend) end
-- x or -x, equally often.
local function mirrored(m)
  return dist.Mixture({ 0.5, 0.5 },
    dist.Normal(orrery.tensor({ m, -m }, double), 1))
end

local near = dist.js(normal(1), normal(2))
local far = dist.js(normal(1), normal(-1))
replay.check("JS of N(1, 1), N(2, 1)", near, 0.111421482, exact)
replay.check("JS of N(1, 1), N(-1, 1)", far, 0.33683082, exact)
local of_bent = dist.js(bent(normal(0)), bent(normal(1)))
replay.check("T(x) = x + sin(x) / 2: JS", of_bent, 0.111421482, exact)
replay.check("JS of T less JS", of_bent - dist.js(normal(0), normal(1)), 0,
  exact)
local of_mixed = dist.js(mirrored(1), mirrored(2))
replay.check("{x, -x} of N(1, 1), N(2, 1): JS", of_mixed, 0.102608505, exact)
replay.check("mixed less unmixed", of_mixed - near, 0, { relation = "<" })
replay.check("naive: JS of {x, -x} of N(1, 1), and N(1, 1)",
  dist.js(mirrored(1), normal(1)), 0.0972378971, exact)

-- %% [markdown]
-- $|x|$ folds the density: $p(x) + p(-x)$ for $x \ge 0$. A mixture with the
-- mirror image is that again, spread over both sides, so the two agree.

-- %% Folded
local line = orrery.linspace(0, 14, 4001, double)
local function folded(m)
  local p = normal(m)
  return p:log_prob(line):exp() + p:log_prob(-line):exp()
end
local function js_of(p, q)
  local middle = (p + q) / 2
  return ((p * (p / middle):log() + q * (q / middle):log()) / 2)
    :trapezoid(line)
end
local of_folded = js_of(folded(1), folded(2))
replay.check("|x| of N(1, 1), N(2, 1): JS", of_folded, 0.102608505, exact)
replay.check("|x|: less than before by", near - of_folded, 0,
  { relation = ">" })

-- %% [markdown]
-- ## (ii) The trap of the mirror
-- $P = N(1, 1)$ is what is wanted, $Q = N(-1, 1)$ is made: all wrong. But a
-- $D$ that sees both with their mirror images cannot tell; the generator is
-- done. A head that sees mirror images *only* tells them apart as well as $D$
-- does.

-- %% Nothing left to tell
replay.check("{x, -x}: JS", dist.js(mirrored(1), mirrored(-1)), 0, exact)
replay.check("|x|: JS", js_of(folded(1), folded(-1)), 0, exact)
replay.check("a head for -x: JS", dist.js(normal(-1), normal(1)), 0.33683082,
  exact)
local wide = orrery.linspace(-5, 5, 200, double)
local function density(p) return p:log_prob(wide):exp() end
plot.grid { columns = 2,
  plot.line { title = "P and Q", series = {
    { x = wide, y = density(normal(1)), name = "P" },
    { x = wide, y = density(normal(-1)), name = "Q" } } },
  plot.line { title = "with their mirror images", ymax = 0.4, series = {
    { x = wide, y = density(mirrored(1)), name = "P" },
    { x = wide, y = density(mirrored(-1)), name = "Q", dashed = true } } } }

-- %% What the generator is told: JS as Q = N(m, 1) moves
local places = orrery.linspace(-3, 3, 61, double)
local curves = { { name = "no change, or any head" }, { name = "one D" },
  { name = "naive" } }
for i, curve in ipairs(curves) do
  curve.x, curve.y = places, {}
  for j, m in ipairs(places:tolist()) do
    curve.y[j] = dist.js(i == 1 and normal(1) or mirrored(1),
      i == 2 and mirrored(m) or normal(m)):item()
  end
end
plot.line { series = curves, xlabel = "m", ylabel = "JS", ymin = 0,
  title = "wanted: N(1, 1)" }

-- %% [markdown]
-- The first is 0 at 1 only. With one $D$ the wrong $m = -1$ is as good. The
-- naive curve never gets to 0, and is least at 0, in the middle of both copies.

-- %% Where they are least
local naive = orrery.tensor(curves[3].y, double)
replay.check("naive: the best m is off 1 by",
  (places[naive:argmin():item()] - 1):abs(), 0.05, { relation = ">" })
replay.check("naive: least JS", naive:amin(), 0.01, { relation = ">" })

-- %% [markdown]
-- ## Laws of images
-- All 512 black and white images of $3 \times 3$ pixels, with two laws at
-- random, pushed through each change exactly (enlarged ones rounded to black
-- and white). Round trip: the largest error of images of noise, 28 x 28,
-- changed and changed back; a digit's empty border would hide what a shift
-- loses.

-- %% The table of changes
local all = {}
for i = 0, 511 do
  all[i + 1] = {}
  for b = 0, 8 do all[i + 1][b + 1] = i >> b & 1 end
end
local every = orrery.tensor(all, double):reshape(512, 1, 3, 3)
local powers = orrery.tensor({ 1, 2, 4, 8, 16, 32, 64, 128, 256 }, double)
local function pushed(p, map)
  local grey = map.forward(every):flatten(2):round()
  local place = (grey * powers):sum(2):to "int64" + 1
  return orrery.zeros(512, double):scatter_add(1, place, p)
end
local function js(p, q)
  return dist.js(dist.Categorical { probs = p }, dist.Categorical {
    probs = q }):item()
end
local p = (orrery.randn(512, double) * 1.5):softmax(1)
local q = (orrery.randn(512, double) * 1.5):softmax(1)
local before = js(p, q)

local tried = orrery.rand(20, 1, 28, 28)
local maps = gan.maps
local changes = { maps.rotation(90), maps.rotation(180), maps.rotation(270),
  maps.flip "left-right", maps.flip "up-down", maps.flip "both",
  maps.chain { maps.flip "left-right", maps.rotation(90) },
  maps.translation(1), maps.translation(1, "up"), maps.crop(0.7),
  maps.crop(0.7, "bottom right") }
print(("no change: JS %.6f"):format(before))
local found = {}
for i, map in ipairs(changes) do
  local trip = maps.round_trip(map, tried)
  local after = js(pushed(p, map), pushed(q, map))
  print(("%-28s round trip %5.3f  JS %.6f  %s"):format(map.name, trip, after,
    map.invertible and "can be undone" or "loses something"))
  found[i] = { trip, before - after }
end
for i, map in ipairs(changes) do
  replay.check(map.name .. ": round trip", found[i][1], 0,
    map.invertible and { abs = 0 } or { relation = ">" })
  replay.check(map.name .. ": JS lost", found[i][2], map.invertible and 0
    or 1e-6, map.invertible and exact or { relation = ">" })
end

-- %% One D, and a head for each quarter turn
local turns = maps.rotations()
local function mixed(law)
  local sum = law
  for _, map in ipairs(turns) do sum = sum + pushed(law, map) end
  return sum / 4
end
replay.check("mixture of four: JS less JS", js(mixed(p), mixed(q)) - before, 0,
  { relation = "<=" })
replay.check("P against P turned: JS", js(p, pushed(p, turns[1])), 0.01,
  { relation = ">" })
replay.check("... of their mixtures", js(mixed(p), mixed(pushed(p, turns[1]))),
  0, { abs = 1e-12 })
local function value(a, b)  -- of the game, with the best D
  return (a * (a / (a + b)):log() + b * (b / (a + b)):log()):sum()
end
local sum, moved = 0, 0
for _, map in ipairs(turns) do
  local a, b = pushed(p, map), pushed(q, map)
  sum = sum + value(a, b)
  -- D*(x) stands where T takes x.
  moved = moved + (a / (a + b) - pushed(p / (p + q), map)):abs():max():item()
end
replay.check("best heads at T x: off the best D at x by", moved, 0,
  { abs = 1e-12 })
replay.check("values of three heads", sum, -3 * math.log(4) + 6 * before,
  { abs = 1e-9 })
replay.check("with P = Q", value(p, p), -math.log(4), { abs = 1e-12 })

-- %% [markdown]
-- ## (iii) Digits, few of them
-- The digits 2 to 7 look different when turned. The same nets learn from 200
-- of them in four ways: as they are; *naive*, real ones turned by 0, 90, 180
-- or 270 degrees; *both*, real and made ones turned so before one $D$ (each of
-- the three turns half of the time, which makes all four poses equally
-- likely: the trap above); *DAG*, three more heads. A sample counts as turned
-- when a turned digit is clearly nearer to it (0.9 of the squared distance)
-- than any upright one. FID is against all digits of these classes.

-- %% Digits and measures
local digits = assert(data.mnist {})
local x, y = digits.train:everything()
local kept = orrery.argwhere(y:ge(3):logical_and(y:le(8))):reshape(-1)
local upright = x:index_select(1, kept):float()
upright = upright:narrow(1, 1, math.min(set.all, upright:size(1)))
local extractor = metrics.extractor()
local features = extractor:features(upright)
local poses = { upright }
for i, map in ipairs(turns) do poses[i + 1] = map.forward(upright) end

local function turned(images)
  local rows, nearest = images:flatten(2), {}
  for i, pose in ipairs(poses) do
    nearest[i] = orrery.tidy(function()
      local flat = pose:flatten(2)
      return ((rows * rows):sum(2):unsqueeze(2) + (flat * flat):sum(2)
        - rows:matmul(flat:transpose(1, 2)) * 2):amin(2)
    end)
  end
  local other = nearest[2]:minimum(nearest[3]):minimum(nearest[4])
  return other:lt(nearest[1] * 0.9):float():mean():item()
end
local held = digits.test:subset(1, 500)
local hx, hy = held:everything()
hx = hx:index_select(1, orrery.argwhere(hy:ge(3):logical_and(hy:le(8)))
  :reshape(-1)):float()
replay.check("held-out digits taken for turned", turned(hx), 0.03,
  { relation = "<", quick = { wanted = 0.2 } })
replay.check("... and turned by 90 degrees", turned(turns[1].forward(hx)), 0.9,
  { relation = ">", quick = { wanted = 0.5 } })

-- %% Four ways
local function train(way, amount)
  orrery.manual_seed(1)
  local function head()
    return gan.mlp(256, 1, { hidden = { 128 }, activation = "leaky_relu" })
  end
  local trunk = nn.Sequential { nn.Flatten(), nn.Linear(784, 256),
    nn.LeakyReLU(0.2) }
  local ways = { none = function() end,
    naive = function() return gan.naive(turns) end,
    both = function() return gan.augment(turns, { share = 0.5 }) end,
    DAG = function()
      return gan.dag { trunk = trunk, heads = { head(), head(), head() },
        maps = turns, weight = 1 }
    end }
  local rates = { lr = 5e-4 }
  local game = gan.Game { latent = 32, compile = true, ema = 0.995,
    generator = nn.Sequential { gan.mlp(32, 784, { hidden = { 256, 256 },
      activation = "leaky_relu" }), nn.Tanh(),
      nn.Unflatten(2, { 1, 28, 28 }) },
    discriminator = nn.Sequential { trunk, head() }, parts = { ways[way]() },
    optimizers = { generator = rates, discriminator = rates } }
  local few = upright:narrow(1, 1, amount) * 2 - 1
  for _ = 1, set.steps do
    orrery.tidy(function()
      game:step(few:index_select(1, orrery.randint(1, amount, set.batch)))
    end)
  end
  local made = game:sample(set.made, { average = true }) * 0.5 + 0.5
  local run = { images = made, turned = turned(made),
    fid = metrics.fid(features, extractor:features(made),
      { resamples = 0 }).value }
  print(("%-6s %5d images  FID %4.0f  turned %4.1f %%"):format(way, amount,
    run.fid, 100 * run.turned))
  return run
end

local runs, rows = {}, {}
for i, way in ipairs { "none", "naive", "both", "DAG" } do
  runs[way] = train(way, set.few)
  rows[i] = runs[way].images:narrow(1, 1, 16)
end
replay.check("naive: share turned", runs.naive.turned, 0.25,
  { relation = ">=", quick = { wanted = 0 } })
replay.check("both: share turned", runs.both.turned, 0.2,
  { relation = ">=", quick = { wanted = 0 } })
replay.check("DAG: share turned", runs.DAG.turned, 0.05,
  { relation = "<=", quick = { wanted = 1 } })
replay.check("none: share turned", runs.none.turned, 0.05,
  { relation = "<=", quick = { wanted = 1 } })
replay.check("FID, DAG over none", runs.DAG.fid / runs.none.fid, 1,
  { relation = "<=", quick = { wanted = 100 } })
plot.grid(orrery.cat(rows, 1), { columns = 16, scale = 2, padding = 2 })

-- %% [markdown]
-- From above: none, naive, both, DAG. Turned digits come out where $D$ sees
-- all poses as real ones, whether or not the made ones are turned too; only
-- the heads keep them apart. FID alone says little of it: with *both* it is
-- lower than with none, turned digits and all. With more images and fewer:

-- %% The number of images
local series = { { name = "none" }, { name = "DAG" } }
for _, curve in ipairs(series) do
  curve.x, curve.y = set.amounts, {}
  for i, amount in ipairs(set.amounts) do
    local run = amount == set.few and runs[curve.name]
      or train(curve.name, amount)
    curve.y[i] = run.fid
  end
end
local none, dag = series[1].y, series[2].y
for i, amount in ipairs(set.amounts) do
  replay.check(("FID of %d images, DAG over none"):format(amount),
    dag[i] / none[i], 1, { relation = "<=", quick = { wanted = 100 } })
end
plot.line { series = series, log_x = true, ymin = 0, xlabel = "images",
  ylabel = "FID" }
