--- Two domains of pictures with a known bijection, for translation without
--- pairs: a plain bright shape on a dull background, and the same shape with
--- every other pair of its rows at a quarter of the brightness (as a horse and
--- a zebra, but the true partner of each picture is known, and its object).
local orrery = require "orrery"
local blame = require "orrery.blame"
local domains = require "orrery.data.known.domains"
local options = require "orrery.options"

-- Inside of each shape for offsets u, v in units of its half width.
local inside = {
  function(u, v) return u:abs():maximum(v:abs()):le(0.85) end,  -- square
  function(u, v) return (u * u + v * v):le(1) end,  -- disc
  function(u, v) return (u:abs() + v:abs()):le(1.15) end,  -- diamond
}

-- Saturated hues, [n, 3] of 0 to 1. Three channels of one formula.
local function bright(n, g)
  local hue = orrery.rand(n, 1, g) * 6
  local saturation = orrery.rand(n, 1, g) * 0.3 + 0.7
  local value = orrery.rand(n, 1, g) * 0.2 + 0.8
  local k = (hue + orrery.tensor { { 5, 3, 1 } }):remainder(6)
  return value - value * saturation * k:minimum(-k + 4):clamp(0, 1)
end

-- Masks of n shapes, [n, 1, size, size] of 0 and 1. The largest fits.
local function masks(n, size, g)
  local function uniform(low, high)
    return orrery.rand(n, 1, 1, g) * (high - low) + low
  end
  local r = uniform(0.22, 0.36) * size
  local x, y = uniform(0, 1), uniform(0, 1)
  local room = -r * 2 + size
  local at = orrery.range(1, size, { dtype = "float32" }) - 0.5
  local u = (at:reshape(1, 1, size) - (x * room + r)) / r
  local v = (at:reshape(1, size, 1) - (y * room + r)) / r
  local kind = orrery.randint(1, #inside, n, g):reshape(n, 1, 1)
  local mask = orrery.zeros(n, size, size)
  for i, covers in ipairs(inside) do
    mask = mask + covers(u, v):float() * kind:eq(i):float()
  end
  return mask:unsqueeze(2)
end

-- Rows that are darkened, [size, 1] of 0 and 1: absolute, by half periods.
local function dark_rows(size, period)
  local row = orrery.range(0, size - 1, { dtype = "int64" })
  return row:remainder(period):ge(period // 2):float():reshape(size, 1)
end

-- n scenes: plain, striped (uint8 [n, 3, size, size]) and masks. Colours are
-- multiples of 4, so that a quarter of them is a byte: the map is exact.
local function scenes(n, o, g)
  local size = o.size
  local mask = masks(n, size, g)
  local colour = (bright(n, g) * 63):round():reshape(n, 3, 1, 1) * 4
  local grey = domains.uniform(n, 0.25, 0.65, g)
  local back = (grey + orrery.randn(n, 3, size, size, g) * 0.03) * 255
  local plain = domains.mix(back:round():clamp(0, 255), colour, mask)
  local dark = mask * dark_rows(size, o.period)
  return plain:byte(), (plain * (dark * -0.75 + 1)):byte(), mask
end

---@class orrery.data.Striped: orrery.data.KnownDomains
---@field period integer  rows, half of them dark
local Striped = {}
Striped.__index = Striped

local function checked(self, who, x, mask)
  options.tensor(who, "x", x, "float")
  options.tensor(who, "mask", mask, "float")
  if x:dim() ~= 4 or x:size(-1) ~= self.size or x:size(-2) ~= self.size
    or mask:shape_str() ~= ("[%d, 1, %d, %d]"):format(x:size(1), self.size,
      self.size) then
    blame("%s: x is %s, mask %s; give [N, 3, %d, %d] and [N, 1, %d, %d]", who,
      x:shape_str(), mask:shape_str(), self.size, self.size, self.size,
      self.size)
  end
  return mask * dark_rows(self.size, self.period):to(x.dtype)
end

--- The true partner of plain pictures: the bijection A to B.
---@param x orrery.Tensor  [N, 3, H, W], -1 to 1
---@param mask orrery.Tensor  [N, 1, H, W], 1 on the object
---@return orrery.Tensor  [N, 3, H, W]
function Striped:stripe(x, mask)
  local dark = checked(self, "stripe", x, mask)
  return (x + 1) * (dark * -0.75 + 1) - 1
end

--- The true partner of striped pictures: B to A.
---@param x orrery.Tensor  [N, 3, H, W], -1 to 1
---@param mask orrery.Tensor  [N, 1, H, W], 1 on the object
---@return orrery.Tensor  [N, 3, H, W]
function Striped:plain(x, mask)
  local dark = checked(self, "plain", x, mask)
  return (x + 1) * (dark * 3 + 1) - 1
end

--- Plain and striped shapes, drawn by a seed. Batches are in -1 to 1; pairs
--- give a, b and the object's mask [B, 1, H, W]. metrics.translated scores.
---
---     local set = data.known.striped {}
---     for a in set.train.A:batches(8, { shuffle = true }) do ... end
---     local a, b, mask = set.test.pairs:everything()
---@param opts? { size?: integer, images?: integer, held?: integer,
---   seed?: integer, period?: integer }  16 pixels; 2000 of each domain; 400
---   pairs; 1; size / 4 rows
---@return orrery.data.Striped
return function(opts)
  local o = domains.options("striped", opts, { size = 16, images = 2000,
    held = 400 }, { "period" })
  o.period = options.count("striped", "period", o.period or o.size // 4, 2)
  local set = domains.unpaired(scenes, o)
  set.period = o.period
  return setmetatable(set, Striped)
end
