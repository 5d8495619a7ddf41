--- A law given by a base law and a bijector, and the usual MAF.
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local blame = require "orrery.blame"
local chain = require "orrery.flow.chain"
local MAF = require("orrery.flow.autoregressive").MAF
local mixture = require "orrery.flow.mixture"
local nn = require "orrery.nn"
local options = require "orrery.options"

--- log p(x) = log p_base(z) + log |det dz/dx|, z = bijector(x).
---@class orrery.flow.Model: orrery.nn.Module
---@field base orrery.dist.Distribution|orrery.nn.Module
---@field bijector orrery.flow.Bijector
---@field shape integer[]  of one example
local Model = nn.Module:subclass "FlowModel"

---@param opts table  bijector; shape (of one example, { 784 }); base (a
---  distribution, whose batch and event axes must fit the shape, or a module
---  with log_prob and sample such as flow.MADEMoG or another flow.Model, which
---  is trained with the rest and given the context too; standard normal when
---  absent)
function Model:init(opts)
  local who = "flow.Model"
  local o = options.take(who, opts, {}, { "bijector", "shape", "base" })
  if not Bijector.is(o.bijector) then
    blame("%s: bijector is %s; give one, such as flow.MAF(2)", who,
      options.shown(o.bijector))
  end
  if type(o.shape) ~= "table" then
    blame("%s: shape is %s; give that of one example, { 784 }", who,
      options.shown(o.shape))
  end
  self.bijector, self.shape = o.bijector, {}
  for i, n in ipairs(o.shape) do
    self.shape[i] = options.count(who, "shape " .. i, n)
  end
  self.base = o.base or orrery.dist.Normal(0, 1)
  if type(self.base) ~= "table" or not self.base.log_prob then
    blame("%s: base is %s; give a distribution", who,
      options.shown(self.base))
  end
end

--- Noise and log-determinant.
function Model:forward(x, context) return self.bijector(x, context) end

-- Raises unless x is a batch of examples.
local function want_batch(self, x)
  local fits = options.is_tensor(x) and x:dim() == #self.shape + 1
  for i, n in ipairs(self.shape) do fits = fits and x:size(i + 1) == n end
  if fits then return end
  self:fail("x is %s but [%s] is wanted; change the model's shape or its input",
    options.is_tensor(x) and x:shape_str() or options.shown(x),
    table.concat({ "B", table.unpack(self.shape) }, ", "))
end

--- Nats of each example.
---@param x orrery.Tensor  [B, shape...]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor nats  [B]
function Model:log_prob(x, context)
  want_batch(self, x)
  local z, logdet = self.bijector(x, context)
  local base = self.base
  local nats = base.batch_shape and base:log_prob(z)
    or base:log_prob(z, context)
  return Bijector.rowsum(nats) + logdet
end

-- The base drawn once per number, less its own axes.
local function noise(self, n, o)
  if not self.base.batch_shape then return (self.base:sample(n, o)) end
  local generator = o.generator
  local own = #self.base.batch_shape + #self.base.event_shape
  local size = { n }
  for i = 1, #self.shape - own do size[i + 1] = self.shape[i] end
  local z = self.base:sample(size, { generator = generator })
  local like = self:parameters()[1]
  return like and z:to(like.dtype) or z
end

--- Draws from the model; no gradient is recorded.
---@param n integer
---@param opts? table  context [n, C]; naive = false (true: whole passes for
---  each input, to compare); generator
---@return orrery.Tensor x  [n, shape...]
function Model:sample(n, opts)
  n = options.count("sample", "n", n, 0)
  local o = options.take("sample", opts, { naive = false },
    { "context", "generator" })
  options.flag("sample", "naive", o.naive)
  return orrery.no_grad(function()
    local z, b = noise(self, n, o), self.bijector
    local way = o.naive and b.inverse_naive or b.inverse
    return (way(b, z, o.context))
  end)
end

local kinds = { affine = MAF, spline = mixture.AutoregressiveSpline }
local own = { affine = { "clamp" }, spline = { "bins", "bound" } }

--- A stack of autoregressive layers, the order changed in between.
---@param features integer
---@param opts? table  layers = 5; kind = "affine" (flow.MAF) or "spline"
---  (flow.AutoregressiveSpline); between = "reverse", "random" (each a fixed
---  permutation of its own) or "none"; clamp (affine) or bins and bound
---  (spline); hidden, context, activation, last_scale, dtype and generator as
---  flow.MADE takes
---@return orrery.flow.Chain
local function maf(features, opts)
  local who = "flow.maf"
  local kind = type(opts) == "table" and opts.kind or "affine"
  if not kinds[kind] then
    blame("%s: kind is %s; give affine or spline", who, options.shown(kind))
  end
  local names = { "hidden", "context", "activation", "last_scale", "dtype",
    "generator", table.unpack(own[kind]) }
  local o = options.take(who, opts, { layers = 5, kind = kind,
    between = "reverse" }, names)
  if o.between ~= "reverse" and o.between ~= "random"
      and o.between ~= "none" then
    blame("%s: between is %s; give reverse, random or none", who,
      options.shown(o.between))
  end
  local each, list = {}, {}
  for _, name in ipairs(names) do each[name] = o[name] end
  for l = 1, options.count(who, "layers", o.layers) do
    if l > 1 and o.between ~= "none" then
      list[#list + 1] = chain.Permute(features, o.between, o.generator)
    end
    list[#list + 1] = kinds[kind](features, each)
  end
  return chain.Chain(list)
end

return { Model = Model, maf = maf }
