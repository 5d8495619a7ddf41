--- Pictures too large for a density of theirs, looked at in patches: what is
--- strange about a piece of cloth is often one spot of it.
local blame = require "orrery.blame"
local options = require "orrery.options"
local orrery = require "orrery"

local patches = {}

--- Square patches of grey pictures as rows, each half over the next one.
---@param x orrery.Tensor  [N, 1, H, W]
---@param side? integer  8 pixels
---@return orrery.Tensor rows  [N * P, side^2], a picture's one after another
---@return integer each  P, patches of a picture
function patches.patches(x, side)
  local who = "anomaly.patches"
  options.tensor(who, "x", x, "float")
  side = options.count(who, "side", side or 8)
  if x:dim() ~= 4 or x:size(2) ~= 1 or x:size(3) < side or x:size(4) < side
  then
    blame("%s: x is %s; give [N, 1, H, W] of %d pixels a side or more", who,
      x:shape_str(), side)
  end
  local p = orrery.unfold(x, side, { stride = math.max(1, side // 2) })
  return p:transpose(2, 3):reshape(-1, side * side), p:size(3)
end

--- Scores of pictures from those of their patches: the mean over each one's
--- strangest.
---@param scores orrery.Tensor  [N * P]
---@param each integer  P, as `patches` gives it
---@param strangest integer  how many count, 1 to P
---@return orrery.Tensor scores  [N]
function patches.of_patches(scores, each, strangest)
  local who = "anomaly.of_patches"
  options.tensor(who, "scores", scores, "float")
  options.count(who, "each", each)
  if scores:dim() ~= 1 or scores:size(1) % each ~= 0 then
    blame("%s: scores are %s; give [N * %d], %d for each picture", who,
      scores:shape_str(), each, each)
  end
  if options.count(who, "strangest", strangest) > each then
    blame("%s: strangest is %d of %d patches; lower it", who, strangest, each)
  end
  local sorted = scores:reshape(-1, each):sort { axis = 2, descending = true }
  return sorted:narrow(2, 1, strangest):mean(2)
end

return patches
