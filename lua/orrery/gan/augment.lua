--- Parts of a game that augment what D sees: DAG (a head of D for each change
--- that can be undone), the naive way (real examples only, which the generator
--- then learns as they are), both sides alike (DiffAugment), and with a
--- probability that follows how sure D is (ADA).
local orrery = require "orrery"
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local options = require "orrery.options"
local per_example = require "orrery.gan.per_example"

local augment = {}

local function check_maps(who, list)
  if type(list) ~= "table" or #list == 0 then
    blame("%s: maps are %s; give a list of gan.maps", who, options.shown(list))
  end
  for i, map in ipairs(list) do
    if type(map) ~= "table" or type(map.forward) ~= "function" then
      blame("%s: map %d is %s; give one of gan.maps", who, i,
        options.shown(map))
    end
  end
end

-- Each example as it is or changed by one of the maps, equally often.
local function one_each(x, list, stream)
  local drawn = orrery.rand(per_example(x), { dtype = x.dtype,
    generator = stream }) * (#list + 1)
  local out = x
  for i, map in ipairs(list) do
    out = orrery.where(drawn:ge(i), map.forward(x), out)
  end
  return out
end

-- ---- DAG

--- DAG (Tran et al. 2021, eq. 10 and 11): a further head of D for each
--- invertible map T, which tells T(real) from T(fake). The Jensen-Shannon
--- divergence is the same under every T, so that all heads pull the generator
--- to the data, not to the data's changed copies. Heads share D's trunk:
---
---     local trunk, one = ...                       -- modules
---     gan.Game { discriminator = nn.Sequential { trunk, one() }, parts = {
---       gan.dag { trunk = trunk, heads = { one(), one(), one() },
---         maps = gan.maps.rotations() } }, ... }
---
---@param given table  trunk; heads, one for each of maps; weight = 0.2, of the
---  heads' mean beside the first one, or { discriminator =, generator = }
function augment.dag(given)
  local o = options.take("dag", given, { weight = 0.2 }, { "trunk", "heads",
    "maps" })
  options.callable("dag", "trunk", o.trunk)
  check_maps("dag", o.maps)
  if type(o.heads) ~= "table" or #o.heads ~= #o.maps then
    blame("dag: there are %d maps; give as many heads", #o.maps)
  end
  for _, map in ipairs(o.maps) do
    if not map.invertible then
      blame("dag: %s cannot be undone; its divergence is another one: leave "
        .. "it out", map.name)
    end
  end
  local weights = type(o.weight) == "table" and o.weight
    or { discriminator = o.weight, generator = o.weight }
  for _, side in ipairs { "discriminator", "generator" } do
    options.number("dag", "weight." .. side, weights[side])
  end
  local part = { name = "dag", critics = { heads = nn.ModuleList(o.heads) } }

  local function mean_of_heads(fn, weight)
    local total
    for i, map in ipairs(o.maps) do
      local function head(x) return o.heads[i](o.trunk(map.forward(x))) end
      local loss = fn(head)
      total = total and total + loss or loss
    end
    return total * (weight / #o.maps)
  end

  function part.cost(_, game, real, fake)
    return mean_of_heads(function(head)
      return game.loss.discriminator(head(real.x), head(fake.x))
    end, weights.discriminator)
  end

  function part.term(_, game, fake, real)
    return mean_of_heads(function(head)
      return game.loss.generator(head(fake.x),
        game.loss.relative and head(real.x) or nil)
    end, weights.generator)
  end
  return part
end

-- ---- one D on everything

--- Naive augmentation: D's real examples are changed, each by one of the maps
--- or not at all. The generator learns the changed ones as well.
---@param list orrery.gan.Map[]
function augment.naive(list)
  check_maps("naive", list)
  local part = { name = "naive" }
  function part.see(_, game, side)
    if side.real then side.x = one_each(side.x, list, game.stream) end
  end
  return part
end

local policies = {}

-- Brightness and contrast (Zhao et al. 2020); saturation of colour images.
function policies.colour(x, draw)
  x = x + (draw() - 0.5)
  if x:size(2) > 1 then
    local grey = x:mean { axis = 2, keepdim = true }
    x = grey + (x - grey) * (draw() * 2)
  end
  local mean = x:mean { axis = { 2, 3, 4 }, keepdim = true }
  return mean + (x - mean) * (draw() + 0.5)
end

-- Positions of a shift by up to an eighth of the side, zeros outside.
local function shifted(x, axis, draw)
  local side = x:size(axis)
  local most = (side + 7) // 8
  local shift = (draw() * (2 * most + 1)):floor():to "int64"
  local shape = { 1, 1, 1, 1 }
  shape[axis] = side
  local sizes = { x:shape() }
  local place = (orrery.range(1, side, { dtype = "int64" }):reshape(shape)
    + shift):expand(sizes)
  local pad = axis == 3 and { 0, 0, most, most } or { most, most }
  return orrery.functional.pad(x, pad):gather(axis, place)
end

function policies.translation(x, draw)
  return shifted(shifted(x, 3, draw), 4, draw)
end

-- A square of half the side goes to 0, wherever its middle lies.
function policies.cutout(x, draw)
  local function covered(axis)
    local side = x:size(axis)
    local shape = { 1, 1, 1, 1 }
    shape[axis] = side
    local place = orrery.range(1, side):to(x.dtype):reshape(shape)
    return (place - draw() * side):abs():le(side / 4)
  end
  return orrery.where(covered(3):logical_and(covered(4)), 0, x)
end

local function changers(who, list)
  local out = {}
  for i, entry in ipairs(list) do
    local fn = policies[entry]
    if not fn and not (type(entry) == "table" and entry.forward) then
      blame("%s: entry %d is %s; give colour, translation, cutout or one of "
        .. "gan.maps", who, i, options.shown(entry))
    end
    out[i] = fn or function(x) return entry.forward(x) end
  end
  if #out == 0 then
    blame("%s: nothing is listed; give colour, translation or cutout", who)
  end
  return out
end

-- Every change in turn, each on so many of the examples.
local function changed(x, list, share, stream)
  local sizes = per_example(x)
  local function draw()
    return orrery.rand(sizes, { dtype = x.dtype, generator = stream })
  end
  for _, fn in ipairs(list) do
    x = orrery.where(draw():lt(share), fn(x, draw), x)
  end
  return x
end

--- Differentiable augmentation: D sees real and fake examples changed alike,
--- and the generator's gradient passes through (Zhao et al. 2020). With
--- `target`, the share of changed examples follows D's confidence, so that
--- mean sign(D(real)) stays near it (Karras et al. 2020, ADA): nothing leaks
--- while that share is under about 0.8.
---@param list? table  "colour", "translation", "cutout" and gan.maps; these
---  three
---@param given? { share?: number, target?: number, images?: integer }  share 1
---  (0 at first with a target, 0.6 in the paper); images: so many real ones
---  take it from 0 to 1, 500,000
function augment.augment(list, given)
  local o = options.take("augment", given, { images = 500000 }, { "share",
    "target" })
  list = changers("augment", list or { "colour", "translation", "cutout" })
  options.number("augment", "share", o.share or 1, function(v)
    return v >= 0 and v <= 1
  end, "a number from 0 to 1")
  local part = { name = "augment" }
  local kept = nn.Module()
  kept:register_buffer("share", orrery.tensor(o.share or (o.target and 0
    or 1)))
  part.share = kept.share
  if o.target then
    options.number("augment", "target", o.target)
    options.count("augment", "images", o.images)
    part.critics = { confidence = kept }
  end

  function part.see(_, game, side)
    side.x = changed(side.x, list, kept.share, game.stream)
  end

  if o.target then
    function part.cost(_, game, real)
      orrery.no_grad(function()
        local sure = game:judge(real):sign():mean() - o.target
        kept.share:add_(sure:sign() * (real.x:size(1) / o.images))
          :clamp_(0, 1)
      end)
      return 0
    end
  end
  return part
end

return augment
