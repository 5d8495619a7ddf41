--- All scores of a VAE's codes against a set whose factors are known.
local orrery = require "orrery"
local checks = require "orrery.vae.checks"
local metrics = require "orrery.metrics"
local options = require "orrery.options"

--- Codes are posterior means; numbers of orrery.metrics, from seeds of their
--- own: the same model always gets the same.
---@param model orrery.vae.VAE
---@param set orrery.data.ShapesDataset
---@param given? { codes?: integer, votes?: integer, seed?: integer }  2000
---  pictures to take codes of (all, if there are fewer); 800 votes of 64
---  pictures for the last two scores, 0 leaves them out; 1
---@return { mig: number, sap: number, dci: number, completeness: number,
---   informativeness: number, correlation: number, factor_vae?: number,
---   beta_vae?: number }  0 to 1 but for the total correlation, nats
return function(model, set, given)
  local o = options.take("vae.disentanglement", given, { codes = 2000,
    votes = 800, seed = 1 })
  checks.model("vae.disentanglement", model)
  require("orrery.metrics.checks").factor_set("vae.disentanglement", set)
  local function fresh(i) return orrery.Generator(o.seed + i) end
  local some = orrery.randperm(#set, { generator = fresh(0) })
    :narrow(1, 1, math.min(o.codes, #set))
  local images, factors = set:get(some)
  return orrery.no_grad(function()
    local mean, logvar = model:encode(images)
    local dci = metrics.dci(mean, factors)
    local scores = { mig = metrics.mig(mean, factors),
      sap = metrics.sap(mean, factors), dci = dci.disentanglement,
      completeness = dci.completeness, informativeness = dci.informativeness,
      correlation = metrics.total_correlation(mean, logvar,
        { generator = fresh(1) }) }
    if o.votes > 0 then
      local function encode(x) return (model:encode(x)) end
      scores.factor_vae = metrics.factor_vae_score(encode, set,
        { votes = o.votes, generator = fresh(2) })
      scores.beta_vae = metrics.beta_vae_score(encode, set,
        { votes = o.votes, generator = fresh(3) })
    end
    return scores
  end)
end
