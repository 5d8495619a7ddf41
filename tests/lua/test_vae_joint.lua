--- The VAE of numbers and classes: its terms against orrery.dist's divergences,
--- all its codes listed, and a law known in closed form.
local orrery, t = require "orrery", require "orrery.testing"
local dist, nn, vae = orrery.dist, orrery.nn, orrery.vae

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end

local function small()
  orrery.manual_seed(3)
  local model = vae.Joint { latent = 2, classes = { 3, 2 }, hidden = 6,
    features = 4 }
  return model:double(), orrery.rand({ 5, 1, 2, 2 }, { dtype = "float64",
    generator = orrery.Generator(2) })
end

t.test("both KL terms are those of the laws", function()
  local model, x = small()
  local mean, logvar, logits = model:encode(x)
  t.equal({ logits[1]:shape() }, { 5, 3 })
  t.equal({ logits[2]:shape() }, { 5, 2 })
  local _, continuous, discrete = model:terms(x, orrery.Generator(1))
  t.near(continuous, dist.kl(dist.Normal(mean, (logvar * 0.5):exp()),
    dist.Normal(0, 1)), 1e-10)
  for i, k in ipairs { 3, 2 } do
    t.near(discrete:select(2, i), dist.kl(
      dist.Categorical { logits = logits[i] },
      dist.Categorical { probs = orrery.ones(k, f64) }), 1e-10)
  end
end)

t.test("classes are drawn with their probabilities, numbers as they should be",
  function()
    local model, n = small(), 40000
    local p = { { 0.2, 0.5, 0.3 }, { 0.9, 0.1 } }
    local logits = {}
    for i, row in ipairs(p) do
      logits[i] = tensor(row):log():expand(n, #row)
    end
    local mean = tensor { 0.3, -1 }:expand(n, 2)
    local logvar = tensor { 0, math.log(0.25) }:expand(n, 2)
    local z = model:draw(mean, logvar, logits, orrery.Generator(1))
    t.equal({ z:shape() }, { n, 7 })
    local numbers = z:narrow(2, 1, 2)
    t.near(numbers:mean(1), tensor { 0.3, -1 }, 4 / math.sqrt(n))
    t.near(numbers:var(1), tensor { 1, 0.25 }, 4 * math.sqrt(2 / n))
    -- The largest entry of a relaxed draw is the class, at any temperature.
    local from = 3
    for _, row in ipairs(p) do
      local soft = z:narrow(2, from, #row)
      t.near(soft:sum(2), orrery.ones(n, f64), 1e-12)
      local class = orrery.one_hot(soft:argmax(2), #row):double():mean(1)
      t.near(class, tensor(row), 4 * 0.5 / math.sqrt(n))
      from = from + #row
    end
  end)

-- Codes of mean 0 and variance 1 whatever x is, classes of these weights; the
-- image is z + the class's number, seen with noise 0.7.
local function known(weights, numbers)
  local Encoder, Decoder = nn.Module:subclass "Encoder",
    nn.Module:subclass "Decoder"
  function Encoder.init() end
  function Encoder.forward(_, x)
    local row = { 0, 0 }
    for _, w in ipairs(weights) do row[#row + 1] = math.log(w) end
    return tensor { row }:expand(x:size(1), #row)
  end
  function Decoder.init() end
  function Decoder.forward(_, z)
    return z:narrow(2, 1, 1) + z:narrow(2, 2, #weights):matmul(
      tensor(numbers):unsqueeze(2))
  end
  return vae.Joint { latent = 1, classes = #weights, temperature = 0.01,
    likelihood = "gaussian", sigma = 0.7, encoder = Encoder(),
    decoder = Decoder() }
end

t.test("nearly cold draws cost what the listed classes do", function()
  local n, weights, numbers = 100000, { 0.2, 0.5, 0.3 }, { -1, 0.4, 2 }
  local rec, kl = 0.5 * math.log(2 * math.pi * 0.49), math.log(3)
  for i, w in ipairs(weights) do
    rec = rec + w * ((1.1 - numbers[i]) ^ 2 + 1) / 0.98
    kl = kl + w * math.log(w)
  end
  local model = known(weights, numbers)
  local x = orrery.full({ n, 1 }, 1.1, f64)
  local loss, terms = orrery.no_grad(function()
    return model:loss(x, { generator = orrery.Generator(1) })
  end)
  -- The squared error's standard deviation is below 5.
  t.near(terms.rec, tensor(rec), 4 * 5 / 0.98 / math.sqrt(n))
  t.near(terms.continuous, tensor(0), 1e-12)
  t.near(terms.discrete, tensor(kl), 1e-12)
  t.near(loss, terms.rec + kl, 1e-10)
end)

t.test("capacities hold each term, classes no more than they can", function()
  local model, x = small()
  local function loss(given)
    given.generator = orrery.Generator(1)
    return model:loss(x, given)
  end
  t.near(tensor(model:most()), tensor(math.log(6)), 1e-12)
  local plain, at = loss {}
  t.near(plain, at.rec + at.continuous + at.discrete, 1e-10)
  t.near(loss { beta = 4 } - plain, at.kl * 3, 1e-10)
  t.near(loss { gamma = 10, continuous = 7, discrete = 1 },
    at.rec + (7 - at.continuous) * 10 + (at.discrete - 1):abs() * 10, 1e-10)
  t.near(loss { gamma = 10, discrete = 50 },
    at.rec + at.continuous * 10 + (math.log(6) - at.discrete) * 10, 1e-10)
  local up = vae.schedules.warm_up(10, { to = 4 })
  t.near(loss { gamma = 10, continuous = up, step = 6 },
    at.rec + (2 - at.continuous):abs() * 10 + at.discrete * 10, 1e-10)
end)

t.test("every parameter learns; images come back and are drawn", function()
  local model, x = small()
  local function loss()
    return (model:loss(x, { generator = orrery.Generator(4) }))
  end
  local before = loss()
  orrery.optim.SGD(model, { lr = 1e-3 }):minimize(before)
  t.ok(loss():item() < before:item())
  for name, p in model:named_parameters() do
    t.ok(p.grad:abs():sum():item() > 0, name)
  end
  t.equal({ model:reconstruct(x):shape() }, { 5, 4 })
  t.equal({ model:float():sample(6, orrery.Generator(1)):shape() }, { 6, 4 })
  t.fails("vae.Joint: classes is 1; give a whole number of at least 2",
    vae.Joint, { classes = { 3, 1 } })
end)
