--- KL(p || q) = E_p log p / q, in nats: closed forms by the kinds of p and q,
--- and an average over draws where there is none.
local orrery = require "orrery"
local blame = require "orrery.blame"
local estimate = require "orrery.dist.estimate"
local laws = require "orrery.dist.laws"
local options = require "orrery.options"

local forms = {}

local kl = {}

--- Makes `form(p, q)` the divergence of laws of these kinds.
---@param p table  a class, or its name
---@param q table  a class, or its name
---@param form fun(p, q): orrery.Tensor  nats [batch...]
function kl.register_kl(p, q, form)
  for name, kind in pairs { p = p or false, q = q or false } do
    if type(kind) ~= "string"
      and (type(kind) ~= "table" or type(kind.name) ~= "string") then
      blame("register_kl: %s is %s; give a class of distributions, or its "
        .. "name", name, options.shown(kind or nil))
    end
  end
  p, q = type(p) == "table" and p.name or p, type(q) == "table" and q.name or q
  options.callable("register_kl", "form", form)
  forms[p] = forms[p] or {}
  forms[p][q] = form
end

--- The pairs of kinds whose divergence has a closed form.
---@return string[][] pairs  { "Normal", "Normal" }, ..., in alphabetic order
function kl.kl_pairs()
  local list = {}
  for p, row in pairs(forms) do
    for q in pairs(row) do list[#list + 1] = { p, q } end
  end
  table.sort(list, function(a, b)
    return a[1] < b[1] or a[1] == b[1] and a[2] < b[2]
  end)
  return list
end

local function estimated(p, q, given)
  return estimate.mean("kl", p, function(x)
    return p:log_prob(x) - q:log_prob(x)
  end, given)
end

--- KL(p || q) in nats. The second result says how it was found: a closed form
--- (how.exact), or a mean over `samples` draws of p with its standard error.
---@param p orrery.dist.Distribution
---@param q orrery.dist.Distribution
---@param given? { samples?: integer, generator?: orrery.Generator }  samples:
---  1000; given, draws are used although there is a closed form
---@return orrery.Tensor nats  [batch...]
---@return orrery.dist.How
function kl.kl(p, q, given)
  laws.check("kl", p, q)
  local form = forms[p.name] and forms[p.name][q.name]
  if form and not (given and given.samples) then
    local nats = form(p, q)
    if nats then return nats, estimate.closed end
  end
  return estimated(p, q, given)
end

-- ---- location and scale

-- With a small ratio of scales log r^2 and r^2 - 1 are both exact.
kl.register_kl("Normal", "Normal", function(p, q)
  local ratio = (p.scale / q.scale) ^ 2
  return (ratio + ((p.loc - q.loc) / q.scale) ^ 2 - 1 - ratio:log()) * 0.5
end)

kl.register_kl("Laplace", "Laplace", function(p, q)
  local r, gap = p.scale / q.scale, (p.loc - q.loc):abs()
  return -r:log() + gap / q.scale + r * (-gap / p.scale):exp() - 1
end)

-- E |x - m| of a normal x is s sqrt(2 / pi) e^(-g^2 / 2) + s g erf(g / sqrt 2)
-- at a gap of g standard deviations (the folded normal law).
kl.register_kl("Normal", "Laplace", function(p, q)
  local g = (p.loc - q.loc) / p.scale
  local far = ((g ^ 2 * -0.5):exp() * math.sqrt(2 / math.pi)
    + g * (g * math.sqrt(0.5)):erf()) * p.scale
  return far / q.scale + (q.scale / p.scale):log() + math.log(2)
    - 0.5 * math.log(2 * math.pi) - 0.5
end)

kl.register_kl("Gumbel", "Gumbel", function(p, q)
  local r, gap = p.scale / q.scale, (p.loc - q.loc) / q.scale
  local euler = 0.57721566490153286
  return -r:log() + euler * (r - 1) + gap
    + (-gap + (r + 1):lgamma()):exp() - 1
end)

-- McCulloch (see Chyzak & Nielsen 2019): of any two Cauchy laws.
kl.register_kl("Cauchy", "Cauchy", function(p, q)
  return (((p.scale + q.scale) ^ 2 + (p.loc - q.loc) ^ 2)
    / (p.scale * q.scale * 4)):log()
end)

kl.register_kl("Laplace", "Normal", function(p, q)
  return ((p.scale ^ 2 * 2 + (p.loc - q.loc) ^ 2) / q.scale ^ 2) * 0.5
    + q.scale:log() + 0.5 * math.log(2 * math.pi) - 1
    - math.log(2) - p.scale:log()
end)

kl.register_kl("Uniform", "Uniform", function(p, q)
  local inside = q.low:le(p.low):logical_and(q.high:ge(p.high))
  return orrery.where(inside, ((q.high - q.low) / (p.high - p.low)):log(),
    math.huge)
end)

kl.register_kl("Uniform", "Normal", function(p, q)
  local second = ((p.low + p.high) / 2 - q.loc) ^ 2
    + (p.high - p.low) ^ 2 / 12
  return second / q.scale ^ 2 * 0.5 + q.scale:log()
    + 0.5 * math.log(2 * math.pi) - (p.high - p.low):log()
end)

-- ---- classes

-- 0 log 0 counts as 0, and p log p / 0 as infinite.
local function of_weights(p, log_p, log_q)
  return orrery.where(p:gt(0), p * (log_p - log_q), 0)
end

kl.register_kl("Bernoulli", "Bernoulli", function(p, q)
  local a = p:mean()
  if p.logits and q.logits then
    return a * (p.logits - q.logits) + q.logits:softplus()
      - p.logits:softplus()
  end
  local b = q:mean()
  return of_weights(a, a:log(), b:log())
    + of_weights(1 - a, (-a):log1p(), (-b):log1p())
end)

local function classes(p, q)
  if p.classes ~= q.classes then
    blame("kl: p has %d classes, q has %d; match them", p.classes, q.classes)
  end
  return of_weights(p:weights(), p:log_weights(), q:log_weights()):sum(-1)
end
kl.register_kl("Categorical", "Categorical", classes)
kl.register_kl("OneHotCategorical", "OneHotCategorical", classes)

kl.register_kl("Poisson", "Poisson", function(p, q)
  return p.rate:xlogy(p.rate) - p.rate:xlogy(q.rate) - (p.rate - q.rate)
end)

kl.register_kl("Binomial", "Binomial", function(p, q)
  if p.total_count:ne(q.total_count):any():item() ~= 0 then return nil end
  local a, b = p:chance(), q:chance()
  return p.total_count * (of_weights(a, a:log(), b:log())
    + of_weights(1 - a, (-a):log1p(), (-b):log1p()))
end)

-- ---- gamma and its kin

local function gamma(a, r, b, s)  -- concentrations a, b; rates r, s
  return (a - b) * a:digamma() - a:lgamma() + b:lgamma()
    + b * (r / s):log() + a * (s / r - 1)
end
kl.register_kl("Gamma", "Gamma", function(p, q)
  return gamma(p.concentration, p.rate, q.concentration, q.rate)
end)
kl.register_kl("Exponential", "Exponential", function(p, q)
  return (p.rate / q.rate):log() + q.rate / p.rate - 1
end)

kl.register_kl("Beta", "Beta", function(p, q)
  local a, b = p.concentration1, p.concentration0
  local c, d = q.concentration1, q.concentration0
  return (a + b):lgamma() - a:lgamma() - b:lgamma() - (c + d):lgamma()
    + c:lgamma() + d:lgamma() + (a - c) * a:digamma() + (b - d) * b:digamma()
    + (c + d - a - b) * (a + b):digamma()
end)

kl.register_kl("Dirichlet", "Dirichlet", function(p, q)
  local a, b = p.concentration, q.concentration
  local total = a:sum { axis = -1, keepdim = true }
  return total:squeeze(-1):lgamma() - b:sum(-1):lgamma()
    + (b:lgamma() - a:lgamma() + (a - b) * (a:digamma() - total:digamma()))
      :sum(-1)
end)

kl.register_kl("VonMises", "VonMises", function(p, q)
  local k, l = p.concentration, q.concentration
  local norm = (l:i0e() / k:i0e()):log() + l - k
  return norm + p:resultant() * (k - l * (p.loc - q.loc):cos())
end)

-- ---- many dimensions

-- A matrix A with A A^T the covariance.
local function root(p)
  if p.scale_tril then return p.scale_tril end
  if p.scale_diag then return p.scale_diag:diag_embed() end
  return orrery.cat({ p.cov_factor, p.cov_diag:sqrt():diag_embed() }, -1)
end

local function lower(q)
  return q.scale_tril or q:covariance():cholesky()
end

-- |L^-1 A|^2, the trace of Sigma_q^-1 Sigma_p.
local function relative_spread(p, q)
  if p.scale_diag and q.scale_diag then
    return ((p.scale_diag / q.scale_diag) ^ 2):sum(-1)
  end
  local l, a = lower(q), root(p)
  local batch = orrery.broadcast_shapes(
    { l:narrow(-2, 1, 1):narrow(-1, 1, 1):shape() },
    { a:narrow(-2, 1, 1):narrow(-1, 1, 1):shape() })
  local function full(x)
    local shape = { table.unpack(batch) }
    shape[#shape - 1], shape[#shape] = x:size(-2), x:size(-1)
    return x:expand(shape)
  end
  return (full(l):solve_triangular(full(a), { upper = false }) ^ 2)
    :sum { axis = { -2, -1 } }
end

local function gaussians(p, q)
  return (relative_spread(p, q) + q.form.square(q, p.loc - q.loc)
    - p.event_shape[1]) * 0.5 + q.form.half_logdet(q) - p.form.half_logdet(p)
end
for _, a in ipairs { "MultivariateNormal", "LowRankMultivariateNormal" } do
  for _, b in ipairs { "MultivariateNormal", "LowRankMultivariateNormal" } do
    kl.register_kl(a, b, gaussians)
  end
end

kl.register_kl("Independent", "Independent", function(p, q)
  local form = forms[p.base.name] and forms[p.base.name][q.base.name]
  if not form or p.axes ~= q.axes then return nil end
  local each = form(p.base, q.base)
  return each and p:summed(each:expand(orrery.broadcast_shapes(
    p.base.batch_shape, q.base.batch_shape)))
end)
for _, name in ipairs { "MultivariateNormal", "LowRankMultivariateNormal" } do
  kl.register_kl("Independent", name, function(p, q)
    local g = laws.as_gaussian(p)
    return g and gaussians(g, q)
  end)
  kl.register_kl(name, "Independent", function(p, q)
    local g = laws.as_gaussian(q)
    return g and gaussians(p, g)
  end)
end

-- Under one transform the divergence is that of the laws before it.
local function before(p, q)
  if p.transform ~= q.transform then return nil end
  local form = forms[p.base.name] and forms[p.base.name][q.base.name]
  return form and form(p.base, q.base)
end
kl.register_kl("Transformed", "Transformed", before)
kl.register_kl("LogNormal", "LogNormal", function(p, q)
  return forms.Normal.Normal(p.base, q.base)
end)

return kl
