--- Normalisation within each example: layer, group, neighbouring channels.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local blame = require "orrery.blame"
local options = require "orrery.options"
local show = require "orrery.nn.show"

local layers = {}

--- Ones to scale by and zeros to add, trainable.
local function set_affine(self, shape, opts)
  local kind = { dtype = opts.dtype }
  if opts.affine then
    self.weight = orrery.ones(shape, kind):requires_grad_()
    if opts.bias then
      self.bias = orrery.zeros(shape, kind):requires_grad_()
    end
  end
end

local function want_channels(self, x, channels, least)
  if x:dim() < least or x:size(2) ~= channels then
    self:fail("x is %s but [N, %d, ...] is wanted; change the layer or its "
      .. "input", x:shape_str(), channels)
  end
end

--- Mean 0 and variance 1 over the last axes (Ba et al. 2016).
---@class orrery.nn.LayerNorm: orrery.nn.Module
---@field weight orrery.Tensor?  normalized_shape
---@field bias orrery.Tensor?  normalized_shape
local LayerNorm = Layer:subclass "LayerNorm"
layers.LayerNorm = LayerNorm

---@param normalized_shape integer|integer[]  x's last sizes
---@param opts? { eps?: number, elementwise_affine?: boolean, bias?: boolean,
---   dtype?: string }
function LayerNorm:init(normalized_shape, opts)
  opts = options.take("layernorm", opts, { eps = 1e-5, bias = true,
    elementwise_affine = true, dtype = "float32" })
  if type(normalized_shape) ~= "table" then
    normalized_shape = { normalized_shape }
  end
  if #normalized_shape == 0 then
    blame("layernorm: normalized_shape is empty; give x's last sizes")
  end
  self.normalized_shape = {}
  for i, n in ipairs(normalized_shape) do
    self.normalized_shape[i] = options.count("layernorm", "size " .. i, n)
  end
  self.eps = options.number("layernorm", "eps", opts.eps)
  set_affine(self, self.normalized_shape,
    { affine = opts.elementwise_affine, bias = opts.bias, dtype = opts.dtype })
end

function LayerNorm:forward(x)
  local sizes = self.normalized_shape
  for i, n in ipairs(sizes) do
    local axis = x:dim() - #sizes + i
    if axis < 1 or x:size(axis) ~= n then
      self:fail("x is %s but [..., %s] is wanted; change the layer or its "
        .. "input", x:shape_str(), table.concat(sizes, ", "))
    end
  end
  return F.layer_norm(x, { normalized_shape = sizes, weight = self.weight,
    bias = self.bias, eps = self.eps })
end

function LayerNorm:extra_repr()
  local sizes = self.normalized_shape
  return (#sizes == 1 and sizes[1] or "{ " .. table.concat(sizes, ", ") .. " }")
    .. show.options({ eps = self.eps, elementwise_affine = self.weight ~= nil,
      bias = self.bias ~= nil or self.weight == nil }, "eps", 1e-5,
      "elementwise_affine", true, "bias", true)
end

--- Mean 0 and variance 1 in each group of channels of each example
--- (Wu & He 2018).
---@class orrery.nn.GroupNorm: orrery.nn.Module
---@field weight orrery.Tensor?  [C]
---@field bias orrery.Tensor?  [C]
local GroupNorm = Layer:subclass "GroupNorm"
layers.GroupNorm = GroupNorm

---@param num_groups integer
---@param num_channels integer
---@param opts? { eps?: number, affine?: boolean, dtype?: string }
function GroupNorm:init(num_groups, num_channels, opts)
  opts = options.take("groupnorm", opts, { eps = 1e-5, affine = true,
    dtype = "float32" })
  self.num_groups = options.count("groupnorm", "num_groups", num_groups)
  self.num_channels = options.count("groupnorm", "num_channels", num_channels)
  if self.num_channels % self.num_groups ~= 0 then
    blame("groupnorm: %d channels do not split into %d groups; change "
      .. "num_groups", self.num_channels, self.num_groups)
  end
  self.eps = options.number("groupnorm", "eps", opts.eps)
  set_affine(self, { self.num_channels },
    { affine = opts.affine, bias = true, dtype = opts.dtype })
end

function GroupNorm:forward(x)
  want_channels(self, x, self.num_channels, 2)
  return F.group_norm(x, { num_groups = self.num_groups, weight = self.weight,
    bias = self.bias, eps = self.eps })
end

function GroupNorm:extra_repr()
  return ("%d, %d"):format(self.num_groups, self.num_channels)
    .. show.options({ eps = self.eps, affine = self.weight ~= nil },
      "eps", 1e-5, "affine", true)
end

--- Divides each channel by a power of what its neighbours hold (Krizhevsky et
--- al. 2012).
---@class orrery.nn.LocalResponseNorm: orrery.nn.Module
local LocalResponseNorm = Layer:subclass "LocalResponseNorm"
layers.LocalResponseNorm = LocalResponseNorm

---@param size integer  how many channels count as neighbours
---@param opts? { alpha?: number, beta?: number, k?: number }  1e-4, 0.75, 1
function LocalResponseNorm:init(size, opts)
  local who = "localresponsenorm"
  opts = options.take(who, opts, { alpha = 1e-4, beta = 0.75, k = 1 })
  self.size = options.count(who, "size", size)
  for name, value in pairs(opts) do
    self[name] = options.number(who, name, value)
  end
end

function LocalResponseNorm:forward(x)
  return F.local_response_norm(x, self.size,
    { alpha = self.alpha, beta = self.beta, k = self.k })
end

function LocalResponseNorm:extra_repr()
  return self.size .. show.options(self, "alpha", 1e-4, "beta", 0.75, "k", 1)
end

return layers
