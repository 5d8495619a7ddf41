-- %% [markdown]
-- # 000-4b  The Wasserstein GAN, trained
-- Part two. The critic $f_w$ has no sigmoid at its end. It *ascends*
-- $\frac1m \sum_i f_w(x_i) - f_w(G_\theta(z_i))$, five steps for one of the
-- generator, and is held to a bounded slope: by clipping every weight to
-- $[-c, c]$ after RMSProp's step, or by a penalty on the norm of its gradient.
-- The generator *descends*
--
-- $$ L(\theta) = -\frac1m \sum_i f_w(G_\theta(z_i)), $$
--
-- minimised over $\theta$: one published answer writes it as a function of $w$,
-- another gives the gradient of $+f$ without saying that it is to be ascended.
-- Both call the method a cure of mode collapse. What it removes is the
-- vanishing gradient; less collapse is what was observed, and nothing
-- guarantees it. And clipping costs capacity: weights pile up at the bounds.

-- %%
local orrery = require "orrery"
local data, gan, metrics = orrery.data, orrery.gan, orrery.metrics
local optim, ot = orrery.optim, orrery.ot
local plot, replay = orrery.plot, orrery.replay
local set = replay.settings {
  steps = 1500, batch = 128, marks = 25, critic = 800, early = 300, seeds = 3,
  quick = { steps = 30, batch = 32, marks = 5, critic = 20, early = 20,
    seeds = 1 },
}
local ring = data.known.ring {}

local function weights_of(net)
  local list = {}
  for i, p in ipairs(net:parameters()) do list[i] = p:detach():reshape(-1) end
  return orrery.cat(list, 1)
end

-- The part of the weights within a thousandth of the bounds.
local function at_bounds(net, c)
  return weights_of(net):abs():ge(c * 0.999):double():mean():item()
end

-- ---- a game on the ring

local function rms(rate)
  return function(p) return optim.RMSprop(p, { lr = rate, alpha = 0.9 }) end
end

local function clipped(c, g_rate)
  return { loss = "wgan", critic_steps = 5, parts = { gan.clip(c) },
    optimizers = { generator = rms(g_rate), discriminator = rms(5e-4) } }
end

local function penalised(g_rate)
  return { loss = "wgan", critic_steps = 5,
    parts = { gan.penalty("gp", 1) },
    optimizers = { generator = { lr = g_rate, betas = { 0.5, 0.9 } },
      discriminator = { lr = 1e-3, betas = { 0.5, 0.9 } } } }
end

local function ordinary(loss, d_rate, critic_steps)
  return { loss = loss, critic_steps = critic_steps or 1, optimizers = {
    generator = { lr = 1e-3, betas = { 0.5, 0.999 } },
    discriminator = { lr = d_rate, betas = { 0.5, 0.999 } } } }
end

-- Plays it; at each mark calls look(game, step).
local function play(o, steps, look, output_scale)
  o.generator = gan.mlp(2, 2, { output_scale = output_scale })
  o.latent = 2
  o.discriminator = gan.mlp(2, 1, { activation = "leaky_relu" })
  o.compile = true
  local game, done = gan.Game(o), 0
  for x in ring:batches(set.batch * game.critic_steps) do
    game:step(x)
    done = done + 1
    if look and done % math.max(1, steps // set.marks) == 0 then
      look(game, done)
    end
    if done == steps then return game end
  end
end

local function modes(game) return metrics.modes(game:sample(2500), ring) end

-- %% [markdown]
-- ## (v) The critic's value follows the distance
-- Along the training: what the critic makes of 400 real and 400 made points,
-- and their exact $W_1$, an assignment of each made point to a real one. The
-- generator learns slowly here, so that the critic can keep up; the first sixth
-- of the run, in which the critic learns what a critic is, does not count.
-- Medians of three seeds.

-- %% Clipped, and penalised
-- Plays one game; its critic's values and the distances, from step to step.
local function followed(o)
  local seen = { estimates = {}, distances = {}, steps = {} }
  seen.game = play(o, set.steps, function(game, step)
    local from = orrery.Generator(step)
    local real = ring:sample(400, { generator = from })
    local fake = game:sample(400, { generator = from })
    if step < set.steps / 6 then return end
    local n = #seen.steps + 1
    seen.steps[n], seen.distances[n] = step, ot.distance(real, fake):item()
    seen.estimates[n] = orrery.no_grad(ot.dual, game.discriminator, real, fake)
      :item()
  end)
  return seen
end

local curves, games = {}, {}
for i, row in ipairs {
  { "clip 0.1", function() return clipped(0.1, 1.5e-4) end },
  { "penalty", function() return penalised(2e-4) end } } do
  local name, seen = row[1], nil
  local median = replay.medians(set.seeds, function(seed)
    seen = followed(row[2]())
    local m, d = modes(seen.game), seen.distances
    print(("%-8s  seed %d: W1 %.3f, %d of 8 modes covered, good %.0f %%")
      :format(name, seed, d[#d], m.modes20, 100 * m.quality))
    return { correlation = metrics.correlation(seen.estimates, d),
      fallen = d[#d] / d[1] }
  end)
  replay.check(name .. ": correlation with W1", median.correlation, 0.9,
    { relation = ">=", quick = { wanted = -1 } })
  replay.check(name .. ": W1, last over first", median.fallen, 0.6,
    { relation = "<", quick = { wanted = 10 } })
  games[i] = seen.game
  curves[2 * i - 1] = { x = seen.steps, y = seen.distances,
    name = name .. ": W1" }
  curves[2 * i] = { x = seen.steps, y = seen.estimates, dashed = true,
    name = name .. ": critic" }
end
plot.line { series = curves, log_y = true, ymin = 1e-3, xlabel = "step" }

-- %% [markdown]
-- The collapsing game (a discriminator ten times slower, codes of 16 numbers,
-- the saturating loss) covers next to nothing; with a critic, and rates alike,
-- the ring is found.

-- %% Modes
local function plainly()
  local s, done = gan.setup("C", { steps = set.steps }), 0
  for x in ring:batches(set.batch) do
    s.game:step(x)
    done = done + 1
    if done == set.steps then return s end
  end
end

local plain, full
local found = replay.medians(set.seeds, function(seed)
  plain, full = plainly(), play(penalised(1e-3), set.steps)
  local p, f = modes(plain.game).modes20, modes(full).modes20
  print(("seed %d: plain %d, penalised %d"):format(seed, p, f))
  return { plain = p, full = f }
end)
replay.check("modes: penalised against plain", found.full, found.plain,
  { relation = ">=", quick = { wanted = 0 } })
plot.grid { columns = 3,
  gan.pictures.samples(plain.game:sample(500), ring, "plain"),
  gan.pictures.samples(games[1]:sample(500), ring, "clipped, slow"),
  gan.pictures.samples(full:sample(500), ring, "penalised") }

-- %% [markdown]
-- ## Where clipped weights go
-- A critic alone, between $N(0, I)$ and $N(m, I)$ in the plane, $|m| = 2$,
-- clipped to four bounds, RMSProp at $c / 200$. The weights pile up at $\pm c$
-- whatever $c$ is, and the value is $K W_1$ with a $K$ that goes like $c^3$, as
-- there are three layers. With the penalty of weight 10 it is $|m| (1 +
-- |m| / 20)$.

-- %% Bounds
local function pair(n)
  return orrery.randn(n, 2) + orrery.tensor { 2.0, 0.0 }, orrery.randn(n, 2)
end

local function trained(o)
  o.net = gan.mlp(2, 1, { activation = "leaky_relu" })
  o.steps = set.critic
  if o.clip then
    o.optimizer = optim.RMSprop(o.net:parameters(), { lr = o.clip / 200 })
  end
  local critic = ot.Critic(o)
  for _ = 1, set.critic do critic:step(pair(256)) end
  return critic
end

local sheets = { columns = 4 }
for i, c in ipairs { 0.001, 0.01, 0.1, 1 } do
  local critic
  local median = replay.medians(c == 0.01 and set.seeds or 1, function()
    critic = trained { clip = c }
    return { share = at_bounds(critic.net, c),
      value = critic:estimate(pair(5000)) }
  end)
  print(("c = %-5g  at the bounds %3.0f %%, value %.3g"):format(c,
    100 * median.share, median.value))
  if c == 0.01 then
    replay.check("c = 0.01: weights at the bounds", median.share, 0.5,
      { relation = ">=", quick = { wanted = 0 } })
  end
  sheets[i] = plot.hist { values = weights_of(critic.net), bins = 41,
    title = ("c = %g"):format(c), xlabel = "weight" }
end
orrery.manual_seed(2)
local penal = trained { weight = 10 }
local x, y = pair(20000)
replay.check("penalty 10: value over |m|", penal:estimate(x, y) / 2, 1.1,
  { rel = 0.05, quick = { rel = 5 } })
replay.check("and over its slope", penal:estimate(x, y) / penal:slope(x, y), 2,
  { rel = 0.05, quick = { rel = 5 } })
plot.grid(sheets)

-- %% [markdown]
-- ## (vi) The better D, the less G learns
-- The base game early on, all made points still in the middle of the ring, $D$
-- trained five times a step and fast: its accuracy
-- goes to 1, and the gradient at the made points dies for $\log(1 - D)$, while
-- $-\log D$ keeps one.

-- %% Gradients against accuracy
local series = {}
local least = {}
for i, loss in ipairs { "saturating", "non_saturating" } do
  local right, norms = {}, {}
  local o = ordinary(loss, 5e-3, 5)
  o.optimizers.generator = { lr = 1e-5 }  -- it is watched, not cured
  orrery.manual_seed(1)
  play(o, set.early, function(game)
    local m = game:measure(ring:sample(512))
    right[#right + 1] = m.d_accuracy
    norms[#norms + 1] = m.generator_gradient
  end, 0.1)
  least[i] = norms[#norms]
  print(("%-15s D right %.3f, gradient at the samples %.3g"):format(loss,
    right[#right], norms[#norms]))
  series[2 * i - 1] = { y = norms, name = loss .. ": gradient" }
  series[2 * i] = { y = right, name = loss .. ": D right", dashed = true }
end
replay.check("gradient, saturating over not", least[1] / least[2], 0.01,
  { relation = "<", quick = { wanted = 1.5 } })
plot.line { series = series, log_y = true, xlabel = "mark" }
