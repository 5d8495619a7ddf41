--- Discrete draws as thresholds of continuous scores (Tucker et al. 2017,
--- appendix): z = log-probabilities + noise, b = the corner nearest to z, and z
--- given b drawn anew.
local orrery = require "orrery"

local discrete = {}

-- Of a law or the law inside Independent.
local function base_of(law) return law.base or law end

local function open_uniform(like, generator)
  return orrery.rand({ like:shape() }, { dtype = like.dtype,
    generator = generator }):clamp(1e-7, 1 - 1e-7)
end

-- Bits: z = log odds + logistic noise, b = z > 0.
local bits = {}

function bits.logits(law) return base_of(law):log_odds() end
function bits.draw(law, generator)
  local l = bits.logits(law)
  return l + open_uniform(l, generator):logit()
end
function bits.harden(z) return z:detach():gt(0):to(z.dtype) end
function bits.soften(z, temperature) return (z / temperature):sigmoid() end

-- u is uniform over what gives b: above 1 - p for 1, below for 0.
function bits.again(law, b, generator)
  local l = bits.logits(law)
  local p, v = l:sigmoid(), open_uniform(l, generator)
  local u = b * (v * p + 1 - p) + (1 - b) * v * (1 - p)
  return l + u:clamp(1e-7, 1 - 1e-7):logit()
end

-- Rows with one 1: z = log p + Gumbel noise, b = the largest.
local rows = {}

function rows.draw(law, generator)
  local l = base_of(law):log_weights()
  return l - (-open_uniform(l, generator):log()):log()
end
function rows.harden(z)
  return orrery.one_hot(z:detach():argmax { axis = -1 }, z:size(-1))
    :to(z.dtype)
end
function rows.soften(z, temperature) return (z / temperature):softmax(-1) end

-- The largest is a Gumbel number; the others lie below it.
function rows.again(law, b, generator)
  local l = base_of(law):log_weights()
  local v = -open_uniform(l, generator):log()
  local top = (v * b):sum { axis = -1, keepdim = true }
  return b * -v:log() + (1 - b) * -(v / l:exp() + top):log()
end

--- How a law of bits or of rows is drawn; nil for others.
---@param law orrery.dist.Distribution
function discrete.of(law)
  local name = base_of(law).name
  return name == "Bernoulli" and bits or name == "OneHotCategorical" and rows
    or nil
end

return discrete
