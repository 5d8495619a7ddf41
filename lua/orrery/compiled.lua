--- A step that is run many times with the same shapes, recorded once: replayed
--- without Lua, in memory planned beforehand, without the work nobody needs,
--- with the bits of the step itself.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local recording = require "orrery.recording"
local step_text = require "orrery.step_text"
local values = require "orrery.step_values"
local core = require "orrery.core"
local program, fused = core.program, core.fused_steps

local compiled = {}

---@class orrery.Step
---@field fn function  what was compiled
---@field peak_bytes integer  memory the last run of it needed, parameters,
---   optimiser state and arguments apart
---@field recordings integer  how often it was recorded
---@operator call(...): any
local Step = {}
Step.__index = Step

-- --------------------------------------------------------------- recording

local ends = { __close = function()
  recording.stop()
  program.cancel()
end }

--- What Lua's own functions and checks say of a number they cannot read.
local function explained(why)
  if type(why) == "string" and why:find "number given to a compiled step" then
    return why .. "; inside the step it may be another number at each run: "
      .. "use it in arithmetic with tensors and numbers, or compile with "
      .. "{ fixed_numbers = true }"
  end
  return why
end

--- Runs fn as it is, writes down what it does and keeps the program.
local function record(self, key, given, tensors)
  local copies = {}
  orrery.no_grad(function()
    for i, x in ipairs(tensors) do copies[i] = x:clone() end
  end)
  local at, args = { 0 }, { n = given.n }
  local notes = recording.begin()
  local _ <close> = setmetatable({}, ends)
  program.begin(copies)
  for i = 1, given.n do
    args[i] = values.with_tensors(given[i], copies, at, self.fixed_numbers)
  end
  local results = table.pack(xpcall(orrery.tidy, explained, self.fn,
    table.unpack(args, 1, args.n)))
  if not results[1] then error(results[2], 0) end
  local list, shapes = {}, { n = results.n - 1 }
  for i = 1, shapes.n do
    shapes[i] = values.shape_of(results[i + 1], list, notes.numbers)
  end
  local made = program.finish(list)
  recording.stop()
  made:time(self.timed)
  local facts = made:facts()
  assert(facts.updates == #notes.updates, "an optimiser step was not noted")
  table.insert(self.kept, 1, { key = key, program = made, shapes = shapes,
    updates = notes.updates, modules = notes.modules, watched = notes.watched,
    checks = notes.checks,
    peak_bytes = facts.peak_bytes })
  for i = #self.kept, self.limit + 1, -1 do
    table.remove(self.kept, i).program:free()
  end
  self.recordings, self.peak_bytes = self.recordings + 1, facts.peak_bytes
  return values.build_all(shapes, list)
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

local function replay(entry, tensors, numbers)
  local list, check, seen
  for _, w in ipairs(entry.watched) do
    numbers[#numbers + 1] = w.owner[w.name]
  end
  do
    local _ <close> = entry
    list, check, seen = entry.program:run(tensors, numbers)
  end
  if check then entry.checks[check](seen) end
  return values.build_all(entry.shapes, list)
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
  local given, key, tensors, numbers = table.pack(...), {}, {}, {}
  for i = 1, given.n do
    values.flatten(given[i], key, tensors,
      not self.fixed_numbers and numbers or nil, 0)
  end
  key[#key + 1] = core.is_grad_enabled() and "grad" or "no grad"
  key = table.concat(key, " ")
  local entry = find(self, key)
  if not entry then return record(self, key, given, tensors) end
  self.peak_bytes = entry.peak_bytes
  setmetatable(entry, counted)
  return replay(entry, tensors, numbers)
end

--- Forgets what was recorded; the next call records again.
function Step:reset()
  for _, entry in ipairs(self.kept) do entry.program:free() end
  self.kept = {}
end

--- From now on counts the time of each row of the runs to come, from nothing,
--- for `describe`; profile(false) ends that. A timed row costs two looks at
--- the clock more, some 50 ns.
---
---     step:profile()
---     for _ = 1, 100 do step(x) end
---     print(step:describe { slowest = 10 })
---@param on? boolean  true
function Step:profile(on)
  if on ~= nil and type(on) ~= "boolean" then
    blame("profile: on is %s; use true or false", options.shown(on))
  end
  self.timed = on ~= false
  for _, entry in ipairs(self.kept) do entry.program:time(self.timed) end
end

--- What the program that ran last does: what was dropped, what was fused, the
--- memory that was planned; then a line for each row, with the shape it makes
--- and the line it came from. Elementwise ops that are done together are one
--- row, add+mul+... After `profile`, also the mean time of a run and of each
--- row, and the row's share of it.
---@param opts? { slowest?: integer }  only that many rows, by the time they
---   took; needs runs timed by `profile`
---@return string
function Step:describe(opts)
  opts = options.take("describe", opts, {}, { "slowest" })
  local slowest = opts.slowest
    and options.count("describe", "slowest", opts.slowest)
  local entry = self.kept[1]
  if not entry then return "compiled step: not recorded yet" end
  if slowest and entry.program:facts().timed_runs == 0 then
    blame("describe: no run was timed; call step:profile(), then the step")
  end
  return step_text(entry.program, slowest)
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
--- as it was when recorded.
---
--- A number given as an argument may change from call to call when it has a
--- fraction, as beta = 0.35: in the function it stands for what each call
--- gives, so it can be added, multiplied and mixed with tensors, but not
--- compared, printed or taken as an option. With fixed_numbers = true, and for
--- whole numbers always, a number is itself and part of what the step is
--- recorded for.
---
--- It is recorded afresh for arguments of another shape, dtype or value, after
--- train() or eval(), and after freezing. A step that reads a value, as item()
--- and print do, or writes over an argument is refused, at its line.
---
--- step:describe() tells what was dropped and fused, the memory planned, and
--- each row that is done; after step:profile(), of runs since, also their time.
---@param fn function
---@param opts? { keep?: integer, fixed_numbers?: boolean }  programs kept, 8;
---   whether all numbers are part of what it is recorded for, false
---@return orrery.Step
function compiled.compile(fn, opts)
  options.callable("compile", "fn", fn)
  opts = options.take("compile", opts, { keep = 8, fixed_numbers = false })
  if type(opts.fixed_numbers) ~= "boolean" then
    blame("compile: fixed_numbers is %s; use true or false",
      options.shown(opts.fixed_numbers))
  end
  return setmetatable({ fn = fn, kept = {}, recordings = 0, peak_bytes = 0,
    fixed_numbers = opts.fixed_numbers, timed = false,
    limit = options.count("compile", "keep", opts.keep) }, Step)
end

return compiled
