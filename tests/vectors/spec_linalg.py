"""Linear algebra: factors, systems, inverses, determinants and functions of
matrices.

Where a result is free up to a sign, PyTorch's is given ours: the largest
element of each eigenvector, or left singular vector, is positive.
"""
import torch

from spec import call, one, op

L = torch.linalg


def batch(r, zero=True):
  """The axes before those of the matrices."""
  return r.each([[], [], [2], [], [3, 1]] + ([[0]] if zero else [[1]]))


def side(r, least=1):
  return r.size(least, max(least, 4))


def wave(n):
  """A fixed orthogonal matrix."""
  i = torch.arange(n, dtype=torch.float64)
  angle = (i[:, None] + 0.5) * (i[None, :] + 0.5) * torch.pi / max(n, 1)
  return torch.cos(angle) * (2 / max(n, 1)) ** 0.5


def general(r, shape, n, shift=2.0):
  """Square and far from singular: its diagonal outweighs the rest."""
  x = r.tensor(shape + [n, n], grad=False)
  return r.values(x / max(n - 1, 1) + shift * torch.eye(n))


def symmetric(r, shape, n, low=0.5, gap=1.0):
  """Symmetric with eigenvalues near low, low + gap, ..."""
  noise = r.tensor(shape + [n, n], grad=False) * gap / (8 * max(n, 1))
  w = low + gap * torch.arange(n, dtype=torch.float64)
  x = wave(n) @ (torch.diag(w) + noise) @ wave(n).T
  return r.values((x + x.mT) / 2)


def spread(r, shape, m, n):
  """Any shape of matrix, with singular values near 1, 2, 3 ..."""
  k = min(m, n)
  w = torch.zeros(m, n, dtype=torch.float64)
  w[:k, :k] = torch.diag(1.0 + torch.arange(k, dtype=torch.float64))
  noise = r.tensor(shape + [m, n], grad=False) / (8 * max(m, n, 1))
  return r.values(wave(m) @ (w + noise) @ wave(n).T)


HARD = 30  # cases of the ops below; from 20 on, ill-conditioned matrices


def hard(r, symmetric=False, squared=False):
  """Square, singular values from the condition number down to 1, so that the
  inverse is of size 1; None before case 20. What looks for the null space,
  squared, is off by the square of the condition."""
  if r.number < 20:
    return None
  n, power = side(r, 2), 2 if squared else r.choice([2, 3, 4])
  r.tolerance(float32=4 * n * 10 ** (2 * power if squared else power)
              * 2 ** -23, float64=1e-10,
              why="c n eps cond^2, condition number 1e2" if squared
              else "c n eps cond, condition number 1e2 to 1e4")
  w = torch.logspace(power, 0, n, dtype=torch.float64)
  x = wave(n) @ torch.diag(w) @ (wave(n).T if symmetric else wave(n).flip(0))
  return r.values((x + x.T) / 2 if symmetric else x)


def mirrored(x):
  return (x + x.mT) / 2


def signs(v):
  """The signs that make the largest element of each column positive."""
  if v.numel() == 0:
    return torch.ones(v.shape[:-2] + (1, v.shape[-1]), dtype=v.dtype)
  at = v.detach().abs().argmax(-2, keepdim=True)
  return v.detach().gather(-2, at).sign()


# ---- factors

@op("cholesky", cases=HARD)
def _(r):
  x = hard(r, True)
  if x is None:
    x = symmetric(r, batch(r), side(r))
  upper = r.chance()
  return call(x, upper=upper), lambda x: L.cholesky(mirrored(x), upper=upper)


@op("cholesky_solve")
def _(r):
  n, shape = side(r), batch(r)
  l = r.values(general(r, shape, n).detach().tril())
  b = r.tensor(shape + [n, r.int(0, 3)])
  upper = r.chance()
  if upper:
    l = r.values(l.detach().mT)
  # PyTorch also takes what lies in the other triangle for zeros.
  return call(b, l, upper=upper), lambda b, l: torch.cholesky_solve(
    b, l.triu() if upper else l.tril(), upper)


@op("cholesky_inverse")
def _(r):
  n = side(r)
  l = r.values(general(r, batch(r), n).detach().tril())
  upper = r.chance()
  if upper:
    l = r.values(l.detach().mT)
  return call(l, upper=upper), lambda l: torch.cholesky_inverse(
    l.triu() if upper else l.tril(), upper)


def eigh(x, triangle):
  # One triangle stands for both; PyTorch shares the gradient out to both.
  if triangle == "L":
    return L.eigh(x.tril() + x.tril(-1).mT)
  if triangle == "U":
    return L.eigh(x.triu() + x.triu(1).mT)
  return L.eigh(mirrored(x))


@op("eigh")
def _(r):
  x = symmetric(r, batch(r), side(r))
  triangle = r.choice([None, "L", "U"])

  def theirs(x):
    w, v = eigh(x, triangle)
    return w, v * signs(v)
  return call(x, UPLO=triangle), theirs


@op("eigvalsh", cases=HARD)
def _(r):
  x = hard(r, True)
  if x is None:
    x = symmetric(r, batch(r), side(r))
  triangle = r.choice([None, "L", "U"])
  return call(x, UPLO=triangle), lambda x: eigh(x, triangle)[0]


def thin(x):
  u, s, vh = L.svd(x, full_matrices=False)
  sign = signs(u)
  return u * sign, s, vh * sign.mT


@op("svd")
def _(r):
  m, n = side(r), side(r)
  x = spread(r, batch(r), m, n)
  # What completes a basis is free beyond a sign, so no more than square here.
  full = m == n and r.chance()
  return call(x, full_matrices=full), thin


@op("svdvals", cases=HARD)
def _(r):
  x = hard(r)
  if x is None:
    x = spread(r, batch(r), side(r), side(r))
  return call(x), L.svdvals


@op("qr")
def _(r):
  m, n = side(r), side(r)
  x = spread(r, batch(r), m, n)
  mode = "complete" if m <= n and r.chance() else None
  # LAPACK's signs are those of PyTorch: both reflect by Householder.
  return call(x, mode=mode), lambda x: tuple(L.qr(x, mode or "reduced"))


# ---- systems

@op("solve", cases=HARD)
def _(r):
  x = hard(r)
  if x is not None:
    return call(x, r.tensor([x.shape[0], 2])), L.solve
  n, shape = side(r), batch(r)
  a = general(r, shape, n)
  form = r.each(["columns", "vector", "wider", "none"])
  b = {"columns": shape + [n, r.int(1, 3)], "vector": shape + [n],
       "wider": [2] + [1] * len(shape) + [n, 2], "none": shape + [n, 0]}[form]
  if form == "wider" and shape:
    b = [2] + shape + [n, 2]
  if len(b) > 1 and form != "vector" and r.chance(0.3):
    b[-1], b[-2] = b[-2], b[-1]
    return (call(a, r.tensor(b), left=False),
            lambda a, b: L.solve(a, b, left=False))
  return call(a, r.tensor(b)), L.solve


@op("solve_triangular")
def _(r):
  n, k, shape = side(r), r.int(0, 3), batch(r)
  upper, left, unit = r.chance(), r.chance(), r.chance(0.3)
  a = general(r, shape, n)
  b = r.tensor(shape + ([n, k] if left else [k, n]))
  # PyTorch wants zeros, and ones on the diagonal, to be there; ours does not
  # read them.
  def theirs(a, b):
    t = a.triu() if upper else a.tril()
    if unit:
      t = t - torch.diag_embed(t.diagonal(0, -2, -1)) + torch.eye(n)
    return L.solve_triangular(t, b, upper=upper, left=left,
                              unitriangular=unit)
  return call(a, b, upper=upper, left=left, unitriangular=unit), theirs


@op("lstsq", cases=HARD)
def _(r):
  n, shape = side(r), batch(r)
  m = n + r.int(1, 3)
  a = hard(r, squared=True)
  if a is not None:
    shape, m = [], a.shape[0]
  else:
    a = spread(r, shape, m, n)
  b = r.tensor(shape + [m, r.int(1, 3)])

  # For a of full rank PyTorch's residuals and rank are ours; it does not
  # differentiate the residuals, so they are written out.
  def theirs(a, b):
    x, _, rank, _ = L.lstsq(a, b, driver="gelsd")
    return x, (a @ x - b).square().sum(-2), rank.long()
  return call(a, b), theirs


@op("linalg.lstsq")
def _(r):
  # Fewer rows than columns, or a rank that is short: the shortest solution.
  m, n, shape = side(r, 2), side(r, 2), batch(r)
  a = spread(r, shape, m, n)
  if r.number % 2 == 0:
    m = n
    a = r.values(spread(r, shape, n, n).detach() @ wave(n)
                 @ torch.diag((torch.arange(n) > 0).double()) @ wave(n).T)
  b = r.tensor(shape + [m, 2], grad=False)
  a = a.detach()
  x, _, rank, _ = L.lstsq(a, b, driver="gelsd", rcond=1e-4)
  return call(a, b, rtol=1e-4), (x, (a @ x - b).square().sum(-2), rank.long())


@op("pinv", cases=HARD)
def _(r):
  x = hard(r, squared=True)
  if x is not None:
    return call(x), L.pinv
  x = spread(r, batch(r), side(r), side(r))
  rtol = r.choice([None, 1e-3])
  return call(x, rtol=rtol), lambda x: L.pinv(x, rtol=rtol)


@op("matrix_rank")
def _(r):
  n, shape = side(r, 2), batch(r)
  x = spread(r, shape, n, side(r)).detach()
  rtol = r.choice([None, 0.6])
  return call(x, rtol=rtol), L.matrix_rank(x, rtol=rtol)


# ---- inverses and determinants

@op("inverse", cases=HARD)
def _(r):
  x = hard(r)
  if x is None:
    x = general(r, batch(r), side(r))
  return call(x), torch.inverse


@op("linalg.inv")
def _(r):
  return call(general(r, batch(r), side(r))), L.inv


@op("det")
def _(r):
  return call(general(r, batch(r), side(r), r.choice([1.5, -2]))), torch.det


@op("slogdet", cases=HARD)
def _(r):
  x = hard(r)
  if x is None:
    x = general(r, batch(r), side(r), r.choice([1.5, -2]))
  return call(x), lambda x: tuple(torch.slogdet(x))


@op("logdet")
def _(r):
  return call(symmetric(r, batch(r), side(r))), torch.logdet


# ---- functions

@op("matrix_exp")
def _(r):
  size = r.choice([0.5, 2])
  return call(r.tensor(batch(r) + [side(r)] * 2, -size, size)), torch.matrix_exp


@op("matrix_power")
def _(r):
  x = general(r, batch(r), side(r), 1.5)
  n = r.each([2, 0, 1, 3, -1, -2, 5])
  return call(x, n), lambda x: L.matrix_power(x, n)


@op("lu")
def _(r):
  m, n = side(r), side(r)
  x = spread(r, batch(r), m, n)
  # Both are LAPACK's, which takes the same pivots.
  return call(x), lambda x: tuple(L.lu(x))


@op("lu_factor")
def _(r):
  x = spread(r, batch(r), side(r), side(r))
  return call(x), lambda x: tuple(y.long() if y.dtype == torch.int32 else y
                                  for y in L.lu_factor(x))


@op("lu_solve")
def _(r):
  n, lead = side(r), batch(r)
  left, adjoint = r.chance(), r.chance()
  lu, pivots = L.lu_factor(spread(r, lead, n, n))
  lu = r.values(lu.detach())
  k = r.size()
  b = r.tensor(lead + ([n, k] if left else [k, n]))
  return (call(lu, pivots.long(), b, left=left, adjoint=adjoint),
          lambda lu, p, b: L.lu_solve(lu, p.int(), b, left=left,
                                      adjoint=adjoint))


# ---- norms and conditions

@op("linalg.vector_norm", cases=24)
def _(r):
  shape = r.shape(zero=False)
  p = r.each([None, 1, 3, 0, 2, 1.5, float("inf"), -float("inf"), -1])
  x = r.away(shape, -2, 2, [0], 0.2) if p != float("inf") else r.distinct(shape)
  axes = r.axes(shape) if shape and r.chance() else None
  keep = r.chance()
  return (call(x, p, {"axis": one(axes), "keepdim": keep} if axes
               else {"keepdim": keep}),
          lambda x: L.vector_norm(x, 2 if p is None else p, axes, keep))


ORDERS = [None, "nuc", 2, 1, float("inf"), -2, -1, -float("inf"), "fro"]


@op("linalg.matrix_norm", cases=27)
def _(r):
  x, p = spread(r, batch(r, False), side(r), side(r)), r.each(ORDERS)
  keep = r.chance()
  if x.dim() > 2 and r.chance():
    a, b = r.axes(list(x.shape), 2, 2)
    # Another pair of axes may have equal singular values; sums and the
    # Frobenius norm do not mind.
    if p in ("nuc", 2, -2):
      p = "fro"
    return (call(x, p, {"axis": one([a, b]), "keepdim": keep}),
            lambda x: L.matrix_norm(x, p or "fro", (a, b), keep))
  return (call(x, p, {"keepdim": keep}),
          lambda x: L.matrix_norm(x, p or "fro", keepdim=keep))


@op("linalg.norm", cases=27)
def _(r):
  form, keep = r.each(["all", "matrix", "vector", "pair", "axis"]), r.chance()
  if form == "all":
    x = r.away(r.shape(zero=False), -2, 2, [0])
    return call(x), lambda x: L.norm(x)
  if form == "matrix":
    x, p = spread(r, [], side(r), side(r)), ORDERS[r.int(1, 8)]
    return (call(x, p, {"keepdim": keep}),
            lambda x: L.norm(x, p, keepdim=keep))
  if form == "vector":
    x, p = r.away([4], -2, 2, [0]), r.choice([1, 3, -1])
    return call(x, p), lambda x: L.norm(x, p)
  x = spread(r, [2], side(r), side(r))
  if form == "pair":
    p = r.choice([None, "nuc", 2, 1])
    return (call(x, p, {"axis": [-2, -1], "keepdim": keep}),
            lambda x: L.norm(x, p, (-2, -1), keep))
  p = r.choice([None, 1, 3])
  x = r.away([2, 3], -2, 2, [0], 0.2)
  return (call(x, p, {"axis": 1, "keepdim": keep}),
          lambda x: L.norm(x, p, 0, keep))


@op("linalg.cond", cases=27)
def _(r):
  p, shape = r.each(ORDERS), batch(r, False)
  n = side(r, 2)
  x = spread(r, shape, n, n if p not in (None, 2, -2) else side(r, 2))

  # Written out: L.cond works in place and has no gradient for most orders.
  def theirs(x):
    if p in (None, 2, -2):
      s = L.svdvals(x)
      y = s[..., 0] / s[..., -1] if p != -2 else s[..., -1] / s[..., 0]
    else:
      y = L.matrix_norm(x, p) * L.matrix_norm(L.inv(x), p)
    assert torch.allclose(y, L.cond(x.detach(), p), rtol=1e-12)
    return y
  return call(x, p), theirs


@op("linalg.multi_dot")
def _(r):
  sizes = [r.size() for _ in range(r.int(3, 6))]
  xs = [r.tensor([a, b]) for a, b in zip(sizes, sizes[1:])]
  if r.chance(0.3):
    xs[0] = r.tensor(sizes[1:2])
  if r.chance(0.3):
    xs[-1] = r.tensor(sizes[-2:-1])
  return call(xs), lambda *xs: L.multi_dot(xs)


@op("linalg.vecdot")
def _(r):
  shape = r.shape(1)
  axis = r.axis(shape)
  return (call(r.tensor(shape), r.tensor(shape), axis=one(axis)),
          lambda x, y: L.vecdot(x, y, dim=axis))
