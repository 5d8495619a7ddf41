--- Layers that GANs brought: maxout units, minibatch discrimination, a factor,
--- a projection of labels.
local orrery = require "orrery"
local nn = require "orrery.nn"
local options = require "orrery.options"

local layers = {}

--- x times a fixed number: coordinates of a size that weights are used to.
---@class orrery.gan.Scale: orrery.nn.Module
local Scale = nn.Module:subclass "Scale"
layers.Scale = Scale

---@param factor number
function Scale:init(factor)
  self.factor = options.number("Scale", "factor", factor)
end

function Scale:forward(x) return x * self.factor end

function Scale:extra_repr() return ("%g"):format(self.factor) end

--- The largest of some linear functions for each output (Goodfellow et al.
--- 2013).
---@class orrery.gan.Maxout: orrery.nn.Module
local Maxout = nn.Module:subclass "Maxout"
layers.Maxout = Maxout

---@param in_features integer
---@param out_features integer
---@param pieces? integer  2
function Maxout:init(in_features, out_features, pieces)
  self.pieces = options.count("Maxout", "pieces", pieces or 2)
  self.linear = nn.Linear(in_features, out_features * self.pieces)
end

---@param x orrery.Tensor  [B, in_features]
---@return orrery.Tensor  [B, out_features]
function Maxout:forward(x)
  local h = self.linear(x)
  return h:reshape(h:size(1), -1, self.pieces):amax(3)
end

function Maxout:extra_repr() return ("%d pieces"):format(self.pieces) end

--- How close each example is to the others of its batch, beside its features
--- (Salimans et al. 2016, section 3.2): o_b = sum over the others of
--- exp(-|M_i - M_j|_1) for `kernels` maps to `size` numbers each.
---@class orrery.gan.MinibatchDiscrimination: orrery.nn.Module
local Minibatch = nn.Module:subclass "MinibatchDiscrimination"
layers.MinibatchDiscrimination = Minibatch

---@param features integer
---@param kernels? integer  B of the paper, 16
---@param size? integer  C of the paper, 4
function Minibatch:init(features, kernels, size)
  self.kernels = options.count("MinibatchDiscrimination", "kernels",
    kernels or 16)
  self.size = options.count("MinibatchDiscrimination", "size", size or 4)
  self.maps = nn.Linear(features, self.kernels * self.size, { bias = false })
end

---@param x orrery.Tensor  [N, features]
---@return orrery.Tensor  [N, features + kernels]
function Minibatch:forward(x)
  local m = self.maps(x):reshape(x:size(1), self.kernels, self.size)
  local far = (m:unsqueeze(1) - m:unsqueeze(2)):abs():sum(4)
  return orrery.cat({ x, (-far):exp():sum(2) - 1 }, 2)
end

--- The standard deviation over the batch, averaged over features, as one
--- feature more: nn.MinibatchStdDev for what is no image.
---@class orrery.gan.BatchSpread: orrery.nn.Module
local BatchSpread = nn.Module:subclass "BatchSpread"
layers.BatchSpread = BatchSpread

---@param x orrery.Tensor  [N, features]
---@return orrery.Tensor  [N, features + 1]
function BatchSpread:forward(x)
  local sd = (x:var(1, { correction = 0 }) + 1e-8):sqrt():mean()
  return orrery.cat({ x, sd:expand { x:size(1), 1 } }, 2)
end

--- A discriminator that is told the class: head(h) + <embedding(y), h> of its
--- features h (Miyato & Koyama 2018, eq. 4).
---@class orrery.gan.Projection: orrery.nn.Module
---@field body orrery.nn.Module  x -> [B, features]
local Projection = nn.Module:subclass "Projection"
layers.Projection = Projection

---@param body orrery.nn.Module
---@param features integer
---@param classes integer
function Projection:init(body, features, classes)
  self.body = body
  self.head = nn.Linear(features, 1)
  self.embedding = nn.Embedding(classes, features)
end

---@param x orrery.Tensor  [B, ...]
---@param y orrery.Tensor  int64 [B], from 1
---@return orrery.Tensor  [B, 1]
function Projection:forward(x, y)
  local h = self.body(x)
  return self.head(h) + (self.embedding(y) * h):sum { axis = 2,
    keepdim = true }
end

return layers
