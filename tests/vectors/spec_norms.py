"""Normalisation, embedding, and what is scaled by style or by channel."""
import math

import torch
import torch.nn.functional as F

from spec import call, one, op

def channels(r, least=2, most=4, values=2):
  """A shape [N, C, ...] with enough values in each channel."""
  shape = [r.size(1, 4), r.size(1, 4)]
  shape += [r.size(1, 4) for _ in range(r.int(least, most) - 2)]
  while math.prod(shape) // shape[1] < values:
    shape[0 if len(shape) == 2 else -1] += 1
  return shape


def pick_eps(r):
  return r.choice([None, 1e-3, 0.1])


def affine(r, shape):
  """Ours and PyTorch's weight and bias. PyTorch 1.13 has no second derivative
  of a normalisation without a weight, so one of ones is what it gets."""
  w = r.tensor(shape, 0.5, 1.5) if r.chance(0.7) else None
  b = r.tensor(shape) if r.chance(0.7) else None
  ones = torch.ones(shape, dtype=torch.float64)
  return [w, b], [ones if w is None else w, b]


def of_nothing(x, w, b):
  """The result for no images, which PyTorch refuses or has no gradient of."""
  beside = [-1] + [1] * (x.dim() - 2)
  y = x * w.reshape(beside)
  return y if b is None else y + b.reshape(beside)


# Close elements: centred, they keep std / |mean| of their digits, and second
# derivatives divide by std once more.
CENTRED = {"float32": 2e-4,
           "why": "centring close values loses |mean| / std of the digits"}


@op("batch_norm", cases=40, **CENTRED)
def _(r):
  eps = pick_eps(r)
  if r.number % 2:  # by running statistics
    shape = channels(r, values=1)
    if r.chance(0.2):
      shape[0] = 0
    x, c = r.tensor(shape, -2, 2), [shape[1]]
    mean, var = r.tensor(c, grad=False), r.tensor(c, 0.2, 2, grad=False)
    ours, (w, b) = affine(r, c)
    return (call(x, mean, var, *ours, eps=eps),
            F.batch_norm(x, mean, var, w, b, False, 0.1, eps or 1e-5))
  shape = channels(r, values=4)
  x, c = r.spread(shape, [0, *range(2, len(shape))]), [shape[1]]
  ours, (w, b) = affine(r, c)
  return (call(x, None, None, *ours, training=True, eps=eps),
          F.batch_norm(x, None, None, w, b, True, 0.1, eps or 1e-5))


@op("instance_norm", cases=30, **CENTRED)
def _(r):
  shape = [0 if r.chance(0.1) else r.size(1, 3), r.size(1, 3)]
  shape += [r.size(2, 4) for _ in range(r.int(1, 3))]
  shape[2] = max(shape[2], 4)
  x, eps = r.spread(shape, list(range(2, len(shape)))), pick_eps(r)
  ours, (w, b) = affine(r, [shape[1]])
  if not shape[0]:
    return call(x, None, None, *ours, eps=eps), of_nothing(x, w, b)
  if r.chance(0.3):  # by running statistics
    mean = r.tensor(shape[1:2], grad=False)
    var = r.tensor(shape[1:2], 0.2, 2, grad=False)
    return (call(x, mean, var, *ours, use_input_stats=False, eps=eps),
            F.instance_norm(x, mean, var, w, b, False, eps=eps or 1e-5))
  return (call(x, None, None, *ours, eps=eps),
          F.instance_norm(x, weight=w, bias=b, eps=eps or 1e-5))


@op("layer_norm", cases=30, **CENTRED)
def _(r):
  shape = r.shape(1)
  n = r.int(1, len(shape))
  inner = [k for k in shape[-n:]]
  if 0 < math.prod(inner) < 4:
    inner[-1] = 4
  shape[-n:] = inner
  x, eps = r.spread(shape, list(range(-n, 0))), pick_eps(r)
  ours, (w, b) = affine(r, inner)
  return (call(x, *ours, normalized_shape=inner, eps=eps),
          F.layer_norm(x, inner, w, b, eps or 1e-5))


@op("group_norm", cases=30, **CENTRED)
def _(r):
  groups = r.int(1, 3)
  shape = [0 if r.chance(0.1) else r.size(1, 3), groups * r.size(1, 3)]
  shape += [r.size(1, 4) for _ in range(r.int(0, 2))]
  while math.prod(shape[1:]) // groups < 4:
    if len(shape) == 2:
      shape[1] += groups
    else:
      shape[-1] += 1
  rows = [shape[0], groups, math.prod(shape[1:]) // groups]
  x = r.values(r.spread(rows, [2]).detach().numpy().reshape(shape))
  eps = pick_eps(r)
  ours, (w, b) = affine(r, [shape[1]])
  if not shape[0]:
    return call(x, *ours, num_groups=groups, eps=eps), of_nothing(x, w, b)
  return (call(x, *ours, num_groups=groups, eps=eps),
          F.group_norm(x, groups, w, b, eps or 1e-5))


# ---- written out, as the papers define them

@op("adain")
def _(r):
  n = [0 if r.chance(0.1) else r.size(1, 3), r.size(1, 3)]
  rank = r.int(1, 2)
  x, style = [r.spread(n + [r.size(4, 5)] + [r.size(1, 4)] * (rank - 1),
                       list(range(2, rank + 2))) for _ in range(2)]
  eps = pick_eps(r)

  def moments(t):
    axes = list(range(2, t.dim()))
    var = t.var(axes, unbiased=False, keepdim=True)
    return t.mean(axes, keepdim=True), (var + (eps or 1e-5)).sqrt()
  (m, s), (m2, s2) = moments(x), moments(style)
  return call(x, style, eps=eps), s2 * (x - m) / s + m2


@op("modulated_conv2d")
def _(r):
  n, c, k = r.size(1, 3), r.size(1, 3), r.size(1, 3)
  kernel = [r.size(1, 3), r.size(1, 3)]
  padding, stride = r.int(0, 2), r.int(1, 2)
  size = [max(r.size(1, 5), q) for q in kernel]
  demodulate, eps = r.each([True, False, None]), r.choice([None, 1e-3])
  x = r.tensor([n, c] + size)
  w = r.away([k, c] + kernel, -1, 1, [0], 0.3)  # no kernel of norm near 0
  style = r.tensor([n, c], 0.5, 1.5)
  scaled = w[None] * style[:, None, :, None, None]  # [N, K, C, kh, kw]
  if demodulate is not False:
    norm = scaled.square().sum([2, 3, 4], keepdim=True) + (eps or 1e-8)
    scaled = scaled * norm.rsqrt()
  y = torch.cat([F.conv2d(x[i:i + 1], scaled[i], stride=stride,
                          padding=padding) for i in range(n)])
  return (call(x, w, style, demodulate=demodulate, stride=stride,
               padding=padding, eps=eps), y)


# ---- tables and slopes

@op("embedding")
def _(r):
  rows, d = r.size(), r.size()
  at = r.labels(r.shape(0, 3), rows)
  w = r.tensor([rows, d])
  if r.chance(0.3):
    r.no_second = "PyTorch has no second derivative of scaled gradients"
    return (call(at + 1, w, scale_grad_by_freq=True),
            F.embedding(at, w, scale_grad_by_freq=True))
  if r.chance():
    fixed = r.int(-rows, rows - 1)
    return (call(at + 1, w, padding_idx=one(fixed)),
            F.embedding(at, w, padding_idx=fixed))
  return call(at + 1, w), F.embedding(at, w)


@op("one_hot")
def _(r):
  n = r.size(2, 6)
  x = r.labels(r.shape(zero=r.number % 2 == 0), n)
  if r.number % 2 == 0:
    return call(x + 1, num_classes=n), F.one_hot(x, n)
  return call(x + 1), F.one_hot(x)


@op("prelu")
def _(r):
  shape = r.shape(1)
  x = r.away(shape, -2, 2, [0])
  c = shape[1] if len(shape) > 1 else 1
  w = r.tensor([c if r.chance() and c > 0 else 1])
  return call(x, w), F.prelu(x, w)


@op("normalize")
def _(r):
  shape = r.shape(1)
  axis = r.axis(shape)
  shape[axis] = max(shape[axis], 2) if shape[axis] else 0
  p, eps = r.choice([None, 1, 2, 3]), r.choice([None, 0.5])
  x = r.away(shape, -1, 1, [0], 0.2)
  return (call(x, p=p, axis=axis + 1 if axis >= 0 else axis, eps=eps),
          F.normalize(x, p or 2.0, axis, eps or 1e-12))
