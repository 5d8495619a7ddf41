--- Round fruit: an apple, red, smooth and with a stalk, and at the same place
--- in the same light an orange. The surroundings are alike, so that it shows
--- when a translation recolours them too.
local orrery = require "orrery"
local domains = require "orrery.data.known.domains"

local uniform, mix, covered = domains.uniform, domains.mix, domains.covered

-- Dull leaves out of focus: a colour that changes down the picture, and waves.
local function surroundings(n, x, y, g)
  local function dull()
    return orrery.rand(n, 3, 1, 1, g) * 0.15 + domains.colour(0.3, 0.38, 0.25)
  end
  local top, bottom = dull(), dull()
  local back = mix(top, bottom, y)
  for _ = 1, 2 do
    local wave = x * uniform(n, -25, 25, g) + y * uniform(n, -25, 25, g)
      + uniform(n, 0, 6.3, g)
    back = back + wave:sin() * 0.05
  end
  return back
end

local function scenes(n, o, g)
  local x, y = domains.grid(o.size)
  local back = surroundings(n, x, y, g)
  local r = uniform(n, 0.22, 0.34, g)
  local cx = uniform(n, 0, 1, g) * (r * -2 + 1) + r
  local cy = uniform(n, 0.1, 1, g) * (r * -2 + 1) + r
  local u, v = (x - cx) / r, (y - cy) / r
  local rho = (u * u + v * v):sqrt()
  local height = (-rho * rho + 1):clamp(0, 1):sqrt()
  -- Light from above on the left; a ball's normal is (u, v, height).
  local lit = (u * -0.45 + v * -0.55 + height * 0.7):clamp(0, 1) * 0.6 + 0.45
  local shine = ((u + 0.4) ^ 2 + (v + 0.45) ^ 2):mul(-18):exp() * 0.5
  local red = domains.colour(0.85, 0.08, 0.1)
    + orrery.rand(n, 3, 1, 1, g) * 0.12
  local orange = domains.colour(0.95, 0.5, 0.04)
    + orrery.rand(n, 3, 1, 1, g) * 0.08
  local pores = (u * 11):sin() * (v * 11):sin() * 0.08
  local skin = covered((rho - 1) * r, o.size)
  local stalk = covered(((u - v * 0.2 - 0.1):abs() - 0.09):maximum(
    (v + 1):abs() - 0.24) * r, o.size)
  local apple = mix(mix(back, red * lit + shine, skin),
    domains.colour(0.3, 0.2, 0.1), stalk)
  local peel = orange * lit + shine * 0.5 + pores * lit
  return domains.bytes(apple), domains.bytes(mix(back, peel, skin)),
    skin:maximum(stalk):gt(0.5):float()
end

--- Apples (A) and oranges (B): unpaired sets, held-out true pairs and masks of
--- the fruit, as `striped` gives them.
---@param opts? { size?: integer, images?: integer, held?: integer,
---   seed?: integer }  32; 1000 of each; 200 pairs; 1
---@return orrery.data.KnownDomains
return function(opts)
  return domains.unpaired(scenes, domains.options("fruit", opts))
end
