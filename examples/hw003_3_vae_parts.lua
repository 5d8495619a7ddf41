-- %% [markdown]
-- # 003-3a to 3d  The parts of a VAE of digits
-- The encoder takes a $28 \times 28$ image to the twenty numbers of
-- $q(z \mid x) = N(\mu, \mathrm{diag}\, \sigma^2)$ in ten dimensions, the
-- decoder takes ten numbers back to an image. What the two heads of the encoder
-- are, how a transposed convolution enlarges, and where the KL term comes from.

-- %%
local orrery = require "orrery"
local data, nn, optim, vae = orrery.data, orrery.nn, orrery.optim, orrery.vae
local dist, plot, replay = orrery.dist, orrery.plot, orrery.replay
local F = nn.functional
local set = replay.settings {
  epochs = 6, images = 8000, held = 2000, cases = 500, draws = 1000000,
  quick = { epochs = 1, images = 400, held = 100, cases = 100,
    draws = 100000 },
}
local double = { dtype = "float64" }

-- %% [markdown]
-- ## (b) Two linear heads
-- Two layers of 128 to 10 read the same features: one gives $\mu$, the other
-- $s = \log \sigma^2$. A published answer has the second give $\sigma^2$
-- itself. A linear layer gives negative numbers as readily as positive ones, so
-- that cannot be; $\sigma = e^{s/2}$ is positive whatever comes out.

-- %% The network
local Heads = nn.Module:subclass "Heads"
function Heads:init(features, latent)
  self.mean = nn.Linear(features, latent)
  self.log_variance = nn.Linear(features, latent)
end
function Heads:forward(h)
  return orrery.cat({ self.mean(h), self.log_variance(h) }, 2)
end

local half = { stride = 2, padding = 1 }
local double_size = { stride = 2, padding = 1, output_padding = 1 }
local heads = Heads(128, 10)
local model = vae.VAE { latent = 10,
  encoder = nn.Sequential {
    nn.Conv2d(1, 16, 3, half), nn.ReLU(), nn.Conv2d(16, 32, 3, half),
    nn.ReLU(), nn.Flatten(), nn.Linear(1568, 128), nn.ReLU(), heads },
  decoder = nn.Sequential {
    nn.Linear(10, 1568), nn.ReLU(), nn.Unflatten(2, { 32, 7, 7 }),
    nn.ConvTranspose2d(32, 16, 3, double_size), nn.ReLU(),
    nn.ConvTranspose2d(16, 1, 3, double_size) } }
print(nn.utils.summary(model.encoder, { 1, 1, 28, 28 }))

local function parameters(part)
  local n = 0
  for _, p in ipairs(part:parameters()) do n = n + p:numel() end
  return n
end
replay.check("parameters of the mean's head", parameters(heads.mean), 1290,
  { abs = 0 })
replay.check("parameters of the other", parameters(heads.log_variance),
  128 * 10 + 10, { abs = 0 })

local digits = assert(data.mnist {})
local held = digits.test:subset(1, set.held):everything()
local mean, s = orrery.no_grad(function() return model:encode(held) end)
replay.check("numbers in a mean", mean:size(2), 10, { abs = 0 })
replay.check("numbers in a log-variance", s:size(2), 10, { abs = 0 })
print(("of the second head's outputs %.0f %% are negative before training")
  :format(100 * s:lt(0):double():mean():item()))
local extreme = orrery.linspace(-80, 80, 161)
replay.check("least sd over outputs of -80 to 80", (extreme / 2):exp():min(),
  0, { relation = ">" })

-- %% [markdown]
-- ## (a) What the ten latents do
-- A latent is *active* when the means of its posteriors vary by more than 0.01
-- over the images.

-- %% Trained
local opt, losses = optim.Adam(model, { lr = 2e-3 }), {}
for epoch = 1, set.epochs do
  for x in digits.train:subset(1, set.images):batches(50,
    { shuffle = true, seed = epoch }) do
    local loss = model:loss(x)
    opt:minimize(loss)
    losses[#losses + 1] = loss:item()
  end
end
plot.line { y = losses, xlabel = "step", ylabel = "nats per image", ymax = 300 }

-- %% Latent by latent
local m = vae.measure(model, held)
local _, log_variance = orrery.no_grad(function() return model:encode(held) end)
local sd = (log_variance / 2):exp():mean(1):tolist()
local spread = m.means:std(1):tolist()
for i, kl in ipairs(m.kl_per_latent) do
  print(("latent %2d: KL %.2f, mean sd %.2f, sd of the means %.2f"):format(i,
    kl, sd[i], spread[i]))
end
replay.check("active latents", m.active, 6, { relation = ">=",
  quick = { wanted = 1 } })
orrery.show(plot.bar { series = { { y = m.kl_per_latent, name = "KL, nats" },
  { y = sd, name = "mean sd" } }, xlabel = "latent" })
vae.pictures.reconstructions(model, held:narrow(1, 1, 16))

-- %% [markdown]
-- ## (c) The transposed convolution
-- Each pixel of the input puts a copy of the kernel, times its value, onto the
-- output, $s$ apart; where copies overlap they add. So, in each direction,
--
-- $$ h' = s (h - 1) + d (k - 1) + 1 - 2p + p', $$
--
-- with stride $s$, dilation $d$, padding $p$ (rows taken off at both ends) and
-- output padding $p'$ (rows added at one end); the same for the width, where a
-- published answer multiplies the last by $w'$. "Same" padding means $h' = sh$.

-- %% A 2 x 2 image, scattered by hand
local image = orrery.tensor({ { 1, 2 }, { 3, 4 } }, double)
local kernel = orrery.tensor({ { 1, 2, 1 }, { 2, 4, 2 }, { 1, 2, 1 } }, double)
local function transposed(x, k, given)
  return F.conv_transpose2d(x:reshape(1, 1, x:size()),
    k:reshape(1, 1, k:size()), nil, given):squeeze(1):squeeze(1)
end
local sum = orrery.zeros(4, 4, double)
local copies = { columns = 3 }
for row = 1, 2 do
  for column = 1, 2 do
    local copy = orrery.zeros(4, 4, double)
    copy:narrow(1, row, 3):narrow(2, column, 3):copy_(
      kernel * image[row][column])
    sum = sum + copy
    copies[#copies + 1] = plot.heatmap { z = copy, values = true, zmin = 0,
      zmax = 40, title = ("pixel %d, %d"):format(row, column) }
  end
end
replay.check("copies added are the transposed convolution",
  (sum - transposed(image, kernel)):abs():max(), 0, { abs = 1e-12 })
copies[5] = plot.heatmap { z = sum, values = true, zmin = 0, zmax = 40,
  title = "the sum" }
plot.grid(copies)

-- %% Sizes, the listed ones and random ones
local function size_of(h, s_, k, p, extra, d)
  local y = F.conv_transpose2d(orrery.zeros(1, 1, h, h),
    orrery.zeros(1, 1, k, k), nil, { stride = s_, padding = p,
      output_padding = extra, dilation = d })
  return y:size(3)
end
for _, c in ipairs { { 7, 2, 3, 1, 1, 14 }, { 14, 2, 3, 1, 1, 28 },
  { 7, 2, 4, 1, 0, 14 }, { 4, 2, 5, 2, 0, 7 }, { 7, 2, 5, 2, 1, 14 },
  { 1, 2, 4, 1, 0, 2 } } do
  replay.check(("%d, stride %d, kernel %d, padding %d, output padding %d")
    :format(c[1], c[2], c[3], c[4], c[5]), size_of(c[1], c[2], c[3], c[4],
    c[5], 1), c[6], { abs = 0 })
end
for _, k in ipairs { 3, 5 } do
  replay.check(("convolution, 28, stride 2, kernel %d"):format(k),
    F.conv2d(orrery.zeros(1, 1, 28, 28), orrery.zeros(1, 1, k, k), nil,
      { stride = 2, padding = k // 2 }):size(3), 14, { abs = 0 })
end

local wrong, tried = 0, 0
math.randomseed(1)
while tried < set.cases do
  local h, stride, k = math.random(1, 9), math.random(1, 4), math.random(1, 5)
  local p, d = math.random(0, 2), math.random(1, 3)
  local extra = math.random(0, math.max(stride, d) - 1)
  local want = stride * (h - 1) + d * (k - 1) + 1 - 2 * p + extra
  if want > 0 then
    tried = tried + 1
    if size_of(h, stride, k, p, extra, d) ~= want then wrong = wrong + 1 end
  end
end
replay.check(("of %d random cases, sizes that differ"):format(tried), wrong, 0,
  { abs = 0 })

-- %% [markdown]
-- It is the adjoint of the convolution with the same kernel, $\langle Cx, y
-- \rangle = \langle x, C^\top y \rangle$, not its inverse: what comes back
-- has the size of $x$, not its values.

-- %% Adjoint, and no inverse
local function randn(...) return orrery.randn({ ... }, double) end
local x, weight = randn(2, 3, 13, 13), randn(4, 3, 3, 3)
local there = F.conv2d(x, weight, nil, half)
local y = randn(there:size())
local back = F.conv_transpose2d(y, weight, nil, half)
replay.check("<C x, y> is <x, C' y>", (there * y):sum(), (x * back):sum(),
  { rel = 1e-10 })
local returned = F.conv_transpose2d(there, weight, nil, half)
local scale = (returned * x):sum() / (returned * returned):sum()
replay.check("there and back: what is missing of x, at the best scale",
  (returned * scale - x):norm() / x:norm(), 0.3, { relation = ">" })

-- %% [markdown]
-- How many copies reach each pixel: with $k = 3$ and $s = 2$ one, two or four,
-- in a checkerboard that shows in images; with $k = 4$, a multiple of $s$, four
-- everywhere inside.

-- %% Overlaps
local ones = orrery.ones(6, 6, double)
local three = transposed(ones, orrery.ones(3, 3, double), { stride = 2 })
local four = transposed(ones, orrery.ones(4, 4, double), { stride = 2 })
local function inside(map)
  local n = map:size(1) - 4
  return map:narrow(1, 3, n):narrow(2, 3, n)
end
replay.check("kernel 3: least", inside(three):min(), 1, { abs = 0 })
replay.check("kernel 3: most", inside(three):max(), 4, { abs = 0 })
replay.check("kernel 4: least", inside(four):min(), 4, { abs = 0 })
replay.check("kernel 4: most", inside(four):max(), 4, { abs = 0 })
plot.grid { columns = 2,
  plot.heatmap { z = three, title = "kernel 3, stride 2", zmin = 0, zmax = 4 },
  plot.heatmap { z = four, title = "kernel 4, stride 2", zmin = 0, zmax = 4 } }

-- %% [markdown]
-- ## (d) The KL term
-- For $q = N(\mu, \sigma^2)$ and $p = N(0, 1)$ the factors of $2\pi$ cancel:
--
-- $$ \log \frac{q(z)}{p(z)} = -\log \sigma - \frac{(z - \mu)^2}{2\sigma^2} +
-- \frac{z^2}2. $$
--
-- Under $q$ the squares have the means $\mathbb E (z - \mu)^2 = \sigma^2$ and
-- $\mathbb E z^2 = \sigma^2 + \mu^2$, so with $s = \log \sigma^2$
--
-- $$ \mathrm{KL} = -\tfrac12 (1 + s - \mu^2 - e^s), \qquad \frac{\partial
-- \mathrm{KL}}{\partial \mu} = \mu, \qquad \frac{\partial \mathrm{KL}}{\partial
-- s} = \frac{e^s - 1}2. $$

-- %% By formula, by draws, by sums
local function closed(mu, log_var)
  return (log_var:neg() - 1 + mu ^ 2 + log_var:exp()) * 0.5
end
local function number(v) return orrery.tensor(v, double) end
local grid = orrery.linspace(-12, 12, 24001, double)
local cases = { { 1, math.log(0.25), 0.818147181 },
  { 0.5, -1, 0.308939721 } }
for _, c in ipairs(cases) do
  local what = ("mean %g, s %.3f: "):format(c[1], c[2])
  local q = dist.Normal(number(c[1]), math.exp(c[2] / 2))
  local p = dist.Normal(number(0), 1)
  replay.check(what .. "KL", closed(number(c[1]), number(c[2])), c[3],
    { abs = 1e-8 })
  local z = q:sample { set.draws }
  local ratio = q:log_prob(z) - p:log_prob(z)
  replay.check(what .. "by draws", ratio:mean(), c[3],
    { abs = 4 * ratio:std():item() / math.sqrt(set.draws) })
  local density = q:log_prob(grid)
  replay.check(what .. "by sums", (density:exp() * (density
    - p:log_prob(grid))):sum() * 1e-3, c[3], { abs = 1e-8 })
end

-- %% Gradients
local mu = randn(100):requires_grad_()
local logs = randn(100):requires_grad_()
local of_mu, of_s = table.unpack(orrery.grad(F.kl_normal(mu:unsqueeze(2),
  logs:unsqueeze(2)):sum(), { mu, logs }))
replay.check("d KL / d mean", (of_mu - mu):abs():max(), 0, { abs = 1e-12 })
replay.check("d KL / d s", (of_s - (logs:exp() - 1) / 2):abs():max(), 0,
  { abs = 1e-12 })
local h = 1e-4
local function slope(s_)
  return (closed(number(0), number(s_ + h)) - closed(number(0),
    number(s_ - h))) / (2 * h)
end
replay.check("d KL / d s at s = -1", (math.exp(-1) - 1) / 2, -0.316060279,
  { abs = 1e-8 })
replay.check("by differences", slope(-1), -0.316060279, { abs = 1e-6 })
local lines = {}
for i, m_ in ipairs { 0, 1, 2 } do
  local at = orrery.linspace(-4, 2, 61, double)
  lines[i] = { x = at, y = closed(number(m_), at), name = "mean " .. m_ }
end
plot.line { series = lines, xlabel = "s = log of the variance",
  ylabel = "KL, nats" }
