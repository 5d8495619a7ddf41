--- Likelihoods of pictures: noise on grey levels, the logit, nats and bits,
--- classes; against closed forms.
local orrery, t = require "orrery", require "orrery.testing"
local flow = orrery.flow
local f64 = { dtype = "float64" }

local function grey(levels, ...)
  return orrery.randint(0, levels - 1, { ... }):double() / (levels - 1)
end

t.test("noise stays within its level, and leaves by quantise", function()
  for _, levels in ipairs { 2, 16, 256 } do
    local x = grey(levels, 50, 7)
    local y = flow.dequantise(x, { levels = levels })
    t.near(flow.quantise(y, { levels = levels }), x, 1e-12)
    local u = y * levels - x * (levels - 1)
    t.ok(u:amin():item() >= -1e-9 and u:amax():item() < 1)
    t.near(u:mean(), 0.5, 0.08)  -- 5 standard errors of 350 uniform numbers
  end
end)

t.test("bytes and greys are the same levels", function()
  local k = orrery.randint(0, 255, { 3, 5 })
  local function noisy(x)
    return flow.dequantise(x, { generator = orrery.Generator(1) })
  end
  t.near(noisy(k:to "uint8"), noisy(k:float() / 255), 1e-7)
end)

t.test("a density of 1 costs log2 of the levels, in bits", function()
  t.near(flow.bits_per_dim(0, 784, { levels = 256 }), 8, 1e-12)
  t.near(flow.bits_per_dim(-784 * math.log(256), 784), 8, 1e-12)
  local nats = orrery.tensor({ -3, 5 }, f64)
  t.near(flow.nats(flow.bits_per_dim(nats, 9, { levels = 16 }), 9,
    { levels = 16 }), nats, 1e-12)
  -- Papamakarios et al. 2017: -1428.1 nats in logit space need log-dets more;
  -- 100 nats of 10 numbers are 100 / (10 log 2) bits each.
  t.near(flow.bits_per_dim(-100, 10), 100 / (10 * math.log(2)), 1e-12)
end)

t.test("the logit is undone, with the log-determinant of its slope",
  function()
    for _, alpha in ipairs { 0, 1e-6, 0.05 } do
      local b = flow.Logit(alpha)
      local x = orrery.rand({ 6, 4 }, f64):requires_grad_()
      local z, logdet = b(x)
      local dz = orrery.grad(z:sum(), { x })[1]
      t.near(logdet, dz:log():sum(2), 1e-9)
      local back, minus = b:inverse(z)
      t.near(back, x, 1e-12)
      t.near(minus, -logdet, 1e-9)
    end
    local ends = flow.Logit(0.05)(orrery.tensor({ { 0, 1 } }, f64))
    t.near(ends, { { math.log(0.05 / 0.95), math.log(0.95 / 0.05) } }, 1e-12)
  end)

-- Logistic noise is what the logit makes of uniform numbers.
local function uniform_model(features)
  return flow.Model { shape = { features }, bijector = flow.Reverse(features),
    base = orrery.dist.Logistic(0, 1) }
end

t.test("the uniform law gives every picture -D log levels, in every draw",
  function()
    local pixels = flow.Pixels(uniform_model(5), { levels = 16, alpha = 0 })
    local x = grey(16, 8, 5)
    t.near(pixels:log_prob(x), orrery.full({ 8 }, -5 * math.log(16), f64),
      1e-9)
    t.near(pixels:bits_per_dim(x, nil, { draws = 3 }),
      orrery.full({ 8 }, 4, f64), 1e-9)
    local drawn = pixels:sample(400)
    t.equal(drawn:shape_str(), "[400, 5]")
    t.near(drawn * 15, (drawn * 15):round(), 1e-4)
    t.near(drawn:mean(), 0.5, 0.035)  -- 5 standard errors of 2,000 numbers
  end)

local function learnt(features, levels)
  return flow.Dequantiser { levels = levels, bijector = flow.IAF(features,
    { hidden = { 8 }, context = features, dtype = "float64" }) }
end

t.test("learnt noise has the density it says", function()
  -- v = sigmoid^-1(u), whose law is the flow's: by the density's other way.
  local d = learnt(3, 4)
  local x = grey(4, 10, 3)
  orrery.no_grad(function()
    local y, log_q = d(x)
    local u = y * 4 - x * 3
    local v = u:logit()
    local e, logdet = d.bijector(v, x - 0.5)
    local want = (e ^ 2 * -0.5):sum(2) - 1.5 * math.log(2 * math.pi) + logdet
      - (u:log() + (-u):log1p()):sum(2)
    t.near(log_q, want, 1e-7)
    t.near(flow.quantise(y, { levels = 4 }), x, 1e-12)
  end)
end)

t.test("the bound is exact where the noise is the posterior's", function()
  -- p(y) = 2 P(k) q(u), y = (k + u) / 2, q the Gaussian through a sigmoid.
  local P = { 0.3, 0.7 }
  local function log_density(v)
    local y = v:sigmoid()
    local k = (y * 2):floor()
    local u = y * 2 - k
    local own = orrery.where(k:eq(0), orrery.full_like(k, math.log(P[1])),
      orrery.full_like(k, math.log(P[2])))
    local q = u:logit() ^ 2 * -0.5 - 0.5 * math.log(2 * math.pi) - u:log()
      - (-u):log1p()
    return (q + own + math.log(2) + y:log() + (-y):log1p()):sum(2)
  end
  local d = learnt(1, 2)
  orrery.no_grad(function()
    for _, p in ipairs(d:parameters()) do p:zero_() end
  end)
  local pixels = flow.Pixels({ log_prob = function(_, v)
    return log_density(v)
  end, sample = function() end }, { levels = 2, alpha = 0, dequantiser = d })
  local x = orrery.tensor({ { 0 }, { 1 }, { 1 }, { 0 } }, f64)
  local a, b = math.log(P[1]), math.log(P[2])
  t.near(pixels:log_prob(x), { a, b, b, a }, 1e-7)
  -- Uniform noise: less by KL(uniform || q), on average.
  local uniform = flow.Pixels(pixels.model, { levels = 2, alpha = 0 })
  local bound = uniform:log_prob(x, nil, { draws = 500 }):mean()
  t.ok(bound:item() < (a + b) / 2 - 0.05, bound:item())
end)

t.test("learnt noise has gradients, and comes nearer the bound", function()
  local random = orrery.Generator(4)
  local d = flow.Dequantiser { levels = 2, bijector = flow.IAF(1,
    { hidden = { 8 }, context = 1, dtype = "float64", generator = random }) }
  local target = flow.Model { shape = { 1 }, bijector = flow.Reverse(1),
    base = orrery.dist.Normal(orrery.tensor(0, f64), 0.5) }
  local x = orrery.tensor({ { 0 }, { 1 } }, f64):tile { 64, 1 }
  local function bound(dequantiser, draws)
    local pixels = flow.Pixels(target, { levels = 2, alpha = 0,
      dequantiser = dequantiser })
    return pixels:log_prob(x, nil, { draws = draws, generator = random })
      :mean()
  end
  local opt = orrery.optim.Adam(d, { lr = 0.05 })
  for _ = 1, 150 do opt:minimize(-bound(d, 1)) end
  local learnt_bound, uniform = orrery.no_grad(function()
    return bound(d, 100):item(), bound(nil, 100):item()
  end)
  -- Each level holds half of the law; 12,800 draws.
  t.ok(learnt_bound < math.log(0.5) + 0.02 and learnt_bound > uniform + 0.1)
end)

-- ---- classes

local function shifted(scale)
  return { log_prob = function(_, x, context)
    return orrery.dist.Normal(context * scale, 1):log_prob(x):sum(2)
  end, sample = function(_, n, o)
    return o.context * scale + orrery.randn({ n, 3 },
      { generator = o.generator }) * 0
  end }
end

t.test("classes are told by Bayes' rule", function()
  local law = flow.ByClass(shifted(2), { classes = 3, prior = { 2, 1, 1 } })
  local x = orrery.randn({ 5, 3 }, f64)
  -- log p(x | k) differ by 2 x_k alone: |x - 2 e_k|^2 / 2.
  local want = (x * 2 + orrery.tensor({ 0.5, 0.25, 0.25 }, f64):log())
    :softmax(-1)
  t.near(law:posterior(x), want, 1e-6)
  local labels = orrery.tensor({ 1, 2, 3, 1, 2 }, { dtype = "int64" })
  t.near(law:log_prob(x, labels),
    law:given_each(x):gather(2, labels:unsqueeze(2)):squeeze(2), 1e-12)
  t.near(law:log_prob(x), law:joint(x):exp():sum(2):log(), 1e-9)
  local drawn = law:sample(5, { labels = labels })
  t.near(drawn:argmax { axis = 2 }, labels)
end)

t.test("a model for each class is the same law as one that is told it",
  function()
    local maf = flow.MAF(2, { context = 2, hidden = { 6 },
      dtype = "float64" })
    local one = flow.Model { bijector = maf, shape = { 2 } }
    local Fixed = orrery.nn.Module:subclass "Fixed"
    function Fixed:init(k) self.k = k end
    function Fixed:log_prob(x)
      return one:log_prob(x, orrery.one_hot(orrery.full({ x:size(1) }, self.k,
        { dtype = "int64" }), 2):double())
    end
    function Fixed:sample(n) return orrery.full({ n, 2 }, self.k, f64) end
    local told = flow.ByClass(one, { classes = 2 })
    local apart = flow.ByClass { Fixed(1), Fixed(2) }
    local x = orrery.randn({ 6, 2 }, f64)
    local labels = orrery.tensor({ 1, 2, 2, 1, 1, 2 }, { dtype = "int64" })
    t.near(apart:joint(x), told:joint(x), 1e-12)
    t.near(apart:log_prob(x, labels), told:log_prob(x, labels), 1e-12)
    local drawn, of = apart:sample(50)
    t.equal(drawn:select(2, 1), of:double())
  end)

t.test("a flow told the class is trained and drawn from through pixels",
  function()
    local model = flow.ByClass(flow.Model { shape = { 4 },
      bijector = flow.maf(4, { layers = 2, hidden = { 8 }, context = 3 }) },
      { classes = 3 })
    local pixels = flow.Pixels(model)
    local x = grey(256, 6, 4):float()
    local labels = orrery.tensor({ 1, 2, 3, 1, 2, 3 }, { dtype = "int64" })
    local loss = -pixels:log_prob(x, labels):mean()
    local grads = orrery.grad(loss, pixels:parameters())
    t.ok(#grads == #model:parameters() and #grads > 0)
    local drawn, of = pixels:sample(9, { labels = orrery.full({ 9 }, 2,
      { dtype = "int64" }) })
    t.equal(drawn:shape_str(), "[9, 4]")
    t.ok(of:eq(2):all():item() ~= 0)
    t.ok(drawn:amin():item() >= 0 and drawn:amax():item() <= 1)
  end)

t.test("wrong arguments are named with what helps", function()
  t.fails("flow.dequantise: x is missing; give a tensor", flow.dequantise)
  local wrong = orrery.tensor { 0, 51, 255 }
  t.fails("flow.dequantise: x goes from 0 to 255; give greys from 0 to 1, or "
    .. "bytes below 256", flow.dequantise, wrong)
  t.fails("flow.dequantise: x goes from 0 to 255; give greys from 0 to 1, or "
    .. "bytes below 16", flow.dequantise, wrong:byte(), { levels = 16 })
  t.fails("flow.dequantise: levels is 1; give a whole number of at least 2",
    flow.dequantise, orrery.zeros(2), { levels = 1 })
  t.fails("flow.bits_per_dim: dims is missing; give a whole number of at "
    .. "least 1", flow.bits_per_dim, 3)
  t.fails("flow.Logit: alpha is 0.5; give a number from 0 to below 1/2",
    flow.Logit, 0.5)
  t.fails_like("flow.Dequantiser: bijector is a table; give one",
    flow.Dequantiser, { bijector = {} })
  t.fails_like("flow.Pixels: the model is missing; give one with log_prob",
    flow.Pixels)
  t.fails("flow.ByClass: prior is a table; give 3 weights, one for each class",
    flow.ByClass, shifted(1), { classes = 3, prior = { 1, 1 } })
  t.fails("flow.ByClass: labels are a float32 tensor [2]; give [3], from 1",
    function(x) flow.ByClass(shifted(1)):log_prob(x, orrery.zeros(2)) end,
    orrery.zeros { 3, 10 })
end)
