--- The names one has at the prompt, in `-e` code and in code from a pipe:
--- Lua's own, what was assigned, and everything of orrery without its prefix.
--- A file has none of this and writes `require "orrery"`, so that it runs
--- anywhere.
local pretty = require "orrery.repl.pretty"
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

-- Told by its name, so that nothing of plot loads for what is none.
local function is_figure(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table"
    and rawget(meta, "__name") == "orrery.plot.Figure"
end

--- Shows the values of an entry: figures are drawn, others written.
---@param color boolean
---@param write fun(text: string)
function session.show(color, write, ...)
  local texts, figures, long = {}, {}, false
  for i = 1, select("#", ...) do
    local value = (select(i, ...))
    if is_figure(value) then
      figures[#figures + 1] = value
    else
      texts[#texts + 1] = pretty(value, color)
      long = long or texts[#texts]:find "\n"
    end
  end
  if #texts > 0 then
    write(table.concat(texts, long and "\n" or "   ") .. "\n")
  end
  for _, figure in ipairs(figures) do
    require "orrery.show".show(figure, nil, write)
  end
end

--- Does with the values of an expression what the prompt does: shows them,
--- and the first stays as `_`. For saved sessions.
---@param env table
function session.value(env, ...)
  if ... ~= nil then rawset(env, "_", (...)) end
  session.show(false, function(text) io.write(text) end, ...)
end

return session
