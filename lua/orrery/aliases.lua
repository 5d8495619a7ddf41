--- Second names: what PyTorch users may type for a function of another name
--- here. Help follows them, and so do the forms ending in _.
local orrery = require "orrery.core"
local methods = orrery.Tensor.methods

---@type table<string, string>  the second name, then the first
local aliases = {
  absolute = "abs", adjoint = "mT", arccos = "acos", arccosh = "acosh",
  arcsin = "asin", arcsinh = "asinh", arctan = "atan", arctan2 = "atan2",
  arctanh = "atanh", broadcast_to = "expand", clip = "clamp", concat = "cat",
  concatenate = "cat", divide = "div", expit = "sigmoid", fix = "trunc",
  gammaln = "lgamma", ger = "outer",
  get_num_threads = "threads", greater = "gt", greater_equal = "ge",
  less = "lt", less_equal = "le", mm = "matmul", moveaxis = "movedim",
  multigammaln = "mvlgamma", multiply = "mul", ndimension = "dim",
  negative = "neg", nelement = "numel", nonzero = "argwhere",
  not_equal = "ne", pinverse = "pinv", psi = "digamma",
  row_stack = "vstack", set_num_threads = "set_threads",
  sgn = "sign", split_with_sizes = "split", subtract = "sub",
  swapaxes = "transpose", swapdims = "transpose", trapz = "trapezoid",
  true_divide = "div", vdot = "dot",
}

for second, first in pairs(aliases) do
  for _, home in ipairs { orrery, methods } do
    for _, suffix in ipairs { "", "_" } do
      local fn = rawget(home, first .. suffix)
      if fn and rawget(home, second .. suffix) == nil then
        home[second .. suffix] = fn
      end
    end
  end
end

return aliases
