--- A call that shows how an op is used, made from the samples of its record:
--- what one can type, not what it prints.
local example = {}

-- What stands in a sample besides input shapes and options (the list is told
-- in testing/samples.lua).
local ranges = { low = true, high = true, ints = true, list = true,
  diagonal = true }

local function read(text)
  local chunk = load("return " .. text, "=sample", "t", { math = math })
  return chunk and chunk()
end

local function literal(v)
  if type(v) == "table" then
    local parts = {}
    for i, x in ipairs(v) do parts[i] = literal(x) end
    return "{" .. table.concat(parts, ", ") .. "}"
  elseif type(v) == "string" then
    return ("%q"):format(v)
  elseif math.type(v) == "float" then
    if v == math.huge then return "math.huge" end
    if v == -math.huge then return "-math.huge" end
    return ("%.14g"):format(v)
  end
  return tostring(v)
end

local function sizes(shape)
  if #shape == 0 then return "{}" end
  return table.concat(shape, ", ")
end

-- An input as one would draw it.
local function input(sample, param, shape, first)
  local ints = sample.ints and sample.ints[param.name]
  if ints or param.want == "uint8" then
    ints = ints or { 0, 1 }
    local made = ("randint(%d, %d, {%s})"):format(ints[1], ints[2],
      #shape > 0 and sizes(shape) or "")
    return param.want == "uint8" and made .. ":byte()" or made
  end
  local made = ("randn(%s)"):format(sizes(shape))
  if sample.low or sample.high then
    made = ("rand({%s}, { low = %s, high = %s })"):format(
      #shape > 0 and sizes(shape) or "", literal(sample.low or -1),
      literal(sample.high or 1))
  end
  if first and sample.diagonal and #shape > 1 then
    local rows, columns = shape[#shape - 1], shape[#shape]
    made = ("%s + %s * eye(%d%s)"):format(made, literal(sample.diagonal), rows,
      rows ~= columns and (", { m = %d }"):format(columns) or "")
  end
  return made
end

local function argument(sample, param, shape, first)
  if param.kind == "tensor" then
    return shape and input(sample, param, shape, first) or "nil"
  elseif param.kind == "tensors" then
    local parts = {}
    for i, one in ipairs(sample.list or {}) do
      parts[i] = input(sample, param, one, false)
    end
    return "{ " .. table.concat(parts, ", ") .. " }"
  end
  return sample[param.name] ~= nil and literal(sample[param.name]) or nil
end

-- Text of the call, or nil where a required argument is drawn by the tests.
local function call(record, sample)
  local words, options, position = {}, {}, 0
  for _, p in ipairs(record.params) do
    local tensors = p.kind == "tensor" or p.kind == "tensors"
    if p.kind == "tensor" then position = position + 1 end
    if tensors or p.required then
      local word = argument(sample, p, sample[position], position == 1)
      if not word then return nil end
      words[#words + 1] = word
    elseif sample[p.name] ~= nil and p.kind ~= "generator" then
      options[#options + 1] = p.name .. " = " .. literal(sample[p.name])
    end
  end
  if #options > 0 then
    words[#words + 1] = "{ " .. table.concat(options, ", ") .. " }"
  else
    while words[#words] == "nil" do words[#words] = nil end
  end
  local text = table.concat(words, ", ")
  -- Where Lua has a function of that name the plain name is Lua's.
  if not record.flags.method_only and not _G[record.name] then
    return ("%s(%s)"):format(record.name, text)
  end
  local self, rest = words[1], table.concat(words, ", ", 2)
  if self:find(" + ", 1, true) then self = "(" .. self .. ")" end
  return ("%s:%s(%s)"):format(self, record.name, rest)
end

local function small(v)
  if type(v) ~= "table" then return v ~= 0 end
  for _, x in ipairs(v) do
    if not small(x) then return false end
  end
  return true
end

-- Neither a mistake nor about nothing nor about extreme numbers.
local function plain(sample)
  if not sample or sample.error then return false end
  for i, shape in ipairs(sample) do
    if i > 6 or not small(shape) then return false end
  end
  for _, shape in ipairs(sample.list or {}) do
    if not small(shape) then return false end
  end
  return true
end

local function has_option(record, sample)
  for _, p in ipairs(record.params) do
    if not p.required and sample[p.name] ~= nil and not ranges[p.name] then
      return true
    end
  end
  return false
end

--- A call of the op that works at the prompt: the first of its samples that
--- shows an option, else the first of all.
---@param record table  from orrery.record
---@return string? text  nil when its samples give none
function example.of(record)
  local chosen
  for _, text in ipairs(record.samples) do
    local sample = read(text)
    if plain(sample) then
      local made = call(record, sample)
      if made and has_option(record, sample) then return made end
      chosen = chosen or made
    end
  end
  return chosen
end

return example
