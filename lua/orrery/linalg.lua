--- Linear algebra under PyTorch's names: `orrery.linalg.inv(x)`.
---
--- The ops themselves are in `orrery`, and methods of tensors; here are those
--- that torch.linalg has, with its spelling where it differs.
local orrery = require "orrery"

local linalg = { inv = orrery.inverse }
for _, name in ipairs { "cholesky", "det", "diagonal", "eigh", "eigvalsh",
  "lstsq", "matrix_exp", "matrix_power", "matrix_rank", "norm", "pinv", "qr",
  "slogdet", "solve", "solve_triangular", "sqrtm", "svd", "svdvals" } do
  linalg[name] = orrery[name]
end

return linalg
