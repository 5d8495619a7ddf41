--- Linear algebra against closed forms, what the factors must rebuild,
--- ill-conditioned matrices, and einsum against sums written out.
local orrery, t = require "orrery", require "orrery.testing"

local function f64(list) return orrery.tensor(list, { dtype = "float64" }) end
local function randn(...)
  return orrery.randn({ ... }, { dtype = "float64",
    generator = orrery.Generator(7) })
end
local function eye(n) return orrery.eye(n, { dtype = "float64" }) end

local function distance(a, b)
  if a:numel() == 0 then return 0 end
  return (a:double() - b:double()):abs():amax():item()
end

-- Within tol of the largest element of b.
local function close(a, b, tol)
  t.ok(a:shape_str() == b:shape_str(), "shapes " .. a:shape_str() .. " and "
    .. b:shape_str())
  local scale = math.max(1, distance(b, b * 0))
  local d = distance(a, b)
  t.ok(d <= tol * scale, ("off by %g of %g"):format(d, scale))
end

-- Entries 1 / (i + j - 1): condition number 1.6e13 for n = 10.
local function hilbert(n)
  local rows = {}
  for i = 1, n do
    rows[i] = {}
    for j = 1, n do rows[i][j] = 1 / (i + j - 1) end
  end
  return f64(rows)
end

local function spd(n, batch)
  local x = batch and randn(batch, n, n) or randn(n, n)
  return orrery.matmul(x, x:transpose(-2, -1)) + eye(n)
end

t.test("a 2 x 2 matrix has the inverse, determinant and eigenvalues of the "
  .. "book", function()
  local x = f64 { { 4, 7 }, { 2, 6 } }
  t.near(x:inverse(), { { 0.6, -0.7 }, { -0.2, 0.4 } })
  t.near(x:det(), 10)
  local sign, size = f64 { { 0, 2 }, { 3, 0 } }:slogdet()
  t.near(sign, -1)
  t.near(size, math.log(6))
  local w, v = f64 { { 2, 1 }, { 1, 2 } }:eigh()
  local h = math.sqrt(0.5)
  t.near(w, { 1, 3 })
  t.near(v:abs(), { { h, h }, { h, h } })
  t.near(f64 { { 3, 0 }, { 4, 5 } }:svdvals(),
    { 3 * math.sqrt(5), math.sqrt(5) })
  t.near(f64 { { 4, 2 }, { 2, 5 } }:cholesky(), { { 2, 0 }, { 1, 2 } })
  t.near(f64 { { 4, 2 }, { 2, 5 } }:cholesky { upper = true },
    { { 2, 1 }, { 0, 2 } })
  t.near(f64 { { 5, 4 }, { 4, 5 } }:sqrtm(), { { 2, 1 }, { 1, 2 } })
end)

t.test("the factors rebuild the matrix, in both dtypes and in batches",
  function()
  for _, dtype in ipairs { "float64", "float32" } do
    local tol = dtype == "float64" and 1e-13 or 1e-6
    for _, shape in ipairs { { 5, 5 }, { 7, 3 }, { 3, 7 }, { 2, 3, 20, 33 },
      { 1, 1 } } do
      local x = randn(table.unpack(shape)):to(dtype)
      local u, s, vh = x:svd()
      close((u * s:unsqueeze(-2)):matmul(vh), x, 10 * tol)
      local q, r = x:qr()
      close(q:matmul(r), x, 10 * tol)
      close(r, r:triu(), 0)
      local k = math.min(x:size(-1), x:size(-2))
      close(q:transpose(-2, -1):matmul(q),
        eye(k):expand { q:transpose(-2, -1):matmul(q):shape() }, tol * 10)
      local p = x:pinv()
      close(x:matmul(p):matmul(x), x, 100 * tol)
      close(p:matmul(x):matmul(p), p, 100 * tol)
    end
    local a = spd(12, 3):to(dtype)
    local l = a:cholesky()
    close(l:matmul(l:transpose(-2, -1)), a, tol)
    local w, v = a:eigh()
    close((v * w:unsqueeze(-2)):matmul(v:transpose(-2, -1)), a, 10 * tol)
    local root = a:sqrtm()
    close(root:matmul(root), a, 10 * tol)
    close(a:inverse():matmul(a), eye(12):expand { 3, 12, 12 }, 1000 * tol)
    t.ok(a:inverse().dtype == dtype, "the dtype stays")
  end
end)

t.test("results do not depend on the number of threads", function()
  local x, before = randn(40, 9, 9), orrery.threads()
  orrery.set_threads(1)
  local one, s = x:inverse(), x:svdvals()
  orrery.set_threads(3)
  close(x:inverse(), one, 0)
  close(x:svdvals(), s, 0)
  orrery.set_threads(before)
end)

t.test("solving has a small residual where the condition is 1e13", function()
  local a = hilbert(10)
  local b = a:matmul(orrery.ones({ 10, 1 }, { dtype = "float64" }))
  for _, x in ipairs { a:solve(b), (a:lstsq(b, { rtol = 0 })) } do
    t.ok(distance(a:matmul(x), b) < 1e-13, "residual")
  end
  -- The exact inverse of the Hilbert matrix holds whole numbers.
  local corner = hilbert(6):inverse()
  t.ok(math.abs(corner[1][1]:item() - 36) < 1e-6, "first entry is 36")
  t.ok(math.abs(corner[6][6]:item() / 698544 - 1) < 1e-6, "last is 698544")
  -- det of the 5 x 5 one is 1 / 266716800000.
  t.ok(math.abs(hilbert(5):det():item() * 266716800000 - 1) < 1e-10, "det")
  local _, size = hilbert(5):slogdet()
  t.ok(math.abs(size:item() + math.log(266716800000)) < 1e-10, "slogdet")
end)

t.test("small singular values keep their digits as far as they can", function()
  local n = 6
  local q = randn(n, n):qr()
  local p = (randn(n, n) + eye(n)):qr()
  local s = f64 { 1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10 }
  local x = (q * s):matmul(p:transpose(1, 2))
  t.ok(distance(x:svdvals(), s) < 1e-15, "values to the precision of the "
    .. "largest")
  -- Below the cut-off they count as 0: the rank is 3.
  local cut = x:pinv { rtol = 1e-5 }
  t.ok(math.abs(cut:matmul(x):trace():item() - 3) < 1e-9, "rank 3")
end)

t.test("least squares takes the shortest of the best solutions", function()
  local a = f64 { { 1, 1 }, { 1, 1 }, { 0, 0 } }
  local x = a:lstsq(f64 { { 1 }, { 3 }, { 5 } })
  t.near(x, { { 1 }, { 1 } })
  local _, residual, rank = a:lstsq(f64 { { 1 }, { 3 }, { 5 } })
  t.near(residual, { 27 })
  t.equal(rank:item(), 1)
  local line, off, full = f64 { { 1, 0 }, { 1, 1 }, { 1, 2 } }:lstsq(
    f64 { { 1, 0 }, { 3, 0 }, { 5, 3 } })
  t.near(line, { { 1, -0.5 }, { 2, 1.5 } })
  t.near(off, { 0, 1.5 })
  t.equal(full:item(), 2)
end)

t.test("the exponential is that of rotations, nilpotent and large matrices",
  function()
  local a = 1.2
  t.near(f64 { { 0, -a }, { a, 0 } }:matrix_exp(),
    { { math.cos(a), -math.sin(a) }, { math.sin(a), math.cos(a) } })
  t.near(f64 { { 0, 1, 2 }, { 0, 0, 3 }, { 0, 0, 0 } }:matrix_exp(),
    { { 1, 1, 3.5 }, { 0, 1, 3 }, { 0, 0, 1 } })
  close(f64 { { -49, 24 }, { -64, 31 } }:matrix_exp(),  -- Moler, Van Loan
    f64 { { -0.735759, 0.551819 }, { -1.471518, 1.103638 } }, 1e-6)
  local x = f64 { { 200, 0 }, { 0, -200 } }:matrix_exp()
  t.ok(math.abs(x[1][1]:item() / math.exp(200) - 1) < 1e-12, "exp 200")
end)

t.test("the gradient of det holds for singular matrices", function()
  local x = f64 { { 1, 2 }, { 2, 4 } }:requires_grad_()
  x:det():backward()
  t.near(x.grad, { { 4, -2 }, { -2, 1 } })
end)

t.test("the gradient of log det is the transposed inverse", function()
  local x = spd(4):requires_grad_()
  local _, size = x:slogdet()
  close(orrery.grad(size, { x })[1], x:detach():inverse():transpose(1, 2),
    1e-12)
end)

t.test("equal eigenvalues have gradients, and square roots of any order",
  function()
  local x = eye(3):requires_grad_()
  t.near(orrery.grad(x:eigh():sum(), { x })[1], eye(3):tolist())
  local g = orrery.grad(x:sqrtm():sum(), { x }, { create_graph = true })[1]
  t.near(g, (eye(3) * 0 + 0.5):tolist())
  -- f(x) = 1^T x^(1/2) 1: the second derivative along h is -1/4 1^T h h 1.
  local h = f64 { { 1, 0, 0 }, { 0, 2, 0 }, { 0, 0, 0 } }
  local hvp = orrery.grad((g * h):sum(), { x })[1]
  t.ok(math.abs((hvp * h):sum():item() + 5 / 4) < 1e-12, "second derivative")
end)

t.test("failures name the entry of the batch", function()
  local x = eye(2):expand { 3, 2, 2 }:clone()
  local y = orrery.cat({ x:narrow(1, 1, 1), x:narrow(1, 1, 1) * 0 }, 1)
  t.fails("inverse: batch entry 2 of x is singular: it has no inverse; use "
    .. "pinv or lstsq, or add a small multiple of the identity",
    function() return y:inverse() end)
  t.fails("cholesky: batch entry [1, 2] of x is not positive definite; add a "
    .. "small multiple of the identity",
    function() return (y - x:narrow(1, 1, 1) * 0.5):unsqueeze(1):cholesky()
    end)
  t.fails("solve_triangular: batch entry 2 of a has a 0 on its diagonal: it "
    .. "has no inverse; add a small multiple of the identity",
    function() return y:solve_triangular(x:narrow(1, 1, 1), { upper = true })
    end)
  t.fails("sqrtm: batch entry 3 of x has a negative eigenvalue; only a "
    .. "positive semidefinite matrix has a real square root",
    function() return orrery.cat({ y, x:narrow(1, 1, 1) * -1 }, 1):sqrtm() end)
end)

t.test("matrices beyond LAPACK's counting are refused", function()
  local limit = "; matrices over 16384 in both axes, or 16777216 in one, are "
    .. "too large"
  local big = f64 { { 1 } }:expand { 20000, 20000 }
  t.fails("inverse: x is [20000, 20000]" .. limit,
    function() return big:inverse() end)
  t.fails("svd: x is [20000000, 0]" .. limit,
    function() return orrery.zeros(20000000, 0):svd() end)
  t.fails("solve: b is [0, 3000000000]" .. limit,
    function() return orrery.zeros(0, 0):solve(orrery.zeros(0, 3000000000))
    end)
end)

t.test("solve broadcasts its batches", function()
  local a, b = spd(3, 4), randn(2, 1, 3, 5)
  local x = a:solve(b)
  t.ok(x:shape_str() == "[2, 4, 3, 5]", x:shape_str())
  close(orrery.matmul(a, x), b:expand { 2, 4, 3, 5 }, 1e-12)
  local l = a:cholesky()
  close(orrery.matmul(l, l:solve_triangular(b, { upper = false })),
    b:expand { 2, 4, 3, 5 }, 1e-12)
  local c = b:transpose(-2, -1):contiguous()
  local right = l:solve_triangular(c, { upper = false, left = false })
  close(orrery.matmul(right, l), c:expand { 2, 4, 5, 3 }, 1e-12)
end)

t.test("distances keep the digits of near points", function()
  local x = f64 { { 1e6, 1 } }
  local y = f64 { { 1e6, 1 + 1e-6 }, { 1e6 + 3, 5 } }
  local d = x:cdist(y)
  t.ok(math.abs(d[1][1]:item() / 1e-6 - 1) < 1e-9, "near")
  t.near(d[1][2], 5)
  close(x:cdist(y, { p = 1 }), f64 { { 1e-6, 7 } }, 1e-9)
end)

t.test("kron lays out blocks", function()
  t.near(f64 { { 1, 2 } }:kron(f64 { { 1 }, { 10 } }),
    { { 1, 2 }, { 10, 20 } })
  t.near(f64 { 1, 2 }:kron(f64 { 1, 10 }), { 1, 10, 2, 20 })
end)

t.test("whole bases are orthonormal and begin with the reduced ones",
  function()
  for _, shape in ipairs { { 5, 2 }, { 2, 5 }, { 3, 4, 4 }, { 4, 0 } } do
    local x = randn(table.unpack(shape))
    local m, n = x:size(-2), x:size(-1)
    local k = math.min(m, n)
    local u, s, vh = x:svd { full_matrices = true }
    local thin_u, _, thin_vh = x:svd()
    close(u:narrow(-1, 1, k), thin_u, 1e-14)
    close(vh:narrow(-2, 1, k), thin_vh, 1e-14)
    for _, basis in ipairs { u, vh, (x:qr { mode = "complete" }) } do
      local product = basis:transpose(-2, -1):matmul(basis)
      close(product, eye(basis:size(-1)):expand { product:shape() }, 1e-14)
    end
    close((u:narrow(-1, 1, k) * s:unsqueeze(-2)):matmul(vh:narrow(-2, 1, k)),
      x, 1e-14)
    local q, r = x:qr { mode = "complete" }
    close(q:matmul(r), x, 1e-14)
    close(r, r:triu(), 0)
  end
end)

t.test("the columns that complete a basis have the gradient of their space",
  function()
  local x, b = randn(4, 2), randn(4, 1)
  local function beyond(basis)
    return basis:narrow(-1, 3, 2):transpose(1, 2):matmul(b):square():sum()
  end
  t.gradcheck(function(y)
    return beyond((y:svd { full_matrices = true }))
  end, { x }, { order = 2 })
  t.gradcheck(function(y)
    return beyond((y:qr { mode = "complete" }))
  end, { x }, { order = 2 })
  t.gradcheck(function(y)
    local _, _, vh = y:transpose(1, 2):svd { full_matrices = true }
    return beyond(vh:transpose(1, 2))
  end, { x }, { order = 2 })
end)

t.test("eigh reads the triangle it is told to", function()
  local x = f64 { { 2, 5 }, { 1, 2 } }
  t.near(x:eigvalsh { UPLO = "L" }, { 1, 3 })
  t.near(x:eigvalsh { UPLO = "U" }, { -3, 7 })
  t.near(x:eigvalsh(), { -1, 5 })
end)

t.test("powers are repeated products, Fibonacci's among them", function()
  local x = f64 { { 1, 1 }, { 1, 0 } }
  t.near(x:matrix_power(30), { { 1346269, 832040 }, { 832040, 514229 } })
  t.near(x:matrix_power(-1), { { 0, 1 }, { 1, -1 } })
  t.near(x:matrix_power(0), { { 1, 0 }, { 0, 1 } })
end)

t.test("the rank counts independent rows", function()
  t.equal(f64 { { 1, 2 }, { 2, 4 }, { 3, 6 } }:matrix_rank():item(), 1)
  t.equal(orrery.zeros(2, 3, 3):matrix_rank():tolist(), { 0, 0 })
  t.equal(hilbert(8):matrix_rank():item(), 8)
  t.equal(hilbert(8):matrix_rank { rtol = 1e-3 }:item(), 3)
end)

t.test("logdet and cholesky_solve agree with det and solve", function()
  local a, b = spd(4, 3), randn(3, 4, 2)
  close(a:logdet(), a:det():log(), 1e-12)
  close(b:cholesky_solve(a:cholesky()), a:solve(b), 1e-10)
  close(b:cholesky_solve(a:cholesky { upper = true }, { upper = true }),
    a:solve(b), 1e-10)
  local singular = f64 { { 1, 2 }, { 2, 4 } }:logdet():item()
  t.ok(singular == -math.huge, "of 0")
  local negative = f64 { { 0, 1 }, { 1, 0 } }:logdet():item()
  t.ok(negative ~= negative, "below 0")
end)

t.test("norms of matrices are those of the book", function()
  local x, norm = f64 { { 1, -2 }, { -3, 4 } }, orrery.linalg.matrix_norm
  t.near(norm(x), math.sqrt(30))
  t.near(norm(x, 1), 6)
  t.near(norm(x, -1), 4)
  t.near(norm(x, math.huge), 7)
  t.near(norm(x, -math.huge), 3)
  -- s1^2 + s2^2 = 30, s1 s2 = 2.
  local sum, difference = math.sqrt(34), math.sqrt(26)
  t.near(norm(x, "nuc"), sum)
  t.near(norm(x, 2), (sum + difference) / 2)
  t.near(norm(x, -2), (sum - difference) / 2)
  t.near(orrery.linalg.norm(x, 2), (sum + difference) / 2)
  t.near(orrery.linalg.norm(x), math.sqrt(30))
  local batch = orrery.stack({ x, x * 2 }, 3)
  t.near(norm(batch, 1, { axis = { 1, 2 }, keepdim = true }), { { { 6, 12 } } })
  t.fails("matrix_norm: ord is 3; use \"fro\", \"nuc\", 1, 2 or math.huge, "
    .. "or their negatives", norm, x, 3)
  t.fails("matrix_norm: axis must name two axes, of the rows and the columns",
    norm, x, 1, { axis = { 1, -2 } })
end)

t.test("a condition is infinite for a singular entry of a batch", function()
  local cond = orrery.linalg.cond
  local x = f64 { { { 1, 2 }, { 2, 4 } }, { { 2, 0 }, { 0, 1 } } }
  for _, p in ipairs { 1, math.huge } do
    t.equal(cond(x, p):tolist(), { math.huge, 2.0 })
  end
  t.near(cond(x[2]), 2)
  t.near(cond(f64 { { 3, 0, 0 }, { 0, 2, 0 } }, -2), 2 / 3)
  -- Known: that of the Hilbert matrix of 5.
  local known = 476607.25024259434
  t.ok(math.abs(cond(hilbert(5)):item() / known - 1) < 1e-9, "Hilbert")
  t.fails("cond: x is [2, 3]; only p = 2 and -2 take what is not square",
    cond, orrery.zeros(2, 3), 1)
end)

t.test("a chain of products is one product", function()
  local a, b, c = randn(3, 40), randn(40, 2), randn(2, 30)
  close(orrery.linalg.multi_dot { a, b, c }, a:matmul(b):matmul(c), 1e-13)
  local u, v = randn(3), randn(30)
  t.near(orrery.linalg.multi_dot { u, a, b, c, v },
    u:matmul(a):matmul(b):matmul(c):matmul(v), 1e-12)
  t.fails("multi_dot: tensor 1 is [3, 40], tensor 2 is [2, 30]: inner sizes "
    .. "differ; make them equal", orrery.linalg.multi_dot, { a, c })
end)

t.test("LU factors rebuild the matrix, pivots at most 1 below the diagonal",
  function()
  for _, shape in ipairs { { 5, 5 }, { 7, 3 }, { 3, 7 }, { 2, 4, 4 } } do
    local x = randn(table.unpack(shape))
    local p, l, u = x:lu()
    close(p:matmul(l):matmul(u), x, 1e-14)
    t.ok(l:abs():amax():item() == 1, "pivots")
    close(l, l:tril(), 0)
    close(u, u:triu(), 0)
  end
end)

t.test("orrery.linalg has PyTorch's names", function()
  local x = spd(3)
  close(orrery.linalg.inv(x), x:inverse(), 0)
  close(orrery.linalg.cholesky(x), x:cholesky(), 0)
end)

t.test("lu_solve undoes products with what lu_factor took apart", function()
  local a = orrery.tensor({ { 0, 2, 1 }, { 4, 1, -1 }, { 2, 3, 5 } },
    { dtype = "float64" })
  local b = orrery.tensor({ { 1, 2 }, { 3, -1 }, { 0, 4 } },
    { dtype = "float64" })
  local lu, pivots = orrery.lu_factor(a)
  t.equal(pivots:tolist()[1], 2)  -- the largest of the first column
  t.near(a:matmul(lu:lu_solve(pivots, b)), b, 1e-13)
  t.near(a:transpose(1, 2):matmul(lu:lu_solve(pivots, b, { adjoint = true })),
    b, 1e-13)
  local c = b:transpose(1, 2)
  t.near(lu:lu_solve(pivots, c, { left = false }):matmul(a), c, 1e-13)
  t.gradcheck(function(x, y)
    local f, p = orrery.linalg.lu_factor(x)
    return orrery.linalg.lu_solve(f, p, y)
  end, { a, b })
end)
