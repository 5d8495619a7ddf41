--- MultivariateNormal(loc, { covariance, precision, scale_tril or scale_diag })
--- and LowRankMultivariateNormal(loc, cov_factor, cov_diag).
---
--- Each holds a square root L of its covariance, L L^T, in a form of its own:
--- a triangle, a diagonal, or a few columns beside a diagonal.
local orrery = require "orrery"
local blame = require "orrery.blame"
local Distribution = require "orrery.dist.distribution"
local parameters = require "orrery.dist.parameters"

local log_tau = math.log(2 * math.pi)

-- ---- the forms: batch of events [..., D]

-- L given as a lower triangle [..., D, D].
local triangle = {}

function triangle.apply(law, e)
  return law.scale_tril:matmul(e:unsqueeze(-1)):squeeze(-1)
end
-- |L^-1 x|^2
function triangle.square(law, x)
  local shape = orrery.broadcast_shapes(
    { x:unsqueeze(-1):narrow(-2, 1, 1):shape() },
    { law.scale_tril:narrow(-2, 1, 1):narrow(-1, 1, 1):shape() })
  shape[#shape], shape[#shape - 1] = 1, x:size(-1)
  local full = { table.unpack(shape) }
  full[#full] = x:size(-1)
  return (law.scale_tril:expand(full):solve_triangular(
    x:unsqueeze(-1):expand(shape), { upper = false }) ^ 2):sum { axis = { -2,
      -1 } }
end
function triangle.half_logdet(law)
  return law.scale_tril:diagonal(0, -2, -1):log():sum(-1)
end
function triangle.covariance(law)
  return law.scale_tril:matmul(law.scale_tril:transpose(-2, -1))
end
function triangle.var(law) return (law.scale_tril ^ 2):sum(-1) end

-- L a diagonal [..., D].
local diagonal = {}

function diagonal.apply(law, e) return law.scale_diag * e end
function diagonal.square(law, x) return ((x / law.scale_diag) ^ 2):sum(-1) end
function diagonal.half_logdet(law) return law.scale_diag:log():sum(-1) end
function diagonal.covariance(law) return (law.scale_diag ^ 2):diag_embed() end
function diagonal.var(law) return law.scale_diag ^ 2 end

-- W W^T + diag d, W [..., D, K], by the K by K capacitance I + W^T d^-1 W
-- (Woodbury's formula).
local low_rank = {}

local function capacitance(law)
  local w = law.cov_factor
  local scaled = w / law.cov_diag:unsqueeze(-1)
  local eye = orrery.eye(w:size(-1)):to(w.dtype)
  return (eye + w:transpose(-2, -1):matmul(scaled)):cholesky(), scaled
end

-- e holds D numbers for the diagonal, then K for the columns.
function low_rank.apply(law, e)
  local d, k = law.cov_factor:size(-2), law.cov_factor:size(-1)
  return law.cov_diag:sqrt() * e:narrow(-1, 1, d)
    + law.cov_factor:matmul(e:narrow(-1, d + 1, k):unsqueeze(-1)):squeeze(-1)
end
function low_rank.square(law, x)
  local tril, scaled = capacitance(law)
  local part = scaled:transpose(-2, -1):matmul(x:unsqueeze(-1)):squeeze(-1)
  return (x ^ 2 / law.cov_diag):sum(-1)
    - triangle.square({ scale_tril = tril }, part)
end
function low_rank.half_logdet(law)
  return law.cov_diag:log():sum(-1) * 0.5
    + triangle.half_logdet { scale_tril = capacitance(law) }
end
function low_rank.covariance(law)
  return law.cov_factor:matmul(law.cov_factor:transpose(-2, -1))
    + law.cov_diag:diag_embed()
end
function low_rank.var(law)
  return (law.cov_factor ^ 2):sum(-1) + law.cov_diag
end

-- ---- the laws

---@class orrery.dist.MultivariateNormal: orrery.dist.Distribution
---@field loc orrery.Tensor  [batch..., D]
---@field scale_tril? orrery.Tensor  [batch..., D, D]
---@field scale_diag? orrery.Tensor  [batch..., D], standard deviations
local MultivariateNormal = Distribution:subclass("MultivariateNormal",
  { has_rsample = true, event_dims = 1 })

local forms = { "covariance", "precision", "scale_tril", "scale_diag" }

local function square_matrix(who, name, x)
  if x:dim() < 2 or x:size(-1) ~= x:size(-2) then
    blame("%s: %s is %s; give square matrices [..., D, D]", who, name,
      x:shape_str())
  end
end

-- The lower triangle of a covariance or precision. With U the triangle of the
-- precision turned by 180 degrees, U turned back is upper: its inverse's
-- transpose is the covariance's own triangle.
local function triangle_of(form, x)
  if form == "scale_tril" then return x:tril() end
  if form == "covariance" then return x:cholesky() end
  local turned = x:flip({ -2, -1 }):cholesky():flip({ -2, -1 })
  return turned:inverse():transpose(-2, -1):tril()
end

function MultivariateNormal:init(...)
  local who = self.name
  local given = parameters.named(who, { "loc", table.unpack(forms) }, ...)
  local form = parameters.one_of(who, given, forms)
  local taken, dtype = parameters.tensors(who, { loc = given.loc or 0,
    [form] = given[form] }, { form, "loc" })
  local root, loc = taken[form], taken.loc
  self.parameter_names = { "loc", form == "scale_diag" and form
    or "scale_tril" }
  if form == "scale_diag" then
    parameters.positive(who, form, root)
    self.form, self.scale_diag = diagonal, root
  else
    square_matrix(who, form, root)
    self.form, self.scale_tril = triangle, triangle_of(form, root)
  end
  self:settle(loc, root, form, form == "scale_diag" and 1 or 2, dtype)
end

-- Shapes from a mean and a matrix whose last `last` axes are the event's.
function MultivariateNormal:settle(loc, matrix, form, last, dtype)
  local shape = { matrix:shape() }
  for _ = 2, last do shape[#shape] = nil end
  local ok, full = pcall(orrery.broadcast_shapes, { loc:shape() }, shape)
  if not ok or #full < 1 then
    blame("%s: loc is %s, %s is %s: their sizes differ; match them", self.name,
      loc:shape_str(), form, matrix:shape_str())
  end
  self.loc, self.dtype = loc, dtype
  self.event_shape = { full[#full] }
  self.batch_shape = table.move(full, 1, #full - 1, 1, {})
end

function MultivariateNormal:draw(shape, generator)
  local more = self.cov_factor and self.cov_factor:size(-1) or 0
  local e = orrery.randn(self.joined(shape, self.batch_shape,
    { self.event_shape[1] + more }), { dtype = self.dtype,
    generator = generator })
  return self.loc + self.form.apply(self, e)
end

function MultivariateNormal:log_prob(x)
  local d = self.event_shape[1]
  return (self.form.square(self, x - self.loc) + d * log_tau) * -0.5
    - self.form.half_logdet(self)
end

function MultivariateNormal:entropy()
  local d = self.event_shape[1]
  return self:spread(self.form.half_logdet(self) + 0.5 * d * (1 + log_tau))
end

--- L L^T.
---@return orrery.Tensor  [batch..., D, D]
function MultivariateNormal:covariance() return self.form.covariance(self) end

function MultivariateNormal:mean()
  return self:spread(self.loc, self.event_shape)
end
function MultivariateNormal:var()
  return self:spread(self.form.var(self), self.event_shape)
end

function MultivariateNormal:expand(...)
  local shape = type((...)) == "table" and ... or { ... }
  local given, event = {}, self.event_shape
  for _, name in ipairs(self.parameter_names) do
    local own = name == "scale_tril" and { event[1], event[1] }
      or name == "cov_factor" and { event[1], self.cov_factor:size(-1) }
      or event
    given[name] = self[name]:expand(self.joined(shape, own))
  end
  return getmetatable(self)(given)
end

---@class orrery.dist.LowRankMultivariateNormal: orrery.dist.MultivariateNormal
---@field cov_factor orrery.Tensor  W [batch..., D, K]
---@field cov_diag orrery.Tensor  d [batch..., D]; covariance W W^T + diag d
local LowRank = MultivariateNormal:subclass("LowRankMultivariateNormal",
  { has_rsample = true, event_dims = 1 })

function LowRank:init(...)
  local names = { "loc", "cov_factor", "cov_diag" }
  local given = parameters.named(self.name, names, ...)
  parameters.one_of(self.name, given, { "cov_factor" })
  parameters.one_of(self.name, given, { "cov_diag" })
  given.loc = given.loc or 0
  local taken, dtype = parameters.tensors(self.name, given, names)
  local w, d = taken.cov_factor, taken.cov_diag
  if w:dim() < 2 or d:dim() < 1 or w:size(-2) ~= d:size(-1) then
    blame("%s: cov_factor is %s, cov_diag %s; give [..., D, K] and [..., D]",
      self.name, w:shape_str(), d:shape_str())
  end
  parameters.positive(self.name, "cov_diag", d)
  self.form, self.cov_factor, self.cov_diag = low_rank, w, d
  self.parameter_names = names
  self:settle(taken.loc, w, "cov_factor", 2, dtype)
end

return { MultivariateNormal = MultivariateNormal,
  LowRankMultivariateNormal = LowRank }
