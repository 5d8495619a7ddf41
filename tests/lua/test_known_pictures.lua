--- Drawn pictures of which all is known: partners differ where they should,
--- masks cover what they say, attributes move what they name.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local known = orrery.data.known

local small = { images = 20, held = 40 }

local function options(own)
  local o = { images = 20, held = 40 }
  for key, value in pairs(own) do o[key] = value end
  return o
end

local sets = {
  fruit = function(o) return known.fruit(o) end,
  winter = function(o) return known.landscape(o) end,
  night = function(o)
    o.change = "night"
    return known.landscape(o)
  end,
  brush = function(o)
    o.change = "brush"
    return known.landscape(o)
  end,
}

for _, name in ipairs { "fruit", "winter", "night", "brush" } do
  t.test(name .. ": as many as asked for, of a seed, in two domains",
    function()
      local set = sets[name](options {})
      local a, b, mask = set.test.pairs:everything()
      t.equal({ a:shape_str(), b:shape_str(), mask:shape_str() },
        { "[40, 3, 32, 32]", "[40, 3, 32, 32]", "[40, 1, 32, 32]" })
      t.equal({ #set.train.A, #set.train.B, #set.train.pairs },
        { 20, 20, 20 })
      t.equal(sets[name](options {}).test.B:everything(), b)
      t.ok(sets[name](options { seed = 2 }).test.B:everything() ~= b)
      local share = mask:flatten(2):mean(2)
      t.ok(share:amin():item() > 0.005 and share:amax():item() < 0.6)
      local seen = set.train.A:everything()
      t.ok((seen:unsqueeze(2) - a:unsqueeze(1)):abs():flatten(3):mean(3)
        :amin():item() > 0.01, "a held-out picture is trained on")
    end)
end

t.test("fruit: partners differ in the fruit alone", function()
  local a, b, mask = known.fruit(options { size = 48 }).test.pairs:everything()
  -- A pixel at the rim of the mask is drawn on by less than half.
  local off = (-mask + 1)
  local rim = orrery.nn.functional.max_pool2d(mask, 3, { stride = 1,
    padding = 1 })
  t.near(((a - b) * (-rim + 1)):abs():amax(), 0)
  t.ok((((a - b) * off):abs():sum() / ((a - b):abs():sum())):item() < 0.05)
  -- Apples are red, oranges as green as they are not blue.
  local function mean(x, c)
    return ((x:select(2, c) * mask:select(2, 1)):sum() / mask:sum()):item()
  end
  t.ok(mean(a, 1) - mean(a, 2) > 0.8)
  t.ok(mean(b, 2) - mean(b, 3) > 0.3)
end)

t.test("landscape: night is the day in other light, but for the moon",
  function()
    local set = known.landscape(options { change = "night" })
    local a, b = set.test.pairs:everything()
    local light = orrery.tensor({ 0.2, 0.24, 0.42 }):reshape(1, 3, 1, 1)
    local off = ((b + 1) / 2 - (a + 1) / 2 * light):abs()
    local moon = off:amax { axis = 2 }:gt(0.02):float()
    t.ok(moon:narrow(2, 12, 21):sum():item() == 0, "all of it is up high")
    t.ok(moon:flatten(2):sum(2):amax():item() < 25)
  end)

t.test("landscape: winter is white, a brush keeps the view when seen from afar",
  function()
    local a, b = known.landscape(options {}).test.pairs:everything()
    local ground = b:narrow(3, 30, 3):mean():item()
    t.ok(ground > 0.4, "snow")
    t.ok(a:narrow(3, 30, 3):select(2, 3):mean():item() < 0)
    a, b = known.landscape(options { change = "brush" }).test.pairs
      :everything()
    local function afar(x) return orrery.avg_pool2d(x:mean(2), 8) end
    t.ok((afar(a) - afar(b)):abs():amax():item() < 0.08)
    t.ok((a - b):abs():mean():item() > 0.05)
    t.fails("landscape: change is \"spring\"; it is winter, night or brush",
      known.landscape, { change = "spring" })
  end)

t.test("textures: masks mark what was changed, and only faulty ones have any",
  function()
    local set = known.textures { images = 30, held = 400 }
    local x, kind, mask = set.test:everything()
    t.equal({ x:shape_str(), kind:shape_str(), mask:shape_str() },
      { "[400, 1, 32, 32]", "[400]", "[400, 1, 32, 32]" })
    local area = mask:flatten(2):sum(2)
    t.equal(area:gt(0), kind:gt(1))
    t.ok(area:amax():item() < 0.2 * 32 * 32)
    -- Half are normal, a sixth is of each fault: within 5 sd.
    local counts = kind:bincount():tolist()
    t.equal(#counts, 4)
    t.near(counts[1], 200, 5 * 10)
    for k = 2, 4 do t.near(counts[k], 400 / 6, 5 * math.sqrt(400 * 5 / 36)) end
    t.equal(set.classes, { "normal", "scratch", "spot", "missing" })
    -- Where a scratch is it is bright, where a spot is dark.
    for k, low in pairs { [2] = 0.7, [3] = 0 } do
      local some = kind:eq(k):float():reshape(-1, 1, 1, 1) * mask
      local shade = ((x * some):sum() / some:sum()):item()
      t.ok(shade >= low and shade <= low + 0.35, tostring(shade))
    end
    t.equal({ set.train:everything():shape() }, { 30, 1, 32, 32 })
    t.ok(set.train:everything():amin():item() > 0.05)
  end)

t.test("faces: shares of hats and glasses are those planted", function()
  local set = known.faces { images = 2000, held = 10 }
  local _, a = set.train:everything()
  t.equal(set.attributes, { "age", "smile", "pose", "skin", "glasses", "hat" })
  local means = a:mean(1):tolist()
  for k = 1, 4 do t.near(means[k], 0.5, 5 / math.sqrt(12 * 2000)) end
  t.near(means[5], 0.25, 5 * math.sqrt(0.25 * 0.75 / 2000))
  t.near(means[6], 0.1, 5 * math.sqrt(0.1 * 0.9 / 2000))
  local _, bare = known.faces { images = 50, held = 1, hat = 0,
    glasses = 1 }.train:everything()
  t.near(bare:mean(1):narrow(1, 5, 2), { 1, 0 })
end)

t.test("faces: an attribute moves the part it names", function()
  local set = known.faces { images = 1, held = 1 }
  local function face(...)
    return set.draw(orrery.tensor { { ... } }, orrery.Generator(3))
  end
  local plain = face(0.2, 0.5, 0.5, 0.5, 0, 0)
  t.equal(face(0.2, 0.5, 0.5, 0.5, 0, 0), plain)
  -- Rows in which it changes, of 32.
  local function rows(other)
    local changed = (other - plain):abs():amax { axis = 2 }
      :amax { axis = 3 }:reshape(-1):tolist()
    local first, last
    for i, v in ipairs(changed) do
      if v > 0.02 then first, last = first or i, i end
    end
    return first, last
  end
  local first, last = rows(face(0.2, 1, 0.5, 0.5, 0, 0))
  t.ok(first >= 23 and last <= 27, "the mouth")
  first, last = rows(face(0.2, 0.5, 0.5, 0.5, 1, 0))
  t.ok(first >= 13 and last <= 20, "the eyes")
  first, last = rows(face(0.2, 0.5, 0.5, 0.5, 0, 1))
  t.ok(first <= 3 and last <= 10, "the hat")
  t.fails("draw: attributes are [1, 2]; give [n, 6]", set.draw,
    orrery.zeros(1, 2))
end)

t.test("captioned: the judge reads what was drawn, whatever the size",
  function()
    for _, size in ipairs { 16, 20, 28 } do
      local set = known.captioned { size = size, images = 60, held = 360 }
      local x, which = set.test:everything()
      t.equal(x:shape_str(), ("[360, 3, %d, %d]"):format(size, size))
      t.equal(set.read(x), set.scenes:index_select(1, which))
      t.equal(which:unique():numel(), 36)
    end
  end)

t.test("captioned: a shape's middle is where it is said to be", function()
  local set = known.captioned { images = 20, held = 360 }
  local x, which = set.test:everything()
  local light = ((x + 1) / 2):sum(2)  -- [360, 20, 20]
  local at = (orrery.range(1, 20, { dtype = "float32" }) - 0.5) / 20
  local across = (light:sum(2) * at):sum(2) / light:flatten(2):sum(2)
  local place = set.scenes:index_select(1, which):select(2, 3):float()
  t.ok((across - (place - 2) * 0.275 - 0.5):abs():amax():item() < 0.03)
  -- Red, green, blue by the brightest channel; of yellow the least is blue.
  local mean = x:mean { axis = { 3, 4 } }
  local colour = set.scenes:index_select(1, which):select(2, 1)
  for i, c in ipairs(colour:tolist()) do
    t.equal(c < 4 and mean[i]:argmax():item() or mean[i]:argmin():item(),
      math.min(c, 3))
  end
end)

t.test("captioned: six combinations of known words are kept back", function()
  local set = known.captioned { images = 2000, held = 36 }
  local _, which = set.train:everything()
  local counts = which:bincount { minlength = 36 }:tolist()
  local kept, words = 0, {}
  for i, seen in ipairs(set.seen) do
    t.equal(counts[i] > 0, seen)
    if not seen then kept = kept + 1 end
    for word in set.say(i):gmatch "%a+" do
      words[word] = words[word] or seen
    end
  end
  t.equal(kept, 6)
  for word, trained in pairs(words) do t.ok(trained, word) end
end)

t.test("captioned: captions say the scene, near ones differ in one word",
  function()
    local set = known.captioned { images = 1, held = 1 }
    t.equal(set.say(1), "a red disc on the left")
    t.equal(set.say(36, 2), "on the right is a yellow cross")
    local function text(scene, way)
      local list = {}
      for _, number in ipairs(set.captions[scene][way]:tolist()) do
        if number > 1 then list[#list + 1] = set.words[number] end
      end
      return table.concat(list, " ")
    end
    for scene = 1, 36 do
      for way = 1, 3 do t.equal(text(scene, way), set.say(scene, way)) end
      for _, other in ipairs(set.near[scene]:tolist()) do
        local a, b = set.captions[scene][1], set.captions[other][1]
        t.equal({ a:ne(b):sum():item(), set.seen[other] }, { 1, true })
      end
    end
    t.fails("captioned: images is 0; give a whole number of at least 1",
      known.captioned, { images = 0 })
    t.equal(set.spell "On the right is a yellow cross.", set.captions[36][2])
    t.fails("spell: \"mauve\" is not among the words; there are "
      .. table.concat(set.words, " ", 2), set.spell, "a mauve disc")
    t.fails("spell: \"?\" has 0 words; give 1 to 11", set.spell, "?")
    t.fails("say: scene is 37; give its number, 1 to 36", set.say, 37)
    t.fails("say: way is 4; give 1, 2 or 3", set.say, 36, 4)
  end)

t.test("whole: by a word, to learn from and to measure on, in a range",
  function()
    local whole = orrery.data.whole
    for name, shape in pairs { digits = "[30, 1, 28, 28]",
      shapes = "[30, 3, 28, 28]", stripes = "[30, 3, 28, 28]",
      faces = "[30, 3, 28, 28]" } do
      local train, held = whole(name, { images = 30, held = 9 })
      t.equal(train:shape_str(), shape)
      t.equal(held:shape_str(), (shape:gsub("30", "9")))
      local of = whole(name, { images = 30, held = 9, range = { -1, 3 } })
      t.near(of, train * 4 - 1, 1e-6)
    end
    local digits = assert(orrery.data.mnist {})
    local train, held = whole("digits", { images = 5, held = 2 })
    t.equal(train, digits.train:subset(1, 5):everything():float())
    t.equal(held, digits.test:subset(1, 2):everything():float())
    -- Shapes are plain, stripes the same with a second colour.
    local plain, striped = whole "shapes", whole "stripes"
    t.equal(plain:size(1), 2000)
    t.ok(orrery.metrics.sharpness(striped, plain) > 1)
    t.equal({ whole "nowhere at all" }, { nil, "whole: there is no folder "
      .. "nowhere at all; give digits, emoji, faces, fashion, shapes, stripes, "
      .. "or the path of a folder of pictures" })
    t.equal({ whole "digit" }, { nil,
      "whole: there is no folder digit; did you mean digits?" })
    t.fails("whole: damaged is \"no\"; give \"error\" or \"skip\"", whole,
      "digits", { damaged = "no" })
    t.fails("whole: range is 1; give two numbers that differ, as { -1, 1 }",
      whole, "digits", { range = 1 })
    t.fails("whole: name is missing; give digits, emoji, ..., or the path of a "
      .. "folder", whole)
  end)

t.test("whole: a folder's first are held out, at most a quarter", function()
  local folder, whole = files.folder(), orrery.data.whole
  for i = 1, 8 do
    orrery.io.write_image(("%s/%d.png"):format(folder, i),
      orrery.full({ 3, 10, 20 }, i / 8))
  end
  local train, held = whole(folder, { size = 8 })
  t.equal({ train:shape_str(), held:shape_str() },
    { "[6, 3, 8, 8]", "[2, 3, 8, 8]" })
  t.near(held:mean { axis = { 2, 3, 4 } }, { 1 / 8, 2 / 8 }, 0.5 / 255)
  t.equal((whole(folder, { size = 8, images = 3, held = 1 })):size(1), 3)
  local file <close> = assert(io.open(folder .. "/2.png", "w"))
  file:write "no picture"
  file:flush()
  train, held = whole(folder, { size = 8 })
  t.equal(train, nil)
  t.ok(held:find(("^images: %s/2.png is "):format(folder)), held)
  train, held = whole(folder, { size = 8, damaged = "skip" })
  t.near(orrery.cat({ held, train }, 1):mean { axis = { 2, 3, 4 } } * 8,
    { 1, 3, 4, 5, 6, 7, 8 }, 4 / 255)
  for i = 3, 8 do os.remove(("%s/%d.png"):format(folder, i)) end
  train, held = whole(folder, { size = 8 })
  t.equal({ train == nil, held }, { true, ("whole: %q holds 2 pictures; give "
    .. "at least 4"):format(folder) })
  files.drop(folder)
end)

t.test("wrong options are refused", function()
  t.fails("fruit: size is 4; give a whole number of at least 8", known.fruit,
    { size = 4 })
  t.fails("faces: hat is 2; give a share, 0 to 1", known.faces, { hat = 2 })
  t.ok(known.textures(small))
end)
