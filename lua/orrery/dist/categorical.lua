--- Laws of one class among K: as a label counted from 1 (Categorical) or as a
--- row with one 1 (OneHotCategorical). Probabilities need not add up to 1;
--- logits are log-probabilities up to a constant.
local orrery = require "orrery"
local blame = require "orrery.blame"
local Distribution = require "orrery.dist.distribution"
local options = require "orrery.options"
local parameters = require "orrery.dist.parameters"

-- What both share.
local Classes = Distribution:subclass("Classes", { is_discrete = true,
  event_dims = 1, relaxed = "RelaxedOneHotCategorical" })

function Classes:init(...)
  local given = parameters.named(self.name, { "probs", "logits" }, ...)
  local name = parameters.one_of(self.name, given, { "probs", "logits" })
  self:take(given, { name })
  self.classes = self.event_shape[1]
  if name == "probs" then
    parameters.check(self.name, "probs", self.probs,
      function(p) return p:ge(0) end, "it must be 0 or more")
  end
end

--- Probabilities that add up to 1.
---@return orrery.Tensor  [batch..., K]
function Classes:weights()
  if self.logits then return self.logits:softmax(-1) end
  return self.probs / self.probs:sum { axis = -1, keepdim = true }
end

--- Their logarithms.
---@return orrery.Tensor  [batch..., K]
function Classes:log_weights()
  if self.logits then return self.logits:log_softmax(-1) end
  return self:weights():log()
end

-- Labels by the Gumbel-max trick (Gumbel 1954).
function Classes:labels(shape, generator)
  local full = self.joined(shape, self.batch_shape, { self.classes })
  local noise = orrery.gumbel(full, { dtype = "float64",
    generator = generator })
  return (noise + self:log_weights():detach()):argmax { axis = -1 }
end

function Classes:entropy() return self:weights():entr():sum(-1) end

--- Categorical { probs = [..., K] } or { logits = }; values are labels 1..K.
---@class orrery.dist.Categorical: orrery.dist.Distribution
---@field classes integer  K
local Categorical = Classes:subclass "Categorical"

function Categorical:init(...)
  Classes.init(self, ...)
  self.event_shape = {}
end

Categorical.draw = Classes.labels

--- The log-probability of labels.
---@param x orrery.Tensor|integer  int64 [..., batch...], from 1
---@return orrery.Tensor nats  [..., batch...]
function Categorical:log_prob(x)
  x = orrery.is_tensor(x) and x:long()
    or orrery.tensor(x, { dtype = "int64" })
  local shape = orrery.broadcast_shapes({ x:shape() }, self.batch_shape)
  local l = self:log_weights():expand(self.joined(shape, { self.classes }))
  return l:gather(-1, x:expand(shape):unsqueeze(-1)):squeeze(-1)
end

--- The probability of a label up to x.
---@param x orrery.Tensor|number  [..., batch...]
---@return orrery.Tensor  [..., batch...]
function Categorical:cdf(x)
  local p = self:weights()
  x = orrery.is_tensor(x) and x or p:new_full({}, x)
  local label = orrery.range(1, self.classes, { dtype = "float64" })
  return (p * label:le(x:unsqueeze(-1)):to(p.dtype)):sum(-1)
end

function Categorical:mean()  -- luacheck: ignore
  blame "Categorical: labels have no mean; OneHotCategorical's rows have one"
end
function Categorical:var()  -- luacheck: ignore
  blame "Categorical: labels have no variance; OneHotCategorical's rows have"
end

--- The likeliest label.
function Categorical:mode() return self:weights():argmax { axis = -1 } end

function Categorical:enumerate_support()
  local shape = { self.classes }
  for i = 1, #self.batch_shape do shape[i + 1] = 1 end
  return orrery.range(1, self.classes, { dtype = "int64" }):reshape(shape)
    :expand(self.joined({ self.classes }, self.batch_shape))
end

--- OneHotCategorical { probs = [..., K] } or { logits = }; values are rows of
--- K with one 1.
---@class orrery.dist.OneHotCategorical: orrery.dist.Distribution
local OneHotCategorical = Classes:subclass "OneHotCategorical"

function OneHotCategorical:draw(shape, generator)
  return orrery.one_hot(self:labels(shape, generator), self.classes)
    :to(self.dtype)
end

function OneHotCategorical:log_prob(x)
  options.tensor("OneHotCategorical", "x", x)
  -- Where x is 0 the class may be impossible: 0 times -inf counts as 0.
  local l = self:log_weights()
  return orrery.where(x:ne(0), x * l, 0):sum(-1)
end

--- The likeliest row.
function OneHotCategorical:mode()
  return orrery.one_hot(self:weights():argmax { axis = -1 }, self.classes)
    :to(self.dtype)
end

function OneHotCategorical:mean() return self:weights() end
function OneHotCategorical:var()
  local p = self:weights()
  return p * (1 - p)
end

function OneHotCategorical:enumerate_support()
  local shape = { self.classes }
  for i = 1, #self.batch_shape do shape[i + 1] = 1 end
  shape[#shape + 1] = self.classes
  return orrery.eye(self.classes):to(self.dtype):reshape(shape)
    :expand(self.joined({ self.classes }, self.batch_shape, { self.classes }))
end

return { Categorical = Categorical, OneHotCategorical = OneHotCategorical }
