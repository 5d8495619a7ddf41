--- Autoregressive densities beyond the affine: mixtures of Gaussians, splines;
--- solving by degrees; orders that are saved with a model.
local orrery, t = require "orrery", require "orrery.testing"
local flow = orrery.flow
local f64 = { dtype = "float64" }

local function randn(...) return orrery.randn({ ... }, f64) end

local function jacobian(fn, x)
  return orrery.jacobian(fn, x):squeeze(3):squeeze(1)
end

-- ---- mixtures

t.test("a mixture's density is the sum of its Gaussians'", function()
  local m = flow.MADEMoG(3, { components = 4, hidden = { 8 },
    dtype = "float64", order = "random", spread = 1 })
  local x = randn(5, 3)
  local w, mean, log_sd = m:mixture(x)
  local law = orrery.dist.Mixture(w:softmax(2):transpose(2, 3),
    orrery.dist.Normal(mean:transpose(2, 3), log_sd:exp():transpose(2, 3)))
  t.near(m:log_prob(x), law:log_prob(x):sum(2), 1e-9)
end)

t.test("a mixture's density in the plane integrates to 1", function()
  for _, order in ipairs { "natural", "reverse" } do
    local m = flow.MADEMoG(2, { components = 3, hidden = { 16 },
      order = order, dtype = "float64", spread = 2 })
    local step = 0.1
    local axis = orrery.range(-150, 150):to "float64" * step
    local n = axis:size(1)
    local x = orrery.stack({ axis:unsqueeze(2):expand { n, n }:flatten(),
      axis:unsqueeze(1):expand { n, n }:flatten() }, 2)
    local mass = orrery.no_grad(function()
      return m:log_prob(x):exp():sum() * step ^ 2
    end)
    t.near(mass, 1, 1e-3)
  end
end)

t.test("draws follow the mixture: its mean and its shares", function()
  local m = flow.MADEMoG(1, { components = 2, hidden = {} })
  orrery.no_grad(function()  -- a quarter at -3, the rest at 1, sd 1/2
    m.net.layers[1].weight:zero_()
    m.net.layers[1].bias:copy_(orrery.tensor { math.log(0.25),
      math.log(0.75), -3, 1, math.log(0.5), math.log(0.5) })
  end)
  local x = m:sample(4000, { generator = orrery.Generator(2) })
  local low = x:lt(-1)
  t.near(low:float():mean(), 0.25, 5 * (0.1875 / 4000) ^ 0.5)
  local high = orrery.masked_select(x, x:gt(-1))
  t.near(high:mean(), 1, 5 * 0.5 / 3000 ^ 0.5)
  t.near(high:var():sqrt(), 0.5, 0.04)
end)

t.test("draws by degrees are those of whole passes", function()
  for _, activation in ipairs { "relu", "tanh", "elu" } do
    for _, order in ipairs { "natural", "reverse", "random" } do
      for _, context in ipairs { 0, 2 } do
        for _, hidden in ipairs { {}, { 9 }, { 24, 7 } } do
          local m = flow.MADEMoG(6, { components = 3, hidden = hidden,
            order = order, context = context, activation = activation,
            dtype = "float64", spread = 1 })
          local given = context > 0 and randn(8, 2) or nil
          local function drawn(naive)
            return m:sample(8, { context = given, naive = naive,
              generator = orrery.Generator(9) })
          end
          t.near(drawn(false), drawn(true), 1e-10)
        end
      end
    end
  end
end)

t.test("a mixture finds two far modes of its second input", function()
  local random = orrery.Generator(3)
  local m = flow.MADEMoG(2, { components = 2, hidden = { 8 }, spread = 1,
    activation = "tanh", generator = random })
  -- x1 normal, x2 = +-3 with the sign of x1, sd 0.1: entropy by hand.
  local floor = 0.5 * math.log(2 * math.pi) + 0.5
    + 0.5 * math.log(2 * math.pi) + 0.5 + math.log(0.1)
  local function draw(n)
    local x1 = orrery.randn({ n, 1 }, { generator = random })
    return orrery.cat({ x1, x1:sign() * 3
      + orrery.randn({ n, 1 }, { generator = random }) * 0.1 }, 2)
  end
  local opt = orrery.optim.Adam(m, { lr = 0.02 })
  local step = orrery.compile(function(x)
    opt:minimize(-m:log_prob(x):mean())
  end)
  for _ = 1, 400 do step(draw(256)) end
  local nll = -orrery.no_grad(function()
    return m:log_prob(draw(4000)):mean():item()
  end)
  t.ok(nll > floor - 0.1 and nll < floor + 0.5, nll)
end)

t.test("a mixture below a flow is one density, drawn from by both", function()
  local model = flow.Model { shape = { 3 },
    bijector = flow.maf(3, { layers = 2, hidden = { 8 }, dtype = "float64" }),
    base = flow.MADEMoG(3, { components = 2, hidden = { 8 },
      dtype = "float64" }) }
  local x = randn(4, 3)
  local z, logdet = model(x)
  t.near(model:log_prob(x), model.base:log_prob(z) + logdet, 1e-12)
  t.equal(#model:parameters(), 2 * 4 + 4)
  local function drawn(naive)
    return model:sample(5, { naive = naive, generator = orrery.Generator(1) })
  end
  t.near(drawn(false), drawn(true), 1e-9)
end)

-- ---- splines

t.test("an autoregressive spline is undone, with autograd's log-determinant",
  function()
    for _, order in ipairs { "natural", "random" } do
      for _, context in ipairs { 0, 2 } do
        local b = flow.AutoregressiveSpline(4, { bins = 5, hidden = { 16 },
          order = order, context = context, dtype = "float64" })
        local x = randn(20, 4) * 2  -- tails, too
        local given = context > 0 and randn(20, 2) or nil
        orrery.no_grad(function()
          local z, logdet = b(x, given)
          local back, minus = b:inverse(z, given)
          local naive, same = b:inverse_naive(z, given)
          t.near(back, x, 1e-10)
          t.near(naive, x, 1e-10)
          t.near(minus, -logdet, 1e-9)
          t.near(same, -logdet, 1e-9)
        end)
        local row = x:narrow(1, 3, 1)
        local one = given and given:narrow(1, 3, 1)
        local J = jacobian(function(v) return (b(v, one)) end, row)
        local _, logdet = b(row, one)
        t.near(logdet, J:det():abs():log():reshape { 1 }, 1e-9)
        local place = b.net:places()
        local values = J:tolist()
        for i = 1, 4 do
          for j = 1, 4 do
            t.ok(place[j] <= place[i] or values[i][j] == 0)
          end
        end
      end
    end
  end)

t.test("where gradients are wanted a spline's inverse has them", function()
  local b = flow.AutoregressiveSpline(2, { bins = 3, hidden = { 6 },
    activation = "tanh", dtype = "float64" })
  t.gradcheck(function(z) return (b:inverse(z)) end, { randn(2, 2) * 0.5 })
end)

-- ---- by degrees

t.test("an affine layer of any activation is solved by degrees", function()
  for _, activation in ipairs { "elu", "softplus" } do
    local m = flow.MAF(20, { hidden = { 30, 17 }, order = "random",
      context = 2, activation = activation, dtype = "float64" })
    local passes = 0
    m.net:register_forward_hook(function() passes = passes + 1 end)
    orrery.no_grad(function()
      local x, c = randn(6, 20), randn(6, 2)
      local z, logdet = m(x, c)
      local back, minus = m:inverse(z, c)
      t.near(back, x, 1e-10)
      t.near(minus, -logdet, 1e-9)
      t.equal(passes, 1)
      t.near(m:inverse_naive(z, c), x, 1e-10)
      t.equal(passes, 21)
    end)
  end
end)

t.test("units in any order of any degrees are solved for, also op by op",
  function()
    local m = flow.MAF(3, { hidden = { 5, 4 }, dtype = "float64",
      activation = "elu", degrees = { { 2, 0, 3, 1, 2 }, { 1, 2, 0, 2 } } })
    orrery.no_grad(function()
      local x = randn(9, 3)
      t.near(m:inverse((m(x))), x, 1e-12)
    end)
  end)

-- ---- orders, chains, recorded steps

t.test("a random order goes with the state, and the way back with it",
  function()
    local function made(seed)
      local random = orrery.Generator(seed)
      return flow.Chain { flow.MAF(8, { hidden = { 16 }, order = "random",
        generator = random, dtype = "float64" }),
        flow.Permute(8, "random", random),
        flow.AutoregressiveSpline(8, { hidden = { 16 }, order = "random",
          generator = random, dtype = "float64" }) }
    end
    local a, b = made(1), made(2)
    local x = randn(5, 8)
    orrery.no_grad(function()
      t.ok((a(x) - b(x)):abs():amax():item() > 1e-3)
      b:load_state_dict(a:state_dict())
      local z = a(x)
      t.equal(b(x), z)
      t.near(b:inverse(z), x, 1e-10)
      t.near(b:inverse_naive(z), x, 1e-10)
    end)
    t.equal(b.list[1].net:places(), a.list[1].net:places())
  end)

t.test("naive reaches layers within chains of chains", function()
  local inner = flow.MAF(5, { hidden = { 6 } })
  local model = flow.Model { shape = { 5 }, bijector = flow.Chain {
    flow.Reverse(5), flow.Chain { inner, flow.Reverse(5) } } }
  local passes = 0
  inner.net:register_forward_hook(function() passes = passes + 1 end)
  model:sample(2, { naive = true })
  t.equal(passes, 5)
  model:sample(2)
  t.equal(passes, 5)
end)

t.test("a recorded step draws what the model draws, weights as they are",
  function()
    local m = flow.MAF(4, { hidden = { 8 } })
    local step = orrery.compile(function(z)
      return (m:inverse(z))
    end)
    orrery.no_grad(function()
      for _ = 1, 3 do
        local z = orrery.randn(3, 4)
        t.equal(step(z), (m:inverse(z)))
        for _, p in ipairs(m:parameters()) do p:mul_(1.5) end
      end
    end)
    t.equal(step.recordings, 1)
  end)

t.test("stacks are of either kind and any order between", function()
  for _, kind in ipairs { "affine", "spline" } do
    for _, between in ipairs { "reverse", "random", "none" } do
      local b = flow.maf(3, { layers = 2, kind = kind, between = between,
        hidden = { 8 }, dtype = "float64" })
      t.equal(#b.list, between == "none" and 2 or 3)
      local x = randn(4, 3)
      orrery.no_grad(function() t.near(b:inverse((b(x))), x, 1e-10) end)
    end
  end
end)

t.test("wrong arguments are named with what helps", function()
  t.fails("flow.MADEMoG: components is 0; give a whole number of at least 1",
    flow.MADEMoG, 2, { components = 0 })
  t.fails("flow.AutoregressiveSpline: bound is -1; give a number over 0",
    flow.AutoregressiveSpline, 2, { bound = -1 })
  t.fails("flow.maf: kind is \"cubic\"; give affine or spline", flow.maf, 2,
    { kind = "cubic" })
  t.fails("flow.maf: between is \"up\"; give reverse, random or none",
    flow.maf, 2, { between = "up" })
  t.fails_like("flow.maf: unknown option bins", flow.maf, 2, { bins = 3 })
  t.fails_like("context is missing but %[3, 2%] is wanted", function()
    flow.MADEMoG(2, { context = 2 }):sample(3)
  end)
  t.fails_like("z is %[1, 3%] but %[B, 2%] is wanted", function(z)
    flow.AutoregressiveSpline(2):inverse(z)
  end, orrery.zeros { 1, 3 })
end)
