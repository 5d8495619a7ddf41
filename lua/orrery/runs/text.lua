--- Runs as text for the terminal.
local core = require "orrery.core"
local columns = require "orrery.report.columns"
local sorted_keys = require "orrery.sorted_keys"
local duration = require("orrery.train.progress").duration
local packing = require "orrery.runs.packing"

local text = {}

local function when(seconds)
  return seconds and os.date("%Y-%m-%d %H:%M", seconds) or ""
end

-- "rate 18.7  distortion 121.2": the first few numbers, or why there are none.
local function outcome(run)
  if run.status == "done" then
    local words = {}
    for _, name in ipairs(sorted_keys(run.values)) do
      if type(run.values[name]) == "number" and #words < 4 then
        words[#words + 1] = name .. " " .. columns.show(run.values[name])
      end
    end
    return table.concat(words, "  ")
  elseif run.status == "running" then
    local part = run.row.fraction or 0
    return ("%d%%  %s"):format(math.floor(100 * part), run.row.note or "")
  end
  return rawget(run, "message") or ""
end

local function took(run)
  local seconds = rawget(run, "seconds")
  return seconds and duration(seconds) or ""
end

--- A line per run.
---@param list table
---@return string
function text.listing(list)
  local t = { heads = { "run", "experiment", "settings", "status", "took",
    "started", "" }, numeric = { true }, rows = {} }
  for i, run in ipairs(list) do
    t.rows[i] = { tostring(run.id), run.experiment, run.label, run.status,
      took(run), when(run.row.started), outcome(run) }
  end
  return columns.text(t)
end

local function show(v)
  if v == nil then return "-" end
  if type(v) ~= "table" then return packing.show(v) end
  local whole = packing.pack(v)
  return #whole <= 48 and whole or whole:sub(1, 45) .. "..."
end

local function section(lines, title, rows, heads, numeric)
  if #rows == 0 then return end
  lines[#lines + 1] = title .. "\n"
  local body = columns.text { heads = heads, rows = rows,
    numeric = numeric or {} }
  if table.concat(heads) == "" then body = body:gsub("^[^\n]*\n", "") end
  lines[#lines + 1] = body:gsub("([^\n]+)", "  %1")
end

local function pairs_of(t)
  local rows = {}
  for i, name in ipairs(sorted_keys(t)) do
    rows[i] = { name, show(t[name]) }
  end
  return rows
end

local function metric_rows(run)
  local series, names = run:metrics()
  local rows = {}
  for i, name in ipairs(names) do
    local s = series[name]
    local low, high = math.huge, -math.huge
    for _, y in ipairs(s.y) do
      if y < low then low = y end
      if y > high then high = y end
    end
    rows[i] = { name, tostring(#s.y), columns.show(s.y[1]),
      columns.show(low), columns.show(high), columns.show(s.y[#s.y]),
      columns.show(s.x[#s.x]) }
  end
  return rows
end

local function has_report(run)
  return core.fs.exists(run:path "report.html")
end

local function change_rows(run)
  local rows = {}
  for i, c in ipairs(run:changes()) do
    rows[i] = { tostring(c.step), c.name, show(c.was), show(c.value) }
  end
  return rows
end

--- All about one run.
---@param run orrery.runs.Record
---@return string
function text.one(run)
  local row, lines = run.row, {}
  lines[1] = ("run %d  %s  %s  %s\n"):format(run.id, run.experiment, run.label,
    run.status)
  local message = rawget(run, "trace") or rawget(run, "message")
  if message then lines[2] = message .. "\n" end
  local facts = { { "script", run.script or "" }, { "folder", run.folder },
    { "report", has_report(run) and run:path "report.html" or "none yet" },
    { "started", when(row.started) }, { "ended", when(row.ended) },
    { "took", took(run) }, { "attempts", tostring(row.attempts) },
    { "revision", row.revision or "none" } }
  local around = packing.unpack(row.environment) or {}
  facts[#facts + 1] = { "command", around.command or "" }
  facts[#facts + 1] = { "machine", ("%s, %s, orrery %s"):format(
    around.host or "?", around.cpu or "?", around.orrery or "?") }
  section(lines, "", facts, { "", "" })
  local warnings = {}
  for i, w in ipairs(run:warnings()) do warnings[i] = { w.text } end
  section(lines, "warnings", warnings, { "" })
  section(lines, "settings", pairs_of(run.knobs), { "", "" })
  section(lines, "result", pairs_of(run.values), { "", "" })
  section(lines, "numbers", metric_rows(run), { "name", "count", "first",
    "least", "most", "last", "at step" },
    { false, true, true, true, true, true, true })
  section(lines, "changed on the way", change_rows(run),
    { "after step", "name", "from", "to" }, { true, false, true, true })
  local images = {}
  for i, name in ipairs(run.image_names) do
    images[i] = { name, run.images[name] }
  end
  section(lines, "pictures", images, { "", "" })
  return table.concat(lines)
end

--- What two runs differ in.
---@param a orrery.runs.Record
---@param b orrery.runs.Record
---@param d table  of orrery.runs.differences
---@return string
function text.difference(a, b, d)
  local lines = {}
  local heads = { "", "run " .. a.id, "run " .. b.id }
  for _, part in ipairs { "settings", "environment", "results" } do
    local rows = {}
    for i, x in ipairs(d[part]) do
      rows[i] = { x.name, show(x.a), show(x.b) }
    end
    section(lines, part, rows, heads)
  end
  local rows = {}
  for i, x in ipairs(d.metrics) do
    rows[i] = { x.name, show(x.step), show(x.a), show(x.b) }
  end
  section(lines, "numbers, where they first differ", rows,
    { "", "step", heads[2], heads[3] }, { false, true, true, true })
  if #lines == 0 then return "no difference\n" end
  return table.concat(lines)
end

return text
