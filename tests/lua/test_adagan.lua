--- AdaGAN's weights against their conditions, and its mixture.
local orrery, t = require "orrery", require "orrery.testing"
local gan = orrery.gan

local function tensor(v) return orrery.tensor(v, { dtype = "float64" }) end

t.test("weights sum to 1 and leave out what the mixture has too much of",
  function()
    -- By hand: h = 0, 1, 3, beta = 1/2. With all three kept lambda = (1/2 +
    -- 1/2 * 4/3) / 1 = 7/6, and 3/2 > 7/6: not all. With two, lambda = (1/2 +
    -- 1/2 * 1/3) / (2/3) = 1: weights (1 - 0) 2/3, (1 - 1/2) 2/3, 0.
    local w, lambda = gan.adagan.weights(tensor { 1, 3, 0 }, 0.5)
    t.near(lambda, 1, 1e-12)
    t.near(w, { 1 / 3, 0, 2 / 3 }, 1e-12)
    for seed = 1, 5 do
      local h = orrery.rand({ 200 }, { dtype = "float64",
        generator = orrery.Generator(seed) }) ^ 3 * 8
      for _, beta in ipairs { 0.1, 0.3, 0.8, 1 } do
        local v = gan.adagan.weights(h, beta)
        t.near(v:sum(), 1, 1e-12)
        t.ok(v:amin():item() >= 0)
      end
    end
  end)

-- Theorem 1: with these weights (1 - beta) h + beta w / p is max(lambda,
-- (1 - beta) h): the mixture is as level against the data as it can be.
t.test("the mixture that results is level wherever weight is given", function()
  local n = 100
  local h = orrery.rand({ n }, { dtype = "float64", high = 3,
    generator = orrery.Generator(2) })
  local w, lambda = gan.adagan.weights(h, 0.4)
  local level = h * 0.6 + w * (0.4 * n)
  t.near(level, (h * 0.6):clamp_min(lambda), 1e-12)
end)

t.test("a component alone is trained on the data as it is", function()
  local w = gan.adagan.weights(orrery.rand({ 10 }, { dtype = "float64" }), 1)
  t.near(w, orrery.full({ 10 }, 0.1, { dtype = "float64" }), 1e-12)
end)

local function made(seed)
  orrery.manual_seed(seed)
  local law = orrery.data.known.ring { radius = 1, std = 0.1 }
  return gan.AdaGAN { data = law:sample(200), components = 3, steps = 4,
    batch = 16, classifier_steps = 5, game = function()
      return gan.Game { generator = gan.mlp(2, 2, { hidden = 8 }), latent = 2,
        discriminator = gan.mlp(2, 1, { hidden = 8 }) }
    end }
end

t.test("components join one after another, all alike in the end", function()
  local ada, calls = made(1), 0
  repeat
    local more = orrery.tidy(function() return (ada:step()) end)
    calls = calls + 1
  until not more
  t.equal({ calls, ada.begun, #ada.games }, { 12, 3, 3 })
  t.near(ada.mixing, { 1 / 3, 1 / 3, 1 / 3 }, 1e-12)
  t.near(ada.weights:sum(), 1, 1e-9)
  t.equal(ada:sample(50):shape_str(), "[50, 2]")
  t.equal(ada:sample(50, { components = 1 }):size(1), 50)
  t.equal(ada:sample(5, { only = 2 }):size(1), 5)
  t.equal(ada:step(), false)
end)

t.test("a state taken in the middle goes on to the same end", function()
  local a = made(5)
  for _ = 1, 6 do a:step() end
  local b = made(5)
  b:load_state_dict(a:state_dict())
  local stream = orrery.default_generator()
  local place = stream:state()
  for _ = 1, 6 do a:step() end
  stream:set_state(place)
  for _ = 1, 6 do b:step() end
  t.equal(b.mixing, a.mixing)
  local z = orrery.ones(4, 2)
  for i = 1, 3 do
    t.equal(a.games[i]:sample(4, { z = z }), b.games[i]:sample(4, { z = z }))
  end
end)

t.test("wrong arguments are told", function()
  t.fails("adagan.weights: beta is 0; give a number in (0, 1]",
    gan.adagan.weights, orrery.ones(3), 0)
end)
