--- Measure-valued derivatives: the derivative of a density by a parameter is a
--- constant times the difference of two densities, so that of E f is the
--- difference of two means of f (Pflug 1989; Mohamed et al. 2020, table 1).
---
--- Each parameter of each coordinate costs two evaluations of f.
local orrery = require "orrery"
local blame = require "orrery.blame"
local Estimator = require "orrery.estimators.estimator"
local options = require "orrery.options"

---@class orrery.estimators.Measure: orrery.estimators.Estimator
local Measure = Estimator:subclass("measure-valued", { evaluations = 2 })

---@param given? { coupled?: boolean }  coupled: both sides of a normal mean's
---  derivative share their noise; true
function Measure:init(given)
  local o = options.take("measure", given, { coupled = true })
  self.coupled = options.flag("measure", "coupled", o.coupled)
  if not o.coupled then self.name = "measure-valued, independent" end
end

local function like(x, make, context)
  return make({ x:shape() }, { dtype = x.dtype,
    generator = context.generator })
end

-- Rayleigh numbers: Weibull of shape 2 and scale sqrt 2.
local function rayleigh(x, context)
  return (like(x, orrery.exponential, context) * 2):sqrt()
end

-- By parameter of a law: what draws the positive and the negative part of the
-- whole event, and the constant. x is a draw of the law.
local parts = { Normal = {}, Bernoulli = {}, Poisson = {}, Exponential = {} }

function parts.Normal.loc(law, x, self, context)
  local w = rayleigh(x, context)
  local v = self.coupled and w or rayleigh(x, context)
  return law.loc + law.scale * w, law.loc - law.scale * v,
    1 / (law.scale * math.sqrt(2 * math.pi))
end

-- A double-sided Maxwell number against a normal one.
function parts.Normal.scale(law, x, self, context)
  local square = 0
  for _ = 1, 3 do square = square + like(x, orrery.randn, context) ^ 2 end
  local sign = (like(x, orrery.rand, context) - 0.5):sign()
  local maxwell = square:sqrt() * sign
  -- Coupled: a normal number is a Maxwell one times a uniform one.
  local normal = self.coupled and maxwell * like(x, orrery.rand, context)
    or like(x, orrery.randn, context)
  return law.loc + law.scale * maxwell, law.loc + law.scale * normal,
    1 / law.scale
end

function parts.Bernoulli.probs(_, x)
  return orrery.ones_like(x), orrery.zeros_like(x), 1
end
function parts.Bernoulli.logits(law, x)
  local p = law:mean()
  return orrery.ones_like(x), orrery.zeros_like(x), p * (1 - p)
end

function parts.Poisson.rate(_, x) return x + 1, x, 1 end

-- exp(rate) against Erlang(2, rate), its sum with another.
function parts.Exponential.rate(law, x, _, context)
  return x, x + like(x, orrery.exponential, context) / law.rate, 1 / law.rate
end

-- f with coordinate k of the draws z replaced.
local function at(f, self, z, flat, k)
  if not k then return self.values_of(f, flat) end
  local moved = z:detach():clone():reshape(z:size(1), -1)
  moved[{ { 1, -1 }, { k, k } }] = flat:narrow(2, k, 1)
  return self.values_of(f, moved:reshape(z:shape()))
end

function Measure:surrogate(f, law, context)
  local base = law.base or law
  local known = parts[base.name]
  if not known then
    blame("measure: there is no measure-valued derivative of %s; give Normal, "
      .. "Bernoulli, Poisson or Exponential", base.name)
  end
  local z = law:sample(nil, { generator = context.generator })
  local n, terms = z:size(1), {}
  orrery.no_grad(function()
    for _, name in ipairs(base.parameter_names) do
      local plus, minus, constant = known[name](base, z, self, context)
      local a, b = plus:reshape(n, -1), minus:reshape(n, -1)
      local gaps = {}
      for k = 1, a:size(2) do
        local coordinate = z:dim() > 1 and k or nil
        gaps[k] = at(f, self, z, coordinate and a or plus, coordinate)
          - at(f, self, z, coordinate and b or minus, coordinate)
      end
      terms[name] = orrery.stack(gaps, 2):reshape(z:shape()) * constant
    end
  end)
  -- Linear in each parameter, with these slopes.
  local sum
  for _, name in ipairs(base.parameter_names) do
    local term = (base[name] * terms[name]):reshape(n, -1):sum(2)
    sum = sum and sum + term or term
  end
  local values = self.values_of(f, z)
  return sum + values, values
end

return { measure = Measure }
