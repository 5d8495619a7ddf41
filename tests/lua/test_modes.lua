--- Mode counts against perfect samplers, hand-made samples and bounds.
local orrery, t = require "orrery", require "orrery.testing"
local known, metrics = orrery.data.known, orrery.metrics

local function stream(seed) return orrery.Generator(seed) end

t.test("a perfect sampler has every mode and 98.89 % of high quality",
  function()
    for _, case in ipairs { { known.ring {}, 8 }, { known.grid {}, 25 } } do
      local law, of = table.unpack(case)
      local n = 40000
      local m = metrics.modes(law:sample(n, { generator = stream(1) }), law)
      t.equal({ m.modes, m.modes20, m.of, m.n }, { of, of, of, n })
      local share = 1 - math.exp(-4.5)
      t.near(share, 0.9889, 5e-5)
      t.near(m.quality, share, 4 * math.sqrt(share * (1 - share) / n))
      t.ok(m.kl < 0.01 and m.kl_all < 0.01)
      local few = metrics.modes(law:sample(2500, { generator = stream(2) }),
        law)
      t.equal({ few.modes, few.modes20 }, { of, of })
    end
  end)

t.test("samples on three deviations are not of high quality", function()
  local law = { centers = orrery.tensor({ { 0, 0 }, { 10, 0 } },
    { dtype = "float64" }), radius = 3 }
  local m = metrics.modes(orrery.tensor({ { 3, 0 }, { 2.5, 0 }, { 9, 0 },
    { 9, 1 }, { 6, 0 }, { 5.5, 0 } }, { dtype = "float64" }), law)
  t.equal(m.counts, { 1, 2 })
  t.equal({ m.modes, m.modes20 }, { 2, 0 })
  t.near(m.quality, 0.5, 1e-15)
  local function kl(p) return math.log(2) + p * math.log(p)
    + (1 - p) * math.log(1 - p) end
  t.near(m.kl, kl(1 / 3), 1e-14)
  t.near(m.kl_all, kl(1 / 3), 1e-14)
end)

t.test("one mode alone is log K away, nothing good has no KL", function()
  local law = known.ring {}
  local one = law.centers:narrow(1, 3, 1):expand { 50, 2 }
  local m = metrics.modes(one, law)
  t.equal({ m.modes, m.modes20 }, { 1, 1 })
  t.near(m.kl, math.log(8), 1e-14)
  t.near(m.kl_all, math.log(8), 1e-14)
  local none = metrics.modes(orrery.tensor { { 0.1, 0.02 } }, law)
  t.ok(none.kl ~= none.kl)
  t.near(none.kl_all, math.log(8), 1e-14)
  t.equal({ none.modes, none.quality }, { 0, 0.0 })
end)

t.test("26,000 perfect samples of 1,000 classes are 0.0192 nats off",
  function()
    t.near(metrics.kl_floor(1000, 26000), 0.0192, 5e-5)
    local m = metrics.class_modes(orrery.randint(1, 1000, 26000,
      { generator = stream(1) }), 1000)
    t.equal(m.modes, 1000)
    -- 2n KL is about chi-squared of 999 degrees: deviation sqrt(2 999) / 2n.
    t.near(m.kl, 0.0193, 4 * math.sqrt(2 * 999) / 52000)
    t.near(m.floor, 0.0192, 5e-5)
  end)

t.test("mass coverage is the share of modes that are reached", function()
  local law = known.ring { modes = 8, radius = 15, std = 0.5 }
  local data = law:sample(1000, { generator = stream(1) })
  local all = metrics.mass_coverage(law:sample(1000,
    { generator = stream(2) }), data)
  t.near(all, 0.95, 0.03)
  local x, mode = law:sample(2000, { generator = stream(3) })
  local half = x:index_select(1, mode:le(4):nonzero():reshape(-1))
  t.near(metrics.mass_coverage(half, data), 0.95 / 2, 0.04)
end)

t.test("98.89 % of a law's own draws are typical of it", function()
  for _, law in ipairs { known.two_moons {}, known.pinwheel {},
    known.ring {} } do
    local x = law:sample(4000, { generator = stream(4) })
    t.near(metrics.typical(x, law), 0.9889, 0.008)
    t.near(metrics.typical(x + 50, law), 0, 0)
  end
  local board = known.checkerboard {}
  t.near(metrics.typical(board:sample(500), board), 1, 0)
  t.near(metrics.typical(orrery.rand({ 4000, 2 }, { low = -4, high = 4,
    generator = stream(5) }), board), 0.5, 0.03)
end)

t.test("wrong arguments are told", function()
  t.fails("modes: samples are [4, 3] but the centres [8, 2]; match their "
    .. "second axes", metrics.modes, orrery.zeros(4, 3), known.ring {})
  t.fails_like("^modes: law is checker.*; give one that has modes",
    metrics.modes, orrery.zeros(4, 2), known.checkerboard {})
  t.fails("mass_coverage: share is 2; give a number in (0, 1)",
    metrics.mass_coverage, orrery.zeros(4, 2), orrery.zeros(4, 2),
    { share = 2 })
end)
