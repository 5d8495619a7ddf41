--- Memory for time: activations of a part of a model are not kept for
--- backward but computed again there (Chen et al. 2016).
local orrery = require "orrery"
local options = require "orrery.options"

local checkpoints = {}

-- What fn made on the way is freed at the end, as orrery.tidy does it; the
-- core does the same when it calls fn again.
orrery.set_again(function(closure)
  local _ <close> = orrery.scope()
  closure[1](table.unpack(closure, 2, closure.n + 1))
end)

--- fn(...) as it is, but backward calls fn(...) once more instead of having
--- kept what it needs: only the arguments and results stay in memory. The
--- gradients are the same, bit for bit, random numbers included; also at what
--- fn uses without being given it, and with create_graph. fn must do the same
--- both times. Tensors it makes are freed when it returns, but for its
--- results and those given to orrery.keep.
---
--- fn is held until backward has passed or the results are gone. One that knows
--- its own results, as in `local y; y = checkpoint(function(x) ... y ... end)`,
--- is held by them and holds them: without a backward both stay, unless
--- orrery.tidy or train.loop frees the step's tensors at its end.
---@param fn fun(...): any ...  a module too
---@param ... any  its arguments
---@return any ...  its results
function checkpoints.checkpoint(fn, ...)
  options.callable("checkpoint", "fn", fn)
  if not orrery.is_grad_enabled() then return fn(...) end
  local _ <close> = orrery.segment(fn, ...)
  local scope <close> = orrery.scope()
  return scope:keep(fn(...))
end

--- The functions one after another, in so many parts of like length, each but
--- the last a checkpoint. With n functions, about sqrt(n) parts need the least
--- memory.
---@param functions function[]|orrery.nn.Module  a list, or an nn.Sequential
---@param segments integer  how many parts
---@param ... any  arguments of the first
---@return any ...  results of the last
function checkpoints.checkpoint_sequential(functions, segments, ...)
  local who, list = "checkpoint_sequential", functions
  if type(functions) ~= "table" then
    orrery.blame(("%s: functions is %s; give a list or an nn.Sequential")
      :format(who, orrery.describe(functions)))
  end
  if type(functions.children) == "function" then list = functions:children() end
  segments = options.count(who, "segments", segments)
  for i, fn in ipairs(list) do options.callable(who, "function " .. i, fn) end
  if segments > #list then
    orrery.blame(("%s: segments is %d but there are %d functions; give at "
      .. "most that"):format(who, segments, #list))
  end
  local size = #list // segments
  local function part(first, last)
    return function(...)
      local values = table.pack(...)
      for i = first, last do
        values = table.pack(list[i](table.unpack(values, 1, values.n)))
      end
      return table.unpack(values, 1, values.n)
    end
  end
  local values = table.pack(...)
  for k = 1, segments - 1 do
    values = table.pack(checkpoints.checkpoint(
      part((k - 1) * size + 1, k * size), table.unpack(values, 1, values.n)))
  end
  return part((segments - 1) * size + 1, #list)(
    table.unpack(values, 1, values.n))
end

return checkpoints
