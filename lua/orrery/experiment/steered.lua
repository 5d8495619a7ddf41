--- A trial with a loop of its own, stopped between two of its steps: what the
--- log knows of it, in the shape of a training run. A step ends where the trial
--- asks `log:due()`; Ctrl-C makes that true, and the checkpoint written then is
--- where one is asked how to go on.
local orrery = require "orrery"
local boundary = require "orrery.train.boundary"
local changes = require "orrery.train.changes"

local steered = {}

---@class orrery.experiment.Steered : orrery.train.Run
local Steered = {}
Steered.__index = Steered

-- Where the checkpoint of the log is, as boundary.lua tells it.
function Steered:save(path)
  if path then
    error("checkpoint: a trial's is in its own folder; leave the name out", 0)
  end
  self.log:save_again()
  return self.checkpoint.path
end

function Steered:where()
  return ("stopped after step %d of %s"):format(self.state.step,
    self.log.record.label)
end

-- One of a kind is `main`, as in a training loop.
local function main_of(things)
  local name = next(things)
  if name and next(things, name) == nil then return { main = things[name] } end
  return things
end

local function sorted_by_kind(self, objects)
  local models, optimizers, emas = {}, {}, {}
  for name, object in pairs(objects or {}) do
    if type(object) == "table" then
      if object.param_groups then
        optimizers[name] = object
      elseif object.modules then
        models[name] = object
      elseif object.mark and object.back then
        self.loader = object
      elseif object.update and object.model then
        emas[name] = object
      end
    end
  end
  self.models, self.emas = main_of(models), main_of(emas)
  self.optimizers = main_of(optimizers)
end

--- The trial of a log, before it has named its objects.
---@param log orrery.experiment.Log
---@return orrery.experiment.Steered
function steered.new(log)
  local self = setmetatable({ log = log, opts = {}, schedules = {},
    generators = log.streams, stream = orrery.default_generator(),
    recorder = log.record.recorder, number = 0, saved_step = -1,
    state = { step = 0, knobs = {}, changes = {} },
    checkpoint = { path = log.record:path "checkpoint.safetensors" } }, Steered)
  self.planned = self.recorder:planned()
  sorted_by_kind(self)
  return self
end

--- The objects are known, and what a checkpoint had of changes.
---@param kept? table  what `state` gave
function Steered:take_up(objects, kept)
  sorted_by_kind(self, objects)
  self.data = self.loader
  if not kept then return end
  self.state.step = kept.step
  changes.restore(self, kept.changes)
end

--- For the checkpoint.
function Steered:kept()
  local log = self.state.changes
  return { step = self.state.step, changes = #log > 0 and log or nil }
end

--- A step has ended. True when it is to be the last for now.
---@return boolean
function Steered:tick()
  self.state.step = self.state.step + 1
  changes.due(self)
  self.stops = boundary.asked()
  return self.stops
end

--- A checkpoint has been written: is there a question to ask?
function Steered:look()
  self.saved_step = self.state.step
  if not self.stops then return end
  self.stops = false
  boundary.look(self)
end

return steered
