-- %% [markdown]
-- # 003-4g  A U-Net, and dropout for noise
-- pix2pix's generator halves the image to one pixel and doubles it again, by
-- 4 x 4 convolutions of stride 2 without pooling. Each step up is also given
-- the features of the step down of its size: what the input says of every
-- pixel need not pass through the one in the middle. Noise $z$ as one more
-- channel is soon ignored; so dropout of one half, in training and after it,
-- is the noise. The published answer says that it makes for good diversity;
-- the paper itself saw minor stochasticity only, and so do we.
--
-- The published width, batch and rate: `ngf=64 ndf=64 batch=1 lr=2e-4` behind
-- the file's name.

-- %%
local orrery = require "orrery"
local data, metrics, nn = orrery.data, orrery.metrics, orrery.nn
local plot, replay, translate = orrery.plot, orrery.replay, orrery.translate
local set = replay.settings {
  images = 1000, steps = 500, batch = 8, ngf = 16, ndf = 16, lr = 1e-3,
  draws = 20,
  quick = { images = 16, steps = 2, batch = 2, ngf = 4, ndf = 4, draws = 3 },
}

-- %% [markdown]
-- ## Shapes
-- At 256 pixels the net is eight levels deep; its map of one pixel has 512
-- channels.

-- %% Sides and channels on the way down and up
local function path_of(net, side)
  local sides, handles, least = {}, {}, side
  for _, layer in ipairs(net:modules()) do
    if layer.kernel_size then
      handles[#handles + 1] = layer:register_forward_hook(function(_, _, y)
        sides[#sides + 1] = ("%d x %d"):format(y:size(2), y:size(3))
        least = math.min(least, y:size(3))
      end)
    end
  end
  orrery.no_grad(net, orrery.zeros(1, 3, side, side))
  for _, handle in ipairs(handles) do handle:remove() end
  print(table.concat(sides, ", "))
  return #sides, least
end
local large = translate.UNet { ngf = 4 }:eval()
print("channels x side, an eighth of the width:")
local convolutions, least = path_of(large, 256)
replay.check("deepest side", least, 1, { abs = 0 })
replay.check("convolutions, down and up", convolutions, 16, { abs = 0 })

-- %% [markdown]
-- ## The variance that dropout adds
-- A unit of value $a$ becomes 0 or $a / (1 - p)$, each as the coin falls: its
-- mean stays $a$, its variance is $a^2 p / (1 - p)$; for $p = \frac12$ and $a =
-- 3$ that is 9.

-- %% A unit of 3
local dropped = nn.functional.dropout(orrery.full({ 100000 }, 3,
  { dtype = "float64" }), { p = 0.5 })
replay.check("variance", dropped:var(), 9, { abs = 1e-2 })
replay.check("mean", dropped:mean(), 3, { abs = 0.05 })

-- %% [markdown]
-- ## With and without skips
-- The pairs: a plain shape and the same one striped. Trained on L1 alone, so
-- that only the networks differ.

-- %% Training
local pairs_of = data.known.striped { images = set.images, held = 100 }
local a, b = pairs_of.test.pairs:everything()

local function trained(netG, given)
  given.netG, given.compile, given.lr = netG, true, set.lr
  local game = translate.Pix2Pix(given)
  for _, x, y in pairs_of.train.pairs:steps(set.steps, set.batch,
    { shuffle = true, drop_last = true }) do
    game:step(x, y)
  end
  return game
end
local function judge()
  return translate.PatchGAN { input_nc = 6, ndf = set.ndf, n_layers = 2,
    norm = "batch" }
end

local function by_skips(skips)
  orrery.manual_seed(1)
  local game = trained(translate.UNet { num_downs = 4, ngf = set.ngf,
    skips = skips, dropout_levels = 0 }, { netD = judge(), lambda_gan = 0 })
  local made = game:to_B(a)
  return made, (made - b):abs():mean():item(), metrics.sharpness(made, b)
end
local with, l1_with, sharp_with = by_skips(true)
local without, l1_without, sharp_without = by_skips(false)
print(("skips: L1 %.4f, sharpness %.2f; none: L1 %.4f, sharpness %.2f")
  :format(l1_with, sharp_with, l1_without, sharp_without))
replay.check("L1 with skips, of that without", l1_with / l1_without, 0.8,
  { relation = "<=", quick = { wanted = 10 } })
plot.grid((orrery.cat({ a:narrow(1, 1, 8), without:narrow(1, 1, 8),
  with:narrow(1, 1, 8), b:narrow(1, 1, 8) }, 1) + 1) / 2,
  { columns = 8, scale = 4 })

-- %% [markdown]
-- From above: the input, no skips, skips, the truth.
--
-- ## How diverse
-- Three generators are trained with a discriminator and 100 L1: given noise as
-- a fourth channel, with dropout that stays on, with neither. Diversity is the
-- mean distance of two of twenty answers to one input; the distance of answers
-- to two inputs says what much would be.

-- %% Noise as a channel
local Noisy = nn.Module:subclass "Noisy"
function Noisy:init(net) self.net = net end
function Noisy:forward(x)
  local z = orrery.randn(x:size(1), 1, x:size(3), x:size(4))
  return self.net(orrery.cat({ x, z }, 2))
end

local function unet(channels, dropout)
  return translate.UNet { num_downs = 4, ngf = set.ngf, input_nc = channels,
    use_dropout = dropout, dropout_levels = 1 }
end

-- Mean distance of two answers to one input, and of answers to two inputs.
local function spread(game, x)
  local answers = {}
  for i = 1, set.draws do answers[i] = game:to_B(x) end
  local all = orrery.stack(answers, 1)
  local function between(y)
    local sum, n = 0, y:size(1)
    for shift = 1, n - 1 do
      sum = sum + (y - y:roll(shift, 1)):abs():mean():item()
    end
    return sum / (n - 1)
  end
  return between(all), between(answers[1])
end

-- %% Twenty answers each
local inputs, rows = a:narrow(1, 1, 16), {}
for _, kind in ipairs { "neither", "noise", "dropout" } do
  orrery.manual_seed(2)
  local net = kind == "noise" and Noisy(unet(4, false))
    or unet(3, kind == "dropout" and "noise")
  local game = trained(net, { netD = judge() })
  local one, two = spread(game, inputs)
  rows[kind] = one / two
  print(("%-8s one input %.5f, two inputs %.3f: a part of %.5f"):format(kind,
    one, two, one / two))
end
replay.check("diversity with neither", rows.neither, 0, { abs = 0 })
replay.check("with noise for a channel, of that between inputs", rows.noise,
  0.05, { relation = "<=", quick = { wanted = 10 } })
replay.check("with dropout: more than none", rows.dropout, 0,
  { relation = ">" })
replay.check("with dropout: minor", rows.dropout, 0.1, { relation = "<=",
  quick = { wanted = 10 } })
