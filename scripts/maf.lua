--[[ What do autoregressive flows make of digits, and what do they cost?

table=density: log-likelihoods of digits in logit space (Papamakarios et al.
2017), 14 x 14 or 28 x 28, dequantised anew at each step. Expect, held out at
14 x 14 after 1,500 updates: a mixture of Gaussians for each pixel (made_mog)
some 30 nats above five affine layers (maf), these some 25 above the Gaussian of
full covariance in closed form (gaussian). With conditional=true the model is
told the class, and Bayes' rule gives it back.

table=times: what a density, a draw and a training step cost for MAF and its
mirror image IAF, by degrees and the naive way, one whole pass for each pixel.

  orrery scripts/maf.lua model=made,maf,made_mog,gaussian
  orrery scripts/maf.lua model=gaussian size=28
  orrery scripts/maf.lua conditional=true seed=1..3
  orrery scripts/maf.lua table=times size=28 hidden=1024 hidden_layers=1

Measured (threads=1): nats held out over four draws of the noise, standard
error 0.5 (1.5 at size=28), mean +- standard deviation over five seeds; told the
class, one seed and one draw, and how many held-out digits Bayes' rule names:

  size  model       nats              told     named
  14    made        -349.5 +- 0.5
  14    maf         -327.5 +- 0.2     -324.9   0.94
  14    made_mog    -293.1 +- 0.6     -289.0   0.92
  14    gaussian    -355.0
  28    gaussian    -1370

The last of the commands above, threads=1, on a machine busy with other things
(medians; the naive ways once): five nets of 784-1024-1568, 100 images

  model   what            way             ms   training steps      MB
  MAF     training step   recorded       145              1.0     2.7
  MAF     density         one pass        49              0.3    21.7
  MAF     sampling        by degrees      59              0.4    22.2
  MAF     sampling        naive        24480            168.7   132.5
  IAF     density         by degrees      25              0.2    21.9
  IAF     density         naive        22678            156.3    40.8
  IAF     sampling        one pass        21              0.1    13.8

The usual argument, that one must choose between a fast density (MAF) and fast
draws (IAF), is about the naive loop. By degrees either costs about a pass both
ways, and what is left to choose by is which way has gradients at that price.
]]
local orrery = require "orrery"
local data, flow, nn, optim = orrery.data, orrery.flow, orrery.nn, orrery.optim

local models = { "made", "maf", "made_mog", "spline", "gaussian" }

local run = orrery.experiment {
  name = "maf",
  knobs = {
    table = { "density", "what to measure", one_of = { "density", "times" } },
    model = { "maf", "the law", one_of = models },
    size = { 14, "pixels a side", min = 7 },
    conditional = { false, "tell the model the class" },
    steps = { 1500, "updates", min = 1 },
    batch = { 100, "images a step", min = 2 },
    lr = { 1e-3, "of Adam", min = 0 },
    hidden = { 256, "units of a hidden layer", min = 1 },
    hidden_layers = { 2, "of each net", min = 0 },
    layers = { 5, "of maf", min = 1 },
    components = { 10, "of each mixture", min = 1 },
    marks = { 3, "times to measure on the way", min = 1 },
    naive = { true, "time the naive way too (table=times)" },
    data = { "embedded", "embedded digits, or a folder with the MNIST files" },
    compile = { true, "record the step and replay it: the same numbers" },
  },
  step = "step",
  quick = { steps = 20, batch = 20, size = 7, hidden = 16, marks = 2,
    layers = 2 },
}

-- ---- data

-- Greys of whole levels, [N, size^2], and classes.
local function pixels_of(set, size)
  local x, labels = set:everything()
  if size < 28 then
    local k = 28 // size
    x = nn.functional.avg_pool2d(x, k)
    x = (x * 255):round() / 255
  end
  return x:flatten(2), labels
end

local function load_digits(k)
  if 28 % k.size ~= 0 then
    error(("maf: size is %d; give 28, 14 or 7"):format(k.size), 0)
  end
  local digits = assert(data.mnist { dir = k.data,
    images = k.quick and 500 or 0, held = k.quick and 100 or 0 })
  local n = #digits.train
  local x, labels = pixels_of(digits.train, k.size)
  local keep = n - n // 16  -- 7,500 of 8,000: the rest could choose a model
  local held, held_labels = pixels_of(digits.test, k.size)
  return { x = x:narrow(1, 1, keep), labels = labels:narrow(1, 1, keep),
    held = held, held_labels = held_labels }
end

-- ---- models

local build = {}

local function net(k, random)
  local hidden = {}
  for i = 1, k.hidden_layers do hidden[i] = k.hidden end
  return { hidden = hidden, context = k.conditional and 10 or 0,
    generator = random }
end

-- Before each net its inputs are normalised: dark pixels are near -10 in logit
-- space, which costs a bare net 20 to 40 nats after so few updates.
local function stacked(k, d, count, random, mirrored)
  local list = {}
  for l = 1, count do
    if l > 1 then list[#list + 1] = flow.Reverse(d) end
    if not mirrored then list[#list + 1] = flow.BatchNorm(d) end
    list[#list + 1] = (mirrored and flow.IAF or flow.MAF)(d, net(k, random))
  end
  return flow.Model { shape = { d }, bijector = flow.Chain(list) }
end

function build.made(k, d, random) return stacked(k, d, 1, random) end
function build.maf(k, d, random) return stacked(k, d, k.layers, random) end

function build.made_mog(k, d, random)
  local o = net(k, random)
  o.components, o.spread = k.components, 1
  return flow.Model { shape = { d }, base = flow.MADEMoG(d, o),
    bijector = flow.Chain { flow.BatchNorm(d) } }
end

function build.spline(k, d, random)
  local o = net(k, random)
  o.bins, o.bound = 8, 3
  return flow.Model { shape = { d }, bijector = flow.Chain {
    flow.BatchNorm(d), flow.MAF(d, net(k, random)),
    flow.AutoregressiveSpline(d, o) } }
end

-- ---- densities

local function mean_of(x)
  return x:mean():item(), x:std():item() / math.sqrt(x:numel())
end

local function in_pieces(n, fn)
  local parts = {}
  for first = 1, n, 500 do
    parts[#parts + 1] = orrery.tidy(orrery.no_grad, function()
      return fn(first, math.min(500, n - first + 1))
    end)
  end
  return orrery.cat(parts, 1)
end

-- Nats in logit space and bits of a pixel, means over draws of the noise: one
-- alone moves the nats of 2,000 pictures by a third.
local function measure(law, pixels, x, labels, random)
  local nats, volume, draws = 0.0, 0.0, 4
  for _ = 1, draws do
    local v, more = pixels:reals(x, random)
    nats = nats + in_pieces(x:size(1), function(first, some)
      return law:log_prob(v:narrow(1, first, some),
        labels and labels:narrow(1, first, some) or nil)
    end) / draws
    volume = volume + more:mean():item() / draws
  end
  local mean, error = mean_of(nats)
  return mean, error, flow.bits_per_dim(mean + volume, x:size(2))
end

-- What is measured with is drawn anew with each seed, and the same at each
-- mark: `use` tells generators apart.
local function measuring(k, use) return orrery.Generator(10 * k.seed + use) end

-- The share of held-out digits whose class Bayes' rule finds.
local function accuracy(law, pixels, x, labels, random)
  local right = in_pieces(x:size(1), function(first, some)
    local v = pixels:reals(x:narrow(1, first, some), random)
    return law:posterior(v):argmax { axis = 2 }
      :eq(labels:narrow(1, first, some)):float()
  end)
  return right:mean():item()
end

-- Mean and covariance of digits with noise, in several draws of it: one alone
-- is learnt by heart, 17 nats at 28 x 28.
local function fitted(pixels, x, draws, random)
  local mean, square = 0.0, 0.0
  for _ = 1, draws do
    local v = pixels:reals(x, random):double()
    mean = mean + v:mean(1) / draws
    square = square + v:transpose(1, 2):matmul(v) / (v:size(1) * draws)
  end
  return orrery.dist.MultivariateNormal(mean, { covariance = square
    - mean:unsqueeze(2) * mean:unsqueeze(1) })
end

-- No training, a closed form.
local function gaussian(k, log, digits)
  local x, held, d = digits.x, digits.held, k.size * k.size
  local pixels = flow.Pixels(flow.Model { shape = { d },
    bijector = flow.Reverse(d) })
  local law = fitted(pixels, x, k.quick and 1 or 10, log:generator "noise")
  local as_model = { log_prob = function(_, v)
    return law:log_prob(v:double())
  end }
  local train_ll = measure(as_model, pixels, x:narrow(1, 1, held:size(1)),
    nil, measuring(k, 1))
  local ll, error, bits = measure(as_model, pixels, held, nil,
    measuring(k, 2))
  local drawn = law:sample({ 40 }, { generator = measuring(k, 4) })
  local y = flow.quantise((pixels.logit:inverse(drawn)))
  log:image("samples", y:float():reshape(-1, 1, k.size, k.size),
    { columns = 10 })
  return { train_ll = train_ll, ll = ll, error = error, bits = bits }
end

-- What own.law says of held-out digits; statistics are first taken of the
-- whole training set, as the paper does.
local function looked_at(k, log, own, digits, at)
  own.law:eval()
  flow.calibrate(own.base, (own.pixels:reals(digits.x, measuring(k, 5))),
    own.classes)
  local m, how = {}, { generator = measuring(k, 4) }
  m.ll, m.error, m.bits = measure(own.law, own.pixels, digits.held,
    k.conditional and digits.held_labels or nil, measuring(k, 2))
  if k.conditional then
    how.labels = orrery.range(0, 39):long():remainder(10) + 1
  end
  log:image("samples", (own.pixels:sample(40, how)):reshape(-1, 1, k.size,
    k.size), { columns = 10, step = at })
  own.law:train()
  return m
end

-- How the model learns of pictures and their classes.
local function update_of(k, log, own)
  local opt = optim.Adam(own.law, { lr = k.lr, weight_decay = 1e-6 })
  local noise = log:generator "noise"
  local function step(images, labels)
    local v = own.pixels:reals(images, noise)
    local loss = -own.law:log_prob(v, k.conditional and labels or nil):mean()
    opt:minimize(loss)
    return loss
  end
  return opt, k.compile and orrery.compile(step) or step
end

local function learnt(k, log, digits)
  local x, held = digits.x, digits.held
  local base = build[k.model](k, x:size(2), log:generator "weights")
  local law = k.conditional and flow.ByClass(base) or base
  local own = { base = base, law = law, pixels = flow.Pixels(law),
    classes = k.conditional and orrery.one_hot(digits.labels, 10):float()
      or nil }
  local opt, step = update_of(k, log, own)
  log:steps { steps = k.steps, every = math.max(1, k.steps // k.marks),
    objects = { law = law, opt = opt },
    batches = data.TensorDataset(x, digits.labels):batches(k.batch,
      { shuffle = true, drop_last = true, generator = log:generator "order" }),
    update = function(images, labels)
      return { loss = step(images, labels) }
    end,
    mark = function(at, means)
      local m = looked_at(k, log, own, digits, at)
      log:scalar("training log-likelihood", at, -means.loss)
      log:scalar("held-out log-likelihood", at, m.ll)
    end }
  local m = looked_at(k, log, own, digits)
  law:eval()
  local some = held:size(1)
  m.train_ll = measure(law, own.pixels, x:narrow(1, 1, some),
    own.classes and digits.labels:narrow(1, 1, some), measuring(k, 1))
  if k.conditional then
    m.accuracy = accuracy(law, own.pixels, held, digits.held_labels,
      measuring(k, 3))
  end
  return m
end

-- ---- times

-- Seconds of fn, the median of eleven runs or of one that takes long, and the
-- megabytes it needs besides what is there.
local function cost(fn)
  local times = {}
  collectgarbage()
  orrery.reset_peak()
  local _, live = orrery.live()
  for i = 1, 11 do
    local from = orrery.clock()
    orrery.tidy(fn)
    times[i] = orrery.clock() - from
    if times[i] > 3 then break end
  end
  local _, _, peak = orrery.live()
  table.sort(times)
  return times[(#times + 1) // 2], (peak - live) / 2 ^ 20
end

local function training_step(model, x)
  local opt = optim.Adam(model, { lr = 1e-4 })
  local step = orrery.compile(function(v)
    local loss = -model:log_prob(v):mean()
    opt:minimize(loss)
    return loss
  end)
  step(x)
  return cost(function() step(x) end)
end

-- Each direction of both: in one pass, by degrees, or the naive way.
local function times(k, log)
  local d, random = k.size * k.size, log:generator "weights"
  local n = k.batch
  local x = orrery.randn({ n, d }, { generator = log:generator "points" })
  local maf = stacked(k, d, k.layers, random):eval()
  local iaf = stacked(k, d, k.layers, random, true):eval()
  local list = {
    { "MAF", "density", "one pass", function() maf:log_prob(x) end },
    { "MAF", "sampling", "by degrees", function() maf:sample(n) end },
    { "MAF", "sampling", "naive", function()
      maf:sample(n, { naive = true })
    end },
    { "IAF", "density", "by degrees", function() iaf:log_prob(x) end },
    { "IAF", "density", "naive", function()
      local z = x
      for _, b in ipairs(iaf.bijector.list) do
        z = b.maf and b.maf:inverse_naive(z) or b(z)
      end
    end },
    { "IAF", "sampling", "one pass", function() iaf:sample(n) end },
  }
  local train, memory = training_step(maf, x)
  local rows = { { model = "MAF", what = "training step", way = "recorded",
    ms = train * 1e3, steps = 1, megabytes = memory } }
  for i, row in ipairs(list) do
    local model, what, way, fn = table.unpack(row)
    if way ~= "naive" or k.naive then
      local s, mb = cost(function() orrery.no_grad(fn) end)
      rows[#rows + 1] = { model = model, what = what, way = way, ms = s * 1e3,
        steps = s / train, megabytes = mb }
    end
    log:progress(i / #list, what)
  end
  log:table { title = "times", rows = rows,
    columns = { "model", "what", "way", "ms", "steps", "megabytes" } }
  return { rows = rows }
end

function run.trial(k, log)
  if k.table == "times" then return times(k, log) end
  local digits = load_digits(k)
  return (k.model == "gaussian" and gaussian or learnt)(k, log, digits)
end

local function report_times(trials, page)
  page:heading "Times"
  page:text("Milliseconds for one batch, and the same in training steps of "
    .. "the MAF. The usual argument is that a MAF is fast to train and slow to "
    .. "draw from, an IAF the other way round: by degrees the slow way of each "
    .. "costs about what the fast one does, and only the naive loop is slow. "
    .. "What is left to choose by: a MAF's density has gradients in one pass, "
    .. "for learning from data; an IAF's draws have, for learning from draws.")
  for _, t in ipairs(trials) do
    page:table(t.rows, { "model", "what", "way", "ms",
      { "steps", "training steps" }, { "megabytes", "MB" } })
  end
end

function run.report(trials, page)
  if trials[1] and trials[1].table == "times" then
    return report_times(trials, page)
  end
  page:heading "Results"
  page:text("Nats of an image in logit space, with the standard error of the "
    .. "held-out ones; bits of a pixel of 256 levels, an upper bound.")
  local columns = { "model", { "train_ll", "training" }, { "ll", "held out" },
    { "error", "s.e." }, { "bits", "bits/dim" } }
  if trials[1] and trials[1].accuracy then
    columns[#columns + 1] = { "accuracy", "class found" }
  end
  page:table(trials, columns)
  page:heading "Samples"
  page:image_matrix { columns = "model", image = "samples" }
end

return run(...)
