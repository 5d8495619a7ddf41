--- What a game keeps: its nets, the modules of its parts, optimisers, average.
local blame = require "orrery.blame"
local state = {}

local function kept(self)
  local list = { generator = self.generator,
    discriminator = self.discriminator, average = self.average,
    generator_steps = self.optimizers.generator,
    discriminator_steps = self.optimizers.discriminator }
  for i, part in ipairs(self.parts) do
    for _, kind in ipairs { "players", "critics" } do
      for name, module in pairs(part[kind] or {}) do
        list[("part %d %s"):format(i, name)] = module
      end
    end
  end
  return list
end

--- Everything that the next step depends on, but random streams.
---@param self orrery.gan.Game
---@return table
function state.state_dict(self)
  local out = { steps = self.steps }
  for name, object in pairs(kept(self)) do out[name] = object:state_dict() end
  return out
end

---@param self orrery.gan.Game
---@param saved table  from state_dict of a game made alike
function state.load_state_dict(self, saved)
  local list = kept(self)
  for name in pairs(list) do
    if type(saved) ~= "table" or not saved[name] then
      blame("gan: the state has no %s; load that of a game made alike", name)
    end
  end
  for name, object in pairs(list) do object:load_state_dict(saved[name]) end
  self.steps = saved.steps
end

return state
