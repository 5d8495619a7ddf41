--- The numbers of a bijector that has few: learned as they are, or, with a
--- context, a linear function of it for each row, as an encoder gives those of
--- its image's posterior (Rezende & Mohamed 2015, section 4.2).
local orrery = require "orrery"
local nn = require "orrery.nn"
local options = require "orrery.options"

local own = {}

--- Options with what all such bijectors take added.
---@param who string
---@param given? table
---@param defaults table
---@return table
function own.options(who, given, defaults)
  defaults.context, defaults.dtype = 0, "float32"
  local o = options.take(who, given, defaults, { "generator" })
  o.context = options.count(who, "context", o.context, 0)
  return o
end

--- Standard normal numbers, [n].
function own.noise(o, n)
  return orrery.randn({ n }, { dtype = o.dtype, generator = o.generator })
end

--- Sets what `numbers` reads; `first` [P] are the numbers to begin with, from
--- which a context then leads away.
function own.init(self, o, first)
  self.context = o.context
  if o.context == 0 then
    self.own = first:requires_grad_()
    return
  end
  self.net = nn.Linear(o.context, first:size(1), { dtype = o.dtype,
    generator = o.generator })
  orrery.no_grad(function() self.net.bias:copy_(first) end)
end

--- The numbers, [1 or B, P].
function own.numbers(self, context, rows)
  self:want_context(context, self.context, rows)
  return self.net and self.net(context) or self.own:unsqueeze(1)
end

return own
