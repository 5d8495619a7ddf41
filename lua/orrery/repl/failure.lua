--- Errors at the prompt: their message, and where they came from.
local pretty = require "orrery.repl.pretty"
local has_host, host = pcall(require, "orrery.host")
local failure = {}

-- Orrery's own files, and the one from which entries are called.
local own = debug.getinfo(1, "S").source:gsub("repl/failure%.lua$", "")
local repl_file = own .. "repl.lua"

-- Level of what raised, seen from a function that the handler calls; the
-- program puts a frame of C between the two.
local first = has_host and 4 or 3

--- Message of any error value, one that cannot be shown included.
function failure.message(err)
  if type(err) == "string" then return err end
  local ok, text = pcall(pretty, err)
  return ok and text or "error value of type " .. type(err)
end

-- Frames in the person's own functions and files: where an error came from,
-- when that is not the entry just typed.
local function frames()
  local out = {}
  for level = first, 60 do
    local info = debug.getinfo(level, "Sln")
    if not info or info.source == repl_file then break end
    local mine = info.source:sub(1, #own) == own
    if info.what ~= "C" and not mine and info.currentline > 0 then
      local who = info.name and " in " .. info.name or ""
      if info.what == "main" then who = "" end
      out[#out + 1] = ("%s:%d%s"):format(info.short_src, info.currentline, who)
    end
  end
  return out
end

-- Name of the built-in that raised, such as an operation of the engine.
local function raised_in()
  local info = debug.getinfo(first, "Sn")
  return info and info.what == "C" and info.name ~= "error" and info.name or nil
end

---@class orrery.repl.Failure
---@field message string
---@field frames string[]
---@field raiser? string  built-in that raised it
local Failure = {}

--- Message handler that keeps what the prompt tells about an error; one that
--- is passed on has been kept already.
---@return orrery.repl.Failure
function failure.handler(err)
  if getmetatable(err) == Failure then return err end
  return setmetatable({
    message = failure.message(err),
    frames = frames(),
    raiser = raised_in(),
  }, Failure)
end
if has_host then failure.handler = host.calm(failure.handler) end

--- "stdin:1: " says nothing about an entry of one line.
function failure.without_position(message, text)
  if text:find "\n" then return message end
  return (message:gsub("^stdin:1: ", ""))
end

return failure
