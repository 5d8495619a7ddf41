--- What a model is made of, as a table: layers, output shapes, parameters.
---
---     print(nn.utils.summary(model, { 1, 784 }))
---
--- The shapes come from one forward of a copy, in eval: averages, parameters,
--- random streams and the model's mode stay as they are, and no hook runs.
local orrery = require "orrery"
local blame = require "orrery.blame"
local hooks = require "orrery.nn.module_hooks"
local options = require "orrery.options"
local tree = require "orrery.nn.tree"

local element_size = { float32 = 4, float64 = 8, int64 = 8, uint8 = 1 }

local function bytes(x) return x:numel() * element_size[x.dtype] end

-- -------------------------------------------------------------------- inputs

local function one_input(shape, dtype)
  local sizes = {}
  for i, n in ipairs(shape) do
    sizes[i] = options.count("summary", "size " .. i, n, 0)
  end
  dtype = shape.dtype or dtype
  if not element_size[dtype] then
    blame("summary: dtype is %s; use float32, float64, int64 or uint8",
      options.shown(dtype))
  end
  -- Ones are positions and labels that every model knows.
  return orrery.full(sizes, dtype:find "^float" and 0.5 or 1, { dtype = dtype })
end

--- The tensors to run the model on: from a shape, a tensor, or a list of both.
local function inputs_of(shape, dtype)
  if options.is_tensor(shape) then return { shape } end
  if type(shape) ~= "table" then
    blame("summary: shape is %s; give the input's sizes, { 1, 784 }, or a list "
      .. "of inputs", options.shown(shape))
  end
  if type(shape[1]) ~= "table" and not options.is_tensor(shape[1]) then
    return { one_input(shape, dtype) }
  end
  local list = {}
  for i, entry in ipairs(shape) do
    if not options.is_tensor(entry) and type(entry) ~= "table" then
      blame("summary: input %d is %s; give its sizes, or a tensor", i,
        options.shown(entry))
    end
    list[i] = options.is_tensor(entry) and entry or one_input(entry, dtype)
  end
  return list
end

-- ------------------------------------------------------------------- forward

--- What a forward gave, in words: shapes, and kinds of what is no tensor.
local function described(value, depth)
  if options.is_tensor(value) then return value:shape_str() end
  if type(value) ~= "table" then return type(value) end
  if getmetatable(value) or depth > 2 then
    return type(value.class_name) == "string" and value.class_name or "table"
  end
  local keys, parts = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i, key in ipairs(keys) do
    local text = described(value[key], depth + 1)
    parts[i] = math.type(key) and text or tostring(key) .. " = " .. text
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

--- Lets every module below `model` note what it gives. The notes hold text and
--- numbers alone.
---@return table<orrery.nn.Module, { calls: integer, shapes: string[],
---   bytes: integer }>
local function watch(model)
  local notes = {}
  for _, module in ipairs(model:modules()) do
    local meta, note = {}, { calls = 0, shapes = {}, bytes = 0 }
    for key, value in pairs(getmetatable(module)) do meta[key] = value end
    local call = meta.__call
    function meta.__call(self, ...)
      local results = table.pack(call(self, ...))
      local parts = {}
      for i = 1, results.n do
        parts[i] = described(results[i], 1)
        if options.is_tensor(results[i]) then
          note.bytes = note.bytes + bytes(results[i])
        end
      end
      local text = table.concat(parts, ", ")
      if not note.shapes[text] then
        note.shapes[text] = true
        note.shapes[#note.shapes + 1] = text
      end
      note.calls = note.calls + 1
      return table.unpack(results, 1, results.n)
    end
    notes[module] = note
    setmetatable(module, meta)
  end
  return notes
end

--- Every random stream that modules hold, and the default one, with the
--- states they are in.
local function streams(model)
  local default = orrery.default_generator()
  local list = { [default] = default:state() }
  local kind = getmetatable(default)
  for _, module in ipairs(model:modules()) do
    for _, value in next, module do
      if getmetatable(value) == kind then list[value] = value:state() end
    end
  end
  return list
end

--- Runs a copy of the model. Returns the copy and what its modules noted.
local function run(model, inputs)
  local copy = model:clone():eval()
  for _, module in ipairs(copy:modules()) do hooks.drop(module) end
  local notes, states = watch(copy), streams(copy)
  local ok, why = pcall(orrery.no_grad, function()
    copy(table.unpack(inputs))
  end)
  for stream, state in pairs(states) do stream:set_state(state) end
  if not ok then
    if orrery.interrupted() then error(why, 0) end
    local shapes = {}
    for i, x in ipairs(inputs) do shapes[i] = x:shape_str() end
    blame("summary: the model does not run on %s: %s",
      table.concat(shapes, ", "), (tostring(why):gsub("^[^\n:]*:%d+: ", "")))
  end
  return copy, notes
end

-- ---------------------------------------------------------------------- rows

local function grouped(n)
  local text = tostring(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

local function output_text(note)
  if not note or note.calls == 0 then return "-" end
  local text = table.concat(note.shapes, "; ")
  return note.calls > 1 and ("%s (%d calls)"):format(text, note.calls) or text
end

--- Own parameters of a module, those counted before left out; adds to `sum`.
local function count(module, sum, seen)
  local own, trained = 0, 0
  for _, entry in ipairs(tree.entries(module)) do
    local x = entry.value
    if not seen[x] and entry.kind ~= "module" then
      seen[x] = true
      if entry.kind == "parameter" then
        own = own + x:numel()
        if x.requires_grad then trained = trained + x:numel() end
        sum.parameter_bytes = sum.parameter_bytes + bytes(x)
      else
        sum.buffers = sum.buffers + x:numel()
        sum.buffer_bytes = sum.buffer_bytes + bytes(x)
      end
    end
  end
  sum.parameters, sum.trained = sum.parameters + own, sum.trained + trained
  return own, trained
end

local function add_rows(rows, sum, module, name, depth, notes, seen)
  local title = ("  "):rep(depth) .. (name and name .. ": " or "")
    .. module.class_name
  if seen[module] then
    rows[#rows + 1] = { title, "as above", "", "" }
    return
  end
  seen[module] = true
  local own, trained = count(module, sum, seen)
  rows[#rows + 1] = { title, notes and output_text(notes[module]) or "",
    own > 0 and grouped(own) or "",
    own == 0 and "" or trained == own and "yes" or trained == 0 and "no"
      or grouped(trained) }
  local leaf = true
  for child_name, child in module:named_children() do
    leaf = false
    add_rows(rows, sum, child, child_name, depth + 1, notes, seen)
  end
  if leaf and notes then
    sum.output_bytes = sum.output_bytes + notes[module].bytes
  end
end

--- Columns as wide as their widest entry; numbers to the right.
local function aligned(rows)
  local width, lines = { 0, 0, 0, 0 }, {}
  for _, row in ipairs(rows) do
    for i = 1, 4 do width[i] = math.max(width[i], utf8.len(row[i])) end
  end
  local total = width[1] + width[3] + width[4] + 4
    + (width[2] > 0 and width[2] + 2 or 0)
  for _, row in ipairs(rows) do
    local function pad(i) return (" "):rep(width[i] - utf8.len(row[i])) end
    local line = row[1] .. pad(1)
    if width[2] > 0 then line = line .. "  " .. row[2] .. pad(2) end
    line = line .. "  " .. pad(3) .. row[3] .. "  " .. row[4]
    lines[#lines + 1] = (line:gsub("%s+$", ""))
  end
  table.insert(lines, 2, ("-"):rep(total))
  lines[#lines + 1] = ("-"):rep(total)
  return lines
end

--- A table of a model's layers as text: name and kind, nested as they are;
--- the shape each gives; the parameters it holds itself; whether they are
--- trained. Then the sums, and sizes in MB (10^6 bytes); outputs counts what
--- layers without layers in them give. A layer called more often says so, one
--- that sits in two places is counted at the first.
---@param model orrery.nn.Module
---@param shape? integer[]|orrery.Tensor|table[]  the input's sizes with the
---   batch, { 1, 784 }; { 1, dtype = "int64" } for whole numbers (all 1); a
---   tensor to run on; or a list of these for several inputs. Absent: no
---   shapes
---@return string
local function summary(model, shape)
  if not tree.is_module(model) then
    blame("summary: model is %s; give a module", options.shown(model))
  end
  local rows = { { "layer", shape and "output" or "", "parameters",
    "trained" } }
  local sum = { parameters = 0, trained = 0, buffers = 0, parameter_bytes = 0,
    buffer_bytes = 0, output_bytes = 0 }
  orrery.tidy(function()
    local notes
    if shape ~= nil then
      local first = model:parameters()[1]
      model, notes = run(model,
        inputs_of(shape, first and first.dtype or "float32"))
    end
    add_rows(rows, sum, model, nil, 0, notes, {})
  end)
  local lines = aligned(rows)
  lines[#lines + 1] = ("parameters %s: %s trained, %s frozen; %.2f MB"):format(
    grouped(sum.parameters), grouped(sum.trained),
    grouped(sum.parameters - sum.trained), sum.parameter_bytes / 1e6)
  lines[#lines + 1] = ("buffers %s; %.2f MB"):format(grouped(sum.buffers),
    sum.buffer_bytes / 1e6)
  if shape ~= nil then
    lines[#lines + 1] = ("outputs %.2f MB"):format(sum.output_bytes / 1e6)
  end
  return table.concat(lines, "\n")
end

return summary
