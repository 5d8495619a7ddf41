--- Runs as a list whose names are columns: `trials.rate` is the list of every
--- finished run's rate. What tables and pictures over many runs draw on.
local columns = require "orrery.report.columns"
local packing = require "orrery.runs.packing"
local sorted_keys = require "orrery.sorted_keys"

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
  local rows, groups, by = setmetatable({}, List), {}, {}
  for _, t in ipairs(list) do
    if t.status == "done" then
      if not by[t.group] then
        by[t.group] = {}
        groups[#groups + 1] = by[t.group]
      end
      table.insert(by[t.group], t)
    end
  end
  for i, of in ipairs(groups) do
    local row, first = {}, of[1]
    rows[i], row.trials = row, #of
    for name, v in pairs(first.knobs) do row[name] = v end
    for name in pairs(first.values) do
      local all = column(of, name)
      if type(all[1]) == "number" then
        local mean, sd = columns.mean_sd(all)
        row[name], row[name .. "_sd"] = mean, sd or 0
      else
        row[name] = all[1]
      end
    end
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

--- Settings that differ among the runs, sorted; the seed is none.
---@return string[] names
function methods.settings(list)
  local first, names, seen = nil, {}, { seed = true }
  for _, t in ipairs(list) do
    first = first or t.knobs
    for name, v in pairs(t.knobs) do
      if not seen[name] and first[name] ~= v then
        seen[name], names[#names + 1] = true, name
      end
    end
  end
  table.sort(names)
  return names
end

--- Names of the plain results, sorted.
---@param kind? string  only those of a type, "number"
---@return string[] names
function methods.results(list, kind)
  local names, seen = {}, {}
  for _, t in ipairs(list) do
    for name, v in pairs(t.values) do
      if type(v) ~= "table" and not seen[name]
        and (not kind or type(v) == kind) then
        seen[name], names[#names + 1] = true, name
      end
    end
  end
  table.sort(names)
  return names
end

--- What a chart of parallel coordinates shows: an axis per setting and number,
--- a line per finished run.
---@return string[] axes
---@return table[] lines  the values by axis
function methods.parallel(list)
  local axes, lines = list:settings(), {}
  table.move(list:results "number", 1, #list:results "number", #axes + 1, axes)
  for _, t in ipairs(list) do
    if t.status == "done" then
      local line = {}
      for i, name in ipairs(axes) do line[i] = t[name] end
      lines[#lines + 1] = line
    end
  end
  return axes, lines
end

-- Numbers by size, before words.
local function before(a, b)
  if type(a) == "number" and type(b) == "number" then return a < b end
  if type(a) == type(b) then return tostring(a) < tostring(b) end
  return type(a) == "number"
end

--- A result against one setting: over all runs that share its value.
---@param setting string
---@param result string
---@return table  x (values, rising), mean, sd (nil for one run), n
function methods.against(list, setting, result)
  local by, out = {}, { x = {}, mean = {}, sd = {}, n = {} }
  for _, t in ipairs(list) do
    local x, y = t[setting], t[result]
    if t.status == "done" and x ~= nil and type(y) == "number" then
      if not by[x] then by[x], out.x[#out.x + 1] = {}, x end
      table.insert(by[x], y)
    end
  end
  table.sort(out.x, before)
  for i, x in ipairs(out.x) do
    out.mean[i], out.sd[i] = columns.mean_sd(by[x])
    out.n[i] = #by[x]
  end
  return out
end

--- The image matrix: a row per run, a column per step of one image.
---@param image string
---@param step string  what the steps are called, "epoch"
---@return number[] steps
---@return table[] rows  { run =, paths = { [column] = path } }
function methods.images_by_step(list, image, step)
  local start, steps, at = ("%s, %s "):format(image, step), {}, {}
  for _, t in ipairs(list) do
    for name in pairs(t.images) do
      local n = name:sub(1, #start) == start and tonumber(name:sub(#start + 1))
      if n and not at[n] then at[n], steps[#steps + 1] = true, n end
    end
  end
  table.sort(steps)
  local rows = {}
  for i, t in ipairs(list) do
    rows[i] = { run = t, paths = {} }
    for j, n in ipairs(steps) do
      rows[i].paths[j] = t.images[start .. packing.show(n)]
    end
  end
  return steps, rows
end

local function csv_cell(v)
  if v == nil then return "" end
  local text = math.type(v) == "float" and ("%.17g"):format(v) or tostring(v)
  if text:find '[,"\n]' then text = '"' .. text:gsub('"', '""') .. '"' end
  return text
end

--- One line per run: its name, status, settings and plain results. Durations
--- are not in it: equal runs have equal files.
---@return string text
function methods.csv(list)
  local settings, seen = {}, {}
  for _, t in ipairs(list) do
    for name in pairs(t.knobs) do
      if not seen[name] then
        seen[name], settings[#settings + 1] = true, name
      end
    end
  end
  table.sort(settings)
  local results = list:results()
  local heads = { "trial", "status" }
  table.move(settings, 1, #settings, #heads + 1, heads)
  table.move(results, 1, #results, #heads + 1, heads)
  local lines = { table.concat(heads, ",") }
  for _, t in ipairs(list) do
    local cells = { csv_cell(t.name), t.status }
    for _, name in ipairs(settings) do
      cells[#cells + 1] = csv_cell(t.knobs[name])
    end
    for _, name in ipairs(results) do
      cells[#cells + 1] = csv_cell(t.values[name])
    end
    lines[#lines + 1] = table.concat(cells, ",")
  end
  return table.concat(lines, "\n") .. "\n"
end

-- Settings without the seed: runs that agree here are one row of a table.
local function group_of(experiment, k)
  local words = { experiment }
  for _, name in ipairs(sorted_keys(k)) do
    if name ~= "seed" then
      words[#words + 1] = name .. "=" .. packing.show(k[name])
    end
  end
  return table.concat(words, " ")
end

---@param swept string[]  settings with several values, as they were given
---@return table list  empty; add runs with `add`
local function new(swept) return setmetatable({ swept = swept or {} }, List) end

function methods.add(list, run)
  run.group = group_of(run.experiment, run.knobs)
  list[#list + 1] = run
end

return new
