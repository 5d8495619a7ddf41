-- %% [markdown]
-- # 000-2b  A differentiable draw of a category
-- With Gumbel noise $g_i = -\log(-\log u_i)$ the largest of $\log \pi_i + g_i$
-- is category $i$ with probability $\pi_i$. The Gumbel-softmax puts a softmax
-- in place of the maximum, so that gradients reach $\pi$:
--
-- $$ y_i = \frac{\exp((\log \pi_i + g_i) / \tau)}
-- {\sum_j \exp((\log \pi_j + g_j) / \tau)}. $$
--
-- As $\tau \to 0$ it is one-hot, as $\tau \to \infty$ uniform. At every $\tau$
-- the largest $y_i$ is category $i$ with probability $\pi_i$, and yet
-- $\mathbb E\, y \ne \pi$: for two categories, $\tau = 1$ and $a = \pi_1 /
-- \pi_2$, $\mathbb E\, y_1 = \frac{a}{a - 1} - \frac{a \log a}{(a - 1)^2}$. And
-- the smaller $\tau$, the larger the gradients.

-- %%
local orrery = require "orrery"
local F, plot, replay = orrery.nn.functional, orrery.plot, orrery.replay
local set = replay.settings { draws = 200000, quick = { draws = 20000 } }
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
  moments[i] = (slope(tau) ^ 2):mean():item()
  if tau < 0.5 then
    replay.check(("second moment grows, tau %g"):format(tau), moments[i], last,
      { relation = ">" })
  end
  last = moments[i]
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
