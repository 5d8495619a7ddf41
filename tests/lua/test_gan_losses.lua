--- Losses and penalties of GANs against closed forms and central differences.
local orrery, t = require "orrery", require "orrery.testing"
local gan = orrery.gan

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end
local function normal(seed, ...)
  return orrery.randn({ ... }, { dtype = "float64",
    generator = orrery.Generator(seed) })
end
local function sp(x) return math.log(1 + math.exp(x)) end

t.test("each loss is its formula", function()
  local r, f = 0.7, -0.4
  local wanted = {
    saturating = { sp(-r) + sp(f), -sp(f) },
    non_saturating = { sp(-r) + sp(f), sp(-f) },
    lsgan = { (r - 1) ^ 2 + f ^ 2, (f - 1) ^ 2 },
    hinge = { 1 - r + 1 + f, -f },
    wgan = { f - r, -f },
    relativistic = { sp(f - r), sp(r - f) },
    relativistic_average = { sp(f - r) + sp(f - r), sp(r - f) + sp(r - f) },
  }
  local seen = 0
  for name, pair in pairs(gan.losses) do
    local real, fake = tensor { { r }, { r } }, tensor { { f }, { f } }
    t.near(pair.discriminator(real, fake), wanted[name][1], 1e-12)
    t.near(pair.generator(fake, real), wanted[name][2], 1e-12)
    seen = seen + 1
  end
  t.equal(seen, 7)
end)

t.test("each loss differentiates, twice", function()
  for name, pair in pairs(gan.losses) do
    local straight = name == "wgan" or name == "hinge"
    for order = 1, straight and 1 or 2 do
      t.gradcheck(function(r, f)
        return pair.discriminator(r, f), pair.generator(f, r)
      end, { normal(1, 5, 1) * 0.3, normal(2, 5, 1) * 0.3 },
        { order = order })
    end
  end
end)

-- Two laws on four points by counts; at the best D the loss is the divergence.
t.test("the best discriminator's loss is 2 log 2 - 2 JSD", function()
  local p, q = { 4, 2, 2, 0 }, { 1, 1, 2, 4 }
  local real, fake, jsd = {}, {}, 0.0
  for i = 1, 4 do
    local a, b = p[i] / 8, q[i] / 8
    -- log p / q: sigmoid of it is p / (p + q); 50 stands for infinity.
    local logit = a == 0 and -50 or b == 0 and 50 or math.log(a / b)
    for _ = 1, p[i] do real[#real + 1] = { logit } end
    for _ = 1, q[i] do fake[#fake + 1] = { logit } end
    local m = (a + b) / 2
    if a > 0 then jsd = jsd + a / 2 * math.log(a / m) end
    if b > 0 then jsd = jsd + b / 2 * math.log(b / m) end
  end
  for _, name in ipairs { "saturating", "non_saturating" } do
    local pair = gan.losses[name]
    t.near(pair.discriminator(tensor(real), tensor(fake)),
      2 * math.log(2) - 2 * jsd, 1e-12)
  end
end)

t.test("where D is sure the saturating gradient vanishes and the other is 1",
  function()
    local function slope(name, at)
      local f = tensor { { at } }:requires_grad_()
      return orrery.grad(gan.losses[name].generator(f), { f })[1]:item()
    end
    -- d/df of log(1 - sigmoid f) is -sigmoid f, of -log sigmoid f it is
    -- sigmoid f - 1.
    for _, at in ipairs { -30, -2, 0, 3 } do
      local s = 1 / (1 + math.exp(-at))
      t.near(slope("saturating", at), -s, 1e-13)
      t.near(slope("non_saturating", at), s - 1, 1e-13)
    end
  end)

-- D(x) = <a, x>: its gradient is a everywhere.
t.test("penalties of a linear D are known", function()
  local a = tensor { { 3 }, { 4 } }
  local function D(x) return x:matmul(a) end
  local function half(x) return x:matmul(a * 0.1) end
  local real, fake = normal(1, 6, 2), normal(2, 6, 2)
  local wanted = { gp = { 16, 0.25 }, lp = { 16, 0 }, dragan = { 16, 0.25 },
    r1 = { 12.5, 0.125 }, r2 = { 12.5, 0.125 } }
  for name, values in pairs(wanted) do
    local fn = gan.penalties[name]
    t.near(fn(D, real, fake, orrery.Generator(3)), values[1], 1e-9)
    t.near(fn(half, real, fake, orrery.Generator(3)), values[2], 1e-9)
  end
end)

t.test("penalties look where they say", function()
  local seen
  local function D(x) seen = x:detach():clone() return (x * x):sum(2) end
  local real, fake = normal(1, 50, 2), normal(2, 50, 2) + 20
  gan.penalties.r1(D, real, fake)
  t.near(seen, real, 0)
  gan.penalties.r2(D, real, fake)
  t.near(seen, fake, 0)
  gan.penalties.gp(D, real, fake)
  local share = ((seen - fake) / (real - fake))
  t.near(share:select(2, 1), share:select(2, 2), 1e-9)
  t.ok(share:amin():item() >= 0 and share:amax():item() <= 1)
  t.ok(share:std():item() > 0.2)
  gan.penalties.dragan(D, real, fake)
  local off = seen - real
  t.ok(off:amin():item() >= 0)
  t.ok(off:amax():item() <= 0.5 * real:std():item())
end)

-- A penalty is made of D's first derivatives, so its gradient in D's weights
-- holds second ones, and the gradient of that third ones.
for _, name in ipairs { "gp", "lp", "dragan", "r1", "r2" } do
  t.test(name .. ": second and third derivatives agree with differences",
    function()
      local real, fake = normal(1, 3, 2), normal(2, 3, 2)
      local function penalty(w, v)
        local function D(x) return x:matmul(w):tanh():matmul(v) end
        return gan.penalties[name](D, real, fake, orrery.Generator(5))
      end
      local at = { normal(3, 2, 4) * 1.5, normal(4, 4, 1) * 2 }
      t.gradcheck(penalty, at, { order = 1 })
      t.gradcheck(penalty, at, { order = 2 })
    end)
end
