--- What `:save FILE` writes: the entries of the session that worked, as a
--- program that does the same again, under `orrery` and under stock Lua.
local saving = {}

local head = [[
-- Saved from the prompt: the entries of one session, in order. Names are those
-- of the prompt; values are printed where they were.
local at_prompt = require "orrery.repl.session"
local _ENV = at_prompt.environment()
]]

--- An entry that worked.
---@class orrery.repl.Entry
---@field code string  as it was compiled
---@field values? integer  how many values it gave, of an expression
---@field run? string[]  of `:run`: the file and its words

local function of_run(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = ("%q"):format(word) end
  return ('require("orrery.repl.commands").run_file(%s, { %s },\n'
    .. "  at_prompt.of_file(_ENV))"):format(quoted[1],
    table.concat(quoted, ", ", 2))
end

-- An entry that makes locals of its own ends with them.
local function as_code(entry)
  if entry.run then return of_run(entry.run) end
  if not entry.values then
    local own = ("\n" .. entry.code):find "\n%s*local%s"
    return own and ("do\n%s\nend"):format(entry.code) or entry.code
  end
  return ("at_prompt.value(_ENV, %s)"):format(entry.code)
end

--- The program.
---@param entries orrery.repl.Entry[]
---@return string
function saving.program(entries)
  local parts = { head }
  for i, entry in ipairs(entries) do parts[i + 1] = as_code(entry) end
  return table.concat(parts, "\n") .. "\n"
end

--- Writes the program, whole or not at all.
---@param path string
---@param entries orrery.repl.Entry[]
---@return boolean? ok
---@return string? message
function saving.write(path, entries)
  local fresh = path .. ".new"
  local file, why = io.open(fresh, "w")
  if not file then return nil, "save: " .. why end
  local ok
  ok, why = file:write(saving.program(entries))
  file:close()
  if ok then ok, why = os.rename(fresh, path) end
  if ok then return true end
  os.remove(fresh)
  return nil, ("save: %s"):format(why)
end

return saving
