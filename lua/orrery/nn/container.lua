--- Modules made of modules, and lists of parameters: Sequential, ModuleList,
--- ModuleDict, ParameterList, ParameterDict.
local orrery = require "orrery"
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

--- Modules by name, part of the model they are put into. Names go in
--- alphabetical order: `for name, module in dict:items() do`.
---@class orrery.nn.ModuleDict: orrery.nn.Module
local ModuleDict = Module:subclass "ModuleDict"

--- A name that is no method or field of the class.
local function check_name(self, who, name)
  options.text(who, "name", name)
  if self[name] ~= nil and rawget(self, name) == nil
    or name == "training" then
    blame("%s: %q is a method or field of the class; use another name", who,
      name)
  end
  return name
end

--- Puts in what a table holds by name, in alphabetical order.
local function fill_by_name(self, who, given)
  if given ~= nil and type(given) ~= "table" then
    blame("%s: entries are %s; give a table { name = ... }", who,
      options.shown(given))
  end
  local names = {}
  for name in pairs(given or {}) do
    names[#names + 1] = check_name(self, who, name)
  end
  table.sort(names)
  for _, name in ipairs(names) do self:set(name, given[name]) end
end

local function items(self, holds)
  local names = {}
  for name, value in next, self do
    if holds(value) then names[#names + 1] = name end
  end
  table.sort(names)
  local i = 0
  return function()
    i = i + 1
    if names[i] then return names[i], self[names[i]] end
  end
end

---@param modules? table<string, orrery.nn.Module>
function ModuleDict:init(modules) fill_by_name(self, "moduledict", modules) end

--- Adds or replaces an entry.
---@param name string
---@param module orrery.nn.Module
---@return self
function ModuleDict:set(name, module)
  check_name(self, "moduledict", name)
  if not Module.is_module(module) then
    blame("moduledict: %s is %s; give a module", name, options.shown(module))
  end
  self[name] = module
  return self
end

--- `for name, module in dict:items() do`
function ModuleDict:items() return items(self, Module.is_module) end

local function parameter_of(who, name, value)
  options.tensor(who, name, value, "float")
  if value.requires_grad and value.is_leaf then return value end
  return orrery.no_grad(function() return value:detach():requires_grad_() end)
end

--- A list of parameters that counts as part of the model it is put into.
--- Tensors that are not trainable yet become so.
---@class orrery.nn.ParameterList: orrery.nn.Module
local ParameterList = Module:subclass "ParameterList"

---@param list? orrery.Tensor[]
function ParameterList:init(list)
  if list ~= nil and (type(list) ~= "table" or getmetatable(list)) then
    blame("parameterlist: list is %s; give a list of tensors",
      options.shown(list))
  end
  for _, value in ipairs(list or {}) do self:append(value) end
end

---@param value orrery.Tensor
---@return self
function ParameterList:append(value)
  local name = "entry " .. #self + 1
  self[#self + 1] = parameter_of("parameterlist", name, value)
  return self
end

--- Parameters by name.
---@class orrery.nn.ParameterDict: orrery.nn.Module
local ParameterDict = Module:subclass "ParameterDict"

---@param parameters? table<string, orrery.Tensor>
function ParameterDict:init(parameters)
  fill_by_name(self, "parameterdict", parameters)
end

--- Adds or replaces an entry.
---@param name string
---@param value orrery.Tensor
---@return self
function ParameterDict:set(name, value)
  check_name(self, "parameterdict", name)
  self[name] = parameter_of("parameterdict", name, value)
  return self
end

--- `for name, parameter in dict:items() do`
function ParameterDict:items() return items(self, options.is_tensor) end

return { Sequential = Sequential, ModuleList = ModuleList,
  ModuleDict = ModuleDict, ParameterList = ParameterList,
  ParameterDict = ParameterDict }
