--- Raises an error at the user's line: that of the nearest caller outside
--- Orrery's own Lua files, however deep inside them the mistake was noticed.
local raise = require "orrery.core".blame

---@param format string  "who: what was seen; how to fix it"
---@param ... any  for string.format
return function(format, ...)
  raise(select("#", ...) > 0 and format:format(...) or format)
end
