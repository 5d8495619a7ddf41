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
    if module[name] == nil then error("the layer has no " .. name, 0) end
    module[name] = tensor
  end
  if not layer.training then module:eval() end
  local ys = { module(table.unpack(inputs)) }
  for _, name in ipairs(layer.after) do ys[#ys + 1] = module[name] end
  return ys
end
