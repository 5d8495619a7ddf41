--- How well pictures were translated, where the true partner is known.
local blame = require "orrery.blame"
local checks = require "orrery.metrics.checks"
local options = require "orrery.options"

local translation = {}

-- Mean absolute difference of each picture where `weight` [N, 1, H, W] is 1.
local function difference(x, y, weight)
  local off = (x - y):abs():double() * weight
  local share = weight:flatten(2):sum(2) * x:size(2)
  return off:flatten(2):sum(2) / share:clamp_min(1)
end

--- Scores translations against true partners. `strict` is the measure to trust:
--- the error inside the object is under half the distance between the input
--- and its partner. `loose` asks only to be nearer to the partner than to the
--- input: what is neither passes that, it stands here to show so.
---@param input orrery.Tensor  [N, C, H, W], what was translated
---@param output orrery.Tensor  the same shape, what came out
---@param partner orrery.Tensor  the same shape, what should have
---@param mask? orrery.Tensor  [N, 1, H, W], 1 on the object; absent: all of it
---@return { strict: number, loose: number, object_error: number,
---   distance: number, background: number? } score  shares of the pictures;
---   mean absolute error to the partner inside the object, and of the input
---   there; how far the output left the input outside of it (nil if nowhere)
function translation.translated(input, output, partner, mask)
  local who = "translated"
  checks.image(who, "input", input)
  for name, x in pairs { output = output, partner = partner } do
    checks.image(who, name, x)
    if x:shape_str() ~= input:shape_str() then
      blame("%s: input is %s, %s is %s; match them", who, input:shape_str(),
        name, x:shape_str())
    end
  end
  local n, _, h, w = input:size()
  if mask ~= nil then
    options.tensor(who, "mask", mask)
    if mask:shape_str() ~= ("[%d, 1, %d, %d]"):format(n, h, w) then
      blame("%s: mask is %s; give [%d, 1, %d, %d], 1 on the object", who,
        mask:shape_str(), n, h, w)
    end
    mask = mask:gt(0):double()
  end
  local x, y, truth = input:detach(), output:detach(), partner:detach()
  local on = mask or x:narrow(2, 1, 1):double() * 0 + 1
  local apart, off = difference(x, truth, on), difference(y, truth, on)
  local moved = difference(y, x, on)
  local function share(holds) return holds:double():mean():item() end
  local off_object = mask and -mask + 1
  return {
    strict = share(off:lt(apart * 0.5)), loose = share(off:lt(moved)),
    object_error = off:mean():item(), distance = apart:mean():item(),
    background = off_object and off_object:any():item() ~= 0
      and difference(x, y, off_object):mean():item() or nil,
  }
end

return translation
