--- The discriminators of StyleGAN and StyleGAN2, of any size.
local nn = require "orrery.nn"
local F = require "orrery.nn.functional"
local layers = require "orrery.style.layers"
local options = require "orrery.options"
local plan = require "orrery.style.plan"
local orrery = require "orrery"
local recording = require "orrery.recording"
local resampling = require "orrery.style.resampling"

---@class orrery.style.Discriminator: orrery.nn.Module
---@field sides integer[]  of the maps, the smallest first
---@field size integer  of the images that it judges now
---@field fade number  1; under 1 the last side is being faded in
local Discriminator = nn.Module:subclass "StyleDiscriminator"

local gain = math.sqrt(2)

local function equal(o, from, to, kernel, more)
  local how = { gain = gain, dtype = o.dtype, generator = o.generator }
  for key, value in pairs(more or {}) do how[key] = value end
  return layers.EqualConv2d(from, to, kernel, how)
end

--- A discriminator: blocks of two convolutions that halve the side, the
--- batch's variety as one more channel (minibatch stddev), two linear layers.
--- Options:
---   size = 32, start, colours = 1, channel_base = 512, channel_max = 64   as
---                 of style.Generator
---   version = 1   2: each block is residual (Karras et al. 2020)
---   group = 4     images that are compared for variety; batches are a
---                 multiple of it, or smaller
---   smooth = true   false: sides are halved by plain means
---   progressive = false   takes images of each side, so that it can grow
---   dtype, generator   of the first weights
---@param given? table
function Discriminator:init(given)
  local who = "style.Discriminator"
  local o = options.take(who, given, { size = 32, colours = 1, version = 1,
    channel_base = 512, channel_max = 64, group = 4, smooth = true,
    progressive = false, dtype = "float32" }, { "start", "generator" })
  options.count(who, "colours", o.colours)
  plan.read(who, o)
  self.sides, self.size, self.fade = o.sides, o.size, 1
  self.smooth, self.residual = o.smooth, o.version == 2
  self.inputs, self.blocks = nn.ModuleDict {}, nn.ModuleDict {}
  for i, side in ipairs(o.sides) do
    local c, next_c = o.channels[i], o.channels[i - 1]
    if o.progressive or side == o.size then
      self.inputs["side" .. side] = equal(o, o.colours, c, 1)
    end
    if i > 1 then
      self.blocks["side" .. side] = nn.ModuleList { equal(o, c, c, 3),
        equal(o, c, next_c, 3),
        self.residual and equal(o, c, next_c, 1, { bias = false, gain = 1 })
          or nil }
    end
  end
  local c, side = o.channels[1], o.sides[1]
  self.variety = nn.MinibatchStdDev(o.group)
  self.last = equal(o, c + 1, c, 3)
  local how = { dtype = o.dtype, generator = o.generator, gain = gain }
  self.hidden = layers.EqualLinear(c * side * side, c, how)
  how.gain = 1
  self.head = layers.EqualLinear(c, 1, how)
end

function Discriminator:recorded_form()
  return ("%d %s"):format(self.size, self.fade < 1)
end

local function act(x) return F.leaky_relu(x, 0.2) end

local function half(self, x)
  return self.smooth and resampling.halve(x) or F.avg_pool2d(x, 2)
end

local function block(self, x, side)
  local parts = self.blocks["side" .. side]
  local y = act(half(self, parts[2](act(parts[1](x)))))
  if not self.residual then return y end
  return (y + parts[3](half(self, x))) * math.sqrt(0.5)
end

---@param image orrery.Tensor  [N, colours, size, size]
---@return orrery.Tensor  [N, 1]
function Discriminator:forward(image)
  options.tensor("style.Discriminator", "image", image, "float")
  if image:dim() ~= 4 or image:size(3) ~= self.size
    or image:size(4) ~= self.size then
    self:fail("image is %s but its side is to be %d; resize it, or grow",
      image:shape_str(), self.size)
  end
  local x = act(self.inputs["side" .. self.size](image))
  for i = #self.sides, 2, -1 do
    local side = self.sides[i]
    if side <= self.size then
      x = block(self, x, side)
      if side == self.size and self.fade < 1 then
        local small = F.avg_pool2d(image, 2)
        x = orrery.lerp(act(self.inputs["side" .. side // 2](small)), x,
          recording.number(self, "fade"))
      end
    end
  end
  x = act(self.last(self.variety(x)))
  return self.head(act(self.hidden(x:flatten(2))))
end

return Discriminator
