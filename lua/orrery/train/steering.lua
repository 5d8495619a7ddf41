--- The prompt between two steps of a training loop: one looks, samples, draws,
--- and changes lr, beta, lambda by assignment; then training goes on as if
--- nobody had looked, but for what was changed.
local changes = require "orrery.train.changes"
local guard = require "orrery.train.guard"

local own = debug.getinfo(1, "S").source:gsub("train/steering%.lua$", "")

-- Adds the names of a frame of the person's: what a function has from outside,
-- and its locals, which hide them.
local function add_frame(names, frame, level)
  for i = 1, 255 do
    local name, value = debug.getupvalue(frame.func, i)
    if not name then break end
    if names[name] == nil then names[name] = value end
  end
  for i = 1, 255 do
    local name, value = debug.getlocal(level, i)
    if not name then break end
    if not name:find "^%(" then names[name] = value end
  end
end

-- The names that the functions under way know, the inner ones' first.
local function surroundings()
  local frames = {}
  for level = 2, 200 do
    local info = debug.getinfo(level, "Sf")
    if not info then break end
    if info.what ~= "C" and info.source:sub(1, #own) ~= own then
      table.insert(frames, 1, { info, level - 1 })
    end
  end
  local names = {}
  for _, frame in ipairs(frames) do
    add_frame(names, frame[1], frame[2] + 2)
  end
  return names
end

-- `lr.G` among handles is the field G of `lr`.
local function group(self, prefix)
  local function full(name) return prefix .. "." .. tostring(name) end
  return setmetatable({}, {
    __index = function(_, name)
      local handle = changes.handles(self)[full(name)]
      return handle and handle.get()
    end,
    __newindex = function(_, name, value)
      changes.set(self, full(name), value)
    end,
  })
end

-- Reads the handles and the names around; assigning to a handle changes it.
local function environment(self, tell)
  local around = surroundings()
  local outer = around._ENV or _G
  local at_prompt = require("orrery.repl.session").environment()
  local own_names = { run = self, state = self.state, data = self.data,
    model = self.models.main or self.models,
    optimizer = self.optimizers.main or self.optimizers,
    ema = self.emas.main or self.emas }
  local env, kept = {}, {}
  env._G = env
  return setmetatable(env, {
    __index = function(_, name)
      local handles = changes.handles(self)
      if handles[name] then return handles[name].get() end
      if name == "lr" and not self.optimizers.main then
        return group(self, "lr")
      end
      for _, names in ipairs { kept, around, own_names, outer } do
        local value = names[name]
        if value ~= nil then return value end
      end
      return at_prompt[name]
    end,
    __newindex = function(t, name, value)
      if changes.handles(self)[name] then
        tell(changes.set(self, name, value))
      else
        rawset(t, name, value)
      end
    end,
  })
end

local function listing(self)
  local handles, names = changes.handles(self)
  local parts = {}
  for i, name in ipairs(names) do
    parts[i] = ("%s = %.6g"):format(name, handles[name].get())
  end
  return table.concat(parts, "   ")
end

-- The commands of this prompt beside the usual ones.
local function commands(self, outcome)
  local function continue()
    outcome.is = "continue"
    return "quit"
  end
  local function quit()
    outcome.is = "quit"
    return "quit"
  end
  return {
    [":continue"] = continue, [":stop"] = quit, [":quit"] = quit,
    [":steer"] = function(session)
      session:say(listing(self))
      for _, c in ipairs(self.state.changes) do
        session:say(("  after step %d: %s from %.6g to %.6g"):format(c.step,
          c.name, c.was, c.value))
      end
    end,
    [":checkpoint"] = function(session, path)
      session:protect("", function()
        session:say("checkpoint: " .. self:save(path ~= "" and path or nil))
      end)
    end,
  }
end

--- The prompt, until the person leaves it. Random streams, running averages,
--- the place in the data and train/eval are then as they were before.
---@param self orrery.train.Run
---@return "continue"|"quit"
return function(self)
  local repl = require "orrery.repl"
  local outcome = { is = "continue" }
  local _ <close> = guard.looking(self)
  local function tell(c)
    io.stdout:write(("%s: %.6g -> %.6g from step %d on\n"):format(c.name, c.was,
      c.value, c.step + 1))
  end
  repl.run {
    env = environment(self, tell), prompt = ("step %d> "):format(
      self.state.step),
    commands = commands(self, outcome),
    banner = ("Change by assignment:   %s\n"):format(listing(self))
      .. "model, optimizer, data, state and the script's own names are here. "
      .. ":continue (or Ctrl-D)\ngoes on, :stop ends with a checkpoint, "
      .. ":checkpoint writes one, :steer lists changes.\n",
  }
  return outcome.is
end
