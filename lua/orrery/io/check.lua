--- Arguments of the functions that read and write files.
local core = require "orrery.core"
local is_tensor = core._io.is_tensor

local check = {}

--- A value as sentences name it.
function check.describe(x)
  if x == nil then return "missing" end
  return is_tensor(x) and "a tensor" or "a " .. type(x)
end

--- A file name.
function check.path(who, path)
  if type(path) == "string" and path ~= "" and not path:find "\0" then
    return
  end
  local seen = path == "" and "empty" or check.describe(path)
  if type(path) == "string" and path ~= "" then seen = "not a file name" end
  core.blame(("%s: path is %s; pass a file name"):format(who, seen))
end

function check.tensor(who, x)
  if is_tensor(x) then return end
  core.blame(("%s: x is %s; pass a tensor"):format(who, check.describe(x)))
end

return check
