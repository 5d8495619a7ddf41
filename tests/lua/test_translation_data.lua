--- Pictures in memory, domains whose bijection is known, and the scores of
--- translations between them.
local orrery, t = require "orrery", require "orrery.testing"
local data, metrics = orrery.data, orrery.metrics

local small = { images = 40, held = 30 }

local function ones(...) return orrery.ones(...) end

-- ------------------------------------------------------------------ in memory

t.test("bytes come in the range asked for, other views as they are", function()
  local x = orrery.tensor({ 0, 51, 255 }, { dtype = "uint8" })
    :reshape(3, 1, 1, 1)
  local label = orrery.tensor({ 7, 8, 9 }, { dtype = "int64" })
  local set = data.Pictures.new { x, label }
  local a, b = set:everything()
  t.near(a:reshape(3), { -1, -0.6, 1 }, 1e-6)
  t.equal(b, label)
  local unit = data.Pictures.new({ x }, { range = { 0, 1 } })
  t.near(unit:everything { flat = true }, { { 0 }, { 0.2 }, { 1 } }, 1e-6)
  t.equal({ unit:subset { 3, 1 }:everything { dtype = "float64" }:shape() },
    { 2, 1, 1, 1 })
  t.near(unit:subset { 3, 1 }:everything():reshape(2), { 1, 0 })
  t.equal(#set:subset(2, 3), 2)
  t.equal(tostring(set), "3 sets of pictures of 1 x 1")
  t.equal(tostring(set:view(1)), "3 pictures of 1 x 1")
  t.equal(set:view(2):everything(), label)
end)

t.test("pictures that do not fit together are refused", function()
  local x = orrery.zeros({ 2, 3, 4, 4 }, { dtype = "uint8" })
  t.fails("Pictures: views are missing; give a list of tensors",
    data.Pictures.new)
  t.fails("Pictures: view 1 is uint8 [3, 4, 4]; give [N, C, H, W]",
    data.Pictures.new, { x[1] })
  t.fails("Pictures: view 1 is [2, 3, 4, 4], view 2 is [3]; give as many of "
    .. "each", data.Pictures.new, { x, orrery.zeros(3) })
  t.fails("Pictures: range is a table; give what 0 and 255 become, as "
    .. "{ -1, 1 }", data.Pictures.new, { x }, { range = { 1 } })
  t.fails("view: k is 2; these pictures have 1 views",
    data.Pictures.new { x }.view, data.Pictures.new { x }, 2)
end)

-- -------------------------------------------------------------- plain, striped

t.test("striped: the bijection and its inverse are exact", function()
  local set = data.known.striped(small)
  local a, b, mask = set.test.pairs:everything()
  t.equal({ a:shape() }, { 30, 3, 16, 16 })
  t.near(set:stripe(a, mask), b, 1e-6)
  t.near(set:plain(b, mask), a, 1e-6)
  t.equal(set.test.A:everything(), a)
  t.equal(set.test.B:everything(), b)
end)

t.test("striped: rows 3 and 4 of each 4 are a quarter as bright on the object",
  function()
    local set = data.known.striped(small)
    local a, b, mask = set.test.pairs:everything()
    local bright, dark = (a + 1) / 2, (b + 1) / 2
    for row = 1, 16 do
      local share = (row - 1) % 4 >= 2 and 0.25 or 1
      local on = mask:select(3, row):unsqueeze(3)
      local want = bright:select(3, row):unsqueeze(3)
      want = want * on * share + want * (-on + 1)
      t.near(dark:select(3, row):unsqueeze(3), want, 1e-6)
    end
  end)

t.test("striped: objects have one saturated colour and fit the picture",
  function()
    local set = data.known.striped { size = 32, images = 20, held = 60 }
    local a, _, mask = set.test.pairs:everything()
    local area = mask:flatten(2):sum(2)
    t.ok(area:amin():item() > 0.05 * 32 * 32)
    t.ok(area:amax():item() < 0.6 * 32 * 32)
    local unit = (a + 1) / 2
    local inside = (unit * mask):flatten(3):sum(3) / area:unsqueeze(2)
    local spread = ((unit - inside:reshape(60, 3, 1, 1)) * mask):abs()
    t.near(spread:amax(), 0, 1e-5)
    local range = inside:amax(2) - inside:amin(2)
    t.ok(range:amin():item() > 0.5, "dull colours")
    local outside = unit * (-mask + 1)
    t.ok(outside:amax():item() < 0.8)
  end)

t.test("striped: a seed is the set, and domains share no scene", function()
  local one, same = data.known.striped(small), data.known.striped(small)
  t.equal(one.train.A.views[1], same.train.A.views[1])
  t.equal(one.test.B.views[1], same.test.B.views[1])
  local other = data.known.striped { images = 40, held = 30, seed = 2 }
  t.ok(other.train.A.views[1] ~= one.train.A.views[1])
  local first = one.train.pairs:everything()
  t.equal(one.train.A:everything(), first)
  -- Made plain again without the object's rows: backgrounds differ.
  local b = one.train.B:everything()
  local apart = (first:unsqueeze(2) - b:unsqueeze(1)):abs()
    :flatten(3):mean(3)
  t.ok(apart:amin():item() > 0.02)
end)

t.test("striped: wrong sizes are refused", function()
  t.fails("striped: size is 4; give a whole number of at least 8",
    data.known.striped, { size = 4 })
  t.fails("striped: unknown option hedl; did you mean held?",
    data.known.striped, { hedl = 4 })
  local set = data.known.striped(small)
  t.fails("stripe: x is [1, 3, 8, 8], mask [1, 1, 8, 8]; give [N, 3, 16, 16] "
    .. "and [N, 1, 16, 16]", set.stripe, set, ones(1, 3, 8, 8),
    ones(1, 1, 8, 8))
end)

-- ------------------------------------------------------------------- scores

-- One picture of two pixels; the left one is the object.
local function picture(left, right)
  return orrery.tensor { { { { left, right } } } }
end

t.test("translated: strict asks for half the distance, loose for hardly any",
  function()
    local a, b = picture(0, 0.5), picture(1, 0.5)
    local mask = orrery.tensor { { { { 1, 0 } } } }
    local function score(y) return metrics.translated(a, y, b, mask) end
    t.equal({ score(picture(0.6, 0.5)).strict,
      score(picture(0.4, 0.5)).strict, score(picture(0.6, 0.5)).loose,
      score(picture(0.4, 0.5)).loose }, { 1, 0, 1, 0 })
    -- Far off on the partner's side is loosely right.
    t.equal(score(picture(9, 0.5)).loose, 1)
    local s = score(picture(0.75, 0.2))
    t.near(s.object_error, 0.25)
    t.near(s.distance, 1)
    t.near(s.background, 0.3, 1e-6)
  end)

t.test("translated: the truth scores 1, the input 0, without a mask too",
  function()
    local set = data.known.striped(small)
    local a, b, mask = set.test.pairs:everything()
    t.equal(metrics.translated(a, b, b, mask).strict, 1)
    t.equal(metrics.translated(a, a, b, mask).strict, 0)
    t.equal(metrics.translated(b, a, a).strict, 1)
    t.equal(metrics.translated(b, a, a).background, nil)
    -- Half the rows of an object lose three quarters of their brightness,
    -- which is 2 x .75 x .9 x (1 - .85 / 2) on average: .388.
    local big = data.known.striped { images = 1, held = 400 }
    a, b, mask = big.test.pairs:everything()
    t.near(metrics.translated(a, a, b, mask).distance,
      0.5 * 1.5 * 0.9 * (1 - 0.85 / 2), 0.02)
  end)

t.test("translated: shapes that do not match are refused", function()
  local x = orrery.zeros(2, 3, 4, 4)
  t.fails("translated: input is [2, 3, 4, 4], partner is [1, 3, 4, 4]; match "
    .. "them", metrics.translated, x, x, orrery.zeros(1, 3, 4, 4))
  t.fails("translated: mask is [2, 3, 4, 4]; give [2, 1, 4, 4], 1 on the "
    .. "object", metrics.translated, x, x, x, x)
end)
