--- Quantiles of a law that knows its cdf, by halving intervals.
local orrery = require "orrery"

-- An interval that holds the quantile: the ends of the support where there
-- are any, else as many times twice a width from the middle as it takes.
local function interval(law, u)
  local low, high, centre, width = law:range()
  local one = orrery.ones_like(u)
  low, high = low and one * low, high and one * high
  local step = one * width
  for _ = 1, 1100 do
    local a, b = low or one * centre - step, high or one * centre + step
    local wide = orrery.logical_and(law:cdf(a):le(u), law:cdf(b):ge(u))
    if wide:all():item() ~= 0 then return a, b end
    step = orrery.where(wide, step, step * 2)
  end
  return low or one * -math.huge, high or one * math.huge
end

---@param law orrery.dist.Distribution  with cdf, and range() giving its ends
---  (or nil), a point in its middle and a width
---@param u orrery.Tensor|number
---@return orrery.Tensor
return function(law, u)
  return orrery.no_grad(function()
    u = orrery.is_tensor(u) and u or orrery.tensor(u, { dtype = "float64" })
    local dtype = u:dim() == 0 and law.dtype or u.dtype
    u = u:to "float64"
    u = u:expand(orrery.broadcast_shapes({ u:shape() }, law.batch_shape))
    local low, high = interval(law, u)
    for _ = 1, 110 do
      local middle = (low + high) / 2
      local below = law:cdf(middle):lt(u)
      low = orrery.where(below, middle, low)
      high = orrery.where(below, high, middle)
    end
    local outside = u:lt(0):logical_or(u:gt(1))
    return orrery.where(outside, 0 / 0, (low + high) / 2):to(dtype)
  end)
end
