--- What measuring two players has in common, whoever shows D what it judges:
--- how far a step moved the weights of each, and layers of each that are off.
local measures = require "orrery.train.measures"

local pair = {}

--- Remembers the weights of `generator` and `discriminator` in `weights`.
---@param self { generator: orrery.nn.Module, discriminator: orrery.nn.Module }
function pair.before(self)
  self.weights = {}
  for _, name in ipairs { "generator", "discriminator" } do
    self.weights[name] = measures.copies(self[name]:parameters())
  end
end

--- How far they have moved since; forgets them.
---@return table<string, number>? update_ratio  none was remembered: nil
function pair.moved(self)
  local out
  for name, before in pairs(self.weights or {}) do
    out = out or {}
    out[name] = measures.update_ratio(before, self[name]:parameters())
  end
  self.weights = nil
  return out
end

--- Shares of dead units under "D.2", "G.4".
---@param judge fun()  shows D everything
---@param generate fun()  gives the generator its codes
---@return table<string, number>? dead_units  nil: there are no rectifiers
function pair.dead(self, judge, generate)
  local out = {}
  local function add(player, net, call)
    for name, share in pairs(measures.dead_layers(net, call)) do
      out[("%s.%s"):format(player, name)] = share
    end
  end
  add("D", self.discriminator, judge)
  add("G", self.generator, generate)
  return next(out) and out or nil
end

return pair
