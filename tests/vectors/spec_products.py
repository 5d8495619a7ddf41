"""Products of vectors and matrices, distances of all pairs, diagonals."""
import torch

from spec import call, one, op


def inner(r):
  """The sizes M, K, N of a product; K now and then 0."""
  return r.size(), 0 if r.chance(0.1) else r.size(), r.size()


@op("matmul", cases=30)
def _(r):
  m, k, n = inner(r)
  a, b = r.each([([m, k], [k, n]), ([k], [k]), ([m, k], [k]), ([k], [k, n]),
                 ([3, m, k], [3, k, n]), ([2, m, k], [k, n]),
                 ([m, k], [2, k, n]), ([2, 1, m, k], [3, k, n]),
                 ([2, m, k], [k]), ([k], [2, k, n]), ([0, m, k], [0, k, n])])
  return call(r.tensor(a), r.tensor(b)), torch.matmul


@op("mv")
def _(r):
  m, k, _ = inner(r)
  return call(r.tensor([m, k]), r.tensor([k])), torch.mv


@op("dot")
def _(r):
  n = r.int(0, 9)
  return call(r.tensor([n]), r.tensor([n])), torch.dot


@op("outer")
def _(r):
  if r.number % 4 == 3:
    return (call(r.integers([r.int(0, 5)], -9, 9), r.tensor([3])), torch.outer)
  return call(r.tensor([r.int(0, 5)]), r.tensor([r.int(0, 5)])), torch.outer


@op("bmm")
def _(r):
  m, k, n = inner(r)
  b = r.int(0, 3)
  return call(r.tensor([b, m, k]), r.tensor([b, k, n])), torch.bmm


def added(name, fn, batch):
  @op(name)
  def _(r):
    m, k, n = inner(r)
    shape = [r.int(0, 3)] if batch else []
    full = shape + [m, n]
    sizes = r.choice([full, full[-1:], [1], [], [m, 1], [1, n]])
    beta, alpha = r.choice([None, 0, 0.5, -2]), r.choice([None, 0, 3])
    if k == 0 and beta == 0:
      beta = 1  # PyTorch scales memory by 0 that holds anything, NaN too
    options = {k: v for k, v in [("beta", beta), ("alpha", alpha)]
               if v is not None}
    x, y = r.tensor(shape + [m, k]), r.tensor(shape + [k, n])
    return (call(r.tensor(sizes), x, y, **options),
            lambda i, x, y: fn(i, x, y, **options))


def baddbmm(i, x, y, **options):
  # At beta = 0 PyTorch 1.13 adds 0 times memory that nobody set, now and
  # then NaN.
  if options.get("beta") == 0:
    return 0 * i + options.get("alpha", 1) * torch.bmm(x, y)
  return torch.baddbmm(i, x, y, **options)


added("addmm", torch.addmm, False)
added("baddbmm", baddbmm, True)


@op("kron")
def _(r):
  return call(r.tensor(r.shape(most=3)), r.tensor(r.shape(most=3))), torch.kron


def distances(x, y, p):
  # Written out: PyTorch has no second derivative of cdist.
  d = x.unsqueeze(-2) - y.unsqueeze(-3)
  if p == 0:
    return (d != 0).double().sum(-1)
  if p == torch.inf:
    return d.abs().amax(-1)
  return d.abs().pow(p).sum(-1).pow(1 / p)


@op("cdist", cases=30)
def _(r):
  p = r.each([None, 1, 3, 2, 1.5, float("inf")])
  k, m, n = r.size(1, 3), r.int(0, 4), r.int(0, 4)
  a, b = r.each([([], []), ([2], [2]), ([2], []), ([2, 1], [3])])
  # Far apart: second derivatives go with one over the distance squared.
  points = r.distinct([5 * (m + n) * 6 * k], -20, 20).detach()
  x = r.values(points[:m * k].expand(a + [m * k]).reshape(a + [m, k]))
  y = r.values(points[m * k:(m + n) * k].expand(b + [n * k]).reshape(
    b + [n, k]))
  want = torch.cdist(x.detach(), y.detach(), 2 if p is None else p,
                     compute_mode="donot_use_mm_for_euclid_dist")

  def theirs(x, y):
    d = distances(x, y, 2 if p is None else p)
    assert torch.allclose(d, want.expand(d.shape), rtol=1e-13, atol=1e-13)
    return d
  return call(x, y, p=p), theirs


EQUATIONS = [
  ("ij,jk->ik", ["ij", "jk"]), ("ij,jk", ["ij", "jk"]), ("ii", ["ii"]),
  ("ii->i", ["ii"]), ("ij->ji", ["ij"]), ("ij->", ["ij"]), ("ij->j", ["ij"]),
  ("i,j->ij", ["i", "j"]), ("i,i", ["i", "i"]), ("bij,bjk->bik", ["bij", "bjk"]),
  ("bij,bjk->ik", ["bij", "bjk"]), ("b i j, k j -> b k i", ["bij", "kj"]),
  ("ij,ij,ij->i", ["ij", "ij", "ij"]), ("ij,jk,kl->il", ["ij", "jk", "kl"]),
  ("ik,jkl,il->ij", ["ik", "jkl", "il"]), ("biic->bc", ["biic"]),
  ("ba", ["ba"]), ("...ij,...jk->...ik", ["bij", "bjk"]),
  ("...ij,jk", ["abij", "jk"]), ("i...->...", ["iab"]),
  ("...i,...i", ["abi", "bi"]), ("i...j->j...i", ["iabj"]),
  (",i->i", ["", "i"]), ("aBc,Bd->dac", ["aBc", "Bd"]),
]


@op("einsum", cases=48)
def _(r):
  equation, terms = r.each(EQUATIONS)
  letters = sorted(set("".join(terms)))
  sizes = {c: r.size(1, 3) for c in letters}
  if r.chance(0.15) and letters:
    sizes[r.choice(letters)] = 0
  tensors = [r.tensor([sizes[c] for c in term]) for term in terms]
  return (call(equation, *tensors),
          lambda *xs: torch.einsum(equation, *xs))


# ---- diagonals

def offset(r):
  return r.int(-3, 3)


def inside(k, rows, cols):
  """An offset that PyTorch takes: no further out than the corner."""
  return max(-rows, min(cols, k))


@op("diag")
def _(r):
  k, shape = offset(r), r.each([[r.int(0, 4)], [r.int(1, 4), r.int(1, 4)]])
  if len(shape) == 2:
    k = inside(k, *shape)
  return call(r.tensor(shape), offset=k), lambda x: torch.diag(x, k)


def two_axes(r, rank):
  a, b = (int(i) for i in r.random.permutation(rank)[:2])
  return a - rank * r.chance(), b - rank * r.chance()


@op("diagonal")
def _(r):
  shape, k = r.shape(least=2), offset(r)
  if r.number % 3 == 0:
    return call(r.tensor(shape)), lambda x: torch.diagonal(x)
  a, b = two_axes(r, len(shape))
  k = inside(k, shape[a], shape[b])
  return (call(r.tensor(shape), k, axis1=one(a), axis2=one(b)),
          lambda x: torch.diagonal(x, k, a, b))


@op("diag_embed")
def _(r):
  shape, k = r.shape(least=1, most=3), offset(r)
  a, b = two_axes(r, len(shape) + 1)
  if r.number % 3 == 0:
    return call(r.tensor(shape)), torch.diag_embed
  return (call(r.tensor(shape), offset=k, axis1=one(a), axis2=one(b)),
          lambda x: torch.diag_embed(x, k, a, b))


def triangle(name, fn):
  @op(name)
  def _(r):
    k = offset(r)
    return call(r.tensor(r.shape(least=2)), k), lambda x: fn(x, k)


triangle("tril", torch.tril)
triangle("triu", torch.triu)


@op("trace")
def _(r):
  x = r.tensor([r.int(0, 4), r.int(0, 4)])
  # torch.trace itself has a wrong gradient for matrices with more rows than
  # columns, where its steps along the diagonal run on into the rows below.
  return call(x), lambda x: x.diagonal().sum()


# ---- vectors

@op("cross")
def _(r):
  shape = r.shape(1)
  axis = r.axis(shape)
  shape[axis] = 3
  other = [1 if k != 3 and r.chance(0.3) else k for k in shape]
  if axis == -1 and r.chance():
    return call(r.tensor(shape), r.tensor(other)), torch.linalg.cross
  return (call(r.tensor(shape), r.tensor(other), axis=one(axis)),
          lambda x, y: torch.linalg.cross(x, y, dim=axis))


@op("vander")
def _(r):
  x, n, up = r.tensor([r.int(0, 5)]), r.choice([None, 0, 1, 3, 6]), r.chance()
  if len(x) and r.chance(0.3):
    x = r.values(torch.cat([x.detach()[1:], torch.zeros(1)]))
  # Written out: torch.vander works in place and has no gradient.
  def theirs(x):
    count = len(x) if n is None else n
    powers = [x ** k for k in range(count)]
    y = torch.stack(powers if up else powers[::-1], -1) if powers \
      else x[:, None].narrow(-1, 0, 0)
    assert torch.allclose(y, torch.vander(x.detach(), n, up))
    return y
  return call(x, n=n, increasing=up), theirs


@op("cov")
def _(r):
  m, n = r.size(), r.size(2, 6)
  x = r.tensor(r.each([[m, n], [n], [1, n]]))
  f = r.integers([n], 1, 3) if r.chance() else None
  a = r.tensor([n], 0.5, 2) if r.chance() else None
  correction = r.choice([None, 0, 1])
  wanted = {"correction": 1 if correction is None else correction}

  def theirs(x, *weights):
    rest = list(weights)
    fw = rest.pop(0) if f is not None else None
    aw = rest.pop(0) if a is not None else None
    return torch.cov(x, fweights=fw, aweights=aw, **wanted)
  return call(x, f, a, correction=correction), theirs


@op("corrcoef")
def _(r):
  m, n = r.size(), r.size(3, 6)
  x = r.tensor(r.each([[m, n], [n], [m, n]]))

  # Without the clamp, which rounding at 1 lets pass or stop the gradient.
  def theirs(x):
    y = torch.corrcoef(x)
    c = torch.cov(x)
    if y.dim() == 0:
      return y
    s = c.diagonal().sqrt()
    z = c / s[:, None] / s[None, :]
    assert torch.allclose(y, z, rtol=1e-13)
    return z
  return call(x), theirs


@op("block_diag")
def _(r):
  xs = [r.tensor(r.each([[r.int(0, 3), r.int(0, 3)], [r.int(1, 3)], []]))
        if r.chance(0.3) else r.tensor([r.int(0, 3), r.int(1, 3)])
        for _ in range(r.int(1, 4))]
  return call(xs), lambda *xs: torch.block_diag(*xs)


def indices(name, fn):
  @op(name)
  def _(r):
    m, n, k = r.int(0, 5), r.int(0, 5), r.int(-6, 6)
    return call(m, n, offset=k), fn(m, n, k) + 1


indices("tril_indices", torch.tril_indices)
indices("triu_indices", torch.triu_indices)


@op("tensordot")
def _(r):
  shared = [r.size(0, 3) if r.chance(0.1) else r.size(1, 3)
            for _ in range(r.int(0, 3))]
  left = [r.size(1, 3) for _ in range(r.int(0, 2))]
  right = [r.size(1, 3) for _ in range(r.int(0, 2))]
  n = len(shared)
  if r.number % 3 == 0:
    x, y = r.tensor(left + shared), r.tensor(shared + right)
    return call(x, y, n), lambda x, y: torch.tensordot(x, y, n)
  a = [int(i) for i in r.random.permutation(n + len(left))]
  b = [int(i) for i in r.random.permutation(n + len(right))]
  x = torch.zeros(shared + left).permute(a).shape
  y = torch.zeros(shared + right).permute(b).shape
  ax, ay = [a.index(i) for i in range(n)], [b.index(i) for i in range(n)]
  ax = [i - len(x) * r.chance() for i in ax]
  return (call(r.tensor(x), r.tensor(y), [one(ax), one(ay)]),
          lambda x, y: torch.tensordot(x, y, (ax, ay)))


@op("cartesian_prod")
def _(r):
  xs = [r.tensor([r.int(0, 3)]) for _ in range(r.int(1, 4))]
  return call(*xs), lambda *xs: torch.cartesian_prod(*xs)


@op("combinations")
def _(r):
  x, k, again = r.tensor([r.int(0, 5)]), r.choice([None, 1, 2, 3]), r.chance()
  return (call(x, k, again),
          lambda x: torch.combinations(x, 2 if k is None else k, again))
