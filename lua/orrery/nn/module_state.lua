--- Saving and loading a module's values: state_dict and load_state_dict.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local tree = require "orrery.nn.tree"

local is_tensor, records, tensors = tree.is_tensor, tree.records, tree.tensors
local state = {}

local function state_entries(self)
  local list = tensors(self, "parameter", true)
  for _, entry in ipairs(tensors(self, "buffer", true)) do
    if records[entry.owner].buffers[entry.key] == "saved" then
      list[#list + 1] = entry
    end
  end
  return list
end

--- Parameters and buffers by name, sharing memory with the module: clone them
--- or save them to keep today's values.
---@return table<string, orrery.Tensor>
function state.state_dict(self)
  local values = {}
  for _, entry in ipairs(state_entries(self)) do
    values[entry.name] = entry.value:detach()
  end
  return values
end

local function compare(wanted, given)
  local missing, unexpected, shapes = {}, {}, {}
  local known, present = {}, {}
  for _, entry in ipairs(wanted) do
    known[entry.name] = true
    if given[entry.name] ~= nil then present[entry.value] = true end
  end
  for _, entry in ipairs(wanted) do
    local name, value = entry.name, given[entry.name]
    if value == nil then
      -- A tensor with two names is there when one of them is.
      if not present[entry.value] then missing[#missing + 1] = name end
    elseif not is_tensor(value) then
      shapes[#shapes + 1] = ("%s is a %s"):format(name, type(value))
    elseif value:shape_str() ~= entry.value:shape_str() then
      shapes[#shapes + 1] = ("%s is %s but %s here"):format(name,
        value:shape_str(), entry.value:shape_str())
    end
  end
  for name in pairs(given) do
    if not known[name] then unexpected[#unexpected + 1] = tostring(name) end
  end
  table.sort(unexpected)
  return missing, unexpected, shapes
end

local function complain(who, missing, unexpected, shapes, advice)
  local parts = {}
  if #missing > 0 then
    parts[1] = "missing " .. table.concat(missing, ", ")
  end
  if #unexpected > 0 then
    parts[#parts + 1] = "unexpected " .. table.concat(unexpected, ", ")
  end
  for _, text in ipairs(shapes) do parts[#parts + 1] = text end
  if #parts > 0 then
    blame("%s: %s; %s", who, table.concat(parts, "; "), advice)
  end
end

--- Copies tensors into those wanted, all or, when one does not fit, none.
---@param who string
---@param wanted { name: string, value: orrery.Tensor }[]
---@param given table<string, orrery.Tensor>
---@param opts { strict: boolean, advice: string }
---@return string[] missing
---@return string[] unexpected
function state.copy_in(who, wanted, given, opts)
  local missing, unexpected, shapes = compare(wanted, given)
  if opts.strict then
    complain(who, missing, unexpected, shapes, opts.advice)
  else
    complain(who, {}, {}, shapes, opts.advice)
  end
  local ready = {}  -- whatever can fail comes before the first change
  for i, entry in ipairs(wanted) do
    local value = given[entry.name]
    ready[i] = value and value:detach():to(entry.value.dtype):contiguous()
      or false
  end
  orrery.no_grad(function()
    for i, entry in ipairs(wanted) do
      if ready[i] then entry.value:copy_(ready[i]) end
    end
  end)
  return missing, unexpected
end

--- Copies saved values in. Everything that does not fit is reported at once,
--- and then nothing is changed.
---@param given table<string, orrery.Tensor>
---@param opts? { strict?: boolean }  false: names that are missing or too many
---   are left alone and returned
---@return string[] missing
---@return string[] unexpected
function state.load_state_dict(self, given, opts)
  local who = "load_state_dict"
  if type(given) ~= "table" then
    blame("%s: state is %s; give a table of tensors by name", who,
      options.shown(given))
  end
  opts = options.take(who, opts, { strict = true })
  local advice = "load the state of a model built alike"
  for name in pairs(given) do
    if tostring(name):find "%f[%w]0%f[.%z]" then  -- ours count from 1
      advice = "load the state of a model built alike, or one of PyTorch's "
        .. "with nn.utils.load_torch"
    end
  end
  return state.copy_in(who, state_entries(self), given,
    { strict = opts.strict, advice = advice })
end

return state
