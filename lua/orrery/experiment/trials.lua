--- The trials of a sweep as a list whose names are columns:
--- `trials.rate` is the list of every finished trial's rate.
local columns = require "orrery.report.columns"
local knobs = require "orrery.knobs"

local methods = {}

local function column(list, name)
  local out, any = {}, false
  for _, t in ipairs(list) do
    if t.status == nil or t.status == "done" then
      out[#out + 1] = t[name]
      any = any or t[name] ~= nil
    end
  end
  return any and out or nil
end

local List = {
  __index = function(list, name)
    if type(name) ~= "string" then return nil end
    return methods[name] or column(list, name)
  end,
}

--- One row per setting: numbers become means over its seeds, with
--- NAME_sd beside them (0 for a single seed).
---@return table rows  a list with columns, like the trials
function methods.by_setting(list)
  local rows, by = setmetatable({}, List), {}
  for _, t in ipairs(list) do
    if t.status == "done" then
      if not by[t.group] then
        by[t.group] = { of = {} }
        rows[#rows + 1] = by[t.group]
      end
      table.insert(by[t.group].of, t)
    end
  end
  for _, row in ipairs(rows) do
    local first = row.of[1]
    row.trials = #row.of
    for name, v in pairs(first.knobs) do row[name] = v end
    for name in pairs(first.values) do
      local all = column(row.of, name)
      if type(all[1]) == "number" then
        local mean, sd = columns.mean_sd(all)
        row[name], row[name .. "_sd"] = mean, sd or 0
      else
        row[name] = all[1]
      end
    end
    row.of = nil
  end
  return rows
end

--- Is there a result at all?
---@return boolean
function methods.any_done(list)
  for _, t in ipairs(list) do
    if t.status == "done" then return true end
  end
  return false
end

-- Settings without the seed: trials that agree here are one row of a table.
local function group_of(k)
  local words = {}
  for name, v in pairs(k) do
    if name ~= "seed" then words[#words + 1] = name .. "=" .. tostring(v) end
  end
  table.sort(words)
  return table.concat(words, " ")
end

---@param parsed orrery.knobs.Parsed
---@param make fun(k: table, label: string): orrery.experiment.Record
---@return table trials
return function(parsed, make)
  local list = setmetatable({ swept = parsed.swept }, List)
  for i, k in ipairs(parsed.trials) do
    local label = #parsed.swept > 0 and knobs.label(parsed, k) or "one trial"
    local record = make(k, label)
    record.group = group_of(k)
    list[i] = record
  end
  return list
end
