--- What the nets of translation are put together from, and how they begin.
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local options = require "orrery.options"

local layers = {}

--- Options with what is not given taken from `defaults`; o itself.
function layers.fill(o, defaults)
  for name, value in pairs(defaults) do
    if o[name] == nil then o[name] = value end
  end
  return o
end

--- Appends to a list.
function layers.add(list, ...)
  for _, layer in ipairs { ... } do list[#list + 1] = layer end
end

local norms = {
  instance = function(c, single)
    return nn.InstanceNorm2d(c, { single = single })
  end,
  instance_affine = function(c, single)
    return nn.InstanceNorm2d(c, { affine = true, single = single })
  end,
  batch = function(c) return nn.BatchNorm2d(c) end,
  ["nil"] = function() return nn.Identity() end,
}

--- What makes a norm of c channels (of maps of one pixel, if told so): an
--- Identity where there is none, so that the layers behind keep their numbers.
--- Second value: whether a convolution
--- before it wants a bias (batch norm has its own).
---@param who string
---@param name string|false
function layers.norm(who, name)
  local make = norms[name or "nil"]
  if not make or name == "nil" then
    blame("%s: norm is %s; give instance, instance_affine, batch or false",
      who, options.shown(name))
  end
  return make, name ~= "batch" and name ~= "instance_affine"
end

--- Weights N(0, gain^2), scales of norms N(1, gain^2), biases 0 (Radford et
--- al. 2016; Isola et al. 2017; Zhu et al. 2017: gain 0.02).
---@generic T: orrery.nn.Module
---@param net T
---@param gain? number|false  0.02; false leaves every layer's own beginning
---@param generator? orrery.Generator
---@return T net
function layers.begin(net, gain, generator)
  if gain == false then return net end
  gain = options.number("translate", "init_gain", gain or 0.02)
  for name, p in net:named_parameters() do
    if name:find "bias$" then
      nn.init.zeros_(p)
    else
      nn.init.normal_(p, p:dim() == 1 and 1 or 0, gain,
        { generator = generator })
    end
  end
  return net
end

--- Dropout that is on in eval too: the noise of a generator that has no other
--- (Isola et al. 2017, section 3.2.1).
---@class orrery.translate.NoiseDropout: orrery.nn.Dropout
local NoiseDropout = nn.Dropout:subclass "NoiseDropout"
layers.NoiseDropout = NoiseDropout

function NoiseDropout:forward(x)
  return nn.functional.dropout(x, { p = self.p, generator = self.generator })
end

--- Dropout of one half, as `use_dropout` asks for it: none for false, "noise"
--- stays on in eval.
function layers.dropout(who, use, generator)
  if use == false then return nil end
  if use ~= true and use ~= "noise" then
    blame("%s: use_dropout is %s; give true, false or \"noise\"", who,
      options.shown(use))
  end
  local class = use == "noise" and NoiseDropout or nn.Dropout
  return class(0.5, { generator = generator })
end

return layers
