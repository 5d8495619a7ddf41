--- A session of the prompt whose output is kept.
local repl = require "orrery.repl"

---@param options? table  of repl.session
---@return fun(...: string): string run  runs entries, gives what they printed
---@return orrery.repl.Session session
return function(options)
  local out, given = {}, {}
  for name, value in pairs(options or {}) do given[name] = value end
  given.write = function(text) out[#out + 1] = text end
  local session = repl.session(given)
  return function(...)
    for _, entry in ipairs { ... } do session:eval(entry) end
    local text = table.concat(out)
    out = {}
    return text
  end, session
end
