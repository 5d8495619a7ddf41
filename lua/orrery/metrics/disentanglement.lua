--- Scores of codes against known factors, by regression and by votes: DCI
--- (Eastwood & Williams 2018), SAP (Kumar, Sattigeri & Balakrishnan 2018), the
--- FactorVAE score (Kim & Mnih 2018) and the beta-VAE score (Higgins et al.
--- 2017).
local orrery = require "orrery"
local blame = require "orrery.blame"
local checks = require "orrery.metrics.checks"
local options = require "orrery.options"
local probes = require "orrery.metrics.probes"

local disentanglement = {}

-- Columns with mean 0 and variance 1; constant ones become 0.
local function standard(x)
  local sd = x:std(1, { correction = 0 })
  return (x - x:mean(1)) / sd:clamp { min = 1e-12 }
end

-- 1 - entropy in base n of each row of weights, and each row's share of all.
local function concentration(weights)
  local total = weights:sum { axis = 2, keepdim = true }
  local p = weights / total:clamp { min = 1e-300 }
  local n = weights:size(2)
  local score = 1 - p:entr():sum(2) / math.log(math.max(n, 2))
  score = orrery.where(total:squeeze(2):gt(0), score, 0)
  return score, (total / total:sum()):squeeze(2)
end

--- Disentanglement and completeness of a matrix of importances: for each code
--- (factor) 1 less the entropy of its row (column) in base of its length,
--- weighed by its share of all importance.
---@param importance orrery.Tensor  [L, K], 0 or more
---@return number disentanglement  0 to 1
---@return number completeness  0 to 1
function disentanglement.dci_scores(importance)
  options.tensor("dci_scores", "importance", importance, "float")
  if importance:dim() ~= 2 or importance:lt(0):any():item() ~= 0 then
    blame("dci_scores: importance is %s; give [L, K] of numbers, 0 or more",
      importance:shape_str())
  end
  local r = importance:detach():to "float64"
  local d, share = concentration(r)
  local c, part = concentration(r:transpose(1, 2))
  return (d * share):sum():item(), (c * part):sum():item()
end

-- Lasso of standardised columns y on standardised x, all y at once: proximal
-- gradient steps with momentum (Beck & Teboulle 2009).
local function lasso(x, y, alpha)
  local n = x:size(1)
  local gram, cross = x:transpose(1, 2):matmul(x) / n,
    x:transpose(1, 2):matmul(y) / n
  local step = 1 / math.max(gram:eigvalsh():amax():item(), 1e-12)
  local w = orrery.zeros_like(cross)
  local at, t = w, 1
  for _ = 1, 500 do
    local moved = at - (gram:matmul(at) - cross) * step
    local next_w = moved:sign() * (moved:abs() - alpha * step):clamp { min = 0 }
    local next_t = (1 + math.sqrt(1 + 4 * t * t)) / 2
    at = next_w + (next_w - w) * ((t - 1) / next_t)
    w, t = next_w, next_t
  end
  return w
end

--- DCI with the Lasso's weights as importances. Factors count as numbers.
---@param codes orrery.Tensor  [N, L]
---@param factors orrery.Tensor  int64 [N, K], from 1
---@param given? { alpha?: number }  weight of the L1 term, 0.01
---@return { disentanglement: number, completeness: number,
---   informativeness: number, importance: orrery.Tensor }
---  informativeness: mean share of the factors' variance that is explained
function disentanglement.dci(codes, factors, given)
  local o = options.take("dci", given, { alpha = 0.01 })
  local z = standard(checks.codes("dci", codes))
  local v = checks.whole("dci", "factors", factors, z:size(1), 2)
  local y = standard(v:to "float64")
  local w = lasso(z, y, options.number("dci", "alpha", o.alpha,
    function(a) return a >= 0 end, "a number, 0 or more"))
  local rest = ((y - z:matmul(w)) ^ 2):mean(1)
  local d, c = disentanglement.dci_scores(w:abs())
  return { disentanglement = d, completeness = c,
    informativeness = 1 - rest:mean():item(), importance = w:abs() }
end

--- SAP: for each factor, the squared correlation of its best code less that
--- of its second best. Factors count as numbers.
---@param codes orrery.Tensor  [N, L]
---@param factors orrery.Tensor  int64 [N, K], from 1
---@return number sap  the mean over factors, 0 to 1
---@return number[] gaps  of each factor
function disentanglement.sap(codes, factors)
  local z = standard(checks.codes("sap", codes))
  local v = checks.whole("sap", "factors", factors, z:size(1), 2)
  local r2 = (z:transpose(1, 2):matmul(standard(v:to "float64"))
    / z:size(1)) ^ 2
  if r2:size(1) == 1 then r2 = orrery.cat({ r2, r2 * 0 }, 1) end
  local best = r2:sort { axis = 1, descending = true }
  local gaps = best[1] - best[2]
  return gaps:mean():item(), gaps:tolist()
end

-- ---- votes: pictures of which one factor is fixed

local function vote_options(who, given)
  local o = options.take(who, given, { votes = 800, batch = 64 },
    { "generator" })
  return options.count(who, "votes", o.votes, 2),
    options.count(who, "batch", o.batch, 2), o.generator
end

-- The factors that vary in the set.
local function varying(set)
  local list = {}
  for k, n in ipairs(set.factor_sizes) do
    if n > 1 then list[#list + 1] = k end
  end
  return list
end

local function codes_of(encode, x)
  return orrery.tidy(function()
    return orrery.no_grad(function() return encode(x):to "float64" end)
  end)
end

-- The share of votes that the majority of the first half foretells in the
-- second; and what would be had by always naming the commonest factor.
local function majority(seen, factor, kinds, latents)
  local half = #seen // 2
  local counts = {}
  for i = 1, half do
    local row = counts[seen[i]] or {}
    counts[seen[i]] = row
    row[factor[i]] = (row[factor[i]] or 0) + 1
  end
  local choice = {}
  for l = 1, latents do
    local best = 0
    for k = 1, kinds do
      if counts[l] and (counts[l][k] or 0) > best then
        best, choice[l] = counts[l][k], k
      end
    end
  end
  local right = 0
  for i = half + 1, #seen do
    if choice[seen[i]] == factor[i] then right = right + 1 end
  end
  return right / (#seen - half)
end

--- The FactorVAE score: one factor is fixed in a batch of pictures; the latent
--- whose scaled variance is least votes for it. Accuracy of the majority vote
--- on held-out votes.
---@param encode fun(x: orrery.Tensor): orrery.Tensor  [B, 1, H, W] -> [B, L]
---@param set orrery.data.ShapesDataset
---@param given? { votes?: integer, batch?: integer,
---   generator?: orrery.Generator }  800 votes of 64 pictures
---@return number accuracy  0 to 1
function disentanglement.factor_vae_score(encode, set, given)
  local votes, batch, generator = vote_options("factor_vae_score", given)
  options.callable("factor_vae_score", "encode", encode)
  checks.factor_set("factor_vae_score", set)
  local kinds = varying(set)
  local some = orrery.randint(1, #set, math.min(#set, 2000),
    { generator = generator })
  local spread = codes_of(encode, (set:get(some))):std(1)
  local alive = spread:gt(0.05 * spread:amax():item())
  local seen, factor = {}, {}
  for i = 1, votes do
    local k = kinds[orrery.randint(1, #kinds, {}, { generator = generator })
      :item()]
    local value = orrery.randint(1, set.factor_sizes[k], {},
      { generator = generator }):item()
    local z = codes_of(encode, (set:with_factor(k, value, batch,
      { generator = generator })))
    local ratio = (z / spread:clamp { min = 1e-12 }):var(1)
    seen[i] = orrery.where(alive, ratio, math.huge):argmin():item()
    factor[i] = k
  end
  return majority(seen, factor, #set.factor_sizes, spread:size(1))
end

--- The beta-VAE score: pairs of pictures that share one factor; a linear
--- classifier names it from the mean difference of their codes. Accuracy on
--- held-out votes.
---@param encode fun(x: orrery.Tensor): orrery.Tensor
---@param set orrery.data.ShapesDataset
---@param given? { votes?: integer, batch?: integer,
---   generator?: orrery.Generator }  800 votes of 64 pairs
---@return number accuracy  0 to 1
function disentanglement.beta_vae_score(encode, set, given)
  local votes, batch, generator = vote_options("beta_vae_score", given)
  options.callable("beta_vae_score", "encode", encode)
  checks.factor_set("beta_vae_score", set)
  local kinds = varying(set)
  local rows, factor = {}, {}
  for i = 1, votes do
    local which = orrery.randint(1, #kinds, {}, { generator = generator })
      :item()
    local k = kinds[which]
    local value = orrery.randint(1, set.factor_sizes[k], batch,
      { generator = generator })
    local function half()
      return codes_of(encode, (set:with_factor(k, value, batch,
        { generator = generator })))
    end
    rows[i], factor[i] = (half() - half()):abs():mean(1), which
  end
  local x = orrery.stack(rows, 1)
  local y = orrery.tensor(factor, { dtype = "int64" })
  local cut = votes // 2
  return probes.linear_probe(x:narrow(1, 1, cut), y:narrow(1, 1, cut),
    x:narrow(1, cut + 1, votes - cut), y:narrow(1, cut + 1, votes - cut))
end

return disentanglement
