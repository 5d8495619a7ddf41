--- What is left when a sweep ends: the table on the terminal, summary.csv and
--- report.html.
local orrery = require "orrery"
local columns = require "orrery.report.columns"
local knobs = require "orrery.knobs"
local matrix = require "orrery.report.matrix"
local packing = require "orrery.runs.packing"
local parts = require "orrery.report.parts"
local report = require "orrery.report"
local sweep_parts = require "orrery.report.sweep_parts"

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

-- What trials of one setting share: what was swept, but the seed.
local function setting_of(trials)
  return function(t)
    local words = {}
    for _, name in ipairs(trials.swept) do
      if name ~= "seed" then
        words[#words + 1] = name .. "=" .. packing.show(t.knobs[name])
      end
    end
    return words[1] and table.concat(words, " ") or "all seeds"
  end
end

-- Pictures of several steps, unless the experiment laid them out itself.
local function add_matrices(page, trials)
  local heading = false
  for _, one in ipairs(matrix.stepped(trials)) do
    if not page.laid_out[one.name] then
      if not heading then page:heading "Pictures by setting and step" end
      heading = true
      page:heading(one.name, 3)
      page:image_matrix { image = one.name, step = one.step }
    end
  end
end

-- A trial, folded: its own page, in its folder, has more.
local function add_trial(page, t)
  page:section(("%s: %s"):format(t.label, t.status), function()
    if t.status ~= "done" and rawget(t, "message") then page:text(t.message) end
    local list = {}
    for _, name in ipairs(t.image_names) do
      if not matrix.split(name) then
        list[#list + 1] = { name = name, path = t.images[name] }
      end
    end
    if #list > 0 then page:pictures_of(list) end
    for _, kept in ipairs(t.tables) do
      page:heading(kept.title, 3)
      page:table(kept.rows, kept.columns)
    end
    page:fold("settings", packing.pack(t.knobs, 2))
    page:link("All of this run",
      t.folder:match "([^/]+)/*$" .. "/report.html")
  end)
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
    subtitle = ("%d trial%s: %s"):format(#trials, #trials == 1 and "" or "s",
      count(trials)) }
  page.folder = folder
  local path = run.source:match "^@(.*)"
  page:text(path and knobs.head_comment(path) or "")
  parts.warnings(page, trials)
  local mark = #page.parts
  if run.report and trials:any_done() then
    local ok, why = xpcall(run.report, debug.traceback, trials, page)
    if not ok then
      page:text("The report stopped: " .. why)
      page.problem = why
    end
  end
  if not page.last_table then
    page:heading "Results"
    page:table(trials, default_columns(trials))
    for _ = 1, 2 do  -- before what the experiment itself has added
      table.insert(page.parts, mark + 1, table.remove(page.parts))
    end
  end
  if #trials > 1 and trials:any_done() and sweep_parts.any(trials) then
    page:heading "What the settings do"
    sweep_parts.parallel(page, trials)
    sweep_parts.by_knob(page, trials)
  end
  parts.curves(page, trials, run.spec.step, setting_of(trials))
  add_matrices(page, trials)
  page:heading "Trials"
  for _, t in ipairs(trials) do
    if t.status ~= "waiting" then add_trial(page, t) end
  end
  if trials[1] then
    parts.facts(page, "Environment", trials[1]:environment())
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
