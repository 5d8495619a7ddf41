--- Pairs of label maps and textured pictures of them, and a judge: a small net
--- that reads the labels off pictures (as Isola et al. 2017 judge street scenes
--- by a segmenter, section 4.2).
local orrery = require "orrery"
local Pictures = require "orrery.data.pictures"
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local optim = require "orrery.optim"
local options = require "orrery.options"

local labelled = {}

-- Ground, plain colour, stripes that lie fast but for a pixel, and two kinds
-- of stripes and checks whose place is left to chance: their mean and their
-- median are the same grey.
local names = { "ground", "plain", "rows", "columns", "checks" }
local palette = { { 40, 40, 40 }, { 220, 40, 40 }, { 40, 200, 60 },
  { 60, 80, 230 }, { 230, 210, 50 } }

-- [n, size, size], int64 classes from 1: three shapes over the ground.
local function maps(n, size, generator)
  local g = { generator = generator }
  local at = orrery.range(1, size, { dtype = "float32" }) - 0.5
  local out = orrery.ones({ n, size, size }, { dtype = "int64" })
  for _ = 1, 3 do
    local function uniform(low, high)
      return orrery.rand(n, 1, 1, g) * (high - low) + low
    end
    local r = uniform(0.18, 0.32) * size
    local u = (at:reshape(1, 1, size) - uniform(0.2, 0.8) * size):abs()
    local v = (at:reshape(1, size, 1) - uniform(0.2, 0.8) * size):abs()
    local disc = (u * u + v * v):le(r * r)
    local square = u:maximum(v):le(r * 0.9)
    local round = orrery.rand(n, 1, 1, g):lt(0.5):expand { n, size, size }
    local kind = orrery.randint(2, #names, n, g):reshape(n, 1, 1)
    out = orrery.where(orrery.where(round, disc, square),
      kind:expand { n, size, size }, out)
  end
  return out
end

-- Brightness of each texture everywhere, a list of [n, 3, size, size].
local function textures(n, size, generator)
  local g = { generator = generator }
  local at = orrery.range(0, size - 1, { dtype = "int64" })
  local row, column = at:reshape(1, 1, size, 1), at:reshape(1, 1, 1, size)
  local function phase(low, high)
    return orrery.randint(low, high, n, g):reshape(n, 1, 1, 1)
  end
  local function dark(place)  -- 0.1 and 0.9
    return place:float() * -0.8 + 0.9
  end
  local full = { n, 3, size, size }
  local rows = dark((row + phase(0, 2)):remainder(6):ge(3))
  local columns = dark((column + phase(0, 3)):remainder(4):ge(2))
  local checks = dark(((row + phase(0, 3)):remainder(4):ge(2))
    :ne((column + phase(0, 3)):remainder(4):ge(2)))
  local red = orrery.tensor { 0.8, 0.25, 0.25 }:reshape(1, 3, 1, 1)
  return { orrery.full(full, 0.5), red:expand(full), rows:expand(full),
    columns:expand(full), checks:expand(full) }
end

local function pictures(n, size, generator)
  return orrery.no_grad(function()
    local map = maps(n, size, generator)
    local drawn = textures(n, size, generator)
    local wide = map:unsqueeze(2):expand { n, 3, size, size }
    local photo = drawn[1]
    for k = 2, #names do photo = orrery.where(wide:eq(k), drawn[k], photo) end
    photo = photo + orrery.randn({ n, 3, size, size },
      { generator = generator }) * 0.04
    local colours = orrery.tensor(palette)
      :index_select(1, map:reshape(-1))
      :reshape(n, size, size, 3):permute(1, 4, 2, 3)
    return { colours:byte(), (photo * 255):round():clamp(0, 255):byte(), map }
  end)
end

local function many(n, size, generator)
  local pieces = { {}, {}, {} }
  for from = 1, n, 200 do
    for i, x in ipairs(orrery.tidy(pictures, math.min(200, n - from + 1),
      size, generator)) do
      table.insert(pieces[i], x)
    end
  end
  for i = 1, 3 do pieces[i] = orrery.cat(pieces[i], 1) end
  return Pictures.new(pieces)
end

--- Label maps in five colours and textured pictures of them, generated.
--- Batches are a, b in [-1, 1] and int64 classes [B, H, W] from 1.
---@param given? { size?: integer, images?: integer, held?: integer,
---  seed?: integer }  32 pixels, 1000 pairs, 200 held out, 1
---@return { train: orrery.data.Pictures, test: orrery.data.Pictures,
---  names: string[] }
function labelled.labelled_pairs(given)
  local who = "translate.labelled_pairs"
  local o = options.take(who, given, { size = 32, images = 1000, held = 200,
    seed = 1 })
  options.count(who, "size", o.size, 12)
  options.count(who, "images", o.images)
  options.count(who, "held", o.held)
  local generator = orrery.Generator(options.count(who, "seed", o.seed, 0))
  return { train = many(o.images, o.size, generator),
    test = many(o.held, o.size, generator), names = { table.unpack(names) } }
end

-- Sees 17 x 17 pixels.
local function judge_net(channels, classes, from)
  local list, width = {}, channels
  for _, dilation in ipairs { 1, 2, 2 } do
    list[#list + 1] = nn.Conv2d(width, 24, dilation == 1 and 3 or 5,
      { padding = dilation == 1 and 1 or 2, generator = from })
    list[#list + 1] = nn.ReLU()
    width = 24
  end
  list[#list + 1] = nn.Conv2d(width, 24, 5, { padding = 2, generator = from })
  list[#list + 1] = nn.ReLU()
  list[#list + 1] = nn.Conv2d(24, classes, 1, { generator = from })
  return nn.Sequential(list)
end

--- Trains a small net to read classes off pictures, always alike for the same
--- pictures.
---@param x orrery.Tensor  [N, C, H, W]
---@param classes orrery.Tensor  int64 [N, H, W], from 1
---@param given? { steps?: integer, batch?: integer, seed?: integer }  150, 8
---@return fun(x: orrery.Tensor): orrery.Tensor read  int64 [K, H, W]
function labelled.segmenter(x, classes, given)
  local who = "translate.segmenter"
  options.tensor(who, "x", x, "float")
  options.tensor(who, "classes", classes)
  if classes:size(1) ~= x:size(1) then
    blame("%s: x is %s, classes %s; give as many", who, x:shape_str(),
      classes:shape_str())
  end
  local o = options.take(who, given, { steps = 150, batch = 8, seed = 1 })
  local from, count = orrery.Generator(o.seed), classes:amax():item()
  local net = judge_net(x:size(2), count, from)
  local opt = optim.Adam(net, { lr = 3e-3 })
  local step = orrery.compile(function(some, truth)
    local said = net(some):permute(1, 3, 4, 2):reshape(-1, count)
    return opt:minimize(nn.functional.cross_entropy(said, truth:reshape(-1)))
  end)
  for _ = 1, o.steps do
    orrery.tidy(function()
      local at = orrery.randint(1, x:size(1), o.batch, { generator = from })
      step(x:index_select(1, at), classes:index_select(1, at))
    end)
  end
  return function(y)
    return orrery.no_grad(function() return net(y):argmax(2) end)
  end
end

--- Intersection over union of each class, over all pixels, and their mean over
--- the classes that either has.
---@param read orrery.Tensor  int64 classes, any shape
---@param truth orrery.Tensor  alike
---@param classes integer
---@return number mean
---@return number[] each  nan for a class that neither has
function labelled.iou(read, truth, classes)
  local who = "translate.iou"
  options.count(who, "classes", classes)
  if read:shape_str() ~= truth:shape_str() then
    blame("%s: read is %s, truth %s; match them", who, read:shape_str(),
      truth:shape_str())
  end
  local each, sum, n = {}, 0, 0
  for k = 1, classes do
    local one, other = read:eq(k), truth:eq(k)
    local both = one:logical_and(other):sum():item()
    local either = one:logical_or(other):sum():item()
    each[k] = either > 0 and both / either or 0 / 0
    if either > 0 then sum, n = sum + each[k], n + 1 end
  end
  return sum / n, each
end

return labelled
