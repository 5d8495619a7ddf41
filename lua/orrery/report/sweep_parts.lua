--- What settings do to results: parallel coordinates over all runs, and a
--- small chart for each setting and result.
local packing = require "orrery.runs.packing"

local sweep_parts = {}

local most_charts = 12

-- Numbers as they are; anything else by its place among the values there are.
local function places(values)
  local seen, names = {}, {}
  for _, v in ipairs(values) do
    if type(v) == "number" then return nil end
    local text = packing.show(v)
    if not seen[text] then seen[text], names[#names + 1] = true, text end
  end
  table.sort(names)
  local at = {}
  for i, name in ipairs(names) do at[name] = i end
  return at, names
end

-- Results that are not the same number in all runs.
local function moving(trials)
  local names = {}
  for _, name in ipairs(trials:results "number") do
    local column = trials[name] or {}
    for i = 2, #column do
      if column[i] ~= column[1] then
        names[#names + 1] = name
        break
      end
    end
  end
  return names
end

--- Is there a setting, and a result that all runs have and that differs?
---@param trials table  of orrery.runs.list
---@return boolean
function sweep_parts.any(trials)
  return #trials:settings() > 0 and #moving(trials) > 0
end

--- A line per finished run through its settings and results.
---@param page orrery.report.Page
---@param trials table  of orrery.runs.list
function sweep_parts.parallel(page, trials)
  local axes, lines = trials:settings(), {}
  local results = moving(trials)
  table.move(results, 1, #results, #axes + 1, axes)
  local spec = { axes = {}, lines = lines }
  local done = {}
  for _, t in ipairs(trials) do
    if t.status == "done" then done[#done + 1] = t end
  end
  if #axes < 2 or #done < 2 then return end
  for l, t in ipairs(done) do lines[l] = { name = t.label, values = {} } end
  for a, name in ipairs(axes) do
    local column = {}
    for _, t in ipairs(done) do column[#column + 1] = t[name] end
    local at, ticks = places(column)
    spec.axes[a] = { name = name, ticks = ticks }
    for l, t in ipairs(done) do
      local v = t[name]
      if at and v ~= nil then v = at[packing.show(v)] end
      local number = type(v) == "number" and v - v == 0
      lines[l].values[a] = number and v or page.null
    end
  end
  page:parallel(spec)
end

-- One small chart.
local function against(page, trials, setting, result)
  local t = trials:against(setting, result)
  local _, ticks = places(t.x)
  local x, sd = t.x, #t.x > 0
  if ticks then
    x = {}
    local at = places(t.x)
    for i, v in ipairs(t.x) do x[i] = at[packing.show(v)] end
  end
  for i = 1, #t.x do sd = sd and t.sd[i] ~= nil end
  page:curves { title = ("%s by %s"):format(result, setting),
    xlabel = setting, ticks = ticks,
    series = { { name = result, x = x, y = t.mean, sd = sd and t.sd or nil } } }
end

--- Every result against every setting, with the deviation over what else
--- differs.
---@param page orrery.report.Page
---@param trials table  of orrery.runs.list
function sweep_parts.by_knob(page, trials)
  local pairs_of = {}
  for _, setting in ipairs(trials:settings()) do
    for _, result in ipairs(moving(trials)) do
      pairs_of[#pairs_of + 1] = { setting, result }
    end
  end
  if #pairs_of == 0 then return end
  page:begin "charts"
  for i = 1, math.min(#pairs_of, most_charts) do
    against(page, trials, pairs_of[i][1], pairs_of[i][2])
  end
  page:finish()
  if #pairs_of > most_charts then
    page:text(("%d more such charts are left out; summary.csv has all.")
      :format(#pairs_of - most_charts))
  end
end

return sweep_parts
