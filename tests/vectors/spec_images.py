"""Images at other sizes and positions, and pixels as channels."""
import torch
import torch.nn.functional as F

from spec import call, op


def images(r, most=6):
  n = 0 if r.chance(0.1) else r.size(1, 3)
  return [n, r.size(1, 3), r.size(1, most), r.size(1, most)]


# ---- resizing

@op("interpolate", cases=40)
def _(r):
  shape = images(r)
  x = r.tensor(shape)
  linear = r.chance(0.6)
  mode = "bilinear" if linear else "nearest"
  align = r.chance() if linear else None
  theirs = {"mode": mode, "align_corners": align}
  ours = {"mode": None if mode == "nearest" else mode, "align_corners": align}
  if r.chance():
    size = r.int(1, 9) if r.chance(0.3) else [r.int(1, 9), r.int(1, 9)]
    return call(x, size=size, **ours), F.interpolate(x, size, **theirs)
  least = 1 / min(shape[2:])
  scale = [max(r.choice([0.5, 0.75, 1, 1.5, 2, 2.7, 3]), least)
           for _ in range(2)]
  if r.chance(0.3):
    scale = scale[0]
  return (call(x, scale_factor=scale, **ours),
          F.interpolate(x, scale_factor=scale, **theirs))


@op("interpolate", cases=40)
def _(r):
  """Sequences."""
  x = r.tensor(r.thin([r.int(1, 3), r.int(1, 3), r.int(2, 7)], 1, 2))
  mode = r.choice(["nearest", "linear", "area", "nearest-exact"])
  align = r.chance() if mode == "linear" else None
  ours = {"mode": mode, "align_corners": align}
  size, scale = r.int(1, 9), r.choice([0.5, 0.75, 1, 1.5, 2, 2.7, 3])
  if r.chance() or mode == "area":
    return (call(x, size=size, **ours),
            F.interpolate(x, size, mode=mode, align_corners=align))
  return (call(x, scale_factor=scale, **ours),
          F.interpolate(x, scale_factor=scale, mode=mode, align_corners=align))


@op("upsample_nearest2d")
def _(r):
  x, by = r.tensor(images(r, 4)), r.int(1, 4)
  if r.chance():
    by = [by, r.int(1, 4)]
  return (call(x, scale_factor=by),
          F.interpolate(x, scale_factor=by, mode="nearest"))


# ---- grid_sample: PyTorch has no second derivative of it. So the formulas
# below are what is differentiated, after a check that they are what it does.

def bounce(t, low, high):
  """Mirrors t at both ends until it lies between them."""
  span = high - low
  if span == 0:
    return t * 0
  t = torch.remainder((t - low).abs(), 2 * span)
  return low + torch.where(t > span, 2 * span - t, t)


def position(t, n, padding, align):
  t = (t + 1) / 2 * (n - 1) if align else ((t + 1) * n - 1) / 2
  if padding == "reflection":
    t = bounce(t, 0, n - 1) if align else bounce(t, -0.5, n - 0.5)
  return t if padding == "zeros" else t.clamp(0, n - 1)


def read(x, column, row):
  """x at whole positions [N, OH, OW], 0 outside."""
  n, c, h, w = x.shape
  inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
  at = (row.clamp(0, h - 1) * w + column.clamp(0, w - 1)).long()
  spots = column.shape[1] * column.shape[2]
  at = at.reshape(n, 1, spots).expand(n, c, spots)
  y = x.reshape(n, c, h * w).gather(2, at).reshape(n, c, *column.shape[1:])
  return y * inside[:, None]


def sampled(x, grid, mode, padding, align):
  column = position(grid[..., 0], x.shape[3], padding, align)
  row = position(grid[..., 1], x.shape[2], padding, align)
  if mode == "nearest":
    return read(x, column.round(), row.round())
  y = 0
  for right in (0, 1):
    for down in (0, 1):
      a, b = column.detach().floor() + right, row.detach().floor() + down
      share = (1 - (column - a).abs()) * (1 - (row - b).abs())
      y = y + read(x, a, b) * share[:, None]
  return y


def away_from_pixels(r, grid, n, padding, align):
  """Moves positions off the kinks: whole and half pixels, the borders."""
  t = position(grid, n, "zeros", align)
  near = ((2 * t).round() - 2 * t).abs() < 0.1
  return torch.where(near, grid + 0.4 / n, grid)


def check_sampled(x, grid, y, z):
  """The formulas' y and PyTorch's z are the same, to the first derivative."""
  torch.testing.assert_close(y, z, atol=1e-12, rtol=0)
  for a, b in zip(torch.autograd.grad(y.square().sum(), [x, grid],
                                      retain_graph=True, allow_unused=True),
                  torch.autograd.grad(z.square().sum(), [x, grid])):
    a = torch.zeros_like(b) if a is None else a
    torch.testing.assert_close(a, b, atol=1e-11, rtol=0)


@op("grid_sample", cases=40)
def _(r):
  shape = images(r)
  mode = r.choice(["bilinear", "bilinear", "nearest"])
  padding = r.each(["zeros", "border", "reflection"])
  align = r.chance()
  x = r.tensor(shape)
  g = r.tensor([shape[0], r.size(1, 4), r.size(1, 4), 2], -1.7, 1.7,
               grad=False)
  g = torch.stack([away_from_pixels(r, g[..., i], shape[3 - i], padding, align)
                   for i in range(2)], -1)
  grid = r.values(g.numpy())
  options = {"mode": mode, "padding_mode": padding, "align_corners": align}
  y = sampled(x, grid, mode, padding, align)
  if shape[0]:
    check_sampled(x, grid, y, F.grid_sample(x, grid, **options))
  return call(x, grid, **options), y


@op("affine_grid")
def _(r):
  size = [r.size(), r.size(), r.size(), r.size()]
  theta, align = r.tensor([size[0], 2, 3]), r.chance()
  return (call(theta, size=size, align_corners=align),
          F.affine_grid(theta, size, align_corners=align))


# ---- pixels and channels. Of no images PyTorch 1.13 gives the wrong shapes
# back; a reshape gives the right ones.

def shuffled(x, by):
  n, c, h, w = x.shape
  return (F.pixel_shuffle(x, by) if n
          else x.reshape(n, c // by ** 2, h * by, w * by))


def unshuffled(x, by):
  n, c, h, w = x.shape
  return (F.pixel_unshuffle(x, by) if n
          else x.reshape(n, c * by ** 2, h // by, w // by))


@op("pixel_shuffle")
def _(r):
  by, shape = r.int(1, 3), images(r, 4)
  shape[1] *= by * by
  x = r.tensor(shape)
  return call(x, upscale_factor=by), shuffled(x, by)


@op("pixel_unshuffle")
def _(r):
  by, shape = r.int(1, 3), images(r, 3)
  x = r.tensor(shape[:2] + [shape[2] * by, shape[3] * by])
  return call(x, downscale_factor=by), unshuffled(x, by)
