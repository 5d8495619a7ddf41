"""Positions found, parts replaced, and what meets at a place."""
import torch

from spec import call, one, op


def few(r, shape):
  return r.values(r.random.integers(-1, 2, tuple(shape)), grad=False)


@op("argwhere")
def _(r):
  x = few(r, r.shape())
  return call(x), torch.argwhere(x) + 1


@op("isin")
def _(r):
  x, y = r.integers(r.shape(), 0, 9), r.integers(r.shape(), 0, 9)
  invert = r.chance()
  if r.chance():
    x, y = few(r, r.shape()), few(r, r.shape())
  return call(x, y, invert=invert), torch.isin(x, y, invert=invert)


@op("take_along_dim")
def _(r):
  shape = r.shape(1, zero=False)
  x = r.tensor(shape)
  if r.number % 4 == 0:
    at = r.labels(r.shape(), x.numel())
    return (call(x, at + 1),
            lambda x, _: torch.take_along_dim(x, at.reshape(-1)))
  axis = r.axis(shape)
  size = [1 if r.chance(0.3) else n for n in shape]
  size[axis] = r.int(0, 4)
  at = r.labels(size, shape[axis])
  return (call(x, at + 1, axis=one(axis)),
          lambda x, _: torch.take_along_dim(x, at, axis))


@op("select_scatter")
def _(r):
  shape = r.shape(1, zero=False)
  axis = r.axis(shape)
  index = r.int(-shape[axis], shape[axis] - 1)
  part = list(shape)
  part.pop(axis)
  x, y = r.tensor(shape), r.tensor(part)
  return (call(x, y, one(axis), one(index)),
          torch.select_scatter(x, y, axis, index))


@op("slice_scatter")
def _(r):
  shape = r.shape(1, zero=False)
  axis, step = r.axis(shape), r.int(1, 2)
  n = shape[axis]
  start = r.int(0, n - 1)
  length = r.int(0, (n - 1 - start) // step + 1)
  if length == 0:
    length = 1
  part = list(shape)
  part[axis] = length
  x, y = r.tensor(shape), r.tensor(part)
  return (call(x, y, axis=one(axis), start=start + 1, length=length,
               step=step),
          torch.slice_scatter(x, y, axis, start, start + (length - 1) * step
                              + 1, step))


@op("diagonal_scatter")
def _(r):
  shape = [r.size() for _ in range(r.int(2, 3))]
  a, b = (int(k) for k in r.random.permutation(len(shape))[:2])
  offset = r.int(-1, 1)
  x = r.tensor(shape)
  y = r.tensor(list(torch.diagonal(x, offset, a, b).shape))
  return (call(x, y, offset=offset, axis1=one(a), axis2=one(b)),
          torch.diagonal_scatter(x, y, offset, a, b))


@op("scatter_reduce", cases=30)
def _(r):
  shape = r.shape(1, 3, zero=False)
  axis = r.axis(shape)
  how = r.each(["sum", "prod", "mean", "amax", "amin"])
  size = [r.int(1, n) for n in shape]
  size[axis] = r.int(0, 7)
  at = r.labels(size, shape[axis])
  x, y = r.distinct(shape, 0.5, 2), r.distinct(size, 0.4, 2.1)
  include = r.chance()

  def run(x, _, y):
    return torch.scatter_reduce(x, axis, at, y, how, include_self=include)
  return call(x, one(axis), at + 1, y, reduce=how, include_self=include), run


@op("tensor_split")
def _(r):
  shape = r.shape(1, zero=False)
  axis, x = r.axis(shape), r.tensor(shape)
  cuts = r.int(1, 4)
  if r.chance():
    cuts = sorted(r.int(0, shape[axis]) for _ in range(r.int(1, 2)))
  return (call(x, one(cuts) if isinstance(cuts, list) else cuts, one(axis)),
          torch.tensor_split(x, cuts, axis))


def stacking(name, fn):
  @op(name)
  def _(r):
    shape = r.shape(0, 3, zero=False)
    list_ = [r.tensor(shape) for _ in range(r.int(1, 3))]
    return call(list_), fn(list_)


for stack in ("hstack", "vstack", "dstack", "column_stack"):
  stacking(stack, getattr(torch, stack))


def one_tensor(name, fn, least=0):
  @op(name)
  def _(r):
    x = r.tensor(r.shape(least, 3))
    return call(x), fn(x)


one_tensor("atleast_1d", torch.atleast_1d)
one_tensor("atleast_2d", torch.atleast_2d)
one_tensor("atleast_3d", torch.atleast_3d)
one_tensor("fliplr", torch.fliplr, 2)
one_tensor("flipud", torch.flipud, 1)
one_tensor("ravel", torch.ravel)


@op("diagflat")
def _(r):
  x, offset = r.tensor(r.shape(0, 2)), r.int(-2, 2)
  return call(x, offset), torch.diagflat(x, offset)


@op("broadcast_tensors")
def _(r):
  list_ = [r.tensor(shape) for shape in r.broadcast(r.int(2, 3))]
  return call(*list_), torch.broadcast_tensors(*list_)


def factors(r):
  return {"beta": r.choice([None, 0.5, 0]), "alpha": r.choice([None, -2])}


def given(options):
  return {k: v for k, v in options.items() if v is not None}


def added(name, fn, shapes):
  @op(name)
  def _(r):
    options = factors(r)
    list_ = [r.tensor(shape) for shape in shapes(r)]
    return call(*list_, **options), fn(*list_, **given(options))


added("addmv", torch.addmv,
      lambda r: (lambda m, k: ([m], [m, k], [k]))(r.size(), r.size()))
added("addr", torch.addr,
      lambda r: (lambda m, n: ([m, n], [m], [n]))(r.size(), r.size()))
added("addbmm", torch.addbmm, lambda r: (lambda b, m, k, n: (
  [m, n], [b, m, k], [b, k, n]))(r.size(), r.size(), r.size(), r.size()))


@op("inner")
def _(r):
  k = r.size()
  a, b = r.shape(0, 2) + [k], r.shape(0, 2) + [k]
  x, y = r.tensor(a), r.tensor(b)
  return call(x, y), torch.inner(x, y)


@op("dist")
def _(r):
  a, b = r.broadcast_pair(zero=False)
  p = r.choice([1, 2, 3])
  x, y = r.tensor(a, 1, 3), r.tensor(b, -3, 0.5)
  return call(x, y, p), torch.dist(x, y, p)


@op("nonzero")
def _(r):
  x = few(r, r.shape())
  return call(x), torch.nonzero(x) + 1
