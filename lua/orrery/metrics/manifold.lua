--- Realism and diversity apart, by nearest neighbours in feature space:
--- precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem
--- et al. 2020), and whether training images were learnt by heart.
local orrery = require "orrery"
local options = require "orrery.options"
local resampled = require "orrery.metrics.resampled"
local score = require "orrery.metrics.score"

local manifold = {}

-- Calls fn(distances [n, M], first) for blocks of the rows of x against y, and
-- joins what it returns.
local function by_rows(x, y, fn)
  local parts, block = {}, 500
  for first = 1, x:size(1), block do
    local n = math.min(block, x:size(1) - first + 1)
    parts[#parts + 1] = orrery.tidy(function()
      return fn(x:narrow(1, first, n):cdist(y), first, n)
    end)
  end
  return orrery.cat(parts, 1)
end

-- The distance of each row to its k-th nearest among the others.
local function radii(x, k)
  return by_rows(x, x, function(d, first, n)
    local own = d:narrow(2, first, n)
    d[{ {}, { first, first + n - 1 } }] = own:masked_fill(
      orrery.eye(n, { dtype = "uint8" }), math.huge)
    return (d:kthvalue(k, { axis = 2 }))
  end)
end

-- For each row of y: how many balls around rows of x hold it.
local function balls(y, x, radius)
  return by_rows(y, x, function(d)
    return d:le(radius):double():sum(2)
  end)
end

-- The scores of a family, each the mean of one number per example.
local function scored(o, family, of, n, m)
  local result = {}
  for _, item in ipairs(family) do
    local name, each = item[1], item[2]
    local value, low, high = resampled.mean(each, o,
      orrery.Generator(o.seed))
    result[name] = score { metric = name, value = value, low = low,
      high = high, n = n, m = m, seed = o.seed, extractor = of.extractor,
      hash = of.hash, settings = ("k = %d"):format(o.k) }
  end
  return result
end

local function prepared(who, real, fake, given, k)
  local o = resampled.options(who, given, { k = k }, { "extractor" })
  options.count(who, "k", o.k)
  local x, y, of = resampled.both(who, real, fake, o.extractor, o.k + 1)
  return o, x, y, of
end

--- Improved precision and recall: the share of generated examples within the
--- reach of the k-th neighbour of some real one, and the reverse. The
--- intervals resample the examples judged, with the balls left as they are.
---@param real orrery.Tensor  images [M, C, H, W] or features [M, D]
---@param fake orrery.Tensor  images [N, C, H, W] or features [N, D]
---@param given? { k?: integer, extractor?: orrery.metrics.Extractor,
---   resamples?: integer, seed?: integer, confidence?: number }  k: 3
---@return { precision: orrery.metrics.Score, recall: orrery.metrics.Score }
function manifold.precision_recall(real, fake, given)
  local o, x, y, of = prepared("precision_recall", real, fake, given, 3)
  return scored(o, {
    { "precision", balls(y, x, radii(x, o.k)):gt(0) },
    { "recall", balls(x, y, radii(y, o.k)):gt(0) },
  }, of, y:size(1), x:size(1))
end

--- Density: in how many of the balls around real examples a generated one lies,
--- over k, 1 for equal laws and more where they are dense; an outlier among
--- the real ones does little. Coverage: the share of balls around real examples
--- that hold a generated one, 1 - 2^-k or so for equal laws with n = m.
---@param real orrery.Tensor  images [M, C, H, W] or features [M, D]
---@param fake orrery.Tensor  images [N, C, H, W] or features [N, D]
---@param given? { k?: integer, extractor?: orrery.metrics.Extractor,
---   resamples?: integer, seed?: integer, confidence?: number }  k: 5
---@return { density: orrery.metrics.Score, coverage: orrery.metrics.Score }
function manifold.density_coverage(real, fake, given)
  local o, x, y, of = prepared("density_coverage", real, fake, given, 5)
  local radius = radii(x, o.k)
  local nearest = by_rows(x, y, function(d) return d:amin(2) end)
  return scored(o, { { "density", balls(y, x, radius) / o.k },
    { "coverage", nearest:le(radius) } }, of, y:size(1), x:size(1))
end

--- Was the training set learnt by heart? The share of generated examples whose
--- nearest neighbour among as many training and held-out examples is a training
--- one, ties counting half: 0.5 for a model that copies nothing, 1 for copies
--- (in the spirit of Meehan, Chaudhuri & Dasgupta 2020). Beside it the nearest
--- training example of each, to look at.
---@param fake orrery.Tensor  images [N, C, H, W] or features [N, D]
---@param train orrery.Tensor  [M, ...] what the model learnt from
---@param held orrery.Tensor  [M, ...] as many that it never saw
---@param given? { extractor?: orrery.metrics.Extractor, resamples?: integer,
---   seed?: integer, confidence?: number }
---@return orrery.metrics.Score  with `nearest`, int64 [N], positions in train,
---  and `distance`, float64 [N]
function manifold.memorisation(fake, train, held, given)
  local o = resampled.options("memorisation", given, {}, { "extractor" })
  local x, y, of = resampled.both("memorisation", train, fake, o.extractor, 1)
  local z = resampled.both("memorisation", held, train, o.extractor, 1)
  if x:size(1) ~= z:size(1) then
    require "orrery.blame"("memorisation: %d training and %d held-out "
      .. "examples; give as many of both", x:size(1), z:size(1))
  end
  local at
  local seen = by_rows(y, x, function(d) return d:amin(2) end)
  at = by_rows(y, x, function(d) return d:argmin { axis = 2 } end)
  local unseen = by_rows(y, z, function(d) return d:amin(2) end)
  local each = seen:lt(unseen):double() + seen:eq(unseen):double() / 2
  local value, low, high = resampled.mean(each, o, orrery.Generator(o.seed))
  return score { metric = "memorisation", value = value, low = low,
    high = high, n = y:size(1), m = x:size(1), seed = o.seed,
    extractor = of.extractor, hash = of.hash, nearest = at, distance = seen }
end

return manifold
