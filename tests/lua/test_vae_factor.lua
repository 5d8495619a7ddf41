--- The total correlation that a discriminator sees, against that of a Gaussian.
local orrery, t = require "orrery", require "orrery.testing"
local nn, vae = orrery.nn, orrery.vae
local parameters = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/parameters.lua")

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end

local rho = 0.7
local truth = -0.5 * math.log(1 - rho ^ 2)

-- n pairs of standard normals of correlation rho.
local function correlated(n, seed)
  local e = orrery.randn({ n, 2 }, { dtype = "float64",
    generator = orrery.Generator(seed) })
  local a, b = e:narrow(2, 1, 1), e:narrow(2, 2, 1)
  return orrery.cat({ a, a * rho + b * math.sqrt(1 - rho ^ 2) }, 2)
end

-- A logit linear in these five: it holds log p(z) / (p(z1) p(z2)) of Gaussians.
local Quadratic = nn.Module:subclass "Quadratic"
function Quadratic:init(weights)
  self.weights = tensor(weights):requires_grad_()
end
function Quadratic:forward(z)
  local a, b = z:narrow(2, 1, 1), z:narrow(2, 2, 1)
  local terms = orrery.cat({ a * 0 + 1, a ^ 2, b ^ 2, a * b }, 2)
  return terms:matmul(self.weights:unsqueeze(2))
end

-- The logarithm of that ratio: truth - (rho^2 (a^2 + b^2) - 2 rho a b) / (2 (1
-- - rho^2)).
local r = rho / (1 - rho ^ 2)
local exact = { truth, -rho * r / 2, -rho * r / 2, r }

-- A model whose codes are its images.
local function copies()
  local Copy = nn.Module:subclass "Copy"
  function Copy.init() end
  function Copy.forward(_, x) return orrery.cat({ x, x * 0 - 40 }, 2) end
  return vae.VAE { encoder = Copy(), decoder = nn.Identity(), latent = 2,
    likelihood = "gaussian" }
end

t.test("the best discriminator's mean logit is the total correlation",
  function()
    local n = 100000
    local factor = vae.Factor { discriminator = Quadratic(exact), gamma = 3 }
    local x = correlated(n, 1)
    -- The logit's standard deviation is rho.
    local tol = 4 * rho / math.sqrt(n)
    t.near(factor:correlation(x), tensor(truth), tol)
    local loss, terms = copies():loss(x, { objective = factor })
    t.near(terms.correlation, tensor(truth), tol)
    t.near(loss, terms.rec + terms.kl + terms.correlation * 3, 1e-9)
  end)

t.test("shuffled codes keep each latent's numbers and lose what ties them",
  function()
    local n, factor = 20000, vae.Factor { latent = 2, hidden = 4, layers = 1 }
    local z = correlated(n, 2)
    local p = factor.permuted(z, orrery.Generator(3))
    t.equal(p:sort { axis = 1 }, z:sort { axis = 1 })
    t.near(z:prod(2):mean(), tensor(rho), 0.05)
    t.near(p:prod(2):mean(), tensor(0), 4 / math.sqrt(n))
  end)

t.test("the discriminator learns the ratio from updates", function()
  local factor = vae.Factor { discriminator = Quadratic { 0, 0, 0, 0 },
    optimizer = function(d) return orrery.optim.Adam(d, { lr = 0.05 }) end }
  local model, noise = copies(), orrery.Generator(4)
  local first
  for step = 1, 150 do
    local loss = factor:update(model, correlated(2000, 10 + step),
      { generator = noise })
    first = first or loss
  end
  t.near(first, tensor(math.log(2)), 1e-9)
  local weights = factor.discriminator.weights
  t.near(weights, tensor(exact), 0.12)
  t.near(factor:correlation(correlated(100000, 5)), tensor(truth), 0.03)
end)

t.test("each of the two steps leaves the other's parameters alone", function()
  orrery.manual_seed(1)
  local model = vae.mlp { latent = 3, hidden = 5, features = 4 }
  local factor = vae.Factor { latent = 3, hidden = 6, layers = 2 }
  t.equal(#factor.discriminator:parameters(), 6)
  local x = orrery.rand({ 8, 4 }, { generator = orrery.Generator(2) })
  local copy = parameters.copies
  local function moved(module, was)
    return parameters.moved(module, was) > 0
  end
  local own, other = copy(model), copy(factor.discriminator)
  factor:update(model, x)
  t.ok(moved(factor.discriminator, other) and not moved(model, own))
  other = copy(factor.discriminator)
  local function loss()
    return (model:loss(x, { objective = factor,
      generator = orrery.Generator(4) }))
  end
  local before = loss()
  orrery.optim.SGD(model, { lr = 1e-4 }):minimize(before)
  t.ok(moved(model, own) and not moved(factor.discriminator, other))
  t.ok(loss():item() < before:item())
  t.fails("factor: number of images is 3; give a whole number of at least 4",
    function() factor:update(model, x:narrow(1, 1, 3)) end)
end)
