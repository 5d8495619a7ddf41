--- Emoji in two styles: as many as promised, true pairs, no emoji in two sets.
local orrery, t = require "orrery", require "orrery.testing"
local data = orrery.data

if not orrery.io.features.png then
  t.skip("this build has no libspng")
  return
end

local set = assert(data.emoji {})

local function counted(...)
  local seen, n = {}, 0
  for _, list in ipairs { ... } do
    for _, name in ipairs(list) do
      n = n + 1
      seen[name] = (seen[name] or 0) + 1
    end
  end
  local different = 0
  for _ in pairs(seen) do different = different + 1 end
  return n, different
end

t.test("there are 732, each once in one of three sets", function()
  t.equal(#set.names, 732)
  local n, different = counted(set.train.names.A, set.train.names.B,
    set.test.names)
  t.equal({ n, different }, { 732, 732 })
  t.equal({ #set.train.A, #set.train.B, #set.test.pairs }, { 300, 300, 132 })
  t.equal({ #set.train.names.A, #set.train.names.B, #set.test.names },
    { 300, 300, 132 })
  t.equal(select(2, counted(set.names)), 732)
end)

t.test("pairs are of one emoji: nearer to each other than to others",
  function()
    local a, b = set.test.pairs:everything()
    t.equal({ a:shape() }, { 132, 3, 32, 32 })
    -- By silhouette and colour alone, at 4 x 4, most partners come first.
    local function features(x)
      return orrery.avg_pool2d(x, 8):flatten(2)
    end
    local fa, fb = features(a), features(b)
    local off = (fa:unsqueeze(2) - fb:unsqueeze(1)):abs():sum(3)
    local own = off:diagonal()
    local better = off:lt(own:unsqueeze(2)):float():sum(2)
    t.ok(better:median():item() <= 1, "the median partner is among the first")
    t.ok(better:mean():item() < 15)
  end)

t.test("backgrounds are plain, and the mask covers both drawings", function()
  for _, shade in ipairs { 1, 0.5 } do
    local some = assert(data.emoji { background = shade })
    local a, b, mask = some.test.pairs:everything()
    t.equal({ mask:shape() }, { 132, 1, 32, 32 })
    local level = math.floor(shade * 255 + 0.5) / 255 * 2 - 1
    -- Off the mask at most half of a pixel is drawn on.
    local off = -mask + 1
    for _, x in ipairs { a, b } do
      local moved = ((x - level) * off):abs()
      t.ok(moved:amax():item() <= 1.02)
      t.ok(moved:mean():item() < 0.02)
    end
    local share = mask:mean():item()
    t.ok(share > 0.3 and share < 0.9)
  end
end)

t.test("32 pixels are means of four of the 64", function()
  local large = assert(data.emoji { size = 64 })
  local a = large.test.A:everything()
  t.equal({ a:shape() }, { 132, 3, 64, 64 })
  t.near(orrery.avg_pool2d(a, 2), set.test.A:everything(), 0.02)
end)

t.test("a seed is the split; with overlap both sets hold every emoji",
  function()
    t.equal(assert(data.emoji {}).test.names, set.test.names)
    t.ok(assert(data.emoji { seed = 2, size = 8 }).test.names[1]
      ~= set.test.names[1])
    local both = assert(data.emoji { overlap = true, size = 8, held = 32 })
    t.equal(both.train.names.A, both.train.names.B)
    t.equal({ #both.train.A, #both.train.B, #both.train.pairs,
      #both.test.pairs }, { 700, 700, 700, 32 })
    t.equal(both.train.pairs:view(2):everything(), both.train.B:everything())
  end)

t.test("training pairs are A's emoji with their partners", function()
  local a, b = set.train.pairs:everything()
  t.equal(set.train.A:everything(), a)
  t.ok(b ~= set.train.B:everything())
end)

t.test("wrong options are refused", function()
  t.fails("emoji: size is 48; it is 64, 32, 16 or 8", data.emoji,
    { size = 48 })
  t.fails("emoji: held is 731 of 732 emoji; leave some to train on",
    data.emoji, { held = 731 })
  t.fails("emoji: background is 2; give a shade, 0 (black) to 1 (white)",
    data.emoji, { background = 2 })
end)
