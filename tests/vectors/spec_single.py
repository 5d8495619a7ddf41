"""Images and sequences alone, without the axis of a batch."""
import torch
import torch.nn.functional as F

from spec import call, op


def image(r, low=3, high=6):
  return r.tensor([r.int(1, 3), r.int(low, high), r.int(low, high)])


def sequence(r, low=3, high=8):
  return r.tensor([r.int(1, 3), r.int(low, high)])


def weight(r, x, first=None, sides=1):
  """For x [C, ...]: its channels first, or second."""
  channels = x.size(0)
  others = r.int(1, 3)
  pair = [others, channels] if first is None else [channels, others]
  return r.tensor(pair + [r.int(1, 3) for _ in range(sides)])


def convolution(name, fn, draw, sides, first=None):
  @op(name)
  def _(r):
    x = draw(r)
    w = weight(r, x, first, sides)
    b = r.tensor([w.size(0 if first is None else 1)]) if r.chance() else None
    stride = r.int(1, 2)
    return (call(x, w, *([b] if b is not None else []), stride=stride),
            fn(x, w, b, stride=stride))


convolution("conv1d", F.conv1d, sequence, 1)
convolution("conv2d", F.conv2d, image, 2)
convolution("conv_transpose1d", F.conv_transpose1d, sequence, 1, "in")
convolution("conv_transpose2d", F.conv_transpose2d, image, 2, "in")


def pool(name, fn, draw, **options):
  @op(name)
  def _(r):
    x = draw(r)
    x = r.distinct(list(x.shape))
    k, s = r.int(1, 3), r.int(1, 3)
    return call(x, k, stride=s, **options), fn(x, k, stride=s, **options)


pool("max_pool1d", F.max_pool1d, sequence)
pool("max_pool2d", F.max_pool2d, image)
pool("avg_pool1d", F.avg_pool1d, sequence)
pool("avg_pool2d", F.avg_pool2d, image)


@op("nn.functional.max_pool2d")
def _(r):
  x = r.distinct(list(image(r).shape))
  y, at = F.max_pool2d(x, 2, return_indices=True)
  return call(x, 2, return_indices=True), (y, at + 1)


@op("max_unpool2d")
def _(r):
  x = r.distinct(list(image(r, 4).shape))
  y, at = F.max_pool2d(x.detach(), 2, return_indices=True)
  y = r.values(y)
  size = list(x.shape[-2:])
  return (call(y, at + 1, 2, output_size=size),
          F.max_unpool2d(y, at, 2, output_size=size))


def adaptive(name, fn, draw):
  @op(name)
  def _(r):
    x = r.distinct(list(draw(r).shape))
    size = r.int(1, 4)
    return call(x, size), fn(x, size)


adaptive("adaptive_avg_pool1d", F.adaptive_avg_pool1d, sequence)
adaptive("adaptive_avg_pool2d", F.adaptive_avg_pool2d, image)
adaptive("adaptive_max_pool1d", F.adaptive_max_pool1d, sequence)
adaptive("adaptive_max_pool2d", F.adaptive_max_pool2d, image)


def with_indices(name, fn, draw):
  """In batches and alone."""
  @op(name)
  def _(r):
    shape = list(draw(r).shape)
    x = r.distinct([r.int(0 if r.seventh else 1, 2)] * r.chance() + shape)
    size = r.int(1, 4)
    y, at = fn(x, size, return_indices=True)
    return call(x, size, return_indices=True), (y, at + 1)


with_indices("nn.functional.adaptive_max_pool1d", F.adaptive_max_pool1d, sequence)
with_indices("nn.functional.adaptive_max_pool2d", F.adaptive_max_pool2d, image)


@op("unfold")
def _(r):
  x = image(r)
  return call(x, 2, stride=2), F.unfold(x, 2, stride=2)


@op("fold")
def _(r):
  x = r.tensor([4 * r.int(1, 3), 6])
  return call(x, [3, 4], 2), F.fold(x, (3, 4), 2)


@op("pixel_shuffle")
def _(r):
  x = r.tensor([4 * r.int(1, 2), r.int(1, 3), r.int(1, 3)])
  return call(x, 2), F.pixel_shuffle(x, 2)


@op("pixel_unshuffle")
def _(r):
  x = r.tensor([r.int(1, 2), 2 * r.int(1, 3), 2 * r.int(1, 3)])
  return call(x, 2), F.pixel_unshuffle(x, 2)


@op("lp_pool2d")
def _(r):
  x = r.tensor(list(image(r).shape), 0.2, 2)
  return call(x, 2, 2), F.lp_pool2d(x, 2, 2)


@op("lp_pool1d")
def _(r):
  x = r.tensor(list(sequence(r).shape), 0.2, 2)
  return call(x, 3, 2), F.lp_pool1d(x, 3, 2)
