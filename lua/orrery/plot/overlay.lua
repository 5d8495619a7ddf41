--- Several charts in one frame.
local blame = require "orrery.blame"
local options = require "orrery.options"
local Figure = require "orrery.plot.figure"
local making = require "orrery.plot.making"

local inherited = { "title", "xlabel", "ylabel", "log_x", "log_y", "square",
  "down", "xmin", "xmax", "ymin", "ymax", "size", "caption", "legend" }

-- Colours go on counting where the chart before ended, but maps have theirs.
local function recoloured(s, shift)
  if s.z then return s, shift end
  local copy = {}
  for key, value in pairs(s) do copy[key] = value end
  copy.color = s.color + shift
  return copy
end

---@param figures table
---@return orrery.plot.Figure
return function(figures)
  local who = "plot.overlay"
  if type(figures) ~= "table" or #figures == 0 then
    blame("%s: argument 1 is %s; give a list of charts", who,
      type(figures) == "table" and "an empty table" or options.shown(figures))
  end
  local own = {}
  for key, value in pairs(figures) do
    if type(key) == "string" then own[key] = value end
  end
  local fig, shift = making.figure(who, "overlay", own, {}), 0
  for i, one in ipairs(figures) do
    if not Figure.is(one) or not one.series then
      blame("%s: [%d] is %s; give charts", who, i,
        Figure.is(one) and tostring(one) or options.shown(one))
    end
    local most = 0
    for _, s in ipairs(one.series) do
      fig.series[#fig.series + 1] = recoloured(s, shift)
      -- Over a map the second colour stands out more than the first.
      most = math.max(most, s.z and (i == 1 and 1 or 0) or s.color)
    end
    shift = shift + most
    for _, name in ipairs(inherited) do
      if fig[name] == nil then fig[name] = one[name] end
    end
  end
  return fig
end
