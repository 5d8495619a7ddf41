--- Continuous flows: points carried along by a field (Chen et al. 2018;
--- Grathwohl et al. 2019).
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local blame = require "orrery.blame"
local nn = require "orrery.nn"
local options = require "orrery.options"
local solvers = require "orrery.flow.solvers"

-- A field f(x, t): a net of x with the time and the context beside it.
local Field = nn.Module:subclass "Field"

function Field:init(features, o)
  self.layers = nn.ModuleList {}
  local from = features + 1 + o.context
  local like = { dtype = o.dtype, generator = o.generator }
  for i, n in ipairs(o.hidden) do
    n = options.count("flow.Continuous", "hidden " .. i, n)
    self.layers:append(nn.Linear(from, n, like))
    from = n
  end
  self.layers:append(nn.Linear(from, features, like))
end

function Field:forward(x, t, context)
  local time = orrery.full({ x:size(1), 1 }, t, { dtype = x.dtype })
  local h = orrery.cat({ x, time, context }, 2)
  for i = 1, #self.layers - 1 do h = self.layers[i](h):tanh() end
  return self.layers[#self.layers](h)
end

--- z = x(T), where x(0) = x and dx/dt = f(x, t): one to one whatever the field,
--- and log |det dz/dx| is the integral of its divergence. The way back runs
--- the time back; both are exact up to the solver's error, which `steps` or
--- `tolerance` make smaller. Gradients are those of the steps taken.
---@class orrery.flow.Continuous: orrery.flow.Bijector
---@field features integer  D
---@field net orrery.nn.Module  f(x, t, context)
---@field calls integer  of f, in the last pass
local Continuous = Bijector:subclass "Continuous"

local solver_kinds = { rk4 = true, dopri5 = true }
local trace_kinds = { exact = true, hutchinson = true }

local function choice(who, name, value, known, wish)
  if not known[value] then
    blame("%s: %s is %s; give %s", who, name, options.shown(value), wish)
  end
  return value
end

local function numbers(self, who, o)
  local function positive(v) return v > 0 and v < math.huge end
  self.time = options.number(who, "time", o.time, positive, "a number over 0")
  self.tolerance = options.number(who, "tolerance", o.tolerance, positive,
    "a number over 0")
  self.steps = options.count(who, "steps", o.steps)
  self.most = options.count(who, "most", o.most)
  self.context = options.count(who, "context", o.context, 0)
end

---@param features integer
---@param opts? table  net (a function of x [B, D], the time t and the context,
---  that gives dx/dt [B, D]; a module's parameters are the flow's); hidden =
---  { 64, 64 } (of the tanh net there is otherwise); time = 1 (T); solver =
---  "rk4" with steps = 20, or "dopri5" with tolerance = 1e-5 and most = 1000
---  steps; trace = "exact" (one gradient for each feature) or "hutchinson" (one
---  in all: e' J e with e = +-1 drawn for each pass, right on average); context
---  = 0; dtype; generator (of weights and e)
function Continuous:init(features, opts)
  local who = "flow.Continuous"
  local o = options.take(who, opts, { hidden = { 64, 64 }, time = 1,
    solver = "rk4", steps = 20, tolerance = 1e-5, most = 1000,
    trace = "exact", context = 0, dtype = "float32" }, { "net", "generator" })
  self.features = options.count(who, "features", features)
  self.solver = choice(who, "solver", o.solver, solver_kinds, "rk4 or dopri5")
  self.trace = choice(who, "trace", o.trace, trace_kinds,
    "exact or hutchinson")
  numbers(self, who, o)
  if type(o.hidden) ~= "table" then
    blame("%s: hidden is %s; give a list of layer sizes", who,
      options.shown(o.hidden))
  end
  self.net = o.net and options.callable(who, "net", o.net)
    or Field(self.features, o)
  self.generator = o.generator
end

-- The gradient of a number by x; zeros where it does not depend on x.
local function gradient(y, x, keep)
  if not y.requires_grad then return orrery.zeros_like(x:detach()) end
  return orrery.grad(y, { x }, { create_graph = keep, retain_graph = true,
    allow_unused = true })[1]
end

-- The trace of df/dx of each row, [B]; along e alone, if given.
local function divergence(dx, x, e, keep)
  if e then return (gradient((dx * e):sum(), x, keep) * e):sum(2) end
  local total
  for i = 1, x:size(2) do
    local g = gradient(dx:narrow(2, i, 1):sum(), x, keep):narrow(2, i, 1)
    total = total and total + g or g
  end
  return total:squeeze(2)
end

local function field(self, x, t, context)
  local dx = self.net(x, t, context)
  if not options.is_tensor(dx) or dx:shape_str() ~= x:shape_str() then
    self:fail("net gave %s for x %s; return dx/dt, as large as x",
      options.shown(dx), x:shape_str())
  end
  return dx
end

-- dy/dt of y = { x, log-determinant }.
local function dynamics(self, context, e)
  local keep = orrery.is_grad_enabled()
  return function(t, y)
    local _ <close> = orrery.enable_grad()
    local x = y[1]
    if not (keep and x.requires_grad) then x = x:detach():requires_grad_() end
    local dx = field(self, x, t, context)
    local more = divergence(dx, x, e, keep)
    if keep then return { dx, more } end
    return { dx:detach(), more:detach() }
  end
end

local function solve(self, x, context, from, to)
  local e
  if self.trace == "hutchinson" then
    e = orrery.rand({ x:shape() }, { generator = self.generator }):to(x.dtype)
      :lt(0.5):to(x.dtype) * 2 - 1
  end
  local f = dynamics(self, context, e)
  local y = { x, x:new_zeros { x:size(1) } }
  if self.solver == "rk4" then
    y, self.calls = solvers.rk4(f, y, from, to, self.steps)
    return y[1], y[2]
  end
  y, self.calls = solvers.dopri5(f, y, from, to, self.tolerance, self.most)
  if not y then
    self:fail("%d steps do not reach a tolerance of %g; give a larger one, a "
      .. "smoother field, or float64", self.most, self.tolerance)
  end
  return y[1], y[2]
end

---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor z  [B, D]
---@return orrery.Tensor logdet  [B], nats; an unbiased estimate with Hutchinson
function Continuous:forward(x, context)
  self:want("x", x, self.features)
  self:want_context(context, self.context, x:size(1))
  return solve(self, x, context, 0, self.time)
end

---@param z orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor x  [B, D]
---@return orrery.Tensor logdet  [B], nats
function Continuous:inverse(z, context)
  self:want("z", z, self.features)
  self:want_context(context, self.context, z:size(1))
  return solve(self, z, context, self.time, 0)
end

function Continuous:extra_repr()
  return ("%d, %s, %s trace"):format(self.features, self.solver, self.trace)
end

return { Continuous = Continuous }
