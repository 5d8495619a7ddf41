--- What laws with known truth have in common: draws and endless batches of
--- them, the density, the entropy.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

---@class orrery.data.Law
---@field name string  as reports call it
---@field dim integer  numbers in a value
---@field centers? orrery.Tensor  float64 [K, dim], where the law has modes
---@field std? number  standard deviation of a mode, in each direction
---@field radius? number  a value closer than this to a centre is of high
---  quality: three standard deviations in the plane
local Law = {}
Law.__index = Law

--- A new kind of law; it has draw(n, generator) -> x [, modes], log_prob(x),
--- entropy() and extent() -> the corners of a box that holds all of it.
---@param name string
function Law.subclass(name)
  local class = setmetatable({ kind = name }, Law)
  class.__index = class
  class.__tostring = Law.__tostring
  return class
end

function Law.__tostring(self)
  return ("%s in %d dimensions"):format(self.name, self.dim)
end

--- Independent values.
---@param n integer
---@param opts? { generator?: orrery.Generator, dtype?: string }
---@return orrery.Tensor x  [n, dim]
---@return orrery.Tensor? modes  int64 [n], from 1, where the law has modes
function Law:sample(n, opts)
  local o = options.take(self.kind .. ":sample", opts, { dtype = "float32" },
    { "generator" })
  options.count(self.kind .. ":sample", "n", n, 0)
  return orrery.no_grad(function()
    return self:draw(n, { generator = o.generator, dtype = o.dtype })
  end)
end

--- Half the side of a square round the origin that shows the law, of laws in
--- the plane: what holds all of it, a little larger.
---@return number
function Law:window()
  local low, high = self:extent()
  local reach = 0
  for k = 1, 2 do
    reach = math.max(reach, math.abs(low[k]), math.abs(high[k]))
  end
  return reach * 1.15
end

-- Values [N, dim] that the density is asked for.
function Law:check(x)
  options.tensor(self.kind .. ":log_prob", "x", x, "float")
  if x:dim() ~= 2 or x:size(2) ~= self.dim then
    blame("%s:log_prob: x is %s; give [N, %d]", self.kind, x:shape_str(),
      self.dim)
  end
  return x
end

--- Values without end, in batches of one size; state() and set_state() say
--- where it is.
---
---     for x in ring:batches(128, { generator = g }) do ... end
---
---@param size integer
---@param opts? { generator?: orrery.Generator, dtype?: string }
---@return orrery.data.LawBatches
function Law:batches(size, opts)
  return require "orrery.data.known.batches"(self, size, opts)
end

-- The integral of f over a box in the plane, by the trapezoid rule.
-- For sums of Gaussians it converges faster than any power of the step.
local function over_plane(self, step, f)
  local low, high = self:extent()
  local function line(k)
    return orrery.range(0, math.ceil((high[k] - low[k]) / step),
      { dtype = "float64" }) * step + low[k]
  end
  local u, v, total = line(1), line(2), 0.0
  local rows = math.max(1, 500 // v:size(1))
  for first = 1, u:size(1), rows do
    total = total + orrery.tidy(function()
      local part = u:narrow(1, first, math.min(rows, u:size(1) - first + 1))
      local a, b = part:size(1), v:size(1)
      local x = orrery.stack({ part:unsqueeze(2):expand { a, b },
        v:unsqueeze(1):expand { a, b } }, 3):reshape(a * b, 2)
      return f(x):sum():item()
    end)
  end
  return total * step * step
end

--- -E log p in nats, of laws in the plane: quadrature, to about eight digits.
---@param step? number  of the grid, std / 4
---@return number nats
function Law:entropy(step)
  if step then options.number("entropy", "step", step) end
  if not self.nats or step then
    self.nats = orrery.no_grad(over_plane, self, step or self.std / 4,
      function(x)
        local lp = self:log_prob(x)
        local p = lp:exp()
        return orrery.where(p:gt(0), p * -lp, orrery.zeros_like(p))
      end)
  end
  return self.nats
end

--- How much of the law its box holds: 1 but for rounding.
---@param step? number
---@return number
function Law:mass(step)
  return orrery.no_grad(over_plane, self, step or self.std / 4,
    function(x) return self:log_prob(x):exp() end)
end

return Law
