--- Laws of pictures made of laws of real numbers: of whole grey levels, and of
--- classes.
local orrery = require "orrery"
local blame = require "orrery.blame"
local likelihood = require "orrery.flow.likelihood"
local nn = require "orrery.nn"
local options = require "orrery.options"

local function is_model(m)
  return type(m) == "table" and m.log_prob and m.sample and true or false
end

local function want_model(who, m)
  if not is_model(m) then
    blame("%s: the model is %s; give one with log_prob and sample, such as "
      .. "flow.Model", who, options.shown(m))
  end
  return m
end

--- A law of pictures of whole grey levels: dequantised, put through the logit,
--- then `model`'s.
---
---     local pixels = flow.Pixels(model)
---     opt:minimize(-pixels:log_prob(x):mean())   -- the same gradients as
---     opt:minimize(-model:log_prob((pixels:reals(x))):mean())
---     print(pixels:bits_per_dim(x):mean())
---@class orrery.flow.Pixels: orrery.nn.Module
---@field model orrery.flow.Model|orrery.flow.ByClass
---@field dequantiser orrery.flow.Dequantiser
---@field logit orrery.flow.Logit
local Pixels = nn.Module:subclass "Pixels"

---@param model orrery.flow.Model  of numbers in logit space
---@param opts? table  levels = 256; alpha = 1e-6 (of flow.Logit);
---  dequantiser (flow.Dequantiser; uniform when absent)
function Pixels:init(model, opts)
  local who = "flow.Pixels"
  self.model = want_model(who, model)
  local o = options.take(who, opts, { levels = 256, alpha = 1e-6 },
    { "dequantiser" })
  local d = o.dequantiser
  if d ~= nil and (type(d) ~= "table" or not d.levels) then
    blame("%s: dequantiser is %s; give a flow.Dequantiser", who,
      options.shown(d))
  end
  self.dequantiser = d or likelihood.Dequantiser { levels = o.levels }
  self.logit = likelihood.Logit(o.alpha)
end

--- Pictures as the model sees them, noise drawn anew at each call.
---@param x orrery.Tensor  [B, ...], greys k / (levels - 1), or bytes
---@param generator? orrery.Generator
---@return orrery.Tensor v  [B, ...], in logit space
---@return orrery.Tensor more  [B], nats: log P(x) >= log p(v) + more on average
function Pixels:reals(x, generator)
  local y, log_q = self.dequantiser(x, generator)
  local v, logdet = self.logit(y)
  local d = v:numel() // math.max(1, v:size(1))
  return v, logdet - log_q - d * math.log(self.dequantiser.levels)
end

--- A lower bound of log P of each picture, of whole levels, by draws.
---@param x orrery.Tensor  [B, ...], greys k / (levels - 1), or bytes
---@param context? orrery.Tensor  as the model takes: [B, C], or labels
---@param opts? table  draws = 1 (their mean); generator
---@return orrery.Tensor nats  [B]
function Pixels:log_prob(x, context, opts)
  local o = options.take("log_prob", opts, { draws = 1 }, { "generator" })
  local total
  for _ = 1, options.count("log_prob", "draws", o.draws) do
    local v, more = self:reals(x, o.generator)
    local nats = self.model:log_prob(v, context) + more
    total = total and total + nats or nats
  end
  return total / o.draws
end

--- An upper bound of what each number of a picture costs.
---@param x orrery.Tensor  as log_prob takes, and the rest
---@return orrery.Tensor bits  [B]
function Pixels:bits_per_dim(x, context, opts)
  return likelihood.bits_per_dim(self:log_prob(x, context, opts),
    x:numel() // math.max(1, x:size(1)))
end

--- Pictures drawn from the model.
---@param n integer
---@param opts? table  as the model's sample takes
---@return orrery.Tensor x  [n, ...], greys k / (levels - 1)
---@return orrery.Tensor? labels  as flow.ByClass gives
function Pixels:sample(n, opts)
  return orrery.no_grad(function()
    local v, labels = self.model:sample(n, opts)
    return likelihood.quantise((self.logit:inverse(v)),
      { levels = self.dequantiser.levels }), labels
  end)
end

--- p(x, y) = P(y) p(x | y): one model that is given the class as a row of
--- context, or a model for each class. Classes count from 1.
---@class orrery.flow.ByClass: orrery.nn.Module
---@field classes integer
---@field log_prior orrery.Tensor  [classes], a buffer, nats
local ByClass = nn.Module:subclass "ByClass"

local function prior_of(who, prior, classes)
  local p = prior
  if p == nil then return orrery.full({ classes }, -math.log(classes)) end
  p = options.is_tensor(p) and p or type(p) == "table"
    and orrery.tensor(p, { dtype = "float32" })
  if not p or p:dim() ~= 1 or p:size(1) ~= classes then
    blame("%s: prior is %s; give %d weights, one for each class", who,
      options.shown(prior), classes)
  end
  p = p:float()
  return (p / p:sum()):log()
end

---@param model orrery.flow.Model|orrery.flow.Model[]  one whose context has
---  `classes` numbers, or a list, one for each class
---@param opts? table  classes = 10 (the length of a list); prior (weights of
---  the classes, equal when absent)
function ByClass:init(model, opts)
  local who = "flow.ByClass"
  local list = type(model) == "table" and not model.log_prob and #model > 0
  local o = options.take(who, opts, { classes = list and #model or 10 },
    { "prior" })
  self.classes = options.count(who, "classes", o.classes)
  if list then
    if #model ~= o.classes then
      blame("%s: there are %d models for %d classes; match them", who, #model,
        o.classes)
    end
    self.each = nn.ModuleList {}
    for _, m in ipairs(model) do self.each:append(want_model(who, m)) end
  else
    self.model = want_model(who, model)
  end
  self:register_buffer("log_prior", prior_of(who, o.prior, self.classes))
end

-- Rows of context: one-hot, of x's kind.
local function rows(self, labels, dtype)
  return orrery.one_hot(labels:long(), self.classes):to(dtype)
end

local function want_labels(labels, n)
  if not options.is_tensor(labels) or labels:dim() ~= 1
      or labels:size(1) ~= n then
    blame("flow.ByClass: labels are %s; give [%d], from 1",
      options.shown(labels), n)
  end
  return labels:long()
end

--- log p(x | k) for every class.
---@param x orrery.Tensor  [B, ...]
---@return orrery.Tensor nats  [B, classes]
function ByClass:given_each(x)
  options.tensor("flow.ByClass", "x", x, "float")
  local out, n = {}, x:size(1)
  for k = 1, self.classes do
    if self.each then
      out[k] = self.each[k]:log_prob(x)
    else
      out[k] = self.model:log_prob(x, rows(self,
        orrery.full({ n }, k, { dtype = "int64" }), x.dtype))
    end
  end
  return orrery.stack(out, 2)
end

--- log p(x, k) for every class.
---@param x orrery.Tensor  [B, ...]
---@return orrery.Tensor nats  [B, classes]
function ByClass:joint(x)
  return self:given_each(x) + self.log_prior:to(x.dtype)
end

--- log p(x | label), or log p(x) = log sum_k p(x, k) without labels.
---@param x orrery.Tensor  [B, ...]
---@param labels? orrery.Tensor  int64 [B], from 1
---@return orrery.Tensor nats  [B]
function ByClass:log_prob(x, labels)
  options.tensor("flow.ByClass", "x", x, "float")
  if labels == nil then return self:joint(x):logsumexp { axis = 2 } end
  labels = want_labels(labels, x:size(1))
  if self.model then
    return self.model:log_prob(x, rows(self, labels, x.dtype))
  end
  return self:given_each(x):gather(2, labels:unsqueeze(2)):squeeze(2)
end

--- P(k | x) by Bayes' rule.
---@param x orrery.Tensor  [B, ...]
---@return orrery.Tensor probabilities  [B, classes]
function ByClass:posterior(x) return self:joint(x):softmax(-1) end

--- Draws of given classes, or of classes drawn from the prior.
---@param n integer
---@param opts? table  labels (int64 [n], from 1); naive = false; generator
---@return orrery.Tensor x  [n, ...]
---@return orrery.Tensor labels  int64 [n]
function ByClass:sample(n, opts)
  n = options.count("sample", "n", n, 0)
  local o = options.take("sample", opts, { naive = false }, { "labels",
    "generator" })
  options.flag("sample", "naive", o.naive)
  local labels = o.labels and want_labels(o.labels, n)
    or orrery.dist.Categorical { logits = self.log_prior }
      :sample({ n }, { generator = o.generator }):long()
  local how = { naive = o.naive, generator = o.generator }
  if self.model then
    how.context = rows(self, labels, self.log_prior.dtype)
    return self.model:sample(n, how), labels
  end
  local x
  for k, m in ipairs(self.each) do  -- each draws n; a row takes its class's
    local own = m:sample(n, how)
    local shape = { n }
    for axis = 2, own:dim() do shape[axis] = 1 end
    x = x and orrery.where(labels:eq(k):reshape(shape), own, x) or own
  end
  return x, labels
end

return { Pixels = Pixels, ByClass = ByClass }
