--- Training and using style-based generators: lazy parts, path lengths, growth,
--- directions, projections, what noise does.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local gan, nn, style = orrery.gan, orrery.nn, orrery.style
local o64 = { dtype = "float64" }

local function stream(seed) return orrery.Generator(seed) end

local function normal(seed, ...)
  return orrery.randn({ ... }, { dtype = "float64", generator = stream(seed) })
end

-- The mapping at the rate of the rest.
local small_generator = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/small_generator.lua")
local function generator(more)
  local o = { mapping_rate = 1 }
  for k, v in pairs(more or {}) do o[k] = v end
  return small_generator(o)
end

t.test("a lazy part counts at every k-th step, k times", function()
  local part = { name = "ones", cost = function(_, _, a) return a end,
    numbers = function(_, _, step) return { half = step / 2 } end }
  local lazy = style.lazy(part, 4)
  for step = 1, 9 do
    local at = lazy:numbers(nil, step)
    t.equal(at.half, step / 2)
    t.equal(lazy:cost(nil, 3, nil, at), (step - 1) % 4 == 0 and 12 or 0)
  end
  t.equal(lazy.term, nil)
end)

t.test("of Adam a lazy player takes k of k + 1 steps", function()
  local o = style.lazy_adam({ lr = 0.002, betas = { 0.5, 0.99 } }, 16)
  t.near(o.lr, 0.002 * 16 / 17, 1e-15)
  t.near(o.betas[1] ^ 17, 0.5 ^ 16, 1e-12)
  t.near(o.betas[2] ^ 17, 0.99 ^ 16, 1e-12)
  t.near(style.lazy_adam({ lr = 1 }, 4).betas[1], 0)
end)

-- A generator whose images are linear in styles: image = A_l w_l, summed.
local function linear(layers, d, side)
  local G = { layers = layers, style_dim = d, training = true }
  G.weights = normal(2, layers, d, side * side)
  function G.synthesize(_, ws)
    local n = ws:size(1)
    return orrery.einsum("nld,ldp->np", ws, G.weights):reshape(n, 1, side,
      side)
  end
  return G
end

t.test("path lengths of a linear generator are those of A' y", function()
  local G = linear(3, 4, 5)
  local ws = normal(3, 2, 3, 4):requires_grad_()
  local y = normal(4, 2, 1, 5, 5)
  local got = style.path_lengths(G, ws, y)
  for n = 1, 2 do
    local sum = 0
    for l = 1, 3 do
      local pulled = G.weights[l]:matmul(y[n]:reshape(-1))
      sum = sum + (pulled * pulled):sum():item()
    end
    t.near(got[n], math.sqrt(sum / 3), 1e-9)
  end
end)

for version = 1, 2 do
  t.test("path lengths' gradient by weights, version " .. version, function()
    local G = generator { version = version }
    local noise, y = G:noise(2, stream(1)), normal(4, 2, 1, 8, 8)
    local z = normal(3, 2, 5)
    local function penalty()
      local ws = G:styles(z)
      return ((style.path_lengths(G, ws, y, noise) - 0.3) ^ 2):mean()
    end
    local params = G:parameters()
    local g = orrery.grad(penalty(), params, { allow_unused = true })
    for i, p in ipairs(params) do
      local along = normal(i, p:shape())
      local function at(h)
        orrery.no_grad(function() p:add_(along * h) end)
        local value = penalty():item()
        orrery.no_grad(function() p:add_(along * -h) end)
        return value
      end
      local want = (at(1e-5) - at(-1e-5)) / 2e-5
      local got = g[i] and (g[i] * along):sum():item() or 0
      t.near(got, want, 1e-5 * math.max(1, math.abs(want)))
    end
  end)
end

local function game(more)
  local o = { latent = 5, ema = 0.9, generator = style.Generator { size = 8,
    channel_base = 32, latent = 5, style_dim = 4, mapping = 2 },
    discriminator = style.Discriminator { size = 8, channel_base = 32 },
    parts = { style.lazy(gan.penalty("r1", 1), 2),
      style.path_length { every = 2 } } }
  for k, v in pairs(more or {}) do o[k] = v end
  return gan.Game(o)
end

local function play(g, n)
  for _ = 1, n do g:step(orrery.rand({ 4, 1, 8, 8 }, { low = -1 })) end
end

t.test("a game with lazy R1 and path lengths: recorded, the same bits",
  function()
    local kept = {}
    for i, compile in ipairs { false, true } do
      orrery.manual_seed(3)
      local g = game { compile = compile }
      play(g, 5)
      kept[i] = g:state_dict()
    end
    for name, value in pairs(kept[1].generator) do
      t.equal(kept[2].generator[name], value)
    end
    local mean = kept[1]["part 2 paths"].mean_length
    t.ok(mean:item() > 0)
    t.equal(kept[2]["part 2 paths"].mean_length, mean)
  end)

t.test("each replay of a recorded step draws its codes anew",
  function()
    orrery.manual_seed(5)
    local still = { lr = 0 }
    local g = game { compile = true, parts = {}, optimizers = {
      generator = still, discriminator = still } }
    local before = orrery.clone(g.generator.constant)
    local x, seen = orrery.rand({ 4, 1, 8, 8 }, { low = -1 }), {}
    for _ = 1, 4 do
      local said = g:step(x).discriminator:item()
      t.equal(seen[said], nil)
      seen[said] = true
    end
    t.equal(g.generator.constant, before)
  end)

t.test("a game that was kept goes on with the same bits", function()
  orrery.manual_seed(4)
  local one = game { compile = true }
  play(one, 3)
  local state, random = one:state_dict(), orrery.default_generator():state()
  local folder = files.folder()
  local path = folder .. "/game.safetensors"
  assert(orrery.save(path, { game = state }))
  play(one, 3)
  local other = game { compile = true }
  other:load_state_dict(assert(orrery.load(path)).game)
  files.drop(folder)
  orrery.default_generator():set_state(random)
  play(other, 3)
  local want = one:state_dict()
  for _, part in ipairs { "generator", "discriminator", "average" } do
    for name, value in pairs(other:state_dict()[part]) do
      t.equal(value, want[part][name])
    end
  end
end)

-- ---- growth

local function growing()
  local o = { size = 16, channel_base = 32, latent = 5, style_dim = 4,
    mapping = 2, progressive = true, dtype = "float64" }
  local G = style.Generator(o)
  o.latent, o.style_dim, o.mapping = nil, nil, nil
  return G, style.Discriminator(o)
end

t.test("growth: steady, then each side faded in and steady", function()
  local G, D = growing()
  local growth = style.growth { nets = { G, D }, fade = 4, steady = 2 }
  local seen = {}
  for step = 1, 16 do
    local side, fade = growth:at(step)
    seen[step] = ("%d %g"):format(side, fade)
  end
  t.equal(table.concat(seen, ", "), "4 1, 4 1, 8 0.25, 8 0.5, 8 0.75, 8 1, "
    .. "8 1, 8 1, 16 0.25, 16 0.5, 16 0.75, 16 1, 16 1, 16 1, 16 1, 16 1")
  t.equal(growth:steps(), 14)
  local later = style.growth { nets = { G, D }, from = 8, fade = 0, steady = 2 }
  t.equal({ later:at(2) }, { 8, 1 })
  t.equal({ later:at(3) }, { 16, 1 })
  local whole = style.growth { nets = { G, D }, steps = 80 }
  t.equal({ whole.fade, whole.steady }, { 10, 10 })
  t.equal({ whole:at(39) }, { 16, 0.9 })
  t.equal({ whole:at(40) }, { 16, 1 })
  t.fails("style.growth: steps is 0; give a whole number of at least 1",
    style.growth, { nets = { G, D }, steps = 0 })
  t.fails("style.growth: from is 5; give one of the sides 4, 8, 16",
    style.growth, { nets = { G, D }, from = 5 })
end)

t.test("a side at fade 0 is the smaller image, enlarged; D sees so too",
  function()
    local G, D = growing()
    local ws, noise = normal(1, 2, 6, 4), G:noise(2, stream(1))
    G.size = 8
    local small = G:synthesize(ws, noise)
    t.equal(small:shape_str(), "[2, 1, 8, 8]")
    G.size, G.fade = 16, 0
    t.near(G:synthesize(ws, noise), style.double(small), 1e-12)
    G.fade = 1
    local large = G:synthesize(ws, noise)
    G.fade = 0.25
    t.near(G:synthesize(ws, noise),
      style.double(small) * 0.75 + large * 0.25, 1e-12)
    local x = normal(2, 4, 1, 16, 16)
    D.size, D.fade = 16, 0
    local said = D(x)
    D.size, D.fade = 8, 1
    t.near(D(nn.functional.avg_pool2d(x, 2)), said, 1e-12)
  end)

t.test("growth halves what is shown, and softens it while it fades", function()
  local G, D = growing()
  local growth = style.growth { nets = { G, D }, fade = 4, steady = 2 }
  local x = normal(3, 1, 1, 16, 16)
  local half = nn.functional.avg_pool2d(x, 2)
  t.near(growth:set(6, x), half, 1e-12)
  t.equal({ G.size, D.size, G.fade }, { 8, 8, 1 })
  local quarter = nn.functional.upsample_nearest2d(
    nn.functional.avg_pool2d(half, 2), 2)
  t.near(growth:set(4, x), (half + quarter) / 2, 1e-12)
  t.equal({ G.size, D.size, G.fade }, { 8, 8, 0.5 })
end)

t.test("a growing game is recorded for each side: the same bits", function()
  local kept = {}
  for i, compile in ipairs { false, true } do
    orrery.manual_seed(6)
    local o = { size = 8, channel_base = 32, progressive = true }
    local D = style.Discriminator(o)
    o.latent, o.style_dim, o.mapping = 5, 4, 2
    local g = game { generator = style.Generator(o), discriminator = D,
      compile = compile }
    local growth = style.growth { nets = { g.generator, D, g.average.model },
      fade = 3, steady = 2 }
    for step = 1, 7 do
      g:step(growth:set(step, orrery.rand({ 4, 1, 8, 8 }, { low = -1 })))
    end
    kept[i] = g:state_dict()
    t.equal(g:sample(2, { average = true }):shape_str(), "[2, 1, 8, 8]")
  end
  for name, value in pairs(kept[1].average) do
    t.equal(kept[2].average[name], value)
  end
end)

-- ---- directions

t.test("hyperplanes part what a hyperplane made, in the codes' own numbers",
  function()
    local codes = normal(1, 2000, 3) * 2 + 5
    local normal_to = orrery.tensor({ 0.6, 0, -0.8 }, o64)
    local y = (codes:matmul(normal_to) + 1):gt(0):double()
    local w, b = orrery.metrics.hyperplanes(codes, y:reshape(-1, 1))
    t.near((codes:matmul(w) + b):select(2, 1):gt(0):double():eq(y):double()
      :mean(), 1, 0.01)
    local direction, accuracy = style.direction(codes, y)
    t.near(direction, normal_to, 0.03)
    t.near(direction:norm(), 1, 1e-12)
    t.ok(accuracy > 0.99)
    t.fails("hyperplanes: attributes are [2000] for 2000 codes; give [N, K] of "
      .. "0 and 1", orrery.metrics.hyperplanes, codes, y)
  end)

t.test("a direction against others is orthogonal to all of them", function()
  local codes = normal(2, 500, 4)
  local y = codes:sum(2):gt(0):double()
  local a, b = normal(3, 4), normal(4, 4)
  local d = style.direction(codes, y, { against = { a, b } })
  t.near((d * a):sum(), 0, 1e-12)
  t.near((d * b):sum(), 0, 1e-12)
  t.near(d:norm(), 1, 1e-12)
end)

t.test("crossed styles have layers of the one and of the other", function()
  local a, b = orrery.zeros { 1, 4, 2 }, orrery.ones { 1, 4, 2 }
  t.equal(style.crossed(a, b, 2, 3):select(3, 1), orrery.tensor { { 0, 1, 1,
    0 } })
  t.equal(style.crossed(a, b, 1, 4), b)
  t.fails("style.crossed: layers are 3 to 5; give some of 1 to 4",
    style.crossed, a, b, 3, 5)
end)

t.test("projection finds the style of an image that has one", function()
  local G = linear(2, 3, 4)
  G.w_mean = orrery.zeros({ 3 }, o64)
  local x = G.synthesize(G, normal(5, 2, 2, 3))
  local ws, psnr = style.project(G, x, { steps = 400 })
  t.equal(ws:shape_str(), "[2, 2, 3]")
  t.ok(psnr:amin():item() > 40, psnr:amin():item())
  local one = style.project(G, x, { steps = 3, layers = false })
  t.equal(one:select(2, 1), one:select(2, 2))
end)

-- ---- noise

t.test("detail: nothing of flat images, 3/4 of white noise, all of stripes",
  function()
    t.near(style.detail(orrery.ones({ 1, 8, 8 }, o64)), 0, 1e-12)
    t.near(style.detail(normal(1, 500, 8, 8)), 0.75, 0.01)
    local stripes = orrery.range(0, 7, o64):remainder(2) * 2 - 1
    t.near(style.detail(stripes:expand(8, 8)), 1, 0.2)
    local slow = ((orrery.range(0, 7, o64) + 0.5) * (math.pi / 8)):cos()
    t.near(style.detail(slow:expand(8, 8)), 0, 1e-12)
  end)

t.test("noise's variance and style's are those of a generator made of both",
  function()
    -- image = w + s noise: of a pixel, Var by style of w's, by noise s^2.
    local G = { layers = 1 }
    function G.noise(_, n, g)
      return { orrery.randn({ n, 1, 6, 6 }, { generator = g }) }
    end
    function G.synthesize(_, ws, noise)
      local x = ws:select(3, 1):reshape { -1, 1, 1, 1 }
        :expand { ws:size(1), 1, 6, 6 }
      return noise[1] and x + noise[1] * 0.5 or x
    end
    local ws = orrery.randn({ 300, 1, 1 }, { generator = stream(1) }) * 3
    local e = style.noise_effect(G, ws, { draws = 30, generator = stream(2) })
    t.near(e.noise, 0.25, 0.01)
    t.near(e.style, ws:var():item(), 1e-4)
    t.near(e.share, e.noise / e.style, 1e-12)
    t.near(e.detail, 0.75, 0.01)
    t.equal(e.map:shape_str(), "[300, 6, 6]")
    t.near(e.map:mean(), 0.5, 0.02)
    t.equal(style.noise_effect(G, ws, { layers = {} }).noise, 0.0)
  end)

t.test("configurations A to F add one thing after another", function()
  local z = orrery.randn(2, 5)
  for _, name in ipairs { "A", "B", "C", "D", "E", "F" } do
    local g, d = style.configuration(name, { size = 8, channel_base = 32 })
    g.latent, g.style_dim, g.mapping = 5, 4, 2
    local G, D = style.Generator(g), style.Discriminator(d)
    t.equal(D(G(z)):shape_str(), "[2, 1]")
    t.equal(G.mapping.layers ~= nil, name >= "C")
    t.equal(G.constant ~= nil, name >= "D")
    t.equal(G.synthesis[1].strength ~= nil, name >= "E")
    t.equal(G.mixing > 0, name == "F")
    t.equal(G.smooth, name >= "B")
  end
  t.fails('style.configuration: there is no "G"; give A, B, C, D, E or F',
    style.configuration, "G")
end)
