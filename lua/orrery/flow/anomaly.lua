--- Anomaly detection: what a model of normal examples does not expect
--- (Bishop 1994). A score is higher the stranger an example is; metrics.auroc,
--- average_precision and threshold tell how well it ranks.
---
---     local nll = flow.anomaly.nll(model, x)           -- trained on normal x
---     local cut = flow.anomaly.threshold(of_held_out_normal, 0.05)
---     local strange = nll:ge(cut)
---     print(flow.anomaly.judged(nll, labels).auroc)
---
--- Of large pictures score `patches`, and join the scores by `of_patches`.
---
--- A likelihood is no certain judge: smooth pictures may be more likely than
--- any a model was trained on. typicality and ratio are two answers to that.
local orrery = require "orrery"
local blame = require "orrery.blame"
local metrics = require "orrery.metrics"
local options = require "orrery.options"
local plot = require "orrery.plot"

local anomaly = {}

-- Scores [N] as float64, off any graph.
local function column(who, name, x)
  options.tensor(who, name, x, "float")
  if x:dim() ~= 1 or x:size(1) == 0 then
    blame("%s: %s are %s; give [N], one or more", who, name, x:shape_str())
  end
  return x:detach():double()
end

local function law_of(who, model)
  local kind = type(model)
  if (kind == "table" or kind == "userdata") and model.log_prob then
    return function(x) return model:log_prob(x) end
  elseif kind == "function" then
    return model
  end
  blame("%s: the model is %s; give one with log_prob, or a function of x that "
    .. "gives log p(x)", who, options.shown(model))
end

--- -log p(x), in nats, found in pieces, without gradients. Where log p draws
--- (noise on the levels of pixels, the code of a VAE) the mean of several.
---@param model table|fun(x: orrery.Tensor): orrery.Tensor  anything with
---  log_prob, or what gives log p(x) [B] of x [B, ...]
---@param x orrery.Tensor  [N, ...]
---@param given? { draws?: integer, batch?: integer }  1; 500
---@return orrery.Tensor nats  float64 [N]
function anomaly.nll(model, x, given)
  local who = "anomaly.nll"
  local o = options.take(who, given, { draws = 1, batch = 500 })
  local draws = options.count(who, "draws", o.draws)
  local batch = options.count(who, "batch", o.batch)
  local law = law_of(who, model)
  options.tensor(who, "x", x)
  if x:dim() == 0 or x:size(1) == 0 then
    blame("%s: x is %s; give [N, ...], one or more", who, x:shape_str())
  end
  local n, parts = x:size(1), {}
  for first = 1, n, batch do
    local some = x:narrow(1, first, math.min(batch, n - first + 1))
    parts[#parts + 1] = orrery.tidy(orrery.no_grad, function()
      local total = 0
      for _ = 1, draws do
        local nats = law(some)
        if not options.is_tensor(nats)
            or nats:shape_str() ~= ("[%d]"):format(some:size(1)) then
          blame("%s: log p is %s for x %s; give one number for each row", who,
            options.is_tensor(nats) and nats:shape_str()
              or options.shown(nats), some:shape_str())
        end
        total = total - nats:double()
      end
      return total / draws
    end)
  end
  return orrery.cat(parts, 1)
end

--- How far a negative log-likelihood is from what normal examples have, either
--- way: what is too likely is strange as well (Nalisnick et al. 2019). With
--- `group`, of the mean of so many scores one after another.
---@param scores orrery.Tensor  [N], nats
---@param normal orrery.Tensor  [M], those of normal examples
---@param given? { group?: integer }  1
---@return orrery.Tensor nats  float64 [N // group]
function anomaly.typicality(scores, normal, given)
  local who = "anomaly.typicality"
  local o = options.take(who, given, { group = 1 })
  local group = options.count(who, "group", o.group)
  local s = column(who, "scores", scores)
  local entropy = column(who, "normal", normal):mean()
  local groups = s:size(1) // group
  if groups == 0 then
    blame("%s: group is %d but there are %d scores; take a smaller one", who,
      group, s:size(1))
  end
  return (s:narrow(1, 1, groups * group):reshape(groups, group):mean(2)
    - entropy):abs()
end

--- What a model of the background alone finds no less likely is no anomaly:
--- log p_background(x) - log p(x) (Ren et al. 2019). Such a model is trained
--- alike on `perturbed` examples.
---@param scores orrery.Tensor  [N], -log p, nats
---@param background orrery.Tensor  [N], -log p_background of the same examples
---@return orrery.Tensor nats  float64 [N]
function anomaly.ratio(scores, background)
  local who = "anomaly.ratio"
  local a = column(who, "scores", scores)
  local b = column(who, "background", background)
  if a:size(1) ~= b:size(1) then
    blame("%s: %d scores but %d of the background; give both of the same "
      .. "examples", who, a:size(1), b:size(1))
  end
  return a - b
end

--- Examples some of whose numbers are drawn afresh, uniform in [0, 1), each
--- with this chance: what they mean is gone, how they look on the whole is not.
---@param x orrery.Tensor  [N, ...]
---@param chance number  of each number, 0 to 1; Ren et al. take 0.1 to 0.3
---@param generator? orrery.Generator
---@return orrery.Tensor x  alike
function anomaly.perturbed(x, chance, generator)
  local who = "anomaly.perturbed"
  options.tensor(who, "x", x, "float")
  options.number(who, "chance", chance, function(v)
    return v >= 0 and v <= 1
  end, "a number from 0 to 1")
  local o = { dtype = x.dtype, generator = generator }
  local hit = orrery.rand({ x:shape() }, o):lt(chance)
  return orrery.where(hit, orrery.rand({ x:shape() }, o), x)
end

--- The normal law with the mean and the whole covariance of examples: the
--- closed form that a learned model has to beat.
---@param x orrery.Tensor  [N, D]
---@param given? { ridge?: number }  0, added to each variance
---@return orrery.dist.Distribution law  of [D], float64
function anomaly.gaussian(x, given)
  local who = "anomaly.gaussian"
  local o = options.take(who, given, { ridge = 0 })
  options.tensor(who, "x", x, "float")
  options.number(who, "ridge", o.ridge, function(v) return v >= 0 end,
    "a number from 0 on")
  if x:dim() ~= 2 or x:size(1) < 2 then
    blame("%s: x is %s; give [N, D] with two examples or more", who,
      x:shape_str())
  end
  local y = x:detach():double()
  local mean = y:mean(1)
  local off = y - mean
  local covariance = off:transpose(1, 2):matmul(off) / y:size(1)
    + orrery.eye(y:size(2)):double() * o.ridge
  local ok, root = pcall(function() return covariance:cholesky() end)
  if not ok then
    blame("%s: the covariance of %d examples of %d numbers is singular; give "
      .. "more, or { ridge = 1e-3 }", who, y:size(1), y:size(2))
  end
  return orrery.dist.MultivariateNormal(mean, { scale_tril = root })
end

--- The score from which on so few normal examples count as strange: at most
--- this share of them has it or more. Infinite where even one is too many.
---@param normal orrery.Tensor  [N], scores of held-out normal examples
---@param rate number  of false alarms, 0 to 1
---@return number score
function anomaly.threshold(normal, rate)
  local who = "anomaly.threshold"
  local s = column(who, "scores", normal):sort { descending = true }
  options.number(who, "rate", rate, function(v) return v >= 0 and v <= 1 end,
    "a number from 0 to 1")
  local n = s:size(1)
  local at = math.floor(rate * n * (1 + 1e-12))
  while at > 0 and at < n and s[at]:item() == s[at + 1]:item() do
    at = at - 1  -- equal scores stand or fall together
  end
  return at > 0 and s[at]:item() or math.huge
end

--- All that is to be said of a score at once.
---@param scores orrery.Tensor  [N]
---@param labels orrery.Tensor  [N], 1 for an anomaly, 0 for a normal example
---@param given? { rate?: number, resamples?: integer, seed?: integer }
---  rate: of false alarms, 0.05
---@return { auroc: orrery.metrics.Score, auprc: orrery.metrics.Score,
---   prevalence: number, f1: table, at_rate: table }  prevalence: what
---  `auprc` is of a random score; f1, at_rate: as metrics.threshold gives them
function anomaly.judged(scores, labels, given)
  local o = options.take("anomaly.judged", given, { rate = 0.05 },
    { "resamples", "seed" })
  local how = { resamples = o.resamples, seed = o.seed }
  return { auroc = metrics.auroc(scores, labels, how),
    auprc = metrics.average_precision(scores, labels, how),
    prevalence = labels:double():mean():item(),
    f1 = metrics.threshold(scores, labels, "f1"),
    at_rate = metrics.threshold(scores, labels, { fpr = o.rate }) }
end

-- Scores of one kind, and where they stand.
local function kind(scores, labels, label)
  local at = labels:double():eq(label):nonzero():select(2, 1)
  return scores:index_select(1, at), at
end

-- Where most scores are: the middle 98 %, no further from the middle half than
-- five times its width (a flow's scores of strangers have no bounds).
local function middle(s)
  local sorted, n = s:sort(), s:size(1)
  local function at(share)
    return sorted[1 + math.floor(share * (n - 1) + 0.5)]:item()
  end
  local q1, q3 = at(0.25), at(0.75)
  local reach = q3 > q1 and 5 * (q3 - q1) or math.huge
  return math.max(at(0.01), q1 - reach), math.min(at(0.99), q3 + reach)
end

--- Both kinds' scores as densities in one frame, over the middle 98 % of all
--- or less, where a few are far off.
---@param scores orrery.Tensor  [N]
---@param labels orrery.Tensor  [N] of 0 and 1
---@param given? table  title, bins = 40, cut (a score, as an upright line)
---@return orrery.plot.Figure
function anomaly.histogram(scores, labels, given)
  local who = "anomaly.histogram"
  local o = options.take(who, given, { bins = 40 }, { "title", "cut" })
  local s = column(who, "scores", scores)
  options.tensor(who, "labels", labels)
  local low, high = middle(s)
  local frame = { bins = o.bins, density = true, title = o.title,
    xlabel = "score", ylabel = "density", range = low < high and { low, high }
      or nil,
    series = { { values = kind(s, labels, 0), name = "normal" },
      { values = kind(s, labels, 1), name = "anomalous" } } }
  local chart = plot.hist(frame)
  if not o.cut or o.cut == math.huge then return chart end
  local top = 0
  for _, one in ipairs(chart.series) do
    for _, y in ipairs(one.y) do top = math.max(top, y) end
  end
  return plot.overlay { title = o.title, chart, plot.line {
    x = { o.cut, o.cut }, y = { 0, top }, name = "cut" } }
end

--- Four rows of pictures: normal ones with the lowest and with the highest
--- scores (false alarms), anomalous ones with the lowest (missed) and with the
--- highest.
---@param images orrery.Tensor  [N, C, H, W] in [0, 1]
---@param scores orrery.Tensor  [N]
---@param labels orrery.Tensor  [N] of 0 and 1
---@param given? table  columns = 12, scale = 2
---@return orrery.plot.Figure
function anomaly.extremes(images, scores, labels, given)
  local who = "anomaly.extremes"
  local o = options.take(who, given, { columns = 12, scale = 2 })
  options.tensor(who, "images", images, "float")
  local s = column(who, "scores", scores)
  local rows, columns = {}, options.count(who, "columns", o.columns)
  for label = 0, 1 do
    local own, at = kind(s, labels, label)
    columns = math.min(columns, own:size(1))
    local order = at:index_select(1, own:argsort())
    rows[#rows + 1] = order
  end
  local list = {}
  for _, order in ipairs(rows) do
    list[#list + 1] = order:narrow(1, 1, columns)
    list[#list + 1] = order:narrow(1, order:size(1) - columns + 1, columns)
      :flip(1)
  end
  return plot.grid(images:index_select(1, orrery.cat(list, 1)),
    { columns = columns, scale = o.scale, padding = 1, row_names = {
      "normal, lowest", "false alarms", "missed", "anomalous, highest" } })
end

for name, value in pairs(require "orrery.flow.patches") do
  anomaly[name] = value
end

return anomaly
