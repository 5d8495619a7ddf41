--- What distributions are given: numbers or tensors, in order or by name.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local recording = require "orrery.recording"

local is_tensor = orrery.is_tensor
local parameters = {}

--- The arguments by name: f(1, 2), f(1, { scale = 2 }) or f { loc = 1 }.
---@param who string
---@param names string[]  in the order of positional arguments
---@return table given
function parameters.named(who, names, ...)
  local n, arguments, given = select("#", ...), { ... }, {}
  local last = arguments[n]
  if type(last) == "table" and #last == 0 and getmetatable(last) == nil then
    given = options.take(who, last, {}, names)
    n = n - 1
  end
  if n > #names then
    blame("%s: it has %d arguments; give %s", who, n,
      table.concat(names, ", "))
  end
  for i = 1, n do
    if arguments[i] ~= nil and given[names[i]] ~= nil then
      blame("%s: %s is given twice; leave one out", who, names[i])
    end
    if arguments[i] ~= nil then given[names[i]] = arguments[i] end
  end
  return given
end

-- A plain number becomes a float64 scalar, which takes the precision of what
-- it meets and loses none.
local function tensor_of(who, name, value)
  if type(value) == "number" then
    return orrery.tensor(value, { dtype = "float64" }), false
  elseif type(value) == "table" and getmetatable(value) == nil then
    value = orrery.tensor(value)
  elseif not is_tensor(value) then
    blame("%s: %s is %s; give a number or a tensor", who, name,
      options.shown(value))
  end
  return value:is_floating_point() and value or value:float(), true
end

--- Parameters as floating tensors, and the dtype that draws have: that of the
--- first tensor among them, or float32.
---@param who string
---@param given table<string, any>
---@param names string[]
---@return table<string, orrery.Tensor>
---@return string dtype
function parameters.tensors(who, given, names)
  local taken, dtype = {}, nil
  for _, name in ipairs(names) do
    local value, has_dtype = tensor_of(who, name, given[name])
    taken[name] = value
    if has_dtype then dtype = dtype or value.dtype end
  end
  return taken, dtype or "float32"
end

--- Raises unless `holds(x)` is true everywhere. A recorded step does not look
--- at values, so there it is not asked.
---@param who string
---@param name string
---@param x orrery.Tensor
---@param holds fun(x: orrery.Tensor): orrery.Tensor
---@param wish string
function parameters.check(who, name, x, holds, wish)
  if recording.notes then return end
  local good = orrery.no_grad(function() return holds(x):reshape(-1) end)
  if good:all():item() ~= 0 then return end
  local at = good:argmin():item()
  local seen = x:detach():reshape(-1)[at]:item()
  blame("%s: %s holds %s; %s", who, name,
    seen == seen and ("%g"):format(seen) or "NaN", wish)
end

local function positive(x) return x:gt(0) end
local function chance(x) return x:ge(0):logical_and(x:le(1)) end

--- Raises unless all of x is over 0.
function parameters.positive(who, name, x)
  parameters.check(who, name, x, positive, "it must be over 0")
end

--- Raises unless all of x is a probability.
function parameters.chance(who, name, x)
  parameters.check(who, name, x, chance, "it must be 0 to 1")
end

--- Which of several ways a parameter is given; one of them must be.
---@param who string
---@param given table
---@param names string[]
---@return string name
function parameters.one_of(who, given, names)
  local found
  for _, name in ipairs(names) do
    if given[name] ~= nil then
      if found then
        blame("%s: %s and %s are both given; give one", who, found, name)
      end
      found = name
    end
  end
  if not found then
    blame("%s: %s is missing; give one", who, table.concat(names, " or "))
  end
  return found
end

--- The sizes of a draw: nothing, a number or a list; and options.
---@param who string  e.g. "Normal:sample"
---@return integer[] shape
---@return orrery.Generator? generator
function parameters.draw(who, shape, opts)
  if type(shape) == "table" and #shape == 0 and next(shape) ~= nil then
    if opts ~= nil then
      blame("%s: the shape is a table of options; give sizes first", who)
    end
    shape, opts = nil, shape
  end
  if shape == nil then shape = {} end
  if type(shape) ~= "table" then shape = { shape } end
  for _, n in ipairs(shape) do options.count(who, "a size", n, 0) end
  return shape, options.take(who, opts, {}, { "generator" }).generator
end

return parameters
