-- Modules and layers: what they hold, what they compute, what they refuse.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn
local F = nn.functional

local function names(model)
  local list = {}
  for name, p in model:named_parameters() do
    list[#list + 1] = name .. " " .. p:shape_str()
  end
  return list
end

local Net = nn.Module:subclass "Net"

function Net:init(width)
  self.enc = nn.Sequential { nn.Linear(3, width), nn.ReLU(),
    nn.Linear(width, 2) }
  self.scale = nn.Parameter(orrery.ones { 2 })
  self:register_buffer("seen", orrery.zeros { 1 })
end

function Net:forward(x) return self.enc(x) * self.scale end

-- ------------------------------------------------------------------- module

t.test("own parameters come first, then the children's in order", function()
  t.equal(names(Net(4)), { "scale [2]", "enc.1.weight [4, 3]",
    "enc.1.bias [4]", "enc.3.weight [2, 4]", "enc.3.bias [2]" })
  t.equal(Net(4):num_parameters(), 12 + 4 + 8 + 2 + 2)
end)

t.test("modules in plain tables count, nested ones too", function()
  local Stack = nn.Module:subclass "Stack"
  function Stack:init()
    self.layers = { nn.Linear(1, 1, { bias = false }), { nn.Linear(1, 2) } }
    self.by = { b = nn.Linear(1, 1, { bias = false }), a = nn.Identity() }
  end
  local stack = Stack()
  t.equal(names(stack), { "layers.1.weight [1, 1]", "layers.2.1.weight [2, 1]",
    "layers.2.1.bias [2]", "by.b.weight [1, 1]" })
  stack.layers[3] = nn.Linear(1, 1, { bias = false })
  t.equal(#stack:parameters(), 5)
end)

t.test("a shared parameter is listed once and saved under both names",
  function()
    local a = nn.Linear(2, 2, { bias = false })
    local b = nn.Linear(2, 2, { bias = false })
    b.weight = a.weight
    local pair = nn.Sequential { a, b }
    t.equal(#pair:parameters(), 1)
    local state = pair:state_dict()
    t.ok(state["1.weight"] and state["2.weight"])
  end)

t.test("a module that knows its parent does not go in circles", function()
  local net = Net(2)
  net.enc.owner = net
  t.equal(#net:parameters(), 5)
  t.equal(#net:modules(), 5)
end)

t.test("a frozen parameter stays a parameter and gets no gradient", function()
  local net = Net(2)
  net.enc:freeze()
  t.equal(#net:parameters(), 5)
  t.equal(net:num_parameters { trainable = true }, 2)
  net(orrery.ones { 1, 3 }):sum():backward()
  t.ok(net.enc[1].weight.grad == nil)
  t.ok(net.scale.grad ~= nil)
  net:unfreeze():zero_grad()
  t.ok(net.scale.grad == nil)
  t.ok(net.enc[1].weight.requires_grad)
end)

t.test("named_modules, children, buffers", function()
  local net, seen = Net(2), {}
  for name, module in net:named_modules() do
    seen[#seen + 1] = name .. ":" .. module.class_name
  end
  t.equal(seen, { ":Net", "enc:Sequential", "enc.1:Linear", "enc.2:ReLU",
    "enc.3:Linear" })
  t.equal(#net:children(), 1)
  t.equal(#net:buffers(), 1)
end)

t.test("train and eval reach every module", function()
  local net = Net(2):eval()
  for _, module in ipairs(net:modules()) do t.ok(not module.training) end
  net:train()
  t.ok(net.enc[2].training)
end)

t.test("apply visits children first", function()
  local seen = {}
  Net(2):apply(function(m) seen[#seen + 1] = m.class_name end)
  t.equal(seen, { "Linear", "ReLU", "Linear", "Sequential", "Net" })
end)

t.test("a subclass inherits methods and calls", function()
  local Twice = Net:subclass "Twice"
  function Twice:forward(x) return Net.forward(self, x) * 2 end
  local net = Twice(3)
  local x = orrery.ones { 1, 3 }
  t.near(net(x), Net.forward(net, x) * 2)
end)

t.test("a state saved from one model makes another equal", function()
  local a, b = Net(4), Net(4)
  local x = orrery.rand { 5, 3 }
  b:load_state_dict(a:state_dict())
  t.equal(b(x), a(x))
  t.ok(b.scale.requires_grad)
end)

t.test("everything that does not fit is reported at once; nothing changes",
  function()
    local net = Net(4)
    local before = net.enc[1].weight:detach():clone()
    local state = Net(4):state_dict()
    state["enc.1.bias"] = nil
    state["enc.3.weight"] = orrery.zeros { 2, 5 }
    state.extra = orrery.zeros { 1 }
    t.fails("load_state_dict: missing enc.1.bias; unexpected extra; "
      .. "enc.3.weight is [2, 5] but [2, 4] here; load the state of a model "
      .. "built alike", net.load_state_dict, net, state)
    t.equal(net.enc[1].weight:detach(), before)
  end)

t.test("strict = false takes what fits and says what did not", function()
  local net, state = Net(4), Net(4):state_dict()
  state["enc.1.bias"], state.extra = nil, orrery.zeros { 1 }
  local missing, unexpected = net:load_state_dict(state, { strict = false })
  t.equal(missing, { "enc.1.bias" })
  t.equal(unexpected, { "extra" })
  t.equal(net.scale:detach(), state.scale)
end)

t.test("a transient buffer is not saved", function()
  local net = Net(2)
  net:register_buffer("scratch", orrery.zeros { 3 }, { persistent = false })
  t.equal(#net:buffers(), 2)
  t.ok(net:state_dict().scratch == nil)
end)

t.test("to converts parameters and buffers", function()
  local net = Net(2):double()
  t.equal(net.scale.dtype, "float64")
  t.equal(net.seen.dtype, "float64")
  t.ok(net.enc[1].weight.requires_grad)
  t.equal(net(orrery.ones({ 1, 3 }, { dtype = "float64" })).dtype, "float64")
end)

t.test("a clone is equal and its own", function()
  local net = Net(2)
  local copy = net:clone()
  local x = orrery.rand { 2, 3 }
  t.equal(copy(x), net(x))
  nn.init.zeros_(copy.scale)
  t.near(net.scale, { 1, 1 })
  t.equal(names(copy), names(net))
end)

t.test("a model prints as a tree", function()
  t.equal(tostring(Net(4)), table.concat({
    "Net(",
    "  (enc): Sequential(",
    "    (1): Linear(3, 4)",
    "    (2): ReLU()",
    "    (3): Linear(4, 2)",
    "  )",
    ")" }, "\n"))
  t.equal(tostring(nn.Conv2d(1, 8, 3, { padding = "same", bias = false })),
    'Conv2d(1, 8, 3, { padding = "same", bias = false })')
end)

t.test("a layer says where in the model it is", function()
  local net = Net(4)
  t.fails("linear enc.1: x is [2, 5] but in_features is 3; change the layer "
    .. "or its input", net.enc, orrery.zeros { 2, 5 })
  t.fails("linear: x is [2, 5] but in_features is 3; change the layer or its "
    .. "input", nn.Linear(3, 1), orrery.zeros { 2, 5 })
  t.fails("conv2d 1: x is [1, 2, 4, 4] but [N, 3, H, W] is wanted; change the "
    .. "layer or its input", nn.Sequential { nn.Conv2d(3, 1, 1) },
    orrery.zeros { 1, 2, 4, 4 })
end)

t.test("misuse of modules is named at the caller's line", function()
  local Empty = nn.Module:subclass "Empty"
  t.fails("empty: forward is missing; define function Empty:forward(x)",
    Empty(), 1)
  t.fails("linear: in_features is missing; give a whole number of at least 1",
    nn.Linear)
  t.fails("linear: out_features is 2.5; give a whole number of at least 1",
    nn.Linear, 3, 2.5)
  t.fails("linear: unknown option bais; did you mean bias?", nn.Linear, 3, 2,
    { bais = false })
  t.fails("linear: options are a boolean; write them as a table "
    .. "{ name = value }", nn.Linear, 3, 2, false)
  t.fails("sequential: entry 2 is nil; was a name mistyped?", nn.Sequential,
    nn.ReLU(), nn.Rellu, nn.ReLU())
  t.fails('conv2d: padding is "full"; give a number, { height, width } or '
    .. '"same"', nn.Conv2d, 1, 1, 3, { padding = "full" })
  t.fails("conv2d: 3 and 4 channels do not split into 2 groups; change groups",
    nn.Conv2d, 3, 4, 3, { groups = 2 })
  t.fails("dropout: p is 1.5; give a probability, 0 to 1", nn.Dropout, 1.5)
  t.fails('to: dtype is "int64"; a module is "float32" or "float64"',
    nn.Linear(1, 1).to, nn.Linear(1, 1), "int64")
end)

-- ------------------------------------------------------------------- layers

t.test("Linear is x w' + b", function()
  local l = nn.Linear(2, 3)
  l:load_state_dict { weight = orrery.tensor { { 1, 2 }, { 3, 4 }, { 5, 6 } },
    bias = orrery.tensor { 10, 20, 30 } }
  t.near(l(orrery.tensor { { 1, -1 } }), { { 9, 19, 29 } })
  t.near(l(orrery.tensor { 1, -1 }), { 9, 19, 29 })
end)

t.test("activations compute their formulas", function()
  local x = orrery.tensor { -2, -0.5, 0.5, 2 }
  local function by(fn)
    local out = {}
    for i, v in ipairs(x:tolist()) do out[i] = fn(v) end
    return out
  end
  t.near(nn.ReLU()(x), by(function(v) return math.max(v, 0) end))
  t.near(nn.LeakyReLU(0.1)(x),
    by(function(v) return v > 0 and v or 0.1 * v end))
  t.near(nn.ELU()(x),
    by(function(v) return v > 0 and v or math.exp(v) - 1 end))
  t.near(nn.SiLU()(x), by(function(v) return v / (1 + math.exp(-v)) end))
  t.near(nn.Sigmoid()(x), by(function(v) return 1 / (1 + math.exp(-v)) end))
  t.near(nn.Softplus()(x),
    by(function(v) return math.log(1 + math.exp(v)) end))
  t.near(nn.Tanh()(x), by(function(v)
    return (math.exp(2 * v) - 1) / (math.exp(2 * v) + 1)
  end))
  t.near(nn.Hardtanh()(x),
    by(function(v) return math.max(-1, math.min(1, v)) end))
  t.near(nn.Softmax(-1)(x):sum(), 1)
  t.near(nn.LogSoftmax(1)(x):exp():sum(), 1)
  t.fails("softmax: axis is missing; write nn.Softmax(-1) for the last axis",
    nn.Softmax)
end)

t.test("GELU is x times the normal distribution function", function()
  -- Phi(1) and Phi(-2) from tables of the normal distribution.
  t.near(nn.GELU()(orrery.tensor { 1, -2 }),
    { 0.8413447460685429, -2 * 0.022750131948179195 }, 1e-5)
end)

t.test("Dropout keeps the mean in training and nothing changes in eval",
  function()
    local x = orrery.ones { 20000 }
    local d = nn.Dropout(0.25, { generator = orrery.Generator(3) })
    local y = d(x)
    local kept = y:gt(0):sum():item() / 20000
    -- Standard deviation of the share is sqrt(3/16 / 20000) = 0.0031.
    t.ok(math.abs(kept - 0.75) < 5 * 0.0031)
    t.near(y:amax(), 4 / 3)
    t.equal(d:eval()(x), x)
  end)

t.test("Flatten, Unflatten and View are shapes only", function()
  local x = orrery.rand { 2, 3, 4, 5 }
  t.equal({ nn.Flatten()(x):shape() }, { 2, 60 })
  t.equal({ nn.Flatten(3)(x):shape() }, { 2, 3, 20 })
  t.equal({ nn.Unflatten(-1, { 5, 1 })(x):shape() }, { 2, 3, 4, 5, 1 })
  t.equal(nn.Unflatten(2, { 3, 4, 5 })(nn.Flatten()(x)), x)
  t.equal({ nn.View(12, 5)(x):shape() }, { 2, 12, 5 })
  t.fails("unflatten: x is [2, 3, 4, 5] but axis 2 is to become [2, 2]; "
    .. "change the sizes", nn.Unflatten(2, { 2, 2 }), x)
end)

t.test("Sequential runs plain functions too", function()
  local s = nn.Sequential(nn.Identity(), orrery.exp,
    function(x) return x * 2 end)
  t.near(s(orrery.zeros { 2 }), { 2, 2 })
  s:append(nn.ReLU())
  t.equal(#s:children(), 2)
end)

-- Naive cross-correlation of one image, stride and padding {before, after}.
local function naive_conv(x, w, stride, before, out_size)
  local out = {}
  local n, k = #x, #w
  for i = 1, out_size do
    out[i] = {}
    for j = 1, out_size do
      local sum = 0
      for a = 1, k do
        for b = 1, k do
          local r = (i - 1) * stride + a - before
          local c = (j - 1) * stride + b - before
          if r >= 1 and r <= n and c >= 1 and c <= n then
            sum = sum + x[r][c] * w[a][b]
          end
        end
      end
      out[i][j] = sum
    end
  end
  return out
end

for _, case in ipairs { { 6, 3, 1, 1 }, { 6, 3, 2, 0 }, { 7, 3, 2, 1 },
  { 6, 4, 1, 1 }, { 6, 5, 2, 1 }, { 5, 2, 1, 0 } } do
  local n, k, stride, before = table.unpack(case)
  t.test(("Conv2d \"same\" of %d by %d, stride %d, gives ceil(n / stride)")
    :format(n, k, stride), function()
    local conv = nn.Conv2d(1, 1, k, { stride = stride, padding = "same",
      bias = false, dtype = "float64" })
    local x = orrery.rand({ 1, 1, n, n }, { dtype = "float64" })
    local w = conv.weight:detach():tolist()[1][1]
    local out = (n + stride - 1) // stride
    t.near(conv(x),
      { { naive_conv(x:tolist()[1][1], w, stride, before, out) } })
  end)
end

for _, case in ipairs { { 3, 2 }, { 4, 2 }, { 3, 1 }, { 2, 2 }, { 5, 3 },
  { 1, 2 } } do
  local k, stride = table.unpack(case)
  t.test(("ConvTranspose2d \"same\" %d, stride %d, is the adjoint of Conv2d's")
    :format(k, stride), function()
    local o = { stride = stride, padding = "same", bias = false,
      dtype = "float64" }
    local down, up = nn.Conv2d(2, 3, k, o), nn.ConvTranspose2d(3, 2, k, o)
    up:load_state_dict(down:state_dict())
    local x = orrery.rand({ 2, 2, 4 * stride, 4 * stride },
      { dtype = "float64" })
    local y = orrery.rand({ 2, 3, 4, 4 }, { dtype = "float64" })
    t.equal({ up(y):shape() }, { x:shape() })
    t.near((down(x) * y):sum():item(), (x * up(y)):sum():item(), 1e-10)
  end)
end

t.test("ConvTranspose2d takes output_padding", function()
  local up = nn.ConvTranspose2d(1, 1, 3, { stride = 2, padding = 1,
    output_padding = 1 })
  t.equal({ up(orrery.zeros { 1, 1, 7, 7 }):shape() }, { 1, 1, 14, 14 })
end)

t.test("groups and dilation reach the convolution", function()
  local conv = nn.Conv2d(4, 6, 3, { groups = 2, dilation = 2, padding = 2 })
  t.equal({ conv.weight:shape() }, { 6, 2, 3, 3 })
  t.equal({ conv(orrery.zeros { 1, 4, 5, 5 }):shape() }, { 1, 6, 5, 5 })
end)

t.test("pooling and upsampling", function()
  local x = orrery.tensor { { { { 1, 2 }, { 3, 4 } } } }
  t.near(nn.MaxPool2d(2)(x), { { { { 4 } } } })
  t.near(nn.AvgPool2d(2)(x), { { { { 2.5 } } } })
  t.near(nn.Upsample { scale_factor = 2 }(x), { { { { 1, 1, 2, 2 },
    { 1, 1, 2, 2 }, { 3, 3, 4, 4 }, { 3, 3, 4, 4 } } } })
end)

t.test("BatchNorm2d normalises by the batch and learns the averages",
  function()
    local bn = nn.BatchNorm2d(2, { momentum = 0.5, dtype = "float64" })
    local x = orrery.rand({ 3, 2, 2, 2 }, { dtype = "float64" })
    local y = bn(x)
    local mean, var = {}, {}
    for c = 1, 2 do
      local values, sum, square = x[{ {}, c }]:flatten():tolist(), 0, 0
      for _, v in ipairs(values) do sum = sum + v end
      for _, v in ipairs(values) do square = square + (v - sum / 12) ^ 2 end
      mean[c], var[c] = sum / 12, square / 12
    end
    local want = (x[{ 2, 1, 1, 2 }]:item() - mean[1]) / math.sqrt(var[1] + 1e-5)
    t.near(y[{ 2, 1, 1, 2 }]:item(), want, 1e-9)
    t.near(bn.running_mean, { mean[1] / 2, mean[2] / 2 })
    t.near(bn.running_var,
      { 0.5 + var[1] * 12 / 11 / 2, 0.5 + var[2] * 12 / 11 / 2 })
    local held = bn:eval()(x)[{ 1, 2, 1, 1 }]:item()
    t.near(held, (x[{ 1, 2, 1, 1 }]:item() - mean[2] / 2)
      / math.sqrt(0.5 + var[2] * 12 / 22 + 1e-5), 1e-9)
  end)

t.test("BatchNorm1d wants two or three axes and more than one value", function()
  t.equal({ nn.BatchNorm1d(3)(orrery.rand { 4, 3 }):shape() }, { 4, 3 })
  t.equal({ nn.BatchNorm1d(3)(orrery.rand { 4, 3, 2 }):shape() }, { 4, 3, 2 })
  t.fails("batchnorm1d: x is [1, 3]: one value per channel has no variance; "
    .. "use a larger batch or eval()", nn.BatchNorm1d(3), orrery.rand { 1, 3 })
  t.fails("batchnorm1d: x is float64 but the layer is float32; convert one, "
    .. "x:to('float32')", nn.BatchNorm1d(3),
    orrery.rand({ 4, 3 }, { dtype = "float64" }))
  t.fails("batchnorm1d: x is [2, 4] but [N, C] or [N, C, L] with C = 3 is "
    .. "wanted; change the layer or its input", nn.BatchNorm1d(3),
    orrery.rand { 2, 4 })
end)

t.test("a network differentiates in its input", function()
  local net = nn.Sequential { nn.Conv2d(1, 2, 3, { padding = "same" }),
    nn.Tanh(), nn.Flatten(), nn.Linear(32, 3), nn.Softplus() }:double()
  t.gradcheck(function(x) return net(x) end,
    { orrery.rand({ 2, 1, 4, 4 }, { dtype = "float64" }) })
end)

-- ----------------------------------------------------------- initial values

--- Largest size, mean and variance of a tensor's entries.
local function moments(x)
  local m = x:detach():mean():item()
  return x:detach():abs():amax():item(), m,
    ((x:detach() - m) ^ 2):mean():item()
end

t.test("layers start as PyTorch's do", function()
  orrery.manual_seed(1)
  local cases = {
    { nn.Linear(100, 400), 100 }, { nn.Conv2d(16, 64, 5), 16 * 25 },
    { nn.Conv2d(16, 64, 5, { groups = 4 }), 4 * 25 },
    { nn.ConvTranspose2d(16, 32, 5), 32 * 25 },
  }
  for _, case in ipairs(cases) do
    local bound = 1 / math.sqrt(case[2])
    local top, mean, var = moments(case[1].weight)
    local n = case[1].weight:numel()
    t.ok(top <= bound and top > 0.99 * bound)
    -- Uniform on +- b: variance b^2 / 3, its estimate has sd b^2 sqrt(4/45/n).
    t.ok(math.abs(mean) < 5 * bound / math.sqrt(3 * n))
    t.ok(math.abs(var - bound ^ 2 / 3) < 5 * bound ^ 2 * math.sqrt(4 / 45 / n))
    t.ok(moments(case[1].bias) <= bound)
  end
end)

t.test("initialisers have the variance they promise", function()
  orrery.manual_seed(2)
  local w = orrery.zeros { 100, 50, 3, 2 }  -- fan_in 300, fan_out 600
  local n = w:numel()
  local function check(want, normal)
    local top, mean, var = moments(w)
    -- sd of a variance estimate: sqrt(2/n) normal, sqrt(4/5/n) uniform.
    t.ok(math.abs(var / want - 1) < 5 * math.sqrt((normal and 2 or 0.8) / n))
    t.ok(math.abs(mean) < 5 * math.sqrt(want / n))
    if not normal then t.ok(top <= math.sqrt(3 * want) * (1 + 1e-6)) end
  end
  nn.init.xavier_uniform_(w) check(2 / 900)
  nn.init.xavier_normal_(w, 2) check(4 * 2 / 900, true)
  nn.init.kaiming_uniform_(w) check(2 / 300)
  nn.init.kaiming_normal_(w, { mode = "fan_out", nonlinearity = "relu" })
  check(2 / 600, true)
  nn.init.kaiming_uniform_(w, { a = math.sqrt(5) }) check(2 / 6 / 300)
  nn.init.normal_(w, 0, 0.02) check(4e-4, true)
  nn.init.trunc_normal_(w, { std = 0.5, a = -1, b = 1 })
  t.ok(moments(w) <= 1)
  nn.init.uniform_(w, 2, 3)
  local low, high = w:amin():item(), w:amax():item()
  t.ok(low >= 2 and low < 2.01 and high < 3 and high > 2.99)
end)

t.test("constants and the identity", function()
  local w = orrery.rand { 2, 3 }
  t.near(nn.init.eye_(w), { { 1, 0, 0 }, { 0, 1, 0 } })
  t.near(nn.init.constant_(w, 0.5), { { 0.5, 0.5, 0.5 }, { 0.5, 0.5, 0.5 } })
  t.near(nn.init.ones_(w):sum(), 6)
  t.near(nn.init.calculate_gain("leaky_relu", 0.2), math.sqrt(2 / 1.04))
  t.fails("xavier_uniform_: tensor is [3]; give at least two axes, as a weight "
    .. "has", nn.init.xavier_uniform_, orrery.zeros { 3 })
end)

t.test("a seeded initialisation repeats", function()
  local function weights()
    return nn.Linear(5, 5, { generator = orrery.Generator(7) }).weight:detach()
  end
  t.equal(weights(), weights())
end)

-- -------------------------------------------------------------------- utils

t.test("gradients are clipped by joint norm and by value", function()
  local p = orrery.tensor { 0 }:requires_grad_()
  local q = orrery.tensor { 0, 0 }:requires_grad_()
  local function set()
    p.grad, q.grad = orrery.tensor { 2 }, orrery.tensor { 3, 6 }
  end
  set()
  t.near(nn.utils.clip_grad_norm_({ p, q }, 3.5), 7)
  t.near({ p.grad, q.grad }, { { 1 }, { 1.5, 3 } }, 1e-5)
  t.near(nn.utils.clip_grad_norm_({ p, q }, 100), 3.5, 1e-5)
  t.near(q.grad, { 1.5, 3 }, 1e-5)
  set()
  nn.utils.clip_grad_value_({ p, q }, 2.5)
  t.near({ p.grad, q.grad }, { { 2 }, { 2.5, 2.5 } })
end)

t.test("parameters go to a vector and back", function()
  local a, b = Net(3), Net(3)
  nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(a):detach(), b)
  t.equal(b:state_dict(), a:state_dict())
  t.fails("vector_to_parameters: vector is [3] but [22] is wanted; give one "
    .. "number per entry", nn.utils.vector_to_parameters, orrery.zeros { 3 }, b)
end)

t.test("pad_same and normalize", function()
  local x, pad = F.pad_same(orrery.zeros { 1, 1, 4, 4 }, { 3, 3 }, { 1, 1 },
    { 1, 1 })
  t.equal(pad, { 1, 1 })
  t.equal({ x:shape() }, { 1, 1, 4, 4 })
  t.near(F.normalize(orrery.tensor { { 3, 4 } }), { { 0.6, 0.8 } })
end)
