-- %% [markdown]
-- # 003-4f  A verdict for every patch
-- The $D$ of an ordinary GAN gives one number for an image. A PatchGAN is
-- convolutional to its end: its output is a map, each value judges the window
-- of the image that it sees, and the mean is the verdict (Isola et al. 2017;
-- problem 002-2.2 asks the same of CycleGAN). One output of layers with
-- kernels $k_l$ and strides $s_l$ sees
--
-- $$ r = 1 + \sum_l (k_l - 1) \prod_{j < l} s_j $$
--
-- pixels. For $k = 4$ and strides 2, 2, 2, 1, 1 that is $1 + 3 \cdot 1 + 3
-- \cdot 2 + 3 \cdot 4 + 3 \cdot 8 + 3 \cdot 8 = 70$.
--
-- Three things the published answers say otherwise: no patch is cut out of the
-- image, it is one convolution whose windows, 70 wide and 8 apart, overlap;
-- for the same reason patches are not judged independently; and the 70 of "70
-- x 70" is not the side of the output, which at 256 pixels is 30.
--
-- The published width, batch and rate: `ngf=64 ndf=64 batch=1 lr=2e-4` behind
-- the file's name.

-- %%
local orrery = require "orrery"
local data = orrery.data
local plot, replay, translate = orrery.plot, orrery.replay, orrery.translate
local set = replay.settings {
  images = 1000, steps = 600, batch = 8, ngf = 16, ndf = 16, lr = 5e-4,
  quick = { images = 16, steps = 2, batch = 2, ngf = 4, ndf = 4 },
}

-- %% [markdown]
-- ## What one output sees

-- %% Fields and maps
local function count(net)
  local n = 0
  for _, p in ipairs(net:parameters()) do n = n + p:numel() end
  return n
end
for _, row in ipairs { { 0, 1 }, { 1, 16 }, { 2, 34 }, { 3, 70 }, { 5, 286 } }
do
  local layers, wanted = row[1], row[2]
  local net = layers == 0 and translate.PixelGAN {}
    or translate.PatchGAN { n_layers = layers }
  print(("%d layers of stride 2: field %3d, spacing %2d, map of 256 pixels "
    .. "%3d, parameters %d"):format(layers, net.receptive_field, net.jump,
    net:map(256), count(net)))
  replay.check(("receptive field of %d layers of stride 2"):format(layers),
    net.receptive_field, wanted, { abs = 0 })
end
local patch = translate.PatchGAN {}
replay.check("side of the map, 256 pixels", patch:map(256), 30, { abs = 0 })
replay.check("side of the map, 128 pixels", patch:map(128), 14, { abs = 0 })
replay.check("pixels from one output to the next", patch.jump, 8, { abs = 0 })
replay.check("parameters", count(patch), 2764737, { abs = 0 })
replay.check("parameters, norms with scales, only the last bias",
  count(translate.PatchGAN { norm = "instance_affine", bias = false }),
  2765569, { abs = 0 })

-- %% [markdown]
-- An instance norm couples all pixels of a channel, so the window of a net
-- that has one is the whole image, if faintly. Without it the gradient of one
-- output is zero outside of a square of 70 pixels, and a shift of the image by
-- 8 shifts the map by 1.

-- %% The window, measured by a gradient
orrery.manual_seed(4)
local plain = translate.PatchGAN { ndf = 4, norm = false, init_gain = 0.2 }
local image = orrery.randn(1, 3, 128, 128):requires_grad_()
-- Which pixels output i, j moves with: first and last row and column.
local function window(i, j)
  local g = orrery.grad(plain(image)[{ 1, 1, i, j }], { image })[1]
  local seen = g:ne(0):any(2):squeeze(1)
  local box = {}
  for axis = 1, 2 do
    local at = seen:any(axis):nonzero()
    box[axis] = at:amax():item() - at:amin():item() + 1
  end
  return box, seen
end
local middle = window(7, 7)
replay.check("window in the middle, height", middle[1], 70, { abs = 0 })
replay.check("window in the middle, width", middle[2], 70, { abs = 0 })
replay.check("window in a corner, height", window(1, 1)[1], 70,
  { relation = "<=" })
local map = plain(image:detach())
local moved = plain(image:detach():roll({ 8, 8 }, { 3, 4 }))
replay.check("image moved by 8: the map moved by 1, but for the border",
  (moved:narrow(3, 6, 4):narrow(4, 6, 4)
    - map:narrow(3, 5, 4):narrow(4, 5, 4)):abs():max(), 0,
  { abs = 1e-5 })

-- %% Four of them, and how often a pixel is seen
local often = orrery.zeros(128, 128)
for _, at in ipairs { { 6, 6 }, { 6, 8 }, { 8, 6 }, { 8, 8 } } do
  local _, one = window(at[1], at[2])
  often = often + one:reshape(128, 128):float()
end
plot.heatmap { z = often, title = "four outputs of a PatchGAN, two apart",
  square = true }

-- %% [markdown]
-- ## Small windows for texture, large ones for layout
-- The same generator is trained against discriminators of different windows,
-- without L1, to draw the stripes of a shape (a plain and a striped picture
-- are a true pair). A $D$ of single pixels can only ask for the right colours:
-- dark and bright ones in the right number. The error of the spectrum tells
-- texture: half the sum of absolute differences between the shares of power
-- that each frequency has, in what was made and in what is true.

-- %% Spectra
-- Power at each frequency of images [N, C, S, S] about their mean, shares of
-- the whole, [S, S].
local function spectrum(x)
  local s = x:size(4)
  local at = orrery.range(0, s - 1, { dtype = "float32" })
  local angle = at:unsqueeze(2) * at:unsqueeze(1) * (2 * math.pi / s)
  local c, d = angle:cos(), angle:sin()
  x = x:mean(2)
  x = x - x:mean { axis = { 2, 3 }, keepdim = true }
  local re = c:matmul(x):matmul(c) - d:matmul(x):matmul(d)
  local im = c:matmul(x):matmul(d) + d:matmul(x):matmul(c)
  local power = (re ^ 2 + im ^ 2):mean(1)
  return power / power:sum()
end
local function spectrum_error(x, y)
  return (spectrum(x) - spectrum(y)):abs():sum():item() / 2
end
replay.check("spectrum of an image moved round: error", spectrum_error(
  image:detach(), image:detach():roll(5, 3)), 0, { abs = 1e-5 })

-- %% Windows of 1, 16, 34 and of the whole
local pairs_of = data.known.striped { images = set.images, held = 100 }
local a, b, mask = pairs_of.test.pairs:everything()

local function trained(netD)
  orrery.manual_seed(1)
  local game = translate.Pix2Pix { netD = netD, lambda_L1 = 0, lr = set.lr,
    netG = translate.UNet { num_downs = 4, ngf = set.ngf,
      dropout_levels = 0 }, compile = true }
  for _, x, y in pairs_of.train.pairs:steps(set.steps, set.batch,
    { shuffle = true, drop_last = true }) do
    game:step(x, y)
  end
  return game:to_B(a)
end

-- The darker rows of each object, where they should be: the mean difference
-- of its bright and dark rows, of the truth's.
local made, found, sheet = {}, {}, { a:narrow(1, 1, 8) }
local kinds = {
  { name = "1", net = translate.PixelGAN { input_nc = 6, ndf = set.ndf } },
  { name = "16", net = translate.PatchGAN { input_nc = 6, ndf = set.ndf,
    n_layers = 1 } },
  { name = "34", net = translate.PatchGAN { input_nc = 6, ndf = set.ndf,
    n_layers = 2, norm = "batch" } },
}
for i, kind in ipairs(kinds) do
  made[i] = trained(kind.net)
  found[i] = { spectrum = spectrum_error(made[i], b),
    l1 = (made[i] - b):abs():mean():item(),
    background = ((made[i] - b):abs() * (1 - mask)):sum():item()
      / (3 * (1 - mask):sum():item()) }
  print(("window %2s: spectrum %.3f, L1 %.3f, L1 of the background %.3f")
    :format(kind.name, found[i].spectrum, found[i].l1, found[i].background))
  sheet[i + 1] = made[i]:narrow(1, 1, 8)
end
replay.check("spectrum error, windows of 16 below single pixels",
  found[2].spectrum / found[1].spectrum, 1, { relation = "<",
    quick = { wanted = 100 } })
replay.check("spectrum error, windows of 34 (the image) below single pixels",
  found[3].spectrum / found[1].spectrum, 1, { relation = "<",
    quick = { wanted = 100 } })
sheet[#sheet + 1] = b:narrow(1, 1, 8)
plot.grid((orrery.cat(sheet, 1) + 1) / 2, { columns = 8, scale = 4 })

-- %% [markdown]
-- From above: the input, windows of 1, 16 and 34 pixels (more than these
-- pictures have), the truth. A PatchGAN has fewer parameters than a $D$ that
-- ends in one number for large images, and takes images of any size.
