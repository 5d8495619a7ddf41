--- Intervals by the bootstrap (Efron 1979): the examples drawn again with
--- replacement, the value taken anew.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local resampled = {}

--- Names that every metric of generators takes, beside its own.
resampled.defaults = { seed = 1, resamples = 100, confidence = 0.95 }

--- The options of a metric: its own and those above, checked.
---@param who string
---@param given? table
---@param own? table  name -> default
---@param further? string[]  names without default
---@return table
function resampled.options(who, given, own, further)
  local defaults = {}
  for _, source in ipairs { resampled.defaults, own or {} } do
    for name, value in pairs(source) do defaults[name] = value end
  end
  local o = options.take(who, given, defaults, further)
  options.count(who, "seed", o.seed, 0)
  options.count(who, "resamples", o.resamples, 0)
  options.number(who, "confidence", o.confidence,
    function(c) return c > 0 and c < 1 end, "a number between 0 and 1")
  return o
end

--- How often each of n examples is drawn in each resample.
---@param n integer
---@param count integer  resamples
---@param random orrery.Generator
---@return orrery.Tensor  float64 [count, n], rows with sum n
function resampled.weights(n, count, random)
  if count == 0 then return orrery.zeros(0, n, { dtype = "float64" }) end
  local rows = {}
  for i = 1, count do
    rows[i] = orrery.randint(1, n, { n }, { generator = random })
      :bincount { minlength = n }
  end
  return orrery.stack(rows, 1):double()
end

--- The share of resamples in the middle, moved so that their mean is the value:
--- what resampling adds to a biased value (Fréchet's) is not in it.
---@param value number
---@param draws number[]  the value of each resample
---@param confidence number
---@return number low
---@return number high
function resampled.interval(value, draws, confidence)
  if #draws == 0 then return value, value end
  local list = orrery.tensor(draws, { dtype = "float64" })
  local tail = (1 - confidence) / 2
  local at = list:quantile(orrery.tensor({ tail, 1 - tail },
    { dtype = "float64" }))
  local shift = value - list:mean():item()
  return at[1]:item() + shift, at[2]:item() + shift
end

--- The mean of one number for each example, and its interval.
---@param each orrery.Tensor  [N]
---@param o table  resamples, confidence
---@param random orrery.Generator
---@return number value
---@return number low
---@return number high
function resampled.mean(each, o, random)
  local x = each:double()
  local value = x:mean():item()
  local draws = resampled.weights(x:size(1), o.resamples, random):mv(x)
    / x:size(1)
  return value, resampled.interval(value, draws:tolist(), o.confidence)
end

--- Features [N, D] of float64 out of what a metric was given, and whose.
---@param who string
---@param name string
---@param x orrery.Tensor  features [N, D], or images [N, C, H, W]
---@param extractor? orrery.metrics.Extractor
---@return orrery.Tensor
---@return { extractor: string, hash: string }
function resampled.features(who, name, x, extractor)
  options.tensor(who, name, x, "float")
  if x:dim() == 4 then
    extractor = extractor or require "orrery.metrics.extractor"()
    return extractor:features(x):double(),
      { extractor = extractor.name, hash = extractor.hash }
  elseif x:dim() ~= 2 then
    blame("%s: %s is %s; give images [N, C, H, W] or features [N, D]", who,
      name, x:shape_str())
  end
  return x:detach():double(), { extractor = extractor and extractor.name
    or "none", hash = extractor and extractor.hash or "-" }
end

--- Features of real and generated examples, at least `least` of each.
function resampled.both(who, real, fake, extractor, least)
  local x, of = resampled.features(who, "real", real, extractor)
  local y = resampled.features(who, "fake", fake, extractor)
  if x:size(2) ~= y:size(2) or real:dim() ~= fake:dim() then
    blame("%s: real is %s, fake is %s; match all but their first axis", who,
      real:shape_str(), fake:shape_str())
  end
  for name, z in pairs { real = x, fake = y } do
    if z:size(1) < least then
      blame("%s: %s has %d examples; give at least %d", who, name, z:size(1),
        least)
    end
  end
  return x, y, of
end

return resampled
