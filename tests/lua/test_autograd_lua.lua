--- Gradients as Lua sees them: backward, grad, recording on and off, scopes.
local orrery, t = require "orrery", require "orrery.testing"

local function leaf(v)
  return orrery.tensor(v, { dtype = "float64", requires_grad = true })
end

t.test("backward adds into .grad, and nil empties it", function()
  local x = leaf { 1, 2, 3 }
  t.equal(x.grad, nil);
  (x * x):sum():backward()
  t.equal(x.grad:tolist(), { 2, 4, 6 });
  (x * x):sum():backward()
  t.equal(x.grad:tolist(), { 4, 8, 12 })
  x.grad = nil
  t.equal(x.grad, nil)
  x.grad = orrery.tensor({ 1, 1, 1 }, { dtype = "float64" })
  x:sum():backward()
  t.equal(x.grad:tolist(), { 2, 2, 2 })
end)

t.test("backward of many elements needs their weights", function()
  local x = leaf { 1, 2 }
  t.fails_like("^backward: ", function() (x * x):backward() end);
  (x * x):backward(orrery.tensor({ 1, 10 }, { dtype = "float64" }))
  t.equal(x.grad:tolist(), { 2, 40 })
end)

t.test("a second backward needs retain_graph", function()
  local x = leaf { 2 }
  local y = (x ^ 3):sum()
  y:backward { retain_graph = true }
  y:backward()
  t.equal(x.grad:tolist(), { 24 })
  t.fails_like("retain_graph", function() y:backward() end)
end)

t.test("grad leaves .grad alone and differentiates again", function()
  local x, y = leaf { 1, 2 }, leaf { 3, 4 }
  local z = (x * x * y):sum()
  local gs = orrery.grad(z, { x, y }, { create_graph = true })
  t.equal(gs[1]:detach():tolist(), { 6, 16 })
  t.equal(gs[2]:detach():tolist(), { 1, 4 })
  t.equal(x.grad, nil)
  local gg = orrery.grad(gs[1]:sum(), { x, y })
  t.equal(gg[1]:tolist(), { 6, 8 })
  t.equal(gg[2]:tolist(), { 2, 4 })
end)

t.test("what y does not depend on is an error, or zeros", function()
  local x, y = leaf { 1, 2 }, leaf { 3 }
  t.fails_like("^grad: ", function()
    return orrery.grad((x * x):sum(), { x, y })
  end)
  local gs = orrery.grad((x * x):sum(), { x, y }, { allow_unused = true })
  t.equal(gs[2]:tolist(), { 0 })
end)

t.test("grad takes a tensor alone, several y, and their weights", function()
  local x = leaf { 1, 2 }
  t.equal(orrery.grad((x * x):sum(), x)[1]:tolist(), { 2, 4 })
  local ones = orrery.tensor({ 1, 1 }, { dtype = "float64" })
  local gs = orrery.grad({ x * x, x * 3 }, { x },
    { grad_outputs = { ones * 2, false } })
  t.equal(gs[1]:tolist(), { 7, 11 })
end)

t.test("arguments of grad and backward are checked", function()
  local x = leaf { 1 }
  t.fails("grad: xs is missing; pass a tensor or a table of tensors",
    orrery.grad, x)
  t.fails("grad: xs[1] is the number 3; pass a tensor", orrery.grad, x:sum(),
    { 3 })
  t.fails("grad: unknown option create_grahp; did you mean create_graph?",
    orrery.grad, x:sum(), { x }, { create_grahp = true })
  t.fails("grad: 2 grad_outputs for 1 y; give one for each", orrery.grad,
    x:sum(), { x }, { grad_outputs = { x, x } })
  t.fails_like("backward: argument 2 is the number 3", orrery.backward,
    x:sum(), 3)
  t.fails_like("create_graph is the number 1; pass true or false",
    orrery.grad, x:sum(), { x }, { create_graph = 1 })
end)

t.test("a leaf and what was made of it tell themselves apart", function()
  local x = leaf { 1 }
  local here, y = debug.getinfo(1, "l").currentline, x * 2
  t.ok(x.is_leaf and not y.is_leaf)
  t.equal(x.grad_fn, nil)
  t.equal(y.grad_fn, "mul")
  local file, line = y:grad_site()
  t.ok(file:find "test_autograd_lua.lua$")
  t.equal(line, here)
  t.ok(not y:detach().requires_grad)
end)

t.test("no_grad does not record, nests, and survives errors", function()
  local x = leaf { 1 }
  t.ok(not orrery.no_grad(function() return x * 2 end).requires_grad)
  t.ok(orrery.is_grad_enabled())
  pcall(orrery.no_grad, error, "stop")
  t.ok(orrery.is_grad_enabled())
  orrery.no_grad(function()
    t.ok(not orrery.is_grad_enabled())
    t.ok(orrery.enable_grad(function() return x * 2 end).requires_grad)
    t.ok(not orrery.is_grad_enabled())
  end)
  do
    local _ <close> = orrery.no_grad()
    t.ok(not (x * 2).requires_grad)
  end
  t.ok((x * 2).requires_grad)
  t.equal(table.pack(orrery.no_grad(function(...) return ... end, 1, nil, 3)),
    { 1, nil, 3, n = 3 })
  t.fails("no_grad: fn is the number 3; pass a function", orrery.no_grad, 3)
end)

t.test("anomaly mode names the forward op and line", function()
  local x = leaf { 0 }
  t.fails_like("log", function()
    orrery.detect_anomaly(function() return (x * 1):log() end)
  end)
  t.ok(pcall(function() return (x * 1):log() end))
  t.fails_like("test_autograd_lua.lua:%d+", function()
    orrery.detect_anomaly(function() x:sqrt():sum():backward() end)
  end)
end)

t.test("anomaly mode names the forward call of a bad gradient", function()
  local x = leaf { 4, 0 }
  local here = debug.getinfo(1, "l").currentline + 1
  local y = x:sqrt()
  local z = y:sum()
  local _, why = pcall(orrery.detect_anomaly, function() z:backward() end)
  t.ok(why:find "sqrt: backward made inf at element 2 of %[2%]", why)
  t.ok(why:find("test_autograd_lua.lua:" .. here .. ")", 1, true), why)
  t.equal(x.grad, nil)
end)

t.test("an error in backward names the line of the forward call", function()
  local x = leaf { 1, 2 }
  local y = x * 1
  local z = y:exp() * y
  orrery.no_grad(function() y:add_(1) end)
  t.fails_like("test_autograd_lua.lua:%d+", function() z:sum():backward() end)
end)

t.test("tidy frees all but what is returned, in tables too", function()
  local before = orrery.live()
  local lost
  local a, pack = orrery.tidy(function()
    local x = orrery.tensor { 1, 2 }
    lost = x * 2
    return x + 1, { inner = { x * 3 }, 7 }
  end)
  t.equal(orrery.live() - before, 2)
  t.equal(a:tolist(), { 2, 3 })
  t.equal(pack.inner[1]:tolist(), { 3, 6 })
  t.fails_like("freed", function() return lost + 1 end)
end)

t.test("tidy nests: results belong to the scope outside", function()
  local before = orrery.live()
  local kept = orrery.tidy(function()
    local inner = orrery.tidy(function() return orrery.tensor { 1 } end)
    t.equal(inner:tolist(), { 1 })
    return inner + 1
  end)
  t.equal(orrery.live() - before, 1)
  t.equal(kept:tolist(), { 2 })
end)

t.test("tidy frees on error, and keep saves from every scope", function()
  local before, kept = orrery.live(), nil
  pcall(orrery.tidy, function()
    orrery.tidy(function() kept = orrery.keep(orrery.tensor { 5 }) end)
    local _ = orrery.tensor { 6 }
    error "stop"
  end)
  t.equal(orrery.live() - before, 1)
  t.equal(kept:tolist(), { 5 })
end)

t.test("tidy leaves tensors made outside where they are", function()
  local x = orrery.tensor { 1 }
  local same = orrery.tidy(function() return x end)
  t.ok(rawequal(same, x))
  orrery.tidy(function() return orrery.tidy(function() return x end) end)
  t.equal(x:tolist(), { 1 })
end)

t.test("a scope closes at its line", function()
  local before = orrery.live()
  local out
  do
    local scope <close> = orrery.scope()
    local x = orrery.tensor { 1, 2 }
    out = scope:keep(x * 2)
  end
  t.equal(orrery.live() - before, 1)
  t.equal(out:tolist(), { 2, 4 })
end)

t.test("what backward needs lives on when its tensors were tidied", function()
  local x = leaf { 1, 2 }
  local loss = orrery.tidy(function()
    return ((x * 3):exp() * x):sum()
  end)
  loss:backward()
  local function want(v) return math.exp(3 * v) * (1 + 3 * v) end
  t.near(x.grad, { want(1), want(2) }, 1e-12)
end)

t.test("requires_grad is a leaf's, of a float dtype", function()
  local x = orrery.tensor { 1 }
  t.ok(rawequal(x:requires_grad_(), x) and x.requires_grad)
  x.requires_grad = false
  t.ok(not x.requires_grad)
  t.fails_like("requires_grad", function()
    orrery.tensor({ 1 }, { dtype = "int64" }):requires_grad_()
  end)
end)
