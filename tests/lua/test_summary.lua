--- The table of a model's layers: shapes, counts, and what it leaves alone.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

-- The encoder of a published convolutional VAE, whose counts are known.
local Encoder = nn.Module:subclass "Encoder"

function Encoder:init()
  self.body = nn.Sequential {
    nn.Conv2d(1, 32, 3, { stride = 2, padding = 1 }), nn.ReLU(),
    nn.Conv2d(32, 64, 3, { stride = 2, padding = 1 }), nn.ReLU(),
    nn.Flatten(), nn.Linear(3136, 16), nn.ReLU(),
  }
  self.mean = nn.Linear(16, 2)
  self.logvar = nn.Linear(16, 2)
end

function Encoder:forward(x)
  local h = self.body(x)
  return self.mean(h), self.logvar(h)
end

t.test("shapes, counts and totals of a known encoder", function()
  local net = Encoder()
  net.logvar:freeze()
  t.equal(net:summary { 1, 1, 28, 28 }, table.concat({
    "layer               output           parameters  trained",
    "--------------------------------------------------------",
    "Encoder             [1, 2], [1, 2]",
    "  body: Sequential  [1, 16]",
    "    1: Conv2d       [1, 32, 14, 14]         320  yes",
    "    2: ReLU         [1, 32, 14, 14]",
    "    3: Conv2d       [1, 64, 7, 7]        18,496  yes",
    "    4: ReLU         [1, 64, 7, 7]",
    "    5: Flatten      [1, 3136]",
    "    6: Linear       [1, 16]              50,192  yes",
    "    7: ReLU         [1, 16]",
    "  mean: Linear      [1, 2]                   34  yes",
    "  logvar: Linear    [1, 2]                   34  no",
    "--------------------------------------------------------",
    "parameters 69,076: 69,042 trained, 34 frozen; 0.28 MB",
    "buffers 0; 0.00 MB",
    -- 2 * 6272 + 2 * 3136 + 3136 + 2 * 16 + 2 * 2 numbers of 4 bytes.
    "outputs 0.09 MB" }, "\n"))
end)

t.test("without a shape nothing is run", function()
  t.equal(nn.utils.summary(nn.Sequential { nn.Linear(3, 2), nn.Tanh() }),
    table.concat({
      "layer        parameters  trained",
      "--------------------------------",
      "Sequential",
      "  1: Linear           8  yes",
      "  2: Tanh",
      "--------------------------------",
      "parameters 8: 8 trained, 0 frozen; 0.00 MB",
      "buffers 0; 0.00 MB" }, "\n"))
end)

t.test("a layer called twice, on two shapes, is one row", function()
  local Twin = nn.Module:subclass "Twin"
  function Twin:init() self.act = nn.Linear(4, 4) end
  function Twin:forward(a, b) return self.act(a):sum() + self.act(b):sum() end
  local text = Twin():summary { { 2, 4 }, orrery.zeros { 3, 4 } }
  t.ok(text:find("  act: Linear  [2, 4]; [3, 4] (2 calls)          20  yes", 1,
    true), text)
  t.ok(text:find("parameters 20:", 1, true))
end)

t.test("a layer in two places counts once", function()
  local shared = nn.Linear(4, 4)
  local text = nn.Sequential { shared, nn.ReLU(), shared }:summary { 1, 4 }
  t.ok(text:find "1: Linear%s+%[1, 4%] %(2 calls%)%s+20  yes", text)
  t.ok(text:find "3: Linear%s+as above\n", text)
  t.ok(text:find("parameters 20:", 1, true))
end)

t.test("positions go in as ones; results in tables are shown", function()
  local Lookup = nn.Module:subclass "Lookup"
  function Lookup:init() self.table = nn.Embedding(5, 3) end
  function Lookup:forward(i)
    return { rows = self.table(i), both = { i, i } }
  end
  local text = Lookup():summary { 2, dtype = "int64" }
  t.ok(text:find("{ both = { [2], [2] }, rows = [2, 3] }", 1, true), text)
end)

t.test("averages, vectors, streams, mode and memory stay as they were",
  function()
    local own = orrery.Generator(4)
    local Noisy = nn.Module:subclass "Noisy"
    function Noisy:init()
      self.conv = nn.utils.spectral_norm(nn.Conv2d(1, 2, 3))
      self.norm = nn.BatchNorm2d(2)
      self.drop = nn.Dropout(0.5, { generator = own })
      self.generator, self.steps = own, 0
    end
    function Noisy:forward(x)
      self.steps = self.steps + 1
      local y = self.drop(self.norm(self.conv(x)))
      return y + orrery.randn { 1 } + orrery.randn({ 1 }, { generator = own })
    end
    local net = Noisy()
    net.drop:eval()
    local before = {}
    for name, x in pairs(net:state_dict()) do before[name] = x:clone() end
    local default = orrery.default_generator():state()
    local live = orrery.live()
    net:summary { 2, 1, 5, 5 }
    t.equal(orrery.live(), live)
    t.equal(net:state_dict(), before)
    t.equal(orrery.default_generator():state(), default)
    t.equal(own:state(), orrery.Generator(4):state())
    t.ok(net.training and net.norm.training and not net.drop.training)
    t.equal(net.steps, 0)
    t.equal(tostring(net.conv), "Conv2d(1, 2, 3)")
  end)

t.test("a wrong shape is named with the layer that minds", function()
  local net = Encoder()
  local default = orrery.default_generator():state()
  t.fails("summary: the model does not run on [1, 784]: conv2d body.1: x is "
    .. "[1, 784] but [N, 1, H, W] is wanted; change the layer or its input",
    net.summary, net, { 1, 784 })
  t.equal(orrery.default_generator():state(), default)
  t.fails("summary: model is 3; give a module", nn.utils.summary, 3)
  t.fails("summary: size 2 is -1; give a whole number of at least 0",
    net.summary, net, { 1, -1 })
  t.fails('summary: dtype is "int"; use float32, float64, int64 or uint8',
    net.summary, net, { 1, dtype = "int" })
  t.fails("summary: shape is 3; give the input's sizes, { 1, 784 }, or a list "
    .. "of inputs", net.summary, net, 3)
end)
