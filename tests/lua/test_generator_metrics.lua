--- Metrics of generators against closed forms, values worked out by hand and
--- naive loops.
local orrery, t = require "orrery", require "orrery.testing"
local metrics = orrery.metrics

local f64 = { dtype = "float64" }
local function tensor(v) return orrery.tensor(v, f64) end
local function normal(seed, ...)
  return orrery.randn({ ... }, { dtype = "float64",
    generator = orrery.Generator(seed) })
end
local function near(got, want, tol) t.near(tensor(got), tensor(want), tol) end
local plain = { resamples = 0 }

-- ---- Fréchet

local function gaussians(m1, s1, m2, s2)
  return metrics.frechet_distance(tensor(m1), tensor(s1), tensor(m2),
    tensor(s2))
end

t.test("F192 F193 F194 F195: the distance of two Gaussians", function()
  -- Of 2 x 2 matrices Tr (A^(1/2)) = sqrt(Tr A + 2 sqrt(det A)).
  local trace = 2 * 1 + 0.5 * -0.3 + 0.5 * -0.3 + 1 * 2
  local det = (2 * 1 - 0.25) * (1 * 2 - 0.09)
  near(gaussians({ 0, 0 }, { { 2, .5 }, { .5, 1 } }, { 1, -1 },
    { { 1, -.3 }, { -.3, 2 } }),
    2 + 3 + 3 - 2 * math.sqrt(trace + 2 * math.sqrt(det)), 1e-12)
  near(gaussians({ 0, 0 }, { { 2, .5 }, { .5, 1 } }, { 1, -1 },
    { { 1, -.3 }, { -.3, 2 } }), 2.57542589, 1e-8)
  near(gaussians({ 0, 0 }, { { 1, 0 }, { 0, 4 } }, { 1, 2 },
    { { 4, 0 }, { 0, 1 } }), 7, 1e-12)
  near(gaussians({ 0 }, { { 1 } }, { 0 }, { { 9 } }), 4, 1e-12)
  near(gaussians({ 3, 1 }, { { 2, .5 }, { .5, 1 } }, { 3, 1 },
    { { 2, .5 }, { .5, 1 } }), 0, 1e-12)
end)

t.test("F197: a quarter of the variance in 8 dimensions is a distance of 2",
  function()
    local zero, one = orrery.zeros({ 8 }, f64), orrery.eye(8, f64)
    near(metrics.frechet_distance(zero, one, zero, one / 4), 2, 1e-12)
  end)

t.test("random Gaussians agree with the root of the product's eigenvalues",
  function()
    for seed = 1, 20 do
      local d = 1 + seed % 7
      local a, b = normal(seed, d, d + 2), normal(seed + 50, d, d + 2)
      local s1, s2 = a:matmul(a:transpose(1, 2)), b:matmul(b:transpose(1, 2))
      local m = normal(seed + 90, d)
      local zero = orrery.zeros({ d }, f64)
      -- Through Cholesky: L^T S2 L has the eigenvalues of S1 S2.
      local l = s1:cholesky()
      local roots = l:transpose(1, 2):matmul(s2):matmul(l):eigvalsh():sqrt()
      local want = (m ^ 2):sum() + s1:trace() + s2:trace() - roots:sum() * 2
      near(metrics.frechet_distance(zero, s1, m, s2), want:item(), 1e-8)
    end
  end)

t.test("singular covariances: points on a line, and on another", function()
  near(gaussians({ 0, 0 }, { { 1, 0 }, { 0, 0 } }, { 0, 0 },
    { { 0, 0 }, { 0, 1 } }), 2, 1e-12)
  near(gaussians({ 0, 0 }, { { 0, 0 }, { 0, 0 } }, { 3, 4 },
    { { 0, 0 }, { 0, 0 } }), 25, 1e-12)
end)

t.test("FID by hand: eleven rows of the unit matrix, multiplied", function()
  -- The rows of the unit matrix of 11: means 1 / 11, covariance (I - J / 11) /
  -- 10, whose trace is 1 and whose root commutes: c times the rows are
  -- (c - 1)^2 (|mean|^2 + 1) = (c - 1)^2 12 / 11 away.
  local rows = orrery.eye(11, f64)
  for _, c in ipairs { 0.5, 3, 10 } do
    near(metrics.fid(rows, rows * c, plain).value, (c - 1) ^ 2 * 12 / 11,
      1e-6)
  end
  -- Eight times them and 14 / 11 more: means 21 / 11 apart in each of eleven
  -- numbers, roots of the covariances' traces 7: 21^2 / 11 + 49.
  near(metrics.fid(rows, rows * 8 + 14 / 11, plain).value, 89.0909, 1e-4)
end)

t.test("a law is at no distance from itself, and distances are symmetric",
  function()
    local x, y = normal(1, 300, 6), normal(2, 200, 6) * 2 + 1
    near(metrics.fid(x, x, plain).value, 0, 1e-6)
    near(metrics.fid(x, y, plain).value, metrics.fid(y, x, plain).value, 1e-6)
  end)

t.test("F196: two samples of one law are apart by their sizes alone", function()
  local sum, runs = 0, 30
  for seed = 1, runs do
    sum = sum + metrics.fid(normal(seed, 1000, 8), normal(seed + 100, 1000, 8),
      plain).value
  end
  near(sum / runs, 0.052, 0.008)
  near(metrics.frechet_bias(orrery.eye(8, f64), 1000, 1000), 0.052, 1e-12)
  near(metrics.fid(normal(1, 1000, 8), normal(2, 1000, 8), plain).bias, 0.052,
    0.003)
end)

t.test("the bias of unequal variances and sizes shows in many", function()
  local scale, values = tensor { 3, 1, 0.3 }, {}
  for seed = 1, 200 do
    values[seed] = metrics.fid(normal(seed, 400, 3) * scale,
      normal(seed + 500, 200, 3) * scale, plain).value
  end
  local v = tensor(values)
  local want = metrics.frechet_bias((scale ^ 2):diag(), 400, 200)
  t.ok(math.abs(v:mean():item() - want)
    < 3 * v:std():item() / math.sqrt(200) + 0.02 * want)
end)

t.test("FID's interval holds the truth and narrows with n", function()
  local inside, widths = 0, {}
  for _, n in ipairs { 100, 1600 } do
    local x, y = normal(n, n, 2), normal(n + 1, n, 2) + 1
    local s = metrics.fid(x, y, { resamples = 200 })
    widths[#widths + 1] = s.high - s.low
    if s.low <= 2 and 2 <= s.high then inside = inside + 1 end
  end
  t.equal(inside, 2)
  -- The error of a mean falls as 1 / sqrt(n): four times narrower.
  t.ok(widths[1] / widths[2] > 2.5 and widths[1] / widths[2] < 6)
end)

-- ---- KID

t.test("KID is the naive sum over different pairs", function()
  local x, y = normal(1, 9, 3), normal(2, 7, 3) + 0.5
  local function k(a, b) return ((a * b):sum():item() / 3 + 1) ^ 3 end
  local function mean(a, b)
    local sum, pairs_ = 0, 0
    for i = 1, #a do
      for j = 1, #b do
        if a ~= b or i ~= j then
          sum, pairs_ = sum + k(a[i], b[j]), pairs_ + 1
        end
      end
    end
    return sum / pairs_
  end
  local want = mean(x, x) + mean(y, y) - 2 * mean(x, y)
  near(metrics.kid(x, y, plain).value, want, 1e-12)
  near(metrics.kid(y, x, plain).value, want, 1e-12)
end)

t.test("KID is unbiased: the mean of many is the closed form within 3 s.e.",
  function()
    -- In one dimension k = (x y + 1)^3 = sum_j C(3, j) x^j y^j, and the squared
    -- distance is that of the first three moments, weighed by C(3, j).
    local m, s = 0.4, 1.3
    local truth = 3 * m ^ 2 + 3 * (m ^ 2 + s ^ 2 - 1) ^ 2
      + (m ^ 3 + 3 * m * s ^ 2) ^ 2
    for _, case in ipairs { { m, s, truth }, { 0, 1, 0 } } do
      local values = {}
      for i = 1, 400 do
        values[i] = metrics.kid(normal(i, 40, 1),
          normal(1000 + i, 30, 1) * case[2] + case[1], plain).value
      end
      local v = tensor(values)
      t.ok(math.abs(v:mean():item() - case[3])
        < 3 * v:std():item() / math.sqrt(400))
    end
  end)

t.test("sums in blocks are those of one: 1,100 examples", function()
  local x, y = normal(1, 1100, 2), normal(2, 600, 2) + 1
  local function whole(a, b)
    local k = (a:matmul(b:transpose(1, 2)) / 2 + 1) ^ 3
    if a ~= b then return k:mean():item() end
    local n = a:size(1)
    return (k:sum():item() - k:trace():item()) / (n * (n - 1))
  end
  near(metrics.kid(x, y, plain).value, whole(x, x) + whole(y, y)
    - 2 * whole(x, y), 1e-10)
end)

-- ---- Inception score

t.test("F198 F199 F200 F201: the Inception score by hand", function()
  local function of(p) return metrics.inception_score(p, plain).value end
  -- Nothing but opinions is looked at: these could be of pure noise.
  near(of(orrery.eye(10, f64):tile { 7, 1 }), 10, 1e-12)
  near(of(orrery.eye(10, f64):narrow(1, 3, 1):tile { 70, 1 }), 1, 1e-12)
  near(of(tensor { { .9, .1 }, { .1, .9 } }), 1.44493481, 1e-8)
  near(of(orrery.full({ 5, 4 }, 0.25, f64)), 1, 1e-12)
  near(metrics.inception_score(orrery.eye(10, f64):tile { 20, 1 },
    { splits = 10, resamples = 0 }).value, 10, 1e-12)
end)

t.test("the Inception score is the exponential of a mean divergence", function()
  local p = normal(3, 50, 4):softmax(2)
  local mean = p:mean(1)
  local want = math.exp((p * (p / mean):log()):sum(2):mean():item())
  near(metrics.inception_score(p, plain).value, want, 1e-12)
end)

-- ---- precision and recall

t.test("equal samples have precision, recall and coverage 1", function()
  local x = normal(1, 60, 3)
  local pr, dc = metrics.precision_recall(x, x), metrics.density_coverage(x, x)
  for _, s in ipairs { pr.precision, pr.recall, dc.coverage } do
    t.equal({ s.value, s.low, s.high }, { 1, 1, 1 })
  end
  local prd = metrics.prd(x, x)
  near(prd.f8.value, 1, 1e-12)
  near(prd.f1_8.value, 1, 1e-12)
  -- (1, 1) is on the curve, at slope 1.
  near(prd.precision[101]:item(), 1, 1e-12)
  near(prd.recall[101]:item(), 1, 1e-12)
end)

t.test("samples far apart have precision, recall, density and coverage 0",
  function()
    local x, y = normal(1, 60, 3), normal(2, 60, 3) + 100
    local pr, dc = metrics.precision_recall(x, y),
      metrics.density_coverage(x, y)
    local prd = metrics.prd(x, y)
    for _, s in ipairs { pr.precision, pr.recall, dc.density, dc.coverage,
      prd.f8, prd.f1_8 } do
      t.equal({ s.value, s.high }, { 0, 0 })
    end
    t.equal(prd.precision:amax():item(), 0)
  end)

t.test("precision and recall are the naive counts", function()
  local x, y = normal(1, 40, 2), normal(2, 30, 2) * 0.5 + 0.7
  local k = 3
  local function distance(a, b) return ((a - b) ^ 2):sum():sqrt():item() end
  local function radius(z, i)
    local list = {}
    for j = 1, #z do
      if j ~= i then list[#list + 1] = distance(z[i], z[j]) end
    end
    table.sort(list)
    return list[k]
  end
  local function counts(judged, balls)
    local list = {}
    for i = 1, #judged do
      list[i] = 0
      for j = 1, #balls do
        if distance(judged[i], balls[j]) <= radius(balls, j) then
          list[i] = list[i] + 1
        end
      end
    end
    return list
  end
  local function share(list)
    local n = 0
    for _, c in ipairs(list) do if c > 0 then n = n + 1 end end
    return n / #list
  end
  local pr = metrics.precision_recall(x, y, { k = k, resamples = 0 })
  local inside = counts(y, x)
  near(pr.precision.value, share(inside), 1e-12)
  near(pr.recall.value, share(counts(x, y)), 1e-12)
  local dc = metrics.density_coverage(x, y, { k = k, resamples = 0 })
  near(dc.density.value, tensor(inside):mean():item() / k, 1e-12)
end)

t.test("half of the modes: precision stays, recall halves; coverage likewise",
  function()
    local x = normal(1, 200, 2)
    x[{ { 1, 100 }, 1 }] = x[{ { 1, 100 }, 1 }] + 50
    local y = normal(2, 200, 2)
    local pr, dc = metrics.precision_recall(x, y),
      metrics.density_coverage(x, y)
    t.ok(pr.precision.value > 0.9)
    near(pr.recall.value, 0.5, 0.06)
    near(dc.coverage.value, 0.5, 0.06)
    local prd = metrics.prd(x, y)
    t.ok(prd.f1_8.value > 0.9 and prd.f8.value < 0.65)
  end)

t.test("one far real example raises recall's reach but not density", function()
  -- Naeem et al.'s example: an outlier among the real ones has a huge ball.
  local x, y = normal(1, 100, 2), normal(2, 100, 2) + 8
  x[100] = tensor { 8, 8 }
  t.ok(metrics.precision_recall(x, y, plain).precision.value > 0.9)
  t.ok(metrics.density_coverage(x, y, plain).density.value < 0.3)
end)

t.test("the curve of two histograms is that of the paper's sums", function()
  -- Three points, each its own cluster: P = (1/2, 1/2, 0), Q = (0, 1/4, 3/4).
  local at = tensor { { 0 }, { 10 }, { 20 } }
  local function set(list)
    return at:index_select(1, orrery.tensor(list, { dtype = "int64" }))
  end
  local prd = metrics.prd(set { 1, 1, 2, 2 }, set { 2, 3, 3, 3 },
    { clusters = 3, angles = 3, resamples = 0 })
  -- Slopes tan(pi/8), 1, tan(3 pi/8): precision sum min(l P, Q) = min(l / 2,
  -- 1/4), recall sum min(P, Q / l) = min(1/2, 1 / (4 l)).
  local precision, recall = {}, {}
  for i, l in ipairs { math.tan(math.pi / 8), 1, math.tan(3 * math.pi / 8) } do
    precision[i], recall[i] = math.min(l / 2, 1 / 4),
      math.min(1 / 2, 1 / (4 * l))
  end
  t.near(prd.precision, tensor(precision), 1e-12)
  t.near(prd.recall, tensor(recall), 1e-12)
end)

t.test("k-means finds well parted clusters, and the best start wins", function()
  local x = orrery.cat({ normal(1, 30, 2), normal(2, 20, 2) + 20,
    normal(3, 10, 2) - tensor { 0, 30 } }, 1)
  local found = metrics.kmeans(x, 3)
  t.equal((found.labels:bincount():sort()):tolist(), { 10, 20, 30 })
  local sum = 0
  for _, span in ipairs { { 1, 30 }, { 31, 20 }, { 51, 10 } } do
    local z = x:narrow(1, span[1], span[2])
    sum = sum + ((z - z:mean(1)) ^ 2):sum():item()
  end
  near(found.inertia, sum, 1e-9)
  near(metrics.kmeans(x, 1).inertia, ((x - x:mean(1)) ^ 2):sum():item(), 1e-9)
end)

-- ---- learnt by heart, diversity

t.test("copies of training examples are found, fresh ones are even", function()
  local train, held = normal(1, 400, 3), normal(2, 400, 3)
  local copies = metrics.memorisation(train:narrow(1, 11, 50), train, held)
  t.equal(copies.value, 1)
  t.equal(copies.nearest:tolist(),
    orrery.range(11, 60, { dtype = "int64" }):tolist())
  near(copies.distance:amax():item(), 0, 1e-6)
  local fresh = metrics.memorisation(normal(3, 400, 3), train, held)
  t.ok(fresh.low <= 0.5 and 0.5 <= fresh.high)
  t.equal(metrics.memorisation(normal(3, 20, 3), train, train).value, 0.5)
end)

t.test("MS-SSIM: 1 for an image over and over, near 0 for noise", function()
  local one = orrery.rand({ 1, 1, 28, 28 },
    { generator = orrery.Generator(1) })
  near(metrics.ms_ssim_diversity(one:tile { 6, 1, 1, 1 }, { pairs = 20 })
    .value, 1, 1e-6)
  local noise = orrery.rand({ 40, 1, 28, 28 },
    { generator = orrery.Generator(2) })
  t.ok(metrics.ms_ssim_diversity(noise, { pairs = 100 }).value < 0.2)
  near(metrics.ms_ssim(one, one), 1, 1e-12)
end)

t.test("MS-SSIM of 28 x 28 is two scales with exponents of sum 1", function()
  local x = orrery.rand({ 1, 1, 28, 28 }, { dtype = "float64",
    generator = orrery.Generator(1) })
  local y = (x + 0.2 * orrery.rand({ 1, 1, 28, 28 }, { dtype = "float64",
    generator = orrery.Generator(2) }))
  -- The product of windows' terms by plain loops over one window at a time.
  local w = {}
  for i = -5, 5 do w[i + 6] = math.exp(-i * i / (2 * 1.5 ^ 2)) end
  local norm = 0
  for i = 1, 11 do norm = norm + w[i] end
  local function terms(a, b)
    local full, structure, count = 0, 0, 0
    for top = 1, #a - 10 do
      for left = 1, #a - 10 do
        local s = { 0, 0, 0, 0, 0 }
        for i = 1, 11 do
          for j = 1, 11 do
            local g = w[i] * w[j] / norm ^ 2
            local p, q = a[top + i - 1][left + j - 1],
              b[top + i - 1][left + j - 1]
            s[1], s[2] = s[1] + g * p, s[2] + g * q
            s[3], s[4] = s[3] + g * p * p, s[4] + g * q * q
            s[5] = s[5] + g * p * q
          end
        end
        local cs = (2 * (s[5] - s[1] * s[2]) + 9e-4)
          / (s[3] - s[1] ^ 2 + s[4] - s[2] ^ 2 + 9e-4)
        local l = (2 * s[1] * s[2] + 1e-4) / (s[1] ^ 2 + s[2] ^ 2 + 1e-4)
        full, structure, count = full + l * cs, structure + cs, count + 1
      end
    end
    return full / count, structure / count
  end
  local function halved(z)
    return orrery.avg_pool2d(z, 2)
  end
  local _, fine = terms(x[1][1]:tolist(), y[1][1]:tolist())
  local coarse = terms(halved(x)[1][1]:tolist(), halved(y)[1][1]:tolist())
  local total = 0.0448 + 0.2856
  near(metrics.ms_ssim(x, y), fine ^ (0.0448 / total)
    * coarse ^ (0.2856 / total), 1e-10)
end)

t.test("F214 F215: the Laplacian's variance of white noise, and blurred",
  function()
    -- White noise has the squares' sum of the kernel; so has a single pixel,
    -- spread over all places that the kernel fits.
    local x = orrery.zeros(1, 1, 50, 50, f64)
    x[{ 1, 1, 25, 25 }] = 1
    near(metrics.sharpness(x) * 48 ^ 2, 20, 1e-9)
    local row = tensor { 1, 2, 1 } / 4
    local blur = (row:unsqueeze(2) * row:unsqueeze(1)):reshape(1, 1, 3, 3)
    local blurred = orrery.nn.functional.conv2d(x, blur, nil, { padding = 1 })
    near(metrics.sharpness(blurred) * 48 ^ 2, 0.40625, 1e-9)
    near(metrics.sharpness(normal(1, 1, 1, 600, 600)), 20, 0.2)
  end)

-- ---- ways through the latent

t.test("F213: codes truncated to 0.7 have 0.49 of their variance", function()
  local w = normal(1, 50, 3) * tensor { 1, 2, 5 } + 4
  local near_mean = orrery.gan.truncate(w, w:mean(1), 0.7)
  t.near(near_mean:var(1) / w:var(1), tensor { 0.49, 0.49, 0.49 }, 1e-12)
  t.near(near_mean:mean(1), w:mean(1), 1e-12)
  t.near(orrery.gan.truncate(w, w:mean(1), 0):var(1), orrery.zeros(3, f64),
    1e-12)
end)

t.test("F209: PPL of a linear map is twice its squared norm", function()
  local a = tensor { { 1, 0 }, { 0, 2 } }
  local function draw(n, g)
    return orrery.randn({ n, 2 }, { dtype = "float64", generator = g })
  end
  local function generate(z) return z:matmul(a) end
  local s = metrics.ppl(generate, { draw = draw, space = "w", n = 300 })
  -- The same draws: |A (b - a)|^2 of each pair, whatever the place on the way.
  local g, sum = orrery.Generator(1), 0
  for _ = 1, 3 do
    local from, to = draw(100, g), draw(100, g)
    orrery.rand({ 100, 1 }, { dtype = "float64", generator = g })
    sum = sum + ((to - from):matmul(a) ^ 2):sum():item()
  end
  near(s.value, sum / 300, 1e-12)
  local many = metrics.ppl(generate, { draw = draw, space = "w", n = 20000,
    batch = 5000 })
  t.ok(many.low <= 10 and 10 <= many.high)
  -- The paper's quotient agrees to the order of its rounding.
  local quotient = metrics.ppl(generate, { draw = draw, space = "w", n = 300,
    epsilon = 1e-4 })
  near(quotient.value, s.value, 1e-6)
end)

t.test("F210: an arc between orthogonal unit vectors has speed pi / 2",
  function()
    local a, b = tensor { { 1, 0, 0 } }, tensor { { 0, 1, 0 } }
    for _, t_ in ipairs { 0.1, 0.5, 0.8 } do
      local p, v = metrics.slerp(a, b, t_)
      near((v ^ 2):sum():item(), 2.4674011, 1e-7)
      near((p ^ 2):sum():item(), 1, 1e-12)
      local q = metrics.slerp(a, b, t_ + 1e-6)
      t.near((q - p) / 1e-6, v, 1e-5)
    end
    t.near((metrics.slerp(a, b, 0)), a, 1e-12)
    t.near((metrics.slerp(a, b, 1)), b, 1e-12)
  end)

t.test("PPL on arcs of a bent map agrees with its difference quotient",
  function()
    local function draw(n, g)
      return orrery.randn({ n, 3 }, { dtype = "float64", generator = g })
    end
    local w = normal(9, 3, 5)
    local function generate(z) return z:matmul(w):tanh() end
    local exact = metrics.ppl(generate, { draw = draw, n = 50 })
    local quotient = metrics.ppl(generate, { draw = draw, n = 50,
      epsilon = 1e-5 })
    near(quotient.value / exact.value, 1, 1e-3)
  end)

t.test("F211 F212: separability is exp of the entropy that is left", function()
  -- A binary attribute of entropy 0.3 of which the side tells nothing.
  local low, high = 0, 0.5
  local function h(p) return -p * math.log(p) - (1 - p) * math.log(1 - p) end
  for _ = 1, 60 do
    local mid = (low + high) / 2
    if h(mid) < 0.3 then low = mid else high = mid end
  end
  near(math.exp(metrics.conditional_entropy(tensor { { 1 - low, low } })),
    1.34985881, 1e-8)
  -- Codes alike for both halves: 2; one even attribute a plane tells: 1.
  local z = normal(1, 100, 2)
  local twice = orrery.cat({ z, z }, 1)
  local y = orrery.cat({ orrery.zeros(100, 1), orrery.ones(100, 1) }, 1)
  near(metrics.separability(twice, y, plain).value, 2, 1e-6)
  local side = z:narrow(2, 1, 1):gt(0):double()
  near(metrics.separability(z + side * tensor { { 3, 0 } }, side, plain).value,
    1, 1e-6)
end)

t.test("conditional entropy is that of the table", function()
  local p = { { 0.1, 0.2 }, { 0.4, 0.3 } }
  local want = -(0.1 * math.log(0.1 / 0.3) + 0.2 * math.log(0.2 / 0.3)
    + 0.4 * math.log(0.4 / 0.7) + 0.3 * math.log(0.3 / 0.7))
  near(metrics.conditional_entropy(tensor(p)), want, 1e-12)
  near(metrics.conditional_entropy(tensor(p) * 70), want, 1e-12)
end)

-- ---- scores

t.test("a score says what it depends on, and compares with its like", function()
  local x = normal(1, 50, 2)
  local a, b = metrics.fid(x, normal(2, 50, 2)),
    metrics.fid(x, normal(3, 50, 2) + 3)
  t.ok(a < b and a <= b and b > a and a < 5)
  near(b - a, b.value - a.value, 1e-12)
  t.ok(tostring(a):find "^fid .+%[.+%], n = 50, real 50, features as given")
  t.equal(a:row().n, 50)
  t.ok(a.low < a.value and a.value < a.high)
end)

t.test("scores measured in another way are not compared", function()
  local x, y = normal(1, 50, 2), normal(2, 50, 2)
  local a = metrics.fid(x, y)
  local function less(p, q) return p < q end
  t.fails("fid: one has n 50, the other 40; measure both alike", less, a,
    metrics.fid(x, y:narrow(1, 1, 40)))
  t.fails("fid: one has metric fid, the other kid; measure both alike", less,
    a, metrics.kid(x, y))
  local other = metrics.fid(x, y)
  other.extractor, other.hash = "mine", "0123456789abcdef"
  t.fails("fid: one has extractor none, the other mine; measure both alike",
    less, a, other)
  t.fails("precision: one has settings k = 3, the other k = 4; measure both "
    .. "alike", less, metrics.precision_recall(x, y).precision,
    metrics.precision_recall(x, y, { k = 4 }).precision)
end)

t.test("the same seed gives the same interval, another another", function()
  local x, y = normal(1, 50, 2), normal(2, 50, 2)
  local function interval(seed)
    local s = metrics.kid(x, y, { seed = seed })
    return { s.low, s.high }
  end
  t.equal(interval(3), interval(3))
  t.ok(interval(3)[1] ~= interval(4)[1])
end)

t.test("misuse is said in a sentence", function()
  local x = normal(1, 10, 2)
  t.fails("fid: real is [10, 2], fake is [10, 3]; match all but their first "
    .. "axis", metrics.fid, x, normal(2, 10, 3))
  t.fails("precision_recall: real has 3 examples; give at least 4",
    metrics.precision_recall, x:narrow(1, 1, 3), x)
  t.fails("inception_score: a row of x has not sum 1; give probabilities, "
    .. "after the softmax", metrics.inception_score, x)
  t.fails("prd: angles is 10; give an odd number, so that slope 1 is one",
    metrics.prd, x, x, { angles = 10 })
  t.fails("ppl: space is \"q\"; use \"z\" or \"w\"", metrics.ppl,
    function() end, { space = "q" })
  t.fails("memorisation: 10 training and 9 held-out examples; give as many of "
    .. "both", metrics.memorisation, x, x, x:narrow(1, 1, 9))
  t.fails("kmeans: k is 11 but x is [10, 2]; use 1 to 10", metrics.kmeans, x,
    11)
end)
