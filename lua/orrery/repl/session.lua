--- The names one has at the prompt, in `-e` code and in code from a pipe:
--- Lua's own, what was assigned, and everything of orrery without its prefix.
--- A file has none of this and writes `require "orrery"`, so that it runs
--- anywhere.
local session = {}

--- A fresh environment. What is assigned stays in it; `_G` is itself.
---@return table env
function session.environment()
  local env = {}
  env._G = env
  return setmetatable(env, {
    __index = function(_, name)
      local value = _G[name]
      if value ~= nil then return value end
      local orrery = require "orrery"
      if name == "orrery" then return orrery end
      local found = orrery[name]
      if found == nil then found = orrery.functional[name] end
      return found
    end,
  })
end

--- Environment of a file run from the prompt: it sees what was assigned there
--- and leaves its globals there, yet orrery's names need their prefix as in
--- any file.
---@param env table
---@return table
function session.of_file(env)
  return setmetatable({}, {
    __index = function(_, name)
      local value = rawget(env, name)
      if value == nil then value = _G[name] end
      return value
    end,
    __newindex = env,
  })
end

return session
