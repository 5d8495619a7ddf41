--- What is measured of a style-based generator: attributes with known values,
--- edits and path lengths of generators that are linear.
local orrery, t = require "orrery", require "orrery.testing"
local style = orrery.style
local o64 = { dtype = "float64" }

local function stream(seed) return orrery.Generator(seed) end

-- Upright bars of 41 x 41 pixels, sheared by so much to the right above.
local function bars(shears)
  local at = orrery.linspace(-1, 1, 41, o64)
  local list = {}
  for i, s in ipairs(shears) do
    local off = at:reshape { 1, -1 } + at:reshape { -1, 1 } * s
    local inside = off:abs():le(0.15):logical_and(
      at:abs():le(0.7):reshape { -1, 1 })
    list[i] = inside:float():unsqueeze(1)
  end
  return orrery.stack(list, 1)
end

t.test("slant is the shear of an upright, ink what is bright", function()
  local values = style.read_attributes(bars { 0, 0.3, -0.2 })
  t.equal(values:shape_str(), "[3, 4]")
  t.near(values:select(2, 1), { 0, 0.3, -0.2 }, 0.01)
  -- 7 of 41 columns, 29 of 41 rows.
  t.near(values[1][2], 7 * 29 / 41 ^ 2, 1e-6)
end)

t.test("width and light are deviation and middle along a row", function()
  local x = orrery.zeros { 2, 3, 5, 5 }
  x[{ 1, {}, 3, 5 }] = 1                      -- all at the right edge
  x[{ 2, {}, {}, 1 }], x[{ 2, {}, {}, 5 }] = 1, 1    -- at both edges
  local values = style.read_attributes(x)
  t.near(values:select(2, 3), { 0, 1 }, 1e-4)
  t.near(values:select(2, 4), { 1, 0 }, 1e-6)
end)

t.test("above the median is half of the values", function()
  t.equal(style.above(orrery.tensor { 3, 1, 2, 9 }):sum():item(), 2.0)
end)

t.test("follows is the rank correlation with rising amounts", function()
  local up, down = orrery.range(1, 5, o64) ^ 3, orrery.range(5, 1,
    { step = -1, dtype = "float64" })
  t.near(style.follows(up:unsqueeze(1)), 1, 1e-12)
  t.near(style.follows(orrery.stack({ up, down }, 1)), 0, 1e-12)
  -- Ranks 2 1 3: 1 - 6 (1 + 1) / (3 * 8).
  t.near(style.follows(orrery.tensor({ { 5, 4, 6 } }, o64)), 0.5, 1e-12)
end)

t.test("moved is 0 for what stayed, 1 for another example", function()
  local a = orrery.randn({ 50, 4 }, o64)
  t.equal(style.moved(a, a), 0.0)
  t.near(style.moved(a, a:roll(1, 1)), 1, 1e-12)
end)

t.test("a linear classifier learns what a pixel says", function()
  local x = orrery.rand({ 300, 1, 3, 3 }, { generator = stream(1) })
  local y = x[{ {}, 1, 2, 2 }]:gt(0.5):double()
  local says, accuracy = style.linear_classifier(x, y, 200)
  t.ok(accuracy > 0.95, accuracy)
  t.equal(says(orrery.stack({ orrery.zeros(1, 3, 3), orrery.ones(1, 3, 3) },
    1)):shape_str(), "[2]")
end)

-- A generator of bright spots: style 1 moves one to the right, style 2 is how
-- bright it is, the others are nothing.
local function spots()
  local G = { latent = 6, layers = 2, style_dim = 6 }
  function G.mapping(z) return z end
  local at = orrery.linspace(-1, 1, 9)
  function G.styles(_, list)
    local n = list[1]:size(1)
    return list[1]:unsqueeze(2):expand { n, 2, 6 }
  end
  function G.noise() return {} end
  function G.synthesize(_, ws)
    local w = ws:dim() == 3 and ws:select(2, 1) or ws
    local n = w:size(1)
    local where = w:select(2, 1):reshape { n, 1, 1 } * 0.1
    local bright = (w:select(2, 2) * 0.05 + 0.5):reshape { n, 1, 1, 1 }
    local dx = at:reshape { 1, 1, 9 } - where
    local dy = at:reshape { 1, 9, 1 }
    return ((dx * dx + dy * dy) * -8):exp():unsqueeze(2) * bright * 2 - 1
  end
  return G
end

t.test("directions of attributes are found where they are", function()
  local G = spots()
  local survey = style.survey(G, 600, stream(2))
  t.equal(survey.x:shape_str(), "[600, 1, 9, 9]")
  t.near(survey.values, style.read_attributes(survey.x))
  local found = style.directions(survey)
  -- Light: where the spot is; ink: how bright.
  t.near(found.plain[4], { 1, 0, 0, 0, 0, 0 }, 0.15)
  t.near(found.plain[2], { 0, 1, 0, 0, 0, 0 }, 0.25)
  t.ok(found.accuracy[4] > 0.95)
  t.near((found.alone[4] * found.plain[2]):sum(), 0, 1e-5)
  local edit = style.edit(G, survey, found.plain[4], 4)
  t.equal(#edit.images, 9)
  t.near(edit.amounts[9], 2 * survey.w:matmul(found.plain[4]):std(), 1e-4)
  t.near(edit.amounts[5], 0)
  t.near(edit.follows, 1, 1e-9)
  -- Four deviations from end to end; the spot's place is linear in its style.
  t.near(edit.edited, 4, 0.3)
end)

t.test("separability is 1 where labels are linear, 2 for each that is not",
  function()
    local random = stream(5)
    local function normal(n) return orrery.randn({ 2000, n },
      { generator = random }) end
    local z, w = normal(2), normal(2)
    local survey = { z = z, w = w, values = w }
    local in_z, in_w = style.separability(survey)
    t.near(in_z, 4, 0.05)
    t.near(in_w, 1, 0.05)
    in_z, in_w = style.separability(survey, { style.above(z:select(2, 1)) })
    t.near(in_z, 4, 0.1)
    t.near(in_w, 2, 0.1)
  end)

t.test("noise on an attribute is its variance over that of styles", function()
  -- Flat images of brightness (1 + 0.1 w + 0.05 e) / 2, w of the style.
  local G = {}
  function G.noise(_, n, random)
    return orrery.randn({ n, 1, 1, 1 }, { generator = random })
  end
  function G.synthesize(_, ws, noise)
    return (ws:reshape { -1, 1, 1, 1 } * 0.1 + noise * 0.05)
      :expand { ws:size(1), 1, 3, 3 }
  end
  local random = stream(6)
  local ws = orrery.randn({ 500, 1, 1 }, { generator = random })
  local shares = style.noise_on_attributes(G, ws, { draws = 50,
    generator = random })
  t.equal(shares:shape_str(), "[4]")
  t.near(shares[2], 0.25 / (1 + 0.25 / 50), 0.03)
  t.fails("style.noise_on_attributes: draws is 1; give a whole number of at "
    .. "least 2", style.noise_on_attributes, G, ws, { draws = 1 })
end)

t.test("path lengths of a linear generator are 2 |A|^2 in W", function()
  -- PPL of x = A w, w from N(0, I), on straight ways (F209); images are halved
  -- on the way to [0, 1].
  local G = { latent = 2, style_dim = 2, layers = 1 }
  function G.mapping(z) return z end
  function G.noise() return {} end
  function G.synthesize(_, w)
    return (w * orrery.tensor { 1, 2 }):reshape { -1, 1, 1, 2 }
  end
  local z, w = style.ppl(G, { n = 4000, resamples = 0 })
  t.near(w.value, 10 / 4, 0.15)
  t.ok(z.value > 0)
end)

t.test("samples are images of [0, 1], the same from the same stream",
  function()
    local G = style.Generator { size = 8, channel_base = 32, latent = 5,
      style_dim = 4, mapping = 2 }
    local x = style.samples(G, 300, { codes = 2, generator = stream(1) })
    t.equal(x:shape_str(), "[300, 1, 8, 8]")
    t.ok(x:amin():item() >= 0 and x:amax():item() <= 1)
    t.equal(x, style.samples(G, 300, { codes = 2, generator = stream(1) }))
    t.fails("style.samples: codes is 0; give a whole number of at least 1",
      style.samples, G, 2, { codes = 0 })
  end)

t.test("pictures: a row for each style, a column for each of the others",
  function()
    local G = style.Generator { size = 8, channel_base = 32, latent = 5,
      style_dim = 4, mapping = 2 }
    local p, noise = style.pictures, G:noise(1)
    local function tiles(figure)
      local pad = figure.tiles.padding
      return (figure.pixels:size(-1) - pad) / (8 + pad),
        (figure.pixels:size(-2) - pad) / (8 + pad)
    end
    local a, b = G:styles(orrery.randn(2, 5)), G:styles(orrery.randn(3, 5))
    t.equal({ tiles(p.mixing(G, a, b, 1, 2, noise)) }, { 4.0, 3.0 })
    local thirds = p.thirds(G, a, b, noise)
    for name, title in pairs { coarse = "layers 1 to 1 from above",
      middle = "layers 2 to 3 from above", fine = "layers 4 to 4 from above" }
    do
      t.equal(thirds[name].title, title)
      t.equal({ tiles(thirds[name]) }, { 4.0, 3.0 })
    end
    t.fails("pictures.thirds: the generator has 2 layers; it takes 3",
      p.thirds, { layers = 2 }, a, b)
    t.equal(#p.interpolation(G, b, { frames = 4 }).frames, 12)
    local e = style.noise_effect(G, a, { draws = 3 })
    t.ok(p.noise(G, a, e.map, 2).pixels)
    t.ok(p.truncation(G, a, { 1, 0 }, noise).pixels)
    t.ok(p.edits(G, a, orrery.ones { 4 }, { -1, 0, 1 }, false).pixels)
    local o = { count = 2, frames = 1, draws = 2, steps = 2,
      generator = stream(3) }
    local sheets, psnr = p.gallery(G, o)
    t.equal({ tiles(sheets["mixing, middle"]) }, { 3.0, 3.0 })
    t.equal({ tiles(sheets.truncation) }, { 5.0, 2.0 })
    t.equal({ tiles(sheets.noise) }, { 6.0, 2.0 })
    t.equal(#sheets.interpolation.frames, 4)
    t.equal({ sheets.projected, psnr }, {})
    o.images = orrery.zeros { 3, 1, 8, 8 }
    sheets, psnr = p.gallery(G, o)
    t.equal({ tiles(sheets.projected) }, { 3.0, 2.0 })
    t.ok(psnr > 0, psnr)
    t.fails("pictures.gallery: draws is 1; give a whole number of at least 2",
      p.gallery, G, { draws = 1 })
  end)
