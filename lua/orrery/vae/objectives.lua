--- What a VAE can be trained for. Each function here takes its settings and
--- gives an objective: a function of model, images and options { generator,
--- step } that returns the loss and a table of its terms, all in nats per
--- image.
---
---     local objective = vae.objectives.free_bits { nats = 0.5 }
---     local loss, terms = model:loss(x, { objective = objective })
---
--- Weights may be numbers or schedules (orrery.vae.schedules).
local orrery = require "orrery"
local options = require "orrery.options"
local blame = require "orrery.blame"
local checks = require "orrery.vae.checks"
local sampled = require "orrery.vae.sampled"
local schedules = require "orrery.vae.schedules"
local F = require("orrery.nn").functional

local objectives = {}
local at = schedules.at
local log_normal, log_standard = sampled.log_normal, sampled.log_standard

--- One draw and its terms: what most objectives are made of.
---@return table  mean, logvar, z, kl [B, L]; rec, the mean over the batch
local function drawn(model, x, o)
  if not model:closed() then
    blame("vae: this objective needs a Gaussian posterior and the prior "
      .. "N(0, I); use elbo or iwae")
  end
  local mean, logvar = model:encode(x)
  local z = model:draw(mean, logvar, o.generator)
  local rec = model:distortion(x, model.decoder(z)):mean()
  return { mean = mean, logvar = logvar, z = z, rec = rec,
    kl = F.kl_normal(mean, logvar) }
end
objectives.drawn = drawn

--- -ELBO with a weight on the KL term (Kingma & Welling 2014; Higgins et al.
--- 2017): in closed form, or sampled from the one draw, as it is for a model
--- with a prior or a posterior of its own.
---@param given? { beta?: number|function, sampled?: boolean }  1, false
function objectives.elbo(given)
  local o = options.take("elbo", given, { beta = 1, sampled = false })
  return function(model, x, c)
    local rec, kl
    if o.sampled or not model:closed() then
      local log_w, d = objectives.log_weights(model, x, 1, c.generator)
      rec = d.rec:mean()
      kl = -log_w:mean() - rec
    else
      local d = drawn(model, x, c)
      rec, kl = d.rec, d.kl:sum(2):mean()
    end
    return rec + kl * at(o.beta, c.step), { rec = rec, kl = kl }
  end
end

--- Free bits: what a latent costs counts only past `nats`, on the mean over the
--- batch (Kingma et al. 2016, eq. 15).
---@param given? { nats?: number }  0.25 a latent
function objectives.free_bits(given)
  local o = options.take("free_bits", given, { nats = 0.25 })
  return function(model, x, c)
    local d = drawn(model, x, c)
    local each = d.kl:mean(1)
    local free = each:clamp { min = at(o.nats, c.step) }:sum()
    return d.rec + free, { rec = d.rec, kl = each:sum(), counted = free }
  end
end

--- Capacity: the KL term is held at `nats`, which usually grows from 0 (Burgess
--- et al. 2018, eq. 8): rec + gamma |kl - nats|.
---@param given? { gamma?: number, nats?: number|function }  100;
---  schedules.warm_up(10000, { to = 25 })
function objectives.capacity(given)
  local o = options.take("capacity", given, { gamma = 100,
    nats = schedules.warm_up(10000, { to = 25 }) })
  return function(model, x, c)
    local d = drawn(model, x, c)
    local kl = d.kl:sum(2):mean()
    local aim = at(o.nats, c.step)
    return d.rec + (kl - aim):abs() * o.gamma, { rec = d.rec, kl = kl,
      capacity = aim }
  end
end

--- The parts of the mean KL term (Chen et al. 2018, eq. 2), from the batch as
--- a sample of the data set of size n, by minibatch-weighted sampling (eq. 5):
--- mutual information I(x; z), total correlation, dimension-wise KL.
---@param d table  mean, logvar, z [B, L]
---@param n integer  images in the data set
---@return orrery.Tensor information
---@return orrery.Tensor correlation
---@return orrery.Tensor dimensions
function objectives.decomposed(d, n)
  if type(d) ~= "table" or not d.z then
    blame("decomposed: codes are %s; give { mean =, logvar =, z = }",
      options.shown(d))
  end
  n = options.count("decomposed", "images in the data set", n)
  local b = d.z:size(1)
  -- log q(z_i | x_j) for each latent, [B, B, L].
  local pairs_ = log_normal(d.z:unsqueeze(2), d.mean:unsqueeze(1),
    d.logvar:unsqueeze(1))
  local own = log_normal(d.z, d.mean, d.logvar):sum(2)
  local shift = math.log(b * n)
  local joint = pairs_:sum(3):logsumexp { axis = 2 } - shift
  local product = (pairs_:logsumexp { axis = 2 } - shift):sum(2)
  return (own - joint):mean(), (joint - product):mean(),
    (product - log_standard(d.z):sum(2)):mean()
end

--- beta-TCVAE (Chen et al. 2018, eq. 4): weights for mutual information
--- (alpha), total correlation (beta) and dimension-wise KL (gamma).
---@param given { images: integer, alpha?: number, beta?: number,
---   gamma?: number }  size of the data set; 1, 6, 1
function objectives.beta_tc(given)
  local o = options.take("beta_tc", given, { alpha = 1, beta = 6, gamma = 1 },
    { "images" })
  local n = options.count("beta_tc", "images", o.images)
  return function(model, x, c)
    local d = drawn(model, x, c)
    local mi, tc, dw = objectives.decomposed(d, n)
    return d.rec + mi * at(o.alpha, c.step) + tc * at(o.beta, c.step)
      + dw * at(o.gamma, c.step), { rec = d.rec, kl = d.kl:sum(2):mean(),
        information = mi, correlation = tc, dimensions = dw }
  end
end

--- DIP-VAE (Kumar, Sattigeri & Balakrishnan 2018, eqs. 6 and 7): the covariance
--- of the posterior means (kind 1), or that of the aggregate posterior (kind
--- 2), is drawn to the identity.
---@param given? { kind?: 1|2, off_diagonal?: number, diagonal?: number }  1;
---  10; 10 times that for kind 1, the same for kind 2
function objectives.dip(given)
  local o = options.take("dip", given, { kind = 1, off_diagonal = 10 },
    { "diagonal" })
  local weight = o.diagonal or o.off_diagonal * (o.kind == 1 and 10 or 1)
  return function(model, x, c)
    local d = drawn(model, x, c)
    local gap = d.mean - d.mean:mean(1)
    local cov = gap:transpose(1, 2):matmul(gap) / d.mean:size(1)
    if o.kind == 2 then
      cov = cov + d.logvar:exp():mean(1):diag_embed()
    end
    local diagonal = cov:diagonal()
    local off = (cov ^ 2):sum() - (diagonal ^ 2):sum()
    local penalty = off * o.off_diagonal + ((diagonal - 1) ^ 2):sum() * weight
    local kl = d.kl:sum(2):mean()
    return d.rec + kl + penalty, { rec = d.rec, kl = kl, penalty = penalty }
  end
end

--- InfoVAE (Zhao, Song & Ermon 2019, eq. 6): (1 - alpha) of the KL term, and
--- the maximum mean discrepancy of the codes from the prior. alpha = 1 is the
--- MMD-VAE.
---@param given? { alpha?: number, lambda?: number, bandwidth?: number }  1;
---  1000; the root of the number of latents
function objectives.info(given)
  local o = options.take("info", given, { alpha = 1, lambda = 1000 },
    { "bandwidth" })
  return function(model, x, c)
    local dist = require "orrery.dist"
    local d = drawn(model, x, c)
    local prior = orrery.randn({ d.z:shape() }, { dtype = d.z.dtype,
      generator = c.generator })
    local mmd = dist.mmd(d.z, prior, { unbiased = false,
      bandwidth = o.bandwidth or math.sqrt(d.z:size(2)) })
    local kl = d.kl:sum(2):mean()
    return d.rec + kl * (1 - o.alpha) + mmd * (o.alpha + o.lambda - 1),
      { rec = d.rec, kl = kl, mmd = mmd }
  end
end

--- The Cauchy-Schwarz divergence of q(z | x) and the prior in the KL term's
--- stead (Tran, Pantic & Deisenroth 2022): per latent mean^2 / (2 (1 + s^2)) +
--- 1/2 log((1 + s^2) / (2 s)). No lower bound of log p(x).
---@param given? { lambda?: number|function }  1
function objectives.cauchy_schwarz(given)
  local o = options.take("cauchy_schwarz", given, { lambda = 1 })
  return function(model, x, c)
    local d = drawn(model, x, c)
    local v = d.logvar:exp() + 1
    local cs = (d.mean ^ 2 / v + v:log() - d.logvar * 0.5 - math.log(2)) * 0.5
    cs = cs:sum(2):mean()
    return d.rec + cs * at(o.lambda, c.step), { rec = d.rec,
      kl = d.kl:sum(2):mean(), cs = cs }
  end
end

--- Log-weights log p(x, z) / q(z | x) of k draws for each image.
---@param model orrery.vae.VAE
---@param x orrery.Tensor  [B, ...]
---@param k integer
---@param generator? orrery.Generator
---@return orrery.Tensor nats  [k, B]
---@return table draw  z [k, B, L], rec [k, B]; mean, logvar [B, L] of a
---  Gaussian q
function objectives.log_weights(model, x, k, generator)
  checks.model("log_weights", model)
  checks.images("log_weights", x)
  k = options.count("log_weights", "k", k)
  local z, log_q, d = model:draws(x, k, generator)
  local b, sizes = x:size(1), { x:shape() }
  sizes[1] = k * b
  local wide = x:unsqueeze(1):expand { k, x:shape() }:reshape(sizes)
  local y = model.decoder(z:reshape(k * b, z:size(3)))
  local rec = model:distortion(wide, y):reshape(k, b)
  return model:log_prior(z) - log_q - rec, { mean = d.mean, logvar = d.logvar,
    z = z, rec = rec }
end

--- The importance-weighted bound of k draws (Burda, Grosse & Salakhutdinov
--- 2016, eq. 8): -log of the mean weight, the ELBO with sampled KL for k = 1.
---@param given? { k?: integer }  5
function objectives.iwae(given)
  local o = options.take("iwae", given, { k = 5 })
  local k = options.count("iwae", "k", o.k)
  return function(model, x, c)
    local log_w, d = objectives.log_weights(model, x, k, c.generator)
    local loss = -(log_w:logsumexp { axis = 1 } - math.log(k)):mean()
    local rec = d.rec:mean()
    local kl = model:closed() and F.kl_normal(d.mean, d.logvar):sum(2):mean()
      or -log_w:mean() - rec
    return loss, { rec = rec, kl = kl, bound = -loss }
  end
end

return objectives
