--- Measures of models: what codes tell of factors and labels, how close and how
--- sharp images are. Numbers, not tensors; nothing here is differentiated.
---
---     local mig = metrics.mig(codes, factors)          -- [N, L], [N, K]
---     metrics.ssim(images, reconstructions)
local metrics = {}

for _, name in ipairs { "information", "disentanglement", "probes",
  "images", "modes" } do
  for key, value in pairs(require("orrery.metrics." .. name)) do
    metrics[key] = value
  end
end

return metrics
