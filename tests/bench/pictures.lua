--- How many JPEGs of 256 x 256 a second are decoded, scaled, cut, flipped and
--- coloured, beside how many a training step takes.
---
---     lua5.4 tests/bench/pictures.lua [FOLDER]
---
--- Without a folder of pictures, made-up ones of about a photograph's size in
--- bytes stand in. The table is of the loader alone; "in training" is the
--- part of a step's time that it waits for pictures. run.py does not call
--- it: PyTorch's loader is torchvision, which a machine need not have.
---
--- On 2 shared cores, horse2zebra's trainA, images/s without and with a worker:
--- 2,340 and 4,850 decoded; 1,070 and 2,070 made 286 and cut to 256; 470 and
--- 930 with jitter; 2,330 and 3,680 at 64 pixels. A discriminator of three
--- layers at 64 alone takes 1,740 of these and waits 8 % of the time, as
--- its own work and the worker's share both cores; pix2pix at 64 takes 50.
local orrery = require "orrery"
local data, nn, optim = orrery.data, orrery.nn, orrery.optim
local F = nn.functional

local function made_up(n)
  local folder = os.tmpname()
  os.remove(folder)
  orrery.fs.mkdir(folder)
  local g = orrery.Generator(1)
  for i = 1, n do
    local coarse = orrery.rand(1, 3, 48, 48, { generator = g })
    local x = F.interpolate(coarse, { size = { 256, 256 },
      mode = "bilinear" })[1]
    x = x * 0.9 + orrery.rand(3, 256, 256, { generator = g }) * 0.1
    assert(orrery.io.write_jpeg(("%s/%03d.jpg"):format(folder, i), x,
      { quality = 82 }))
  end
  return folder, function()
    for i = 1, n do os.remove(("%s/%03d.jpg"):format(folder, i)) end
    os.remove(folder)
  end
end

local folder, clean = arg[1], function() end
if not folder then folder, clean = made_up(100) end

local jobs = {
  { "decode only", {} },
  { "286, cut 256, flip", { size = 256, resize = 286, crop = "random",
    flip = true } },
  { "the same and jitter", { size = 256, resize = 286, crop = "random",
    flip = true, jitter = { brightness = 0.2, contrast = 0.2,
      saturation = 0.2, hue = 0.05 } } },
  { "72, cut 64, flip", { size = 64, resize = 72, crop = "random",
    flip = true } },
}

local function opened(options, workers)
  local o = { workers = workers, classes = false }
  for key, value in pairs(options) do o[key] = value end
  return assert(data.images(folder, o))
end

-- Pictures a second over two seconds, or the median of five such rounds.
local function rate(options, workers)
  local rates = {}
  for round = 1, 5 do
    local loader = opened(options, workers):batches(8, { shuffle = true,
      seed = round })
    local begin, n = orrery.clock(), 0
    while orrery.clock() - begin < 0.4 do
      local x = loader:next()
      n = n + (x and #x or 0)
    end
    rates[round] = n / (orrery.clock() - begin)
  end
  table.sort(rates)
  return rates[3]
end

print(("%-22s %14s %14s"):format("256 px JPEG, images/s", "no worker",
  "1 worker"))
for _, job in ipairs(jobs) do
  print(("%-22s %14.0f %14.0f"):format(job[1], rate(job[2], 0),
    rate(job[2], 1)))
end

-- The smallest step that still trains on 64 pixels: a discriminator of three
-- convolutions on real and noise, no generator at all.
local function small_step()
  local net = nn.Sequential { nn.Conv2d(3, 16, 4, { stride = 2, padding = 1 }),
    nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, { stride = 2, padding = 1 }),
    nn.LeakyReLU(0.2), nn.Conv2d(32, 1, 4, { stride = 4 }) }
  local opt = optim.Adam(net)
  return function(x)
    local loss = F.softplus(-net(x)):mean()
      + F.softplus(net(orrery.randn_like(x))):mean()
    opt:minimize(loss)
  end
end

for _, workers in ipairs { 0, 1 } do
  local step, waits, whole, n = small_step(), 0, 0, 0
  local loader = opened(jobs[4][2], workers):batches(8, { shuffle = true,
    seed = 1 })
  for _ = 1, 300 do
    orrery.tidy(function()
      local t0 = orrery.clock()
      local x = loader:next() or loader:next()
      local t1 = orrery.clock()
      step(x)
      local t2 = orrery.clock()
      waits, whole, n = waits + t1 - t0, whole + t2 - t0, n + #x
    end)
  end
  print(("in training at 64 px, %d worker%s: %.0f images/s, %.1f %% of the "
    .. "time waiting for them"):format(workers, workers == 1 and "" or "s",
    n / whole, 100 * waits / whole))
end
clean()
