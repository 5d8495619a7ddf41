-- %% [markdown]
-- # Four small parts of networks
-- What the homeworks mention in passing, each as the few lines it takes:
-- units that are drawn, an initialisation, the plumbing between layers, and
-- training on several devices.

-- %%
local orrery = require "orrery"
local dist, estimators, nn = orrery.dist, orrery.estimators, orrery.nn
local optim, plot, replay = orrery.optim, orrery.plot, orrery.replay
local F = nn.functional
local set = replay.settings { steps = 3000, draws = 1000,
  quick = { steps = 600, draws = 200 } }
local double = { dtype = "float64" }

-- %% [markdown]
-- ## A network of units that are drawn
-- A hidden unit is 1 with probability $p = \sigma(a)$ and 0 otherwise; nothing
-- between is ever sent on. A draw has no derivative. The straight-through
-- estimator takes that of the mean instead, $\partial p / \partial a =
-- p (1 - p)$: biased, and enough to learn with (Bengio, Léonard & Courville
-- 2013). Here 16 such units learn the exclusive or, which needs them.

-- %% Straight through
local encoder, decoder = nn.Linear(2, 16), nn.Linear(16, 1)
local through = estimators.straight_through()
local function bits(logits) return dist.Bernoulli { logits = logits } end

-- Draws for a batch of inputs, and what they cost, row by row.
local function cost(x, y, seen)
  return through:through(function(h)
    if seen then seen.h = h:detach() end
    return F.binary_cross_entropy_with_logits(decoder(h):squeeze(2), y,
      { reduction = "none" })
  end, bits, { encoder(x) })
end

local function batch(n)
  local x = orrery.randint(0, 1, { n, 2 }):float()
  return x * 2 - 1, x:select(2, 1):ne(x:select(2, 2)):float()
end

local opt = optim.Adam({ encoder.weight, encoder.bias, decoder.weight,
  decoder.bias }, { lr = 0.01 })
local curve = {}
for step = 1, set.steps do
  local loss = cost(batch(64)):mean()
  opt:minimize(loss)
  curve[step] = loss:item()
end
plot.line { y = curve, title = "exclusive or by drawn units", xlabel = "step",
  ylabel = "cross-entropy, nats" }

-- %% What it learnt
-- The answer is the mean over draws of the hidden units.
local corners = orrery.tensor { { -1, -1 }, { -1, 1 }, { 1, -1 }, { 1, 1 } }
local seen, chance = {}, 0
orrery.no_grad(function()
  local many = corners:repeat_interleave(set.draws, 1)
  cost(many, orrery.zeros(many:size(1)), seen)
  chance = decoder(seen.h):sigmoid():reshape(4, set.draws):mean(2)
end)
print("chance of 1 at each corner:", chance)
replay.check("hidden values that are neither 0 nor 1",
  seen.h:mul(1 - seen.h):ne(0):sum(), 0, { abs = 0 })
replay.check("least right chance", orrery.stack({ 1 - chance[1], chance[2],
  chance[3], 1 - chance[4] }, 1):amin(), 0.95, { relation = ">",
  quick = { wanted = 0.8 } })

-- The derivative that came through is p (1 - p) times the next layer's.
local a = orrery.tensor({ { 0.3, -1 } }, double):requires_grad_()
local w = orrery.tensor({ 2, 5 }, double)
local slope = orrery.grad(through:through(function(h)
  return (h * w):sum(2)
end, bits, { a }):sum(), { a })[1]
local p = a:detach():sigmoid()
replay.check("slope less w p (1 - p)", (slope - w * p * (1 - p)):abs():amax(),
  0, { abs = 1e-12 })

-- %% [markdown]
-- ## Weights and gammas from N(0, 0.02)
-- The initialisation of DCGAN and of the translation networks after it. The
-- paper starts the scales of its normalisation at 1; the listing in the
-- homework gives them $N(0, 0.02)$ as well, so that a layer is nearly silent
-- at first.

-- %% An initialiser is a function given to apply
local net = nn.Sequential {
  nn.Conv2d(3, 64, 4, { stride = 2, padding = 1 }), nn.LeakyReLU(0.2),
  nn.Conv2d(64, 128, 4, { stride = 2, padding = 1 }),
  nn.InstanceNorm2d(128, { affine = true }), nn.LeakyReLU(0.2),
}
net:apply(function(layer)
  if layer.weight then nn.init.normal_(layer.weight, 0, 0.02) end
  if layer.bias then nn.init.zeros_(layer.bias) end
end)
local all, gammas = {}, net[4].weight:detach():double()
for name, parameter in net:named_parameters() do
  if name:find "weight$" then all[#all + 1] = parameter:detach():reshape(-1) end
end
all = orrery.cat(all, 1):double()
local n = all:numel()
replay.check("mean of the weights", all:mean(), 0,
  { abs = 4 * 0.02 / math.sqrt(n) })
replay.check("standard deviation", all:std(), 0.02,
  { abs = 4 * 0.02 / math.sqrt(2 * n) })
replay.check("of the 128 gammas", gammas:std(), 0.02,
  { abs = 4 * 0.02 / math.sqrt(256) })

-- %% [markdown]
-- ## Padding, flattening, joining
-- None of these has a parameter or changes a number; they are layers so that a
-- network can be written as one list.

-- %% Shapes
local x = orrery.rand { 2, 3, 5, 5 }
local padded = nn.ZeroPad2d { 1, 2, 0, 1 }(x)  -- left, right, top, bottom
print("padded", padded[1][1])
replay.check("padded width", padded:size(4), 8, { abs = 0 })
replay.check("padded height", padded:size(3), 6, { abs = 0 })
replay.check("what padding adds", padded:sum() - x:sum(), 0, { abs = 1e-4 })
local flat = nn.Flatten()(x)
replay.check("flattened", flat:size(2), 75, { abs = 0 })
local back = nn.Unflatten(2, { 3, 5, 5 })(flat)
replay.check("put back, the largest change", (back - x):abs():amax(), 0,
  { abs = 0 })
-- A skip connection of a U-Net: what the encoder saw beside the decoder's.
local joined = orrery.cat({ x, orrery.zeros { 2, 4, 5, 5 } }, 2)
replay.check("channels of a skip connection", joined:size(2), 7, { abs = 0 })

-- %% [markdown]
-- ## Several devices, played by one
-- A strategy of $R$ replicas gives each the $R$-th part of a batch, the same
-- parameters, and takes one step with the mean of their gradients: exactly the
-- step of one device with the whole batch, when the loss is a mean and the
-- parts are equal. What is not of that form, such as batch normalisation, sees
-- its part only. Programs ask for many devices and fall back to one.

-- %% Gradients averaged
local function model_and_loss()
  local made = nn.Sequential { nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1) }
    :double()
  made:apply(function(layer)
    if layer.weight then
      nn.init.normal_(layer.weight, 0, 0.5, { generator = orrery.Generator(3) })
      nn.init.zeros_(layer.bias)
    end
  end)
  return made, function(input, target)
    return ((made(input):squeeze(2) - target) ^ 2):mean()
  end
end

local function averaged(replicas, parameters, loss, input, target)
  local size, sums = input:size(1) // replicas, {}
  for r = 0, replicas - 1 do
    local grads = orrery.grad(loss(input:narrow(1, r * size + 1, size),
      target:narrow(1, r * size + 1, size)), parameters)
    for i, g in ipairs(grads) do
      sums[i] = sums[i] and sums[i] + g or g
    end
  end
  for i, g in ipairs(sums) do sums[i] = g / replicas end
  return sums
end

-- As many replicas as there are devices; what fails leaves one.
local function strategy(connect)
  local ok, devices = pcall(connect)
  if not ok then print("one device:", (devices:gsub("^.-:%d+: ", ""))) end
  return ok and devices or 1
end

local function train(replicas)
  local made, loss = model_and_loss()
  local parameters, noise = made:parameters(), orrery.Generator(7)
  local step = optim.Adam(parameters, { lr = 0.01 })
  for _ = 1, 50 do
    local input = orrery.randn({ 32, 4 }, { dtype = "float64",
      generator = noise })
    local grads = averaged(replicas, parameters, loss, input,
      input:sum(2):sin())
    for i, parameter in ipairs(parameters) do parameter.grad = grads[i] end
    step:step()
  end
  return made[1].weight:detach()
end

local four = train(strategy(function() return 4 end))
local one = train(strategy(function() error "no accelerator answers" end))
replay.check("weights after 50 steps, four replicas against one",
  (four - one):abs():amax(), 0, { abs = 1e-12 })
