--- Learning rates over time. Each schedule gives the rate after t calls of
--- step() in closed form, so that resuming needs t alone. Names, options and
--- values are PyTorch's.
---
---     local schedule = optim.lr_scheduler.StepLR(opt, { step_size = 30 })
---     for epoch = 1, epochs do ... schedule:step() end
local blame = require "orrery.blame"
local options = require "orrery.options"
local program = require "orrery.core".program

---@class orrery.optim.Schedule
---@field last_epoch integer  steps so far
local Schedule = {}
Schedule.__index = Schedule

local schedulers = {}

local function set_rates(self)
  for g, group in ipairs(self.optimizer.param_groups) do
    group.lr = self.rate(self.last_epoch, self.base_lrs[g], g)
  end
end

--- One step further.
function Schedule:step()
  program.refuse "a schedule's step() sets the rate"
  self.last_epoch = self.last_epoch + 1
  set_rates(self)
end

--- The present rate of each parameter group.
---@return number[]
function Schedule:get_last_lr()
  local rates = {}
  for g, group in ipairs(self.optimizer.param_groups) do rates[g] = group.lr end
  return rates
end

---@return table
function Schedule:state_dict()
  return { last_epoch = self.last_epoch,
    base_lrs = { table.unpack(self.base_lrs) } }
end

---@param state table  from state_dict
function Schedule:load_state_dict(state)
  if type(state) ~= "table" or math.type(state.last_epoch) ~= "integer"
    or type(state.base_lrs) ~= "table"
    or #state.base_lrs ~= #self.base_lrs then
    blame("load_state_dict: state is not of a schedule over %d parameter "
      .. "groups; give what state_dict gave", #self.base_lrs)
  end
  self.last_epoch = state.last_epoch
  self.base_lrs = { table.unpack(state.base_lrs) }
  set_rates(self)
end

local function check_optimizer(who, optimizer)
  if type(optimizer) ~= "table" or type(optimizer.param_groups) ~= "table" then
    blame("%s: optimizer is %s; give the optimiser whose lr is to change", who,
      options.shown(optimizer))
  end
end

--- A schedule from its rate(t, base_lr, group).
local function schedule(who, optimizer, rate)
  check_optimizer(who, optimizer)
  local self = setmetatable({ optimizer = optimizer, rate = rate,
    last_epoch = 0, base_lrs = {} }, Schedule)
  for g, group in ipairs(optimizer.param_groups) do
    group.initial_lr = group.initial_lr or group.lr
    self.base_lrs[g] = group.initial_lr
  end
  set_rates(self)
  return self
end

--- Times gamma (0.1) every step_size steps.
function schedulers.StepLR(optimizer, opts)
  local who = "steplr"
  opts = options.take(who, opts, { gamma = 0.1 }, { "step_size" })
  local size = options.count(who, "step_size", opts.step_size)
  local gamma = options.number(who, "gamma", opts.gamma)
  return schedule(who, optimizer, function(t, base)
    return base * gamma ^ (t // size)
  end)
end

--- Times gamma (0.1) at each of the milestones.
function schedulers.MultiStepLR(optimizer, opts)
  local who = "multisteplr"
  opts = options.take(who, opts, { gamma = 0.1 }, { "milestones" })
  if type(opts.milestones) ~= "table" then
    blame("%s: milestones are %s; give a list of steps", who,
      options.shown(opts.milestones))
  end
  local milestones = { table.unpack(opts.milestones) }
  for i, m in ipairs(milestones) do
    options.count(who, "milestone " .. i, m, 0)
  end
  local gamma = options.number(who, "gamma", opts.gamma)
  return schedule(who, optimizer, function(t, base)
    local passed = 0
    for _, m in ipairs(milestones) do if m <= t then passed = passed + 1 end end
    return base * gamma ^ passed
  end)
end

--- Times gamma every step.
function schedulers.ExponentialLR(optimizer, opts)
  local who = "exponentiallr"
  opts = options.take(who, opts, {}, { "gamma" })
  local gamma = options.number(who, "gamma", opts.gamma)
  return schedule(who, optimizer, function(t, base) return base * gamma ^ t end)
end

--- Half a cosine from lr to eta_min (0) in T_max steps, and back after them
--- (Loshchilov & Hutter 2017, without restarts).
function schedulers.CosineAnnealingLR(optimizer, opts)
  local who = "cosineannealinglr"
  opts = options.take(who, opts, { eta_min = 0 }, { "T_max" })
  local T = options.count(who, "T_max", opts.T_max)
  local low = options.number(who, "eta_min", opts.eta_min)
  return schedule(who, optimizer, function(t, base)
    return low + (base - low) * (1 + math.cos(math.pi * t / T)) / 2
  end)
end

--- From start_factor (1/3) to end_factor (1) times lr in total_iters (5)
--- equal steps: a warm-up, or with the factors exchanged a ramp down.
function schedulers.LinearLR(optimizer, opts)
  local who = "linearlr"
  local o = options.take(who, opts,
    { start_factor = 1 / 3, end_factor = 1, total_iters = 5 })
  options.count(who, "total_iters", o.total_iters)
  options.number(who, "start_factor", o.start_factor,
    function(v) return v > 0 and v <= 1 end, "a number in (0, 1]")
  options.number(who, "end_factor", o.end_factor,
    function(v) return v >= 0 and v <= 1 end, "a number in [0, 1]")
  return schedule(who, optimizer, function(t, base)
    local part = math.min(t, o.total_iters) / o.total_iters
    return base * (o.start_factor + (o.end_factor - o.start_factor) * part)
  end)
end

--- Times fn(t); a list of functions has one for each parameter group.
---@param fn fun(t: integer): number
function schedulers.LambdaLR(optimizer, fn)
  local who = "lambdalr"
  check_optimizer(who, optimizer)
  local list = type(fn) == "table" and not getmetatable(fn) and fn
  for g = 1, list and #optimizer.param_groups or 0 do
    options.callable(who, "function " .. g, list[g])
  end
  if not list then options.callable(who, "fn", fn) end
  return schedule(who, optimizer, function(t, base, g)
    return base * options.number(who, "the factor", (list and list[g] or fn)(t))
  end)
end

--- One schedule after another: the k-th takes over at milestone k - 1 and
--- counts its own steps from there.
---@param pieces orrery.optim.Schedule[]
---@param milestones integer[]  one less than there are pieces
function schedulers.SequentialLR(optimizer, pieces, milestones)
  local who = "sequentiallr"
  if type(pieces) ~= "table" or type(milestones) ~= "table"
    or #milestones ~= #pieces - 1 then
    blame("%s: give a list of schedules and one milestone less", who)
  end
  for k, piece in ipairs(pieces) do
    if type(piece) ~= "table" or type(piece.rate) ~= "function" then
      blame("%s: entry %d is %s; give schedules", who, k, options.shown(piece))
    end
  end
  for k, m in ipairs(milestones) do
    options.count(who, "milestone " .. k, m, 0)
  end
  return schedule(who, optimizer, function(t, base, g)
    local piece, start = pieces[1], 0
    for k, m in ipairs(milestones) do
      if t >= m then piece, start = pieces[k + 1], m end
    end
    return piece.rate(t - start, base, g)
  end)
end

-- ----------------------------------------------------------------- plateau

---@class orrery.optim.ReduceLROnPlateau
local Plateau = setmetatable({}, { __index = Schedule })
Plateau.__index = Plateau

local function is_better(self, a)
  local best, o = self.best, self.opts
  if best == nil then return a == a end
  if o.threshold_mode == "rel" then
    if o.mode == "min" then return a < best * (1 - o.threshold) end
    return a > best * (1 + o.threshold)
  end
  if o.mode == "min" then return a < best - o.threshold end
  return a > best + o.threshold
end

--- Tells how well it goes; without progress for `patience` steps the rate
--- falls.
---@param metric number
function Plateau:step(metric)
  program.refuse "a schedule's step() sets the rate"
  options.number("reducelronplateau", "metric", metric)
  local o = self.opts
  self.last_epoch = self.last_epoch + 1
  if is_better(self, metric) then
    self.best, self.num_bad = metric, 0
  else
    self.num_bad = self.num_bad + 1
  end
  if self.cooldown > 0 then
    self.cooldown, self.num_bad = self.cooldown - 1, 0
  end
  if self.num_bad <= o.patience then return end
  self.cooldown, self.num_bad = o.cooldown, 0
  for _, group in ipairs(self.optimizer.param_groups) do
    local rate = math.max(group.lr * o.factor, o.min_lr)
    if group.lr - rate > o.eps then group.lr = rate end
  end
end

function Plateau:state_dict()
  return { last_epoch = self.last_epoch, best = self.best,
    num_bad = self.num_bad, cooldown = self.cooldown,
    rates = self:get_last_lr() }
end

function Plateau:load_state_dict(state)
  local groups = self.optimizer.param_groups
  if type(state) ~= "table" or type(state.rates) ~= "table"
    or #state.rates ~= #groups then
    blame("load_state_dict: state is not of a plateau schedule over %d "
      .. "parameter groups; give what state_dict gave", #groups)
  end
  for _, name in ipairs { "last_epoch", "best", "num_bad", "cooldown" } do
    self[name] = state[name]
  end
  for g, group in ipairs(groups) do group.lr = state.rates[g] end
end

--- Times factor when a metric has not improved for more than `patience` steps.
---@param opts? { mode?: "min"|"max", factor?: number, patience?: integer,
---   threshold?: number, threshold_mode?: "rel"|"abs", cooldown?: integer,
---   min_lr?: number, eps?: number }
function schedulers.ReduceLROnPlateau(optimizer, opts)
  local who = "reducelronplateau"
  check_optimizer(who, optimizer)
  opts = options.take(who, opts, { mode = "min", factor = 0.1, patience = 10,
    threshold = 1e-4, threshold_mode = "rel", cooldown = 0, min_lr = 0,
    eps = 1e-8 })
  if opts.mode ~= "min" and opts.mode ~= "max" then
    blame("%s: mode is %s; use min or max", who, options.shown(opts.mode))
  end
  options.number(who, "factor", opts.factor,
    function(v) return v < 1 end, "a number below 1")
  for _, name in ipairs { "patience", "cooldown" } do
    opts[name] = options.count(who, name, opts[name], 0)
  end
  for _, name in ipairs { "threshold", "min_lr", "eps" } do
    options.number(who, name, opts[name])
  end
  if opts.threshold_mode ~= "rel" and opts.threshold_mode ~= "abs" then
    blame("%s: threshold_mode is %s; use rel or abs", who,
      options.shown(opts.threshold_mode))
  end
  return setmetatable({ optimizer = optimizer, opts = opts, last_epoch = 0,
    num_bad = 0, cooldown = 0 }, Plateau)
end

return schedulers
