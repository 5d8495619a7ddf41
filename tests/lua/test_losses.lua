--- Loss modules: the values of their formulas, options, weights as buffers.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

local function f64(values)
  return orrery.tensor(values, { dtype = "float64" })
end

local x, y = f64 { 1, -2, 0.25 }, f64 { 0, 1, 0.5 }

t.test("errors of numbers", function()
  t.near(nn.MSELoss()(x, y), (1 + 9 + 0.0625) / 3)
  t.near(nn.MSELoss { reduction = "sum" }(x, y), 10.0625)
  t.near(nn.L1Loss { reduction = "none" }(x, y), { 1, 3, 0.25 })
  t.near(nn.SmoothL1Loss { beta = 2 }(x, y),
    (0.25 + (3 - 1) + 0.0625 / 4) / 3)
  t.near(nn.HuberLoss { delta = 2 }(x, y),
    (0.5 + 2 * (3 - 1) + 0.0625 / 2) / 3)
  local var = f64 { 1, 4, 0.25 }
  t.near(nn.GaussianNLLLoss { full = true, reduction = "sum" }(x, y, var),
    (1 + (math.log(4) + 9 / 4) + (math.log(0.25) + 0.25)
      + 3 * math.log(2 * math.pi)) / 2)
end)

t.test("probabilities of two classes", function()
  local p, target = f64 { 0.8, 0.3 }, f64 { 1, 0 }
  local want = -(math.log(0.8) + math.log(0.7)) / 2
  t.near(nn.BCELoss()(p, target), want, 1e-12)
  t.near(nn.BCEWithLogitsLoss()(p:logit(), target), want, 1e-12)
  t.near(nn.BCEWithLogitsLoss { pos_weight = f64 { 3, 3 } }(p:logit(), target),
    -(3 * math.log(0.8) + math.log(0.7)) / 2, 1e-12)
end)

t.test("probabilities of many classes", function()
  local p = f64 { { 0.2, 0.3, 0.5 }, { 0.6, 0.3, 0.1 } }
  local labels = orrery.tensor({ 3, 1 }, { dtype = "int64" })
  local want = -(math.log(0.5) + math.log(0.6)) / 2
  t.near(nn.NLLLoss()(p:log(), labels), want, 1e-12)
  t.near(nn.CrossEntropyLoss()(p:log() + 7, labels), want, 1e-12)
  t.near(nn.CrossEntropyLoss { weight = f64 { 1, 5, 3 } }(p:log(), labels),
    -(3 * math.log(0.5) + math.log(0.6)) / 4, 1e-12)
  t.near(nn.CrossEntropyLoss { ignore_index = 3 }(p:log(), labels),
    -math.log(0.6), 1e-12)
  local all = 0
  for _, q in ipairs { 0.2, 0.3, 0.5, 0.6, 0.3, 0.1 } do
    all = all - math.log(q)
  end
  t.near(nn.CrossEntropyLoss { label_smoothing = 0.3 }(p:log(), labels),
    0.7 * want + 0.3 * all / 6, 1e-12)
  local q = f64 { { 0.5, 0.25, 0.25 }, { 0.6, 0.3, 0.1 } }
  local kl = 0.5 * math.log(2.5) + 0.25 * math.log(0.25 / 0.3)
    + 0.25 * math.log(0.5)
  t.near(nn.KLDivLoss { reduction = "sum" }(p:log(), q), kl, 1e-12)
  t.near(nn.KLDivLoss { reduction = "batchmean" }(p:log(), q), kl / 2, 1e-12)
  t.near(nn.KLDivLoss { reduction = "sum", log_target = true }(p:log(),
    q:log()), kl, 1e-12)
end)

t.test("CosineSimilarity along an axis", function()
  local a, b = f64 { { 3, 4 }, { 1, 0 } }, f64 { { 4, 3 }, { -2, 0 } }
  t.near(nn.CosineSimilarity()(a, b), { 24 / 25, -1 }, 1e-12)
  t.near(nn.CosineSimilarity { axis = 1 }(a, b)[1],
    (12 - 2) / math.sqrt(10 * 20), 1e-12)
end)

t.test("class weights are saved and converted, options printed", function()
  local loss = nn.CrossEntropyLoss { weight = orrery.ones { 3 },
    reduction = "sum" }
  t.equal(loss:state_dict().weight, orrery.ones { 3 })
  t.equal(#loss:parameters(), 0)
  t.equal(loss:double().weight.dtype, "float64")
  t.equal(tostring(loss), 'CrossEntropyLoss({ reduction = "sum" })')
  t.equal(tostring(nn.MSELoss()), "MSELoss()")
end)

t.test("losses train a model they are part of", function()
  local Net = nn.Module:subclass "Net"
  function Net:init()
    self.fc, self.loss = nn.Linear(2, 1), nn.MSELoss()
  end
  function Net:forward(a, b) return self.loss(self.fc(a), b) end
  local net = Net()
  net(orrery.rand { 4, 2 }, orrery.zeros { 4, 1 }):backward()
  t.ok(net.fc.weight.grad ~= nil)
end)

t.test("misuse", function()
  t.fails('mseloss: reduction is "avg"; use mean, sum, none', nn.MSELoss,
    { reduction = "avg" })
  t.fails("mseloss: unknown option reductoin; did you mean reduction?",
    nn.MSELoss, { reductoin = "sum" })
  t.fails('huberloss: delta is "1"; give a number', nn.HuberLoss,
    { delta = "1" })
  t.fails("mseloss: target is missing; give a tensor", nn.MSELoss(), x)
  t.fails("mseloss: 3 values are given; give input, target", nn.MSELoss(), x, y,
    x)
  t.fails("crossentropyloss: weight is 3; give a floating tensor",
    nn.CrossEntropyLoss, { weight = 3 })
end)
