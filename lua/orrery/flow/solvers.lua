--- Ordinary differential equations dy/dt = f(t, y), where y is a list of
--- tensors: fixed steps of order 4, and steps of order 5 that fit a tolerance.
local orrery = require "orrery"

local solvers = {}

-- y + h * sum_i weight_i * slope_i, each tensor of the list.
local function stepped(y, h, weights, slopes)
  local out = {}
  for k, v in ipairs(y) do
    local sum
    for i, w in ipairs(weights) do
      if w ~= 0 then
        local term = slopes[i][k] * w
        sum = sum and sum + term or term
      end
    end
    out[k] = sum and v + sum * h or v
  end
  return out
end

-- Stages of explicit Runge-Kutta methods: when, of which slopes.
local rk4 = { c = { 0, 1 / 2, 1 / 2, 1 },
  a = { {}, { 1 / 2 }, { 0, 1 / 2 }, { 0, 0, 1 } },
  b = { 1 / 6, 1 / 3, 1 / 3, 1 / 6 } }

-- Dormand and Prince 1980, table 2: RK5(4)7M; the last stage is the next
-- step's first. `e` is the fifth order's weights less the fourth's.
local dormand_prince = { c = { 0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1 },
  a = { {}, { 1 / 5 }, { 3 / 40, 9 / 40 }, { 44 / 45, -56 / 15, 32 / 9 },
    { 19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729 },
    { 9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656 },
    { 35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84 } },
  e = { 71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525,
    -1 / 40 } }

-- The slopes of all stages; `first` is that of the start, if known.
local function stages(method, f, t, y, h, first)
  local slopes = { first or f(t, y) }
  for i = 2, #method.c do
    slopes[i] = f(t + method.c[i] * h, stepped(y, h, method.a[i], slopes))
  end
  return slopes
end

--- So many equal steps of the classical Runge-Kutta method, of order 4.
---@param f fun(t: number, y: orrery.Tensor[]): orrery.Tensor[]
---@param y orrery.Tensor[]  at t0
---@param t0 number
---@param t1 number  may be before t0
---@param steps integer
---@return orrery.Tensor[] y  at t1
---@return integer calls  of f
function solvers.rk4(f, y, t0, t1, steps)
  local h = (t1 - t0) / steps
  for i = 1, steps do
    local slopes = stages(rk4, f, t0 + (i - 1) * h, y, h)
    y = stepped(y, h, rk4.b, slopes)
  end
  return y, 4 * steps
end

-- The error as a share of what is allowed, root mean square over all numbers:
-- rows share their steps.
local function error_of(y, next_y, h, slopes, tolerance)
  return orrery.no_grad(function()
    local sum, count = 0, 0
    local zero = {}
    for k, v in ipairs(y) do zero[k] = v.new_zeros(v, { v:shape() }) end
    local off = stepped(zero, h, dormand_prince.e, slopes)
    for k, v in ipairs(y) do
      local size = v:detach():abs():maximum(next_y[k]:detach():abs())
      sum = sum + ((off[k]:detach() / ((size + 1) * tolerance)) ^ 2):sum()
        :item()
      count = count + v:numel()
    end
    return (sum / math.max(1, count)) ^ 0.5
  end)
end

--- Dormand and Prince's method of order 5 with steps such that its estimate of
--- each step's error stays within the tolerance, relative and absolute
--- (Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I,
--- section II.4). How long the steps are is not differentiated.
---@param f fun(t: number, y: orrery.Tensor[]): orrery.Tensor[]
---@param y orrery.Tensor[]  at t0
---@param t0 number
---@param t1 number  may be before t0
---@param tolerance number
---@param most integer  steps, taken or tried
---@return orrery.Tensor[]? y  at t1; nil where that many steps do not suffice
---@return integer calls  of f
function solvers.dopri5(f, y, t0, t1, tolerance, most)
  local way = t1 < t0 and -1 or 1
  local length, done = math.abs(t1 - t0), 0
  local h, calls = length / 20, 1
  local first = f(t0, y)
  for _ = 1, most do
    h = math.min(h, length - done)
    local slopes = stages(dormand_prince, f, t0 + way * done, y, way * h,
      first)
    calls = calls + 6
    local next_y = stepped(y, way * h, dormand_prince.a[7], slopes)
    local e = error_of(y, next_y, h, slopes, tolerance)
    if e <= 1 then
      done, y, first = done + h, next_y, slopes[7]
      if done >= length * (1 - 1e-14) then return y, calls end
    end
    -- Not a number: shorter by the most.
    local by = e == e and 0.9 * math.max(e, 1e-10) ^ -0.2 or 0.2
    h = h * math.min(5, math.max(0.2, by))
  end
  return nil, calls
end

return solvers
