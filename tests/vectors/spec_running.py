"""Running extremes, areas, sums without NaN, and several results at once."""
import torch

from spec import call, one, op


def line(r, least=1):
  """A shape and an axis of it."""
  shape = r.shape(least)
  return shape, r.axis(shape)


def running(name, fn):
  @op(name)
  def _(r):
    shape, axis = line(r)
    # Ties too; PyTorch has no second derivative of these in 1.13, but that of
    # gathering at the positions found.
    x = r.values(r.random.integers(-2, 3, tuple(shape)))
    at = fn(x.detach(), axis)[1]
    return call(x, one(axis)), lambda x: (x.gather(axis, at), at + 1)


running("cummax", torch.cummax)
running("cummin", torch.cummin)


def area(name, fn):
  @op(name)
  def _(r):
    shape, axis = line(r)
    y = r.tensor(shape)
    kind = r.each(["dx", "row", "full"])
    if kind == "dx":
      dx = r.choice([None, 0.5])
      return (call(y, dx=dx, axis=one(axis)),
              fn(y, dx=dx or 1.0, dim=axis))
    x = r.tensor(shape if kind == "full" else [shape[axis]])
    return call(y, x, axis=one(axis)), fn(y, x, dim=axis)


area("trapezoid", torch.trapezoid)
area("cumulative_trapezoid", torch.cumulative_trapezoid)


def options_of(r, shape):
  if r.number % 3 == 0 or not shape:
    return {}, tuple(range(len(shape))), False
  axes, keep = tuple(r.axes(shape)), r.chance()
  return {"axis": one(list(axes)), "keepdim": keep}, axes, keep


def nan_reduction(name, fn, zero):
  @op(name)
  def _(r):
    # A mean of NaN alone is NaN; its gradient is NaN in PyTorch, ours is 0.
    shape = r.shape(1) if zero else [r.size(2) for _ in range(r.int(1, 3))]
    options, axes, keep = options_of(r, shape)
    x = r.random.uniform(-2, 2, tuple(shape))
    some = r.random.random(tuple(shape)) < 0.2
    x[some if zero else (0,) * len(shape)] = float("nan")
    return call(r.values(x), **options), lambda x: fn(x, axes, keepdim=keep)


nan_reduction("nansum", torch.nansum, True)
nan_reduction("nanmean", torch.nanmean, False)


# Close elements: centred, they keep std / |mean| of their digits, and second
# derivatives divide by std once more.
CENTRED = {"float32": 2e-3,
           "why": "centring close values loses |mean| / std of the digits"}


def spread(name, fn):
  @op(name, **CENTRED)
  def _(r):
    shape = [r.size(2) for _ in range(r.int(1, 3))]
    options, axes, keep = options_of(r, shape)
    x, unbiased = r.tensor(shape, -2, 2), r.chance()
    return (call(x, **options, correction=1 if unbiased else 0),
            fn(x, axes, unbiased=unbiased, keepdim=keep))


spread("std_mean", torch.std_mean)
spread("var_mean", torch.var_mean)


@op("aminmax")
def _(r):
  shape = r.shape(1, zero=False)
  x = r.distinct(shape)  # PyTorch's aminmax has no gradient, amin and amax do
  if r.number % 3 == 0:
    return call(x), (x.min(), x.max())
  axis, keep = r.axis(shape), r.chance()
  return (call(x, axis=one(axis), keepdim=keep),
          (x.amin(axis, keep), x.amax(axis, keep)))


@op("mode")
def _(r):
  shape = r.shape(1, zero=False)
  axis, keep = r.axis(shape), r.chance()
  x = r.integers(shape, 0, 3)
  value, at = torch.mode(x, axis, keep)
  return call(x, one(axis), keep), (value, at + 1)


@op("unique_consecutive")
def _(r):
  x = r.integers(r.shape(1), 0, 2)
  y, runs, counts = torch.unique_consecutive(x, return_inverse=True,
                                             return_counts=True)
  return call(x), (y, runs + 1, counts)


@op("logspace")
def _(r):
  first, last, n = r.number_in(-2, 2), r.number_in(-2, 2), r.int(0, 6)
  base = r.choice([None, 2])
  return (call(first, last, n, base=base, dtype="float"),
          torch.logspace(first, last, n, base or 10))


@op("arange")
def _(r):
  first, last, step = r.int(-5, 5), r.int(-5, 9), r.int(1, 3)
  if last < first:
    step = -step
  return call(first, last, step), torch.arange(first, last, step)


@op("renorm")
def _(r):
  shape = r.shape(2)
  axis, p, most = r.axis(shape), r.choice([1, 2, 3]), r.choice([0.5, 100])
  x = r.tensor(shape, 0.2, 2)
  return (call(x, p=p, axis=one(axis), maxnorm=most),
          lambda x: torch.renorm(x, p, axis, most))


@op("gradient", cases=30)
def _(r):
  order = r.int(1, 2)
  x = r.tensor([r.int(order + 1, 5) for _ in range(r.int(1, 3))])
  axes = r.axes(x.shape) if r.chance() else None
  every_axis = range(x.dim()) if axes is None else axes
  ours = {"axis": one(axes), "edge_order": order}
  theirs = {"dim": axes, "edge_order": order}
  if r.number % 3 == 0:
    return call(x, **ours), torch.gradient(x, **theirs)
  if r.number % 3 == 1:
    gaps = [r.number_in(0.25, 2) for _ in every_axis]
  else:
    gaps = [r.values(sorted(r.distinct([x.size(a)]).tolist()), grad=False)
            for a in every_axis]
  return (call(x, spacing=gaps, **ours),
          torch.gradient(x, spacing=gaps, **theirs))
