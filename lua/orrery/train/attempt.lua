--- Trying a step that may fail: what forward writes besides the tape - running
--- averages, random streams - is put back when it does.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local attempt = {}

--- The buffers of models, and room for what they were: putting them back then
--- needs no memory.
---@param models table<any, orrery.nn.Module>
---@return table[] pairs  { buffer, copy }
function attempt.buffers(models)
  local list = {}
  for _, model in pairs(models) do
    for _, buffer in ipairs(model.buffers and model:buffers() or {}) do
      list[#list + 1] = { buffer, orrery.keep(buffer:detach():clone()) }
    end
  end
  return list
end

--- Copies all from entry `from` of each pair to entry `to`.
function attempt.copy(list, from, to)
  orrery.no_grad(function()
    for _, pair in ipairs(list) do pair[to]:copy_(pair[from]) end
  end)
end

--- Runs fn(...); should it fail, the buffers of the model (running averages)
--- and the default random stream are as before, and the error goes on. For
--- steps written by hand; train.loop does as much by itself. Parameters and the
--- optimiser change in opt:step() alone, all or not at all.
---
---     local loss = train.attempt(model, function()
---       local loss = F.cross_entropy(model(x), y)
---       return opt:minimize(loss)
---     end)
---@param model orrery.nn.Module|table<any, orrery.nn.Module>  or several
---@param fn fun(...): any ...
---@param ... any  its arguments
---@return any ...  its results
function attempt.attempt(model, fn, ...)
  options.callable("attempt", "fn", fn)
  if type(model) ~= "table" then
    blame("attempt: model is %s; give a module, or several by name",
      options.shown(model))
  end
  local list = attempt.buffers(model.buffers and { model } or model)
  local stream = orrery.default_generator()
  local place = stream:state()
  local _ <close> = setmetatable({}, { __close = function(_, failure)
    if failure == nil then return end
    attempt.copy(list, 2, 1)
    stream:set_state(place)
  end })
  return fn(...)
end

return attempt
