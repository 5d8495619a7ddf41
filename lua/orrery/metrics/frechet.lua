--- Distances of the laws of features: Fréchet's between Gaussian fits, and the
--- squared distance of means under a cubic kernel.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local resampled = require "orrery.metrics.resampled"
local score = require "orrery.metrics.score"

local frechet = {}

-- The symmetric root of a positive semidefinite matrix.
local function root(s)
  local values, vectors = s:eigh()
  return (vectors * values:clamp { min = 0 }:sqrt())
    :matmul(vectors:transpose(1, 2))
end

-- |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)); the last trace is that of the
-- symmetric (S1^(1/2) S2 S1^(1/2))^(1/2), whose eigenvalues are real.
local function distance(m1, s1, m2, s2)
  local half = root(s1)
  local cross = half:matmul(s2):matmul(half):eigvalsh():clamp { min = 0 }
  return ((m1 - m2) ^ 2):sum():item() + s1:trace():item()
    + s2:trace():item() - 2 * cross:sqrt():sum():item()
end

local function law(who, i, mean, cov)
  options.tensor(who, "mean" .. i, mean, "float")
  options.tensor(who, "cov" .. i, cov, "float")
  local d = mean:size(1)
  if mean:dim() ~= 1 or cov:shape_str() ~= ("[%d, %d]"):format(d, d) then
    blame("%s: mean%d is %s, cov%d is %s; give [D] and [D, D]", who, i,
      mean:shape_str(), i, cov:shape_str())
  end
  return mean:detach():double(), cov:detach():double()
end

--- The squared Fréchet distance of two Gaussians, which is their squared
--- 2-Wasserstein distance: |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Dowson
--- & Landau 1982). Singular covariances are welcome.
---@param mean1 orrery.Tensor  [D]
---@param cov1 orrery.Tensor  [D, D]
---@param mean2 orrery.Tensor  [D]
---@param cov2 orrery.Tensor  [D, D]
---@return number
function frechet.frechet_distance(mean1, cov1, mean2, cov2)
  local m1, s1 = law("frechet_distance", 1, mean1, cov1)
  local m2, s2 = law("frechet_distance", 2, mean2, cov2)
  if m1:size(1) ~= m2:size(1) then
    blame("frechet_distance: the laws have %d and %d dimensions; match them",
      m1:size(1), m2:size(1))
  end
  return orrery.tidy(function() return distance(m1, s1, m2, s2) end)
end

local function moments(x)
  local mean = x:mean(1)
  local gap = x - mean
  return mean, gap:transpose(1, 2):matmul(gap) / (x:size(1) - 1)
end

--- What samples of n and m examples of one and the same Gaussian are expected
--- to be apart, by their Gaussian fits alone: with the covariance's eigenvalues
--- l, (1 / n + 1 / m) (sum_i l_i + sum_ij (1 + [i = j]) l_i l_j / (l_i + l_j) /
--- 2), to first order in 1 / n. Of N(0, I) in d dimensions with n = m that is
--- (2 d + d (d + 1) / 2) / n.
---@param cov orrery.Tensor  [D, D]
---@param n integer
---@param m integer
---@return number
function frechet.frechet_bias(cov, n, m)
  options.tensor("frechet_bias", "cov", cov, "float")
  options.count("frechet_bias", "n", n)
  options.count("frechet_bias", "m", m)
  return orrery.tidy(function()
    local l = cov:detach():double():eigvalsh():clamp { min = 0 }
    local row, column = l:unsqueeze(1), l:unsqueeze(2)
    local pairs_ = (row * column / (row + column):clamp { min = 1e-300 })
    return (1 / n + 1 / m) * (l:sum() + (pairs_:sum() + pairs_:trace()) / 2)
      :item()
  end)
end

--- Fréchet Inception distance (Heusel et al. 2017) of features' Gaussian fits,
--- with unbiased covariances. It mixes realism and diversity in one number,
--- takes features for Gaussian, and grows as n falls: `bias` in the result is
--- frechet_bias of the real features' covariance and these sizes.
---@param real orrery.Tensor  images [M, C, H, W] or features [M, D]
---@param fake orrery.Tensor  images [N, C, H, W] or features [N, D]
---@param given? { extractor?: orrery.metrics.Extractor, resamples?: integer,
---   seed?: integer, confidence?: number }  resamples: each takes two
---  eigendecompositions of D x D; 100, or none beyond 256 features
---@return orrery.metrics.Score  with `bias`
function frechet.fid(real, fake, given)
  local o = resampled.options("fid", given, {}, { "extractor" })
  local x, y, of = resampled.both("fid", real, fake, o.extractor, 2)
  local m1, s1 = moments(x)
  local m2, s2 = moments(y)
  local value = distance(m1, s1, m2, s2)
  local random, draws = orrery.Generator(o.seed), {}
  local function again(z)
    return moments(z:index_select(1, orrery.randint(1, z:size(1),
      { z:size(1) }, { generator = random })))
  end
  local told = given and given.resamples
  for i = 1, (told or x:size(2) <= 256) and o.resamples or 0 do
    draws[i] = orrery.tidy(function()
      local a, b = again(x)
      return distance(a, b, again(y))
    end)
  end
  local low, high = resampled.interval(value, draws, o.confidence)
  local n, m = y:size(1), x:size(1)
  return score { metric = "fid", value = value, low = low, high = high,
    n = n, m = m, seed = o.seed, extractor = of.extractor, hash = of.hash,
    bias = frechet.frechet_bias(s1, n, m) }
end

-- Sum over pairs i, j of w_i v_j k(x_i, y_j), for every row of weights w and
-- v, [B]; k(x, y) = (x . y / d + 1)^3 (Binkowski et al. 2018). In one set the
-- pairs of an example with itself are left out.
local function kernel_sums(x, w, y, v)
  local sums = orrery.zeros({ w:size(1) }, { dtype = "float64" })
  local block = 500
  for first = 1, x:size(1), block do
    local n = math.min(block, x:size(1) - first + 1)
    sums = orrery.tidy(function()
      local k = (x:narrow(1, first, n):matmul(y:transpose(1, 2)) / x:size(2)
        + 1) ^ 3
      if x == y then
        k[{ {}, { first, first + n - 1 } }] = k:narrow(2, first, n)
          * (1 - orrery.eye(n, { dtype = "float64" }))
      end
      return sums + (w:narrow(2, first, n):matmul(k) * v):sum(2)
    end)
  end
  return sums
end

-- How many pairs of different examples the weights make, [B].
local function own_pairs(w)
  return w:sum(2) ^ 2 - (w ^ 2):sum(2)
end

--- Kernel Inception distance (Binkowski et al. 2018): the squared maximum mean
--- discrepancy of features under (x . y / d + 1)^3, its unbiased estimate,
--- which may be negative.
---@param real orrery.Tensor  images [M, C, H, W] or features [M, D]
---@param fake orrery.Tensor  images [N, C, H, W] or features [N, D]
---@param given? { extractor?: orrery.metrics.Extractor, resamples?: integer,
---   seed?: integer, confidence?: number }
---@return orrery.metrics.Score
function frechet.kid(real, fake, given)
  local o = resampled.options("kid", given, {}, { "extractor" })
  local x, y, of = resampled.both("kid", real, fake, o.extractor, 2)
  local random = orrery.Generator(o.seed)
  local function weights(z)  -- the first row is the sample itself
    local n = z:size(1)
    return orrery.cat({ orrery.ones(1, n, { dtype = "float64" }),
      resampled.weights(n, o.resamples, random) }, 1)
  end
  local w, v = weights(x), weights(y)
  local all = (kernel_sums(x, w, x, w) / own_pairs(w)
    + kernel_sums(y, v, y, v) / own_pairs(v)
    - kernel_sums(x, w, y, v) * 2 / (w:sum(2) * v:sum(2))):tolist()
  local value = table.remove(all, 1)
  local low, high = resampled.interval(value, all, o.confidence)
  return score { metric = "kid", value = value, low = low, high = high,
    n = y:size(1), m = x:size(1), seed = o.seed, extractor = of.extractor,
    hash = of.hash }
end

return frechet
