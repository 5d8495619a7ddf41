"""What a spec file is written with: seeded inputs, and calls of our ops.

A spec file spec_FAMILY.py has a function for each op:

    @op("softplus")
    def _(r):
      x = r.tensor(r.shape(), -6, 6)
      beta = r.choice([1, 0.5, 3])
      return call(x, beta=beta), F.softplus(x, beta)

It is asked for `cases` cases, each with a generator r of its own, and returns
our call (arguments by place, options by name) and what PyTorch gives: a
tensor, a number, or a tuple of them. A callable in that place is applied to
the tensors of the call, in their order.

What r.tensor gives is float64, holds values that float32 holds too, and is
differentiated; masks and integers are not. Axes and indices are PyTorch's,
from 0: one(axis) is ours, from 1. Index tensors are index + 1.
"""
import importlib
import sys

import numpy
import torch

OPS = []


class Refused(Exception):
  """PyTorch does not take this case; it is left out."""


class Call:
  def __init__(self, args, options):
    self.args, self.options = args, options


class Layer(Call):
  """A layer to be made, given its state, and called with `inputs`."""

  def __init__(self, inputs, **how):
    super().__init__(inputs, {})
    self.how = how


def layer(inputs, new, options, state, after=(), training=True):
  """Our nn layer made by the arguments `new` and the options, with tensors
  for the parameters and buffers that `state` names. Its outputs are what it
  gives and then the state named in `after`."""
  return Layer(inputs, new=new, options=options, state=state,
               after=list(after), training=training)


def call(*args, **options):
  """Our call. None among args is nil; an option that is None is left out."""
  return Call(args, {k: v for k, v in options.items() if v is not None})


def load(family):
  """Runs spec_FAMILY.py, from the start if it ran before: OPS is then its."""
  OPS.clear()
  sys.modules.pop("spec_" + family, None)
  return importlib.import_module("spec_" + family)


USUAL = {"float32": None, "float64": None, "why": None}


def op(name, cases=20, float32=None, float64=None, why=None):
  """Declares the cases of our function `name`: a plain name, an op or a
  function of orrery or nn.functional; "linalg.cond", a path below orrery;
  "Tensor.view", a method; "nn.Linear", a layer. A tolerance other than 1e-5 (float32) and 1e-10
  (float64) needs its reason."""
  assert why or not (float32 or float64), name + ": say why"

  def keep(fn):
    OPS.append((name, cases, fn, {"float32": float32, "float64": float64,
                                  "why": why}))
    return fn
  return keep


def one(axis):
  """An axis, an index or a list of them as counted from 1."""
  if axis is None:
    return None
  if isinstance(axis, (list, tuple)):
    return [one(a) for a in axis]
  return axis + 1 if axis >= 0 else axis


def always(dtype, y):
  """An output whose dtype with us is that one, not the run's."""
  y.ours = dtype
  return y


class Generator:
  """Draws the inputs of one case; `number` says which, from 0."""

  def __init__(self, seed, number, tiny):
    self.random = numpy.random.default_rng(seed)
    self.number, self.tiny = number, tiny
    self.wider, self.packed, self.no_second = None, None, None

  # ---- numbers

  def int(self, low, high):
    """A whole number, both ends included."""
    return int(self.random.integers(low, high + 1))

  def number_in(self, low, high):
    """A number with few binary digits."""
    return round(float(self.random.uniform(low, high)) * 64) / 64

  def choice(self, values):
    return values[self.int(0, len(values) - 1)]

  def chance(self, p=0.5):
    return bool(self.random.random() < p)

  def each(self, values):
    """Takes the values in turn, from case to case."""
    return values[self.number % len(values)]

  # ---- shapes and axes

  @property
  def seventh(self):
    return self.number % 7 == 3

  def size(self, low=1, high=5):
    return self.int(low, min(high, low + 1) if self.tiny else high)

  def shape(self, least=0, most=4, zero=True):
    """A shape with `least` to `most` axes; in every seventh case one of them
    has size 0."""
    most = max(least, min(most, 2)) if self.tiny else most
    if zero and self.seventh and most > 0:
      return self.thin([self.size() for _ in range(self.int(max(least, 1),
                                                            most))])
    return [self.size() for _ in range(self.int(least, most))]

  def thin(self, shape, *kept):
    """In every seventh case with size 0 for an axis that is not kept."""
    axes = [i for i in range(len(shape))
            if i not in kept and i - len(shape) not in kept]
    if self.seventh and axes:
      shape[self.choice(axes)] = 0
    return shape

  def broadcast(self, n, zero=True):
    """n shapes that broadcast together."""
    full, shapes = self.shape(zero=zero), []
    for _ in range(n):
      shape = [1 if self.chance(0.25) else k for k in full]
      shapes.append(shape[self.int(0, len(full)) if self.chance(0.3) else 0:])
    shapes[self.int(0, n - 1)] = full
    return shapes

  def broadcast_pair(self, zero=True):
    return self.broadcast(2, zero)

  def axis(self, shape):
    """An axis, from either end."""
    return self.int(-len(shape), len(shape) - 1)

  def axes(self, shape, least=1, most=8):
    """Different axes in any order, each from either end."""
    rank = len(shape)
    n = self.int(min(least, rank), min(most, rank))
    picked = self.random.permutation(rank)[:n]
    return [int(a) - rank * self.chance() for a in picked]

  # ---- tensors

  def values(self, array, grad=True):
    """The values, rounded to float32, as a float64 tensor."""
    array = numpy.asarray(array, dtype=numpy.float32).astype(numpy.float64)
    x = torch.from_numpy(array)
    return x.requires_grad_() if grad else x

  def tensor(self, shape, low=-1.0, high=1.0, grad=True):
    return self.values(self.random.uniform(low, high, tuple(shape)), grad)

  def away(self, shape, low, high, points, margin=0.05, grad=True):
    """Uniform, but no nearer to any of the points than the margin."""
    x = self.random.uniform(low, high, tuple(shape))
    for p in points:
      near = numpy.abs(x - p) < margin
      x = numpy.where(near, p + numpy.where(x < p, -margin, margin), x)
    return self.values(x, grad)

  away_from_kinks = away

  def spread(self, shape, axes):
    """Between -2 and 2 or so, the deviation over the axes 0.5 or more: what
    is normalised divides by it, and each derivative once or twice more."""
    x = torch.from_numpy(self.random.uniform(-2, 2, tuple(shape)))
    if x.numel():
      mean = x.mean(axes, keepdim=True)
      s = x.std(axes, unbiased=False, keepdim=True)
      x = mean + (x - mean) * (0.5 / s).clamp(min=1)
    return self.values(x.numpy())

  def distinct(self, shape, low=-2.0, high=2.0, grad=True):
    """No two values nearer than half of the range over their count."""
    n = int(numpy.prod(shape))
    steps = self.random.permutation(n) + self.random.uniform(0.25, 0.75, n)
    x = low + (high - low) * steps / max(n, 1)
    return self.values(x.reshape(tuple(shape)), grad)

  def integers(self, shape, low, high):
    """int64, both ends included."""
    drawn = self.random.integers(low, high + 1, tuple(shape))
    return torch.from_numpy(numpy.asarray(drawn))

  def labels(self, shape, n):
    """int64 in 0 .. n - 1, as PyTorch counts: pass labels + 1 to ours."""
    return self.integers(shape, 0, n - 1)

  def mask(self, shape, p=0.5):
    drawn = self.random.random(tuple(shape)) < p
    return torch.from_numpy(numpy.asarray(drawn))

  # ---- what is special about a case

  def tolerance(self, float32=None, float64=None, why=None):
    """A wider tolerance for this case, with its reason from conditioning."""
    assert why
    self.wider = {"float32": float32, "float64": float64, "why": why}

  def contiguous_only(self, why):
    """The inputs must lie without gaps, as for view."""
    self.packed = why

  def first_only(self, why):
    """The second gradient is not compared, as where it is infinite."""
    self.no_second = why
