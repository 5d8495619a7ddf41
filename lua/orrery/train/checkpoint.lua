--- Checkpoints: one file that is whole or not there, and the one before it.
--- A save of RUN.safetensors writes RUN.new.safetensors, moves the old one to
--- RUN.previous.safetensors and the new one in its place; killed at any moment,
--- one of the three is whole and loads.
local orrery = require "orrery"

local checkpoint = {}

local function beside(path, word)
  return (path:gsub("%.safetensors$", "." .. word .. ".safetensors"))
end

--- The files a run may be resumed from, best first.
local function candidates(path)
  return { path, beside(path, "new"), beside(path, "previous") }
end

---@param path string  ends in .safetensors
---@param contents table  what orrery.save takes
---@return boolean? ok
---@return string? message
function checkpoint.save(path, contents)
  local fresh = beside(path, "new")
  local ok, why = orrery.save(fresh, contents)
  if not ok then return nil, why end
  os.rename(path, beside(path, "previous"))  -- the first time there is none
  local moved, why_not = os.rename(fresh, path)
  if not moved then
    return nil, ("checkpoint: %s; make the folder writable"):format(why_not)
  end
  return true
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

--- The newest checkpoint that is whole.
---@param path string
---@return table? contents  nil when there is none at all
---@return string? message  why none loads, though there are some
function checkpoint.load(path)
  local message
  for _, name in ipairs(candidates(path)) do
    if exists(name) then
      local contents, why = orrery.load(name)
      if contents then return contents end
      message = message or why
    end
  end
  return nil, message
end

--- Removes the checkpoint and what belongs to it.
---@param path string
function checkpoint.remove(path)
  for _, name in ipairs(candidates(path)) do os.remove(name) end
end

return checkpoint
