--- Answers of an independent hand: Python programs and what they print, for
--- tests that compare with NumPy, SciPy and their like.
local files = require "orrery.testing.files"

local python = {}

--- The Python here that has these libraries, if any.
---@param library string  what to import, "scipy.stats"
---@return string? program
function python.having(library)
  for _, name in ipairs { "python3", "/usr/bin/python3" } do
    if os.execute(("%s -c 'import %s' >/dev/null 2>&1"):format(name, library))
    then
      return name
    end
  end
end

--- What a program prints, run in a folder.
---@param name string  as `having` gave it
---@param program string  Python
---@param folder? string  one of its own, removed afterwards, when absent
---@return string? text
---@return string? why  nil text: all that it said
function python.run(name, program, folder)
  local own = folder or files.folder()
  local file = assert(io.open(own .. "/program.py", "w"))
  file:write(program)
  file:close()
  local pipe = io.popen(("cd '%s' && '%s' program.py 2>&1"):format(own, name))
  local text = pipe:read "a"
  local ok = pipe:close()
  if not folder then files.drop(own) end
  if not ok then return nil, text end
  return text
end

return python
