-- %% [markdown]
-- # 003-4a  A GAN that is told what to make
-- Generator and discriminator both get an input $y$, a label, a text or an
-- image (Mirza & Osindero 2014):
--
-- $$ \min_G \max_D\; \mathbb E_{x, y} \log D(x, y) + \mathbb E_{y, z} \log(1 -
-- D(G(z, y), y)). $$
--
-- For each $y$ this is the game without it, so the best discriminator is
-- $p(x \mid y) / (p(x \mid y) + g(x \mid y))$ and the value there
--
-- $$ -\log 4 + 2\, \mathbb E_y\, \mathrm{JS}(p(x \mid y) \| g(x \mid y)), $$
--
-- least when $g(x \mid y) = p(x \mid y)$ for every $y$. A discriminator that is
-- not told $y$ compares $p(x)$ with $g(x)$ only: to it a generator that makes
-- the wrong class, or ignores $y$, can be perfect.

-- %%
local orrery = require "orrery"
local data, dist, gan = orrery.data, orrery.dist, orrery.gan
local metrics, plot, replay = orrery.metrics, orrery.plot, orrery.replay
local set = replay.settings {
  steps = 1500, batch = 128, images = 8000, image_steps = 2400, hidden = 256,
  asked = 1000,
  quick = { steps = 60, batch = 32, images = 200, image_steps = 6,
    hidden = 16, asked = 50 },
}
local double = { dtype = "float64" }

-- %% [markdown]
-- ## Who sees the exchange
-- Two classes, $N(1, 1)$ and $N(-1, 1)$, and a generator that makes the first
-- when asked for the second, and the other way round.

-- %% Exchanged classes
local function normals(...)
  return dist.Normal(orrery.tensor({ ... }, double), 1)
end
local function mixed(...)
  return dist.Mixture(orrery.full({ 2 }, 0.5, double), normals(...))
end
local told = dist.js(normals(1, -1), normals(-1, 1)):mean():item()
local untold = dist.js(mixed(1, -1), mixed(-1, 1)):item()
replay.check("JS by class", told, 0.33683082, { abs = 1e-6 })
replay.check("JS of the classes together", untold, 0, { abs = 1e-9 })
replay.check("value of the game, D told", 2 * told - math.log(4),
  -0.71263272, { abs = 1e-6 })
replay.check("value of the game, D not told", 2 * untold - math.log(4),
  -1.38629436, { abs = 1e-6 })

-- %% [markdown]
-- ## Eight Gaussians by number
-- On the ring of eight Gaussians, class $k$ is the $k$-th. Beside the
-- conditional GAN one whose discriminator is not told: it must match the ring
-- as a whole, and nothing ties a class to its place.

-- %% Training
local ring = data.known.ring {}

-- A discriminator that is handed x and the class and looks at x alone.
local Blind = orrery.nn.Module:subclass "Blind"
function Blind:init(net) self.net = net end
function Blind:forward(x) return self.net(x:narrow(2, 1, 2)) end

local function played(blind)
  orrery.manual_seed(1)
  local rates = { lr = 1e-3, betas = { 0.5, 0.999 } }
  local judge = gan.mlp(blind and 2 or 10, 1, { activation = "leaky_relu" })
  local game = gan.Game { generator = gan.mlp(2 + 8, 2), latent = 2,
    discriminator = blind and Blind(judge) or judge,
    parts = { gan.conditional(8) }, rate = gan.halfway(set.steps), ema = 0.99,
    optimizers = { generator = rates, discriminator = rates }, compile = true }
  local losses = {}
  for i = 1, set.steps do
    local n = game:step(ring:sample(set.batch))
    if i % 20 == 0 then losses[#losses + 1] = n.discriminator:item() end
  end
  local y = orrery.range(0, 2499, { dtype = "int64" }):remainder(8) + 1
  local x = game:sample(2500, { y = y, average = true })
  local m = metrics.modes(x, ring)
  return { x = x, y = y, losses = losses, modes = m.modes20,
    quality = m.quality, obeyed = m.nearest:eq(y):double():mean():item() }
end
local conditional, ignorant = played(false), played(true)
print(("told: %d modes, %.2f good, %.2f of the class asked for"):format(
  conditional.modes, conditional.quality, conditional.obeyed))
print(("D not told: %d modes, %.2f good, %.2f of the class asked for"):format(
  ignorant.modes, ignorant.quality, ignorant.obeyed))
replay.check("modes covered", conditional.modes, 8, { abs = 0,
  quick = { relation = ">=", wanted = 0 } })
replay.check("samples of the class asked for", conditional.obeyed, 0.9,
  { relation = ">=", quick = { wanted = 0 } })
replay.check("with a D that is not told", ignorant.obeyed, 0.5,
  { relation = "<", quick = { wanted = 1.01 } })
local sheet = { columns = 2 }
for i, of in ipairs { conditional, ignorant } do
  sheet[i] = plot.scatter { of.x, class = of.y, square = true,
    title = i == 1 and "both told" or "D not told" }
end
orrery.show(plot.grid(sheet))
plot.line { series = { { y = conditional.losses, name = "both told" },
  { y = ignorant.losses, name = "D not told" } }, xlabel = "step / 20",
  ylabel = "loss of D" }

-- %% [markdown]
-- ## Digits by name
-- Fully connected networks, of 28 by 28 images. The generator gets the class
-- beside its noise. The discriminator could get it beside the image, ten
-- numbers among 784; it obeys sooner when the class weighs the features
-- instead, $D(x, y) = w^\top \phi(x) + v_y^\top \phi(x)$ (Miyato & Koyama
-- 2018). The classifier that comes with Orrery reads what was made.

-- %% Training
local digits = assert(data.mnist {})
local images = digits.train:subset(1, set.images)
orrery.manual_seed(1)
local rates = { lr = 1e-3, betas = { 0.5, 0.9 } }
local wide = { hidden = { set.hidden, set.hidden }, batch_norm = true }
local game = gan.Game {
  generator = orrery.nn.Sequential { gan.mlp(16 + 10, 784, wide),
    orrery.nn.Tanh() },
  discriminator = gan.Projection(gan.mlp(784, set.hidden,
    { hidden = { set.hidden }, activation = "leaky_relu" }), set.hidden, 10),
  latent = 16, parts = { gan.conditional(10, "projection") }, ema = 0.99,
  optimizers = { generator = rates, discriminator = rates }, compile = true,
  rate = gan.halfway(set.image_steps),
}
for _, x, y in images:steps(set.image_steps, 64,
  { drop_last = true, shuffle = true, seed = 0 }) do
  game:step(x:flatten(2) * 2 - 1, y)
end

-- %% A row for each code, a column for each digit
local y = orrery.range(0, set.asked - 1, { dtype = "int64" }):remainder(10) + 1
local codes = orrery.randn(set.asked // 10, 16):unsqueeze(2)
  :expand(set.asked // 10, 10, 16):reshape(-1, 16)
local x = (game:sample(set.asked, { y = y, z = codes, average = true }) + 1)
  :reshape(-1, 1, 28, 28) / 2
local judge = metrics.extractor()
local said = judge:classify(x, "digits")
replay.check("images of the digit asked for", said:eq(y):double():mean(), 0.9,
  { relation = ">=", quick = { wanted = 0 } })
replay.check("least of the ten classes", said:eq(y):double()
  :reshape(-1, 10):mean(1):min(), 0.7, { relation = ">=",
    quick = { wanted = 0 } })
plot.grid(x:narrow(1, 1, math.min(80, set.asked)), { columns = 10, scale = 2,
  column_names = digits.classes })
