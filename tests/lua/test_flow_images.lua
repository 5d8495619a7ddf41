--- Batch norm, learned linear maps and what Glow is made of: what they hold
--- beyond being undone (test_flow_bijectors).
local orrery, t = require "orrery", require "orrery.testing"
local flow = orrery.flow
local f64 = { dtype = "float64" }

local function randn(...) return orrery.randn({ ... }, f64) end

-- ---- batch norm

t.test("batch norm makes a batch standard, and eval takes running averages",
  function()
    local b = flow.BatchNorm(3, { dtype = "float64", momentum = 0.5,
      eps = 1e-12 })
    local x = randn(40, 3) * 4 + 7
    local z, logdet = b(x)
    t.near(z:mean(1), { 0, 0, 0 }, 1e-9)
    t.near(z:var(1, { correction = 0 }), { 1, 1, 1 }, 1e-9)
    t.near(logdet, (x:var(1, { correction = 0 }):log():sum() * -0.5)
      :expand { 40 }, 1e-9)
    t.near(b.running_mean, x:mean(1) * 0.5, 1e-12)
    t.near(b.running_var, x:var(1, { correction = 0 }) * 0.5 + 0.5, 1e-12)
    b:eval()
    local before = b.running_mean:clone()
    t.near((b(x)), (x - before) / b.running_var:sqrt(), 1e-9)
    t.equal(b.running_mean, before)
  end)

t.test("batch norm of images takes each channel's pixels together", function()
  local b = flow.BatchNorm(2, f64)
  local x = randn(5, 2, 3, 4) * 2 + 1
  local z, logdet = b(x)
  t.near(z:mean { 1, 3, 4 }, { 0, 0 }, 1e-9)
  local var = x:var({ 1, 3, 4 }, { correction = 0 })
  t.near(logdet[1], ((var + 1e-5):log():sum() * -0.5 * 12), 1e-9)
end)

t.test("calibrate gives every batch norm the whole set's statistics",
  function()
    local chain = flow.Chain { flow.BatchNorm(2, f64), flow.Reverse(2),
      flow.BatchNorm(2, f64) }
    local x = randn(100, 2) * 3 + 5
    t.equal(flow.calibrate(chain:eval(), x), 2)
    local list = chain.list
    t.near(list[1].running_mean, x:mean(1), 1e-12)
    t.near(list[1].running_var, x:var(1, { correction = 0 }), 1e-12)
    t.near(list[3].running_mean, { 0, 0 }, 1e-12)
    t.equal({ list[1].momentum, list[1].training }, { 0.1, false })
    t.near(chain(x):var(1, { correction = 0 }), { 1, 1 }, 1e-4)
  end)

t.test("activation norm sets each channel of images", function()
  local b = flow.ActNorm(2, f64)
  local z, logdet = b(randn(5, 2, 3, 4) * 3 - 1)
  t.near(z:mean { 1, 3, 4 }, { 0, 0 }, 1e-9)
  t.near(z:var({ 1, 3, 4 }, { correction = 0 }), { 1, 1 }, 1e-9)
  t.near(logdet[1], b.log_scale:sum() * 12, 1e-12)
end)

t.test("a recorded step of an activation norm that is set is the eager one",
  function()
    local function losses(compiled)
      orrery.manual_seed(4)
      local model = flow.Model { shape = { 2 }, bijector = flow.Chain {
        flow.ActNorm(2), flow.Linear(2) } }
      local opt = orrery.optim.Adam(model, { lr = 0.1 })
      local x = orrery.randn(20, 2) * 3 + 1
      orrery.no_grad(model, x)
      local function step(v)
        local nats = -model:log_prob(v):mean()
        opt:minimize(nats)
        return nats
      end
      if compiled then step = orrery.compile(step) end
      local out = {}
      for i = 1, 4 do out[i] = step(x):item() end
      return out
    end
    t.equal(losses(true), losses(false))
  end)

-- ---- linear

t.test("the LU form is the matrix it began as, with its determinant",
  function()
    for _, start in ipairs { "rotation", "permutation", "identity" } do
      local function make(lu)
        return flow.Linear(5, { lu = lu, start = start, dtype = "float64",
          generator = orrery.Generator(4) })
      end
      local a, b = make(true), make(false)
      t.near(a:matrix(), b:matrix(), 1e-12)
      t.near(a:log_det(), 0, 1e-12)
      t.near(b:log_det(), 0, 1e-12)
      t.near(a:matrix():matmul(a:inverse_matrix()), orrery.eye(5, f64), 1e-12)
    end
  end)

t.test("a step leaves the LU form triangular", function()
  local b = flow.Linear(4, f64)
  local p = b.permutation:clone()
  local opt = orrery.optim.Adam(b, { lr = 0.1 })
  for _ = 1, 3 do
    local z, logdet = b(randn(16, 4) * 2)
    opt:minimize((z ^ 2):sum(2):mean() - logdet:mean())
  end
  t.equal(b.permutation, p)
  t.near((select(2, b:matrix():slogdet())), b:log_det(), 1e-10)
end)

t.test("a 1x1 convolution mixes the channels of each pixel alone", function()
  local b = flow.Conv1x1(3, f64)
  local x = randn(2, 3, 4, 5)
  local z = b(x)
  t.near(z, (orrery.conv2d(x, b:matrix():reshape(3, 3, 1, 1))), 1e-12)
end)

-- ---- scales

t.test("squeezing takes blocks of pixels to channels, keeping all", function()
  local x = orrery.range(1, 16):to "float64":reshape(1, 1, 4, 4)
  local z = flow.Squeeze(2)(x)
  t.equal(z:shape_str(), "[1, 4, 2, 2]")
  t.near(z:narrow(3, 1, 1):narrow(4, 1, 1):flatten(), { 1, 2, 5, 6 })
  t.near((flow.Unsqueeze(2)(z)), x)
end)

t.test("a split leaves half as it is, and a prior moves only that half",
  function()
    local inner = flow.ActNorm(2, { dtype = "float64" }):eval()
    inner.shift = orrery.tensor({ 3, 3 }, f64)
    local x = randn(2, 4, 2, 2)
    local z = flow.Split(4, inner)(x)
    t.near(z:narrow(2, 1, 2), x:narrow(2, 1, 2))
    t.near(z:narrow(2, 3, 2), x:narrow(2, 3, 2) + 3)
    local b = flow.Split(4, inner, { prior = true, dtype = "float64" })
    t.near((b(x)), z, 1e-12)
    orrery.no_grad(function() b.prior.net:parameters()[2]:add_(1) end)
    local moved = b(x)
    t.near(moved:narrow(2, 3, 2), z:narrow(2, 3, 2), 1e-12)
    t.ok(moved:narrow(2, 1, 2):ne(z:narrow(2, 1, 2)):all():item() ~= 0)
  end)

t.test("Glow's noise has the image's shape, and a model of it draws",
  function()
    local shape = { 1, 8, 8 }
    local model = flow.Model { shape = shape, bijector = flow.glow(shape,
      { levels = 3, depth = 1, hidden = { 4 } }) }
    local x = orrery.rand(6, 1, 8, 8)
    local z = model(x)
    t.equal(z:shape_str(), "[6, 1, 8, 8]")
    t.equal(model:log_prob(x):shape_str(), "[6]")
    t.equal(model:sample(3):shape_str(), "[3, 1, 8, 8]")
  end)

t.test("Glow's likelihood rises with training", function()
  orrery.manual_seed(3)
  local shape = { 1, 4, 4 }
  local model = flow.Model { shape = shape, bijector = flow.glow(shape,
    { levels = 1, depth = 2, hidden = { 8 } }) }
  local row = orrery.randn(64, 1, 1, 4)
  local x = row:expand { 64, 1, 4, 4 } + orrery.randn(64, 1, 4, 4) * 0.3
  local opt = orrery.optim.Adam(model, { lr = 5e-3 })
  local first, nats
  for _ = 1, 40 do
    nats = -model:log_prob(x):mean()
    first = first or nats:item()
    opt:minimize(nats)
  end
  t.ok(nats:item() < first - 3)
end)

-- ---- misuse

t.test("wrong arguments are named with what helps", function()
  t.fails("flow.BatchNorm: momentum is 2; give a weight, 0 to 1",
    flow.BatchNorm, 3, { momentum = 2 })
  t.fails("batchnorm: x is [1, 3]: one value per channel has no variance; use "
    .. "a larger batch or eval()", flow.BatchNorm(3), orrery.zeros { 1, 3 })
  t.fails("batchnorm: x is a float32 tensor [2, 4] but [B, 3] or [B, 3, H, W] "
    .. "is wanted; change the layer or its input", flow.BatchNorm(3),
    orrery.zeros { 2, 4 })
  t.fails("flow.calibrate: model is 3; give a bijector or a flow.Model",
    flow.calibrate, 3)
  t.fails("flow.Linear: start is \"up\"; give rotation, permutation or "
    .. "identity", flow.Linear, 3, { start = "up" })
  t.fails("conv1x1: x is a float32 tensor [2, 3] but [B, 3, H, W] is wanted; "
    .. "change the layer or its input", flow.Conv1x1(3), orrery.zeros { 2, 3 })
  t.fails("squeeze: x is [1, 1, 3, 4] but a multiple of 2 as height and width "
    .. "is wanted; cut or pad it", flow.Squeeze(2),
    orrery.zeros { 1, 1, 3, 4 })
  t.fails("unsqueeze: x is [1, 6, 2, 2] but a multiple of 4 channels is "
    .. "wanted; cut or pad it", flow.Unsqueeze(2), orrery.zeros { 1, 6, 2, 2 })
  t.fails("flow.Split: inner is 3; give a bijector", flow.Split, 4, 3)
  t.fails("flow.glow: shape is a list of 2; give that of one image, "
    .. "{ C, H, W }", flow.glow, { 8, 8 })
  t.fails("flow.glow: width is 6 but 2 levels halve it 2 times; give a "
    .. "multiple of 4, or fewer levels", flow.glow, { 1, 8, 6 })
  t.fails("flow.jacobian: what fn returned does not depend on x; compute it "
    .. "from x", flow.jacobian, function() return orrery.zeros { 2, 3 } end,
    orrery.zeros { 2, 3 })
  t.fails("flow.jacobian_logdet: J of a row is [1, 3]; only a map to as many "
    .. "numbers has a determinant", flow.jacobian_logdet,
    function(x) return x:sum(2) end, orrery.zeros { 2, 3 })
end)
