--- What a step may move besides parameters - running averages, random streams,
--- the place in the data - noted, and put back.
local attempt = require "orrery.train.attempt"
local resume = require "orrery.train.resume"

local guard = {}

-- Notes it all; the function returned puts it back.
local function marked(self)
  self.buffers = self.buffers or attempt.buffers(self.models)
  local buffers = self.buffers
  attempt.copy(buffers, 1, 2)
  local streams = resume.states(self.generators)
  local default = self.stream:state()
  local place = self.loader and self.loader:mark()
  return function()
    attempt.copy(buffers, 2, 1)
    resume.restore(self.generators, streams)
    self.stream:set_state(default)
    if place then self.loader:back(place) end
  end
end

--- Until it is closed; puts things back when that is by an error, so that a
--- step can be tried again: parameters have not changed by then.
---@param self orrery.train.Run
function guard.failing(self)
  local back = marked(self)
  return setmetatable({}, { __close = function(_, failure)
    if failure ~= nil then back() end
  end })
end

--- Until it is closed; puts things back however that comes about, and whether
--- modules train or are evaluated.
---@param self orrery.train.Run
function guard.looking(self)
  local back, modes = marked(self), {}
  for _, model in pairs(self.models) do
    for _, module in ipairs(model.modules and model:modules() or {}) do
      modes[module] = module.training
    end
  end
  return setmetatable({}, { __close = function()
    back()
    for module, training in pairs(modes) do
      rawset(module, "training", training)
    end
  end })
end

return guard
