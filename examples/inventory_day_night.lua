-- %% [markdown]
-- # Day and night, summer and winter
-- Uses of CycleGAN that problem 003-4c names. Nobody has the same view twice
-- with nothing but the light changed, so there are no pairs. Drawn landscapes
-- have them, held out, to measure with. Night is one change of all colours, and
-- a moon somewhere; winter puts snow where there was grass and leaves the
-- trees' stems, so what a colour becomes depends on what it is on.

-- %%
local orrery = require "orrery"
local data, plot, replay = orrery.data, orrery.plot, orrery.replay
local translate = orrery.translate
local set = replay.settings { images = 500, held = 100, side = 32, steps = 800,
  batch = 4, ngf = 16, ndf = 16, judged = 200,
  quick = { images = 8, held = 8, side = 16, steps = 4, batch = 2, ngf = 4,
    ndf = 4, judged = 2 } }

-- %% Both
local function generator()
  return translate.generator("unet_small", { ngf = set.ngf, num_downs = 3 })
end
local function discriminator()
  return translate.discriminator("small", { ndf = set.ndf })
end
local function off(x, y) return (x - y):abs():mean():item() end

local rows, names = {}, {}
local function play(change)
  local views = data.known.landscape { change = change, size = set.side,
    images = set.images, held = set.held }
  local judge = translate.domain_classifier(views.train.A:everything(),
    views.train.B:everything(), { steps = set.judged })
  orrery.manual_seed(1)
  local game = translate.CycleGAN { netG_A = generator(),
    netG_B = generator(), netD_A = discriminator(),
    netD_B = discriminator(), lr = 1e-3, epoch_steps = 1,
    n_epochs = set.steps // 2, n_epochs_decay = set.steps - set.steps // 2,
    compile = true }
  local order = { shuffle = true, drop_last = true }
  local batches = translate.unpaired(views.train.A:batches(set.batch, order),
    views.train.B:batches(set.batch, order))
  for _ = 1, set.steps do game:step(batches()) end
  local a, b = views.test.pairs:everything()
  local there, back = game:to_B(a), game:to_A(b)
  for i, x in ipairs { a, there, b, back } do
    rows[#rows + 1] = x:narrow(1, 1, 8)
    names[#names + 1] = ({ "day", "to " .. change, change, "to day" })[i]
  end
  local made = { share = (judge(there) + 1 - judge(back)) / 2,
    there = off(there, b) / off(a, b), back = off(back, a) / off(a, b) }
  print(("%-6s taken for it %.2f; left of the distance to the partner: there "
    .. "%.2f, back %.2f"):format(change, made.share, made.there, made.back))
  replay.check(change .. ": taken for the other", made.share, 0.8,
    { relation = ">=", quick = { wanted = 0 } })
  replay.check(change .. ": distance to the partner, of the input's",
    made.there, 0.5, { relation = "<", quick = { wanted = 100 } })
  replay.check(change .. ": and back", made.back, 0.5, { relation = "<",
    quick = { wanted = 100 } })
end
play "night"
play "winter"
plot.grid((orrery.cat(rows, 1) + 1) / 2, { columns = 8, scale = 2,
  row_names = names })

-- %% [markdown]
-- From above: by day, translated, the truth, and that one translated back. No
-- moon is put into the sky: nothing by day says where it would be.
