--- Augmentation of what D sees: which maps can be undone, what they do to the
--- divergence, and the parts that use them.
local orrery, t = require "orrery", require "orrery.testing"
local dist, gan, nn = orrery.dist, orrery.gan, orrery.nn
local maps = gan.maps

local random = orrery.Generator(31)
local function images(n, colours, side)
  return orrery.rand({ n, colours, side, side }, { generator = random })
end

t.test("turns and mirrors can be undone to the bit, shifts and crops cannot",
  function()
    local x = images(3, 2, 6)
    for _, map in ipairs { maps.rotation(90), maps.rotation(180),
      maps.rotation(270), maps.flip "left-right", maps.flip "up-down",
      maps.flip "both",
      maps.chain { maps.flip "left-right", maps.rotation(90) } } do
      t.ok(map.invertible, map.name)
      t.equal(maps.round_trip(map, x), 0.0)
      t.ok(not map.forward(x):equal(x), map.name)
    end
    for _, map in ipairs { maps.translation(2), maps.translation(1, "up"),
      maps.crop(0.7), maps.crop(0.7, "bottom right"),
      maps.chain { maps.flip "both", maps.translation(1) } } do
      t.ok(not map.invertible, map.name)
      t.ok(maps.round_trip(map, x) > 0.01, map.name)
    end
  end)

t.test("maps move pixels as they say", function()
  local x = orrery.tensor({ { { { 1, 2 }, { 3, 4 } } } })
  t.near(maps.rotation(90).forward(x), { { { { 2, 4 }, { 1, 3 } } } }, 0)
  t.near(maps.flip("left-right").forward(x), { { { { 2, 1 }, { 4, 3 } } } }, 0)
  t.near(maps.translation(1).forward(x), { { { { 0, 1 }, { 0, 3 } } } }, 0)
  t.near(maps.translation(1, "up").forward(x),
    { { { { 3, 4 }, { 0, 0 } } } }, 0)
  t.near(maps.crop(0.5, "bottom right").forward(x),
    { { { { 4, 4 }, { 4, 4 } } } }, 0)
end)

-- ---- the theorem and the inequality, on laws of tiny pictures

-- All 16 pictures of 2 x 2 black or white pixels, as numbers from 1.
local function all_pictures()
  local list = {}
  for i = 0, 15 do
    list[i + 1] = { { { i & 1, i >> 1 & 1 }, { i >> 2 & 1, i >> 3 & 1 } } }
  end
  return orrery.tensor(list, { dtype = "float64" })
end

-- The law of T x, x drawn by `probs` [16].
local function pushed(probs, map)
  local y = map.forward(all_pictures()):flatten(2)
  local index = (y * orrery.tensor({ 1, 2, 4, 8 }, { dtype = "float64" }))
    :sum(2):round():to "int64" + 1
  return orrery.zeros({ 16 }, { dtype = "float64" })
    :scatter_add(1, index, probs)
end

local function random_law(sharp)
  return (orrery.randn({ 16 }, { dtype = "float64", generator = random })
    * sharp):softmax(1)
end

local function js(p, q)
  return (dist.js(dist.Categorical { probs = p }, dist.Categorical {
    probs = q })):item()
end

t.test("JS is the same under every map that can be undone", function()
  for _ = 1, 5 do
    local p, q = random_law(2), random_law(2)
    for _, map in ipairs { maps.rotation(90), maps.flip "up-down",
      maps.chain { maps.flip "left-right", maps.rotation(270) } } do
      t.near(js(pushed(p, map), pushed(q, map)), js(p, q), 1e-14)
    end
    t.ok(js(pushed(p, maps.translation(1)), pushed(q, maps.translation(1)))
      < js(p, q) - 1e-6)
  end
end)

t.test("JS of mixtures over maps is at most JS, and can lose everything",
  function()
    local function mixed(p)
      local sum = p
      for _, map in ipairs(maps.rotations()) do sum = sum + pushed(p, map) end
      return sum / 4
    end
    for _ = 1, 5 do
      local p, q = random_law(2), random_law(2)
      t.ok(js(mixed(p), mixed(q)) <= js(p, q) + 1e-15)
    end
    local p = random_law(2)
    local q = pushed(p, maps.rotation(90))
    t.ok(js(p, q) > 0.01)
    t.near(js(mixed(p), mixed(q)), 0, 1e-14)
  end)

-- D* of each head gives sum V = -(K - 1) log 4 + 2 (K - 1) JS.
t.test("the heads at their best add up to K - 1 times the game's value",
  function()
    local p, q = random_law(1), random_law(1)
    local function value(a, b)
      local best = a:log() - b:log()
      return -(a * (-best):softplus() + b * best:softplus()):sum():item()
    end
    local sum = 0
    for _, map in ipairs(maps.rotations()) do
      sum = sum + value(pushed(p, map), pushed(q, map))
    end
    t.near(sum, -3 * math.log(4) + 6 * js(p, q), 1e-12)
  end)

-- ---- parts

-- A game on 2 x 2 pictures whose trunk is the picture itself.
local function game(parts, D)
  local G = nn.Sequential { nn.Linear(2, 4), nn.Unflatten(2, { 1, 2, 2 }) }
  return gan.Game { generator = G, discriminator = D or nn.Sequential {
    nn.Flatten(), nn.Linear(4, 1) }, latent = 2, parts = parts,
    stream = orrery.Generator(4) }
end

t.test("DAG adds the mean loss of heads on changed pictures, both ways",
  function()
    local trunk, heads = nn.Flatten(), {}
    for k = 1, 3 do heads[k] = nn.Linear(4, 1) end
    local part = gan.dag { trunk = trunk, heads = heads,
      maps = maps.rotations(), weight = { discriminator = 0.6,
        generator = 0.3 } }
    local g = game { part }
    local real, fake = { x = images(5, 1, 2) }, { x = images(5, 1, 2) }
    local d_wanted, g_wanted = 0, 0
    for k, map in ipairs(maps.rotations()) do
      local a = heads[k](map.forward(real.x):flatten(2))
      local b = heads[k](map.forward(fake.x):flatten(2))
      d_wanted = d_wanted + 0.2 * ((-a):softplus():mean()
        + b:softplus():mean()):item()
      g_wanted = g_wanted + 0.1 * (-b):softplus():mean():item()
    end
    t.near(part:cost(g, real, fake), d_wanted, 1e-6)
    t.near(part:term(g, fake), g_wanted, 1e-6)
    local before = heads[2].weight:clone()
    g:step(images(6, 1, 2))
    t.ok(not heads[2].weight:equal(before), "the heads do not learn")
    t.ok(g:state_dict()["part 1 heads"])
  end)

t.test("the naive way changes real pictures alone, each way equally often",
  function()
    local part = gan.naive(maps.rotations())
    local g = game { part }
    local x = orrery.tensor { { { { 1, 2 }, { 3, 4 } } } }
      :expand { 4000, 1, 2, 2 }:contiguous()
    local fake = g:seen { x = x, real = false }
    t.ok(fake.x:equal(x))
    local corner = g:seen({ x = x, real = true }).x:select(4, 1):select(3, 1)
    for v = 1, 4 do  -- the corner tells how it was turned
      t.near(corner:eq(v):float():mean(), 0.25, 4 * math.sqrt(0.1875 / 4000))
    end
  end)

t.test("what both sides are changed by differentiates, and keeps shapes",
  function()
    local part = gan.augment { "colour", "translation", "cutout",
      maps.flip "left-right" }
    local g = game { part }
    local x = images(4, 3, 8):requires_grad_()
    local y = g:seen({ x = x, real = false }).x
    t.equal(y:shape_str(), "[4, 3, 8, 8]")
    local grad = orrery.grad(y:sum(), { x })[1]
    t.ok(grad:abs():sum():item() > 0 and grad:isfinite():all():item() == 1)
    -- a shift moves whole pictures and brings zeros
    local moved = game { gan.augment { "translation" } }:seen({ real = true,
      x = orrery.ones(200, 1, 16, 16) }).x
    local sums = moved:flatten(2):sum(2)
    t.ok(sums:ge(14 * 14):all():item() == 1 and sums:lt(256):any():item() == 1)
    t.ok(moved:eq(0):logical_or(moved:eq(1)):all():item() == 1)
    local cut = game { gan.augment { "cutout" } }:seen({ real = true,
      x = orrery.ones(100, 1, 16, 16) }).x:flatten(2):eq(0):sum(2)
    t.ok(cut:ge(16):all():item() == 1 and cut:le(81):all():item() == 1)
  end)

t.test("the share of changed pictures follows how sure D is", function()
  local D = nn.Sequential { nn.Flatten(), nn.Linear(4, 1) }
  orrery.no_grad(function()
    D[2].weight:fill_(0)
    D[2].bias:fill_(1)  -- sure that all is real
  end)
  local part = gan.augment({ maps.flip "both" }, { target = 0.6,
    images = 100 })
  local g = game({ part }, D)
  t.equal(part.share:item(), 0.0)
  local real = { x = images(10, 1, 2), real = true }
  for _ = 1, 3 do part:cost(g, real) end
  t.near(part.share, 0.3, 1e-6)
  orrery.no_grad(function() D[2].bias:fill_(-1) end)
  for _ = 1, 9 do part:cost(g, real) end
  t.near(part.share, 0, 0)
  g:step(images(10, 1, 2))
  local saved = g:state_dict()
  t.ok(saved["part 1 confidence"].share)
end)

t.test("a recorded game with parts that draw gives the same bits", function()
  local function play(compile)
    orrery.manual_seed(9)
    local part = gan.augment({ "colour", "translation", "cutout" },
      { target = 0.6, images = 50 })
    local g = gan.Game { generator = nn.Sequential { nn.Linear(2, 64),
      nn.Unflatten(2, { 1, 8, 8 }) }, latent = 2, parts = { part },
      discriminator = nn.Sequential { nn.Flatten(), nn.Linear(64, 1) },
      stream = orrery.Generator(4), compile = compile }
    local from = orrery.Generator(6)
    for _ = 1, 5 do
      g:step(orrery.rand({ 6, 1, 8, 8 }, { generator = from }))
    end
    return g:sample(3, { generator = orrery.Generator(2) }), part.share:item()
  end
  local a, sa = play(false)
  local b, sb = play(true)
  t.ok(a:equal(b))
  t.equal(sa, sb)
end)

t.test("misuse is named", function()
  t.fails("rotation: degrees is 45; give 90, 180 or 270", maps.rotation, 45)
  t.fails("dag: translation right by 2 cannot be undone; its divergence is "
    .. "another one: leave it out", gan.dag, { trunk = nn.Flatten(),
    heads = { nn.Linear(1, 1) }, maps = { maps.translation(2) } })
  t.fails("dag: there are 3 maps; give as many heads", gan.dag,
    { trunk = nn.Flatten(), heads = {}, maps = maps.rotations() })
  t.fails("augment: entry 1 is \"color\"; give colour, translation, cutout or "
    .. "one of gan.maps", gan.augment, { "color" })
  t.fails("flip: way is \"none\"; give left-right, up-down or both", maps.flip,
    "none")
end)
