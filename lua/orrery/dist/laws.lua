--- Checks of the two laws that a divergence is between.
local blame = require "orrery.blame"
local options = require "orrery.options"

local laws = {}

--- Raises unless `law` is a distribution.
---@param who string
---@param name string  what it is to `who`
function laws.one(who, name, law)
  if type(law) ~= "table" or not law.batch_shape then
    blame("%s: %s is %s; give a distribution", who, name, options.shown(law))
  end
end

--- Raises unless p and q are distributions over values of one shape.
---@param who string
function laws.check(who, p, q)
  laws.one(who, "p", p)
  laws.one(who, "q", q)
  local a = table.concat(p.event_shape, ", ")
  local b = table.concat(q.event_shape, ", ")
  if a ~= b then
    blame("%s: p has events of [%s], q of [%s]; match them", who, a, b)
  end
end

--- Independent(Normal, 1) as the Gaussian of diagonal covariance that it is;
--- another Gaussian as itself, anything else as nil.
---@param law orrery.dist.Distribution
---@return orrery.dist.MultivariateNormal?
function laws.as_gaussian(law)
  if law.covariance then return law end
  if law.name ~= "Independent" or law.base.name ~= "Normal"
    or law.axes ~= 1 then
    return nil
  end
  local Gaussian =
    require("orrery.dist.multivariate_normal").MultivariateNormal
  local shape = law.base.batch_shape
  return Gaussian { loc = law.base.loc:expand(shape),
    scale_diag = law.base.scale:expand(shape) }
end

return laws
