--- Laws with known truth: densities hold all their mass, draws follow them,
--- entropies agree with closed forms and with averages over draws.
local orrery, t = require "orrery", require "orrery.testing"
local known = orrery.data.known

local f64 = { dtype = "float64" }
local function stream(seed) return orrery.Generator(seed or 1) end
local function draws(law, n)
  return law:sample(n, { generator = stream(), dtype = "float64" })
end

-- Wide enough that quadrature is quick.
local laws = {
  known.ring { std = 0.2, radius = 1 }, known.grid { side = 3, std = 0.2,
    spacing = 1 }, known.spirals { std = 0.3 }, known.two_moons { std = 0.2 },
  known.circles { radii = { 0.5, 1.5 }, std = 0.2 }, known.pinwheel {},
  known.parabola { bend = 0.3, slope = 0.5, std = 0.4, std2 = 0.8 },
  known.parabola { bend = 0, slope = -1, std = 0.3, std2 = 0.5 },
}

for _, law in ipairs(laws) do
  t.test(law.name .. ": the density holds a mass of 1", function()
    t.near(law:mass(), 1, 1e-9)
  end)

  t.test(law.name .. ": the entropy is the mean of -log p over draws",
    function()
      local nats = -law:log_prob(draws(law, 2000))
      local error = nats:std():item() / math.sqrt(2000)
      t.near(law:entropy(), nats:mean():item(), 4 * error)
      t.near(law:entropy(), law:entropy(law.std / 5), 1e-8)
    end)

  -- With the law's own density q as importance weights of a coarse grid the
  -- share of each quarter of the plane is known; draws must follow.
  t.test(law.name .. ": draws fall where the density says", function()
    local x = draws(law, 2000)
    local low, high = law:extent()
    local n = 90
    local function line(k)
      return (orrery.range(1, n, f64) - 0.5) * ((high[k] - low[k]) / n)
        + low[k]
    end
    local points = orrery.stack({ line(1):unsqueeze(2):expand { n, n },
      line(2):unsqueeze(1):expand { n, n } }, 3):reshape(n * n, 2)
    local p = law:log_prob(points):exp()
    p = p / p:sum()
    local function upper(v)  -- a set that no symmetry of the laws halves
      return (v:select(2, 1) * 0.7 + v:select(2, 2)):gt(0.25):double()
    end
    local share = (p * upper(points)):sum():item()
    t.near(upper(x):mean():item(), share,
      4 * math.sqrt(share * (1 - share) / 2000) + 0.004)
  end)
end

t.test("eight separate modes have the entropy log 8 + log(2 pi e std^2)",
  function()
    local law = known.ring {}
    local wanted = math.log(8) + 1 + math.log(2 * math.pi * 0.02 ^ 2)
    t.near(law:entropy(), wanted, 1e-12)
    local near = known.ring { radius = 0.3 }  -- 11 deviations apart
    t.near(near:entropy(), wanted, 1e-3)
    t.near(law:log_prob(law.centers), orrery.full({ 8 },
      -math.log(8 * 2 * math.pi * 0.02 ^ 2), f64), 1e-12)
    t.equal(tostring(law), "ring of 8 in 2 dimensions")
  end)

t.test("quadrature agrees with the closed form of separate modes", function()
  local law = known.grid { side = 2, spacing = 4, std = 0.2 }
  t.near(law:entropy(), law:entropy(0.05), 1e-9)
end)

t.test("the checkerboard is flat on half of its board", function()
  local law = known.checkerboard {}
  t.near(law:entropy(), math.log(32), 1e-14)
  local x, mode = draws(law, 4000)
  t.near(law:log_prob(x), orrery.full({ 4000 }, -math.log(32), f64), 1e-12)
  t.equal(mode:amax():item(), 8)
  local moved = law:log_prob(x + orrery.tensor({ 2, 0 }, f64))
  t.equal(moved:amax():item(), -math.huge)
  t.near(law:mass(0.1), 1, 1e-9)
end)

t.test("modes of draws are those of their centres", function()
  for _, law in ipairs { known.ring {}, known.grid {},
    known.scattered { generator = stream(3) } } do
    local x, mode = draws(law, 2000)
    local off = (x - law.centers:index_select(1, mode)):norm(2, 2)
    t.ok(off:amax():item() < 6 * law.std)
    -- Of round Gaussians in the plane 1 - exp(-9 / 2) lie within 3.
    t.near(off:lt(law.radius):double():mean():item(), 0.98889, 0.01)
  end
end)

t.test("scattered centres keep their distance", function()
  local c = known.scattered { generator = stream(2) }.centers
  local d = ((c:unsqueeze(2) - c:unsqueeze(1)) ^ 2):sum(3)
    + orrery.eye(8, f64) * 100
  t.ok(d:amin():item() >= 25)
  t.ok(c:abs():amax():item() <= 15)
end)

t.test("the embedded law fills its subspace only", function()
  local law = known.embedded { dim = 60, inner = 20, modes = 3, spread = 8,
    generator = stream() }
  local x = draws(law, 4000)
  t.equal(law.dim, 60)
  local nats = -law:log_prob(x)
  t.near(law:entropy(), math.log(3) + 10 * (math.log(2 * math.pi) + 1), 1e-12)
  t.near(nats:mean():item(), law:entropy(),
    4 * nats:std():item() / math.sqrt(4000))
  t.equal(law:log_prob(x + 1):amax():item(), -math.huge)
  local mode = select(2, draws(law, 4000))
  local off = (x - law.centers:index_select(1, mode)):norm(2, 2)
  t.near(off:lt(law.radius):double():mean():item(), 0.98889, 0.008)
end)

t.test("stacked digits are three of the set, and have their class", function()
  local digits = orrery.data.mnist {}.train:subset(1, 200)
  local law = known.stacked_digits(digits)
  local x, class = law:sample(50, { generator = stream() })
  t.equal(x:shape_str(), "[50, 3, 28, 28]")
  t.ok(class:amin():item() >= 1 and class:amax():item() <= 1000)
  t.near(law:log_prob(x), orrery.full({ 50 }, -3 * math.log(200), f64), 1e-9)
  t.near(law:entropy(), 3 * math.log(200), 1e-12)
  t.equal(law:log_prob(x * 0.5):amax():item(), -math.huge)
  local plain = known.stacked_digits(orrery.data.mnist {}.train)
  t.near(plain:class_entropy(), math.log(1000), 0.02)
end)

t.test("batches go on where their state says", function()
  local batches = known.ring {}:batches(16, { generator = stream() })
  batches()
  local state = batches:state()
  local a = batches()
  batches:set_state(state)
  t.near(batches(), a, 0)
end)

t.test("densities differentiate: at a mode of one Gaussian the slope is 0, "
  .. "and -x / std^2 beside it", function()
  local law = known.ring { modes = 1, radius = 1, std = 0.5 }
  local x = orrery.tensor({ { 1, 0 }, { 1.2, 0.1 } }, f64):requires_grad_()
  local g = orrery.grad(law:log_prob(x):sum(), { x })[1]
  t.near(g, { { 0, 0 }, { -0.8, -0.4 } }, 1e-12)
end)

t.test("wrong arguments are told", function()
  t.fails("gaussians:log_prob: x is [3]; give [N, 2]",
    function() known.ring {}:log_prob(orrery.zeros(3)) end)
  t.fails("ring: std is 0; give a number above 0", known.ring, { std = 0 })
  t.fails("scattered: 9 modes 8 apart do not fit into +-5; make reach larger",
    known.scattered, { modes = 9, reach = 5, apart = 8, generator = stream() })
  t.fails("stacked_digits: digits are 3; give a set of images with labels, as "
    .. "data.mnist {}.train", known.stacked_digits, 3)
end)
