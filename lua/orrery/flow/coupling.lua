--- Coupling layers: one half of the features is kept and says how the other
--- is changed (Dinh et al. 2015, 2017), and what normalises between them.
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local blame = require "orrery.blame"
local nn = require "orrery.nn"
local options = require "orrery.options"
local spline = require "orrery.flow.spline"

-- kind -> numbers per changed feature, the map and its inverse.
local kinds = {}

kinds.additive = { count = function() return 1 end,
  forward = function(_, x, p) return x + p, x * 0 end,
  inverse = function(_, z, p) return z - p, z * 0 end }

local function shift_and_scale(self, p)
  local t, s = p:chunk(2, 2)
  return t, s:clamp { min = -self.clamp, max = self.clamp }
end

kinds.affine = { count = function() return 2 end,
  forward = function(self, x, p)
    local t, s = shift_and_scale(self, p)
    return x * s:exp() + t, s
  end,
  inverse = function(self, z, p)
    local t, s = shift_and_scale(self, p)
    return (z - t) * (-s):exp(), -s
  end }

local function by_spline(way)
  return function(self, x, p)
    return spline[way](x, p:reshape(x:size(1), x:size(2), -1), self.bins,
      self.bound)
  end
end
kinds.spline = { count = spline.parameters, forward = by_spline "forward",
  inverse = by_spline "inverse" }

---@class orrery.flow.Coupling: orrery.flow.Bijector
---@field kind string
---@field net orrery.nn.Module  kept half -> numbers of the other
local Coupling = Bijector:subclass "Coupling"

local function mlp(from, hidden, to, dtype)
  local net = nn.Sequential {}
  for i, n in ipairs(hidden) do
    net:append(nn.Linear(from, options.count("flow.Coupling", "hidden " .. i,
      n), { dtype = dtype }))
    net:append(nn.ReLU())
    from = n
  end
  return net:append(nn.Linear(from, to, { dtype = dtype }))
end

--- The first half is kept, the second changed; the other way with `swap`.
---@param features integer  2 or more
---@param opts? table  kind = "affine" (z = x exp(s) + t), "additive" or
---  "spline"; swap = false; hidden = { 64, 64 }; net (a function of the kept
---  half instead: [B, kept] -> [B, changed * numbers], for affine all t before
---  all s); clamp = 5 (of s); bins = 8 and bound = 3 (of splines, the identity
---  beyond); context = 0; dtype
function Coupling:init(features, opts)
  local who = "flow.Coupling"
  local o = options.take(who, opts, { kind = "affine", swap = false,
    hidden = { 64, 64 }, clamp = 5, bins = 8, bound = 3, context = 0,
    dtype = "float32" }, { "net" })
  self.features = options.count(who, "features", features, 2)
  if not kinds[o.kind] then
    blame("%s: kind is %s; give affine, additive or spline", who,
      options.shown(o.kind))
  end
  local function positive(v) return v > 0 end
  self.kind, self.swap = o.kind, options.flag(who, "swap", o.swap)
  self.clamp = options.number(who, "clamp", o.clamp, positive,
    "a number over 0")
  self.bound = options.number(who, "bound", o.bound, positive,
    "a number over 0")
  self.bins = options.count(who, "bins", o.bins)
  local context = options.count(who, "context", o.context, 0)
  local first = self.features // 2
  self.first = o.swap and self.features - first or first
  local changed = self.features - self.first
  self.net = o.net and options.callable(who, "net", o.net)
    or mlp(self.first + context, o.hidden,
      changed * kinds[o.kind].count(self.bins), o.dtype)
end

-- Both halves and the numbers, the kept half first.
local function halves(self, name, x, context)
  self:want(name, x, self.features)
  local changed = self.features - self.first
  local kept = x:narrow(2, self.swap and changed + 1 or 1, self.first)
  local other = x:narrow(2, self.swap and 1 or self.first + 1, changed)
  return kept, other,
    self.net(context and orrery.cat({ context, kept }, 2) or kept)
end

local function joined(self, kept, other)
  return orrery.cat(self.swap and { other, kept } or { kept, other }, 2)
end

---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor z  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Coupling:forward(x, context)
  local kept, other, p = halves(self, "x", x, context)
  local y, slope = kinds[self.kind].forward(self, other, p)
  return joined(self, kept, y), slope:sum(2)
end

---@param z orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Coupling:inverse(z, context)
  local kept, other, p = halves(self, "z", z, context)
  local y, slope = kinds[self.kind].inverse(self, other, p)
  return joined(self, kept, y), slope:sum(2)
end

function Coupling:extra_repr()
  return ("%d, %s"):format(self.features, self.kind)
end

--- z = x exp(s) + t for each feature; the first batch it sees in training sets
--- s and t so that z has mean 0 and variance 1 (Kingma & Dhariwal 2018).
---@class orrery.flow.ActNorm: orrery.flow.Bijector
---@field log_scale orrery.Tensor  [D]
---@field shift orrery.Tensor  [D]
---@field ready orrery.Tensor  a buffer: 1 once set
local ActNorm = Bijector:subclass "ActNorm"

---@param features integer
---@param opts? table  dtype; ready = false (true: start as the identity)
function ActNorm:init(features, opts)
  local o = options.take("flow.ActNorm", opts, { dtype = "float32",
    ready = false })
  self.features = options.count("flow.ActNorm", "features", features)
  local like = { dtype = o.dtype, requires_grad = true }
  self.log_scale = orrery.zeros({ features }, like)
  self.shift = orrery.zeros({ features }, like)
  self:register_buffer("ready", orrery.full({}, o.ready and 1 or 0))
end

local function set_from(self, x)
  orrery.no_grad(function()
    local s = -((x:var(1, { correction = 0 }) + 1e-12):log()) * 0.5
    self.log_scale:copy_(s)
    self.shift:copy_(-x:mean(1) * s:exp())
    self.ready:fill_(1)
  end)
end

function ActNorm:forward(x)
  self:want("x", x, self.features)
  if self.training and x:size(1) > 1 and self.ready:item() == 0 then
    set_from(self, x)
  end
  return x * self.log_scale:exp() + self.shift,
    self.log_scale:sum():expand { x:size(1) }
end

function ActNorm:inverse(z)
  self:want("z", z, self.features)
  return (z - self.shift) * (-self.log_scale):exp(),
    (-self.log_scale:sum()):expand { z:size(1) }
end

--- A map of single numbers, the same for all: one of orrery.dist.transforms.
---@class orrery.flow.Elementwise: orrery.flow.Bijector
local Elementwise = Bijector:subclass "Elementwise"

---@param transform table  forward(x) -> y, log |dy/dx| and inverse
function Elementwise:init(transform)
  if not Bijector.is(transform) then
    blame("flow.Elementwise: transform is %s; give one of dist.transforms",
      options.shown(transform))
  end
  self.transform = transform
end

function Elementwise:forward(x)
  local z, slope = self.transform:forward(x)
  return z, Bijector.rowsum(slope)
end
function Elementwise:inverse(z)
  local x, slope = self.transform:inverse(z)
  return x, -Bijector.rowsum(slope)
end

return { Coupling = Coupling, ActNorm = ActNorm, Elementwise = Elementwise }
