--- VonMises(loc, concentration): a normal law's like on the circle, angles in
--- -pi .. pi.
local orrery = require "orrery"
local Distribution = require "orrery.dist.distribution"
local parameters = require "orrery.dist.parameters"

local names = { "loc", "concentration" }
local pi = math.pi

---@class orrery.dist.VonMises: orrery.dist.Distribution
---@field loc orrery.Tensor  radians
---@field concentration orrery.Tensor
local VonMises = Distribution:subclass "VonMises"

function VonMises:init(...)
  local given = parameters.named("VonMises", names, ...)
  parameters.one_of("VonMises", given, { "concentration" })
  self:take({ loc = given.loc or 0, concentration = given.concentration },
    names)
  parameters.positive("VonMises", "concentration", self.concentration)
end

-- Angles brought to -pi .. pi.
local function wrapped(x) return (x + pi):remainder(2 * pi) - pi end

-- Best & Fisher 1979: proposals from a wrapped Cauchy law, about two of three
-- accepted; each round draws for all and fills the places still empty.
function VonMises:draw(shape, generator)
  local full = self.joined(shape, self.batch_shape)
  local k = self.concentration:to("float64"):expand(full)
  local tau = 1 + (k ^ 2 * 4 + 1):sqrt()
  local rho = (tau - (tau * 2):sqrt()) / (k * 2)
  -- (1 + rho^2) / (2 rho); for small k, where that cancels, 1 / k.
  local r = orrery.where(k:lt(1e-4), 1 / k + k, (1 + rho ^ 2) / (rho * 2))
  local given = { dtype = "float64", generator = generator }
  local angle = orrery.zeros(full, { dtype = "float64" })
  local open = orrery.ones(full, { dtype = "uint8" })
  while open:any():item() ~= 0 do
    local z = (orrery.rand(full, given) * pi):cos()
    local f = (1 + r * z) / (r + z)
    local c = k * (r - f)
    local u = 1 - orrery.rand(full, given)
    local good = (c * (2 - c) - u):gt(0)
      :logical_or(((c / u):log() + 1 - c):ge(0))
    local sign = (orrery.rand(full, given) - 0.5):sign()
    local fresh = good:logical_and(open)
    angle = orrery.where(fresh, sign * f:clamp(-1, 1):acos(), angle)
    open = open:logical_and(good:logical_not())
  end
  return wrapped(angle + self.loc):to(self.dtype)
end

function VonMises:log_prob(x)
  local k = self.concentration
  return k * ((x - self.loc):cos() - 1) - k:i0e():log() - math.log(2 * pi)
end

-- I1 / I0, the length of the mean direction.
function VonMises:resultant()
  return self.concentration:i1e() / self.concentration:i0e()
end

function VonMises:entropy()
  local k = self.concentration
  return self:spread(k:i0e():log() + math.log(2 * pi)
    + k * (1 - self:resultant()))
end

--- Its middle; 1 - I1/I0 is the circular variance.
function VonMises:mean() return self:spread(self.loc) end
function VonMises:var() return self:spread(1 - self:resultant()) end

-- The share of angles from loc - pi up to loc + z, |z| <= pi:
-- 1/2 + z / 2 pi + 1/pi sum_j I_j / I_0 sin(j z) / j, summed from the smallest
-- term, with I_j / I_(j-1) from the recurrence backwards (Miller).
local function share(z, k)
  local most = k:max():item()
  local ratio, sum = 0, 0
  for j = 30 + math.ceil(9.5 * math.sqrt(most)), 1, -1 do
    ratio = 1 / (2 * j / k + ratio)
    sum = ratio * ((z * j):sin() / j + sum)
  end
  return 0.5 + z / (2 * pi) + sum / pi
end

--- The probability of an angle from -pi up to x; 0 below -pi, 1 from pi on.
function VonMises:cdf(x)
  x = orrery.is_tensor(x) and x or self.loc:new_full({}, x)
  local m, k = wrapped(self.loc), self.concentration
  local function up_to(angle)  -- turns count as 1 each
    local turns = ((angle - m + pi) / (2 * pi)):floor()
    return turns + share(angle - m - turns * 2 * pi, k)
  end
  return up_to(x:clamp(-pi, pi)) - up_to(-pi)
end

function VonMises:range() return -pi, pi, 0, pi end

return VonMises
