--- What one output of a stack of convolutions looks at:
--- r = 1 + sum over layers of (k - 1) times the strides before it.
---
---     translate.receptive_field(translate.PatchGAN {})  --> 70, 8
---     translate.receptive_field { { 4, 2 }, { 4, 1 } }  --> kernel, stride
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local options = require "orrery.options"

local who = "translate.receptive_field"

-- Kernel, stride, dilation and padding of a layer that looks at neighbours.
local function step_of(layer)
  local kernel = rawget(layer, "kernel_size")
  if not kernel then return nil end
  local function first(name, default)
    local value = layer[name]
    if value == nil then value = default end
    return type(value) == "table" and value[1] or value
  end
  return { first("kernel_size"), first("stride", 1), first("padding", 0),
    first("dilation", 1) }
end

local function steps_of(net)
  local list = {}
  for _, layer in ipairs(net:modules()) do
    local kind = layer.class_name
    if kind:find "^ConvTranspose" or kind:find "^Upsample" then
      blame("%s: %s makes maps larger; give a net of convolutions and pooling",
        who, kind)
    end
    local step = step_of(layer)
    if step then list[#list + 1] = step end
  end
  return list
end

--- Receptive field, jump and map side of a net whose convolutions follow one
--- another, or of a list of { kernel, stride, padding, dilation }.
---@param net orrery.nn.Module|integer[][]
---@param side? integer  of the image
---@return integer size  pixels that one output sees, along one axis
---@return integer jump  pixels from one output's middle to the next one's
---@return integer? map  outputs along one axis, with `side`
return function(net, side)
  if type(net) ~= "table" then
    blame("%s: net is %s; give a module or a list of { kernel, stride }", who,
      options.shown(net))
  end
  local list = Module.is_module(net) and steps_of(net) or net
  local size, jump, map = 1, 1, side
  for i, step in ipairs(list) do
    local k = options.count(who, ("kernel of step %d"):format(i), step[1])
    local s = options.count(who, ("stride of step %d"):format(i),
      step[2] or 1)
    local pad, dilation = step[3] or 0, step[4] or 1
    local reach = (k - 1) * dilation
    size, jump = size + reach * jump, jump * s
    if map then map = (map + 2 * pad - reach - 1) // s + 1 end
  end
  return size, jump, map
end
