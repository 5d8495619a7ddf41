--- An experiment: settings declared once, one trial per combination of their
--- values, and one report over all trials.
---
---     local run = orrery.experiment { name = "beta_sweep", knobs = { ... } }
---     function run.trial(k, log) ... return { rate = kl } end
---     function run.report(trials, page) ... end   -- optional
---     return run(...)
---
--- Every trial is a run in the store OUT/runs.sqlite, with a folder named by
--- its settings under OUT/NAME/. Running the same command again skips the
--- trials that are done and resumes those that were stopped (see
--- experiment/log.lua); `-j 2` runs two at a time, in processes of their own.
--- Beside the folders lie report.html and summary.csv of the last sweep; in
--- each is the report.html of its run.
--- `orrery runs` lists, compares and deletes runs.
local orrery = require "orrery"
local knobs = require "orrery.knobs"
local Progress = require "orrery.experiment.progress"
local Store = require "orrery.runs.store"
local halving = require "orrery.experiment.halving"
local summary = require "orrery.experiment.summary"
local run_trial = require "orrery.experiment.run_trial"
local trials = require "orrery.experiment.trials"

---@class orrery.experiment.Run
---@field name string
---@field spec orrery.knobs.Spec
---@field source string  file that declares it, as in debug.getinfo
---@field trial fun(k: table, log: orrery.experiment.Log): table?
---@field report? fun(trials: table, page: orrery.report.Page)
---@field started boolean  true once it has read a command line
local Run = {}
Run.__index = Run

-- One after another; true when stopped. A trial that another process works on
-- is waited for: it may be done then, or free again.
local function in_turn(self, list, progress)
  while #list > 0 do
    local later = {}
    for _, record in ipairs(list) do
      local claimed, status = false, record.status
      if status ~= "done" then
        claimed, status = run_trial(self, record, progress)
      end
      if status == "running" and not claimed then
        later[#later + 1] = record
      elseif not claimed then
        if record.store then record:refresh() end
        progress:skipped(record)
      end
      if record.status == "interrupted" then return true end
    end
    if #later == #list then
      progress:note(("waiting for %d trials of another process"):format(#later))
      orrery.sleep(0.2)
    end
    list = later
  end
  return false
end

-- What -j needs and is not here, or nil.
local function no_workers(self)
  if Store.missing() then
    return ("%s: -j needs the store of runs, and this is %s"):format(self.name,
      Store.missing())
  elseif not knobs.is_main(self.source) then
    return ("%s: -j starts the script anew, so it must be the program that "
      .. "runs; run it by itself"):format(self.name)
  end
end

-- The store; false where there can be none, which is said.
local function open_store(self, parsed)
  local store, why = Store.open(parsed.options.out, true)
  if store then return store end
  if not Store.missing() then error(knobs.sentence(why), 0) end
  self.write(why .. "\n")
  return false
end

local function sweep(self, parsed)
  local store = open_store(self, parsed)
  local progress = Progress(self.write, parsed.options.jobs)
  local list = trials.list(parsed)
  local function go(settings_list)
    local added = trials.add(self, list, parsed, store, settings_list)
    progress:expect(added)
    if parsed.options.jobs > 1 then
      local pool = require "orrery.experiment.pool"
      return added, pool(added, parsed, progress, store)
    end
    return added, in_turn(self, added, progress)
  end
  local stopped
  if parsed.rungs then
    stopped = halving(parsed, go, function(text) progress:note(text) end)
  else
    stopped = select(2, go(parsed.trials))
  end
  local path = summary(self, list,
    parsed.options.out .. "/" .. self.name)
  return list, path, stopped
end

-- Why the sweep is not a success, or nil.
local function verdict(self, list, path, stopped)
  if stopped then
    return ("%s: interrupted; run the same command again to go on"):format(
      self.name)
  end
  local unfinished, cut = 0, false
  for _, t in ipairs(list) do
    if t.status ~= "done" then unfinished = unfinished + 1 end
    cut = cut or t.status == "interrupted"
  end
  if unfinished == 0 then return nil end
  return ("%s: %d of %d trials did not finish; %s"):format(self.name,
    unfinished, #list, cut and "run the same command again to go on"
      or "see " .. path)
end

-- What a worker of a pool does: one trial, no report. The one that started it
-- looks into the store.
local function worker(self, parsed)
  local progress = Progress(self.write, 1)
  local list = trials.list(parsed)
  local record = trials.add(self, list, parsed, open_store(self, parsed),
    parsed.trials)[1]
  local claimed = run_trial(self, record, progress)
  if not claimed or record.status == "done" then return list end
  return nil, ("%s: %s: %s"):format(self.name, record.status, record.message),
    record.status == "interrupted"
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
  if options.jobs > 1 then
    why = no_workers(self)
    if why then return nil, why end
  end
  if options.trial then return worker(self, parsed) end
  local list, path, stopped = sweep(self, parsed)
  why = verdict(self, list, path, stopped)
  if why then return nil, why, stopped end
  return list, path
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
---  counts, "epoch"), by? (the result that halve= compares), version? (change
---  it when the trial means something else, so that old results are not taken
---  for new)
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
