--- Distances of two laws from samples [N, D] and [M, D] of them.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local two_samples = {}

local function want(who, x, y)
  for i, name in ipairs { "x", "y" } do
    local t = options.tensor(who, name, i == 1 and x or i == 2 and y or nil,
      "float")
    if t:dim() < 1 or t:size(1) < 2 then
      blame("%s: %s is %s; give at least two samples [N, ...]", who, name,
        t:shape_str())
    end
  end
  local a, b = x:reshape(x:size(1), -1), y:reshape(y:size(1), -1)
  if a:size(2) ~= b:size(2) then
    blame("%s: x is %s, y is %s; match the size of one sample", who,
      x:shape_str(), y:shape_str())
  end
  return a, b
end

-- Squared distances of all pairs, [N, M].
local function squares(a, b)
  local gap = (a ^ 2):sum { axis = 2, keepdim = true }
    + (b ^ 2):sum(2):unsqueeze(1) - a:matmul(b:transpose(1, 2)) * 2
  return gap:clamp { min = 0 }
end

-- Without the pairs of a sample with itself.
local function mean_off_diagonal(k)
  local n = k:size(1)
  return (k:sum() - k:diagonal():sum()) / (n * (n - 1))
end

local kernels = {
  -- A sum over bandwidths: exp(-d^2 / (2 h^2)).
  rbf = function(d2, widths)
    local k
    for _, h in ipairs(widths) do
      local one = (d2 * (-0.5 / h ^ 2)):exp()
      k = k and k + one or one
    end
    return k
  end,
  -- Inverse multiquadratic: h^2 / (h^2 + d^2) (Tolstikhin et al. 2018).
  imq = function(d2, widths)
    local k
    for _, h in ipairs(widths) do
      local one = h ^ 2 / (d2 + h ^ 2)
      k = k and k + one or one
    end
    return k
  end,
}

-- The median distance of different samples.
local function median_width(a, b)
  return orrery.no_grad(function()
    local all = orrery.cat({ a, b }, 1)
    local n = all:size(1)
    local upper = squares(all, all):masked_select(orrery.ones(n, n)
      :triu(1):gt(0))
    return math.sqrt(upper:median():item())
  end)
end

--- The squared maximum mean discrepancy (Gretton et al. 2012, eq. 3), without
--- bias unless asked, so that it can be below 0.
---@param x orrery.Tensor  [N, ...]
---@param y orrery.Tensor  [M, ...]
---@param given? { kernel?: "rbf"|"imq", bandwidth?: number|number[],
---   unbiased?: boolean }  bandwidth: the median distance when absent
---@return orrery.Tensor
function two_samples.mmd(x, y, given)
  local o = options.take("mmd", given, { kernel = "rbf", unbiased = true },
    { "bandwidth" })
  local a, b = want("mmd", x, y)
  local kernel = kernels[o.kernel]
  if not kernel then
    blame("mmd: kernel is %s; it is \"rbf\" or \"imq\"",
      options.shown(o.kernel))
  end
  local widths = o.bandwidth or median_width(a, b)
  if type(widths) ~= "table" then widths = { widths } end
  for _, h in ipairs(widths) do
    options.number("mmd", "bandwidth", h, function(v) return v > 0 end,
      "numbers over 0")
  end
  local aa, bb = kernel(squares(a, a), widths), kernel(squares(b, b), widths)
  local ab = kernel(squares(a, b), widths):mean()
  if o.unbiased then
    return mean_off_diagonal(aa) + mean_off_diagonal(bb) - ab * 2
  end
  return aa:mean() + bb:mean() - ab * 2
end

--- The energy distance 2 E|x - y| - E|x - x'| - E|y - y'| (Szekely & Rizzo
--- 2013) of the two empirical laws.
---@param x orrery.Tensor  [N, ...]
---@param y orrery.Tensor  [M, ...]
---@return orrery.Tensor
function two_samples.energy_distance(x, y)
  local a, b = want("energy_distance", x, y)
  return a:cdist(b):mean() * 2 - a:cdist(a):mean() - b:cdist(b):mean()
end

return two_samples
