--- GANs whose D looks at pairs of an example and a code: VEEGAN, ALI (BiGAN).
--- D's first layer takes the numbers of both.
local orrery = require "orrery"
local options = require "orrery.options"

local joint = {}

local function pair(_, _, side)
  side.x = orrery.cat({ side.x, side.z }, 2)
end

--- VEEGAN (Srivastava et al. 2017): a reconstructor R maps examples to codes;
--- D tells (G(z), z) from (x, R(x)); G and R lower |z - R(G(z))|^2 / dim z
--- besides. With `adversarial`, R plays against D as G does: the objective's D
--- term depends on R too. Without, R is trained by the reconstruction alone,
--- as their algorithm 1 has it; on the ring that covers fewer modes.
---@param given table  reconstructor: x -> [B, latent]; weight = 1; adversarial
---  = true
function joint.veegan(given)
  local o = options.take("veegan", given, { weight = 1, adversarial = true },
    { "reconstructor" })
  options.callable("veegan", "reconstructor", o.reconstructor)
  options.flag("veegan", "adversarial", o.adversarial)
  local part = { name = "veegan", see = pair, both_ways = o.adversarial,
    players = { reconstructor = o.reconstructor } }

  function part.side(_, _, side)
    if not side.real then return end
    local z = o.reconstructor(side.x)
    side.z = o.adversarial and z or z:detach()
  end

  function part.term(_, _, fake)
    return ((o.reconstructor(fake.x) - fake.z) ^ 2):mean() * o.weight
  end
  return part
end

--- ALI (Dumoulin et al. 2017), BiGAN (Donahue et al. 2017): an encoder maps
--- examples to codes; D tells (G(z), z) from (x, E(x)); the two play against
--- it together.
---@param given table  encoder: x -> [B, latent], or [B, 2 latent] with
---  stochastic = true (ALI): means, then log-variances
function joint.ali(given)
  local o = options.take("ali", given, { stochastic = false }, { "encoder" })
  options.callable("ali", "encoder", o.encoder)
  options.flag("ali", "stochastic", o.stochastic)
  local part = { name = "ali", see = pair, both_ways = true,
    players = { encoder = o.encoder } }

  function part.side(_, game, side)
    if not side.real then return end
    local z = o.encoder(side.x)
    if o.stochastic then
      local mean, logvar = z:chunk(2, 2)
      z = mean + (logvar * 0.5):exp() * orrery.randn({ mean:shape() },
        { generator = game.stream })
    end
    side.z = z
  end
  return part
end

return joint
