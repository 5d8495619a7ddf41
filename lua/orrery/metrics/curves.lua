--- What the course of a loss tells: does it settle, drift, or swing? Does
--- another number go with it?
local blame = require "orrery.blame"
local options = require "orrery.options"

local curves = {}

local function numbers(who, values, name, least)
  if options.is_tensor(values) then values = values:reshape(-1):tolist() end
  if type(values) ~= "table" then
    blame("%s: %s is %s; give a list of numbers", who, name,
      options.shown(values))
  end
  for i, v in ipairs(values) do
    options.number(who, ("%s[%d]"):format(name, i), v)
  end
  if #values < least then
    blame("%s: there are %d values; give at least %d", who, #values, least)
  end
  return values
end

local function mean(values)
  local sum = 0
  for _, v in ipairs(values) do sum = sum + v end
  return sum / #values
end

-- How often it turns from rising to falling or back; level parts do not count.
local function turns(values)
  local count, last = 0, 0
  for i = 2, #values do
    local step = values[i] - values[i - 1]
    if step ~= 0 then
      if step * last < 0 then count = count + 1 end
      last = step
    end
  end
  return count
end

--- Stability of a loss over an epoch, or whatever part of a run is given.
---
---     local m = metrics.stability(losses)
---     print(m.mean, m.sd, m.lag1, m.turns)
---
---@param values number[]|orrery.Tensor  [N], in order, N at least 3
---@return { mean: number, sd: number, lag1: number, turns: integer,
---  n: integer }  sd: of N - 1; lag1: the autocorrelation from one step to the
---  next, near 1 for a drift, 0 for noise, below 0 where it swings, nan
---  where all are equal; turns: changes of sign of the slope, about 2/3 (N - 2)
---  for noise
function curves.stability(values)
  values = numbers("stability", values, "values", 3)
  local n, level, square, lagged = #values, mean(values), 0, 0
  for i, v in ipairs(values) do
    square = square + (v - level) ^ 2
    if i > 1 then lagged = lagged + (v - level) * (values[i - 1] - level) end
  end
  return { mean = level, sd = math.sqrt(square / (n - 1)),
    lag1 = lagged / square, turns = turns(values), n = n }
end

--- Pearson's correlation of two curves, -1 to 1: whether a critic's estimate
--- goes with the distance, say. nan where one of them is constant.
---@param a number[]|orrery.Tensor  [N], N at least 2
---@param b number[]|orrery.Tensor  [N]
---@return number
function curves.correlation(a, b)
  a = numbers("correlation", a, "a", 2)
  b = numbers("correlation", b, "b", 2)
  if #a ~= #b then
    blame("correlation: a has %d values, b %d; give as many of each", #a, #b)
  end
  local of_a, of_b, aa, ab, bb = mean(a), mean(b), 0, 0, 0
  for i, v in ipairs(a) do
    local x, y = v - of_a, b[i] - of_b
    aa, ab, bb = aa + x * x, ab + x * y, bb + y * y
  end
  return ab / math.sqrt(aa * bb)
end

return curves
