--- Image-to-image translation: generators and patch discriminators with the
--- shapes, names and defaults they were published with, CycleGAN for unpaired
--- images and pix2pix for pairs.
---
---     local game = translate.CycleGAN {
---       netG_A = translate.ResNet { ngf = 16, n_blocks = 6 },   -- A to B
---       netG_B = translate.ResNet { ngf = 16, n_blocks = 6 },   -- B to A
---       netD_A = translate.PatchGAN { ndf = 16 },    -- judges images of B
---       netD_B = translate.PatchGAN { ndf = 16 },    -- judges images of A
---     }
---     for a, b in batches do game:step(a, b) end
---     local zebra = game:to_B(horse)
local translate = {}

for _, name in ipairs { "generators", "discriminators", "domains", "labelled",
  "partners", "pictures" } do
  for key, value in pairs(require("orrery.translate." .. name)) do
    translate[key] = value
  end
end
translate.CycleGAN = require "orrery.translate.cyclegan"
translate.Pix2Pix = require "orrery.translate.pix2pix"
translate.receptive_field = require "orrery.translate.receptive_field"

return translate
