--- Hooks on gradients, gradients kept by results, and what must not leak.
local orrery, t = require "orrery", require "orrery.testing"

local function f64(v) return orrery.tensor(v, { dtype = "float64" }) end
local function leaf(v) return f64(v):requires_grad_() end

t.test("a hook on a leaf sees the whole gradient once", function()
  local x, seen = leaf { 1, 2 }, {}
  x:register_hook(function(g) seen[#seen + 1] = g:tolist() end);
  (x * x + x * 3):sum():backward()
  t.equal(seen, { { 5, 7 } })
  t.equal(x.grad:tolist(), { 5, 7 })
end)

t.test("a hook's result takes the gradient's place, in order", function()
  local x = leaf { 1, 2 }
  local y = x * 3
  y:register_hook(function(g) return g * 10 end)
  y:register_hook(function(g) return g + 1 end)
  x:register_hook(function(g) return -g end);
  (y * y):sum():backward()
  -- dy = 2 y = { 6, 12 }, then 61 and 121, times 3, negated
  t.equal(x.grad:tolist(), { -183, -363 })
end)

t.test("grad sees hooks too, on its targets and on the way", function()
  local x = leaf { 1, 2 }
  local y = x * 3
  y:register_hook(function(g) return g * 10 end)
  x:register_hook(function(g) return g * 100 end)
  local gs = orrery.grad((y * y):sum(), { x, y })
  t.equal(gs[1]:tolist(), { 18000, 36000 })
  t.equal(gs[2]:tolist(), { 60, 120 })
  t.equal(x.grad, nil)
end)

t.test("a removed hook is not run, and may remove itself", function()
  local x, runs = leaf { 1 }, 0
  local handle
  handle = x:register_hook(function()
    runs = runs + 1
    handle:remove()
  end)
  for _ = 1, 3 do (x * 2):sum():backward() end
  t.equal(runs, 1)
  handle:remove()
  local other = x:register_hook(function() runs = runs + 10 end)
  other:remove();
  (x * 2):sum():backward()
  t.equal(runs, 1)
end)

t.test("with create_graph a hook is part of the graph", function()
  local x = leaf { 2, 3 }
  x:register_hook(function(g) return g * g end)
  local g = orrery.grad((x ^ 3):sum(), { x }, { create_graph = true })[1]
  t.equal(g:detach():tolist(), { 144, 729 })  -- (3 x^2)^2 = 9 x^4
  local y = leaf { 2, 3 }
  local z = y * 1
  local hook = z:register_hook(function(gz) return gz * z end)
  local first = orrery.grad((z ^ 2):sum(), { y }, { create_graph = true })[1]
  t.equal(first:detach():tolist(), { 8, 18 })  -- 2 y^2
  hook:remove()
  t.equal(orrery.grad(first:sum(), { y })[1]:tolist(), { 8, 12 })
end)

t.test("without create_graph a hook records nothing", function()
  local x, inside = leaf { 1 }, nil
  x:register_hook(function(g) inside = (g * x).requires_grad end);
  (x * 2):sum():backward()
  t.equal(inside, false)
end)

t.test("what goes wrong in a hook surfaces, and changes no gradient",
  function()
    local x = leaf { 1, 2 }
    local y = x * 2
    local broken = y:register_hook(function() error("no luck", 0) end)
    t.fails("no luck", function()
      y:sum():backward { retain_graph = true }
    end)
    t.equal(x.grad, nil)
    broken:remove()
    local wrong = y:register_hook(function() return 3 end)
    t.fails("register_hook: the hook returned the number 3; return a tensor "
      .. "like the gradient, or nothing to leave it",
      function() y:sum():backward { retain_graph = true } end)
    wrong:remove()
    y:register_hook(function() return f64 { 1 } end)
    t.fails("register_hook: the hook returned float64 [1] but the gradient "
      .. "is float64 [2]; match them", function() y:sum():backward() end)
    t.equal(x.grad, nil)
  end)

t.test("an error that is no string keeps what it is", function()
  local x, mark = leaf { 1 }, {}
  x:register_hook(function() error(mark) end)
  local ok, seen = pcall(function() (x * 2):sum():backward() end)
  t.ok(not ok and rawequal(seen, mark))
end)

t.test("a sentence of an op in a hook has the hook's line", function()
  local x = leaf { 1, 2 }
  local here = debug.getinfo(1, "l").currentline + 1
  x:register_hook(function(g) return g:view(3) end)
  local _, why = pcall(function() (x * 2):sum():backward() end)
  t.ok(why:find("test_hooks.lua:" .. here .. ": view: x is [2]", 1, true), why)
end)

t.test("hooks are refused where there is no gradient", function()
  t.fails("register_hook: the tensor does not require grad; call "
    .. "requires_grad_() first", function()
    f64 { 1 }:register_hook(print)
  end)
  t.fails("register_hook: fn is the number 3; pass a function", function()
    leaf { 1 }:register_hook(3)
  end)
  t.fails_like("retain_grad: the tensor does not require grad", function()
    f64 { 1 }:retain_grad()
  end)
end)

t.test("a hook may differentiate the graph it is called from", function()
  local w = leaf { 3 }
  local v = w * 1
  local square, inner, once = (v * v):sum(), nil, false
  v:register_hook(function()
    if once then return end
    once = true
    inner = orrery.grad(square, { w }, { retain_graph = true })[1]:item()
  end)
  square:backward { retain_graph = true }
  t.equal(inner, 6)
  t.equal(w.grad:tolist(), { 6 })
end)

t.test("a hook that asks for its own pass ends with an error", function()
  local x = leaf { 2 }
  local y = x ^ 2
  local z = (y * y):sum()
  y:register_hook(function()
    orrery.grad(z, { x }, { retain_graph = true })
  end)
  t.fails_like("stack", function() z:backward { retain_graph = true } end)
  t.equal(x.grad, nil)
end)

t.test("a result keeps its gradient when asked to", function()
  local x = leaf { 1, 2 }
  local y = x * 3
  t.ok(rawequal(y:retain_grad(), y) and y.retains_grad)
  t.ok(not x:retain_grad().retains_grad, "a leaf has it anyway")
  local z = (y * y):sum():retain_grad()
  z:backward { retain_graph = true }
  t.equal(y.grad:tolist(), { 6, 12 })
  t.equal(z.grad:item(), 1)
  y:register_hook(function(g) return g * 2 end)
  z:backward { retain_graph = true }
  t.equal(y.grad:tolist(), { 18, 36 }, "added, after the hooks")
  orrery.grad((y * 1):sum(), { x }, { retain_graph = true })
  t.equal(y.grad:tolist(), { 18, 36 }, "grad adds nothing")
end)

t.test("a tensor gone before backward keeps no gradient", function()
  local x = leaf { 1, 2 }
  local loss = orrery.tidy(function()
    return ((x * 3):retain_grad() * 2):sum()
  end)
  loss:backward()
  t.equal(x.grad:tolist(), { 6, 6 })
end)

t.test("hooks leave nothing behind", function()
  local function round()
    local x = leaf { 1, 2 }
    local y = x * 3
    y:register_hook(function(g) return g * x end)
    y:register_hook(function(g) return g * y:detach() end):remove()
    y:retain_grad()
    x:register_hook(function(g) return g * 2 end);
    (y * y):sum():backward()
    local z = x * 2
    z:register_hook(function() error "never run" end)
    pcall(function()
      local w = x * 2
      w:register_hook(function() error "stop" end)
      w:sum():backward()
    end)
  end
  local function live()
    collectgarbage()
    collectgarbage()
    local tensors, _, _, blocks = orrery.live()
    return tensors, blocks
  end
  round()
  local tensors, blocks = live()
  for _ = 1, 20 do round() end
  local after, blocks_after = live()
  t.equal(after, tensors)
  t.equal(blocks_after, blocks)
end)

t.test("a hook outlives the tensor it was put on, as long as it can run",
  function()
    local runs = 0
    local function make()
      local x = leaf { 1, 2 }
      local y = x * 3
      y:register_hook(function() runs = runs + y:numel() end)
      x:register_hook(function() runs = runs + 10 * x:numel() end)
      return (y * 2):sum()
    end
    local a, b = make(), orrery.tidy(make)
    for _ = 1, 4 do collectgarbage() end
    a:backward()
    b:backward()
    t.equal(runs, 44)
  end)

t.test("each allocation of a pass with hooks may fail", function()
  for n = 1, 40 do
    local x = leaf { 1, 2 }
    local y = (x * 3):retain_grad()
    y:register_hook(function(g) return g * 2 end)
    x:register_hook(function(g) return g + 1 end)
    local z = (y * y):sum()
    orrery.fail_after(n)
    local ok = pcall(z.backward, z)
    orrery.fail_after(0)
    if not ok then
      t.equal(x.grad, nil)
      t.equal(y.grad, nil)
    else
      t.equal(x.grad:tolist(), { 37, 73 })
      t.equal(y.grad:tolist(), { 12, 24 })
    end
  end
end)
