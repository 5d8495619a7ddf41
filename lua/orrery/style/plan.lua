--- Sides and channels of the maps of a network, from the size of its images.
local blame = require "orrery.blame"
local options = require "orrery.options"

local plan = {}

--- Puts into the options o the lists `sides` and `channels`, smallest side
--- first, and `start`.
---@param who string
---@param o table  size, start, channel_base, channel_max
function plan.read(who, o)
  for _, name in ipairs { "size", "channel_base", "channel_max" } do
    options.count(who, name, o[name])
  end
  if o.start == nil then
    local side = o.size
    while side > 7 and side % 2 == 0 do side = side // 2 end
    o.start = side
  end
  options.count(who, "start", o.start)
  o.sides, o.channels = {}, {}
  local side = o.start
  while side <= o.size do
    o.sides[#o.sides + 1] = side
    o.channels[#o.channels + 1] = math.max(1, math.min(o.channel_max,
      o.channel_base // side))
    side = side * 2
  end
  if o.sides[#o.sides] ~= o.size then
    blame("%s: size is %d, start %d; give a size that is start times a power "
      .. "of two", who, o.size, o.start)
  end
end

return plan
