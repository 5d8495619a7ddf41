--- Invertible maps of single numbers, for Transformed. Each has
---     forward(x) -> y, log |dy/dx|        inverse(y) -> x, log |dy/dx|
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local transforms = {}

local function kind(name, init)
  local class = { name = name }
  class.__index = class
  function class.__tostring() return name end
  transforms[name] = setmetatable(class, { __call = function(_, ...)
    local self = setmetatable({}, class)
    if init then init(self, ...) end
    return self
  end })
  return class
end

--- y = loc + scale x.
local Affine = kind("Affine", function(self, loc, scale)
  for name, value in pairs { loc = loc or 0, scale = scale or 1 } do
    self[name] = orrery.is_tensor(value) and value
      or orrery.tensor(options.number("Affine", name, value),
        { dtype = "float64" })
  end
end)
function Affine:forward(x)
  return self.loc + self.scale * x, self.scale:abs():log() + x * 0
end
function Affine:inverse(y)
  return (y - self.loc) / self.scale, self.scale:abs():log() + y * 0
end

--- y = e^x.
local Exp = kind "Exp"
function Exp:forward(x) return x:exp(), x end
function Exp:inverse(y)
  local x = y:log()
  return x, x
end

--- y = 1 / (1 + e^-x).
local Sigmoid = kind "Sigmoid"
function Sigmoid:forward(x)
  return x:sigmoid(), -x:softplus() - (-x):softplus()
end
function Sigmoid:inverse(y) return y:logit(), y:log() + (-y):log1p() end

--- y = tanh x.
local Tanh = kind "Tanh"
function Tanh:forward(x)
  return x:tanh(), (math.log(2) - x - (x * -2):softplus()) * 2
end
function Tanh:inverse(y) return y:atanh(), (-(y ^ 2)):log1p() end

--- y = log(1 + e^x).
local Softplus = kind "Softplus"
function Softplus:forward(x) return x:softplus(), -(-x):softplus() end
function Softplus:inverse(y)
  local x = y + (-(-y):expm1()):log()
  return x, -(-x):softplus()
end

--- One after another: the first of the list first.
local Chain = kind("Chain", function(self, list)
  if type(list) ~= "table" then
    blame("Chain: transforms are %s; give a list", options.shown(list))
  end
  for i, t in ipairs(list) do
    if type(t) ~= "table" or not t.forward or not t.inverse then
      blame("Chain: entry %d is %s; give transforms", i, options.shown(t))
    end
  end
  self.list = list
end)
function Chain:forward(x)
  local total
  for _, t in ipairs(self.list) do
    local slope
    x, slope = t:forward(x)
    total = total and total + slope or slope
  end
  return x, total or x * 0
end
function Chain:inverse(y)
  local total
  for i = #self.list, 1, -1 do
    local slope
    y, slope = self.list[i]:inverse(y)
    total = total and total + slope or slope
  end
  return y, total or y * 0
end

return transforms
