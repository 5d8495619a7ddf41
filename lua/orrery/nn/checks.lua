--- What several layers ask of their input.
local options = require "orrery.options"

local checks = {}

--- Refuses what is not a tensor [N, channels, H, W], or one image without N.
---@param self orrery.nn.Module
---@param x any
---@param channels? integer  nil: any number of them
function checks.images(self, x, channels)
  if not options.is_tensor(x) then
    self:fail("x is %s; give a tensor", options.shown(x))
  end
  local rank = x:dim()
  if rank ~= 4 and rank ~= 3 or channels and x:size(-3) ~= channels then
    self:fail("x is %s but [N, %s, H, W] is wanted; change the layer or its "
      .. "input", x:shape_str(), tostring(channels or "C"))
  end
end

--- Refuses what is not a tensor [N, channels, L], or one sequence without N.
---@param self orrery.nn.Module
---@param x any
---@param channels? integer  nil: any number of them
function checks.sequences(self, x, channels)
  if not options.is_tensor(x) then
    self:fail("x is %s; give a tensor", options.shown(x))
  end
  local rank = x:dim()
  if rank ~= 3 and rank ~= 2 or channels and x:size(-2) ~= channels then
    self:fail("x is %s but [N, %s, L] is wanted; change the layer or its "
      .. "input", x:shape_str(), tostring(channels or "C"))
  end
end

return checks
