--[[ Small pictures made large: sharp or right?

x4 super-resolution (Ledig et al. 2017, SRGAN): a residual network with
sub-pixel shuffles enlarges the means of 4 x 4 blocks. mse: trained on the
squared error; its answer to what the small picture leaves open is the mean of
all possibilities, which is blurred. perceptual: on the distance of a
classifier's feature maps beside it. gan: after half of the steps a
discriminator joins, and the answer becomes one of the possibilities. Expect:
mse has more decibels than bicubic interpolation; gan is the sharpest (sharpness
1 is as sharp as real pictures) and has at most mse's decibels. Half a minute
for a method and seed, a minute with feature maps, on one core:

  orrery scripts/superres.lua
  orrery scripts/superres.lua method=bicubic,mse,gan seed=1..3 steps=2000
  orrery scripts/superres.lua data=emoji size=32
  orrery scripts/superres.lua data=FOLDER size=64 steps=4000

Measured on digits (steps=2000 seed=1..3, mean +- sd):

  method                 PSNR              SSIM         sharpness
  bicubic               14.74             0.443              0.02
  mse          20.62 +- 0.135   0.847 +- 0.0166   0.42 +- 0.014
  perceptual   20.61 +- 0.190   0.857 +- 0.0200   0.42 +- 0.014
  gan          20.10 +- 0.127   0.827 +- 0.0034   0.75 +- 0.014

Feature maps at weight 0.03 change nothing that three seeds could tell; what
sharpens is the discriminator.

Photographs of faces (data=FOLDER size=64 images=1000 held=100 steps=200, one
seed, half a minute): mse has 23.0 dB and 0.08 of the sharpness, bicubic 22.5
and 0.02. Outlines and hair are firmer, eyes and mouths are smears still; so few
steps are a beginning.
]]
local orrery = require "orrery"
local data, metrics, nn = orrery.data, orrery.metrics, orrery.nn
local optim, plot = orrery.optim, orrery.plot
local F = nn.functional

local run = orrery.experiment {
  name = "superres",
  knobs = {
    method = { { "bicubic", "mse", "perceptual", "gan" }, "what is trained on",
      one_of = { "bicubic", "mse", "perceptual", "gan" } },
    adversarial = { 3e-3, "weight of the adversarial loss", min = 0 },
    perceptual = { 0.03, "weight of the feature maps' distance", min = 0 },
    blocks = { 4, "residual blocks of the generator", min = 0 },
    channels = { 32, "of the generator; D has as many at first", min = 4 },
    steps = { 1000, "of training", min = 2 },
    batch = { 16, "pictures", min = 1 },
    lr = { 1e-3, "of Adam, for both players a tenth once D plays", min = 0 },
    marks = { 8, "along the way", min = 1 },
    held = { 500, "pictures to measure on", min = 4 },
    data = { "digits", "digits, emoji, faces, or a folder of pictures" },
    images = { 0, "pictures to learn from; 0: all there are", min = 0 },
    damaged = { "error", "what files that cannot be decoded are",
      one_of = { "error", "skip" } },
    size = { 64, "pixels of a side but for digits, a multiple of 4",
      min = 16 },
  },
  step = "step",
  by = "psnr",
  quick = { steps = 12, batch = 4, marks = 2, held = 16, channels = 8,
    blocks = 1, method = { "bicubic", "gan" } },
}

-- ---- networks

-- Convolution, sub-pixel shuffle by two, PReLU (Ledig et al. 2017, figure 4).
local function doubled(c)
  return nn.Conv2d(c, 4 * c, 3, { padding = 1 }), nn.PixelShuffle(2),
    nn.PReLU()
end

local Generator = nn.Module:subclass "Generator"

function Generator:init(colours, c, blocks)
  self.first = nn.Sequential { nn.Conv2d(colours, c, 5, { padding = 2 }),
    nn.PReLU() }
  local list = {}
  for i = 1, blocks do
    list[i] = nn.Residual(nn.Sequential {
      nn.Conv2d(c, c, 3, { padding = 1 }), nn.BatchNorm2d(c), nn.PReLU(),
      nn.Conv2d(c, c, 3, { padding = 1 }), nn.BatchNorm2d(c) })
  end
  self.body = nn.Sequential(list)
  local up = { doubled(c) }
  for _, layer in ipairs { doubled(c) } do up[#up + 1] = layer end
  up[#up + 1] = nn.Conv2d(c, colours, 5, { padding = 2 })
  self.up = nn.Sequential(up)
end

-- What it adds to bicubic interpolation.
function Generator:forward(x)
  local h = self.first(x)
  return F.interpolate(x, { scale_factor = 4, mode = "bicubic" })
    + self.up(h + self.body(h))
end

local function discriminator(colours, c, size)
  local side = size // 4
  return nn.Sequential {
    nn.Conv2d(colours, c, 3, { padding = 1 }), nn.LeakyReLU(0.2),
    nn.Conv2d(c, c, 4, { stride = 2, padding = 1 }), nn.LeakyReLU(0.2),
    nn.Conv2d(c, 2 * c, 4, { stride = 2, padding = 1 }), nn.BatchNorm2d(2 * c),
    nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(2 * c * side * side, 1) }
end

-- ---- data

-- Pictures to learn from and to measure on, [N, C, S, S], 0 to 1.
local function load(k)
  if k.size % 4 > 0 then
    error(("superres: size is %d; give a multiple of 4"):format(k.size), 0)
  end
  local train, held = data.whole(k.data, { size = k.data == "digits" and 28
    or k.size, images = k.images, held = k.held, damaged = k.damaged })
  if not train then error(held, 0) end
  return train, held
end

local function small(x) return F.avg_pool2d(x, 4) end

-- ---- training

-- Distance of the classifier's maps, each as a part of their own size.
local function seen_apart(seen, a, b)
  local total = 0
  local function grey(x) return x:mean { axis = 2, keepdim = true } end
  local of_b = orrery.no_grad(function() return seen:maps(grey(b)) end)
  for i, map in ipairs(seen:maps(grey(a))) do
    total = total + F.mse_loss(map, of_b[i]) / (of_b[i] ^ 2):mean()
  end
  return total
end

local function trainer(k, colours, size)
  local t = { G = Generator(colours, k.channels, k.blocks),
    seen = metrics.extractor() }
  t.optG = optim.Adam(t.G, { lr = k.lr })
  local function content(y, x)
    local loss = F.mse_loss(y, x)
    return k.method == "mse" and loss
      or loss + seen_apart(t.seen, y, x) * k.perceptual
  end
  t.plain = orrery.compile(function(x)
    local loss = content(t.G(small(x)), x)
    t.optG:minimize(loss)
    return loss:detach()
  end)
  if k.method ~= "gan" then return t end
  t.D = discriminator(colours, k.channels, size)
  t.optD = optim.Adam(t.D, { lr = k.lr / 10, betas = { 0.5, 0.999 } })
  t.both = orrery.compile(function(x)
    local y = t.G(small(x))
    local loss_D = F.softplus(-t.D(x)):mean()
      + F.softplus(t.D(y:detach())):mean()
    t.optD:minimize(loss_D)
    local kept = content(y, x)
    t.optG:minimize(kept + F.softplus(-t.D(y)):mean() * k.adversarial)
    return kept:detach(), loss_D:detach()
  end)
  return t
end

local function enlarged(t, x)
  t.G:eval()
  local parts = {}
  for i, some in ipairs { x:split(100, 1) } do
    parts[i] = orrery.no_grad(function()
      return t.G(small(some)):clamp(0, 1)
    end)
  end
  t.G:train()
  return orrery.cat(parts, 1)
end

local function measured(y, x)
  return { psnr = metrics.psnr(y, x), ssim = metrics.ssim(y, x),
    sharpness = metrics.sharpness(y, x) }
end

local function learn(k, log, train, held)
  local t = trainer(k, train:size(2), train:size(3))
  local first = k.method == "gan" and k.steps // 2 or k.steps
  local function update(x, step)
    if step <= first then return { loss = t.plain(x) } end
    t.optG.param_groups[1].lr = k.lr / 10
    local loss, D = t.both(x)
    return { loss = loss, D = D }
  end
  log:steps { steps = k.steps, every = math.max(1, k.steps // k.marks),
    objects = { G = t.G, optG = t.optG, D = t.D, optD = t.optD },
    batches = data.TensorDataset(train):batches(k.batch, { shuffle = true,
      drop_last = true, generator = log:generator "order" }),
    update = update, mark = function(step, means)
      for name, value in pairs(means) do log:scalar(name, step, value) end
      local y = enlarged(t, held:narrow(1, 1, math.min(100, held:size(1))))
      for name, value in pairs(measured(y, held:narrow(1, 1, y:size(1)))) do
        log:scalar(name, step, value)
      end
      log:image("enlarged", y:narrow(1, 1, math.min(4, y:size(1))),
        { step = step, columns = 4 })
    end }
  return enlarged(t, held)
end

function run.trial(k, log)
  local train, held = load(k)
  local y
  if k.method == "bicubic" then
    y = F.interpolate(small(held), { scale_factor = 4, mode = "bicubic" })
      :clamp(0, 1)
  else
    y = learn(k, log, train, held)
  end
  local n = math.min(8, held:size(1))
  log:image("given", small(held:narrow(1, 1, n)), { columns = 8, scale = 8 })
  log:image("enlarged", y:narrow(1, 1, n), { columns = 8, scale = 2 })
  log:image("truth", held:narrow(1, 1, n), { columns = 8, scale = 2 })
  return measured(y, held)
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out pictures: PSNR in decibels, SSIM; sharpness is the "
    .. "variance of the Laplacian, of that of the real pictures.")
  page:table(trials, { "method", { "psnr", "PSNR" }, { "ssim", "SSIM" },
    "sharpness" })
  local list = trials:by_setting()
  page:plot(plot.line { x = list.sharpness, y = list.psnr,
    labels = list.method, xlabel = "sharpness", ylabel = "PSNR, dB",
    title = "Sharp or right" })
  page:heading "Pictures"
  page:image_matrix { rows = "method", images = { "given", "enlarged",
    "truth" } }
end

return run(...)
