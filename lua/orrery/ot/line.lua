--- Transport on the line, where sorting solves it, and over many lines at
--- once: sliced distances.
local orrery = require "orrery"
local arguments = require "orrery.ot.arguments"
local blame = require "orrery.blame"
local options = require "orrery.options"

local line = {}

local function want(who, name, x)
  if not options.is_tensor(x) or not x:is_floating_point() or x:dim() == 0
    or x:numel() == 0 then
    blame("%s: %s is %s; give floating samples [..., N]", who, name,
      options.shown(x))
  end
end

-- The sorted samples and the mass up to and with each, as a share of 1.
local function ranked(who, name, x, mass)
  local sorted, order = x:sort()
  local n = x:size(-1)
  if mass == nil then
    return sorted, orrery.range(1, n, { dtype = x.dtype }) / n
  end
  mass = arguments.masses(who, name, mass, n, x)
  local total = mass:detach():sum():item()
  if not (total > 0 and total < math.huge) then
    blame("%s: %s sums to %g; give masses of a finite sum over 0", who, name,
      total)
  end
  local up = mass:expand { x:shape() }:gather(-1, order):cumsum(-1)
  return sorted, up / up:narrow(-1, n, 1)
end

local function spread(up, like)
  local shape = { like:shape() }
  shape[#shape] = up:size(-1)
  return up:expand(shape)
end

-- Values of both inverse distribution functions over the pieces on which both
-- are constant, and the lengths of those pieces.
local function pieces(x, cx, y, cy)
  cx, cy = spread(cx, x), spread(cy, y)
  local ends = orrery.cat({ cx, cy }, -1):sort()
  local count = ends:size(-1)
  local starts = orrery.cat({ ends:narrow(-1, 1, 1) * 0,
    ends:narrow(-1, 1, count - 1) }, -1)
  local function at(values, up)
    local place = up:detach():contiguous():searchsorted(
      ends:detach():contiguous()):clamp { max = values:size(-1) }
    return values:gather(-1, place)
  end
  return at(x, cx), at(y, cy), ends - starts
end

-- The mean p-th power of the way, along the last axis.
local function mean_power(who, x, y, p, a, b)
  local plain = a == nil and b == nil and x:size(-1) == y:size(-1)
  local sx, cx = ranked(who, "a", x, a)
  local sy, cy = ranked(who, "b", y, b)
  local function way(u, v)
    local gap = (u - v):abs()
    return p == 1 and gap or gap ^ p
  end
  if plain then return way(sx, sy):mean(-1) end
  local u, v, length = pieces(sx, cx, sy, cy)
  return (way(u, v) * length):sum(-1)
end

--- Wp of samples on the line: the p-th root of the mean p-th power of the
--- difference of their quantiles (Vallender 1974).
---@param x orrery.Tensor  [..., N]
---@param y orrery.Tensor  [..., M], the same axes before the last
---@param given? { p?: number, a?: orrery.Tensor, b?: orrery.Tensor,
---  root?: boolean }  p is 1 unless given; masses a [N], b [M]; root = false
---  leaves the p-th power
---@return orrery.Tensor  [...]
function line.line(x, y, given)
  want("line", "x", x)
  want("line", "y", y)
  local o = options.take("line", given, { p = 1, root = true }, { "a", "b" })
  arguments.power("line", o.p)
  options.flag("line", "root", o.root)
  if x:dim() ~= y:dim() or x:dim() > 1
    and x:select(-1, 1):shape_str() ~= y:select(-1, 1):shape_str() then
    blame("line: x is %s but y is %s; only the last axes may differ",
      x:shape_str(), y:shape_str())
  end
  local value = mean_power("line", x, y, o.p, o.a, o.b)
  return o.root and o.p ~= 1 and value ^ (1 / o.p) or value
end

-- Directions of length 1, evenly likely: [L, D].
local function directions(who, o, x)
  local d = o.directions
  if options.is_tensor(d) then
    if d:dim() ~= 2 or d:size(2) ~= x:size(2) then
      blame("%s: directions is %s; give a number of them or [L, %d]", who,
        d:shape_str(), x:size(2))
    end
    return d
  end
  d = orrery.randn({ options.count(who, "directions", d), x:size(2) },
    { dtype = x.dtype, generator = o.generator })
  return d / d:norm { axis = -1, keepdim = true }
end

--- Sliced Wp: the p-th root of the mean over directions of Wp^p of the points'
--- shadows (Rabin et al. 2011).
---@param x orrery.Tensor  [N, D]
---@param y orrery.Tensor  [M, D]
---@param given? { p?: number, directions?: integer|orrery.Tensor,
---  a?: orrery.Tensor, b?: orrery.Tensor, generator?: orrery.Generator }  p is
---  2, 50 directions unless given, or they themselves [L, D]
---@return orrery.Tensor  a scalar
function line.sliced(x, y, given)
  arguments.points("sliced", x, y)
  local o = options.take("sliced", given, { p = 2, directions = 50 },
    { "a", "b", "generator" })
  arguments.power("sliced", o.p)
  local d = directions("sliced", o, x)
  local value = mean_power("sliced", d:matmul(x:transpose(1, 2)),
    d:matmul(y:transpose(1, 2)), o.p, o.a, o.b):mean()
  return o.p == 1 and value or value ^ (1 / o.p)
end

return line
