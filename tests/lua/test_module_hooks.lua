--- Hooks around modules, and the module that recomputes.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

local function line(weight, bias)
  local layer = nn.Linear(1, 1, { dtype = "float64" })
  orrery.no_grad(function()
    layer.weight:fill_(weight)
    layer.bias:fill_(bias)
  end)
  return layer
end

local function f64(v) return orrery.tensor(v, { dtype = "float64" }) end

t.test("hooks before forward see and replace the arguments", function()
  local layer, seen = line(2, 1), nil
  local first = layer:register_forward_pre_hook(function(module, inputs)
    t.ok(rawequal(module, layer))
    seen = inputs[1]:item()
  end)
  local second = layer:register_forward_pre_hook(function(_, inputs)
    return inputs[1] * 10
  end)
  t.equal(layer(f64 { { 3 } }):item(), 61)
  t.equal(seen, 3)
  first:remove()
  second:remove()
  second:remove()
  t.equal(layer(f64 { { 3 } }):item(), 7)
end)

t.test("hooks after forward see and replace the output", function()
  local layer, seen = line(2, 1), {}
  layer:register_forward_hook(function(_, inputs, output)
    seen = { inputs[1]:item(), output:item() }
    return -output
  end)
  local last
  last = layer:register_forward_hook(function(_, _, output)
    last:remove()
    return output * 100
  end)
  t.equal(layer(f64 { { 3 } }):item(), -700)
  t.equal(layer(f64 { { 3 } }):item(), -7)
  t.equal(seen, { 3, 7 })
  t.equal(nn.Sequential { layer }(f64 { { 1 } }):item(), -3)
end)

t.test("a module of several arguments and results", function()
  local Two = nn.Module:subclass "Two"
  function Two:forward(a, k, b) return a * b, a + k end -- luacheck: ignore
  local two, log = Two(), {}
  two:register_forward_pre_hook(function(_, inputs)
    return { inputs[1], inputs[2] + 1, inputs[3], n = 3 }
  end)
  two:register_forward_hook(function(_, inputs, output)
    log = { inputs.n, output.n }
  end)
  two:register_full_backward_hook(function(_, grad_input, grad_output)
    log[3] = grad_input[1]:item()
    log[4] = grad_input[2]
    log[5] = grad_input[3]:item()
    log[6] = grad_output[1]:item()
    log[7] = grad_output[2] and grad_output[2]:item() or "none"
  end)
  local a, b = f64 { 5 }:requires_grad_(), f64 { 7 }:requires_grad_()
  local x, y = two(a, 10, b)
  t.equal({ x:item(), y:item() }, { 35, 16 });
  (x * 2 + y * 3):sum():backward()
  t.equal(log, { 3, 2, 17, nil, 10, 2, 3 })
  t.equal({ a.grad:item(), b.grad:item() }, { 17, 10 })
  x = two(a, 10, b);
  (x * 2):sum():backward()
  t.equal(log, { 3, 2, 14, nil, 10, 2, "none" })
end)

t.test("hooks of backward see the module's share and replace it", function()
  local layer, seen = line(2, 1), {}
  local handle = layer:register_full_backward_hook(
    function(module, grad_input, grad_output)
      t.ok(rawequal(module, layer))
      seen = { grad_input[1]:item(), grad_output[1]:item() }
      return { grad_input[1] * 10 }
    end)
  local x = f64 { { 3 } }:requires_grad_()
  local loss = (layer(x) * 5 + x):sum()
  loss:backward { retain_graph = true }
  t.equal(seen, { 10, 5 })
  t.equal(x.grad:item(), 101)
  t.equal(layer.weight.grad:item(), 15)
  t.equal(orrery.grad(loss, { x })[1]:item(), 101)
  handle:remove()
  t.equal(orrery.grad((layer(x) * 5):sum(), { x })[1]:item(), 10)
end)

t.test("without a gradient at its inputs a module has grad_output", function()
  local layer, seen = line(2, 1), nil
  layer:register_full_backward_hook(function(_, grad_input, grad_output)
    seen = { grad_input.n, grad_input[1], grad_output[1]:item() }
  end)
  layer(f64 { { 3 } }):backward()
  t.equal(seen, { 1, nil, 1 })
end)

t.test("backward hooks differentiate with create_graph", function()
  local layer = line(2, 1)
  layer:register_full_backward_hook(function(_, grad_input)
    return { grad_input[1] ^ 2 }
  end)
  local x = f64 { { 3 } }:requires_grad_()
  local y = layer(x) ^ 2
  local g = orrery.grad(y:sum(), { x }, { create_graph = true })[1]
  t.equal(g:item(), (2 * 7 * 2) ^ 2)  -- (2 y w)^2 with y = 2 x + 1
end)

t.test("errors in hooks reach the caller and leave no gradient", function()
  local layer = line(2, 1)
  local bad = layer:register_forward_hook(function() error("after", 0) end)
  t.fails("after", layer, f64 { { 1 } })
  bad:remove()
  layer:register_full_backward_hook(function() error("backward", 0) end)
  local y = layer(f64 { { 1 } })
  t.fails("backward", function() y:backward() end)
  t.equal(layer.weight.grad, nil)
  t.fails("register_forward_hook: fn is 3; give a function", function()
    layer:register_forward_hook(3)
  end)
end)

t.test("too many gradients are refused", function()
  local layer = line(2, 1)
  layer:register_full_backward_hook(function(_, g) return { g[1], g[1] } end)
  local y = layer(f64 { { 1 } }:requires_grad_())
  t.fails_like("^linear: a backward hook returned 2 gradients for 1 inputs",
    function() y:backward() end)
end)

t.test("module hooks leave nothing behind", function()
  local layer = line(2, 1)
  layer:register_full_backward_hook(function() end)
  local function round()
    local x = f64 { { 3 } }:requires_grad_()
    layer(x):backward()
    local _ = layer(x)
    layer:zero_grad()
  end
  local function tensors()
    for _ = 1, 4 do collectgarbage() end
    return (orrery.live())
  end
  round()
  local before = tensors()
  for _ = 1, 10 do round() end
  t.equal(tensors(), before)
end)

t.test("a clone has the same hooks, each taken off on its own", function()
  local layer, calls = line(2, 1), {}
  local function note(module) calls[#calls + 1] = module end
  local before = layer:register_forward_pre_hook(note)
  layer:register_forward_hook(function(_, _, y) return y * 10 end)
  layer:register_full_backward_hook(function(module) note(module) end)
  local copy = nn.Sequential(layer):clone()[1]
  copy(f64 { { 3 } }):sum():backward()
  t.equal(#calls, 2)
  t.ok(rawequal(calls[1], copy) and rawequal(calls[2], copy))
  before:remove()
  t.equal(copy(f64 { { 3 } }):item(), 70)
  t.equal(#calls, 3)
  t.equal(layer(f64 { { 3 } }):item(), 70)
  t.equal(#calls, 3)
  copy:register_forward_hook(function(_, _, y) return y + 1 end)
  t.equal(copy(f64 { { 3 } }):item(), 71)
  t.equal(layer(f64 { { 3 } }):item(), 70)
end)

t.test("a module that is a hook is copied with what it hooks", function()
  local layer, scale = line(2, 1), nn.Module:subclass "Scale" ()
  scale.by = f64 { 10 }:requires_grad_()
  function scale:forward(_, _, y) return y * self.by end
  layer:register_forward_hook(scale)
  local copy = layer:clone()
  orrery.no_grad(function() scale.by:fill_(100) end)
  t.equal(layer(f64 { { 3 } }):item(), 700)
  t.equal(copy(f64 { { 3 } }):item(), 70)
end)

t.test("summary runs no hook", function()
  local layer, calls = line(2, 1), 0
  layer:register_forward_hook(function() calls = calls + 1 end)
  nn.utils.summary(layer, { 1, 1 })
  t.equal(calls, 0)
end)

t.test("nn.Checkpoint gives the same bits and keeps its body's names",
  function()
    local function net(wrap)
      orrery.manual_seed(5)
      local model = nn.Sequential { nn.Linear(3, 6),
        wrap(nn.Sequential { nn.Tanh(), nn.Dropout(0.4), nn.Linear(6, 2) }) }
      local x = orrery.randn(4, 3)
      model(x):pow(2):sum():backward()
      return model
    end
    local plain = net(function(m) return m end)
    local less = net(nn.Checkpoint)
    local want = plain:parameters()
    for i, p in ipairs(less:parameters()) do
      t.ok(p.grad:equal(want[i].grad))
    end
    t.ok(less:state_dict()["2.body.3.weight"])
    t.fails("checkpoint: body is 3; give a module", nn.Checkpoint, 3)
  end)
