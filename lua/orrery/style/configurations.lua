--- The published steps from a progressive GAN to StyleGAN.
local blame = require "orrery.blame"
local options = require "orrery.options"

local what = {
  A = { styles = false, noise = false, smooth = false, mixing = 0 },
  B = { styles = false, noise = false, mixing = 0 },
  C = { constant = false, noise = false, mixing = 0 },
  D = { noise = false, mixing = 0 },
  E = { mixing = 0 },
  F = { mixing = 0.9 },
}

local configurations = {}

--- Options of style.Generator and style.Discriminator for a row of table 1 of
--- Karras et al. 2019: A a progressive GAN, B with smooth resampling, C with a
--- mapping and styles, D with a constant instead of the code as input, E with
--- noise, F with mixing.
---@param name string  A to F
---@param given? table  further options of both: size, channel_max ...
---@return table generator
---@return table discriminator
function configurations.configuration(name, given)
  local own = what[name]
  if not own then
    blame("style.configuration: there is no %s; give A, B, C, D, E or F",
      options.shown(name))
  end
  local g, d = {}, { smooth = own.smooth }
  for key, value in pairs(given or {}) do g[key], d[key] = value, value end
  for key, value in pairs(own) do g[key] = value end
  return g, d
end

return configurations
