--- What every distribution is and can do.
local orrery = require "orrery"
local blame = require "orrery.blame"
local parameters = require "orrery.dist.parameters"

--- A law of random values, or a batch of independent ones: `batch_shape` is
--- the shape of the batch, `event_shape` that of one value.
---@class orrery.dist.Distribution
---@field name string
---@field batch_shape integer[]
---@field event_shape integer[]
---@field dtype string  of what it draws
---@field has_rsample boolean  do draws let gradients through?
---@field is_discrete boolean
local Distribution = { name = "Distribution", has_rsample = false,
  is_discrete = false, event_dims = 0 }
Distribution.__index = Distribution

local function construct(class, ...)
  local self = setmetatable({}, class)
  self:init(...)
  return self
end

function Distribution.__tostring(self)
  local parts = {}
  for i, name in ipairs(self.parameter_names or {}) do
    local p = self[name]
    parts[i] = name .. " " .. (p:dim() == 0 and ("%g"):format(p:item())
      or p:shape_str())
  end
  return ("%s(%s)"):format(self.name, table.concat(parts, ", "))
end

--- A new kind of distribution.
---@param name string
---@param facts? table  has_rsample, is_discrete, event_dims, parameter_names
---@return table class  call it to make one
function Distribution:subclass(name, facts)
  local class = { name = name, __tostring = Distribution.__tostring,
    __name = "orrery.dist." .. name }
  for key, value in pairs(facts or {}) do class[key] = value end
  class.__index = class
  return setmetatable(class, { __index = self, __call = construct })
end

--- Sizes one after another.
---@param ... integer[]
---@return integer[]
function Distribution.joined(...)
  local all = {}
  for _, part in ipairs { ... } do
    table.move(part, 1, #part, #all + 1, all)
  end
  return all
end

--- Takes the named parameters, checks that they broadcast, and notes the
--- shapes; the last `event_dims` axes of each belong to the event.
function Distribution:take(given, names)
  local taken, dtype = parameters.tensors(self.name, given, names)
  local shapes = {}
  self.given_as_tensor = {}
  for i, name in ipairs(names) do
    self[name] = taken[name]
    self.given_as_tensor[name] = orrery.is_tensor(given[name])
    shapes[i] = { taken[name]:shape() }
  end
  local ok, shape = pcall(orrery.broadcast_shapes, table.unpack(shapes))
  if not ok then
    local seen = {}
    for i, name in ipairs(names) do
      seen[i] = name .. " is " .. taken[name]:shape_str()
    end
    blame("%s: %s: they do not broadcast; match their sizes", self.name,
      table.concat(seen, ", "))
  end
  if #shape < self.event_dims then
    blame("%s: %s is %s; give it at least %d %s", self.name, names[1],
      self[names[1]]:shape_str(), self.event_dims,
      self.event_dims == 1 and "axis" or "axes")
  end
  self.dtype, self.parameter_names = dtype, names
  self.batch_shape = table.move(shape, 1, #shape - self.event_dims, 1, {})
  self.event_shape = table.move(shape, #shape - self.event_dims + 1, #shape, 1,
    {})
  self.parameter_shape = self.event_shape
end

--- x expanded to the batch's shape, with further sizes after it.
function Distribution:spread(x, ...)
  return x:expand(self.joined(self.batch_shape, ...))
end

-- Standard noise of the shape of a draw.
function Distribution:noise(make, shape, generator)
  return make(self.joined(shape, self.batch_shape, self.event_shape),
    { dtype = self.dtype, generator = generator })
end

--- Draws: `draw(shape, generator)` of each class, without gradient.
---@param shape? integer|integer[]  of independent draws, put before the batch
---@param opts? { generator?: orrery.Generator }
---@return orrery.Tensor  [shape..., batch..., event...]
function Distribution:sample(shape, opts)
  local sizes, generator = parameters.draw(self.name .. ":sample", shape, opts)
  return orrery.no_grad(function() return self:draw(sizes, generator) end)
end

--- Draws that let gradients reach the parameters (the reparameterisation of
--- Kingma & Welling 2014; for gamma-like laws the implicit one of Figurnov,
--- Mohamed & Mnih 2018).
---@param shape? integer|integer[]
---@param opts? { generator?: orrery.Generator }
---@return orrery.Tensor  [shape..., batch..., event...]
function Distribution:rsample(shape, opts)
  if not self.has_rsample then
    blame("%s: its draws have no gradient; use sample%s", self.name,
      self.relaxed and ", or " .. self.relaxed or "")
  end
  local sizes, generator = parameters.draw(self.name .. ":rsample", shape,
    opts)
  return self:draw(sizes, generator)
end

--- Log-density or log-probability of values, in nats.
---@param x orrery.Tensor|number  [..., batch..., event...]
---@return orrery.Tensor nats  [..., batch...]
function Distribution:log_prob(x)  -- luacheck: ignore
  blame("%s: it has no log_prob", self.name)
end

--- -E log p, in nats.
---@return orrery.Tensor nats  [batch...]
function Distribution:entropy()
  blame("%s: its entropy has no closed form; average -log_prob over draws",
    self.name)
end

--- The expected value, [batch..., event...].
function Distribution:mean()
  blame("%s: its mean has no closed form; average draws", self.name)
end

--- The variance of each element, [batch..., event...].
function Distribution:var()
  blame("%s: its variance has no closed form; take that of draws", self.name)
end

--- The standard deviation of each element, [batch..., event...].
function Distribution:std() return self:var():sqrt() end

--- The likeliest value.
---@return orrery.Tensor  [batch..., event...]
function Distribution:mode()
  blame("%s: its mode has no formula here; maximise log_prob", self.name)
end

--- The probability of a value up to x.
---@param x orrery.Tensor|number
---@return orrery.Tensor  [..., batch...]
function Distribution:cdf(x)  -- luacheck: ignore
  blame("%s: its cdf has no closed form", self.name)
end

--- The value up to which a share u of the law lies, of counts the least one
--- up to which there is as much: found by halving where there is no closed
--- form, then without gradient.
---@param u orrery.Tensor|number  0 to 1
---@return orrery.Tensor  [..., batch...]
function Distribution:icdf(u)
  return require "orrery.dist.inverse"(self, u)
end

--- All values that a discrete law can take, along a new first axis.
---@return orrery.Tensor  [values, batch..., event...]
function Distribution:enumerate_support()
  blame("%s: its values cannot be listed", self.name)
end

--- The same law with its batch expanded.
---@param ... integer  sizes, or a table of them
function Distribution:expand(...)
  local shape = type((...)) == "table" and ... or { ... }
  local given = {}
  for _, name in ipairs(self.parameter_names) do
    given[name] = self[name]:expand(self.joined(shape, self.parameter_shape))
  end
  return getmetatable(self)(given)
end

return Distribution
