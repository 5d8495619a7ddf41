--- Where pictures are: a folder or a zip file, as a list of names in it.
local orrery = require "orrery"
local raw = require("orrery.core")._pictures

---@class orrery.data.Place
---@field path string  of the folder or zip file
---@field archive? userdata
---@field names string[]  of the pictures, relative, sorted
---@field entries? table<string, integer>  where they are in the archive
local Place = {}
Place.__index = Place

local endings = { png = true, jpg = true, jpeg = true }

-- A picture by its name; what systems leave behind (._x, __MACOSX) is not.
local function is_picture(name)
  local base = name:match "[^/]*$"
  return base:sub(1, 1) ~= "." and not name:find "^__MACOSX/"
    and endings[(base:match "%.(%w+)$" or ""):lower()] or false
end

local function walk(path, prefix, names)
  local found, why = orrery.fs.list(path)
  if not found then return nil, why end
  for _, name in ipairs(found) do
    local full, relative = path .. "/" .. name, prefix .. name
    if is_picture(relative) then
      names[#names + 1] = relative
    elseif name:sub(1, 1) ~= "." then
      local stat = orrery.fs.stat(full)
      if stat and stat.kind == "folder" then
        local ok, wrong = walk(full, relative .. "/", names)
        if not ok then return nil, wrong end
      end
    end
  end
  return true
end

local function zipped(self, who)
  local archive, names = raw.zip(who, self.path)
  if not archive then return nil, names end
  self.archive, self.entries = archive, {}
  for at, name in ipairs(names) do
    if is_picture(name) then
      self.names[#self.names + 1] = name
      self.entries[name] = at
    end
  end
  table.sort(self.names)
  return self
end

--- The pictures of a folder, with those in folders within, or of a zip file.
---@param who string
---@param path string
---@return orrery.data.Place?
---@return string? why
function Place.open(who, path)
  path = path:gsub("(.)/+$", "%1")
  local self = setmetatable({ path = path, names = {} }, Place)
  local stat, missing = orrery.fs.stat(path)
  if not stat then
    return nil, ("%s: %s; give the path of a folder or a zip file"):format(who,
      missing)
  end
  if stat.kind ~= "folder" then return zipped(self, who) end
  local ok, why = walk(path, "", self.names)
  if not ok then return nil, ("%s: %s"):format(who, why) end
  return self
end

--- Names below a folder of it, wherever in it that folder is: "trainA" finds
--- horse2zebra/trainA/1.jpg in a zip of the whole folder.
---@param folder string
---@return string[]
function Place:below(folder)
  local names, pattern = {}, "/" .. folder:gsub("%p", "%%%0") .. "/"
  for _, name in ipairs(self.names) do
    if ("/" .. name):find(pattern) then names[#names + 1] = name end
  end
  return names
end

--- What messages call one of its pictures.
---@param name string
---@return string
function Place:called(name)
  return self.archive and ("%s in %s"):format(name, self.path)
    or self.path .. "/" .. name
end

--- What the core is given to find these pictures.
---@param names string[]
---@return any[] sources  paths, or positions in the archive
---@return userdata? archive
function Place:sources(names)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = self.archive and self.entries[name] or self.path .. "/" .. name
  end
  return list, self.archive
end

return Place
