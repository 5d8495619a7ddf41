--- Objectives, likelihoods and schedules of VAEs against the linear-Gaussian
--- model, sums and loops.
local orrery, t = require "orrery", require "orrery.testing"
local dist, vae = orrery.dist, orrery.vae

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end

local known = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/linear_gaussian.lua")
local exact, n, ones, loss_of = known.exact, known.n, known.ones, known.loss_of

t.test("the bound of the listed linear-Gaussian model", function()
  local model = known.model(0, 0.4, 0.5)
  -- The spread of log p(x | z) over q is about 0.6: 4 standard errors.
  local tol = 4 * 0.6 / math.sqrt(n)
  local loss, terms = loss_of(model, vae.objectives.elbo())
  t.near(terms.rec, tensor(1.14073298), tol)
  t.near(terms.kl, tensor(0.398147181), 1e-8)
  t.near(loss, tensor(1.53888016), tol)
  t.near(loss_of(model, vae.objectives.elbo { sampled = true }),
    tensor(1.53888016), 2 * tol)
  local cs, of_cs = loss_of(model, vae.objectives.cauchy_schwarz {
    lambda = 2 })
  t.near(of_cs.cs, tensor(0.175571776), 1e-8)
  t.near(cs, tensor(1.49187653), tol)
end)

t.test("with the true posterior every draw has the weight p(x)", function()
  local model = known.model(0, known.mean, known.sd)
  for _, k in ipairs { 1, 2, 7 } do
    t.near(loss_of(model, vae.objectives.iwae { k = k }), tensor(exact), 1e-8)
  end
  local m = vae.nll(model, tensor { { 1.1 }, { 1.1 } }, { samples = 3 })
  t.near(m.each, tensor { exact, exact }, 1e-8)
end)

t.test("importance-weighted bounds close in on log p(x) as k grows", function()
  local model = known.model(0, 0.4, 0.5)
  local before = 1.53888016 + 0.01
  for _, k in ipairs { 1, 2, 5, 20 } do
    local bound = loss_of(model, vae.objectives.iwae { k = k }, k):item()
    t.ok(bound < before and bound > exact - 0.004, bound)
    before = bound
  end
  -- 400 images of 500 draws each.
  local m = vae.nll(model, ones():narrow(1, 1, 400), { samples = 500 })
  t.near(tensor(m.nll), tensor(exact), 0.004)
  t.ok(m.interval[1] < m.nll and m.nll < m.interval[2])
end)

-- A small model of two latents and a batch, and what it draws.
local function small()
  orrery.manual_seed(3)
  local model = vae.mlp { latent = 2, hidden = 5, features = 4 }
  return model, orrery.rand({ 6, 4 }, { generator = orrery.Generator(2) })
end

local function drawn(model, x, seed)
  local mean, logvar = model:encode(x)
  local z = model:draw(mean, logvar, orrery.Generator(seed))
  return { mean = mean, logvar = logvar, z = z }
end

t.test("the parts of the KL term add up to its sampled value", function()
  local model, x = small()
  local d = drawn(model, x, 1)
  local q = dist.Normal(d.mean, (d.logvar * 0.5):exp())
  local sampled = (q:log_prob(d.z) - dist.Normal(0, 1):log_prob(d.z)):sum(2)
    :mean()
  local mi, tc, dw = vae.objectives.decomposed(d, 100)
  t.near(mi + tc + dw, sampled, 1e-5)
  -- By loops: log q(z_i) is the log of the mean over j, over the data's size.
  local joint, product = 0, 0
  for i = 1, 6 do
    local all, each = 0, { 0, 0 }
    for j = 1, 6 do
      local l = dist.Normal(d.mean[j], (d.logvar[j] * 0.5):exp())
        :log_prob(d.z[i]):tolist()
      all = all + math.exp(l[1] + l[2])
      for k = 1, 2 do each[k] = each[k] + math.exp(l[k]) end
    end
    joint = joint + math.log(all / 600) / 6
    product = product + (math.log(each[1] / 600) + math.log(each[2] / 600)) / 6
  end
  t.near(tc, orrery.tensor(joint - product), 1e-4)
  local loss, terms = model:loss(x, { generator = orrery.Generator(1),
    objective = vae.objectives.beta_tc { images = 100, beta = 1 } })
  t.near(loss, terms.rec + sampled, 1e-5)
  local more = model:loss(x, { generator = orrery.Generator(1),
    objective = vae.objectives.beta_tc { images = 100, beta = 6 } })
  t.near(more - loss, tc * 5, 1e-4)
end)

t.test("free bits count what is past the limit only", function()
  local model, x = small()
  local given = { generator = orrery.Generator(1) }
  local kl = orrery.nn.functional.kl_normal(model:encode(x)):mean(1)
  local low, high = kl:amin():item(), kl:amax():item()
  given.objective = vae.objectives.free_bits { nats = (low + high) / 2 }
  local _, terms = model:loss(x, given)
  t.near(terms.counted, orrery.tensor((low + high) / 2 + high), 1e-6)
  given.objective = vae.objectives.free_bits { nats = 100 }
  local loss, all = model:loss(x, given)
  t.near(loss - all.rec, orrery.tensor(200), 1e-4)
  given.objective = vae.objectives.capacity { gamma = 10, nats = 7 }
  local held, at = model:loss(x, given)
  t.near(held, at.rec + (7 - at.kl) * 10, 1e-4)
end)

t.test("DIP draws covariances to the identity", function()
  local model, x = small()
  local d = drawn(model, x, 1)
  local m, v = d.mean:tolist(), d.logvar:exp():mean(1):tolist()
  local cov = { { 0, 0 }, { 0, 0 } }
  local centre = d.mean:mean(1):tolist()
  for i = 1, 6 do
    for a = 1, 2 do
      for b = 1, 2 do
        cov[a][b] = cov[a][b] + (m[i][a] - centre[a])
          * (m[i][b] - centre[b]) / 6
      end
    end
  end
  for kind = 1, 2 do
    local one = kind == 2 and v or { 0, 0 }
    local want = 10 * 2 * cov[1][2] ^ 2 + (kind == 1 and 100 or 10)
      * ((cov[1][1] + one[1] - 1) ^ 2 + (cov[2][2] + one[2] - 1) ^ 2)
    local _, terms = model:loss(x, { generator = orrery.Generator(1),
      objective = vae.objectives.dip { kind = kind } })
    t.near(terms.penalty, orrery.tensor(want), 1e-3)
  end
end)

t.test("the information objective of weight 1 has no KL term", function()
  local model, x = small()
  local loss, terms = model:loss(x, { generator = orrery.Generator(1),
    objective = vae.objectives.info { lambda = 50 } })
  t.near(loss, terms.rec + terms.mmd * 50, 1e-4)
  local half, of = model:loss(x, { generator = orrery.Generator(1),
    objective = vae.objectives.info { alpha = 0, lambda = 1 } })
  t.near(half, of.rec + of.kl, 1e-5)
end)

t.test("every objective trains: a step along its gradient lowers it", function()
  local makers = { elbo = {}, free_bits = {}, capacity = { nats = 3 },
    beta_tc = { images = 60 }, dip = {}, info = {}, cauchy_schwarz = {},
    iwae = {} }
  for name, given in pairs(makers) do
    local model, x = small()
    local objective = vae.objectives[name](given)
    local function loss()
      return (model:loss(x, { objective = objective, step = 1,
        generator = orrery.Generator(4) }))
    end
    local before = loss()
    local opt = orrery.optim.SGD(model, { lr = 1e-4 })
    opt:minimize(before)
    t.ok(loss():item() < before:item(), name)
  end
end)

t.test("likelihoods: levels add up to 1, Gaussians are Normal", function()
  local x = orrery.range(0, 255, { dtype = "float64" }):reshape(256, 1) / 255
  local model = vae.mlp { features = 1, hidden = 2, latent = 1,
    likelihood = "logistic" }:double()
  for _, y in ipairs { -0.3, 0.2, 0.51, 1 } do
    local nats = model:distortion(x, orrery.full({ 256, 1 }, y, f64))
    t.near((-nats):exp():sum(), tensor(1), 1e-10)
  end
  local few = vae.mlp { features = 1, hidden = 2, latent = 1,
    likelihood = "logistic", levels = 5 }:double()
  t.near((-few:distortion(orrery.range(0, 4, f64):reshape(5, 1) / 4,
    orrery.full({ 5, 1 }, 0.4, f64))):exp():sum(), tensor(1), 1e-12)
  local noise = orrery.Generator(1)
  local a = orrery.rand({ 5, 3 }, { dtype = "float64", generator = noise })
  local b = orrery.rand({ 5, 3 }, { dtype = "float64", generator = noise })
  local function gaussian(sigma)
    return vae.mlp { features = 3, hidden = 2, latent = 1,
      likelihood = "gaussian", sigma = sigma }:double():distortion(a, b)
  end
  t.near(gaussian(0.3), -dist.Normal(b, 0.3):log_prob(a):sum(2), 1e-12)
  t.near(gaussian "learned", -dist.Normal(b, 1):log_prob(a):sum(2), 1e-12)
  -- The optimal one is the best of all fixed ones.
  local best = gaussian "optimal":mean():item()
  local root = ((a - b) ^ 2):mean():sqrt():item()
  t.near(gaussian(root):mean(), tensor(best), 1e-12)
  t.ok(gaussian(root * 1.1):mean():item() > best
    and gaussian(root * 0.9):mean():item() > best)
  local constant = vae.mlp { features = 784, hidden = 2, latent = 1,
    likelihood = "gaussian", sigma = math.sqrt(0.5) }
  local zero = orrery.zeros(1, 784)
  t.near(constant:distortion(zero, zero), orrery.tensor { 448.734115 }, 1e-4)
  t.fails("vae: sigma is -1; give a number over 0, \"learned\" or \"optimal\"",
    vae.mlp, { likelihood = "gaussian", sigma = -1 })
end)

t.test("schedules: up once, up again and again", function()
  local up = vae.schedules.warm_up(10, { to = 4 })
  t.equal({ up(1), up(6), up(11), up(500) }, { 0.0, 2.0, 4.0, 4.0 })
  local cycle = vae.schedules.cyclic(20)
  t.equal({ cycle(1), cycle(6), cycle(11), cycle(20), cycle(21) },
    { 0.0, 0.5, 1.0, 1.0, 0.0 })
  local model, x = small()
  local objective = vae.objectives.elbo { beta = up }
  local loss, terms = model:loss(x, { objective = objective, step = 1 })
  t.equal(loss:item(), terms.rec:item())
end)

t.test("a conditional model sees the label on both sides", function()
  orrery.manual_seed(5)
  local model = vae.Conditional { classes = 3, latent = 2, hidden = 4,
    features = 6 }
  local x = orrery.rand({ 4, 1, 2, 3 }, { generator = orrery.Generator(1) })
  local function labels(...)
    return orrery.tensor({ ... }, { dtype = "int64" })
  end
  local a, b = model:given(labels(1, 2, 3, 1)), model:given(labels(1, 3, 3, 1))
  -- By hand: the label's column of the first layer's weights is its bias.
  local first = model.encoder:children()[1]
  local h = x:flatten(2):matmul(first.weight:narrow(2, 1, 6):transpose(1, 2))
    + first.bias + first.weight:narrow(2, 7, 3):transpose(1, 2)
      :index_select(1, labels(1, 2, 3, 1))
  local last = model.encoder:children()[3]
  t.near(orrery.cat({ a:encode(x) }, 2), h:relu():matmul(
    last.weight:transpose(1, 2)) + last.bias, 1e-6)
  -- Only the second image's label differs.
  local same = a:reconstruct(x):eq(b:reconstruct(x)):all(2)
  t.equal(same, orrery.tensor({ 1, 0, 1, 1 }, { dtype = "uint8" }))
  local loss = a:loss(x, { objective = vae.objectives.iwae { k = 3 },
    generator = orrery.Generator(2) })
  t.ok(loss:item() > 0)
  t.equal({ a:sample(4):shape() }, { 4, 6 })
  t.fails("vae.Conditional: there are 4 labels for 3 rows; match them",
    function() a:sample(3) end)
end)

-- The mean reconstruction term of two variables of three classes, by listing
-- all nine codes.
local function listed(model, x)
  local rec, rows = 0, x:size(1)
  for code = 0, 8 do
    local a, b = code // 3 + 1, code % 3 + 1
    local z = orrery.one_hot(orrery.tensor({ { a, b } }, { dtype = "int64" }),
      3):float():expand(rows, 2, 3)
    local p = model:logits(x):softmax(-1)
    local chance = p:select(2, 1):select(2, a) * p:select(2, 2):select(2, b)
    rec = rec + (chance * model:cost_of(x)(z)):mean()
  end
  return rec
end

t.test("the categorical model's KL is that of uniform classes", function()
  orrery.manual_seed(6)
  local model = vae.Categorical { variables = 2, classes = 3, hidden = 5,
    features = 4 }
  local x = orrery.rand({ 5, 4 }, { generator = orrery.Generator(1) })
  local logits = model:logits(x)
  t.near(model:kl(logits), dist.kl(dist.Categorical { logits = logits },
    dist.Categorical { probs = orrery.ones(3) }), 1e-6)
  local m = model:measure(x, { draws = 4000 })
  t.near(tensor(m.rec), tensor(listed(model, x):item()), 0.01)
end)

-- An estimator that rescales gets the KL term too: at its first step, which it
-- does not rescale yet, the gradient is that of the whole bound.
t.test("NVIL's gradient of a categorical model is that of the bound", function()
  orrery.manual_seed(7)
  local model = vae.Categorical { variables = 2, classes = 3, hidden = 5,
    features = 4 }
  local x = orrery.rand({ 1, 4 }, { generator = orrery.Generator(1) })
  local bias = model.encoder:children()[4].bias
  local wanted = orrery.grad(listed(model, x)
    + model:kl(model:logits(x)):sum(), { bias })[1]
  local rows, noise = {}, orrery.Generator(8)
  for i = 1, 20 do
    local loss, terms = model:loss(x:expand(500, 4):contiguous(), {
      estimator = orrery.estimators.nvil(), generator = noise })
    rows[i] = orrery.grad(loss, { bias })[1]
    t.near(terms.kl, model:kl(model:logits(x)):sum(), 1e-5)
  end
  local all = orrery.stack(rows, 1)
  local error = (all:mean(1) - wanted):abs()
  t.ok(error:lt(all:std(1) * (4 / math.sqrt(20)) + 1e-4):all():item() ~= 0,
    tostring(error))
end)
