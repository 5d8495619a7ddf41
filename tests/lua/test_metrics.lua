--- Metrics against values worked out by hand, naive loops and known bounds.
local orrery, t = require "orrery", require "orrery.testing"
local data, metrics = orrery.data, orrery.metrics

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end
local function whole(v) return orrery.tensor(v, { dtype = "int64" }) end
local function near(got, want, tol)
  t.near(tensor(got), tensor(want), tol or 1e-12)
end

-- Two factors of 4 and 3 values, every combination 10 times.
local function grid()
  local rows = {}
  for _ = 1, 10 do
    for a = 1, 4 do
      for b = 1, 3 do rows[#rows + 1] = { a, b } end
    end
  end
  return whole(rows)
end

t.test("mutual information of columns is the entropy they share", function()
  local v = grid()
  local z = orrery.stack({ v:select(2, 1):double() * 0.3 - 1,
    v:select(2, 2):double(), (v:select(2, 1) - 1):floor_divide(2):double() },
    2)
  local nats, entropies = metrics.mutual_information(z, v)
  t.near(entropies, tensor { math.log(4), math.log(3) }, 1e-14)
  t.near(nats, tensor { { math.log(4), 0 }, { 0, math.log(3) },
    { math.log(2), 0 } }, 1e-12)
  -- The gap: (log 4 - log 2) / log 4 and 1.
  local mig, gaps = metrics.mig(z, v)
  near(gaps[1], 0.5)
  near(gaps[2], 1)
  near(mig, 0.75)
end)

t.test("MIG is 1 for codes that are the factors, 0 for noise and for two codes"
  .. " alike", function()
    local v = grid()
    near((metrics.mig(v:double(), v)), 1)
    near((metrics.mig(orrery.cat({ v, v }, 2):double(), v)), 0)
    local noise = orrery.randn({ 5000, 4 }, { dtype = "float64",
      generator = orrery.Generator(1) })
    local factors = orrery.randint(1, 4, 5000, 2,
      { generator = orrery.Generator(2) })
    t.ok(metrics.mig(noise, factors) < 0.01)
  end)

t.test("DCI: 1 for one factor each, 0 for all alike, 1 - ln 2 / ln 10 for two "
  .. "of ten", function()
    local d, c = metrics.dci_scores(orrery.eye(5):double())
    near(d, 1)
    near(c, 1)
    d, c = metrics.dci_scores(orrery.ones(4, 6, f64))
    near(d, 0)
    near(c, 0)
    local two = orrery.zeros(5, 10, f64)
    for l = 1, 5 do
      two[{ l, 2 * l - 1 }], two[{ l, 2 * l }] = 3, 3
    end
    d, c = metrics.dci_scores(two)
    near(d, 1 - math.log(2) / math.log(10))
    near(c, 1)
    -- A code of three times the importance weighs three times as much.
    d = metrics.dci_scores(tensor { { 3, 0 }, { 0.5, 0.5 } })
    near(d, 0.75)
  end)

t.test("DCI and SAP of factors turned: whole, permuted and mixed", function()
  local v = grid()
  local turned = orrery.stack({ v:select(2, 2) * -2, v:select(2, 1) * 5 }, 2)
    :double()
  local score = metrics.dci(turned, v)
  near(score.disentanglement, 1, 1e-9)
  near(score.completeness, 1, 1e-9)
  -- The Lasso shrinks a weight of 1 by alpha: 1 - 0.01^2 is explained.
  near(score.informativeness, 1 - 1e-4, 1e-9)
  near((metrics.sap(turned, v)), 1, 1e-12)
  local a = (v:select(2, 1):double() - 2.5) / math.sqrt(1.25)
  local b = (v:select(2, 2):double() - 2) / math.sqrt(2 / 3)
  local mixed = orrery.stack({ a + b, a - b }, 2)
  t.ok(metrics.dci(mixed, v).disentanglement < 1e-6)
  near((metrics.sap(mixed, v)), 0, 1e-12)
end)

t.test("active units vary over the data", function()
  local means = orrery.stack({ orrery.linspace(-1, 1, 50), orrery.zeros(50),
    orrery.linspace(-0.1, 0.1, 50) }, 2)
  t.equal(metrics.active_units(means), 1)
  t.equal(metrics.active_units(means, 0.001), 2)
end)

t.test("posteriors apart tell log N nats of the example, alike ones none",
  function()
    local n = 64
    local apart = orrery.range(1, n, f64):unsqueeze(2) * 1000
    local narrow = orrery.full({ n, 1 }, -8, f64)
    near(metrics.posterior_information(apart, narrow), math.log(n), 1e-9)
    near(metrics.posterior_information(orrery.zeros(n, 1, f64), narrow), 0,
      1e-9)
    -- Two groups: log 2.
    local groups = orrery.cat { orrery.zeros(32, 1, f64),
      orrery.ones(32, 1, f64) * 1000 }
    near(metrics.posterior_information(groups, narrow), math.log(2), 1e-9)
  end)

t.test("the parts of the KL term: latents that go together are correlated",
  function()
    local n = 12
    local narrow = orrery.full({ n, 2 }, -8, f64)
    local at = orrery.range(1, n, f64):unsqueeze(2) * 1000
    -- All of one latent is known from the other: log n.
    near(metrics.total_correlation(orrery.cat({ at, at * -1 }, 2), narrow),
      math.log(n), 1e-9)
    -- Every one of 3 places meets every one of 4: none.
    local a = orrery.tensor({ 0, 1, 2 }, f64):repeat_interleave(4)
    local b = orrery.tensor({ 0, 1, 2, 3 }, f64):tile { 3 }
    local apart = orrery.stack({ a, b }, 2) * 1000
    near(metrics.total_correlation(apart, narrow), 0, 1e-9)
    -- The three add up to the mean of log q(z | x) / p(z) over the same draws.
    local g = orrery.Generator(4)
    local mean = orrery.randn({ 30, 3 }, { dtype = "float64", generator = g })
    local logvar = mean:flip(1) * 0.3
    local parts = metrics.kl_parts(mean, logvar,
      { generator = orrery.Generator(5) })
    local eps = orrery.randn({ 30, 3 }, { dtype = "float64",
      generator = orrery.Generator(5) })
    local z = mean + (logvar * 0.5):exp() * eps
    near(parts.information + parts.correlation + parts.dimensions,
      ((z ^ 2 - eps ^ 2 - logvar) * 0.5):sum(2):mean():item(), 1e-9)
  end)

t.test("means and log-variances of unlike shapes are refused", function()
  t.fails("kl_parts: mean is [2, 3], logvar is [2, 2]; match them",
    metrics.kl_parts, orrery.zeros(2, 3), orrery.zeros(2, 2))
end)

t.test("neighbours and a line tell classes apart, and noise not", function()
  local noise = orrery.Generator(3)
  local function cloud(n)
    local y = orrery.randint(1, 3, n, { generator = noise })
    local x = orrery.randn({ n, 2 }, { dtype = "float64", generator = noise })
    return x * 0.3 + orrery.stack({ y:double() * 3, y:double() * -2 }, 2), y
  end
  local x, y = cloud(300)
  local held_x, held_y = cloud(200)
  near(metrics.knn_accuracy(x, y, held_x, held_y), 1)
  near(metrics.linear_probe(x, y, held_x, held_y), 1)
  local junk = orrery.randn({ 300, 2 }, { dtype = "float64",
    generator = noise })
  t.ok(metrics.knn_accuracy(junk, y, held_x * 0, held_y) < 0.6)
  -- By hand: neighbours at 1, 2 and 3 of classes 1, 2, 2.
  local line, kinds = tensor { { 1 }, { 2 }, { -3 }, { 9 } },
    whole { 1, 2, 2, 1 }
  local at = tensor { { 0 } }
  near(metrics.knn_accuracy(line, kinds, at, whole { 2 }, { k = 3 }), 1)
  near(metrics.knn_accuracy(line, kinds, at, whole { 1 }, { k = 1 }), 1)
  near(metrics.knn_accuracy(line, kinds, at, whole { 1 }, { k = 2 }), 1)
end)

t.test("the adjusted Rand index counts pairs", function()
  -- By looking at every pair: both together, either together.
  local function by_pairs(a, b)
    local both, of_a, of_b, all = 0, 0, 0, 0
    for i = 1, #a do
      for j = 1, i - 1 do
        local s, u = a[i] == a[j], b[i] == b[j]
        both, all = both + (s and u and 1 or 0), all + 1
        of_a, of_b = of_a + (s and 1 or 0), of_b + (u and 1 or 0)
      end
    end
    local chance = of_a * of_b / all
    return (both - chance) / ((of_a + of_b) / 2 - chance)
  end
  local function labels(list)
    return orrery.tensor(list, { dtype = "int64" })
  end
  local adjusted = orrery.metrics.adjusted_rand
  t.near(adjusted(labels { 1, 1, 2, 3 }, labels { 1, 1, 2, 2 }), 4 / 7, 1e-12)
  t.near(adjusted(labels { 1, 1, 2, 2 }, labels { 3, 3, 1, 1 }), 1, 1e-12)
  t.near(adjusted(labels { 1, 1 }, labels { 2, 2 }), 1)
  local noise = orrery.Generator(1)
  local x = orrery.randint(1, 4, 60, { generator = noise })
  local y = orrery.where(orrery.rand({ 60 }, { generator = noise }):lt(0.5), x,
    orrery.randint(1, 4, 60, { generator = noise }))
  t.near(adjusted(x, y), by_pairs(x:tolist(), y:tolist()), 1e-12)
  t.near(adjusted(orrery.randint(1, 5, 20000, { generator = noise }),
    orrery.randint(1, 5, 20000, { generator = noise })), 0, 0.002)
  t.fails("adjusted_rand: b are [3] but there are 2 codes; give [N]", adjusted,
    labels { 1, 1 }, labels { 1, 1, 1 })
end)

t.test("principal components leave the small variances", function()
  local noise = orrery.Generator(5)
  local scales = tensor { 2, math.sqrt(1.5), math.sqrt(0.6), math.sqrt(0.2) }
  local x = orrery.randn({ 400, 4 }, { dtype = "float64", generator = noise })
  -- Made uncorrelated with just these variances: 4, 1.5, 0.6, 0.2.
  local gap = x - x:mean(1)
  local white = gap:matmul((gap:transpose(1, 2):matmul(gap) / 400):cholesky()
    :inverse():transpose(1, 2))
  local turn = orrery.randn({ 4, 4 }, { dtype = "float64",
    generator = noise }):qr()
  local y = (white * scales):matmul(turn) + 7
  local pca = metrics.pca(y, 2)
  t.near(pca.variances, tensor { 4, 1.5, 0.6, 0.2 }, 1e-10)
  near(pca:error(y), 0.8, 1e-10)
  near(metrics.pca(y, 4):error(y), 0, 1e-12)
  t.equal({ pca:encode(y):shape() }, { 400, 2 })
end)

t.test("PSNR of an error of 0.1 is 20 decibels", function()
  local x = orrery.rand({ 2, 1, 8, 8 }, { generator = orrery.Generator(1) })
  near(metrics.psnr(x, x + 0.1), 20, 1e-5)
  t.ok(metrics.psnr(x, x) == math.huge)
  near(metrics.psnr(x * 255, x * 255 + 25.5, { range = 255 }), 20, 1e-4)
end)

-- SSIM of one channel by loops over windows.
local function ssim_by_loops(a, b, size)
  local w, total = {}, 0
  for i = -5, 5 do
    for j = -5, 5 do
      w[#w + 1] = math.exp(-(i * i + j * j) / 4.5)
      total = total + w[#w]
    end
  end
  local sum, count = 0, 0
  for y = 6, size - 5 do
    for x = 6, size - 5 do
      local ma, mb, aa, bb, ab, k = 0, 0, 0, 0, 0, 0
      for i = -5, 5 do
        for j = -5, 5 do
          k = k + 1
          local p, q, weight = a[y + i][x + j], b[y + i][x + j], w[k] / total
          ma, mb = ma + weight * p, mb + weight * q
          aa, bb, ab = aa + weight * p * p, bb + weight * q * q,
            ab + weight * p * q
        end
      end
      sum = sum + (2 * ma * mb + 1e-4) * (2 * (ab - ma * mb) + 9e-4)
        / ((ma * ma + mb * mb + 1e-4)
          * (aa - ma * ma + bb - mb * mb + 9e-4))
      count = count + 1
    end
  end
  return sum / count
end

t.test("SSIM is the mean over windows", function()
  local g = orrery.Generator(2)
  local x = orrery.rand({ 1, 1, 14, 14 }, { dtype = "float64", generator = g })
  local y = (x + orrery.randn({ 1, 1, 14, 14 }, { dtype = "float64",
    generator = g }) * 0.2):clamp(0, 1)
  near(metrics.ssim(x, y), ssim_by_loops(x[1][1]:tolist(), y[1][1]:tolist(),
    14), 1e-12)
  near(metrics.ssim(x, x), 1, 1e-12)
  t.fails("ssim: x is [1, 1, 8, 8]; the window needs 11 by 11 pixels",
    metrics.ssim, orrery.rand(1, 1, 8, 8), orrery.rand(1, 1, 8, 8))
end)

t.test("white noise has sharpness 20, and 0.40625 after a binomial blur",
  function()
    local x = orrery.randn({ 40, 1, 96, 96 }, { dtype = "float64",
      generator = orrery.Generator(3) })
    local row = tensor { 0.25, 0.5, 0.25 }
    local blur = (row:unsqueeze(2) * row:unsqueeze(1)):reshape(1, 1, 3, 3)
    local soft = orrery.nn.functional.conv2d(x, blur)
    -- 40 pictures of 9,000 pixels: within 1 %.
    near(metrics.sharpness(x), 20, 0.2)
    near(metrics.sharpness(soft), 0.40625, 0.008)
    near(metrics.sharpness(soft, x), 0.40625 / 20, 4e-4)
    near(metrics.sharpness(x, x), 1)
  end)

t.test("shapes: every combination once, drawn where the factors say",
  function()
    local set = data.shapes { scales = 2, rotations = 4, positions = 3 }
    t.equal(#set, 3 * 2 * 4 * 3 * 3)
    t.equal(set.factors:unique { axis = 1 }:size(1), #set)
    local x, factors = set:everything()
    t.equal({ x:shape() }, { #set, 1, 32, 32 })
    t.ok(x:amin():item() >= 0 and x:amax():item() == 1)
    -- The centre of mass goes with x and y, the area with the scale, to the
    -- square, the same for every place.
    local at = orrery.range(1, 32)
    local mass = x:sum { axis = { 2, 3, 4 } }
    local cx = (x * at):sum { axis = { 2, 3, 4 } } / mass
    local cy = (x * at:reshape(32, 1)):sum { axis = { 2, 3, 4 } } / mass
    local margin = 32 * 0.22 * 1.15
    local plain = factors:select(2, 1):lt(3)  -- hearts hang a little
    local place = (factors - 1):float() * ((32 - 2 * margin) / 2) + margin
      + 0.5
    t.ok(((cx - place:select(2, 4)):abs() * plain:float()):amax():item()
      < 0.1)
    t.ok(((cy - place:select(2, 5)):abs() * plain:float()):amax():item()
      < 0.1)
    local side = 1.6 * 32 * 0.22
    for scale, want in ipairs { (side / 2) ^ 2, side ^ 2 } do
      local is = factors:select(2, 1):eq(1):logical_and(
        factors:select(2, 2):eq(scale))
      local areas = mass:masked_select(is)
      t.ok((areas - want):abs():amax():item() < 0.04 * want + 1)
    end
    -- A quarter turn of a square is the same square.
    local one = set:draw(whole { { 1, 2, 1, 2, 2 } })
    t.near(set:draw(whole { { 1, 2, 2, 2, 2 } }), one, 1e-4)
    local y, fixed = set:with_factor(4, 3, 20,
      { generator = orrery.Generator(1) })
    t.equal({ y:shape() }, { 20, 1, 32, 32 })
    t.ok(fixed:select(2, 4):eq(3):all():item() == 1)
    t.near(y:squeeze(2), set:draw(fixed), 0.5 / 255 + 1e-6)
    t.equal({ set:subset(1, 9):with_factor(4, 3, 20,
      { generator = orrery.Generator(1) }) }, { set:draw(fixed):unsqueeze(2),
      fixed })
    t.fails("shapes: shape 2 is \"star\"; it is square, ellipse or heart",
      data.shapes, { shapes = { "square", "star" } })
  end)

-- Codes straight from the picture: mass, and the centre in x and y.
local function by_hand(x)
  local at = orrery.range(1, 32)
  local mass = x:sum { axis = { 2, 3, 4 } }
  local cx = (x * at):sum { axis = { 2, 3, 4 } } / mass
  local cy = (x * at:reshape(32, 1)):sum { axis = { 2, 3, 4 } } / mass
  return orrery.stack({ mass, cx, cy }, 2)
end

t.test("votes name the factor that was fixed when each has a code of its own",
  function()
    local set = data.shapes { shapes = { "square" }, rotations = 1 }
    local given = { votes = 120, batch = 32, generator = orrery.Generator(1) }
    near(metrics.factor_vae_score(by_hand, set, given), 1)
    near(metrics.beta_vae_score(by_hand, set, given), 1)
    -- A turned code hides them from the first.
    local turn = orrery.tensor { { 1, 1, 1 }, { 1, -1, 1 }, { 1, 1, -2 } }
    local function hidden(x)
      local z = by_hand(x)
      return ((z - z:mean(1)) / z:std(1)):matmul(turn)
    end
    t.ok(metrics.factor_vae_score(hidden, set, given) < 0.9)
  end)

-- ---- the course of a loss

t.test("correlation by hand, of lines, of noise, and as a cosine", function()
  local correlation = metrics.correlation
  t.near(correlation({ 1, 2, 3 }, { 5, 7, 9 }), 1, 1e-12)
  t.near(correlation({ 1, 2, 3 }, { 9, 7, 5 }), -1, 1e-12)
  -- Deviations -1, 0, 1 and -1, 2, -1: at right angles; then 1 / sqrt(2 * 6).
  t.near(correlation({ 1, 2, 3 }, { 1, 4, 1 }), 0, 1e-12)
  t.near(correlation({ 1, 2, 3 }, { 1, 5, 3 }), 2 / math.sqrt(2 * 8), 1e-12)
  local draw = { dtype = "float64", generator = orrery.Generator(3) }
  local x, y = orrery.randn({ 400 }, draw) + 7, orrery.randn({ 400 }, draw)
  t.ok(math.abs(correlation(x, y)) < 5 / 20)
  local z = x + y
  local a, b = x - x:mean(), z - z:mean()
  t.near(correlation(x, z), (a * b):sum() / (a:norm() * b:norm()), 1e-12)
  local flat = correlation({ 1, 2, 3 }, { 4, 4, 4 })
  t.ok(flat ~= flat)
  t.fails("correlation: a has 3 values, b 4; give as many of each",
    correlation, { 1, 2, 3 }, { 1, 2, 3, 4 })
end)

t.test("stability is that of a ramp, of a swing and of noise", function()
  -- 1 .. n: mean (n + 1) / 2, variance n (n + 1) / 12; the products of
  -- neighbours' deviations sum to (n - 1) (n - 3) (n + 1) / 12.
  local ramp = metrics.stability { 1, 2, 3, 4, 5 }
  t.near(ramp.mean, 3, 1e-12)
  t.near(ramp.sd, math.sqrt(5 * 6 / 12), 1e-12)
  t.near(ramp.lag1, (4 * 2 * 6 / 12) / 10, 1e-12)
  t.equal({ ramp.turns, ramp.n }, { 0, 5 })
  local swing = {}
  for i = 1, 100 do swing[i] = i % 2 == 0 and 1 or -1 end
  local m = metrics.stability(swing)
  t.near(m.lag1, -99 / 100, 1e-12)
  t.equal(m.turns, 98)
  t.equal(metrics.stability { 1, 2, 2, 3, 2, 2, 1 }.turns, 1)
  local n = 20000
  m = metrics.stability(orrery.randn({ n },
    { generator = orrery.Generator(4) }))
  t.near(m.lag1, 0, 4 / math.sqrt(n))
  -- a turn at each inner place with odds 2/3; variance (16 n - 29) / 90
  t.near(m.turns, 2 / 3 * (n - 2), 4 * math.sqrt((16 * n - 29) / 90))
  m = metrics.stability { 2, 2, 2 }
  t.ok(m.lag1 ~= m.lag1 and m.sd == 0)
  t.fails("stability: there are 2 values; give at least 3", metrics.stability,
    { 1, 2 })
  t.fails("stability: values is 3; give a list of numbers", metrics.stability,
    3)
end)
