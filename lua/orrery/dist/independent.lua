--- Independent(base, n): the last n axes of the batch become part of the event,
--- so that log_prob sums over them.
local blame = require "orrery.blame"
local options = require "orrery.options"
local Distribution = require "orrery.dist.distribution"

---@class orrery.dist.Independent: orrery.dist.Distribution
---@field base orrery.dist.Distribution
---@field axes integer  how many axes were taken
local Independent = Distribution:subclass "Independent"

---@param base orrery.dist.Distribution
---@param n? integer  1 when absent
function Independent:init(base, n)
  n = options.count("Independent", "n", n or 1, 0)
  local batch = type(base) == "table" and base.batch_shape
  if not batch then
    blame("Independent: base is %s; give a distribution", options.shown(base))
  elseif #batch < n then
    blame("Independent: n is %d but the batch has %d axes; use 0 to %d", n,
      #batch, #batch)
  end
  self.base, self.axes, self.dtype = base, n, base.dtype
  self.has_rsample, self.is_discrete = base.has_rsample, base.is_discrete
  self.batch_shape = table.move(batch, 1, #batch - n, 1, {})
  self.event_shape = self.joined(table.move(batch, #batch - n + 1, #batch, 1,
    {}), base.event_shape)
end

function Independent.__tostring(self)
  return ("Independent(%s, %d)"):format(tostring(self.base), self.axes)
end

--- x summed over the axes taken.
function Independent:summed(x)
  for _ = 1, self.axes do x = x:sum(-1) end
  return x
end

function Independent:draw(shape, generator)
  return self.base:draw(shape, generator)
end
function Independent:log_prob(x) return self:summed(self.base:log_prob(x)) end
function Independent:entropy()
  return self:summed(self.base:spread(self.base:entropy()))
end
function Independent:mean() return self.base:mean() end
function Independent:var() return self.base:var() end
function Independent:expand(...)
  local shape = type((...)) == "table" and ... or { ... }
  local own = table.move(self.event_shape, 1, self.axes, 1, {})
  return Independent(self.base:expand(self.joined(shape, own)), self.axes)
end

return Independent
