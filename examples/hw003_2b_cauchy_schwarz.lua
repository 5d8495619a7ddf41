-- %% [markdown]
-- # 003-2b  A VAE with a Cauchy-Schwarz term
-- By Bayes $\log p(x \mid z) = \log p(x) + \log p(z \mid x) - \log p(z)$. The
-- mean under $q = q(z \mid x)$, with $\log q$ added and taken away, is
--
-- $$ \mathbb E_q \log p(x \mid z) = \log p(x) - \mathrm{KL}(q \,\|\,
-- p(z \mid x)) + \mathrm{KL}(q \,\|\, p(z)), $$
--
-- so the objective $\mathcal L_{CS} = \mathbb E_q \log p(x \mid z) - \lambda
-- D_{CS}(q \,\|\, p(z))$ has four parts:
--
-- | part | what it asks of the model, or of $q$ |
-- |---|---|
-- | $\log p(x)$ | the image is likely |
-- | $-\mathrm{KL}(q \,\Vert\, p(z \mid x))$ | near the *model's* posterior |
-- | $+\mathrm{KL}(q \,\Vert\, p(z))$ | away from the prior |
-- | $-\lambda D_{CS}(q \,\Vert\, p(z))$ | back to the prior |
--
-- A published answer calls $p(z \mid x)$ the real law of the data: it is the
-- posterior of the model, and changes with the decoder. With the KL in the
-- place of $D_{CS}$ and $\lambda = 1$ the last two cancel; here they do not,
-- and $\mathcal L_{CS}$ is no lower bound of anything.

-- %%
local orrery = require "orrery"
local data, dist, optim = orrery.data, orrery.dist, orrery.optim
local metrics, plot, replay = orrery.metrics, orrery.plot, orrery.replay
local vae = orrery.vae
local set = replay.settings {
  cases = 1000, steps = 800, hidden = 100, held = 1000,
  weights = { 0.5, 1, 2, 5, 10 },
  quick = { steps = 60, hidden = 64, held = 200, weights = { 0.5, 10 } },
}
local double = { dtype = "float64" }
local standard = dist.Normal(orrery.zeros({}, double), 1)

-- %% [markdown]
-- ## The identity
-- In the linear Gaussian model, $z \sim N(0, 1)$ and $x \mid z \sim N(az + b,
-- s^2)$, everything is known: for $q = N(m, v)$,
--
-- $$ \mathbb E_q \log p(x \mid z) = \log N(x; am + b, s^2) -
-- \frac{a^2 v}{2 s^2}, \qquad p(x) = N(b, a^2 + s^2), $$
--
-- and $p(z \mid x)$ has precision $\Lambda = 1 + a^2 / s^2$ and mean
-- $a(x - b) / (s^2 \Lambda)$.

-- %% Both sides
local function sides(c, lambda)
  local q = dist.Normal(c.m, c.v:sqrt())
  local precision = (c.a / c.s) ^ 2 + 1
  local exact = dist.Normal(c.a * (c.x - c.b) / (c.s ^ 2 * precision),
    1 / precision:sqrt())
  local cs = dist.cauchy_schwarz(q, standard)
  local rec = dist.Normal(c.a * c.m + c.b, c.s):log_prob(c.x)
    - (c.a / c.s) ^ 2 * c.v / 2
  local log_p = dist.Normal(c.b, (c.a ^ 2 + c.s ^ 2):sqrt()):log_prob(c.x)
  local away, to_exact = dist.kl(q, standard), dist.kl(q, exact)
  return { left = rec - lambda * cs, log_p = log_p, elbo = rec - away, cs = cs,
    right = log_p - to_exact + away - lambda * cs, away = away,
    to_exact = to_exact, rec = rec }
end

local function of(value) return orrery.tensor(value, double) end
local worked = sides({ a = of(1.3), b = of(0.2), s = of(0.7), x = of(1.1),
  m = of(0.4), v = of(0.25) }, 2)
local exact = { abs = 1e-6 }
replay.check("log p(x)", worked.log_p, -1.49438079, exact)
replay.check("E_q log p(x | z)", worked.rec, -1.14073298, exact)
replay.check("KL to the model's posterior", worked.to_exact, 0.0444993695,
  exact)
replay.check("KL to the prior", worked.away, 0.398147181, exact)
replay.check("D_CS to the prior", worked.cs, 0.175571776, exact)
replay.check("left side, lambda 2", worked.left, -1.49187653, exact)
replay.check("right side", worked.right, -1.49187653, exact)
replay.check("above the ELBO", worked.left, worked.elbo, { relation = ">" })
replay.check("above log p(x) itself", worked.left, worked.log_p,
  { relation = ">" })

local function draw() return orrery.randn(set.cases, double) end
local any = sides({ a = draw(), b = draw(), s = draw():exp(), x = draw() * 2,
  m = draw(), v = draw():exp() }, draw():exp())
replay.check("both sides, 1,000 random cases",
  ((any.left - any.right) / (any.left:abs() + 1)):abs():max(), 0,
  { abs = 1e-9 })

-- %% [markdown]
-- ## How hard it pulls
-- Per latent, for $q = N(\mu, \sigma^2)$,
--
-- $$ D_{CS} = \frac{\mu^2}{2(1 + \sigma^2)} + \frac12 \log \frac{1 +
-- \sigma^2}{2\sigma} \qquad\text{beside}\qquad \mathrm{KL} = \frac{\mu^2}2 +
-- \frac{\sigma^2 - 1}2 - \log\sigma. $$
--
-- At $\sigma = 1$ it is half of the KL, so that $\lambda = 2$ pulls the mean
-- as $\beta = 1$ does. It is the KL that punishes width, like $\sigma^2$; the
-- other grows with a logarithm only.

-- %% Of the mean, and of the width
local at = orrery.linspace(-3, 3, 61, double)
local halves = dist.cauchy_schwarz(dist.Normal(at, 1), standard) * 2
replay.check("at width 1: lambda 2 is beta 1, for any mean",
  (halves - dist.kl(dist.Normal(at, 1), standard)):abs():max(), 0,
  { abs = 1e-12 })
local mu = of(0.7):requires_grad_()
local pull = orrery.grad(dist.cauchy_schwarz(dist.Normal(mu, 0.5), standard),
  { mu })[1]
replay.check("pull on the mean, mu / (1 + sigma^2)", pull, 0.7 / 1.25,
  { abs = 1e-12 })
local function curves(x, law, name)
  local q = law(x)
  return plot.line { xlabel = name, ylabel = "nats", ymax = 4, series = {
    { x = x, y = (dist.kl(q, standard)), name = "KL" },
    { x = x, y = (dist.cauchy_schwarz(q, standard)), name = "D_CS" } } }
end
plot.grid { columns = 2,
  curves(at, function(m) return dist.Normal(m, 1) end, "mean, at sd 1"),
  curves((at * 0.7):exp(), function(s)
    return dist.Normal(s * 0, s)
  end, "sd, at mean 0") }

-- %% [markdown]
-- ## On digits
-- The same network with weight $\lambda$ on $D_{CS}$, and with weight $\beta$
-- on the KL. With $\lambda$ the codes draw together and less of the image comes
-- back. What the prior's draws are worth is measured by the Fréchet distance of
-- as many decoded draws from the held-out images, in the features of the
-- classifier that comes with Orrery: small means alike. They get better with
-- $\lambda$ up to a point, 5 here, past which too little of the image is left.

-- %% Training
local digits = assert(data.mnist {})
local held, labels = digits.test:subset(1, set.held):everything()
local judge = metrics.extractor()
local features = judge:features(held)

local function trained(objective, options)
  orrery.manual_seed(1)
  local model = vae.mlp(options)
  local opt = optim.Adam(model, { lr = 2e-3 })
  local rates = optim.CosineAnnealingLR(opt, { T_max = set.steps })
  for _, x in digits.train:steps(set.steps, 100,
    { shuffle = true, seed = 0 }) do
    opt:minimize((model:loss(x, { objective = objective })))
    rates:step()
  end
  return model
end

local function judged(model)
  local m = vae.measure(model, held)
  local drawn = orrery.no_grad(function()
    return model:sample(set.held, orrery.Generator(3))
  end)
  return { model = model, rec = m.rec, kl = m.kl, active = m.active,
    reach = m.means:abs():mean():item(),
    far = metrics.fid(features, judge:features(drawn:reshape(-1, 1, 28, 28)),
      { resamples = 0 }).value }
end

local names = { "cauchy_schwarz", "elbo" }
local rows = { cauchy_schwarz = {}, elbo = {} }
for _, name in ipairs(names) do
  for i, w in ipairs(set.weights) do
    local objective = name == "elbo" and vae.objectives.elbo { beta = w }
      or vae.objectives.cauchy_schwarz { lambda = w }
    local r = judged(trained(objective, { latent = 10, hidden = set.hidden }))
    rows[name][i] = r
    print(("%-14s %4g: reconstruction %6.2f, KL %5.2f, mean |mu| %.3f, active "
      .. "%2d, FID of draws %.1f"):format(name, w, r.rec, r.kl, r.reach,
      r.active, r.far))
  end
end

-- %% What lambda does
local cs = rows.cauchy_schwarz
for i = 2, #set.weights do
  local step = ("lambda %g to %g"):format(set.weights[i - 1], set.weights[i])
  replay.check(step .. ": what is lost of the image", cs[i].rec,
    cs[i - 1].rec, { relation = ">=", quick = { relation = ">",
      wanted = cs[i - 1].rec * 0.9 } })
  replay.check(step .. ": mean |mu|", cs[i].reach, cs[i - 1].reach,
    { relation = "<=" })
end
local middle = (#set.weights + 1) // 2
replay.check("FID of draws, middle lambda below the smallest", cs[middle].far,
  cs[1].far, { relation = "<", quick = { relation = "<=" } })
local function column(of_rows, name)
  local values = {}
  for i, r in ipairs(of_rows) do values[i] = r[name] end
  return values
end
local charts = { columns = 3 }
for i, what in ipairs { { "rec", "reconstruction, nats" },
  { "reach", "mean |mu|" }, { "far", "FID of draws" } } do
  charts[i] = plot.line { xlabel = "weight", ylabel = what[2], log_x = true,
    series = {
      { x = set.weights, y = column(cs, what[1]), name = "lambda D_CS" },
      { x = set.weights, y = column(rows.elbo, what[1]), name = "beta KL" },
    } }
end
plot.grid(charts)

-- %% Draws of the prior: the smallest lambda, and the largest
orrery.show(vae.pictures.samples(cs[1].model, 32))
vae.pictures.samples(cs[#cs].model, 32)

-- %% [markdown]
-- ## A mixture for a prior
-- $\int q \sum_k w_k p_k$ and $\int (\sum_k w_k p_k)^2$ are sums of Gaussian
-- integrals, so $D_{CS}$ to a mixture of Gaussians is closed, where the KL has
-- to be drawn. Below, a VAE of two latents whose prior is ten Gaussians on a
-- ring, at $\lambda = 2$.

-- %% Closed, and drawn
local turn = orrery.range(0, 9, double) * (math.pi / 5)
local ring = (orrery.stack({ turn:cos(), turn:sin() }, 2) * 2.5)
local function mixture(centres)
  local sd = orrery.full({ 10, 2 }, 0.4, { dtype = centres.dtype })
  return dist.Mixture(orrery.full({ 10 }, 0.1, { dtype = centres.dtype }),
    dist.Independent(dist.Normal(centres, sd), 1))
end
local q = dist.Independent(dist.Normal(of { 0.5, 1 }, of { 0.3, 0.6 }), 1)
local nats, how = dist.cauchy_schwarz(q, mixture(ring))
local kl, drawn = dist.kl(q, mixture(ring), { samples = 20000 })
print(("D_CS %.6f, exact: %s; KL %.3f +- %.3f by draws"):format(nats:item(),
  tostring(how.exact), kl:item(), drawn.standard_error:item()))
-- The same integrals as sums over a fine square of the plane.
local line = orrery.linspace(-5, 5, 401, double)
local plane = orrery.stack({ line:unsqueeze(1):expand(401, 401):reshape(-1),
  line:unsqueeze(2):expand(401, 401):reshape(-1) }, 2)
local a, b = q:log_prob(plane):exp(), mixture(ring):log_prob(plane):exp()
replay.check("D_CS to the mixture, against sums", nats,
  ((a * a):sum() * (b * b):sum()):log() / 2 - (a * b):sum():log(),
  { abs = 1e-9 })

-- %% Trained
local prior = mixture(ring:to "float32")
local model = trained(function(net, x, given)
  local d = vae.objectives.drawn(net, x, given)
  local off = dist.cauchy_schwarz(net:posterior(x), prior):mean()
  return d.rec + off * 2, { rec = d.rec, cs = off }
end, { latent = 2, hidden = set.hidden })
local codes = vae.measure(model, held).means
plot.grid { columns = 2,
  vae.pictures.scatter(codes, labels, digits.classes),
  plot.grid(orrery.no_grad(function()
    return model:decode(prior:sample { 64 }):reshape(64, 1, 28, 28)
  end), { columns = 8, scale = 2 }) }
