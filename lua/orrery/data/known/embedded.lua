--- Gaussians that fill a subspace only: ten of 700 dimensions in a space of
--- 1,200, as the manifolds of images do (Srivastava et al. 2017, section 4.1).
local orrery = require "orrery"
local Law = require "orrery.data.known.law"
local gaussians = require "orrery.data.known.gaussians"
local options = require "orrery.options"

---@class orrery.data.Embedded: orrery.data.Law
---@field basis orrery.Tensor  float64 [dim, inner], orthonormal columns
---@field inner orrery.data.Gaussians  the law in the subspace
local Embedded = Law.subclass "embedded"

-- Where 98.89 % of a round Gaussian of n dimensions lie, as do within three
-- standard deviations in the plane: Wilson & Hilferty's (1931) quantile of
-- chi-squared, at which a normal value is 2.2877.
local function reach(n)
  if n == 2 then return 3 end
  local v = 2 / (9 * n)
  return math.sqrt(n * (1 - v + 2.2877 * math.sqrt(v)) ^ 3)
end

function Embedded:draw(n, o)
  local u, mode = self.inner:draw(n, { generator = o.generator,
    dtype = "float64" })
  return u:matmul(self.basis:transpose(1, 2)):to(o.dtype), mode
end

--- The density on the subspace, by its volume; -infinity off it.
---@param x orrery.Tensor  [N, dim]
---@return orrery.Tensor nats  [N]
function Embedded:log_prob(x)
  self:check(x)
  local basis = self.basis:to(x.dtype)
  local u = x:matmul(basis)
  local off = (x - u:matmul(basis:transpose(1, 2))):norm(2, 2)
  local lp = self.inner:log_prob(u)
  return orrery.where(off:le(x:norm(2, 2) * 1e-4), lp,
    orrery.full_like(lp, -math.huge))
end

--- Of the law on the subspace.
---@return number nats
function Embedded:entropy() return self.inner:entropy() end

---@param opts? { dim?: integer, inner?: integer, modes?: integer,
---   std?: number, spread?: number, generator?: orrery.Generator }  1200, 700,
---   10, 1; the centres are normal with standard deviation `spread` = 1, some
---   37 apart
---@return orrery.data.Embedded
return function(opts)
  local who = "embedded"
  local o = options.take(who, opts, { dim = 1200, inner = 700, modes = 10,
    std = 1, spread = 1 }, { "generator" })
  for _, name in ipairs { "dim", "inner", "modes" } do
    options.count(who, name, o[name])
  end
  local drawn = { dtype = "float64", generator = o.generator }
  local basis = orrery.linalg.qr(orrery.randn({ o.dim, o.inner }, drawn))
  local centers = orrery.randn({ o.modes, o.inner }, drawn) * o.spread
  local inner = gaussians.made("inner", centers, o.std)
  return setmetatable({ name = ("%d modes in %d dimensions"):format(o.modes,
    o.dim), dim = o.dim, basis = basis, inner = inner, std = o.std,
    centers = centers:matmul(basis:transpose(1, 2)),
    radius = reach(o.inner) * o.std }, Embedded)
end
