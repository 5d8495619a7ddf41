--- report.html of one run: everything the run left, in its folder.
local duration = require("orrery.train.progress").duration
local parts = require "orrery.report.parts"
local report = require "orrery.report"

local run_page = {}

-- "run 12: done in 34 s, 2026-11-22 14:03".
local function subtitle(run)
  local words = { run.status }
  local seconds = rawget(run, "seconds")
  if seconds then words[1] = words[1] .. " in " .. duration(seconds) end
  local started = run.row and run.row.started
  if started then words[2] = os.date("%Y-%m-%d %H:%M", started) end
  return (run.id and ("run %d: "):format(run.id) or "")
    .. table.concat(words, ", ")
end

-- The plain results; lists in them have curves and tables of their own.
local function results(run)
  local values = {}
  for name, v in pairs(run.values) do
    if type(v) ~= "table" then values[name] = v end
  end
  return values
end

-- What a person changed by hand while it trained.
local function add_changes(page, run)
  local rows = run:changes()
  if #rows == 0 then return end
  page:heading "Changed on the way"
  page:table(rows, { { "step", "after step" }, "name", { "was", "from" },
    { "value", "to" } })
end

--- The page.
---@param run orrery.runs.Record
---@param step? string  what its curves count
---@return orrery.report.Page
function run_page.build(run, step)
  local page = report.new { title = run.short and run.short ~= ""
    and ("%s, %s"):format(run.experiment, run.short) or run.experiment,
    subtitle = subtitle(run) }
  parts.warnings(page, { run })
  parts.facts(page, "Result", results(run))
  parts.curves(page, { run }, step)
  parts.pictures(page, run)
  for _, kept in ipairs(run.tables) do
    page:heading(kept.title)
    page:table(kept.rows, kept.columns)
  end
  parts.facts(page, "Settings", run.knobs)
  add_changes(page, run)
  parts.facts(page, "Environment", run:environment())
  local trace = rawget(run, "trace")
  if trace then page:fold("where it stopped", trace) end
  return page
end

--- Writes it into the run's folder.
---@param run orrery.runs.Record
---@param step? string
---@return string? path
---@return string? message
function run_page.write(run, step)
  local path = run:path "report.html"
  local ok, why = run_page.build(run, step):write(path)
  if not ok then return nil, why end
  return path
end

return run_page
