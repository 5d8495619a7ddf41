--- A small residual network for square images, as encoder and decoder of a VAE:
--- two halvings of the side, and after each some blocks x + f(x) with ReLU
--- before each convolution ("Identity Mappings in Deep Residual Networks", He
--- et al. 2016, figure 1b), without batch statistics.
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local options = require "orrery.options"
local VAE = require "orrery.vae.model"

-- The last convolution begins at zero, so that a block begins as the identity
-- and depth costs nothing at first (Goyal et al. 2017, section 5.1, for the
-- last scale of a block).
local function block(channels)
  local last = nn.Conv2d(channels, channels, 3, { padding = 1 })
  nn.init.zeros_(last.weight)
  nn.init.zeros_(last.bias)
  return nn.Residual(nn.Sequential { nn.ReLU(),
    nn.Conv2d(channels, channels, 3, { padding = 1 }), nn.ReLU(), last })
end

local function add(list, ...)
  for _, layer in ipairs { ... } do list[#list + 1] = layer end
end

local function blocks(list, channels, n)
  for _ = 1, n do add(list, block(channels)) end
  add(list, nn.ReLU())
end

--- The residual network: size x size images through channels and twice as many
--- to a quarter of the side, and the way back.
---@param given? table  latent = 32, size = 28 (a multiple of 4), colours = 1,
---  channels = 16, blocks = 2 at each side, likelihood, sigma, levels, prior,
---  posterior
---@return orrery.vae.VAE
return function(given)
  local o = options.take("vae.resnet", given, { latent = 32, size = 28,
    colours = 1, channels = 16, blocks = 2 }, { "likelihood", "sigma",
    "levels", "prior", "posterior" })
  for _, name in ipairs { "latent", "size", "colours", "channels" } do
    options.count("vae.resnet", name, o[name])
  end
  options.count("vae.resnet", "blocks", o.blocks, 0)
  if o.size % 4 ~= 0 then
    blame("vae.resnet: size is %d; give a multiple of 4", o.size)
  end
  local c, side = o.channels, o.size // 4
  local flat = 2 * c * side * side
  local half = { stride = 2, padding = 1 }
  local down, up = {}, {}
  add(down, nn.Conv2d(o.colours, c, 4, half))
  blocks(down, c, o.blocks)
  add(down, nn.Conv2d(c, 2 * c, 4, half))
  blocks(down, 2 * c, o.blocks)
  add(down, nn.Flatten(), nn.Linear(flat, 2 * o.latent))
  add(up, nn.Linear(o.latent, flat), nn.Unflatten(2, { 2 * c, side, side }))
  blocks(up, 2 * c, o.blocks)
  add(up, nn.ConvTranspose2d(2 * c, c, 4, half))
  blocks(up, c, o.blocks)
  add(up, nn.ConvTranspose2d(c, o.colours, 4, half))
  return VAE { latent = o.latent, likelihood = o.likelihood, sigma = o.sigma,
    levels = o.levels, prior = o.prior, posterior = o.posterior,
    encoder = nn.Sequential(down), decoder = nn.Sequential(up) }
end
