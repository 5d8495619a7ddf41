--- Sets of pictures in folders and zip files, as the public sets come.
local orrery = require "orrery"
local Files = require "orrery.data.files"
local Place = require "orrery.data.place"
local blame = require "orrery.blame"
local options = require "orrery.options"
local raw = require("orrery.core")._pictures

local folders = {}

-- ------------------------------------------------------------------ options

local defaults = { crop = "centre", flip = false, channels = 3,
  filter = "bicubic", fit = "cover", range = { -1, 1 }, background = 1,
  damaged = "error", seed = 1 }
local optional = { "size", "resize", "jitter", "mean", "std", "workers" }

local function one_of(who, name, value, words)
  for _, word in ipairs(words) do
    if value == word then return value end
  end
  return blame("%s: %s is %s; it is %s", who, name, options.shown(value),
    table.concat(words, ", "))
end

local function numbers(who, name, list, n)
  if type(list) == "number" then list = { list, list, list } end
  if type(list) ~= "table" or #list < n then
    blame("%s: %s is %s; give %d numbers", who, name, options.shown(list), n)
  end
  for i = 1, n do options.number(who, name, list[i]) end
  return list
end

local function jitter_of(who, given)
  local jitter = options.take(who .. ": jitter", given, { brightness = 0,
    contrast = 0, saturation = 0, hue = 0 })
  local some = false
  for name, v in pairs(jitter) do
    local most = name == "hue" and 0.5 or math.huge
    options.number(who, "jitter." .. name, v, function(x)
      return x >= 0 and x <= most
    end, name == "hue" and "0 to 0.5" or "0 or more")
    some = some or v > 0
  end
  return jitter, some
end

-- v from 0 to 255 comes as (v - offset) * gain.
local function scaling(who, o)
  local offset, gain = {}, {}
  if (o.mean == nil) ~= (o.std == nil) then
    blame("%s: mean and std go together; give both or neither", who)
  end
  if o.mean ~= nil then
    local mean = numbers(who, "mean", o.mean, o.channels)
    local std = numbers(who, "std", o.std, o.channels)
    for c = 1, 3 do
      offset[c] = 255 * (mean[c] or 0)
      gain[c] = 1 / (255 * (std[c] or 1))
    end
    return offset, gain
  end
  local range = numbers(who, "range", o.range, 2)
  local low, high = range[1], range[2]
  if low == high then
    blame("%s: range is %g to %g; give two numbers that differ", who, low,
      high)
  end
  for c = 1, 3 do
    gain[c] = (high - low) / 255
    offset[c] = -low / gain[c]
  end
  return offset, gain
end

local function checked(who, given, own)
  local all = {}
  for name, value in pairs(defaults) do all[name] = value end
  for name, value in pairs(own or {}) do all[name] = value end
  local o = options.take(who, given, all, optional)
  one_of(who, "crop", o.crop, { "centre", "random" })
  options.flag(who, "flip", o.flip)
  one_of(who, "channels", o.channels, { 1, 3 })
  one_of(who, "filter", o.filter, { "nearest", "area", "bilinear", "bicubic",
    "lanczos" })
  one_of(who, "fit", o.fit, { "cover", "stretch" })
  one_of(who, "damaged", o.damaged, { "error", "skip" })
  options.count(who, "seed", o.seed, 0)
  options.number(who, "background", o.background, function(v)
    return v >= 0 and v <= 1
  end, "a shade, 0 (black) to 1 (white)")
  o.jitter, o.jittered = jitter_of(who, o.jitter)
  o.offset, o.gain = scaling(who, o)
  if o.size ~= nil then o.size = options.pair(who, "size", o.size) end
  if o.resize ~= nil then o.resize = options.pair(who, "resize", o.resize) end
  if o.workers == nil then o.workers = orrery.threads() > 1 and 1 or 0 end
  options.count(who, "workers", o.workers, 0)
  return o
end

-- ------------------------------------------------------------------ opening

-- The size of the first picture that is whole.
local function first_size(who, place, names, parts)
  local why
  for _, name in ipairs(names) do
    local sources, archive = place:sources { name }
    local h, w
    if archive then
      h, w = raw.size(archive, sources[1])
    else
      h, w = raw.size(sources[1])
    end
    if h then return { h, w // parts } end
    why = why or ("%s: %s %s"):format(who, place:called(name), w)
  end
  return nil, why
end

-- The set of these names, or nil and a sentence.
local function files(who, place, names, o, parts, order)
  if #names == 0 then
    return nil, ("%s: %s holds no PNG or JPEG; give another folder"):format(
      who, place.path)
  end
  local size = o.size or o.resize
  if not size then
    local first, why = first_size(who, place, names, parts)
    if not first then return nil, why end
    size = first
  end
  local scaled = o.resize or o.size
  if scaled and (scaled[1] < size[1] or scaled[2] < size[2]) then
    blame("%s: %d x %d are to be cut from %d x %d; raise resize or lower size",
      who, size[1], size[2], scaled[1], scaled[2])
  end
  local plan = { parts = parts, channels = o.channels, filter = o.filter,
    fit = scaled and o.fit or "none", background =
      math.floor(o.background * 255 + 0.5),
    scaled_height = scaled and scaled[1] or 0,
    scaled_width = scaled and scaled[2] or 0, height = size[1],
    width = size[2], offset = o.offset, gain = o.gain }
  return setmetatable({ who = who, names = names, place = place, plan = plan,
    o = o, parts = order or { 1 }, damaged = {} }, Files)
end

-- The options but one, and that one.
local function without(opts, name)
  if type(opts) ~= "table" then return opts end
  local rest = {}
  for key, value in pairs(opts) do
    if key ~= name then rest[key] = value end
  end
  return rest, opts[name]
end

local function opened(who, path)
  options.text(who, "path", path)
  return Place.open(who, path)
end

-- Class names from the folder each picture is in; nil without folders.
local function classes_of(names)
  local classes, number, of = {}, {}, {}
  for i, name in ipairs(names) do
    local class = name:match "([^/]+)/[^/]*$"
    if not class then return nil end
    if not number[class] then
      classes[#classes + 1] = class
      number[class] = #classes
    end
    of[i] = number[class]
  end
  return classes, orrery.tensor(of, { dtype = "int64" })
end

--- The pictures of a folder or zip file. With a folder for each class, batches
--- are x and the classes, counted from 1 in the order of their names.
---
---     local faces = assert(data.images("celeba64", { size = 64,
---       flip = true }))
---     for x in faces:batches(32, { shuffle = true }) do ... end
---
--- Each picture is scaled to `resize` (so that it covers it, or stretched),
--- `size` is cut from that in the middle or at random, its colours and sides
--- are changed, in this order. Random changes are a function of `seed`, the
--- epoch and the picture: a run resumed or cut into other batches sees the
--- same. Decoding runs in threads of its own, ahead of the batch asked for.
--- A file that is damaged raises an error that names it; with damaged = "skip"
--- it is named on stderr and in `damaged`, and the next one takes its place.
--- A camera's note of how it was held (EXIF) is passed over, as by PyTorch's
--- ImageFolder.
---@param path string  a folder, with folders in it, or a zip file
---@param opts? { size?: integer|integer[], resize?: integer|integer[],
---   fit?: "cover"|"stretch", filter?: "nearest"|"area"|"bilinear"|"bicubic"
---   |"lanczos", crop?: "centre"|"random", flip?: boolean,
---   jitter?: { brightness?: number, contrast?: number, saturation?: number,
---   hue?: number }, channels?: 1|3, range?: number[], mean?: number[],
---   std?: number[], background?: number, damaged?: "error"|"skip",
---   seed?: integer, workers?: integer, classes?: boolean }
---   { height, width } or one number for both; { -1, 1 } is what black and
---   white become, unless mean and std (of 0 to 1) are given; jitter b makes
---   factors of 1 - b to 1 + b, hue in turns; workers: threads, 0 for none
---@return orrery.data.Files? set
---@return string? why  when there is nothing to read
function folders.images(path, opts)
  local who = "images"
  local rest, with_classes = without(opts, "classes")
  local o = checked(who, rest)
  local place, why = opened(who, path)
  if not place then return nil, why end
  local set, wrong = files(who, place, place.names, o, 1)
  if set and with_classes ~= false then
    set.classes, set.labels = classes_of(set.names)
  end
  return set, wrong
end

-- What CycleGAN and pix2pix train with.
local as_published = { crop = "random", flip = true, fit = "stretch" }

-- What a test set is read with: the whole picture, nothing random.
local function for_test(o)
  local copy = {}
  for key, value in pairs(o) do copy[key] = value end
  copy.crop, copy.flip, copy.jittered = "centre", false, false
  copy.resize = o.size
  return copy
end

-- The published load_size: 286 to cut 256 from.
local function with_load_size(who, o)
  o.size = o.size or { 256, 256 }
  if o.resize == nil then
    local scale = o.crop == "random" and 286 / 256 or 1
    o.resize = { math.floor(o.size[1] * scale + 0.5),
      math.floor(o.size[2] * scale + 0.5) }
  end
  if o.crop == "random" and o.resize[1] < o.size[1] then
    blame("%s: resize is %d and size %d; cut out less than there is", who,
      o.resize[1], o.size[1])
  end
  return o
end

--- Unpaired domains as CycleGAN keeps them: a folder or zip file with trainA,
--- trainB, testA and testB. Options are those of `images`; the training sets
--- are, as published, stretched to 286/256 of `size`, cut at random and
--- flipped at random; the test sets just scaled.
---
---     local set = assert(data.cyclegan("horse2zebra", { size = 64 }))
---     for a in set.train.A:batches(1, { shuffle = true }) do ... end
---@param path string
---@param opts? table
---@return { train: { A: orrery.data.Files, B: orrery.data.Files },
---   test: { A: orrery.data.Files?, B: orrery.data.Files? } }? set
---@return string? why
function folders.cyclegan(path, opts)
  local who = "cyclegan"
  local o = with_load_size(who, checked(who, opts, as_published))
  local place, why = opened(who, path)
  if not place then return nil, why end
  local set = { train = {}, test = {} }
  for _, part in ipairs { "train", "test" } do
    for _, domain in ipairs { "A", "B" } do
      local names = place:below(part .. domain)
      if #names > 0 then
        set[part][domain] = files(who, place, names,
          part == "test" and for_test(o) or o, 1)
      elseif part == "train" then
        return nil, ("%s: %s has no pictures in %s; it needs trainA and "
          .. "trainB"):format(who, path, part .. domain)
      end
    end
  end
  return set
end

--- Pairs side by side as pix2pix keeps them: a folder or zip file with train,
--- and perhaps val and test, each picture A and B in its two halves. Both
--- halves are cut, flipped and coloured alike. Options are those of `images`
--- with the defaults of `cyclegan`, and A = "left" or "right".
---
---     local set = assert(data.pix2pix("facades", { size = 64, A = "right" }))
---     for a, b in set.train.pairs:batches(1, { shuffle = true }) do ... end
---@param path string
---@param opts? table  as of `images`, and A: which half is the input, "left"
---@return table<"train"|"val"|"test", { pairs: orrery.data.Files,
---   A: orrery.data.Files, B: orrery.data.Files }>? set
---@return string? why
function folders.pix2pix(path, opts)
  local who = "pix2pix"
  local rest, given = without(opts, "A")
  local side = one_of(who, "A", given or "left", { "left", "right" })
  local o = with_load_size(who, checked(who, rest, as_published))
  local place, why = opened(who, path)
  if not place then return nil, why end
  local order = side == "left" and { 1, 2 } or { 2, 1 }
  local set = {}
  for _, part in ipairs { "train", "val", "test" } do
    local names = place:below(part)
    if #names > 0 then
      local both = files(who, place, names, part == "train" and o
        or for_test(o), 2, order)
      set[part] = { pairs = both, A = both:view(1), B = both:view(2) }
    end
  end
  if not set.train then
    return nil, ("%s: %s has no pictures in train; it needs train, and "
      .. "perhaps val and test"):format(who, path)
  end
  return set
end

return folders
