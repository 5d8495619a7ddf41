--- Flows of images at several scales: squeeze, split, and Glow made of them
--- (Dinh et al. 2017, section 3.6; Kingma & Dhariwal 2018).
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local Conv1x1 = require("orrery.flow.linear").Conv1x1
local blame = require "orrery.blame"
local chain = require "orrery.flow.chain"
local coupling = require "orrery.flow.coupling"
local normalise = require "orrery.flow.normalise"
local options = require "orrery.options"

--- Blocks of r x r pixels become channels: [B, C, H r, W r] to
--- [B, C r^2, H, W]. flow.Unsqueeze is the way back.
---@class orrery.flow.Squeeze: orrery.flow.Bijector
---@field factor integer  r
local Squeeze = Bijector:subclass "Squeeze"

---@param factor? integer  r, 2 when absent
function Squeeze:init(factor)
  self.factor = options.count("flow.Squeeze", "factor",
    factor == nil and 2 or factor)
end

local function image(self, name, x, multiple, of)
  if options.is_tensor(x) and x:dim() == 4 and x:is_floating_point() then
    if multiple(x) then return end
    self:fail("%s is %s but %s is wanted; cut or pad it", name, x:shape_str(),
      of)
  end
  self:fail("%s is %s; give images [B, C, H, W]", name, options.shown(x))
end

-- Pixels to channels, and back; `name` is what the user gave.
local function down(self, name, x)
  local r = self.factor
  image(self, name, x, function()
    return x:size(3) % r == 0 and x:size(4) % r == 0
  end, ("a multiple of %d as height and width"):format(r))
  return orrery.functional.pixel_unshuffle(x, r), x:new_zeros { x:size(1) }
end

local function up(self, name, x)
  local r = self.factor
  image(self, name, x, function() return x:size(2) % (r * r) == 0 end,
    ("a multiple of %d channels"):format(r * r))
  return orrery.functional.pixel_shuffle(x, r), x:new_zeros { x:size(1) }
end

---@param x orrery.Tensor  [B, C, H r, W r]
---@return orrery.Tensor z  [B, C r^2, H, W]
---@return orrery.Tensor logdet  [B], zeros
function Squeeze:forward(x) return down(self, "x", x) end

---@param z orrery.Tensor  [B, C r^2, H, W]
---@return orrery.Tensor x  [B, C, H r, W r]
---@return orrery.Tensor logdet  [B], zeros
function Squeeze:inverse(z) return up(self, "z", z) end

function Squeeze:extra_repr() return tostring(self.factor) end

--- Channels become blocks of r x r pixels: flow.Squeeze turned round.
---@class orrery.flow.Unsqueeze: orrery.flow.Squeeze
local Unsqueeze = Squeeze:subclass "Unsqueeze"

---@param factor? integer  r, 2 when absent
function Unsqueeze:init(factor) Squeeze.init(self, factor) end

---@param x orrery.Tensor  [B, C r^2, H, W]
---@return orrery.Tensor z  [B, C, H r, W r]
---@return orrery.Tensor logdet  [B], zeros
function Unsqueeze:forward(x) return up(self, "x", x) end

---@param z orrery.Tensor  [B, C, H r, W r]
---@return orrery.Tensor x  [B, C r^2, H, W]
---@return orrery.Tensor logdet  [B], zeros
function Unsqueeze:inverse(z) return down(self, "z", z) end

--- The first half of the channels is noise already, the second goes on through
--- another bijector, which keeps its shape: z = (a', inner(b)). With `prior`,
--- a' = (a - m(b)) exp(-s(b)), so that the half left behind has the law
--- N(m(b), exp(s(b))) of what goes on, as in Glow; m and s are zero at first.
---@class orrery.flow.Split: orrery.flow.Bijector
---@field inner orrery.flow.Bijector
---@field prior orrery.nn.Module?
local Split = Bijector:subclass "Split"

---@param channels integer  2 or more; or features
---@param inner orrery.flow.Bijector  of channels - channels // 2
---@param opts? table  prior = false; clamp = 5 (s stays within +- clamp, which
---  it nears softly); image = true (false: of features [B, D]); dtype
function Split:init(channels, inner, opts)
  local who = "flow.Split"
  self.channels = options.count(who, "channels", channels, 2)
  if not Bijector.is(inner) then
    blame("%s: inner is %s; give a bijector", who, options.shown(inner))
  end
  local o = options.take(who, opts, { prior = false, clamp = 5, image = true,
    dtype = "float32" })
  self.inner, self.first = inner, channels // 2
  if options.flag(who, "prior", o.prior) then
    -- A coupling that keeps b, the channels behind, and changes a.
    self.prior = coupling.Coupling(channels, { swap = true, soft = true,
      image = options.flag(who, "image", o.image), clamp = o.clamp,
      hidden = {}, last_scale = 0, dtype = o.dtype })
  end
end

---@param x orrery.Tensor  [B, C, ...]
---@param context? orrery.Tensor  [B, K], for `inner`
---@return orrery.Tensor z  like x
---@return orrery.Tensor logdet  [B], nats
function Split:forward(x, context)
  self:want_channels("x", x, self.channels)
  local before
  if self.prior then x, before = self.prior(x) end
  local rest = self.channels - self.first
  local z, logdet = self.inner(x:narrow(2, self.first + 1, rest), context)
  return orrery.cat({ x:narrow(2, 1, self.first), z }, 2),
    before and before + logdet or logdet
end

---@param z orrery.Tensor  [B, C, ...]
---@param context? orrery.Tensor  [B, K]
---@return orrery.Tensor x  like z
---@return orrery.Tensor logdet  [B], nats
function Split:inverse(z, context)
  self:want_channels("z", z, self.channels)
  local rest = self.channels - self.first
  local b, logdet = self.inner:inverse(z:narrow(2, self.first + 1, rest),
    context)
  local x = orrery.cat({ z:narrow(2, 1, self.first), b }, 2)
  if not self.prior then return x, logdet end
  local after
  x, after = self.prior:inverse(x)
  return x, logdet + after
end

function Split:extra_repr() return tostring(self.channels) end

-- One step of flow: activation norm, 1x1 convolution, coupling.
local function add_step(list, channels, o)
  list[#list + 1] = normalise.ActNorm(channels, { dtype = o.dtype })
  list[#list + 1] = Conv1x1(channels, { lu = o.lu, dtype = o.dtype,
    generator = o.generator })
  list[#list + 1] = coupling.Coupling(channels, { image = true,
    kind = o.kind, hidden = o.hidden, clamp = o.clamp, soft = true,
    last_scale = 0, bound = o.bound, bins = o.bins, context = o.context,
    dtype = o.dtype })
end

--- What a level does: squeeze, steps, and half of the channels to the next.
local function level(channels, left, o)
  local list = { Squeeze(2) }
  channels = channels * 4
  for _ = 1, o.depth do add_step(list, channels, o) end
  if left > 1 then
    list[#list + 1] = Split(channels, level(channels - channels // 2, left - 1,
      o), { prior = o.prior, dtype = o.dtype })
  end
  list[#list + 1] = Unsqueeze(2)
  return chain.Chain(list)
end

local function image_shape(shape, levels)
  if type(shape) ~= "table" or #shape ~= 3 then
    blame("flow.glow: shape is %s; give that of one image, { C, H, W }",
      type(shape) == "table" and ("a list of %d"):format(#shape)
      or options.shown(shape))
  end
  for i, name in ipairs { "channels", "height", "width" } do
    local n = options.count("flow.glow", name, shape[i])
    if i > 1 and n % (1 << levels) ~= 0 then
      blame("flow.glow: %s is %d but %d levels halve it %d times; give a "
        .. "multiple of %d, or fewer levels", name, n, levels, levels,
        1 << levels)
    end
  end
end

--- Glow: at each of `levels`, a squeeze and `depth` steps of activation norm,
--- 1x1 convolution and coupling; then half of the channels is noise and the
--- rest goes on. z has the shape of x, so that the base law may be N(0, 1) of
--- each number.
---@param shape integer[]  { C, H, W } of an image
---@param opts? table  levels = 2; depth = 4; hidden = { 64, 64 } (channels of
---  the couplings' nets); kind = "affine" (as flow.Coupling takes, with bins,
---  bound, and clamp = 2 for log-scales, neared softly); lu = true; prior =
---  true (of the halves left behind, see flow.Split); context = 0; dtype;
---  generator
---@return orrery.flow.Chain
local function glow(shape, opts)
  local o = options.take("flow.glow", opts, { levels = 2, depth = 4,
    hidden = { 64, 64 }, kind = "affine", lu = true, prior = true, clamp = 2,
    bins = 8, bound = 3, context = 0, dtype = "float32" }, { "generator" })
  options.count("flow.glow", "levels", o.levels)
  options.count("flow.glow", "depth", o.depth)
  image_shape(shape, o.levels)
  return level(shape[1], o.levels, o)
end

return { Squeeze = Squeeze, Unsqueeze = Unsqueeze, Split = Split, glow = glow }
