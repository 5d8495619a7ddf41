--- Files in percent format: plain Lua, cut into cells by lines `-- %%`, as
--- Jupytext and VS Code read them.
---
---     -- %% [markdown]
---     -- # A heading, and a formula $x^2$
---
---     -- %% The title of a code cell
---     print(1)
---
--- What stands before the first such line is a code cell too; a header that
--- Jupytext wrote (`-- ---` to `-- ---`) is left out.
local percent = {}

---@class orrery.replay.Cell
---@field kind "code"|"markdown"|"raw"
---@field title? string  of a code cell
---@field mark integer  line of its `-- %%`, 0 when it has none
---@field first integer  its first line below that
---@field last integer
---@field lines string[]  as in the file
---@field text? string  of markdown and raw cells, without the dashes

---@class orrery.replay.Document
---@field lines string[]  of the whole file
---@field cells orrery.replay.Cell[]

local function split(text)
  local lines = {}
  text = text:gsub("^\u{FEFF}", "")
  for line in text:gsub("\r\n?", "\n"):gsub("\n$", ""):gmatch "([^\n]*)\n?" do
    lines[#lines + 1] = line
  end
  if lines[#lines] == "" then lines[#lines] = nil end
  return lines
end

-- Kind and title of a line that begins a cell; nil for any other. After the
-- percent signs come a title, the kind in brackets, then key=value pairs or
-- JSON, which say nothing here.
local function marker(line)
  local rest = line:match "^%s*%-%-%s*%%%%+(.*)$"
  if not rest or not rest:find "^%s" and rest ~= "" then return nil end
  local title, kind = rest:match "^%s*(.-)%s*%[(%a+)%]"
  title = (title or rest):gsub("%s*{.*$", ""):gsub("%s+[%w_.-]+=.*$", "")
    :match "^%s*(.-)%s*$"
  if kind == "md" then kind = "markdown" end
  if kind ~= "markdown" and kind ~= "raw" then kind = "code" end
  return kind, title ~= "" and title or nil
end

local function is_blank(line) return not line:find "%S" end

-- Last line of a header by Jupytext, 0 when there is none.
local function header_end(lines)
  if lines[1] ~= "-- ---" then return 0 end
  for i = 2, #lines do
    if lines[i] == "-- ---" then return i end
    if not lines[i]:find "^%-%-" then return 0 end
  end
  return 0
end

-- The text behind the dashes; nil and the line that has none.
local function uncommented(cell)
  local out = {}
  for i, line in ipairs(cell.lines) do
    local text = line:match "^%s*%-%- ?(.*)$"
    if not text and not is_blank(line) then return nil, cell.first + i - 1 end
    out[i] = text or ""
  end
  return table.concat(out, "\n"):gsub("%s+$", "")
end

-- Leaves out empty lines around a cell.
local function finish(cell, lines, last)
  while last >= cell.first and is_blank(lines[last]) do last = last - 1 end
  while cell.first <= last and is_blank(lines[cell.first]) do
    cell.first = cell.first + 1
  end
  cell.last = last
  cell.lines = table.move(lines, cell.first, last, 1, {})
  return cell
end

local function cut(lines)
  local cells, first = {}, header_end(lines) + 1
  local open = { kind = "code", mark = 0, first = first }
  for i = first, #lines do
    local kind, title = marker(lines[i])
    if kind then
      cells[#cells + 1] = finish(open, lines, i - 1)
      open = { kind = kind, title = title, mark = i, first = i + 1 }
    end
  end
  cells[#cells + 1] = finish(open, lines, #lines)
  if #cells[1].lines == 0 and cells[1].mark == 0 then table.remove(cells, 1) end
  return cells
end

--- The cells of a file's text.
---@param text string
---@param name? string  of the file, for messages
---@return orrery.replay.Document? document
---@return string? message  when a markdown cell holds code
function percent.parse(text, name)
  local lines = split(text)
  local cells = cut(lines)
  for _, cell in ipairs(cells) do
    if cell.kind ~= "code" then
      local wrong
      cell.text, wrong = uncommented(cell)
      if not cell.text then
        return nil, ("%s:%d: a %s cell holds a line without dashes; write -- "
          .. "before it, or begin a code cell with -- %%%%"):format(
          name or "replay", wrong, cell.kind)
      end
    end
  end
  return { lines = lines, cells = cells }
end

-- A line of a comment; what would read as the beginning of a cell gets a
-- backslash, which Markdown leaves out again.
local function comment(line)
  if line:find "^%s*%%%%" then line = line:gsub("%%%%", "\\%%%%", 1) end
  return line == "" and "--" or "-- " .. line
end

--- Cells as the text of a file.
---@param cells table[]  each kind, text, title? and, for code that is not
---  Lua, `foreign` = true: it becomes comments
---@return string text
function percent.format(cells)
  local out = {}
  for i, cell in ipairs(cells) do
    if i > 1 then out[#out + 1] = "" end
    local kind = cell.kind ~= "code" and (" [%s]"):format(cell.kind) or ""
    out[#out + 1] = "-- %%" .. (cell.title and " " .. cell.title or "") .. kind
    for _, line in ipairs(split(cell.text)) do
      local plain = cell.kind == "code" and not cell.foreign
      out[#out + 1] = plain and line or comment(line)
    end
  end
  return table.concat(out, "\n") .. "\n"
end

return percent
