--- Autoregressive densities beyond the affine: mixtures of Gaussians for each
--- input (Uria et al. 2013; MADE MoG of Papamakarios et al. 2017) and
--- rational-quadratic splines (Durkan et al. 2019).
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local MADE = require "orrery.flow.made"
local by_degree = require "orrery.flow.by_degree"
local nn = require "orrery.nn"
local options = require "orrery.options"
local spline = require "orrery.flow.spline"

-- Options of the net among those given.
local net_names = { "hidden", "order", "context", "activation", "last_scale",
  "degrees", "dtype", "generator" }

-- The net of a law that takes `count` numbers for each input.
local function net_of(o, features, count)
  local own = { outputs = count }
  for _, name in ipairs(net_names) do own[name] = o[name] end
  return MADE(features, own)
end

local function positive(v) return v > 0 end

--- p(x) = prod_i sum_k w_ik N(x_i; m_ik, exp(2 s_ik)), with w, m, s of a MADE:
--- a law with log_prob and sample, as flow.Model is, and a base for one.
---@class orrery.flow.MADEMoG: orrery.nn.Module
---@field net orrery.flow.MADE
---@field components integer
---@field clamp number
local MADEMoG = nn.Module:subclass "MADEMoG"

---@param features integer  D
---@param opts? table  components = 10; clamp = 5 (s stays within +- clamp);
---  spread = 0 (means begin normal with this standard deviation, from biases:
---  components that begin apart find modes sooner); and what flow.MADE takes
---  but `outputs`
function MADEMoG:init(features, opts)
  local who = "flow.MADEMoG"
  local o = options.take(who, opts, { components = 10, clamp = 5, spread = 0 },
    net_names)
  self.components = options.count(who, "components", o.components)
  self.clamp = options.number(who, "clamp", o.clamp, positive,
    "a number over 0")
  options.number(who, "spread", o.spread, function(v) return v >= 0 end,
    "a number of at least 0")
  self.net = net_of(o, features, 3 * self.components)
  self.features = self.net.features
  if o.spread > 0 then
    local bias = self.net.layers[#self.net.layers].bias
    local n = self.components * self.features
    orrery.no_grad(function()
      bias:narrow(1, n + 1, n):add_(orrery.randn({ n },
        { generator = o.generator }):to(bias.dtype) * o.spread)
    end)
  end
end

-- Log-weights, not normalised, means and log standard deviations out of all
-- numbers, along `axis`.
local function parts(self, numbers, axis)
  local w, m, s = numbers:chunk(3, axis)
  return w, m, s:clamp { min = -self.clamp, max = self.clamp }
end

--- What the net says of each input: log-weights (before normalising), means
--- and log standard deviations.
---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor logits  [B, components, D]
---@return orrery.Tensor mean  [B, components, D]
---@return orrery.Tensor log_sd  [B, components, D]
function MADEMoG:mixture(x, context)
  return parts(self, self.net:numbers(x, context), 2)
end

---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor nats  [B]
function MADEMoG:log_prob(x, context)
  local w, m, s = self:mixture(x, context)
  local e = (x:unsqueeze(2) - m) * (-s):exp()
  local each = (w - s - e ^ 2 * 0.5):logsumexp { axis = 2 }
    - w:logsumexp { axis = 2 }
  return each:sum(2) - 0.5 * math.log(2 * math.pi) * self.features
end

-- One input of every row: the component whose share of [0, 1) holds u.
local function drawn(self, numbers, u, e)
  local w, m, s = parts(self, numbers, 1)
  local below = w:softmax(1):cumsum(1):narrow(1, 1, self.components)
  local k = below:le(u:unsqueeze(1)):to "int64":sum(1)
    :clamp { min = 0, max = self.components - 1 }:unsqueeze(1) + 1
  return m:gather(1, k):squeeze(1) + s:gather(1, k):squeeze(1):exp() * e
end

-- The whole net once for each input.
local function naive(self, like, context, pick)
  local x, place = like:clone(), {}
  for i, d in ipairs(self.net:places()) do place[d] = i end
  for d = 1, self.features do
    local i = place[d]
    local own = self.net:numbers(x, context):select(3, i):transpose(1, 2)
    x:select(2, i):copy_(pick(own, i))
  end
  return x
end

--- Draws, input after input, by degrees: about one pass for all of them,
--- whatever the activation; no gradient is recorded.
---@param n integer
---@param opts? table  context [n, C]; naive = false (true: the whole net once
---  for each input; the same numbers to rounding); generator
---@return orrery.Tensor x  [n, D]
function MADEMoG:sample(n, opts)
  n = options.count("sample", "n", n, 0)
  local o = options.take("sample", opts, { naive = false },
    { "context", "generator" })
  options.flag("sample", "naive", o.naive)
  return orrery.no_grad(function()
    local like = { dtype = self.net.layers[1].weight.dtype,
      generator = o.generator }
    local u = orrery.rand({ n, self.features }, like)
    local e = orrery.randn({ n, self.features }, like)
    local x = orrery.zeros_like(e)
    self.net:joined(x, o.context)
    return (o.naive and naive or function(_, ...)
      return by_degree(self.net, ...)
    end)(self, x, o.context, function(numbers, i)
      return drawn(self, numbers, u:select(2, i), e:select(2, i))
    end)
  end)
end

function MADEMoG:extra_repr()
  return ("%d components, clamp = %g"):format(self.components, self.clamp)
end

--- z_i = f_i(x_i), f_i a monotone rational-quadratic spline, the identity
--- outside [-bound, bound], whose knots a MADE says from the inputs before i.
---@class orrery.flow.AutoregressiveSpline: orrery.flow.Bijector
---@field net orrery.flow.MADE
---@field bins integer
---@field bound number
local Spline = Bijector:subclass "AutoregressiveSpline"

---@param features integer  D
---@param opts? table  bins = 8; bound = 3; and what flow.MADE takes but
---  `outputs`
function Spline:init(features, opts)
  local who = "flow.AutoregressiveSpline"
  local o = options.take(who, opts, { bins = 8, bound = 3 }, net_names)
  self.bins = options.count(who, "bins", o.bins)
  self.bound = options.number(who, "bound", o.bound, positive,
    "a number over 0")
  self.net = net_of(o, features, spline.parameters(self.bins))
end

-- [B, D, numbers of a spline]
local function knots(self, x, context)
  return self.net:numbers(x, context):transpose(2, 3)
end

---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor z  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Spline:forward(x, context)
  local z, slope = spline.forward(x, knots(self, x, context), self.bins,
    self.bound)
  return z, slope:sum(2)
end

--- The whole net once for each input; differentiable.
---@param z orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Spline:inverse_naive(z, context)
  self:want("z", z, self.net.features)
  local x, slope = orrery.zeros_like(z), nil
  local place = orrery.tensor(self.net:places(), { dtype = "int64" })
  for d = 1, self.net.features do
    local y
    y, slope = spline.inverse(z, knots(self, x, context), self.bins,
      self.bound)
    x = orrery.where(place:eq(d), y, x)
  end
  return x, slope:sum(2)
end

--- By degrees, about one pass; where gradients are recorded, inverse_naive.
---@param z orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Spline:inverse(z, context)
  self:want("z", z, self.net.features)
  self.net:joined(z, context)
  if Bijector.recorded(self, z, context) then
    return self:inverse_naive(z, context)
  end
  local total = z:new_zeros { z:size(1) }
  local x = by_degree(self.net, z, context, function(numbers, i)
    local v, slope = spline.inverse(z:select(2, i), numbers:transpose(1, 2),
      self.bins, self.bound)
    total = total + slope
    return v
  end)
  return x, total
end

function Spline:extra_repr()
  return ("%d bins in +- %g"):format(self.bins, self.bound)
end

return { MADEMoG = MADEMoG, AutoregressiveSpline = Spline }
