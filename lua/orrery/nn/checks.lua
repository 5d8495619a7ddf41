--- What several layers ask of their input.
local options = require "orrery.options"

local checks = {}

--- Refuses what is not a tensor [N, channels, H, W]; nil: any number of them.
---@param self orrery.nn.Module
---@param x any
---@param channels? integer
function checks.images(self, x, channels)
  if not options.is_tensor(x) then
    self:fail("x is %s; give a tensor", options.shown(x))
  end
  if x:dim() ~= 4 or (channels and x:size(2) ~= channels) then
    self:fail("x is %s but [N, %s, H, W] is wanted; change the layer or its "
      .. "input", x:shape_str(), tostring(channels or "C"))
  end
end

--- Refuses what is not a tensor [N, C, L].
---@param self orrery.nn.Module
---@param x any
function checks.sequences(self, x)
  if not options.is_tensor(x) then
    self:fail("x is %s; give a tensor", options.shown(x))
  end
  if x:dim() ~= 3 then
    self:fail("x is %s but [N, C, L] is wanted; change the layer or its input",
      x:shape_str())
  end
end

return checks
