"""Reductions over some axes or all, and scans along one."""
import math

import numpy
import torch

from spec import call, one, op


def axes_of(r, shape):
  """Our options and PyTorch's dim and keepdim; None: over everything."""
  if r.number % 4 == 0 or not shape:
    return {}, None, False
  axes, keep = r.axes(shape), r.chance()
  if len(axes) == 1 and r.chance():
    return {"axis": one(axes[0]), "keepdim": keep}, axes, keep
  return {"axis": one(axes), "keepdim": keep}, axes, keep


def every(shape, axes):
  return list(range(len(shape))) if axes is None else axes


def reduction(name, fn, draw=None, zero=True, ints=False, cases=24):
  """fn(x, axes, keepdim), axes never None."""
  @op(name, cases=cases)
  def _(r):
    shape = r.shape(zero=zero)
    options, axes, keep = axes_of(r, shape)
    if axes:
      r.thin(shape, *axes)
    x = draw(r, shape) if draw else r.tensor(shape, -2, 2)
    if ints and r.number % 6 == 5:
      x = r.integers(shape, -5, 5)
    if ints and r.number % 6 == 4:
      x = r.integers(shape, 0, 5).to(torch.uint8)
    return call(x, **options), fn(x, every(shape, axes), keep)


def one_by_one(fn):
  """Of PyTorch's functions that reduce one axis at a time."""
  def run(x, axes, keep):
    if not axes:
      return fn(x.reshape(1), 0, False)
    axes = sorted((a % x.dim() for a in axes), reverse=True)
    for axis in axes:
      x = fn(x, axis, keep)
    return x
  return run


def distinct(r, shape):
  return r.distinct(shape)


def coarse(r, shape):
  """Few different values: zeros and ties."""
  return r.values(r.random.integers(-1, 2, tuple(shape)))


# An empty list of axes is all of them for PyTorch 1.13, and x has none then.
reduction("sum", lambda x, a, k: x.sum(a, keepdim=k) if a else x.sum(),
          ints=True)
reduction("mean", lambda x, a, k: x.mean(a, keepdim=k) if a else x.mean())
reduction("prod", one_by_one(lambda x, a, k: x.prod(a, keepdim=k)), ints=True)
reduction("prod", one_by_one(lambda x, a, k: x.prod(a, keepdim=k)), coarse)
reduction("amax", lambda x, a, k: x.amax(a, keepdim=k), distinct, zero=False,
          ints=True)
reduction("amin", lambda x, a, k: x.amin(a, keepdim=k), distinct, zero=False,
          ints=True)
# Equal extremes share the gradient.
reduction("amax", lambda x, a, k: x.amax(a, keepdim=k), coarse, zero=False)
reduction("amin", lambda x, a, k: x.amin(a, keepdim=k), coarse, zero=False)
reduction("logsumexp", lambda x, a, k: x.logsumexp(a, keepdim=k)
          if a else x.logsumexp(0),
          lambda r, s: r.tensor(s, -8, 8))
reduction("any", one_by_one(lambda x, a, k: x.bool().any(a, keepdim=k)),
          coarse)
reduction("all", one_by_one(lambda x, a, k: x.bool().all(a, keepdim=k)),
          lambda r, s: r.values(r.random.integers(0, 4, tuple(s))))


@op("any")
def _(r):
  shape = r.shape()
  x = r.mask(shape, 0.2)
  return call(x), x.any()


@op("count_nonzero")
def _(r):
  shape = r.shape()
  x, axes = coarse(r, shape), r.axes(shape)
  if not axes or r.number % 4 == 0:
    return call(x), x.count_nonzero()
  return call(x, axis=one(axes)), x.count_nonzero(axes)


# Close elements: centred, they keep std / |mean| of their digits, and second
# derivatives divide by std once more.
CENTRED = {"float32": 2e-3,
           "why": "centring close values loses |mean| / std of the digits"}


def spread(name, fn):
  @op(name, cases=24, **CENTRED)
  def _(r):
    shape = r.shape()
    options, axes, keep = axes_of(r, shape)
    axes = every(shape, axes)
    n = math.prod(shape[a] for a in axes)
    correction = r.choice([0, 1, 2])
    x = r.tensor(shape, -2, 2)
    if n - correction < 1 or n == 1:
      x = x.detach()  # NaN, or the root of 0: no derivative
    if correction != 1 or r.chance():
      options["correction"] = correction
    if not shape:
      # PyTorch takes no list of no axes: one axis of one element instead.
      return (call(x, **options),
              fn(x.reshape(1), [0], correction=correction))
    return (call(x, **options),
            fn(x, axes, correction=correction, keepdim=keep))


spread("var", torch.var)
spread("std", torch.std)


@op("norm", cases=40)
def _(r):
  shape = r.shape()
  options, axes, keep = axes_of(r, shape)
  p = r.each([2, 1, 3, 1.5, math.inf, 0, 2, 0.5, -1, -math.inf])
  x = r.away(shape, -2, 2, [0], 0.1)
  if p < 0 or p == math.inf:
    x = r.distinct([k or 1 for k in shape], 0.1, 2)
  if p != 2 or r.chance():
    options["p"] = p
  return (call(x, **options),
          torch.linalg.vector_norm(x, p, axes, keep))


def arg(name, fn):
  @op(name, cases=24)
  def _(r):
    shape = r.shape(zero=False)
    x = r.distinct(shape) if r.number % 3 else coarse(r, shape)
    if r.number % 4 == 0 or not shape:
      # PyTorch names any of equal ones; NumPy and ours the first.
      first = getattr(numpy, name)(x.detach().numpy())
      return call(x), torch.tensor(int(first)) + 1
    axis, keep = r.axis(shape), r.chance()
    x = r.distinct(r.thin(shape, axis)) if r.seventh else x
    first = getattr(numpy, name)(x.detach().numpy(), axis=axis)
    first = torch.as_tensor(first)
    return (call(x, axis=one(axis), keepdim=keep),
            (first.unsqueeze(axis) if keep else first) + 1)


arg("argmax", torch.argmax)
arg("argmin", torch.argmin)


def extreme(name, fn, over_all):
  @op(name, cases=24)
  def _(r):
    shape = r.shape(zero=False)
    x = r.distinct(shape)
    if r.number % 6 == 0 or not shape:
      return call(x), over_all(x)
    if r.number % 6 == 1:
      y = r.distinct(shape)
      return call(x, y), fn(x, y)
    axis, keep = r.axis(shape), r.chance()
    x = r.distinct(r.thin(shape, axis))
    value, place = fn(x, axis, keepdim=keep)
    return call(x, axis=one(axis), keepdim=keep), (value, place + 1)


extreme("max", torch.max, torch.amax)
extreme("min", torch.min, torch.amin)


# ---- scans

def scan(name, fn, draw=None, ints=False):
  @op(name, cases=24)
  def _(r):
    shape = r.shape(1)
    axis = r.axis(shape)
    x = draw(r, shape) if draw else r.tensor(shape, -2, 2)
    if ints and r.number % 6 == 5:
      x = r.integers(shape, -3, 3)
    return call(x, one(axis)), fn(x, axis)


scan("cumsum", torch.cumsum, ints=True)
scan("cumprod", torch.cumprod, ints=True)
scan("cumprod", torch.cumprod, coarse)
scan("logcumsumexp", torch.logcumsumexp, lambda r, s: r.tensor(s, -5, 5))


@op("cumsum")
def _(r):
  shape = r.shape(1)
  x, axis = r.tensor(shape), r.axis(shape)
  return (call(x, one(axis), reverse=True),
          x.flip(axis).cumsum(axis).flip(axis))


@op("diff")
def _(r):
  shape = r.shape(1)
  x, n, axis = r.tensor(shape), r.int(0, 3), r.axis(shape)
  return call(x, n=n, axis=one(axis)), torch.diff(x, n, axis)


@op("diff")
def _(r):
  shape = r.shape(1)
  axis, n = r.axis(shape), r.int(0, 3)

  def beside():
    size = list(shape)
    size[axis] = r.int(0, 2)
    return r.tensor(size) if r.chance(0.7) else None
  x, before, after = r.tensor(shape), beside(), beside()
  return (call(x, n=n, axis=one(axis), prepend=before, append=after),
          torch.diff(x, n, axis, prepend=before, append=after))


@op("norm")
def _(r):
  # Zeros among the rest: their gradient is 0 for any p.
  shape = r.shape(zero=False)
  p = r.each([2, 1, 3, 1.5, 0.5, 4])
  x = r.values(r.random.integers(-1, 2, tuple(shape)))
  y = torch.linalg.vector_norm(x, p)
  if p not in (2, 4) or y == 0:
    r.first_only("the second derivative at 0 is infinite")
  return call(x, p=p), y
