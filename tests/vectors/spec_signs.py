"""What is written with signs: arithmetic with numbers on either side, and
indexing."""
import operator

import torch

from spec import call, one, op


def arithmetic(name, fn, low=-2.0, high=2.0, points=()):
  @op(name)
  def _(r):
    a, b = r.broadcast_pair()
    kind = r.number % 4
    x = r.away(a, low, high, points, 0.3)
    if kind == 0:
      y = r.away(b, low, high, points, 0.3)
      return call(x, y), fn(x, y)
    number = r.number_in(0.5, 2)
    if kind == 1:
      return call(x, number), fn(x, number)
    if kind == 2:
      return call(number, x), fn(number, x)
    return call(x, x), fn(x, x)


def floor(x, y):
  if not isinstance(x, torch.Tensor):
    x = torch.tensor(x)
  return torch.div(x, y, rounding_mode="floor")


arithmetic("x + y", operator.add)
arithmetic("x - y", operator.sub)
arithmetic("x * y", operator.mul)
arithmetic("x / y", operator.truediv, points=[0])
arithmetic("x % y", lambda x, y: torch.remainder(
    x if isinstance(x, torch.Tensor) else torch.tensor(x), y), points=[0])
arithmetic("x // y", floor, points=[0])
arithmetic("x ^ y", operator.pow, 0.3, 2)


@op("-x")
def _(r):
  x = r.tensor(r.shape())
  return call(x), -x


# ---- x[k]: a position, a range with both ends, {} for all, a tensor

def part(r, n, tensors):
  """Our key for an axis of n, and PyTorch's."""
  kind = r.int(0, 4 if tensors else 2)
  if n == 0 or kind == 0:
    return [], slice(None)
  if kind == 1:
    i = r.int(-n, n - 1)
    return one(i), i
  if kind == 2:
    first, step = r.int(0, n - 1), r.int(1, 3)
    last = r.int(first, n - 1)
    range_ = [first + 1, last + 1] + [step] * (step > 1)
    return range_, slice(first, last + 1, step)
  if kind == 3:
    i = r.labels([r.int(1, 4)], n)
    return i + 1, i
  mask = r.mask([n])
  return mask, mask


def key(r, shape, tensors=True):
  """Our key for x of that shape, and PyTorch's."""
  kind = r.number % 5
  if kind == 0:
    i = r.int(-shape[0], shape[0] - 1)
    return one(i), i
  if kind == 1:
    i = r.labels(r.shape(1, 2, zero=False), shape[0])
    return i + 1, i
  if kind == 2:
    mask = r.mask(shape[:r.int(1, len(shape))])
    return mask, mask
  # One tensor at most: PyTorch takes several together, ours axis by axis.
  ours, theirs = [], []
  with_tensor = r.int(0, len(shape) - 1)
  for axis in range(r.int(1, len(shape))):
    a, b = part(r, shape[axis], 
                tensors and kind == 3 and axis == with_tensor)
    ours.append(a)
    theirs.append(b)
  if any(isinstance(b, torch.Tensor) for b in theirs):
    # Beside a tensor PyTorch moves the axes of a position: ranges instead.
    for axis, b in enumerate(theirs):
      if isinstance(b, int):
        i = b % shape[axis]
        ours[axis], theirs[axis] = [i + 1, i + 1], slice(i, i + 1)
  return ours, tuple(theirs)


@op("x[k]", cases=40)
def _(r):
  shape = r.shape(1, zero=False)
  x, (ours, theirs) = r.tensor(shape), key(r, shape)
  return call(x, ours), x[theirs]


# Writing in place is refused where gradients are recorded, and through a
# tensor inside of a table: that is what index_put is for.
@op("x[k] = v", cases=40)
def _(r):
  shape = r.shape(1, zero=False)
  x, (ours, theirs) = r.tensor(shape, grad=False), key(r, shape, False)
  y = x.clone()
  places = torch.arange(x.numel()).reshape(shape)[theirs]
  if places.unique().numel() < places.numel():
    value = r.number_in(-9, 9)  # where equal positions meet, one value
  elif r.chance(0.3):
    value = r.number_in(-9, 9)
  else:
    value = r.tensor(places.shape, grad=False)
  y[theirs] = value
  return call(x, ours, value), y
