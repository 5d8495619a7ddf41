--- Wasserstein distances on the line and of Gaussians. Laws, or samples [N] of
--- them; with samples the distance is that of the empirical laws.
local orrery = require "orrery"
local blame = require "orrery.blame"
local integral = require "orrery.dist.integral"
local laws = require "orrery.dist.laws"
local line = require("orrery.ot.line").line
local options = require "orrery.options"

local wasserstein = {}
local is_tensor = orrery.is_tensor

local function want_samples(who, name, x)
  if not is_tensor(x) or x:dim() ~= 1 or x:numel() == 0
    or not x:is_floating_point() then
    blame("%s: %s is %s; give a distribution, or floating samples [N]", who,
      name, options.shown(x))
  end
end

local function of_samples(who, x, y, power)
  want_samples(who, "x", x)
  want_samples(who, "y", y)
  return line(x, y, { p = power })
end

--- W1, the least mean distance that mass has to be moved: the integral of the
--- difference of the distribution functions (Vallender 1974).
---@param p orrery.dist.Distribution|orrery.Tensor  on the line
---@param q orrery.dist.Distribution|orrery.Tensor
---@return orrery.Tensor  [batch...]
function wasserstein.wasserstein1(p, q)
  if is_tensor(p) or is_tensor(q) then
    return of_samples("wasserstein1", p, q, 1)
  end
  laws.check("wasserstein1", p, q)
  local value = not p.is_discrete and integral(p, q, function(x)
    return (p:cdf(x) - q:cdf(x)):abs()
  end)
  if not value then
    blame("wasserstein1: there is no formula for %s and %s; give samples",
      p.name, q.name)
  end
  return value
end

-- |m1 - m2|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2) (Dowson & Landau 1982).
local function of_gaussians(p, q)
  local gap = ((p.loc - q.loc) ^ 2):sum(-1)
  if p.scale_diag and q.scale_diag then
    return gap + ((p.scale_diag - q.scale_diag) ^ 2):sum(-1)
  end
  local a, b = p:covariance(), q:covariance()
  local root = a:sqrtm()
  local middle = root:matmul(b):matmul(root)
  local cross = ((middle + middle:transpose(-2, -1)) * 0.5):eigvalsh()
    :clamp { min = 0 }:sqrt():sum(-1)
  local function trace(m) return m:diagonal(0, -2, -1):sum(-1) end
  return gap + trace(a) + trace(b) - cross * 2
end

--- W2, the root of the least mean squared distance: of Gaussians, or samples
--- on the line.
---@param p orrery.dist.Distribution|orrery.Tensor
---@param q orrery.dist.Distribution|orrery.Tensor
---@return orrery.Tensor  [batch...]
function wasserstein.wasserstein2(p, q)
  if is_tensor(p) or is_tensor(q) then
    return of_samples("wasserstein2", p, q, 2)
  end
  laws.check("wasserstein2", p, q)
  if p.name == "Normal" and q.name == "Normal" then
    return ((p.loc - q.loc) ^ 2 + (p.scale - q.scale) ^ 2):sqrt()
  end
  local a, b = laws.as_gaussian(p), laws.as_gaussian(q)
  if not (a and b) then
    blame("wasserstein2: there is no formula for %s and %s; give Gaussians "
      .. "or samples", p.name, q.name)
  end
  return of_gaussians(a, b):clamp { min = 0 }:sqrt()
end

return wasserstein
