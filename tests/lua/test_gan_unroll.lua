--- Unrolled updates: they are the optimisers' own, and the generator's
--- gradient flows through them; counts of modes cannot tell that (the control
--- of first order finds the modes as well).
local orrery, t = require "orrery", require "orrery.testing"
local gan, optim = orrery.gan, orrery.optim

local function normal(seed, ...)
  return orrery.randn({ ... }, { dtype = "float64",
    generator = orrery.Generator(seed) })
end

-- A small game in float64, D smooth so that differences can be taken; its
-- Adam has moments of three updates already.
local function small(part)
  orrery.manual_seed(4)
  local G = gan.mlp(2, 2, { hidden = 3, activation = "tanh" }):double()
  local D = gan.mlp(2, 1, { hidden = 4, activation = "tanh" }):double()
  local game = gan.Game { generator = G, discriminator = D, latent = 2,
    parts = { part }, optimizers = {
      discriminator = { lr = 0.05, betas = { 0.5, 0.9 } } } }
  for i = 1, 3 do
    local x = normal(i, 5, 2)
    game.optimizers.discriminator:minimize((D(x) * x:sum(2, true)):mean())
  end
  return game
end

-- The generator's loss as a function of what it made.
local function ahead(game, real)
  local part = game.parts[1]
  local at = part.numbers(part, game, 1)
  return function(fake)
    local D = part.adversary(part, game, { x = real, real = true },
      { x = fake, real = false }, at)
    return game.loss.generator(game:judge({ x = fake }, D))
  end
end

t.test("unrolled updates are those that the optimiser makes", function()
  for _, through in ipairs { "adam", "sgd" } do
    local game = small(gan.unrolled { steps = 3, through = through,
      lr = 0.07 })
    local real, fake = normal(11, 6, 2), normal(12, 6, 2)
    local loss = ahead(game, real)(fake):item()
    local opt = game.optimizers.discriminator
    if through == "sgd" then
      opt = optim.SGD(game.discriminator, { lr = 0.07 })
    end
    local before = game:judge { x = fake }
    for _ = 1, 3 do
      opt:minimize((game:discriminator_loss({ x = real }, { x = fake })))
    end
    t.near(loss, game.loss.generator(game:judge { x = fake }), 1e-10)
    t.ok((before - game:judge { x = fake }):abs():amax():item() > 1e-3)
  end
end)

for _, through in ipairs { "adam", "sgd" } do
  t.test(through .. ": second and third derivatives agree with differences",
    function()
      local game = small(gan.unrolled { steps = 3, through = through,
        lr = 0.5 })
      local loss = ahead(game, normal(11, 4, 2))
      t.gradcheck(loss, { normal(12, 4, 2) }, { order = 1 })
      t.gradcheck(loss, { normal(12, 4, 2) }, { order = 2 })
    end)
end

t.test("of first order, the gradient is another one", function()
  local game = small(gan.unrolled { steps = 3, second_order = false })
  local real, fake = normal(11, 4, 2), normal(12, 4, 2)
  local loss = ahead(game, real)
  local ok = orrery.gradcheck(loss, { fake })
  t.equal(ok, false)
  -- It is that of the D ahead, held where it is.
  local x = fake:clone():requires_grad_()
  local g = orrery.grad(loss(x), { x })[1]
  local opt = game.optimizers.discriminator
  for _ = 1, 3 do
    opt:minimize((game:discriminator_loss({ x = real }, { x = fake })))
  end
  local held = orrery.grad(game.loss.generator(game:judge { x = x }),
    { x })[1]
  t.near(g, held, 1e-10)
end)

t.test("units that are off leave no nan in Adam's root", function()
  orrery.manual_seed(1)
  local D = gan.mlp(2, 1, { hidden = 6 })
  orrery.no_grad(function() D[1].bias:fill_(-50) end)
  local game = gan.Game { generator = gan.mlp(2, 2, { hidden = 4 }),
    discriminator = D, latent = 2, parts = { gan.unrolled { steps = 2 } } }
  local x = orrery.randn(8, 2)
  for _ = 1, 3 do game:step(x) end
  for _, module in ipairs { D, game.generator } do
    for _, p in ipairs(module:parameters()) do
      t.ok(p:isfinite():all():item() == 1)
    end
  end
end)

t.test("wrong options are told", function()
  t.fails('unrolled: through is "rms"; give adam or sgd', gan.unrolled,
    { through = "rms" })
  local game = gan.Game { generator = gan.mlp(2, 2), latent = 2,
    discriminator = gan.mlp(2, 1), parts = { gan.unrolled {} },
    optimizers = { discriminator = function(p) return optim.RMSprop(p) end } }
  t.fails("unrolled: D's optimizer is rmsprop; unroll through sgd",
    function() game:step(orrery.randn(4, 2)) end)
end)
