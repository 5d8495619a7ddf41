--- Data whose law is known, so that what a model learnt can be told from the
--- truth: modes, density, entropy.
---
---     local ring = data.known.ring {}
---     local x, modes = ring:sample(500)     -- [500, 2], 1 to 8
---     ring:log_prob(x)                      -- nats, [500]
---     ring:entropy()                        -- nats
---     for batch in ring:batches(128) do ... end
---
--- All but `stacked_digits` and `embedded` live in the plane. Beside the laws
--- stand drawn pictures: `striped`, `fruit` and `landscape`, two domains each
--- whose true pairs are known; `textures` with faults; `faces` with attributes;
--- `captioned` shapes with what is said of them.
local known = {}

for _, list in ipairs { require("orrery.data.known.gaussians").kinds,
  require "orrery.data.known.curves", (require "orrery.data.known.others") } do
  for key, value in pairs(list) do
    known[key] = value
  end
end
known.parabola = require "orrery.data.known.parabola"
known.embedded = require "orrery.data.known.embedded"
known.stacked_digits = require "orrery.data.known.stacked"
for _, name in ipairs { "striped", "fruit", "landscape", "textures", "faces",
  "captioned" } do
  known[name] = require("orrery.data.known." .. name)
end

return known
