"""NaN, infinities, zeros, kinks and ties: what is given there, and which of
the possible gradients."""
import math

import torch
from torch.nn import functional as F

from spec import call, one, op

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1, -1, 2]


def picked(r, values, grad=False, shape=None):
  shape = r.shape(1) if shape is None else shape
  return r.values(r.random.choice(values, tuple(shape)), grad)


# ---- values

def unary(name, fn, values=SPECIAL):
  @op(name)
  def _(r):
    x = picked(r, values)
    return call(x), fn(x)


for _name in """abs neg square reciprocal floor ceil trunc round exp exp2
    expm1 log log2 log10 log1p sqrt rsqrt sin cos tan asin acos atan sinh cosh
    tanh asinh acosh atanh sigmoid erf erfc erfinv lgamma relu selu""".split():
  unary(_name, getattr(torch, _name))
for _name in """relu6 elu celu leaky_relu silu mish softplus hardtanh softsign
    logsigmoid hardsigmoid hardswish gelu hardshrink
    tanhshrink""".split():
  unary(_name, getattr(F, _name))
# PyTorch makes 0 of NaN; ours stays NaN.
unary("sign", torch.sign, SPECIAL[1:])
unary("softshrink", F.softshrink, SPECIAL[1:])


def binary(name, fn):
  @op(name)
  def _(r):
    a, b = r.broadcast_pair()
    x, y = picked(r, SPECIAL, shape=a), picked(r, SPECIAL, shape=b)
    return call(x, y), fn(x, y)


for _name in """add sub mul div pow maximum minimum atan2 hypot logaddexp
    xlogy fmod remainder eq ne lt le gt ge""".split():
  binary(_name, getattr(torch, _name))


def along(name, fn, values=SPECIAL, grad=False, **options):
  @op(name)
  def _(r):
    shape = [r.size() for _ in range(r.int(1, 3))]
    x, axis = picked(r, values, grad, shape), r.axis(shape)
    return call(x, axis=one(axis), **options), fn(x, axis)


for _name in "sum mean prod cumsum cumprod amax amin".split():
  along(_name, getattr(torch, _name))
along("var", lambda x, axis: torch.var(x, axis, correction=0),
      correction=0)
along("max", lambda x, axis: plus_one(torch.max(x, axis)),
      [math.nan, math.inf])
along("min", lambda x, axis: plus_one(torch.min(x, axis)),
      [math.nan, -math.inf])
along("norm", lambda x, axis: torch.linalg.vector_norm(x, dim=axis))
# Rows of -inf too, as a mask leaves them.
for _name in "logsumexp logcumsumexp softmax log_softmax".split():
  along(_name, getattr(torch, _name), [-math.inf, 0.5, -1])


def plus_one(result):
  return result.values, result.indices + 1


def masked(name, fn):
  """Some of a row are -inf, never all: gradients stay finite."""
  @op(name)
  def _(r):
    shape = [r.size(2, 5) for _ in range(r.int(1, 3))]
    x, axis = r.tensor(shape, -3, 3), r.axis(shape)
    mask = r.mask(shape, 0.4)
    mask.select(axis, 0).fill_(False)
    x = x.detach().masked_fill(mask, -math.inf).requires_grad_()
    return call(x, axis=one(axis)), fn(x, axis)


masked("logsumexp", torch.logsumexp)
masked("softmax", torch.softmax)


# ---- gradients at kinks and ties

def kink(name, fn, values, one_sided=False, **options):
  @op(name)
  def _(r):
    if one_sided:
      r.first_only("the second derivative jumps where the first does not")
    x = picked(r, values, grad=True)
    return call(x, **options), fn(x)


kink("abs", torch.abs, [-1, 0, 1])
kink("relu", torch.relu, [-1, 0, 1])
kink("relu6", F.relu6, [-1, 0, 1, 6, 7])
kink("leaky_relu", F.leaky_relu, [-1, 0, 1])
kink("elu", F.elu, [-1, 0, 1], one_sided=True)
kink("selu", F.selu, [-1, 0, 1], one_sided=True)
kink("celu", F.celu, [-1, 0, 1], one_sided=True)
kink("hardtanh", F.hardtanh, [-2, -1, 0, 1, 2])
kink("hardshrink", F.hardshrink, [-1, -0.5, 0, 0.5, 1])
kink("softshrink", F.softshrink, [-1, -0.5, 0, 0.5, 1])
kink("hardsigmoid", lambda x: F.relu6(x + 3) / 6, [-4, -3, 0, 3, 4])
kink("softsign", F.softsign, [-1, 0, 1])
kink("clamp", lambda x: x.clamp(-1, 1), [-2, -1, 0, 1, 2], min=-1, max=1)
kink("sign", torch.sign, [-1, 0, 1])
kink("norm", torch.linalg.vector_norm, [0], one_sided=True)


def tie(name, fn):
  @op(name)
  def _(r):
    a, b = r.broadcast_pair()
    x = picked(r, [-1, 0, 1], True, a)
    y = picked(r, [-1, 0, 1], True, b)
    return call(x, y), fn(x, y)


tie("maximum", torch.maximum)
tie("minimum", torch.minimum)
tie("mul", torch.mul)


@op("pow")
def _(r):
  # 0 to powers from 0 on: the derivative by x is 0 where it is not 1.
  x = picked(r, [0, 1, 2], True)
  p = r.each([0, 1, 2, 3])
  return call(x, p), torch.pow(x, p)


# ---- layers and losses

def poisoned(r, shape, values=(math.nan, math.inf, -math.inf)):
  """Uniform numbers, a quarter of them replaced."""
  x = r.tensor(shape, grad=False)
  bad = r.values(r.random.choice(values, tuple(shape)), grad=False)
  return torch.where(r.mask(shape, 0.25), bad, x)


@op("max_pool2d")
def _(r):
  x = poisoned(r, [1, 2, r.size(2, 5), r.size(2, 5)])
  return (call(x, 2, stride=1, padding=1),
          F.max_pool2d(x, 2, stride=1, padding=1))


@op("avg_pool2d")
def _(r):
  x = poisoned(r, [1, 2, r.size(2, 5), r.size(2, 5)])
  return call(x, 2, stride=1), F.avg_pool2d(x, 2, stride=1)


@op("binary_cross_entropy")
def _(r):
  # The logarithm is cut off at -100.
  shape = r.shape()
  x = picked(r, [0, 1, 0.25], shape=shape)
  y = picked(r, [0, 1, 0.5], shape=shape)
  return (call(x, y, reduction="none"),
          F.binary_cross_entropy(x, y, reduction="none"))


@op("binary_cross_entropy_with_logits")
def _(r):
  shape = r.shape()
  x = picked(r, [-500, 0, 500], True, shape)
  y = picked(r, [0, 1, 0.5], shape=shape)
  return (call(x, y, reduction="none"),
          F.binary_cross_entropy_with_logits(x, y, reduction="none"))


@op("cross_entropy")
def _(r):
  # Classes that cannot be, and are not.
  n, k = r.size(), r.size(2, 5)
  x, label = r.tensor([n, k], -300, 300), r.labels([n], k)
  mask = r.mask([n, k], 0.4)
  mask[torch.arange(n), label] = False
  x = x.detach().masked_fill(mask, -math.inf).requires_grad_()
  return call(x, label + 1), F.cross_entropy(x, label)


@op("kl_div")
def _(r):
  # Of nothing, log 0 counts as 0.
  shape = r.shape(1)
  x = r.tensor(shape, -3, 0)
  y = picked(r, [0, 0.25, 1], shape=shape)
  return (call(x, y, reduction="sum"),
          F.kl_div(x, y, reduction="sum"))


@op("cosine_similarity")
def _(r):
  shape = [r.size(), r.size()]
  x, y = picked(r, [0, 1], shape=shape), picked(r, [0, -1, 2], shape=shape)
  return call(x, y), F.cosine_similarity(x, y)


@op("layer_norm")
def _(r):
  # Rows of one value: variance 0.
  x = r.values(torch.full((2, 3), r.number_in(-9, 9)))
  return call(x, normalized_shape=[3]), F.layer_norm(x, [3])


def loss_kink(name, fn):
  @op(name)
  def _(r):
    r.first_only("the second derivative jumps where the first does not")
    shape = r.shape()
    x = picked(r, [-1, 0, 1, 2], True, shape)
    y = picked(r, [0, 1], True, shape)
    return call(x, y), fn(x, y)


loss_kink("l1_loss", F.l1_loss)
loss_kink("smooth_l1_loss", F.smooth_l1_loss)
loss_kink("huber_loss", F.huber_loss)


@op("max_pool2d")
def _(r):
  # Equal largest values: the first takes the gradient.
  x = picked(r, [0, 1], True, [1, 1, r.size(2, 5), r.size(2, 5)])
  return call(x, 2, stride=1), F.max_pool2d(x, 2, stride=1)


@op("grid_sample")
def _(r):
  x = r.tensor([1, 1, 3, 4])
  grid = picked(r, [-1.5, -1, -0.5, 0, 0.5, 1, 1.5, 40, -40], False,
                [1, 2, 3, 2])
  mode = r.each(["bilinear", "nearest"])
  padding = r.each(["zeros", "border", "reflection"])
  align = r.chance()
  if mode == "nearest":
    grid = grid + 0.0625  # no halves: which neighbour is a convention
    grid = r.values(grid, grad=False)
  return (call(x, grid, mode=mode, padding_mode=padding, align_corners=align),
          F.grid_sample(x, grid, mode, padding, align))
