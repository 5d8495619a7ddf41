--- Divergences of two laws besides KL, in nats where they are logarithms:
--- closed forms for Gaussians, sums for discrete laws, quadrature for laws on
--- the line, draws for the rest. Each gives its value and how it was found.
local orrery = require "orrery"
local blame = require "orrery.blame"
local estimate = require "orrery.dist.estimate"
local integral = require "orrery.dist.integral"
local kl = require("orrery.dist.kl").kl
local laws = require "orrery.dist.laws"
local options = require "orrery.options"

local divergences = {}

-- ---- Jensen-Shannon

local function log_half_sum(a, b) return a:logaddexp(b) - math.log(2) end

-- p log (p / m), 0 where p is.
local function share(log_p, log_m)
  return orrery.where(log_p:gt(-math.huge), log_p:exp() * (log_p - log_m), 0)
end

--- Jensen-Shannon divergence: the mean of KL to the half-half mixture, 0 to
--- log 2 (Lin 1991).
---@param p orrery.dist.Distribution
---@param q orrery.dist.Distribution
---@param given? { samples?: integer, generator?: orrery.Generator }
---@return orrery.Tensor nats  [batch...]
---@return orrery.dist.How
function divergences.js(p, q, given)
  laws.check("js", p, q)
  if not (given and given.samples) then
    local value, how = integral(p, q, function(x)
      local a, b = p:log_prob(x), q:log_prob(x)
      local m = log_half_sum(a, b)
      return (share(a, m) + share(b, m)) * 0.5
    end)
    if value then return value, how end
  end
  local function to_middle(r)
    return estimate.mean("js", r, function(x)
      return r:log_prob(x) - log_half_sum(p:log_prob(x), q:log_prob(x))
    end, given)
  end
  local a, of_p = to_middle(p)
  local b, of_q = to_middle(q)
  of_p.standard_error = of_p.standard_error:hypot(of_q.standard_error) / 2
  return (a + b) * 0.5, of_p
end

-- ---- total variation

--- Total variation distance, half the integral of |p - q|: 0 to 1.
---@param p orrery.dist.Distribution
---@param q orrery.dist.Distribution
---@param given? { samples?: integer, generator?: orrery.Generator }
---@return orrery.Tensor  [batch...]
---@return orrery.dist.How
function divergences.tv(p, q, given)
  laws.check("tv", p, q)
  if not (given and given.samples) then
    local value, how = integral(p, q, function(x)
      return (p:log_prob(x):exp() - q:log_prob(x):exp()):abs() * 0.5
    end)
    if value then return value, how end
  end
  -- E_p max(0, 1 - q / p)
  return estimate.mean("tv", p, function(x)
    return (1 - (q:log_prob(x) - p:log_prob(x)):exp()):clamp { min = 0 }
  end, given)
end

-- ---- Renyi and chi-square

-- Of two normal laws (Gil, Alajaji & Linder 2013); infinite where the mixed
-- variance is not positive.
local function renyi_normal(p, q, alpha)
  local a, b = p.scale ^ 2, q.scale ^ 2
  local mixed = b * alpha + a * (1 - alpha)
  local safe = mixed:clamp { min = 1e-300 }
  local value = (b / a):log() * 0.5 + (b / safe):log() * (0.5 / (alpha - 1))
    + (p.loc - q.loc) ^ 2 / safe * (alpha / 2)
  return orrery.where(mixed:gt(0), value, math.huge)
end

local function both_normal(p, q)
  return p.name == "Normal" and q.name == "Normal"
end

--- Renyi's divergence of order alpha: log E_q (p/q)^alpha / (alpha - 1); KL
--- for alpha = 1.
---@param p orrery.dist.Distribution
---@param q orrery.dist.Distribution
---@param alpha number  over 0
---@param given? { samples?: integer, generator?: orrery.Generator }
---@return orrery.Tensor nats  [batch...]
---@return orrery.dist.How
function divergences.renyi(p, q, alpha, given)
  laws.check("renyi", p, q)
  options.number("renyi", "alpha", alpha, function(a) return a > 0 end,
    "a number over 0")
  if alpha == 1 then return kl(p, q, given) end
  if not (given and given.samples) then
    if both_normal(p, q) then
      return renyi_normal(p, q, alpha), estimate.closed
    elseif p.name == "Independent" and q.name == "Independent"
      and both_normal(p.base, q.base) then
      return p:summed(renyi_normal(p.base, q.base, alpha)), estimate.closed
    end
    local value, how = integral(p, q, function(x)
      local a = p:log_prob(x)
      return orrery.where(a:gt(-math.huge),
        (a * alpha + q:log_prob(x) * (1 - alpha)):exp(), 0)
    end)
    if value then return value:log() / (alpha - 1), how end
  end
  local value, how = estimate.mean("renyi", p, function(x)
    return ((p:log_prob(x) - q:log_prob(x)) * (alpha - 1)):exp()
  end, given)
  how.standard_error = how.standard_error / value:detach()
    / math.abs(alpha - 1)
  return value:log() / (alpha - 1), how
end

--- The alpha divergence (E_q (p/q)^alpha - 1) / (alpha (alpha - 1)) (Amari
--- 1985; Minka 2005): KL(p || q) for alpha = 1, KL(q || p) for 0, half of
--- chi-square for 2, four times the squared Hellinger distance for 1/2.
---@param p orrery.dist.Distribution
---@param q orrery.dist.Distribution
---@param alpha number  0 or more
---@param given? { samples?: integer, generator?: orrery.Generator }
---@return orrery.Tensor  [batch...]
---@return orrery.dist.How
function divergences.alpha(p, q, alpha, given)
  laws.check("alpha", p, q)
  options.number("alpha", "alpha", alpha, function(a) return a >= 0 end,
    "a number, 0 or more")
  if alpha == 0 then return kl(q, p, given) end
  if alpha == 1 then return kl(p, q, given) end
  local nats, how = divergences.renyi(p, q, alpha, given)
  local grown = nats * (alpha - 1)
  if how.standard_error then
    how.standard_error = how.standard_error * grown:detach():exp() / alpha
  end
  return grown:expm1() / (alpha * (alpha - 1)), how
end

--- Pearson's chi-square divergence, E_q (p/q)^2 - 1.
---@param p orrery.dist.Distribution
---@param q orrery.dist.Distribution
---@param given? { samples?: integer, generator?: orrery.Generator }
---@return orrery.Tensor  [batch...]
---@return orrery.dist.How
function divergences.chi2(p, q, given)
  local order2, how = divergences.renyi(p, q, 2, given)
  if how.standard_error then
    how.standard_error = how.standard_error * order2:detach():exp()
  end
  return order2:expm1(), how
end

-- ---- Cauchy-Schwarz

local log_tau = math.log(2 * math.pi)

-- A Gaussian in the difference of the means, with both covariances.
local function of_normals(p, q)
  local v = p.scale ^ 2 + q.scale ^ 2
  return ((p.loc - q.loc) ^ 2 / v + v:log() + log_tau) * -0.5
end

-- p and q hold loc, and scale_diag or a covariance.
local function of_gaussians(p, q)
  local Gaussian =
    require("orrery.dist.multivariate_normal").MultivariateNormal
  local sum = { loc = p.loc:new_zeros {} }
  if p.scale_diag and q.scale_diag then
    sum.scale_diag = (p.scale_diag ^ 2 + q.scale_diag ^ 2):sqrt()
  else
    sum.covariance = p.matrix + q.matrix
  end
  return Gaussian(sum):log_prob(p.loc - q.loc)
end

-- What of_normals or of_gaussians want of one law: its parameters with an axis
-- for each law's components, K by 1 for the first and 1 by K for the second.
local function paired(law, second)
  local c = law.components or law
  local normal = c.name == "Normal"
  local g = normal and c or laws.as_gaussian(c)
  if not g then return nil end
  local function placed(x, event)
    if not law.components then x = x:unsqueeze(-1 - event) end
    return x:unsqueeze((second and -2 or -1) - event)
  end
  local function full(x, ...) return x:expand(c.joined(c.batch_shape, ...)) end
  local d = c.event_shape
  return {
    loc = placed(full(g.loc, d), #d),
    scale = normal and placed(full(g.scale), 0),
    scale_diag = g.scale_diag and placed(full(g.scale_diag, d), 1),
    matrix = not normal and placed(full(g:covariance(), d, d), 2),
    log_weights = law.mixing and placed(law.mixing:log_weights(), 0),
  }
end

-- log sum_ij w_i v_j integral p_i q_j over the components of each.
local function of_components(p, q)
  local a, b = paired(p, false), paired(q, true)
  if not (a and b) or not a.scale ~= not b.scale then return nil end
  local terms = a.scale and of_normals(a, b) or of_gaussians(a, b)
  if a.log_weights then terms = terms + a.log_weights end
  if b.log_weights then terms = terms + b.log_weights end
  return terms:logsumexp { axis = { -2, -1 } }
end

-- log of the integral of p q.
local function overlap(p, q)
  local closed = of_components(p, q)
  if closed then return closed, estimate.closed end
  local value, how = integral(p, q, function(x)
    return (p:log_prob(x) + q:log_prob(x)):exp()
  end)
  if value then return value:log(), how end
end

--- Cauchy-Schwarz divergence, -log of the integral of p q over the root of
--- those of p^2 and q^2 (Jenssen et al. 2006): closed for Gaussians and
--- mixtures of them.
---@param p orrery.dist.Distribution
---@param q orrery.dist.Distribution
---@return orrery.Tensor nats  [batch...]
---@return orrery.dist.How
function divergences.cauchy_schwarz(p, q)
  laws.check("cauchy_schwarz", p, q)
  local pq, how = overlap(p, q)
  if not pq then
    blame("cauchy_schwarz: there is no closed form for %s and %s; give "
      .. "Gaussians, mixtures of them, or laws on the line", p.name, q.name)
  end
  return (overlap(p, p) + overlap(q, q)) * 0.5 - pq, how
end

return divergences
