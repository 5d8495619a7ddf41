--- What changes a module as a whole: its mode, what is trained, its dtype; and
--- copies of it. Part of nn.Module.
local blame = require "orrery.blame"
local hooks = require "orrery.nn.module_hooks"
local options = require "orrery.options"
local tree = require "orrery.nn.tree"

local is_module, is_tensor = tree.is_module, tree.is_tensor
local tensors, walk = tree.tensors, tree.walk

local changes = {}

--- Training behaviour (dropout, batch statistics) on, or off with `false`.
---@param mode? boolean
---@return self
function changes:train(mode)
  if mode == nil then mode = true end
  walk(self, "", function(_, module)
    rawset(module, "training", mode and true or false)
  end, {})
  return self
end

--- Training behaviour off.
---@return self
function changes:eval() return self:train(false) end

--- Calls fn(module) for every module below, self last.
---@param fn fun(module: orrery.nn.Module)
---@return self
function changes:apply(fn)
  options.callable("apply", "fn", fn)
  for _, child in ipairs(self:children()) do child:apply(fn) end
  fn(self)
  return self
end

--- Parameters get no gradient from now on; what gradient they had is dropped.
---@return self
function changes:freeze() return self:requires_grad_(false) end

---@return self
function changes:unfreeze() return self:requires_grad_(true) end

---@param on? boolean
---@return self
function changes:requires_grad_(on)
  if on == nil then on = true end
  for _, p in ipairs(self:parameters()) do
    p:requires_grad_(on)
    if not on then p.grad = nil end
  end
  return self
end

--- Forgets every parameter's gradient.
function changes:zero_grad()
  for _, p in ipairs(self:parameters()) do p.grad = nil end
end

--- Converts parameters and floating buffers. They are new tensors, so build
--- the optimiser afterwards.
---@param dtype "float32"|"float64"
---@return self
function changes:to(dtype)
  if dtype ~= "float32" and dtype ~= "float64" then
    blame('to: dtype is %s; a module is "float32" or "float64"',
      options.shown(dtype))
  end
  local converted = {}
  for _, kind in ipairs { "parameter", "buffer" } do
    for _, entry in ipairs(tensors(self, kind, true)) do
      local old = entry.value
      if old.dtype:find "^float" and old.dtype ~= dtype then
        converted[old] = converted[old]
          or old:detach():to(dtype):requires_grad_(old.requires_grad)
        rawset(entry.owner, entry.key, converted[old])
      end
    end
  end
  return self
end

function changes:float() return self:to "float32" end
function changes:double() return self:to "float64" end

local function copy_value(value, copies)
  if type(value) ~= "table" and not is_tensor(value) then return value end
  if copies[value] ~= nil then return copies[value] end
  local copy = value
  if is_tensor(value) then
    copy = value:detach():clone():requires_grad_(value.requires_grad)
  elseif is_module(value) or not getmetatable(value) then
    copy = {}
    copies[value] = copy
    if is_module(value) then tree.copy_record(copy, value) end
    for k, v in next, value do rawset(copy, k, copy_value(v, copies)) end
    if is_module(value) then
      hooks.copy(value, copy, function(fn) return copy_value(fn, copies) end)
    end
    setmetatable(copy, getmetatable(value))
  end
  copies[value] = copy
  return copy
end

--- A deep copy: own parameters and buffers with the same values, and the same
--- hooks, to be taken off on their own.
---@return self
function changes:clone() return copy_value(self, {}) end

return changes
