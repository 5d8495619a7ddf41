"""Layers of nn: PyTorch's and ours are given the same parameters and buffers.

What each of them is called here is what both call it.
"""
from torch import nn
from torch.nn.utils.stateless import functional_call

from spec import layer, op


def run(r, module, inputs, new, training=True, index=False, **options):
  """Our layer made by `new` and the options, against PyTorch's module."""
  module = module.double().train(training)
  state = {name: r.tensor(p.shape, -1, 1) for name, p in
           module.named_parameters()}
  for name, b in module.named_buffers():
    if b.is_floating_point():
      state[name] = r.tensor(b.shape, 0.3, 2, grad=False)
  theirs = {name: t if t.requires_grad else t.clone() for name, t in
            state.items()}
  y = functional_call(module, theirs, tuple(inputs))
  after = [name for name, t in state.items() if not t.requires_grad]
  inputs = [x + 1 if index else x for x in inputs]
  return (layer(inputs, new, options, state, after, training),
          [y] + [theirs[name] for name in after])


# ---- affine

@op("nn.Linear")
def _(r):
  n, m, bias = r.size(), r.size(), r.chance()
  x = r.tensor(r.shape(0, 3) + [n])
  return run(r, nn.Linear(n, m, bias=bias), [x], [n, m], bias=bias)


@op("nn.Bilinear")
def _(r):
  n, m, k, bias = r.size(), r.size(), r.size(), r.chance()
  batch = r.shape(0, 2)
  x, y = r.tensor(batch + [n]), r.tensor(batch + [m])
  return run(r, nn.Bilinear(n, m, k, bias=bias), [x, y], [n, m, k], bias=bias)


def conv(name, cls, axes, transposed):
  @op("nn." + name)
  def _(r):
    groups = r.choice([1, 1, 2])
    c, k, kernel = groups * r.size(1, 2), groups * r.size(1, 2), r.size(1, 3)
    options = {"stride": r.int(1, 2), "padding": r.int(0, 1),
               "dilation": r.int(1, 2), "groups": groups, "bias": r.chance()}
    if transposed:
      options["output_padding"] = r.int(
          0, max(options["stride"], options["dilation"]) - 1)
    else:
      if axes == 2 and r.chance(0.3):
        options.update(padding="same", stride=1)
      options["padding_mode"] = r.choice(["zeros", "zeros", "reflect",
                                          "replicate", "circular"])
    size = [r.size(3 if r.tiny else 5, 7) for _ in range(axes)]
    x = r.tensor([r.size(1, 2), c] + size)
    return run(r, cls(c, k, kernel, **options), [x], [c, k, kernel], **options)


conv("Conv1d", nn.Conv1d, 1, False)
conv("Conv2d", nn.Conv2d, 2, False)
conv("ConvTranspose1d", nn.ConvTranspose1d, 1, True)
conv("ConvTranspose2d", nn.ConvTranspose2d, 2, True)


@op("nn.Embedding")
def _(r):
  rows, d = r.size(2), r.size()
  at = r.labels(r.shape(0, 2), rows)
  none = r.int(0, rows - 1) if r.chance() else None
  options = {} if none is None else {"padding_idx": none + 1}
  return run(r, nn.Embedding(rows, d, padding_idx=none), [at], [rows, d],
             index=True, **options)


# ---- normalisation: in training the running statistics are compared too.
# PyTorch 1.13 has no second derivative without a weight.

def batch_norm(name, cls, ranks):
  @op("nn." + name, cases=30)
  def _(r):
    rank, c, training = r.choice(ranks), r.size(1, 4), r.number % 3 > 0
    x = r.spread([r.int(4, 6), c] + [r.size(1, 3) for _ in range(rank - 2)],
                 [0, *range(2, rank)])
    options = {"eps": r.choice([1e-5, 1e-2]),
               "momentum": r.choice([0.1, 0.3])}
    return run(r, cls(c, **options), [x], [c], training, **options)


batch_norm("BatchNorm1d", nn.BatchNorm1d, [2, 3])
batch_norm("BatchNorm2d", nn.BatchNorm2d, [4])


@op("nn.LayerNorm")
def _(r):
  inner = [r.int(2, 4) for _ in range(r.int(1, 2))]
  inner[-1] = max(inner[-1], 4)
  x = r.spread(r.shape(0, 2) + inner, list(range(-len(inner), 0)))
  options = {"eps": r.choice([1e-5, 1e-2])}
  return run(r, nn.LayerNorm(inner, **options), [x], [inner], **options)


@op("nn.GroupNorm")
def _(r):
  groups = r.int(1, 3)
  c = groups * r.int(1, 2)
  x = r.spread([r.int(1, 3), c, 2, r.int(2, 3)], [2, 3])
  options = {"eps": r.choice([1e-5, 1e-2])}
  return run(r, nn.GroupNorm(groups, c, **options), [x], [groups, c],
             **options)


def instance_norm(name, cls, inner):
  @op("nn." + name)
  def _(r):
    c, training = r.size(1, 3), r.chance(0.7)
    x = r.spread([r.int(1, 3), c] + inner, list(range(2, len(inner) + 2)))
    options = {"affine": True, "track_running_stats": r.chance(),
               "momentum": r.choice([0.1, 0.3])}
    return run(r, cls(c, **options), [x], [c], training, **options)


instance_norm("InstanceNorm1d", nn.InstanceNorm1d, [5])
instance_norm("InstanceNorm2d", nn.InstanceNorm2d, [2, 3])


# ---- pools, windows, paddings, pixels

def on_images(name, cls, axes, draw="tensor"):
  """A layer with options, on [N, C, 6, 6] or [N, C, 6]."""
  def keep(options_of):
    @op("nn." + name)
    def _(r):
      new, options = options_of(r)
      shape = [r.int(1, 2), r.size(1, 2)]
      if name == "PixelShuffle":
        shape[1] = 4
      x = getattr(r, draw)(shape + [(4 if r.tiny else 6)] * axes)
      return run(r, cls(*new, **options), [x], new, **options)
  return keep


def pool_options(r):
  options = {"padding": r.int(0, 1)}
  if r.chance():
    options["stride"] = r.int(1, 3)
  return [r.int(2, 3)], options


for axes, ending in ((1, "1d"), (2, "2d")):
  on_images("MaxPool" + ending, getattr(nn, "MaxPool" + ending), axes,
            "distinct")(pool_options)
  on_images("AvgPool" + ending, getattr(nn, "AvgPool" + ending), axes)(
      pool_options)
  for kind, draw in (("Max", "distinct"), ("Avg", "tensor")):
    name = f"Adaptive{kind}Pool{ending}"
    on_images(name, getattr(nn, name), axes, draw)(
        lambda r: ([r.int(1, 5)], {}))

for name in ("ZeroPad2d", "ReflectionPad2d", "ReplicationPad2d"):
  on_images(name, getattr(nn, name), 2)(
      lambda r: ([r.int(0, 2) if r.chance() else
                  [r.int(0, 2) for _ in range(4)]], {}))

on_images("ConstantPad2d", nn.ConstantPad2d, 2)(
    lambda r: ([[r.int(0, 2) for _ in range(4)], r.number_in(-2, 2)], {}))
for name in ("ReflectionPad1d", "ReplicationPad1d"):
  on_images(name, getattr(nn, name), 1)(
      lambda r: ([[r.int(0, 2), r.int(0, 2)]], {}))
on_images("ConstantPad1d", nn.ConstantPad1d, 1)(
    lambda r: ([[r.int(0, 2), r.int(0, 2)], r.number_in(-2, 2)], {}))


def upsampling(r):
  if r.chance():
    return [], {"scale_factor": r.size(1, 3)}
  size = {"size": [r.int(1, 4 if r.tiny else 9) for _ in range(2)]}
  return [], dict(size, mode="bilinear", align_corners=r.chance())


on_images("Upsample", nn.Upsample, 2)(upsampling)
on_images("UpsamplingBilinear2d", nn.UpsamplingBilinear2d, 2)(
    lambda r: ([], {"scale_factor": r.size(1, 3)}))
on_images("UpsamplingNearest2d", nn.UpsamplingNearest2d, 2)(
    lambda r: ([], {"scale_factor": r.size(1, 3)}))

on_images("Unfold", nn.Unfold, 2)(
    lambda r: ([r.size(1, 3)], {"stride": r.int(1, 2),
                                "padding": r.int(0, 1),
                                "dilation": r.int(1, 2)}))
on_images("PixelShuffle", nn.PixelShuffle, 2)(lambda r: ([2], {}))
on_images("PixelUnshuffle", nn.PixelUnshuffle, 2)(lambda r: ([2], {}))


# ---- activations, those with a slope at parameters that are not the default

class Hardsigmoid(nn.Module):
  """PyTorch's own has its slope 1/6 in float32, and no second derivative."""

  def forward(self, x):
    return nn.functional.relu6(x + 3) / 6


def pointwise(name, *ways, cls=None):
  @op("nn." + name)
  def _(r):
    x = r.away(r.shape(1, 3), -7, 7, [-6, -3, -1, -0.5, 0, 0.5, 1, 3, 6])
    new = list(r.each(ways or [()]))
    return run(r, (cls or getattr(nn, name))(*new), [x], new)


for plain in ("ReLU Tanh Sigmoid SiLU GELU Mish SELU ReLU6 LogSigmoid Softsign"
              " Tanhshrink Hardswish Identity").split():
  pointwise(plain)
pointwise("Hardsigmoid", cls=Hardsigmoid)
pointwise("LeakyReLU", (), (0.2,))
pointwise("ELU", (), (0.5,))
pointwise("CELU", (), (0.5,))
pointwise("Softshrink", (), (1.0,))
pointwise("Hardshrink", (), (1.0,))
pointwise("Softplus", (), (2.0,))
pointwise("Hardtanh", (), (-0.5, 3.0))


@op("nn.PReLU")
def _(r):
  c = r.size(1, 4)
  n = r.choice([1, c])
  x = r.away([r.size(), c, r.size()], -2, 2, [0])
  return run(r, nn.PReLU(n), [x], [n])


def along(name):
  @op("nn." + name)
  def _(r):
    shape = r.shape(1)
    axis = r.axis(shape)
    x = r.tensor(shape, -3, 3)
    return run(r, getattr(nn, name)(axis), [x],
               [axis + 1 if axis >= 0 else axis])


for name in ("Softmax", "Softmin", "LogSoftmax"):
  along(name)


@op("nn.GLU")
def _(r):
  shape = r.shape(1)
  axis = r.axis(shape)
  shape[axis] *= 2
  return run(r, nn.GLU(axis), [r.tensor(shape, -3, 3)],
             [axis + 1 if axis >= 0 else axis])


@op("nn.Flatten")
def _(r):
  first, last = r.int(0, 1), r.choice([-1, 2])
  x = r.tensor(r.shape(3, 4))
  return run(r, nn.Flatten(first, last), [x],
             [first + 1, last + 1 if last >= 0 else last])
