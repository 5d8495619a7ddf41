--- What the course of a loss tells: does it settle, drift, or swing?
local blame = require "orrery.blame"
local options = require "orrery.options"

local curves = {}

local function numbers(who, values)
  if options.is_tensor(values) then values = values:reshape(-1):tolist() end
  if type(values) ~= "table" then
    blame("%s: values is %s; give a list of numbers", who,
      options.shown(values))
  end
  for i, v in ipairs(values) do
    options.number(who, ("values[%d]"):format(i), v)
  end
  if #values < 3 then
    blame("%s: there are %d values; give at least 3", who, #values)
  end
  return values
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
  values = numbers("stability", values)
  local n, sum = #values, 0
  for _, v in ipairs(values) do sum = sum + v end
  local mean, square, lagged = sum / n, 0, 0
  for i, v in ipairs(values) do
    square = square + (v - mean) ^ 2
    if i > 1 then lagged = lagged + (v - mean) * (values[i - 1] - mean) end
  end
  return { mean = mean, sd = math.sqrt(square / (n - 1)),
    lag1 = lagged / square, turns = turns(values), n = n }
end

return curves
