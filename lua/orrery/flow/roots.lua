--- Where increasing functions of one number have a root: inverses that have no
--- closed form.
local orrery = require "orrery"

local roots = {}

-- Relative spacing of the numbers of each kind.
local spacing = { float32 = 2 ^ -23, float64 = 2 ^ -52 }

-- Newton's step where it stays between low and high and the last one halved
-- the value, else the middle (Numerical Recipes, section 9.4).
local function search(f, low, high)
  local x = (low + high) / 2
  local fine = spacing[x.dtype] * 4
  local before
  for _ = 1, 200 do
    local v, slope = f(x)
    local over = v:ge(0)
    high, low = orrery.where(over, x, high), orrery.where(over, low, x)
    local next_x = x - v / slope
    local good = next_x:ge(low):logical_and(next_x:le(high))
    if before then
      good = good:logical_and((v:abs() * 2):le(before))
    end
    local near = (1 + x:abs()) * fine
    local done = (v / slope):abs():le(near):logical_or((high - low):le(near))
    if done:all():item() ~= 0 then return x end
    next_x = orrery.where(good, next_x, (low + high) / 2)
    x, before = orrery.where(done, x, next_x), v:abs()
  end
  return x
end

--- The root of an increasing f between low and high, element by element, to
--- some units in the last place. Gradients reach whatever f is made of, up to
--- the third order: two of Newton's steps are recorded, whose error is the
--- fourth power of a change (so that a step costs two calls of f).
---@param f fun(x: orrery.Tensor): orrery.Tensor, orrery.Tensor  value, slope
---@param low orrery.Tensor  where f is at most 0
---@param high orrery.Tensor  where f is at least 0
---@return orrery.Tensor
function roots.increasing(f, low, high)
  local x = orrery.no_grad(search, f, low:detach(), high:detach())
  if not orrery.is_grad_enabled() then return x end
  for _ = 1, 2 do
    local v, slope = f(x)
    x = x - v / slope
  end
  return x
end

--- The y of y + r tanh(q y + c) = t, for r q > -1.
---@param t orrery.Tensor
---@param r orrery.Tensor
---@param q orrery.Tensor|number
---@param c orrery.Tensor
---@return orrery.Tensor y
function roots.bent(t, r, q, c)
  return roots.increasing(function(y)
    local h = (y * q + c):tanh()
    return y + r * h - t, (1 - h ^ 2) * (r * q) + 1
  end, t - r:abs(), t + r:abs())
end

return roots
