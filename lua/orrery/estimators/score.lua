--- The score-function estimator, E f grad log q (REINFORCE; Glynn 1990,
--- Williams 1992), with baselines, control variates and NVIL's centring.
local orrery = require "orrery"
local Estimator = require "orrery.estimators.estimator"
local baselines = require "orrery.estimators.baselines"
local options = require "orrery.options"

---@class orrery.estimators.Score: orrery.estimators.Estimator
local Score = Estimator:subclass("score", { draws = 1 })

---@param given? table  baseline: a number, "none", "mean" (running), "loo"
---  (leave one out) or estimators.learned {}; control: { value = h, mean = Eh,
---  weight = 1 }, functions of draws and of the law; draws = 1: for each row
---  in `through`, which "loo" compares
function Score:init(given)
  local o = options.take("score", given, { draws = 1 }, { "baseline",
    "control" })
  self.draws = options.count("score", "draws", o.draws)
  self.baseline = baselines.read(o.baseline)
  self.control = o.control
  if o.baseline then
    self.name = "score, " .. (type(o.baseline) == "table" and "learned"
      or tostring(o.baseline))
  end
end

--- The surrogate from values of f and the log-probabilities of the draws: for
--- models that compute both themselves.
---@param values orrery.Tensor  [n]
---@param log_prob orrery.Tensor  [n]
---@param context? { input?: orrery.Tensor, group?: integer }
---@return orrery.Tensor  [n]; its gradient estimates that of E f
function Score:of(values, log_prob, context)
  context = context or {}
  context.group = context.group or values:size(1)
  local held = values:detach()
  local excess = held - self.baseline:of(held, context)
  if self.weigh then excess = self:weigh(excess) end
  -- f's own parameters get their gradient through the values.
  return excess * log_prob + values
end

function Score:state()
  return { baseline = self.baseline.state and self.baseline:state() }
end

function Score:set_state(state)
  if self.baseline.state then self.baseline:set_state(state.baseline) end
end

-- Several draws for each row: f is asked for each, and the rows' values stand
-- side by side, so that a group is what one row drew.
function Score:through(f, make, params, given)
  if self.draws == 1 then return Estimator.through(self, f, make, params, given)
  end
  local o = options.take(self.name, given, {}, { "generator", "input" })
  options.callable(self.name, "the law", make)
  local n, values, log_probs = Estimator.listed(params)[1]:size(1), {}, {}
  local law = self.law_of(make, params, n)
  for i = 1, self.draws do
    local z = law:sample(nil, { generator = o.generator })
    values[i], log_probs[i] = self.values_of(f, z), law:log_prob(z)
  end
  local surrogate = self:of(orrery.stack(values, 2):reshape(-1),
    orrery.stack(log_probs, 2):reshape(-1), { group = self.draws,
      input = o.input }):reshape(n, -1):mean(2)
  return orrery.stack(values, 2):mean(2):detach()
    + (surrogate - surrogate:detach())
end

function Score:surrogate(f, law, context)
  local z = law:sample(nil, { generator = context.generator })
  local values = self.values_of(f, z)
  local c = self.control
  if not c then return self:of(values, law:log_prob(z), context), values end
  local weight = c.weight or 1
  local h = c.value(z):detach() * weight
  return self:of(values - h, law:log_prob(z), context) + h
    + c.mean(law) * weight, values
end

--- NVIL (Mnih & Gregor 2014): a learned baseline, then the running mean taken
--- and the running standard deviation divided by where it is over 1. That makes
--- the gradient shorter: terms beside it (`rescales`) must go through it too.
---@class orrery.estimators.NVIL: orrery.estimators.Score
local NVIL = Score:subclass("NVIL", { rescales = true, unbiased = false })

---@param given? { net?: orrery.nn.Module, lr?: number, decay?: number }
function NVIL:init(given)
  local o = options.take("nvil", given, { decay = 0.8, lr = 1e-2 }, { "net" })
  self.baseline = baselines.learned { net = o.net, lr = o.lr }
  self.decay, self.mean, self.var = o.decay, 0, 0
end

function NVIL:weigh(excess)
  local d = self.decay
  local mean, scale = self.mean, math.max(1, math.sqrt(self.var))
  self.mean = d * mean + (1 - d) * excess:mean():item()
  self.var = d * self.var
    + (1 - d) * excess:var({ correction = 0 }):item()
  return (excess - mean) / scale
end

function NVIL:state()
  return { baseline = self.baseline:state(), mean = self.mean,
    var = self.var }
end

function NVIL:set_state(state)
  Score.set_state(self, state)
  self.mean, self.var = state.mean, state.var
end

return { score = Score, nvil = NVIL,
  optimal_baseline = function(f, law, params, n, given)
    local plain = Score()
    local grads, values = plain:each(f, law, params, n, given)
    local best = {}
    for i, g in ipairs(grads) do
      -- g = f s, so f s^2 = g^2 / f: by ratio of sums over draws.
      local shape = { values:size(1) }
      for k = 2, g:dim() do shape[k] = 1 end
      local v = values:reshape(shape)
      local s2 = orrery.where(v:ne(0), g / v, 0) ^ 2
      best[i] = (v * s2):sum(1) / s2:sum(1)
    end
    return best
  end }
