--- The engine of GANs and its parts: what each changes, and nothing else.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local gan = orrery.gan

local ring = orrery.data.known.ring {}

local function game(given, from)
  orrery.manual_seed(3)
  local o = { generator = gan.mlp(3, 2, { hidden = { 8, 8 } }), latent = 3,
    discriminator = gan.mlp(from or 2, 1, { hidden = { 8, 8 } }) }
  for key, value in pairs(given or {}) do o[key] = value end
  return gan.Game(o)
end

local parameters = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/parameters.lua")
local copies, moved = parameters.copies, parameters.moved

-- Parts that all fit D of two inputs.
local plain = {
  none = {}, noise = { gan.instance_noise { std = 0.3, steps = 20 } },
  gp = { gan.penalty("gp", 10) }, lp = { gan.penalty("lp", 10) },
  dragan = { gan.penalty("dragan", 10) }, r1 = { gan.penalty("r1", 1) },
  r2 = { gan.penalty("r2", 1) }, clip = { gan.clip(0.05) },
  unrolled = { gan.unrolled { steps = 2 } },
}

for name, parts in pairs(plain) do
  t.test(name .. ": recorded steps have the bits of plain ones", function()
    local function run(compile)
      local g = game { parts = parts, compile = compile, critic_steps = 2,
        ema = 0.9, rate = gan.halfway(8) }
      local r
      for _ = 1, 6 do r = g:step(ring:sample(16)) end
      return g, r
    end
    local a, ra = run(false)
    local b, rb = run(true)
    t.equal(copies(a.generator), copies(b.generator))
    t.equal(copies(a.discriminator), copies(b.discriminator))
    t.equal(copies(a.average.model), copies(b.average.model))
    for key, value in pairs(ra) do
      t.equal(value:item(), rb[key]:item())
      t.ok(value:isfinite():item() == 1)
    end
  end)
end

t.test("every loss trains", function()
  for name in pairs(gan.losses) do
    local g = game { loss = name }
    local G, D = copies(g.generator), copies(g.discriminator)
    g:step(ring:sample(8))
    t.ok(moved(g.generator, G) > 0 and moved(g.discriminator, D) > 0)
  end
end)

-- The engine with nothing added, against the two updates written out.
t.test("a step is D's update, then the generator's on fresh codes", function()
  local g = game()
  local G, D = g.generator:clone(), g.discriminator:clone()
  local function adam(m)
    return orrery.optim.Adam(m, { lr = 1e-3, betas = { 0.5, 0.999 } })
  end
  local optG, optD = adam(G), adam(D)
  local x = ring:sample(8)
  local stream = orrery.default_generator()
  local place = stream:state()
  g:step(x)
  stream:set_state(place)
  local F = orrery.nn.functional
  local function bce(logits, label)
    return F.binary_cross_entropy_with_logits(logits,
      orrery.full_like(logits, label))
  end
  local fake = orrery.no_grad(G, orrery.randn(8, 3))
  optD:minimize(bce(D(x), 1) + bce(D(fake), 0))
  optG:minimize(bce(D(G(orrery.randn(8, 3))), 1))
  t.ok(moved(g.generator, copies(G)) < 1e-6)
  t.ok(moved(g.discriminator, copies(D)) < 1e-6)
end)

t.test("two rates make two time scales, and halve from the middle on",
  function()
    local g = game { optimizers = { generator = { lr = 1e-4 },
      discriminator = { lr = 4e-4 } }, rate = gan.halfway(4) }
    local seen = {}
    for i = 1, 4 do
      g:step(ring:sample(4))
      seen[i] = g.optimizers.discriminator.param_groups[1].lr
      t.near(g.optimizers.generator.param_groups[1].lr, seen[i] / 4, 1e-12)
    end
    t.near(seen, { 4e-4, 4e-4, 4e-4, 2e-4 }, 1e-12)
  end)

t.test("packing shows D several examples as one", function()
  local g = game({ parts = { gan.pack(3) } }, 6)
  local x = ring:sample(6)
  local seen = g:seen { x = x, real = true }
  t.equal(seen.x, orrery.cat({ x[{ { 1, 3 } }]:reshape(1, 6),
    x[{ { 4, 6 } }]:reshape(1, 6) }, 1))
  g:step(x)
  t.equal(g:score(ring:sample(5)):shape_str(), "[5]")
  local images = gan.pack(2)
  local side = { x = orrery.rand(4, 3, 5, 5) }
  images.see(images, g, side)
  t.equal(side.x:shape_str(), "[2, 6, 5, 5]")
  t.fails("pack: 5 examples do not split into packs of 3; change the batch",
    function() g:step(ring:sample(5)) end)
end)

t.test("noise has its deviation, and goes", function()
  local part = gan.instance_noise { std = 2, steps = 10 }
  local g = game { parts = { part } }
  t.near({ part.numbers(part, g, 1).std, part.numbers(part, g, 6).std,
    part.numbers(part, g, 11).std, part.numbers(part, g, 20).std },
    { 2, 1, 0, 0 }, 1e-12)
  local side = { x = orrery.zeros(5000, 2) }
  part.see(part, g, side, { std = 1.5 })
  t.near(side.x:std(), 1.5, 0.05)
  -- Between steps there is none.
  for _ = 1, 2 do
    t.equal(g:seen({ x = side.x, real = true }).x, side.x)
    g:step(ring:sample(4))
  end
end)

t.test("clipping keeps D within its limit", function()
  local g = game { loss = "wgan", parts = { gan.clip(0.01) } }
  g:step(ring:sample(8))
  for _, p in ipairs(g.discriminator:parameters()) do
    t.ok(p:abs():amax():item() <= 0.01 + 1e-9)
  end
end)

t.test("a penalty joins D's loss, weighed", function()
  local g = game { parts = { gan.penalty("r1", 3) } }
  local real = { x = ring:sample(8) }
  local cost = g.parts[1].cost(g.parts[1], g, real, real)
  t.near(cost, gan.penalties.r1(function(x) return g.discriminator(x) end,
    real.x) * 3, 1e-6)
end)

t.test("VEEGAN's reconstructor learns codes from what the generator makes",
  function()
    local R = gan.mlp(2, 3, { hidden = 16 })
    local g = game({ parts = { gan.veegan { reconstructor = R } } }, 5)
    local was = copies(R)
    local real = g:seen { x = ring:sample(4), z = orrery.ones(4, 3),
      real = true }
    t.equal(real.x:shape_str(), "[4, 5]")
    local fake = { x = orrery.randn(4, 2), z = orrery.randn(4, 3) }
    local term = g.parts[1].term(g.parts[1], g, fake)
    t.near(term, ((R(fake.x) - fake.z) ^ 2):sum(2):mean() / 3, 1e-5)
    for _ = 1, 5 do g:step(ring:sample(8)) end
    t.ok(moved(R, was) > 0)
  end)

t.test("VEEGAN's reconstructor plays against D unless told not to", function()
  for _, adversarial in ipairs { true, false } do
    local R = gan.mlp(2, 3, { hidden = 8 })
    -- No weight on reconstruction: what moves R is D alone.
    local g = game({ parts = { gan.veegan { reconstructor = R, weight = 0,
      adversarial = adversarial } } }, 5)
    local was = copies(R)
    g:step(ring:sample(8))
    t.equal(moved(R, was) > 0, adversarial)
  end
end)

t.test("ALI's encoder plays against D", function()
  for _, stochastic in ipairs { false, true } do
    local E = gan.mlp(2, stochastic and 6 or 3, { hidden = 8 })
    local g = game({ compile = true, parts = { gan.ali { encoder = E,
      stochastic = stochastic } } }, 5)
    local was = copies(E)
    for _ = 1, 3 do g:step(ring:sample(8)) end
    t.ok(moved(E, was) > 0)
    t.equal(g:score(ring:sample(4)):shape_str(), "[4]")
  end
end)

t.test("InfoGAN's bound is cross-entropy and half squares", function()
  local Q = gan.mlp(2, 4, { hidden = 8 })
  local info = gan.info { net = Q, classes = 3, uniform = 1, noise = 2 }
  local g = game { generator = gan.mlp(6, 2, { hidden = 8 }),
    latent = info.latent, parts = { info } }
  local z = g:noise(200)
  t.equal(z:narrow(2, 1, 3):sum(2), orrery.ones(200))
  t.ok(z:select(2, 4):abs():amax():item() <= 1)
  local x = orrery.randn(200, 2)
  local term = info.term(info, g, { x = x, z = z })
  local said = Q(x)
  local class = z:narrow(2, 1, 3):argmax(2)
  local wanted = orrery.nn.functional.cross_entropy(
    said:narrow(2, 1, 3), class)
    + ((said:select(2, 4) - z:select(2, 4)) ^ 2):mean() * 0.5
  t.near(term, wanted, 1e-5)
  local was = copies(Q)
  g:step(ring:sample(8))
  t.ok(moved(Q, was) > 0)
end)

t.test("a conditional game tells both players the class", function()
  for _, way in ipairs { "concat", "projection" } do
    local D = way == "concat" and gan.mlp(2 + 8, 1, { hidden = 8 })
      or gan.Projection(gan.mlp(2, 6, { hidden = 8 }), 6, 8)
    local g = game { generator = gan.mlp(3 + 8, 2, { hidden = 8 }),
      discriminator = D, parts = { gan.conditional(8, way) },
      compile = true }
    for _ = 1, 2 do
      local x, y = ring:sample(16)
      g:step(x, y)
    end
    local y = orrery.tensor({ 1, 5, 5 }, { dtype = "int64" })
    local z = orrery.randn(1, 3):expand { 3, 3 }
    local x = g:sample(3, { y = y, z = z })
    t.equal(x[2], x[3])
    t.ok((x[1] - x[2]):abs():amax():item() > 0)
    t.equal(g:score(ring:sample(3), y):shape_str(), "[3]")
    t.fails("gan: a part of this game needs classes; give step(x, y)",
      function() g:step((ring:sample(4))) end)
  end
  local images = gan.conditional(2)
  local side = { x = orrery.zeros(1, 1, 2, 2),
    y = orrery.tensor({ 2 }, { dtype = "int64" }) }
  images.see(images, nil, side)
  t.near(side.x, { { { { 0, 0 }, { 0, 0 } }, { { 0, 0 }, { 0, 0 } },
    { { 1, 1 }, { 1, 1 } } } })
end)

t.test("the same state goes on to the same numbers", function()
  local function made()
    return game({ ema = 0.9, parts = { gan.veegan { reconstructor =
      gan.mlp(2, 3, { hidden = 4 }) } } }, 5)
  end
  local a, b = made(), made()
  for _ = 1, 3 do a:step(ring:sample(8)) end
  local folder = files.folder()
  local path = folder .. "/game.safetensors"
  assert(orrery.save(path, a:state_dict()))
  b:load_state_dict(assert(orrery.load(path)))
  files.drop(folder)
  local x, stream = ring:sample(8), orrery.default_generator()
  local place = stream:state()
  a:step(x)
  stream:set_state(place)
  b:step(x)
  t.equal(copies(a.generator), copies(b.generator))
  t.equal(copies(a.average.model), copies(b.average.model))
  t.equal({ a.steps, b.steps }, { 4, 4 })
  t.fails_like("^gan: the state has no [%w_ ]+; load that of a game made alike",
    function() b:load_state_dict {} end)
end)

t.test("a game is measured whatever D is shown", function()
  local g = game { parts = { gan.instance_noise {} } }
  local m = g:measure(ring:sample(16))
  t.near(m.d_accuracy, (m.d_accuracy_real + m.d_accuracy_fake) / 2, 1e-12)
  t.ok(m.generator_gradient > 0 and m.gradient_norm.discriminator > 0)
  -- All units off: D is flat, and the generator has no gradient.
  orrery.no_grad(function() g.discriminator[1].bias:fill_(-1e4) end)
  m = g:measure(ring:sample(16))
  t.equal(m.generator_gradient, 0.0)
  t.equal(m.dead_units["D.2"], 1.0)
  local packed = game({ parts = { gan.pack(2) } }, 4)
  t.ok(packed:measure(ring:sample(8)).generator_gradient > 0)
  local joint = game({ parts = { gan.veegan { reconstructor =
    gan.mlp(2, 3, { hidden = 4 }) } } }, 5)
  t.ok(joint:measure(ring:sample(8)).generator_gradient > 0)
end)

-- D(x) = d x and G(z) = g z on the line, g moved from 2 to 2.5.
t.test("a game of linear players is measured as by hand", function()
  local nn, d = orrery.nn, 0.5
  local g = gan.Game { generator = nn.Linear(1, 1), latent = function()
    return orrery.tensor { { 1 }, { -1 } }
  end, discriminator = nn.Linear(1, 1), loss = "lsgan" }
  orrery.no_grad(function()
    for net, w in pairs { [g.discriminator] = d, [g.generator] = 2 } do
      net.weight:fill_(w)
      net.bias:fill_(0)
    end
  end)
  g:before()
  orrery.no_grad(function() g.generator.weight:fill_(2.5) end)
  local m = g:measure(orrery.tensor { { 3 }, { 0.5 } })
  -- D says 1.5, 0.25 of real and 1.25, -1.25 of made: the boundary is 1/2
  t.equal({ m.d_accuracy_real, m.d_accuracy_fake }, { 0.5, 0.5 })
  -- mean (f - 1)^2, f = d x: d (f - 1) at each of two samples
  t.near(m.generator_gradient, d * math.sqrt(0.25 ^ 2 + 2.25 ^ 2), 1e-6)
  -- with x = g z + b: d sum (f - 1) z, d sum (f - 1)
  t.near(m.gradient_norm.generator, d * math.sqrt(2.5 ^ 2 + 2 ^ 2), 1e-6)
  -- mean (r - 1)^2 + mean f^2: sum (r - 1) x + f x; sum (r - 1) + f
  local by_d = 0.5 * 3 - 0.75 * 0.5 + 1.25 * 2.5 * 2
  t.near(m.gradient_norm.discriminator,
    math.sqrt(by_d ^ 2 + (0.5 - 0.75) ^ 2), 1e-5)
  t.near(m.update_ratio.generator, 0.25, 1e-6)
  t.equal(m.update_ratio.discriminator, 0.0)
  t.equal(m.dead_units, nil)
  t.equal(g:measure(orrery.tensor { { 3 } }).update_ratio, nil)
  t.equal(g.generator.weight.grad, nil)
end)

t.test("a critic's zero is no boundary", function()
  local g = game { loss = "wgan" }
  local n, m = g:step(ring:sample(8)), g:measure(ring:sample(8))
  t.equal({ n.real_right, n.fake_right, m.d_accuracy }, {})
end)

t.test("looking at a game changes nothing of it", function()
  orrery.manual_seed(8)
  local stream = orrery.Generator(5)
  local g = gan.Game { generator = gan.dcgan_generator { latent = 4,
    channels = 2 }, discriminator = gan.dcgan_discriminator { channels = 2 },
    latent = 4, stream = stream, parts = { gan.augment() } }
  local x = orrery.rand { 4, 1, 28, 28 }
  g:step(x)
  local function all()
    local list = { stream:state(), orrery.default_generator():state() }
    for _, net in ipairs { g.generator, g.discriminator } do
      for _, b in ipairs(net:buffers()) do list[#list + 1] = b:tolist() end
    end
    return list
  end
  local before = all()
  t.ok(g:measure(x).gradient_norm.generator > 0)
  t.equal(all(), before)
end)

t.test("wrong options are told", function()
  t.fails('gan: there is no loss "hinges"; did you mean hinge?', game,
    { loss = "hinges" })
  t.fails("gan: generator is 3; give a module", game, { generator = 3 })
  t.fails("gan: x has 5 examples for 2 critic steps; give a multiple",
    function() game { critic_steps = 2 }:step(ring:sample(5)) end)
  t.fails("gan: parts 1 and 2 both unroll; give one", game,
    { parts = { gan.unrolled {}, gan.unrolled {} } })
  t.fails("gan: this game keeps no average; make it with ema = 0.999",
    function() game():sample(3, { average = true }) end)
  t.fails('penalty: kind is "gpp"; give gp, lp, dragan, r1 or r2', gan.penalty,
    "gpp", 1)
end)
