--- Spectral and weight normalisation: values, gradients, what is saved.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn
local spectral_norm = nn.utils.spectral_norm

local function f64(...) return orrery.randn({ ... }, { dtype = "float64" }) end

local function shapes(layer)
  local list = {}
  for name, value in pairs(layer:state_dict()) do
    list[#list + 1] = name .. " " .. value:shape_str()
  end
  table.sort(list)
  return list
end

-- A layer, an input for it, and its weight with outputs first.
local cases = {
  Linear = function()
    return nn.Linear(5, 3, { dtype = "float64" }), f64(2, 5), function(w)
      return w
    end
  end,
  Conv2d = function()
    return nn.Conv2d(2, 4, 3, { dtype = "float64" }), f64(1, 2, 5, 5),
      function(w) return w:reshape { 4, 18 } end
  end,
  ConvTranspose2d = function()
    return nn.ConvTranspose2d(2, 4, 3, { dtype = "float64" }), f64(1, 2, 5, 5),
      function(w) return w:transpose(1, 2):reshape { 4, 18 } end
  end,
  Embedding = function()
    return nn.Embedding(6, 3, { dtype = "float64" }),
      orrery.tensor({ 1, 6 }, { dtype = "int64" }), function(w) return w end
  end,
}

for kind, make in pairs(cases) do
  t.test("spectral_norm of " .. kind .. " tends to singular value 1", function()
    local layer, x, matrix = make()
    spectral_norm(layer, { n_power_iterations = 50 })
    for _ = 1, 8 do layer(x) end
    t.near(matrix(layer.weight:detach()):svdvals()[1], 1, 1e-6)
    local sigma = matrix(layer.weight_orig:detach()):svdvals()[1]
    t.near(layer.weight:detach() * sigma, layer.weight_orig:detach(), 1e-6)
  end)
end

t.test("a forward in training is one step of power iteration", function()
  local layer = spectral_norm(nn.Linear(2, 2, { dtype = "float64" }))
  local w = layer.weight_orig:tolist()
  local u = layer.weight_u:tolist()
  t.near(layer.weight_u:norm(), 1, 1e-12)
  t.near(layer.weight_v:norm(), 1, 1e-12)
  layer(f64(1, 2))
  local function unit(a, b)
    local n = math.sqrt(a * a + b * b)
    return { a / n, b / n }
  end
  local v = unit(w[1][1] * u[1] + w[2][1] * u[2],
    w[1][2] * u[1] + w[2][2] * u[2])
  local wv = { w[1][1] * v[1] + w[1][2] * v[2],
    w[2][1] * v[1] + w[2][2] * v[2] }
  u = unit(wv[1], wv[2])
  t.near(layer.weight_v, v, 1e-12)
  t.near(layer.weight_u, u, 1e-12)
  local sigma = u[1] * wv[1] + u[2] * wv[2]
  t.near(layer.weight[2][1], w[2][1] / sigma, 1e-12)
end)

t.test("eval leaves the vectors as they are, and so does reading the weight",
  function()
    local layer = spectral_norm(nn.Linear(4, 3)):eval()
    local u, v = layer.weight_u:clone(), layer.weight_v:clone()
    local before = layer.weight:detach()
    layer(orrery.rand { 2, 4 })
    t.equal(layer.weight_u, u)
    t.equal(layer.weight_v, v)
    t.equal(layer.weight:detach(), before)
  end)

t.test("the gradient passes sigma with u and v constant", function()
  local layer = spectral_norm(nn.Linear(4, 3, { bias = false,
    dtype = "float64" }))
  local x, c = f64(2, 4), f64(2, 3)
  local loss = (layer(x) * c):sum()
  loss:backward()
  -- d/dW of <G, W / u'Wv> is (G - <G, W / sigma> u v') / sigma.
  local g = c:transpose(1, 2):matmul(x)
  local u, v = layer.weight_u, layer.weight_v
  local w = layer.weight_orig:detach()
  local sigma = u:dot(w:mv(v))
  local want = (g - (g * w / sigma):sum() * u:outer(v)) / sigma
  t.near(layer.weight_orig.grad, want, 1e-10)
end)

t.test("two forwards may share one backward", function()
  local layer = spectral_norm(nn.Conv2d(1, 2, 3))
  local y = layer(orrery.rand { 1, 1, 4, 4 }):sum()
    - layer(orrery.rand { 1, 1, 4, 4 }):sum()
  y:backward()
  t.ok(layer.weight_orig.grad ~= nil)
end)

t.test("what is saved has PyTorch's names", function()
  local layer = spectral_norm(nn.Conv2d(2, 4, 3))
  t.equal(shapes(layer), { "bias [4]", "weight_orig [4, 2, 3, 3]",
    "weight_u [4]", "weight_v [18]" })
  local other = spectral_norm(nn.Conv2d(2, 4, 3))
  other:load_state_dict(layer:state_dict())
  t.equal(other:eval().weight:detach(), layer:eval().weight:detach())
  t.equal(#layer:parameters(), 2)
  local t_layer = spectral_norm(nn.ConvTranspose2d(2, 4, 3))
  t.equal(shapes(t_layer), { "bias [4]", "weight_orig [2, 4, 3, 3]",
    "weight_u [4]", "weight_v [18]" })
end)

t.test("a discriminator trains in tidy steps, clones and converts", function()
  local net = nn.Sequential { spectral_norm(nn.Linear(3, 4)), nn.ReLU(),
    spectral_norm(nn.Linear(4, 1)) }
  local opt = orrery.optim.SGD(net, { lr = 0.1 })
  local x = orrery.rand { 8, 3 }
  local first = net:eval()(x):mean():item()
  net:train()
  for _ = 1, 20 do
    orrery.tidy(function() opt:minimize(net(x):mean()) end)
  end
  t.ok(net:eval()(x):mean():item() < first)
  local copy = net:clone()
  t.equal(copy(x), net(x))
  nn.init.zeros_(copy[3].bias)
  t.ok(net[3].bias:item() ~= 0)
  t.equal(net:double()(x:to "float64").dtype, "float64")
  t.equal(tostring(net[1]), "Linear(3, 4)")
end)

t.test("remove_spectral_norm keeps the weight it had", function()
  local layer = spectral_norm(nn.Linear(3, 2))
  local x = orrery.rand { 2, 3 }
  local y = layer(x)
  t.equal(nn.utils.remove_spectral_norm(layer), layer)
  t.near(layer(x), y, 1e-6)
  t.equal(shapes(layer), { "bias [2]", "weight [2, 3]" })
  t.equal(#layer:parameters(), 2)
  layer(x):sum():backward()
  t.ok(layer.weight.grad ~= nil)
  t.equal(#nn.Sequential { layer }:parameters(), 2)
end)

t.test("weight_norm splits length from direction", function()
  local layer = nn.Conv2d(2, 3, 3, { dtype = "float64" })
  local before = layer.weight:detach():clone()
  nn.utils.weight_norm(layer)
  t.near(layer.weight:detach(), before, 1e-12)
  t.equal(shapes(layer), { "bias [3]", "weight_g [3, 1, 1, 1]",
    "weight_v [3, 2, 3, 3]" })
  layer.weight_v:detach():copy_(layer.weight_v:detach() * 7)
  t.near(layer.weight:detach(), before, 1e-12)
  orrery.no_grad(function() layer.weight_g:fill_(2) end)
  t.near(layer.weight:detach():flatten(2):norm(2, 2), { 2, 2, 2 }, 1e-12)
  nn.utils.remove_weight_norm(layer)
  t.near(layer.weight:detach():flatten(2):norm(2, 2), { 2, 2, 2 }, 1e-12)
  t.equal(shapes(layer), { "bias [3]", "weight [3, 2, 3, 3]" })
end)

t.test("weight_norm's direction gets a gradient across itself only", function()
  for _, dim in ipairs { 1, 2 } do
    local layer = nn.utils.weight_norm(nn.Linear(4, 3, { dtype = "float64" }),
      { dim = dim })
    layer(f64(5, 4)):square():sum():backward()
    local axis = 3 - dim
    t.near((layer.weight_v.grad * layer.weight_v:detach()):sum(axis),
      orrery.zeros { dim == 1 and 3 or 4 }, 1e-9)
  end
  local one = nn.utils.weight_norm(nn.Linear(4, 3), { dim = false })
  t.equal(one.weight_g:shape_str(), "[]")
end)

t.test("misuse says where", function()
  local layer = spectral_norm(nn.Linear(3, 2))
  t.fails("spectral_norm: weight of linear is computed by spectral_norm "
    .. "already; remove_spectral_norm first", spectral_norm, layer)
  local net = nn.Sequential { nn.ReLU(), layer }
  t.fails("spectral_norm: relu 1 has no parameter weight; give the layer that "
    .. "holds it", spectral_norm, net[1])
  t.fails("spectral_norm: layer is 3; give a module", spectral_norm, 3)
  t.fails("linear 2: weight is computed from weight_orig, weight_u, weight_v "
    .. "by spectral_norm; set those, or remove_spectral_norm first", function()
      layer.weight = orrery.zeros { 2, 3 }
    end)
  t.fails("spectral_norm: dim is 3 but the weight is [2, 3]; give an axis of "
    .. "it, from 1", spectral_norm, nn.Linear(3, 2), { dim = 3 })
  t.fails("remove_weight_norm: weight of linear 2 is not computed by "
    .. "weight_norm; there is nothing to remove", nn.utils.remove_weight_norm,
    layer)
  t.fails("linear 2: x is [1, 4] but in_features is 3; change the layer or its "
    .. "input", layer, orrery.zeros { 1, 4 })
end)
