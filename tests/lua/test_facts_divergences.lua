--- Divergences of named pairs in closed form, B of the list of facts.
local orrery, t = require "orrery", require "orrery.testing"
local integral = require "orrery.dist.integral"
local dist, vae, fact = orrery.dist, orrery.vae, t.fact

local function tensor(v) return orrery.tensor(v, { dtype = "float64" }) end
local function normal(mean, sd) return dist.Normal(tensor(mean), sd) end

local function kl(p, q) return (dist.kl(p, q)) end
local function cs(p, q) return (dist.cauchy_schwarz(p, q)) end

-- The integral of p q.
local function overlap(p, q)
  return integral(p, q, function(x)
    return (p:log_prob(x) + q:log_prob(x)):exp()
  end)
end

fact("F031", "KL(N(0,1) || N(1,1))", 0.5, 1e-6, function()
  return kl(normal(0, 1), normal(1, 1))
end)
fact("F032", "KL(N(0,2^2) || N(3,2^2))", 1.125, 1e-6, function()
  return kl(normal(0, 2), normal(3, 2))
end)
fact("F033", "KL(N(1,0.5^2) || N(-1,2^2))", 1.41754436, 1e-6, function()
  return kl(normal(1, 0.5), normal(-1, 2))
end)
fact("F034", "KL(N(-1,2^2) || N(1,0.5^2))", 14.1137056, 1e-6, function()
  return kl(normal(-1, 2), normal(1, 0.5))
end)
fact("F035", "KL(N(1,0.25) || N(0,1)), variance 0.25", 0.818147181, 1e-6,
  function() return kl(normal(1, 0.5), normal(0, 1)) end)
fact("F036", "KL of mean 0.5, logvar -1 to N(0,1)", 0.308939721, 1e-6,
  function()
    return orrery.nn.functional.kl_normal(tensor { 0.5 }, tensor { -1 })
  end)

fact("F037", "Cauchy-Schwarz of N(0,1), N(1,1)", 0.25, 1e-6, function()
  return cs(normal(0, 1), normal(1, 1))
end)
fact("F038", "Cauchy-Schwarz of N(0,2^2), N(3,2^2)", 0.5625, 1e-6, function()
  return cs(normal(0, 2), normal(3, 2))
end)
fact("F039", "Cauchy-Schwarz of N(1,0.5^2), N(-1,2^2)", 0.847474136, 1e-6,
  function() return cs(normal(1, 0.5), normal(-1, 2)) end)
fact("F040", "Cauchy-Schwarz of N(0.4,0.5^2), N(0,1)", 0.175571776, 1e-6,
  function() return cs(normal(0.4, 0.5), normal(0, 1)) end)
fact("F041", "its squared form, N(0,1), N(1,1)", 0.5, 1e-6, function()
  local p, q = normal(0, 1), normal(1, 1)
  return -(overlap(p, q) ^ 2 / (overlap(p, p) * overlap(q, q))):log()
end)
fact("F042", "the integral of N(0,2^2) N(3,2^2)", 0.0803663836, 1e-6,
  function() return overlap(normal(0, 2), normal(3, 2)) end)
fact("F043", "the integral of N(0,1)^2", 0.282094792, 1e-6, function()
  return overlap(normal(0, 1), normal(0, 1))
end)

-- Spikes whose squares integrate to 1e4, as those of width 1e-4 do, with
-- masses a and b, beside a broad part whose square integrates to 1; they do
-- not touch.
local function spikes(a, b)
  local c = 1 / (2 * math.sqrt(math.pi))
  return dist.Mixture(tensor { a, b, 1 - a - b },
    dist.Normal(tensor { 0, 100, 200 }, tensor { c * 1e-4, c * 1e-4, c }))
end
fact("F044", "KL of two spikes of swapped masses", 0.207232658, 1e-6,
  function()
    local p, q = spikes(0.1, 0.01), spikes(0.01, 0.1)
    return kl(p.mixing, q.mixing)
  end)
fact("F045", "Cauchy-Schwarz of two spikes of swapped masses", 1.58835939,
  1e-6, function() return cs(spikes(0.1, 0.01), spikes(0.01, 0.1)) end)

-- ---- Jensen-Shannon

for id, row in pairs { F046 = { 1, 0.111421482, 1e-6 },
  F047 = { 2, 0.33683082, 1e-6 }, F048 = { 4, 0.632720194, 1e-6 },
  F049 = { 8, 0.693053645, 1e-6 }, F224 = { 10, 0.693146, 1e-5 } } do
  fact(id, ("JS(N(0,1), N(%d,1))"):format(row[1]), row[2], row[3], function()
    return (dist.js(normal(0, 1), normal(row[1], 1)))
  end)
end

for id, row in pairs { F050 = { 2, 0.224799738, 1e-4 },
  F051 = { 6, 0.00622662158, 1e-5 }, F052 = { 8, 0.000196437489, 1e-6 } } do
  fact(id, ("d/dD JS(N(0,1), N(D,1)) at %d"):format(row[1]), row[2], row[3],
    function()
      local d = tensor(row[1]):requires_grad_()
      dist.js(normal(0, 1), dist.Normal(d, 1)):backward()
      return d.grad
    end)
end

-- ---- distances

fact("F053", "total variation of N(0,1), N(1,1)", 0.382924923, 1e-6,
  function() return (dist.tv(normal(0, 1), normal(1, 1))) end)
fact("F054", "W1(N(0,1), N(2,1))", 2, 1e-6, function()
  return dist.wasserstein1(normal(0, 1), normal(2, 1))
end)
fact("F055", "W1(N(0,1), N(0,3^2))", 1.59576912, 1e-6, function()
  return dist.wasserstein1(normal(0, 1), normal(0, 3))
end)
fact("F056", "W2^2(N(1,0.5^2), N(-1,2^2))", 6.25, 1e-6, function()
  return dist.wasserstein2(normal(1, 0.5), normal(-1, 2)) ^ 2
end)

fact("F057", "JS of disjoint supports", 0.693147181, 1e-6, function()
  return (dist.js(dist.Categorical { probs = tensor { 0.3, 0.7, 0, 0 } },
    dist.Categorical { probs = tensor { 0, 0, 0.6, 0.4 } }))
end)

-- (0, Z) and (theta, Z) with Z uniform: what differs is the first coordinate,
-- one site against another.
local function at_site(k)
  return dist.Categorical { probs = tensor { k == 1 and 1 or 0,
    k == 2 and 1 or 0 } }
end
fact("F058", "JS of parallel lines, theta 0.3", 0.693147181, 1e-6, function()
  return (dist.js(at_site(1), at_site(2)))
end)
fact("F059", "W1 of parallel lines, theta 0.3", 0.3, 1e-6, function()
  return dist.wasserstein1(orrery.full_like(tensor { 1, 1, 1 }, 0),
    orrery.full_like(tensor { 1, 1, 1 }, 0.3))
end)
fact("F060", "JS, KL and W1 of parallel lines, theta 0", 0, 1e-6, function()
  local one = at_site(1)
  return dist.js(one, one) + kl(one, one)
    + dist.wasserstein1(tensor { 0, 0 }, tensor { 0, 0 })
end)
fact("F061", "JS of parallel lines, theta 0.4, noise 0.2", 0.33683082, 1e-6,
  function() return (dist.js(normal(0, 0.2), normal(0.4, 0.2))) end)

-- ---- z ~ N(0,1), x | z ~ N(1.3 z + 0.2, 0.7^2), x = 1.1; q = N(0.4, 0.5^2)

local x, a, b, s = tensor { { 1.1 } }, 1.3, 0.2, 0.7
local precision = 1 + (a / s) ^ 2
local posterior = normal(a * (1.1 - b) / s ^ 2 / precision, precision ^ -0.5)
local prior, q = normal(0, 1), normal(0.4, 0.5)

-- The model with q(z | x) = N(mean, sd^2), whose expectations are exact.
local function terms(mean, sd)
  local model = vae.Linear(1, 1, { sigma2 = s ^ 2 })
  orrery.no_grad(function()
    model.w:fill_(a)
    model.mu:fill_(b)
    model.v:fill_(mean / (1.1 - b))
    model.logvar:fill_(2 * math.log(sd))
  end)
  local rec, nats = model:terms(x)
  return { rec = rec:item(), kl = nats:item(),
    elbo = -model:loss(x):item() }
end

local function evidence()
  return integral(prior, prior, function(z)
    return (prior:log_prob(z) + dist.Normal(z * a + b, s):log_prob(1.1)):exp()
  end):log():item()
end

fact("F062", "log p(x)", -1.49438079, 1e-6, evidence)
fact("F063", "E_q log p(x|z)", -1.14073298, 1e-6, function()
  return -terms(0.4, 0.5).rec
end)
fact("F064", "the bound", -1.53888016, 1e-6, function()
  return terms(0.4, 0.5).elbo
end)
fact("F065", "KL(q || p(z|x))", 0.0444993695, 1e-6, function()
  return kl(q, posterior)
end)
fact("F066", "KL(q || p(z))", 0.398147181, 1e-6, function()
  return terms(0.4, 0.5).kl
end)

-- E_q log p(x|z) - lambda D, and log p(x) - KL(q || p(z|x)) + KL(q || p(z))
-- - lambda D.
fact("F067", "the Cauchy-Schwarz objective, lambda 2", -1.49187653, 1e-6,
  function() return -terms(0.4, 0.5).rec - 2 * cs(q, prior):item() end)
fact("F067", "the same by the identity", -1.49187653, 1e-6, function()
  return evidence() - kl(q, posterior) + kl(q, prior) - cs(q, prior) * 2
end)
fact("F068", "E log p(x|z) over the prior", -3.113284, 1e-6, function()
  return -terms(0, 1).rec
end)
