--- Densities of pictures: whole grey levels made real numbers and back, nats
--- and bits, and the logit that takes the bounds off.
---
--- A density p of y in [0, 1) gives a picture of L grey levels k the
--- probability of its cube, P(k) = integral of p((k + u) / L) du / L^D over u
--- in [0, 1)^D, and so, by Jensen, for any law q of u (Theis et al. 2016, Ho et
--- al. 2019):
---     log P(k) >= E_q [ log p((k + u) / L) - log q(u | k) ] - D log L
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local blame = require "orrery.blame"
local nn = require "orrery.nn"
local options = require "orrery.options"
local program = require("orrery.core").program

local likelihood = {}

-- Whole levels 0 .. levels - 1 of greys in [0, 1], or of bytes. What lies
-- outside would be NaN after the logit; a recorded step looks at no numbers.
local function whole(who, x, levels)
  options.tensor(who, "x", x)
  local bytes = x.dtype == "uint8"
  if not bytes then options.tensor(who, "x", x, "float") end
  local k = bytes and x:float() or (x * (levels - 1)):round()
  if x:numel() == 0 or program.recording() then return k end
  local low, high = k:min():item(), k:max():item()
  if low < 0 or high > levels - 1 then
    local unit = bytes and 1 or levels - 1
    blame("%s: x goes from %g to %g; give greys from 0 to 1, or bytes below "
      .. "%d", who, low / unit, high / unit, levels)
  end
  return k
end

local function levels_of(who, opts, more)
  local o = options.take(who, opts, { levels = 256 }, more)
  options.count(who, "levels", o.levels, 2)
  return o
end

--- Greys with noise: (k + u) / levels for the level k of each, u uniform.
---@param x orrery.Tensor  greys k / (levels - 1) in [0, 1], or bytes, any shape
---@param opts? table  levels = 256; generator
---@return orrery.Tensor y  in [0, 1), of x's shape
function likelihood.dequantise(x, opts)
  local o = levels_of("flow.dequantise", opts, { "generator" })
  local k = whole("flow.dequantise", x, o.levels)
  local u = orrery.rand({ k:shape() }, { dtype = k.dtype,
    generator = o.generator })
  return (k + u) / o.levels
end

--- Back to greys: the level y lies in, over levels - 1.
---@param y orrery.Tensor  any shape; below 0 and above 1 are the ends
---@param opts? table  levels = 256
---@return orrery.Tensor x  in [0, 1]
function likelihood.quantise(y, opts)
  local o = levels_of("flow.quantise", opts)
  options.tensor("flow.quantise", "y", y, "float")
  return (y * o.levels):floor():clamp { min = 0, max = o.levels - 1 }
    / (o.levels - 1)
end

-- What stands where: nats, dims and opts of bits_per_dim and its inverse.
local function sizes(who, value, dims, opts)
  local o = options.take(who, opts, { levels = 1 })
  options.count(who, "dims", dims)
  options.count(who, "levels", o.levels)
  if type(value) ~= "number" then options.tensor(who, "x", value, "float") end
  return dims * math.log(2), math.log(o.levels) / math.log(2)
end

--- Bits a number costs, from log-likelihoods in nats.
---@param nats number|orrery.Tensor  log P of whole levels; or, with `levels`,
---  log p of y in [0, 1)^dims
---@param dims integer  numbers in a picture
---@param opts? table  levels = 1: 256 adds the 8 bits a density leaves out
---@return number|orrery.Tensor bits  -nats / (dims log 2) + log2 levels
function likelihood.bits_per_dim(nats, dims, opts)
  local scale, more = sizes("flow.bits_per_dim", nats, dims, opts)
  return nats / -scale + more
end

--- Log-likelihood in nats from bits per number: bits_per_dim undone.
---@param bits number|orrery.Tensor
---@param dims integer
---@param opts? table  levels = 1
---@return number|orrery.Tensor nats
function likelihood.nats(bits, dims, opts)
  local scale, more = sizes("flow.nats", bits, dims, opts)
  return (bits - more) * -scale
end

--- z = logit(alpha + (1 - 2 alpha) x): numbers of [0, 1] to the whole line,
--- alpha from its ends (Dinh et al. 2017; Papamakarios et al. 2017).
---@class orrery.flow.Logit: orrery.flow.Bijector
---@field alpha number
local Logit = Bijector:subclass "Logit"

---@param alpha? number  1e-6; 0 sends 0 and 1 to infinity
function Logit:init(alpha)
  self.alpha = options.number("flow.Logit", "alpha", alpha or 1e-6,
    function(a) return a >= 0 and a < 0.5 end, "a number from 0 to below 1/2")
end

-- log |dz/dx| = log(1 - 2 alpha) - log s(z) - log s(-z), s the sigmoid.
local function slope(self, z)
  return Bijector.rowsum(z:softplus() + (-z):softplus()
    + math.log(1 - 2 * self.alpha))
end

---@param x orrery.Tensor  [B, ...], in [0, 1]
---@return orrery.Tensor z  [B, ...]
---@return orrery.Tensor logdet  [B], nats
function Logit:forward(x)
  options.tensor("flow.Logit", "x", x, "float")
  local z = (x * (1 - 2 * self.alpha) + self.alpha):logit()
  return z, slope(self, z)
end

---@param z orrery.Tensor  [B, ...]
---@return orrery.Tensor x  [B, ...]; a little outside [0, 1] for the largest z
---@return orrery.Tensor logdet  [B], nats
function Logit:inverse(z)
  options.tensor("flow.Logit", "z", z, "float")
  return (z:sigmoid() - self.alpha) / (1 - 2 * self.alpha), -slope(self, z)
end

function Logit:extra_repr() return ("alpha = %g"):format(self.alpha) end

--- The law of the noise u in [0, 1)^D that makes a picture of whole levels
--- real: uniform, or learnt, u = sigmoid(v) with v from a conditional flow
--- that sees the picture (Ho et al. 2019).
---@class orrery.flow.Dequantiser: orrery.nn.Module
---@field bijector? orrery.flow.Bijector
---@field levels integer
local Dequantiser = nn.Module:subclass "Dequantiser"

---@param opts? table  levels = 256; bijector (uniform without): takes the
---  greys, less 1/2, as context; one whose inverse is one pass with gradients,
---  such as flow.IAF or flow.Coupling
function Dequantiser:init(opts)
  local o = levels_of("flow.Dequantiser", opts, { "bijector" })
  if o.bijector ~= nil and not Bijector.is(o.bijector) then
    blame("flow.Dequantiser: bijector is %s; give one, such as flow.IAF(784, "
      .. "{ context = 784 })", options.shown(o.bijector))
  end
  self.levels, self.bijector = o.levels, o.bijector
end

--- The picture with noise drawn, and the noise's density.
---@param x orrery.Tensor  [B, ...], greys k / (levels - 1), or bytes
---@param generator? orrery.Generator
---@return orrery.Tensor y  [B, ...], in [0, 1)
---@return orrery.Tensor log_q  [B], nats: log q(u | x)
function Dequantiser:forward(x, generator)
  if not self.bijector then
    local y = likelihood.dequantise(x, { levels = self.levels,
      generator = generator })
    return y, y:new_zeros { y:size(1) }
  end
  local k = whole("flow.Dequantiser", x, self.levels)
  local e = orrery.randn({ k:shape() }, { dtype = k.dtype,
    generator = generator })
  local v, logdet = self.bijector:inverse(e, k / (self.levels - 1) - 0.5)
  local log_q = Bijector.rowsum(e ^ 2 * -0.5 - 0.5 * math.log(2 * math.pi)
    + v:softplus() + (-v):softplus()) - logdet
  return (k + v:sigmoid()) / self.levels, log_q
end

function Dequantiser:extra_repr() return ("%d levels"):format(self.levels) end

return { dequantise = likelihood.dequantise, quantise = likelihood.quantise,
  bits_per_dim = likelihood.bits_per_dim, nats = likelihood.nats,
  Logit = Logit, Dequantiser = Dequantiser }
