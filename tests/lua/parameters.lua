--- What a module's parameters were, and how far they have moved since.
local parameters = {}

function parameters.copies(module)
  local list = {}
  for i, p in ipairs(module:parameters()) do list[i] = p:detach():clone() end
  return list
end

--- The largest change of one of them.
function parameters.moved(module, was)
  local most = 0
  for i, p in ipairs(module:parameters()) do
    most = math.max(most, (p - was[i]):abs():amax():item())
  end
  return most
end

return parameters
