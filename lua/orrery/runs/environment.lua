--- What a run runs on, found out once.
local orrery = require "orrery"

-- Files of /proc have no size that could be asked for beforehand.
local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

-- Of the script's folder.
local function revision(script)
  local folder = script and script:match "^(.*)/[^/]*$" or "."
  local pipe = io.popen(("git -C '%s' rev-parse HEAD 2>/dev/null"):format(
    folder:gsub("'", "'\\''")))
  local text = pipe and pipe:read "l"
  if pipe then pipe:close() end
  return text
end

local found

---@return table  orrery, lua, machine, host, system, cpu, time, words,
---  command, revision
return function()
  if found then return found end
  local words = rawget(_G, "arg")
  found = {
    orrery = tostring(orrery.version), lua = _VERSION,
    machine = orrery.machine(),
    host = (read "/proc/sys/kernel/hostname" or ""):match "%S+",
    system = (read "/proc/version" or ""):match "^%S+ %S+ %S+",
    cpu = (read "/proc/cpuinfo" or ""):match "model name%s*:%s*([^\n]+)",
    time = os.date "!%Y-%m-%dT%H:%M:%SZ",
    words = words and table.move(words, 1, #words, 1, {}) or nil,
    command = words and table.concat(words, " ", 0) or nil,
    revision = revision(words and words[0]),
  }
  return found
end
