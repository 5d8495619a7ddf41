--- What keeps the numbers between a flow's layers of unit size: activation
--- norm and batch norm, of features [B, D] or of image channels [B, C, H, W].
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local blame = require "orrery.blame"
local nn = require "orrery.nn"
local options = require "orrery.options"

local over, places = Bijector.over, Bijector.places

-- Mean and variance of each channel.
local function moments(x)
  local axes = { 1 }
  for axis = 3, x:dim() do axes[#axes + 1] = axis end
  return x:mean(axes), x:var(axes, { correction = 0 })
end

--- z = x exp(s) + t for each feature, or channel; the first batch it sees in
--- training sets s and t so that z has mean 0 and variance 1 (Kingma &
--- Dhariwal 2018, section 3.1). A step to be recorded by orrery.compile must
--- not be the one that sets them: call the model once before.
---@class orrery.flow.ActNorm: orrery.flow.Bijector
---@field log_scale orrery.Tensor  [C]
---@field shift orrery.Tensor  [C]
---@field ready orrery.Tensor  a buffer: 1 once set
local ActNorm = Bijector:subclass "ActNorm"

---@param features integer  or channels
---@param opts? table  dtype; ready = false (true: start as the identity)
function ActNorm:init(features, opts)
  local o = options.take("flow.ActNorm", opts, { dtype = "float32",
    ready = false })
  self.features = options.count("flow.ActNorm", "features", features)
  options.flag("flow.ActNorm", "ready", o.ready)
  local like = { dtype = o.dtype, requires_grad = true }
  self.log_scale = orrery.zeros({ features }, like)
  self.shift = orrery.zeros({ features }, like)
  self:register_buffer("ready", orrery.full({}, o.ready and 1 or 0))
  self.known = o.ready  -- that `ready` is 1, without reading it
end

local function set_from(self, x)
  orrery.no_grad(function()
    local mean, var = moments(x)
    local s = (var + 1e-12):log() * -0.5
    self.log_scale:copy_(s)
    self.shift:copy_(-mean * s:exp())
    self.ready:fill_(1)
  end)
end

---@param x orrery.Tensor  [B, C] or [B, C, H, W]
---@return orrery.Tensor z  like x
---@return orrery.Tensor logdet  [B], nats
function ActNorm:forward(x)
  self:want_channels("x", x, self.features)
  if self.training and not self.known and x:numel() > self.features then
    if self.ready:item() == 0 then set_from(self, x) end
    self.known = true
  end
  return x * over(self.log_scale:exp(), x) + over(self.shift, x),
    (self.log_scale:sum() * places(x)):expand { x:size(1) }
end

---@param z orrery.Tensor  [B, C] or [B, C, H, W]
---@return orrery.Tensor x  like z
---@return orrery.Tensor logdet  [B], nats
function ActNorm:inverse(z)
  self:want_channels("z", z, self.features)
  return (z - over(self.shift, z)) * over((-self.log_scale):exp(), z),
    (self.log_scale:sum() * -places(z)):expand { z:size(1) }
end

function ActNorm:extra_repr() return tostring(self.features) end

--- Batch norm as a layer of a flow (Dinh et al. 2017, section 3.7; Papamakarios
--- et al. 2017, eq. 5): z = (x - m) / sqrt(v + eps) exp(s) + t, where m and v
--- are the batch's in training, and running averages of them after eval().
--- `inverse` takes the running ones in both, since a batch of noise has no
--- data to tell them from: it undoes what forward does after eval().
---@class orrery.flow.BatchNorm: orrery.flow.Bijector
---@field log_scale orrery.Tensor  s, [C]
---@field shift orrery.Tensor  t, [C]
---@field running_mean orrery.Tensor  [C], a buffer
---@field running_var orrery.Tensor  [C], a buffer: the average of the
---  variances batches were divided by, where nn's is the unbiased one
local BatchNorm = Bijector:subclass "BatchNorm"

---@param features integer  or channels
---@param opts? table  eps = 1e-5; momentum = 0.1, the weight of the new batch
---  in the averages; dtype
function BatchNorm:init(features, opts)
  local who = "flow.BatchNorm"
  local o = options.take(who, opts, { eps = 1e-5, momentum = 0.1,
    dtype = "float32" })
  self.features = options.count(who, "features", features)
  self.eps = options.number(who, "eps", o.eps, function(e) return e > 0 end,
    "a number over 0")
  self.momentum = options.number(who, "momentum", o.momentum,
    function(m) return m >= 0 and m <= 1 end, "a weight, 0 to 1")
  local like = { dtype = o.dtype, requires_grad = true }
  self.log_scale = orrery.zeros({ features }, like)
  self.shift = orrery.zeros({ features }, like)
  like = { dtype = o.dtype }
  self:register_buffer("running_mean", orrery.zeros({ features }, like))
  self:register_buffer("running_var", orrery.ones({ features }, like))
end

local function average(self, mean, var)
  local m = self.momentum
  orrery.no_grad(function()
    self.running_mean:copy_(self.running_mean * (1 - m) + mean * m)
    self.running_var:copy_(self.running_var * (1 - m) + var * m)
  end)
end

-- log dz/dx of each channel.
local function log_slope(self, var)
  return self.log_scale - (var + self.eps):log() * 0.5
end

---@param x orrery.Tensor  [B, C] or [B, C, H, W]
---@return orrery.Tensor z  like x
---@return orrery.Tensor logdet  [B], nats; in training that of the map with m
---  and v held fixed, as in the papers
function BatchNorm:forward(x)
  self:want_channels("x", x, self.features)
  local mean, var = self.running_mean, self.running_var
  if self.training then
    if x:numel() <= self.features then
      self:fail("x is %s: one value per channel has no variance; use a larger "
        .. "batch or eval()", x:shape_str())
    end
    mean, var = moments(x)
    if not orrery.is_rerunning() then average(self, mean, var) end
  end
  local s = log_slope(self, var)
  return (x - over(mean, x)) * over(s:exp(), x) + over(self.shift, x),
    (s:sum() * places(x)):expand { x:size(1) }
end

---@param z orrery.Tensor  [B, C] or [B, C, H, W]
---@return orrery.Tensor x  like z
---@return orrery.Tensor logdet  [B], nats
function BatchNorm:inverse(z)
  self:want_channels("z", z, self.features)
  local s = log_slope(self, self.running_var)
  return (z - over(self.shift, z)) * over((-s):exp(), z)
    + over(self.running_mean, z), (s:sum() * -places(z)):expand { z:size(1) }
end

function BatchNorm:extra_repr() return tostring(self.features) end

--- Gives the flow.BatchNorm layers in `model` the statistics of all of `x` in
--- the stead of running averages, as the MAF paper does before it measures:
--- one pass, the first layer's first.
---@param model orrery.nn.Module  a bijector, or flow.Model
---@param x orrery.Tensor  [B, ...], the training set
---@param context? orrery.Tensor  [B, K]
---@return integer layers  how many were set
local function calibrate(model, x, context)
  if not nn.Module.is_module(model) then
    blame("flow.calibrate: model is %s; give a bijector or a flow.Model",
      options.shown(model))
  end
  options.tensor("flow.calibrate", "x", x, "float")
  local before = {}
  for _, m in ipairs(model:modules()) do
    if getmetatable(m) == BatchNorm then
      before[#before + 1] = { m, m.momentum, m.training }
      m.momentum, m.training = 1, true
    end
  end
  local ok, why = pcall(orrery.no_grad, model, x, context)
  for _, b in ipairs(before) do b[1].momentum, b[1].training = b[2], b[3] end
  if not ok then error(why, 0) end
  return #before
end

return { ActNorm = ActNorm, BatchNorm = BatchNorm, calibrate = calibrate }
