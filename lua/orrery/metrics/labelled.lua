--- What a classifier says of generated images: the Inception score, and the
--- accuracy of a classifier that learnt from generated images alone.
local orrery = require "orrery"
local blame = require "orrery.blame"
local checks = require "orrery.metrics.checks"
local options = require "orrery.options"
local resampled = require "orrery.metrics.resampled"
local score = require "orrery.metrics.score"

local labelled = {}

-- p(y | x) of each image, [N, K], and whose opinion it is.
local function opinions(x, extractor)
  options.tensor("inception_score", "x", x, "float")
  if x:dim() == 4 then
    extractor = extractor or require "orrery.metrics.extractor"()
    return extractor:probs(x):double(), extractor.name, extractor.hash
  end
  if x:dim() ~= 2 or x:size(1) == 0 then
    blame("inception_score: x is %s; give images [N, C, H, W] or "
      .. "probabilities [N, K]", x:shape_str())
  end
  local p = x:detach():double()
  if p:lt(0):any():item() ~= 0
    or (p:sum(2) - 1):abs():amax():item() > 1e-4 then
    blame("inception_score: a row of x has not sum 1; give probabilities, "
      .. "after the softmax")
  end
  return p, extractor and extractor.name, extractor and extractor.hash
end

-- exp(H(mean of p) - mean of H(p)) for each row of weights, [B].
local function scores(p, w)
  local n = p:size(1)
  local each = p:entr():sum(2)
  return ((w:matmul(p) / n):entr():sum(2) - w:mv(each) / n):exp()
end

--- The Inception score exp(E KL(p(y|x) || p(y))) (Salimans et al. 2016): from 1
--- to K, high for classes told with confidence and all of them seen. It never
--- looks at a real image: noise that a classifier is sure of scores K.
---@param x orrery.Tensor  images [N, C, H, W] or probabilities [N, K]
---@param given? { splits?: integer, extractor?: orrery.metrics.Extractor,
---   resamples?: integer, seed?: integer, confidence?: number }  splits: the
---  mean over so many parts of the sample, 1; the paper's tables take 10
---@return orrery.metrics.Score
function labelled.inception_score(x, given)
  local who = "inception_score"
  local o = resampled.options(who, given, { splits = 1 }, { "extractor" })
  local p, name, hash = opinions(x, o.extractor)
  local n, parts = p:size(1), options.count(who, "splits", o.splits)
  if parts > n then
    blame("%s: splits is %d but there are %d examples", who, parts, n)
  end
  local random, sums = orrery.Generator(o.seed), 0
  for i = 1, parts do
    local first = (i - 1) * n // parts + 1
    local part = p:narrow(1, first, i * n // parts - first + 1)
    local size = part:size(1)
    sums = sums + scores(part, orrery.cat({
      orrery.ones(1, size, { dtype = "float64" }),
      resampled.weights(size, o.resamples, random) }, 1)) / parts
  end
  local draws = sums:tolist()
  local value = table.remove(draws, 1)
  local low, high = resampled.interval(value, draws, o.confidence)
  return score { metric = who, value = value, low = low, high = high, n = n,
    seed = o.seed, extractor = name, hash = hash,
    settings = ("splits = %d"):format(parts) }
end

-- A convolutional network of the shipped classifier's shape, fitted.
local function fitted(x, y, o, classes)
  local Classifier = require "orrery.metrics.classifier"
  local before = orrery.get_rng_state()
  orrery.manual_seed(o.seed)
  local net = Classifier { classes = classes }
  orrery.set_rng_state(before)
  local opt = orrery.optim.Adam(net, { lr = o.lr })
  local set = orrery.data.TensorDataset(x, y)
  for _ = 1, o.epochs do
    for a, b in set:batches(o.batch, { shuffle = true,
      generator = orrery.Generator(o.seed) }) do
      orrery.tidy(function()
        opt:minimize(orrery.nn.functional.cross_entropy(net(a), b))
      end)
    end
  end
  return net:eval()
end

--- Classifier accuracy score (Ravuri & Vinyals 2019): a classifier learns from
--- generated images and their wanted labels, and is tried on real ones. Near
--- the score of a classifier that learnt from real images when the generator
--- leaves nothing out. Images are grey, 28 x 28.
---@param x orrery.Tensor  generated, [N, 1, 28, 28], 0 to 1
---@param y orrery.Tensor  int64 [N], from 1
---@param real orrery.Tensor  [M, 1, 28, 28]
---@param labels orrery.Tensor  int64 [M]
---@param given? { epochs?: integer, batch?: integer, lr?: number,
---   resamples?: integer, seed?: integer, confidence?: number }  5 epochs of
---  batches of 100, lr 2e-3
---@return orrery.metrics.Score
function labelled.classifier_accuracy_score(x, y, real, labels, given)
  local who = "classifier_accuracy_score"
  local o = resampled.options(who, given, { epochs = 5, batch = 100,
    lr = 2e-3 })
  for i, name in ipairs { "x", "real" } do
    local image = options.tensor(who, name, i == 1 and x or i == 2 and real
      or nil, "float")
    if image:dim() ~= 4 or image:size(2) ~= 1 or image:size(3) ~= 28
      or image:size(4) ~= 28 then
      blame("%s: %s is %s; give images [N, 1, 28, 28]", who, name,
        image:shape_str())
    end
  end
  checks.whole(who, "y", y, x:size(1), 1)
  checks.whole(who, "labels", labels, real:size(1), 1)
  options.count(who, "epochs", o.epochs)
  options.count(who, "batch", o.batch, 2)
  local net = fitted(x:detach(), y:long(), o,
    math.max(y:amax():item(), labels:amax():item()))
  local said = orrery.no_grad(function()
    return net(real):argmax { axis = 2 }
  end)
  local value, low, high = resampled.mean(said:eq(labels:long()), o,
    orrery.Generator(o.seed))
  return score { metric = who, value = value, low = low, high = high,
    n = x:size(1), m = real:size(1), seed = o.seed,
    settings = ("epochs = %d, batch = %d, lr = %g"):format(o.epochs, o.batch,
      o.lr) }
end

return labelled
