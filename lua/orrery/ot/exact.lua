--- Exact plans: network simplex, assignment, and all plans of whole masses.
local orrery = require "orrery"
local arguments = require "orrery.ot.arguments"
local blame = require "orrery.blame"
local options = require "orrery.options"

local exact = {}

--- Costs of moving x[i] to y[j]: Euclidean distances to the power p.
---@param x orrery.Tensor  [N, D]
---@param y orrery.Tensor  [M, D]
---@param given? { p?: number }  p is 1 unless given
---@return orrery.Tensor cost  [N, M]
function exact.costs(x, y, given)
  arguments.points("costs", x, y)
  local o = options.take("costs", given, { p = 1 })
  if arguments.power("costs", o.p) == 2 then
    return ((x:unsqueeze(2) - y:unsqueeze(1)) ^ 2):sum(-1)
  end
  local gap = orrery.cdist(x, y)
  return o.p == 1 and gap or gap ^ o.p
end

--- The cheapest plan, exactly (network simplex), with the prices that prove
--- it: u[i] + v[j] <= cost[i][j], equal where mass moves (Kantorovich 1942).
---@param cost orrery.Tensor  [N, M]
---@param a? orrery.Tensor|number[]  masses of the rows [N]
---@param b? orrery.Tensor|number[]  masses of the columns [M], of equal sum
---@return orrery.Tensor plan  [N, M]: rows sum to a, columns to b
---@return { u: orrery.Tensor, v: orrery.Tensor } prices
function exact.plan(cost, a, b)
  arguments.costs("plan", cost)
  a, b = arguments.both_masses("plan", a, b, cost)
  local plan, u, v = orrery.transport(cost:detach(), a:detach(), b:detach())
  return plan, { u = u, v = v }
end

-- sum of plan * cost, whose gradients in the masses are the prices.
local function value_of(cost, a, b)
  local plan, u, v = orrery.transport(cost:detach(), a:detach(), b:detach())
  local value = (plan * cost):sum()
  if a.requires_grad then value = value + (u * (a - a:detach())):sum() end
  if b.requires_grad then value = value + (v * (b - b:detach())):sum() end
  return value
end

--- The least total cost of moving a to b. Its gradient in the costs is the
--- plan, in the masses the prices (each up to one constant, which keeps sums
--- equal).
---@param cost orrery.Tensor  [N, M]
---@param a? orrery.Tensor|number[]  [N]
---@param b? orrery.Tensor|number[]  [M]
---@return orrery.Tensor  a scalar
function exact.cost(cost, a, b)
  arguments.costs("cost", cost)
  a, b = arguments.both_masses("cost", a, b, cost)
  return value_of(cost, a, b)
end

--- Wp of two clouds of points: the p-th root of the least mean of
--- |x - y|^p.
---@param x orrery.Tensor  [N, D]
---@param y orrery.Tensor  [M, D]
---@param given? { p?: number, a?: orrery.Tensor, b?: orrery.Tensor }  p is 1
---  unless given; a, b masses
---@return orrery.Tensor  a scalar
function exact.distance(x, y, given)
  arguments.points("distance", x, y)
  local o = options.take("distance", given, { p = 1 }, { "a", "b" })
  arguments.power("distance", o.p)
  local cost = exact.costs(x, y, { p = o.p })
  local a, b = arguments.both_masses("distance", o.a, o.b, cost)
  local total = value_of(cost, a, b) / a:detach():sum()
  return o.p == 1 and total or total ^ (1 / o.p)
end

--- A column of its own for each row, at least total cost (Jonker & Volgenant
--- 1987); rows beyond the number of columns go without.
---@param cost orrery.Tensor  [N, M]
---@return orrery.Tensor columns  int64 [N], from 1; 0 for none
---@return orrery.Tensor total  a scalar, differentiable in the costs
function exact.assign(cost)
  arguments.costs("assign", cost)
  local columns = orrery.assignment(cost:detach())
  local taken = cost:gather(2, columns:clamp { min = 1 }:unsqueeze(2))
    :squeeze(2)
  return columns, (taken * columns:gt(0):to(cost.dtype)):sum()
end

local function whole_masses(who, name, list)
  if type(list) ~= "table" or #list == 0 then
    blame("%s: %s is %s; give a list of whole numbers", who, name,
      options.shown(list))
  end
  local sum, out = 0, {}
  for i, v in ipairs(list) do
    out[i] = options.count(who, ("%s[%d]"):format(name, i), v, 0)
    sum = sum + out[i]
  end
  return out, sum
end

--- All plans of whole masses: an iterator over tables of rows. Few boxes only:
--- their number grows fast.
---@param a integer[]
---@param b integer[]  of the same sum
---@return fun(): integer[][]?
function exact.couplings(a, b)
  local rows, of_a = whole_masses("couplings", "a", a)
  local columns, of_b = whole_masses("couplings", "b", b)
  if of_a ~= of_b then
    blame("couplings: a sums to %d but b to %d; give equal sums", of_a, of_b)
  end
  local n, m, left, plan = #rows, #columns, { table.unpack(columns) }, {}
  for i = 1, n do plan[i] = {} end
  local function fill(i, j, rest)
    if i > n then
      local copy = {}
      for k = 1, n do copy[k] = { table.unpack(plan[k]) } end
      return coroutine.yield(copy)
    end
    local least = j == m and rest or 0
    for moved = least, math.min(rest, left[j]) do
      plan[i][j], left[j] = moved, left[j] - moved
      if j == m then
        fill(i + 1, 1, rows[i + 1])
      else
        fill(i, j + 1, rest - moved)
      end
      left[j] = left[j] + moved
    end
  end
  return coroutine.wrap(function() fill(1, 1, rows[1]) end)
end

return exact
