--- The run that this process works on now: where train.loop records its steps.
--- Inside a trial of an experiment it is the trial; in another script that the
--- program `orrery FILE` or `:run FILE` runs, a run of that script, made by its
--- first loop.
local current = {}

local recorder   -- of a trial
local trial      -- its settings
local script     -- { path, words, record?, repeats? } of `orrery FILE`

--- Records go to `r` until the value returned is closed.
---@param r orrery.runs.Recorder
---@param settings? table  of the trial, as its function sees them
function current.use(r, settings)
  local before, had = recorder, trial
  recorder, trial = r, settings
  return setmetatable({}, { __close = function()
    recorder, trial = before, had
  end })
end

--- The settings of the trial that runs, to read and to change.
---@return table<string, any>?
function current.settings() return trial end

--- The script that runs is none whose training is to be kept (tests).
function current.forget() script = nil end

--- A script begins. Nothing is written until it trains.
---@param path string
---@param words string[]
---@return boolean began  false when another script runs already
function current.script(path, words)
  if script then return false end
  script = { path = path, words = words }
  return true
end

--- Where to record, or nil when nothing is recorded here.
---@param settings fun(): table  of the loop that asks
---@return orrery.runs.Recorder?
function current.recorder(settings)
  if recorder or not script then return recorder end
  if script.record == nil then
    script.record = require("orrery.runs.script")(script.path, script.words,
      settings(), script.repeats ~= nil) or false
  end
  return script.record and script.record.recorder or nil
end

--- What the script is to change on its way, as an earlier run of it did.
---@param list orrery.train.Change[]
function current.repeats(list) script.repeats = list end

--- Where the loops of a script that is repeated keep their checkpoints, rather
--- than where the first run has its own; nil when it is not repeated.
---@return string? folder
function current.repeating()
  return script and script.repeats and script.record and script.record.folder
end

--- The changes that a loop is to make, and which loop of its run it is.
---@param r orrery.runs.Recorder?  of the loop
---@param given? orrery.train.Change[]  named by the person
---@return orrery.train.Change[] planned
---@return integer number  1 for the first
function current.changes(r, given)
  if not r then return given or {}, 1 end
  r.loops = (r.loops or 0) + 1
  return given or script and script.repeats or r:planned(), r.loops
end

--- The script has ended.
---@param status "done"|"failed"|"interrupted"
---@param message? string
function current.ended(status, message)
  local record = script and script.record
  script = nil
  if not record then return end
  if status == "failed" and message:find("diverged", 1, true) then
    status = "diverged"
  end
  record.seconds = require("orrery.core").clock() - record.began
  local first = message and message:match "[^\n]*"
  record:finish(status, {}, first, message ~= first and message or nil)
end

return current
