--- Rows of results as aligned columns: one row per setting, mean and standard
--- deviation over its seeds; the same table for the terminal and the page.
local columns = {}

--- A value by itself: whole numbers whole, others with four digits.
---@param v any
---@return string
function columns.show(v)
  if math.type(v) ~= "float" then return v == nil and "" or tostring(v) end
  local whole = v == math.floor(v) and math.abs(v) < 1e15
  return (whole and "%.0f" or "%.4g"):format(v)
end

-- Decimals that leave about four digits to the largest value of a column.
local function decimals(values)
  local top, whole = 0, true
  for _, v in ipairs(values) do
    if v == v and math.abs(v) < math.huge then
      top = math.max(top, math.abs(v))
      whole = whole and v == math.floor(v)
    end
  end
  if whole then return 0 end
  local lead = top > 0 and math.floor(math.log(top, 10)) or 0
  return math.max(0, math.min(6, 3 - lead))
end

local function mean_sd(values)
  local sum, n = 0, #values
  for _, v in ipairs(values) do sum = sum + v end
  local mean, square = sum / n, 0
  for _, v in ipairs(values) do square = square + (v - mean) ^ 2 end
  return mean, n > 1 and math.sqrt(square / (n - 1)) or nil
end
columns.mean_sd = mean_sd

-- Rows that share `group` (trials of one setting) side by side, in order.
local function grouped(rows)
  local groups, by = {}, {}
  for _, row in ipairs(rows) do
    local key = row.group or row
    if not by[key] then
      by[key] = {}
      groups[#groups + 1] = by[key]
    end
    table.insert(by[key], row)
  end
  return groups
end

local function numbers_of(group, field)
  local values = {}
  for _, row in ipairs(group) do
    local v = row[field]
    if type(v) == "number" then values[#values + 1] = v end
  end
  return values
end

local function text_of(group, field)
  local words, seen = {}, {}
  for _, row in ipairs(group) do
    local v = row[field]
    if v ~= nil and not seen[v] then
      seen[v], words[#words + 1] = true, columns.show(v)
    end
  end
  return table.concat(words, ", ")
end

-- Fields of the first row that can be shown, sorted.
local function all_fields(rows)
  local names = {}
  for name, v in pairs(rows[1] and (rows[1].values or rows[1]) or {}) do
    if type(name) == "string" and type(v) ~= "table" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

-- Settings are shown as they were given; what all seeds agree on needs no sd.
local function kind_of(groups, field)
  local same, setting = true, true
  for _, group in ipairs(groups) do
    for _, row in ipairs(group) do
      same = same and row[field] == group[1][field]
      setting = setting and row.knobs ~= nil and row.knobs[field] ~= nil
    end
  end
  return same, same and setting
end

local function column(groups, field)
  local all, cells = {}, {}
  local same, setting = kind_of(groups, field)
  for g, group in ipairs(groups) do
    local values = numbers_of(group, field)
    if #values == 0 then
      cells[g] = text_of(group, field)
    else
      local mean, sd = mean_sd(values)
      all[#all + 1] = mean
      cells[g] = { mean = same and values[1] or mean, sd = not same and sd }
    end
  end
  local places = decimals(all)
  if not same and places == 0 then places = 1 end
  local form = "%." .. places .. "f"
  for g, cell in ipairs(cells) do
    if setting then
      cells[g] = columns.show(groups[g][1][field])
    elseif type(cell) == "table" then
      cells[g] = form:format(cell.mean)
        .. (cell.sd and (" +- " .. form):format(cell.sd) or "")
    end
  end
  return cells, #all > 0
end

--- Lays rows out in columns of text.
---@param rows table[]
---@param names? (string|table)[]  fields, or { field, "heading" }
---@return table  heads, rows (lists of text), numeric (per column)
function columns.layout(rows, names)
  local t = { heads = {}, rows = {}, numeric = {} }
  local groups = grouped(rows)
  for g = 1, #groups do t.rows[g] = {} end
  for i, name in ipairs(names or all_fields(rows)) do
    local field = type(name) == "table" and name[1] or name
    t.heads[i] = type(name) == "table" and name[2] or name
    local cells, numeric = column(groups, field)
    t.numeric[i] = numeric
    for g, cell in ipairs(cells) do t.rows[g][i] = cell end
  end
  return t
end

--- The layout as lines for the terminal, numbers to the right.
---@param t table  from columns.layout
---@return string text
function columns.text(t)
  local width = {}
  for i, head in ipairs(t.heads) do
    width[i] = utf8.len(head) or #head
    for _, row in ipairs(t.rows) do
      width[i] = math.max(width[i], utf8.len(row[i]) or #row[i])
    end
  end
  local function line(cells)
    local out = {}
    for i, cell in ipairs(cells) do
      local gap = (" "):rep(width[i] - (utf8.len(cell) or #cell))
      out[i] = t.numeric[i] and gap .. cell or cell .. gap
    end
    return (table.concat(out, "   "):gsub("%s+$", ""))
  end
  local lines = { line(t.heads) }
  for _, row in ipairs(t.rows) do lines[#lines + 1] = line(row) end
  return table.concat(lines, "\n") .. "\n"
end

return columns
