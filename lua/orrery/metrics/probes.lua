--- How well labels can be read from codes: nearest neighbours, a linear
--- classifier, and principal components as the linear baseline.
local orrery = require "orrery"
local blame = require "orrery.blame"
local checks = require "orrery.metrics.checks"
local options = require "orrery.options"

local probes = {}

local function pairs_of(who, x, y, held_x, held_y)
  local a, b = checks.codes(who, x), checks.codes(who, held_x)
  if a:size(2) ~= b:size(2) then
    blame("%s: codes are %s to learn from and %s to test; match their length",
      who, x:shape_str(), held_x:shape_str())
  end
  return a, checks.whole(who, "labels", y, a:size(1), 1), b,
    checks.whole(who, "labels", held_y, b:size(1), 1)
end

--- Accuracy of the k nearest neighbours, by Euclidean distance; of classes
--- with as many votes the one with the nearest neighbour wins.
---@param codes orrery.Tensor  [N, L] to learn from
---@param labels orrery.Tensor  int64 [N], from 1
---@param held_codes orrery.Tensor  [M, L]
---@param held_labels orrery.Tensor  int64 [M]
---@param given? { k?: integer }  5
---@return number accuracy  0 to 1
function probes.knn_accuracy(codes, labels, held_codes, held_labels, given)
  local o = options.take("knn_accuracy", given, { k = 5 })
  local x, y, held_x, held_y = pairs_of("knn_accuracy", codes, labels,
    held_codes, held_labels)
  local k = math.min(options.count("knn_accuracy", "k", o.k), x:size(1))
  local classes = math.max(y:amax():item(), held_y:amax():item())
  -- Votes 1 each; nearer ones a little more, less than a vote in all.
  local weight = 1 + orrery.range(k, 1, { step = -1, dtype = "float64" })
    / (2 * k * k)
  local right = 0
  for first = 1, held_x:size(1), 500 do
    local n = math.min(500, held_x:size(1) - first + 1)
    right = right + orrery.tidy(function()
      local d = held_x:narrow(1, first, n):cdist(x)
      local _, at = d:topk(k, { axis = 2, largest = false })
      local near = y:index_select(1, at:reshape(-1)):reshape(n, k)
      local votes = orrery.zeros({ n, classes }, { dtype = "float64" })
        :scatter_add(2, near, weight:unsqueeze(1):expand(n, k))
      return votes:argmax { axis = 2 }:eq(held_y:narrow(1, first, n)):sum()
        :item()
    end)
  end
  return right / held_x:size(1)
end

--- Accuracy of a linear classifier (softmax regression with a small L2 term,
--- fitted to standardised codes by 300 full steps of Adam).
---@param codes orrery.Tensor  [N, L] to learn from
---@param labels orrery.Tensor  int64 [N], from 1
---@param held_codes orrery.Tensor  [M, L]
---@param held_labels orrery.Tensor  int64 [M]
---@param given? { steps?: integer, l2?: number }  300, 1e-4
---@return number accuracy  0 to 1
function probes.linear_probe(codes, labels, held_codes, held_labels, given)
  local o = options.take("linear_probe", given, { steps = 300, l2 = 1e-4 })
  local x, y, held_x, held_y = pairs_of("linear_probe", codes, labels,
    held_codes, held_labels)
  local mean, sd = x:mean(1), x:std(1):clamp { min = 1e-12 }
  local function scaled(v) return (v - mean) / sd end
  x, held_x = scaled(x), scaled(held_x)
  local classes = math.max(y:amax():item(), held_y:amax():item())
  local like = { dtype = "float64", requires_grad = true }
  local w = orrery.zeros({ x:size(2), classes }, like)
  local b = orrery.zeros({ classes }, like)
  local opt = orrery.optim.Adam({ w, b }, { lr = 0.1 })
  orrery.enable_grad(function()
    for _ = 1, options.count("linear_probe", "steps", o.steps) do
      opt:minimize(orrery.nn.functional.cross_entropy(x:matmul(w) + b, y)
        + (w ^ 2):sum() * o.l2)
    end
  end)
  local said = (held_x:matmul(w) + b):detach():argmax { axis = 2 }
  return said:eq(held_y):sum():item() / held_y:size(1)
end

---@class orrery.metrics.PCA
---@field mean orrery.Tensor  float64 [D]
---@field components orrery.Tensor  float64 [k, D], orthonormal rows
---@field variances orrery.Tensor  of all components, falling, float64
local PCA = {}
PCA.__index = PCA

--- Principal components (Pearson 1901): the plane of k dimensions that loses
--- least in squared error.
---@param x orrery.Tensor  [N, D]
---@param k integer
---@return orrery.metrics.PCA
function probes.pca(x, k)
  local z = checks.codes("pca", x)
  k = options.count("pca", "k", k)
  if k > z:size(2) then
    blame("pca: k is %d but x is %s; use 1 to %d", k, x:shape_str(),
      z:size(2))
  end
  local mean = z:mean(1)
  local gap = z - mean
  local values, vectors = (gap:transpose(1, 2):matmul(gap) / z:size(1)):eigh()
  return setmetatable({ mean = mean, variances = values:flip(1),
    components = vectors:flip(2):narrow(2, 1, k):transpose(1, 2) }, PCA)
end

--- Codes [N, k] of x [N, D].
function PCA:encode(x)
  return (x:to "float64" - self.mean):matmul(self.components:transpose(1, 2))
end

--- x [N, D] of codes [N, k].
function PCA:decode(z) return z:matmul(self.components) + self.mean end

--- Mean squared error per example of what comes back.
---@param x orrery.Tensor  [N, D]
---@return number
function PCA:error(x)
  local y = self:decode(self:encode(x))
  return ((y - x:to "float64") ^ 2):sum(2):mean():item()
end

return probes
