"""Signs, angles, bits, closeness, and extremes that pass NaN over."""
import torch

from spec import call, op


def binary(name, fn, draw):
  @op(name)
  def _(r):
    a, b = r.broadcast_pair()
    x, y = draw(r, a), draw(r, b)
    return call(x, y), fn(x, y)


def apart_from_0(r, shape):
  return r.away(shape, -3, 3, [0])


def whole(r, shape):
  return r.integers(shape, -40, 40)


def few(r, shape):
  return r.integers(shape, 0, 20)


binary("copysign", torch.copysign, apart_from_0)
binary("ldexp", torch.ldexp, apart_from_0)
binary("logaddexp2", torch.logaddexp2, apart_from_0)
binary("gcd", torch.gcd, whole)
binary("lcm", torch.lcm, whole)
for bits in ("bitwise_and", "bitwise_or", "bitwise_xor"):
  binary(bits, getattr(torch, bits), whole)
for bits in ("bitwise_left_shift", "bitwise_right_shift"):
  binary(bits, getattr(torch, bits), few)


@op("bitwise_not")
def _(r):
  x = r.integers(r.shape(), -40, 40)
  if r.chance():
    x = r.integers(r.shape(), 0, 255).to(torch.uint8)
  return call(x), torch.bitwise_not(x)


def extreme(name, fn):
  @op(name)
  def _(r):
    a, b = r.broadcast_pair()
    x, y = r.distinct(a), r.distinct(b, -2.1, 2.2)
    return call(x, y), fn(x, y)


extreme("fmax", torch.fmax)
extreme("fmin", torch.fmin)


def test(name, fn):
  @op(name)
  def _(r):
    shape = r.shape()
    special = [0.0, -0.0, 1.5, -2.0, float("inf"), float("-inf")]
    x = r.values([special[i] for i in r.integers([r.int(0, 9)], 0, 5)])
    if r.number % 3 == 2:
      x = r.integers(shape, -2, 2)
    return call(x), fn(x)


test("signbit", torch.signbit)
test("isposinf", torch.isposinf)
test("isneginf", torch.isneginf)


@op("isclose")
def _(r):
  a, b = r.broadcast_pair()
  rtol, atol = r.choice([None, 0.5]), r.choice([None, 0.3])
  x, y = r.tensor(a), r.tensor(b)
  return (call(x, y, rtol=rtol, atol=atol),
          torch.isclose(x, y, rtol=rtol or 1e-5, atol=atol or 1e-8))


@op("allclose")
def _(r):
  shape = r.shape()
  x = r.tensor(shape)
  y = r.tensor(shape) if r.chance() else x.detach().clone()
  return call(x, y), torch.allclose(x, y)


def angle(name, fn, high):
  @op(name)
  def _(r):
    x = r.tensor(r.shape(), -high, high)
    return call(x), fn(x)


angle("deg2rad", torch.deg2rad, 360)
angle("rad2deg", torch.rad2deg, 6)


@op("threshold")
def _(r):
  at, value = r.number_in(-1, 1), r.number_in(-2, 2)
  x = r.away(r.shape(), -2, 2, [at])
  return call(x, at, value), torch.threshold(x, at, value)


@op("rrelu")
def _(r):
  x = r.away(r.shape(), -2, 2, [0])
  lower, upper = r.choice([(None, None), (0.125, 0.5)])
  return (call(x, lower=lower, upper=upper), torch.nn.functional.rrelu(
    x, 1 / 8 if lower is None else lower, 1 / 3 if upper is None else upper))
