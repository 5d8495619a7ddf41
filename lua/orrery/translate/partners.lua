--- How near translations are to their true partners: pixels, features, and
--- whether the partner is found among all.
local orrery = require "orrery"
local blame = require "orrery.blame"
local metrics = require "orrery.metrics"
local options = require "orrery.options"

local partners = {}

-- Features of each pixel of each channel, of length 1.
local function unit_maps(x, extractor)
  local n, c, h, w = x:shape()
  local list = {}
  for i, map in ipairs(extractor:maps(x:reshape(n * c, 1, h, w))) do
    list[i] = map / ((map * map):sum(2):unsqueeze(2) + 1e-10):sqrt()
  end
  return list, n
end

--- A perceptual distance (Zhang et al. 2018, eq. 1, every weight 1): squared
--- differences of features of length 1, the mean over places and layers.
--- Colour channels are looked at one by one. Comparable under one extractor
--- only; 0 for equal pictures.
---@param x orrery.Tensor  [N, C, H, W], 0 to 1
---@param y orrery.Tensor  alike
---@param extractor? orrery.metrics.Extractor  of grey images
---@return orrery.Tensor distance  [N]
function partners.feature_distance(x, y, extractor)
  local who = "translate.feature_distance"
  options.tensor(who, "x", x, "float")
  options.tensor(who, "y", y, "float")
  if x:shape_str() ~= y:shape_str() then
    blame("%s: x is %s, y is %s; match them", who, x:shape_str(),
      y:shape_str())
  end
  extractor = extractor or metrics.extractor()
  local one, n = unit_maps(x, extractor)
  local other = unit_maps(y, extractor)
  local total
  for i, map in ipairs(one) do
    local off = map - other[i]
    local d = (off * off):sum(2):reshape(n, -1):mean(2)
    total = total and total + d or d
  end
  return total / #one
end

-- Place of each output's own partner among all, by mean absolute difference.
local function ranks(output, truth)
  local n, rows = output:size(1), {}
  local all = truth:flatten(2)
  for i = 1, n do
    rows[i] = orrery.tidy(function()
      local off = (all - output[i]:reshape(1, -1)):abs():mean(2)
      return off:lt(off[i]):sum() + 1
    end)
  end
  return orrery.stack(rows, 1):double()
end

--- Scores translations whose true partners are known.
---@param output orrery.Tensor  [N, C, H, W] in [-1, 1]
---@param truth orrery.Tensor  alike
---@param extractor? orrery.metrics.Extractor
---@return { l1: number, feature: number, first: number, rank: number }  mean
---  absolute difference where black is 0 and white 1; the perceptual distance;
---  the share whose own partner is the nearest of all N, and its mean place
function partners.against_partners(output, truth, extractor)
  local who = "translate.against_partners"
  options.tensor(who, "output", output, "float")
  options.tensor(who, "truth", truth, "float")
  if output:shape_str() ~= truth:shape_str() then
    blame("%s: output is %s, truth is %s; match them", who,
      output:shape_str(), truth:shape_str())
  end
  extractor = extractor or metrics.extractor()
  return orrery.no_grad(function()
    local place, sum = ranks(output, truth), 0
    for from = 1, output:size(1), 50 do
      local n = math.min(50, output:size(1) - from + 1)
      sum = sum + orrery.tidy(function()
        return partners.feature_distance(
          output:narrow(1, from, n) * 0.5 + 0.5,
          truth:narrow(1, from, n) * 0.5 + 0.5, extractor):sum():item()
      end)
    end
    return { l1 = (output - truth):abs():mean():item() / 2,
      feature = sum / output:size(1), first = place:eq(1):double():mean()
        :item(), rank = place:mean():item() }
  end)
end

return partners
