--- What metrics are given: codes [N, L], factors or labels [N, ...], images.
local blame = require "orrery.blame"
local options = require "orrery.options"

local checks = {}

--- A set of pictures with known factors.
function checks.factor_set(who, set)
  if type(set) ~= "table" or not set.with_factor then
    blame("%s: the set is %s; give orrery.data.shapes {}", who,
      options.shown(set))
  end
end

--- Codes as float64 [N, L].
---@param who string
---@param codes orrery.Tensor
---@return orrery.Tensor
function checks.codes(who, codes)
  options.tensor(who, "codes", codes, "float")
  if codes:dim() ~= 2 or codes:size(1) == 0 then
    blame("%s: codes are %s; give [N, L] with an example or more", who,
      codes:shape_str())
  end
  return codes:detach():to "float64"
end

--- Whole numbers from 1, one row (or one number) for each of the codes.
---@param who string
---@param name string
---@param values orrery.Tensor
---@param n integer
---@param rank integer  1 for labels, 2 for factors
---@return orrery.Tensor int64
function checks.whole(who, name, values, n, rank)
  options.tensor(who, name, values)
  if values:dim() ~= rank or values:size(1) ~= n then
    blame("%s: %s are %s but there are %d codes; give %s", who, name,
      values:shape_str(), n, rank == 1 and "[N]" or "[N, K]")
  end
  if values:amin():item() < 1 then
    blame("%s: %s hold %g; count from 1", who, name, values:amin():item())
  end
  return values:long()
end

--- Images [N, C, H, W].
function checks.image(who, name, x)
  options.tensor(who, name, x, "float")
  if x:dim() ~= 4 then
    blame("%s: %s is %s; give images [N, C, H, W]", who, name, x:shape_str())
  end
end

--- Two batches of images of one shape, [N, C, H, W].
function checks.images(who, x, y)
  checks.image(who, "x", x)
  checks.image(who, "y", y)
  if x:shape_str() ~= y:shape_str() then
    blame("%s: x is %s, y is %s; match them", who, x:shape_str(),
      y:shape_str())
  end
end

return checks
