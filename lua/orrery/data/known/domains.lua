--- What generated sets of pictures share: scenes drawn by a seed, in pieces, as
--- two domains whose true pairs and objects are known.
local orrery = require "orrery"
local Pictures = require "orrery.data.pictures"
local options = require "orrery.options"

local domains = {}

--- The options all of them take, checked.
---@param who string
---@param opts? table
---@param own? table  further defaults
---@param optional? string[]
---@return table
function domains.options(who, opts, own, optional)
  local defaults = { size = 32, images = 1000, held = 200, seed = 1 }
  for name, value in pairs(own or {}) do defaults[name] = value end
  local o = options.take(who, opts, defaults, optional)
  options.count(who, "size", o.size, 8)
  options.count(who, "images", o.images)
  options.count(who, "held", o.held)
  options.count(who, "seed", o.seed, 0)
  return o
end

--- n scenes as pictures: what `scene` gives for some of them at a time, so that
--- what is worked with stays small.
---@param n integer
---@param scene fun(n: integer, o: table, g: table): orrery.Tensor ...  [n, ...]
---  each; g is { generator = }
---@param o table
---@param generator orrery.Generator
---@param range? number[]
---@return orrery.data.Pictures
function domains.many(n, scene, o, generator, range)
  local views, g = {}, { generator = generator }
  for first = 1, n, 250 do
    local got = table.pack(orrery.tidy(function()
      return orrery.no_grad(scene, math.min(250, n - first + 1), o, g)
    end))
    for i = 1, got.n do
      views[i] = views[i] or {}
      table.insert(views[i], got[i])
    end
  end
  for i, pieces in ipairs(views) do views[i] = orrery.cat(pieces, 1) end
  return Pictures.new(views, range and { range = range })
end

---@class orrery.data.KnownDomains
---@field train { A: orrery.data.Pictures, B: orrery.data.Pictures,
---   pairs: orrery.data.Pictures }  A and B of different scenes; pairs: those
---   of A with their partners
---@field test { A: orrery.data.Pictures, B: orrery.data.Pictures,
---   pairs: orrery.data.Pictures }  held out; pairs give a, b, mask
---@field size integer

--- Two unpaired training sets and held-out pairs of such scenes.
---@param scene fun(n: integer, o: table, g: table): orrery.Tensor,
---   orrery.Tensor, orrery.Tensor  a, b uint8 [n, 3, size, size]; mask
---@param o table  from domains.options
---@return orrery.data.KnownDomains
function domains.unpaired(scene, o)
  local generator = orrery.Generator(o.seed)
  local first = domains.many(o.images, scene, o, generator)
  local second = domains.many(o.images, scene, o, generator)
  local held = domains.many(o.held, scene, o, generator)
  return { size = o.size,
    train = { A = first:view(1), B = second:view(2), pairs = first },
    test = { A = held:view(1), B = held:view(2), pairs = held } }
end

-- ------------------------------------------------------------------- drawing

--- Uniform numbers [n, 1, 1, 1] in low to high.
function domains.uniform(n, low, high, g)
  return orrery.rand(n, 1, 1, 1, g) * (high - low) + low
end

--- Middles of pixels, 0 to 1: across [1, 1, 1, size], down [1, 1, size, 1].
function domains.grid(size)
  local at = (orrery.range(1, size, { dtype = "float32" }) - 0.5) / size
  return at:reshape(1, 1, 1, size), at:reshape(1, 1, size, 1)
end

--- A colour [1, 3, 1, 1].
function domains.colour(r, g, b)
  return orrery.tensor({ r, g, b }):reshape(1, 3, 1, 1)
end

--- Coverage of pixels by what has this distance (in sides of the picture, below
--- 0 inside): a ramp one pixel wide.
function domains.covered(distance, size)
  return (distance * -size + 0.5):clamp(0, 1)
end

--- `over` where `share` is 1, `under` where it is 0.
function domains.mix(under, over, share)
  return under + (over - under) * share
end

--- As bytes, cut off at black and white.
function domains.bytes(x)
  return (x * 255):round():clamp(0, 255):byte()
end

return domains
