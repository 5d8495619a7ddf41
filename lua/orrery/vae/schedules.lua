--- Weights that change with training: functions of the step, from 1.
local blame = require "orrery.blame"
local options = require "orrery.options"

local schedules = {}

local function ramp(who, o)
  return options.number(who, "from", o.from), options.number(who, "to", o.to)
end

--- From `from` to `to` in a straight line over the first steps, then `to`
--- (Bowman et al. 2016; Sonderby et al. 2016).
---@param steps integer
---@param given? { from?: number, to?: number }  0, 1
---@return fun(step: integer): number
function schedules.warm_up(steps, given)
  local o = options.take("warm_up", given, { from = 0, to = 1 })
  steps = options.count("warm_up", "steps", steps)
  local from, to = ramp("warm_up", o)
  return function(step)
    return from + (to - from) * math.min(1, (step - 1) / steps)
  end
end

--- Again and again from `from` to `to`: over the first `share` of each period,
--- then `to` until its end (Fu et al. 2019).
---@param period integer  steps
---@param given? { from?: number, to?: number, share?: number }  0, 1, 0.5
---@return fun(step: integer): number
function schedules.cyclic(period, given)
  local o = options.take("cyclic", given, { from = 0, to = 1, share = 0.5 })
  period = options.count("cyclic", "period", period)
  options.number("cyclic", "share", o.share,
    function(s) return s > 0 and s <= 1 end, "a number over 0, up to 1")
  local from, to = ramp("cyclic", o)
  return function(step)
    local at = (step - 1) % period / (period * o.share)
    return from + (to - from) * math.min(1, at)
  end
end

--- The value at a step of a number (or what stands for one in a recorded step)
--- or a schedule.
---@param value number|fun(step: integer): number
---@param step? integer|false  1; false in a recorded step, which is the same
---  at every number
---@return number
function schedules.at(value, step)
  if type(value) ~= "function" then return value end
  if step == false then
    blame("vae: a recorded step does not know its number, which a schedule "
      .. "needs; leave compile out")
  end
  return value(step or 1)
end

return schedules
