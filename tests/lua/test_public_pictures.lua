--- Public sets of pictures, where a machine has them beside the source: counts
--- as published with them, the same pictures as the plain reader's.
local orrery, t = require "orrery", require "orrery.testing"
local data = orrery.data

local root = (os.getenv "ORRERY_SOURCE_DIR" or ".") .. "/../shared/data"
if not orrery.fs.exists(root) then root = "/nowhere" end

local function with(name, title, fn)
  local path = root .. "/" .. name
  if not orrery.io.features.jpeg then
    t.skip(title, "this build has no libjpeg-turbo")
  elseif not orrery.fs.exists(path) then
    t.skip(title, "no " .. name .. " on this machine")
  else
    t.test(title, function() fn(path) end)
  end
end

for name, counts in pairs {
  horse2zebra = { 200, 200, 120, 140, 256 },
  summer2winter = { 200, 200, 60, 60, 128 },
  monet2photo = { 250, 180, 50, 50, 256 },
} do
  with(name, name .. ": four folders, as many as published", function(path)
    local set = assert(data.cyclegan(path, { size = 64 }))
    t.equal({ #set.train.A, #set.train.B, #set.test.A, #set.test.B },
      { counts[1], counts[2], counts[3], counts[4] })
    local own = assert(data.cyclegan(path, { size = counts[5],
      range = { 0, 255 } }))
    local first = orrery.tensor({ 1 }, { dtype = "int64" })
    t.equal(own.test.A:get(first)[1], assert(orrery.read_image(path .. "/"
      .. own.test.A.names[1])):float())
    t.equal({ set.train.B:subset(1, 3):everything():shape() },
      { 3, 3, 64, 64 })
  end)
end

for name, counts in pairs { facades = { 400, 106 }, maps = { 150, 40 } } do
  with(name, name .. ": pairs side by side", function(path)
    local set = assert(data.pix2pix(path, { range = { 0, 255 } }))
    t.equal({ #set.train.pairs, #set.test.pairs, set.val },
      { counts[1], counts[2] })
    local first = orrery.tensor({ 1 }, { dtype = "int64" })
    local a, b = set.test.pairs:get(first)
    local whole = assert(orrery.read_image(path .. "/"
      .. set.test.pairs.names[1])):float()
    t.equal(orrery.cat({ a[1], b[1] }, 3), whole)
  end)
end

for name, shape in pairs { celeba64 = { 5000, 64 },
  ["caltech-faces"] = { 435, 128 } } do
  with(name, name .. ": faces of one size", function(path)
    local set = assert(data.images(path))
    t.equal({ #set, set.plan.height, set.plan.width },
      { shape[1], shape[2], shape[2] })
    t.equal({ set:subset { 7, 3 }:everything():shape() },
      { 2, 3, shape[2], shape[2] })
  end)
end

with("mvtec-screw", "mvtec-screw: a folder for each class, in grey",
  function(path)
    local train = assert(data.images(path .. "/train", { channels = 1,
      size = 32 }))
    local test = assert(data.images(path .. "/test", { channels = 1,
      size = 32 }))
    t.equal({ #train, train.classes }, { 320, { "good" } })
    t.equal({ #test, test.classes }, { 160, { "defective", "good" } })
    t.equal(test.labels:bincount():tolist(), { 119, 41 })
    local x, labels = test:subset { 1, 160 }:everything()
    t.equal({ x:shape_str(), labels:tolist() }, { "[2, 1, 32, 32]",
      { 1, 2 } })
  end)

with("orl-faces", "orl-faces: 40 people, 10 pictures each, as IDX",
  function(path)
    local names = orrery.fs.list(path)
    local images, labels
    for _, name in ipairs(names) do
      local x = assert(orrery.io.read_idx(path .. "/" .. name))
      if x:dim() == 3 then images = x else labels = x end
    end
    local set = data.ImageDataset(images, labels:long() + 1)
    t.equal(tostring(set), "400 images of 112 x 92")
    t.equal(set.labels:bincount():tolist(),
      orrery.full({ 40 }, 10, { dtype = "int64" }):tolist())
  end)

with("celeba64", "celeba64: whole, the first held out", function(path)
  local train, held = data.whole(path, { size = 32, images = 8, held = 3 })
  t.equal({ train:shape_str(), held:shape_str() }, { "[8, 3, 32, 32]",
    "[3, 3, 32, 32]" })
  -- Halving by areas is the mean of four pixels.
  local first = assert(orrery.read_image(path .. "/000001.jpg")):float() / 255
  t.near(held[1], orrery.avg_pool2d(first:unsqueeze(1), 2)[1], 1e-5)
end)
