--- What a training checkpoint holds, and how a run takes it up again.
local orrery = require "orrery"
local blame = require "orrery.blame"
local changes = require "orrery.train.changes"
local checkpoint = require "orrery.train.checkpoint"

local resume = {}

local FORMAT = "orrery.train 1"

--- The states of modules, optimisers, streams ... by name.
function resume.states(things)
  local out = {}
  for name, thing in pairs(things) do
    out[name] = (thing.state_dict or thing.state)(thing)
  end
  return out
end

--- Everything the rest of the run depends on. No times of day and no
--- durations, so that equal runs have equal files.
local function contents(self)
  local state, states = self.state, resume.states
  return { format = FORMAT, step = state.step, epoch = state.epoch,
    history = state.history, extra = state.extra,
    models = states(self.models), optimizers = states(self.optimizers),
    schedules = states(self.schedules), emas = states(self.emas),
    streams = states(self.generators), default_stream = self.stream:state(),
    data = self.loader and self.loader:state(),
    meter = self.meter:state_dict(),
    changes = #state.changes > 0 and state.changes or nil,
    recorded = self.recorder and self.recorder:mark() or nil }
end

--- Writes the checkpoint, or one elsewhere; raises when the disk will not have
--- it.
---@param path? string
---@return string path
function resume.save(self, path)
  local own = self.checkpoint and self.checkpoint.path
  local where = path or own
  if not where then
    blame "checkpoint: this loop has no file for it; name one.safetensors"
  elseif not where:find "[^/]%.safetensors$" then
    blame("checkpoint: %s does not end in .safetensors; rename it", where)
  end
  orrery.tidy(function()
    local ok, why = checkpoint.save(where, contents(self))
    if not ok then error(why, 0) end
  end)
  if where ~= own then return where end
  self.saved_step, self.saved_at = self.state.step, orrery.clock()
  return where
end

local function check_names(what, own, saved)
  saved = type(saved) == "table" and saved or {}
  for name in pairs(own) do
    if saved[name] == nil then
      blame("loop: the checkpoint has no %s %s; resume = false starts afresh",
        what, name)
    end
  end
  for name in pairs(saved) do
    if own[name] == nil then
      blame("loop: the checkpoint has a %s %s that is not here; resume = false "
        .. "starts afresh", what, name)
    end
  end
end

--- The way back.
function resume.restore(things, saved)
  for name, thing in pairs(things) do
    (thing.load_state_dict or thing.set_state)(thing, saved[name])
  end
end

--- Takes up the run where its checkpoint left it, if there is one.
function resume.load(self)
  local path = self.checkpoint.path
  local saved, why = checkpoint.load(path)
  if not saved then
    if why then
      blame("loop: no checkpoint can be read: %s, or set resume = false", why)
    end
    return
  end
  if saved.format ~= FORMAT then
    blame("loop: %s is no training checkpoint; choose another path", path)
  end
  local parts = { models = "model", optimizers = "optimizer",
    schedules = "schedule", emas = "ema" }
  for part, what in pairs(parts) do
    check_names(what, self[part], saved[part])
  end
  check_names("generator", self.generators, saved.streams)
  local restore = resume.restore
  for part in pairs(parts) do restore(self[part], saved[part]) end
  restore(self.generators, saved.streams)
  if self.loader then self.loader:set_state(saved.data) end
  self.meter:load_state_dict(saved.meter)
  local state = self.state
  state.step, state.epoch = saved.step, saved.epoch
  state.history, state.extra = orrery.keep(saved.history, saved.extra)
  changes.restore(self, orrery.keep(saved.changes))
  self.stream:set_state(saved.default_stream)
  if self.recorder and saved.recorded then
    self.recorder:rewind(saved.recorded)
  end
  self.saved_step = state.step
end

return resume
