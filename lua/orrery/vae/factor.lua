--- FactorVAE (Kim & Mnih 2018): the total correlation of the codes, estimated
--- by a discriminator, is added to the loss with a weight gamma.
---
---     local factor = vae.Factor { latent = 10, gamma = 35 }
---     opt:minimize((model:loss(x, { objective = factor })))
---     factor:update(model, other_x)               -- the discriminator's step
---
--- The discriminator D tells codes of q(z) from codes whose latents were each
--- shuffled over the batch, which come from the product of the q(z_j). At its
--- best its logit is log q(z) / prod_j q(z_j), whose mean over q(z) is the
--- total correlation (their eq. 3).
local orrery = require "orrery"
local nn = require "orrery.nn"
local checks = require "orrery.vae.checks"
local objectives = require "orrery.vae.objectives"
local options = require "orrery.options"
local schedules = require "orrery.vae.schedules"

---@class orrery.vae.Factor
---@field discriminator orrery.nn.Module  z -> [B, 1], logit of "from q(z)"
---@field optimizer orrery.optim.Optimizer  of the discriminator
---@operator call(...): orrery.Tensor, table
local Factor = {}
Factor.__index = Factor

-- Their appendix A: leaky ReLUs of slope 0.2 between, six layers of 1000.
local function network(latent, hidden, layers)
  local list, from = {}, latent
  for _ = 1, layers do
    list[#list + 1] = nn.Linear(from, hidden)
    list[#list + 1] = nn.LeakyReLU(0.2)
    from = hidden
  end
  list[#list + 1] = nn.Linear(from, 1)
  return nn.Sequential(list)
end

--- Codes whose every latent is shuffled over the batch by itself (their
--- algorithm 1).
---@param z orrery.Tensor  [B, L]
---@param generator? orrery.Generator
---@return orrery.Tensor  [B, L]
function Factor.permuted(z, generator)
  local orders = {}
  for j = 1, z:size(2) do
    orders[j] = orrery.randperm(z:size(1), { generator = generator })
  end
  return z:gather(1, orrery.stack(orders, 2))
end

--- The total correlation of codes as the discriminator sees it, nats.
---@param z orrery.Tensor  [B, L]
---@return orrery.Tensor
function Factor:correlation(z)
  options.tensor("factor", "z", z, "float")
  return self.discriminator(z):mean()
end

-- rec + kl + gamma TC (their eq. 2); called as every objective is.
function Factor:__call(model, x, c)
  local d = objectives.drawn(model, x, c)
  local kl, tc = d.kl:sum(2):mean(), self:correlation(d.z)
  return d.rec + kl + tc * schedules.at(self.gamma, c.step),
    { rec = d.rec, kl = kl, correlation = tc }
end

--- One step of the discriminator (their algorithm 2): its codes come from one
--- half of the images, the shuffled ones from the other half. Give it images
--- other than those of the model's step.
---@param model orrery.vae.VAE
---@param x orrery.Tensor  [B, ...], B at least 4
---@param given? { generator?: orrery.Generator }
---@return orrery.Tensor loss  its cross-entropy before the step; log 2 when it
---  tells nothing
function Factor:update(model, x, given)
  local o = options.take("factor", given, {}, { "generator" })
  checks.model("factor", model)
  checks.images("factor", x)
  local n = options.count("factor", "number of images", x:size(1), 4)
  local z = orrery.no_grad(function()
    local mean, logvar = model:encode(x)
    return model:draw(mean, logvar, o.generator)
  end)
  local half = n // 2
  local own = self.discriminator(z:narrow(1, 1, half))
  local shuffled = self.discriminator(Factor.permuted(
    z:narrow(1, half + 1, n - half), o.generator))
  local loss = ((-own):softplus():mean() + shuffled:softplus():mean()) * 0.5
  self.optimizer:minimize(loss)
  return loss:detach()
end

---@param given? table  latent = 10; gamma = 35, a number or a schedule; hidden
---  = 1000, layers = 6 of the discriminator, or `discriminator` itself; lr =
---  1e-4 of its Adam (betas 0.5 and 0.9), or `optimizer`, a function of
---  the discriminator that gives one
---@return orrery.vae.Factor
return function(given)
  local o = options.take("vae.Factor", given, { latent = 10, gamma = 35,
    hidden = 1000, layers = 6, lr = 1e-4 }, { "discriminator", "optimizer" })
  local self = setmetatable({ gamma = o.gamma }, Factor)
  self.discriminator = o.discriminator or network(
    options.count("vae.Factor", "latent", o.latent),
    options.count("vae.Factor", "hidden", o.hidden),
    options.count("vae.Factor", "layers", o.layers))
  if o.optimizer then
    self.optimizer = options.callable("vae.Factor", "optimizer", o.optimizer)(
      self.discriminator)
  elseif #self.discriminator:parameters() > 0 then
    self.optimizer = orrery.optim.Adam(self.discriminator, { lr = o.lr,
      betas = { 0.5, 0.9 } })
  end
  return self
end
