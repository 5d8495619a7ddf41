--- Names in a settled order: what pairs() gives has none.

--- The keys of a table, sorted.
---@param t table  keys all strings, or all numbers
---@return string[]
return function(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end
