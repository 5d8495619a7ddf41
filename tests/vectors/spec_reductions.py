"""Reductions over some axes or all, and scans along one."""
import torch

from spec import call, one, op


@op("sum")
def _(r):
  shape = r.shape()
  x = r.tensor(shape)
  if r.number % 4 == 0 or not shape:
    return call(x), x.sum()
  axes, keep = r.axes(shape), r.chance()
  return call(x, axis=one(axes), keepdim=keep), x.sum(axes, keepdim=keep)
