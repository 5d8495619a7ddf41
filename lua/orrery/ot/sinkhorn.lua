--- Transport with an entropy term, by Sinkhorn's steps on logarithms (Cuturi
--- 2013; Peyre & Cuturi 2019, section 4.4), and its debiased divergence.
local arguments = require "orrery.ot.arguments"
local exact = require "orrery.ot.exact"
local options = require "orrery.options"
local orrery = require "orrery"

local sinkhorn = {}

local names = { epsilon = 0.1, steps = 1000, tolerance = 1e-9,
  through = false }

local function settings(who, given, extra)
  local defaults = {}
  for name, value in pairs(names) do defaults[name] = value end
  for name, value in pairs(extra or {}) do defaults[name] = value end
  local o = options.take(who, given, defaults, { "a", "b" })
  local function positive(v) return v > 0 and v < math.huge end
  options.number(who, "epsilon", o.epsilon, positive, "a number over 0")
  options.number(who, "tolerance", o.tolerance, function(v) return v >= 0 end,
    "a number from 0 on")
  options.count(who, "steps", o.steps)
  options.flag(who, "through", o.through)
  return o
end

-- f[i] so that row i of the plan sums to its mass, given g; and the reverse.
local function soften(cost, price, log_mass, epsilon, axis)
  local other = 3 - axis
  return ((price + log_mass * epsilon):unsqueeze(axis) - cost)
    :div(epsilon):logsumexp { axis = other } * -epsilon
end

local function log_plan(cost, f, g, la, lb, epsilon)
  return (f:unsqueeze(2) + g:unsqueeze(1) - cost) / epsilon + la:unsqueeze(2)
    + lb:unsqueeze(1)
end

-- Prices f and g: steps until the rows' masses are right.
local function prices(cost, a, la, lb, o)
  local f, g = cost:new_zeros { cost:size(1) }, cost:new_zeros {
    cost:size(2) }
  for step = 1, o.steps do
    local fresh = soften(cost, g, lb, o.epsilon, 1)
    -- Rows of the plan with the old f sum to a exp((f - fresh) / epsilon).
    if step > 1 and o.tolerance > 0 and step % 10 == 1 then
      local off = (((f - fresh) / o.epsilon):detach():expm1() * a:detach())
        :abs():sum():item()
      if off <= o.tolerance then return f, g, step - 1, true end
    end
    f = fresh
    g = soften(cost, f, la, o.epsilon, 2)
  end
  return f, g, o.steps, false
end

local function solve(cost, a, b, o)
  local la, lb = a:log(), b:log()
  local f, g, steps, settled
  if o.through then
    f, g, steps, settled = prices(cost, a, la, lb, o)
  else
    local c, m, ma, mb = cost:detach(), a:detach(), la:detach(), lb:detach()
    f, g, steps, settled = orrery.no_grad(prices, c, m, ma, mb, o)
  end
  local plan = log_plan(cost, f, g, la, lb, o.epsilon):exp()
  local value = (f * a):sum() + (g * b):sum()
    + (a:sum() - plan:sum()) * o.epsilon
  return value, { plan = plan, u = f, v = g, steps = steps,
    settled = settled }
end

--- The least of <plan, cost> + epsilon KL(plan | a b^T), b's mass being a's.
--- Its gradients are those at the solution (plan and prices); `through`
--- records the steps instead, so that the plan differentiates as well.
---@param cost orrery.Tensor  [N, M]
---@param a? orrery.Tensor|number[]  [N]
---@param b? orrery.Tensor|number[]  [M]
---@param given? { epsilon?: number, steps?: integer, tolerance?: number,
---  through?: boolean }  epsilon in units of the costs, 0.1; tolerance on the
---  sum of errors of masses, 1e-9; 1000 steps
---@return orrery.Tensor value  a scalar
---@return { plan: orrery.Tensor, u: orrery.Tensor, v: orrery.Tensor,
---  steps: integer, settled: boolean } how  plan [N, M]; settled: within the
---  tolerance
function sinkhorn.sinkhorn(cost, a, b, given)
  arguments.costs("sinkhorn", cost)
  local o = settings("sinkhorn", given)
  a, b = arguments.both_masses("sinkhorn", a, b, cost)
  return solve(cost, a, b, o)
end

--- OT(x, y) - (OT(x, x) + OT(y, y)) / 2 with the entropy term in each: 0 for
--- equal clouds, and a loss that pulls one to the other (Feydy et al. 2019).
---@param x orrery.Tensor  [N, D]
---@param y orrery.Tensor  [M, D]
---@param given? { p?: number, epsilon?: number, steps?: integer,
---  tolerance?: number, through?: boolean, a?: orrery.Tensor,
---  b?: orrery.Tensor }  p of the costs |x - y|^p, 2
---@return orrery.Tensor  a scalar
function sinkhorn.sinkhorn_divergence(x, y, given)
  local who = "sinkhorn_divergence"
  arguments.points(who, x, y)
  local o = settings(who, given, { p = 2 })
  arguments.power(who, o.p)
  local a = arguments.masses(who, "a", o.a, x:size(1), x)
  local b = arguments.masses(who, "b", o.b, y:size(1), y)
  local function between(s, t, ms, mt)
    local cost = exact.costs(s, t, { p = o.p })
    arguments.both_masses(who, ms, mt, cost)
    return (solve(cost, ms, mt, o))
  end
  return between(x, y, a, b) - (between(x, x, a, a) + between(y, y, b, b))
    * 0.5
end

return sinkhorn
