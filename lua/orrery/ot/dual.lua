--- The other side of transport (Kantorovich & Rubinstein 1958): W1 is the most
--- that a function of slope at most 1 can tell two laws apart by. A critic is
--- such a function, trained.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local dual = {}

--- How far f tells samples apart: mean f(x) - mean f(y). For every f whose
--- slope is nowhere over 1 it is at most W1.
---@param f fun(x: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor  [N, ...]
---@param y orrery.Tensor  [M, ...]
---@return orrery.Tensor  a scalar
function dual.dual(f, x, y)
  options.callable("dual", "f", f)
  return f(x):mean() - f(y):mean()
end

---@class orrery.ot.Critic
---@field net orrery.nn.Module
---@field optimizer orrery.optim.Optimizer
---@field taken integer  steps so far
local Critic = {}
Critic.__index = Critic

local function rate(self)
  if not self.steps then return end
  local left = math.min(1, 2 * (1 - self.taken / self.steps))
  for i, group in ipairs(self.optimizer.param_groups) do
    group.lr = self.rates[i] * math.max(0, left)
  end
end

local function hold(self)
  if not self.clip then return end
  orrery.no_grad(function()
    for _, p in ipairs(self.net:parameters()) do
      p:clamp_(-self.clip, self.clip)
    end
  end)
end

--- One step towards telling x from y.
---@param x orrery.Tensor  [B, ...]
---@param y orrery.Tensor  [B, ...], as many
---@return number estimate  of this batch, before the step
function Critic:step(x, y)
  rate(self)
  local estimate = orrery.tidy(function()
    local value = dual.dual(self.net, x, y)
    local loss = -value
    if self.penalty then
      loss = loss + self.penalty(self.net, x, y, self.generator) * self.weight
    end
    self.optimizer:minimize(loss)
    hold(self)
    return value:item()
  end)
  self.taken = self.taken + 1
  return estimate
end

--- What the critic makes of samples; clipping leaves it in units of its own.
---@param x orrery.Tensor
---@param y orrery.Tensor
---@return number
function Critic:estimate(x, y)
  return orrery.no_grad(dual.dual, self.net, x, y):item()
end

--- The mean norm of its gradient between samples. Penalised, it is a little
--- over 1; the estimate divided by it is free of that.
---@param x orrery.Tensor
---@param y orrery.Tensor  as many
---@param generator? orrery.Generator  of the places
---@return number
function Critic:slope(x, y, generator)
  local penalties = require "orrery.gan.penalties"
  return orrery.tidy(function()
    local sizes = { x:size(1) }
    for k = 2, x:dim() do sizes[k] = 1 end
    local u = orrery.rand(sizes, { dtype = x.dtype,
      generator = generator or self.generator })
    return penalties.norms(self.net, orrery.lerp(y, x, u)):mean():item()
  end)
end

--- For checkpoints.
function Critic:state_dict()
  return { net = self.net:state_dict(), taken = self.taken,
    optimizer = self.optimizer:state_dict() }
end

function Critic:load_state_dict(state)
  self.net:load_state_dict(state.net)
  self.optimizer:load_state_dict(state.optimizer)
  self.taken = state.taken
end

local function optimizer_of(o)
  if o.optimizer then return o.optimizer end
  local optim, parameters = require "orrery.optim", o.net:parameters()
  if o.clip then return optim.RMSprop(parameters, { lr = 5e-5 }) end
  return optim.Adam(parameters, { lr = 1e-3, betas = { 0.5, 0.9 } })
end

--- A critic to be trained by `step`. Options:
---   net        examples -> [B, 1]
---   penalty    "gp" (Gulrajani et al. 2017) unless given or clipped, "lp"
---              (Petzka et al. 2018), or false
---   weight     of the penalty, 10. A two-sided one of this weight is best at
---              a slope of 1 + W1 / (2 weight), not at 1
---   clip       instead of a penalty: weights stay within it (Arjovsky et al.
---              2017)
---   steps      of the whole training: the rate falls to 0 over its second
---              half; without, it stays
---   optimizer  Adam(1e-3, betas 0.5, 0.9); RMSprop(5e-5) when clipped
---   generator  random numbers of the penalty
---@param given table
---@return orrery.ot.Critic
function dual.Critic(given)
  local o = options.take("Critic", given, { weight = 10 }, { "net", "penalty",
    "clip", "steps", "optimizer", "generator" })
  if not require("orrery.nn.module").is_module(o.net) then
    blame("Critic: net is %s; give a module", options.shown(o.net))
  end
  options.number("Critic", "weight", o.weight)
  if o.clip ~= nil then
    options.number("Critic", "clip", o.clip, function(v) return v > 0 end,
      "a number over 0")
  end
  if o.steps then options.count("Critic", "steps", o.steps) end
  local kind = o.penalty
  if kind == nil and not o.clip then kind = "gp" end
  if kind and kind ~= "gp" and kind ~= "lp" then
    blame("Critic: penalty is %s; give gp, lp or false", options.shown(kind))
  end
  o.penalty = kind and require("orrery.gan.penalties")[kind] or nil
  o.optimizer, o.taken, o.rates = optimizer_of(o), 0, {}
  for i, group in ipairs(o.optimizer.param_groups) do
    o.rates[i] = group.lr
  end
  return setmetatable(o, Critic)
end

return dual
