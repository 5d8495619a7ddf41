--- Drawn shapes and what is said of them: pictures of 36 scenes, a colour, a
--- shape and a place each, with captions, and a judge that reads a picture.
local orrery = require "orrery"
local blame = require "orrery.blame"
local domains = require "orrery.data.known.domains"
local options = require "orrery.options"

local i64 = { dtype = "int64" }
local parts = { { "red", "green", "blue", "yellow" },
  { "disc", "square", "cross" }, { "left", "middle", "right" } }
local rgb = { { 0.9, 0.15, 0.15 }, { 0.15, 0.8, 0.2 }, { 0.2, 0.3, 0.95 },
  { 0.9, 0.85, 0.15 } }
local sayings = { "a %s %s on the %s", "on the %s is a %s %s",
  "there is a %s %s in the %s of the picture" }
local longest = 11

-- What is said of a scene, one of three ways.
local function said(scene, way)
  local c, s, p = parts[1][scene[1]], parts[2][scene[2]], parts[3][scene[3]]
  if way == 2 then return sayings[2]:format(p, c, s) end
  return sayings[way]:format(c, s, p)
end

-- Of each second colour and shape one place: six scenes not to be trained on.
local function is_kept_back(c, s, p)
  return (c + s) % 2 == 0 and p == (c + 2 * s) % 3 + 1
end

local function all_scenes()
  local list, seen = {}, {}
  for c = 1, #parts[1] do
    for s = 1, #parts[2] do
      for p = 1, #parts[3] do
        list[#list + 1] = { c, s, p }
        seen[#list] = not is_kept_back(c, s, p)
      end
    end
  end
  return list, seen
end

-- All words that occur, and the numbers they have; 1 is no word.
local function vocabulary(list)
  local words, number = { "" }, {}
  for _, scene in ipairs(list) do
    for way = 1, #sayings do
      for word in said(scene, way):gmatch "%a+" do
        if not number[word] then
          words[#words + 1] = word
          number[word] = #words
        end
      end
    end
  end
  return words, number
end

-- A caption as words' numbers, or nil and a word that has none.
local function spelt(text, number)
  local row = {}
  for word in text:lower():gmatch "%a+" do
    if not number[word] then return nil, word end
    row[#row + 1] = number[word]
  end
  for k = #row + 1, longest do row[k] = 1 end
  return row
end

-- [36, 3, longest]
local function captions(list, number)
  local rows = {}
  for i, scene in ipairs(list) do
    rows[i] = {}
    for way = 1, #sayings do
      rows[i][way] = spelt(said(scene, way), number)
    end
  end
  return orrery.tensor(rows, i64)
end

-- Numbers of the seen scenes that differ from each in one part. There are
-- seven (3 colours, 2 shapes, 2 places) less those kept back; some repeat.
local function neighbours(list, seen)
  local rows = {}
  for i, a in ipairs(list) do
    local row = {}
    for j, b in ipairs(list) do
      local same = 0
      for k = 1, 3 do same = same + (a[k] == b[k] and 1 or 0) end
      if same == 2 and seen[j] then row[#row + 1] = j end
    end
    local n = #row
    for k = n + 1, 7 do row[k] = row[k - n] end
    rows[i] = row
  end
  return orrery.tensor(rows, i64)
end

-- ---- drawing; all lengths are of the picture's side

local apart = 0.275  -- from place to place
-- Signed distances at offsets u, v for a half width r; areas by r^2.
local outlines = {
  function(u, v, r) return (u ^ 2 + v ^ 2):sqrt() - r end,
  function(u, v, r) return u:abs():maximum(v:abs()) - r end,
  function(u, v, r)
    local a, b = u:abs(), v:abs()
    return (a - r):maximum(b - r / 3):minimum((b - r):maximum(a - r / 3))
  end,
}
local areas = { math.pi, 4, 20 / 9 }

local function shape(kind, cx, cy, r, size)
  local x, y = domains.grid(size)
  return domains.covered(outlines[kind](x - cx, y - cy, r), size)
end

local function draw(scenes, size, g)
  local n = scenes:size(1)
  local function part(k) return scenes:select(2, k):reshape(n, 1, 1, 1) end
  local x = (part(3) - 2):float() * apart + domains.uniform(n, 0.475, 0.525, g)
  local y, r = domains.uniform(n, 0.4, 0.6, g),
    domains.uniform(n, 0.17, 0.22, g)
  local mask = 0
  for kind = 1, #outlines do
    mask = mask + shape(kind, x, y, r, size) * part(2):eq(kind):float()
  end
  return mask * orrery.tensor(rgb):index_select(1, scenes:select(2, 1))
    :reshape(n, 3, 1, 1)
end

-- ---- the judge

-- Moments of the brightness give middle and area; the colour is the nearest
-- to the mean; the shape is the one that, drawn there with this area, is
-- nearest. Noise below a quarter of full brightness does not count.
local function read(x)
  local n, size = x:size(1), x:size(3)
  x = (x + 1) / 2
  local mask = (x:amax { axis = 2, keepdim = true } / 0.87):clamp(0, 1)
  mask = mask * mask:gt(0.25):float()
  local function sum(v) return v:sum { axis = { 3, 4 }, keepdim = true } end
  local area = sum(mask) + 1e-6
  local across, down = domains.grid(size)
  local cx, cy = sum(mask * across) / area, sum(mask * down) / area
  local mean = sum(x * mask) / sum(mask ^ 2):clamp { min = 1e-6 }
  local colour = ((mean:reshape(n, 1, 3) - orrery.tensor(rgb)) ^ 2):sum(3)
    :argmin(2)
  local far = {}
  for kind, unit in ipairs(areas) do
    local r = (area / unit):sqrt() / size
    far[kind] = ((shape(kind, cx, cy, r, size) - mask) ^ 2):flatten(2):sum(2)
  end
  local place = ((cx - 0.5) / apart):round():clamp(-1, 1):reshape(n):long()
  return orrery.stack({ colour, orrery.stack(far, 2):argmin(2), place + 2 }, 2)
end

--- Drawn shapes on black with captions. Batches are x in -1 to 1 and the
--- number of the scene, int64 [B], 1 to 36. Six scenes, one in six, are only in
--- the test set: their words are known, and have not come together.
---@param opts? { size?: integer, images?: integer, held?: integer,
---   seed?: integer }  20 pixels of a side; 4000; 360; 1
---@return { train: orrery.data.Pictures, test: orrery.data.Pictures,
---   size: integer, scenes: orrery.Tensor, seen: boolean[],
---   parts: string[][], words: string[], captions: orrery.Tensor,
---   near: orrery.Tensor, say: (fun(scene: integer, way?: integer): string),
---   spell: (fun(text: string): orrery.Tensor),
---   read: fun(x: orrery.Tensor): orrery.Tensor } set  scenes: int64 [36, 3],
---   the numbers of colour, shape and place among `parts`; seen: whether it is
---   trained on; captions: int64 [36, 3, 11], the words of three sayings by
---   their numbers in `words`, filled up with 1, which is no word; near: int64
---   [36, 7], seen scenes that differ in one part; say: a caption as text;
---   spell: a text of those words as their numbers, int64 [11];
---   read: what is in pictures [n, 3, H, W], as rows of `scenes`
return function(opts)
  local o = domains.options("captioned", opts, { size = 20, images = 4000,
    held = 360 })
  local list, seen = all_scenes()
  local scenes, known = orrery.tensor(list, i64), {}
  for i, is in ipairs(seen) do if is then known[#known + 1] = i end end
  local function of(numbers)
    numbers = orrery.tensor(numbers, i64)
    return function(n, _, g)
      local which = numbers:index_select(1, orrery.randint(1, #numbers, n, g))
      return domains.bytes(draw(scenes:index_select(1, which), o.size, g)),
        which
    end
  end
  local words, number = vocabulary(list)
  local every = orrery.range(1, #list, i64):tolist()
  local generator = orrery.Generator(o.seed)
  return { size = o.size, scenes = scenes, seen = seen, parts = parts,
    words = words, captions = captions(list, number),
    near = neighbours(list, seen),
    train = domains.many(o.images, of(known), o, generator),
    test = domains.many(o.held, of(every), o, generator),
    say = function(scene, way)
      options.number("say", "scene", scene, function(v) return list[v] end,
        "its number, 1 to 36")
      options.number("say", "way", way or 1, function(v) return sayings[v] end,
        "1, 2 or 3")
      return said(list[scene], way or 1)
    end,
    spell = function(text)
      options.text("spell", "text", text)
      local row, strange = spelt(text, number)
      if strange then
        blame("spell: %q is not among the words; there are %s", strange,
          table.concat(words, " ", 2))
      elseif #row > longest or row[1] == 1 then
        blame("spell: %q has %d words; give 1 to %d", text,
          row[1] == 1 and 0 or #row, longest)
      end
      return orrery.tensor(row, i64)
    end,
    read = function(x)
      options.tensor("read", "x", x, "float")
      return orrery.no_grad(read, x)
    end }
end
