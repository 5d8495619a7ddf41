--- The mapping network of style-based generators: codes to styles.
local nn = require "orrery.nn"
local F = require "orrery.nn.functional"
local layers = require "orrery.style.layers"

--- z, brought to mean square 1, through linear layers that learn slowly and
--- leaky ReLU (Karras et al. 2019, appendix C).
---@class orrery.style.Mapping: orrery.nn.Module
local Mapping = nn.Module:subclass "Mapping"

---@param o table  latent, style_dim, mapping (layers), mapping_rate, version,
---  dtype, generator
function Mapping:init(o)
  self.norm, self.layers = nn.PixelNorm(), nn.ModuleList {}
  self.second = o.version == 2
  for i = 1, o.mapping do
    self.layers:append(layers.EqualLinear(i == 1 and o.latent or o.style_dim,
      o.style_dim, { lr_mul = o.mapping_rate, dtype = o.dtype,
        gain = o.version == 1 and math.sqrt(2) or 1,
        generator = o.generator }))
  end
end

---@param z orrery.Tensor  [N, latent]
---@return orrery.Tensor w  [N, style_dim]
function Mapping:forward(z)
  z = self.norm(z)
  for _, layer in ipairs(self.layers) do
    z = F.leaky_relu(layer(z), 0.2)
    if self.second then z = z * math.sqrt(2) end
  end
  return z
end

return Mapping
