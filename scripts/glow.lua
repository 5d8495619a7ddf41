--[[ What do invertible convolutions make of digits?

Glow (Kingma & Dhariwal 2018): steps of activation norm, 1x1 convolution and
coupling, in logit space, dequantised anew at each step; digits of 14 x 14 as
2 x 2 means, or of 16 x 16 with a border, where three levels halve them. The
Gaussian of mean and covariance stands beside it in closed form. Expect it to
be passed within the first hundred updates, and samples to have digits' strokes:

  orrery scripts/glow.lua
  orrery scripts/glow.lua kind=affine,spline steps=3000 seed=1..3
  orrery scripts/glow.lua size=16 levels=3

Measured, held-out digits of 14 x 14, one seed, nats in logit space and bits of
a pixel. To the eye samples have strokes as digits have, and some are digits;
walks pass through shapes like them:

  kind     steps   nats             bits/dim   Gaussian
  affine   3000    -278.8 +- 0.5    2.143      -355.8, 2.710
  spline   1500    -265.5 +- 0.5    2.045      the same
]]
local orrery = require "orrery"
local data, flow, nn, optim = orrery.data, orrery.flow, orrery.nn, orrery.optim

local run = orrery.experiment {
  name = "glow",
  knobs = {
    kind = { "affine", "what couplings do", one_of = { "affine", "additive",
      "spline" } },
    size = { 14, "pixels a side: 14 or 16", min = 14, max = 16 },
    levels = { 1, "scales", min = 1 },
    depth = { 8, "steps of a level", min = 1 },
    hidden = { 64, "channels in the couplings' nets", min = 1 },
    lu = { true, "1x1 convolutions in their LU form" },
    steps = { 3000, "updates", min = 1 },
    batch = { 100, "images a step", min = 2 },
    lr = { 1e-3, "of Adam, cosine to 0", min = 0 },
    marks = { 6, "times to measure on the way", min = 1 },
    data = { "embedded", "embedded digits, or a folder with the MNIST files" },
    compile = { true, "record the step and replay it: the same numbers" },
  },
  step = "step",
  quick = { steps = 20, batch = 20, depth = 1, hidden = 8, marks = 2 },
}

-- Greys of whole levels, [N, 1, size, size], out of digits [N, 1, 28, 28].
local function shrunk(x, size)
  local edge = size - 14
  if edge > 0 then x = nn.functional.pad(x, { edge, edge, edge, edge }) end
  return (nn.functional.avg_pool2d(x, 2) * 255):round() / 255
end

local function load_digits(k)
  if k.size % 2 ~= 0 then
    error(("glow: size is %d; give 14 or 16"):format(k.size), 0)
  end
  local digits = assert(data.mnist { dir = k.data,
    images = k.quick and 500 or 0, held = k.quick and 100 or 0 })
  return digits.train, shrunk((digits.test:everything()), k.size)
end

-- Nats in logit space and bits of a pixel, of one draw of the noise.
local function measure(law, pixels, x)
  local random, nats, bits = orrery.Generator(2), {}, 0
  local n, d = x:size(1), x:size(3) * x:size(4)
  for first = 1, n, 500 do
    local part = x:narrow(1, first, math.min(500, n - first + 1))
    nats[#nats + 1] = orrery.tidy(orrery.no_grad, function()
      local v, more = pixels:reals(part, random)
      local own = law(v)
      bits = bits + flow.bits_per_dim((own + more):sum(), d):item() / n
      return own
    end)
  end
  nats = orrery.cat(nats, 1)
  return { ll = nats:mean():item(), error = nats:std():item() / n ^ 0.5,
    bits = bits }
end

-- From digit to digit along straight lines of noise, a row for each pair.
local function walks(model, pixels, x)
  return orrery.no_grad(function()
    local v = pixels:reals(x, orrery.Generator(3))
    local z = model(v)
    local rows = {}
    for i = 1, x:size(1) - 1, 2 do
      for step = 0, 7 do
        rows[#rows + 1] = z:narrow(1, i, 1):lerp(z:narrow(1, i + 1, 1),
          step / 7)
      end
    end
    local back = model.bijector:inverse(orrery.cat(rows, 1))
    return flow.quantise((pixels.logit:inverse(back)))
  end)
end

function run.trial(k, log)
  local images, held = load_digits(k)
  local shape = { 1, k.size, k.size }
  local random, noise = log:generator "weights", log:generator "noise"
  local model = flow.Model { shape = shape, bijector = flow.glow(shape,
    { levels = k.levels, depth = k.depth, hidden = { k.hidden, k.hidden },
      kind = k.kind, lu = k.lu, generator = random }) }
  local pixels = flow.Pixels(model)
  local first = shrunk((images:everything()), k.size)
  local gaussian = flow.anomaly.gaussian((pixels:reals(first,
    orrery.Generator(1))):flatten(2))
  local closed = measure(function(v)
    return gaussian:log_prob(v:flatten(2):double())
  end, pixels, held)
  local opt = optim.Adam(model, { lr = k.lr })
  local function step(x)
    local loss = -model:log_prob((pixels:reals(x, noise))):mean()
    opt:minimize(loss, { max_norm = 100 })
    return loss
  end
  -- Activation norms set themselves, which is not to be recorded.
  orrery.no_grad(model, (pixels:reals(first:narrow(1, 1, 100),
    orrery.Generator(1))))
  if k.compile then step = orrery.compile(step) end
  local m
  log:steps { steps = k.steps, every = math.max(1, k.steps // k.marks),
    objects = { model = model, opt = opt },
    batches = images:batches(k.batch, { shuffle = true, drop_last = true,
      generator = log:generator "order" }),
    update = function(...)
      opt.param_groups[1].lr = k.lr * 0.5
        * (1 + math.cos(math.pi * (select(-1, ...) - 1) / k.steps))
      return { loss = step(shrunk((...), k.size)) }
    end,
    mark = function(at, means)
      m = measure(function(v) return model:log_prob(v) end, pixels, held)
      log:scalar("training log-likelihood", at, -means.loss)
      log:scalar("held-out log-likelihood", at, m.ll)
      log:image("samples", (pixels:sample(40,
        { generator = orrery.Generator(4) })), { columns = 10, step = at })
    end }
  log:image("walks", walks(model, pixels, held:narrow(1, 1, 10)),
    { columns = 8 })
  m.gaussian_ll, m.gaussian_bits = closed.ll, closed.bits
  return m
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Held-out digits: nats in logit space with their standard error, "
    .. "and bits of a pixel of 256 levels (an upper bound, by dequantising); "
    .. "the same of the Gaussian with the training set's mean and covariance.")
  page:table(trials, { "kind", { "ll", "nats" }, { "error", "s.e." },
    { "bits", "bits/dim" }, { "gaussian_ll", "Gaussian, nats" },
    { "gaussian_bits", "bits/dim" } })
  page:heading "Samples"
  page:image_matrix { columns = "kind", image = "samples" }
  page:heading "Walks from digit to digit"
  page:image_matrix { columns = "kind", image = "walks" }
end

return run(...)
