--- Successive halving (Jamieson and Talwalkar 2016): all settings run with the
--- smallest budget, the best of them with the next one, and so on. A knob is
--- the budget: `epochs=1,3,9 halve=epochs by=loss`. A rung keeps as many
--- settings as cost what the rung before did: a third, where the budget is
--- three times as large. Settings are compared by the mean over their seeds;
--- one that failed, diverged or gave no number is dropped first.

local knobs = require "orrery.knobs"
local packing = require "orrery.runs.packing"

-- Mean of the result over the seeds of each setting, best first.
local function ranking(added, by, most)
  local groups, of = {}, {}
  for place, record in ipairs(added) do
    local group = of[record.group]
    if not group then
      group = { place = place, records = {}, sum = 0 }
      of[record.group], groups[#groups + 1] = group, group
    end
    table.insert(group.records, record)
    local v = record.status == "done" and record.values[by]
    group.sum = group.sum + (type(v) == "number" and v or 0 / 0)
  end
  for _, group in ipairs(groups) do
    local mean = group.sum / #group.records
    group.score = mean ~= mean and math.huge or most and -mean or mean
  end
  table.sort(groups, function(a, b)
    if a.score ~= b.score then return a.score < b.score end
    return a.place < b.place
  end)
  return groups
end

local function with(settings, knob, value)
  local k = {}
  for name, v in pairs(settings) do k[name] = v end
  k[knob] = value
  return k
end

local function check(groups, by)
  for _, group in ipairs(groups) do
    for _, record in ipairs(group.records) do
      if record.status ~= "done" or record.values[by] ~= nil then return end
    end
  end
  error(knobs.sentence(("halve: no trial returns %s; name a result with by=")
    :format(by)), 0)
end

---@param parsed orrery.knobs.Parsed  rungs = { knob, values (rising), by,
---  most }; trials: the settings of the first rung
---@param go fun(settings: table[]): orrery.runs.Record[], boolean
---@param note fun(text: string)
---@return boolean stopped
return function(parsed, go, note)
  local rungs, next_settings = parsed.rungs, parsed.trials
  for i, budget in ipairs(rungs.values) do
    note(("rung %d of %d: %s=%s"):format(i, #rungs.values, rungs.knob,
      packing.show(budget)))
    local added, stopped = go(next_settings)
    if stopped then return true end
    local groups = ranking(added, rungs.by, rungs.most)
    check(groups, rungs.by)
    -- Trials that were cut off would be taken for bad ones.
    for _, record in ipairs(added) do
      if record.status == "interrupted" or record.status == "waiting" then
        return false
      end
    end
    local following = rungs.values[i + 1]
    if not following then return false end
    local keep = math.max(1, math.ceil(#groups * budget / following))
    next_settings = {}
    for g = 1, math.min(keep, #groups) do
      for _, record in ipairs(groups[g].score < math.huge
        and groups[g].records or {}) do
        table.insert(next_settings, with(record.knobs, rungs.knob, following))
      end
    end
    if #next_settings == 0 then return false end
  end
  return false
end
