--- A case of generate.py's as a call of ours: its tensors and arguments, and
--- what is behind its op's name.
local orrery = require "orrery"

local calls = {}

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local run_layer = dofile(here .. "layers.lua")

-- ---- what is called

-- What is written with signs, by how it is written.
local forms = {
  ["-x"] = function(x) return -x end,
  ["x + y"] = function(x, y) return x + y end,
  ["x - y"] = function(x, y) return x - y end,
  ["x * y"] = function(x, y) return x * y end,
  ["x / y"] = function(x, y) return x / y end,
  ["x % y"] = function(x, y) return x % y end,
  ["x // y"] = function(x, y) return x // y end,
  ["x ^ y"] = function(x, y) return x ^ y end,
  ["x[k]"] = function(x, k) return x[k] end,
  ["x[k] = v"] = function(x, k, v)
    local y = x:clone()
    y[k] = v
    return y
  end,
}

--- The function behind a name as generate.py's specs have it.
local function target(name)
  if forms[name] then return forms[name] end
  local at = orrery
  for part in name:gmatch "[^.]+" do
    if at == orrery and part == "Tensor" then
      at = orrery.Tensor.methods
    else
      local found = at[part]
      if found == nil and at == orrery then
        found = orrery.nn.functional[part] or orrery.Tensor.methods[part]
      end
      at = found
    end
    if at == nil then error("there is no function " .. name, 0) end
  end
  return at
end

-- ---- inputs

local function transposed(x)
  return x:transpose(1, -1):contiguous():transpose(1, -1)
end

-- Every second element of storage twice as long.
local function stepped(x)
  local wide = orrery.stack({ x, x }, -1):flatten(-2, -1):contiguous()
  return wide:narrow(-1, 1, x:size(-1), 2)
end

--- With gaps: a step in the last axis, or the axes stored in another order.
local function gapped(x, number)
  if x:dim() == 0 then return x end
  if x:dim() > 1 and number % 2 == 0 then return transposed(x) end
  return stepped(x)
end

--- A tensor of the long list of values.
---@param values orrery.Tensor
---@param entry { shape: integer[], at: integer, dtype: string? }
---@param dtype string  that of float entries
function calls.read(values, entry, dtype)
  local n = 1
  for _, size in ipairs(entry.shape) do n = n * size end
  local x = values:narrow(1, entry.at + 1, n):clone():reshape(entry.shape)
  return x:to(entry.dtype or dtype)
end

--- A case's tensors, and those among them to differentiate by.
---@param run { dtype: string, gaps: boolean }
function calls.inputs(case, values, run)
  local list, leaves = {}, {}
  for i, entry in ipairs(case.x) do
    local x = calls.read(values, entry, run.dtype)
    if run.gaps then x = gapped(x, case.number + i) end
    if entry.grad then
      x = x:detach():requires_grad_()
      leaves[#leaves + 1] = x
    end
    list[i] = x
  end
  return list, leaves
end

-- ---- the call

local numbers = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

--- An argument as generate.py wrote it.
function calls.argument(v, tensors, dtype)
  if v == orrery.json.null then return nil end
  if v == "float" then return dtype end
  if type(v) ~= "table" then return v end
  if v.t then return tensors[v.t] end
  if v.n then return numbers[v.n] end
  local list = {}
  for name, part in pairs(v.map or {}) do
    list[name] = calls.argument(part, tensors, dtype)
  end
  for i, part in ipairs(v) do list[i] = calls.argument(part, tensors, dtype) end
  return list
end

--- What our op gives for the case: a list.
function calls.apply(case, tensors, dtype)
  local args, n = {}, #case.args
  for i = 1, n do args[i] = calls.argument(case.args[i], tensors, dtype) end
  if case.layer then
    return run_layer(target(case.op),
      calls.argument(case.layer, tensors, dtype), args)
  end
  if case.options then
    local options = {}
    for name, v in pairs(case.options) do
      options[name] = calls.argument(v, tensors, dtype)
    end
    n = n + 1
    args[n] = options
  end
  return { target(case.op)(table.unpack(args, 1, n)) }
end

return calls
