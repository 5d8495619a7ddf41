"""Arithmetic, comparisons and logic, element by element."""
import math

import numpy
import torch

from spec import call, op


def double(value):
  return torch.tensor(float(value))


# ---- two tensors

def pair(name, fn, low=-2.0, high=2.0, points=(), ints=False, numbers=True):
  """Two tensors that broadcast; now and then a number, or integers."""
  @op(name, cases=24)
  def _(r):
    a, b = r.broadcast_pair()

    def draw(shape):
      return r.away(shape, low, high, points, 0.2)
    if r.number % 6 == 4 and numbers:
      x, y = draw(a), r.number_in(max(low, 0.25), high)
      return call(x, y), fn(x, double(y))
    if r.number % 6 == 2 and numbers:
      x, y = r.number_in(max(low, 0.25), high), draw(b)
      return call(x, y), fn(double(x), y)
    if r.number % 6 == 5 and ints:
      x, y = r.integers(a, -9, 9), r.integers(b, 1, 5)
      y = torch.where(r.mask(b), y, -y)
      return call(x, y), fn(x, y)
    x, y = draw(a), draw(b)
    return call(x, y), fn(x, y)


pair("add", torch.add, ints=True)
pair("sub", torch.sub, ints=True)
pair("mul", torch.mul, ints=True)
pair("div", torch.div, points=[0])
pair("remainder", torch.remainder, -5, 5, points=[0], ints=True)
pair("fmod", torch.fmod, -5, 5, points=[0], ints=True)
# torch.floor_divide has no derivative; this form of it has: 0.
pair("floor_divide", lambda x, y: torch.div(x, y, rounding_mode="floor"), -5, 5, points=[0], ints=True)
pair("maximum", torch.maximum, ints=True)
pair("minimum", torch.minimum, ints=True)
pair("atan2", torch.atan2, points=[0])
pair("hypot", torch.hypot, points=[0])
pair("logaddexp", torch.logaddexp, -6, 6)
pair("xlogy", torch.xlogy, 0.1, 4)


@op("pow", cases=25)
def _(r):
  kind = r.number % 5
  if kind == 0:
    x, y = r.tensor(r.shape(), -2, 2), r.choice([2, 3, 4])
    return call(x, y), torch.pow(x, y)
  if kind == 1:
    x, y = r.away(r.shape(), -2, 2, [0], 0.3), r.choice([-1, -2, -3])
    return call(x, y), torch.pow(x, y)
  if kind == 2:
    x, y = r.tensor(r.shape(), 0.2, 3), r.number_in(-2, 2)
    return call(x, y), torch.pow(x, y)
  if kind == 3:
    x, y = r.number_in(0.5, 3), r.tensor(r.shape(), -2, 2)
    return call(x, y), torch.pow(x, y)
  a, b = r.broadcast_pair()
  x, y = r.tensor(a, 0.2, 3), r.tensor(b, -2, 2)
  return call(x, y), torch.pow(x, y)


@op("xlogy")
def _(r):
  # x = 0 beside any y: 0, and not NaN.
  shape = r.shape(1)
  x = r.values(numpy.zeros(shape), grad=False)
  y = r.tensor(shape, -1, 1, grad=False)
  return call(x, y), torch.xlogy(x, y)


@op("heaviside")
def _(r):
  # PyTorch has no derivative by the second input.
  a, b = r.broadcast_pair()
  x = r.values(r.random.integers(-1, 2, tuple(a)), grad=False)
  y = r.tensor(b, grad=False)
  return call(x, y), torch.heaviside(x, y)


# ---- three tensors

@op("addcmul")
def _(r):
  a, b, c = r.broadcast(3)
  x, y, z, value = r.tensor(a), r.tensor(b), r.tensor(c), r.number_in(-2, 2)
  return (call(x, y, z, value=value),
          torch.addcmul(x, y, z, value=value))


@op("addcdiv")
def _(r):
  a, b, c = r.broadcast(3)
  x, y, z = r.tensor(a), r.tensor(b), r.away(c, -2, 2, [0], 0.3)
  value = r.number_in(-2, 2)
  return (call(x, y, z, value=value),
          torch.addcdiv(x, y, z, value=value))


@op("lerp")
def _(r):
  a, b, c = r.broadcast(3)
  x, y = r.tensor(a), r.tensor(b)
  if r.number % 3 == 0:
    w = r.number_in(-1, 2)
    return call(x, y, w), torch.lerp(x, y, w)
  w = r.tensor(c, -0.5, 1.5)
  return call(x, y, w), torch.lerp(x, y, w)


@op("where", cases=24)
def _(r):
  a, b, c = r.broadcast(3)
  condition = r.mask(a)
  if r.number % 4 == 3:
    x, y = r.integers(b, -5, 5), r.integers(c, -5, 5)
  elif r.number % 4 == 2:
    x, y = r.tensor(b), r.number_in(-1, 1)
    return call(condition, x, y), torch.where(condition, x, double(y))
  else:
    x, y = r.tensor(b), r.tensor(c)
  return call(condition, x, y), torch.where(condition, x, y)


@op("clamp", cases=30)
def _(r):
  shape, kind = r.shape(), r.number % 6
  if kind == 0:
    x = r.away(shape, -2, 2, [-0.75, 1.25])
    return call(x, -0.75, 1.25), torch.clamp(x, -0.75, 1.25)
  if kind == 1:
    x = r.away(shape, -2, 2, [0.5])
    return call(x, min=0.5), torch.clamp(x, min=0.5)
  if kind == 2:
    x = r.away(shape, -2, 2, [0.5])
    return call(x, max=0.5), torch.clamp(x, max=0.5)
  if kind == 3:
    x = r.integers(shape, -9, 9)
    return call(x, -3, 4), torch.clamp(x, -3, 4)
  a, b, c = r.broadcast(3)
  x, low, high = r.tensor(a, -2, 2), r.tensor(b, -1, 0), r.tensor(c, 0, 1)
  if kind == 4:
    return call(x, min=low), torch.clamp(x, min=low)
  return call(x, min=low, max=high), torch.clamp(x, min=low, max=high)


# ---- one tensor

def single(name, fn, low=-3.0, high=3.0, points=(), ints=False):
  @op(name)
  def _(r):
    shape = r.shape()
    x = r.away(shape, low, high, points)
    if ints and r.number % 5 == 4:
      x = r.integers(shape, -9, 9)
    return call(x), fn(x)


single("abs", torch.abs, points=[0], ints=True)
single("neg", torch.neg, ints=True)
single("sign", torch.sign, points=[0], ints=True)
single("square", torch.square, ints=True)
single("reciprocal", torch.reciprocal, points=[-0.2, 0, 0.2])
single("floor", torch.floor, points=range(-3, 4))
single("ceil", torch.ceil, points=range(-3, 4))
single("trunc", torch.trunc, points=range(-3, 4))
single("frac", torch.frac, points=range(-3, 4))


@op("round")
def _(r):
  # Halves too: to even.
  x = r.values(r.random.integers(-9, 10, tuple(r.shape())) / 2)
  if r.chance():
    return call(x), torch.round(x)
  # Away from halves, which float32 and float64 see differently.
  decimals = r.int(-1, 3)
  shape = tuple(r.shape())
  x = r.random.integers(-9, 10, shape) + r.random.uniform(-0.4, 0.4, shape)
  x = r.values(x / 10.0 ** decimals)
  return call(x, decimals=decimals), torch.round(x, decimals=decimals)


@op("sign")
def _(r):
  # At 0 it is 0, and so is the gradient.
  x = r.values(r.random.integers(-1, 2, tuple(r.shape())))
  return call(x), torch.sign(x)


def special_values(r, shape):
  picked = r.random.choice([math.nan, math.inf, -math.inf, 0.5, -2, 0],
                           tuple(shape))
  return r.values(picked)


@op("nan_to_num")
def _(r):
  # The defaults for infinities depend on the dtype, so they are given.
  x = special_values(r, r.shape())
  n, p, m = r.choice([0, 1.5]), r.number_in(2, 9), r.number_in(-9, -2)
  return (call(x, nan=n, posinf=p, neginf=m),
          torch.nan_to_num(x, nan=n, posinf=p, neginf=m))


# ---- questions

def question(name, fn):
  @op(name)
  def _(r):
    x = special_values(r, r.shape())
    return call(x), fn(x)


question("isnan", torch.isnan)
question("isinf", torch.isinf)
question("isfinite", torch.isfinite)
question("logical_not", torch.logical_not)


def comparison(name, fn):
  """Of few different values, so that some are equal."""
  @op(name)
  def _(r):
    a, b = r.broadcast_pair()
    low, high = r.choice([(-1, 1), (0, 2)])
    x, y = r.integers(a, low, high), r.integers(b, low, high)
    if r.number % 3 == 0:
      return call(x, y), fn(x, y)
    x = r.values(x)
    if r.number % 3 == 1:
      y = r.int(low, high)
      return call(x, y), fn(x, torch.tensor(y, dtype=x.dtype))
    y = r.values(y)
    if y.dim() and y.numel() and y.is_floating_point():
      y = y.detach().clone()
      y.view(-1)[0] = math.nan
    return call(x, y), fn(x, y)


for _name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or",
              "logical_xor"):
  comparison(_name, getattr(torch, _name))


@op("allclose")
def _(r):
  shape = r.shape()
  x = r.tensor(shape, grad=False)
  y = r.values(x + r.choice([0, 1e-7, 1e-3]), grad=False)
  return call(x, y, 1e-5, 1e-6), torch.allclose(x, y, 1e-5, 1e-6)


@op("equal")
def _(r):
  shape = r.shape()
  x = r.integers(shape, 0, 1)
  y = x.clone() if r.chance() else r.integers(r.shape(), 0, 1)
  return call(x, y), torch.equal(x, y)


# ---- copies

@op("clone")
def _(r):
  x = r.tensor(r.shape())
  return call(x), torch.clone(x)


@op("contiguous")
def _(r):
  x = r.tensor(r.shape())
  return call(x), x.contiguous()


@op("to", cases=24)
def _(r):
  shape = r.shape()
  if r.number % 4 == 0:
    x = r.tensor(shape, -9, 9)
    return call(x, "int64"), x.to(torch.int64)
  if r.number % 4 == 1:
    x = r.tensor(shape, 0, 9)
    return call(x, "uint8"), x.to(torch.uint8)
  if r.number % 4 == 2:
    x = r.integers(shape, -9, 9)
    return call(x, "float"), x.to(torch.float64)
  x = r.tensor(shape)
  return call(x, "float"), x.to(torch.float64)
