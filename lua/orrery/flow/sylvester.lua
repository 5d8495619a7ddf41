--- Sylvester flows (van den Berg et al. 2018): planar flows of many units.
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local blame = require "orrery.blame"
local options = require "orrery.options"
local own = require "orrery.flow.own_numbers"
local roots = require "orrery.flow.roots"

--- z = x + Q R tanh(S Q' x + b), with R and S upper triangular [M, M] and Q
--- [D, M] of orthonormal columns, a product of Householder reflections. The
--- determinant is that of I + diag(tanh') S R (Sylvester's identity): the
--- product of its diagonal, over 0 since R and S have theirs below 1. The
--- inverse finds the M numbers Q' x from the last to the first.
---@class orrery.flow.Sylvester: orrery.flow.Bijector
---@field features integer  D
---@field units integer  M
---@field reflections integer
local Sylvester = Bijector:subclass "Sylvester"

---@param features integer
---@param opts? table  units = features (at most that many); reflections = 4
---  (0: Q takes the first units as they are); context = 0 (over 0: all numbers
---  are linear functions of a context); scale = 0.5 (of the first R and S);
---  dtype; generator
function Sylvester:init(features, opts)
  local who = "flow.Sylvester"
  local d = options.count(who, "features", features)
  local o = own.options(who, opts, { units = d, reflections = 4,
    scale = 0.5 })
  options.number(who, "scale", o.scale, function(s) return s >= 0 end,
    "a number of at least 0")
  local m = options.count(who, "units", o.units)
  if m > d then
    blame("%s: units are %d but features %d; give at most as many", who, m, d)
  end
  self.features, self.units = d, m
  self.reflections = options.count(who, "reflections", o.reflections, 0)
  own.init(self, o, orrery.cat { own.noise(o, 2 * m * m) * o.scale,
    own.noise(o, m), own.noise(o, self.reflections * d) })
end

-- Reflections at the planes across each v, one after another: [1 or B, D, M].
local function orthogonal(self, v)
  local d, m = self.features, self.units
  local q = orrery.eye(d, { dtype = v.dtype }):narrow(2, 1, m):unsqueeze(1)
  for h = 1, self.reflections do
    local at = v:narrow(2, (h - 1) * d + 1, d):unsqueeze(3)
    local length = (at ^ 2):sum(2, { keepdim = true }):clamp { min = 1e-30 }
    q = q - at * 2 / length * at:transpose(2, 3):matmul(q)
  end
  return q
end

-- Upper triangular, the diagonal in (-0.99, 0.99): no slope is below 0.0199,
-- so that the inverse loses two digits at most.
local function triangle(raw)
  local d = raw:diagonal(0, -2, -1):tanh() * 0.99
  return raw:triu(1) + d:diag_embed(), d
end

-- Q, R, S, b, and the diagonals of R and S; the first axis 1 or B.
local function parts(self, context, rows)
  local m, p = self.units, own.numbers(self, context, rows)
  local n = p:size(1)
  local R, r = triangle(p:narrow(2, 1, m * m):reshape(n, m, m))
  local S, s = triangle(p:narrow(2, m * m + 1, m * m):reshape(n, m, m))
  local v = p:narrow(2, 2 * m * m + m + 1, self.reflections * self.features)
  return orthogonal(self, v), R, S, p:narrow(2, 2 * m * m + 1, m), r, s
end

-- Rows of x times a matrix each, or one for all.
local function times(x, matrix)
  return x:unsqueeze(2):matmul(matrix):squeeze(2)
end

local function turned(matrix) return matrix:transpose(2, 3) end

---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor z  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Sylvester:forward(x, context)
  self:want("x", x, self.features)
  local Q, R, S, b, r, s = parts(self, context, x:size(1))
  local h = (times(times(x, Q), turned(S)) + b):tanh()
  return x + times(times(h, turned(R)), turned(Q)),
    ((1 - h ^ 2) * (r * s)):log1p():sum(2)
end

-- tanh(S y + b) for the y with y + R tanh(S y + b) = t: the last unit sees
-- itself alone, each before it those found already.
local function units(t, R, S, b)
  local y, h = {}, {}
  local function column(matrix, i, j)
    return matrix:narrow(2, i, 1):narrow(3, j, 1):squeeze(3)
  end
  for i = t:size(2), 1, -1 do
    local c, rest = b:narrow(2, i, 1), t:narrow(2, i, 1)
    for j = i + 1, t:size(2) do
      c = c + column(S, i, j) * y[j]
      rest = rest - column(R, i, j) * h[j]
    end
    local q = column(S, i, i)
    y[i] = roots.bent(rest, column(R, i, i) + rest * 0, q, c)
    h[i] = (y[i] * q + c):tanh()
  end
  return orrery.cat(h, 2)
end

---@param z orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Sylvester:inverse(z, context)
  self:want("z", z, self.features)
  local Q, R, S, b, r, s = parts(self, context, z:size(1))
  local h = units(times(z, Q), R, S, b)
  return z - times(times(h, turned(R)), turned(Q)),
    -((1 - h ^ 2) * (r * s)):log1p():sum(2)
end

function Sylvester:extra_repr()
  return ("%d, %d"):format(self.features, self.units)
end

return { Sylvester = Sylvester }
