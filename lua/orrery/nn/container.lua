--- Modules made of modules: Sequential and ModuleList.
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local options = require "orrery.options"

local function add(self, who, module)
  if not Module.is_module(module) then
    options.callable(who, "entry " .. #self + 1, module)
  end
  self[#self + 1] = module
end

local function fill(self, who, ...)
  local first = ...
  local list = type(first) == "table" and not Module.is_module(first)
    and not getmetatable(first) and first or { ... }
  local n = select("#", ...)
  if n > 1 or list ~= first then
    for i = 1, n do
      if list[i] == nil then
        blame("%s: entry %d is nil; was a name mistyped?", who, i)
      end
    end
  end
  for _, module in ipairs(list) do add(self, who, module) end
end

--- Runs its entries in turn, each on what the one before gave. Plain
--- functions are welcome among them.
---@class orrery.nn.Sequential: orrery.nn.Module
local Sequential = Module:subclass "Sequential"

---@param ... orrery.nn.Module|function|table  the entries, or a list of them
function Sequential:init(...) fill(self, "sequential", ...) end

function Sequential:forward(x)
  for i = 1, #self do x = self[i](x) end
  return x
end

--- Adds an entry at the end.
---@return self
function Sequential:append(module)
  add(self, "sequential", module)
  return self
end

--- A list of modules that counts as part of the model it is put into.
---@class orrery.nn.ModuleList: orrery.nn.Module
local ModuleList = Module:subclass "ModuleList"

function ModuleList:init(...) fill(self, "modulelist", ...) end

---@return self
function ModuleList:append(module)
  add(self, "modulelist", module)
  return self
end

return { Sequential = Sequential, ModuleList = ModuleList }
