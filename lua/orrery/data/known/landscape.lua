--- Hills under a sky with trees on them, in summer and by day, and the same
--- view changed: in winter, at night, or painted with a brush.
local orrery = require "orrery"
local blame = require "orrery.blame"
local domains = require "orrery.data.known.domains"
local options = require "orrery.options"

local uniform, mix, covered = domains.uniform, domains.mix, domains.covered
local colour = domains.colour

-- The line of the hills, and of the trees on them, as coverages.
local function shapes(n, size, x, y, g)
  local ridge = uniform(n, 0.4, 0.55, g)
  for k = 1, 3 do
    ridge = ridge + (x * (4 * k) + uniform(n, 0, 6.3, g)):sin()
      * uniform(n, 0.02, 0.1 / k, g)
  end
  local trees, tops = y * 0, y * 0
  for _ = 1, 4 do
    local at, foot = uniform(n, 0.08, 0.92, g), uniform(n, 0.6, 0.95, g)
    local tall = foot * 0.35
    local up = (foot - y) / tall  -- 0 at the foot, 1 at the tip
    local wide = (x - at):abs() - tall * 0.33 * (-up + 1)
    local tree = covered(wide:maximum(y - foot):maximum(foot - tall - y), size)
    trees = trees:maximum(tree)
    tops = tops:maximum(tree * up:gt(0.55):float())
  end
  return covered(ridge - y, size), trees, tops
end

-- What is seen: the sky, the hills lighter in the distance, the trees.
local function seen(sky, hill, tree, s)
  return mix(mix(sky, hill * s.depth, s.hills), tree, s.trees)
end

local changes = {}

function changes.winter(s)
  local snow = colour(0.9, 0.93, 0.97)
  local sky = mix(colour(0.62, 0.66, 0.72), colour(0.85, 0.86, 0.88), s.y)
  local day = seen(sky, snow, s.tree * 0.8, s)
  return mix(day, snow, s.tops)
end

-- Dark and blue, and the moon where the sky is.
function changes.night(s)
  local dark = s.day * colour(0.2, 0.24, 0.42)
  local moon = covered(((s.x - s.moon) ^ 2 + (s.y - 0.15) ^ 2):sqrt() - 0.06,
    s.size)
  return mix(dark, colour(0.95, 0.93, 0.8), moon * (-s.hills + 1)
    * (-s.trees + 1))
end

-- Dabs of one colour, each with the ridges of a brush.
function changes.brush(s)
  local dab = math.max(2, s.size // 12)
  local whole = (s.size + dab - 1) // dab * dab
  local padded = orrery.nn.functional.pad(s.day, { 0, whole - s.size, 0,
    whole - s.size }, { mode = "replicate" })
  local means = orrery.avg_pool2d(padded, dab)
  local large = orrery.nn.functional.interpolate(means, {
    scale_factor = dab, mode = "nearest" })
    :narrow(3, 1, s.size):narrow(4, 1, s.size)
  local grey = large:mean { axis = 2, keepdim = true }
  local ridges = ((s.x + s.y) * (math.pi * s.size / 2)):sin() * 0.05
  return (large - grey) * 1.35 + grey + ridges
end

local function scenes(n, o, g)
  local x, y = domains.grid(o.size)
  local s = { x = x, y = y, size = o.size }
  s.hills, s.trees, s.tops = shapes(n, o.size, x, y, g)
  s.depth = y * 0.5 + 0.6
  s.tree = colour(0.08, 0.28, 0.1) + orrery.rand(n, 3, 1, 1, g) * 0.08
  s.moon = uniform(n, 0.1, 0.9, g)
  local green = colour(0.3, 0.55, 0.15) + orrery.rand(n, 3, 1, 1, g) * 0.15
  local sky = mix(colour(0.25, 0.5, 0.9), colour(0.75, 0.87, 0.98), y)
    + orrery.rand(n, 3, 1, 1, g) * 0.05
  local grain = orrery.randn(n, 1, o.size, o.size, g) * 0.015
  s.day = seen(sky, green, s.tree, s) + grain
  return domains.bytes(s.day), domains.bytes(changes[o.change](s)),
    s.trees:gt(0.5):float()
end

--- Landscapes by day (A) and the same changed (B): unpaired sets, held-out true
--- pairs and masks of the trees, as `striped` gives them. Stand-ins for
--- summer2winter, day2night and monet2photo (there A is painted: swap).
---@param opts? { change?: "winter"|"night"|"brush", size?: integer,
---   images?: integer, held?: integer, seed?: integer }  winter; 32; 1000 of
---   each; 200 pairs; 1
---@return orrery.data.KnownDomains
return function(opts)
  local o = domains.options("landscape", opts, { change = "winter" })
  if not changes[o.change] then
    blame("landscape: change is %s; it is winter, night or brush",
      options.shown(o.change))
  end
  return domains.unpaired(scenes, o)
end
