--- Games by name: all are there, play, and are what their names say.
local orrery, t = require "orrery", require "orrery.testing"
local gan = orrery.gan

local function small(name, more)
  local given = { steps = 4, batch = 12, compile = false }
  for key, value in pairs(more or {}) do given[key] = value end
  orrery.manual_seed(1)
  return gan.setup(name, given)
end

for remedy in pairs(gan.setups.remedies) do
  t.test(remedy .. " plays on every kind of nets", function()
    for base in pairs(gan.setups.bases) do
      if not (base == "grid3" and remedy:find "unroll") then
        local s = small(base .. "-" .. remedy)
        local x, y = s.data:sample(s.batch)
        local n = s.game:step(x, y)
        t.ok(n.discriminator:isfinite():item() == 1)
        t.ok(n.generator:isfinite():item() == 1)
        t.equal((s.sample(5)):shape_str(), "[5, 2]")
        t.equal(s.game:score(s.data:sample(3)):shape_str(), "[3]")
        t.ok(s.game:measure(x, y).generator_gradient >= 0)
      end
    end
  end)
end

t.test("names stand for calibrated figures", function()
  local s = gan.setup("C", { compile = false })
  t.equal({ s.steps, s.batch, s.data.name }, { 3000, 128, "ring of 8" })
  t.equal(s.game.optimizers.discriminator.param_groups[1].lr, 1e-4)
  t.equal(s.game.rate, nil)
  local u = gan.setup("C-unroll5", { compile = false })
  t.equal({ u.steps, u.batch, u.game.parts[1].name }, { 3000, 64,
    "unrolled 5" })
  t.near(u.game.rate(2250), 0.5, 1e-12)
  local w = gan.setup("B-wganclip", { compile = false })
  t.equal({ w.steps, w.batch, w.game.critic_steps }, { 4000, 640, 5 })
  t.equal(w.game.optimizers.generator.name, "rmsprop")
  local v = gan.setup("B-veegan", { compile = false })
  t.equal(v.average, true)
  t.equal(gan.setup("grid3", { compile = false }).data.name, "grid of 25")
end)

t.test("any remedy goes with any data of the plane", function()
  for _, data in ipairs { "grid", "spirals", "two_moons", "checkerboard",
    "pinwheel", "circles" } do
    local s = small("C-pack2", { data = data })
    s.game:step(s.data:sample(s.batch))
  end
end)

t.test("data of more dimensions have nets of their size", function()
  for _, name in ipairs { "B", "C-pack2", "B-veegan", "B-info" } do
    local s = small(name, { data = "embedded" })
    local x, y = s.data:sample(s.batch)
    s.game:step(x, y)
    t.equal((s.sample(3)):shape_str(), "[3, 1200]")
  end
end)

t.test("pictures are drawn of a game with and without a joint D", function()
  for _, name in ipairs { "C-pack2", "B-veegan" } do
    local s = small(name)
    s.game:step(s.data:sample(s.batch))
    local field = gan.pictures.field(s.game, s.data, { side = 6, arrows = 3 })
    t.equal(#field.series, 2)
    local film = gan.pictures.Film()
    for step = 1, 3 do film:add(step, (s.game:sample(4))) end
    local again = gan.pictures.Film()
    again:load_state_dict(film:state_dict())
    t.equal(again.shots[3], film.shots[3])
    t.equal(#again:figure(s.data).frames, 3)
  end
end)

t.test("a film of images that grow shows the small ones enlarged", function()
  local film = gan.pictures.ImageFilm()
  local tiny = orrery.tensor({ 0, 1, 1, 0 }):reshape(1, 1, 2, 2)
  film:add(1, tiny)
  film:add(2, orrery.nn.functional.upsample_nearest2d(tiny, 3))
  local frames = film:figure({ columns = 1 }).frames
  t.equal(frames[1].pixels, frames[2].pixels)
end)

-- On a plane D the arrows are its slope, everywhere.
t.test("arrows are D's gradient", function()
  local s = small "C"
  local function slope(x) return x:matmul(orrery.tensor { { 3 }, { 4 } }) end
  s.game.discriminator = slope
  local field = gan.pictures.field(s.game, s.data, { side = 5, arrows = 4 })
  local arrows = field.series[2]
  for i = 1, #arrows.u do
    t.near(arrows.v[i] / arrows.u[i], 4 / 3, 1e-5)
  end
end)

t.test("names that are wrong are told", function()
  t.fails('setup: there are no nets "D"; they are A, B, C, grid3', gan.setup,
    "D-pack2")
  t.fails('setup: there is no remedy "unrol5"; did you mean unroll5?',
    gan.setup, "C-unrol5")
  t.fails("setup: info needs modes as classes, and two moons has none",
    gan.setup, "B-info", { data = "two_moons" })
  t.fails('setup: there are no data "rings"; see orrery.data.known', gan.setup,
    "C", { data = "rings" })
end)
