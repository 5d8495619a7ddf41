--- What tests need of files and programs: a folder of their own, whole files,
--- and the interpreter that runs them.
local orrery = require "orrery"

local files = {}

local made = {}  -- by files.folder(); nothing else is ever removed

--- A fresh, empty folder.
---@return string path
function files.folder()
  local path = os.tmpname()
  os.remove(path)
  assert(orrery.fs.mkdir(path))
  made[path] = true
  return path
end

--- Removes a folder of files.folder() with all that is in it.
---@param path string
function files.drop(path)
  assert(made[path], "files.folder() did not make this folder")
  made[path] = nil
  os.execute(("rm -rf '%s'"):format(path))
end

---@param path string
---@return string? bytes  nil when there is no such file
function files.read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

--- The program that runs this script, to run others with: the first of the
--- words before arg[0].
---@return string
function files.interpreter()
  local first = "lua5.4"
  for i = -1, -9, -1 do
    if not (arg and arg[i]) then break end
    first = arg[i]
  end
  return first
end

return files
