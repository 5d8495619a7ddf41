--- Style-based generators (Karras, Laine & Aila 2019; Karras et al. 2020): a
--- code becomes a style, which steers an image layer by layer, from its lay-out
--- to its details; noise does the rest.
---
---     local G = style.Generator { size = 32, latent = 64 }
---     local D = style.Discriminator { size = 32 }
---     local game = orrery.gan.Game { generator = G, discriminator = D,
---       latent = 64, ema = 0.995, parts = { orrery.gan.penalty("r1", 10) } }
---     for x in images do game:step(x) end            -- x in [-1, 1]
---     local x = G(orrery.randn(16, 64), { psi = 0.7 })
local style = {}

style.Generator = require "orrery.style.generator"
style.Discriminator = require "orrery.style.discriminator"
style.growth = require "orrery.style.growth"
style.pictures = require "orrery.style.pictures"
local resampling = require "orrery.style.resampling"
style.double, style.halve = resampling.double, resampling.halve
for _, name in ipairs { "layers", "regularise", "editing",
  "configurations", "attributes", "measuring" } do
  for key, value in pairs(require("orrery.style." .. name)) do
    style[key] = value
  end
end

return style
