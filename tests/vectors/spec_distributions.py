"""Special functions of distributions: normal, Bessel, gamma, entropy."""
import torch

from spec import call, op


def unary(name, fn, low, high):
  @op(name)
  def _(r):
    x = r.tensor(r.shape(), low, high)
    return call(x), fn(x)


unary("i0", torch.special.i0, -4, 4)
unary("i1", torch.special.i1, -4, 4)
unary("i0e", torch.special.i0e, 0.1, 12)
unary("i1e", torch.special.i1e, 0.1, 12)
unary("erfcx", torch.special.erfcx, -2, 4)
unary("ndtr", torch.special.ndtr, -4, 4)
unary("log_ndtr", torch.special.log_ndtr, -8, 4)
unary("ndtri", torch.special.ndtri, 0.05, 0.95)
unary("entr", torch.special.entr, 0.05, 3)


@op("xlog1py")
def _(r):
  a, b = r.broadcast_pair()
  x, y = r.tensor(a, 0.1, 2), r.tensor(b, -0.8, 3)
  return call(x, y), torch.special.xlog1py(x, y)


@op("mvlgamma", float64=2e-9,
    why="PyTorch's trigamma is off by up to 2e-9")
def _(r):
  p = r.int(1, 4)
  x = r.tensor(r.shape(), p / 2 + 0.3, p / 2 + 3)
  return call(x, p), torch.mvlgamma(x, p)
