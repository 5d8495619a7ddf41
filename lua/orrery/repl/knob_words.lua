--- The words that can follow a script on a command line, read from the file
--- without running it: Tab must not start an experiment.
local values = require "orrery.knobs.values"

local flags = { "--dry-run", "--help", "--quick", "-j" }

-- The declaration `knobs = { ... }`: the shortest text up to a closing brace
-- that is a table of constants. Whatever else it holds gives nothing.
local function declared(text)
  local from = text:match "%f[%w_]knobs%s*=%s*(){"
  local to = from
  while to do
    to = text:find("}", to + 1, true)
    local chunk = to and load("return " .. text:sub(from, to), "=knobs", "t",
      { math = math })
    if chunk then
      local ok, found = pcall(chunk)
      return ok and type(found) == "table" and found or nil
    end
  end
end

-- What can follow `name=`.
local function choices(knob)
  local of = type(knob) == "table" and (knob.one_of
    or type(knob[1]) == "boolean" and { true, false })
  local list = {}
  for i, v in ipairs(of or {}) do list[i] = values.show(v) end
  return list
end

--- Candidates for the word being typed.
---@param path string  of the script
---@param word string  so far
---@return string[] words
return function(path, word)
  local file = io.open(path, "r")
  local text = file and file:read "a"
  if file then file:close() end
  local knobs = text and declared(text)
  if not knobs then return {} end
  local name, list, typed = word:match "^([%a_][%w_]*)=(.-)([^,]*)$"
  local out = {}
  if name then
    for _, value in ipairs(choices(knobs[name] or values.builtin[name])) do
      if value:sub(1, #typed) == typed then
        out[#out + 1] = ("%s=%s%s"):format(name, list, value)
      end
    end
    return out
  end
  for _, known in ipairs(values.names { knobs = knobs }) do
    out[#out + 1] = known .. "="
  end
  return table.move(flags, 1, #flags, #out + 1, out)
end
