--- Which process has a run in hand, and whether it still lives: its number
--- alone may have been given to another one since, so its start counts too.
local core = require "orrery.core"
local owner = {}

-- Seconds without a sign of life after which a process that cannot be looked
-- at (another machine, a system without /proc) is taken for dead.
local patience = 600

local held = {}  -- runs that this process has in hand now, by key

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

local boot = (read "/proc/sys/kernel/random/boot_id" or ""):match "^%x+" or ""

-- When a process started, in the kernel's count since that boot; nil when it
-- is not there, or dead and only waiting to be noticed.
local function started(pid)
  local text = read(("/proc/%d/stat"):format(pid)) or ""
  local state, rest = text:match "^.*%) (%a)(.*)$"
  if not state or state == "Z" or state == "X" then return nil end
  local field = 3
  for word in rest:gmatch "%S+" do
    field = field + 1
    if field == 22 then return boot .. " " .. word end
  end
end

local me

--- This process: pid, start ("" where it cannot be told), host.
---@return { pid: integer, start: string, host: string }
function owner.me()
  if not me then
    local pid = core.getpid()
    me = { pid = pid, start = started(pid) or "",
      host = (read "/proc/sys/kernel/hostname" or os.getenv "HOSTNAME" or "")
        :match "%S+" or "" }
  end
  return me
end

--- Does the process that took this run still work on it?
---@param row table  of the store: key, pid, pid_start, host, heartbeat
---@return boolean
function owner.alive(row)
  local own = owner.me()
  local fresh = os.time() - (row.heartbeat or 0) < patience
  if row.host ~= own.host then return fresh end
  if row.pid == own.pid and row.pid_start == own.start then
    return held[row.key] == true
  end
  if row.pid_start ~= "" then return started(row.pid) == row.pid_start end
  return fresh and core._process.alive(row.pid)
end

--- This process takes a run in hand, or lets it go.
function owner.hold(key) held[key] = true end
function owner.let_go(key) held[key] = nil end

return owner
