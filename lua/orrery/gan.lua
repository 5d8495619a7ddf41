--- Generative adversarial networks (Goodfellow et al. 2014): losses as pairs
--- of pure functions, penalties, nets, and one training engine whose parts are
--- the remedies against collapse.
---
---     local ring = orrery.data.known.ring {}
---     local game = gan.Game {
---       generator = gan.mlp(2, 2), latent = 2,
---       discriminator = gan.mlp(4, 1, { activation = "leaky_relu" }),
---       parts = { gan.pack(2) },
---     }
---     for _ = 1, 4000 do game:step(ring:sample(256)) end
---     print(orrery.metrics.modes(game:sample(2500), ring).modes)
local gan = {}

gan.losses = require "orrery.gan.losses"
gan.maps = require "orrery.gan.maps"
gan.penalties = require "orrery.gan.penalties"
gan.Game = require "orrery.gan.game"
for _, name in ipairs { "nets", "image_nets", "layers",
  "parts", "rates", "joint", "augment", "codes" } do
  for key, value in pairs(require("orrery.gan." .. name)) do
    gan[key] = value
  end
end
gan.adagan = require "orrery.gan.adagan"
gan.AdaGAN = gan.adagan.AdaGAN
gan.setups = require "orrery.gan.setups"
gan.setup = gan.setups.setup
gan.published = require "orrery.gan.published"
gan.pictures = require "orrery.gan.pictures"
local unroll = require "orrery.gan.unroll"
gan.unroll, gan.unrolled = unroll, unroll.part

return gan
