--- Numbers that change from call to call of a compiled step: those given as
--- arguments, options of optimisers, the decay of running averages.
local orrery, t = require "orrery", require "orrery.testing"
local nn, optim, F = orrery.nn, orrery.optim, orrery.nn.functional

--- Same results, bit for bit, as the function itself gives, for each list of
--- arguments in turn.
local function check(fn, calls, recordings, opts)
  local step = orrery.compile(fn, opts)
  for i, args in ipairs(calls) do
    local want = { fn(table.unpack(args)) }
    local got = { step(table.unpack(args)) }
    t.equal(#got, #want)
    for k, y in ipairs(want) do
      if orrery.is_tensor(y) then
        t.equal(got[k].dtype, y.dtype)
        t.equal(got[k]:reshape(-1):tolist(), y:reshape(-1):tolist(),
          ("result %d of call %d"):format(k, i))
      else
        t.equal(got[k], y)
      end
    end
  end
  t.equal(step.recordings, recordings or 1)
end

local fractions = { 0.1, 1 / 3, 2.7182818284590452, -1e-3, 1e10 + 0.25, 5e-324,
  0.30000001192092896 }

for _, dtype in ipairs { "float32", "float64" } do
  t.test("arithmetic with a number has the bits of " .. dtype, function()
    local calls = {}
    for i, b in ipairs(fractions) do
      calls[i] = { orrery.rand({ 2, 3 }, 0.5, 2):to(dtype), b }
    end
    check(function(x, b)
      return x * b, b * x, x + b, b + x, x - b, b - x, x / b, b / x, x ^ b,
        -b * x, (1 - b) * x, x * (b * 2 + 1 / 3) / (b - 0.7),
        orrery.maximum(x, b), orrery.lerp(x, x + 1, b), x:gt(b),
        orrery.where(x:gt(1), x, b)
    end, calls)
    check(function(x, b)
      local y = x * 1
      y:mul_(b)
      y:add_(b)
      local w = x:detach():requires_grad_()
      return y, orrery.grad((w * b * w + (b + b) * w / b):sum(), { w })[1]
    end, calls)
  end)
end

t.test("numbers come in tables and go out", function()
  local calls = {}
  for i, b in ipairs { 0.1, 1 / 3, 2.7182818284590452 } do
    calls[i] = { { weight = b, x = orrery.randn(2), "text" }, b / 3 }
  end
  check(function(batch, c)
    return batch.x * batch.weight - c, c, batch.weight * 2 + c
  end, calls)
end)

t.test("whole numbers and what is no number are part of the key", function()
  local x = orrery.randn(3)
  local function scaled(v, b) return v * b end
  check(scaled, { { x, 0.5 }, { x, 2 }, { x, 2.0 }, { x, 2.0 }, { x, 0.0 },
    { x, -0.0 }, { x, 1 / 0 }, { x, 0.75 } }, 6)
  check(scaled, { { x, 0.5 }, { x, 0.25 }, { x, 0.5 } }, 2,
    { fixed_numbers = true })
  check(function(v, b)
    if b > 0.3 then return v end
    return v * b
  end, { { x, 0.5 }, { x, 0.25 }, { x, 0.5 } }, 2, { fixed_numbers = true })
  t.fails("compile: fixed_numbers is 1; use true or false", orrery.compile,
    print, { fixed_numbers = 1 })
end)

t.test("a step inside a step hands its numbers on", function()
  local inner = orrery.compile(function(x, b) return x * b end)
  check(function(x, b) return inner(x, b + 1) end,
    { { orrery.ones(2), 0.5 }, { orrery.ones(2), 0.3 } })
  t.equal(inner.recordings, 1)  -- where the function itself called it
end)

t.test("what would have to know a number is refused at its line", function()
  local x = orrery.ones(2)
  local function refused(pattern, fn)
    local step = orrery.compile(fn)
    local ok, why = pcall(step, x, 0.3)
    t.ok(not ok and why:find(pattern) and why:find "fixed_numbers = true"
      and why:find "test_compile_numbers.lua:%d+: ", tostring(why))
    t.ok(not orrery.program.recording())
  end
  refused("comparing a number", function(v, b) return b > 0 and v or v * 2 end)
  refused("comparing a number", function(v, b) return 1 <= b and v or v end)
  refused("comparing a number", function(v, b) return b == b + 0 and v end)
  refused("comparing a number", function(v, b)
    return pcall(function() return b < 1 end) and v or v * 2
  end)
  refused("printing a number", function(v, b) return v, tostring(b) end)
  refused("printing a number", function(v, b) return v, "b " .. b end)
  refused("other than %+ %- %* /", function(v, b) return v * b ^ 3 end)
  refused("other than %+ %- %* /", function(v, b) return v * (b // 1) end)
  refused("axis of sum", function(v, b) return v:sum(b) end)
  refused("value of full", function(_, b) return orrery.full({ 2 }, b) end)
  refused("number expected", function(v, b) return v * math.exp(b) end)
  refused("number expected", function(v, b) return v, ("%g"):format(b) end)
  refused("p of dropout", function(v, b) return F.dropout(v, b) end)
  refused("fill_: value is", function(v, b) return (v * 1):fill_(b) end)
  local ok, why = pcall(orrery.compile(function(v, b) return v:long() * b end),
    x, 0.3)
  t.ok(not ok and why:find "beside whole numbers" and why:find "x:float%(%)",
    why)
end)

--- Parameters after six steps, with options changed in between.
local function trained(compiled, kind, opts, change)
  orrery.manual_seed(5)
  local net, x = nn.Linear(4, 3), orrery.randn(6, 4)
  local opt = optim[kind](net, opts)
  local function fn(v)
    local loss = (net(v) ^ 2):mean()
    opt:minimize(loss)
    return loss
  end
  local step = compiled and orrery.compile(fn) or fn
  for i = 1, 6 do
    change(opt.param_groups[1], i)
    step(x)
  end
  if compiled then t.equal(step.recordings, 1) end
  return { net.weight:tolist(), net.bias:tolist() }
end

t.test("options of optimisers may change between calls", function()
  local changes = {
    SGD = { { momentum = 0.9 }, function(g, i)
      g.lr, g.momentum, g.weight_decay = 0.1 / i, 0.9 - i / 20, i / 100
    end },
    Adam = { {}, function(g, i)
      g.lr, g.eps, g.weight_decay = 0.1 / i, i * 1e-8, i / 100
      g.beta1, g.beta2 = 0.9 - i / 20, 0.99 - i / 100
    end },
    AdamW = { {}, function(g, i) g.lr, g.weight_decay = 0.1 / i, i / 10 end },
    RMSprop = { { momentum = 0.5 }, function(g, i)
      g.lr, g.alpha, g.momentum = 0.1 / i, 0.9 - i / 20, 0.9 - i / 20
    end },
  }
  for kind, c in pairs(changes) do
    t.equal(trained(true, kind, c[1], c[2]), trained(false, kind, c[1], c[2]))
  end
end)

t.test("the decay of a running average may change between calls", function()
  local function averaged(compiled)
    orrery.manual_seed(6)
    local net, x = nn.Linear(4, 3), orrery.randn(6, 4)
    local ema = orrery.train.EMA(net, { decay = 0.5 })
    local opt = optim.SGD(net, { lr = 0.1 })
    local function fn(v)
      opt:minimize((net(v) ^ 2):mean())
      ema:update()
    end
    local step = compiled and orrery.compile(fn) or fn
    for i = 1, 5 do
      ema.decay = 1 - 1 / (i + 1)
      step(x)
    end
    if compiled then t.equal(step.recordings, 1) end
    return { ema.model.weight:tolist(), ema.model.bias:tolist() }
  end
  t.equal(averaged(true), averaged(false))
end)

t.test("beta may rise during training", function()
  local function annealed(compiled)
    orrery.manual_seed(7)
    local net, x = nn.Linear(5, 4), orrery.randn(3, 5)
    local opt = optim.Adam(net, { lr = 0.01 })
    local function fn(v, beta)
      local mean, logvar = net(v):chunk(2, 2)
      local kl = (mean ^ 2 + logvar:exp() - logvar - 1):sum() * 0.5
      local loss = (mean - 1):abs():sum() + kl * beta
      opt:minimize(loss)
      return loss, beta
    end
    local step, seen = compiled and orrery.compile(fn) or fn, {}
    for i = 1, 12 do
      local loss, beta = step(x, math.min(1, i / 10))
      seen[i] = { loss:item(), beta }
    end
    -- one for what rises, one for 1, which is whole
    if compiled then t.equal(step.recordings, 2) end
    return seen
  end
  t.equal(annealed(true), annealed(false))
end)
