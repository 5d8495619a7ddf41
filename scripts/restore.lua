--[[ Damaged pictures made whole, drawings filled in.

pix2pix (Isola et al. 2017) on pairs of a damaged picture and the picture. The
damage is a hole, scratches, or all but the outlines (edges). l1 alone answers
with the median of what might be there; gan adds a conditional discriminator.
Expect: both come closer to the truth than the damaged picture, l1 the closest
by decibels, gan the sharpest. Ten seconds for each, one core:

  orrery scripts/restore.lua
  orrery scripts/restore.lua damage=edges data=digits seed=1..3
  orrery scripts/restore.lua data=emoji
  orrery scripts/restore.lua data=FOLDER size=64 steps=4000

Measured on digits (seed=1..3, mean +- sd; decibels before are 15.6, 13.0, 8.0):

  damage     loss          PSNR            SSIM     L1, damaged      sharpness
  hole       l1    22.7 +- 0.21  0.863 +- 0.005  0.150 +- 0.006  0.86 +- 0.009
  hole       gan   21.1 +- 0.34  0.847 +- 0.004  0.172 +- 0.006  1.08 +- 0.036
  scratches  l1    23.5 +- 0.36  0.908 +- 0.003  0.071 +- 0.003  1.04 +- 0.014
  scratches  gan   23.0 +- 0.39  0.903 +- 0.010  0.071 +- 0.005  1.19 +- 0.054
  edges      l1    23.1 +- 0.61  0.922 +- 0.011  0.027 +- 0.002  0.89 +- 0.033
  edges      gan   22.5 +- 0.25  0.916 +- 0.006  0.028 +- 0.001  1.06 +- 0.036
]]
local orrery = require "orrery"
local data, metrics, nn = orrery.data, orrery.metrics, orrery.nn
local plot, translate = orrery.plot, orrery.translate
local F = nn.functional

local run = orrery.experiment {
  name = "restore",
  knobs = {
    damage = { { "hole", "scratches", "edges" }, "what was done to pictures",
      one_of = { "hole", "scratches", "edges" } },
    loss = { { "l1", "gan" }, "what the generator is trained on",
      one_of = { "l1", "gan" } },
    lambda = { 10.0, "weight of L1 beside the discriminator", min = 0 },
    steps = { 1000, "of both players", min = 1 },
    batch = { 4, "pictures", min = 1 },
    lr = { 5e-4, "of Adam", min = 0 },
    ngf = { 16, "channels of the players' first layer", min = 1 },
    marks = { 6, "along the way", min = 1 },
    data = { "digits", "digits, stripes, emoji, faces, or a folder" },
    images = { 0, "pictures to learn from; 0: all there are", min = 0 },
    size = { 32, "pixels of a side", one_of = { 16, 32, 64, 128, 256 } },
    damaged = { "error", "what files that cannot be decoded are",
      one_of = { "error", "skip" } },
    held = { 200, "pictures to measure on", min = 4 },
  },
  step = "step",
  by = "psnr",
  quick = { steps = 12, batch = 2, ngf = 8, held = 8, marks = 2,
    damage = { "hole" }, loss = { "gan" } },
}

-- ---- pairs

-- Pictures are in -1 to 1 here; what is missing is 0.
local damages = {}

-- A square of two fifths of the side, somewhere.
function damages.hole(x, random)
  local n, side = x:size(1), x:size(3)
  local wide = side * 2 // 5
  local function span(at, shape)
    local first = orrery.randint(1, side - wide + 1, n,
      { generator = random }):reshape(n, 1, 1, 1)
    at = at:reshape(shape)
    return at:ge(first):mul(at:lt(first + wide)):float()
  end
  local at = orrery.range(1, side, { dtype = "int64" })
  local gone = span(at, { 1, 1, side, 1 }) * span(at, { 1, 1, 1, side })
  return x * (1 - gone), gone
end

-- Four straight scratches two pixels wide.
function damages.scratches(x, random)
  local n, side = x:size(1), x:size(3)
  local at = orrery.range(0.5, side, 1, { dtype = "float32" }) / side - 0.5
  local gone = orrery.zeros(n, 1, side, side)
  for _ = 1, 4 do
    local turn = orrery.rand({ n, 1, 1, 1 }, { generator = random }) * math.pi
    local off = orrery.rand({ n, 1, 1, 1 }, { generator = random }) * 0.6 - 0.3
    local far = at:reshape(1, 1, 1, side) * turn:cos()
      + at:reshape(1, 1, side, 1) * turn:sin() - off
    gone = gone:maximum(far:abs():lt(1 / side):float())
  end
  return x * (1 - gone), gone
end

-- The strength of Sobel's gradient of the brightness, white on black.
function damages.edges(x)
  local across = orrery.tensor { { -1, 0, 1 }, { -2, 0, 2 }, { -1, 0, 1 } }
  local kernel = orrery.stack({ across, across:transpose(1, 2) }, 1)
    :unsqueeze(2)
  local slope = F.conv2d(F.pad(x:mean { axis = 2, keepdim = true },
    { 1, 1, 1, 1 }, { mode = "replicate" }), kernel)
  local line = (slope ^ 2):sum { axis = 2, keepdim = true }:sqrt()
  return ((line - 1) / 2):clamp(-1, 1):expand { x:size() }:contiguous(),
    orrery.ones(x:size(1), 1, x:size(3), x:size(4))
end

-- ---- a trial

local function game_of(k, colours, log)
  local downs = math.tointeger(math.floor(math.log(k.size, 2)))
  local stream = log:generator "game"
  return translate.Pix2Pix {
    netG = translate.UNet { num_downs = downs, input_nc = colours,
      output_nc = colours, ngf = k.ngf, dropout_levels = 1,
      generator = stream },
    netD = translate.PatchGAN { input_nc = 2 * colours, ndf = k.ngf,
      n_layers = 1, generator = stream },
    lambda_gan = k.loss == "gan" and 1 or 0, lambda_L1 = k.lambda,
    lr = k.lr, compile = true, stream = stream }
end

-- Of what is made only the damaged part is taken.
local function mended(game, damaged, gone)
  return damaged * (1 - gone) + game:to_B(damaged) * gone
end

local function measured(made, held, gone)
  local function unit(x) return (x + 1) / 2 end
  local off = ((made - held):abs() / 2 * gone):sum() / gone:sum()
    / held:size(2)
  return { psnr = metrics.psnr(unit(made), unit(held)),
    ssim = metrics.ssim(unit(made), unit(held)), l1 = off:item(),
    sharpness = metrics.sharpness(made, held) }
end

function run.trial(k, log)
  local train, held = data.whole(k.data, { size = k.size, held = k.held,
    images = k.images, range = { -1, 1 }, damaged = k.damaged })
  if not train then error(held, 0) end
  local spoil, random = damages[k.damage], log:generator "damage"
  local damaged, gone = spoil(held, orrery.Generator(1))
  local game = game_of(k, held:size(2), log)
  local result, made
  local function mark(step)
    made = mended(game, damaged, gone)
    result = measured(made, held, gone)
    for name, value in pairs(result) do log:scalar(name, step, value) end
    log:image("mended", made:narrow(1, 1, math.min(4, made:size(1))) / 2
      + 0.5, { step = step,
      columns = 4 })
  end
  log:steps { steps = k.steps, every = math.max(1, k.steps // k.marks),
    objects = { game = game },
    batches = data.TensorDataset(train):batches(k.batch, { shuffle = true,
      drop_last = true, generator = log:generator "order" }),
    update = function(x)
      local n = game:step((spoil(x, random)), x)
      n.loss = n.G_L1
      return n
    end,
    mark = function(step, means)
      for name, value in pairs(means) do log:scalar(name, step, value) end
      mark(step)
    end }
  if not result then mark(k.steps) end
  for name, x in pairs { damaged = damaged, mended = made, truth = held } do
    log:image(name, x:narrow(1, 1, math.min(16, x:size(1))) / 2 + 0.5,
      { columns = 8, scale = 2 })
  end
  local before = measured(damaged, held, gone)
  result.before = before.psnr
  return result
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out pictures: decibels before and after, structural "
    .. "similarity, mean absolute distance where there was damage (of the "
    .. "whole range), sharpness as a part of the truth's.")
  page:table(trials, { "damage", "loss", { "before", "PSNR before" },
    { "psnr", "PSNR" }, { "ssim", "SSIM" }, { "l1", "L1, damaged part" },
    "sharpness" })
  local list = trials:by_setting()
  page:plot(plot.bar { x = list.damage, y = list.psnr, title = "PSNR, dB" })
  page:heading "Pictures"
  page:image_matrix { rows = "damage", columns = "loss",
    images = { "damaged", "mended", "truth" } }
end

return run(...)
