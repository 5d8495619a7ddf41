--- How much codes tell about factors: mutual information, and the mutual
--- information gap (Chen et al. 2018).
local orrery = require "orrery"
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

--- I(x; z) under q: the mean over examples of log q(z | x) / q(z), q(z) the
--- mixture of all N posteriors (Hoffman & Johnson 2016), at one draw each. At
--- most log N.
---@param mean orrery.Tensor  [N, L]
---@param logvar orrery.Tensor  [N, L]
---@param given? { generator?: orrery.Generator }
---@return number nats
function information.posterior_information(mean, logvar, given)
  local o = options.take("posterior_information", given, {}, { "generator" })
  local m = checks.codes("posterior_information", mean)
  local s = (logvar:detach():to "float64" * 0.5):exp()
  local dist = require "orrery.dist"
  local q = dist.Independent(dist.Normal(m, s), 1)
  local z = q:sample(nil, { generator = o.generator })
  local n, sum = m:size(1), 0
  local own = q:log_prob(z)
  for first = 1, n, 100 do
    local some = math.min(100, n - first + 1)
    local all = q:log_prob(z:narrow(1, first, some):unsqueeze(2))  -- [some, N]
    sum = sum + (own:narrow(1, first, some)
      - all:logsumexp { axis = 2 }):sum():item()
  end
  return sum / n + math.log(n)
end

return information
