--- Monotone rational-quadratic splines (Durkan et al. 2019, eqs. 4-8), the
--- identity outside [-bound, bound].
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local spline = {}

-- The least width and height of a bin, as shares, and the least slope.
local LEAST = 1e-3

--- How many numbers make one spline.
---@param bins integer
---@return integer
function spline.parameters(bins)
  return 3 * options.count("spline", "bins", bins) - 1
end

-- Refuses what is no spline of so many bins for each number of v.
local function check(who, name, v, p, bins, bound)
  options.tensor(who, name, v, "float")
  options.tensor(who, "p", p, "float")
  local count = spline.parameters(bins)
  if p:dim() ~= v:dim() + 1 or p:size(-1) ~= count then
    blame("%s: p is %s for %s %s; give %d numbers for each, along a last axis",
      who, p:shape_str(), name, v:shape_str(), count)
  end
  options.number(who, "bound", bound, function(b) return b > 0 end,
    "a number over 0")
end

-- Shares of [-bound, bound] -> knots [..., bins + 1] and widths [..., bins].
local function knots(raw, bins, bound)
  local width = (raw:softmax(-1) * (1 - LEAST * bins) + LEAST) * (2 * bound)
  local right = width:cumsum(-1) - bound
  local left = right:narrow(-1, 1, 1) * 0 - bound
  return orrery.cat({ left, right }, -1), width
end

-- Slopes at all knots: 1 at both ends, where the lines begin.
local function slopes(raw, edge)
  local inner = raw:softplus() + LEAST
  return orrery.cat({ edge, inner, edge }, -1)
end

-- The bin of each v among knots, and what holds there.
local function bin_of(p, bins, bound, at_height, v)
  local function part(first, n) return p:narrow(-1, first, n) end
  local xs, w = knots(part(1, bins), bins, bound)
  local ys, h = knots(part(bins + 1, bins), bins, bound)
  local edge = xs:narrow(-1, 1, 1) * 0 + 1
  local d = bins > 1 and slopes(part(2 * bins + 1, bins - 1), edge)
    or orrery.cat({ edge, edge }, -1)
  local inner = (at_height and ys or xs):narrow(-1, 1, bins)
  local k = v:unsqueeze(-1):ge(inner):to "int64":sum(-1)
    :clamp { min = 1, max = bins }:unsqueeze(-1)
  local function at(values, shift)
    return values:gather(-1, k + (shift or 0)):squeeze(-1)
  end
  return at(xs), at(ys), at(w), at(h), at(d), at(d, 1)
end

local function log_slope(theta, s, d0, d1)
  local rest = 1 - theta
  local below = s + (d1 + d0 - s * 2) * theta * rest
  return s:log() * 2 - below:log() * 2
    + (d1 * theta ^ 2 + s * theta * rest * 2 + d0 * rest ^ 2):log()
end

--- y and log dy/dx, elementwise.
---@param x orrery.Tensor  [...]
---@param p orrery.Tensor  [..., 3 bins - 1], widths, heights, slopes
---@param bins integer
---@param bound number
---@return orrery.Tensor y
---@return orrery.Tensor slope  nats
function spline.forward(x, p, bins, bound)
  check("spline.forward", "x", x, p, bins, bound)
  local inside = x:abs():le(bound)
  local v = x:clamp { min = -bound, max = bound }
  local x0, y0, w, h, d0, d1 = bin_of(p, bins, bound, false, v)
  local s, theta = h / w, (v - x0) / w
  local rest = 1 - theta
  local y = y0 + h * (s * theta ^ 2 + d0 * theta * rest)
    / (s + (d1 + d0 - s * 2) * theta * rest)
  return orrery.where(inside, y, x),
    orrery.where(inside, log_slope(theta, s, d0, d1), x * 0)
end

--- x and log dx/dy: the root of a quadratic, in the form that loses no digits.
---@param y orrery.Tensor  [...]
---@param p orrery.Tensor  [..., 3 bins - 1]
---@param bins integer
---@param bound number
---@return orrery.Tensor x
---@return orrery.Tensor slope  nats
function spline.inverse(y, p, bins, bound)
  check("spline.inverse", "y", y, p, bins, bound)
  local inside = y:abs():le(bound)
  local v = y:clamp { min = -bound, max = bound }
  local x0, y0, w, h, d0, d1 = bin_of(p, bins, bound, true, v)
  local s, up = h / w, v - y0
  local bend = up * (d1 + d0 - s * 2)
  local a, b, c = h * (s - d0) + bend, h * d0 - bend, -(s * up)
  local root = (b ^ 2 - a * c * 4):clamp { min = 0 }:sqrt()
  local theta = c * 2 / (-b - root)
  return orrery.where(inside, x0 + theta * w, y),
    orrery.where(inside, -log_slope(theta, s, d0, d1), y * 0)
end

return spline
