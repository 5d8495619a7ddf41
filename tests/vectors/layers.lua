--- How compare.lua runs a layer.

-- The module a name of PyTorch's is in, and the rest of the name.
local function owner_of(module, name)
  for part in name:gmatch "([^.]+)%." do
    module = module[tonumber(part) and tonumber(part) + 1 or part]
  end
  return module, name:match "[^.]+$"
end

--- Runs a layer for compare.lua: makes it as the case says, gives it the
--- case's tensors for parameters and buffers, and calls it.
---@param class table  of orrery.nn
---@param layer { new: table, options: table, state: table, after: string[],
---   training: boolean }
---@param inputs orrery.Tensor[]
---@return table ys  what it gives, then the state named in `after`
return function(class, layer, inputs)
  local args = { table.unpack(layer.new) }
  if next(layer.options) then args[#args + 1] = layer.options end
  local module = class(table.unpack(args))
  for name, tensor in pairs(layer.state) do
    local owner, key = owner_of(module, name)
    if owner[key] == nil then error("the layer has no " .. name, 0) end
    owner[key] = tensor
  end
  if not layer.training then module:eval() end
  local ys = { module(table.unpack(inputs)) }
  for _, name in ipairs(layer.after) do ys[#ys + 1] = module[name] end
  return ys
end
