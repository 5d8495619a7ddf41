--- Masked autoregressive flows: z_i = x_i exp(s_i) + t_i, with s and t of the
--- inputs before i (Papamakarios et al. 2017, with s for their -alpha and t
--- for their -mu exp(-alpha)), and their mirror images (Kingma et al. 2016).
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local MADE = require "orrery.flow.made"
local by_degree = require "orrery.flow.by_degree"
local options = require "orrery.options"
local solve = require "orrery.core".hidden.made_inverse

--- z_i = x_i exp(s_i) + t_i, where a masked net says s and t of the inputs
--- before i: the density is one pass (Papamakarios et al. 2017), and so in
--- arithmetic is the way back, where no gradient is asked for.
---@class orrery.flow.MAF: orrery.flow.Bijector
---@field net orrery.flow.MADE
---@field clamp number
local MAF = Bijector:subclass "MAF"

-- Activations that the core knows.
local in_core = { relu = true, tanh = true, sigmoid = true }

---@param features integer
---@param opts? table  clamp = 5 (s stays within +- clamp, where its gradient
---  is zero beyond; math.huge: anywhere), and what flow.MADE takes but
---  `outputs`
function MAF:init(features, opts)
  local o = {}
  for k, v in pairs(options.take("flow.MAF", opts, { clamp = 5 },
    { "hidden", "order", "context", "activation", "last_scale", "degrees",
      "dtype", "generator" })) do
    o[k] = v
  end
  self.clamp = options.number("flow.MAF", "clamp", o.clamp,
    function(c) return c > 0 end, "a number over 0")
  o.clamp = nil
  self.net = MADE(features, o)
end

--- Shift and log-scale, clamped.
---@return orrery.Tensor t  [B, D]
---@return orrery.Tensor s  [B, D]
function MAF:shift_and_scale(x, context)
  local t, s = self.net(x, context)
  if self.clamp < math.huge then
    s = s:clamp { min = -self.clamp, max = self.clamp }
  end
  return t, s
end

---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor z  [B, D]
---@return orrery.Tensor logdet  [B], nats
function MAF:forward(x, context)
  local t, s = self:shift_and_scale(x, context)
  return x * s:exp() + t, s:sum(2)
end

--- Inputs found one after another, the whole net once for each: D passes.
--- Differentiable; the reference for `inverse`, with which it agrees to
--- rounding.
---@param z orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  [B, D]
---@return orrery.Tensor logdet  [B], nats
function MAF:inverse_naive(z, context)
  self:want("z", z, self.net.features)
  local x, s = orrery.zeros_like(z), nil
  local place = self.net.order
  for d = 1, self.net.features do
    local t
    t, s = self:shift_and_scale(x, context)
    x = orrery.where(place:eq(d), (z - t) * (-s):exp(), x)
  end
  return x, -s:sum(2)
end

-- All layers' numbers, end to end, as the core reads them.
local function packed(net)
  local weights, biases = {}, {}
  local degrees = { table.unpack(net:places()) }
  for l, layer in ipairs(net.layers) do
    weights[l], biases[l] = layer.weight:flatten(), layer.bias
  end
  local sizes = {}
  for l, list in ipairs(net.degrees) do
    sizes[l] = #list
    table.move(list, 1, #list, #degrees + 1, degrees)
  end
  local int = { dtype = "int64" }
  return orrery.cat(weights, 1), orrery.cat(biases, 1),
    orrery.tensor(degrees, int), orrery.tensor(sizes, int)
end

-- Any activation, op after op: slower than the core's, the same arithmetic.
local function stepwise(self, z, context)
  local total = z:new_zeros { z:size(1) }
  local x = by_degree(self.net, z, context, function(numbers, i)
    local s = numbers:select(1, 2)
    if self.clamp < math.huge then
      s = s:clamp { min = -self.clamp, max = self.clamp }
    end
    total = total - s
    return (z:select(2, i) - numbers:select(1, 1)) * (-s):exp()
  end)
  return x, total
end

--- Every unit once, as soon as the inputs it sees are known: about one pass
--- in arithmetic. Where gradients are recorded, inverse_naive; sample under
--- orrery.no_grad, as flow.Model does.
---@param z orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  [B, D]
---@return orrery.Tensor logdet  [B], nats
function MAF:inverse(z, context)
  local net = self.net
  self:want("z", z, net.features)
  net:joined(z, context)
  if Bijector.recorded(self, z, context) then
    return self:inverse_naive(z, context)
  end
  if not in_core[net.activation] then return stepwise(self, z, context) end
  local weights, biases, degrees, sizes = packed(net)
  local x, s = solve(z, weights, biases, degrees, sizes, context,
    { activation = net.activation, clamp = self.clamp })
  return x, -s:sum(2)
end

function MAF:extra_repr() return ("clamp = %g"):format(self.clamp) end

--- The other way round: the net sees the noise, so that sampling is one pass,
--- with gradients, and the density of what was not sampled is the one found by
--- degrees. What learns from its own draws, as a posterior does, wants an IAF;
--- what learns from data a MAF, whose density has the gradients.
---@class orrery.flow.IAF: orrery.flow.Bijector
---@field maf orrery.flow.MAF
local IAF = Bijector:subclass "IAF"

---@param features integer
---@param opts? table  as flow.MAF takes
function IAF:init(features, opts) self.maf = MAF(features, opts) end

--- By degrees, about one pass; where gradients are recorded, one for each
--- input, as of flow.MAF the inverse.
---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor z  [B, D]
---@return orrery.Tensor logdet  [B], nats
function IAF:forward(x, context) return self.maf:inverse(x, context) end

--- One pass, differentiable.
---@param z orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  [B, D]
---@return orrery.Tensor logdet  [B], nats
function IAF:inverse(z, context) return self.maf:forward(z, context) end

return { MAF = MAF, IAF = IAF }
