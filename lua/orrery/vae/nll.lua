--- The negative log-likelihood of images under a VAE, by importance sampling.
local orrery = require "orrery"
local checks = require "orrery.vae.checks"
local objectives = require "orrery.vae.objectives"
local options = require "orrery.options"

--- -log p(x) per image, estimated from `samples` draws of q(z | x): an upper
--- bound on average, that falls with samples (Burda, Grosse & Salakhutdinov
--- 2016).
---@param model orrery.vae.VAE
---@param images orrery.Tensor  [N, ...]
---@param given? { samples?: integer, batch?: integer, seed?: integer }  500
---  draws; 20 images at a time; 0
---@return { nll: number, interval: number[], each: orrery.Tensor,
---   samples: integer, seed: integer }  nats per image; 95 % interval of the
---  mean over images; [N]
return function(model, images, given)
  local o = options.take("nll", given, { samples = 500, batch = 20, seed = 0 })
  checks.model("nll", model)
  checks.images("nll", images)
  local k = options.count("nll", "samples", o.samples)
  local batch = options.count("nll", "batch", o.batch)
  local noise, n, parts = orrery.Generator(o.seed), images:size(1), {}
  local sizes = 100  -- draws at a time
  orrery.no_grad(function()
    for first = 1, n, batch do
      local x = images:narrow(1, first, math.min(batch, n - first + 1))
      parts[#parts + 1] = orrery.tidy(function()
        local total
        for done = 0, k - 1, sizes do
          local log_w = objectives.log_weights(model, x,
            math.min(sizes, k - done), noise)
          local part = log_w:to "float64":logsumexp { axis = 1 }
          total = total and total:logaddexp(part) or part
        end
        return -(total - math.log(k))
      end)
    end
  end)
  local each = orrery.cat(parts, 1)
  local mean = each:mean():item()
  local half = n > 1 and 1.96 * each:std():item() / math.sqrt(n) or 0 / 0
  return { nll = mean, interval = { mean - half, mean + half }, each = each,
    samples = k, seed = o.seed }
end
