--- The VAE whose answer is known: linear encoder and decoder, Gaussian pixels.
---
---     q(z | x) = N(V (x - mu), diag s^2)     p(x | z) = N(W z + mu, sigma^2 I)
---
--- With data covariance of eigenvalues l_i, the optimum at weight beta is
--- probabilistic PCA (Tipping & Bishop 1999) with noise beta sigma^2: latent i
--- is used iff l_i > beta sigma^2, and then costs 1/2 log(l_i / (beta sigma^2))
--- nats and leaves beta sigma^2 of its direction unexplained.
local orrery = require "orrery"
local nn = require "orrery.nn"
local options = require "orrery.options"

---@class orrery.vae.Linear: orrery.nn.Module
---@field features integer
---@field latent integer
local Linear = nn.Module:subclass "LinearVAE"

---@param features integer
---@param latent integer
---@param given? table  sigma2 (fixed noise variance; learned when absent),
---  dtype = "float64", generator
function Linear:init(features, latent, given)
  local o = options.take("vae.Linear", given, { dtype = "float64" },
    { "sigma2", "generator" })
  features = options.count("vae.Linear", "features", features)
  latent = options.count("vae.Linear", "latent", latent)
  if o.sigma2 then
    options.number("vae.Linear", "sigma2", o.sigma2,
      function(s) return s > 0 end, "a number over 0")
  end
  local dtype = o.dtype
  local function normal(rows, columns)
    return (orrery.randn({ rows, columns },
      { dtype = dtype, generator = o.generator }) * 0.3):requires_grad_()
  end
  self.features, self.latent, self.sigma2 = features, latent, o.sigma2
  self.w = normal(features, latent)
  self.v = normal(latent, features)
  local like = { dtype = dtype, requires_grad = true }
  self.mu = orrery.zeros({ features }, like)
  self.logvar = orrery.zeros({ latent }, like)
  if not o.sigma2 then self.log_sigma2 = orrery.zeros({}, like) end
end

--- Both terms with the expectation over z taken exactly:
--- E|x - W z - mu|^2 = |x - W m - mu|^2 + sum_i s_i^2 |w_i|^2.
---@param x orrery.Tensor  [B, features]
---@return orrery.Tensor rec  [B], nats
---@return orrery.Tensor kl  [B, latent], nats
---@return orrery.Tensor square  [B], the expected squared error
function Linear:terms(x)
  local centred = x - self.mu
  local m = centred:matmul(self.v:transpose(1, 2))
  local rest = centred - m:matmul(self.w:transpose(1, 2))
  local spread = (self.logvar:exp() * (self.w ^ 2):sum(1)):sum()
  local square = (rest ^ 2):sum(2) + spread
  local log_noise = self.log_sigma2
    or orrery.full({}, math.log(self.sigma2), { dtype = x.dtype })
  local rec = (square / log_noise:exp()
    + (log_noise + math.log(2 * math.pi)) * self.features) * 0.5
  local kl = (m ^ 2 + self.logvar:exp() - self.logvar - 1) * 0.5
  return rec, kl, square
end

--- Mean over the batch of rec + beta * kl.
---@param x orrery.Tensor
---@param beta? number
---@return orrery.Tensor loss
function Linear:loss(x, beta)
  local rec, kl = self:terms(x)
  return rec:mean() + kl:sum(2):mean() * (beta or 1)
end

return Linear
