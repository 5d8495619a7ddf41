--- A small style-based generator off its start, where maps are constant and
--- norms of them steep.
local orrery = require "orrery"

---@param more? table  options of style.Generator beside the usual
return function(more)
  local o = { size = 8, channel_base = 32, channel_max = 6, latent = 5,
    style_dim = 4, mapping = 2, dtype = "float64",
    generator = orrery.Generator(7) }
  for k, v in pairs(more or {}) do o[k] = v end
  local G = orrery.style.Generator(o)
  orrery.no_grad(function()
    for name, p in G:named_parameters() do
      if name:find "strength" or name:find "bias" then
        p:copy_(orrery.randn({ p:shape() }, { dtype = "float64",
          generator = orrery.Generator(8) }) * 0.3 + 0.5)
      end
    end
  end)
  return G
end
