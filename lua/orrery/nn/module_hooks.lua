--- Functions run around a module: before and after forward, and when the
--- gradients at its inputs are there. As in PyTorch.
local orrery = require "orrery.core"
local blame = require "orrery.blame"
local options = require "orrery.options"
local tree = require "orrery.nn.tree"

local is_tensor = options.is_tensor

local hooks = {}

local Handle = {}
Handle.__index = Handle

--- Takes the hook off again; twice is fine.
function Handle:remove()
  for i, entry in ipairs(self.list) do
    if entry == self.entry then
      table.remove(self.list, i)
      return
    end
  end
end

local function empty()
  return { forward_pre_hook = {}, forward_hook = {}, full_backward_hook = {} }
end

local function add(module, kind, fn)
  options.callable("register_" .. kind, "fn", fn)
  local record = tree.records[module]
  record.hooks = record.hooks or empty()
  local list, entry = record.hooks[kind], { fn }
  list[#list + 1] = entry
  return setmetatable({ list = list, entry = entry }, Handle)
end

-- A hook may remove itself: run those that were there at the start.
local function each(list)
  return ipairs(table.move(list, 1, #list, 1, {}))
end

-- What a hook returned in place of values: one of them, or a list.
local function replacement(r)
  if type(r) == "table" and not getmetatable(r) then
    r.n = r.n or #r
    return r
  end
  return { r, n = 1 }
end

-- ---------------------------------------------------------------- backward

-- The same values as a result of their own, so that what arrives there came
-- through this module alone.
local function apart(x) return x:expand { x:shape() } end

-- Puts every tensor that gradients reach apart; their positions.
local function wrap(values)
  local places = {}
  for i = 1, values.n do
    local x = values[i]
    if is_tensor(x) and x.requires_grad then
      values[i] = apart(x)
      places[#places + 1] = i
    end
  end
  return places
end

-- What has come to each place, given that g is at place `here`. Tensors that
-- were wrapped together are passed one right after the other, when all after
-- them is done: the first to be asked knows about all.
local function gather(values, places, here, g)
  local all = { n = values.n }
  for _, i in ipairs(places) do
    all[i] = i == here and g or orrery.arriving_grad(values[i])
  end
  return all
end

local function run_backward(module, list, grad_input, grad_output)
  for _, entry in each(list) do
    local r = entry[1](module, grad_input, grad_output)
    if r ~= nil then
      r = replacement(r)
      if r.n > grad_input.n then
        blame("%s: a backward hook returned %d gradients for %d inputs; "
          .. "return one for each", module:label(), r.n, grad_input.n)
      end
      r.n = grad_input.n
      grad_input = r
    end
  end
  return grad_input
end

-- forward, with its inputs and outputs watched.
local function watched(module, list, inputs, run)
  local pass = {}  -- what is known in the pass that runs
  local function current()
    local number = orrery.pass_number()
    if pass.number ~= number then pass = { number = number } end
    return pass
  end
  local at_input = wrap(inputs)
  local outputs = table.pack(run(table.unpack(inputs, 1, inputs.n)))
  local at_output = wrap(outputs)
  for _, i in ipairs(at_output) do
    outputs[i]:register_hook(function(g)
      local now = current()
      if now.outputs then return end
      now.outputs = gather(outputs, at_output, i, g)
      if #at_input == 0 then
        run_backward(module, list, { n = inputs.n }, now.outputs)
      end
    end)
  end
  for _, i in ipairs(at_input) do
    inputs[i]:register_hook(function(g)
      local now = current()
      now.inputs = now.inputs or run_backward(module, list,
        gather(inputs, at_input, i, g), now.outputs or { n = outputs.n })
      return now.inputs[i]
    end)
  end
  return table.unpack(outputs, 1, outputs.n)
end

-- ----------------------------------------------------------------- forward

--- What calling a module with hooks runs.
---@param module orrery.nn.Module
---@param own table  its hooks
---@return any ...
function hooks.call(module, own, ...)
  local inputs = table.pack(...)
  for _, entry in each(own.forward_pre_hook) do
    local r = entry[1](module, inputs)
    if r ~= nil then inputs = replacement(r) end
  end
  local function run(...)
    local args, outputs = table.pack(...), table.pack(module:forward(...))
    for _, entry in each(own.forward_hook) do
      local r = entry[1](module, args,
        outputs.n == 1 and outputs[1] or outputs)
      if r ~= nil then outputs = replacement(r) end
    end
    return table.unpack(outputs, 1, outputs.n)
  end
  local list = own.full_backward_hook
  if #list == 0 or not orrery.is_grad_enabled() then
    return run(table.unpack(inputs, 1, inputs.n))
  end
  return watched(module, list, inputs, run)
end

--- Gives a copied module the hooks of the first; modules among them are
--- copied by copy_value(fn).
---@param from orrery.nn.Module
---@param to orrery.nn.Module
---@param copy_value fun(fn: any): any
function hooks.copy(from, to, copy_value)
  local own = tree.records[from].hooks
  if not own then return end
  local copied = empty()
  for kind, list in pairs(own) do
    for i, entry in ipairs(list) do
      copied[kind][i] = { copy_value(entry[1]) }
    end
  end
  tree.records[to].hooks = copied
end

--- Takes all hooks off.
---@param module orrery.nn.Module
function hooks.drop(module) tree.records[module].hooks = nil end

-- ------------------------------------------------- methods of every module

--- Calls fn(module, inputs) before forward, inputs being the list of its
--- arguments; what fn returns, if anything, takes their place: one argument,
--- or a list of them.
---@param fn fun(module: orrery.nn.Module, inputs: table): any
---@return table handle  handle:remove() takes it off
function hooks.register_forward_pre_hook(module, fn)
  return add(module, "forward_pre_hook", fn)
end

--- Calls fn(module, inputs, output) after forward; output is a list when
--- forward returned several values. What fn returns, if anything, takes the
--- output's place.
---@param fn fun(module: orrery.nn.Module, inputs: table, output: any): any
---@return table handle  handle:remove() takes it off
function hooks.register_forward_hook(module, fn)
  return add(module, "forward_hook", fn)
end

--- Calls fn(module, grad_input, grad_output) whenever backward or grad has
--- passed the module: lists of the gradients at its arguments and results,
--- nil where none arrived. What fn returns, if anything, takes grad_input's
--- place. Gradients at parameters are not concerned.
---@param fn fun(module: orrery.nn.Module, grad_input: table,
---   grad_output: table): any
---@return table handle  handle:remove() takes it off
function hooks.register_full_backward_hook(module, fn)
  return add(module, "full_backward_hook", fn)
end

return hooks
