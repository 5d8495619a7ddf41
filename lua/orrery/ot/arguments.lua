--- What functions of orrery.ot are given: points, costs and masses.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local arguments = {}

local function of_rank(who, name, x, rank, wish)
  if not options.is_tensor(x) or not x:is_floating_point()
    or x:dim() ~= rank or x:numel() == 0 then
    blame("%s: %s is %s; give %s", who, name, options.shown(x), wish)
  end
  return x
end

--- Points [N, D] and [M, D].
function arguments.points(who, x, y)
  of_rank(who, "x", x, 2, "floating points [N, D]")
  of_rank(who, "y", y, 2, "floating points [M, D]")
  if x:size(2) ~= y:size(2) then
    blame("%s: x is %s but y is %s; points have equally many coordinates",
      who, x:shape_str(), y:shape_str())
  end
end

--- A matrix of costs [N, M].
function arguments.costs(who, cost)
  return of_rank(who, "cost", cost, 2, "floating costs [N, M]")
end

--- Masses [n] of the dtype of `like`, 1/n each when absent.
---@return orrery.Tensor
function arguments.masses(who, name, mass, n, like)
  if mass == nil then return like:new_full({ n }, 1 / n) end
  if type(mass) == "table" then
    mass = orrery.tensor(mass, { dtype = like.dtype })
  end
  of_rank(who, name, mass, 1, ("masses [%d]"):format(n))
  if mass:size(1) ~= n then
    blame("%s: %s is %s; give masses [%d]", who, name, mass:shape_str(), n)
  end
  if mass.dtype ~= like.dtype then mass = mass:to(like.dtype) end
  if mass:detach():lt(0):any():item() == 1 then
    blame("%s: %s holds a mass under 0; masses are from 0 on", who, name)
  end
  return mass
end

--- Masses on both sides, of one sum.
---@return orrery.Tensor a  [N]
---@return orrery.Tensor b  [M]
function arguments.both_masses(who, a, b, cost)
  local n, m = cost:shape()
  a = arguments.masses(who, "a", a, n, cost)
  b = arguments.masses(who, "b", b, m, cost)
  local of_a, of_b = a:detach():sum():item(), b:detach():sum():item()
  local slack = cost.dtype == "float32" and 1e-4 or 1e-9
  if not (of_a > 0 and math.abs(of_a - of_b) <= slack * of_a) then
    blame("%s: a sums to %g but b to %g; give equal sums over 0", who, of_a,
      of_b)
  end
  return a, b
end

--- The power of distances: at least 1.
function arguments.power(who, p)
  return options.number(who, "p", p, function(v)
    return v >= 1 and v < math.huge
  end, "a number from 1 on")
end

return arguments
