--- StudentT(df, loc, scale): heavy tails, variance from df = 2 on.
local orrery = require "orrery"
local Distribution = require "orrery.dist.distribution"
local Gamma = require("orrery.dist.gamma").Gamma
local parameters = require "orrery.dist.parameters"

local names = { "df", "loc", "scale" }

---@class orrery.dist.StudentT: orrery.dist.Distribution
---@field df orrery.Tensor  degrees of freedom
---@field loc orrery.Tensor
---@field scale orrery.Tensor
local StudentT = Distribution:subclass("StudentT", { has_rsample = true })

function StudentT:init(...)
  local given = parameters.named("StudentT", names, ...)
  parameters.one_of("StudentT", given, { "df" })
  self:take({ df = given.df, loc = given.loc or 0, scale = given.scale or 1 },
    names)
  parameters.positive("StudentT", "df", self.df)
  parameters.positive("StudentT", "scale", self.scale)
end

-- A normal number over the root of a chi-squared one's share.
function StudentT:draw(shape, generator)
  local full = self.joined(shape, self.batch_shape)
  local half = (self.df / 2):to(self.dtype):expand(full)
  local z = self:noise(orrery.randn, shape, generator)
  local t = z * (half / Gamma.standard(half, generator)):sqrt()
  return (self.loc + self.scale * t):to(self.dtype)
end

-- log of sqrt(df) B(df / 2, 1 / 2)
local function log_norm(df)
  return df:log() * 0.5 + (df / 2):lgamma() + 0.5 * math.log(math.pi)
    - ((df + 1) / 2):lgamma()
end

function StudentT:log_prob(x)
  local z = (x - self.loc) / self.scale
  return (z ^ 2 / self.df):log1p() * (self.df + 1) * -0.5
    - self.scale:log() - log_norm(self.df)
end

function StudentT:entropy()
  local half, more = self.df / 2, (self.df + 1) / 2
  return self:spread(more * (more:digamma() - half:digamma())
    + log_norm(self.df) + self.scale:log())
end

-- The tail past |z| is half of I at df / (df + z^2); near the middle the
-- mirrored one keeps its digits.
function StudentT:cdf(x)
  local z = (x - self.loc) / self.scale
  local half, square = self.df / 2, z ^ 2
  local one_half = half:new_full({}, 0.5)
  local tail = half:betainc(one_half, self.df / (self.df + square)) * 0.5
  local inner = one_half:betainc(half, square / (self.df + square)) * 0.5
  local far = square:gt(self.df)
  local below = orrery.where(far, tail, 0.5 - inner)
  local above = orrery.where(far, 1 - tail, 0.5 + inner)
  return orrery.where(z:lt(0), below, above)
end

function StudentT:range() return nil, nil, self.loc, self.scale end

function StudentT:mean()
  local known = self.df:gt(1)
  return self:spread(orrery.where(known, self.loc, 0 / 0))
end

--- Infinite for df from 1 to 2, undefined (NaN) up to 1.
function StudentT:var()
  local v = self.scale ^ 2 * self.df / (self.df - 2):clamp { min = 1e-300 }
  v = orrery.where(self.df:gt(2), v, math.huge)
  return self:spread(orrery.where(self.df:gt(1), v, 0 / 0))
end

return StudentT
