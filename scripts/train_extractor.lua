--[[ Trains the network that the metrics look at images with.

One small convolutional network learns digits and clothes together, twenty
classes: orrery.metrics.extractor() loads it. It learns from the 60,000 digits
of `digits` without those that come with Orrery as test images, and from the
60,000 clothes of Debian's dataset-fashion-mnist. Without a folder of digits it
makes do with the 8,000 that come with Orrery. Expect: 99 % of the held-out
digits named right, 91 % of the clothes.

Five minutes on one core gave 99.20 % and 90.47 %; digits-fashion.safetensors in
the trial's folder is what to put into lua/orrery/datasets/classifier:

  orrery scripts/train_extractor.lua digits=FOLDER epochs=6 threads=1
]]
local orrery = require "orrery"
local Classifier = require "orrery.metrics.classifier"
local data, nn, optim = orrery.data, orrery.nn, orrery.optim

local run = orrery.experiment {
  name = "train_extractor",
  knobs = {
    digits = { "embedded", "the folder with the MNIST files, or embedded" },
    fashion = { "installed", "the folder of Fashion-MNIST, or none" },
    epochs = { 10, "passes over the training images", min = 1 },
    batch = { 100, "images per step", min = 1 },
    lr = { 2e-3, "learning rate of Adam, falling to 0", min = 0 },
    shift = { 2, "pixels that batches are moved by at most", min = 0 },
    images = { 0, "training images of each set, 0 for all", min = 0 },
  },
  step = "step",
  quick = { epochs = 2, images = 1000, fashion = "none" },
}

-- The digits to learn from: all but the 2,000 that come as test images. The
-- embedded 10,000 are the first 10,000 of the folder in another order.
local function load_digits(k)
  local own = assert(data.mnist {})
  if k.digits == "embedded" then return own.train, own.test end
  local all, why = data.mnist { dir = k.digits }
  if not all then error(why, 0) end
  local rest = all.train:subset(10001, #all.train)
  return { images = orrery.cat({ own.train.images, rest.images }, 1),
    labels = orrery.cat({ own.train.labels, rest.labels }, 1) }, all.test
end

local function load_clothes(k)
  if k.fashion == "none" then return nil end
  local set, why = data.fashion(k.fashion ~= "installed"
    and { dir = k.fashion } or {})
  if not set then error(why .. "; or say fashion=none", 0) end
  return set.train, set.test
end

-- Tensors of both sets side by side, at most `most` images of each.
local function joined(digits, clothes, most)
  local function part(set, name)
    local x = set[name]
    return most > 0 and x:narrow(1, 1, math.min(most, x:size(1))) or x
  end
  local images, labels = part(digits, "images"), part(digits, "labels")
  if clothes then
    images = orrery.cat({ images, part(clothes, "images") }, 1)
    labels = orrery.cat({ labels, part(clothes, "labels") + 10 }, 1)
  end
  return data.ImageDataset(images, labels)
end

-- The whole batch moved by some pixels, zeros coming in at the edges.
local function moved(x, most, random)
  if most == 0 then return x end
  local by = orrery.randint(0, 2 * most, 2, { generator = random }):tolist()
  return nn.functional.pad(x, { most, most, most, most })
    :narrow(3, 1 + by[1], 28):narrow(4, 1 + by[2], 28)
end

local function accuracy(net, set, offset)
  if not set then return nil end
  net:eval()
  local right = 0
  for x, y in set:batches(500) do
    right = right + orrery.tidy(function()
      local said = orrery.no_grad(function() return net(x) end)
      return said:argmax { axis = 2 }:eq(y + offset):sum():item()
    end)
  end
  net:train()
  return right / #set
end

function run.trial(k, log)
  local digits, held_digits = load_digits(k)
  local clothes, held_clothes = load_clothes(k)
  local train = joined(digits, clothes, k.images)
  local net = Classifier()
  local opt = optim.Adam(net, { lr = k.lr })
  local random = log:generator "shift"
  local batches = train:batches(k.batch, { shuffle = true,
    generator = log:generator "order" })
  local steps = k.epochs * #batches
  local schedule = optim.lr_scheduler.CosineAnnealingLR(opt, { T_max = steps })
  local result = {}
  log:steps {
    steps = steps, every = #batches, batches = batches,
    objects = { net = net, opt = opt, schedule = schedule },
    update = function(x, y)
      local loss = nn.functional.cross_entropy(
        net(moved(x, k.shift, random)), y)
      opt:minimize(loss)
      schedule:step()
      return { loss = loss }
    end,
    mark = function(step, means)
      result = { loss = means.loss, digits = accuracy(net, held_digits, 0),
        clothes = accuracy(net, held_clothes, 10) }
      for name, value in pairs(result) do log:scalar(name, step, value) end
    end,
  }
  net:eval()
  local path = log.record:path "digits-fashion.safetensors"
  assert(orrery.io.write_safetensors(path, net:state_dict()))
  log:note("written: " .. path)
  return result
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Share of held-out images named right.")
  page:table(trials, { "loss", "digits", "clothes" })
end

return run(...)
