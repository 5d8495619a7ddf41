--- k-means, and the precision-recall curve of laws that it makes possible.
local orrery = require "orrery"
local blame = require "orrery.blame"
local checks = require "orrery.metrics.checks"
local options = require "orrery.options"
local resampled = require "orrery.metrics.resampled"
local score = require "orrery.metrics.score"

local clusters = {}

-- First centres by k-means++ (Arthur & Vassilvitskii 2007): each next one drawn
-- by its squared distance from those there are.
local function seeded(x, k, random)
  local n = x:size(1)
  local at = orrery.randint(1, n, {}, { generator = random }):item()
  local list, gap = { x[at] }, nil
  for i = 2, k do
    local d = ((x - list[i - 1]) ^ 2):sum(2)
    gap = gap and gap:minimum(d) or d
    local total = gap:cumsum { axis = 1 }
    local u = orrery.rand({ 1 }, { dtype = "float64", generator = random })
      * total[n]
    list[i] = x[math.min(n, total:le(u):sum():item() + 1)]
  end
  return orrery.stack(list, 1)
end

-- Lloyd's rounds until no label changes; an empty cluster keeps its centre.
local function settled(x, centers, rounds)
  local k, labels = centers:size(1), nil
  local ones = orrery.ones({ x:size(1) }, { dtype = "float64" })
  for _ = 1, rounds do
    local now = x:cdist(centers):argmin { axis = 2 }
    if labels and now:equal(labels) then break end
    labels = now
    local sums = orrery.zeros(k, x:size(2), { dtype = "float64" })
      :index_add(1, labels, x)
    local counts = orrery.zeros({ k }, { dtype = "float64" })
      :index_add(1, labels, ones):unsqueeze(2)
    centers = orrery.where(counts:gt(0), sums / counts:clamp { min = 1 },
      centers)
  end
  local inertia = ((x - centers:index_select(1, labels)) ^ 2):sum():item()
  return centers, labels, inertia
end

--- k clusters of least squared distance to their means: Lloyd's rounds from
--- k-means++, the best of some starts.
---@param x orrery.Tensor  [N, D]
---@param k integer
---@param given? { restarts?: integer, rounds?: integer, seed?: integer }
---  3 starts, at most 100 rounds each, seed 1
---@return { centers: orrery.Tensor, labels: orrery.Tensor, inertia: number }
---  float64 [k, D]; int64 [N], from 1; the sum of squared distances
function clusters.kmeans(x, k, given)
  local o = options.take("kmeans", given, { restarts = 3, rounds = 100,
    seed = 1 })
  local z = checks.codes("kmeans", x)
  k = options.count("kmeans", "k", k)
  if k > z:size(1) then
    blame("kmeans: k is %d but x is %s; use 1 to %d", k, x:shape_str(),
      z:size(1))
  end
  options.count("kmeans", "rounds", o.rounds)
  local random, best = orrery.Generator(options.count("kmeans", "seed",
    o.seed, 0)), nil
  for _ = 1, options.count("kmeans", "restarts", o.restarts) do
    local centers, labels, inertia = orrery.tidy(function()
      return settled(z, seeded(z, k, random), o.rounds)
    end)
    if not best or inertia < best.inertia then
      best = { centers = centers, labels = labels, inertia = inertia }
    end
  end
  return best
end

-- How many pairs there are within groups of these sizes.
local function pairs_in(sizes) return (sizes * (sizes - 1)):sum():item() / 2 end

--- How well two groupings of the same examples agree: the share of pairs that
--- both keep together or both part, less what chance gives, over the most it
--- could be (Hubert & Arabie 1985): 1 for the same groups under any names, 0
--- on average for groups at random.
---@param a orrery.Tensor  int64 [N], from 1
---@param b orrery.Tensor  int64 [N], from 1
---@return number
function clusters.adjusted_rand(a, b)
  local who = "adjusted_rand"
  options.tensor(who, "a", a)
  a = checks.whole(who, "a", a, a:numel(), 1)
  b = checks.whole(who, "b", b, a:numel(), 1)
  if a:numel() < 2 then
    blame("%s: a is %s; give two labels or more", who, a:shape_str())
  end
  local table_ = orrery.one_hot(a):double():transpose(1, 2)
    :matmul(orrery.one_hot(b):double())
  local both = pairs_in(table_)
  local of_a, of_b = pairs_in(table_:sum(2)), pairs_in(table_:sum(1))
  local n = a:numel()
  local chance = of_a * of_b / (n * (n - 1) / 2)
  local most = (of_a + of_b) / 2
  -- Nothing to tell: all in one group, or each alone, in both.
  return most == chance and 1 or (both - chance) / (most - chance)
end

-- The slopes at which the curve is taken: tan of angles that part the quarter
-- circle evenly, 1 in the middle; an odd number of them. [angles]
local function slopes(angles)
  local at = orrery.range(1, angles, { dtype = "float64" }) / (angles + 1)
  return (at * (math.pi / 2)):tan()
end

-- Precision and recall along the curve of histograms p (real), q [B, K]:
-- sum min(l p, q) and sum min(p, q / l), [B, angles].
local function curve(p, q, slope)
  local l = slope:reshape(1, -1, 1)
  return (p:unsqueeze(2) * l):minimum(q:unsqueeze(2)):sum(3),
    p:unsqueeze(2):minimum(q:unsqueeze(2) / l):sum(3)
end

-- The largest F_beta on each curve.
local function best_f(precision, recall, beta)
  local b = beta * beta
  local f = precision * recall * (1 + b)
    / (precision * b + recall):clamp { min = 1e-300 }
  return f:amax(2)
end

local function shares(labels, w, k)
  local hot = labels:one_hot(k):double()
  return w:matmul(hot) / labels:size(1)
end

local function with_all(n, count, random)
  return orrery.cat({ orrery.ones(1, n, { dtype = "float64" }),
    resampled.weights(n, count, random) }, 1)
end

--- Precision and recall of laws (Sajjadi et al. 2018): both samples are put
--- into clusters, and for each slope l precision is sum min(l P, Q), recall sum
--- min(P, Q / l) of their histograms P (real) and Q. F8 stands for recall, F1/8
--- for precision: 1 for equal samples, 0 for disjoint ones. The curve is the
--- mean over runs of k-means; the intervals resample the examples.
---@param real orrery.Tensor  images [M, C, H, W] or features [M, D]
---@param fake orrery.Tensor  images [N, C, H, W] or features [N, D]
---@param given? { clusters?: integer, angles?: integer, runs?: integer,
---   extractor?: orrery.metrics.Extractor, resamples?: integer,
---   seed?: integer, confidence?: number }  20 clusters, 201 angles, 5 runs
---@return { f8: orrery.metrics.Score, f1_8: orrery.metrics.Score,
---   precision: orrery.Tensor, recall: orrery.Tensor }  the curve, [angles]
function clusters.prd(real, fake, given)
  local o = resampled.options("prd", given, { clusters = 20, angles = 201,
    runs = 5 }, { "extractor" })
  local k = options.count("prd", "clusters", o.clusters, 2)
  if options.count("prd", "angles", o.angles, 3) % 2 == 0 then
    blame("prd: angles is %d; give an odd number, so that slope 1 is one",
      o.angles)
  end
  local x, y, of = resampled.both("prd", real, fake, o.extractor, 1)
  local m, n = x:size(1), y:size(1)
  local all, random = orrery.cat({ x, y }, 1), orrery.Generator(o.seed)
  local w, v = with_all(m, o.resamples, random),
    with_all(n, o.resamples, random)
  local slope, f8, f1_8, precision, recall = slopes(o.angles), 0, 0, 0, 0
  for run = 1, options.count("prd", "runs", o.runs) do
    local labels = clusters.kmeans(all, k, { restarts = 1, rounds = 20,
      seed = o.seed * 1000 + run }).labels
    local a, b = curve(shares(labels:narrow(1, 1, m), w, k),
      shares(labels:narrow(1, m + 1, n), v, k), slope)
    f8, f1_8 = f8 + best_f(a, b, 8) / o.runs,
      f1_8 + best_f(a, b, 1 / 8) / o.runs
    precision, recall = precision + a[1] / o.runs, recall + b[1] / o.runs
  end
  local function scored(name, values)
    local draws = values:tolist()
    local value = table.remove(draws, 1)
    local low, high = resampled.interval(value, draws, o.confidence)
    return score { metric = name, value = value, low = low, high = high,
      n = n, m = m, seed = o.seed, extractor = of.extractor, hash = of.hash,
      settings = ("clusters = %d, angles = %d, runs = %d"):format(k,
        o.angles, o.runs) }
  end
  return { f8 = scored("prd_f8", f8), f1_8 = scored("prd_f1_8", f1_8),
    precision = precision:clamp(0, 1), recall = recall:clamp(0, 1) }
end

return clusters
