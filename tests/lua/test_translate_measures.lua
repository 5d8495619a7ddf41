--- What translations are measured and shown with: partners, domains, pairs of
--- label maps and textures, sheets and curves.
local orrery, t = require "orrery", require "orrery.testing"
local data, translate = orrery.data, orrery.translate

t.test("partners: equal pictures are at 0 and find themselves", function()
  local x = orrery.rand({ 6, 3, 16, 16 }, { low = -1, high = 1,
    generator = orrery.Generator(1) })
  local s = translate.against_partners(x, x)
  t.near({ s.l1, s.feature, s.first, s.rank }, { 0, 0, 1, 1 }, 1e-6)
  -- Each is given the next one: its own partner is not the nearest.
  local shifted = orrery.cat({ x:narrow(1, 2, 5), x:narrow(1, 1, 1) }, 1)
  s = translate.against_partners(shifted, x)
  t.equal(s.first, 0)
  t.near(s.l1, (shifted - x):abs():mean():item() / 2, 1e-6)
  t.ok(s.feature > 0 and s.rank >= 2)
end)

t.test("a partner's place counts those that are nearer", function()
  local truth = orrery.tensor { 0, 0.5, 1 }:reshape(3, 1, 1, 1)
    :expand(3, 1, 8, 8):clone()
  local out = orrery.tensor { 0.9, 0.5, 1 }:reshape(3, 1, 1, 1)
    :expand(3, 1, 8, 8):clone()
  local s = translate.against_partners(out, truth)
  t.near(s.rank, (3 + 1 + 1) / 3, 1e-6)
  t.near(s.first, 2 / 3, 1e-6)
end)

t.test("the perceptual distance is the mean over layers and places", function()
  -- An extractor of one layer of two channels: x and 1 - x.
  local extractor = { maps = function(_, x)
    return { orrery.cat({ x, -x + 1 }, 2) }
  end }
  local one, other = orrery.full({ 1, 1, 2, 2 }, 1),
    orrery.full({ 1, 1, 2, 2 }, 0)
  -- Unit vectors (1, 0) and (0, 1): 2 everywhere.
  t.near(translate.feature_distance(one, other, extractor), { 2 }, 1e-5)
  t.near(translate.feature_distance(one, one, extractor), { 0 }, 1e-6)
  t.gradcheck(function(x)
    return translate.feature_distance(x, orrery.full({ 1, 2, 3, 3 }, 0.3,
      { dtype = "float64" }), extractor)
  end, { orrery.rand({ 1, 2, 3, 3 }, { dtype = "float64", low = 0.1 }) })
end)

t.test("reading the shipped extractor moves no stream and outlasts a tidy",
  function()
    collectgarbage()
    collectgarbage()
    local before, e = orrery.default_generator():state(), nil
    orrery.tidy(function() e = orrery.metrics.extractor() end)
    t.equal(orrery.default_generator():state(), before)
    t.equal(e:features(orrery.zeros(1, 1, 28, 28)):size(1), 1)
  end)

t.test("a domain classifier tells the domains and passes wrong colours",
  function()
    local a = orrery.full({ 32, 3, 8, 8 }, -0.5)
      + orrery.randn({ 32, 3, 8, 8 }, { generator = orrery.Generator(1) }) * 0.1
    local share = translate.domain_classifier(a, a + 1, { steps = 40,
      batch = 16 })
    t.equal({ share(a), share(a + 1) }, { 0, 1 })
    t.equal(share(a:index_select(2, orrery.tensor({ 3, 1, 2 },
      { dtype = "int64" })) + 1), 1)
  end)

t.test("unpaired batches go round at their own pace and resume", function()
  local function made()
    local function side(n, seed)
      return data.TensorDataset(orrery.range(1, n)):batches(2,
        { shuffle = true, generator = orrery.Generator(seed) })
    end
    return translate.unpaired(side(4, 1), side(6, 2))
  end
  local function seen(u, n)
    local list = {}
    for i = 1, n do
      local a, b = u()
      list[i] = { a:tolist(), b:tolist() }
    end
    return list
  end
  local u = made()
  local all = seen(u, 7)
  for _, pair in ipairs(all) do t.equal({ #pair[1], #pair[2] }, { 2, 2 }) end
  local v = made()
  seen(v, 3)
  local state, w = v:state(), made()
  w:set_state(state)
  t.equal(seen(w, 4), { table.unpack(all, 4) })
end)

t.test("a side of fewer images than a batch is named", function()
  local function side(n)
    return data.TensorDataset(orrery.range(1, n)):batches(4,
      { drop_last = true })
  end
  t.fails("translate.unpaired: b has fewer images than a batch takes; lower "
    .. "the batch, or give more", translate.unpaired(side(9), side(3)))
end)

t.test("label maps and textures belong together", function()
  local set = translate.labelled_pairs { size = 24, images = 40, held = 4 }
  local a, b, classes = set.train:everything()
  t.equal({ a:shape_str(), b:shape_str(), classes:shape_str(), #set.test },
    { "[40, 3, 24, 24]", "[40, 3, 24, 24]", "[40, 24, 24]", 4 })
  t.equal({ classes:amin():item(), classes:amax():item() }, { 1, 5 })
  local one = translate.labelled_pairs { size = 24, images = 40, held = 4 }
  t.equal(one.train.views[2]:eq(set.train.views[2]):all():item(), 1)
  -- One colour of the map for each class, means of the textures as drawn.
  local grey = b:mean(2) * 0.5 + 0.5
  for class, mean in ipairs { 0.5, (0.8 + 0.25 + 0.25) / 3, 0.5, 0.5, 0.5 } do
    local here = classes:eq(class)
    local got = orrery.where(here, grey, 0):sum():item()
      / here:sum():item()
    t.near(got, mean, 0.04)
    local red = a:select(2, 1):masked_select(here)
    t.equal(red:amin():item(), red:amax():item())
  end
end)

t.test("rows lie fast but for two pixels, columns and checks anywhere",
  function()
    local set = translate.labelled_pairs { size = 24, images = 300, held = 1 }
    local _, b, classes = set.train:everything()
    local grey = b:mean(2) * 0.5 + 0.5
    -- The mean over pictures of each row: two rows of six are always dark or
    -- always bright where phases are 0 to 2.
    local function by_place(class, axis)
      local here = classes:eq(class)
      local other = axis == 2 and 3 or 2
      local sum = orrery.where(here, grey, 0):sum { axis = { 1, other } }
      local n = here:float():sum { axis = { 1, other } }
      local m = (sum / n):narrow(1, 7, 12)
      return m:amin():item(), m:amax():item()
    end
    local low, high = by_place(3, 2)
    t.ok(low < 0.2 and high > 0.8)
    for _, class in ipairs { 4, 5 } do
      for axis = 2, 3 do
        low, high = by_place(class, axis)
        t.ok(low > 0.3 and high < 0.7, ("%d %g %g"):format(class, low, high))
      end
    end
  end)

t.test("a segmenter reads what it was shown", function()
  local set = translate.labelled_pairs { size = 16, images = 30, held = 4 }
  local _, b, classes = set.train:everything()
  local read = translate.segmenter(b, classes, { steps = 25, batch = 8 })
  t.equal(read(b):shape_str(), "[30, 16, 16]")
  local mean = translate.iou(read(b), classes, 5)
  t.ok(mean > 0.3, mean)
end)

t.test("intersection over union by hand", function()
  local read = orrery.tensor({ 1, 1, 2, 2, 3 }, { dtype = "int64" })
  local truth = orrery.tensor({ 1, 2, 2, 2, 2 }, { dtype = "int64" })
  local mean, each = translate.iou(read, truth, 4)
  t.near({ each[1], each[2], each[3] }, { 1 / 2, 2 / 4, 0 }, 1e-12)
  t.ok(each[4] ~= each[4])
  t.near(mean, 1 / 3, 1e-12)
end)

t.test("the six terms are those of both directions together", function()
  local six = translate.six_terms { G_A = 1, G_B = 2, D_A = 3, D_B = 4,
    cycle_A = 5, cycle_B = 6, idt_A = 7 }
  t.equal(six, { ["G, A to B"] = 1, ["G, B to A"] = 2, ["D of B"] = 3,
    ["D of A"] = 4, cycle = 11, identity = 7 })
end)

t.test("a sheet has a row for each kind of picture", function()
  local x = orrery.zeros(3, 3, 8, 8)
  local sheet = translate.sheet({ real_A = x, fake_B = x, rec_A = x,
    idt_B = x, real_B = x, fake_A = x, rec_B = x, idt_A = x }, { B = x })
  t.equal(sheet.row_names, { "A", "A to B", "true B", "back to A",
    "A left alone", "B", "B to A", "back to B", "B left alone" })
end)

t.test("what cannot be measured is said", function()
  local x, y = orrery.zeros(2, 3, 8, 8), orrery.zeros(3, 3, 8, 8)
  t.fails("translate.against_partners: output is [2, 3, 8, 8], truth is "
    .. "[3, 3, 8, 8]; match them", translate.against_partners, x, y)
  t.fails("translate.iou: read is [2, 3, 8, 8], truth [3, 3, 8, 8]; match "
    .. "them", translate.iou, x, y, 2)
  t.fails("translate.labelled_pairs: size is 8; give a whole number of at "
    .. "least 12", translate.labelled_pairs, { size = 8 })
end)
