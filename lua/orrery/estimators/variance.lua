--- How much estimates scatter: mean, variance and signal-to-noise ratio over
--- repetitions, with their standard errors.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local variance = {}

---@class orrery.estimators.Scatter
---@field estimates orrery.Tensor  [repeats, parameters]
---@field mean orrery.Tensor  [parameters]
---@field mean_se orrery.Tensor
---@field var orrery.Tensor  of one estimate, [parameters]
---@field var_se orrery.Tensor
---@field trace number  the variances' sum
---@field trace_se number
---@field snr number  |mean| over the root of the trace
---@field snr_interval number[]  95 %, by the bootstrap
---@field snr_each orrery.Tensor  |mean| over the root of var, [parameters]
---@field snr_each_interval orrery.Tensor  95 %, [2, parameters]
---@field value number  the mean of f
---@field seconds number  CPU time in all
---@field evaluations integer  of f for each draw

local again, most = 200, 10000  -- how often; blocks at most

-- 95 % intervals of the signal-to-noise ratios of mean and variance, from
-- estimates drawn again: of all parameters, of each. Many estimates are drawn
-- in blocks, of which the sums are enough.
local function snr_intervals(x, mean, generator)
  local b = math.min(x:size(1), most)
  local n = x:size(1) // b * b
  local gap = (x:narrow(1, 1, n) - mean):reshape(b, n // b, -1)
  local sums, squares = gap:sum(2), (gap ^ 2):sum(2)
  local whole, each = {}, {}
  for i = 1, again do
    local row = orrery.randint(1, b, b, { generator = generator })
    local shift = sums:index_select(1, row):sum(1) / n
    local var = (squares:index_select(1, row):sum(1) / n - shift ^ 2)
      * (n / (n - 1))
    whole[i] = ((mean + shift):norm() / var:sum():sqrt()):item()
    each[i] = (mean + shift):abs() / var:sqrt()
  end
  table.sort(whole)
  each = orrery.stack(each, 1):sort(1)
  return { whole[5], whole[196] }, orrery.stack({ each[5], each[196] }, 1)
end

--- Variance of an estimator's estimates from n draws each.
---@param estimator orrery.estimators.Estimator
---@param f fun(z: orrery.Tensor): orrery.Tensor  [draws, event...] -> [draws]
---@param law orrery.dist.Distribution|fun(...): orrery.dist.Distribution
---@param params? orrery.Tensor[]
---@param given? { n?: integer, repeats?: integer,
---   generator?: orrery.Generator }
---  n: draws for one estimate, 1; repeats: estimates, 2000
---@return orrery.estimators.Scatter
function variance.variance(estimator, f, law, params, given)
  local o = options.take("variance", given, { n = 1, repeats = 2000 },
    { "generator" })
  if type(estimator) ~= "table" or not estimator.each then
    blame("variance: the estimator is %s; make one, estimators.score()",
      options.shown(estimator))
  end
  local n = options.count("variance", "n", o.n)
  local repeats = options.count("variance", "repeats", o.repeats, 2)
  local columns, total, start = {}, 0, os.clock()
  -- A million draws at a time.
  local at_once = math.max(1, math.min(repeats, 1000000 // n))
  local done = 0
  while done < repeats do
    local m = math.min(at_once, repeats - done)
    local grads, values = estimator:each(f, law, params, m * n,
      { generator = o.generator, group = n })
    local flat = {}
    for i, g in ipairs(grads) do
      flat[i] = g:to("float64"):reshape(m, n, -1):mean(2)
    end
    columns[#columns + 1] = orrery.cat(flat, 2)
    total = total + values:to("float64"):sum():item()
    done = done + m
  end
  local x = orrery.cat(columns, 1)
  local mean, var = x:mean(1), x:var(1)
  local gap2 = (x - mean) ^ 2
  local se = ((gap2 ^ 2):mean(1) - var ^ 2):clamp { min = 0 }:sqrt()
  local sum = gap2:sum(2)
  local interval, intervals = snr_intervals(x, mean, o.generator)
  return {
    name = estimator.name, estimates = x, mean = mean,
    mean_se = (var / repeats):sqrt(), var = var,
    var_se = se / math.sqrt(repeats), trace = var:sum():item(),
    trace_se = sum:std():item() / math.sqrt(repeats),
    snr = (mean:norm() / var:sum():sqrt()):item(),
    snr_interval = interval, snr_each = mean:abs() / var:sqrt(),
    snr_each_interval = intervals,
    value = total / (repeats * n), seconds = os.clock() - start,
    evaluations = estimator.evaluations, n = n, repeats = repeats,
  }
end

local Comparison = {}
Comparison.__index = Comparison

--- One series of estimates of a parameter for each estimator:
--- plot.hist { series = comparison:samples() }.
---@param parameter? integer  1
---@return table[]
function Comparison:samples(parameter)
  local series = {}
  for i, s in ipairs(self) do
    series[i] = { name = s.name,
      values = s.estimates:select(2, parameter or 1) }
  end
  return series
end

--- A line for each estimator: mean, variance of one estimate, signal-to-noise
--- ratio, evaluations of f, seconds.
function Comparison.__tostring(self)
  local lines = { ("%-32s %11s %11s %11s %8s %6s %8s"):format("estimator",
    "mean", "variance", "n variance", "snr", "evals", "seconds") }
  for _, s in ipairs(self) do
    local several = s.mean:numel() > 1
    lines[#lines + 1] = ("%-32s %11.5g %11.4g %11.4g %8.3g %6d %8.3g")
      :format(s.name, several and s.mean:norm():item() or s.mean:item(),
        s.trace, s.trace * s.n, s.snr, s.evaluations, s.seconds)
  end
  return table.concat(lines, "\n")
end

--- Several estimators on one problem, with the same numbers of draws.
---@param f fun(z: orrery.Tensor): orrery.Tensor
---@param law orrery.dist.Distribution|fun(...): orrery.dist.Distribution
---@param estimators table[]|string[]  estimators, or names of them
---@param given? { params?: orrery.Tensor[], n?: integer, repeats?: integer,
---   generator?: orrery.Generator }
---@return table  a Scatter for each, in order and by name
function variance.compare(f, law, estimators, given)
  local o = options.take("compare", given, { n = 1000, repeats = 2000 },
    { "params", "generator" })
  if type(estimators) ~= "table" then
    blame("compare: the estimators are %s; list some, or names of them",
      options.shown(estimators))
  end
  local all = setmetatable({}, Comparison)
  for i, e in ipairs(estimators) do
    local kind = e
    if type(e) == "string" then
      kind = require("orrery.estimators").named(e)
    end
    all[i] = variance.variance(kind, f, law, o.params, { n = o.n,
      repeats = o.repeats, generator = o.generator })
    all[type(e) == "string" and e or kind.name] = all[i]
  end
  return all
end

return variance
