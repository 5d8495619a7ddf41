"""Losses that ask for margins, and the distances they are made of."""
import torch
import torch.nn.functional as F

from spec import call, op

REDUCTIONS = ["mean", "sum", "none"]


def reduction(r, *shapes):
  """Each in turn; the mean of nothing is left out."""
  empty = any(0 in shape for shape in shapes)
  return r.choice(["sum", "none"]) if empty else r.each(REDUCTIONS)


def signs(r, shape):
  """1 or -1."""
  return r.values(2 * r.mask(shape).double().numpy() - 1, grad=False)


@op("soft_margin_loss")
def _(r):
  shape = r.shape()
  x, t, how = r.tensor(shape, -3, 3), signs(r, shape), reduction(r, shape)
  return call(x, t, reduction=how), F.soft_margin_loss(x, t, reduction=how)


@op("hinge_embedding_loss")
def _(r):
  shape, margin = r.shape(), r.choice([1, 2.5])
  x, how = r.away(shape, -3, 3, [margin]), reduction(r, shape)
  t = signs(r, shape)
  return (call(x, t, margin=margin, reduction=how),
          F.hinge_embedding_loss(x, t, margin, reduction=how))


@op("margin_ranking_loss")
def _(r):
  # Wide of the kink: the differences are wholes and a half, the margin whole.
  shape, margin = r.shape(), r.choice([0, 1, 2])
  x = r.values(r.random.integers(-3, 4, tuple(shape)) + 0.5)
  y = r.values(r.random.integers(-3, 4, tuple(shape)))
  t, how = signs(r, shape), reduction(r, shape)
  return (call(x, y, t, margin=margin, reduction=how),
          F.margin_ranking_loss(x, y, t, margin, reduction=how))


@op("poisson_nll_loss")
def _(r):
  shape, log, full = r.shape(), r.chance(), r.chance()
  x = r.tensor(shape, -1, 2) if log else r.tensor(shape, 0.2, 4)
  t = r.away(shape, 0.1, 5, [1], grad=False)
  eps, how = r.choice([1e-8, 1e-3]), reduction(r, shape)
  return (call(x, t, log_input=log, full=full, eps=eps, reduction=how),
          F.poisson_nll_loss(x, t, log_input=log, full=full, eps=eps,
                             reduction=how))


def rows(r):
  return [r.size(0 if r.chance(0.15) else 1), r.size(2, 5)]


@op("pairwise_distance")
def _(r):
  shape, p, keep = rows(r), r.choice([1, 2, 3]), r.chance()
  x, y = r.tensor(shape, 1, 3), r.tensor(shape, -3, 0.5)
  return (call(x, y, p=p, keepdim=keep),
          F.pairwise_distance(x, y, p, keepdim=keep))


@op("pdist")
def _(r):
  x, p = r.distinct([r.size(2), r.size(1, 4)]), r.choice([1.5, 2, 3])
  # PyTorch has no second derivative of pdist: written with cdist's rows.
  return call(x, p=p), lambda x: torch.stack(
    [torch.linalg.vector_norm(x[i] - x[j], p) for i in range(len(x))
     for j in range(i + 1, len(x))])


@op("triplet_margin_loss")
def _(r):
  shape, margin, swap = rows(r), r.choice([8, 12]), r.chance()
  p = r.choice([2, 3])
  a, b, c = (r.tensor(shape, low, low + 1) for low in (0, 1.5, 3.2))
  how = reduction(r, shape)
  return (call(a, b, c, margin=margin, p=p, swap=swap, reduction=how),
          F.triplet_margin_loss(a, b, c, margin, p, swap=swap, reduction=how))


@op("triplet_margin_with_distance_loss")
def _(r):
  shape, swap = rows(r), r.chance()
  a, b, c = (r.tensor(shape, low, low + 1) for low in (0, 1.5, 3.2))
  how = reduction(r, shape)
  return (call(a, b, c, margin=9, swap=swap, reduction=how),
          F.triplet_margin_with_distance_loss(a, b, c, margin=9, swap=swap,
                                              reduction=how))


@op("cosine_embedding_loss")
def _(r):
  shape = rows(r)
  x, y = r.tensor(shape, 0.2, 2), r.tensor(shape, 0.2, 2)
  t, how = signs(r, shape[:1]), reduction(r, shape)
  margin = r.choice([-0.5, 0])
  return (call(x, y, t, margin=margin, reduction=how),
          F.cosine_embedding_loss(x, y, t, margin, reduction=how))


@op("multi_margin_loss")
def _(r):
  shape, p = rows(r), r.choice([1, 2])
  x, t = r.tensor(shape), r.labels(shape[:1], shape[1])
  w = r.tensor(shape[1:], 0.2, 2, grad=False) if r.chance() else None
  how = reduction(r, shape)
  # The formula: PyTorch has no second derivative of its own function.

  def loss(x, *_):
    own = x.gather(1, t[:, None])
    z = torch.clamp(3 - own + x, min=0) ** p
    z = z if w is None else z * w[t][:, None]
    z = z.masked_fill(F.one_hot(t, shape[1]).bool(), 0).sum(1) / shape[1]
    return {"none": z, "sum": z.sum(), "mean": z.mean()}[how]
  assert shape[0] == 0 or torch.allclose(loss(x), F.multi_margin_loss(
    x, t, p, 3, w, reduction=how))
  return call(x, t + 1, w, p=p, margin=3, reduction=how), loss


@op("multilabel_margin_loss")
def _(r):
  shape = rows(r)
  x = r.tensor(shape, -0.4, 0.4)  # no pair a whole margin apart
  t = torch.full(shape, -1)
  for row in t:
    n = r.int(0, shape[1])
    row[:n] = torch.from_numpy(r.random.permutation(shape[1])[:n])
  how = reduction(r, shape)

  def loss(x, *_):
    total = []
    for row, labels in zip(x, t):
      labels = [int(k) for k in labels if k >= 0]
      others = [k for k in range(shape[1]) if k not in labels]
      total.append(sum((torch.clamp(1 - row[a] + row[b], min=0)
                        for a in labels for b in others),
                       row.sum() * 0) / shape[1])
    z = torch.stack(total) if total else x.sum(1)
    return {"none": z, "sum": z.sum(), "mean": z.mean()}[how]
  assert shape[0] == 0 or torch.allclose(loss(x), F.multilabel_margin_loss(
    x, t, reduction=how))
  return call(x, t + 1, reduction=how), loss


@op("multilabel_soft_margin_loss")
def _(r):
  shape = rows(r)
  x, t = r.tensor(shape, -3, 3), r.mask(shape).double()
  t = r.values(t.numpy(), grad=False)
  w = r.tensor(shape[1:], 0.2, 2, grad=False) if r.chance() else None
  how = reduction(r, shape)
  return (call(x, t, w, reduction=how),
          F.multilabel_soft_margin_loss(x, t, w, reduction=how))


@op("cross_entropy")
def _(r):
  """To probabilities."""
  shape = rows(r) + [r.size() for _ in range(r.int(0, 2))]
  x, t = r.tensor(shape, -3, 3), r.tensor(shape, 0, 1)
  w = r.tensor(shape[1:2], 0.2, 2, grad=False) if r.chance() else None
  how, smooth = reduction(r, shape), r.choice([None, 0.25])
  return (call(x, t, w, reduction=how, label_smoothing=smooth),
          F.cross_entropy(x, t, w, reduction=how,
                          label_smoothing=smooth or 0.0))


