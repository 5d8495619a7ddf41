--- Latent codes once a generator has learnt.
local blame = require "orrery.blame"
local options = require "orrery.options"

local codes = {}

--- The truncation trick (Karras, Laine & Aila 2019, appendix B): codes drawn
--- towards their mean, so that variances fall to psi^2 of theirs. Samples look
--- better and are less diverse; psi = 0 gives one image.
---@param w orrery.Tensor  [N, D]
---@param mean orrery.Tensor  [D], of many codes
---@param psi number  0 to 1, 0.7 in the paper
---@return orrery.Tensor  [N, D]
function codes.truncate(w, mean, psi)
  options.tensor("truncate", "w", w, "float")
  options.tensor("truncate", "mean", mean, "float")
  if w:dim() ~= 2 or mean:shape_str() ~= ("[%d]"):format(w:size(2)) then
    blame("truncate: w is %s, mean is %s; give [N, D] and [D]", w:shape_str(),
      mean:shape_str())
  end
  options.number("truncate", "psi", psi)
  return mean + (w - mean) * psi
end

return codes
