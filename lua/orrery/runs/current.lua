--- The run that this process works on now: where train.loop records its steps.
--- Inside a trial of an experiment it is the trial; in another script that the
--- program `orrery FILE` or `:run FILE` runs, a run of that script, made by its
--- first loop.
local current = {}

local recorder   -- of a trial
local script     -- { path, words, record? } of `orrery FILE`

--- Records go to `r` until the value returned is closed.
---@param r orrery.runs.Recorder
function current.use(r)
  local before = recorder
  recorder = r
  return setmetatable({}, { __close = function() recorder = before end })
end

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
      settings()) or false
  end
  return script.record and script.record.recorder or nil
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
