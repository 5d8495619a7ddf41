--- The VAE of two layers against a linear-Gaussian chain, whose posteriors and
--- marginal are known.
local orrery, t = require "orrery", require "orrery.testing"
local nn, vae = orrery.nn, orrery.vae

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end

-- Rows of the one mean a x + b and the log of this variance.
local function gaussian(a, b, variance)
  local class = nn.Module:subclass "Given"
  function class.init() end
  function class.forward(_, x)
    return orrery.cat({ x * a + b, x * 0 + math.log(variance) }, 2)
  end
  return class()
end

local function decoder()
  local class = nn.Module:subclass "Decoder"
  function class.init() end
  function class.forward(_, z) return z * 1.3 + 0.2 end
  return class()
end

-- z2 ~ N(0, 1), z1 | z2 ~ N(0.8 z2, 0.36), x | z1 ~ N(1.3 z1 + 0.2, 0.49):
-- z1 has variance 1 and x has variance 2.18.
local function chain(q1, q2)
  return vae.Hierarchical { latent1 = 1, latent2 = 1, likelihood = "gaussian",
    sigma = 0.7, encoder = q1, encoder2 = q2,
    decoder2 = gaussian(0.8, 0, 0.36), decoder1 = decoder() }
end

local n = 100000
local function ones() return orrery.full({ n, 1 }, 1.1, f64) end
local exact = 0.5 * math.log(2 * math.pi * 2.18) + 0.9 ^ 2 / (2 * 2.18)

-- The posterior of z1 given x = 1.1, and that of z2 given z1.
local precision = 1 + 1.69 / 0.49
local mean, variance = 1.3 * 0.9 / 0.49 / precision, 1 / precision

local function loss_of(model, objective)
  return orrery.no_grad(function()
    return model:loss(ones(), { objective = objective,
      generator = orrery.Generator(1) })
  end)
end

t.test("with both true posteriors every draw has the weight p(x)", function()
  local model = chain(gaussian(0, mean, variance), gaussian(0.8, 0, 0.36))
  for _, k in ipairs { 1, 3 } do
    t.near(loss_of(model, vae.objectives.iwae { k = k }), tensor(exact), 1e-8)
  end
  t.near(loss_of(model, vae.objectives.elbo()), tensor(exact), 1e-8)
  t.near(vae.nll(model, tensor { { 1.1 } }, { samples = 2 }).each,
    tensor { exact }, 1e-8)
end)

-- KL(N(m, v) || N(n, w)).
local function kl(m, v, at, w)
  return 0.5 * (v / w + (m - at) ^ 2 / w - 1 - math.log(v / w))
end

t.test("the bound is off by the KL of each layer's posterior", function()
  local model = chain(gaussian(0, 0.4, 0.25), gaussian(0.5, 0.1, 0.5))
  -- z2's posterior mean is off by 0.1 - 0.3 z1, z1 ~ N(0.4, 0.25).
  local gap = (0.1 - 0.3 * 0.4) ^ 2 + 0.09 * 0.25
  local off = kl(0.4, 0.25, mean, variance)
    + kl(0, 0.5, math.sqrt(gap), 0.36)
  local tol = 4 * 1.5 / math.sqrt(n)
  local loss = loss_of(model, vae.objectives.elbo())
  t.near(loss, tensor(exact + off), tol)
  local same, terms = loss_of(model)
  t.near(same, tensor(exact + off), tol)
  -- Each z2 costs KL(q(z2 | z1) || N(0, 1)) on average.
  local rec, each = orrery.no_grad(function()
    return model:terms(ones(), orrery.Generator(2))
  end)
  t.near(each:select(2, 2):mean(),
    tensor(0.5 * (0.5 + 0.3 ^ 2 + 0.25 * 0.25 - 1 - math.log(0.5))), tol)
  t.near(rec:mean(), tensor(0.5 * math.log(2 * math.pi * 0.49)
    + ((0.9 - 0.52) ^ 2 + 1.69 * 0.25) / 0.98), tol)
  t.near(terms.rec, rec:mean(), tol)
  -- More draws close in on it.
  local tight = loss_of(model, vae.objectives.iwae { k = 20 }):item()
  t.ok(tight < loss:item() and tight > exact - 0.004, tight)
end)

t.test("codes of the prior have the chain's covariance", function()
  local model = chain(gaussian(0, 0, 1), gaussian(0, 0, 1)):double()
  local z = model:codes(n, orrery.Generator(5)):double()
  local cov = z:transpose(1, 2):matmul(z) / n
  t.near(cov, tensor { { 1, 0.8 }, { 0.8, 1 } }, 4 * math.sqrt(2 / n))
  local want = -0.5 * (0.3 - 0.8 * 0.4) ^ 2 / 0.36 - 0.5 * 0.4 ^ 2
    - 0.5 * math.log(0.36) - math.log(2 * math.pi)
  t.near(model:log_prior(tensor { { 0.3, 0.4 } }), tensor { want }, 1e-12)
end)

t.test("networks of two layers train, draw and measure", function()
  orrery.manual_seed(2)
  local model = vae.Hierarchical { latent1 = 3, latent2 = 2, hidden = 6,
    hidden2 = 5, features = 4 }
  local x = orrery.rand({ 6, 1, 2, 2 }, { generator = orrery.Generator(2) })
  local optimizer = orrery.optim.SGD(model, { lr = 1e-3 })
  for _, objective in ipairs { vae.objectives.elbo(),
    vae.objectives.iwae { k = 3 } } do
    local function loss()
      return (model:loss(x, { objective = objective,
        generator = orrery.Generator(4) }))
    end
    local before = loss()
    optimizer:minimize(before)
    t.ok(loss():item() < before:item())
    for name, p in model:named_parameters() do
      t.ok(p.grad and p.grad:abs():sum():item() > 0, name)
    end
  end
  t.equal({ model:sample(5, orrery.Generator(1)):shape() }, { 5, 4 })
  t.equal({ model:reconstruct(x):shape() }, { 6, 4 })
  local m = vae.measure(model, x)
  t.equal(#m.kl_per_latent, 2)
  t.near(tensor(m.kl), tensor(m.kl_per_latent[1] + m.kl_per_latent[2]), 1e-9)
  t.fails("vae.Hierarchical: its prior is no single law; use log_prior(z) and "
    .. "codes(n)", function() model:prior() end)
end)
