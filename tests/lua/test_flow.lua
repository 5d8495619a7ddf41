--- Masks, MADE, masked autoregressive flows both ways, chains, flow.Model; G
--- of the list of facts.
local orrery, t = require "orrery", require "orrery.testing"
local flow = orrery.flow
local f64 = { dtype = "float64" }

local function randn(...) return orrery.randn({ ... }, f64) end

--- [D, D] of a map of rows, at one row.
local function jacobian(fn, x)
  return orrery.jacobian(fn, x):squeeze(3):squeeze(1)
end

-- ---- facts

local affine = flow.MAF(2, { hidden = {}, dtype = "float64" })
local function set(layer, weight, bias)
  orrery.no_grad(function()
    layer.weight:copy_(orrery.tensor(weight, f64))
    layer.bias:copy_(orrery.tensor(bias, f64))
  end)
end

t.fact("F143", "affine autoregressive log p(x), z=(1,0), logs=(.5,-.25)",
  -2.08787707, 1e-6, function()
    local zero = { 0, 0 }
    set(affine.net.layers[1], { zero, zero, zero, zero }, { 0, 0, 0.5, -0.25 })
    local model = flow.Model { bijector = affine, shape = { 2 } }
    return model:log_prob((affine:inverse_naive(
      orrery.tensor({ { 1, 0 } }, f64))))
  end)

local function clamped_scale(bias)
  local m = flow.MAF(1, { hidden = {}, dtype = "float64" })
  set(m.net.layers[1], { { 0 }, { 0 } }, { 0, bias })
  local _, s = m:shift_and_scale(orrery.zeros({ 1, 1 }, f64))
  return s:exp()
end
t.fact("F144", "lower scale after clamp(logs,-5,5)", 0.006737947, 1e-6,
  function() return clamped_scale(-80) end)
t.fact("F145", "upper scale after clamp", 148.413159, 1e-6,
  function() return clamped_scale(80) end)

local enter = flow.mask({ 1, 2, 1, 2 }, { 1, 2, 3 })
local leave = flow.mask({ 1, 2, 3 }, { 1, 2, 1, 2 }, true)
local paths = leave:matmul(enter)
t.fact("F146", "MADE D=3, hidden degrees (1,2,1,2): ones in mask 1", 6, 1e-6,
  function() return enter:sum() end)
t.fact("F147", "ones in the output mask (strict)", 6, 1e-6,
  function() return leave:sum() end)
t.fact("F148", "paths output 3 <- input 1", 4, 1e-6,
  function() return paths:narrow(1, 3, 1):narrow(2, 1, 1) end)
t.fact("F149", "paths on and above the diagonal", 0, 1e-6,
  function() return paths:triu(0):sum() end)
t.test("without strictness at the output there are paths on the diagonal",
  function()
    local loose = flow.mask({ 1, 2, 3 }, { 1, 2, 1, 2 }):matmul(enter)
    t.ok(loose:diagonal():sum():item() > 0)
  end)

local function passes(method)
  local m, n = flow.MAF(784, { hidden = { 8 } }), 0
  m.net:register_forward_hook(function() n = n + 1 end)
  orrery.no_grad(function() m[method](m, orrery.zeros { 1, 784 }) end)
  return n
end
t.fact("F150", "passes of the naive inverse of a D=784 layer", 784, 1e-6,
  function() return passes "inverse_naive" end)
t.fact("F151", "passes of its density", 1, 1e-6,
  function() return passes "forward" end)

-- ---- MADE

t.test("a MADE's Jacobian is exactly zero wherever its order says", function()
  for _, order in ipairs { "natural", "reverse", "random", { 3, 1, 4, 2 } } do
    for _, context in ipairs { 0, 2 } do
      local net = flow.MADE(4, { hidden = { 16, 12 }, order = order,
        context = context, outputs = 3, dtype = "float64",
        activation = "tanh" })
      local given = context > 0 and randn(1, 2) or nil
      local place = net:places()
      for k = 1, 3 do
        local J = jacobian(function(x)
          return (select(k, net(x, given)))
        end, randn(1, 4)):tolist()
        for i = 1, 4 do
          for j = 1, 4 do
            local sees = place[j] < place[i]
            t.ok(sees == (J[i][j] ~= 0))
          end
        end
      end
    end
  end
end)

t.test("every output of a conditional MADE sees the context", function()
  local net = flow.MADE(3, { hidden = { 16 }, context = 2, dtype = "float64",
    activation = "tanh" })
  local x = randn(1, 3)
  local J = jacobian(function(c) return (net(x, c)) end, randn(1, 2))
  t.ok(J:ne(0):all():item() ~= 0)
end)

-- ---- there and back

local shapes = { { 3, {} }, { 1, { 4 } }, { 5, { 16, 16 } },
  { 40, { 64, 50, 70 } }, { 70, { 90 } } }

local function every(fn)
  for _, shape in ipairs(shapes) do
    for _, order in ipairs { "natural", "reverse", "random" } do
      for _, context in ipairs { 0, 3 } do
        fn(shape[1], { hidden = shape[2], order = order, context = context })
      end
    end
  end
end

local function there_and_back(activation, dtype, batch, tol)
  every(function(features, o)
    o.activation, o.dtype = activation, dtype
    local m, like = flow.MAF(features, o), { dtype = dtype }
    local x = orrery.randn({ batch, features }, like)
    local given = o.context > 0 and orrery.randn({ batch, 3 }, like) or nil
    orrery.no_grad(function()
      local z, logdet = m(x, given)
      local fast, back = m:inverse(z, given)
      local naive = m:inverse_naive(z, given)
      t.near(fast, x, tol)
      t.near(fast, naive, tol)
      t.near(back, -logdet, tol)
    end)
  end)
end

t.test("the inverse by degrees is the naive one's, and leads back", function()
  there_and_back("relu", "float64", 70, 1e-10)
  there_and_back("tanh", "float64", 1, 1e-10)
  there_and_back("sigmoid", "float32", 3, 1e-4)
end)

t.test("units in any order of any degrees are solved for", function()
  local m = flow.MAF(3, { hidden = { 5, 4 }, dtype = "float64",
    degrees = { { 2, 0, 3, 1, 2 }, { 1, 2, 0, 2 } } })
  orrery.no_grad(function()
    local x = randn(9, 3)
    t.near(m:inverse((m(x))), x, 1e-12)
  end)
end)

t.test("moving z_j moves no x of a place before", function()
  local m = flow.MAF(50, { hidden = { 60, 60 }, dtype = "float64" })
  orrery.no_grad(function()
    local z = randn(2, 50)
    local moved = z:clone()
    moved:narrow(2, 33, 1):add_(0.5)
    local a, b = m:inverse(z), m:inverse(moved)
    t.equal(a:narrow(2, 1, 32), b:narrow(2, 1, 32))
    t.ok(a:narrow(2, 33, 1):ne(b:narrow(2, 33, 1)):all():item() ~= 0)
  end)
end)

t.test("the inverse is the same bits with any number of threads", function()
  local m = flow.MAF(40, { hidden = { 64 } })
  local z, before = orrery.randn(200, 40), orrery.threads()
  orrery.no_grad(function()
    orrery.set_threads(1)
    local one = m:inverse(z)
    orrery.set_threads(3)
    t.equal(m:inverse(z), one)
  end)
  orrery.set_threads(before)
end)

t.test("log-determinants are those of autograd's Jacobian", function()
  for _, b in ipairs {
    flow.MAF(4, { dtype = "float64", order = "random" }),
    flow.IAF(4, { dtype = "float64" }),
    flow.maf(4, { layers = 3, dtype = "float64" }),
    flow.Inverse(flow.MAF(4, { dtype = "float64", activation = "elu" })),
  } do
    local x = randn(1, 4)
    local J = jacobian(function(v) return (b(v)) end, x)
    local z, logdet = b(x)
    t.near(logdet, J:det():abs():log():reshape { 1 }, 1e-9)
    t.near(b:inverse(z), x, 1e-10)
  end
end)

t.test("where gradients are wanted the inverse has them", function()
  local m = flow.MAF(3, { hidden = { 6 }, dtype = "float64",
    activation = "tanh" })
  t.gradcheck(function(z) return (m:inverse(z)) end, { randn(2, 3) })
end)

t.test("a permutation is undone by its inverse", function()
  for _, p in ipairs { flow.Permute(5), flow.Permute(3, { 2, 3, 1 }),
    flow.Reverse(4) } do
    local x = randn(2, p.features)
    local z, logdet = p(x)
    t.equal(p:inverse(z), x)
    t.near(logdet, { 0, 0 })
  end
  t.near((flow.Reverse(3)(orrery.tensor({ { 1, 2, 3 } }, f64))),
    { { 3, 2, 1 } })
end)

-- ---- the model

t.test("a model's density in the plane integrates to 1", function()
  local model = flow.Model { shape = { 2 }, bijector = flow.maf(2,
    { layers = 2, hidden = { 16 }, dtype = "float64", last_scale = 0.3 }) }
  local step = 0.1
  local axis = orrery.range(-120, 120):to "float64" * step
  local n = axis:size(1)
  local x = orrery.stack({ axis:unsqueeze(2):expand { n, n }:flatten(),
    axis:unsqueeze(1):expand { n, n }:flatten() }, 2)
  local mass = orrery.no_grad(function()
    return model:log_prob(x):exp():sum() * step ^ 2
  end)
  t.near(mass, 1, 0.01)
end)

t.test("samples, fast and naive, are one law's and have its shape", function()
  local model = flow.Model { shape = { 6 }, bijector = flow.maf(6,
    { layers = 3, hidden = { 12 }, dtype = "float64" }) }
  local a = model:sample(7, { generator = orrery.Generator(3) })
  local b = model:sample(7, { generator = orrery.Generator(3), naive = true })
  t.near(a, b, 1e-10)
  t.ok(not a.requires_grad)
  t.equal(a:shape_str(), "[7, 6]")
end)

t.test("an affine flow trained on Gaussian data finds its entropy", function()
  local random = orrery.Generator(5)
  local model = flow.Model { shape = { 2 }, bijector = flow.MAF(2,
    { hidden = {}, dtype = "float64", generator = random }) }
  local mix = orrery.tensor({ { 1, 0.8 }, { 0, 0.6 } }, f64)
  local x = orrery.randn({ 2000, 2 }, { dtype = "float64",
    generator = random }):matmul(mix)
  local opt = orrery.optim.Adam(model, { lr = 0.05 })
  local nats
  for _ = 1, 200 do
    nats = -model:log_prob(x):mean()
    opt:minimize(nats)
  end
  -- The data's own Gaussian fit, exactly the family's best.
  local c = x - x:mean(1)
  local cov = c:transpose(1, 2):matmul(c) / 2000
  local best = 0.5 * cov:det():log():item() + 1 + math.log(2 * math.pi)
  t.near(nats, best, 1e-3)
end)

-- ---- misuse

t.test("wrong arguments are named with what helps", function()
  t.fails("flow.MAF: clamp is 0; give a number over 0", flow.MAF, 2,
    { clamp = 0 })
  t.fails("flow.MADE: order is \"up\"; give natural, reverse, random or a list",
    flow.MADE, 2, { order = "up" })
  t.fails("flow.MADE: order[2] is 1; give each of 1 to 2 once", flow.MADE, 2,
    { order = { 1, 1 } })
  t.fails("flow.Chain: bijectors are an empty list; give a list of one or "
    .. "more", flow.Chain, {})
  t.fails("flow.Model: bijector is missing; give one, such as flow.MAF(2)",
    flow.Model, { shape = { 2 } })
  t.fails_like("x is %[1, 3%] but %[B, 2%] is wanted",
    function(x) return flow.MAF(2)(x) end, orrery.zeros { 1, 3 })
  t.fails_like("context is missing but %[1, 3%] is wanted", function(x)
    return flow.MAF(2, { context = 3 })(x)
  end, orrery.zeros { 1, 2 })
  t.fails_like("context is given but none is taken; leave it out",
    function(x) return flow.MAF(2)(x, x) end, orrery.zeros { 1, 2 })
end)
