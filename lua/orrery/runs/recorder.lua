--- The numbers of one run on their way to the store: gathered here, written
--- every half second at most, so that a step costs a table entry. Without a
--- store they stay here, for the report of the process that made them.
local core = require "orrery.core"
local monitors = require "orrery.train.monitors"
local packing = require "orrery.runs.packing"

---@class orrery.runs.Recorder
---@field seq integer  numbers so far, counting those of earlier processes
---@field watch orrery.train.Watch  speaks up when a number breaks its rule
---@field said table[]  warnings of the run's own: { name =, text =, step = }
local Recorder = {}
Recorder.__index = Recorder

local most_waiting = 2000
local interval = 0.5

--- A number of a step.
---@param name string
---@param step number
---@param value number
function Recorder:scalar(name, step, value)
  self.seq = self.seq + 1
  self.rows[#self.rows + 1] = { self.seq, name, step, value }
  self.watch:feed(name, step, value)
  if #self.rows >= most_waiting or core.clock() - self.written > interval then
    self:flush()
  end
end

-- Writing that fails must not cost the training: what could not be written
-- waits for the next time, and the log says so once.
local function try(self, write, ...)
  self.written = core.clock()
  local ok, why = pcall(write, self.store, self.id, ...)
  if ok then return true end
  if tostring(why):find "interrupted" then error(why, 0) end
  self.tell(tostring(why))
end

--- A number is watched from now on; the rule is kept with the run.
---@param name string
---@param rule orrery.train.Rule
function Recorder:monitor(name, rule)
  if self.watch:add(name, rule) and self.store then
    try(self, self.store.keep, "monitor", name, nil, packing.pack(rule))
  end
end

--- A warning in words; under a name that it had, in the place of the former.
---@param name string
---@param text string
---@param step? number
function Recorder:warn(name, text, step)
  local warning = { name = name, text = text, step = step, holds = true }
  for i = #self.said, 1, -1 do
    if self.said[i].name == name then table.remove(self.said, i) end
  end
  table.insert(self.said, warning)
  if self.store then
    try(self, self.store.keep, "warning", name, nil, packing.pack(warning))
  end
  self.watch.tell(text)
end

--- Rules and warnings of the run, those of earlier processes too.
---@return table<string, orrery.train.Rule> rules
---@return table[] said
function Recorder:warnings()
  if not self.store then return self.watch.rules, self.said end
  return Recorder.stored(self.store, self.id)
end

--- The same of a run that some process recorded.
---@param store orrery.runs.Store
---@param id integer
function Recorder.stored(store, id)
  local rules, said = {}, {}
  for _, kept in ipairs(store:kept(id, "monitor")) do
    rules[kept.name] = packing.unpack(kept.content)
  end
  for i, kept in ipairs(store:kept(id, "warning")) do
    said[i] = packing.unpack(kept.content)
  end
  return rules, said
end

--- A change that a person made on the way.
---@param change orrery.train.Change
function Recorder:change(change)
  if not self.store then return end
  local name = ("%d %s %d"):format(change.step, change.name, change.loop or 1)
  try(self, self.store.keep, "change", name, nil, packing.pack(change))
end

--- The changes that this run made before it was stopped, in their order.
---@return orrery.train.Change[]
function Recorder:planned()
  return self.store and self.store:changes(self.id) or {}
end

--- Writes what waits.
function Recorder:flush()
  if not self.store or #self.rows == 0 then return end
  if try(self, self.store.append, self.rows) then self.rows = {} end
end

--- How far the run is, for who looks on.
---@param fraction? number  0 to 1
---@param note? string|fun(): string
function Recorder:beat(fraction, note)
  if not self.store or core.clock() - self.beaten < interval then return end
  self.beaten = core.clock()
  if type(note) == "function" then note = note() end
  try(self, self.store.beat, fraction, note)
end

--- Where a checkpoint written now stands; what came before it is written.
---@return integer seq
function Recorder:mark()
  self:flush()
  return self.seq
end

--- Goes back to where a checkpoint stood. Nothing is taken from the store: the
--- numbers that follow come again, the same, and are put in their places. (Of
--- two checkpoints, a trial's and its training loop's, one stands behind the
--- other.)
---@param seq integer
function Recorder:rewind(seq)
  while self.rows[1] and self.rows[#self.rows][1] > seq do
    table.remove(self.rows)
  end
  self.seq = seq
end

--- The run is done: should the store have numbers beyond the last one, they
--- are of an earlier process that went another way.
function Recorder:finish()
  self:flush()
  if self.store then self.store:cut(self.id, self.seq) end
end

--- All numbers of the run.
---@return table[] rows  { seq, name, step, value }
function Recorder:numbers()
  if not self.store then return self.rows end
  self:flush()
  return self.store:numbers(self.id)
end

--- A recorder; without a store it keeps all in memory.
---@param store? orrery.runs.Store
---@param id? integer
---@param tell fun(text: string)  says what went wrong
---@return orrery.runs.Recorder
function Recorder.new(store, id, tell)
  return setmetatable({ store = store, id = id, tell = tell, rows = {},
    seq = 0, written = core.clock(), beaten = 0, said = {},
    watch = monitors.watch(function(text) tell("warning: " .. text) end) },
    Recorder)
end

return Recorder
