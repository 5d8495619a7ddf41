--- One Gaussian input, and another round a parabola of it: the density of
--- Figure 1 of Papamakarios et al. (2017), easy for an autoregressive model in
--- one order of the inputs and out of its reach in the other.
local orrery = require "orrery"
local Law = require "orrery.data.known.law"
local options = require "orrery.options"

---@class orrery.data.Parabola: orrery.data.Law
---@field bend number
---@field slope number
---@field spread number[]  standard deviations of x1 given x2, and of x2
local Parabola = Law.subclass "parabola"

local function middle(self, x2) return x2 * self.slope + x2 * x2 * self.bend end

function Parabola:draw(n, o)
  local e = orrery.randn({ n, 2 }, o)
  local x2 = e:select(2, 2) * self.spread[2]
  return orrery.stack({ middle(self, x2) + e:select(2, 1) * self.spread[1],
    x2 }, 2)
end

function Parabola:log_prob(x)
  self:check(x)
  local x2 = x:select(2, 2)
  local a = (x:select(2, 1) - middle(self, x2)) / self.spread[1]
  local b = x2 / self.spread[2]
  return (a * a + b * b) * -0.5
    - math.log(2 * math.pi * self.spread[1] * self.spread[2])
end

--- log(2 pi e s1 s2), or by quadrature with `step`.
---@param step? number  of the quadrature's grid
---@return number nats
function Parabola:entropy(step)
  if step then return Law.entropy(self, step) end
  return math.log(2 * math.pi * self.spread[1] * self.spread[2]) + 1
end

function Parabola:extent()
  local far = 7 * self.spread[2]
  local low, high = 0, 0
  for _, x2 in ipairs { -far, far, -self.slope / (2 * self.bend) } do
    if math.abs(x2) <= far then
      low = math.min(low, middle(self, x2))
      high = math.max(high, middle(self, x2))
    end
  end
  local reach = 7 * self.spread[1]
  return { low - reach, -far }, { high + reach, far }
end

-- Nearly all of it: the far ends of the parabola are as rare as they are long.
function Parabola:window()
  local far = 3 * self.spread[2]
  return math.max(far, math.abs(middle(self, far)), math.abs(middle(self,
    -far))) + 3 * self.spread[1]
end

--- x2 ~ N(0, s2^2) and x1 = slope x2 + bend x2^2 + N(0, s1^2). With bend 0 a
--- Gaussian of correlated inputs.
---@param opts? { bend?: number, slope?: number, std?: number,
---   std2?: number }  1/4, 0, s1 = 1, s2 = 2
---@return orrery.data.Parabola
return function(opts)
  local o = options.take("parabola", opts, { bend = 0.25, slope = 0, std = 1,
    std2 = 2 })
  options.number("parabola", "bend", o.bend)
  options.number("parabola", "slope", o.slope)
  for _, name in ipairs { "std", "std2" } do
    options.number("parabola", name, o[name], function(v) return v > 0 end,
      "a number above 0")
  end
  return setmetatable({ name = o.bend == 0 and "gaussian" or "parabola",
    dim = 2, bend = o.bend, slope = o.slope, spread = { o.std, o.std2 },
    std = math.min(o.std, o.std2) }, Parabola)
end
