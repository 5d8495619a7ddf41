"""Arithmetic, comparisons and logic, element by element."""
import torch

from spec import call, one, op


def pair(name, fn, low=-2.0, high=2.0):
  """An op of two tensors that broadcast, now and then of one and a number."""
  @op(name)
  def _(r):
    a, b = r.broadcast_pair()
    x = r.tensor(a, low, high)
    if r.number % 5 == 4:
      y = r.number_in(0.5, 2)
      return call(x, y), fn(x, torch.tensor(y, dtype=torch.float64))
    y = r.tensor(b, low, high)
    return call(x, y), fn(x, y)


pair("add", torch.add)
pair("sub", torch.sub)
pair("mul", torch.mul)
