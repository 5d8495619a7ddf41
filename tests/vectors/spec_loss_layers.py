"""Losses as layers: their options, and weights of classes kept as buffers."""
from torch import nn

from spec import layer, op


def loss(module, tensors, options, ours=None):
  """Our layer by `options` called with `ours`, PyTorch's with `tensors`."""
  return (layer(ours or tensors, [], options, {}), module(*tensors))


def of_two(name, low, high, least=0.0, most=1.0, **extra):
  """An input between low and high, a target between least and most."""
  @op("nn." + name)
  def _(r):
    shape = r.shape(1, zero=False)
    options = {"reduction": r.each(["mean", "sum", "none"])}
    for key, values in extra.items():
      options[key] = r.choice(values)
    x, y = r.tensor(shape, low, high), r.tensor(shape, least, most, grad=False)
    return loss(getattr(nn, name)(**options), [x, y], options)


of_two("MSELoss", -2, 2)
of_two("L1Loss", 1.1, 2)
of_two("SmoothL1Loss", 1.1, 1.4, beta=[2.0, 3.0])
of_two("HuberLoss", 1.1, 1.4, delta=[2.0, 3.0])
of_two("KLDivLoss", -3, 0, -2, 0, log_target=[True])
of_two("BCELoss", 0.05, 0.95)


@op("nn.BCEWithLogitsLoss")
def _(r):
  shape = r.shape(1, zero=False)
  options = {"reduction": r.each(["mean", "sum", "none"])}
  if r.chance():
    options["weight"] = r.tensor(shape[-1:], 0.2, 2, grad=False)
  if r.chance():
    options["pos_weight"] = r.tensor(shape[-1:], 0.2, 2, grad=False)
  tensors = [r.tensor(shape, -4, 4), r.tensor(shape, 0, 1, grad=False)]
  return loss(nn.BCEWithLogitsLoss(**options), tensors, options)


@op("nn.GaussianNLLLoss")
def _(r):
  shape = r.shape(1, zero=False)
  options = {"reduction": r.each(["mean", "sum", "none"]), "full": r.chance(),
             "eps": r.choice([1e-6, 1e-3])}
  tensors = [r.tensor(shape), r.tensor(shape), r.tensor(shape, 0.2, 2)]
  return loss(nn.GaussianNLLLoss(**options), tensors, options)


def of_classes(name, smoothing):
  @op("nn." + name)
  def _(r):
    classes, batch = r.size(2, 5), r.size(1, 4)
    labels = r.labels([batch], classes)
    options = {"reduction": r.each(["mean", "sum", "none"])}
    if r.chance():
      options["weight"] = r.tensor([classes], 0.2, 2, grad=False)
    if smoothing:
      options["label_smoothing"] = r.choice([0.0, 0.1])
    theirs = dict(options)
    skip = r.int(0, classes - 1)
    if r.chance(0.3) and (labels != skip).any():
      options["ignore_index"], theirs["ignore_index"] = skip + 1, skip
    x = r.tensor([batch, classes], -3, 0)
    return loss(getattr(nn, name)(**theirs), [x, labels], options,
                [x, labels + 1])


of_classes("NLLLoss", False)
of_classes("CrossEntropyLoss", True)


@op("nn.CosineSimilarity")
def _(r):
  shape = [r.size(2, 3) for _ in range(r.int(2, 3))]
  axis, eps = r.axis(shape), r.choice([1e-8, 0.1])
  x, y = r.away(shape, -1, 1, [0], 0.3), r.away(shape, -1, 1, [0], 0.3)
  return loss(nn.CosineSimilarity(axis, eps), [x, y],
              {"axis": axis + 1 if axis >= 0 else axis, "eps": eps})
