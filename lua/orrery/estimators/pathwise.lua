--- Estimators that differentiate through the draw: pathwise (Kingma & Welling
--- 2014), straight-through (Bengio, Leonard & Courville 2013) and
--- Gumbel-softmax (Jang, Gu & Poole 2017; Maddison, Mnih & Teh 2017).
local blame = require "orrery.blame"
local Estimator = require "orrery.estimators.estimator"
local options = require "orrery.options"
local discrete = require "orrery.estimators.discrete"

--- z = g(parameters, noise), differentiated.
---@class orrery.estimators.Pathwise: orrery.estimators.Estimator
local Pathwise = Estimator:subclass "pathwise"

function Pathwise:surrogate(f, law, context)
  local z = law:rsample(nil, { generator = context.generator })
  local values = self.values_of(f, z)
  return values, values
end

--- A hard draw forwards, the gradient of its mean backwards. Biased.
---@class orrery.estimators.StraightThrough: orrery.estimators.Estimator
local StraightThrough = Estimator:subclass("straight-through",
  { unbiased = false })

function StraightThrough:surrogate(f, law, context)
  local z = law:sample(nil, { generator = context.generator })
  local mean = law:mean()
  local values = self.values_of(f, z + (mean - mean:detach()))
  return values, values
end

--- The relaxed law at a temperature in the discrete one's stead. Biased.
---@class orrery.estimators.GumbelSoftmax: orrery.estimators.Estimator
local GumbelSoftmax = Estimator:subclass("Gumbel-softmax",
  { unbiased = false })

---@param given? { temperature?: number, hard?: boolean }  hard: the nearest
---  corner forwards, the relaxed draw's gradient backwards
function GumbelSoftmax:init(given)
  local o = options.take("gumbel_softmax", given, { temperature = 0.5,
    hard = false })
  options.number("gumbel_softmax", "temperature", o.temperature,
    function(t) return t > 0 end, "a number over 0")
  self.temperature, self.hard = o.temperature, options.flag("gumbel_softmax",
    "hard", o.hard)
  if o.hard then self.name = "Gumbel-softmax, straight-through" end
end

function GumbelSoftmax:surrogate(f, law, context)
  local kind = discrete.of(law)
  if not kind then
    blame("gumbel_softmax: %s has no relaxed law; give Bernoulli or "
      .. "OneHotCategorical", law.name)
  end
  local score = kind.draw(law, context.generator)
  local z = kind.soften(score, self.temperature)
  if self.hard then z = kind.harden(score) + (z - z:detach()) end
  local values = self.values_of(f, z)
  return values, values
end

return { pathwise = Pathwise, straight_through = StraightThrough,
  gumbel_softmax = GumbelSoftmax }
