--- The prompt's history: one entry a line in a file, kept between sessions.
local fs = require("orrery.core").fs
local history = {}

local keep = 2000

local function encode(entry)
  return (entry:gsub("\\", "\\\\"):gsub("\n", "\\n"))
end

local function decode(line)
  return (line:gsub("\\(.)", function(c) return c == "n" and "\n" or c end))
end

--- Where it is kept: by the XDG rule, in the folder for state.
---@return string? folder
function history.folder()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if state and state:sub(1, 1) == "/" then return state .. "/orrery" end
  return home and home ~= "" and home .. "/.local/state/orrery" or nil
end

-- Newest of equal entries only, oldest first.
local function without_repeats(lines)
  local seen, out = {}, {}
  for i = #lines, 1, -1 do
    if not seen[lines[i]] and lines[i] ~= "" then
      seen[lines[i]] = true
      out[#out + 1] = lines[i]
      if #out == keep then break end
    end
  end
  local n = #out
  for i = 1, n // 2 do out[i], out[n + 1 - i] = out[n + 1 - i], out[i] end
  return out
end

--- Entries of the file, oldest first, without repeats. A file grown to twice
--- what is kept is rewritten, whole or not at all.
---@param path string
---@return string[] entries
function history.load(path)
  local file = io.open(path, "r")
  if not file then return {} end
  local lines = {}
  for line in file:lines() do lines[#lines + 1] = line end
  file:close()
  local kept = without_repeats(lines)
  if #lines > 2 * keep then
    local temporary = path .. ".new"
    local out = io.open(temporary, "w")
    if out then
      local ok = out:write(table.concat(kept, "\n"), "\n")
      ok = out:close() and ok
      if not ok or not os.rename(temporary, path) then os.remove(temporary) end
    end
  end
  for i, line in ipairs(kept) do kept[i] = decode(line) end
  return kept
end

--- Adds an entry at the end: one write, so that two sessions may share a file.
---@param path string
---@param entry string
---@return boolean? ok
function history.append(path, entry)
  local file = io.open(path, "a")
  if not file then return nil end
  file:setvbuf("full", #entry * 2 + 64)
  file:write(encode(entry) .. "\n")
  return file:close()
end

local keep_entry

--- Gives the program's line editor the old entries, once.
---@param host? table  orrery.host; nil under another Lua
---@return fun(entry: string) remember  keeps a new one
function history.open(host)
  if keep_entry then return keep_entry end
  local folder = host and host.edits() and history.folder()
  if not folder or not fs.mkdir(folder) then return function() end end
  local path = folder .. "/history"
  local last
  for _, entry in ipairs(history.load(path)) do
    host.remember(entry)
    last = entry
  end
  function keep_entry(entry)
    host.remember(entry)
    if entry ~= last then history.append(path, entry) end
    last = entry
  end
  return keep_entry
end

return history
