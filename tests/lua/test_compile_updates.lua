--- A run of a compiled step is all or nothing: at whatever row it ends early,
--- parameters, optimiser state, running statistics and streams are as before
--- it; and what it writes outside comes last where that is legal.
local orrery, t = require "orrery", require "orrery.testing"
local nn, optim, F = orrery.nn, orrery.optim, orrery.nn.functional
local program = require "orrery.core".program

--- All tensors of modules and optimisers, counts and the stream, as text.
local function seen(modules, optimizers, more)
  local list = {}
  local function add(x)
    for _, v in ipairs(x:detach():reshape(-1):tolist()) do
      list[#list + 1] = ("%a"):format(v)
    end
  end
  for _, m in ipairs(modules) do
    for _, p in ipairs(m:parameters()) do add(p) end
    for _, b in ipairs(m:buffers()) do add(b) end
  end
  for _, opt in ipairs(optimizers) do
    for _, group in ipairs(opt.param_groups) do
      for _, state in ipairs(group.state) do
        for _, name in ipairs { "step", "exp_avg", "exp_avg_sq",
          "momentum_buffer", "square_avg" } do
          local v = state[name]
          list[#list + 1] = math.type(v) and tostring(v)
          if orrery.is_tensor(v) then add(v) end
        end
      end
    end
  end
  for _, x in ipairs(more or {}) do add(x) end
  list[#list + 1] = tostring(orrery.default_generator():state().counter)
  return table.concat(list, " ")
end

--- A game of two nets with batch statistics, dropout, clipping, a running
--- average and a buffer written by hand; everything it changes.
local function game()
  orrery.manual_seed(3)
  local G = nn.Sequential { nn.Linear(2, 6), nn.BatchNorm1d(6), nn.ReLU(),
    nn.Dropout(0.3), nn.Linear(6, 2) }
  local D = nn.Sequential { nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1) }
  local optG = optim.Adam(G, { lr = 0.01 })
  local optD = optim.SGD(D, { lr = 0.1, momentum = 0.9 })
  local ema = orrery.train.EMA(G, { decay = 0.9 })
  local count, x = orrery.zeros(3), orrery.randn(8, 2)
  local function bce(logits, label)
    return F.binary_cross_entropy_with_logits(logits,
      orrery.full_like(logits, label))
  end
  local function step()
    local fake = G(orrery.randn(8, 2))
    for _ = 1, 2 do
      optD:minimize(bce(D(x), 1) + bce(D(fake:detach()), 0), { max_norm = 1 })
    end
    local loss = bce(D(fake), 1)
    optG:minimize(loss)
    ema:update()
    orrery.no_grad(function() count:add_(x:sum():mul(0.5)) end)
    return loss
  end
  return step, { G, D, ema.model }, { optG, optD }, { count }
end

t.test("without memory at any point nothing has changed", function()
  local fn, modules, optimizers, more = game()
  local step, failed, done = orrery.compile(fn), 0, 0
  step()
  step()
  local before = seen(modules, optimizers, more)
  for n = 1, 2000 do
    orrery.fail_after(n)
    local ok, why = pcall(step)
    orrery.fail_after(0)
    local after = seen(modules, optimizers, more)
    if ok then
      done = done + 1
      t.ok(after ~= before)
      before = after
      if done == 2 then break end
    else
      t.ok(tostring(why):find "memory", tostring(why))
      t.ok(after == before, "changed when call " .. n .. " failed")
      failed = failed + 1
    end
  end
  t.ok(failed > 20, failed)
end)

t.test("interrupted after any row, it is all before or all after", function()
  local fn, modules, optimizers, more = game()
  local step = orrery.compile(fn)
  step()
  local before = seen(modules, optimizers, more)
  local cut, whole = 0, 0
  for row = 1, 400 do
    program.interrupt_after(row)
    local ok, why = pcall(step)
    program.interrupt_after(0)
    orrery.clear_interrupt()
    local after = seen(modules, optimizers, more)
    if ok then
      whole = whole + 1
      t.ok(after ~= before)
      before = after
    else
      t.ok(tostring(why):find "interrupted", tostring(why))
      t.ok(after == before, "changed by an interrupt after row " .. row)
      cut = cut + 1
    end
  end
  t.ok(cut > 40 and whole > 10, cut .. " " .. whole)
end)

t.test("after ends of all kinds it goes on as if they had not been", function()
  local function trace(disturbed)
    local fn, modules, optimizers, more = game()
    local step = disturbed and orrery.compile(fn) or fn
    for i = 1, 6 do
      if disturbed and i > 1 then
        program.interrupt_after(11 * i)
        pcall(step)
        program.interrupt_after(0)
        orrery.clear_interrupt()
        orrery.fail_after(3 * i)
        pcall(step)
        orrery.fail_after(0)
      end
      step()
    end
    return seen(modules, optimizers, more)
  end
  t.ok(trace(true) == trace(false))
end)

--- The names of the rows from the first update on.
local function from_updates(step)
  local names, on = {}, false
  for name in step:describe():gmatch "\n%s*%d+  (%S+)" do
    on = on or name == "update"
    if on then names[#names + 1] = name end
  end
  return table.concat(names, " ")
end

t.test("updates that nobody waits for come last, after all else", function()
  local a, b = nn.Linear(3, 3), nn.Linear(3, 3)
  local optA, optB = optim.Adam(a), optim.SGD(b)
  local x = orrery.randn(4, 3)
  local step = orrery.compile(function()
    local loss = (a(x) ^ 2):mean()
    optA:minimize(loss)
    local other = (b(x) ^ 2):mean()
    optB:minimize(other)
    return loss, other
  end)
  step()
  t.equal(from_updates(step), "update update")
end)

t.test("what a later row reads is updated before it", function()
  local net, x = nn.Linear(3, 1), orrery.randn(4, 3)
  local opt = optim.SGD(net, { lr = 0.1 })
  local function fn()
    opt:minimize((net(x) ^ 2):mean())
    return net(x):detach()
  end
  local step, y = orrery.compile(fn), nil
  for _ = 1, 3 do y = step() end
  t.equal(y, net(x):detach())
  t.ok(from_updates(step):find "linear", from_updates(step))
end)

t.test("gradients written after an update were not seen by it", function()
  local w = orrery.ones { 3, requires_grad = true }
  local opt = optim.SGD({ w }, { lr = 0.5 })
  local step = orrery.compile(function(x)
    w.grad = nil
    (w * x):sum():backward()
    opt:step()
    orrery.no_grad(function() w.grad:mul_(0) end)
  end)
  for k = 1, 4 do
    step(orrery.full({ 3 }, k))
    t.equal(w.grad:tolist(), { 0, 0, 0 })
  end
  t.equal(w:detach():tolist(), { -4, -4, -4 })
end)

t.test("an average of a parameter, before its update and after", function()
  local w = orrery.ones { 2, requires_grad = true }
  local before, after = orrery.zeros(2), orrery.zeros(2)
  local opt = optim.SGD({ w }, { lr = 1 })
  local step = orrery.compile(function()
    local loss = (w * 1):sum()
    local g = orrery.grad(loss, { w })[1]
    orrery.no_grad(function() before:copy_(w * 2) end)
    w.grad = g
    opt:step()
    orrery.no_grad(function() after:copy_(w * 2) end)
  end)
  for k = 1, 4 do
    step()
    t.equal(before:tolist(), { 4 - 2 * k, 4 - 2 * k })
    t.equal(after:tolist(), { 2 - 2 * k, 2 - 2 * k })
  end
end)

t.test("a loss that is not finite stops a compiled loop before it", function()
  for _, compile in ipairs { false, true } do
    local net = nn.Linear(2, 1)
    local opt = optim.Adam(net, { lr = 0.1 })
    local run = orrery.train.run { model = net, optimizer = opt, steps = 9,
      compile = compile, progress = false,
      data = function(i)
        return orrery.full({ 3, 2 }, i == 4 and 1e30 or i)
      end,
      step = function(batch) return (net(batch[1]) ^ 2):mean() end }
    for _ = 1, 3 do run:step() end
    local before = seen({ net }, { opt })
    local ok, why = pcall(run.step, run)
    t.ok(not ok and why:find "train: diverged: loss is inf at step 4", why)
    t.ok(seen({ net }, { opt }) == before)
  end
end)

t.test("the first loss that is not finite is noticed too", function()
  local net = nn.Linear(2, 1)
  local before = net.weight:tolist()
  t.fails_like("loss is nan at step 1", orrery.train.loop, { model = net,
    optimizer = optim.SGD(net), steps = 2, compile = true, progress = false,
    data = function() return orrery.full({ 1, 2 }, 0 / 0) end,
    step = function(batch) return net(batch[1]):sum() end })
  t.equal(net.weight:tolist(), before)
end)
