--- `orrery watch`: its words, and how it ends.
local core = require "orrery.core"
local nearest = require "orrery.nearest"

local usage = [[
orrery watch [FOLDER] [port=N] [idle=MINUTES]
Shows the runs of FOLDER (runs) in the browser while they run: the list,
sweeps' progress, curves and pictures as they come, and what went wrong. Prints
the address to open; only this machine can reach it, and only who has the
address. Training never waits for it. Ctrl-C ends it.
  port=0     the port to answer at; 0 takes any free one
  idle=60    minutes without a page and without a run after which it ends by
             itself; 0 never
From another machine: ssh -L 8000:127.0.0.1:PORT HOST, then open the address
with 8000 in place of PORT.]]

local failed, misused = 1, 2
local knobs = { port = { 0, 65535 }, idle = { 0, 1e6 } }

local function read(words)
  local o = { port = 0, idle = 60 }
  for _, word in ipairs(words) do
    local name, text = word:match "^([%a_][%w_]*)=(.*)$"
    if name == "out" then
      o.out = text
    elseif name and not knobs[name] then
      local near = nearest(name, { "port", "idle", "out" })
      return nil, ("watch: there is no %s=; %s"):format(name,
        near and "did you mean " .. near .. "=?" or "orrery watch --help")
    elseif name then
      local value, range = tonumber(text), knobs[name]
      if name == "port" then value = math.tointeger(value) end
      if not value or value < range[1] or value > range[2] then
        return nil, ("watch: %s is %s; give %s, %g to %g"):format(name, text,
          name == "port" and "a whole number" or "minutes", range[1], range[2])
      end
      o[name] = value
    elseif word == "--help" or word == "-h" then
      o.help = true
    elseif word:sub(1, 1) == "-" then
      return nil, ("watch: unknown flag %s; orrery watch --help"):format(word)
    elseif o.out then
      return nil, ("watch: %s and %s: one folder at a time"):format(o.out, word)
    else
      o.out = word
    end
  end
  o.out = o.out or "runs"
  return o
end

-- A folder that is not there yet may be one that a run will make; a file is
-- a mistake, and so is a run's own folder.
local function check(out)
  local stat = core.fs.stat(out)
  if stat and stat.kind ~= "folder" then
    return ("watch: %s is no folder; give the one with runs.sqlite"):format(out)
  elseif not core.fs.exists(out .. "/runs.sqlite")
    and (core.fs.exists(out .. "/config.json")
      or core.fs.exists(out .. "/report.html")) then
    return ("watch: %s is inside a folder of runs; give the folder that has "
      .. "runs.sqlite"):format(out)
  end
end

--- Does what the words say.
---@param words string[]
---@param say fun(text: string)
---@return integer status  of the program
---@return string? message  what went wrong
return function(words, say)
  local o, why = read(words)
  if not o then return misused, why end
  if o.help then
    say(usage)
    return 0
  end
  why = check(o.out)
  if why then return misused, why end
  local watcher
  watcher, why = require("orrery.watch").start { out = o.out, port = o.port,
    idle = o.idle * 60 }
  if not watcher then return failed, why end
  local ok, message = pcall(function()
    if not core.fs.exists(o.out .. "/runs.sqlite") then
      say(("there are no runs in %s yet; the page shows them as they come")
        :format(o.out))
    end
    say(("%s\nCtrl-C ends it"):format(watcher.url))
    io.stdout:flush()
    watcher:serve()
    say(("nobody looked for %g minutes: the watcher has ended"):format(o.idle))
  end)
  watcher:close()
  if ok or core.interrupted() then return 0 end
  return failed, tostring(message)
end
