--- Integrals over the line of functions of two laws: a sum for discrete laws
--- that can be listed, quadrature for continuous ones of single numbers.
local orrery = require "orrery"
local estimate = require "orrery.dist.estimate"
local legendre = require "orrery.dist.legendre"

local panels, order = 500, 8
local nodes, weights  -- of all panels, in 0 .. 1: made when first used

local function rule()
  if not nodes then
    local at, w = legendre(order)
    nodes, weights = {}, {}
    for k = 1, panels do
      for i = 1, order do
        nodes[#nodes + 1] = (k - 0.5 + at[i] / 2) / panels
        weights[#weights + 1] = w[i] / 2 / panels
      end
    end
  end
  return orrery.tensor(nodes, { dtype = "float64" }),
    orrery.tensor(weights, { dtype = "float64" })
end

local tail = 1e-15  -- left out at either end

-- Ends that hold both laws, the middle and the smaller width.
local function reach(p, q)
  local u = orrery.tensor({ tail, 0.25, 0.5, 0.75, 1 - tail },
    { dtype = "float64" })
  local shape = { 5 }
  for i = 1, math.max(#p.batch_shape, #q.batch_shape) do shape[i + 1] = 1 end
  u = u:reshape(shape)
  local a, b = p:icdf(u), q:icdf(u)
  local function at(x, i) return x:select(1, i) end
  local width = (at(a, 4) - at(a, 2)):minimum(at(b, 4) - at(b, 2))
  return at(a, 1):minimum(at(b, 1)), at(a, 5):maximum(at(b, 5)),
    (at(a, 3) + at(b, 3)) / 2, width
end

-- Points x = c + w sinh s, s evenly laid: close in the middle, and far out in
-- heavy tails as far apart as the tails are long.
local function grid(p, q)
  local low, high, c, w = reach(p, q)
  local from, to = ((low - c) / w):asinh(), ((high - c) / w):asinh()
  local t, weight = rule()
  local shape = { t:size(1) }
  for i = 1, from:dim() do shape[i + 1] = 1 end
  local s = from + (to - from) * t:reshape(shape)
  return c + w * s:sinh(), weight:reshape(shape) * (to - from) * w * s:cosh()
end

--- The integral (or sum) of f(x) over all values of p and q, or nil where
--- neither way is open. Gradients pass through f, the points are held.
---@param p orrery.dist.Distribution
---@param q orrery.dist.Distribution
---@param f fun(x: orrery.Tensor): orrery.Tensor
---@return orrery.Tensor? value  [batch...]
---@return orrery.dist.How?
return function(p, q, f)
  if p.is_discrete ~= q.is_discrete then return nil end
  if p.is_discrete then
    local ok, values = pcall(p.enumerate_support, p)
    if not ok then return nil end
    return f(values):sum(1), estimate.sum
  end
  if #p.event_shape > 0 or #q.event_shape > 0 then return nil end
  local ok, x, weight = pcall(orrery.no_grad, grid, p, q)
  if not ok then return nil end
  return (f(x) * weight):sum(1), estimate.quadrature
end
