--- Laws of the plane of other kinds: squares of a chessboard, a pinwheel.
local orrery = require "orrery"
local Law = require "orrery.data.known.law"
local options = require "orrery.options"

local f64 = { dtype = "float64" }
local others = {}

---@class orrery.data.Checkerboard: orrery.data.Law
local Checkerboard = Law.subclass "checkerboard"

function Checkerboard:draw(n, o)
  local k = orrery.randint(1, self.centers:size(1), n,
    { generator = o.generator })
  local u = orrery.rand({ n, 2 }, { low = -self.side / 2,
    high = self.side / 2, dtype = o.dtype, generator = o.generator })
  return self.centers:to(o.dtype):index_select(1, k) + u, k
end

-- 1 / area on the black squares, nothing elsewhere.
function Checkerboard:log_prob(x)
  self:check(x)
  local half = self.side * self.squares / 2
  local cell = ((x + half) / self.side):floor()
  local inside = x:ge(-half):float() * x:lt(half):float()
  local odd = (cell:select(2, 1) + cell:select(2, 2)):remainder(2)
  local black = inside:select(2, 1) * inside:select(2, 2)
    * odd:eq(0):float()
  local level = orrery.full_like(odd, -self:entropy())
  return orrery.where(black:gt(0), level,
    orrery.full_like(odd, -math.huge))
end

--- The logarithm of the black area.
---@return number nats
function Checkerboard:entropy()
  return math.log(self.centers:size(1) * self.side ^ 2)
end

function Checkerboard:extent()
  local half = self.side * self.squares / 2
  return { -half, -half }, { half, half }
end

--- Uniform on the black squares of a board round the origin.
---@param opts? { squares?: integer, side?: number }  4 a side, each 2 wide
---@return orrery.data.Checkerboard
function others.checkerboard(opts)
  local o = options.take("checkerboard", opts, { squares = 4, side = 2 })
  options.count("checkerboard", "squares", o.squares)
  options.number("checkerboard", "side", o.side,
    function(v) return v > 0 end, "a number above 0")
  local list, middle = {}, (o.squares - 1) / 2
  for i = 0, o.squares - 1 do
    for j = i % 2, o.squares - 1, 2 do
      list[#list + 1] = { (i - middle) * o.side, (j - middle) * o.side }
    end
  end
  return setmetatable({ name = "checkerboard", dim = 2, squares = o.squares,
    side = o.side, centers = orrery.tensor(list, f64) }, Checkerboard)
end

---@class orrery.data.Pinwheel: orrery.data.Law
local Pinwheel = Law.subclass "pinwheel"

-- Turns each point by an angle of its own.
local function turned(x, angle)
  local c, s = angle:cos(), angle:sin()
  local a, b = x:select(2, 1), x:select(2, 2)
  return orrery.stack({ c * a - s * b, s * a + c * b }, 2)
end

-- How far a point at distance r is turned.
local function twist(self, r) return (r * self.rate):exp() end

function Pinwheel:draw(n, o)
  local arm = orrery.randint(1, self.arms, n, { generator = o.generator })
  local v = orrery.randn({ n, 2 }, o)
    * orrery.tensor(self.spread, { dtype = o.dtype })
    + orrery.tensor({ 1, 0 }, { dtype = o.dtype })
  local angle = (arm:to(o.dtype) - 1) * (2 * math.pi / self.arms)
  return turned(v, angle + twist(self, v:norm(2, 2))), arm
end

-- A turn that depends on the distance from the origin alone keeps areas, so
-- the density is that of the point turned back.
function Pinwheel:log_prob(x)
  self:check(x)
  local r = (x * x):sum(2):sqrt()
  local back, all = twist(self, r) * -1, {}
  for k = 1, self.arms do
    local v = turned(x, back - 2 * math.pi * (k - 1) / self.arms)
    local a = (v:select(2, 1) - 1) / self.spread[1]
    local b = v:select(2, 2) / self.spread[2]
    all[k] = (a * a + b * b) * -0.5
  end
  return orrery.stack(all, 2):logsumexp { axis = 2 } - math.log(self.arms)
    - math.log(2 * math.pi * self.spread[1] * self.spread[2])
end

function Pinwheel:extent()
  local reach = 1 + 9 * math.max(self.spread[1], self.spread[2])
  return { -reach, -reach }, { reach, reach }
end

--- Arms bent into a wheel (after Johnson et al. 2016): Gaussians round
--- (1, 0), each turned by the angle of its arm, and every point besides by
--- exp(rate r) radians at distance r from the origin.
---@param opts? { arms?: integer, radial?: number, tangential?: number,
---   rate?: number }  5; standard deviations 0.3 and 0.1; 0.5
---@return orrery.data.Pinwheel
function others.pinwheel(opts)
  local o = options.take("pinwheel", opts, { arms = 5, radial = 0.3,
    tangential = 0.1, rate = 0.5 })
  options.count("pinwheel", "arms", o.arms)
  for _, name in ipairs { "radial", "tangential" } do
    options.number("pinwheel", name, o[name], function(v) return v > 0 end,
      "a number above 0")
  end
  options.number("pinwheel", "rate", o.rate)
  return setmetatable({ name = "pinwheel", dim = 2, arms = o.arms,
    spread = { o.radial, o.tangential }, rate = o.rate,
    std = math.min(o.radial, o.tangential) }, Pinwheel)
end

return others
