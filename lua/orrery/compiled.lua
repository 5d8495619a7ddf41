--- A step that is run many times with the same shapes, recorded once: replayed
--- without Lua, in memory planned beforehand, without the work nobody needs,
--- with the bits of the step itself.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local recording = require "orrery.recording"
local core = require "orrery.core"
local program, fused = core.program, core.fused_steps
local is_tensor = options.is_tensor

local compiled = {}

---@class orrery.Step
---@field fn function  what was compiled
---@field peak_bytes integer  memory the last run of it needed, parameters,
---   optimiser state and arguments apart
---@field recordings integer  how often it was recorded
---@operator call(...): any
local Step = {}
Step.__index = Step

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

--- Adds what a program depends on to `key`, the tensors to `tensors`.
local function flatten(value, key, tensors, depth)
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
      flatten(value[name], key, tensors, depth + 1)
    end
    key[#key + 1] = "}"
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

--- The same value with tensors taken, in order, from a list.
local function with_tensors(value, list, at)
  if is_tensor(value) then
    at[1] = at[1] + 1
    return list[at[1]]
  elseif type(value) == "table" and not getmetatable(value) then
    local copy = {}
    for _, name in ipairs(sorted_keys(value)) do
      copy[name] = with_tensors(value[name], list, at)
    end
    return copy
  end
  return value
end

-- ---------------------------------------------------------------- results

local function shape_of(value, list, numbers)
  if is_tensor(value) then
    list[#list + 1] = value:detach()
    return { kind = numbers[value] and "number" or "tensor", at = #list }
  elseif type(value) == "table" and not getmetatable(value) then
    local entries = {}
    for key, v in pairs(value) do entries[key] = shape_of(v, list, numbers) end
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

local function build_all(shapes, list)
  if shapes.n == 1 then return build(shapes[1], list) end
  local out = {}
  for i = 1, shapes.n do out[i] = build(shapes[i], list) end
  return table.unpack(out, 1, shapes.n)
end

-- --------------------------------------------------------------- recording

local ends = { __close = function()
  recording.stop()
  program.cancel()
end }

--- Runs fn as it is, writes down what it does and keeps the program.
local function record(self, key, given, tensors)
  local copies = {}
  orrery.no_grad(function()
    for i, x in ipairs(tensors) do copies[i] = x:clone() end
  end)
  local at, args = { 0 }, { n = given.n }
  for i = 1, given.n do args[i] = with_tensors(given[i], copies, at) end
  local notes = recording.begin()
  local _ <close> = setmetatable({}, ends)
  program.begin(copies)
  local results = table.pack(orrery.tidy(self.fn,
    table.unpack(args, 1, args.n)))
  local list, shapes = {}, { n = results.n }
  for i = 1, results.n do
    shapes[i] = shape_of(results[i], list, notes.numbers)
  end
  local made = program.finish(list)
  recording.stop()
  local facts = made:facts()
  assert(facts.updates == #notes.updates, "an optimiser step was not noted")
  table.insert(self.kept, 1, { key = key, program = made, shapes = shapes,
    updates = notes.updates, modules = notes.modules,
    peak_bytes = facts.peak_bytes })
  for i = #self.kept, self.limit + 1, -1 do
    table.remove(self.kept, i).program:free()
  end
  self.recordings, self.peak_bytes = self.recordings + 1, facts.peak_bytes
  return build_all(shapes, list)
end

-- ------------------------------------------------------------------ replay

--- Options and counts of now into the updates; false when they have become
--- other updates.
local function refresh(entry)
  for i, u in ipairs(entry.updates) do
    if not fused.refresh(entry.program, i, u.kernel, u.group,
      u.states[1].step + u.before) then
      return false
    end
  end
  return true
end

-- The updates that were made count, also when a later row failed.
local counted = { __close = function(entry)
  for i = 1, entry.program:updates_done() do
    for _, state in ipairs(entry.updates[i].states) do
      state.step = state.step + 1
    end
  end
end }

local function replay(entry, tensors)
  local list
  do
    local _ <close> = entry
    list = entry.program:run(tensors)
  end
  return build_all(entry.shapes, list)
end

local function find(self, key)
  for i, entry in ipairs(self.kept) do
    if entry.key == key and entry.program:holds()
      and recording.same_modules(entry.modules) and refresh(entry) then
      if i > 1 then table.insert(self.kept, 1, table.remove(self.kept, i)) end
      return entry
    end
  end
end

function Step:__call(...)
  -- Inside another step, or when each op is looked at, it is the function.
  if program.recording() or program.looked_at() then
    return self.fn(...)
  end
  local given, key, tensors = table.pack(...), {}, {}
  for i = 1, given.n do flatten(given[i], key, tensors, 0) end
  key[#key + 1] = core.is_grad_enabled() and "grad" or "no grad"
  key = table.concat(key, " ")
  local entry = find(self, key)
  if not entry then return record(self, key, given, tensors) end
  self.peak_bytes = entry.peak_bytes
  setmetatable(entry, counted)
  return replay(entry, tensors)
end

--- Forgets what was recorded; the next call records again.
function Step:reset()
  for _, entry in ipairs(self.kept) do entry.program:free() end
  self.kept = {}
end

--- What the last program does: one line for each row, with the shape it makes
--- and the line it came from, after one with the totals.
---@return string
function Step:describe()
  local entry = self.kept[1]
  if not entry then return "compiled step: not recorded yet" end
  local f, lines = entry.program:facts(), {}
  lines[1] = ("compiled step: %d rows (%d dropped), %d updates, %.2f MB "
    .. "planned, %.2f MB at the peak"):format(f.rows, f.dead_rows, f.updates,
    f.arena_bytes / 1e6, f.peak_bytes / 1e6)
  for i = 1, f.rows do
    local name, shape, file, line = entry.program:row(i)
    lines[#lines + 1] = ("%5d  %-28s %-20s %s:%d"):format(i, name, shape, file,
      line)
  end
  return table.concat(lines, "\n")
end

function Step:__tostring()
  return ("compiled step (%d recordings)"):format(self.recordings)
end

--- A function that does what fn does, with the same bits, faster. The first
--- call runs fn and writes down what it does with tensors, optimiser steps
--- included; later calls do that again without Lua.
---
---     local step = orrery.compile(function(x)
---       local loss = model:loss(x)
---       opt:minimize(loss)
---       return loss
---     end)
---     for batch in data do print(step(batch):item()) end
---
--- Tensors go in as arguments, alone or in plain tables, and come out as
--- results, without a graph. Parameters, optimiser state, running statistics
--- and random streams are those of the model, and go on as without it; the
--- optimiser's options are read at each call, so schedules work, outside the
--- function. What else Lua decides inside it (numbers, branches, loops) stays
--- as it was when recorded. It is recorded afresh for arguments of another
--- shape, dtype or value, after train() or eval(), and after freezing. A step
--- that reads a value, as item() and print do, or writes over an argument is
--- refused, at its line.
---@param fn function
---@param opts? { keep?: integer }  programs kept, 8
---@return orrery.Step
function compiled.compile(fn, opts)
  options.callable("compile", "fn", fn)
  opts = options.take("compile", opts, { keep = 8 })
  return setmetatable({ fn = fn, kept = {}, recordings = 0, peak_bytes = 0,
    limit = options.count("compile", "keep", opts.keep) }, Step)
end

return compiled
