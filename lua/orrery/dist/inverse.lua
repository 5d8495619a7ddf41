--- Quantiles of a law that knows its cdf, by halving intervals.
local orrery = require "orrery"
local blame = require "orrery.blame"

-- An interval that holds the quantile: the ends of the support where there
-- are any, else as many times twice a width from the middle as it takes.
local function interval(law, u)
  local low, high, centre, width = law:range()
  local one = orrery.ones_like(u)
  low, high = low and one * low, high and one * high
  if low and high then return low, high end
  local step = one * width
  for _ = 1, 1100 do
    local a, b = low or one * centre - step, high or one * centre + step
    local wide = orrery.logical_and(law:cdf(a):le(u), law:cdf(b):ge(u))
    if wide:all():item() ~= 0 then return a, b end
    step = orrery.where(wide, step, step * 2)
  end
  return low or one * -math.huge, high or one * math.huge
end

-- Where the cdf of a law on the line is u.
local function point(law, u)
  local low, high = interval(law, u)
  for _ = 1, 110 do
    local middle = (low + high) / 2
    -- Neighbouring numbers have no middle.
    local done = middle:le(low):logical_or(middle:ge(high))
    if done:all():item() ~= 0 then break end
    local below = law:cdf(middle):lt(u)
    low = orrery.where(below, middle, low)
    high = orrery.where(below, high, middle)
  end
  return (low + high) / 2
end

-- The least whole number from 0 up whose cdf is u or more; infinite where
-- there is none.
local function count(law, u)
  local low, high = orrery.full_like(u, -1), orrery.ones_like(u)
  for _ = 1, 52 do
    local short = law:cdf(high):lt(u)
    if short:any():item() == 0 then break end
    low = orrery.where(short, high, low)
    high = orrery.where(short, high * 2, high)
  end
  local none = law:cdf(high):lt(u)
  while (high - low):max():item() > 1 do
    local middle = ((low + high) / 2):floor()
    local below = law:cdf(middle):lt(u)
    low = orrery.where(below, middle, low)
    high = orrery.where(below, high, middle)
  end
  return orrery.where(none, math.huge, high)
end

---@param law orrery.dist.Distribution  with cdf and, on the line, range()
---  giving its ends (or nil), a point in its middle and a width
---@param u orrery.Tensor|number
---@return orrery.Tensor
return function(law, u)
  if #law.event_shape > 0 or not (law.range or law.is_discrete) then
    blame("%s: it has no quantiles; they are of laws of single numbers with "
      .. "a cdf", law.name)
  end
  return orrery.no_grad(function()
    u = orrery.is_tensor(u) and u or orrery.tensor(u, { dtype = "float64" })
    local dtype = u:dim() == 0 and law.dtype or u.dtype
    u = u:to "float64"
    u = u:expand(orrery.broadcast_shapes({ u:shape() }, law.batch_shape))
      :contiguous()
    local outside = u:ge(0):logical_and(u:le(1)):logical_not()
    -- A stand-in where there is no answer, so that every search ends.
    local x = (law.is_discrete and count or point)(law,
      orrery.where(outside, 0.5, u))
    return orrery.where(outside, 0 / 0, x):to(dtype)
  end)
end
