--- Workloads of small fully connected nets: a VAE, three GANs on a ring of
--- eight Gaussians, a masked autoregressive flow. Each entry builds its nets
--- and returns one training step; torch_workloads.py has the same ones.
local orrery = require "orrery"
local nn, optim, F = orrery.nn, orrery.optim, orrery.nn.functional

local function mlp(sizes, act)
  local layers = {}
  for i = 1, #sizes - 1 do
    layers[#layers + 1] = nn.Linear(sizes[i], sizes[i + 1])
    if i < #sizes - 1 then layers[#layers + 1] = (act or nn.ReLU)() end
  end
  return nn.Sequential(layers)
end

local function bce(logits, label)
  return F.binary_cross_entropy_with_logits(logits,
    orrery.full_like(logits, label))
end

local function ring(n)
  local angle = orrery.randint(0, 8, n):to "float32" * (math.pi / 4)
  local centres = orrery.stack({ angle:cos() * 2, angle:sin() * 2 }, 2)
  return centres + orrery.randn(n, 2) * 0.02
end

local workloads = { mlp = mlp, bce = bce }  -- the first two for images.lua

--- Beta-VAE 784-400-(20, 20)-400-784, batch 128.
function workloads.vae_mlp(batch)
  local n, beta = batch or 128, 4
  local x = orrery.rand(n, 784)
  local net = nn.ModuleList { nn.Linear(784, 400), nn.Linear(400, 20),
    nn.Linear(400, 20), mlp { 20, 400, 784 } }
  local enc, to_mean, to_logvar, dec = net[1], net[2], net[3], net[4]
  local opt = optim.Adam(net:parameters())
  return function()
    local h = enc(x):relu()
    local mean, logvar = to_mean(h), to_logvar(h)
    local z = mean + (logvar * 0.5):exp() * orrery.randn_like(mean)
    local rec = F.binary_cross_entropy_with_logits(dec(z), x,
      { reduction = "sum" })
    local kl = (logvar - mean * mean - logvar:exp() + 1):sum() * -0.5
    local loss = (rec + kl * beta) / n
    opt:minimize(loss)
    return loss
  end
end

--- One step of D and one of G, batch 512.
function workloads.gan2d(batch)
  local n = batch or 512
  local G, D, x = mlp { 2, 128, 128, 2 }, mlp { 2, 128, 128, 1 }, ring(n)
  local optG, optD = optim.Adam(G), optim.Adam(D)
  return function()
    local fake = G(orrery.randn(n, 2))
    optD:minimize(bce(D(x), 1) + bce(D(fake:detach()), 0))
    local loss = bce(D(fake), 1)
    optG:minimize(loss)
    return loss
  end
end

--- Five critic steps with gradient penalty and one of G, batch 512.
function workloads.wgan_gp2d(batch)
  local n = batch or 512
  local G, D, x = mlp { 2, 128, 128, 2 }, mlp { 2, 128, 128, 1 }, ring(n)
  local options = { lr = 1e-4, betas = { 0.5, 0.9 } }
  local optG, optD = optim.Adam(G, options), optim.Adam(D, options)
  local noise = function() return orrery.randn(n, 2) end
  return function()
    for _ = 1, 5 do
      local fake = orrery.no_grad(G, noise())
      local mix = orrery.lerp(fake, x, orrery.rand(n, 1)):requires_grad_()
      local g = orrery.grad(D(mix):sum(), { mix }, { create_graph = true })[1]
      local penalty = ((g:norm(2, 2) - 1) ^ 2):mean()
      optD:minimize(D(fake):mean() - D(x):mean() + penalty * 10)
    end
    local loss = -D(G(noise())):mean()
    optG:minimize(loss)
    return loss
  end
end

local function critic(p, h)
  for i = 1, 5, 2 do
    h = F.linear(h, p[i], p[i + 1])
    if i < 5 then h = h:relu() end
  end
  return h
end

--- G's gradient flows through five differentiable SGD steps of D.
function workloads.unrolled2d(batch)
  local n, lr = batch or 512, 1e-2
  local G, D, x = mlp { 2, 128, 128, 2 }, mlp { 2, 128, 128, 1 }, ring(n)
  local optG, optD = optim.Adam(G), optim.Adam(D)
  return function()
    local fake, p = G(orrery.randn(n, 2)), D:parameters()
    for _ = 1, 5 do
      local loss = bce(critic(p, x), 1) + bce(critic(p, fake), 0)
      local g, next_p = orrery.grad(loss, p, { create_graph = true }), {}
      for i, w in ipairs(p) do next_p[i] = w - g[i] * lr end
      p = next_p
    end
    local loss = bce(critic(p, fake), 1)
    optG:minimize(loss)
    optD:minimize(bce(D(x), 1) + bce(D(fake:detach()), 0))
    return loss
  end
end

local function made(d, hidden)
  local enter = orrery.range(1, d)
  local inner = orrery.randint(1, d, hidden):to "float32"
  local out_mask = enter:unsqueeze(2):gt(inner:unsqueeze(1)):to "float32"
  local first, last = nn.MaskedLinear(d, hidden), nn.MaskedLinear(hidden, 2 * d)
  first:set_mask(inner:unsqueeze(2):ge(enter:unsqueeze(1)):to "float32")
  last:set_mask(orrery.cat({ out_mask, out_mask }, 1))
  orrery.no_grad(function() last.weight:mul_(0.05) end)
  return nn.Sequential { first, nn.ReLU(), last }
end

--- Five MADE blocks 784-1024-1568, order reversed in between, batch 128.
function workloads.maf(batch)
  local n, d = batch or 128, 784
  local blocks = nn.ModuleList {}
  for _ = 1, 5 do blocks:append(made(d, 1024)) end
  local opt = optim.Adam(blocks, { lr = 1e-4 })
  local x = orrery.randn(n, d)
  return function()
    local u, logdet = x, 0
    for _, block in ipairs(blocks) do
      local m, a = block(u):chunk(2, 2)
      u = ((u - m) * (-a):exp()):flip(2)
      logdet = a:sum(2) * -1 + logdet
    end
    local loss = ((u * u):sum(2) * 0.5 - logdet):mean()
    opt:minimize(loss)
    return loss
  end
end

--- Draws 100 images of 784 pixels from five layers of 1024 units. Beside it, to
--- put it in training steps, what builds one of a batch of 100.
function workloads.maf_sample(images)
  local n, d = images or 100, 784
  local law = orrery.flow.Model { shape = { d },
    bijector = orrery.flow.maf(d, { layers = 5, hidden = { 1024 },
      last_scale = 0.05 }) }
  return function() return law:sample(n) end, function()
    local opt, x = optim.Adam(law, { lr = 1e-4 }), orrery.randn(n, d)
    return function()
      local loss = -law:log_prob(x):mean()
      opt:minimize(loss)
      return loss
    end
  end
end

return workloads
