--- Special functions under PyTorch's names: `orrery.special.ndtr(x)`.
---
--- The ops themselves are in `orrery`, and methods of tensors; here are those
--- that torch.special has.
local orrery = require "orrery"

local special = {}
for _, name in ipairs { "digamma", "entr", "erf", "erfc", "erfcx", "erfinv",
  "exp2", "expit", "expm1", "gammainc", "gammaincc",
  "gammaln", "i0", "i0e", "i1", "i1e", "log1p",
  "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr",
  "ndtri", "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy",
  "zeta",
} do
  special[name] = orrery[name]
end

return special
