--- Modules changed on disk, loaded again in place: who holds the module's
--- table sees the new functions.
local core = require "orrery.core"

local reloading = {}

local own = debug.getinfo(1, "S").source:gsub("^@", "")
  :gsub("repl/reloading%.lua$", "")

---@class orrery.repl.Loaded
---@field path string
---@field mark string  changes when the file does

local function mark(path)
  local stat = core.fs.stat(path)
  return stat and stat.size .. " " .. stat.modified or "gone"
end

-- The Lua file of a module of the person's own; nil for ours and compiled ones.
local function file_of(name)
  if type(name) ~= "string" then return nil end
  local path = package.searchpath(name, package.path)
  if path and path:sub(1, #own) ~= own then return path end
end

--- Notes modules loaded since the last time, as they are now.
---@param seen table<string, orrery.repl.Loaded|false>  by name
function reloading.note(seen)
  for name in pairs(package.loaded) do
    if seen[name] == nil then
      local path = file_of(name)
      seen[name] = path and { path = path, mark = mark(path) } or false
    end
  end
end

-- New contents go into the old table; what is gone from the file goes.
local function replace(old, new)
  if type(old) ~= "table" or type(new) ~= "table" then return false end
  for key in pairs(old) do
    if rawget(new, key) == nil then old[key] = nil end
  end
  for key, value in pairs(new) do rawset(old, key, value) end
  setmetatable(old, getmetatable(new))
  return true
end

--- Loads one module afresh. When its file fails the old one stays, and the
--- error goes on.
---@param name string
---@param seen table<string, orrery.repl.Loaded|false>
---@return boolean in_place  false: holders of the old value keep that
function reloading.one(name, seen)
  local old = package.loaded[name]
  local path = file_of(name)
  package.loaded[name] = nil
  local ok, new = pcall(require, name)
  if not ok then
    package.loaded[name] = old
    error(new, 0)
  end
  seen[name] = path and { path = path, mark = mark(path) } or false
  if not replace(old, new) then return old == nil end
  package.loaded[name] = old
  return true
end

--- Names of modules whose file is not as it was when they were loaded.
---@param seen table<string, orrery.repl.Loaded|false>
---@return string[]
function reloading.changed(seen)
  local names = {}
  for name, loaded in pairs(seen) do
    if loaded and package.loaded[name] ~= nil
      and mark(loaded.path) ~= loaded.mark then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

return reloading
