-- Optimisers and schedules against PyTorch's formulas written out in plain
-- Lua numbers, one parameter entry at a time.
local orrery, t = require "orrery", require "orrery.testing"
local optim = orrery.optim

-- Gradients that differ per entry and step; the last entry's is sometimes 0.
local function gradient(step, i)
  return math.sin(1.7 * step + i) + (i == 3 and -math.sin(1.7 * step + i) or 0)
end

local start = { 0.5, -1.25, 2, 0.03 }

--- Runs `steps` of an optimiser over one parameter of four entries.
local function run(make, dtype, steps)
  local p = orrery.tensor(start, { dtype = dtype, requires_grad = true })
  local opt = make { p }
  for step = 1, steps do
    local g = {}
    for i = 1, #start do g[i] = gradient(step, i) end
    p.grad = orrery.tensor(g, { dtype = dtype })
    opt:step()
  end
  return p, opt
end

--- The same by rule(p, g, state, step) -> p on each entry.
local function by_hand(rule, steps)
  local out = {}
  for i, p in ipairs(start) do
    local state = {}
    for step = 1, steps do p = rule(p, gradient(step, i), state, step) end
    out[i] = p
  end
  return out
end

local function sgd_rule(o)
  return function(p, g, s)
    g = g + (o.weight_decay or 0) * p
    local mu = o.momentum or 0
    if mu ~= 0 then
      s.v = s.v and mu * s.v + (1 - (o.dampening or 0)) * g or g
      g = o.nesterov and g + mu * s.v or s.v
    end
    return p - o.lr * g
  end
end

local function adam_rule(o)
  local b1, b2 = table.unpack(o.betas or { 0.9, 0.999 })
  return function(p, g, s, step)
    local decay = o.weight_decay or 0
    if o.decoupled then p = p - o.lr * decay * p else g = g + decay * p end
    s.m = b1 * (s.m or 0) + (1 - b1) * g
    s.v = b2 * (s.v or 0) + (1 - b2) * g * g
    local m, v = s.m / (1 - b1 ^ step), s.v / (1 - b2 ^ step)
    return p - o.lr * m / (math.sqrt(v) + (o.eps or 1e-8))
  end
end

local function rmsprop_rule(o)
  local alpha = o.alpha or 0.99
  return function(p, g, s)
    g = g + (o.weight_decay or 0) * p
    s.square = alpha * (s.square or 0) + (1 - alpha) * g * g
    local v = s.square
    if o.centered then
      s.mean = alpha * (s.mean or 0) + (1 - alpha) * g
      v = v - s.mean * s.mean
    end
    local d = g / (math.sqrt(v) + (o.eps or 1e-8))
    if (o.momentum or 0) ~= 0 then
      s.buffer = o.momentum * (s.buffer or 0) + d
      d = s.buffer
    end
    return p - o.lr * d
  end
end

local cases = {
  { "SGD", sgd_rule, { lr = 0.1 } },
  { "SGD", sgd_rule, { lr = 0.1, weight_decay = 0.3 } },
  { "SGD", sgd_rule, { lr = 0.1, momentum = 0.9 } },
  { "SGD", sgd_rule, { lr = 0.1, momentum = 0.9, dampening = 0.4 } },
  { "SGD", sgd_rule,
    { lr = 0.1, momentum = 0.8, nesterov = true, weight_decay = 0.01 } },
  { "Adam", adam_rule, { lr = 0.05 } },
  { "Adam", adam_rule,
    { lr = 0.05, betas = { 0.5, 0.9 }, eps = 1e-3, weight_decay = 0.2 } },
  { "AdamW", adam_rule, { lr = 0.05, weight_decay = 0.2 },
    { decoupled = true } },
  { "RMSprop", rmsprop_rule, { lr = 0.02 } },
  { "RMSprop", rmsprop_rule,
    { lr = 0.02, alpha = 0.8, momentum = 0.5, weight_decay = 0.1 } },
  { "RMSprop", rmsprop_rule, { lr = 0.02, centered = true, eps = 1e-4 } },
}

for k, case in ipairs(cases) do
  local name, rule, o, also = table.unpack(case)
  local hand = {}
  for key, value in pairs(o) do hand[key] = value end
  for key, value in pairs(also or {}) do hand[key] = value end
  local function make(params) return optim[name](params, o) end
  t.test(("%s follows its formula in float64 (case %d)"):format(name, k),
    function()
      t.near(run(make, "float64", 12), by_hand(rule(hand), 12), 1e-12)
    end)
  t.test(("%s follows its formula in float32 (case %d)"):format(name, k),
    function()
      t.near(run(make, "float32", 12), by_hand(rule(hand), 12), 2e-5)
    end)
end

t.test("AdamW decays by 0.01 unless told", function()
  local p = run(optim.AdamW, "float64", 3)
  t.near(p, by_hand(adam_rule { lr = 1e-3, weight_decay = 0.01,
    decoupled = true }, 3), 1e-12)
end)

t.test("a parameter that joins late counts its own steps", function()
  local function adam(both_from)
    local p = orrery.tensor({ 1, 2 }, { dtype = "float64" }):requires_grad_()
    local q = orrery.tensor({ 3 }, { dtype = "float64" }):requires_grad_()
    local opt = optim.Adam({ p, q }, { lr = 0.1 })
    for step = 1, 4 do
      p.grad = orrery.tensor({ 0.5 * step, -1 }, { dtype = "float64" })
      q.grad = step >= both_from
        and orrery.tensor({ 0.25 * step }, { dtype = "float64" }) or nil
      opt:step()
    end
    return q:item(), p:tolist()
  end
  local rule, state, q = adam_rule { lr = 0.1 }, {}, 3
  for step = 3, 4 do q = rule(q, 0.25 * step, state, step - 2) end
  local late, with_late = adam(3)
  local _, alone = adam(9)
  t.near(late, q, 1e-12)
  t.equal(with_late, alone)
end)

t.test("groups have options of their own and share the rest", function()
  local p = orrery.tensor({ 1 }, { dtype = "float64" }):requires_grad_()
  local q = orrery.tensor({ 1 }, { dtype = "float64" }):requires_grad_()
  local opt = optim.SGD({ { params = { p } }, { params = { q }, lr = 2 } },
    { lr = 1, weight_decay = 0.5 })
  p.grad = orrery.tensor({ 1 }, { dtype = "float64" })
  q.grad = orrery.tensor({ 1 }, { dtype = "float64" })
  opt:step()
  t.near({ p, q }, { { -0.5 }, { -2 } })
end)

t.test("minimize gives gradients to its own parameters only", function()
  local p = orrery.tensor { 2 }:requires_grad_()
  local q = orrery.tensor { 3 }:requires_grad_()
  local opt = optim.SGD({ p }, { lr = 0.5 })
  opt:minimize((p * q):sum())
  t.near(p, { 0.5 })
  t.ok(q.grad == nil, "q has a gradient")
end)

t.test("minimize clips and returns the norm before", function()
  local p = orrery.tensor { 0, 0 }:requires_grad_()
  local opt = optim.SGD({ p }, { lr = 1 })
  local _, norm = opt:minimize((p * orrery.tensor { 3, 4 }):sum(),
    { max_norm = 1 })
  t.near(norm, 5)
  t.near(p, { -0.6, -0.8 })
end)

t.test("a saved state goes on with the same bits", function()
  local function make(p) return optim.Adam({ p }, { lr = 0.1 }) end
  local function train(p, opt, from, to)
    for step = from, to do
      opt:minimize(((p - step) ^ 2):sum())
    end
  end
  local a = orrery.tensor { 1, 2, 3 }:requires_grad_()
  local whole = make(a)
  train(a, whole, 1, 10)
  local b = orrery.tensor { 1, 2, 3 }:requires_grad_()
  local first = make(b)
  train(b, first, 1, 5)
  local c = b:detach():clone():requires_grad_()
  local second = make(c)
  second:load_state_dict(first:state_dict())
  train(c, second, 6, 10)
  t.equal(c, a)
end)

t.test("a state that does not fit is refused whole", function()
  local p = orrery.tensor { 1, 2 }:requires_grad_()
  local q = orrery.tensor { 1, 2, 3 }:requires_grad_()
  local one, two = optim.Adam { p }, optim.Adam { q }
  t.fails("load_state_dict: exp_avg of parameter 1 of group 1 is [3] but [2] "
    .. "here; load the state of an optimiser made alike",
    one.load_state_dict, one, two:state_dict())
  t.fails("load_state_dict: state is of sgd but the optimiser is adam; make "
    .. "them alike", one.load_state_dict, one, optim.SGD({ p }):state_dict())
  t.fails("load_state_dict: group 1 has 2 parameters in the state but 1 here; "
    .. "make them alike", one.load_state_dict, one,
    optim.Adam({ p, q }):state_dict())
end)

t.test("misuse is named at the caller's line", function()
  local p = orrery.tensor { 1 }:requires_grad_()
  t.fails("adam: unknown option learning_rate; it takes beta1, beta2, "
    .. "decoupled, eps, initial_lr, lr, weight_decay", optim.Adam, { p },
    { learning_rate = 1 })
  t.fails("sgd: unknown option momentun; did you mean momentum?", optim.SGD,
    { p }, { momentun = 1 })
  t.fails("sgd: lr is -1; give a number of at least 0", optim.SGD, { p },
    { lr = -1 })
  t.fails("sgd: nesterov needs momentum above 0 and dampening 0", optim.SGD,
    { p }, { nesterov = true })
  t.fails("adam: params are an empty list; give model:parameters()",
    optim.Adam, {})
  t.fails("adam: params are missing; give model:parameters()", optim.Adam)
  t.fails("adam: options are 0.1; write them as { lr = 1e-3 }",
    optim.Adam, { p }, 0.1)
  t.fails("adam: parameter 2 is in the list twice; give it once", optim.Adam,
    { p, p })
  t.fails("adam: optimizer.lr is of each group of parameters; set "
    .. "optimizer.param_groups[1].lr", function()
    optim.Adam({ p }).lr = 0.1
  end)
  t.fails_like("^adam: parameter 1 is the result of mul", optim.Adam,
    { p * p })
  t.fails("adam: betas are 1; give { beta1, beta2 }", optim.Adam, { p },
    { betas = 1 })
end)

t.test("a gradient of the wrong shape changes nothing", function()
  local p = orrery.tensor { 1, 2 }:requires_grad_()
  local q = orrery.tensor { 1 }:requires_grad_()
  local opt = optim.SGD({ p, q }, { lr = 1 })
  p.grad = orrery.tensor { 1, 1 }
  local ok = pcall(function() q.grad = orrery.tensor { 1, 2, 3 } end)
  if ok then t.ok(not pcall(opt.step, opt), "the step was done") end
  t.near(p, { 1, 2 })
end)

t.test("whichever allocation fails, a step over groups is done or not begun",
  function()
    local function make()
      local p = orrery.tensor { 1, 2 }:requires_grad_()
      local q = orrery.tensor { 3 }:requires_grad_()
      p.grad, q.grad = orrery.tensor { 1, 1 }, orrery.tensor { 1 }
      return p, q, optim.SGD({ { params = { p } }, { params = { q }, lr = 2 } },
        { lr = 1, momentum = 0.5 })
    end
    local n, errors = 0, 0
    repeat
      n = n + 1
      local p, q, opt = make()
      orrery.fail_after(n)
      local ok = pcall(opt.step, opt)
      orrery.fail_after(0)
      if not ok then errors = errors + 1 end
      t.near({ p, q }, ok and { { 0, 1 }, { 1 } } or { { 1, 2 }, { 3 } })
      t.equal(opt.param_groups[2].state[1].step, ok and 1 or 0)
    until n == 20
    t.ok(errors > 0)
  end)

t.test("an option of a later group that is refused changes no group",
  function()
    local p = orrery.tensor { 1, 2 }:requires_grad_()
    local q = orrery.tensor { 3 }:requires_grad_()
    p.grad, q.grad = orrery.tensor { 1, 1 }, orrery.tensor { 1 }
    local opt = optim.SGD({ { params = { p } }, { params = { q } } },
      { lr = 1 })
    opt.param_groups[2].lr = -1
    t.fails_like("^sgd: lr is %-1", opt.step, opt)
    t.equal(p:tolist(), { 1, 2 })
    opt.param_groups[2].lr = 2
    opt:step()
    t.equal({ p:tolist(), q:tolist() }, { { 0, 1 }, { 1 } })
  end)

t.test("a step asked for during an interrupt is whole", function()
  local p = orrery.tensor { 1, 2 }:requires_grad_()
  local opt = optim.SGD({ p }, { lr = 1 })
  p.grad = orrery.tensor { 1, 1 }
  orrery.interrupt()
  local ok = pcall(opt.step, opt)
  orrery.clear_interrupt()
  t.near(p, ok and { 0, 1 } or { 1, 2 })
end)

-- ---------------------------------------------------------------- schedules

local function rates(make, steps, metrics)
  local p = orrery.tensor { 1 }:requires_grad_()
  local opt = optim.SGD({ p }, { lr = 0.4 })
  local schedule = make(opt)
  local out = { opt.param_groups[1].lr }
  for step = 1, steps do
    schedule:step(metrics and metrics[step])
    out[#out + 1] = opt.param_groups[1].lr
  end
  return out
end

local S = optim.lr_scheduler

t.test("StepLR falls every step_size steps", function()
  t.near(rates(function(o) return S.StepLR(o, { step_size = 2 }) end, 5),
    { 0.4, 0.4, 0.04, 0.04, 0.004, 0.004 })
end)

t.test("MultiStepLR falls at its milestones", function()
  t.near(rates(function(o)
    return S.MultiStepLR(o, { milestones = { 1, 4 }, gamma = 0.5 })
  end, 5), { 0.4, 0.2, 0.2, 0.2, 0.1, 0.1 })
end)

t.test("ExponentialLR multiplies every step", function()
  t.near(rates(function(o) return S.ExponentialLR(o, { gamma = 0.5 }) end, 3),
    { 0.4, 0.2, 0.1, 0.05 })
end)

t.test("CosineAnnealingLR satisfies PyTorch's recursion", function()
  local T, low = 6, 0.1
  local wanted = { 0.4 }
  for step = 1, 6 do
    wanted[step + 1] = low + (wanted[step] - low)
      * (1 + math.cos(math.pi * step / T))
      / (1 + math.cos(math.pi * (step - 1) / T))
  end
  t.near(rates(function(o)
    return S.CosineAnnealingLR(o, { T_max = T, eta_min = low })
  end, 6), wanted, 1e-12)
end)

t.test("LinearLR warms up and stays", function()
  t.near(rates(function(o)
    return S.LinearLR(o, { start_factor = 0.25, total_iters = 3 })
  end, 5), { 0.1, 0.2, 0.3, 0.4, 0.4, 0.4 }, 1e-12)
end)

t.test("LambdaLR multiplies the first rate", function()
  t.near(rates(function(o)
    return S.LambdaLR(o, function(step) return 1 / (1 + step) end)
  end, 3), { 0.4, 0.2, 0.4 / 3, 0.1 }, 1e-12)
end)

t.test("SequentialLR hands over at the milestone", function()
  t.near(rates(function(o)
    return S.SequentialLR(o, {
      S.LinearLR(o, { start_factor = 0.5, total_iters = 2 }),
      S.ExponentialLR(o, { gamma = 0.1 }),
    }, { 2 })
  end, 4), { 0.2, 0.3, 0.4, 0.04, 0.004 }, 1e-12)
end)

t.test("ReduceLROnPlateau waits for more than patience bad steps", function()
  t.near(rates(function(o)
    return S.ReduceLROnPlateau(o, { patience = 1, factor = 0.5, cooldown = 1 })
  end, 8, { 1, 1, 1, 1, 1, 1, 0.5, 0.5 }),
    { 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1 })
end)

t.test("a schedule's state goes on", function()
  local p = orrery.tensor { 1 }:requires_grad_()
  local opt = optim.SGD({ p }, { lr = 1 })
  local a = S.StepLR(opt, { step_size = 2 })
  for _ = 1, 3 do a:step() end
  local other = optim.SGD({ p }, { lr = 1 })
  local b = S.StepLR(other, { step_size = 2 })
  b:load_state_dict(a:state_dict())
  t.near(other.param_groups[1].lr, 0.1)
  b:step()
  t.near(other.param_groups[1].lr, 0.01)
end)

t.test("a schedule's misuse is named", function()
  local opt = optim.SGD { orrery.tensor { 1 }:requires_grad_() }
  t.fails("steplr: step_size is missing; give a whole number of at least 1",
    S.StepLR, opt)
  t.fails("steplr: optimizer is missing; give the optimiser whose lr is to "
    .. "change", S.StepLR, nil, { step_size = 1 })
  t.fails("lambdalr: fn is 3; give a function", S.LambdaLR, opt, 3)
end)
