--- Flows as posteriors of VAEs.
local orrery, t = require "orrery", require "orrery.testing"
local dist, flow, nn, vae = orrery.dist, orrery.flow, orrery.nn, orrery.vae
local f64 = { dtype = "float64" }

-- x = z^2 and noise: given x = 1, z is near 1 or near -1.
local sigma = 0.3
local function square(posterior)
  local model = vae.VAE { encoder = nn.Linear(1, 2, f64), latent = 1,
    decoder = function(z) return z ^ 2 end, likelihood = "gaussian",
    sigma = sigma, posterior = posterior }
  return model, orrery.full({ 300, 1 }, 1, f64)
end

-- log p(x = 1), by the trapezium rule.
local function evidence()
  local z = orrery.linspace(-8, 8, 4001, f64)
  local nats = dist.Normal(0, 1):log_prob(z)
    + dist.Normal(z ^ 2, sigma):log_prob(orrery.tensor(1, f64))
  return (nats:exp():sum() * (16 / 4000)):log():item()
end

local function bound(model, x)
  return orrery.no_grad(function()
    local total = 0
    for i = 1, 10 do
      local rec, kl = model:terms(x, orrery.Generator(i))
      total = total - (rec + kl:sum(2)):mean():item() / 10
    end
    return total
  end)
end

local function trained(posterior, steps)
  orrery.manual_seed(5)
  local model, x = square(posterior)
  local opt = orrery.optim.Adam(model, { lr = 0.03 })
  for _ = 1, steps do opt:minimize((model:loss(x))) end
  return bound(model, x)
end

t.test("draws have the density that the bijector and the encoder give them",
  function()
    local bijector = flow.MAF(3, { hidden = { 8 }, context = 2,
      dtype = "float64" })
    local head = nn.Linear(4, 2, f64)
    local model = vae.VAE { encoder = nn.Linear(4, 6, f64), latent = 3,
      decoder = nn.Linear(3, 4, f64), likelihood = "gaussian",
      posterior = flow.Posterior(bijector, { context = head }) }
    local x = orrery.randn({ 5, 4 }, f64)
    local z, log_q = model:draws(x, 2)
    t.equal({ z:shape_str(), log_q:shape_str() }, { "[2, 5, 3]", "[2, 5]" })
    local q0 = dist.Independent(model:posterior(x).base, 1)
    for i = 1, 2 do
      local z0, logdet = bijector(z[i], head(x))
      t.near(log_q[i], q0:log_prob(z0) + logdet, 1e-9)
    end
  end)

t.test("the bijector's parameters are the model's", function()
  local iaf = flow.IAF(2, { hidden = { 4 } })
  local model = vae.mlp { latent = 2, hidden = 4, features = 9,
    posterior = flow.Posterior(iaf) }
  local own = vae.mlp { latent = 2, hidden = 4, features = 9 }
  t.equal(#model:parameters() - #own:parameters(), #iaf:parameters())
  model:loss(orrery.rand(3, 9)):backward()
  for _, p in ipairs(iaf:parameters()) do t.ok(p.grad) end
end)

t.test("planar flows reach both modes of a posterior, where a Gaussian cannot",
  function()
    local list = {}
    for i = 1, 4 do list[i] = flow.Inverse(flow.Planar(1, f64)) end
    local exact = evidence()
    local gaussian = trained(nil, 150)
    local planar = trained(flow.Posterior(flow.Chain(list)), 250)
    t.ok(gaussian < exact - 0.5, gaussian)
    t.ok(planar > gaussian + 0.3, planar)
    t.ok(planar < exact + 0.02, planar)
  end)

t.test("wrong arguments are named with what helps", function()
  t.fails("flow.Posterior: bijector is 3; give one, such as flow.IAF(2)",
    flow.Posterior, 3)
  t.fails("flow.Posterior: context is 3; give a function", flow.Posterior,
    flow.IAF(2), { context = 3 })
end)
