-- %% [markdown]
-- # 004-1.2.1  MADE, masked layers and the MAF
-- A net whose outputs $t_i$ and $\log s_i$ depend on $x_1 \dots x_{i-1}$ alone
-- is an ordinary one with some of its weights masked. Every input and hidden
-- unit has a *degree*; a hidden unit sees those of at most its own degree, and
-- an output those **below** its own:
--
-- $$ M^{hidden}_{ij} = [d_j \ge d_i], \qquad M^{out}_{ij} = [d_j > d_i]. $$
--
-- One published description has $\ge$ at every layer: then $t_i$ sees $x_i$
-- itself, and the Jacobian is triangular no more in the sense that is needed.
-- On top of the net stands the flow, the way from data to noise:
--
-- $$ z_i = x_i\, e^{\log s_i} + t_i, \qquad
--    \log\left|\det \frac{dz}{dx}\right| = \sum_i \log s_i. $$
--
-- The log-determinant is the sum of the *logarithms* of the diagonal (not of
-- the diagonal); the loss takes $\log p_Z(z)$ (not $p_Z(z)$). Papers on
-- the MAF write $z = (x - \mu)\, e^{-\alpha}$: there $\log s = -\alpha$.

-- %%
local orrery = require "orrery"
local data, flow, optim = orrery.data, orrery.flow, orrery.optim
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  moons = 1500, digits = 1500, clamped = 150, images = 8000, hidden = 64,
  side = 400,
  quick = { moons = 40, digits = 20, clamped = 30, images = 500, hidden = 16,
    side = 60 },
}
local double = { dtype = "float64" }

-- %% [markdown]
-- ## The masks
-- Three inputs, hidden degrees 1, 2, 1, 2. The product of the masks counts the
-- paths from each input to each output.

-- %% Counted
local enter = flow.mask({ 1, 2, 1, 2 }, { 1, 2, 3 })
local leave = flow.mask({ 1, 2, 3 }, { 1, 2, 1, 2 }, true)
local paths = leave:matmul(enter)
replay.check("ones in mask 1", enter:sum(), 6, { abs = 1e-6 })
replay.check("ones in the output mask", leave:sum(), 6, { abs = 1e-6 })
replay.check("paths, output 3 from input 1", paths[{ 3, 1 }], 4,
  { abs = 1e-6 })
replay.check("paths on and above the diagonal", paths:triu(0):sum(), 0,
  { abs = 1e-6 })
local loose = flow.mask({ 1, 2, 3 }, { 1, 2, 1, 2 }):matmul(enter)
replay.check("the same without strictness", loose:triu(0):sum(), 0,
  { relation = ">" })

-- %% Drawn: 8 inputs, 24 hidden units, 8 outputs
local net = flow.MADE(8, { hidden = { 24, 24 }, activation = "tanh",
  dtype = "float64" })
local maps = {}
for l, name in ipairs { "8 to 24", "24 to 24", "24 to 2 x 8" } do
  maps[l] = plot.heatmap { z = net.layers[l].mask, colors = "grey",
    title = name, xlabel = "from", ylabel = "to" }
end
plot.grid(maps, { columns = 3 })

-- %% [markdown]
-- ## The Jacobian
-- All of it, by gradients: exactly zero on and above the diagonal, and not
-- zero below. The same net with $\ge$ at its last layer fails that test.

-- %% Zero where it must be
local function jacobian(fn)
  return flow.jacobian(fn, orrery.randn({ 1, 8 }, double))[1]
end
local function shift(x) return (net(x)) end
local function log_scale(x) return (select(2, net(x))) end
for _, row in ipairs { { "t", shift }, { "log s", log_scale } } do
  local name, j = row[1], jacobian(row[2])
  replay.check(name .. ": on and above the diagonal", j:triu(0):abs():max(), 0,
    { abs = 0 })
  replay.check(name .. ": below, the least", (j:abs() + orrery.ones(8, 8)
    :triu(0):double()):min(), 0, { relation = ">" })
end

local places = { 1, 2, 3, 4, 5, 6, 7, 8 }
local wrong = flow.mask(places, net.degrees[2])
net.layers[3]:set_mask(orrery.cat({ wrong, wrong }, 1))
replay.check("with >= at the output: on the diagonal",
  jacobian(shift):diagonal():abs():max(), 0, { relation = ">" })

-- %% [markdown]
-- ## The flow
-- With $z = (1, 0)$ and $\log s = (\frac12, -\frac14)$:
-- $\log p(x) = -\log 2\pi - \frac12 + \frac14$. Log-scales are clamped to
-- $[-5, 5]$, scales to $[e^{-5}, e^5]$.

-- %% By hand
local function by_hand(features, bias)
  local maf = flow.MAF(features, { hidden = {}, dtype = "float64" })
  local layer = maf.net.layers[1]
  orrery.no_grad(function()
    layer.weight:zero_()
    layer.bias:copy_(orrery.tensor(bias, double))
  end)
  return maf
end
local two = by_hand(2, { 0, 0, 0.5, -0.25 })
local law = flow.Model { bijector = two, shape = { 2 } }
local point = orrery.no_grad(function()
  return (two:inverse(orrery.tensor({ { 1, 0 } }, double)))
end)
replay.check("log p(x), two numbers", law:log_prob(point), -2.08787707,
  { abs = 1e-6 })
for _, bias in ipairs { -80, 80 } do
  local _, s = by_hand(1, { 0, bias }):shift_and_scale(
    orrery.zeros({ 1, 1 }, double))
  replay.check(("scale at log s = %d"):format(bias), s:exp(),
    bias < 0 and 0.006737947 or 148.413159, { rel = 1e-6 })
end

-- %% Its determinant, and the way back
local stack = flow.maf(8, { layers = 3, hidden = { 24 }, dtype = "float64" })
local x = orrery.randn({ 1, 8 }, double)
local _, logdet = stack(x)
replay.check("log det, whole Jacobian", flow.jacobian(function(u)
  return (stack(u))
end, x)[1]:det():abs():log(), logdet, { abs = 1e-9 })
local narrow = flow.maf(8, { layers = 3, hidden = { 24 } })
orrery.no_grad(function()
  local u = orrery.randn(500, 8)
  replay.check("back from where it went, float32",
    (narrow:inverse((narrow(u))) - u):abs():max(), 0, { abs = 1e-4 })
end)

-- %% [markdown]
-- ## Two moons
-- Five layers, the order of the inputs reversed in between. A normal law with
-- the moons' own mean and covariance is what a flow has to beat; the same flow
-- without reversal sees $x_2$ given $x_1$ alone in every layer.

-- %% Trained
local moons = data.known.two_moons {}
local held = moons:sample(20000, { generator = orrery.Generator(2) })

local function train(model, steps, draw, rate)
  orrery.manual_seed(1)
  local opt = optim.Adam(model, { lr = rate or 3e-3 })
  local slower = optim.lr_scheduler.CosineAnnealingLR(opt,
    { T_max = steps })
  local step = orrery.compile(function(u)
    local nats = -model:log_prob(u):mean()
    opt:minimize(nats, { max_norm = 10 })
    return nats
  end)
  for i = 1, steps do
    orrery.tidy(function() step(draw(i)) end)
    slower:step()
  end
  return model
end

local function of_moons(reversed)
  local opts = { hidden = { set.hidden, set.hidden } }
  local list = {}
  for l = 1, 5 do
    if reversed and l > 1 then list[#list + 1] = flow.Reverse(2) end
    list[#list + 1] = flow.MAF(2, opts)
  end
  local g = orrery.Generator(3)
  return train(flow.Model { shape = { 2 }, bijector = flow.Chain(list) },
    set.moons, function() return (moons:sample(256, { generator = g })) end)
end

local function nats(model)
  return flow.anomaly.nll(model, held, { batch = 5000 }):mean():item()
end
local gaussian = flow.anomaly.gaussian(held)
local plain = flow.anomaly.nll(gaussian, held:double()):mean():item()
local flows = { of_moons(true), of_moons(false) }
local learnt, unturned = nats(flows[1]), nats(flows[2])
print(("%-22s %7s %9s"):format("", "nats", "bits/dim"))
for _, row in ipairs { { "normal law", plain }, { "MAF, one order", unturned },
  { "MAF, order reversed", learnt }, { "the truth", moons:entropy() } } do
  print(("%-22s %7.3f %9.3f"):format(row[1], row[2],
    flow.bits_per_dim(-row[2], 2)))
end
replay.check("nats below the normal law's", plain - learnt, 0.2,
  { relation = ">=", quick = { wanted = -10 } })
replay.check("nats above the truth", learnt - moons:entropy(), 0.1,
  { relation = "<", quick = { wanted = 10 } })
replay.check("reversed, below one order", unturned - learnt, 0,
  { relation = ">", quick = { wanted = -10 } })

-- %% The density is one, and it is where the moons are
local reach = 4 * moons:window()
local side = set.side
local along = (orrery.range(1, side) - 0.5) * (2 * reach / side) - reach
local cells = orrery.stack({ along:unsqueeze(1):expand { side, side },
  along:unsqueeze(2):expand { side, side } }, 3):reshape(-1, 2)
local area = (-flow.anomaly.nll(flows[1], cells, { batch = 5000 })):exp():sum()
  * (2 * reach / side) ^ 2
replay.check("integral of the density", area, 1, { abs = 0.01,
  quick = { abs = 0.2 } })
flow.pictures.density(flows[1], moons, { side = 96 })

-- %% [markdown]
-- ## Digits, 8 x 8
-- 17 grey levels with uniform noise on them, taken to the whole line by a
-- logit. Nats are of the logits, the space the models work in; bits per pixel
-- are of the grey levels, noise and logit paid for.

-- %% Trained
local mnist = data.mnist {}
local function small(part, n)
  local images = part.images:narrow(1, 1, math.min(n, #part)):float()
  return (orrery.adaptive_avg_pool2d(images:unsqueeze(2), { 8, 8 }) / 255 * 16)
    :round():flatten(2) / 16
end
local train_set, test_set = small(mnist.train, set.images),
  small(mnist.test, set.images)
local logit, noise = flow.Logit(1e-3), orrery.Generator(4)
local function to_line(u, g)
  return logit(flow.dequantise(u, { levels = 17, generator = g }))
end
local order = data.TensorDataset(train_set):batches(100, { shuffle = true,
  drop_last = true, seed = 5 })
local digits = train(flow.Model { shape = { 64 }, bijector = flow.maf(64, {
  layers = 5, hidden = { 2 * set.hidden }, last_scale = 0.01 }) }, set.digits,
  function() return (to_line(order() or order(), noise)) end, 1e-3)

local z, volume = to_line(test_set, orrery.Generator(6))
local fitted = flow.anomaly.gaussian((to_line(train_set, noise)))
local scores = {}
for i, row in ipairs { { "normal law", fitted, z:double() },
  { "MAF(5)", digits, z } } do
  local own = -flow.anomaly.nll(row[2], row[3]):mean()
  scores[i] = own:item()
  print(("%-12s %8.2f nats  %6.3f bits per pixel"):format(row[1], -scores[i],
    flow.bits_per_dim((own + volume:double():mean()):item(), 64,
      { levels = 17 })))
end
replay.check("digits: nats above the normal law's", scores[2] - scores[1], 2,
  { relation = ">", quick = { wanted = -200 } })
local drawn = orrery.no_grad(function()
  return flow.quantise((logit:inverse(digits:sample(64,
    { generator = orrery.Generator(7) }))), { levels = 17 })
end)
plot.grid(orrery.cat({ test_set:narrow(1, 1, 64), drawn }, 1)
  :reshape(-1, 1, 8, 8), { columns = 16, scale = 3,
    caption = "Four rows of digits, four rows of draws." })

-- %% [markdown]
-- ## What the clamp is for
-- The same digits at a rate of learning that is far too large, and a net that
-- begins where default initialisation puts it. Clamped, log-scales stay within
-- 5 and their gradient is zero beyond; unclamped they leave that range.

-- %% On and off
local function largest(clamp)
  orrery.manual_seed(2)
  local model = flow.Model { shape = { 64 }, bijector = flow.MAF(64, {
    hidden = { 2 * set.hidden }, clamp = clamp }) }
  local opt = optim.Adam(model, { lr = 0.1 })
  local most, g = 0, orrery.Generator(8)
  for _ = 1, set.clamped do
    local u = to_line(order() or order(), g)
    local _, s = model.bijector:shift_and_scale(u)
    most = math.max(most, s:abs():max():item())
    local loss = -model:log_prob(u):mean()
    if loss:item() ~= loss:item() or math.abs(loss:item()) == math.huge then
      return math.huge  -- diverged
    end
    opt:minimize(loss)
  end
  return most
end
replay.check("largest |log s|, clamped", largest(5), 5, { relation = "<=" })
replay.check("largest |log s|, not clamped", largest(math.huge), 5,
  { relation = ">" })
