--- Linear algebra on ill-conditioned matrices with closed forms: results and
--- gradients are as near to the truth as c n eps cond allows, in both dtypes.
local orrery, t = require "orrery", require "orrery.testing"

local EPS = { float64 = 2 ^ -52, float32 = 2 ^ -23 }
local C = 8  -- of c n eps cond

local function f64(list) return orrery.tensor(list, { dtype = "float64" }) end
local function eye(n) return orrery.eye(n, { dtype = "float64" }) end
local function mt(x) return x:transpose(-2, -1) end
local function size(x) return x:double():norm():item() end

local function randn(seed, ...)
  return orrery.randn({ ... }, { dtype = "float64",
    generator = orrery.Generator(seed) })
end

local function matrix(n, m, entry)
  local rows = {}
  for i = 1, n do
    rows[i] = {}
    for j = 1, m do rows[i][j] = entry(i, j) end
  end
  return f64(rows)
end

--- |got - want| / |want| <= C n eps cond, and NaN fails.
local function within(what, got, want, n, cond)
  t.ok(got:shape_str() == want:shape_str(), what .. ": shape is "
    .. got:shape_str() .. ", not " .. want:shape_str())
  local off = size(got:double() - want) / size(want)
  local bound = C * n * EPS[got.dtype] * cond
  t.ok(off <= bound, ("%s, %s, n = %d: off by %.2g, allowed %.2g"):format(
    what, got.dtype, n, off, bound))
end

local function gradient(y, x)
  return orrery.grad(y, { x }, { retain_graph = true })[1]
end

local function choose(n, k)
  local c = 1
  for i = 1, k do c = c * (n - k + i) // i end
  return c
end

-- ---- matrices whose inverse and determinant are known

local function hilbert(n)
  local m = { name = "Hilbert", n = n }
  m.x = matrix(n, n, function(i, j) return 1 / (i + j - 1) end)
  m.inverse = matrix(n, n, function(i, j)
    local sign = (i + j) % 2 == 0 and 1 or -1
    return sign * (i + j - 1) * choose(n + i - 1, n - j)
      * choose(n + j - 1, n - i) * choose(i + j - 2, i - 1) ^ 2
  end)
  m.det = 1
  for k = 1, n - 1 do
    m.det = m.det / ((2 * k + 1) * choose(2 * k, k) ^ 2)
  end
  return m
end

-- Reflections turn diag(1 ... 1 / cond), both ways.
local function reflected(n, cond)
  local m = { name = ("reflected %g"):format(cond), n = n, det = 1 }
  local values, turned = {}, {}
  for i = 1, n do
    values[i] = cond ^ -((i - 1) / (n - 1))
    turned[i] = 1 / values[i]
    m.det = m.det * values[i]
  end
  local function reflection(seed)
    local v = randn(seed, n, 1)
    v = v / v:norm()
    return eye(n) - v:matmul(mt(v)) * 2
  end
  local u, v = reflection(1), reflection(2)
  m.x = (u * f64(values)):matmul(v)
  m.inverse = (v * f64(turned)):matmul(u)
  return m
end

-- Powers of points: the determinant is the product of their differences.
local function vandermonde(n)
  local m = { name = "Vandermonde", n = n, det = 1 }
  local function at(i) return i / n end
  m.x = matrix(n, n, function(i, j) return at(i) ^ (j - 1) end)
  for i = 1, n do
    for j = 1, i - 1 do m.det = m.det * (at(i) - at(j)) end
  end
  -- Column i of the inverse: the coefficients of Lagrange's polynomial i.
  local columns = {}
  for i = 1, n do
    local p = { 1 }
    for j = 1, n do
      if j ~= i then
        local q, scale = {}, at(i) - at(j)
        for k = 1, #p + 1 do
          q[k] = ((p[k - 1] or 0) - at(j) * (p[k] or 0)) / scale
        end
        p = q
      end
    end
    columns[i] = p
  end
  m.inverse = mt(f64(columns)):contiguous()
  return m
end

-- Each matrix in each dtype that has digits left for it.
local function each(fn)
  local list = { reflected(6, 1e3), reflected(6, 1e6), reflected(6, 1e9),
    reflected(6, 1e12), reflected(30, 1e5), vandermonde(4), vandermonde(8) }
  for n = 2, 9 do list[#list + 1] = hilbert(n) end
  for _, m in ipairs(list) do
    m.cond = size(m.x) * size(m.inverse)
    for dtype, eps in pairs(EPS) do
      if C * m.n * eps * m.cond < 0.5 then
        fn(m, m.x:to(dtype), dtype)
      end
    end
  end
end

t.test("inverses of ill-conditioned matrices, by every way to them", function()
  each(function(m, x, dtype)
    local one = eye(m.n):to(dtype)
    within("inverse", x:inverse(), m.inverse, m.n, m.cond)
    within("solve", x:solve(one), m.inverse, m.n, m.cond)
    within("pinv", x:pinv { rtol = 0 }, m.inverse, m.n, m.cond)
    within("lstsq", (x:lstsq(one, { rtol = 0 })), m.inverse, m.n, m.cond)
    within("matrix_power", x:matrix_power(-1), m.inverse, m.n, m.cond)
    if m.name == "Hilbert" then
      within("cholesky", one:cholesky_solve(x:cholesky()), m.inverse, m.n,
        m.cond)
    end
  end)
end)

t.test("a batch holds what its entries would alone", function()
  local list = { reflected(5, 1e2), reflected(5, 1e7), hilbert(5) }
  local xs, inverses = {}, {}
  for i, m in ipairs(list) do xs[i], inverses[i] = m.x, m.inverse end
  local x = orrery.stack(xs):unsqueeze(1)
  for i, y in ipairs { x:inverse()[1]:unbind() } do
    within("entry", y, inverses[i], 5, size(xs[i]) * size(inverses[i]))
    t.equal(y, xs[i]:inverse())
  end
end)

t.test("determinants of ill-conditioned matrices", function()
  each(function(m, x, dtype)
    local sign, log = x:slogdet()
    within("det", x:det(), f64(m.det), m.n, m.cond)
    t.equal(sign:item(), m.det > 0 and 1.0 or -1.0)
    local bound = C * m.n * EPS[dtype] * (m.cond + math.abs(log:item()))
    t.ok(math.abs(log:item() - math.log(math.abs(m.det))) <= bound,
      m.name .. ": log of det")
    -- Two rows swapped turn the sign.
    local swapped = orrery.cat({ x:narrow(1, 2, 1), x:narrow(1, 1, 1),
      x:narrow(1, 3, m.n - 2) }, 1)
    within("swapped", swapped:det(), f64(-m.det), m.n, m.cond)
  end)
end)

t.test("gradients by ill-conditioned matrices", function()
  each(function(m, x, dtype)
    x = x:clone():requires_grad_()
    local _, log = x:slogdet()
    within("of slogdet", gradient(log, x), mt(m.inverse), m.n, m.cond)
    within("of det", gradient(x:det(), x), mt(m.inverse) * m.det, m.n,
      m.cond)
    -- w^T x^-1 b by x: -(x^-T w) (x^-1 b)^T, by b: x^-T w.
    local w, b = randn(3, m.n, 1), randn(4, m.n, 1)
    w, b = w:to(dtype):double(), b:to(dtype):double()
    local left, right = mt(m.inverse):matmul(w), m.inverse:matmul(b)
    local want = left:matmul(mt(right)) * -1
    -- The products lose what they cancel.
    local lost = size(m.inverse) ^ 2 * size(w) * size(b) / size(want)
    local by = b:to(dtype):requires_grad_()
    local y = (x:solve(by) * w:to(dtype)):sum()
    local gx, gb = table.unpack(orrery.grad(y, { x, by }))
    within("of solve by a", gx, want, m.n, m.cond * lost)
    within("of solve by b", gb, left, m.n,
      m.cond * size(m.inverse) * size(w) / size(left))
  end)
end)

t.test("volumes through factors have the gradient of log det", function()
  each(function(m, x, dtype)
    if dtype == "float32" then return end  -- gradients square the condition
    x = x:clone():requires_grad_()
    local _, r = x:qr()
    within("qr", gradient(r:diagonal():abs():log():sum(), x), mt(m.inverse),
      m.n, m.cond)
    within("svd", gradient(x:svdvals():log():sum(), x), mt(m.inverse), m.n,
      m.cond)
    if m.name == "Hilbert" then
      local log = x:cholesky():diagonal():log():sum() * 2
      within("cholesky", gradient(log, x), m.inverse, m.n, m.cond)
    end
  end)
end)

t.test("the second derivative of w^T x^-1 b", function()
  -- Along e: 2 w^T x^-1 e x^-1 e x^-1 b.
  for _, m in ipairs { hilbert(4), hilbert(6), reflected(6, 1e4) } do
    local inverse, e = m.inverse, randn(5, m.n, m.n)
    local w, b = randn(6, m.n, 1), randn(7, m.n, 1)
    local x = m.x:clone():requires_grad_()
    local y = (x:solve(b) * w):sum()
    local g = orrery.grad(y, { x }, { create_graph = true })[1]
    local got = gradient((g * e):sum(), x)
    local step = inverse:matmul(e):matmul(inverse)
    local twice = mt(w):matmul(step):matmul(e):matmul(inverse):matmul(b) * 2
    local cond = size(m.x) * size(inverse)
    local scale = size(inverse) ^ 3 * size(e) ^ 2 * size(w) * size(b)
    t.ok(math.abs((got * e):sum():item() - twice:item())
      <= C * m.n * EPS.float64 * cond * scale, m.name)
  end
end)

-- ---- factors

t.test("factors of ill-conditioned matrices are orthonormal and rebuild them",
  function()
  each(function(m, x, dtype)
    local u, s, vh = x:svd()
    local q, r = x:qr()
    for name, basis in pairs { u = u, v = mt(vh), q = q } do
      within(name, mt(basis):matmul(basis), eye(m.n), m.n, 1)
    end
    local exact = x:double()
    within("svd", (u * s):matmul(vh), exact, m.n, 1)
    within("qr", q:matmul(r), exact, m.n, 1)
    if m.name == "Hilbert" then
      local l = x:cholesky()
      within("cholesky", l:matmul(mt(l)), exact, m.n, 1)
      local w, v = x:eigh()
      within("eigh", (v * w):matmul(mt(v)), exact, m.n, 1)
      within("eigh's basis", mt(v):matmul(v), eye(m.n), m.n, 1)
    end
    t.ok(dtype == s.dtype, "the dtype stays")
  end)
end)

t.test("singular values are off by eps of the largest, however small",
  function()
  local m = reflected(8, 1e12)
  local s = m.x:svdvals()
  for i = 1, 8 do
    local want = 1e12 ^ -((i - 1) / 7)
    t.ok(math.abs(s[i]:item() - want) <= C * 8 * EPS.float64, "value " .. i)
  end
  t.equal(m.x:matrix_rank():item(), 8)
  t.equal(m.x:matrix_rank { rtol = 1e-6 }:item(), 4)
end)

t.test("condition numbers of Hilbert matrices", function()
  -- Known values of the 2-norm condition.
  for n, want in pairs { [2] = 19.281470067903, [3] = 524.0567775860644,
    [5] = 476607.25024259434, [8] = 15257575253.67 } do
    local s = hilbert(n).x:svdvals()
    local cond = (s[1] / s[n]):item()
    t.ok(math.abs(cond / want - 1) <= 1e-10 + C * n * EPS.float64 * want,
      ("n = %d: %.12g"):format(n, cond))
  end
end)

-- ---- eigenvalues

-- 2 on the diagonal, -1 beside it: values and vectors are cosines and sines.
local function chain(n)
  local x = matrix(n, n, function(i, j)
    return i == j and 2 or math.abs(i - j) == 1 and -1 or 0
  end)
  local w, h = {}, math.pi / (n + 1)
  for k = 1, n do w[k] = 2 - 2 * math.cos(k * h) end
  local v = matrix(n, n, function(i, k)
    return math.sqrt(2 / (n + 1)) * math.sin(i * k * h)
  end)
  return x, f64(w), v
end

t.test("a chain's eigenvalues, vectors and their gradients", function()
  for _, n in ipairs { 3, 10, 25 } do
    local x, want, v = chain(n)
    x:requires_grad_()
    local w, got = x:eigh()
    within("values", w, want, n, 1)
    local gap = (want[2] - want[1]):item()
    within("lowest vector's projector", got:narrow(2, 1, 1):matmul(
      mt(got:narrow(2, 1, 1))), v:narrow(2, 1, 1):matmul(
      mt(v:narrow(2, 1, 1))), n, 4 / gap)
    local function vector(k) return v:narrow(2, k, 1) end
    within("gradient of a value", gradient(w[1], x), vector(1):matmul(
      mt(vector(1))), n, 4 / gap)
    -- (a . v1)^2 by x: 2 (a . v1) sum_k (a . vk) sym(v1 vk^T) / (w1 - wk).
    local a = randn(8, n, 1)
    local along = (got:narrow(2, 1, 1) * a):sum():square()
    local sum = eye(n) * 0
    for k = 2, n do
      local both = vector(1):matmul(mt(vector(k)))
      sum = sum + (both + mt(both)) * 0.5 * (a * vector(k)):sum()
        / (want[1] - want[k])
    end
    sum = sum * (a * vector(1)):sum() * 2
    within("gradient of a vector", gradient(along, x), sum, n,
      (4 / gap) ^ 2)
  end
end)

t.test("near-degenerate eigenvalues: each to eps, vectors to eps / gap",
  function()
  local n = 6
  local q = randn(9, n, n):qr()
  for _, gap in ipairs { 1e-2, 1e-5, 1e-8 } do
    local w = f64 { 1, 1 + gap, 1 + 3 * gap, 3, 3 + gap, 5 }
    local x = (q * w):matmul(mt(q)):requires_grad_()
    local got, v = x:eigh()
    within("values", got, w, n, 1)
    for _, k in ipairs { 1, 3, 5 } do
      local a, b = v:narrow(2, k, 1), q:narrow(2, k, 1)
      within("vector " .. k, a:matmul(mt(a)), b:matmul(mt(b)), n, 5 / gap)
    end
    -- The cluster as a whole is as well conditioned as its distance to others.
    local cluster = q:narrow(2, 1, 3)
    local projector = cluster:matmul(mt(cluster))
    within("sum of a cluster", gradient(got:narrow(1, 1, 3):sum(), x),
      projector, n, 5)
    -- A vector moves by the others over their distance.
    local g = gradient((v:narrow(2, 1, 1) * q:narrow(2, 2, 1)):sum(), x)
    local turn = v:narrow(2, 1, 1):detach():matmul(mt(q:narrow(2, 2, 1)))
    turn = (turn + mt(turn)) * (0.5 / -gap)
    within("gradient of a vector", g, turn, n, 10 / gap)
  end
end)

t.test("exactly equal eigenvalues and singular values have gradients of "
  .. "symmetric functions", function()
  local x = (eye(4) * 2):requires_grad_()
  t.near(gradient(x:eigvalsh():square():sum(), x), (eye(4) * 4):tolist())
  t.near(gradient(x:svdvals():sum(), x), eye(4):tolist())
  t.near(gradient(x:sqrtm():sum(), x),
    (eye(4) * 0 + 1 / (2 * math.sqrt(2))):tolist())
end)

-- ---- functions of matrices

t.test("exponentials of rotations of any angle, and their derivative",
  function()
  -- Rodrigues: exp(a g) = 1 + sin(a) g + (1 - cos(a)) g g, of unit axis.
  local g = f64 { { 0, -2, 2 }, { 2, 0, -1 }, { -2, 1, 0 } } / 3
  for _, a in ipairs { 1e-8, 0.3, math.pi, 40, 1e3 } do
    local want = eye(3) + g * math.sin(a) + g:matmul(g) * (1 - math.cos(a))
    for dtype in pairs(EPS) do
      local cond = math.max(1, a)
      within("rotation", (g * a):to(dtype):matrix_exp(), want, 3, cond)
    end
    local angle = f64(a):requires_grad_()
    local y, w = (g * angle):matrix_exp(), randn(10, 3, 3)
    local slope = gradient((y * w):sum(), angle):item()
    local turned = g * math.cos(a) + g:matmul(g) * math.sin(a)
    t.ok(math.abs(slope - (turned * w):sum():item())
      <= C * 3 * EPS.float64 * math.max(1, a) ^ 2 * size(w), "slope")
  end
end)

t.test("the exponential of a Jordan block, far from normal", function()
  -- exp of l on the diagonal, b above it: e^l b^k / k! on diagonal k.
  for _, b in ipairs { 1, 30 } do
    local n, l = 6, -1
    local x = matrix(n, n, function(i, j)
      return i == j and l or j == i + 1 and b or 0
    end)
    local factorial = { [0] = 1 }
    for k = 1, n do factorial[k] = factorial[k - 1] * k end
    local want = matrix(n, n, function(i, j)
      return j >= i and math.exp(l) * b ^ (j - i) / factorial[j - i] or 0
    end)
    within("Jordan", x:matrix_exp(), want, n, 10 * b)
  end
end)

t.test("square roots lose half the digits of the condition", function()
  local n = 5
  local q = randn(11, n, n):qr()
  for _, cond in ipairs { 1e2, 1e6, 1e12 } do
    local w = {}
    for i = 1, n do w[i] = cond ^ -((i - 1) / (n - 1)) end
    local root = f64(w):sqrt()
    local x = (q * f64(w)):matmul(mt(q)):requires_grad_()
    within("root", x:sqrtm(), (q * root):matmul(mt(q)), n, math.sqrt(cond))
    -- In q's axes the derivative along e is e_ij / (sqrt w_i + sqrt w_j).
    local e = randn(12, n, n)
    e = e + mt(e)
    local inner = mt(q):matmul(e):matmul(q)
      / (root:unsqueeze(1) + root:unsqueeze(2))
    within("gradient", gradient((x:sqrtm() * e):sum(), x),
      q:matmul(inner):matmul(mt(q)), n, cond)
  end
end)

-- ---- least squares and pseudo-inverses

t.test("a fit by powers finds the polynomial it is drawn from", function()
  for _, n in ipairs { 3, 5, 8 } do
    local a = matrix(20, n, function(i, j) return (i / 20) ^ (j - 1) end)
    local s = a:svdvals()
    local cond = (s[1] / s[n]):item()
    local x = randn(13, n, 2)
    local got, residual, rank = a:lstsq(a:matmul(x), { rtol = 0 })
    within("coefficients", got, x, 20, cond)
    t.ok(residual:amax():item() <= (C * 20 * EPS.float64 * size(x)) ^ 2 * 20,
      "residual")
    t.equal(rank:item(), n)
    -- With x left in b, the residual's gradient by b is twice what is left.
    local b = randn(14, 20, 1):requires_grad_()
    local fit, off = a:lstsq(b, { rtol = 0 })
    local left = b:detach() - a:matmul(fit:detach())
    within("gradient of the residual", gradient(off:sum(), b), left * 2, 20,
      size(b) / size(left))
    t.ok(size(mt(a):matmul(left)) <= C * 20 * EPS.float64 * size(a)
      * (size(a) * size(fit) + size(b)),
      "what is left is at right angles to a")
  end
end)

t.test("matrices of short rank have the pseudo-inverse of their parts",
  function()
  -- (u v^T)^+ = v u^T / (|u|^2 |v|^2), and its gradient keeps the rank.
  local u, v = randn(15, 5, 1), randn(16, 3, 1)
  local x = u:matmul(mt(v))
  local want = v:matmul(mt(u)) / (size(u) ^ 2 * size(v) ^ 2)
  within("one", x:pinv(), want, 5, 1)
  t.equal(x:matrix_rank():item(), 1)
  local both = orrery.stack { x, x * 0, x * 1e-9 }
  local list = { both:pinv():unbind() }
  within("first of a batch", list[1], want, 5, 1)
  t.equal(size(list[2]), 0.0)
  within("scale does not matter", list[3], want * 1e9, 5, 1)
  t.equal(both:matrix_rank():tolist(), { 1, 0, 1 })
  local b = randn(17, 5, 2)
  local solution, residual, rank = x:lstsq(b)
  within("shortest solution", solution, want:matmul(b), 5, 10)
  within("residual", residual, (b - x:matmul(want:matmul(b))):square():sum(1),
    5, 10)
  t.equal(rank:item(), 1)
end)

t.test("what is singular to the last bit is refused by name", function()
  local x = hilbert(5).x
  local y = orrery.stack { x, x - x:narrow(1, 1, 1) * 0, x }
  y[{ 2, 4 }] = y[{ 2, 5 }] * 0
  y[{ 2, 5 }] = y[{ 2, 4 }] * 0
  for name, input in pairs { inverse = "x", solve = "a" } do
    t.fails_like("^" .. name .. ": batch entry 2 of " .. input
      .. " is singular", function()
      return orrery[name](y, name == "solve" and eye(5) or nil)
    end)
  end
  -- Beyond 1 / eps rounding makes a Hilbert matrix indefinite.
  t.fails_like("^cholesky: batch entry 2 of x is not positive definite",
    function()
      local h = hilbert(20).x
      return orrery.stack { h + eye(20), h - eye(20) * 1e-14 }:cholesky()
    end)
end)
