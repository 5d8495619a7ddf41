--- VIMCO (Mnih & Rezende 2016): the gradient of a bound of k draws, E log of
--- the mean of exp f, each draw judged beside what the others alone would give.
local orrery = require "orrery"
local blame = require "orrery.blame"
local Estimator = require "orrery.estimators.estimator"
local options = require "orrery.options"

---@class orrery.estimators.VIMCO: orrery.estimators.Estimator
---@field k integer  draws in the bound
local VIMCO = Estimator:subclass "VIMCO"

---@param given? { k?: integer }  5
function VIMCO:init(given)
  local o = options.take("vimco", given, { k = 5 })
  self.k = options.count("vimco", "k", o.k, 2)
end

--- The surrogate of bounds from log-weights and log-probabilities of draws.
---@param log_w orrery.Tensor  [k, n]: f of each draw
---@param log_prob orrery.Tensor  [k, n]
---@return orrery.Tensor surrogate  [n]
---@return orrery.Tensor bounds  [n]
function VIMCO.of(log_w, log_prob)
  local k = log_w:size(1)
  if k < 2 then
    blame("vimco: log_w is %s; give two draws or more along its first axis",
      log_w:shape_str())
  end
  local bound = log_w:logsumexp { axis = 1 } - math.log(k)
  -- Each f replaced by the mean of the others (the geometric mean of weights).
  local held = log_w:detach()
  local others = (held:sum { axis = 1, keepdim = true } - held) / (k - 1)
  local swapped = orrery.where(orrery.eye(k):gt(0):unsqueeze(-1),
    others:unsqueeze(1), held:unsqueeze(1))  -- [k, k, n]: draw i replaced
  local without = swapped:logsumexp { axis = 2 } - math.log(k)
  local signal = bound:detach() - without
  return (signal * log_prob):sum(1) + bound, bound
end

-- Draws k of the law for each of the n.
function VIMCO:surrogate(f, law, context)
  local z = law:sample({ self.k }, { generator = context.generator })
  local n = z:size(2)
  local shape = { z:shape() }
  table.remove(shape, 1)
  shape[1] = self.k * n
  local log_w = self.values_of(f, z:reshape(shape)):reshape(self.k, n)
  return self.of(log_w, law:log_prob(z))
end

return { vimco = VIMCO }
