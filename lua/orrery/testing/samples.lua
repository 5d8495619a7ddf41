--- An op record's samples as calls: reads the text, draws the inputs.
---
--- A sample is a Lua table: input shapes in the order of the tensor
--- parameters (false leaves an optional one out), options by name, and
---   low, high   range of the uniform float inputs, -1 to 1 when absent
---   distinct    float inputs hold no two equal values
---   diagonal    is added to the diagonal of the first input's matrices
---   ints        { name = { lo, hi } }: that input is int64 in lo..hi
---   list        shapes of a list of tensors
---   held        an input, or a list of them, that has no gradient
---   nograd      not differentiated, for the `reason` given
---   contiguous  needs inputs without gaps
---   error       the exact sentence it fails with
--- A key that is the name of one of the op's options is that option.
local orrery = require "orrery"

local samples = {}

local rig_keys = { low = true, high = true, distinct = true, diagonal = true,
  ints = true, list = true, held = true, nograd = true, reason = true,
  contiguous = true, error = true }

--- A stream of numbers in [0, 1) that depends on the text alone.
local function stream(text)
  local state = 88172645463325252
  for i = 1, #text do state = (state ~ text:byte(i)) * 0x100000001B3 end
  return function()
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return (state >> 11) / 2 ^ 53
  end
end

local function count(shape)
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  return n
end

-- Away from 0, where many functions have a kink, when the range allows it.
local function uniform(random, low, high)
  local v = low + (high - low) * random()
  local gap = 0.01 * math.min(high, -low)
  if gap > 0 and math.abs(v) < gap then v = v < 0 and v - gap or v + gap end
  return v
end

-- A grid, shifted by input so that two inputs have no value in common.
local function shuffled(random, n, low, high, position)
  local v, shift = {}, 0.37 * position % 1
  for i = 1, n do v[i] = low + (high - low) * (i - 1 + shift) / n end
  for i = n, 2, -1 do
    local k = 1 + math.floor(random() * i)
    v[i], v[k] = v[k], v[i]
  end
  return v
end

local function tensor(values, shape, dtype)
  if #values == 0 then
    return orrery.tensor({}, { dtype = dtype }):reshape(shape)
  end
  return orrery.tensor(values, { dtype = dtype }):reshape(shape)
end

local function add_diagonal(values, shape, added)
  local rows, cols = shape[#shape - 1], shape[#shape]
  for i = 1, #values do
    local row, col = (i - 1) // cols % rows, (i - 1) % cols
    if row == col then values[i] = values[i] + added end
  end
end

local function float_input(sample, shape, random, position)
  local n, values = count(shape), {}
  local low, high = sample.rig.low or -1, sample.rig.high or 1
  if sample.rig.distinct then
    values = shuffled(random, n, low, high, position)
  else
    for i = 1, n do values[i] = uniform(random, low, high) end
  end
  if sample.rig.diagonal and position == 1 then
    add_diagonal(values, shape, sample.rig.diagonal)
  end
  return tensor(values, shape, "float64")
end

local function int_input(shape, random, lo, hi, dtype)
  local values = {}
  for i = 1, count(shape) do
    values[i] = lo + math.floor(random() * (hi - lo + 1))
  end
  return tensor(values, shape, dtype)
end

local function input(sample, param, shape, random, position)
  local range = sample.rig.ints and sample.rig.ints[param.name]
  if range then
    return int_input(shape, random, range[1], range[2], "int64")
  end
  if param.want == "int64" then
    error(("%s: %s is int64; the sample needs ints = { %s = { lo, hi } }")
      :format(sample.record.name, param.name, param.name), 0)
  end
  if param.want == "uint8" then
    return int_input(shape, random, 0, 1, "uint8")
  end
  return float_input(sample, shape, random, position)
end

--- Reads one sample's text.
---@param record table
---@param text string
---@return table sample  { record, text, shapes, options, rig }
function samples.read(record, text)
  local chunk, why = load("return " .. text, "=sample", "t", { math = math })
  if not chunk then
    error(("%s: the sample %s is no Lua: %s"):format(record.name, text, why), 0)
  end
  local raw, sample = chunk(), { record = record, text = text, shapes = {},
    options = {}, rig = {} }
  local names = {}
  for _, p in ipairs(record.params) do
    names[p.name] = p.kind ~= "tensor" and p.kind ~= "tensors"
  end
  for key, value in pairs(raw) do
    if type(key) == "number" then
      sample.shapes[key] = value
    elseif names[key] then
      sample.options[key] = value
    elseif rig_keys[key] then
      sample.rig[key] = value
    else
      error(("%s: the sample %s has the unknown key %s"):format(record.name,
        text, key), 0)
    end
  end
  local held = sample.rig.held or {}
  sample.held = {}
  for _, name in ipairs(type(held) == "table" and held or { held }) do
    sample.held[name] = true
  end
  return sample
end

--- All samples of a record.
function samples.all(record)
  local list = {}
  for i, text in ipairs(record.samples) do
    list[i] = samples.read(record, text)
  end
  return list
end

--- The sample's arguments by name, with float inputs in float64: the options,
--- and the tensors drawn. `names` lists the tensor arguments in order; a list
--- of tensors is spread as "name#1", "name#2" ...
---@return table arguments
---@return string[] names
function samples.draw(sample)
  local random = stream(sample.record.name .. sample.text)
  local arguments, names, position = {}, {}, 0
  for key, value in pairs(sample.options) do arguments[key] = value end
  for _, p in ipairs(sample.record.params) do
    if p.kind == "tensor" then
      position = position + 1
      local shape = sample.shapes[position]
      if shape then
        arguments[p.name] = input(sample, p, shape, random, position)
        names[#names + 1] = p.name
      end
    elseif p.kind == "tensors" then
      for i, shape in ipairs(sample.rig.list or {}) do
        local name = p.name .. "#" .. i
        arguments[name] = float_input(sample, shape, random, i)
        names[#names + 1] = name
      end
    end
  end
  return arguments, names
end

--- The op's function, wherever it lives.
function samples.callable(record)
  local name, flags = record.name, record.flags
  if flags.hidden then return orrery.hidden[name] end
  if flags.functional then return rawget(orrery.functional, name) end
  if flags.method_only then return orrery.Tensor.methods[name] end
  return samples.originals[name] or rawget(orrery, name)
end

-- Functions that a Lua function of the same name stands in front of.
samples.originals = orrery.originals or {}

--- Arguments gathered for a call by name: lists put together again, and for
--- random ops a generator with always the same numbers.
function samples.gather(record, arguments)
  local call = {}
  for key, value in pairs(arguments) do
    local name, place = key:match "^(.-)#(%d+)$"
    if name then
      call[name] = call[name] or {}
      call[name][tonumber(place)] = value
    else
      call[key] = value
    end
  end
  for _, p in ipairs(record.params) do
    if p.kind == "tensors" then call[p.name] = call[p.name] or {} end
    if p.kind == "generator" then
      call[p.name] = arguments[p.name] or orrery.Generator(20)
    end
  end
  return call
end

--- The op applied: all outputs.
function samples.run(record, arguments)
  return samples.callable(record)(samples.gather(record, arguments))
end

return samples
