--- `:doc`: what there is to read about, and long texts a screen at a time.
local core = require "orrery.core"

local topics = {}

-- First sentence of a file's head comment, without what leads to an example.
local function summary(name)
  local path = package.searchpath("orrery." .. name, package.path)
  local file = path and io.open(path, "r")
  if not file then return nil end
  local words = {}
  for line in file:lines() do
    local text = line:match "^%-%-%-? ?(.*)$"
    if not text or text == "" or text:match "^@" then break end
    words[#words + 1] = text
  end
  file:close()
  local text = table.concat(words, " ")
  text = (text:match "^(.-)%.%s" or text):gsub("[:.]$", "")
    :gsub("^%u%l+: ", "")
  return #text > 66 and text:sub(1, 63):gsub("%s+%S*$", "") .. " ..." or text
end

-- The modules people call; the others are what those are made of.
local public = { "data", "dist", "experiment", "io", "knobs", "linalg", "nn",
  "optim", "ot", "plot", "replay", "report", "runs", "show", "special", "train",
  "translate", "vae", "watch" }

local function module_rows()
  local rows = {}
  for _, name in ipairs(public) do
    local about = summary(name)
    if about then rows[#rows + 1] = ("  %-12s%s"):format(name, about) end
  end
  return rows
end

-- Names in rows of up to 80 columns.
local function filled(names)
  local rows, row = {}, " "
  for _, name in ipairs(names) do
    if #row + #name > 78 then
      rows[#rows + 1] = row
      row = " "
    end
    row = row .. " " .. name
  end
  rows[#rows + 1] = row
  return rows
end

local function guide_rows()
  local guides, rows = require "orrery.guides", {}
  for _, name in ipairs(guides.names()) do
    rows[#rows + 1] = ("  %-12s%s"):format(name, guides.about(name))
  end
  return rows
end

--- The guides and modules with a line each, and the names of all operations.
---@param how? string  what is written before a topic, ":doc"
---@return string
function topics.list(how)
  how = how or ":doc"
  local ops = {}
  for _, name in ipairs(core.op_names()) do
    if not core.record(name).flags.hidden then ops[#ops + 1] = name end
  end
  local lines = { ("Guides (%s gradients ...):"):format(how) }
  local guides, modules = guide_rows(), module_rows()
  table.move(guides, 1, #guides, #lines + 1, lines)
  lines[#lines + 1] = ("Modules (%s nn.Linear, %s train.loop ...):"):format(how,
    how)
  table.move(modules, 1, #modules, #lines + 1, lines)
  lines[#lines + 1] = ("Operations (%s conv2d ...):"):format(how)
  local rows = filled(ops)
  table.move(rows, 1, #rows, #lines + 1, lines)
  lines[#lines + 1] = "orrery help --html FILE writes all of it as one page."
  return table.concat(lines, "\n")
end

-- The command that shows a file with the pager of the person's choice, colours
-- let through.
local function pager(path)
  local named = os.getenv "PAGER"
  if named and named:find "%S" then
    return ("%s '%s'"):format(named, path)
  end
  return ("less -FRX '%s' 2>/dev/null || more '%s'"):format(path, path)
end

-- By a file, not a pipe: a pager that is left before its end would end us.
local function through_pager(text)
  local path = os.tmpname()
  local file = io.open(path, "w")
  if not file then return false end
  file:write(text, "\n")
  file:close()
  io.stdout:flush()
  local ok = os.execute(pager(path))
  os.remove(path)
  return ok
end

--- Prints the text; one longer than the screen goes through $PAGER.
---@param text string
---@param write fun(text: string)
function topics.page(text, write)
  local _, height = core.terminal_size()
  local _, lines = text:gsub("\n", "")
  local terminal = core.isatty "stdin" and core.isatty "stdout"
  local long = terminal and height and lines >= height - 1
  if not long or not through_pager(text) then write(text .. "\n") end
end

return topics
