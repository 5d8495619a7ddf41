"""Reading and writing at positions and under masks; rearranging."""
import numpy
import torch

from spec import call, one, op


def target(r, zero=True):
  """A shape and an axis of it."""
  shape = r.shape(1, zero=zero)
  return shape, r.axis(shape)


def positions(r, shape, axis, repeats=True, smaller=True):
  """Where gather reads: in any axis but its own no more than the shape has;
  None when the axis is empty."""
  axis %= len(shape)
  n = shape[axis]
  size = [r.int(1, k) if smaller and k else k for k in shape]
  size[axis] = (r.int(0, n + 2) if repeats else r.int(0, n)) if n else 0
  if repeats:
    return r.labels(size, max(n, 1)) if n else torch.zeros(size).long()
  order = torch.from_numpy(r.random.random(
    size[:axis] + [n] + size[axis + 1:])).argsort(axis)
  return order.narrow(axis, 0, size[axis]).contiguous()


def anything(r, shape):
  """Numbers of any type; only the floating ones are differentiated."""
  kind = r.each(["float", "float", "int64", "float", "uint8"])
  if kind == "float":
    return r.tensor(shape)
  x = r.integers(shape, 0 if kind == "uint8" else -9, 9)
  return x.to(torch.uint8) if kind == "uint8" else x


@op("gather", cases=34)
def _(r):
  shape, axis = target(r)
  at = positions(r, shape, axis)
  return (call(anything(r, shape), one(axis), at + 1),
          lambda x, _: torch.gather(x, axis, at))


@op("scatter")
def _(r):
  # Places do not repeat: which of several elements stays is not PyTorch's to
  # say (ours keeps the last), and its gradient counts each.
  shape, axis = target(r)
  at = positions(r, shape, axis, repeats=False)
  x = r.tensor(shape)
  if r.number % 4 == 3:
    value = r.number_in(-2, 2)
    return (call(x, one(axis), at + 1, value),
            lambda x, _: torch.scatter(x, axis, at, value))
  return (call(x, one(axis), at + 1, r.tensor(list(at.shape))),
          lambda x, _, y: torch.scatter(x, axis, at, y))


@op("scatter_add")
def _(r):
  shape, axis = target(r)
  at = positions(r, shape, axis)
  return (call(r.tensor(shape), one(axis), at + 1, r.tensor(list(at.shape))),
          lambda x, _, y: torch.scatter_add(x, axis, at, y))


def along(r, shape, axis, repeats=True):
  """Positions of one axis."""
  n = shape[axis]
  if repeats and n:
    return r.labels([r.int(0, n + 2)], n)
  return torch.from_numpy(r.random.permutation(n)[:r.int(0, n)])


def slices(r, shape, axis, at):
  size = list(shape)
  size[axis] = len(at)
  return r.tensor(size)


@op("index_select", cases=34)
def _(r):
  shape, axis = target(r)
  at = along(r, shape, axis)
  return (call(anything(r, shape), one(axis), at + 1),
          lambda x, _: torch.index_select(x, axis, at))


@op("index_add")
def _(r):
  shape, axis = target(r)
  at = along(r, shape, axis)
  return (call(r.tensor(shape), one(axis), at + 1, slices(r, shape, axis, at)),
          lambda x, _, y: torch.index_add(x, axis, at, y))


@op("index_copy")
def _(r):
  shape, axis = target(r)
  at = along(r, shape, axis, repeats=False)
  return (call(r.tensor(shape), one(axis), at + 1, slices(r, shape, axis, at)),
          lambda x, _, y: torch.index_copy(x, axis, at, y))


@op("put", cases=24)
def _(r):
  x = r.tensor(r.shape(zero=False))
  n = r.int(0, 5)
  add = r.chance()
  at = (r.labels([n], x.numel()) if add else
        torch.from_numpy(r.random.permutation(x.numel())[:n].copy()))
  y = r.tensor(list(at.shape))
  return (call(x, at + 1, y, accumulate=add or None),
          lambda x, _, y: x.put(at, y, accumulate=add))


@op("index_reduce", cases=32)
def _(r):
  shape, axis = target(r)
  at = along(r, shape, axis)
  how, own = r.each(["prod", "mean", "amax", "amin"]), r.chance()
  x, y = r.distinct(shape), slices(r, shape, axis, at)
  y = r.distinct(list(y.shape), -1.9, 2.1)
  return (call(x, one(axis), at + 1, y, reduce=how, include_self=own),
          lambda x, _, y: torch.index_reduce(x, axis, at, y, how,
                                             include_self=own))


@op("index_fill", cases=34)
def _(r):
  shape, axis = target(r)
  at, value = along(r, shape, axis), r.int(0, 4)
  return (call(anything(r, shape), one(axis), at + 1, value),
          lambda x, _: torch.index_fill(x, axis, at, value))


@op("take", cases=34)
def _(r):
  x = anything(r, r.shape(zero=False))
  at = r.labels(r.shape(most=3), x.numel())
  return call(x, at + 1), lambda x, _: torch.take(x, at)


@op("index_put")
def _(r):
  shape = r.shape(1, zero=False)
  x = r.tensor(shape)
  if r.number % 4 == 0:
    mask = r.mask(shape[:r.int(1, len(shape))])
    y = r.tensor(shape[mask.dim():])
    return (call(x, [mask], y),
            lambda x, _, y: x.index_put((mask,), y))
  n = r.int(1, len(shape))
  if r.chance():  # repeated points
    points = r.broadcast(n, zero=False)
    points = [[k for k in p[:2]] for p in points]
    points = [p if p == points[0] else points[0] for p in points]
    at = [r.labels(p, shape[i]) for i, p in enumerate(points)]
    full = list(torch.broadcast_tensors(*at)[0].shape) + shape[n:]
    return (call(x, [a + 1 for a in at], r.tensor(full), True),
            lambda x, *rest: x.index_put(tuple(at), rest[-1], True))
  # No two points alike: which value stays is not PyTorch's to say.
  count = r.int(0, min(4, int(numpy.prod(shape[:n]))))
  picked = r.random.permutation(int(numpy.prod(shape[:n])))[:count]
  at = [torch.from_numpy(numpy.asarray(a, dtype=numpy.int64))
        for a in numpy.unravel_index(picked, shape[:n])]
  return (call(x, [a + 1 for a in at], r.tensor([count] + shape[n:]), False),
          lambda x, *rest: x.index_put(tuple(at), rest[-1]))


# ---- masks

@op("masked_fill", cases=34)
def _(r):
  a, b = r.broadcast_pair()
  mask, value = r.mask(b), r.int(0, 4)
  return (call(anything(r, a), mask, value),
          lambda x, m: torch.masked_fill(x, m, value))


@op("masked_select", cases=34)
def _(r):
  a, b = r.broadcast_pair()
  return call(anything(r, a), r.mask(b)), torch.masked_select


@op("masked_scatter")
def _(r):
  a, b = r.broadcast_pair()
  x, mask = r.tensor(a), r.mask(b)
  places = int(torch.broadcast_tensors(x, mask)[1].sum())
  y = r.tensor([places + r.int(0, 2)])
  return (call(x, mask, y), lambda x, m, y: torch.masked_scatter(
    *torch.broadcast_tensors(x, m), y))


@op("where")
def _(r):
  a, b, c = r.broadcast(3)
  return call(r.mask(a), r.tensor(b), r.tensor(c)), torch.where


@op("flatnonzero")
def _(r):
  # Positions in row-major order, which take and index_select read.
  x = r.integers(r.shape(), -1, 1)
  return call(x), x.flatten().nonzero().flatten() + 1


# ---- rearranging

@op("roll", cases=34)
def _(r):
  shape = r.shape()
  x = anything(r, shape)
  if r.number % 3 == 0 or not shape:
    k = r.int(-7, 7)
    return call(x, k), lambda x: torch.roll(x, k)
  axes = r.axes(shape)
  shifts = [r.int(-7, 7) for _ in axes]
  return call(x, shifts, one(axes)), lambda x: torch.roll(x, shifts, axes)


@op("flip", cases=34)
def _(r):
  shape = r.shape(1)
  axes = r.axes(shape)
  return call(anything(r, shape), one(axes)), lambda x: torch.flip(x, axes)


@op("rot90", cases=34)
def _(r):
  shape, k = r.shape(2), r.int(-5, 5)
  if r.number % 3 == 0:
    return call(anything(r, shape), k=k), lambda x: torch.rot90(x, k, [0, 1])
  axes = r.axes(shape, 2, 2)
  return (call(anything(r, shape), k=k, axes=one(axes)),
          lambda x: torch.rot90(x, k, axes))


@op("tile", cases=34)
def _(r):
  repeats = [r.int(0, 3) if r.chance(0.2) else r.int(1, 3)
             for _ in range(r.int(1, 3))]
  return (call(anything(r, r.shape(most=3)), repeats),
          lambda x: torch.tile(x, repeats))


@op("repeat_interleave", cases=34)
def _(r):
  shape, n = r.shape(), r.int(0, 3)
  if r.number % 3 == 0 or not shape:
    return call(anything(r, shape), n), lambda x: torch.repeat_interleave(x, n)
  axis = r.axis(shape)
  if r.number % 3 == 1:
    counts = r.integers([shape[axis]], 0, 3)
    return (call(anything(r, shape), counts, axis=one(axis)),
            lambda x, _: torch.repeat_interleave(x, counts, axis))
  return (call(anything(r, shape), n, axis=one(axis)),
          lambda x: torch.repeat_interleave(x, n, axis))


@op("meshgrid")
def _(r):
  sizes = [r.each([[], [r.int(0, 3)], [2]]) for _ in range(r.int(1, 4))]
  how = r.choice(["ij", "xy"])
  tensors = [r.tensor(s) for s in sizes]
  return (call(*tensors, indexing=how),
          lambda *xs: torch.meshgrid(*xs, indexing=how))
