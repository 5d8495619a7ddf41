--- Recomputing in backward: the same bits, less memory, clear refusals.
local orrery, t = require "orrery", require "orrery.testing"
local nn, F = orrery.nn, orrery.nn.functional

local function same_bits(a, b, what)
  t.equal(a:shape_str(), b:shape_str())
  t.ok(a:equal(b), what or "the same bits")
end

-- A block with random zeros, random noise and a view.
local function block(linear, noise)
  return function(x)
    local h = F.dropout(linear(x):relu(), 0.3)
    return h:view(-1):view(h:shape()) + orrery.randn_like(h) * 0.1
      + orrery.randn({ h:shape() }, { generator = noise })
  end
end

-- Gradients of two blocks, run plainly or by `run`.
local function gradients(run, wants)
  orrery.manual_seed(7)
  local noise = orrery.Generator(3)
  local a, b = nn.Linear(5, 5), nn.Linear(5, 5)
  local x = orrery.randn(4, 5):requires_grad_()
  local y = run(block(b, noise), run(block(a, noise), x))
  local loss = (y * y):sum()
  local list = { x, a.weight, a.bias, b.weight, b.bias }
  if wants == "grad" then
    list = orrery.grad(loss, list)
  else
    loss:backward()
    for i, p in ipairs(list) do list[i] = p.grad end
  end
  list[#list + 1] = loss:detach()
  list[#list + 1] = orrery.randn(3)  -- the streams go on alike
  list[#list + 1] = orrery.randn({ 3 }, { generator = noise })
  return list
end

local function plainly(fn, ...) return fn(...) end

local function nested(fn, ...)
  return orrery.checkpoint(function(...)
    return orrery.checkpoint(fn, orrery.checkpoint(function(v)
      return v * 1
    end, ...))
  end, ...)
end

for _, way in ipairs { "backward", "grad" } do
  t.test("the gradients are the same, bit for bit: " .. way, function()
    local want = gradients(plainly, way)
    local got = gradients(orrery.checkpoint, way)
    for i, w in ipairs(want) do same_bits(got[i], w, "entry " .. i) end
  end)
end

t.test("a checkpoint in a checkpoint changes no bit either", function()
  local want, got = gradients(plainly), gradients(nested)
  for i, w in ipairs(want) do same_bits(got[i], w, "entry " .. i) end
end)

t.test("tensors in between are gradients' way too", function()
  local x = orrery.tensor({ 1, 2 }, { requires_grad = true })
  local h = (x * 3):retain_grad()
  local y = orrery.checkpoint(function(v) return (v * h):exp() * h end, x * 0.1)
  y:sum():backward()
  local want = orrery.tensor({ 1, 2 }, { requires_grad = true })
  local k = (want * 3):retain_grad();
  ((want * 0.1 * k):exp() * k):sum():backward()
  same_bits(x.grad, want.grad)
  same_bits(h.grad, k.grad)
end)

t.test("gradients of gradients pass through", function()
  t.gradcheck(function(x, w)
    local y = orrery.checkpoint(function(v)
      return orrery.checkpoint(function(u)
        return (u * w):sigmoid() * u:tanh()
      end, v:exp()) ^ 2
    end, x)
    return orrery.grad(y:sum(), { x, w }, { create_graph = true })[1]
  end, { orrery.rand({ 3 }, { dtype = "float64" }),
    orrery.rand({ 3 }, { dtype = "float64" }) }, { order = 1 })
end)

t.test("the graph can be passed again when it is retained", function()
  local x = orrery.tensor({ 2 }, { requires_grad = true })
  local runs = 0
  local y = orrery.checkpoint(function(v)
    runs = runs + 1
    return v:exp() * v
  end, x)
  y:sum():backward { retain_graph = true }
  local first = x.grad:item()
  y:sum():backward()
  t.equal(runs, 2)
  t.equal(x.grad:item(), 2 * first)
  t.fails_like("already passed", function() y:sum():backward() end)
end)

t.test("any number of results, in tables too, and arguments of any kind",
  function()
    local x = orrery.tensor({ 1, 2 }, { requires_grad = true })
    local a, n, rest = orrery.checkpoint(function(v, k, list, none, last)
      t.equal(none, nil)
      t.equal(last, "end")
      return v * k, k + 1, { list[1] * v, inner = { v:exp() } }
    end, x, 3, { orrery.tensor { 5, 7 } }, nil, "end")
    t.equal(n, 4);
    (a + rest[1]):sum():backward()
    t.equal(x.grad:tolist(), { 8, 10 })
  end)

t.test("without recording it is the function alone", function()
  local x = orrery.tensor({ 2 }, { requires_grad = true })
  local y = orrery.no_grad(orrery.checkpoint, function(v) return v * 2 end, x)
  t.ok(not y.requires_grad)
  local z = orrery.checkpoint(function(v) return v * 2 end, x:detach())
  t.ok(not z.requires_grad)
end)

t.test("arguments outlive the scope they were made in", function()
  local x = orrery.tensor({ 1, 2 }, { requires_grad = true })
  local loss = orrery.tidy(function()
    return orrery.checkpoint(function(v) return v:exp():sin() end, x * 2):sum()
  end)
  loss:backward()
  local want = orrery.tensor({ 1, 2 }, { requires_grad = true });
  (want * 2):exp():sin():sum():backward()
  same_bits(x.grad, want.grad)
end)

-- Highest live memory of a step of n blocks, counted in activations.
local function peak(run, n)
  local weight = orrery.ones({ 64 }):requires_grad_()
  local function step()
    orrery.tidy(function()
      local x = orrery.ones(256, 64):requires_grad_()
      for _ = 1, n do
        x = run(function(v)
          for _ = 1, 4 do v = (v * weight):tanh() end
          return v
        end, x)
      end
      x:sum():backward()
    end)
  end
  step()
  collectgarbage()
  orrery.reset_peak()
  local _, before = orrery.live()
  step()
  local _, _, high = orrery.live()
  return (high - before) / (4 * 256 * 64)
end

t.test("memory grows with the arguments alone", function()
  local plain, less = peak(plainly, 16), peak(orrery.checkpoint, 16)
  t.ok(plain > 16 * 4, plain)  -- what each tanh and product saves
  t.ok(less < 16 + 16, less)   -- one each, and one block
  local deep = peak(function(fn, x)
    return orrery.checkpoint(function(v)
      for _ = 1, 4 do v = orrery.checkpoint(fn, v) end
      return v
    end, x)
  end, 8)
  t.ok(deep < 8 + 4 + 16, deep)  -- blocks of 16 ops, but one of 4 at a time
end)

t.test("a sequence in parts", function()
  local function net(run)
    orrery.manual_seed(1)
    local model = nn.Sequential { nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 8),
      nn.Dropout(0.5), nn.Linear(8, 2) }
    local x = orrery.randn(4, 3):requires_grad_()
    run(model, x):sum():backward()
    return x.grad, model[1].weight.grad, model[5].weight.grad
  end
  local want = { net(function(model, x) return model(x) end) }
  for parts = 1, 5 do
    local got = { net(function(model, x)
      return orrery.checkpoint_sequential(model, parts, x)
    end) }
    for i, w in ipairs(want) do same_bits(got[i], w) end
  end
  t.fails("checkpoint_sequential: segments is 3 but there are 2 functions; "
    .. "give at most that", orrery.checkpoint_sequential,
    { math.sin, math.cos }, 3)
  t.fails("checkpoint_sequential: functions is the number 3; give a list or "
    .. "an nn.Sequential", orrery.checkpoint_sequential, 3, 1)
end)

t.test("running averages see a batch once", function()
  local norm = nn.BatchNorm1d(3)
  local x = orrery.randn(6, 3):requires_grad_()
  local y = orrery.checkpoint(norm, x)
  local before = norm.running_mean:clone()
  y:pow(2):sum():backward()
  same_bits(norm.running_mean, before)
end)

t.test("what cannot be done again is refused with a sentence", function()
  local x = orrery.tensor({ 2 }, { requires_grad = true })
  local again = false
  local y = orrery.checkpoint(function(v)
    local r = again and v:sin() or v:cos()
    again = true
    return r * v
  end, x)
  t.fails_like("^checkpoint: done again for backward, fn did sin in place of "
    .. "the cos at .*test_checkpoint.lua:%d+; it must do the same",
    function() y:sum():backward() end)
  local runs = 0
  local z = orrery.checkpoint(function(v)
    runs = runs + 1
    for _ = runs, 2 do v = v:sin() end
    return v
  end, x)
  t.fails_like("fn did 1 operations of 2", function() z:sum():backward() end)
  t.fails_like("while it runs", function()
    orrery.checkpoint(function(v)
      return orrery.grad((v * v):sum(), { v })[1]
    end, x)
  end)
  local w = orrery.tensor({ 3 }, { requires_grad = true })
  local u = orrery.checkpoint(function(v) return (v * w):exp() end, x)
  orrery.no_grad(function() w:add_(1) end)
  t.fails_like("what mul at .* reads was changed in place since", function()
    u:sum():backward()
  end)
  t.equal(x.grad, nil)
  t.fails("checkpoint: fn is 3; give a function", orrery.checkpoint, 3)
end)

t.test("an error in fn is raised, at either time", function()
  local x = orrery.tensor({ 2 }, { requires_grad = true })
  t.fails("first", function()
    orrery.checkpoint(function() error("first", 0) end, x)
  end)
  local fail = false
  local y = orrery.checkpoint(function(v)
    local e = v:exp()
    if fail then error("second", 0) end
    return e * v
  end, x)
  fail = true
  t.fails("second", function() y:sum():backward() end)
  fail = false
  y:sum():backward()
  t.near(x.grad, { 3 * math.exp(2) }, 1e-5)
end)

t.test("each allocation may fail, and nothing stays behind", function()
  local w = orrery.tensor({ 0.5, 0.25 }, { requires_grad = true })
  local function round(n)
    local x = orrery.tensor({ 1, 2 }, { requires_grad = true })
    orrery.fail_after(n)
    local ok = pcall(function()
      local y = orrery.checkpoint(function(v)
        return orrery.checkpoint(function(u) return (u * w):exp() end, v)
          * F.dropout(v, 0.5)
      end, x)
      y:sum():backward()
    end)
    orrery.fail_after(0)
    t.ok(orrery.is_grad_enabled())
    if not ok then t.equal(x.grad, nil) end
    w.grad = nil
    return ok
  end
  local function blocks()
    collectgarbage()
    collectgarbage()
    return select(4, orrery.live())
  end
  round(0)
  local before, n = blocks(), 0
  local ok
  repeat
    n = n + 1
    ok = round(n)
  until ok or n > 500
  t.ok(ok and n > 50, n)
  t.equal(blocks(), before)
end)

t.test("a function that knows its own result goes with it", function()
  local function live()
    for _ = 1, 4 do collectgarbage() end
    return (orrery.live())
  end
  local x = orrery.ones(3):requires_grad_()
  local function round(pass)
    local y
    y = orrery.checkpoint(function(v)
      local known = y and 1 or 1
      return v:exp() * known
    end, x)
    pass(y)
  end
  local function backward(y)
    y:sum():backward()
    x.grad = nil
  end
  round(backward)
  local before = live()
  for _ = 1, 5 do round(backward) end
  t.equal(live(), before)
  -- Without a backward the scope ends it.
  for _ = 1, 5 do orrery.tidy(round, function() end) end
  t.equal(live(), before)
end)
