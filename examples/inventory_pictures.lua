-- %% [markdown]
-- # Sets of pictures that experiments name
-- Photographs need a folder; here stand drawn pictures in their place, of which
-- more is known. Each is looked at, described, and held to what is known of it.
-- With `zebras = "FOLDER"` (trainA, trainB ...) the photographs are shown too.

-- %%
local orrery = require "orrery"
local data, metrics, replay = orrery.data, orrery.metrics, orrery.replay
local show = orrery.show
local set = replay.settings { images = 400, held = 200, size = 64,
  zebras = "", quick = { images = 30, held = 30, size = 32 } }
local function sizes(o)
  o.images, o.held, o.size = set.images, set.held, set.size
  return o
end

-- %% [markdown]
-- ## Two domains, looked at (004-2.2.1)
-- What a translation is trained on is looked at first: how many, how large, of
-- which colours. Plain and striped shapes stand in for horses and zebras: one
-- difference, which is known.

-- %% Plain and striped
local striped = data.known.striped(sizes {})
print(data.describe(striped))
show(data.sheet(striped, { count = 12, columns = 12 }))
local a, b, mask = striped.test.pairs:everything()
local perfect = metrics.translated(a, striped:stripe(a, mask), b, mask)
replay.check("the bijection scores, strictly", perfect.strict, 1, { abs = 0 })
replay.check("its error on objects", perfect.object_error, 0, { abs = 1e-6 })
replay.check("doing nothing scores", metrics.translated(a, a, b, mask).strict,
  0, { abs = 0 })
-- "Nearer to the partner than to the input" is no measure: black passes it.
replay.check("black is nearer to the partner, of all",
  metrics.translated(a, a * 0 - 1, b, mask).loose, 0.95, { relation = ">" })

-- %% [markdown]
-- ## Horses and zebras themselves
-- The same lines with a folder.

-- %% A folder, if there is one
if set.zebras ~= "" then
  local horses = assert(data.cyclegan(set.zebras, { size = 64 }))
  print(data.describe(horses, { check = true }))
  show(horses, { count = 24 })
end

-- %% [markdown]
-- ## Apples and oranges (004-2.2.4)
-- A translation that recolours the surroundings shows it here: a true partner
-- leaves them alone to the last bit.

-- %% Round fruit
local fruit = data.known.fruit(sizes {})
show(data.sheet(fruit.test.pairs, { count = 12 }))
local apples, oranges, round = fruit.test.pairs:everything()
local truth = metrics.translated(apples, oranges, oranges, round)
replay.check("surroundings that true partners move", truth.background, 0,
  { abs = 0.01 })
local red = metrics.translated(apples, apples * 0.7, oranges, round)
replay.check("and a change of all colours", red.background, 0.05,
  { relation = ">" })

-- %% [markdown]
-- ## Monet and photographs (002-2.3); summer and winter; day and night
-- One landscape changed in three ways. A painter's dabs leave the view from
-- afar as it was; snow does not.

-- %% Three changes
local apart = {}
for _, change in ipairs { "winter", "night", "brush" } do
  local views = data.known.landscape(sizes { change = change })
  show(data.sheet(views.test.pairs, { count = 12, title = change }))
  local day, other = views.test.pairs:everything()
  local function afar(x) return orrery.avg_pool2d(x:mean(2), set.size // 4) end
  apart[change] = (afar(day) - afar(other)):abs():mean():item()
end
for change, off in pairs(apart) do
  print(("%-7s moves a view from afar by %.3f"):format(change, off))
end
replay.check("dabs move it less than snow", apart.brush, apart.winter / 4,
  { relation = "<" })

-- %% [markdown]
-- ## Pictures with anomalies (004-1.2.3)
-- Cloth to train on is without faults. A detector that needs no training says
-- how hard the set is: how far a picture's variance is from that of good cloth.

-- %% Cloth
local cloth = data.known.textures(sizes {})
show(data.sheet(cloth.test, { count = 12 }))
local good = cloth.train:everything()
local seen, kind, fault = cloth.test:everything()
local function local_variance(x)
  local mean = orrery.avg_pool2d(x, 8)
  return (orrery.avg_pool2d(x * x, 8) - mean * mean):flatten(2)
end
local usual = local_variance(good)
local centre, spread = usual:mean():item(), usual:std():item()
local score = ((local_variance(seen) - centre) / spread):abs():amax { axis = 2 }
local auroc = metrics.auroc(score, kind:gt(1):float()).value
print("AUROC of the most unusual square", auroc)
replay.check("AUROC of a detector by variance", auroc, 0.8,
  { relation = ">" })
replay.check("faults that are marked, of faulty pictures",
  fault:flatten(2):sum(2):gt(0):eq(kind:gt(1)):double():mean(), 1, { abs = 0 })

-- %% [markdown]
-- ## CelebA-HQ and FFHQ
-- What is cited of them are constants (002-3f, 3i): 30,000 and 70,000 faces of
-- $1024^2$ pixels, and FID of six configurations. Figures of different sets are
-- not compared: the published answer says FFHQ's are better, of which
-- configuration A's is not.

-- %% Constants
local cards = { celeba_hq = { images = 30000, side = 1024,
  fid = { 7.79, 6.11, 5.34, 5.07, 5.06, 5.17 } },
  ffhq = { images = 70000, side = 1024,
    fid = { 8.04, 5.25, 4.85, 4.88, 4.42, 4.40 } } }
replay.check("FFHQ's images", cards.ffhq.images, 70000, { abs = 0 })
local function gain(fid, k) return (fid[1] - fid[k]) / fid[1] end
replay.check("A to F gains on FFHQ", gain(cards.ffhq.fid, 6), 0.452736318,
  { abs = 1e-6 })
replay.check("A to F gains on CelebA-HQ", gain(cards.celeba_hq.fid, 6),
  0.336328626, { abs = 1e-6 })

-- %% [markdown]
-- A card says what a set is biased in. Drawn faces with one hat in ten and
-- glasses on a quarter show whether a card finds what was planted.

-- %% A card
local faces = data.known.faces { images = 5 * set.images, held = 12,
  size = 32 }
show(data.sheet(faces.test, { count = 12 }))
local _, attributes = faces.train:everything()
local share = attributes:mean(1):tolist()
for k, name in ipairs(faces.attributes) do
  print(("%-8s mean %.3f"):format(name, share[k]))
end
local n = 5 * set.images
replay.check("share of hats", share[6], 0.1,
  { abs = 4 * math.sqrt(0.09 / n) })
replay.check("share of glasses", share[5], 0.25,
  { abs = 4 * math.sqrt(0.1875 / n) })

-- %% [markdown]
-- ## Emoji in two styles
-- The same emoji as two designers drew it is a true pair, which photographs
-- never have: it is held out to score with.

-- %% Emoji
local emoji = assert(data.emoji { size = set.size })
show(data.sheet(emoji.test.pairs, { count = 24, seed = 2 }))
print(data.describe(emoji))
replay.check("emoji", #emoji.names, 732, { abs = 0 })
local both = {}
for _, name in ipairs(emoji.train.names.A) do both[name] = true end
local shared = 0
for _, name in ipairs(emoji.train.names.B) do
  if both[name] then shared = shared + 1 end
end
replay.check("emoji seen in both styles", shared, 0, { abs = 0 })
