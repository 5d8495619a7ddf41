-- %% [markdown]
-- # 000-2b  A differentiable draw of a category
-- With Gumbel noise $g_i = -\log(-\log u_i)$ the largest of $\log \pi_i + g_i$
-- is category $i$ with probability $\pi_i$. The Gumbel-softmax puts a softmax
-- in place of the maximum, so that gradients reach $\pi$:
--
-- $$ y_i = \frac{\exp((\log \pi_i + g_i) / \tau)}
-- {\sum_j \exp((\log \pi_j + g_j) / \tau)} $$
--
-- (a published answer sums over the same $i$ it asks for, and has $\tau \to 0$
-- for both limits). As $\tau \to 0$ it is one-hot, as $\tau \to \infty$
-- uniform. At every $\tau$ the largest $y_i$ is category $i$ with probability
-- $\pi_i$, and yet $\mathbb E\, y \ne \pi$: for two categories, $\tau = 1$ and
-- $a = \pi_1 / \pi_2$, $\mathbb E\, y_1 = \frac{a}{a - 1} - \frac{a \log
-- a}{(a - 1)^2}$. And the smaller $\tau$, the larger the gradients.

-- %%
local orrery = require "orrery"
local data, estimators, optim = orrery.data, orrery.estimators, orrery.optim
local plot, replay, vae = orrery.plot, orrery.replay, orrery.vae
local F = orrery.nn.functional
local set = replay.settings {
  draws = 200000, steps = 1600, seeds = 3, hidden = 128, held = 2000,
  quick = { draws = 20000, steps = 400, seeds = 1, hidden = 64, held = 500 },
}
local double = { dtype = "float64" }
local pi = orrery.tensor({ 0.1, 0.2, 0.7 }, double)
local taus = { 0.05, 0.1, 0.5, 1, 5, 50 }

local function draws(probabilities, tau)
  local logits = probabilities:log():expand(set.draws, probabilities:size(1))
  return F.gumbel_softmax(logits, { tau = tau })
end

-- %% [markdown]
-- ## The noise
-- Its mean is Euler's constant, its variance $\pi^2 / 6$.

-- %% Gumbel's law
local g = orrery.rand(set.draws, double):log():neg():log():neg()
replay.check("mean of the noise", g:mean(), 0.577215665,
  { abs = 4 * 1.2825 / math.sqrt(set.draws) })
replay.check("variance of the noise", g:var(), math.pi ^ 2 / 6,
  { rel = 0.03, quick = { rel = 0.08 } })

-- %% [markdown]
-- ## Temperatures
-- How often the third category is the largest, and how large the largest is.

-- %% Frequencies, and how sharp the draws are
local sharp = { 0.984, 0.968, 0.843, 0.715, 0.432, 0.343 }
local bars = {}
for i, tau in ipairs(taus) do
  local y = draws(pi, tau)
  local top, which = y:max(2)
  replay.check(("P(third is largest), tau %g"):format(tau),
    which:eq(3):double():mean(), 0.7, { abs = 0.005, quick = { abs = 0.015 } })
  replay.check(("mean of the largest, tau %g"):format(tau), top:mean(),
    sharp[i], { abs = 0.005, quick = { abs = 0.01 } })
  bars[i] = { y = y:mean(1), name = ("tau %g"):format(tau) }
end
plot.bar { series = bars, xlabel = "category", ylabel = "mean of y",
  title = "the mean draw is pi = (0.1, 0.2, 0.7) only as tau falls" }

replay.check("every share, tau 1e6", (draws(pi, 1e6) - 1 / 3):abs():max(), 0,
  { abs = 1e-4 })

-- %% Two categories at temperature 1
local function first_of_two(p)
  return draws(orrery.tensor({ p, 1 - p }, double), 1):select(2, 1)
end
local a = 0.7 / 0.3
replay.check("E y_1, pi_1 = 0.7", first_of_two(0.7):mean(),
  a / (a - 1) - a * math.log(a) / (a - 1) ^ 2,
  { abs = 0.003, quick = { abs = 0.01 } })
local even = first_of_two(0.5)
replay.check("E y_1, pi_1 = 0.5", even:mean(), 0.5,
  { abs = 0.003, quick = { abs = 0.01 } })
replay.check("Var y_1, pi_1 = 0.5: uniform", even:var(), 1 / 12,
  { rel = 0.02, quick = { rel = 0.05 } })

-- %% [markdown]
-- ## Where the draws lie
-- Corners are categories; the plane of the triangle is that of all $y$.

-- %% 1,000 draws in the triangle
local function in_triangle(y)
  return y:select(2, 2) + y:select(2, 3) / 2,
    y:select(2, 3) * (math.sqrt(3) / 2)
end
local series = {}
for _, tau in ipairs { 5, 1, 0.1 } do
  local u, v = in_triangle(draws(pi, tau):narrow(1, 1, 1000))
  series[#series + 1] = { x = u, y = v, name = ("tau %g"):format(tau) }
end
plot.scatter { series = series, square = true,
  xlabel = "from the first to the second", ylabel = "towards the third" }

-- %% [markdown]
-- ## The price of sharpness
-- The second moment of $\partial y_1 / \partial \text{logit}_1$, for two equal
-- categories, goes like $\frac{1}{24\tau}$. A straight-through draw is one-hot
-- on the way forward and has the soft draw's gradient on the way back.

-- %% Gradients
local function slope(tau, hard)
  local logits = orrery.zeros(set.draws, 2, double):requires_grad_()
  local y = F.gumbel_softmax(logits, { tau = tau, hard = hard or false })
  return orrery.grad(y:select(2, 1):sum(), { logits })[1]:select(2, 1), y
end

local moments, last = {}, nil
for i, tau in ipairs { 2, 1, 0.5, 0.2, 0.1, 0.05 } do
  local g_tau = slope(tau)
  moments[i] = (g_tau ^ 2):mean():item()
  if tau < 0.5 then
    replay.check(("variance grows, tau %g"):format(tau), g_tau:var(), last,
      { relation = ">" })
  end
  last = g_tau:var()
end
replay.check("second moment, tau 0.1", moments[5], 0.4153333,
  { rel = 0.05, quick = { rel = 0.15 } })

orrery.manual_seed(5)
local soft = slope(0.5)
orrery.manual_seed(5)
local hard, one_hot = slope(0.5, true)
replay.check("straight-through has the soft gradient",
  (soft - hard):abs():max(), 0, { abs = 1e-12 })
replay.check("and is one-hot", one_hot:max(2):min(), 1, { abs = 1e-12 })
plot.line { x = { 2, 1, 0.5, 0.2, 0.1, 0.05 }, y = moments, log_x = true,
  log_y = true, xlabel = "tau", ylabel = "second moment of the gradient" }

-- %% [markdown]
-- ## A VAE of one category
-- A code of ten classes and nothing else: one of ten images for each digit. The
-- KL to the uniform prior is $\sum_i \pi_i \log \pi_i + \log 10$. The
-- temperature falls from 1 to $\frac12$, not to 0, where the gradients would
-- grow without bound.
--
-- With weight 1 on the KL from the start, the class that happens to be drawn
-- first learns first and takes all images; so the weight is 30 at first and 1
-- from half way on. A decoder that ignores the code can do no better than the
-- mean image.

-- %% Training
local digits = assert(data.mnist {})
local held, labels = digits.test:subset(1, set.held):everything()

local function train(seed, first_weight)
  orrery.manual_seed(seed)
  local model = vae.Categorical { variables = 1, classes = 10,
    hidden = set.hidden }
  local relaxed = estimators.gumbel_softmax()
  local opt = optim.Adam(model, { lr = 2e-3 })
  for step, x in digits.train:steps(set.steps, 100,
    { shuffle = true, seed = 0 }) do
    relaxed.temperature = math.max(0.5, math.exp(-1.5e-3 * (step - 1)))
    opt:minimize((model:loss(x, { estimator = relaxed, beta = math.max(1,
      first_weight * (1 - 2 * (step - 1) / set.steps)) })))
  end
  return model, model:measure(held)
end

local mean_image = digits.train:everything():mean(1):expand(held:shape())
local ignorant = -F.binary_cross_entropy(mean_image, held,
  { reduction = "sum" }):item() / set.held
local best, best_elbo
for seed = 1, set.seeds do
  local model, m = train(seed, 30)
  replay.check(("classes used, seed %d"):format(seed), m.used, 8,
    { relation = ">=", quick = { wanted = 5 } })
  replay.check(("ELBO above the mean image's, seed %d"):format(seed), m.elbo,
    ignorant, { relation = ">" })
  if not best or m.elbo > best_elbo then best, best_elbo = model, m.elbo end
end
local _, alone = train(1, 1)
print(("weight 1 at once: %.0f used, ELBO %.1f; mean image %.1f"):format(
  alone.used, alone.elbo, ignorant))

-- %% [markdown]
-- The ten images, and how the classes of the code divide the digits among them:
-- no labels were used.

-- %% What the classes are
local images = orrery.no_grad(function()
  return best:decode(orrery.eye(10):unsqueeze(2)):reshape(10, 1, 28, 28)
end)
orrery.show(plot.grid(images, { columns = 10, scale = 2, padding = 2 }))
local class = orrery.no_grad(function()
  return best:logits(held):squeeze(2):argmax { axis = 2 }
end)
local digit_is = labels:unsqueeze(2):eq(orrery.range(1, 10,
  { dtype = "int64" })):double()
local class_is = class:unsqueeze(2):eq(orrery.range(1, 10,
  { dtype = "int64" })):double()
local together = digit_is:transpose(1, 2):matmul(class_is)
plot.heatmap { z = together, values = true, rows = digits.classes,
  xlabel = "class of the code", ylabel = "digit", zlabel = "images" }
