"""Sorting, what is read off sorted rows, and counting.

Inputs that are differentiated hold no two equal elements. Positions among
equal ones are compared where PyTorch promises them: in stable sorts.
"""
import torch

from spec import Refused, call, one, op


def rows(r, least=0, zero=True):
  """Distinct values and an axis of them that is not empty; None: left out."""
  shape = r.shape(least, zero=zero)
  axis = r.axis(shape) if shape else None
  if axis is not None and shape[axis] == 0:
    shape[axis] = 2
  return r.distinct(shape), axis


def last(axis):
  return -1 if axis is None else axis


@op("sort", cases=30)
def _(r):
  down = r.chance()
  if r.number % 3 == 2:  # equal elements keep their order
    x = r.integers(r.shape(), -2, 2)
    return call(x, descending=down), lambda x: ranked(torch.sort(
      x, dim=-1, descending=down, stable=True))
  x, axis = rows(r)
  return (call(x, axis=one(axis), descending=down),
          lambda x: ranked(torch.sort(x, last(axis), descending=down)))


def ranked(pair):
  values, at = pair
  return values, at + 1


@op("argsort", cases=24)
def _(r):
  down = r.chance()
  if r.number % 3 == 2:
    x, axis = r.integers(r.shape(), -2, 2), None
  else:
    x, axis = rows(r)
  return (call(x, axis=one(axis), descending=down),
          torch.sort(x, dim=last(axis), descending=down, stable=True)[1] + 1)


@op("topk")
def _(r):
  x, axis = rows(r)
  n = x.shape[last(axis)] if x.dim() else 1
  k, largest = r.int(0, n) if x.dim() else 1, r.chance()
  return (call(x, k, axis=one(axis), largest=largest),
          lambda x: ranked(torch.topk(x, k, last(axis), largest)))


@op("kthvalue")
def _(r):
  x, axis = rows(r)
  n = x.shape[last(axis)] if x.dim() else 1
  k, keep = r.int(1, n), r.chance()
  return (call(x, k, axis=one(axis), keepdim=keep),
          lambda x: ranked(torch.kthvalue(x, k, last(axis), keep)))


@op("median")
def _(r):
  if r.number % 4 == 0:
    # Ours also says where, in row-major order.
    x = r.distinct(r.shape(zero=False))

    def theirs(x):
      y = torch.median(x)
      return y, (x == y).flatten().nonzero()[0, 0] + 1
    return call(x), theirs
  x, axis = rows(r, 1)
  keep = r.chance()
  return (call(x, axis=one(axis), keepdim=keep),
          lambda x: ranked(torch.median(x, axis, keep)))


@op("quantile", cases=30)
def _(r):
  x, axis = rows(r, zero=False)  # PyTorch refuses what is empty
  if r.number % 4 == 0 or axis is None:
    x, axis = r.distinct(r.shape(zero=False)), None
  many = r.chance()
  q = r.tensor([3] if many else [], 0, 1, grad=False)
  if r.chance(0.2):
    q = q.round()
  keep = r.chance()
  how = r.each(["linear", "lower", "higher", "nearest", "midpoint"])
  return (call(x, q, axis=one(axis), keepdim=keep, interpolation=how),
          lambda x, q: torch.quantile(x, q, axis, keep, interpolation=how))


@op("unique")
def _(r):
  x = r.integers(r.shape(), -2, 2)
  if r.chance():
    x = x.double()
  y, at, count = torch.unique(x, return_inverse=True, return_counts=True)
  return call(x), (y, at + 1, count)


def sorted_rows(r, shape):
  return r.values(r.tensor(shape, grad=False).sort(-1)[0], grad=False)


@op("searchsorted")
def _(r):
  right, n = r.chance(), r.int(0, 5)
  if r.chance():
    row, x = sorted_rows(r, [n]), r.tensor(r.shape(), grad=False)
  else:
    shape = r.shape(most=2)
    row = sorted_rows(r, shape + [n])
    x = r.tensor(shape + [r.int(0, 4)], grad=False)
  if n and x.numel():  # an element that is there
    x.view(-1)[0] = row.view(-1)[0]
  return (call(row, x, right=right),
          torch.searchsorted(row, x, right=right) + 1)


@op("bucketize")
def _(r):
  right, row = r.chance(), sorted_rows(r, [r.int(0, 5)])
  x = r.tensor(r.shape(), grad=False)
  if row.numel() and x.numel():
    x.view(-1)[0] = row[0]
  return call(x, row, right=right), torch.bucketize(x, row, right=right) + 1


@op("bincount")
def _(r):
  x, least = r.labels([r.int(0, 9)], 5), r.choice([0, 3, 8])
  # Ours counts labels from 1. PyTorch does not differentiate weights, and
  # forgets their dtype when there are none.
  if r.chance() and len(x):
    w = r.tensor(list(x.shape), grad=False)
    return call(x + 1, w, minlength=least), torch.bincount(x, w, least)
  return call(x + 1, minlength=least), torch.bincount(x, None, least)


@op("histc")
def _(r):
  x = r.tensor(r.shape(), -2, 2, grad=False)
  bins = r.int(1, 7)
  if x.numel() and r.chance(0.3):
    return call(x, bins=bins), torch.histc(x, bins)
  low, high = r.number_in(-2, 0), r.number_in(0.5, 2)
  return (call(x, bins=bins, min=low, max=high),
          torch.histc(x, bins, low, high))


@op("histogram", cases=28)
def _(r):
  x = r.tensor(r.shape(1), -2, 2, grad=False)
  weight = r.tensor(list(x.shape), 0, 1, grad=False) if r.chance() else None
  density = r.chance(0.3) and x.numel() > 0
  more = {"weight": weight, "density": density}
  if r.chance():
    edges = r.values(sorted(r.distinct([r.int(2, 7)]).tolist()), grad=False)
    density = more["density"] = False  # nothing may lie inside
    return (call(x, edges, weight=weight),
            torch.histogram(x, edges, **more))
  bins = r.int(1, 7)
  if x.numel() and r.chance():
    counted = torch.histogram(x, bins)[0].sum()
    if counted != x.numel():
      raise Refused("PyTorch lost the largest element to rounding")
    return (call(x, bins, **more), torch.histogram(x, bins, **more))
  low, high = r.number_in(-3, -2), r.number_in(2, 3)
  return (call(x, bins, range=[low, high], **more),
          torch.histogram(x, bins, range=(low, high), **more))
