--- `:edit`: an entry, or the file a name comes from, in the person's editor.
local inspect = require "orrery.repl.inspect"
local luadoc = require "orrery.luadoc"

local editing = {}

local function quote(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

local function editor()
  for _, name in ipairs { "VISUAL", "EDITOR" } do
    local value = os.getenv(name)
    if value and value:find "%S" then return value end
  end
end

--- What `:edit` is about: a file that is there or is to be, or a function's.
---@param word string
---@param env table
---@return string? path
---@return integer? line
function editing.place(word, env)
  if word:find "/" or word:find "%.lua$" then return word end
  local f = inspect.resolve(word, env)
  if type(f) == "table" and type(rawget(f, "init")) == "function" then
    f = f.init
  end
  if type(f) == "function" then
    local lines, info = luadoc.file(f)
    if lines then return info.source:sub(2), info.linedefined end
  end
end

--- Opens the editor and waits for its end.
---@param path string
---@param line? integer
---@return boolean? ok
---@return string? message
function editing.open(path, line)
  local program = editor()
  if not program then
    return nil, "edit: no editor; set EDITOR=vi, or the one you use"
  end
  local at = line and line > 1 and "+" .. line .. " " or ""
  io.stdout:flush()
  local ok, _, status = os.execute(program .. " " .. at .. quote(path))
  if ok then return true end
  return nil, ("edit: %s ended with %s; see whether it runs by itself"):format(
    program, tostring(status))
end

--- Text after editing; nil and why when there was none.
---@param text string
---@return string? text
---@return string? message
function editing.text(text)
  local path = os.tmpname()
  local named = path .. ".lua"
  if os.rename(path, named) then path = named end
  local file, why = io.open(path, "w")
  if not file then return nil, "edit: " .. why end
  file:write(text, "\n")
  file:close()
  local ok, edited
  ok, why = editing.open(path)
  if ok then
    file, why = io.open(path, "r")
    edited = file and file:read "a"
    if file then file:close() end
  end
  os.remove(path)
  if not edited then return nil, why end
  return (edited:gsub("%s+$", ""))
end

return editing
