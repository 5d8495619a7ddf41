--- Variational autoencoders against what is known about them in closed form.
local orrery, t = require "orrery", require "orrery.testing"
local optim, vae = orrery.optim, orrery.vae

local function count(module)
  local n = 0
  for _, p in ipairs(module:parameters()) do n = n + p:numel() end
  return n
end

local function sizes_of(module)
  local list = {}
  for _, child in ipairs(module:children()) do
    local n = count(child)
    if n > 0 then list[#list + 1] = n end
  end
  return list
end

t.test("the convolutional network has the published sizes", function()
  local model = vae.conv {}
  t.equal(sizes_of(model.encoder), { 320, 18496, 50192, 34 + 34 })
  local heads = model.encoder:children()
  t.equal(sizes_of(heads[#heads]), { 34, 34 })
  t.equal(sizes_of(model.decoder), { 9408, 36928, 18464, 289 })
  t.equal(count(model.encoder), 69076)
  t.equal(count(model.decoder), 65089)
  t.equal(count(model), 134165)
  local x = orrery.rand(3, 1, 28, 28)
  local mean, logvar = model:encode(x)
  t.equal({ mean:shape() }, { 3, 2 })
  t.equal({ logvar:shape() }, { 3, 2 })
  t.equal({ model:decode(mean):shape() }, { 3, 1, 28, 28 })
end)

t.test("the fully connected network has 784-400-(20+20)-400-784", function()
  local model = vae.mlp {}
  t.equal(sizes_of(model.encoder), { 784 * 400 + 400, 400 * 40 + 40 })
  t.equal(sizes_of(model.decoder), { 20 * 400 + 400, 400 * 784 + 784 })
  t.equal({ model:encode(orrery.rand(3, 1, 28, 28)):shape() }, { 3, 20 })
end)

-- A network so small that its terms are a few lines of arithmetic.
local function tiny(likelihood, sigma)
  return vae.mlp { latent = 2, hidden = 3, features = 4,
    likelihood = likelihood, sigma = sigma }
end

local function terms_by_hand(model, x, seed)
  local mean, logvar = model:encode(x)
  local eps = orrery.randn({ 2, 2 },
    { generator = orrery.Generator(seed) }):tolist()
  mean, logvar = mean:tolist(), logvar:tolist()
  local kl, z = {}, {}
  for b = 1, 2 do
    kl[b], z[b] = {}, {}
    for i = 1, 2 do
      local m, s2 = mean[b][i], math.exp(logvar[b][i])
      kl[b][i] = 0.5 * (m * m + s2 - math.log(s2) - 1)
      z[b][i] = m + math.sqrt(s2) * eps[b][i]
    end
  end
  return model.decoder(orrery.tensor(z)):tolist(), kl
end

t.test("both terms of the bound are what the formulas say", function()
  local x = { { 0, 0.25, 0.5, 1 }, { 1, 0.75, 0, 0.1 } }
  for _, likelihood in ipairs { "bernoulli", "gaussian" } do
    local model = tiny(likelihood, 0.7)
    local input = orrery.tensor(x)
    local rec, kl = model:terms(input, orrery.Generator(5))
    local y, want_kl = terms_by_hand(model, input, 5)
    local want = {}
    for b = 1, 2 do
      want[b] = 0
      for i = 1, 4 do
        if likelihood == "bernoulli" then
          local p = 1 / (1 + math.exp(-y[b][i]))
          want[b] = want[b] - x[b][i] * math.log(p)
            - (1 - x[b][i]) * math.log(1 - p)
        else
          want[b] = want[b] + 0.5 * ((x[b][i] - y[b][i]) / 0.7) ^ 2
            + math.log(0.7 * math.sqrt(2 * math.pi))
        end
      end
    end
    t.near(rec, want, 1e-5)
    t.near(kl, want_kl, 1e-5)
    local loss, terms = model:loss(input,
      { beta = 4, generator = orrery.Generator(5) })
    t.near(terms.rec, (want[1] + want[2]) / 2, 1e-5)
    t.near(loss, terms.rec:item() + 4 * terms.kl:item(), 1e-5)
  end
end)

t.test("images and their pixels in a row cost the same", function()
  local x = orrery.rand({ 3, 1, 2, 2 }, { generator = orrery.Generator(1) })
  for _, likelihood in ipairs { "bernoulli", "gaussian", "logistic" } do
    local model = tiny(likelihood, 0.7)
    local y = orrery.randn({ 3, 4 }, { generator = orrery.Generator(2) })
    t.near(model:distortion(x, y), model:distortion(x:flatten(2), y), 1e-6)
  end
end)

t.test("a likelihood nobody knows is refused", function()
  t.fails("vae: likelihood is poisson; it is bernoulli, gaussian or logistic",
    vae.mlp, { likelihood = "poisson" })
end)

t.test("what is measured does not depend on the size of the pieces", function()
  local model = tiny "bernoulli"
  local images = orrery.rand(7, 4)
  local a = vae.measure(model, images, { batch = 7, seed = 3 })
  local b = vae.measure(model, images, { batch = 7, seed = 3 })
  local c = vae.measure(model, images, { batch = 3, seed = 3 })
  t.equal(a.rec, b.rec)
  t.near(c.kl, a.kl, 1e-6)
  t.near(a.elbo, -(a.rec + a.kl), 1e-12)
  t.equal(#a.kl_per_latent, 2)
end)

-- ------------------------------------------------ the linear model, solved

-- Every sign of every axis, scaled: 2^n points whose mean is 0 and whose
-- covariance is exactly diag(eigenvalues), then turned by `angle` in each
-- plane of neighbouring axes.
local function exact_data(eigenvalues, angle)
  local n, rows = #eigenvalues, {}
  for code = 0, 2 ^ n - 1 do
    local row = {}
    for i = 1, n do
      local sign = (code >> (i - 1)) & 1 == 1 and 1 or -1
      row[i] = sign * math.sqrt(eigenvalues[i])
    end
    for i = 1, n - 1 do
      local a, b = row[i], row[i + 1]
      row[i] = math.cos(angle) * a - math.sin(angle) * b
      row[i + 1] = math.sin(angle) * a + math.cos(angle) * b
    end
    rows[code + 1] = row
  end
  return orrery.tensor(rows, { dtype = "float64" })
end

local function fit(model, x, beta, steps)
  local opt = optim.Adam(model:parameters(), { lr = 0.05 })
  for step = 1, steps do
    opt.param_groups[1].lr = 0.025 * (1 + math.cos(math.pi * step / steps))
    orrery.tidy(function()
      local loss = model:loss(x, beta)
      opt:zero_grad()
      loss:backward()
      opt:step()
    end)
  end
  return orrery.no_grad(function()
    local rec, kl, square = model:terms(x)
    return { rec = rec:mean():item(), kl = kl:mean(1):tolist(),
      rate = kl:sum(2):mean():item(), square = square:mean():item() }
  end)
end

-- Tipping & Bishop 1999: the noise is the mean of the eigenvalues left out.
local function ppca_log_likelihood(eigenvalues, latent)
  local d, noise, sum = #eigenvalues, 0, 0
  for i = latent + 1, d do noise = noise + eigenvalues[i] / (d - latent) end
  for i = 1, latent do sum = sum + math.log(eigenvalues[i]) end
  return -0.5 * (d * math.log(2 * math.pi) + sum
    + (d - latent) * math.log(noise) + d), noise
end

t.test("a linear VAE reaches the likelihood of probabilistic PCA", function()
  local eigenvalues = { 5, 2, 0.7, 0.4, 0.1 }
  local x = exact_data(eigenvalues, 0.6)
  local model = vae.Linear(5, 2, { generator = orrery.Generator(1) })
  local got = fit(model, x, 1, 1500)
  local want, noise = ppca_log_likelihood(eigenvalues, 2)
  t.near(-(got.rec + got.rate), want, 0.01 / math.abs(want))
  t.near(model.log_sigma2:exp():item(), noise, 0.01)
end)

local lambda, sigma2 = { 4, 1.5, 0.6, 0.2 }, 0.25

-- Sorted KL per latent, squared error and decoder columns at one beta.
local function solve(beta)
  local x = exact_data(lambda, 0.6)
  local model = vae.Linear(4, 4, { sigma2 = sigma2,
    generator = orrery.Generator(2) })
  local got = fit(model, x, beta, 1500)
  table.sort(got.kl, function(a, b) return a > b end)
  got.weights = (model.w:detach() ^ 2):sum(1):sqrt():tolist()
  table.sort(got.weights, function(a, b) return a > b end)
  return got
end

t.test("each latent of a linear VAE costs 1/2 log(l / (beta s2))", function()
  for beta, active in pairs { [1] = 3, [4] = 2, [8] = 1 } do
    local got = solve(beta)
    local square, used = 0, 0
    for i, l in ipairs(lambda) do
      local noise = beta * sigma2
      local kl = l > noise and 0.5 * math.log(l / noise) or 0
      local weight = math.sqrt(math.max(l - noise, 0))
      t.ok(math.abs(got.kl[i] - kl) <= 0.02 * math.max(kl, 0.1),
        ("beta %g, latent %d: KL %g, wanted %g"):format(beta, i, got.kl[i], kl))
      t.ok(math.abs(got.weights[i] - weight) <= 0.02 * math.max(weight, 1),
        ("beta %g, latent %d: weight %g, wanted %g"):format(beta, i,
          got.weights[i], weight))
      square = square + math.min(l, noise)
      if got.kl[i] > 0.01 then used = used + 1 end
    end
    t.near(got.square, square, 0.02)
    t.equal(used, active)
  end
end)

t.test("distortion falls with rate at the slope -beta", function()
  for _, beta in ipairs { 0.5, 2 } do
    local low, high = solve(beta * 0.95), solve(beta * 1.05)
    local slope = (high.rec - low.rec) / (high.rate - low.rate)
    t.near(slope / -beta, 1, 0.02)
  end
end)
