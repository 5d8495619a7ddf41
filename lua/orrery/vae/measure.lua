--- What a VAE does on images it has not seen.
local orrery = require "orrery"
local checks = require "orrery.vae.checks"
local options = require "orrery.options"

--- Runs over all images in order, in pieces, with noise from one seed: the
--- same model always gets the same numbers.
---@param model orrery.vae.VAE
---@param images orrery.Tensor  [N, ...] in [0, 1]
---@param given? table  batch = 500, seed = 0
---@return table  rec, kl, elbo (nats per image); kl_per_latent (list); active
---  (latents whose posterior means vary by more than 0.01); means [N, latent]
return function(model, images, given)
  local o = options.take("measure", given, { batch = 500, seed = 0 })
  checks.model("measure", model)
  checks.images("measure", images)
  local n, batch = images:size(1), options.count("measure", "batch", o.batch)
  local noise = orrery.Generator(o.seed)
  local rec, kl, means = 0, nil, {}
  orrery.no_grad(function()
    for first = 1, n, batch do
      local x = images:narrow(1, first, math.min(batch, n - first + 1))
      local r, k, m = orrery.tidy(function()
        local r, k, m = model:terms(x, noise)
        return r:to("float64"):sum():item(), k:to("float64"):sum(1),
          m:contiguous()
      end)
      rec, kl = rec + r, kl and kl + k or k
      means[#means + 1] = m
    end
  end)
  local all = orrery.cat(means, 1)
  local active = 0
  for _, v in ipairs(all:var(1, { correction = 0 }):tolist()) do
    if v > 0.01 then active = active + 1 end
  end
  local per_latent, total = (kl / n):tolist(), 0
  for _, v in ipairs(per_latent) do total = total + v end
  return {
    rec = rec / n, kl = total, elbo = -(rec / n + total),
    kl_per_latent = per_latent, active = active, means = all,
  }
end
