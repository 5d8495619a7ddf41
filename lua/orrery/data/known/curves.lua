--- Points along curves of the plane, with round Gaussian noise: two moons,
--- spirals, circles. The density is an integral along the curves, done by
--- Gauss-Legendre panels two standard deviations long, so exact to rounding.
local orrery = require "orrery"
local Law = require "orrery.data.known.law"
local legendre = require "orrery.dist.legendre"
local options = require "orrery.options"

local f64 = { dtype = "float64" }

---@class orrery.data.Curves: orrery.data.Law
local Curves = Law.subclass "curves"

-- A point of curve k at s in 0 .. 1; s = quantile(u) of a uniform u has density
-- `weight`.
function Curves:draw(n, o)
  local k = orrery.randint(1, #self.curves, n, { generator = o.generator })
  local u = orrery.rand({ n }, { dtype = "float64", generator = o.generator })
  local s, x = self.quantile(u), nil
  for i, curve in ipairs(self.curves) do
    local is = k:eq(i):double():unsqueeze(2)
    local part = orrery.stack({ curve(s) }, 2) * is
    x = x and x + part or part
  end
  local noise = orrery.randn({ n, 2 }, { dtype = "float64",
    generator = o.generator })
  return (x + noise * self.std):to(o.dtype), k
end

-- Points along all curves with the logarithms of their shares.
local function nodes(self)
  local at, weight = legendre(8)
  local panels = math.ceil(self.length / (2 * self.std))
  local s, w = {}, {}
  for p = 1, panels do
    for i = 1, #at do
      s[#s + 1] = (p - 0.5 + at[i] / 2) / panels
      w[#w + 1] = weight[i] / 2 / panels
    end
  end
  s, w = orrery.tensor(s, f64), orrery.tensor(w, f64)
  local share, points, logs = w * self.weight(s) / #self.curves, {}, {}
  for i, curve in ipairs(self.curves) do
    points[i], logs[i] = orrery.stack({ curve(s) }, 2), share:log()
  end
  return orrery.cat(points, 1), orrery.cat(logs, 1)
end

function Curves:log_prob(x)
  self:check(x)
  local points, logs = self.points:to(x.dtype), self.logs:to(x.dtype)
  local function along(axis)
    return (x:narrow(2, axis, 1) - points:select(2, axis):unsqueeze(1))
      / self.std
  end
  local dx, dy = along(1), along(2)
  return ((dx * dx + dy * dy) * -0.5 + logs):logsumexp { axis = 2 }
    - 2 * math.log(self.std) - math.log(2 * math.pi)
end

function Curves:extent()
  local reach = 9 * self.std
  local low, high = {}, {}
  for k = 1, 2 do
    low[k], high[k] = self.box[1][k] - reach, self.box[2][k] + reach
  end
  return low, high
end

local function noise(who, opts, more)
  local defaults = { std = 0.1 }
  for name, value in pairs(more or {}) do defaults[name] = value end
  local o = options.take(who, opts, defaults)
  options.number(who, "std", o.std, function(v) return v > 0 end,
    "a number above 0")
  return o
end

local function law(facts)
  local self = setmetatable(facts, Curves)
  self.points, self.logs = orrery.no_grad(nodes, self)
  return self
end
local function same(u) return u end
local function even(s) return orrery.ones_like(s) end

local curves = {}

--- Two half circles of radius 1, one into the other, as scikit-learn's
--- make_moons.
---@param opts? { std?: number }  0.1
---@return orrery.data.Curves
function curves.two_moons(opts)
  local o = noise("two_moons", opts)
  return law { name = "two moons", dim = 2, std = o.std, quantile = same,
    weight = even, length = math.pi, box = { { -1, -0.5 }, { 2, 1 } },
    curves = {
      function(s) return (s * math.pi):cos(), (s * math.pi):sin() end,
      function(s)
        return 1 - (s * math.pi):cos(), 0.5 - (s * math.pi):sin()
      end,
    } }
end

--- Arms that wind outwards from the middle, one and a half turns to radius
--- pi (Grathwohl et al. 2019): angle and radius grow as the root of a uniform
--- number.
---@param opts? { arms?: integer, turns?: number, std?: number }  2, 1.5, 0.1
---@return orrery.data.Curves
function curves.spirals(opts)
  local o = noise("spirals", opts, { arms = 2, turns = 1.5 })
  options.count("spirals", "arms", o.arms)
  options.number("spirals", "turns", o.turns, function(v) return v > 0 end,
    "a number above 0")
  local whole, list, reach = 2 * math.pi * o.turns, {}, math.pi
  for k = 1, o.arms do
    local start = math.pi + 2 * math.pi * (k - 1) / o.arms
    list[k] = function(s)
      local r, angle = s * reach, -s * whole + start
      return angle:cos() * r, angle:sin() * r
    end
  end
  return law { name = ("%d spirals"):format(o.arms), dim = 2, std = o.std,
    quantile = function(u) return u:sqrt() end,
    weight = function(s) return s * 2 end,
    length = reach * math.sqrt(1 + whole * whole), curves = list,
    box = { { -reach, -reach }, { reach, reach } } }
end

--- Circles round the origin, each as likely as another.
---@param opts? { radii?: number[], std?: number }  { 1, 2, 3 }, 0.1
---@return orrery.data.Curves
function curves.circles(opts)
  local o = noise("circles", opts, { radii = { 1, 2, 3 } })
  local list, largest = {}, 0
  for k, r in ipairs(o.radii) do
    options.number("circles", "a radius", r)
    largest = math.max(largest, r)
    list[k] = function(s)
      local angle = s * (2 * math.pi)
      return angle:cos() * r, angle:sin() * r
    end
  end
  return law { name = ("%d circles"):format(#list), dim = 2, std = o.std,
    quantile = same, weight = even, length = 2 * math.pi * largest,
    curves = list, box = { { -largest, -largest }, { largest, largest } } }
end

return curves
