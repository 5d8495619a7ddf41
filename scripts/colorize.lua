--[[ A grey picture in colour: what does the loss make of what it cannot know?

pix2pix (Isola et al. 2017) from brightness to the two numbers of colour
(Zhang et al. 2016 have the task). The default pictures are bright shapes of
any hue on grey; brightness says little of the hue. l2 answers with the mean of
all hues that fit, a weak colour; l1 with the median; gan, 10 L1 and a
conditional discriminator, must draw one that might be true. Expect: the chroma
of gan is nearest to the truth's, about 1.3 times l2's; its distance to
the true colours is the largest: colourful or close. Ten seconds for each, one
core:

  orrery scripts/colorize.lua
  orrery scripts/colorize.lua seed=1..3
  orrery scripts/colorize.lua data=emoji size=32
  orrery scripts/colorize.lua data=FOLDER size=64 steps=4000

Measured (seed=1..3, mean +- sd; gan has 1.30, 1.41 and 1.68 times the chroma
of l2):

  loss          chroma      L1 of colour           PSNR
  l2     0.66 +- 0.060   0.132 +- 0.0026   17.5 +- 0.07
  l1     0.50 +- 0.028   0.121 +- 0.0015   17.4 +- 0.12
  gan    0.96 +- 0.052   0.148 +- 0.0023   16.3 +- 0.16

Photographs of faces (data=FOLDER size=64 loss=gan steps=300, one seed, half a
minute): 0.73 of the true chroma, 25.5 dB. Skin and lips find their colours, the
lips too much of it; walls and clothes, which brightness does not tell, stay
grey or get a blotch.
]]
local orrery = require "orrery"
local data, metrics = orrery.data, orrery.metrics
local plot, translate = orrery.plot, orrery.translate

local run = orrery.experiment {
  name = "colorize",
  knobs = {
    loss = { { "l2", "l1", "gan" }, "what the generator is trained on",
      one_of = { "l2", "l1", "gan" } },
    lambda = { 10.0, "weight of L1 beside the discriminator", min = 0 },
    steps = { 1500, "of both players", min = 1 },
    batch = { 8, "pictures", min = 1 },
    lr = { 5e-4, "of Adam", min = 0 },
    ngf = { 24, "channels of the players' first layer", min = 1 },
    marks = { 6, "along the way", min = 1 },
    data = { "shapes", "shapes, emoji, faces, or a folder of pictures" },
    images = { 2000, "pictures to learn from; 0: all there are", min = 0 },
    size = { 16, "pixels of a side", one_of = { 16, 32, 64, 128, 256 } },
    damaged = { "error", "what files that cannot be decoded are",
      one_of = { "error", "skip" } },
    held = { 200, "pictures to measure on", min = 4 },
  },
  step = "step",
  by = "chroma",
  quick = { steps = 12, batch = 2, ngf = 8, held = 8, marks = 2,
    loss = { "gan" } },
}

-- ---- brightness and colour (ITU-R BT.601)

-- Brightness [N, 1, H, W] and colour [N, 2, H, W] of x in 0 to 1, all in -1
-- to 1: what a generator is given, and what it makes.
local function parted(x)
  local r, g, b = x:narrow(2, 1, 1), x:narrow(2, 2, 1), x:narrow(2, 3, 1)
  local y = r * 0.299 + g * 0.587 + b * 0.114
  return y * 2 - 1, orrery.cat({ (b - y) / 0.886, (r - y) / 0.701 }, 2)
end

-- The picture again, 0 to 1.
local function joined(y, colour)
  y = (y + 1) / 2
  local b = colour:narrow(2, 1, 1) * 0.886 + y
  local r = colour:narrow(2, 2, 1) * 0.701 + y
  local g = (y - r * 0.299 - b * 0.114) / 0.587
  return orrery.cat({ r, g, b }, 2):clamp(0, 1)
end

-- ---- a trial

local function game_of(k, log)
  local downs = math.tointeger(math.floor(math.log(k.size, 2)))
  local stream = log:generator "game"
  return translate.Pix2Pix {
    netG = translate.UNet { num_downs = downs, input_nc = 1, output_nc = 2,
      ngf = k.ngf, dropout_levels = 1, generator = stream },
    netD = translate.PatchGAN { input_nc = 3, ndf = k.ngf, n_layers = 1,
      generator = stream },
    lambda_gan = k.loss == "gan" and 1 or 0,
    lambda_L1 = k.loss == "l2" and 0 or k.lambda,
    lambda_L2 = k.loss == "l2" and k.lambda or 0,
    lr = k.lr, compile = true, stream = stream }
end

local function chroma(colour)
  return (colour ^ 2):sum(2):sqrt():mean():item()
end

function run.trial(k, log)
  local train, held = data.whole(k.data, { size = k.size, held = k.held,
    images = k.images, damaged = k.damaged })
  if not train then error(held, 0) end
  if held:size(2) == 1 then
    error(("colorize: %s are grey; give pictures in colour"):format(k.data), 0)
  end
  local game = game_of(k, log)
  local grey, true_colour = parted(held)
  local result, made
  local function mark(step)
    local colour = game:to_B(grey)
    made = joined(grey, colour)
    result = { chroma = chroma(colour) / chroma(true_colour),
      l1 = (colour - true_colour):abs():mean():item(),
      psnr = metrics.psnr(made, held) }
    for name, value in pairs(result) do log:scalar(name, step, value) end
    log:image("coloured", made:narrow(1, 1, math.min(4, made:size(1))),
      { step = step, columns = 4, scale = 2 })
  end
  log:steps { steps = k.steps, every = math.max(1, k.steps // k.marks),
    objects = { game = game },
    batches = data.TensorDataset((parted(train)), (select(2, parted(train))))
      :batches(k.batch, { shuffle = true, drop_last = true,
        generator = log:generator "order" }),
    update = function(a, b)
      local n = game:step(a, b)
      n.loss = n.G_L1 or n.G_L2
      return n
    end,
    mark = function(step, means)
      for name, value in pairs(means) do log:scalar(name, step, value) end
      mark(step)
    end }
  if not result then mark(k.steps) end
  local function shown(name, x)
    log:image(name, x:narrow(1, 1, math.min(16, x:size(1))), { columns = 8,
      scale = 2 })
  end
  shown("grey", (grey + 1) / 2)
  shown("coloured", made)
  shown("truth", held)
  return result
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out pictures: the length of the colour vector, of that of "
    .. "the true pictures (1 is as colourful); the mean absolute distance of "
    .. "colours; decibels of the whole picture.")
  page:table(trials, { "loss", "chroma", { "l1", "L1 of colour" },
    { "psnr", "PSNR" } })
  local list = trials:by_setting()
  page:plot(plot.bar { x = list.loss, y = list.chroma,
    title = "chroma, of the truth's" })
  page:heading "Pictures"
  page:image_matrix { rows = "loss", images = { "grey", "coloured",
    "truth" } }
end

return run(...)
