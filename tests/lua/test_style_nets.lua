--- Style-based generators and discriminators: sizes and counts as published,
--- what styles, noise and mixing reach, and derivatives.
local orrery, t = require "orrery", require "orrery.testing"
local nn, style = orrery.nn, orrery.style
local o64 = { dtype = "float64" }

local function stream(seed) return orrery.Generator(seed) end

-- Parameters, counted without making them: nets of the published sizes would
-- take hundreds of megabytes.
local function equal(from, to, kernel, bias)
  return from * to * kernel ^ 2 + (bias == false and 0 or to)
end

local function count(net)
  local n = 0
  for _, p in ipairs(net:parameters()) do n = n + p:numel() end
  return n
end

local function channels(base, most, first, last)
  local list, side = {}, first
  while side <= last do
    list[#list + 1] = math.min(most, base // side)
    side = side * 2
  end
  return list
end

local function mapping(latent, w, depth)
  return equal(latent, w, 1) + (depth - 1) * equal(w, w, 1)
end

-- StyleGAN, with a way to pixels for each side.
local function first_generator(c, latent, w, depth, colours)
  local n = mapping(latent, w, depth) + c[1] * 16
  local function around(to) return 2 * to + equal(w, 2 * to, 1) end
  for i, to in ipairs(c) do
    if i > 1 then n = n + equal(c[i - 1], to, 3, false) end
    n = n + equal(to, to, 3, false) + 2 * around(to) + equal(to, colours, 1)
  end
  return n
end

-- StyleGAN2 with skips.
local function second_generator(c, latent, w, depth, colours)
  local n = mapping(latent, w, depth) + c[1] * 16
  local function layer(from, to, kernel)
    return equal(from, to, kernel) + equal(w, from, 1)
  end
  for i, to in ipairs(c) do
    if i > 1 then n = n + layer(c[i - 1], to, 3) + 1 end
    n = n + layer(to, to, 3) + 1 + layer(to, colours, 1)
  end
  return n
end

local function judge(c, colours, residual)
  local n = equal(c[1] + 1, c[1], 3) + equal(c[1] * 16, c[1], 1)
    + equal(c[1], 1, 1)
  for i, to in ipairs(c) do
    if not residual or i == #c then n = n + equal(colours, to, 1) end
    if i > 1 then
      n = n + equal(to, to, 3) + equal(to, c[i - 1], 3)
      if residual then n = n + equal(to, c[i - 1], 1, false) end
    end
  end
  return n
end

t.test("the published sizes have the published numbers of weights", function()
  -- As their programs list them at 1024 pixels: StyleGAN's Gs and D, StyleGAN2
  -- of configuration F; the later program of StyleGAN2 has two layers of
  -- mapping for eight.
  local one = channels(16384, 512, 4, 1024)
  t.equal(first_generator(one, 512, 512, 8, 3), 26219627)
  t.equal(judge(one, 3, false), 23087249)
  local two = channels(32768, 512, 4, 1024)
  t.equal(second_generator(two, 512, 512, 8, 3), 30370060)
  t.equal(second_generator(two, 512, 512, 2, 3), 28794124)
  t.equal(judge(two, 3, true), 29012513)
end)

t.test("layers of the published nets have the published numbers", function()
  -- Rows of those lists: a style, a modulated layer with its noise, a way to
  -- pixels. Differences of totals that have or lack them.
  local function of(c, without, formula, ...)
    local short = { table.unpack(c, 1, without) }
    return formula(c, ...) - formula(short, ...)
  end
  local two = channels(32768, 512, 4, 1024)
  t.equal(of(two, 8, second_generator, 512, 512, 8, 3),
    51297 + 25665 + 16515)
  t.equal(of({ table.unpack(two, 1, 6) }, 5, second_generator, 512, 512, 8, 3),
    1442561 + 721409 + 132099)
  t.equal(mapping(512, 512, 8), 8 * 262656)
  local function last(c) return judge(c, 3, true) end
  t.equal(last(two) - last { table.unpack(two, 1, 8) },
    128 + 2048 + 9248 + 18496 - 4 * 64)
end)

t.test("nets have as many weights as those formulas say", function()
  local o = { size = 16, colours = 3, channel_base = 128, channel_max = 24 }
  local c = channels(128, 24, 4, 16)
  local function made(class, more)
    local all = {}
    for k, v in pairs(o) do all[k] = v end
    for k, v in pairs(more) do all[k] = v end
    return count(class(all))
  end
  t.equal(made(style.Generator, { latent = 10, style_dim = 12,
    progressive = true }), first_generator(c, 10, 12, 8, 3))
  t.equal(made(style.Generator, { latent = 10, style_dim = 12, mapping = 3,
    version = 2 }), second_generator(c, 10, 12, 3, 3))
  t.equal(made(style.Discriminator, { progressive = true }), judge(c, 3))
  t.equal(made(style.Discriminator, { version = 2 }), judge(c, 3, true))
end)

t.test("two layers for each side from 4: 18 at 1024, six for 28", function()
  -- The size alone decides; narrow maps keep this one small.
  local G = style.Generator { size = 1024, channel_base = 1024,
    channel_max = 2, latent = 2, style_dim = 2, mapping = 1 }
  t.equal(G.layers, 18)
  t.equal(#G.synthesis, 18)
  t.equal(G.sides, { 4, 8, 16, 32, 64, 128, 256, 512, 1024 })
  t.equal(style.Generator({ size = 28 }).sides, { 7, 14, 28 })
  t.equal(style.Generator({ size = 28 }).layers, 6)
end)

local generator = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/small_generator.lua")

for version = 1, 2 do
  local name = "version " .. version .. ": "

  t.test(name .. "shapes of codes, styles and images", function()
    local G = generator { version = version, colours = 3 }
    local z = orrery.randn({ 3, 5 }, o64)
    t.equal(G.mapping(z):shape_str(), "[3, 4]")
    t.equal(G:styles(z):shape_str(), "[3, 4, 4]")
    t.equal(G(z):shape_str(), "[3, 3, 8, 8]")
  end)

  t.test(name .. "the same style and noise give the same image",
    function()
      local G = generator { version = version }:eval()
      local z = orrery.randn({ 2, 5 }, o64)
      local noise = G:noise(2, stream(1))
      t.equal(G(z, { noise = noise }), G(z, { noise = noise }))
      t.equal(G(z, { noise = false }), G(z, { noise = false }))
      t.ok((G(z) - G(z)):abs():amax():item() > 1e-6)
      orrery.no_grad(function()
        for key, p in G:named_parameters() do
          if key:find "strength" then p:zero_() end
        end
      end)
      t.equal(G(z), G(z))
    end)

  t.test(name .. "gradients of images by styles and by every weight", function()
    local G = generator { version = version }
    local noise = G:noise(2, stream(1))
    local z = orrery.randn({ 2, 5 }, { dtype = "float64",
      generator = stream(3) })
    local seen = orrery.randn({ 2, 1, 8, 8 }, { dtype = "float64",
      generator = stream(4) })
    local ws = G:eval():styles(z):detach():contiguous()
    t.gradcheck(function(w)
      return (G:synthesize(w, noise) * seen):sum()
    end, { ws })
    t.gradcheck(function(code)
      return (G(code, { noise = noise }) * seen):sum()
    end, { z })
    -- By one weight, along a line: (f(h) - f(-h)) / 2 h.
    local params = G:parameters()
    local g = orrery.grad((G(z, { noise = noise }) * seen):sum(), params)
    for i, p in ipairs(params) do
      local along = orrery.randn({ p:shape() }, { dtype = "float64",
        generator = stream(i) })
      local function at(h)
        return orrery.no_grad(function()
          p:add_(along * h)
          local y = (G(z, { noise = noise }) * seen):sum():item()
          p:add_(along * -h)
          return y
        end)
      end
      local want = (at(1e-5) - at(-1e-5)) / 2e-5
      t.near((g[i] * along):sum(), want, 1e-5 * math.max(1, math.abs(want)))
    end
  end)
end

t.test("equalised layers start as He's and learn at the rate told", function()
  local layer = style.EqualLinear(400, 300, { lr_mul = 0.01, gain = 3,
    generator = stream(1) })
  t.near(layer.weight:detach():std(), 100, 2)
  local used = layer.weight:detach() * layer.scale
  t.near(used:std() * 20, 3, 0.05)
  local conv = style.EqualConv2d(16, 32, 3, { generator = stream(2) })
  t.near((conv.weight:detach() * conv.scale):std() * 12, 1, 0.05)
  -- y = (W x) scale + b lr_mul.
  local l = style.EqualLinear(2, 1, { lr_mul = 0.5, start = 1 })
  orrery.no_grad(function()
    l.weight:copy_(orrery.tensor { { 4, 8 } })
  end)
  t.near(l(orrery.tensor { { 1, 2 } }), { { 20 * 0.5 / math.sqrt(2) + 1 } })
end)

t.test("version 1: a style sets mean and deviation of its layer", function()
  local layer = style.Layer(3, 2, { style_dim = 3, noise = true,
    dtype = "float64" })
  orrery.no_grad(function()
    layer.affine.weight:zero_()
    layer.affine.bias:copy_(orrery.tensor { 0.7, -0.5, 0.4, -1 })
  end)
  local y = layer(orrery.randn({ 2, 3, 9, 9 }, o64),
    orrery.randn({ 2, 3 }, o64)):detach()
  t.near(y:mean { axis = { 3, 4 } }, { { 0.4, -1 }, { 0.4, -1 } }, 1e-6)
  t.near(y:std { axis = { 3, 4 }, correction = 0 },
    { { 1.7, 0.5 }, { 1.7, 0.5 } }, 1e-5)
end)

t.test("version 2: a layer is a modulated convolution by hand", function()
  local layer = style.Modulated(3, 2, { style_dim = 4, dtype = "float64",
    noise = true })
  local x = orrery.randn({ 1, 3, 5, 5 }, o64)
  local w = orrery.randn({ 1, 4 }, o64)
  local kernel = layer.weight * layer.scale
    * layer.affine(w):reshape { 1, 3, 1, 1 }
  kernel = kernel / (kernel:square():sum { axis = { 2, 3, 4 },
    keepdim = true } + 1e-8):sqrt()
  local y = nn.functional.conv2d(x, kernel, nil, { padding = 1 })
  t.near(layer(x, w), nn.functional.leaky_relu(y, 0.2) * math.sqrt(2), 1e-10)
end)

t.test("truncation leaves psi^2 of the variance, and its mean", function()
  local G = generator {}
  G:measure_mean(512, stream(1))
  local z = orrery.randn({ 200, 5 }, o64)
  local plain, near = G:styles(z), G:styles(z, { psi = 0.7 })
  t.near(near:var(1) / plain:var(1), orrery.full({ 4, 4 }, 0.49, o64), 1e-9)
  t.near(G:styles(z, { psi = 0 })[1][1], G.w_mean, 1e-12)
  local first = G:styles(z, { psi = 0.7, cutoff = 2 })
  t.equal(first[{ {}, { 3, 4 } }], plain[{ {}, { 3, 4 } }])
  t.near(first[{ {}, { 1, 2 } }], near[{ {}, { 1, 2 } }], 1e-12)
  local G2 = generator {}
  t.near(G2:measure_mean(64, stream(5)), G2.mapping(orrery.randn({ 64, 5 },
    { dtype = "float64", generator = stream(5) })):mean(1), 1e-12)
end)

t.test("the mean of styles is kept while training, and only then", function()
  local G = generator { mean_decay = 0.75, mixing = 0 }
  local z = orrery.randn({ 6, 5 }, o64)
  G(z)
  local mean = G.mapping(z):mean(1):detach()
  t.near(G.w_mean, mean * 0.25, 1e-12)
  G(z)
  t.near(G.w_mean, mean * 0.4375, 1e-12)
  G:eval()(z)
  t.near(G.w_mean, mean * 0.4375, 1e-12)
end)

-- Layers of an example that take the second of two styles.
local function switched(ws, second)
  local list = {}
  for l = 1, ws:size(2) do
    list[l] = (ws[1][l] - second[1]):abs():amax():item() < 1e-12
  end
  return list
end

t.test("mixing: the first style up to a random layer, then the second",
  function()
    local G = generator {}
    local a, b = orrery.randn({ 400, 5 }, o64), orrery.randn({ 400, 5 }, o64)
    local ws = G:styles { a, b }
    local second = G.mapping(b)
    local off = (ws - second:unsqueeze(2)):abs():amax(3):lt(1e-12):float()
    local counts = off:sum(2)          -- layers of the second style
    t.equal(off:select(2, 1):sum():item(), 0.0)
    t.equal(off:select(2, 4):sum():item(), 400.0)
    -- Never from the second back to the first.
    t.ok((off:narrow(2, 2, 3) - off:narrow(2, 1, 3)):amin():item() >= 0)
    for k = 1, 3 do                    -- each cut equally often: 133 +- 9
      t.near(counts:eq(k):sum():item(), 133, 45)
    end
    t.equal(switched(G:styles({ a, b }, { cuts = { 1 } }), second),
      { false, true, true, true })
    t.equal(switched(G:styles({ a, b }, { cuts = { 3 } }), second),
      { false, false, false, true })
  end)

t.test("three codes come in turn, in order, at any two cuts", function()
  local G = generator {}
  local list, w = {}, {}
  for i = 1, 3 do
    list[i] = orrery.randn({ 1, 5 }, o64):expand { 100, 5 }
    w[i] = G.mapping(list[i])[1]
  end
  local ws, seen, kinds = G:styles(list), {}, 0
  for n = 1, 100 do
    local word = ""
    for l = 1, 4 do
      for i = 1, 3 do
        if (ws[n][l] - w[i]):abs():amax():item() < 1e-12 then
          word = word .. i
        end
      end
    end
    if not seen[word] then kinds = kinds + 1 end
    seen[word] = true
  end
  t.equal(kinds, 3)
  t.ok(seen["1123"] and seen["1223"] and seen["1233"])
end)

t.test("while training so many of the examples are mixed", function()
  local G = generator { mixing = 0.3, stream = stream(3) }
  local seen
  G.synthesize = function(_, ws)
    seen = (ws - ws:narrow(2, 1, 1)):abs():amax { axis = { 2, 3 } }:gt(1e-12)
      :float():mean():item()
  end
  G(orrery.randn({ 1000, 5 }, o64))
  t.near(seen, 0.3, 0.06)  -- four deviations
end)

t.test("double is interpolate's, halve smooths by 1 3 3 1", function()
  local x = orrery.randn({ 2, 3, 5, 7 }, o64)
  t.near(style.double(x), nn.functional.interpolate(x, { scale_factor = 2,
    mode = "bilinear" }), 1e-12)
  local even = orrery.randn({ 1, 1, 8, 8 }, o64)
  local blurred = nn.Blur({ 1, 3, 3, 1 }, { stride = 2,
    dtype = "float64" })(even)
  t.near(style.halve(even)[{ 1, 1, { 2, 3 }, { 2, 3 } }],
    blurred[{ 1, 1, { 2, 3 }, { 2, 3 } }], 1e-12)
  t.near(style.halve(orrery.ones({ 1, 2, 4, 6 }, o64)),
    orrery.ones { 1, 2, 2, 3 }, 1e-12)
  t.gradcheck(function(a) return style.halve(style.double(a)) end,
    { orrery.randn({ 1, 1, 2, 4 }, o64) })
end)

t.test("a discriminator sees the batch's variety", function()
  for version = 1, 2 do
    local D = style.Discriminator { size = 8, channel_base = 32, group = 2,
      version = version, channel_max = 6, dtype = "float64" }
    local x = orrery.randn({ 4, 1, 8, 8 }, o64)
    t.equal(D(x):shape_str(), "[4, 1]")
    -- Images 1 and 3 are one group: what 3 is matters to 1, not to 2.
    local other = x:clone()
    other[3] = 0
    local a, b = D(x):detach(), D(other):detach()
    t.ok(math.abs((a[1] - b[1]):item()) > 1e-9)
    t.near(a[2], b[2], 1e-12)
    t.gradcheck(function(y) return D(y) end, { x })
  end
end)

t.test("what is wrong is said where it was written", function()
  local G = generator {}
  t.fails("style.Generator: size is 30, start 4; give a size that is start "
    .. "times a power of two", style.Generator, { size = 30, start = 4 })
  t.fails("style.Generator: version is 3; give 1 or 2", style.Generator,
    { version = 3 })
  t.fails("style.Generator: mixing is 2; give a number in [0, 1]",
    style.Generator, { mixing = 2 })
  t.fails("stylegenerator: z is [2, 3] but [N, 5] is wanted; change the codes",
    G, orrery.randn(2, 3))
  t.fails("stylegenerator: ws are [2, 4, 3] but [N, 4, 4] is wanted; take "
    .. "those of styles(z)", G.synthesize, G, orrery.randn(2, 4, 3))
  t.fails("style.halve: x is [1, 1, 3, 4]; give even sides",
    style.halve, orrery.randn(1, 1, 3, 4))
  t.fails("stylediscriminator: image is [1, 1, 9, 9] but its side is to be 8; "
    .. "resize it, or grow", style.Discriminator { size = 8 },
    orrery.randn(1, 1, 9, 9))
end)

t.test("a game of them is recorded: the same bits", function()
  for version = 1, 2 do
    local seen = {}
    for i, compile in ipairs { false, true } do
      orrery.manual_seed(5)
      local G = style.Generator { size = 8, channel_base = 32, latent = 5,
        style_dim = 4, mapping = 2, version = version }
      local game = orrery.gan.Game { generator = G, latent = 5, ema = 0.9,
        discriminator = style.Discriminator { size = 8, version = version,
          channel_base = 32 },
        parts = { orrery.gan.penalty("r1", 1) }, compile = compile }
      for step = 1, 3 do
        local n = game:step(orrery.rand({ 4, 1, 8, 8 }, { low = -1 }))
        seen[#seen + 1] = n.generator:item()
        if i == 2 then t.equal(seen[3 + step], seen[step]) end
      end
      seen[i + 10] = G.w_mean:clone()
    end
    t.equal(seen[11], seen[12])
  end
end)
