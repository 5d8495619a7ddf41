"""Axes: every spec of the other files that draws one, asked for each axis in
turn, from either end, with and without keepdim.
"""
import again
import spec

FROZEN = range(6)


class EachAxis(spec.Generator):
  """Shapes have 3 axes where they may; the case's number says which one."""
  asked = False

  def shape(self, least=0, most=4, zero=True):
    return [self.size() for _ in range(max(least, min(3, most)))]

  def thin(self, shape, *kept):
    return shape

  def chance(self, p=0.5):
    return (self.number + self.number // 6) % 2 == 1

  def int(self, low, high):
    """From -n to n - 1 are the axes of something with n of them."""
    if low >= 0 or high != -low - 1:
      return super().int(low, high)
    self.asked = True
    return low + self.number % (2 * -low)

  def axis(self, shape):
    return self.int(-len(shape), len(shape) - 1)

  def axes(self, shape, least=1, most=8):
    """One, two or three neighbours, by turns from either end."""
    rank = len(shape)
    n = min(1 + self.number // 6 % 3, rank, most)
    n = max(n, min(least, rank))
    first = self.axis(shape)
    picked = [(first + i) % rank for i in range(n)]
    return [a - rank if (first < 0) == (i % 2 == 0) else a
            for i, a in enumerate(picked)]


def each_axis(fn):
  def run(r):
    mine = EachAxis([r.int(0, 2 ** 31)], r.number, r.tiny)
    result = fn(mine)
    if not mine.asked:
      raise spec.Refused("it takes no axis")
    r.wider, r.packed = mine.wider, mine.packed
    r.no_second = mine.no_second or ("left out of the frozen set"
                                     if r.tiny else None)
    return result
  return run


for _name, _, _fn, _tolerance in again.specs("axes", "whole"):
  spec.OPS.append((_name, 24, each_axis(_fn), _tolerance))
