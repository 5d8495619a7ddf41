--- What is left when a sweep ends: the table on the terminal, summary.csv and
--- report.html.
local orrery = require "orrery"
local columns = require "orrery.report.columns"
local knobs = require "orrery.knobs"
local report = require "orrery.report"

-- Fields of the table when the experiment names none: what was swept, then
-- every number the trials returned.
local function default_columns(trials)
  local names = {}
  for _, name in ipairs(trials.swept) do
    if name ~= "seed" then names[#names + 1] = name end
  end
  local results = trials:results()
  table.move(results, 1, #results, #names + 1, names)
  return names
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
  page:fold("settings", (orrery.io.read_file(t:path "config.json")) or "")
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
  local ok, why = orrery.io.write_file(folder .. "/summary.csv", trials:csv())
  if ok then ok, why = page:write(path) end
  if trials:any_done() then
    run.write("\n" .. columns.text(page.last_table))
  end
  if page.problem then run.write(page.problem .. "\n") end
  run.write(("report: %s\n"):format(ok and path or why))
  return path
end
