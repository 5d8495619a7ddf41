"""Whole numbers: every spec of the other files again, with int64 and uint8
tensors where it draws floats. A case is kept when PyTorch takes them; ours
must then take them too, and give the same dtype and values, but for what
FLOATS_ONLY names. Left out are layers, whose weights are floats, and what is
about extreme floats.
"""
import numpy
import torch

import again
import spec

FROZEN = [1]
OTHERS = "axes whole extremes layers loss_layers".split()

# Ours refuses whole numbers here although PyTorch 1.13 takes them.
composed = "the spec makes it of others: PyTorch's own takes floats only"
weighted = "a layer's weights are floats; PyTorch's is slow and wraps"
truncated = "PyTorch drops the fraction of each mean"
wrapped = "in PyTorch differences and sums of uint8 wrap first"
none = "PyTorch takes them only where it computes nothing"
single = "PyTorch takes them where it does not average"
FLOATS_ONLY = {
    "adaptive_avg_pool1d": none, "adaptive_avg_pool2d": composed,
    "group_norm": none, "instance_norm": none,
    "alpha_dropout": composed,
    "avg_pool1d": truncated, "avg_pool2d": truncated,
    "batch_norm": composed, "cholesky": composed, "conv1d": weighted,
    "conv2d": weighted, "conv_transpose1d": weighted,
    "conv_transpose2d": weighted,
    "cumulative_trapezoid uint8": wrapped,
    "dropout1d": composed, "dropout2d": composed, "dropout3d": composed,
    "eigh": composed, "eigvalsh": composed,
    "feature_alpha_dropout": composed, "hardsigmoid": composed,
    "hardswish": composed, "hinge_embedding_loss": single,
    "inner uint8": "PyTorch's of one column is int64, or fails",
    "kl_normal": composed, "l1_loss": single, "linear": weighted,
    "local_response_norm": truncated, "log_softmax": composed,
    "lu": composed, "lu_factor": composed, "matrix_rank": none,
    "modulated_conv2d": composed, "softmax": composed,
    "softmin": composed, "solve_triangular": composed,
    "trapezoid": "PyTorch's of an empty axis stays whole, of others not",
    "lp_pool1d": truncated, "lp_pool2d": truncated,
    "margin_ranking_loss uint8": wrapped, "triplet_margin_loss uint8": wrapped,
    "triplet_margin_with_distance_loss": "its distance is a function of ours",
}

# Where PyTorch drops the fraction of an option, ours refuses it.
WHOLE_OPTIONS = ("full_like Tensor.new_full addcmul addcdiv addmm addmv addr "
                 "addbmm baddbmm hardtanh scatter").split()


class Whole(spec.Generator):
  """Draws tensors of one integer dtype in place of floats."""
  dtype = torch.int64

  rounded, drawn = False, False  # options too; whether it was asked

  def whole(self, array):
    self.drawn = True
    array = numpy.nan_to_num(numpy.asarray(array))
    if self.dtype == torch.uint8:
      array = numpy.abs(array)
    return torch.from_numpy(array.astype(numpy.int64)).to(self.dtype)

  def limits(self, low, high):
    """The whole numbers of the range, or those around it."""
    least, most = int(numpy.ceil(low)), int(numpy.floor(high))
    if least > most:
      least, most = most, least
    if self.dtype == torch.uint8:
      least, most = max(least, 0), max(most, 1)
    return least, most

  def number_in(self, low, high):
    if not self.rounded:  # without a fraction a number counts as whole
      v = super().number_in(low, high)
      return int(v) if v == int(v) else v
    return self.int(int(numpy.ceil(low)), int(numpy.floor(high)))

  def values(self, array, grad=True):
    return self.whole(numpy.rint(array))

  def tensor(self, shape, low=-1.0, high=1.0, grad=True):
    least, most = self.limits(low, high)
    return self.whole(self.random.integers(least, most + 1, tuple(shape)))

  def away(self, shape, low, high, points, margin=0.05, grad=True):
    x = self.tensor(shape, low, high).numpy()
    return self.whole(numpy.where((x == 0) & (0 in points), 1, x))

  away_from_kinks = away

  def spread(self, shape, axes):
    return self.tensor(shape, -4, 4)

  def distinct(self, shape, low=-2.0, high=2.0, grad=True):
    n = int(numpy.prod(shape))
    first = max(int(numpy.ceil(low)), 0 if self.dtype == torch.uint8 else -n)
    return self.whole(first + self.random.permutation(n).reshape(shape))


class Whole8(Whole):
  dtype = torch.uint8


def tensors(args):
  for a in args:
    if isinstance(a, torch.Tensor):
      yield a
    elif isinstance(a, (list, tuple)):
      yield from tensors(a)


def unfit(ours, dtype):
  """Whether the dtype cannot hold one of the options."""
  low = 0 if dtype == torch.uint8 else -2 ** 63
  return any(isinstance(v, float) and v != int(v)
             or isinstance(v, (int, float)) and v < low
             for v in options_of(ours))


def options_of(ours):
  return list(ours.args) + list(ours.options.values())


def as_whole(name, fn, generator):
  """The spec's function with a generator of whole numbers."""
  def run(r):
    whole = generator([r.int(0, 2 ** 31)], r.number, r.tiny)
    whole.rounded = name in WHOLE_OPTIONS
    torch.set_default_dtype(torch.float32)  # what floats come out as
    try:
      ours, outputs = fn(whole)
      if isinstance(ours, spec.Layer):
        raise spec.Refused("a layer")
      if callable(outputs):
        outputs = outputs(*tensors(ours.args))
      if not whole.drawn or (whole.rounded
                                and unfit(ours, whole.dtype)):
        raise spec.Refused("no whole numbers")
      if not any(isinstance(v, str) and v == "float"
                 for v in options_of(ours)):
        for y in tensors([outputs]):
          if y.dtype == torch.float64:
            spec.always("float64", y)
      r.packed = whole.packed
    except Exception as error:
      raise spec.Refused(str(error)) from error
    finally:
      torch.set_default_dtype(torch.float64)
    return ours, outputs
  return run


for _name, _, _fn, _ in again.specs(*OTHERS):
  for _generator, _dtype in ((Whole, "int64"), (Whole8, "uint8")):
    if not {_name, _name + " " + _dtype} & FLOATS_ONLY.keys():
      spec.OPS.append((_name, 8, as_whole(_name, _fn, _generator), spec.USUAL))
