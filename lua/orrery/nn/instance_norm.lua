--- Instance normalisation (Ulyanov et al. 2016) of sequences and images.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local options = require "orrery.options"
local show = require "orrery.nn.show"

--- Mean 0 and variance 1 in each channel of each example. Without weight and
--- bias unless { affine = true }, and by each example's own statistics also in
--- eval unless { track_running_stats = true }, as in PyTorch. What brightness
--- and contrast an image had is lost. A map of one pixel would give the bias
--- alone, so it is refused unless { single = true }.
---@class orrery.nn.InstanceNorm: orrery.nn.Module
---@field weight orrery.Tensor?  [C]
---@field bias orrery.Tensor?  [C]
---@field running_mean orrery.Tensor?  [C]
---@field running_var orrery.Tensor?  [C]
local InstanceNorm = Layer:subclass "InstanceNorm"

---@param num_features integer  C
---@param opts? { eps?: number, momentum?: number, affine?: boolean,
---   track_running_stats?: boolean, single?: boolean, dtype?: string }
function InstanceNorm:init(num_features, opts)
  local who = self.class_name:lower()
  opts = options.take(who, opts, { eps = 1e-5, momentum = 0.1, affine = false,
    track_running_stats = false, single = false, dtype = "float32" })
  local c = options.count(who, "num_features", num_features)
  self.num_features = c
  self.eps = options.number(who, "eps", opts.eps)
  self.single = opts.single
  self.momentum = options.number(who, "momentum", opts.momentum,
    function(m) return m >= 0 and m <= 1 end, "a weight, 0 to 1")
  local kind = { dtype = opts.dtype }
  if opts.affine then
    self.weight = orrery.ones({ c }, kind):requires_grad_()
    self.bias = orrery.zeros({ c }, kind):requires_grad_()
  end
  if opts.track_running_stats then
    self:register_buffer("running_mean", orrery.zeros({ c }, kind))
    self:register_buffer("running_var", orrery.ones({ c }, kind))
  end
end

--- Running averages of the examples' means and unbiased variances, both
--- computed before either is written.
local function update(self, x)
  local axes = {}
  for axis = 3, x:dim() do axes[#axes + 1] = axis end
  orrery.no_grad(function()
    local m = self.momentum
    local mean = self.running_mean * (1 - m)
      + x:mean { axis = axes }:mean(1) * m
    local var = self.running_var * (1 - m)
      + x:var { axis = axes, correction = 1 }:mean(1) * m
    self.running_mean:copy_(mean)
    self.running_var:copy_(var)
  end)
end

--- What normalising single values comes to: nothing of x is left.
local function bias_alone(self, x)
  if not self.single then
    self:fail("x is %s: one value per channel has no variance, only the bias "
      .. "would be left; normalise a larger map or give { single = true }",
      x:shape_str())
  end
  local sizes = self.rank == 3 and { 1, -1, 1 } or { 1, -1, 1, 1 }
  return self.bias and x * 0 + self.bias:view(sizes) or x * 0
end

---@param x orrery.Tensor  [N, C, L], or [N, C, H, W] for images; one without N
---@return orrery.Tensor  alike
function InstanceNorm:forward(x)
  if x:dim() == self.rank - 1 and x:size(1) == self.num_features then
    return self:forward(x:unsqueeze(1)):squeeze(1)
  end
  if x:dim() ~= self.rank or x:size(2) ~= self.num_features then
    self:fail("x is %s but [N, %d, %s] is wanted; change the layer or its "
      .. "input", x:shape_str(), self.num_features, self.shape_text)
  end
  if self.running_mean and not self.training then
    return F.batch_norm(x, self.running_mean, self.running_var,
      { weight = self.weight, bias = self.bias, eps = self.eps })
  end
  if x:numel() > 0 and x:numel() == x:size(1) * self.num_features then
    return bias_alone(self, x)
  end
  local y = F.instance_norm(x, { weight = self.weight, bias = self.bias,
    eps = self.eps })
  if self.running_mean and not orrery.is_rerunning() then update(self, x) end
  return y
end

function InstanceNorm:extra_repr()
  return self.num_features .. show.options({ eps = self.eps,
    momentum = self.running_mean and self.momentum, affine = self.weight ~= nil,
    track_running_stats = self.running_mean ~= nil, single = self.single },
    "eps", 1e-5, "momentum", 0.1, "affine", false,
    "track_running_stats", false, "single", false)
end

---@class orrery.nn.InstanceNorm1d: orrery.nn.InstanceNorm  sequences [N, C, L]
local InstanceNorm1d = InstanceNorm:subclass "InstanceNorm1d"
InstanceNorm1d.rank, InstanceNorm1d.shape_text = 3, "L"

---@class orrery.nn.InstanceNorm2d: orrery.nn.InstanceNorm  images [N, C, H, W]
local InstanceNorm2d = InstanceNorm:subclass "InstanceNorm2d"
InstanceNorm2d.rank, InstanceNorm2d.shape_text = 4, "H, W"

return { InstanceNorm1d = InstanceNorm1d, InstanceNorm2d = InstanceNorm2d }
