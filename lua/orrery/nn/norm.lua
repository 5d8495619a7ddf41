--- Batch normalisation (Ioffe & Szegedy 2015).
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local options = require "orrery.options"
local show = require "orrery.nn.show"
local by_batch = orrery.hidden.batch_norm_train

--- Normalises each channel by the batch's mean and variance in training, and
--- by running averages of both otherwise. As in PyTorch the running variance
--- is the unbiased one, and momentum is the weight of the new batch. The
--- averages are written by forward; a step that fails after it keeps them,
--- unless train.loop or train.attempt runs it.
---@class orrery.nn.BatchNorm: orrery.nn.Module
---@field weight orrery.Tensor?  [C]
---@field bias orrery.Tensor?  [C]
---@field running_mean orrery.Tensor?  [C]
---@field running_var orrery.Tensor?  [C]
local BatchNorm = Layer:subclass "BatchNorm"

---@param num_features integer
---@param opts? { eps?: number, momentum?: number, affine?: boolean,
---   track_running_stats?: boolean, dtype?: string }
function BatchNorm:init(num_features, opts)
  local who = self.class_name:lower()
  opts = options.take(who, opts, { eps = 1e-5, momentum = 0.1, affine = true,
    track_running_stats = true, dtype = "float32" })
  self.num_features = options.count(who, "num_features", num_features)
  self.affine = opts.affine and true or false
  self.track_running_stats = opts.track_running_stats and true or false
  self.eps = options.number(who, "eps", opts.eps)
  self.momentum = options.number(who, "momentum", opts.momentum,
    function(m) return m >= 0 and m <= 1 end, "a weight, 0 to 1")
  local kind = { dtype = opts.dtype }
  if opts.affine then
    self.weight = orrery.ones({ num_features }, kind):requires_grad_()
    self.bias = orrery.zeros({ num_features }, kind):requires_grad_()
  end
  if opts.track_running_stats then
    self:register_buffer("running_mean", orrery.zeros({ num_features }, kind))
    self:register_buffer("running_var", orrery.ones({ num_features }, kind))
  end
end

--- Both averages are computed before either buffer is written; mean and var,
--- divided by the count n, are what x was normalised by.
local function update(self, mean, var, n)
  orrery.no_grad(function()
    local m = self.momentum
    mean = self.running_mean * (1 - m) + mean * m
    var = self.running_var * (1 - m) + var * (m * n / (n - 1))
    self.running_mean:copy_(mean)
    self.running_var:copy_(var)
  end)
end

function BatchNorm:forward(x)
  if not self.ranks[x:dim()] or x:size(2) ~= self.num_features then
    self:fail("x is %s but %s with C = %d is wanted; change the layer or its "
      .. "input", x:shape_str(), self.shape_text, self.num_features)
  end
  local own = self.weight or self.running_mean
  if own and own.dtype ~= x.dtype then
    self:fail("x is %s but the layer is %s; convert one, x:to('%s')", x.dtype,
      own.dtype, own.dtype)
  end
  local batch = self.training or not self.running_mean
  if batch and x:numel() == self.num_features then
    self:fail("x is %s: one value per channel has no variance; use a larger "
      .. "batch or eval()", x:shape_str())
  end
  if not batch then
    return F.batch_norm(x, self.running_mean, self.running_var,
      { weight = self.weight, bias = self.bias, eps = self.eps })
  end
  local y, mean, var = by_batch(x, { weight = self.weight, bias = self.bias,
    eps = self.eps })
  if self.training and self.running_mean and not orrery.is_rerunning() then
    update(self, mean, var, x:numel() // self.num_features)
  end
  return y
end

function BatchNorm:extra_repr()
  return self.num_features .. show.options(self, "eps", 1e-5, "momentum", 0.1,
    "affine", true, "track_running_stats", true)
end

---@class orrery.nn.BatchNorm2d: orrery.nn.BatchNorm  images [N, C, H, W]
local BatchNorm2d = BatchNorm:subclass "BatchNorm2d"
BatchNorm2d.ranks, BatchNorm2d.shape_text = { [4] = true }, "[N, C, H, W]"

---@class orrery.nn.BatchNorm1d: orrery.nn.BatchNorm  [N, C] or [N, C, L]
local BatchNorm1d = BatchNorm:subclass "BatchNorm1d"
BatchNorm1d.ranks = { [2] = true, [3] = true }
BatchNorm1d.shape_text = "[N, C] or [N, C, L]"

return { BatchNorm1d = BatchNorm1d, BatchNorm2d = BatchNorm2d }
