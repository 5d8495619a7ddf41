--- Averages of models, weight clipping, norms of gradients.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

local function linear()
  return nn.Linear(2, 1, { bias = false, dtype = "float64" })
end

local function set(layer, a, b)
  layer:load_state_dict { weight = orrery.tensor { { a, b } } }
end

t.test("AveragedModel is the mean of what it was given", function()
  local layer = linear()
  local mean = nn.AveragedModel(layer)
  for k = 1, 5 do
    set(layer, k, -2 * k)
    mean:update_parameters(layer)
  end
  t.near(mean.module.weight, { { 3, -6 } }, 1e-12)
  t.equal(mean.n_averaged:item(), 5)
  t.near(mean(orrery.tensor({ 1, 1 }, { dtype = "float64" })), { -3 })
  t.near(layer.weight, { { 5, -10 } })
end)

t.test("with decay it forgets exponentially, from the first update on",
  function()
    local layer = linear()
    local ema = nn.AveragedModel(layer, { decay = 0.75 })
    local values, want = { 8, 4, -4 }, nil
    for _, v in ipairs(values) do
      set(layer, v, 0)
      ema:update_parameters(layer)
      want = want and 0.75 * want + 0.25 * v or v
    end
    t.near(ema.module.weight[1][1], want, 1e-12)
  end)

t.test("avg_fn is asked from the second update on", function()
  local layer, seen = linear(), {}
  local largest = nn.AveragedModel(layer, { avg_fn = function(a, b, n)
    seen[#seen + 1] = n
    return a:maximum(b)
  end })
  set(layer, 1, 5)
  largest:update_parameters(layer)
  set(layer, 2, 3)
  largest:update_parameters(layer)
  t.equal(largest.module.weight:detach(), orrery.tensor({ { 2, 5 } },
    { dtype = "float64" }))
  t.equal(seen, { 1 })
  t.fails("averagedmodel: avg_fn gives 3; it must give a tensor [1, 2]",
    function()
      local bad = nn.AveragedModel(layer, { avg_fn = function() return 3 end })
      bad:update_parameters(layer)
      bad:update_parameters(layer)
    end)
end)

t.test("buffers are copied, or averaged when asked", function()
  local bn = nn.BatchNorm1d(1)
  local copied = nn.AveragedModel(bn)
  local both = nn.AveragedModel(bn, { use_buffers = true })
  for k = 1, 2 do
    bn.running_mean:fill_(10 * k)
    copied:update_parameters(bn)
    both:update_parameters(bn)
  end
  t.near(copied.module.running_mean, { 20 })
  t.near(both.module.running_mean, { 15 })
end)

t.test("an averaged model is saved with the count, and goes on", function()
  local layer = linear()
  local a, b = nn.AveragedModel(layer), nn.AveragedModel(layer)
  set(layer, 2, 2)
  a:update_parameters(layer)
  b:load_state_dict(a:state_dict())
  set(layer, 4, 0)
  b:update_parameters(layer)
  t.near(b.module.weight, { { 3, 1 } })
  t.ok(a:state_dict()["module.weight"] and a:state_dict().n_averaged)
  t.ok(b.module.weight.requires_grad)
  t.fails("averagedmodel: model has no weight but the average is [1, 2]; give "
    .. "a model built alike", b.update_parameters, b, nn.ReLU())
  t.fails("averagedmodel: model has [1, 3] weight but the average is [1, 2]; "
    .. "give a model built alike", b.update_parameters, b,
    nn.Linear(3, 1, { bias = false }))
end)

t.test("a failing update leaves every average as it was", function()
  local layer = nn.Linear(3, 2)
  local mean = nn.AveragedModel(layer)
  mean:update_parameters(layer)
  nn.init.ones_(layer.weight)
  local before = {}
  for k, v in pairs(mean:state_dict()) do before[k] = v:clone() end
  for n = 1, 6 do
    orrery.fail_after(n)
    local ok = pcall(mean.update_parameters, mean, layer)
    orrery.fail_after(0)
    if ok then break end
    t.equal(mean:state_dict(), before)
  end
end)

t.test("update_bn gives the mean of the batches' statistics", function()
  local bn = nn.BatchNorm1d(1, { dtype = "float64" }):eval()
  local at, data = 0, { { 1, 3 }, { 5, 9 }, { 0, 6 } }
  nn.utils.update_bn(function()
    at = at + 1
    if data[at] then
      return orrery.tensor(data[at], { dtype = "float64" }):unsqueeze(2)
    end
  end, bn)
  t.near(bn.running_mean, { (2 + 7 + 3) / 3 }, 1e-12)
  t.near(bn.running_var, { (2 + 8 + 18) / 3 }, 1e-12)
  t.equal(bn.momentum, 0.1)
  t.ok(not bn.training)
end)

t.test("PyTorch's names lead to the same things", function()
  t.ok(orrery.optim.swa_utils.AveragedModel == nn.AveragedModel)
  t.ok(orrery.optim.swa_utils.update_bn == nn.utils.update_bn)
end)

t.test("clip_weights_ cuts parameters, frozen ones and those without gradient",
  function()
    local net = nn.Sequential { nn.Linear(2, 2), nn.Linear(2, 1) }
    nn.init.constant_(net[1].weight, 3)
    nn.init.constant_(net[1].bias, -3)
    nn.init.constant_(net[2].weight, 0.005)
    net[1]:freeze()
    nn.utils.clip_weights_(net, 0.01)
    t.near(net[1].weight, { { 0.01, 0.01 }, { 0.01, 0.01 } })
    t.near(net[1].bias, { -0.01, -0.01 })
    t.near(net[2].weight, { { 0.005, 0.005 } })
    t.ok(net[2].weight.requires_grad and net[2].weight.is_leaf)
    t.fails("clip_weights_: c is 0; give a number above 0",
      nn.utils.clip_weights_, net, 0)
  end)

t.test("clip_grad_norm_ takes any norm", function()
  local p = orrery.tensor { 0 }:requires_grad_()
  local q = orrery.tensor { 0, 0 }:requires_grad_()
  local unused = orrery.tensor { 0 }:requires_grad_()
  local clip = nn.utils.clip_grad_norm_
  local function gradients(a, b, c)
    p.grad, q.grad = orrery.tensor { a }, orrery.tensor { b, c }
  end
  gradients(2, -3, 6)
  t.near(clip({ p, q, unused }, 3, { norm_type = math.huge }), 6)
  t.near({ p.grad, q.grad }, { { 1 }, { -1.5, 3 } }, 1e-5)
  gradients(2, -3, 6)
  t.near(clip({ p, q }, 1.1, { norm_type = 1 }), 11)
  t.near({ p.grad, q.grad }, { { 0.2 }, { -0.3, 0.6 } }, 1e-5)
  t.near(clip({ p, q }, 100, { norm_type = 1 }), 1.1, 1e-5)
  t.near(q.grad, { -0.3, 0.6 }, 1e-5)
  t.equal(clip({ unused }, 1, { norm_type = 1 }), 0)
  gradients(0 / 0, 1, 1)
  t.fails_like("^clip_grad_norm_: the gradients' norm is %-?nan; look for what "
    .. "overflows", clip, { p, q }, 1, { error_if_nonfinite = true })
  t.near(q.grad, { 1, 1 })
end)
