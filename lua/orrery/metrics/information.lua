--- How much codes tell about factors: mutual information, and the mutual
--- information gap (Chen et al. 2018).
local orrery = require "orrery"
local blame = require "orrery.blame"
local checks = require "orrery.metrics.checks"
local options = require "orrery.options"

local information = {}

-- Bins 1 .. n of equal width between the least and the largest value.
local function binned(x, n)
  local low, high = x:amin():item(), x:amax():item()
  if low == high then return orrery.ones(x:size(1), { dtype = "int64" }) end
  return ((x - low) * (n / (high - low))):floor():clamp(0, n - 1):long() + 1
end

local function entropy(counts)
  local p = counts:to "float64" / counts:sum():item()
  return p:entr():sum():item()
end

-- I(a; b) of two columns of whole numbers from 1, in nats.
local function of_columns(a, b)
  local m = b:amax():item()
  local joint = ((a - 1) * m + b):bincount()
  return entropy(a:bincount()) + entropy(b:bincount()) - entropy(joint)
end

--- I(code; factor) of every pair, with codes in bins of equal width.
---@param codes orrery.Tensor  [N, L]
---@param factors orrery.Tensor  int64 [N, K], from 1
---@param given? { bins?: integer }  20
---@return orrery.Tensor nats  float64 [L, K]
---@return orrery.Tensor entropies  of the factors, nats, float64 [K]
function information.mutual_information(codes, factors, given)
  local o = options.take("mutual_information", given, { bins = 20 })
  local bins = options.count("mutual_information", "bins", o.bins, 2)
  local z = checks.codes("mutual_information", codes)
  local v = checks.whole("mutual_information", "factors", factors, z:size(1),
    2)
  local rows, entropies = {}, {}
  for k = 1, v:size(2) do
    entropies[k] = entropy(v:select(2, k):contiguous():bincount())
  end
  for l = 1, z:size(2) do
    local column, row = binned(z:select(2, l), bins), {}
    for k = 1, v:size(2) do
      row[k] = of_columns(column, v:select(2, k):contiguous())
    end
    rows[l] = row
  end
  local f64 = { dtype = "float64" }
  return orrery.tensor(rows, f64), orrery.tensor(entropies, f64)
end

--- The mutual information gap: for each factor, how much more the best code
--- tells than the second best, over the factor's entropy; 0 to 1.
---@param codes orrery.Tensor  [N, L]
---@param factors orrery.Tensor  int64 [N, K], from 1
---@param given? { bins?: integer }  20
---@return number mig  the mean over factors
---@return number[] gaps  of each factor
function information.mig(codes, factors, given)
  local nats, entropies = information.mutual_information(codes, factors, given)
  if nats:size(1) == 1 then nats = orrery.cat({ nats, nats * 0 }, 1) end
  local best = nats:sort { axis = 1, descending = true }
  local gaps = ((best[1] - best[2]) / entropies):nan_to_num(0)
  return gaps:mean():item(), gaps:tolist()
end

--- Latents whose posterior means vary by more than a threshold over the data
--- (Burda, Grosse & Salakhutdinov 2016).
---@param means orrery.Tensor  [N, L]
---@param threshold? number  variance, 0.01
---@return integer
function information.active_units(means, threshold)
  local z = checks.codes("active_units", means)
  return math.tointeger(z:var(1, { correction = 0 }):gt(threshold or 0.01)
    :sum():item())
end

-- log N(z; m, s^2) of each element.
local function log_normal(z, m, s)
  return ((z - m) / s) ^ 2 * -0.5 - s:log() - 0.5 * math.log(2 * math.pi)
end

--- The parts of the mean KL term (Hoffman & Johnson 2016; Chen et al. 2018, eq.
--- 2) with q(z) the mixture of all N posteriors, at one draw each: the mutual
--- information I(x; z), the total correlation KL(q(z) || prod_j q(z_j)) and the
--- rest, sum_j KL(q(z_j) || N(0, 1)). N^2 L numbers are worked through.
---@param mean orrery.Tensor  [N, L]
---@param logvar orrery.Tensor  [N, L]
---@param given? { generator?: orrery.Generator }
---@return { information: number, correlation: number, dimensions: number }
---  nats; information at most log N
function information.kl_parts(mean, logvar, given)
  local o = options.take("kl_parts", given, {}, { "generator" })
  local m = checks.codes("kl_parts", mean)
  local s = (checks.codes("kl_parts", logvar) * 0.5):exp()
  if m:shape_str() ~= s:shape_str() then
    blame("kl_parts: mean is %s, logvar is %s; match them", m:shape_str(),
      s:shape_str())
  end
  local z = m + s * orrery.randn({ m:size(1), m:size(2) },
    { dtype = "float64", generator = o.generator })
  local n, joint, product = m:size(1), 0, 0
  for first = 1, n, 100 do
    local some = z:narrow(1, first, math.min(100, n - first + 1)):unsqueeze(2)
    local a, b = orrery.tidy(function()
      local each = log_normal(some, m, s)  -- [some, N, L]
      return each:sum(3):logsumexp { axis = 2 }:sum():item(),
        each:logsumexp { axis = 2 }:sum():item()
    end)
    joint, product = joint + a, product + b
  end
  joint = joint / n - math.log(n)
  product = product / n - m:size(2) * math.log(n)
  local function total(x) return x:sum(2):mean():item() end
  return { information = total(log_normal(z, m, s)) - joint,
    correlation = joint - product,
    dimensions = product - total(log_normal(z, m * 0, s * 0 + 1)) }
end

--- I(x; z) under q: the mean over examples of log q(z | x) / q(z); see
--- kl_parts.
---@param mean orrery.Tensor  [N, L]
---@param logvar orrery.Tensor  [N, L]
---@param given? { generator?: orrery.Generator }
---@return number nats
function information.posterior_information(mean, logvar, given)
  return information.kl_parts(mean, logvar, given).information
end

--- The total correlation of the code: how far the latents are from
--- independent over the data; see kl_parts.
---@param mean orrery.Tensor  [N, L]
---@param logvar orrery.Tensor  [N, L]
---@param given? { generator?: orrery.Generator }
---@return number nats  0 or more, but for the error of the draws
function information.total_correlation(mean, logvar, given)
  return information.kl_parts(mean, logvar, given).correlation
end

return information
