--- Mixture(weights, components): component k is drawn with probability
--- weights k; the components are the last axis of a distribution's batch.
local orrery = require "orrery"
local blame = require "orrery.blame"
local Categorical = require("orrery.dist.categorical").Categorical
local Distribution = require "orrery.dist.distribution"
local options = require "orrery.options"

---@class orrery.dist.Mixture: orrery.dist.Distribution
---@field mixing orrery.dist.Categorical
---@field components orrery.dist.Distribution  batch [batch..., K]
local Mixture = Distribution:subclass "Mixture"

---@param mixing orrery.dist.Categorical|orrery.Tensor|number[]  weights
---@param components orrery.dist.Distribution
function Mixture:init(mixing, components)
  if type(components) ~= "table" or not components.batch_shape then
    blame("Mixture: the components are %s; give a distribution whose batch "
      .. "has them along its last axis", options.shown(components))
  end
  if orrery.is_tensor(mixing) or type(mixing) == "table"
    and not mixing.batch_shape then
    mixing = Categorical { probs = mixing }
  elseif type(mixing) ~= "table" or not mixing.classes then
    blame("Mixture: the weights are %s; give numbers, or a Categorical",
      options.shown(mixing))
  end
  local batch = components.batch_shape
  if mixing.classes ~= batch[#batch] then
    blame("Mixture: there are %d weights for %s components; match them",
      mixing.classes, tostring(batch[#batch] or "no"))
  end
  self.mixing, self.components = mixing, components
  self.dtype, self.is_discrete = components.dtype, components.is_discrete
  self.batch_shape = table.move(batch, 1, #batch - 1, 1, {})
  self.event_shape = components.event_shape
end

function Mixture.__tostring(self)
  return ("Mixture(%d of %s)"):format(self.mixing.classes,
    tostring(self.components))
end

-- Axis of the components, counted from the end.
function Mixture:axis() return -1 - #self.event_shape end

-- [..., K] or [..., K, event...] weighed and summed over K.
local function weighed(self, x, event_axes)
  local w = self.mixing:weights()
  for _ = 1, event_axes do w = w:unsqueeze(-1) end
  return (w * x):sum(-1 - event_axes)
end

function Mixture:draw(shape, generator)
  local all = self.components:draw(shape, generator)
  local axis = all:dim() + 1 + self:axis()
  local label = self.mixing:labels(self.joined(shape, table.move(
    self.batch_shape, 1, #self.batch_shape - #self.mixing.batch_shape, 1, {})),
    generator)
  local index = label:unsqueeze(-1)
  for _ = 1, #self.event_shape do index = index:unsqueeze(-1) end
  local sizes = { all:shape() }
  sizes[axis] = 1
  return all:gather(axis, index:expand(sizes)):squeeze(axis)
end

-- log_prob of each component, [..., K].
function Mixture:each(x)
  x = orrery.is_tensor(x) and x or orrery.tensor(x, { dtype = self.dtype })
  return self.components:log_prob(x:unsqueeze(self:axis()))
end

function Mixture:log_prob(x)
  return (self.mixing:log_weights() + self:each(x)):logsumexp { axis = -1 }
end

--- The probability of each component given a value (Bayes).
---@param x orrery.Tensor
---@return orrery.Tensor  [..., batch..., K]
function Mixture:posterior(x)
  return (self.mixing:log_weights() + self:each(x)):softmax(-1)
end

function Mixture:cdf(x)
  x = orrery.is_tensor(x) and x or orrery.tensor(x, { dtype = self.dtype })
  return weighed(self, self.components:cdf(x:unsqueeze(self:axis())), 0)
end

-- Mixtures of Cauchy laws have no mean: by the components' quartiles.
function Mixture:range()
  local c = self.components
  local low, high = c:icdf(0.25):amin(-1), c:icdf(0.75):amax(-1)
  return nil, nil, (low + high) / 2, high - low
end

--- The same law with its batch expanded.
function Mixture:expand(...)
  local shape = type((...)) == "table" and ... or { ... }
  return Mixture(self.mixing:expand(shape),
    self.components:expand(self.joined(shape, { self.mixing.classes })))
end

function Mixture:mean()
  return weighed(self, self.components:mean(), #self.event_shape)
end

-- The mean of variances plus the variance of means.
function Mixture:var()
  local n, m = #self.event_shape, self.components:mean()
  local middle = weighed(self, m, n):unsqueeze(self:axis())
  return weighed(self, self.components:var() + (m - middle) ^ 2, n)
end

return Mixture
