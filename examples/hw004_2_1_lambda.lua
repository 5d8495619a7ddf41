-- %% [markdown]
-- # 004-2.1.1  What each term of CycleGAN is for
-- 1. *Why not pix2pix.* It needs pairs, and nobody has photographed what van
--    Gogh painted.
-- 2. *The cycle.* $F(G(x))$ should be $x$ again, $G(F(y))$ should be $y$.
-- 3. *Why it is vital.* The adversarial term compares laws: that of $G(x)$ with
--    that of $y$. Every $G$ that maps one law onto the other is perfect, what
--    is in the picture does not matter. (The published answer says that without
--    the cycle $G$ "learns" to give one image for all. That becomes possible,
--    not certain; so does any exchange of contents.)
-- 4. *The whole loss* is $L_{GAN}(G, D_Y) + L_{GAN}(F, D_X) + \lambda
--    L_{cyc}$; if $\lambda$ is too large the adversarial terms have no say, and
--    what comes out is said to be nearly what went in.
-- 5. *Identity*: $L_{id} = \mathbb E_x \lVert F(x) - x \rVert_1 + \mathbb E_y
--    \lVert G(y) - y \rVert_1$, with weight $\lambda / 2$: what belongs to the
--    target already is to be left alone, colours above all.

-- %%
local orrery = require "orrery"
local data, metrics, plot = orrery.data, orrery.metrics, orrery.plot
local replay, translate = orrery.replay, orrery.translate
local set = replay.settings { images = 1000, held = 200, steps = 600,
  batch = 8, ngf = 16, ndf = 16, judged = 200, seeds = 3,
  lambdas = { 0, 1, 10, 100, 1000 },
  quick = { images = 16, held = 8, steps = 4, batch = 2, ngf = 4, ndf = 4,
    judged = 2, seeds = 1 } }

-- %% [markdown]
-- ## Five weights, with and without identity
-- Plain and striped shapes of 16 pixels. The true partner of every held-out
-- picture is known: *right* is the share whose error inside the shape is under
-- half the distance between input and partner. *Domain* is the share that a
-- judge, trained apart, takes for the other domain; *moved* is $\lvert G(x) - x
-- \rvert$; *shift* is how far the mean colour of the background went. All are
-- means of both directions, with black at $-1$ and white at 1.

-- %% One setting, trained and measured
local striped = data.known.striped { images = set.images, held = set.held }
local a, b, mask = striped.test.pairs:everything()
local judge = translate.domain_classifier(striped.train.A:everything(),
  striped.train.B:everything(), { steps = set.judged })
local outside = -mask + 1

local function distance(x, y) return (x - y):abs():mean():item() end
local function shift(x, y)
  local sum = ((x - y) * outside):flatten(3):sum(3)
  return (sum / outside:flatten(3):sum(3)):abs():mean():item()
end

local function generator()
  return translate.generator("unet_small", { ngf = set.ngf })
end
local function discriminator()
  return translate.discriminator("small", { ndf = set.ndf })
end

local made = {}
local function play(lambda, identity)
  local game = translate.CycleGAN { netG_A = generator(),
    netG_B = generator(), netD_A = discriminator(),
    netD_B = discriminator(), lambda_A = lambda, lambda_B = lambda,
    lambda_identity = identity, lr = 2e-3, epoch_steps = 1,
    n_epochs = set.steps // 2, n_epochs_decay = set.steps - set.steps // 2,
    compile = true }
  local order = { shuffle = true, drop_last = true }
  local batches = translate.unpaired(
    striped.train.A:batches(set.batch, order),
    striped.train.B:batches(set.batch, order))
  for _ = 1, set.steps do game:step(batches()) end
  local v = game:visuals(a, b)
  made[#made + 1] = v.fake_B:narrow(1, 1, 8)
  return { domain = (judge(v.fake_B) + 1 - judge(v.fake_A)) / 2,
    moved = (distance(v.fake_B, a) + distance(v.fake_A, b)) / 2,
    cycle = (distance(v.rec_A, a) + distance(v.rec_B, b)) / 2,
    shift = (shift(v.fake_B, a) + shift(v.fake_A, b)) / 2,
    right = (metrics.translated(a, v.fake_B, b, mask).strict
      + metrics.translated(b, v.fake_A, a, mask).strict) / 2 }
end

-- %% The table
local sheet, names = { a:narrow(1, 1, 8) }, { "A" }
local without, with = {}, {}
print "lambda  identity   domain  right  moved  cycle  shift"
for _, row in ipairs { { without, 0 }, { with, 0.5 } } do
  local found, identity = table.unpack(row)
  for _, lambda in ipairs(set.lambdas) do
    if lambda == 0 and identity > 0 then
      found[0] = without[0]  -- half of nothing
    else
      made = {}
      local f = replay.medians(set.seeds, function()
        return play(lambda, identity)
      end)
      found[lambda] = f
      print(("%6d  %8.1f   %6.2f  %5.2f  %5.3f  %5.3f  %5.3f"):format(lambda,
        lambda * identity, f.domain, f.right, f.moved, f.cycle, f.shift))
      sheet[#sheet + 1] = made[1]
      names[#names + 1] = ("%d, %g"):format(lambda, lambda * identity)
    end
  end
end
sheet[#sheet + 1], names[#names + 1] = b:narrow(1, 1, 8), "true B"

-- %% What must hold
local loose = { relation = "<", quick = { wanted = 100 } }
replay.check("no cycle: share right", without[0].right, 0.1, { relation = "<",
  quick = { wanted = 2 } })
replay.check("... of that with weight 10 and identity",
  without[0].right / math.max(with[10].right, 1e-9), 0.5, { relation = "<",
    quick = { relation = ">=", wanted = 0 } })
replay.check("identity: moved with 100, of that with 10",
  with[100].moved / with[10].moved, 1, loose)
replay.check("moved with 1000, of that with 10",
  with[1000].moved / with[10].moved, 0.7, loose)
replay.check("domain with 100, less that with 10",
  with[100].domain - with[10].domain, 0, { relation = "<=",
    quick = { wanted = 2 } })
replay.check("domain with 1000, less that with 10",
  with[1000].domain - with[10].domain, -0.2, { relation = "<",
    quick = { wanted = 2 } })
replay.check("no identity: domain with 1000, less that with 10",
  without[1000].domain - without[10].domain, -0.2, { relation = "<",
    quick = { wanted = 2 } })
local shifted, kept = 0, 0
for _, lambda in ipairs(set.lambdas) do
  if lambda > 0 then
    shifted = shifted + without[lambda].shift
    kept = kept + with[lambda].shift
  end
end
replay.check("shift of the background with identity, of that without",
  kept / shifted, 0.7, { relation = "<=", quick = { wanted = 100 } })
plot.grid((orrery.cat(sheet, 1) + 1) / 2, { columns = 8, scale = 4,
  row_names = names })

-- %% Over the weight
local function curve(found, what, name)
  local one = { x = {}, y = {}, name = name }
  for _, lambda in ipairs(set.lambdas) do
    if lambda > 0 then
      one.x[#one.x + 1] = lambda
      one.y[#one.y + 1] = found[lambda][what]
    end
  end
  return one
end
local figures = { columns = 2 }
for i, what in ipairs { "moved", "domain" } do
  figures[i] = plot.line { title = what, xlabel = "lambda", log_x = true,
    ymin = 0, series = { curve(without, what, "no identity"),
      curve(with, what, "identity") } }
end
plot.grid(figures)

-- %% [markdown]
-- Above, left: weights of the cycle and of identity. A large weight silences
-- the adversarial term: the judge is fooled no more. That the output is then
-- nearly the input takes the identity term; the cycle alone is content with any
-- pair of nets that undo each other, and of 10 to 1000 without identity the
-- pictures move as far as ever, in colours of their own. For the same reason
-- the right partner is found with identity only.
