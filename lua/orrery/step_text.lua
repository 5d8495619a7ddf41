--- A recorded step as text: its totals, and a line for each row.

local function count(n, what)
  return ("%d %s%s"):format(n, what, n == 1 and "" or "s")
end

local function totals(f, members)
  local lines = {
    ("compiled step: %s (%d dropped), %s"):format(count(f.rows, "row"),
      f.dead_rows, count(f.updates, "update")),
    ("memory: %.2f MB planned, %.2f MB at the peak; %s made where an input was")
      :format(f.arena_bytes / 1e6, f.peak_bytes / 1e6,
        count(f.overlaid, "result")),
    ("fused: %s in %s; dropped as repeats: %s"):format(
      count(members, "elementwise op"), count(f.clusters, "row"),
      count(f.merged_rows, "row")) }
  if f.timed_runs > 0 then
    lines[4] = ("time: %.1f us a run, mean of %d"):format(
      1e6 * f.seconds / f.timed_runs, f.timed_runs)
  end
  return lines
end

local function line(row, i, f)
  local text = ("%5d  %-28s %-20s "):format(i, row.name, row.shape)
  if f.timed_runs > 0 then
    text = text .. ("%10.1f us %5.1f %%  "):format(
      1e6 * row.seconds / f.timed_runs, 100 * row.seconds / f.seconds)
  end
  return ("%s%s:%d"):format(text, row.file, row.line)
end

---@param program orrery.Program
---@param slowest? integer  only that many rows, those that took longest
---@return string
return function(program, slowest)
  local f, rows, members = program:facts(), {}, 0
  for i = 1, f.rows do
    local row = { i = i }
    row.name, row.shape, row.file, row.line, row.members, row.seconds =
      program:row(i)
    if row.members > 1 then members = members + row.members end
    rows[i] = row
  end
  if slowest then
    table.sort(rows, function(a, b)
      if a.seconds ~= b.seconds then return a.seconds > b.seconds end
      return a.i < b.i
    end)
  end
  local lines = totals(f, members)
  for i = 1, math.min(slowest or #rows, #rows) do
    lines[#lines + 1] = line(rows[i], rows[i].i, f)
  end
  return table.concat(lines, "\n")
end
