--- What every layer and model is: parameters, buffers and child modules, held
--- in plain fields and found again in the order they were set.
---
---     local VAE = nn.Module:subclass("VAE")
---     function VAE:init(latent) self.enc = nn.Linear(784, latent) end
---     function VAE:forward(x) return self.enc(x) end
---     local model = VAE(20)
local blame = require "orrery.blame"
local hooks = require "orrery.nn.module_hooks"
local options = require "orrery.options"
local recording = require "orrery.recording"
local state = require "orrery.nn.module_state"
local tree = require "orrery.nn.tree"

local entries, records, tensors = tree.entries, tree.records, tree.tensors
local is_module, walk = tree.is_module, tree.walk

--- What layers and models are made from: subclass it, set tensors and modules
--- as fields in `init`, compute in `forward`.
---@class orrery.nn.Module
---@field training boolean  what train() and eval() set
---@operator call(...): any
local Module = { class_name = "Module" }
Module.__index = Module

function Module.__newindex(self, key, value)
  tree.note(self, key, value)
  rawset(self, key, value)
end

function Module.__call(self, ...)
  if recording.notes then recording.module(self) end
  local own = records[self].hooks
  if own then return hooks.call(self, own, ...) end
  return self:forward(...)
end

local function construct(class, ...)
  local self = {}
  tree.register(self)
  rawset(self, "training", true)
  setmetatable(self, class)
  self:init(...)
  return self
end

local class_call = { __index = Module, __call = construct }
setmetatable(Module, { __call = construct })

--- A new kind of module. Give it `init(self, ...)`, which the constructor
--- calls, and `forward(self, ...)`, which calling a module runs.
---@param name string
---@return table class  call it to make one
function Module:subclass(name)
  if type(name) ~= "string" then
    blame("subclass: name is %s; give the class a name", options.shown(name))
  end
  local class = { class_name = name }
  for key, value in pairs(self) do  -- metamethods are not inherited by Lua
    if type(key) == "string" and key:sub(1, 2) == "__" then
      class[key] = value
    end
  end
  class.__index = class
  class.super = self
  return setmetatable(class,
    self == Module and class_call or { __index = self, __call = construct })
end

function Module:init() end  -- luacheck: ignore

function Module:forward()
  blame("%s: forward is missing; define function %s:forward(x)",
    self:label(), self.class_name)
end

-- ------------------------------------------------------------ what it holds

local function values(list)
  local out = {}
  for i, entry in ipairs(list) do out[i] = entry.value end
  return out
end

local function iterate(list)
  local i = 0
  return function()
    i = i + 1
    if list[i] then return list[i].name, list[i].value end
  end
end

--- A list of every parameter, frozen ones too.
---@return orrery.Tensor[]
function Module:parameters() return values(tensors(self, "parameter")) end

--- `for name, parameter in model:named_parameters() do`
function Module:named_parameters()
  return iterate(tensors(self, "parameter"))
end

---@return orrery.Tensor[]
function Module:buffers() return values(tensors(self, "buffer")) end

function Module:named_buffers() return iterate(tensors(self, "buffer")) end

local function module_list(self)
  local list = {}
  walk(self, "", function(name, module)
    list[#list + 1] = { name = name, value = module }
  end, {})
  return list
end

--- A list of self ("" in named_modules) and all modules below.
---@return orrery.nn.Module[]
function Module:modules() return values(module_list(self)) end

--- `for name, module in model:named_modules() do`
function Module:named_modules() return iterate(module_list(self)) end

local function child_list(self)
  local list = {}
  for _, entry in ipairs(entries(self)) do
    if entry.kind == "module" then list[#list + 1] = entry end
  end
  return list
end

--- A list of the modules directly inside.
---@return orrery.nn.Module[]
function Module:children() return values(child_list(self)) end

function Module:named_children() return iterate(child_list(self)) end

--- Number of numbers the optimiser could change.
---@param opts? { trainable?: boolean }  only those not frozen
---@return integer
function Module:num_parameters(opts)
  local n = 0
  opts = options.take("num_parameters", opts, { trainable = false })
  for _, p in ipairs(self:parameters()) do
    if p.requires_grad or not opts.trainable then
      n = n + p:numel()
    end
  end
  return n
end

--- A tensor that is saved and converted with the module but not trained.
---@param name string
---@param value orrery.Tensor?
---@param opts? { persistent?: boolean }  false: not in state_dict
function Module:register_buffer(name, value, opts)
  options.text("register_buffer", "name", name)
  if value ~= nil then options.tensor("register_buffer", "value", value) end
  opts = options.take("register_buffer", opts, { persistent = true })
  records[self].buffers[name] = opts.persistent and "saved" or "transient"
  self[name] = value
end

--- Makes a tensor a parameter, also one that needs no gradient yet.
---@param name string
---@param value orrery.Tensor
function Module:register_parameter(name, value)
  options.text("register_parameter", "name", name)
  options.tensor("register_parameter", "value", value, "float")
  records[self].parameters[name] = true
  self[name] = value
end

--- The layers as a table of text: see nn.utils.summary.
---@param shape? integer[]|orrery.Tensor|table[]
---@return string
function Module:summary(shape)
  return require "orrery.nn.summary"(self, shape)
end

for _, kind in ipairs { "forward_pre", "forward", "full_backward" } do
  local name = "register_" .. kind .. "_hook"
  Module[name] = hooks[name]
end

Module.state_dict = state.state_dict
Module.load_state_dict = state.load_state_dict

for name, fn in pairs(require "orrery.nn.module_changes") do
  Module[name] = fn
end

-- ----------------------------------------------------------------- messages

--- Where the module sits in the model it was last put into: "enc.2", or "".
---@return string
function Module:path() return tree.path(self) end

--- "linear enc.2", as error messages begin.
function Module:label()
  local path, name = self:path(), self.class_name:lower()
  return path == "" and name or name .. " " .. path
end

--- Raises at the user's line, with the layer's kind and place in front.
---@param format string  "what was seen; how to fix it"
function Module:fail(format, ...)
  blame(self:label() .. ": " .. format, ...)
end

--- What stands between the parentheses when the module is printed.
---@return string
function Module:extra_repr() return "" end  -- luacheck: ignore

function Module.__tostring(self)
  local children = child_list(self)
  local head = ("%s(%s"):format(self.class_name, self:extra_repr())
  if #children == 0 then return head .. ")" end
  local lines = { head }
  for _, entry in ipairs(children) do
    lines[#lines + 1] = ("  (%s): %s"):format(entry.name,
      (tostring(entry.value):gsub("\n", "\n  ")))
  end
  lines[#lines + 1] = ")"
  return table.concat(lines, "\n")
end

--- Is x a module?
Module.is_module = is_module

return Module
