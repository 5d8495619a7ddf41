--- How smooth the way from a latent to an image is: perceptual path length, and
--- whether attributes part along hyperplanes (Karras, Laine & Aila 2019).
local orrery = require "orrery"
local blame = require "orrery.blame"
local checks = require "orrery.metrics.checks"
local options = require "orrery.options"
local resampled = require "orrery.metrics.resampled"
local score = require "orrery.metrics.score"

local paths = {}

-- The angle between rows of a and b, [N, 1], away from 0 and pi.
local function angle(a, b)
  local cos = (a * b):sum { axis = -1, keepdim = true }
    / (a:norm { axis = -1, keepdim = true }
      * b:norm { axis = -1, keepdim = true })
  return cos:clamp(-1 + 1e-7, 1 - 1e-7):acos()
end

local function rows(who, a, b)
  options.tensor(who, "a", a, "float")
  options.tensor(who, "b", b, "float")
  if a:dim() ~= 2 or a:shape_str() ~= b:shape_str() then
    blame("%s: a is %s, b is %s; give [N, D] of both", who, a:shape_str(),
      b:shape_str())
  end
end

-- The point at t on the arc, and its derivative by t.
local function slerp(a, b, t)
  local theta = angle(a, b)
  local one, two = theta * (1 - t), theta * t
  local sine = theta:sin()
  return (a * one:sin() + b * two:sin()) / sine,
    (b * two:cos() - a * one:cos()) * theta / sine
end

local function lerp(a, b, t) return a + (b - a) * t, b - a end

--- The point a share t of the angle from a to b (Shoemake 1985), for rows of
--- any length: where draws of a normal law in many dimensions lie.
---@param a orrery.Tensor  [N, D]
---@param b orrery.Tensor  [N, D]
---@param t number|orrery.Tensor  0 to 1, one or [N, 1]
---@return orrery.Tensor point  [N, D]
---@return orrery.Tensor velocity  its derivative by t, [N, D]
function paths.slerp(a, b, t)
  rows("slerp", a, b)
  if not orrery.is_tensor(t) then options.number("slerp", "t", t) end
  return slerp(a, b, t)
end

-- |d f(path(t)) / dt|^2 of each row, [B]: exact, or over a step of epsilon.
local function speeds(f, path, a, b, t, epsilon)
  local z, velocity = path(a, b, t)
  local change
  if epsilon == 0 then
    local _, along = orrery.jvp(f, z, velocity)
    change = along
  else
    change = orrery.no_grad(function()
      return (f((path(a, b, t + epsilon))) - f(z)) / epsilon
    end)
  end
  return (change:double() ^ 2):flatten(2):sum(2)
end

local function drawer(who, o)
  if o.draw then return options.callable(who, "draw", o.draw) end
  local d = options.count(who, "latent", o.latent)
  return function(n, random)
    return orrery.randn({ n, d }, { generator = random })
  end
end

--- Perceptual path length: the mean squared speed of the image, or of its
--- features, as the latent goes from one draw to another; 2 |A|^2 for a linear
--- map A of N(0, I) and straight ways. The speed is the exact derivative along
--- the way; with epsilon the paper's difference quotient.
---@param generate fun(z: orrery.Tensor): orrery.Tensor  [B, D] -> [B, ...]
---@param given table  latent = D, or draw = function(n, generator) -> [n, D];
---  n = 1000 pairs; space = "w" for straight ways, "z" for arcs; epsilon = 0;
---  batch = 100; extractor: distances of its features, else of pixels;
---  resamples, seed, confidence
---@return orrery.metrics.Score
function paths.ppl(generate, given)
  local who = "ppl"
  options.callable(who, "generate", generate)
  local o = resampled.options(who, given, { n = 1000, space = "z",
    epsilon = 0, batch = 100 }, { "latent", "draw", "extractor" })
  local path = o.space == "z" and slerp or o.space == "w" and lerp
    or blame("ppl: space is %s; use \"z\" or \"w\"", options.shown(o.space))
  options.number(who, "epsilon", o.epsilon, function(e) return e >= 0 end,
    "a number, 0 or more")
  local n, batch = options.count(who, "n", o.n),
    options.count(who, "batch", o.batch)
  local draw, random, parts = drawer(who, o), orrery.Generator(o.seed), {}
  local function f(z)
    local x = generate(z)
    return o.extractor and o.extractor:embed(x) or x
  end
  for first = 1, n, batch do
    local some = math.min(batch, n - first + 1)
    parts[#parts + 1] = orrery.tidy(function()
      local a, b = draw(some, random), draw(some, random)
      local t = orrery.rand({ some, 1 }, { generator = random,
        dtype = a.dtype })
      return speeds(f, path, a, b, t, o.epsilon)
    end)
  end
  local value, low, high = resampled.mean(orrery.cat(parts, 1), o, random)
  return score { metric = who, value = value, low = low, high = high, n = n,
    seed = o.seed, extractor = o.extractor and o.extractor.name,
    hash = o.extractor and o.extractor.hash, settings =
      ("space = %s, epsilon = %g"):format(o.space, o.epsilon) }
end

--- H(Y | X) of a table of joint counts or probabilities.
---@param joint orrery.Tensor  [X, Y], 0 or more
---@return number nats
function paths.conditional_entropy(joint)
  options.tensor("conditional_entropy", "joint", joint)
  if joint:dim() ~= 2 or joint:lt(0):any():item() ~= 0
    or joint:sum():item() == 0 then
    blame("conditional_entropy: joint is %s; give a table [X, Y] of counts",
      joint:shape_str())
  end
  local p = joint:double() / joint:double():sum():item()
  return p:entr():sum():item() - p:sum(2):entr():sum():item()
end

--- Hyperplanes that part codes with an attribute from those without: logistic
--- regression of all attributes at once, 300 full steps of Adam on standardised
--- codes. An attribute is predicted where codes w + b > 0.
---@param codes orrery.Tensor  [N, D]
---@param attributes orrery.Tensor  [N, K] of 0 and 1
---@return orrery.Tensor w  float64 [D, K]
---@return orrery.Tensor b  float64 [K]
function paths.hyperplanes(codes, attributes)
  local z = checks.codes("hyperplanes", codes)
  options.tensor("hyperplanes", "attributes", attributes)
  local y = attributes:double()
  if y:dim() ~= 2 or y:size(1) ~= z:size(1) then
    blame("hyperplanes: attributes are %s for %d codes; give [N, K] of 0 and "
      .. "1", attributes:shape_str(), z:size(1))
  end
  local mean, sd = z:mean(1), z:std(1):clamp { min = 1e-12 }
  local x = (z - mean) / sd
  local like = { dtype = "float64", requires_grad = true }
  local w = orrery.zeros({ x:size(2), y:size(2) }, like)
  local b = orrery.zeros({ y:size(2) }, like)
  local opt = orrery.optim.Adam({ w, b }, { lr = 0.1 })
  orrery.enable_grad(function()
    for _ = 1, 300 do
      orrery.tidy(function()
        opt:minimize(orrery.binary_cross_entropy_with_logits(
          x:matmul(w) + b, y) * y:size(2) + (w ^ 2):sum() * 1e-4)
      end)
    end
  end)
  local raw = w:detach() / sd:unsqueeze(2)
  return raw, b:detach() - mean:matmul(raw)
end

-- H(attribute | side) in the examples that the weights w [N] count, nats.
local function entropy_left(said, truth, w)
  local cells = {}
  for a = 0, 1 do
    local row = {}
    for b = 0, 1 do
      row[b + 1] = (said:eq(a):double() * truth:eq(b):double() * w):sum()
        :item()
    end
    cells[a + 1] = row
  end
  return paths.conditional_entropy(orrery.tensor(cells,
    { dtype = "float64" }))
end

--- Separability: exp of the sum over attributes of H(attribute | side of the
--- best hyperplane), in latents. 1 when hyperplanes tell all, 2 for one even
--- attribute of which they tell nothing. The hyperplanes are those of logistic
--- regression (the paper takes a linear SVM); the intervals leave them fixed.
---@param latents orrery.Tensor  [N, D]
---@param attributes orrery.Tensor  [N, K] of 0 and 1
---@param given? { resamples?: integer, seed?: integer, confidence?: number }
---@return orrery.metrics.Score  with `entropies`, nats of each attribute
function paths.separability(latents, attributes, given)
  local who = "separability"
  local o = resampled.options(who, given)
  local z = checks.codes(who, latents)
  options.tensor(who, "attributes", attributes)
  local y = attributes:double()
  if y:dim() ~= 2 or y:size(1) ~= z:size(1)
    or y:ne(0):logical_and(y:ne(1)):any():item() ~= 0 then
    blame("%s: attributes are %s for %d latents; give [N, K] of 0 and 1", who,
      attributes:shape_str(), z:size(1))
  end
  local w, b = paths.hyperplanes(z, y)
  local said, n = (z:matmul(w) + b):gt(0):double(), z:size(1)
  local function value_of(weights)
    local list, total = {}, 0
    for k = 1, y:size(2) do
      list[k] = entropy_left(said:select(2, k), y:select(2, k), weights)
      total = total + list[k]
    end
    return math.exp(total), list
  end
  local value, entropies = value_of(orrery.ones({ n },
    { dtype = "float64" }))
  local draws = {}
  local counts = resampled.weights(n, o.resamples, orrery.Generator(o.seed))
  for i = 1, o.resamples do
    draws[i] = orrery.tidy(function() return (value_of(counts[i])) end)
  end
  local low, high = resampled.interval(value, draws, o.confidence)
  return score { metric = who, value = value, low = low, high = high, n = n,
    seed = o.seed, settings = ("attributes = %d"):format(y:size(2)),
    entropies = entropies }
end

return paths
