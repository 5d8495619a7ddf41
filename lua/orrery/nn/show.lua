--- How layers print: as the call that makes them, with the options that are
--- not as they would be.
local show = {}

--- One value: { height, width } as one number when both are alike.
function show.value(value)
  if type(value) == "string" then return '"' .. value .. '"' end
  if type(value) == "number" then return ("%.14g"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts, alike = {}, #value == 2
  for i, v in ipairs(value) do
    parts[i] = show.value(v)
    alike = alike and parts[i] == parts[1]
  end
  return alike and parts[1] or "{ " .. table.concat(parts, ", ") .. " }"
end

--- ", { name = value }" of the fields that differ from their defaults, or "".
---@param values table<string, any>  the layer, or what it keeps them in
---@param ... string|any  name, default, name, default ...; nil is left out
---@return string
function show.options(values, ...)
  local parts = {}
  for i = 1, select("#", ...), 2 do
    local name, default = select(i, ...)
    local value = values[name]
    if value ~= nil and show.value(value) ~= show.value(default) then
      parts[#parts + 1] = name .. " = " .. show.value(value)
    end
  end
  if #parts == 0 then return "" end
  return ", { " .. table.concat(parts, ", ") .. " }"
end

return show
