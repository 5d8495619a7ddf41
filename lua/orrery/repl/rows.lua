--- A list of rows as a table with headings: what the prompt shows of results
--- such as { { beta = 1, kl = 19 }, { beta = 4, kl = 6 } }.
local columns = require "orrery.report.columns"
local paint = require "orrery.repl.paint"

local limit = { rows = 40, columns = 12, width = 80, text = 40 }

local function scalar(v)
  local kind = type(v)
  return kind == "number" or kind == "boolean"
    or kind == "string" and #v <= limit.text and not v:find "%c"
end

-- Names of the fields of a row: plain ones with plain values, or none.
local function names_of(row)
  if type(row) ~= "table" or getmetatable(row) ~= nil then return nil end
  local names = {}
  for name, value in next, row do
    if type(name) ~= "string" or not scalar(value) then return nil end
    names[#names + 1] = name
  end
  table.sort(names)
  return #names > 0 and #names <= limit.columns and names or nil
end

-- The names that every row has; nil when they differ or it is no such list.
local function shared(list)
  local n = rawlen(list)
  if n < 2 or getmetatable(list) ~= nil then return nil end
  local names = names_of(list[1])
  local key = names and table.concat(names, "\n")
  for i = 2, names and n or 0 do
    local others = names_of(list[i])
    if not others or table.concat(others, "\n") ~= key then return nil end
  end
  for k in next, list do
    if math.type(k) ~= "integer" or k < 1 or k > n then return nil end
  end
  return names
end

local function aligned(text, width, right)
  local pad = (" "):rep(width - (utf8.len(text) or #text))
  return right and pad .. text or text .. pad
end

-- One column: its cells as text, and whether they are numbers.
local function column(list, name, n)
  local cells, numeric, width = {}, true, utf8.len(name) or #name
  for i = 1, n do
    local value = list[i][name]
    numeric = numeric and type(value) == "number"
    cells[i] = columns.show(value)
    width = math.max(width, utf8.len(cells[i]) or #cells[i])
  end
  return { cells = cells, right = numeric, width = width }
end

--- Text of such a list; nil when it is none, or too wide for a terminal.
---@param list table
---@param color boolean
---@return string?
return function(list, color)
  local names = shared(list)
  if not names then return nil end
  local n = math.min(rawlen(list), limit.rows)
  local made, total = {}, -2
  for i, name in ipairs(names) do
    made[i] = column(list, name, n)
    total = total + made[i].width + 2
  end
  if total > limit.width then return nil end
  local lines = {}
  for r = 0, n do
    local cells = {}
    for i, c in ipairs(made) do
      cells[i] = aligned(r == 0 and names[i] or c.cells[r], c.width, c.right)
    end
    lines[r + 1] = table.concat(cells, "  "):gsub("%s+$", "")
  end
  lines[1] = paint.text("strong", lines[1], color)
  if rawlen(list) > n then
    lines[#lines + 1] = ("... %d more"):format(rawlen(list) - n)
  end
  return table.concat(lines, "\n")
end
