"""Losses, with every reduction, weights and what each has of its own."""
import torch.nn.functional as F

from spec import call, op

REDUCTIONS = ["mean", "sum", "none"]


def apart(r, shape, points):
  """Two tensors whose difference keeps away from +- the points."""
  x = r.tensor(shape, -2, 2)
  d = r.away(shape, -3, 3, [s * p for p in points for s in (1, -1)],
             grad=False)
  y = r.values((x.detach() - d).numpy())
  return x, y


@op("mse_loss")
def _(r):
  shape = r.shape()
  x, y, how = r.tensor(shape), r.tensor(shape), r.each(REDUCTIONS)
  return call(x, y, reduction=how), F.mse_loss(x, y, reduction=how)


@op("l1_loss")
def _(r):
  shape = r.shape()
  how = r.each(REDUCTIONS)
  x, y = apart(r, shape, [0])
  return call(x, y, reduction=how), F.l1_loss(x, y, reduction=how)


@op("smooth_l1_loss")
def _(r):
  shape, beta = r.shape(), r.choice([1, 0.5, 2])
  how = r.each(REDUCTIONS)
  x, y = apart(r, shape, [beta])
  return (call(x, y, reduction=how, beta=beta),
          F.smooth_l1_loss(x, y, reduction=how, beta=beta))


@op("huber_loss")
def _(r):
  shape, delta = r.shape(), r.choice([1, 0.5, 2])
  how = r.each(REDUCTIONS)
  x, y = apart(r, shape, [delta])
  return (call(x, y, reduction=how, delta=delta),
          F.huber_loss(x, y, reduction=how, delta=delta))


@op("kl_div")
def _(r):
  shape = r.shape(1)
  how = r.each(REDUCTIONS + ["batchmean"])
  logs = r.chance()
  x = r.tensor(shape, -3, 0)
  y = r.tensor(shape, -3, 0) if logs else r.tensor(shape, 0.05, 1)
  if not logs and r.chance(0.3):  # 0 log 0 is 0
    y = r.values((y.detach() * r.mask(shape)).numpy(), grad=False)
  return (call(x, y, reduction=how, log_target=logs),
          F.kl_div(x, y, reduction=how, log_target=logs))


@op("gaussian_nll_loss")
def _(r):
  shape = r.shape(1)
  how = r.each(REDUCTIONS)
  full, eps = r.chance(), r.choice([None, 1e-3, 0.5])
  x, y = r.tensor(shape), r.tensor(shape)
  of_var = r.each([shape, shape[:-1] + [1], shape[:-1]])
  # Below eps the variance is raised to it; PyTorch hides that from the
  # gradient, ours does not.
  low, grad = (0.1, False) if eps == 0.5 else (0.2, True)
  var = r.tensor(of_var, low, 2, grad=grad)
  return (call(x, y, var, full=full, eps=eps, reduction=how),
          F.gaussian_nll_loss(x, y, var, full=full, eps=eps or 1e-6,
                              reduction=how))


@op("kl_normal")
def _(r):
  shape = r.shape()
  mean, logvar = r.tensor(shape, -2, 2), r.tensor(shape, -3, 2)
  return (call(mean, logvar),
          (mean ** 2 + logvar.exp() - logvar - 1) / 2)


# ---- probabilities

@op("binary_cross_entropy")
def _(r):
  shape = r.shape()
  how = r.each(REDUCTIONS)
  x = r.tensor(shape, 0.05, 0.95)
  y = r.tensor(shape, 0, 1, grad=False)
  w = None
  if r.chance():
    w = r.tensor(shape[r.int(0, len(shape)):], 0.2, 2, grad=False)
  return (call(x, y, w, reduction=how),
          F.binary_cross_entropy(x, y, w, reduction=how))


@op("binary_cross_entropy_with_logits")
def _(r):
  shape = r.shape()
  how = r.each(REDUCTIONS)
  x = r.tensor(shape, -6, 6)
  y = r.tensor(shape, 0, 1)
  w, p = None, None
  if r.chance():
    w = r.tensor(shape[r.int(0, len(shape)):], 0.2, 2, grad=False)
  if r.chance():
    p = r.tensor(shape[r.int(0, len(shape)):], 0.2, 2, grad=False)
  return (call(x, y, w, p, reduction=how),
          F.binary_cross_entropy_with_logits(x, y, w, reduction=how,
                                             pos_weight=p))


# ---- classes: ours count from 1, and 0 is no label to ignore

def classes(r):
  """An input's shape, labels, weights of the classes, the one to ignore."""
  n = r.size(2, 6)
  batch = r.size(0 if r.chance(0.15) else 1)
  spots = [r.size() for _ in range(r.int(0, 2))]
  one = r.chance(0.15)
  shape = [n] if one else [batch, n] + spots
  labels = r.labels([] if one else [batch] + spots, n)
  w = r.tensor([n], 0.2, 2, grad=False) if r.chance() else None
  skip = r.int(0, n - 1) if r.chance(0.4) else None
  return shape, labels, w, skip, r.each(REDUCTIONS)


@op("nll_loss")
def _(r):
  shape, labels, w, skip, how = classes(r)
  x = r.tensor(shape, -3, 0)
  return (call(x, labels + 1, w, reduction=how,
               ignore_index=None if skip is None else skip + 1),
          F.nll_loss(x, labels, w, reduction=how,
                     ignore_index=-100 if skip is None else skip))


@op("cross_entropy")
def _(r):
  shape, labels, w, skip, how = classes(r)
  x = r.tensor(shape, -3, 3)
  smooth = r.choice([None, 0.1, 0.5])
  return (call(x, labels + 1, w, reduction=how, label_smoothing=smooth,
               ignore_index=None if skip is None else skip + 1),
          F.cross_entropy(x, labels, w, reduction=how,
                          ignore_index=-100 if skip is None else skip,
                          label_smoothing=smooth or 0.0))


# ---- along an axis

def along(name, fn):
  @op(name)
  def _(r):
    shape = r.shape(1)
    axis = r.axis(shape)
    x = r.tensor(shape, -3, 3) if r.chance(0.8) else r.tensor(shape, -60, 60)
    return call(x, axis=axis + 1 if axis >= 0 else axis), fn(x, axis)


along("softmax", F.softmax)
along("log_softmax", F.log_softmax)
along("softmin", F.softmin)


@op("glu")
def _(r):
  shape = r.shape(1)
  axis = r.axis(shape)
  shape[axis] *= 2
  x = r.tensor(shape, -3, 3)
  if axis == len(shape) - 1 or axis == -1:
    return call(x), F.glu(x)
  return call(x, axis=axis + 1 if axis >= 0 else axis), F.glu(x, axis)


@op("cosine_similarity")
def _(r):
  # Small: the gradient of what is broadcast sums terms that cancel.
  full = [r.size(2, 3) for _ in range(r.int(1, 3))]
  if r.chance(0.1):
    full[r.int(0, len(full) - 1)] = 0
  axis, eps = r.axis(full), r.choice([None, 0.1])
  a, b = list(full), list(full)
  for shape in (a, b):
    other = r.int(0, len(full) - 1)
    if other != axis % len(full) and r.chance():
      shape[other] = 1
  x, y = r.away(a, -1, 1, [0], 0.3), r.away(b, -1, 1, [0], 0.3)
  return (call(x, y, axis=axis + 1 if axis >= 0 else axis, eps=eps),
          F.cosine_similarity(x, y, dim=axis, eps=eps or 1e-8))
