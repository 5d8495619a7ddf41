--- Measures of models: what codes tell of factors and labels, how close and how
--- sharp images are, how far generated examples are from real ones, how well a
--- score ranks. Numbers, not tensors; nothing here is differentiated.
---
---     local mig = metrics.mig(codes, factors)          -- [N, L], [N, K]
---     metrics.ssim(images, reconstructions)
---     metrics.fid(real, fake)   -- images, or features [N, D]
---     metrics.auroc(scores, labels)
---
--- What compares samples comes as a Score: value, low and high of its bootstrap
--- interval, n, the extractor's name and the hash of its weights, the seed. Two
--- scores measured alike are compared with <; others refuse.
local metrics = {}

for _, name in ipairs { "information", "disentanglement", "probes",
  "images", "modes", "ranks", "frechet", "manifold", "clusters", "labelled",
  "paths", "translation", "curves" } do
  for key, value in pairs(require("orrery.metrics." .. name)) do
    metrics[key] = value
  end
end

metrics.Score = require "orrery.metrics.score"
metrics.extractor = require "orrery.metrics.extractor"

return metrics
