--- An experiment: settings declared once, one trial per combination of their
--- values, and one report over all trials.
---
---     local run = orrery.experiment { name = "beta_sweep", knobs = { ... } }
---     function run.trial(k, log) ... return { rate = kl } end
---     function run.report(trials, page) ... end   -- optional
---     return run(...)
---
--- Every trial has a folder of its own, named by its settings, under
--- OUT/NAME/. Running the same command again skips the trials that are done
--- and resumes those that were stopped (see experiment/log.lua). Beside the
--- folders lie report.html and summary.csv of the last sweep.
local orrery = require "orrery"
local knobs = require "orrery.knobs"
local Log = require "orrery.experiment.log"
local Progress = require "orrery.experiment.progress"
local store = require "orrery.experiment.store"
local summary = require "orrery.experiment.summary"
local trials_list = require "orrery.experiment.trials"

---@class orrery.experiment.Run
---@field name string
---@field spec orrery.knobs.Spec
---@field source string  file that declares it, as in debug.getinfo
---@field trial fun(k: table, log: orrery.experiment.Log): table?
---@field report? fun(trials: table, page: orrery.report.Page)
---@field started boolean  true once it has read a command line
local Run = {}
Run.__index = Run

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

-- Runs one trial to its end, whatever end that is.
local function run_trial(self, record, progress)
  local started = orrery.clock()
  record:begin()
  orrery.manual_seed(record.knobs.seed)
  local log = Log(record, progress)
  local ok, values = xpcall(self.trial, describe,
    settings(self.spec, record.knobs), log)
  local status = ok and "done" or status_of(values.message)
  -- What stopped the trial must not stop its last words.
  if status == "interrupted" then store.calm() end
  log:close()
  record.seconds = (record.seconds or 0) + orrery.clock() - started
  if status == "done" then
    record:finish(status, values or {})
  elseif status == "interrupted" then
    record:finish(status, {}, "stopped before its end")
  else
    record:finish(status, {}, values.message, values.trace)
  end
end

local function sweep(self, parsed)
  local folder = store.open(parsed.options.out, self.name)
  local code = store.code_version(self.spec, self.source)
  local trials = trials_list(parsed, function(k, label)
    return store.trial(folder, self.spec, k, code, label)
  end)
  local progress = Progress(trials, self.write)
  for i, record in ipairs(trials) do
    if record.status == "done" then
      progress:skipped(record)
    else
      progress:begins(i, record)
      run_trial(self, record, progress)
      progress:ends(record)
    end
    if record.status == "interrupted" then break end
  end
  local path = summary(self, trials, folder, parsed)
  return trials, path
end

-- Why the sweep is not a success, or nil; true when it was stopped.
local function verdict(self, trials, path)
  local bad, waiting = 0, 0
  for _, t in ipairs(trials) do
    if t.status == "interrupted" then
      return ("%s: interrupted; run the same command again to go on"):format(
        self.name), true
    elseif t.status == "failed" or t.status == "diverged" then
      bad = bad + 1
    elseif t.status ~= "done" then
      waiting = waiting + 1
    end
  end
  if bad + waiting == 0 then return nil end
  return ("%s: %d of %d trials did not finish; see %s"):format(self.name,
    bad + waiting, #trials, path)
end

--- Reads a command line and does what it says.
---@param argv string[]  `knob=value` words and flags
---@return table|true|nil trials  nil when it could not, or a trial failed
---@return string? message  why not, or the path of the report
---@return boolean? stopped  by Ctrl-C
function Run:main(argv)
  self.started = true
  local parsed, why = knobs.parse(self.spec, argv)
  if not parsed then return nil, why end
  local options = parsed.options
  if options.help then
    self.write(knobs.help(self.spec, self.source))
    return true
  elseif options.dry_run then
    self.write(knobs.listing(parsed))
    return true
  elseif not self.trial then
    return nil, self.name .. ": it has no trial; write function run.trial"
  end
  if options.threads then orrery.set_threads(options.threads) end
  local trials, path = sweep(self, parsed)
  local stopped
  why, stopped = verdict(self, trials, path)
  if why then return nil, why, stopped end
  return trials, path
end

--- Does the work when the declaring file is the program being run.
function Run:__call(...)
  if knobs.is_main(self.source) then
    local ok, why, stopped = self:main { ... }
    if stopped then  -- as a shell expects of a program ended by Ctrl-C
      io.stderr:write("orrery: ", why, "\n")
      os.exit(130, true)
    end
    if not ok then error(knobs.sentence(why), 0) end
  end
  return self
end

--- Declares an experiment.
---@param spec orrery.knobs.Spec  name, knobs, quick?, step? (what log:scalar
---  counts, "epoch"), version? (change it when the trial means something else,
---  so that old results are not taken for new)
---@return orrery.experiment.Run
return function(spec)
  if type(spec) ~= "table" or type(spec.name) ~= "string"
    or not spec.name:find "^[%w_.-]+$" then
    error("experiment: its name is missing; write name = 'beta_sweep'", 2)
  end
  knobs.check(spec, 2)
  return setmetatable({
    name = spec.name, spec = spec, started = false,
    source = debug.getinfo(2, "S").source,
    write = function(text) io.stdout:write(text) io.stdout:flush() end,
  }, Run)
end
