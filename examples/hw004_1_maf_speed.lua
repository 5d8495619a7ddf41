-- %% [markdown]
-- # 004-1.2.2  What is fast in a flow, and what is not
-- Published: 1,199.7 s to train (100 epochs of 73 batches), 140.4 s to draw
-- pictures. The ratio given, 854, is that of drawing to *one training step* of
-- 0.164 s (the table's label says otherwise); to the whole training it is
-- 0.117.
--
-- The reason given: for a density all $z_i = x_i e^{\log s_i} + t_i$ are found
-- at once, since all $x$ are there; to draw, $x_i$ needs $x_1 \dots x_{i-1}$,
-- so it takes $D$ passes through the net, one number each. The inverse
-- autoregressive flow (IAF) has the net see the noise: one pass to draw, $D$
-- for the density of what it did not draw.
--
-- The count of passes is right; that it must cost $D$ passes is not. Of a pass
-- nearly all was there before: a hidden unit changes once, when the last input
-- it sees is found. Taken in order of their degrees, all units together cost
-- about one pass. Both ways are timed here.

-- %%
local orrery = require "orrery"
local data, flow, optim = orrery.data, orrery.flow, orrery.optim
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  sizes = { 16, 64, 256, 784 }, hidden = 1024, batch = 100, repeats = 5,
  steps = 800, images = 8000,
  quick = { sizes = { 4, 8, 16 }, hidden = 16, batch = 8, repeats = 1,
    steps = 4, images = 300 },
}

-- %% [markdown]
-- ## Published numbers
-- Kept to stand beside the measured ones.

-- %% Divided
local published = { train = 1199.7, draw = 140.4, steps = 100 * 73 }
replay.check("seconds of a training step", published.train / published.steps,
  0.164342466, { abs = 1e-6 })
replay.check("drawing to one step", published.draw
  / (published.train / published.steps), 854.313578, { abs = 1e-4 })
replay.check("drawing to all of training", published.draw / published.train,
  0.117029257, { abs = 1e-6 })

-- %% [markdown]
-- ## Passes
-- Each call of the net is counted: the density of a MAF takes one, drawing the
-- naive way $D$; of an IAF it is the other way round. By degrees the net is
-- never called: its weights are read unit by unit.

-- %% Counted
local function counted(layer, maf, method, size)
  local n = 0
  local hook = maf.net:register_forward_hook(function() n = n + 1 end)
  orrery.no_grad(function() layer[method](layer, orrery.zeros(1, size)) end)
  hook:remove()
  return n
end
for _, size in ipairs(set.sizes) do
  local maf = flow.MAF(size, { hidden = { 8 } })
  replay.check(("MAF, D = %d: passes of a density"):format(size),
    counted(maf, maf, "forward", size), 1, { abs = 0 })
  replay.check(("MAF, D = %d: passes of drawing"):format(size),
    counted(maf, maf, "inverse_naive", size), size, { abs = 0 })
  local iaf = flow.IAF(size, { hidden = { 8 } })
  replay.check(("IAF, D = %d: passes of drawing"):format(size),
    counted(iaf, iaf.maf, "inverse", size), 1, { abs = 0 })
  replay.check(("IAF, D = %d: passes of a density"):format(size),
    counted(iaf.maf, iaf.maf, "inverse_naive", size), size, { abs = 0 })
end

-- %% [markdown]
-- ## Seconds
-- Five layers, a batch of 100, the median of five after one to warm up; the
-- naive way through 784 numbers, half a minute, once.

-- %% Timed
local function seconds(fn, once)
  local list = {}
  if not once then orrery.tidy(fn) end
  for i = 1, once and 1 or set.repeats do
    local from = orrery.clock()
    orrery.tidy(fn)
    list[i] = orrery.clock() - from
  end
  table.sort(list)
  return list[(#list + 1) // 2]
end

-- The naive way through every layer, D passes each.
local function drawn_naively(chain, z)
  for i = #chain.list, 1, -1 do
    local layer = chain.list[i]
    z = (layer.inverse_naive or layer.inverse)(layer, z)
  end
  return z
end

local function stack(size, kind)
  local list = {}
  for l = 1, 5 do
    if l > 1 then list[#list + 1] = flow.Reverse(size) end
    list[#list + 1] = flow[kind](size, { hidden = { set.hidden },
      last_scale = 0.01 })
  end
  return flow.Chain(list)
end

local function timed(size)
  local x = orrery.randn(set.batch, size)
  local chain, mirror = stack(size, "MAF"), stack(size, "IAF")
  local model = flow.Model { shape = { size }, bijector = chain }
  local opt = optim.Adam(model, { lr = 1e-4 })
  local row = { size = size }
  row.step = seconds(function() opt:minimize(-model:log_prob(x):mean()) end)
  orrery.no_grad(function()
    row.density = seconds(function() chain(x) end)
    row.naive = seconds(function() drawn_naively(chain, x) end, size > 500)
    row.fast = seconds(function() chain:inverse(x) end)
    row.iaf_draw = seconds(function() mirror:inverse(x) end)
    row.iaf_density = seconds(function() mirror(x) end)
  end)
  return row
end

local rows = {}
print("ms      training   density:    by           drawing: by                ")
print("     D      step      MAF     IAF     naive  degrees      IAF")
for i, size in ipairs(set.sizes) do
  local r = timed(size)
  rows[i] = r
  print(("%6d  %8.2f %8.2f %7.2f  %8.1f %8.2f %8.2f"):format(size,
    r.step * 1e3, r.density * 1e3, r.iaf_density * 1e3, r.naive * 1e3,
    r.fast * 1e3, r.iaf_draw * 1e3))
end

-- %% [markdown]
-- How drawing grows against a pass, in $D$: the slope of the logarithms, by
-- least squares; one for the naive way, near zero by degrees. The checks leave
-- room for a busy machine: what they tell apart is hundreds of times.

-- %% Slopes
local function slope(name, by)
  local x, y = {}, {}
  for i, r in ipairs(rows) do
    x[i], y[i] = math.log(r.size), math.log(r[name] / r[by])
  end
  local u = orrery.tensor(x, { dtype = "float64" })
  local v = orrery.tensor(y, { dtype = "float64" })
  u, v = u - u:mean(), v - v:mean()
  return ((u * v):sum() / (u * u):sum()):item()
end
local naive, by_degree = slope("naive", "density"), slope("fast", "density")
print(("slopes: naive %.2f, by degrees %.2f"):format(naive, by_degree))
local none = { wanted = -1e9 }  -- the small settings measure nothing
replay.check("naive drawing to a density: slope", naive, 1,
  { abs = 0.3, quick = { abs = 1e9 } })
replay.check("drawing by degrees: slope less than that by", naive - by_degree,
  0.5, { relation = ">=", quick = none })
local last = rows[#rows]
print(("D = %d: drawing to one training step: naive %.0f (published 854), "
  .. "by degrees %.2f"):format(last.size, last.naive / last.step,
  last.fast / last.step))
replay.check("naive drawing to one step", last.naive / last.step, 30,
  { relation = ">=", quick = none })
replay.check("naive drawing to drawing by degrees", last.naive / last.fast,
  100, { relation = ">=", quick = none })
replay.check("naive drawing to the density of an IAF by degrees",
  last.naive / last.iaf_density, 100, { relation = ">=", quick = none })
local function curve(name, title, dashed)
  local x, y = {}, {}
  for i, r in ipairs(rows) do x[i], y[i] = r.size, r[name] end
  return { x = x, y = y, name = title, dashed = dashed }
end
plot.line { log_x = true, log_y = true, xlabel = "numbers in a picture",
  ylabel = "seconds, batch of " .. set.batch, series = {
    curve("naive", "MAF draws, naive"), curve("fast", "MAF draws, by degrees"),
    curve("iaf_draw", "IAF draws"), curve("density", "MAF density", true),
    curve("iaf_density", "IAF density, by degrees", true),
    curve("step", "training step", true) } }

-- %% [markdown]
-- So the choice between MAF and IAF is no longer one between fast densities
-- and fast draws: both have both, and what is left is a small constant where
-- there was a factor of $D$. One difference stays: by degrees no gradient is
-- recorded, so that what learns from data wants a MAF, and what learns from its
-- own draws, as a posterior does, an IAF.
--
-- ## Pictures
-- Digits of 14 x 14 pixels, a few hundred steps. A picture's quality "looks
-- natural" is no number; nats and bits per pixel on held-out digits are.

-- %% A MAF of digits, and draws
local mnist = data.mnist {}
local function small(part)
  local images = part.images:narrow(1, 1, math.min(set.images, #part)):float()
  return orrery.avg_pool2d(images:unsqueeze(2), 2):round():flatten(2) / 255
end
local digits, held = small(mnist.train), small(mnist.test)
local logit, noise = flow.Logit(), orrery.Generator(4)
-- Dark pixels are near -10 there: each net's inputs are normalised.
local parts = {}
for l = 1, 5 do
  if l > 1 then parts[#parts + 1] = flow.Reverse(196) end
  parts[#parts + 1] = flow.BatchNorm(196)
  parts[#parts + 1] = flow.MAF(196, { hidden = { set.hidden // 4 } })
end
local model = flow.Model { shape = { 196 }, bijector = flow.Chain(parts) }
local opt = optim.Adam(model, { lr = 1e-3 })
local step = orrery.compile(function(x)
  local z = logit(flow.dequantise(x, { generator = noise }))
  local nats = -model:log_prob(z):mean()
  opt:minimize(nats)
  return nats
end)
local order = data.TensorDataset(digits):batches(100, { shuffle = true,
  drop_last = true, seed = 5 })
for _ = 1, set.steps do
  orrery.tidy(function() step(order() or order()) end)
end
model:eval()
local train = logit(flow.dequantise(digits,
  { generator = orrery.Generator(7) }))
flow.calibrate(model, train)
local z, volume = logit(flow.dequantise(held,
  { generator = orrery.Generator(6) }))
local fitted = flow.anomaly.gaussian(train)
local results = {}
for i, row in ipairs { { "normal law", fitted, z:double() },
  { "MAF(5)", model, z } } do
  local nats = -flow.anomaly.nll(row[2], row[3])
  results[i] = nats:mean():item()
  print(("%-12s %8.2f nats, %6.3f bits per pixel, held out"):format(row[1],
    results[i], flow.bits_per_dim((nats + volume:double()):mean():item(), 196,
      { levels = 256 })))
end
replay.check("nats above the normal law's", results[2] - results[1], 5,
  { relation = ">", quick = { wanted = -1e9 } })
local drawn = orrery.no_grad(function()
  return flow.quantise((logit:inverse(model:sample(64,
    { generator = orrery.Generator(8) }))))
end)
plot.grid(orrery.cat({ held:narrow(1, 1, 64), drawn }, 1)
  :reshape(-1, 1, 14, 14), { columns = 16, scale = 2,
  caption = "Four rows of digits, four rows of draws." })
