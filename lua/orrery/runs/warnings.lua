--- What is amiss with a run: how it ended, numbers that are none, numbers that
--- broke their rule (see train.monitors), and what it said itself. Judged from
--- what is recorded, so that a run that was killed has its warnings too.
local Recorder = require "orrery.runs.recorder"
local monitors = require "orrery.train.monitors"

---@param run orrery.runs.Record
---@param series table<string, { x: number[], y: number[] }>
---@param names string[]
---@return table[] warnings  { name, text, step?, holds (still so at its end) }
return function(run, series, names)
  local list = {}
  if run.status == "failed" or run.status == "diverged" then
    list[1] = { name = run.status, holds = true,
      text = rawget(run, "message") or run.status }
  end
  local rules, said = {}, {}
  if run.recorder then
    rules, said = run.recorder:warnings()
  elseif run.store and run.id then
    rules, said = Recorder.stored(run.store, run.id)
  end
  for _, name in ipairs(names) do
    list[#list + 1] = monitors.odd(name, series[name])
    if rules[name] then
      list[#list + 1] = monitors.judge(name, rules[name], series[name])
    end
  end
  return table.move(said, 1, #said, #list + 1, list)
end
