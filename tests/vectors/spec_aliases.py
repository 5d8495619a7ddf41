"""Other names that PyTorch has for the same: each against its own function."""
import torch

from spec import always, call, one, op


def unary(names, low, high, points=()):
  for name in names.split():
    def case(r, fn=getattr(torch, name)):
      x = r.away(r.shape(), low, high, points)
      return call(x), fn(x)
    op(name)(case)
    op("Tensor." + name)(case)


unary("absolute negative sgn", -2, 2, [0])
unary("fix", -3, 3, range(-3, 4))
unary("arccos arcsin arctanh", -0.9, 0.9)
unary("arctan arcsinh", -3, 3)
unary("arccosh", 1.2, 4)


def binary(names, points=()):
  for name in names.split():
    def case(r, fn=getattr(torch, name)):
      a, b = r.broadcast_pair()
      x, y = r.away(a, -2, 2, points, 0.3), r.away(b, -2, 2, points, 0.3)
      return call(x, y), fn(x, y)
    op(name)(case)
    op("Tensor." + name)(case)


binary("subtract multiply greater greater_equal less less_equal not_equal")
binary("divide true_divide arctan2", [0])


@op("float_power")
def _(r):
  a, b = r.broadcast_pair()
  x, y = r.tensor(a, 0.3, 2), r.tensor(b, -2, 2)
  return call(x, y), always("float64", torch.float_power(x, y))


@op("clip")
def _(r):
  x = r.away(r.shape(), -2, 2, [-0.5, 1])
  return call(x, -0.5, 1), torch.clip(x, -0.5, 1)


@op("clamp_min")
def _(r):
  x = r.away(r.shape(), -2, 2, [0.5])
  return call(x, 0.5), torch.clamp_min(x, 0.5)


@op("clamp_max")
def _(r):
  x = r.away(r.shape(), -2, 2, [0.5])
  return call(x, 0.5), torch.clamp_max(x, 0.5)


# ---- shapes

for _name in ("swapaxes", "swapdims", "moveaxis"):
  @op(_name)
  def _(r, name=_name):
    shape = r.shape(1)
    x, a, b = r.tensor(shape), r.axis(shape), r.axis(shape)
    return call(x, one(a), one(b)), getattr(torch, name)(x, a, b)


for _name in ("concat", "concatenate"):
  @op(_name)
  def _(r):
    shape = r.shape(1)
    axis = r.axis(shape)
    list_ = [r.tensor(shape) for _ in range(r.int(1, 3))]
    return call(list_, one(axis)), torch.cat(list_, axis)


@op("row_stack")
def _(r):
  n = r.size()
  list_ = [r.tensor([n]) for _ in range(r.int(1, 3))]
  return call(list_), torch.row_stack(list_)


for _name, _axis in (("hsplit", 1), ("vsplit", 0), ("dsplit", 2)):
  @op(_name)
  def _(r, name=_name, axis=_axis):
    n = r.int(1, 3)
    shape = [r.size() for _ in range(3)]
    shape[axis] = n * r.size()
    x = r.tensor(shape)
    return call(x, n), getattr(torch, name)(x, n)


@op("broadcast_to")
def _(r):
  full = r.shape()
  x = r.tensor([1 if r.chance(0.3) else k for k in full])
  return call(x, full), torch.broadcast_to(x, full)


@op("Tensor.reshape_as")
def _(r):
  a, b = r.size(), r.size()
  x, y = r.tensor([a, b]), r.tensor([b * a], grad=False)
  return call(x, y), x.reshape_as(y)


@op("Tensor.sum_to_size")
def _(r):
  full = r.shape(1)
  sizes = [1 if r.chance() else k for k in full]
  x = r.tensor(full)
  return call(x, sizes), x.sum_to_size(sizes)


# ---- products

for _name in ("ger", "vdot"):
  @op(_name)
  def _(r, name=_name):
    n = r.size()
    x, y = r.tensor([n]), r.tensor([n])
    return call(x, y), getattr(torch, name)(x, y)


@op("mm")
def _(r):
  m, k, n = r.int(0, 4), r.int(0, 4), r.int(0, 4)
  x, y = r.tensor([m, k]), r.tensor([k, n])
  return call(x, y), torch.mm(x, y)


@op("trapz")
def _(r):
  shape = r.shape(1)
  y, axis = r.tensor(shape), r.axis(shape)
  return call(y, axis=one(axis)), torch.trapz(y, dim=axis)


# ---- methods that give the same in another dtype or shape

for _name, _dtype in (("long", torch.int64), ("byte", torch.uint8)):
  @op("Tensor." + _name)
  def _(r, name=_name):
    x = r.tensor(r.shape(), 0, 9, grad=False)
    return call(x), getattr(x, name)()


@op("Tensor.type_as")
def _(r):
  x = r.tensor(r.shape(), -9, 9)
  y = r.integers([2], 0, 1)
  return call(x, y), x.type_as(y)


for _name in ("new_zeros", "new_ones"):
  @op("Tensor." + _name)
  def _(r, name=_name):
    x, shape = r.tensor(r.shape(), grad=False), r.shape()
    return call(x, shape), getattr(x, name)(shape)


@op("Tensor.new_full")
def _(r):
  x, shape = r.tensor(r.shape(), grad=False), r.shape()
  value = r.number_in(-9, 9)
  return call(x, shape, value), x.new_full(shape, value)
