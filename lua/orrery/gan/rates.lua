--- Learning rates over a run, as factors of what they are at first.
local options = require "orrery.options"
local rates = {}

--- Rates that stay for the first half of a run and then fall to 0 in a line.
---@param steps integer  of the run
---@return fun(done: integer): number
function rates.halfway(steps)
  options.count("halfway", "steps", steps)
  return function(done) return math.min(1, 2 * (1 - done / steps)) end
end

return rates
