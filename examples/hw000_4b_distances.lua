-- %% [markdown]
-- # 000-4b  Why a Wasserstein distance
-- Part one, the distances; the training is in the next file. The base game is
-- $\min_G \max_D\, \mathbb E \log D(x) + \mathbb E \log(1 - D(G(z)))$. With the
-- best $D^* = p_r / (p_r + p_g)$ its value is $-\log 4 + 2\, \mathrm{JS}(P_r
-- \,\|\, P_g)$, where
--
-- $$ \mathrm{KL}(P \,\|\, Q) = \int p \log \frac pq, \qquad \mathrm{JS} =
-- \tfrac12 \mathrm{KL}(P \,\|\, M) + \tfrac12 \mathrm{KL}(Q \,\|\, M), \quad
-- M = \tfrac12 (P + Q), $$
--
-- and the second half of JS is an integral over where $Q$ lies, not, as in one
-- scan, over the first law's place again. The Wasserstein distance moves mass:
--
-- $$ W_1(P_r, P_g) = \inf_{\gamma} \mathbb E_\gamma \lVert x - y \rVert, \qquad
-- \sum_y \gamma(x, y) = P_r(x), \quad \sum_x \gamma(x, y) = P_g(y) $$
--
-- (two different marginals; a published answer calls both $p$), and by
-- Kantorovich and Rubinstein $W_1 = \sup_{\lVert f \rVert_L \le 1} \mathbb
-- E_{P_r} f - \mathbb E_{P_g} f$. The norm is *at most* 1, and over functions
-- of slope at most $K$ the supremum is exactly $K W_1$.

-- %%
local orrery = require "orrery"
local dist, gan, ot = orrery.dist, orrery.gan, orrery.ot
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  points = 300, steps = 1500, fresh = 20000,
  quick = { points = 80, steps = 800, fresh = 2000 },
}
local double = { dtype = "float64" }
local function number(v) return orrery.tensor(v, double) end
local exact = { abs = 1e-6 }

-- %% [markdown]
-- ## (i) Parallel lines
-- $P$ is $(0, U)$ and $Q$ is $(\theta, U)$. For $\theta \ne 0$ neither has a
-- density by the other, so KL is infinite both ways (not a sum of $1 \cdot \log
-- \frac10$), JS is $\log 2$ whatever $\theta$ is, and $W_1 = |\theta|$. Only
-- the last has a slope. Noise on the first coordinate makes all of them smooth.

-- %% Exactly
local at = ot.parallel_lines(0.3)
replay.check("JS, theta 0.3", at.js, math.log(2), exact)
replay.check("W1, theta 0.3", at.w1, 0.3, exact)
replay.check("1 / KL, theta 0.3", 1 / at.kl, 0, { abs = 0 })
replay.check("1 / KL the other way", 1 / at.reverse_kl, 0, { abs = 0 })
local zero = ot.parallel_lines(0)
for _, name in ipairs { "kl", "js", "tv", "w1" } do
  replay.check(name .. ", theta 0", zero[name], 0, exact)
end
replay.check("JS, theta 0.4, noise 0.2",
  ot.parallel_lines(0.4, { noise = 0.2 }).js, 0.33683082, exact)

-- %% The same from samples, and the curves
local function points(theta)
  local u = orrery.rand({ set.points, 1 }, double)
  return orrery.cat({ orrery.full_like(u, theta), u }, 2)
end
local found = {}
for i, theta in ipairs { -1, -0.5, 0, 0.5, 1 } do
  found[i] = ot.distance(points(0), points(theta)):item()
  replay.check(("W1 of samples, theta %g"):format(theta), found[i],
    math.abs(theta), { abs = 0.1, quick = { abs = 0.2 } })
end
local theta = orrery.linspace(-1, 1, 81, double)
local sharp = ot.parallel_lines(theta)
local soft = ot.parallel_lines(theta, { noise = 0.2 })
local function lines(of, title)
  return plot.line { title = title, xlabel = "theta", ymax = 1.5, series = {
    { x = theta, y = of.kl, name = "KL" }, { x = theta, y = of.js,
      name = "JS" }, { x = theta, y = of.tv, name = "TV" },
    { x = theta, y = of.w1, name = "W1" } } }
end
plot.grid { columns = 2,
  plot.overlay { lines(sharp, "exactly; points: W1 of samples"),
    plot.scatter { x = { -1, -0.5, 0, 0.5, 1 }, y = found, color = 4 } },
  lines(soft, "with noise 0.2") }

-- %% [markdown]
-- ## (ii) Boxes
-- Three boxes at 1, one at 2, two at 3, to be brought to 7, 8, 9, 9, 10, 10.
-- The first from 1 to 7 costs $|7 - 1| = 6$. The plans published cost 42 each,
-- and so does every other: all targets lie to the right, so a plan costs the
-- sum of the targets less that of the boxes, $53 - 11$. (Row 3 of the second
-- plan, lost in a scan, is 0, 0, 1, 1.) As a distance of laws of mass 1 it is
-- $42 / 6$. With boxes at 3 and 7 for 4 and 6 the plan does matter.

-- %% All plans
local function costs_of(box)
  return (number(box.x):unsqueeze(2) - number(box.y):unsqueeze(1)):abs()
end
local six, two = ot.boxes.six, ot.boxes.two
local cost = costs_of(six)
for i, plan in ipairs(six.plans) do
  local p = number(plan)
  replay.check(("six boxes, plan %d"):format(i), (p * cost):sum(), 42,
    { abs = 0 })
  replay.check(("plan %d: masses are right"):format(i),
    (p:sum(2) - number(six.a)):abs():sum()
      + (p:sum(1) - number(six.b)):abs():sum(), 0, { abs = 0 })
end
local plans, low, high = 0, math.huge, 0
for plan in ot.couplings(six.a, six.b) do
  local c = (number(plan) * cost):sum():item()
  plans, low, high = plans + 1, math.min(low, c), math.max(high, c)
end
print(("%d plans in all"):format(plans))
replay.check("the cheapest of all plans", low, 42, { abs = 0 })
replay.check("the dearest", high, 42, { abs = 0 })
replay.check("by the solver", ot.cost(cost, six.a, six.b), 42, { abs = 1e-9 })
replay.check("W1, mass 1", ot.line(number { 1, 1, 1, 2, 3, 3 },
  number { 7, 8, 9, 9, 10, 10 }), 7, { abs = 1e-12 })
local small = costs_of(two)
replay.check("two boxes, in order", (number(two.plans[1]) * small):sum(), 2,
  { abs = 0 })
replay.check("two boxes, crossed", (number(two.plans[2]) * small):sum(), 6,
  { abs = 0 })
replay.check("two boxes, the best", ot.cost(small, two.a, two.b), 2,
  { abs = 1e-9 })
replay.check("two boxes, W1, mass 1", ot.line(number { 3, 7 },
  number { 4, 6 }), 1, { abs = 1e-12 })
local function sheet(z, title)
  return plot.heatmap { z = z, rows = six.x, columns = six.y, values = true,
    title = title, xlabel = "to", ylabel = "from" }
end
plot.grid { columns = 3, sheet(cost, "costs"), sheet(six.plans[1], "plan 1"),
  sheet(six.plans[2], "plan 2") }

-- %% [markdown]
-- ## (iii) Gaussians that move apart
-- $N(0, 1)$ and $N(D, 1)$: $\mathrm{KL} = D^2 / 2$, whose slope grows with $D$.
-- One answer has the gradients of both KL and JS vanish; only that of JS does,
-- as it saturates at $\log 2$. $W_1 = D$ has slope 1 everywhere.

-- %% Values and slopes
local function normal(m, s) return dist.Normal(number(m), s or 1) end
for _, row in ipairs { { 1, 0.111421482 }, { 2, 0.33683082 },
  { 4, 0.632720194 }, { 8, 0.693053645 } } do
  replay.check(("JS, D = %d"):format(row[1]),
    dist.js(normal(0), normal(row[1])), row[2], exact)
end
replay.check("JS, D = 10: saturated", dist.js(normal(0), normal(10)),
  0.693146, { abs = 1e-5 })
for _, row in ipairs { { 2, 0.224799738 }, { 6, 0.00622662158 },
  { 8, 0.000196437489 } } do
  local where = number(row[1]):requires_grad_()
  local js = dist.js(normal(0), dist.Normal(where, 1))
  replay.check(("slope of JS, D = %d"):format(row[1]),
    orrery.grad(js, { where })[1], row[2], { rel = 1e-3 })
end
replay.check("TV, D = 1", dist.tv(normal(0), normal(1)), 0.382924923, exact)
replay.check("W1, D = 2", dist.wasserstein1(normal(0), normal(2)), 2, exact)
replay.check("W1 of N(0, 1), N(0, 9)", dist.wasserstein1(normal(0),
  normal(0, 3)), 2 * math.sqrt(2 / math.pi), exact)
replay.check("W2 squared of N(1, 1/4), N(-1, 4)",
  dist.wasserstein2(normal(1, 0.5), normal(-1, 2)) ^ 2, 6.25, exact)

local d = orrery.linspace(0.05, 10, 120, double):requires_grad_()
local p, q = dist.Normal(d * 0, 1), dist.Normal(d, 1)
local kinds = { { "KL", (dist.kl(p, q)) }, { "JS", (dist.js(p, q)) },
  { "W1", d * 1 } }
local values, slopes = {}, {}
for i, kind in ipairs(kinds) do
  values[i] = { x = d, y = kind[2]:detach(), name = kind[1] }
  slopes[i] = { x = d, name = kind[1],
    y = orrery.grad(kind[2]:sum(), { d }, { retain_graph = true })[1] }
end
plot.grid { columns = 2,
  plot.line { series = values, xlabel = "D", ymax = 10 },
  plot.line { series = slopes, xlabel = "D", log_y = true, ymin = 1e-5,
    title = "slopes" } }

-- %% [markdown]
-- ## The game's value and its gradients
-- At $P_g = P_r$ the best $D$ is $\frac12$, the value $-\log 4$. The
-- generator's $\log(1 - \sigma(a))$ has slope $-\sigma(a)$, next to nothing
-- while $D$ rejects its samples ($a \ll 0$); $-\log \sigma(a)$ has $-(1 -
-- \sigma(a))$. That repairs the saturation, though its gradients are noisy.

-- %% Values
local x = orrery.linspace(-12, 13, 4001, double)
local function value_of(d_gap)
  local a, b = normal(0):log_prob(x):exp(), normal(d_gap):log_prob(x):exp()
  local best = a / (a + b)
  return ((best:log() * a + (1 - best):log() * b)):trapezoid(x)
end
replay.check("value at equal laws", value_of(0), -math.log(4), exact)
replay.check("value of N(0, 1) against N(1, 1)", value_of(1), -1.1634514,
  exact)
replay.check("best D at 0", 1 / (1 + math.exp(-0.5)), 0.622459331, exact)
local none = orrery.zeros(1, double)
replay.check("loss of D at the end",
  gan.losses.saturating.discriminator(none, none), 2 * math.log(2), exact)
replay.check("loss of G at the end, -log D",
  gan.losses.non_saturating.generator(none), math.log(2), exact)
local function push(name)
  local a = number { -5 }:requires_grad_()
  return orrery.grad(gan.losses[name].generator(a), { a })[1]
end
replay.check("slope of log(1 - D), a = -5", push "saturating", -0.00669285092,
  exact)
replay.check("slope of -log D, a = -5", push "non_saturating", -0.993307149,
  exact)

-- %% [markdown]
-- A critic that is a line, $f(x) = wx$, and two laws whose means are 2 apart:
-- clipped to 0.01 it gets to 0.02; with slope up to 3, to $3 W_1 = 6$; with the
-- penalty $\lambda (|w| - 1)^2$, to $w = 1 + \frac{2}{2 \lambda}$, which is 1.1
-- at $\lambda = 10$: the estimate is too large.

-- %% Lines as critics
local w = orrery.linspace(-4, 4, 80001, double)
local function best_line(allowed, penalty)
  local worth = w * 2 - ((w:abs() - 1) ^ 2) * penalty
  worth = orrery.where(w:abs():le(allowed + 1e-12), worth, -math.huge)
  local best = worth:argmax():item()
  return worth[best], w[best]
end
replay.check("clipped to 0.01", (best_line(0.01, 0)), 0.02, exact)
replay.check("slope up to 3", (best_line(3, 0)), 6, exact)
local reached, steepness = best_line(4, 10)
replay.check("penalty 10: slope", steepness, 1.1, exact)
replay.check("penalty 10: value", reached, 2.1, exact)

-- %% [markdown]
-- ## (iv) The best D, and a critic
-- Both learn to tell $N(4, 1)$ from $N(0, 1)$. $D$ is flat where the made
-- points lie; the critic is nearly a line.

-- %% Trained
local gap = 4
local function pair(n)
  return orrery.randn(n, 1) + gap, orrery.randn(n, 1)
end
local shape = { activation = "leaky_relu", hidden = { 64, 64 } }
local D, loss = gan.mlp(1, 1, shape), gan.losses.non_saturating
local opt = orrery.optim.Adam(D:parameters(), { lr = 1e-3 })
local critic = ot.Critic { net = gan.mlp(1, 1, shape), steps = set.steps }
local rate = gan.halfway(set.steps)
for step = 1, set.steps do
  local real, fake = pair(256)
  opt.param_groups[1].lr = 1e-3 * rate(step - 1)
  opt:minimize(loss.discriminator(D(real), D(fake)))
  critic:step(real, fake)
end
local real, fake = pair(set.fresh)
local said = orrery.no_grad(function()
  return loss.discriminator(D(real), D(fake))
end)
replay.check("D's loss: 2 log 2 - 2 JS", said,
  2 * math.log(2) - 2 * 0.632720194, { abs = 0.02, quick = { abs = 0.6 } })
replay.check("critic over its slope: W1",
  critic:estimate(real, fake) / critic:slope(real, fake), gap,
  { rel = 0.02, quick = { rel = 0.3 } })
local some, others = real:narrow(1, 1, set.points):double(),
  fake:narrow(1, 1, set.points):double()
local costs = ot.costs(some, others)
local _, prices = ot.plan(costs)
replay.check("dual over primal, exactly",
  (prices.u:mean() + prices.v:mean()) / ot.cost(costs), 1, { abs = 1e-9 })

local function slope_at(f, where)
  local place = orrery.full({ 1, 1 }, where):requires_grad_()
  return orrery.grad(f(place):sum(), { place })[1]:abs():item()
end
local function chance(z) return D(z):sigmoid() end
replay.check("slope at the fakes, critic over D",
  slope_at(critic.net, 0) / slope_at(chance, 0), 10,
  { relation = ">", quick = { wanted = 1 } })
local grid = orrery.linspace(-4, gap + 4, 200):unsqueeze(2)
local function curve(f)
  return orrery.no_grad(function() return f(grid):reshape(-1) end)
end
plot.line { xlabel = "x", series = {
  { x = grid:reshape(-1), y = curve(chance), name = "D" },
  { x = grid:reshape(-1), name = "best D", dashed = true,
    y = (grid * gap - gap ^ 2 / 2):sigmoid():reshape(-1) },
  { x = grid:reshape(-1), y = curve(critic.net) / gap,
    name = "critic / 4" } } }
