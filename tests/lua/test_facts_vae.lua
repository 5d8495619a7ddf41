--- Figures of VAEs and of Gumbel-softmax in closed form: E, F and J of the
--- list of facts.
local orrery, t = require "orrery", require "orrery.testing"
local integral = require "orrery.dist.integral"
local likelihood = require "orrery.vae.likelihoods"
local dist, nn, vae, fact = orrery.dist, orrery.nn, orrery.vae, t.fact
local F = nn.functional

local function tensor(v) return orrery.tensor(v, { dtype = "float64" }) end
local function leaf(v) return tensor(v):requires_grad_() end

-- ---- the linear beta-VAE, one latent for each eigenvalue of the data

local sigma2, eigenvalues = 0.25, { 4, 1.5, 0.6, 0.2 }

-- 2n points of mean 0 whose covariance is diag(values).
local function data(values)
  local half = (tensor(values) * #values):sqrt():diag_embed()
  return orrery.cat({ half, -half }, 1)
end

-- The model at its optimum, found by Adam with a rate that goes to 0: KL of
-- each latent, decoder weights, and what of each direction is left.
local function solved(beta, values)
  local x, n = data(values), #values
  local model = vae.Linear(n, n, { sigma2 = sigma2 })
  orrery.no_grad(function()  -- each latent near its own axis
    for _, p in ipairs { model.w, model.v } do
      p:copy_(orrery.eye(n, { dtype = "float64" }) * 0.5)
    end
  end)
  local opt = orrery.optim.Adam(model:parameters())
  local steps = 1500
  for step = 1, steps do
    opt.param_groups[1].lr = 0.025 * (1 + math.cos(math.pi * step / steps))
    opt:minimize(model:loss(x, beta))
  end
  return orrery.no_grad(function()
    local _, kl, square = model:terms(x)
    return { kl = kl:mean(1), weights = model.w:diagonal():abs(),
      distortion = square:mean():item() }
  end)
end

for id, row in pairs { F110 = { 1, 4, 1.38629436 },
  F111 = { 1, 1.5, 0.895879735 }, F112 = { 4, 4, 0.693147181 },
  F113 = { 4, 1.5, 0.202732554 }, F114 = { 4, 0.6, 0 } } do
  local beta, value, want = table.unpack(row)
  fact(id, ("KL of the latent of eigenvalue %g, beta %g"):format(value, beta),
    want, 1e-6, function() return solved(beta, { value }).kl end)
end

for id, row in pairs { F115 = { 1, 3 }, F116 = { 4, 2 }, F117 = { 8, 1 } } do
  fact(id, ("active latents, beta %d"):format(row[1]), row[2], 1e-6,
    function()
      return solved(row[1], eigenvalues).kl:gt(1e-3):to "float64":sum()
    end)
end

fact("F118", "decoder weight, eigenvalue 4, beta 4", 1.73205081, 1e-6,
  function() return solved(4, { 4 }).weights end)
fact("F119", "distortion, eigenvalue 4, beta 4", 1, 1e-6, function()
  return solved(4, { 4 }).distortion
end)

-- Switched off, a latent has no weights. It stays so where the loss curves
-- upwards in both of them: until the determinant changes sign.
fact("F120", "the beta at which eigenvalue 1.5 collapses", 6, 1e-6, function()
  local x = data { 1.5 }
  local function bend(beta)
    local model = vae.Linear(1, 1, { sigma2 = sigma2 })
    orrery.no_grad(function()
      model.w:zero_()
      model.v:zero_()
    end)
    local at = { model.w, model.v }
    local slope = orrery.grad(model:loss(x, beta), at, { create_graph = true })
    local function second(i)
      local row = orrery.grad(slope[i]:sum(), at, { retain_graph = true,
        allow_unused = true })
      return row[1]:item(), row[2]:item()
    end
    local ww, wv = second(1)
    local _, vv = second(2)
    return ww * vv - wv ^ 2
  end
  local low, high = 1, 20
  for _ = 1, 50 do
    local middle = (low + high) / 2
    if bend(middle) < 0 then low = middle else high = middle end
  end
  return low
end)

-- ---- likelihoods

local gaussian = likelihood("gaussian", { sigma = math.sqrt(0.5) })
fact("F121", "the constant of a Gaussian of 784 pixels, variance 0.5",
  448.734115, 1e-6, function()
    local x = orrery.zeros(1, 784, { dtype = "float64" })
    return gaussian:nll(x, x)
  end)
fact("F122", "what an error of 3 adds to it", 3, 1e-6, function()
  local x = tensor { { 1, 2, 3 } }
  return gaussian:nll(x, x + 1) - gaussian:nll(x, x)
end)

local bernoulli = likelihood("bernoulli", {})
fact("F123", "the cross-entropy of 0.5 at its best mean", 0.693147181, 1e-6,
  function()
    local logit = orrery.linspace(-4, 4, 801, { dtype = "float64" })
      :unsqueeze(2)
    return bernoulli:nll(orrery.full_like(logit, 0.5), logit):min()
  end)
fact("F124", "its slope by the logit, x = 1 at 0.3", -0.425557483, 1e-6,
  function()
    local a = leaf { { 0.3 } }
    return orrery.grad(bernoulli:nll(tensor { { 1 } }, a):sum(), { a })[1]
  end)
fact("F125", "the cross-entropy of 1 at logit -2", 2.12692801, 1e-6,
  function() return bernoulli:nll(tensor { { 1 } }, tensor { { -2 } }) end)
fact("F126", "what two principal components leave", 0.8, 1e-6, function()
  local x = data(eigenvalues)
  return orrery.metrics.pca(x, 2):error(x)
end)

-- ---- Gumbel-softmax

fact("F127", "the mean of a Gumbel number", 0.577215665, 1e-6, function()
  return dist.Gumbel(tensor(0), 1):mean()
end)
fact("F128", "its variance", 1.64493407, 1e-6, function()
  return dist.Gumbel(tensor(0), 1):var()
end)

local three = tensor { 0.1, 0.2, 0.7 }

-- The third of three Gumbel numbers around log pi is the largest.
fact("F129", "the chance that log pi + g is largest at 3", 0.7, 1e-6,
  function()
    local last = dist.Gumbel(three[3]:log(), 1)
    return integral(last, last, function(x)
      local below = 1
      for k = 1, 2 do below = below * dist.Gumbel(three[k]:log(), 1):cdf(x) end
      return last:log_prob(x):exp() * below
    end)
  end)

local draws = 200000
for i, temperature in ipairs { 0.1, 1, 10 } do
  fact("F130", ("the chance that y is largest at 3, temperature %g")
    :format(temperature), 0.7, 4 * math.sqrt(0.7 * 0.3 / draws), function()
      local law = dist.RelaxedOneHotCategorical(tensor(temperature),
        { probs = three })
      local y = law:sample(draws, { generator = orrery.Generator(i) })
      return y:argmax { axis = -1 }:eq(3):to "float64":mean()
    end)
end

-- E g(y_1) of two classes; the other is 1 - y_1.
local function mean_of_two(chance, temperature, g)
  local law = dist.RelaxedBernoulli(tensor(temperature),
    { probs = tensor(chance) })
  return integral(law, law, function(y)
    return law:log_prob(y):exp() * g(y)
  end)
end

fact("F131", "E y_1 of two classes, 0.7, temperature 1", 0.637921558, 1e-6,
  function() return mean_of_two(0.7, 1, function(y) return y end) end)
fact("F132", "E y_1 of two classes, 0.5, temperature 1", 0.5, 1e-6,
  function() return mean_of_two(0.5, 1, function(y) return y end) end)
fact("F133", "Var y_1 of two classes, 0.5, temperature 1", 0.0833333333,
  1e-6, function()
    return mean_of_two(0.5, 1, function(y) return (y - 0.5) ^ 2 end)
  end)
fact("F134", "every y of three classes when hot", 0.333333333, 1e-6,
  function()
    local law = dist.RelaxedOneHotCategorical(tensor(1e9), { probs = three })
    local y = law:sample(1000, { generator = orrery.Generator(1) })
    local gap, at = (y - 1 / 3):abs():reshape(-1):max(1)
    t.ok(gap:item() < 1e-6)
    return y:reshape(-1)[at:item()]
  end)
fact("F221", "E (dy_1 / dlogit)^2 of two classes, temperature 0.1", 0.4153333,
  1e-5, function()
    local noise = dist.Logistic(tensor(0), 1)
    return integral(noise, noise, function(e)
      local logit = orrery.zeros_like(e):requires_grad_()
      local y = ((logit + e) / 0.1):sigmoid()
      local slope = orrery.grad(y:sum(), { logit })[1]
      return noise:log_prob(e):exp() * slope ^ 2
    end)
  end)

-- ---- two more

fact("F222", "parameters of a head from 128 to 10", 1290, 0, function()
  local count = 0
  for _, p in ipairs(nn.Linear(128, 10):parameters()) do
    count = count + p:numel()
  end
  return count
end)
fact("F223", "dKL/dlogvar at -1", -0.316060279, 1e-6, function()
  local logvar = leaf { -1 }
  return orrery.grad(F.kl_normal(tensor { 0.3 }, logvar):sum(), { logvar })[1]
end)
