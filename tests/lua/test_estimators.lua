--- Gradient estimators: means and variances against closed forms, and against
--- sums over every value.
local orrery, t = require "orrery", require "orrery.testing"
local dist, estimators = orrery.dist, orrery.estimators

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end

local full = os.getenv "ORRERY_FULL"
local repeats = full and 10000000 or 40000

-- One estimate from one draw of N(mu, 1), for f = z or z^2.
local function scatter(estimator, f, mu, seed)
  return estimators.variance(estimator, f, dist.Normal(tensor(mu), 1), nil,
    { n = 1, repeats = repeats, generator = orrery.Generator(seed) })
end

local function line(z) return z end
local function square(z) return z ^ 2 end

-- Drawn; tests/lua/test_facts_estimators.lua has them exactly.
local pi = math.pi
local cases = {
  { estimators.pathwise(), line, 1, 1, 0 },  -- F005
  { estimators.score(), line, 1, 1, 3 },  -- F006
  { estimators.score { baseline = 1 }, line, 1, 1, 2 },  -- F007
  { estimators.measure { coupled = false }, line, 1, 1,
    (4 - pi) / (2 * pi) },  -- F008
  { estimators.measure(), line, 1, 1, (4 - pi) / pi },  -- F009
  { estimators.pathwise(), square, 1, 2, 4 },  -- F010
  { estimators.score(), square, 1, 2, 30 },  -- F011
  { estimators.score(), square, 0, 0, 15 },  -- F012
  { estimators.score { baseline = 1 }, square, 1, 2, 23 },  -- F013
  { estimators.score { baseline = 2 }, square, 1, 2, 18 },  -- F014
  { estimators.score { baseline = 4 }, square, 1, 2, 14 },  -- F016
  { estimators.measure { coupled = false }, square, 1, 2,
    8 / pi - 2 + 4 / pi },  -- F017
  { estimators.measure(), square, 1, 2, 16 / pi - 4 },  -- F018
}

t.test("means and variances on lines and squares are the closed forms",
  function()
    for i, case in ipairs(cases) do
      local estimator, f, mu, mean, var = table.unpack(case)
      local s = scatter(estimator, f, mu, i)
      t.near(s.mean, tensor { mean }, 4 * s.mean_se:item() + 1e-12)
      -- Within its own error, which is below 2 % in the full size.
      local off, limit = math.abs(s.var:item() - var), 4 * s.var_se:item()
      if full then limit = math.min(limit, 0.02 * var) end
      if not (off <= limit + 1e-12) then
        t.fail("case %d, %s: variance %g, wanted %g", i, estimator.name,
          s.var:item(), var)
      end
    end
  end)

t.test("the best constant baseline of a square is mu^2 + 3", function()
  local best = estimators.optimal_baseline(square, dist.Normal(tensor(1), 1),
    nil, repeats, { generator = orrery.Generator(1) })
  t.near(best[1], tensor(4), 0.3)
end)

t.test("leave-one-out and a running mean take what they should", function()
  local loo = estimators.variance(estimators.score { baseline = "loo" },
    square, dist.Normal(tensor(1), 1), nil, { n = 50, repeats = 8000,
      generator = orrery.Generator(1) })
  t.near(loo.mean, tensor { 2 }, 4 * loo.mean_se:item())
  -- The baseline E f, but for its own error: 18 + Var f E s^2 / (n - 1).
  local want = (18 + 6 / 49) / 50
  t.near(loo.var, tensor { want }, 4 * loo.var_se:item())
  t.fails("score: leave-one-out needs two draws for an estimate; n is 1",
    function()
      estimators.score { baseline = "loo" }:grad(square,
        dist.Normal(tensor(1), 1), nil, 1)
    end)
  local e = estimators.score { baseline = "mean" }
  local q = dist.Normal(tensor(1), 1)
  local noise = orrery.Generator(2)
  for _ = 1, 300 do e:grad(square, q, nil, 200, { generator = noise }) end
  local s = estimators.variance(e, square, q, nil, { n = 1, repeats = repeats,
    generator = noise })
  t.near(s.var, tensor { 18 }, 4 * s.var_se:item() + 0.2)
end)

t.test("by a scale too: E z^3 has slopes 3 mu^2 + 3 s^2 and 6 mu s", function()
  local q = dist.Normal(tensor(1), tensor(1.5))
  for i, e in ipairs { estimators.pathwise(), estimators.measure(),
    estimators.measure { coupled = false },
    estimators.score { baseline = "loo" } } do
    local s = estimators.variance(e, function(z) return z ^ 3 end, q, nil,
      { n = 100, repeats = 3000, generator = orrery.Generator(i) })
    t.ok((s.mean - tensor { 9.75, 9 }):abs():le(s.mean_se * 4):all():item()
      == 1, e.name)
  end
  for i, e in ipairs { estimators.measure(), estimators.score() } do
    local rate = estimators.variance(e, square, dist.Exponential(tensor(1.3)),
      nil, { repeats = repeats, generator = orrery.Generator(i) })
    t.near(rate.mean, tensor { -4 / 1.3 ^ 3 }, 4 * rate.mean_se:item())
    local count = estimators.variance(e, square, dist.Poisson(tensor(1.3)),
      nil, { repeats = repeats, generator = orrery.Generator(i) })
    t.near(count.mean, tensor { 1 + 2 * 1.3 }, 4 * count.mean_se:item())
  end
end)

t.test("of cos kz the score function is the better one past k = 1 / s",
  function()
    for _, s in ipairs { 0.5, 2 } do
      local q = dist.Normal(tensor(0.5), s)
      local function trace(e, k)
        return estimators.variance(e, function(z) return (z * (k / s)):cos()
        end, dist.Normal(tensor(0.5), s), nil, { repeats = 8000,
          generator = orrery.Generator(1) }).trace
      end
      t.ok(q.scale:item() == s)
      t.ok(trace(estimators.pathwise(), 0.5)
        < trace(estimators.score(), 0.5))
      t.ok(trace(estimators.pathwise(), 2) > trace(estimators.score(), 2))
    end
  end)

-- Twelve bits, and three rows of four: E f by listing all values.
local random = orrery.Generator(7)
local function randn(...)
  return orrery.randn({ ... }, { dtype = "float64", generator = random })
end
local twelve, weights = randn(12), randn(12)
local function of_bits(z) return ((z * weights):sum(2) - 0.3) ^ 2 end
local function bits(l) return dist.Bernoulli { logits = l } end
local corners, row_weights = randn(3, 4), randn(3, 4)
local function of_rows(z)
  return ((z * row_weights):sum { axis = { 2, 3 } } - 0.3) ^ 2
end
local function rows(l) return dist.OneHotCategorical { logits = l } end

local function agrees(e, f, make, params, seed, reps)
  local want = orrery.cat { estimators.exact(f, make, params)[1]:reshape(-1) }
  local s = estimators.variance(e, f, make, params, { n = 10,
    repeats = reps or 8000, generator = orrery.Generator(seed) })
  local off = ((s.mean - want):abs() / s.mean_se):max():item()
  return off < 4, off, s
end

t.test("unbiased estimators on bits and classes have the exact mean",
  function()
    local net = orrery.nn.Sequential { orrery.nn.Linear(12, 8),
      orrery.nn.Tanh(), orrery.nn.Linear(8, 1) }:double()
    for i, e in ipairs { estimators.score(),
      estimators.score { baseline = "loo" }, estimators.measure(),
      estimators.rebar(), estimators.relax { net = net } } do
      local ok, off = agrees(e, of_bits, bits, { twelve }, i)
      t.ok(ok, ("%s is off by %g"):format(e.name, off))
    end
    -- A running mean and a learned number know earlier draws only.
    for i, e in ipairs { estimators.score { baseline = "mean" },
      estimators.score { baseline = estimators.learned { lr = 0.1 } } } do
      for _ = 1, 20 do
        e:grad(of_bits, bits, { twelve }, 50, { generator = random })
      end
      local ok, off = agrees(e, of_bits, bits, { twelve }, i)
      t.ok(ok, ("%s is off by %g"):format(e.name, off))
    end
    for i, e in ipairs { estimators.score(), estimators.rebar { lr = 0 } } do
      local ok, off = agrees(e, of_rows, rows, { corners }, i)
      t.ok(ok, ("%s is off by %g"):format(e.name, off))
    end
  end)

t.test("biased estimators are off, REBAR scatters less than the score",
  function()
    for i, e in ipairs { estimators.straight_through(),
      estimators.gumbel_softmax { temperature = 2 } } do
      t.ok(not e.unbiased)
      t.ok(not agrees(e, of_bits, bits, { twelve }, i, 20000), e.name)
    end
    local _, _, plain = agrees(estimators.score(), of_bits, bits, { twelve },
      1)
    local _, _, tuned = agrees(estimators.rebar(), of_bits, bits, { twelve },
      1)
    t.ok(tuned.trace < 0.7 * plain.trace)
  end)

t.test("a control variate of known mean leaves the mean and takes variance",
  function()
    -- The line that touches f where the bits' mean is.
    local slope = 2 * ((twelve:sigmoid() * weights):sum():item() - 0.3)
    local function line_of(z) return (z * weights):sum(2) * slope end
    local control = { value = line_of,
      mean = function(law) return line_of(law:mean()) end }
    local _, _, plain = agrees(estimators.score(), of_bits, bits, { twelve },
      1)
    local ok, off, with = agrees(estimators.score { control = control },
      of_bits, bits, { twelve }, 1)
    t.ok(ok, off)
    t.ok(with.trace < plain.trace, with.trace / plain.trace)
  end)

t.test("NVIL is unbiased while what is left of f spreads by less than 1",
  function()
    local function little(z) return of_bits(z) * 0.02 end
    local e = estimators.nvil { lr = 0.1 }
    for _ = 1, 20 do
      e:grad(little, bits, { twelve }, 50, { generator = random })
    end
    local ok, off = agrees(e, little, bits, { twelve }, 1)
    t.ok(ok, off)
    -- Past that it divides: shorter than the gradient, and says so.
    t.ok(not e.unbiased)
    for _ = 1, 40 do
      e:grad(of_bits, bits, { twelve }, 50, { generator = random })
    end
    local exact = estimators.exact(of_bits, bits, { twelve })[1]
    local _, _, s = agrees(e, of_bits, bits, { twelve }, 1)
    t.ok(s.mean:norm():item() < 0.8 * exact:norm():item())
  end)

t.test("what has been learnt is taken up again", function()
  local function make(kind)
    if kind == "learned" then
      return estimators.score { baseline = estimators.learned { lr = 0.1 } }
    elseif kind == "mean" then
      return estimators.score { baseline = "mean" }
    end
    return estimators[kind]()
  end
  for _, kind in ipairs { "learned", "mean", "nvil", "rebar" } do
    local one, other = make(kind), make(kind)
    local function step(e, seed)
      return e:grad(of_bits, bits, { twelve }, 50,
        { generator = orrery.Generator(seed) })[1]
    end
    for i = 1, 10 do step(one, i) end
    other:set_state(one:state())
    t.equal(step(other, 11), step(one, 11))
    t.equal(step(other, 12), step(one, 12))
  end
end)

t.test("VIMCO's mean is the gradient of the bound of k draws", function()
  -- Two bits and k = 2: E log mean exp f over the 16 pairs of values.
  local l, w = tensor { 0.4, -0.7 }, tensor { 1.2, 0.5 }
  local function f(z) return (z * w):sum(2) - 0.5 end
  local leaf = l:clone():requires_grad_()
  local law = dist.Independent(bits(leaf), 1)
  local z = tensor { { 0, 0 }, { 1, 0 }, { 0, 1 }, { 1, 1 } }
  local p = law:log_prob(z):exp()
  local bound = (f(z):unsqueeze(1):logaddexp(f(z):unsqueeze(2))
    - math.log(2))
  local want = orrery.grad((p:unsqueeze(1) * p:unsqueeze(2) * bound):sum(),
    { leaf })[1]
  local s = estimators.variance(estimators.vimco { k = 2 }, f, bits, { l },
    { n = 1, repeats = 30000, generator = orrery.Generator(1) })
  t.ok((s.mean - want):abs():le(s.mean_se * 4):all():item() == 1)
end)

t.test("REBAR and RELAX solve (b - 0.499)^2", function()
  for i, kind in ipairs { "rebar", "relax" } do
    local net = orrery.nn.Sequential { orrery.nn.Linear(1, 8),
      orrery.nn.ReLU(), orrery.nn.Linear(8, 1) }
    local e = estimators[kind](kind == "relax" and { net = net } or nil)
    local logit = orrery.zeros(1):requires_grad_()
    local opt = orrery.optim.Adam({ logit }, { lr = 0.02 })
    local noise = orrery.Generator(i)
    for _ = 1, 4000 do
      logit.grad = e:grad(function(z) return ((z - 0.499) ^ 2):sum(2) end,
        bits, { logit }, 200, { generator = noise })[1]
      opt:step()
    end
    -- Best is a coin that always shows 0. Over four seeds REBAR's chance of 1
    -- comes down to 0.02 .. 0.07, RELAX's to under 0.01.
    t.ok(logit:sigmoid():item() < 0.15, logit:sigmoid():item())
  end
end)

t.test("through a network: f's values, the estimate, f's own gradient",
  function()
    local scores = randn(400, 3):requires_grad_()
    local decoder = randn(3):requires_grad_()
    local function f(z) return ((z * decoder):sum(2) - 1) ^ 2 end
    for i, e in ipairs { estimators.score(), estimators.rebar(),
      estimators.measure(), estimators.gumbel_softmax() } do
      local noise = orrery.Generator(i)
      local out = e:through(f, bits, { scores }, { generator = noise })
      t.equal({ out:shape() }, { 400 })
      local grads = orrery.grad(out:sum(), { scores, decoder })
      t.ok(grads[1]:ne(0):any():item() == 1)
      t.ok(grads[2]:ne(0):all():item() == 1, e.name)
    end
    -- Two draws for each row, judged by one another: the mean over many rows
    -- alike is the exact gradient.
    local rows_alike = tensor({ { 0.4, -0.7 } }):expand(20000, 2):contiguous()
      :requires_grad_()
    local w = tensor { 1.2, 0.5 }
    local function g(z) return ((z * w):sum(2) - 1) ^ 2 end
    local pairs_of = estimators.score { baseline = "loo", draws = 2 }
    local each = orrery.grad(pairs_of:through(g, bits, { rows_alike },
      { generator = orrery.Generator(3) }):sum(), { rows_alike })[1]
    local exact = estimators.exact(g, bits, { tensor { 0.4, -0.7 } })[1]
    t.ok((each:mean(1) - exact):abs():le(each:std(1)
      * (4 / math.sqrt(20000))):all():item() == 1)
    -- One repetition for each row is the same number that `each` gives.
    local one = estimators.score()
    local by_rows = orrery.grad(one:through(f, bits, { scores },
      { generator = orrery.Generator(9) }):sum(), { scores })[1]
    local want = one:each(f, bits, { scores:detach():select(1, 1) }, 400,
      { generator = orrery.Generator(9) })[1]
    t.equal({ want:shape() }, { by_rows:shape() })
  end)

t.test("signal-to-noise ratios lie in their intervals, also of blocks",
  function()
    -- Means 9.75 and 9 of E z^3; the noise by other draws.
    local q = dist.Normal(tensor(1), tensor(1.5))
    local function measured(times, seed)
      return estimators.variance(estimators.pathwise(),
        function(z) return z ^ 3 end, q, nil, { n = 20, repeats = times,
          generator = orrery.Generator(seed) })
    end
    local truth = measured(200000, 1)
    t.near(truth.snr_each[1], truth.mean[1]:abs() / truth.var[1]:sqrt(), 1e-12)
    for i, times in ipairs { 500, 30000 } do
      local s = measured(times, 10 + i)
      local low, high = table.unpack(s.snr_interval)
      t.ok(low < truth.snr and truth.snr < high, times)
      t.ok(high - low < 8 * truth.snr / math.sqrt(times))
      t.equal({ s.snr_each_interval:shape() }, { 2, 2 })
      t.ok(s.snr_each_interval[1]:lt(truth.snr_each):all():item() == 1)
      t.ok(s.snr_each_interval[2]:gt(truth.snr_each):all():item() == 1)
    end
  end)

t.test("a comparison is a table to read and series to draw", function()
  local all = estimators.compare(square, dist.Normal(tensor(1), 1),
    { "pathwise", "score", "measure" }, { n = 10, repeats = 200,
      generator = orrery.Generator(1) })
  t.ok(tostring(all):find "pathwise" and tostring(all):find "evals")
  t.ok(all.measure.trace < all.pathwise.trace
    and all.pathwise.trace < all.score.trace)
  t.equal(#all:samples(), 3)
  t.equal(#orrery.plot.hist { series = all:samples() }.series, 3)
  t.ok(all.score.snr_interval[1] < all.score.snr
    and all.score.snr < all.score.snr_interval[2])
  t.fails("estimators: there is no \"pathwize\"; did you mean pathwise?",
    estimators.compare, square, dist.Normal(tensor(1), 1), { "pathwize" })
end)

t.test("misuse is told in a sentence", function()
  t.fails("estimator: Normal has only plain numbers; give the parameters to "
    .. "differentiate by as tensors", function()
      estimators.pathwise():grad(square, dist.Normal(1, 1), nil, 5)
    end)
  t.fails("gumbel_softmax: Normal has no relaxed law; give Bernoulli or "
    .. "OneHotCategorical", function()
      estimators.gumbel_softmax():grad(square, dist.Normal(tensor(1), 1), nil,
        5)
    end)
  t.fails("measure: there is no measure-valued derivative of Gamma; give "
    .. "Normal, Bernoulli, Poisson or Exponential", function()
      estimators.measure():grad(square, dist.Gamma(tensor(1), 1), nil, 5)
    end)
  t.fails("score: baseline is \"median\"; it is a number, \"none\", \"mean\", "
    .. "\"loo\" or estimators.learned {}", estimators.score,
    { baseline = "median" })
end)
