--- What is taken from f before it meets the score: any number that does not
--- depend on the draw leaves the estimate unbiased (Williams 1992).
local orrery = require "orrery"
local blame = require "orrery.blame"
local optim = require "orrery.optim"
local options = require "orrery.options"

local baselines = {}

-- A number.
local function constant(number)
  return { of = function() return number end }
end

-- The mean of the other draws of the group (Kool, van Hoof & Welling 2019).
local leave_one_out = { of = function(values, context)
  local m = context.group
  if m < 2 then
    blame("score: leave-one-out needs two draws for an estimate; n is %d", m)
  end
  local rows = values:reshape(-1, m)
  local sums = rows:sum { axis = 2, keepdim = true }
  return ((sums - rows) / (m - 1)):reshape(-1)
end }

-- The running mean of f over earlier calls; 0 at the first.
local function running_mean(decay)
  local self, mean = {}, nil
  function self.of(values)
    local before = mean or 0
    local now = values:mean():item()
    mean = mean and decay * mean + (1 - decay) * now or now
    return before
  end
  return self
end

-- What a network says of the input that the draws belong to (or of nothing: a
-- number that is learned), fitted to f by squared error after it was used.
local Learned = {}
Learned.__index = Learned

function Learned:of(values, context)
  local said = self.net and self.net(context.input):reshape(-1)
    or self.number:expand(values:size(1))
  local error2 = ((values - said) ^ 2):mean()
  orrery.enable_grad(function() self.opt:minimize(error2) end)
  return said:detach()
end

--- A baseline that is learned.
---@param given? { net?: orrery.nn.Module, lr?: number }  net maps the option
---  `input` of the surrogate, [n, ...], to [n] or [n, 1]; a number when absent
function baselines.learned(given)
  local o = options.take("learned", given, { lr = 1e-2 }, { "net" })
  local self = setmetatable({ net = o.net }, Learned)
  if not o.net then self.number = orrery.zeros({}):requires_grad_() end
  self.opt = optim.Adam(o.net or { self.number }, { lr = o.lr })
  return self
end

--- The baseline that is meant: nil, a number, "mean", "loo", or one made here.
function baselines.read(value)
  if value == nil or value == "none" then return constant(0) end
  if type(value) == "number" then return constant(value) end
  if value == "mean" then return running_mean(0.99) end
  if value == "loo" then return leave_one_out end
  if type(value) == "table" and value.of then return value end
  blame("score: baseline is %s; it is a number, \"none\", \"mean\", \"loo\" "
    .. "or estimators.learned {}", options.shown(value))
end

--- The baseline's value for each f.
function baselines.of(baseline, values, context)
  if getmetatable(baseline) == Learned then
    return baseline:of(values, context)
  end
  return baseline.of(values, context)
end

return baselines
