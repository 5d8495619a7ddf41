--- What is left when a sweep ends: the table on the terminal, summary.csv and
--- report.html.
local columns = require "orrery.report.columns"
local knobs = require "orrery.knobs"
local report = require "orrery.report"
local store = require "orrery.experiment.store"

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- Fields of the table when the experiment names none: what was swept, then
-- every number the trials returned.
local function default_columns(trials)
  local names, seen = {}, {}
  for _, name in ipairs(trials.swept) do
    if name ~= "seed" then names[#names + 1] = name end
  end
  local found = {}
  for _, t in ipairs(trials) do
    for name, v in pairs(t.values) do
      if type(v) ~= "table" and not seen[name] then
        seen[name], found[#found + 1] = true, name
      end
    end
  end
  table.sort(found)
  for _, name in ipairs(found) do names[#names + 1] = name end
  return names
end

local function csv_cell(v)
  if v == nil then return "" end
  local text = math.type(v) == "float" and ("%.17g"):format(v) or tostring(v)
  if text:find '[,"\n]' then text = '"' .. text:gsub('"', '""') .. '"' end
  return text
end

-- One line per trial: settings, status, numbers.
local function write_csv(trials, path)
  local settings = sorted_keys(trials[1] and trials[1].knobs or {})
  local results, seen = {}, {}
  for _, t in ipairs(trials) do
    for name, v in pairs(t.values) do
      if type(v) ~= "table" and not seen[name] then
        seen[name], results[#results + 1] = true, name
      end
    end
  end
  table.sort(results)
  local heads = { "trial", "status", "seconds" }
  for _, list in ipairs { settings, results } do
    for _, name in ipairs(list) do heads[#heads + 1] = name end
  end
  local lines = { table.concat(heads, ",") }
  for _, t in ipairs(trials) do
    local cells = { csv_cell(t.id), t.status, csv_cell(rawget(t, "seconds")) }
    for _, name in ipairs(settings) do
      cells[#cells + 1] = csv_cell(t.knobs[name])
    end
    for _, name in ipairs(results) do
      cells[#cells + 1] = csv_cell(t.values[name])
    end
    lines[#lines + 1] = table.concat(cells, ",")
  end
  store.write(path, table.concat(lines, "\n") .. "\n")
end

-- One chart per logged name, one line per trial.
local function add_curves(page, trials, step_name)
  local charts, order = {}, {}
  for _, t in ipairs(trials) do
    local series, names = t:metrics()
    for _, name in ipairs(names) do
      if not charts[name] then
        charts[name] = { title = name, series = {}, xlabel = step_name }
        order[#order + 1] = name
      end
      local s = series[name]
      s.name = t.label
      table.insert(charts[name].series, s)
    end
  end
  if #order > 0 then page:heading "Curves" end
  for _, name in ipairs(order) do page:curves(charts[name]) end
end

local function add_trial(page, t)
  page:heading(t.label, 3)
  if t.status ~= "done" then
    page:text(("%s%s"):format(t.status,
      rawget(t, "message") and ": " .. t.message or ""))
  end
  for _, name in ipairs(t.image_names) do
    local path = t.images[name]
    page:image(path, name, path:find "%.svg$" ~= nil)
  end
  for _, kept in ipairs(t.tables) do
    page:heading(kept.title, 3)
    page:table(kept.rows, kept.columns)
  end
  page:fold("settings", store.read(t:path "config.json") or "")
end

local function count(trials)
  local of, words = {}, {}
  for _, t in ipairs(trials) do of[t.status] = (of[t.status] or 0) + 1 end
  for _, status in ipairs { "done", "failed", "diverged", "interrupted",
    "waiting" } do
    if of[status] then words[#words + 1] = of[status] .. " " .. status end
  end
  return table.concat(words, ", ")
end

-- The page: the script's own words, its tables and charts, then everything.
local function build(run, trials, folder)
  local page = report.new { title = run.name, trials = trials,
    subtitle = ("%d trials: %s"):format(#trials, count(trials)) }
  page.folder = folder
  local path = run.source:match "^@(.*)"
  page:text(path and knobs.head_comment(path) or "")
  local mark = #page.parts
  if run.report and trials:any_done() then
    local ok, why = xpcall(run.report, debug.traceback, trials, page)
    if not ok then
      page:text("The report stopped: " .. why)
      page.problem = why
    end
  end
  if not page.last_table then
    page:table(trials, default_columns(trials))
    table.insert(page.parts, mark + 1, table.remove(page.parts))
  end
  add_curves(page, trials, run.spec.step)
  page:heading "Trials"
  for _, t in ipairs(trials) do
    if t.status ~= "waiting" then add_trial(page, t) end
  end
  return page
end

--- Writes and shows it all.
---@return string path  of the report
return function(run, trials, folder)
  local page = build(run, trials, folder)
  local path = folder .. "/report.html"
  write_csv(trials, folder .. "/summary.csv")
  local ok, why = page:write(path)
  if trials:any_done() then
    run.write("\n" .. columns.text(page.last_table))
  end
  if page.problem then run.write(page.problem .. "\n") end
  run.write(("report: %s\n"):format(ok and path or why))
  return path
end
