--- VAEs whose prior or posterior is not a Gaussian: against the marginal
--- likelihood of linear-Gaussian models, in closed form.
local orrery, t = require "orrery", require "orrery.testing"
local dist, nn, vae = orrery.dist, orrery.nn, orrery.vae

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end

local known = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/linear_gaussian.lua")
local exact, n, linear = known.exact, known.n, known.model
local ones, loss_of = known.ones, known.loss_of

local function normal(x, mean, variance)
  return math.exp(-0.5 * (x - mean) ^ 2 / variance)
    / math.sqrt(2 * math.pi * variance)
end

-- N(0.4, 0.5^2) made from another Gaussian by an affine map.
local function affine()
  return vae.sampled.flow(dist.transforms.Affine(-0.3, -0.25))
end

t.test("an affine flow gives the bound of the Gaussian it makes", function()
  local model = linear(0, -2.8, 2, { posterior = affine() })
  -- log p(x | z) and log q both spread by less than 1.
  local tol = 4 / math.sqrt(n)
  local loss, terms = loss_of(model, vae.objectives.elbo())
  t.near(loss, tensor(1.53888016), tol)
  t.near(terms.rec, tensor(1.14073298), tol)
  t.near(terms.kl, tensor(0.398147181), tol)
  t.near(loss_of(model), tensor(1.53888016), tol)
  local half, of = loss_of(model, vae.objectives.elbo { beta = 0.5 })
  t.near(half, of.rec + of.kl * 0.5, 1e-10)
end)

t.test("a flow onto the true posterior weighs every draw by p(x)", function()
  local mean, sd = known.mean, known.sd
  -- From N(0, 1), written as a function that gives one number for each draw.
  local model = linear(0, 0, 1, {
    posterior = vae.sampled.flow(function(z)
      return z * sd + mean, (z * 0):sum(3) + math.log(sd)
    end) })
  for _, k in ipairs { 1, 3 } do
    local loss, terms = loss_of(model, vae.objectives.iwae { k = k })
    t.near(loss, tensor(exact), 1e-8)
    t.near(terms.rec + terms.kl, tensor(exact), 1e-8)
  end
  t.near(vae.nll(model, tensor { { 1.1 } }, { samples = 2 }).each,
    tensor { exact }, 1e-8)
end)

t.test("a planar flow's parameters learn a tighter bound", function()
  -- z + u tanh(w z + b) in one dimension (Rezende & Mohamed 2015, eq. 10).
  local Planar = nn.Module:subclass "Planar"
  function Planar:init()
    self.u = tensor { 0.1 }:requires_grad_()
    self.w = tensor { 0.5 }:requires_grad_()
    self.b = tensor { 0.0 }:requires_grad_()
  end
  function Planar:forward(z)
    local h = (z * self.w + self.b):tanh()
    return z + self.u * h, (self.u * self.w * (1 - h ^ 2)):log1p():sum(3)
  end
  local planar = Planar()
  local model = linear(0, 0.4, 0.5, { posterior = vae.sampled.flow(planar) })
  local optimizer = orrery.optim.Adam(planar, { lr = 0.02 })
  local x, noise = orrery.full({ 500, 1 }, 1.1, f64), orrery.Generator(3)
  local function bound() return loss_of(model, vae.objectives.elbo()):item() end
  local before = bound()
  for _ = 1, 100 do
    optimizer:minimize((model:loss(x, { generator = noise })))
  end
  local after = bound()
  t.ok(after < before - 0.02 and after > exact - 0.005, after)
end)

-- Posterior N(0.6 u + 0.1, 0.5^2) at each pseudo-input: the prior is a mixture
-- of Gaussians, and so is the marginal p(x).
local function vamp()
  local images = tensor { { 0.1 }, { 0.5 }, { 0.9 } }
  return linear(0.6, 0.1, 0.5, { prior = vae.VampPrior { images = images } })
end

t.test("the mixture of pseudo-inputs has the density of its sum", function()
  local model = vamp()
  t.near(model.own_prior:images(), tensor { { 0.1 }, { 0.5 }, { 0.9 } }, 1e-12)
  local z = tensor { -1, 0, 0.3, 2 }
  local want = {}
  for i, value in ipairs(z:tolist()) do
    local sum = 0
    for _, u in ipairs { 0.1, 0.5, 0.9 } do
      sum = sum + normal(value, 0.6 * u + 0.1, 0.25)
    end
    want[i] = math.log(sum / 3)
  end
  t.near(model:log_prior(z:reshape(2, 2, 1)), tensor(want):reshape(2, 2), 1e-12)
end)

t.test("nll under pseudo-inputs is that of the mixture p(x)", function()
  local model, p = vamp(), 0
  for _, u in ipairs { 0.1, 0.5, 0.9 } do
    p = p + normal(1.1, 1.3 * (0.6 * u + 0.1) + 0.2, 1.69 * 0.25 + 0.49) / 3
  end
  local m = vae.nll(model, ones():narrow(1, 1, 400), { samples = 500 })
  t.near(tensor(m.nll), tensor(-math.log(p)), 0.004)
  -- The bound is above it, by the KL from q to the true posterior.
  local loss, terms = loss_of(model, vae.objectives.elbo())
  t.ok(loss:item() > -math.log(p))
  t.near(loss, terms.rec + terms.kl, 1e-10)
end)

t.test("one pseudo-input and a blind encoder leave no KL", function()
  local model = linear(0, 0.4, 0.5, {
    prior = vae.VampPrior { images = tensor { { 0.5 } } } })
  local _, terms = loss_of(model, vae.objectives.elbo())
  t.near(terms.kl, tensor(0), 1e-12)
  local m = vae.measure(model, ones():narrow(1, 1, 10))
  t.near(tensor(m.kl), tensor(0), 1e-6)
end)

t.test("pseudo-inputs are parameters of the model and are learned", function()
  orrery.manual_seed(4)
  local model = vae.mlp { latent = 2, hidden = 5, features = 4,
    prior = vae.VampPrior { inputs = 3, features = 4 } }
  local names = {}
  for name in model:named_parameters() do names[name] = true end
  t.ok(names["own_prior.inputs"])
  local x = orrery.rand({ 6, 4 }, { generator = orrery.Generator(2) })
  local optimizer = orrery.optim.SGD(model, { lr = 1e-3 })
  local function loss()
    return (model:loss(x, { generator = orrery.Generator(4) }))
  end
  local before, was = loss(), model.own_prior.inputs:clone()
  optimizer:minimize(before)
  t.ok(loss():item() < before:item())
  t.ok((model.own_prior.inputs - was):abs():amin():item() > 0)
  t.equal({ model:sample(5, orrery.Generator(1)):shape() }, { 5, 4 })
end)

t.test("draws from the mixture have its mean and variance", function()
  local law = vamp():prior()
  local z = law:sample({ n }, { generator = orrery.Generator(7) })
  local variance = 0.25 + 0.36 * 0.16 * 2 / 3
  t.near(z:mean(), tensor(0.4), 4 * math.sqrt(variance / n))
  t.near(z:var(), tensor(variance), 4 * variance * math.sqrt(2 / n))
end)

t.test("objectives that need N(0, I) say so, draws are checked", function()
  t.fails("vae: this objective needs a Gaussian posterior and the prior "
    .. "N(0, I); use elbo or iwae", function()
    vamp():loss(tensor { { 1.1 } }, { objective = vae.objectives.info() })
  end)
  local model = linear(0, 0, 1, { posterior = function(_, x)
    return x, x
  end })
  t.fails("vae: the posterior gave a float64 tensor [1, 1] and a float64 "
    .. "tensor [1, 1]; give z [1, 1, latent] and log q [1, 1]", function()
    model:loss(tensor { { 1.1 } })
  end)
end)
