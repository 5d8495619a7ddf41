--- The networks that metrics look at images with: the one that comes with
--- Orrery, Inception-v3, and what they make of real and spoilt digits.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local Inception = require "orrery.metrics.inception"
local metrics, nn = orrery.metrics, orrery.nn

local plain = { resamples = 0 }
local digits = orrery.data.mnist {}
if not digits then
  return t.skip("extractors", "this build cannot read the digits")
end

local function held(n) return digits.test:subset(1, n):everything() end

t.test("it names 98 % of the digits it never saw", function()
  local e = metrics.extractor()
  local x, y = digits.test:everything()
  t.ok(e:classify(x, "digits"):eq(y):double():mean():item() >= 0.98)
  local p = e:probs(x:narrow(1, 1, 50), "digits")
  t.equal({ p:size() }, { 50, 10 })
  t.near(p:sum(2), orrery.ones(50), 1e-5)
  t.equal({ e:features(x:narrow(1, 1, 3)):size() }, { 3, 48 })
end)

t.test("its file is small, its hash the one written beside it", function()
  local folder = (os.getenv "ORRERY_SOURCE_DIR" or ".")
    .. "/lua/orrery/datasets/classifier/"
  t.ok(#files.read(folder .. "digits-fashion.safetensors") < 300000)
  t.ok(files.read(folder .. "NOTICE"):find(metrics.extractor().hash, 1, true))
end)

local fashion, absent = orrery.data.fashion {}
local clothes = fashion and t.test or function(name) t.skip(name, absent) end
clothes("clothes are its other ten classes", function()
  local x, y = fashion.test:subset(1, 1000):everything()
  t.ok(metrics.extractor():classify(x, "clothes"):eq(y):double():mean():item()
    >= 0.85)
end)

t.test("another size is resized, another number of colours refused", function()
  local e, x = metrics.extractor(), held(20)
  local large = orrery.interpolate(x, { size = 56, mode = "bilinear" })
  local said, y = e:classify(large, "digits"), e:classify(x, "digits")
  t.ok(said:eq(y):double():mean():item() >= 0.9)
  t.fails("extractor: x is [2, 3, 28, 28]; digits-fashion looks at images "
    .. "[N, 1, H, W]", e.features, e, orrery.rand(2, 3, 28, 28))
end)

t.test("the hash is of names and weights", function()
  local Net = nn.Module:subclass "Net"
  function Net:init() self.layer = nn.Linear(2, 2) end
  function Net:features(x) return self.layer(x:flatten(2)) end
  local function hash(value)
    local net = Net()
    net.layer.weight:detach():fill_(value)
    net.layer.bias:detach():fill_(0)
    return metrics.extractor { network = net, name = "mine" }.hash
  end
  t.equal(hash(1), hash(1))
  t.ok(hash(1) ~= hash(1.0000001))
  t.equal(#hash(2), 16)
end)

-- A network whose maps are the picture itself and its square.
local function plain_maps()
  local Net = nn.Module:subclass "Net"
  function Net.features(_, x) return x:flatten(2) end
  function Net.maps(_, x) return { x, x ^ 2 } end
  return metrics.extractor { network = Net(), name = "plain" }
end

t.test("a Gram matrix says which features come together, not where", function()
  local e = plain_maps()
  local x = orrery.tensor { { { 1, 2 }, { 0, 0 } }, { { 3, 0 }, { 1, 0 } } }
    :unsqueeze(1)
  local grams = e:grams(x)
  t.near(grams[1], { { { 5 / 4, 3 / 4 }, { 3 / 4, 10 / 4 } } }, 1e-6)
  t.near(grams[2], { { { 17 / 4, 9 / 4 }, { 9 / 4, 82 / 4 } } }, 1e-6)
  local moved = x:flatten(3):index_select(3, orrery.tensor({ 3, 1, 4, 2 },
    { dtype = "int64" })):reshape(1, 2, 2, 2)
  t.near(e:grams(moved)[2], grams[2], 1e-6)
  t.gradcheck(function(v) return e:grams(v)[2]:sum() end,
    { orrery.rand({ 1, 2, 2, 3 }, { dtype = "float64" }) })
end)

t.test("maps are what the classifier's layers see, at any size", function()
  local e = metrics.extractor()
  local x = held(2)
  local body = e.network.body
  local last = e:maps(x)[3]
  t.near(body[13](body[12](body[11](last))), e:features(x), 1e-5)
  local sizes = {}
  for i, map in ipairs(e:maps(orrery.rand(1, 1, 48, 64))) do
    sizes[i] = map:shape_str()
  end
  t.equal(sizes, { "[1, 16, 24, 32]", "[1, 32, 24, 32]", "[1, 48, 6, 8]" })
  local Net = nn.Module:subclass "Net"
  function Net.features(_, v) return v end
  local none = metrics.extractor { network = Net(), name = "mine" }
  t.fails("extractor: mine has no maps(x); give a network that has", e.maps,
    none, x)
end)

-- Content and style loss of a digit whose pixels were moved for a while.
local function painted(weight)
  local e = metrics.extractor()
  local content = held(1)
  local style = (orrery.range(1, 28, { dtype = "float32" }):sin() * 0.5 + 0.5)
    :reshape(1, 1, 1, 28):expand { 1, 1, 28, 28 }
  local goal, grams = e:maps(content)[3], e:grams(style)
  local x = content:clone():requires_grad_()
  local opt = orrery.optim.Adam({ x }, { lr = 0.05 })
  local function losses()
    local far = 0
    for i, g in ipairs(e:grams(x)) do
      far = far + ((g - grams[i]) ^ 2):mean()
    end
    return ((e:maps(x)[3] - goal) ^ 2):mean(), far
  end
  local _, before = losses()
  for _ = 1, 30 do
    local kept, far = losses()
    opt:minimize(kept + far * weight)
  end
  local kept, far = losses()
  return kept:item(), far:item(), before:item()
end

t.test("pixels take on a style, and give up the more content", function()
  local little, slow, before = painted(0.1)
  local much, fast = painted(10)
  t.ok(fast < slow and slow < before, "style")
  t.ok(little < much, "content")
end)

t.test("FID of images is that of their features, and carries whose", function()
  local e = metrics.extractor()
  local x, y = held(200), digits.train:subset(1, 150):everything()
  local s = metrics.fid(x, y, plain)
  t.equal({ s.extractor, s.hash, s.n, s.m },
    { "digits-fashion", e.hash, 150, 200 })
  t.near(s.value, metrics.fid(e:features(x), e:features(y), plain).value,
    1e-9)
  t.ok(tostring(s):find("digits-fashion " .. e.hash:sub(1, 8), 1, true))
  t.fails("fid: one has extractor digits-fashion, the other none; measure "
    .. "both alike", function() return s < metrics.fid(e:features(x),
      e:features(y), plain) end)
end)

-- Five strengths of each way to spoil images, from none to much.
local ladder = {
  noise = function(x, s)
    return (x + orrery.randn({ x:size() },
      { generator = orrery.Generator(3) }) * 0.1 * s):clamp(0, 1)
  end,
  blur = function(x, s)
    for _ = 1, s do
      x = orrery.avg_pool2d(x, 3, { stride = 1, padding = 1 })
    end
    return x
  end,
  ["dropped classes"] = function(x, s, y)
    return x:index_select(1, y:gt(2 * s):nonzero():select(2, 1))
  end,
  ["copies of few"] = function(x, s)
    local n = x:size(1)
    local kept = math.max(1, n // 4 ^ s)
    return x:narrow(1, 1, kept):tile { math.ceil(n / kept), 1, 1, 1 }
      :narrow(1, 1, n)
  end,
}
for _, name in ipairs { "noise", "blur", "dropped classes",
  "copies of few" } do
  t.test("FID rises with " .. name, function()
    local e, spoil = metrics.extractor(), ladder[name]
    local x, y = held(600)
    local real = e:features(digits.train:subset(1, 1000):everything())
    local last = metrics.fid(real, e:features(x), plain).value
    for s = 1, 4 do
      local now = metrics.fid(real, e:features(spoil(x, s, y)), plain).value
      t.ok(now > last, ("strength %d: %g after %g"):format(s, now, last))
      last = now
    end
  end)
end

t.test("half the classes: recall falls by 30 %, precision stays within 5 %",
  function()
    local e, x, y = metrics.extractor(), held(1200)
    local real = e:features(digits.train:subset(1, 1200):everything())
    local half = x:index_select(1, y:le(5):nonzero():select(2, 1))
    local function of(images)
      return metrics.precision_recall(real, e:features(images), plain)
    end
    local before, after = of(x), of(half)
    t.ok(after.recall.value <= 0.7 * before.recall.value)
    t.near(after.precision.value, before.precision.value, 0.05)
    local blurred = of(ladder.blur(x, 3))
    t.ok(blurred.precision.value < before.precision.value - 0.1)
    -- The Inception score sees the classes go.
    t.ok(metrics.inception_score(x, plain).value > 9)
    t.ok(metrics.inception_score(half, plain).value < 6)
  end)

t.test("generated labels teach: real digits do, shuffled labels do not",
  function()
    local x, y = digits.train:subset(1, 1500):everything()
    local real, labels = held(500)
    local given = { epochs = 3, batch = 50 }
    local s = metrics.classifier_accuracy_score(x, y, real, labels, given)
    t.ok(s.value > 0.85 and s.low <= s.value and s.value <= s.high)
    local wrong = y:index_select(1, orrery.randperm(1500,
      { generator = orrery.Generator(1) }))
    t.ok(metrics.classifier_accuracy_score(x, wrong, real, labels, given).value
      < 0.5)
  end)

-- ---- Inception-v3

t.test("Inception-v3 has torchvision's 27,161,264 parameters, the FID's "
  .. "network 23,850,960", function()
    local net = Inception { fid = false, aux = true }
    t.equal(net:num_parameters(), 27161264)
    -- 94 convolutions of 5 tensors each and a layer of 2; 2 and one more.
    local n = 0
    for _ in pairs(nn.utils.torch_state_dict(net)) do n = n + 1 end
    t.equal(n, 94 * 5 + 2 + 2 * 5 + 2)
    net = Inception()
    t.equal(net:num_parameters(), 23850960)
    -- Without the second classifier, and for 8 more classes of 2048 + 1.
    t.equal(27161264 - 23850960, (768 * 128 + 256) + (128 * 768 * 25 + 1536)
      + 769 * 1000 - 8 * 2049)
    local state = nn.utils.torch_state_dict(net)
    for name, shape in pairs {
      ["Conv2d_1a_3x3.conv.weight"] = { 32, 3, 3, 3 },
      ["Mixed_5b.branch_pool.conv.weight"] = { 32, 192, 1, 1 },
      ["Mixed_6c.branch7x7dbl_5.conv.weight"] = { 192, 160, 1, 7 },
      ["Mixed_7a.branch7x7x3_3.conv.weight"] = { 192, 192, 7, 1 },
      ["Mixed_7c.branch3x3dbl_3b.bn.running_var"] = { 384 },
      ["fc.weight"] = { 1008, 2048 },
    } do
      t.equal({ state[name]:size() }, shape)
    end
  end)

t.test("the FID's network averages over pixels of the image only, and takes "
  .. "a maximum at last", function()
    local function pooled(net, block, from, width)
      net[block]:eval()
      local x = orrery.zeros(1, from, 5, 5)
      x[{ 1, {}, 1, 1 }] = 1  -- a corner
      local unit = net[block].branch_pool
      unit.conv.weight:detach():fill_(1 / from)
      local y = orrery.no_grad(function() return net[block](x) end)
      local last = y:narrow(2, y:size(2) - width + 1, 1)[1][1]
      local scale = math.sqrt(1 + 1e-3)  -- what fresh statistics divide by
      return last[1][1]:item() * scale, last[2][2]:item() * scale
    end
    local ours, theirs = Inception(), Inception { fid = false }
    for block, from in pairs { Mixed_5b = 192, Mixed_7b = 1280 } do
      local width = block == "Mixed_5b" and 32 or 192
      local corner, inside = pooled(ours, block, from, width)
      t.near(corner, 1 / 4, 1e-5)
      t.near(inside, 1 / 9, 1e-5)
      corner, inside = pooled(theirs, block, from, width)
      t.near(corner, 1 / 9, 1e-5)
      t.near(inside, 1 / 9, 1e-5)
    end
    local _, largest = pooled(ours, "Mixed_7c", 2048, 192)
    t.near(largest, 1, 1e-5)
    _, largest = pooled(theirs, "Mixed_7c", 2048, 192)
    t.near(largest, 1 / 9, 1e-5)
  end)

t.test("weights in safetensors load by PyTorch's names, and what is missing "
  .. "is told", function()
    local folder = files.folder()
    local path = folder .. "/weights.safetensors"
    local net = Inception { aux = true, fid = false }:eval()
    assert(nn.utils.save_torch(path, net))
    local e = assert(metrics.extractor { inception = path, fid = false })
    t.equal({ e.name, e.side, e.colours }, { "inception-v3", 299, 3 })
    t.equal(e.network.fc.weight:equal(net.fc.weight), true)
    e.side = 75  -- the least the network takes, to be quick
    local x = orrery.rand(1, 3, 20, 20)
    t.equal({ e:features(x):size() }, { 1, 2048 })
    t.equal({ e:probs(x):size() }, { 1, 1000 })
    local none, why = metrics.extractor { inception = folder
      .. "/no.safetensors" }
    t.equal(none, nil)
    t.ok(why:find("^extractor: .*no%.safetensors"), why)
    files.drop(folder)
  end)
