--- A law given by a base law and a bijector, and the usual MAF.
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local blame = require "orrery.blame"
local chain = require "orrery.flow.chain"
local MAF = require("orrery.flow.autoregressive").MAF
local nn = require "orrery.nn"
local options = require "orrery.options"

--- log p(x) = log p_base(z) + log |det dz/dx|, z = bijector(x).
---@class orrery.flow.Model: orrery.nn.Module
---@field base orrery.dist.Distribution
---@field bijector orrery.flow.Bijector
---@field shape integer[]  of one example
local Model = nn.Module:subclass "FlowModel"

---@param opts table  bijector; shape (of one example, { 784 }); base (its
---  batch and event axes must fit the shape; standard normal when absent)
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

--- Nats of each example.
---@param x orrery.Tensor  [B, shape...]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor nats  [B]
function Model:log_prob(x, context)
  local z, logdet = self.bijector(x, context)
  return Bijector.rowsum(self.base:log_prob(z)) + logdet
end

-- The base drawn once per number, less its own axes.
local function noise(self, n, generator)
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
  return orrery.no_grad(function()
    local z = noise(self, n, o.generator)
    if not o.naive then return (self.bijector:inverse(z, o.context)) end
    local list = self.bijector.list or { self.bijector }
    for i = #list, 1, -1 do
      local b = list[i]
      z = (b.inverse_naive or b.inverse)(b, z, o.context)
    end
    return z
  end)
end

--- A stack of MAFs, the order reversed in between.
---@param features integer
---@param opts? table  layers = 5, and what flow.MAF takes
---@return orrery.flow.Chain
local function maf(features, opts)
  local o = options.take("flow.maf", opts, { layers = 5 }, { "clamp", "hidden",
    "context", "activation", "last_scale", "dtype", "generator" })
  local layers = options.count("flow.maf", "layers", o.layers)
  o.layers = nil
  local list = {}
  for l = 1, layers do
    if l > 1 then list[#list + 1] = chain.Reverse(features) end
    list[#list + 1] = MAF(features, o)
  end
  return chain.Chain(list)
end

return { Model = Model, maf = maf }
