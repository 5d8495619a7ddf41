--- Woven cloth without and with faults: what a detector of anomalies is to be
--- trained and tried on, with masks of the faults.
local orrery = require "orrery"
local domains = require "orrery.data.known.domains"
local Pictures = require "orrery.data.pictures"

local uniform, mix, covered = domains.uniform, domains.mix, domains.covered

-- Threads over and under each other, turned a little, with uneven light.
local function cloth(n, o, g)
  local x, y = domains.grid(o.size)
  local turn = uniform(n, -0.08, 0.08, g)
  local threads = uniform(n, 0.95, 1.05, g) * (2 * math.pi * o.size / 8)
  local u = (x + y * turn) * threads + uniform(n, 0, 6.3, g)
  local v = (y - x * turn) * threads + uniform(n, 0, 6.3, g)
  local light = uniform(n, 0.4, 0.55, g) + x * uniform(n, -0.1, 0.1, g)
    + y * uniform(n, -0.1, 0.1, g)
  return light + u:sin() * v:sin() * 0.2
    + orrery.randn(n, 1, o.size, o.size, g) * 0.02, x, y
end

-- Coverages of one fault each: a scratch, a spot, a hole in the weave.
local function faults(n, o, x, y, g)
  local cx, cy = uniform(n, 0.25, 0.75, g), uniform(n, 0.25, 0.75, g)
  local angle = uniform(n, 0, math.pi, g)
  local c, s = angle:cos(), angle:sin()
  local along, across = (x - cx) * c + (y - cy) * s, (y - cy) * c - (x - cx) * s
  local rho = ((x - cx) ^ 2 + (y - cy) ^ 2):sqrt()
  return {
    covered((along:abs() - uniform(n, 0.1, 0.25, g)):maximum(across:abs()
      - 0.6 / o.size), o.size),
    covered(rho - uniform(n, 0.05, 0.1, g), o.size),
    covered(along:abs():maximum(across:abs()) - uniform(n, 0.08, 0.14, g),
      o.size),
  }
end

local names = { "normal", "scratch", "spot", "missing" }

-- Half of the pictures are normal, kind 1; the others share kinds 2 to 4.
local function mixed(n, o, g)
  local plain, x, y = cloth(n, o, g)
  local kind = orrery.randint(2, #names, n, g)
    * orrery.randint(0, 1, n, g) + 0
  kind = kind:maximum(1)
  local shades = { plain * 0 + 0.95, plain * 0 + 0.12,
    plain:mean { axis = { 3, 4 }, keepdim = true } + plain * 0 }
  local all = plain * 0
  for k, cover in ipairs(faults(n, o, x, y, g)) do
    local on = cover * kind:eq(k + 1):float():reshape(n, 1, 1, 1)
    plain, all = mix(plain, shades[k], on), all:maximum(on)
  end
  return domains.bytes(plain), kind, all:gt(0.5):float()
end

--- Grey pictures of cloth. `train` is without faults; `test` gives x, the kind
--- (1 normal, 2 scratch, 3 spot, 4 missing weave) and the fault's mask
--- [B, 1, H, W]. Batches are in 0 to 1.
---@param opts? { size?: integer, images?: integer, held?: integer,
---   seed?: integer }  32; 1000; 200, of which about half are faulty; 1
---@return { train: orrery.data.Pictures, test: orrery.data.Pictures,
---   classes: string[], size: integer }
return function(opts)
  local o = domains.options("textures", opts)
  local generator = orrery.Generator(o.seed)
  local good = domains.many(o.images, function(n, _, g)
    return domains.bytes((cloth(n, o, g)))
  end, o, generator, { 0, 1 })
  local test = domains.many(o.held, mixed, o, generator, { 0, 1 })
  return { train = good, test = Pictures.new(test.views, { range = { 0, 1 } }),
    classes = names, size = o.size }
end
