--- Transformed(base, transform): the law of t(x), x drawn from base, by the
--- change of variables; and LogNormal(loc, scale), that of e^x.
local orrery = require "orrery"
local blame = require "orrery.blame"
local Distribution = require "orrery.dist.distribution"
local options = require "orrery.options"
local transforms = require "orrery.dist.transforms"
local Normal = require("orrery.dist.location_scale").Normal

local function as_tensor(x)
  return orrery.is_tensor(x) and x or orrery.tensor(x, { dtype = "float64" })
end

---@class orrery.dist.Transformed: orrery.dist.Distribution
---@field base orrery.dist.Distribution
---@field transform table  forward and inverse, see orrery.dist.transforms
local Transformed = Distribution:subclass "Transformed"

---@param base orrery.dist.Distribution
---@param transform table  one, or a list of them, the first applied first
function Transformed:init(base, transform)
  if type(base) ~= "table" or not base.batch_shape then
    blame("Transformed: base is %s; give a distribution", options.shown(base))
  elseif type(transform) ~= "table" then
    blame("Transformed: transform is %s; give one of dist.transforms or a "
      .. "list of them", options.shown(transform))
  end
  self.base = base
  self.transform = transform.forward and transform
    or transforms.Chain(transform)
  self.dtype, self.has_rsample = base.dtype, base.has_rsample
  self.batch_shape, self.event_shape = base.batch_shape, base.event_shape
end

function Transformed.__tostring(self)
  return ("Transformed(%s, %s)"):format(tostring(self.base),
    tostring(self.transform))
end

function Transformed:draw(shape, generator)
  return (self.transform:forward(self.base:draw(shape, generator)))
end

function Transformed:log_prob(y)
  y = as_tensor(y)
  local x, slope = self.transform:inverse(y)
  for _ = 1, #self.event_shape do slope = slope:sum(-1) end
  local nats = self.base:log_prob(x) - slope
  -- No x goes to a y outside: there the inverse is NaN, and the density 0.
  local outside = x:ne(x):logical_and(y:eq(y))
  for _ = 1, #self.event_shape do outside = outside:any { axis = -1 } end
  return orrery.where(outside, -math.huge, nats)
end

-- All transforms here rise, but an affine one of negative scale.
local function rises(self, like)
  return self.transform:forward(like:new_ones {})
    :gt((self.transform:forward(like:new_zeros {})))
end

function Transformed:cdf(y)
  y = as_tensor(y)
  local share = self.base:cdf((self.transform:inverse(y)))
  return orrery.where(rises(self, y), share, 1 - share)
end

function Transformed:icdf(u)
  u = as_tensor(u)
  local x = self.base:icdf(orrery.where(rises(self, u), u, 1 - u))
  return (self.transform:forward(x))
end

--- The same law with its batch expanded.
function Transformed:expand(...)
  return Transformed(self.base:expand(...), self.transform)
end

--- LogNormal(loc, scale): e^x, x normal.
---@class orrery.dist.LogNormal: orrery.dist.Transformed
local LogNormal = Transformed:subclass "LogNormal"

function LogNormal:init(...)
  Transformed.init(self, Normal(...), transforms.Exp())
end
function LogNormal.__tostring(self)
  return (tostring(self.base):gsub("^Normal", "LogNormal"))
end
function LogNormal:expand(...)
  local base = self.base:expand(...)
  return LogNormal(base.loc, base.scale)
end
function LogNormal:entropy() return self.base:entropy() + self.base:mean() end
function LogNormal:cdf(y)
  y = as_tensor(y)
  return self.base:cdf(y:clamp { min = 0 }:log())
end
function LogNormal:icdf(u) return self.base:icdf(u):exp() end
function LogNormal:mean()
  return (self.base:mean() + self.base.scale ^ 2 / 2):exp()
end
function LogNormal:var()
  local s2 = self.base.scale ^ 2
  return s2:expm1() * (self.base:mean() * 2 + s2):exp()
end

return { Transformed = Transformed, LogNormal = LogNormal }
