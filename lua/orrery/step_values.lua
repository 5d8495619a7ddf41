--- What goes into a recorded step and comes out of it: tensors and numbers
--- that change from call to call, in plain tables, apart from all that the step
--- is recorded for.
local blame = require "orrery.blame"
local program = require "orrery.core".program
local is_tensor = require "orrery.options".is_tensor

local values = {}

-- -------------------------------------------------------------- arguments

local ids, next_id = setmetatable({}, { __mode = "k" }), 0

local function id_of(value)
  if not ids[value] then
    next_id = next_id + 1
    ids[value] = next_id
  end
  return ids[value]
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
      return a < b
    end
    return type(a) .. tostring(a) < type(b) .. tostring(b)
  end)
  return keys
end

-- Numbers that may change from call to call. Whole ones count, index, switch
-- (x == 0) or name a dtype's value, and are part of the key.
local function is_fraction(value)
  return math.type(value) == "float" and value % 1 ~= 0
    and value - value == 0
end

--- Adds what a program depends on to `key`, the tensors to `tensors`, and to
--- `numbers`, if given, those that may change.
function values.flatten(value, key, tensors, numbers, depth)
  local kind = type(value)
  if is_tensor(value) then
    if value.requires_grad then
      blame("compile: argument tensor %d requires grad; give x:detach(), or "
        .. "use it from outside the function", #tensors + 1)
    end
    tensors[#tensors + 1] = value:is_contiguous() and value
      or value:contiguous()
    key[#key + 1] = value.dtype .. value:shape_str()
  elseif kind == "table" and not getmetatable(value) then
    if depth > 8 then
      blame("compile: the arguments' tables nest too deep; flatten them")
    end
    key[#key + 1] = "{"
    for _, name in ipairs(sorted_keys(value)) do
      key[#key + 1] = type(name) .. ":" .. tostring(name) .. "="
      values.flatten(value[name], key, tensors, numbers, depth + 1)
    end
    key[#key + 1] = "}"
  elseif numbers and is_fraction(value) then
    numbers[#numbers + 1] = value
    key[#key + 1] = "number"
  elseif kind == "number" then
    key[#key + 1] = math.type(value) == "integer" and ("%d"):format(value)
      or ("%a"):format(value)
  elseif kind == "string" then
    key[#key + 1] = ("%q"):format(value)
  elseif kind == "nil" or kind == "boolean" then
    key[#key + 1] = tostring(value)
  else
    key[#key + 1] = kind .. id_of(value)
  end
end

--- The same value with tensors taken, in order, from a list, and numbers that
--- may change as the program has them.
function values.with_tensors(value, list, at, fixed)
  if is_tensor(value) then
    at[1] = at[1] + 1
    return list[at[1]]
  elseif not fixed and is_fraction(value) then
    return program.number(value)
  elseif type(value) == "table" and not getmetatable(value) then
    local copy = {}
    for _, name in ipairs(sorted_keys(value)) do
      copy[name] = values.with_tensors(value[name], list, at, fixed)
    end
    return copy
  end
  return value
end

-- ---------------------------------------------------------------- results

--- How to build the same value from the list that a run gives; adds to `list`
--- what the program is to give. `numbers`: tensors that go out as numbers.
function values.shape_of(value, list, numbers)
  if is_tensor(value) then
    list[#list + 1] = value:detach()
    return { kind = numbers[value] and "number" or "tensor", at = #list }
  elseif type(value) == "userdata" and program.value(value) then
    list[#list + 1] = program.value(value)
    return { kind = "number", at = #list }
  elseif type(value) == "table" and not getmetatable(value) then
    local entries = {}
    for key, v in pairs(value) do
      entries[key] = values.shape_of(v, list, numbers)
    end
    return { kind = "table", entries = entries }
  end
  return { kind = "value", value = value }
end

local function build(shape, list)
  if shape.kind == "tensor" then
    return list[shape.at]
  elseif shape.kind == "number" then
    return list[shape.at]:item()
  elseif shape.kind == "table" then
    local t = {}
    for key, entry in pairs(shape.entries) do t[key] = build(entry, list) end
    return t
  end
  return shape.value
end

--- The results, as several values.
function values.build_all(shapes, list)
  if shapes.n == 1 then return build(shapes[1], list) end
  local out = {}
  for i = 1, shapes.n do out[i] = build(shapes[i], list) end
  return table.unpack(out, 1, shapes.n)
end

return values
