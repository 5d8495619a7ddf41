--- Sheets and descriptions of sets of pictures.
local orrery, t = require "orrery", require "orrery.testing"
local data = orrery.data

local function bytes(...) return orrery.zeros({ ... }, { dtype = "uint8" }) end

-- Four pictures of one shade each, with negatives as partners, and labels.
local function pairs_of_shades()
  local a = bytes(4, 1, 2, 2)
  for i = 1, 4 do a[i] = 20 * i end
  return data.Pictures.new { a, (-(a:float()) + 255):byte(),
    orrery.ones(4, 1, 2, 2), orrery.tensor({ 1, 2, 3, 4 },
      { dtype = "int64" }) }
end

t.test("a sheet has the pictures, and partners of pairs under them",
  function()
    local alone = data.sheet(pairs_of_shades():view(1), { columns = 2 })
    t.near(alone.pixels, orrery.tensor {
      { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
      { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
      { 255, 255, 20, 20, 255, 255, 40, 40, 255, 255 },
      { 255, 255, 20, 20, 255, 255, 40, 40, 255, 255 },
      { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
      { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
      { 255, 255, 60, 60, 255, 255, 80, 80, 255, 255 },
      { 255, 255, 60, 60, 255, 255, 80, 80, 255, 255 },
      { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
      { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } }:byte(), 0)
    local rgb = data.known.striped { images = 4, held = 3 }
    local both = data.sheet(rgb.test.pairs, { columns = 2, scale = 2 })
    -- Two rows of two with partners: four rows of 32 pixels and 2 between.
    t.equal({ both.pixels:shape() }, { 3, 4 * 34 + 2, 2 * 34 + 2 })
    t.equal(both.title, "3 sets of pictures of 16 x 16")
  end)

t.test("a set of two domains has a sheet of each, and show takes it",
  function()
    local set = data.known.striped { images = 4, held = 3 }
    local shown
    local show = require "orrery.show"
    local sink = show.sink(function(figure) shown = figure end)
    show.show(set, { count = 4, columns = 4 })
    show.show(set.train.A)
    show.sink(sink)
    t.equal(shown.title, "4 pictures of 16 x 16")
    t.ok(data.sheet(set))
    t.ok(data.sheet(data.mnist { images = 30, held = 3 }.train))
  end)

t.test("a seed draws pictures at random, the same ones again", function()
  local set = data.known.striped { images = 30, held = 3 }.train.A
  local function pixels(seed)
    return data.sheet(set, { count = 6, columns = 6, seed = seed }).pixels
  end
  t.equal(pixels(1), pixels(1))
  t.ok(pixels(1) ~= pixels(2))
  t.ok(pixels(1) ~= pixels())
end)

t.test("a description counts, and its means are those of the pictures",
  function()
    local a = bytes(4, 3, 2, 2)
    for c = 1, 3 do a[{ {}, c }] = 85 * c end
    local set = { train = { A = data.Pictures.new { a },
      B = data.Pictures.new { a:narrow(1, 1, 2) } },
      test = { A = data.Pictures.new({ a }, { range = { 0, 1 } }) } }
    local rows = data.describe(set)
    t.equal({ rows[1].name, rows[2].name, rows[3].name }, { "trainA", "trainB",
      "testA" })
    t.equal({ rows[1].count, rows[2].count, rows[1].height }, { 4, 2, 2 })
    t.near(orrery.tensor(rows[1].mean), { -1 / 3, 1 / 3, 1 }, 1e-6)
    t.near(orrery.tensor(rows[3].mean), { 1 / 3, 2 / 3, 1 }, 1e-6)
    t.near(orrery.tensor(rows[1].std), { 0, 0, 0 }, 1e-6)
    t.ok(tostring(rows):find("trainA        4     2 x 2  -0.33  0.33  1.00",
      1, true), tostring(rows))
    t.equal(#data.describe(data.mnist { images = 30, held = 3 }), 2)
  end)

t.test("what is no set of pictures is refused", function()
  t.fails("sheet: set is 3; give a set of pictures, or a table with train or "
    .. "test", data.sheet, 3)
  t.fails("describe: the set has no pictures [B, C, H, W]; give one that has",
    data.describe, data.TensorDataset(orrery.rand(3, 2)))
  t.fails("sheet: unknown option colums; did you mean columns?", data.sheet,
    data.known.striped { images = 2, held = 1 }, { colums = 2 })
end)
