--- Games, transport and augmentation in closed form, C and D of the list of
--- facts (boxes: test_ot; parallel lines: test_facts_divergences).
local orrery, t = require "orrery", require "orrery.testing"
local integral = require "orrery.dist.integral"
local dist, gan, nn, ot = orrery.dist, orrery.gan, orrery.nn, orrery.ot
local fact, losses = t.fact, orrery.gan.losses

local log2 = math.log(2)
local function tensor(v) return orrery.tensor(v, { dtype = "float64" }) end
local function normal(mean) return dist.Normal(tensor(mean), 1) end
local random = orrery.Generator(21)

-- ---- the optimal discriminator

-- Logits of D* = p / (p + q).
local function best(p, q)
  return function(x) return p:log_prob(x) - q:log_prob(x) end
end

local function value_at_best(p, q)
  local D = best(p, q)
  return -integral(p, q, function(x)
    return p:log_prob(x):exp() * (-D(x)):softplus()
      + q:log_prob(x):exp() * D(x):softplus()
  end)
end

fact("F069", "V(D*) at P_g = P_d: -log 4", -1.38629436, 1e-6, function()
  return value_at_best(normal(0), normal(0))
end)
fact("F070", "V(D*) for N(0,1), N(1,1): -log 4 + 2 JS", -1.1634514, 1e-6,
  function() return value_at_best(normal(0), normal(1)) end)
fact("F071", "D*(0) for N(0,1), N(1,1)", 0.622459331, 1e-6, function()
  return best(normal(0), normal(1))(tensor(0)):sigmoid()
end)

local zeros, half = tensor { 0, 0, 0 }, tensor { 0.5, 0.5 }
fact("F072", "D's loss at equilibrium", 1.38629436, 1e-6, function()
  return losses.non_saturating.discriminator(zeros, zeros)
end)
fact("F073", "G's non-saturating loss at equilibrium", log2, 1e-6,
  function() return losses.non_saturating.generator(zeros) end)
fact("F074", "D's loss at equilibrium, halved", log2, 1e-6, function()
  return losses.saturating.discriminator(zeros, zeros) / 2
end)
fact("F075", "LSGAN, D at equilibrium", 0.5, 1e-6, function()
  return losses.lsgan.discriminator(half, half)
end)
fact("F076", "LSGAN, G at equilibrium", 0.25, 1e-6, function()
  return losses.lsgan.generator(half)
end)
fact("F077", "LSGAN's least D loss for N(0,1), N(1,1)", 0.397972867, 1e-6,
  function()
    local p, q = normal(0), normal(1)
    return integral(p, q, function(x)
      local a, b, D = p:log_prob(x):exp(), q:log_prob(x):exp(),
        best(p, q)(x):sigmoid()
      return a * (D - 1) ^ 2 + b * D ^ 2
    end)
  end)

local function slope(loss, a)
  local x = tensor { a }:requires_grad_()
  return orrery.grad(loss(x), { x })[1]
end
fact("F078", "slope of log(1 - sigmoid) at -5", -0.00669285092, 1e-6,
  function() return slope(losses.saturating.generator, -5) end)
fact("F079", "slope of -log sigmoid at -5", -0.993307149, 1e-6, function()
  return slope(losses.non_saturating.generator, -5)
end)

t.test("a trained D's loss is 2 log 2 - 2 JSD within 0.01", function()
  orrery.manual_seed(3)
  local p, q = dist.Normal(0, 1), dist.Normal(2, 1)
  local D = gan.mlp(1, 1, { hidden = { 32 }, activation = "tanh" })
  local opt = orrery.optim.Adam(D:parameters(), { lr = 1e-2 })
  local function loss(n)
    return losses.saturating.discriminator(
      D(p:sample({ n, 1 }, { generator = random }):float()),
      D(q:sample({ n, 1 }, { generator = random }):float()))
  end
  local steps = 400
  for step = 1, steps do
    opt.param_groups[1].lr = 1e-2 * gan.halfway(steps)(step - 1)
    orrery.tidy(function() opt:minimize(loss(512)) end)
  end
  local wanted = 2 * log2 - 2 * dist.js(normal(0), normal(2)):item()
  -- 200,000 of each: the mean's standard error is 0.001
  t.near(orrery.no_grad(loss, 200000), wanted, 0.01)
end)

-- ---- critics that are lines

-- The best line x -> w x between a point at 2 and one at 0.
local function line_critic(options)
  options.net = nn.Linear(1, 1, { bias = false })
  nn.init.constant_(options.net.weight, 0.3)  -- under 0 it would stay there
  options.optimizer = orrery.optim.SGD(options.net:parameters(),
    { lr = options.lr })
  options.lr = nil
  local critic = ot.Critic(options)
  local x, y = orrery.full({ 4, 1 }, 2), orrery.zeros(4, 1)
  for _ = 1, 400 do critic:step(x, y) end
  return critic, x, y
end

fact("F080", "critic clipped at 0.01, gap 2", 0.02, 1e-6, function()
  local critic, x, y = line_critic { clip = 0.01, lr = 1 }
  return critic:estimate(x, y)
end)
fact("F081", "critic of slope up to 3, gap 2", 6, 1e-6, function()
  local critic, x, y = line_critic { clip = 3, lr = 1 }
  return critic:estimate(x, y)
end)
fact("F082", "best slope under a penalty of weight 10, gap 2", 1.1, 1e-6,
  function()
    local critic, x, y = line_critic { weight = 10, lr = 0.02 }
    return critic:slope(x, y)
  end)
fact("F083", "its penalised objective", 2.1, 1e-6, function()
  local critic, x, y = line_critic { weight = 10, lr = 0.02 }
  return critic:estimate(x, y)
    - 10 * gan.penalties.gp(critic.net, x, y):item()
end)

-- ---- the game x y

local function game(alternating)
  local x, y = tensor { 1 }:requires_grad_(), tensor { 0 }:requires_grad_()
  local down = orrery.optim.SGD({ x }, { lr = 0.1 })
  local up = orrery.optim.SGD({ y }, { lr = 0.1 })
  local least, most, radius = 1, 1, 1
  for _ = 1, 100 do
    if alternating then
      down:minimize((x * y):sum())
      up:minimize(-(x * y):sum())
    else
      local gx, gy = table.unpack(orrery.grad((x * y):sum(), { x, y }))
      x.grad, y.grad = gx, -gy
      down:step()
      up:step()
    end
    radius = math.sqrt(x:item() ^ 2 + y:item() ^ 2)
    least, most = math.min(least, radius), math.max(most, radius)
  end
  return radius, least, most
end

fact("F084", "descent and ascent at once on x y grow", 1.64463182, 1e-6,
  function() return (game(false)) end)
-- x^2 + y^2 - 0.1 x y stays: the radius is within 1 / sqrt(1 +- 0.05).
t.test("descent and ascent in turn on x y stay in a ring", function()
  local _, least, most = game(true)
  t.ok(least > 1 / math.sqrt(1.05) - 1e-9
    and most < 1 / math.sqrt(0.95) + 1e-9, ("%g to %g"):format(least, most))
end)

-- ---- dying rectifiers

-- Four standard errors of a share p of n.
local function spread(p, n) return 4 * math.sqrt(p * (1 - p) / n) end

-- Layers of n units without bias, for one input each: are all silent?
local function silent(n, layers)
  orrery.manual_seed(5)
  local net = nn.Linear(3, n * layers, { bias = false })
  local y = orrery.no_grad(net, orrery.tensor { { 0.3, -1, 0.7 } })
  return y:reshape(layers, n):le(0):all { axis = 2 }:float():mean()
end
fact("F091", "a unit is silent with probability 1/2", 0.5,
  spread(0.5, 100000), function() return silent(1, 100000) end)
fact("F092", "8 units are", 0.00390625, spread(0.0039, 100000), function()
  return silent(8, 100000)
end)

-- Trials side by side: layers of n units of symmetric weights in turn.
local function dead(n, depth, trials)
  local h = orrery.ones(trials, n, 1)
  for _ = 1, depth do
    local w = orrery.randn({ trials, n, n }, { generator = random })
    h = w:bmm(h):relu()
  end
  return h:reshape(trials, n):le(0):all { axis = 2 }:float():mean()
end
fact("F093", "2 units a layer, 10 layers: dead", 0.943686485, 0.01,
  function() return dead(2, 10, 20000) end)
for _, row in ipairs { { 2, 1 }, { 3, 5 }, { 3, 20 }, { 8, 20 } } do
  local n, depth = table.unpack(row)
  t.test(("%d units a layer, %d layers: dead"):format(n, depth), function()
    t.near(dead(n, depth, 20000), 1 - (1 - 0.5 ^ n) ^ depth, 0.01)
  end)
end

fact("F094", "LeakyReLU(-3)", -0.6, 1e-6, function()
  return nn.LeakyReLU(0.2)(tensor { -3 })
end)
fact("F095", "its slope there", 0.2, 1e-6, function()
  return slope(nn.LeakyReLU(0.2), -3)
end)
fact("F096", "ReLU's slope there", 0, 1e-6, function()
  return slope(nn.ReLU(), -3)
end)

-- ---- the pool of images

-- Of 60,000 returned images, after 1,000 to settle: the share of current ones,
-- the mean age, and that of the others.
local ages
local function pool_ages()
  if ages then return ages end
  local pool = orrery.data.ImagePool { size = 50, generator = random }
  local n, made = 61000, {}
  for from = 1, n, 1000 do
    made[#made + 1] = pool:query(orrery.range(from, from + 999))
  end
  local age = (orrery.range(1, n) - orrery.cat(made, 1))
    :narrow(1, 1001, n - 1000):to "float64"
  local current = age:eq(0):to("float64"):mean():item()
  local mean = age:mean():item()
  ages = { current, mean, mean / (1 - current) }
  return ages
end
fact("F097", "pool of 50: the current image comes back", 0.5, 0.01,
  function() return pool_ages()[1] end)
fact("F098", "mean age of what comes back", 50, 4 * 86.6 / math.sqrt(60000),
  function() return pool_ages()[2] end)
fact("F099", "mean age of a stored image that comes back", 100,
  4 * 100 / math.sqrt(30000), function() return pool_ages()[3] end)

t.test("a pool fills first, keeps its state, and refuses", function()
  local pool = orrery.data.ImagePool { size = 2,
    generator = orrery.Generator(1) }
  t.near(pool:query(orrery.tensor { 1, 2 }), { 1, 2 }, 0)
  local other = orrery.data.ImagePool { size = 2,
    generator = orrery.Generator(1) }
  other:load_state_dict(pool:state_dict())
  local x = orrery.range(3, 22)
  t.ok(pool:query(x):equal(other:query(x)))
  t.near(orrery.data.ImagePool { size = 0 }:query(x), x:tolist(), 0)
  t.fails("ImagePool: images is 3; give a tensor", pool.query, pool, 3)
end)

-- ---- constants

local coin = tensor { 0, 0, 0, 1, 1 }
local function best_constant(loss)
  local c = orrery.linspace(0, 1, 1001, { dtype = "float64" })
  return c[loss(c:unsqueeze(2), coin:unsqueeze(1)):mean(2):argmin():item()]
end
fact("F100", "the best constant by L2 is the mean", 0.4, 1e-6, function()
  return best_constant(function(c, x) return (c - x) ^ 2 end)
end)
fact("F101", "by L1 the median", 0, 1e-6, function()
  return best_constant(function(c, x) return (c - x):abs() end)
end)

-- ---- augmentation

local function js(p, q) return (dist.js(p, q)) end

-- x + sin(x) / 2, undone by Newton's steps.
local bend = {
  forward = function(_, x) return x + x:sin() / 2, (x:cos() / 2 + 1):log() end,
  inverse = function(_, y)
    local x = y
    for _ = 1, 60 do
      x = x - (x + x:sin() / 2 - y) / (x:cos() / 2 + 1) * 0.9
    end
    return x, (x:cos() / 2 + 1):log()
  end,
}
fact("F102", "JS under an invertible bend of N(0,1), N(1,1)", 0.111421482,
  1e-6, function()
    return js(dist.Transformed(normal(0), bend),
      dist.Transformed(normal(1), bend))
  end)

-- Half of the law as it is, half flipped.
local function flipped(mean)
  return dist.Mixture(tensor { 0.5, 0.5 },
    dist.Normal(tensor { mean, -mean }, 1))
end
fact("F103", "JS of flip mixtures of N(1,1), N(2,1)", 0.102608505, 1e-6,
  function() return js(flipped(1), flipped(2)) end)
fact("F104", "JS(N(1,1), N(2,1))", 0.111421482, 1e-6, function()
  return js(normal(1), normal(2))
end)
fact("F105", "JS of flip mixtures of N(1,1), N(-1,1)", 0, 1e-6, function()
  return js(flipped(1), flipped(-1))
end)
fact("F106", "JS(N(1,1), N(-1,1))", 0.33683082, 1e-6, function()
  return js(normal(1), normal(-1))
end)
fact("F107", "naive augmentation of N(1,1) by flips", 0.0972378971, 1e-6,
  function() return js(flipped(1), normal(1)) end)

-- JS of |x|: densities fold onto the positive half.
local function folded(a, b)
  local function density(mean, x)
    return normal(mean):log_prob(x):exp() + normal(mean):log_prob(-x):exp()
  end
  local x = orrery.linspace(0, 12, 24001, { dtype = "float64" })
  local p, q = density(a, x), density(b, x)
  local m = (p + q) / 2
  local f = (p * (p / m):log() + q * (q / m):log()) / 2
  return f:trapz(x)
end
fact("F108", "JS of |N(1,1)|, |N(-1,1)|", 0, 1e-6, function()
  return folded(1, -1)
end)
fact("F109", "JS of |N(1,1)|, |N(2,1)|", 0.102608505, 1e-6, function()
  return folded(1, 2)
end)
