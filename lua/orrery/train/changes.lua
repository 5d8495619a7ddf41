--- Numbers of a training run that one may change while it runs, between two
--- steps, and the log of what was changed: resumed or repeated, the run changes
--- them again at the same steps.
---
---   lr        of the optimizer; `lr.G` of the one named G
---   knobs     those of the loop's option `knobs`, read as state.knobs.beta
---   settings  of the trial of an experiment that the loop is part of: k.beta
---   others    numbers from outside that the step function itself uses
local blame = require "orrery.blame"
local current = require "orrery.runs.current"
local nearest = require "orrery.nearest"
local options = require "orrery.options"
local sorted_keys = require "orrery.sorted_keys"

local changes = {}

---@class orrery.train.Change
---@field step integer  after which it was made
---@field name string
---@field value number
---@field was number  what it was before

---@class orrery.train.Handle
---@field name string
---@field get fun(): number
---@field set fun(value: number)
---@field kept? boolean  the checkpoint holds it by other means

-- The base that makes a schedule give `value` now. Every rate is a + b base.
local function new_base(schedule, g, value)
  local base = schedule.base_lrs[g]
  local now = schedule.rate(schedule.last_epoch, base, g)
  local slope = (schedule.rate(schedule.last_epoch, base + 1, g) - now)
  if math.abs(slope) < 1e-9 then
    blame("change: lr follows a schedule that is %g now whatever its base is; "
      .. "change it later, or leave the schedule out", now)
  end
  return base + (value - now) / slope
end

-- All groups by the same factor, the first to `value`.
local function set_rate(self, optimizer, value)
  local groups, schedule = optimizer.param_groups, nil
  for _, s in pairs(self.schedules) do
    if s.optimizer == optimizer and s.base_lrs then schedule = s end
  end
  local first = groups[1].lr
  local wanted, bases = {}, {}
  for g, group in ipairs(groups) do
    wanted[g] = first ~= 0 and group.lr * (value / first) or value
    if g == 1 then wanted[g] = value end
    bases[g] = schedule and new_base(schedule, g, wanted[g])
  end
  for g, group in ipairs(groups) do
    group.lr = wanted[g]
    if schedule then schedule.base_lrs[g] = bases[g] end
  end
end

local function of_table(list, t)
  local names = {}
  for name, value in pairs(t or {}) do
    if type(name) == "string" and type(value) == "number" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    list[#list + 1] = { name = name, get = function() return t[name] end,
      set = function(value) t[name] = value end }
  end
end

local function of_optimizers(self, list)
  for _, name in ipairs(sorted_keys(self.optimizers)) do
    local optimizer = self.optimizers[name]
    list[#list + 1] = { name = name == "main" and "lr" or "lr." .. name,
      kept = true,
      get = function() return optimizer.param_groups[1].lr end,
      set = function(value) set_rate(self, optimizer, value) end }
  end
end

-- A recorded step has its numbers from outside as they were when recorded.
local function of_function(self, list)
  local fn = self.opts.step
  if self.compiled or type(fn) ~= "function" then return end
  for i = 1, 255 do
    local name, value = debug.getupvalue(fn, i)
    if not name then return end
    if type(value) == "number" then
      list[#list + 1] = { name = name,
        get = function() return (select(2, debug.getupvalue(fn, i))) end,
        set = function(v) debug.setupvalue(fn, i, v) end }
    end
  end
end

--- What can be changed, by name and in order. Of two with one name the first
--- counts.
---@param self orrery.train.Run
---@return table<string, orrery.train.Handle> handles
---@return string[] names
function changes.handles(self)
  local list, handles, names = {}, {}, {}
  of_optimizers(self, list)
  of_table(list, self.state.knobs)
  of_table(list, current.settings())
  of_function(self, list)
  for _, handle in ipairs(list) do
    if not handles[handle.name] then
      handles[handle.name] = handle
      names[#names + 1] = handle.name
    end
  end
  return handles, names
end

local function note(self, entry)
  local log = self.state.changes
  local last = log[#log]
  if last and last.step == entry.step and last.name == entry.name then
    entry.was, log[#log] = last.was, entry
  else
    log[#log + 1] = entry
  end
  if self.recorder then self.recorder:change(entry) end
end

--- Changes a number from the next step on, and logs it.
---@param self orrery.train.Run
---@param name string
---@param value number
---@return orrery.train.Change
function changes.set(self, name, value)
  local handles, names = changes.handles(self)
  local handle = handles[name]
  if not handle then
    local near = type(name) == "string" and nearest(name, names)
    blame("change: %s is nothing that can be changed; %s", tostring(name),
      near and "did you mean " .. near .. "?" or "it is one of "
        .. table.concat(names, ", "))
  end
  options.number("change", name, value, function(v)
    return v - v == 0 and (not handle.kept or v >= 0)
  end, handle.kept and "a finite number of at least 0" or "a finite number")
  local was = handle.get()
  handle.set(value)
  local entry = { step = self.state.step, name = name, value = value,
    was = was, loop = self.number }
  note(self, entry)
  return entry
end

local function logged(self, entry)
  for _, made in ipairs(self.state.changes) do
    if made.step == entry.step and made.name == entry.name then return true end
  end
  return false
end

--- Makes the changes that an earlier run of this made here.
---@param self orrery.train.Run
function changes.due(self)
  for _, entry in ipairs(self.planned or {}) do
    if entry.step == self.state.step and (entry.loop or 1) == self.number
      and not logged(self, entry) then
      changes.set(self, entry.name, entry.value)
    end
  end
end

--- After a checkpoint has been read: what it holds of changes counts again.
---@param self orrery.train.Run
function changes.restore(self, log)
  self.state.changes = log or {}
  local handles = changes.handles(self)
  for _, entry in ipairs(self.state.changes) do
    local handle = handles[entry.name]
    if handle and not handle.kept then handle.set(entry.value) end
  end
end

return changes
