--- What the page of a run and the page of a sweep have in common: warnings,
--- curves, pictures, settings, environment.
local columns = require "orrery.report.columns"
local matrix = require "orrery.report.matrix"
local packing = require "orrery.runs.packing"
local thinning = require "orrery.report.thinning"
local sorted_keys = require "orrery.sorted_keys"

local parts = {}

-- Points that a whole page may have: with least, most and mean they make
-- about three megabytes.
local budget = 80000

--- So many points each, for that many series.
---@param count integer
---@return integer
function parts.points(count)
  return math.max(60, math.min(4000, budget // math.max(count, 1)))
end

--- "loss" and "KL per latent/3" as the chart they are in and the line there.
---@param name string
---@return string chart
---@return string? line
function parts.chart_of(name)
  local chart, line = name:match "^(.+)/([^/]+)$"
  return chart or name, line
end

-- What the runs logged and what is amiss with it, read once for the page and
-- thinned at once: only one run is in memory whole.
local function read(page, runs)
  local most
  for _, run in ipairs(runs) do
    if not page.read[run] then
      local series, names = run:metrics()
      local kept = { series = {}, names = names,
        warnings = run:warnings(series, names) }
      most = most or #names > 0 and parts.points(#runs * #names)
      for name, s in pairs(series) do
        kept.series[name] = thinning.thin(s, most)
      end
      page.read[run] = kept
    end
  end
  return page.read
end

-- The charts of several runs: { title, series } in the order they first come.
-- A chart of many lines is left to the page of each run.
local function charts_of(page, runs, most_lines, setting_of)
  local charts, by = {}, {}
  for _, run in ipairs(runs) do
    local series, names = read(page, runs)[run].series, page.read[run].names
    for _, name in ipairs(names) do
      local title, line = parts.chart_of(name)
      if not by[title] then
        by[title] = { title = title, series = {}, lines = {} }
        charts[#charts + 1] = by[title]
      end
      local s, label = series[name], #runs > 1 and run.label or nil
      local setting = #runs > 1 and setting_of(run) or nil
      s.name = label and line and label .. ", " .. line or label or line or name
      s.group = setting and line and setting .. ", " .. line or setting
      by[title].lines[line or ""] = true
      table.insert(by[title].series, s)
    end
  end
  local kept, left = {}, {}
  for _, chart in ipairs(charts) do
    local lines = #sorted_keys(chart.lines)
    local out = lines > most_lines and left or kept
    out[#out + 1] = chart
  end
  return kept, left
end

--- Curves of all that was logged; seeds of one setting as a band.
---@param page orrery.report.Page
---@param runs table[]
---@param step? string  what the x axis counts
---@param setting_of? fun(run: table): string  what runs of one setting share
function parts.curves(page, runs, step, setting_of)
  local charts, left = charts_of(page, runs,
    #runs > 1 and 6 or math.huge, setting_of)
  if #charts + #left == 0 then return end
  page:heading "Curves"
  if #charts > 1 then page:begin "charts" end
  for _, chart in ipairs(charts) do
    chart.xlabel = step or "step"
    page:curves(chart)
  end
  if #charts > 1 then page:finish() end
  for _, chart in ipairs(left) do
    page:text(("%s has too many lines for a page of %d runs; it is in the "
      .. "report of each."):format(chart.title, #runs))
  end
end

--- Warnings of several runs, those that end so first.
---@param page orrery.report.Page
---@param runs table[]
---@return integer n  how many there are
function parts.warnings(page, runs)
  local now, before = {}, {}
  for _, run in ipairs(runs) do
    for _, w in ipairs(read(page, runs)[run].warnings) do
      local item = { who = #runs > 1 and run.label or nil, text = w.text }
      table.insert(w.holds and now or before, item)
    end
  end
  local all = table.move(before, 1, #before, #now + 1, now)
  if #all == 0 then return 0 end
  page:heading(("%d warning%s"):format(#all, #all == 1 and "" or "s"))
  page:warning_list(all)
  return #all
end

--- Pictures: those of several steps as matrices, the others side by side.
---@param page orrery.report.Page
---@param run table
function parts.pictures(page, run)
  local stepped, rest = matrix.stepped({ run }), {}
  for _, name in ipairs(run.image_names) do
    if not matrix.split(name) then
      rest[#rest + 1] = { name = name, path = run.images[name] }
    end
  end
  if #stepped + #rest == 0 then return end
  page:heading "Pictures"
  for _, one in ipairs(stepped) do
    page:heading(one.name, 3)
    page:image_matrix { image = one.name, step = one.step, trials = { run } }
  end
  if #rest > 0 then page:pictures_of(rest) end
end

local function shown(v)
  if type(v) == "table" then return packing.pack(v) end
  return columns.show(v)
end

-- Names and values, sorted; tables within them with dotted names.
local function rows_of(values, start, rows)
  rows = rows or {}
  for _, name in ipairs(sorted_keys(values)) do
    local v = values[name]
    if type(v) == "table" and type(next(v)) == "string" then
      rows_of(v, start .. name .. " ", rows)
    else
      rows[#rows + 1] = { start .. name, shown(v) }
    end
  end
  return rows
end

--- Names and values as a table.
---@param page orrery.report.Page
---@param title string
---@param values table
function parts.facts(page, title, values)
  local rows = rows_of(values, "")
  if #rows == 0 then return end
  page:heading(title)
  page:facts(rows)
end

return parts
