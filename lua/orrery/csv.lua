--- Comma-separated values (RFC 4180): quoted cells may hold separators, quotes
--- and line breaks. A cell that reads as a number is one, the others are
--- strings; numbers are written with the fewest digits that give them back.
local core = require "orrery.core"
local json = require "orrery.json"
local options = require "orrery.options"

local csv = {}

-- As Lua reads numbers, but only plain decimal ones.
local function value_of(cell)
  if cell:find "^[+-]?%.?%d" and not cell:find "[xXpP]" then
    return tonumber(cell) or cell
  end
  return cell
end

--- A quoted cell from its opening quote on: its text and what follows, or nil.
local function quoted(text, at)
  local parts = {}
  local from = at + 1
  while true do
    local close = text:find('"', from, true)
    if not close then return nil end
    parts[#parts + 1] = text:sub(from, close - 1)
    if text:sub(close + 1, close + 1) ~= '"' then
      return table.concat(parts, '"'), close + 1
    end
    from = close + 2
  end
end

--- One row's cells, and where the next row begins; nil and why.
local function read_row(text, at, separator)
  local cells = {}
  local stop = "[" .. separator .. "\r\n]"
  while true do
    if text:sub(at, at) == '"' then
      local cell, after = quoted(text, at)
      if not cell then return nil, "a quoted cell has no end" end
      cells[#cells + 1] = cell
      at = after
    else
      local last = (text:find(stop, at) or #text + 1) - 1
      cells[#cells + 1] = value_of(text:sub(at, last))
      at = last + 1
    end
    local follows = text:sub(at, at)
    if follows ~= separator then
      if follows == "" then return cells, at end
      local _, last = text:find("^\r?\n", at)
      if not last then return nil, "text follows a quoted cell" end
      return cells, last + 1
    end
    at = at + 1
  end
end

local function parse(text, opts)
  local rows, at, line, names = {}, 1, 1, nil
  if text:sub(1, 3) == "\xEF\xBB\xBF" then at = 4 end
  while at <= #text do
    local cells, after = read_row(text, at, opts.separator)
    if not cells then return nil, ("line %d: %s"):format(line, after) end
    local width = #(names or rows[1] or cells)
    if #cells ~= width then
      return nil, ("line %d has %d cells, the first has %d"):format(line,
        #cells, width)
    end
    if opts.header and not names then
      for i, name in ipairs(cells) do cells[i] = tostring(name) end
      names = cells
    else
      rows[#rows + 1] = cells
    end
    local _, breaks = text:sub(at, after - 1):gsub("\n", "")
    line, at = line + breaks, after
  end
  return rows, names or {}
end

local function check_separator(who, opts)
  local separator = opts.separator or ","
  if type(separator) ~= "string" or not separator:find "^[,;|\t ]$" then
    core.blame(("%s: separator is %s; use one of , ; | tab space"):format(who,
      tostring(separator)))
  end
  return separator
end

--- Reads a CSV file, unpacking it if it is gzipped.
---@param path string
---@param opts? { header?: boolean, separator?: string }  header: the first
---  line names the columns (default true)
---@return any[][]? rows  each a list of numbers and strings
---@return string[]|string names  of the columns, or why there are no rows
function csv.read(path, opts)
  opts = options.take("read_csv", opts, {}, { "header", "separator" })
  if type(path) ~= "string" then
    core.blame(("read_csv: path is a %s; pass a file name"):format(type(path)))
  end
  local separator = check_separator("read_csv", opts)
  local text, why = core._io.read_file("read_csv", path, true)
  if not text then return nil, why end
  local rows, names = parse(text,
    { header = opts.header ~= false, separator = separator })
  if not rows then return nil, ("read_csv: %s: %s"):format(path, names) end
  return rows, names
end

local function cell_text(value, separator)
  if math.type(value) == "integer" then return tostring(value) end
  if type(value) == "number" then
    if value ~= value then return "nan" end
    if value == math.huge or value == -math.huge then
      return value > 0 and "inf" or "-inf"
    end
    return json.number(value)
  end
  local text = value == nil and "" or tostring(value)
  -- A string that would read back as a number is quoted, and read_row takes
  -- what is quoted for a string.
  if text:find("[\"\r\n" .. separator .. "]") or value_of(text) ~= text then
    return '"' .. text:gsub('"', '""') .. '"'
  end
  return text
end

--- Writes a CSV file whole.
---@param path string
---@param rows table[]  lists, or tables by column name
---@param opts? { names?: string[], separator?: string }  a first line, and
---  the columns of rows by name
---@return true? ok
---@return string? why
function csv.write(path, rows, opts)
  opts = options.take("write_csv", opts, {}, { "names", "separator" })
  local separator, lines = check_separator("write_csv", opts), {}
  local function add(row, width, key)
    local cells = {}
    for i = 1, width do
      cells[i] = cell_text(row[key and key[i] or i], separator)
    end
    lines[#lines + 1] = table.concat(cells, separator)
  end
  if type(path) ~= "string" or type(rows) ~= "table" then
    core.blame "write_csv: wants a path and rows; pass a file name and a list"
  end
  if opts.names ~= nil and type(opts.names) ~= "table" then
    core.blame(("write_csv: names is %s; pass a list of strings"):format(
      core.describe(opts.names)))
  end
  if opts.names then add(opts.names, #opts.names) end
  for i, row in ipairs(rows) do
    if type(row) ~= "table" then
      core.blame(("write_csv: row %d is a %s; pass tables"):format(i,
        type(row)))
    end
    local listed = row[1] ~= nil or not opts.names
    add(row, opts.names and #opts.names or #row, not listed and opts.names)
  end
  lines[#lines + 1] = ""
  return core._io.write_file("write_csv", path, table.concat(lines, "\n"))
end

return csv
