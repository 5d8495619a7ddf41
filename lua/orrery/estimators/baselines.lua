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
local leave_one_out = { of = function(_, values, context)
  local m = context.group
  if m < 2 then
    blame("score: leave-one-out needs two draws for an estimate; n is %d", m)
  end
  local rows = values:reshape(-1, m)
  local sums = rows:sum { axis = 2, keepdim = true }
  return ((sums - rows) / (m - 1)):reshape(-1)
end }

-- The running mean of f over earlier calls; 0 at the first.
local Running = {}
Running.__index = Running

function Running:of(values)
  local before = self.mean or 0
  local now = values:mean():item()
  self.mean = self.mean and self.decay * self.mean + (1 - self.decay) * now
    or now
  return before
end
function Running:state() return { mean = self.mean } end
function Running:set_state(state) self.mean = state.mean end

-- What a network says of the input that the draws belong to (or of nothing: a
-- number that is learned), fitted to f by squared error after it was used.
local Learned = {}
Learned.__index = Learned

function Learned:of(values, context)
  local said = self.net and self.net(context.input):reshape(-1)
    or self.number:expand(values:size(1))
  if said:size(1) < values:size(1) then  -- several draws for each input
    said = said:repeat_interleave(values:size(1) // said:size(1))
  end
  local error2 = ((values - said) ^ 2):mean()
  orrery.enable_grad(function() self.opt:minimize(error2) end)
  return said:detach()
end

function Learned:state()
  return { net = self.net and self.net:state_dict(),
    number = self.number and self.number:item(), opt = self.opt:state_dict() }
end

function Learned:set_state(state)
  if self.net then
    self.net:load_state_dict(state.net)
  else
    orrery.no_grad(function() self.number:fill_(state.number) end)
  end
  self.opt:load_state_dict(state.opt)
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
  if value == "mean" then
    return setmetatable({ decay = 0.99 }, Running)
  end
  if value == "loo" then return leave_one_out end
  if type(value) == "table" and value.of then return value end
  blame("score: baseline is %s; it is a number, \"none\", \"mean\", \"loo\" "
    .. "or estimators.learned {}", options.shown(value))
end

return baselines
