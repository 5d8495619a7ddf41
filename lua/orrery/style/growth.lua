--- Progressive growth (Karras et al. 2018): nets are trained on small images
--- first; each further side is faded in and then trained for a while.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local blame = require "orrery.blame"
local options = require "orrery.options"

---@class orrery.style.Growth
---@field nets table[]  which have `size` and `fade`
---@field sides integer[]  one after another
---@field fade integer  steps
---@field steady integer  steps
local Growth = {}
Growth.__index = Growth

--- The side of the images at a step, and how much of it has been faded in.
---@param step integer  from 1
---@return integer side
---@return number fade  1 when there is nothing to fade
function Growth:at(step)
  local first = self.steady
  if step <= first then return self.sides[1], 1 end
  local each = self.fade + self.steady
  local stage = math.min((step - first - 1) // each + 2, #self.sides)
  local into = step - first - (stage - 2) * each
  return self.sides[stage], math.min(1, into / math.max(1, self.fade))
end

--- Sets all nets to a step, and makes of images what they are to see then.
---@param step integer  from 1
---@param x? orrery.Tensor  [N, C, side, side] of the largest side
---@return orrery.Tensor? x  of the step's side; while it fades in, mixed with
---  its own smaller copy
function Growth:set(step, x)
  local side, fade = self:at(step)
  for _, net in ipairs(self.nets) do net.size, net.fade = side, fade end
  if not x then return nil end
  local factor = x:size(3) // side
  if factor > 1 then x = F.avg_pool2d(x, factor) end
  if fade < 1 then
    x = orrery.lerp(F.upsample_nearest2d(F.avg_pool2d(x, 2), 2), x, fade)
  end
  return x
end

--- How many steps it takes until the last side is there.
---@return integer
function Growth:steps()
  return self.steady + (#self.sides - 1) * (self.fade + self.steady)
end

--- A plan of growth:
---
---     local growth = style.growth { nets = { G, D, game.average.model },
---       from = 7, fade = 300, steady = 300 }
---     for x in images do game:step(growth:set(game.steps + 1, x)) end
---
--- It has no state: what the nets are set to follows from the step.
---@param given table  nets made with progressive = true, alike in their sides;
---  from, a side; fade = 1000 and steady = 1000 steps for each side, or steps,
---  of a whole training: its phases last alike, four of them at the last side
---@return orrery.style.Growth
return function(given)
  local who = "style.growth"
  local o = options.take(who, given, { fade = 1000, steady = 1000 },
    { "nets", "from", "steps" })
  options.count(who, "fade", o.fade, 0)
  options.count(who, "steady", o.steady)
  if type(o.nets) ~= "table" or not o.nets[1] or not o.nets[1].sides then
    blame("%s: nets are %s; give a list of style nets", who,
      options.shown(o.nets))
  end
  local sides, known = {}, {}
  for _, side in ipairs(o.nets[1].sides) do
    known[#known + 1] = tostring(side)
    if side >= (o.from or 0) then sides[#sides + 1] = side end
  end
  if o.from and sides[1] ~= o.from then
    blame("%s: from is %s; give one of the sides %s", who,
      options.shown(o.from), table.concat(known, ", "))
  end
  if o.steps then
    local phase = options.count(who, "steps", o.steps) // (2 * #sides + 2)
    o.fade, o.steady = math.max(1, phase), math.max(1, phase)
  end
  return setmetatable({ nets = o.nets, sides = sides, fade = o.fade,
    steady = o.steady }, Growth)
end
