--- Optimal transport: exact plans, assignment, Sinkhorn, sliced and 1-D
--- distances, the dual by a critic, and the plans themselves.
---
---     local w = ot.distance(x, y)          -- W1 of points [N, D], [M, D]
---     local plan = ot.plan(ot.costs(x, y, { p = 2 }))
---     local loss = ot.sinkhorn_divergence(x, y, { epsilon = 0.05 })
---
--- Masses are 1/N each unless given; values are differentiable in costs,
--- points and masses.
local ot = {}

for _, name in ipairs { "exact", "sinkhorn", "line", "dual", "examples" } do
  for key, value in pairs(require("orrery.ot." .. name)) do
    ot[key] = value
  end
end

return ot
