"""Creation, views, and joining, splitting and padding."""
import math

import torch
from torch.nn import functional as F

from spec import call, one, op

# ---- creation; dtype "float" is that of the run

DTYPES = [("float", torch.float64), ("int64", torch.int64),
          ("uint8", torch.uint8), ("float32", torch.float32)]


def filled(name, fn):
  @op(name)
  def _(r):
    shape = r.shape()
    ours, theirs = r.each(DTYPES)
    return call(shape, dtype=ours), fn(shape, dtype=theirs)

  @op(name + "_like")
  def _(r):
    x = r.tensor(r.shape(), grad=False)
    if r.chance():
      return call(x), getattr(torch, name + "_like")(x)
    ours, theirs = r.each(DTYPES)
    return (call(x, dtype=ours),
            getattr(torch, name + "_like")(x, dtype=theirs))


filled("zeros", torch.zeros)
filled("ones", torch.ones)


@op("full")
def _(r):
  ours, theirs = r.each(DTYPES)
  shape, value = r.shape(), r.int(0, 9)
  return (call(shape, value, dtype=ours),
          torch.full(shape, value, dtype=theirs))


@op("full_like")
def _(r):
  ours, theirs = r.each(DTYPES)
  x, value = r.tensor(r.shape(), grad=False), r.int(0, 9)
  if r.chance():
    value = r.number_in(-9, 9)
    return call(x, value), torch.full_like(x, value)
  return (call(x, value, dtype=ours),
          torch.full_like(x, value, dtype=theirs))


@op("eye")
def _(r):
  ours, theirs = r.each(DTYPES)
  n, m = r.int(0, 5), r.int(0, 5)
  if r.chance():
    return call(n, dtype=ours), torch.eye(n, dtype=theirs)
  return call(n, m, dtype=ours), torch.eye(n, m, dtype=theirs)


@op("linspace")
def _(r):
  a, b, n = r.number_in(-5, 5), r.number_in(-5, 5), r.int(0, 9)
  return call(a, b, n, dtype="float"), torch.linspace(a, b, n)


@op("range")
def _(r):
  # torch.range takes no step away from the end; ours gives nothing then.
  a, step = r.int(-9, 9), r.choice([1, 2, -1, -3])
  b = a + step * r.int(0, 4)
  if r.chance():
    return (call(a, b, step, dtype="int64"),
            torch.arange(a, b + (1 if step > 0 else -1), step))
  step = step / 4
  n = r.int(0, 6)
  return (call(a, a + step * (n + 0.5), step, dtype="float"),
          a + step * torch.arange(n + 1, dtype=torch.float64))


# ---- other shapes

def mixed(r, shape):
  """Floats, and integers now and then."""
  kind = r.number % 6
  if kind == 3:
    return r.integers(shape, -9, 9)
  if kind == 5:
    return r.integers(shape, 0, 9).to(torch.uint8)
  return r.tensor(shape)



def regroup(r, shape):
  """Sizes with the same product, one of them sometimes -1."""
  n = math.prod(shape)
  if n == 0:
    return [0, r.size()]
  sizes, rest = [], n
  for k in (2, 3, 5, 2, 3):
    if rest % k == 0 and r.chance():
      sizes.append(k)
      rest //= k
  sizes.append(rest)
  if r.chance():
    sizes[r.int(0, len(sizes) - 1)] = -1
  return sizes


@op("reshape")
def _(r):
  shape = r.shape()
  x, sizes = mixed(r, shape), regroup(r, shape)
  return call(x, sizes), x.reshape(sizes)


@op("Tensor.view")
def _(r):
  r.contiguous_only("a view of what has gaps may need a copy")
  shape = r.shape()
  x, sizes = mixed(r, shape), regroup(r, shape)
  return call(x, sizes), x.view(sizes)


@op("Tensor.view_as")
def _(r):
  r.contiguous_only("a view of what has gaps may need a copy")
  shape = r.shape(1)
  x, y = mixed(r, shape), r.tensor([math.prod(shape)], grad=False)
  return call(x, y), x.view_as(y)


@op("flatten")
def _(r):
  shape = r.shape()
  x = mixed(r, shape)
  if not shape or r.chance(0.2):
    return call(x), x.flatten()
  a = r.int(0, len(shape) - 1)
  b = r.int(a, len(shape) - 1) - len(shape) * r.chance()
  return (call(x, start_axis=one(a), end_axis=one(b)),
          x.flatten(a, b))


@op("unflatten")
def _(r):
  shape = r.shape(1, zero=False)
  axis = r.axis(shape)
  r.thin(shape, axis)
  a, b = r.size(), r.size()
  shape[axis] = a * b
  x = mixed(r, shape)
  sizes = [a, -1] if r.chance() else [a, b]
  return call(x, one(axis), sizes), x.unflatten(axis, sizes)


@op("transpose")
def _(r):
  shape = r.shape(1)
  x, a, b = mixed(r, shape), r.axis(shape), r.axis(shape)
  return call(x, one(a), one(b)), x.transpose(a, b)


@op("Tensor.t")
def _(r):
  x = mixed(r, r.shape(2, 2))
  return call(x), x.t()


@op("permute")
def _(r):
  shape = r.shape(1)
  x, axes = mixed(r, shape), r.axes(shape, 8)
  return call(x, one(axes)), x.permute(axes)


@op("movedim")
def _(r):
  shape = r.shape(1)
  x, source = mixed(r, shape), r.axes(shape)
  target = r.axes(shape, len(source), len(source))
  if len(source) == 1 and r.chance():
    return (call(x, one(source[0]), one(target[0])),
            x.movedim(source[0], target[0]))
  return call(x, one(source), one(target)), x.movedim(source, target)


@op("squeeze")
def _(r):
  shape = [1 if r.chance() else k for k in r.shape()]
  x = mixed(r, shape)
  ones = [i for i, k in enumerate(shape) if k == 1]
  if not ones or r.chance():
    return call(x), x.squeeze()
  # PyTorch leaves an axis of another size as it is; ours says so instead.
  axis = r.choice(ones) - len(shape) * r.chance()
  return call(x, axis=one(axis)), x.squeeze(axis)


@op("unsqueeze")
def _(r):
  shape = r.shape(0, 3)
  x, axis = mixed(r, shape), r.int(-len(shape) - 1, len(shape))
  return call(x, one(axis)), x.unsqueeze(axis)


@op("expand")
def _(r):
  shape = [1 if r.chance() else k for k in r.shape(0, 3)]
  x = mixed(r, shape)
  sizes = [r.size() if k == 1 and r.chance() else r.choice([k, -1])
           for k in shape]
  sizes = [r.size() for _ in range(r.int(0, 1))] + sizes
  return call(x, sizes), x.expand(sizes)


@op("Tensor.expand_as")
def _(r):
  a = r.shape()
  x = mixed(r, [1 if r.chance() else k for k in a])
  y = r.tensor(a, grad=False)
  return call(x, y), x.expand_as(y)


# ---- parts

@op("narrow")
def _(r):
  shape = r.shape(1, zero=False)
  axis = r.axis(shape)
  x = mixed(r, r.thin(shape, axis))
  start = r.int(0, shape[axis] - 1)
  length = r.int(0, shape[axis] - start)
  if r.chance():
    return (call(x, one(axis), start + 1, length),
            x.narrow(axis, start, length))
  step = r.int(1, 3)
  length = r.int(0, (shape[axis] - start + step - 1) // step)
  index = start + step * torch.arange(length)
  return (call(x, one(axis), start + 1, length, step=step),
          x.index_select(axis, index))


@op("select")
def _(r):
  shape = r.shape(1, zero=False)
  axis = r.axis(shape)
  x = mixed(r, r.thin(shape, axis))
  index = r.int(-shape[axis], shape[axis] - 1)
  return call(x, one(axis), one(index)), x.select(axis, index)


@op("split")
def _(r):
  shape = r.shape(1, zero=False)
  axis = r.axis(shape)
  x = mixed(r, r.thin(shape, axis))
  if r.chance():
    n = r.int(1, shape[axis])
    return call(x, n, one(axis)), x.split(n, axis)
  n = r.int(0, shape[axis])
  lengths = [n, shape[axis] - n]
  return call(x, lengths, one(axis)), x.split(lengths, axis)


@op("chunk")
def _(r):
  shape = r.shape(1, zero=False)
  axis, n = r.axis(shape), r.int(1, 4)
  x = mixed(r, r.thin(shape, axis))
  return call(x, n, one(axis)), x.chunk(n, axis)


@op("unbind")
def _(r):
  shape = r.shape(1, zero=False)
  axis = r.axis(shape)
  x = mixed(r, r.thin(shape, axis))
  return call(x, one(axis)), x.unbind(axis)


# ---- joining

@op("cat")
def _(r):
  shape = r.shape(1)
  axis = r.axis(shape)
  list_ = []
  for _ in range(r.int(1, 4)):
    shape = list(shape)
    shape[axis] = r.int(0, 4)
    list_.append(r.tensor(shape))
  if r.number % 5 == 4:
    list_ = [r.integers(x.shape, -5, 5) for x in list_]
  return call(list_, one(axis)), torch.cat(list_, axis)


@op("stack")
def _(r):
  shape = r.shape(0, 3)
  axis = r.int(-len(shape) - 1, len(shape))
  list_ = [r.tensor(shape) for _ in range(r.int(1, 4))]
  return call(list_, one(axis)), torch.stack(list_, axis)


# ---- padding

@op("functional.pad", cases=40)
def _(r):
  mode = r.each(["constant", "reflect", "replicate", "circular"])
  if mode == "constant":
    shape = r.shape(1)
    n = r.int(1, len(shape))
    pad = [r.int(0, 3) for _ in range(2 * n)]
    for i in range(n):
      if r.chance(0.3) and shape[-1 - i] > 1:
        pad[2 * i + r.int(0, 1)] = -1
      if shape[-1 - i] == 0:
        pad[2 * i] = 1  # PyTorch wants a positive size of each padded axis
    x, value = mixed(r, shape), r.choice([0, 1.5])
    return call(x, pad, value=value), F.pad(x, pad, value=value)
  n = r.int(1, 2)
  shape = [r.size(2, 5) for _ in range(n + r.int(1, 2))]
  if mode == "circular":
    shape = [r.size(2, 5) for _ in range(n + 2)]
  pad = []
  for i in range(n):
    most = shape[-1 - i] - (mode == "reflect")
    pad += [r.int(0, most), r.int(0, most)]
  x = r.tensor(shape)
  return call(x, pad, mode=mode), F.pad(x, pad, mode=mode)
