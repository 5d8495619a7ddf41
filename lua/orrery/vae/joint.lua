--- A VAE whose code is `latent` Gaussian numbers and, for each entry of
--- `classes`, one variable of that many classes (Dupont 2018, JointVAE); the
--- classes are drawn by Gumbel-softmax (Jang, Gu & Poole 2017).
---
---     local model = vae.Joint { latent = 10, classes = { 10 } }
---     local loss, terms = model:loss(x, { gamma = 30, step = step,
---       continuous = vae.schedules.warm_up(25000, { to = 5 }),
---       discrete = vae.schedules.warm_up(25000, { to = 5 }) })
local orrery = require "orrery"
local nn = require "orrery.nn"
local dist = require "orrery.dist"
local likelihood = require "orrery.vae.likelihoods"
local options = require "orrery.options"
local schedules = require "orrery.vae.schedules"

---@class orrery.vae.Joint: orrery.nn.Module
---@field latent integer  Gaussian numbers
---@field classes integer[]  of each discrete variable
---@field temperature number  of the relaxed draws
---@field encoder orrery.nn.Module  x -> [B, 2 latent + all classes]
---@field decoder orrery.nn.Module  [B, latent + all classes] -> as VAE's
local Joint = nn.Module:subclass "JointVAE"

---@param given? table  latent = 10, classes = { 10 }, temperature = 0.67,
---  hidden = 256, features = 784, likelihood = "bernoulli", sigma, encoder,
---  decoder
function Joint:init(given)
  local o = options.take("vae.Joint", given, { latent = 10, classes = { 10 },
    temperature = 0.67, hidden = 256, features = 784,
    likelihood = "bernoulli" }, { "encoder", "decoder", "sigma", "levels" })
  self.latent = options.count("vae.Joint", "latent", o.latent)
  self.temperature = options.number("vae.Joint", "temperature", o.temperature,
    function(t) return t > 0 end, "a number over 0")
  self.classes, self.width = {}, 0
  for i, n in ipairs(type(o.classes) == "table" and o.classes
    or { o.classes }) do
    self.classes[i] = options.count("vae.Joint", "classes", n, 2)
    self.width = self.width + self.classes[i]
  end
  self.encoder = o.encoder or nn.Sequential { nn.Flatten(),
    nn.Linear(o.features, o.hidden), nn.ReLU(),
    nn.Linear(o.hidden, 2 * self.latent + self.width) }
  self.decoder = o.decoder or nn.Sequential {
    nn.Linear(self.latent + self.width, o.hidden), nn.ReLU(),
    nn.Linear(o.hidden, o.features) }
  self.likelihood = o.likelihood
  self.noise = likelihood(o.likelihood, o)
end

--- Parameters of q(z, c | x).
---@param x orrery.Tensor  images, first axis B
---@return orrery.Tensor mean  [B, latent]
---@return orrery.Tensor logvar  [B, latent]
---@return orrery.Tensor[] logits  of each variable, [B, classes]
function Joint:encode(x)
  local h, from = self.encoder(x), 2 * self.latent + 1
  local logits = {}
  for i, n in ipairs(self.classes) do
    logits[i], from = h:narrow(2, from, n), from + n
  end
  return h:narrow(2, 1, self.latent),
    h:narrow(2, self.latent + 1, self.latent), logits
end

--- A draw of both kinds, side by side, that lets gradients through.
---@param generator? orrery.Generator
---@return orrery.Tensor  [B, latent + all classes]
function Joint:draw(mean, logvar, logits, generator)
  local eps = orrery.randn({ mean:shape() },
    { dtype = mean.dtype, generator = generator })
  local parts = { mean + (logvar * 0.5):exp() * eps }
  for _, l in ipairs(logits) do
    parts[#parts + 1] = dist.RelaxedOneHotCategorical {
      temperature = self.temperature, logits = l,
    }:rsample(nil, { generator = generator })
  end
  return orrery.cat(parts, 2)
end

--- The terms of the bound. The discrete KL term is that of the classes, not of
--- their relaxed draws, to uniform ones: log K less the entropy.
---@param x orrery.Tensor
---@param generator? orrery.Generator
---@return orrery.Tensor rec  [B]
---@return orrery.Tensor continuous  [B, latent]
---@return orrery.Tensor discrete  [B, variables]
function Joint:terms(x, generator)
  local mean, logvar, logits = self:encode(x)
  local z = self:draw(mean, logvar, logits, generator)
  local discrete = {}
  for i, l in ipairs(logits) do
    local log_p = l:log_softmax(-1)
    discrete[i] = (log_p:exp() * log_p):sum(2) + math.log(self.classes[i])
  end
  return self.noise:nll(x, self.decoder(z)),
    nn.functional.kl_normal(mean, logvar), orrery.stack(discrete, 2)
end

--- The most that the discrete variables can cost: the sum of log K.
---@return number nats
function Joint:most()
  local sum = 0
  for _, n in ipairs(self.classes) do sum = sum + math.log(n) end
  return sum
end

--- What is minimised: rec + beta (continuous + discrete); with gamma, both
--- terms are held at capacities instead (Dupont 2018, eq. 7):
--- rec + gamma |kl_z - continuous| + gamma |kl_c - discrete|, the discrete one
--- no more than the classes can hold.
---@param x orrery.Tensor
---@param given? table  beta = 1, generator; gamma, with capacities continuous
---  and discrete, numbers or schedules of `step`, 0
---@return orrery.Tensor loss
---@return table terms  rec, kl, continuous, discrete
function Joint:loss(x, given)
  local o = options.take("vae.Joint", given, { beta = 1, continuous = 0,
    discrete = 0 }, { "gamma", "generator", "step" })
  local rec, kl_z, kl_c = self:terms(x, o.generator)
  rec, kl_z, kl_c = rec:mean(), kl_z:sum(2):mean(), kl_c:sum(2):mean()
  local terms = { rec = rec, kl = kl_z + kl_c, continuous = kl_z,
    discrete = kl_c }
  if not o.gamma then
    return rec + terms.kl * schedules.at(o.beta, o.step), terms
  end
  local room = math.min(schedules.at(o.discrete, o.step), self:most())
  return rec + ((kl_z - schedules.at(o.continuous, o.step)):abs()
    + (kl_c - room):abs()) * o.gamma, terms
end

--- The image the decoder means.
---@param z orrery.Tensor  [B, latent + all classes]
function Joint:decode(z) return self.noise:mean(self.decoder(z)) end

-- Rows of one class for each variable, beside the numbers z.
local function beside(z, rows)
  return orrery.cat({ z, orrery.cat(rows, 2):to(z.dtype) }, 2)
end

--- Images back from the mean and the likeliest classes.
---@param x orrery.Tensor
function Joint:reconstruct(x)
  local mean, _, logits = self:encode(x)
  local rows = {}
  for i, l in ipairs(logits) do
    rows[i] = dist.OneHotCategorical { logits = l }:mode()
  end
  return self:decode(beside(mean, rows))
end

--- Images of codes drawn from the prior: normal numbers, uniform classes.
---@param n integer
---@param generator? orrery.Generator
function Joint:sample(n, generator)
  local rows = {}
  local z = orrery.randn({ n, self.latent }, { generator = generator })
  for i, k in ipairs(self.classes) do
    rows[i] = dist.OneHotCategorical { logits = orrery.zeros(n, k) }
      :sample(nil, { generator = generator })
  end
  return self:decode(beside(z, rows))
end

return Joint
