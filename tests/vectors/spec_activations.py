"""Activations, element by element."""
import torch
from torch.nn import functional as F

from spec import call, op


def single(name, fn, points=(), low=-4.0, high=4.0):
  @op(name)
  def _(r):
    x = r.away(r.shape(), low, high, points)
    return call(x), fn(x)


single("relu", F.relu, [0])
single("relu6", F.relu6, [0, 6], -3, 9)
single("selu", F.selu, [0])
single("silu", F.silu)
single("mish", F.mish)
single("softsign", F.softsign, [0])
single("tanhshrink", F.tanhshrink)
single("logsigmoid", F.logsigmoid)
# The forms F.hardsigmoid and F.hardswish stand for: PyTorch has no second
# derivative of theirs.
single("hardsigmoid", lambda x: F.relu6(x + 3) / 6, [-3, 3])
single("hardswish", lambda x: x * F.relu6(x + 3) / 6, [-3, 3])
single("gelu", F.gelu)


@op("gelu")
def _(r):
  x = r.tensor(r.shape(), -4, 4)
  return (call(x, approximate="tanh"),
          F.gelu(x, approximate="tanh"))


def option(name, option_name, values, fn, points=lambda v: [0]):
  """An op with one option, whose kinks may depend on it."""
  @op(name)
  def _(r):
    value = r.choice(values)
    x = r.away(r.shape(), -4, 4, points(value))
    return call(x, **{option_name: value}), fn(x, value)


option("elu", "alpha", [1, 0.5, 2.25], F.elu)
option("celu", "alpha", [1, 0.5, 2.25], F.celu)
option("leaky_relu", "negative_slope", [0.01, 0.25, -1.5], F.leaky_relu)
# PyTorch cuts off at beta x > 20 by default; ours has no need to.
option("softplus", "beta", [1, 0.5, 3],
       lambda x, beta: F.softplus(x, beta, 200))
option("hardshrink", "lambda", [0.5, 1.25], F.hardshrink,
       lambda v: [-v, v])
option("softshrink", "lambda", [0.5, 1.25], F.softshrink,
       lambda v: [-v, v])


@op("hardtanh")
def _(r):
  low, high = r.number_in(-2, 0), r.number_in(0.5, 2)
  x = r.away(r.shape(), -4, 4, [low, high])
  return (call(x, min_val=low, max_val=high),
          F.hardtanh(x, low, high))
