--- What every bijector is: a module with two directions,
---     forward(x, context) -> z, logdet     log |det dz/dx|, nats, [B]
---     inverse(z, context) -> x, logdet     log |det dx/dz|, nats, [B]
--- forward is the way of the density, data to noise; inverse that of sampling.
local orrery = require "orrery"
local blame = require "orrery.blame"
local nn = require "orrery.nn"
local options = require "orrery.options"

--- The class of all bijectors. One's own: `flow.Bijector:subclass "Name"` with
--- init, forward and inverse, the last two with the log-determinant of their
--- direction.
---@class orrery.flow.Bijector: orrery.nn.Module
local Bijector = nn.Module:subclass "Bijector"

function Bijector:inverse()
  blame("%s: inverse is missing; define function %s:inverse(z)",
    self:label(), self.class_name)
end

--- Sums all axes but the first.
---@param x orrery.Tensor  [B, ...]
---@return orrery.Tensor  [B]
function Bijector.rowsum(x)
  return x:dim() > 1 and x:flatten(2):sum(2) or x
end

--- Raises unless `x` is a floating batch [B, features].
---@param name string  "x" or "z"
---@param x any
---@param features integer
function Bijector:want(name, x, features)
  if not options.is_tensor(x) then
    self:fail("%s is %s; give a tensor [B, %d]", name, options.shown(x),
      features)
  end
  if x:dim() ~= 2 or x:size(2) ~= features then
    self:fail("%s is %s but [B, %d] is wanted; change the layer or its input",
      name, x:shape_str(), features)
  end
end

--- Raises unless `x` is a floating batch with `channels` as its second axis.
---@param name string  "x" or "z"
---@param x any
---@param channels integer
function Bijector:want_channels(name, x, channels)
  if not options.is_tensor(x) or x:dim() < 2 or x:size(2) ~= channels
      or not x:is_floating_point() then
    self:fail("%s is %s but [B, %d] or [B, %d, H, W] is wanted; change the "
      .. "layer or its input", name, options.shown(x), channels, channels)
  end
end

--- Raises unless `x` is a floating batch of images [B, channels, H, W].
---@param name string  "x" or "z"
---@param x any
---@param channels integer
function Bijector:want_images(name, x, channels)
  if not options.is_tensor(x) or x:dim() ~= 4 or x:size(2) ~= channels
      or not x:is_floating_point() then
    self:fail("%s is %s but [B, %d, H, W] is wanted; change the layer or its "
      .. "input", name, options.shown(x), channels)
  end
end

--- Raises unless `context` is what a layer made with context = size takes.
---@param context any
---@param size integer  0: none
---@param rows integer  how many rows x has
function Bijector:want_context(context, size, rows)
  if size == 0 and context == nil then return end
  if size == 0 then
    self:fail("context is given but none is taken; leave it out, or make "
      .. "the layer with context = SIZE")
  end
  if not options.is_tensor(context) or context:dim() ~= 2
      or context:size(1) ~= rows or context:size(2) ~= size then
    self:fail("context is %s but [%d, %d] is wanted; give one row for each x",
      options.is_tensor(context) and context:shape_str()
        or options.shown(context), rows, size)
  end
end

--- One number per channel, [C], as it spreads over x [B, C, ...].
---@param p orrery.Tensor  [C]
---@param x orrery.Tensor  [B, C, ...]
---@return orrery.Tensor  [C, 1, ...]
function Bijector.over(p, x)
  local shape = { p:size(1) }
  for axis = 3, x:dim() do shape[axis - 1] = 1 end
  return p:reshape(shape)
end

--- How many numbers each channel of x has, the pixels of an image.
---@param x orrery.Tensor  [B, C, ...]
---@return integer
function Bijector.places(x)
  local n = 1
  for axis = 3, x:dim() do n = n * x:size(axis) end
  return n
end

--- The way back as `inverse` goes it, or slower and plainer where there is a
--- slower way, such as flow.MAF's whole pass for each input.
---@return orrery.Tensor x
---@return orrery.Tensor logdet  [B], nats
function Bijector:inverse_naive(z, context) return self:inverse(z, context) end

--- Does a gradient have to reach anything?
---@param x orrery.Tensor
---@param context? orrery.Tensor
---@return boolean
function Bijector:recorded(x, context)
  if not orrery.is_grad_enabled() then return false end
  if x.requires_grad or context and context.requires_grad then return true end
  for _, p in ipairs(self:parameters()) do
    if p.requires_grad then return true end
  end
  return false
end

--- Is `value` a bijector?
---@return boolean
function Bijector.is(value)
  return type(value) == "table" and value.inverse ~= nil
    and value.forward ~= nil
end

return Bijector
