"""Layers without parameters besides convolutions, pools and norms."""
import torch
import torch.nn.functional as F

from spec import call, op


def windows(r, n):
  """Window options; the step may be left out."""
  return r.int(1, min(3, n)), r.choice([None, 1, 2])


@op("max_pool2d_with_indices")
def _(r):
  n = r.size(2, 6)
  x = r.distinct([r.size(0, 2), r.size(1, 2), n, r.size(n, 6)])
  k, step = windows(r, n)
  y, at = F.max_pool2d_with_indices(x, k, step)
  return call(x, k, stride=step), (y, at + 1)


@op("max_pool1d_with_indices")
def _(r):
  n = r.size(2, 6)
  x = r.distinct([r.size(1, 2), r.size(1, 2), n])
  k, step = windows(r, n)
  y, at = F.max_pool1d_with_indices(x, k, step)
  return call(x, k, stride=step), (y, at + 1)


@op("max_unpool2d")
def _(r):
  n, k = r.size(2, 6), r.int(1, 2)
  y, at = F.max_pool2d_with_indices(
    r.distinct([r.size(1, 2), r.size(1, 2), n, n], grad=False), k)
  x = r.tensor(list(y.shape))
  exact = n % k != 0 or r.chance()
  return (call(x, at + 1, k, output_size=[n, n] if exact else None),
          lambda x, _: F.max_unpool2d(x, at, k, output_size=[n, n] if exact
                                      else None))


@op("max_unpool1d")
def _(r):
  n, k = 2 * r.size(1, 4), 2
  y, at = F.max_pool1d_with_indices(
    r.distinct([r.size(1, 2), r.size(1, 2), n], grad=False), k)
  x = r.tensor(list(y.shape))
  return call(x, at + 1, k), lambda x, _: F.max_unpool1d(x, at, k)


@op("lp_pool2d")
def _(r):
  n = r.size(3, 6)
  x = r.tensor([r.size(1, 2), r.size(1, 2), n, n], 0.2, 2)
  k, step = windows(r, n)
  p = r.choice([1, 2, 3])
  return call(x, p, k, stride=step), F.lp_pool2d(x, p, k, step)


@op("lp_pool1d")
def _(r):
  n = r.size(3, 6)
  x = r.tensor([r.size(1, 2), r.size(1, 2), n], 0.2, 2)
  k, step = windows(r, n)
  p = r.choice([1, 2, 3])
  return call(x, p, k, stride=step), F.lp_pool1d(x, p, k, step)


@op("local_response_norm")
def _(r):
  shape = [r.size(1, 2), r.size(1, 6)] + [r.size() for _ in range(r.int(1, 2))]
  x, size = r.tensor(shape, -2, 2), r.int(1, 5)
  alpha, beta, k = r.choice([0.5, 1]), r.choice([0.75, 1.5]), r.choice([1, 2])
  return (call(x, size, alpha=alpha, beta=beta, k=k),
          F.local_response_norm(x, size, alpha, beta, k))


@op("channel_shuffle")
def _(r):
  groups = r.int(1, 3)
  x = r.tensor([r.size(1, 2), groups * r.size(1, 3), r.size(), r.size()])
  # By views: PyTorch's own gives no gradient.
  return call(x, groups), x.view(x.size(0), groups, -1, *x.shape[2:]) \
    .transpose(1, 2).reshape(x.shape)


@op("bilinear")
def _(r):
  shape, i, j, o = r.shape(1, 2), r.size(), r.size(), r.size()
  x, y = r.tensor(shape + [i]), r.tensor(shape + [j])
  w = r.tensor([o, i, j])
  b = r.tensor([o]) if r.chance() else None
  return call(x, y, w, b), F.bilinear(x, y, w, b)


def evaluated(name, fn):
  """Dropouts leave x alone in evaluation, and with p = 0."""
  @op(name)
  def _(r):
    x = r.tensor([r.size(), r.size(), r.size()]
                 + ([r.size()] if name != "dropout1d" else []))
    if r.chance():
      return call(x, p=0), fn(x, p=0.0, training=True)
    return call(x, p=0.3, training=False), fn(x, p=0.3, training=False)


for dropout in ("dropout1d", "dropout2d", "dropout3d", "alpha_dropout",
                "feature_alpha_dropout"):
  evaluated(dropout, getattr(F, dropout))


@op("interpolate")
def _(r):
  """Bicubic, and the means over areas."""
  x = r.tensor([r.size(1, 2), r.size(1, 2), r.size(2), r.size(2)])
  mode = r.each(["bicubic", "area", "nearest-exact"])
  align = r.chance() if mode == "bicubic" else None
  if mode != "area" and r.chance():
    scale = [r.choice([1.5, 2, 0.75]), r.choice([1.5, 3])]
    return (call(x, scale_factor=scale, mode=mode, align_corners=align),
            F.interpolate(x, scale_factor=scale, mode=mode,
                          align_corners=align))
  size = [r.size(1, 9), r.size(1, 9)]
  return (call(x, size=size, mode=mode, align_corners=align),
          F.interpolate(x, size=size, mode=mode, align_corners=align))
