--- One trial of an experiment: claimed, seeded, run, and its end written down.
local orrery = require "orrery"
local Log = require "orrery.experiment.log"
local boundary = require "orrery.train.boundary"
local calm = require "orrery.experiment.calm"
local current = require "orrery.runs.current"
local owner = require "orrery.runs.owner"
local packing = require "orrery.runs.packing"

-- Settings as a trial sees them: a name that was never declared is an error
-- at the line that reads it, not a nil that spreads.
local function settings(spec, trial)
  local k = {}
  for name, value in pairs(trial) do k[name] = value end
  return setmetatable(k, { __index = function(_, name)
    error(("%s: the trial reads knob %s, which is not declared; declare it")
      :format(spec.name, tostring(name)), 2)
  end })
end

-- What an error says, whatever it is; with the traceback for the log file.
local function describe(problem)
  local message = tostring(problem)
  return { message = message, trace = debug.traceback(message, 2) }
end

local function status_of(message)
  if message:find("interrupted", 1, true) then return "interrupted" end
  return message:find("diverged", 1, true) and "diverged" or "failed"
end

-- The trial's function, with its numbers going to the store; status, values
-- or what describe made.
local function call_trial(self, record, progress)
  local k = settings(self.spec, record.knobs)
  local _ <close> = current.use(record.recorder, k)
  local log = Log(record, progress, self.spec.step or "step")
  local ok, values = xpcall(self.trial, calm(describe), k, log)
  boundary.release()
  if not ok then return status_of(values.message), values end
  values = values or {}
  local kept, why = pcall(packing.pack, values)
  if kept then return "done", values end
  return "failed", { message = ("%s: the result cannot be kept: %s"):format(
    self.name, why), trace = why }
end

--- Runs one trial to its end, whatever end that is.
---@param self orrery.experiment.Run
---@param record orrery.runs.Record
---@param progress orrery.experiment.Progress
---@return boolean claimed  false when it is done or another process has it
---@return string? status  then
return function(self, record, progress)
  local _ <close> = setmetatable({}, { __close = function()
    owner.let_go(record.key)
  end })
  local ok, had = record:begin(function(text)
    progress:note(("%s: %s"):format(record.label, text))
  end)
  if not ok then return false, had end
  progress:begins(record)
  local started = orrery.clock()
  orrery.manual_seed(record.knobs.seed)
  local status, values = call_trial(self, record, progress)
  -- What stopped the trial must not stop its last words.
  if status == "interrupted" then orrery.clear_interrupt() end
  record.seconds = (rawget(record, "seconds") or 0) + orrery.clock() - started
  if status == "done" then
    record:finish(status, values)
  elseif status == "interrupted" then
    record:finish(status, {}, "stopped before its end")
  else
    record:finish(status, {}, values.message, values.trace)
  end
  progress:ends(record)
  return true
end
