--- Planar and radial flows (Rezende & Mohamed 2015, section 4.1): forward in
--- closed form, so that stacks of them make posteriors richer.
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local options = require "orrery.options"
local own = require "orrery.flow.own_numbers"
local roots = require "orrery.flow.roots"

--- z = x + u tanh(w x + b): space pulled away from the plane w x + b = 0, or to
--- it. u is moved along w so that w u > -1, where the map is one to one
--- (appendix A.1). The inverse is a root along w, to some units in the last
--- place.
---@class orrery.flow.Planar: orrery.flow.Bijector
---@field features integer  D
local Planar = Bijector:subclass "Planar"

---@param features integer
---@param opts? table  context = 0 (over 0: w, u and b are linear functions of
---  a context, for each row its own); scale = 0.5 (of the first w and u);
---  dtype; generator
function Planar:init(features, opts)
  local who = "flow.Planar"
  local o = own.options(who, opts, { scale = 0.5 })
  options.number(who, "scale", o.scale, function(s) return s > 0 end,
    "a number over 0")
  local d = options.count(who, "features", features)
  self.features = d
  own.init(self, o, orrery.cat({ own.noise(o, 2 * d) * o.scale / d ^ 0.5,
    orrery.zeros({ 1 }, { dtype = o.dtype }) }))
end

-- w, u and b, [1 or B, D] and [1 or B, 1].
local function plane(self, context, rows)
  local d, p = self.features, own.numbers(self, context, rows)
  local w, u, b = p:narrow(2, 1, d), p:narrow(2, d + 1, d),
    p:narrow(2, 2 * d + 1, 1)
  local wu = (w * u):sum(2, { keepdim = true })
  local square = (w ^ 2):sum(2, { keepdim = true }):clamp { min = 1e-30 }
  return w, u + (wu:softplus() - 1 - wu) * w / square, b
end

local function along(w, x) return (w * x):sum(2, { keepdim = true }) end

---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor z  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Planar:forward(x, context)
  self:want("x", x, self.features)
  local w, u, b = plane(self, context, x:size(1))
  local h = (along(w, x) + b):tanh()
  return x + u * h, ((1 - h ^ 2) * along(w, u)):log1p():sum(2)
end

---@param z orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Planar:inverse(z, context)
  self:want("z", z, self.features)
  local w, u, b = plane(self, context, z:size(1))
  local k = along(w, u)
  local t = along(w, z)
  local h = (roots.bent(t, k + t * 0, 1, b) + b):tanh()
  return z - u * h, -((1 - h ^ 2) * k):log1p():sum(2)
end

function Planar:extra_repr() return tostring(self.features) end

--- z = x + beta (x - c) / (alpha + r), r = |x - c|: the space around a point c
--- pulled out or in, alpha > 0 and beta > -alpha (appendix A.2). The inverse is
--- in closed form: r is the root of a quadratic.
---@class orrery.flow.Radial: orrery.flow.Bijector
---@field features integer  D
local Radial = Bijector:subclass "Radial"

---@param features integer
---@param opts? table  context = 0 (over 0: c, alpha and beta are functions of
---  a context); scale = 1 (of the first c); dtype; generator
function Radial:init(features, opts)
  local who = "flow.Radial"
  local o = own.options(who, opts, { scale = 1 })
  options.number(who, "scale", o.scale, function(s) return s >= 0 end,
    "a number of at least 0")
  local d = options.count(who, "features", features)
  self.features = d
  own.init(self, o, orrery.cat { own.noise(o, d) * o.scale,
    own.noise(o, 2) })
end

-- c [1 or B, D], alpha and alpha + beta [1 or B, 1], both over 0.
local function centre(self, context, rows)
  local d, p = self.features, own.numbers(self, context, rows)
  return p:narrow(2, 1, d), p:narrow(2, d + 1, 1):softplus() + 1e-6,
    p:narrow(2, d + 2, 1):softplus() + 1e-6
end

-- What x - c is stretched by, (alpha + beta + r) / (alpha + r), and log |det|:
-- that to the power D - 1 across, 1 + alpha beta / (alpha + r)^2 outwards.
local function stretched(self, r, alpha, sum)
  local by = (sum + r) / (alpha + r)
  local out = alpha * (sum - alpha) / (alpha + r) ^ 2
  return by, (by:log() * (self.features - 1) + out:log1p()):sum(2)
end

local function length(v) return v:norm { p = 2, axis = 2, keepdim = true } end

---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor z  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Radial:forward(x, context)
  self:want("x", x, self.features)
  local c, alpha, sum = centre(self, context, x:size(1))
  local by, logdet = stretched(self, length(x - c), alpha, sum)
  return c + (x - c) * by, logdet
end

---@param z orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Radial:inverse(z, context)
  self:want("z", z, self.features)
  local c, alpha, sum = centre(self, context, z:size(1))
  local far = length(z - c)
  -- r (alpha + beta + r) = far (alpha + r), by the form without cancellation.
  local b = sum - far
  local root = (b ^ 2 + alpha * far * 4):sqrt()
  local r = orrery.where(b:gt(0), alpha * far * 2 / (b:abs() + root),
    (root - b) / 2)
  local by, logdet = stretched(self, r, alpha, sum)
  return c + (z - c) / by, -logdet
end

function Radial:extra_repr() return tostring(self.features) end

return { Planar = Planar, Radial = Radial }
