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
  local most = self.clamp
  if self.soft then return t, (s / most):tanh() * most end
  return t, s:clamp { min = -most, max = most }
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
    local shape = { x:shape() }
    table.insert(shape, 3, -1)
    return spline[way](x, p:reshape(shape):movedim(3, -1), self.bins,
      self.bound)
  end
end
kinds.spline = { count = spline.parameters, forward = by_spline "forward",
  inverse = by_spline "inverse" }

---@class orrery.flow.Coupling: orrery.flow.Bijector
---@field kind string
---@field net orrery.nn.Module  kept half -> numbers of the other
local Coupling = Bijector:subclass "Coupling"

-- One layer of the net: of features, or of images, where the first and the
-- last see a pixel's neighbours.
local function layer(from, to, o, outer)
  if not o.image then return nn.Linear(from, to, { dtype = o.dtype }) end
  return nn.Conv2d(from, to, outer and 3 or 1,
    { padding = outer and 1 or 0, dtype = o.dtype })
end

local function network(from, to, o)
  local net = nn.Sequential {}
  for i, n in ipairs(o.hidden) do
    n = options.count("flow.Coupling", "hidden " .. i, n)
    net:append(layer(from, n, o, i == 1)):append(nn.ReLU())
    from = n
  end
  local last = layer(from, to, o, true)
  orrery.no_grad(function()
    last.weight:mul_(o.last_scale)
    last.bias:mul_(o.last_scale)
  end)
  return net:append(last)
end

--- The first half is kept, the second changed; the other way with `swap`.
---@param features integer  2 or more
---@param opts? table  kind = "affine" (z = x exp(s) + t), "additive" or
---  "spline"; swap = false; hidden = { 64, 64 }; net (a function of the kept
---  half instead: [B, kept] -> [B, changed * numbers], for affine all t before
---  all s); clamp = 5 (of s, where its gradient ends; soft = true: it bends
---  towards it, clamp * tanh(s / clamp)); bins = 8 and bound = 3 (of splines,
---  the identity beyond); image = false (true: of the channels of
---  [B, D, H, W], the net of convolutions 3x3, 1x1 ... 3x3); last_scale = 1
---  (factor on the net's last layer: 0 begins as the identity but for
---  splines); context = 0; dtype
function Coupling:init(features, opts)
  local who = "flow.Coupling"
  local o = options.take(who, opts, { kind = "affine", swap = false,
    hidden = { 64, 64 }, clamp = 5, bins = 8, bound = 3, context = 0,
    image = false, soft = false, last_scale = 1, dtype = "float32" },
    { "net" })
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
  self.image = options.flag(who, "image", o.image)
  self.soft = options.flag(who, "soft", o.soft)
  options.number(who, "last_scale", o.last_scale)
  if type(o.hidden) ~= "table" then
    blame("%s: hidden is %s; give a list of layer sizes", who,
      options.shown(o.hidden))
  end
  self.context = options.count(who, "context", o.context, 0)
  local first = self.features // 2
  self.first = o.swap and self.features - first or first
  local changed = self.features - self.first
  self.net = o.net and options.callable(who, "net", o.net)
    or network(self.first + self.context,
      changed * kinds[o.kind].count(self.bins), o)
end

-- The kept half with the context before it, the same at each pixel.
local function seen(self, kept, context)
  self:want_context(context, self.context, kept:size(1))
  if context == nil then return kept end
  for axis = 3, kept:dim() do context = context:unsqueeze(axis) end
  local shape = { kept:shape() }
  shape[2] = self.context
  return orrery.cat({ context:expand(shape), kept }, 2)
end

-- Both halves and the numbers, the kept half first.
local function halves(self, name, x, context)
  local want = self.image and self.want_images or self.want
  want(self, name, x, self.features)
  local changed = self.features - self.first
  local kept = x:narrow(2, self.swap and changed + 1 or 1, self.first)
  local other = x:narrow(2, self.swap and 1 or self.first + 1, changed)
  return kept, other, self.net(seen(self, kept, context))
end

local function joined(self, kept, other)
  return orrery.cat(self.swap and { other, kept } or { kept, other }, 2)
end

---@param x orrery.Tensor  [B, D], or [B, D, H, W] with `image`
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor z  like x
---@return orrery.Tensor logdet  [B], nats
function Coupling:forward(x, context)
  local kept, other, p = halves(self, "x", x, context)
  local y, slope = kinds[self.kind].forward(self, other, p)
  return joined(self, kept, y), Bijector.rowsum(slope)
end

---@param z orrery.Tensor  [B, D], or [B, D, H, W] with `image`
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  like z
---@return orrery.Tensor logdet  [B], nats
function Coupling:inverse(z, context)
  local kept, other, p = halves(self, "z", z, context)
  local y, slope = kinds[self.kind].inverse(self, other, p)
  return joined(self, kept, y), Bijector.rowsum(slope)
end

function Coupling:extra_repr()
  return ("%d, %s"):format(self.features, self.kind)
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
  options.tensor("flow.Elementwise", "x", x, "float")
  local z, slope = self.transform:forward(x)
  return z, Bijector.rowsum(slope)
end
function Elementwise:inverse(z)
  options.tensor("flow.Elementwise", "z", z, "float")
  local x, slope = self.transform:inverse(z)
  return x, -Bijector.rowsum(slope)
end

return { Coupling = Coupling, Elementwise = Elementwise }
