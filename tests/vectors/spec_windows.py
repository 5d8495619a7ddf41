"""What slides a window: convolutions, pools, unfold and fold."""
import torch.nn.functional as F

from spec import call, op


def both(r, low, high):
  """One number, or one for rows and one for columns."""
  if r.chance():
    return r.int(low, high)
  return [r.int(low, high), r.int(low, high)]


def pair(v):
  return list(v) if isinstance(v, list) else [v, v]


def reach(kernel, dilation):
  return (kernel - 1) * dilation + 1


def batch(r):
  return 0 if r.chance(0.1) else r.size(1, 3)


# ---- linear, and convolutions

@op("linear")
def _(r):
  shape, n, m = r.shape(0, 3), r.size(0, 5), r.size()
  x, w = r.tensor(shape + [n]), r.tensor([m, n])
  b = r.tensor([m]) if r.chance() else None
  return call(x, w, b), F.linear(x, w, b)


def conv(name, fn, axes):
  @op(name, cases=30)
  def _(r):
    groups = r.choice([1, 1, 2, 3])
    c, k = groups * r.size(1, 3), groups * r.size(1, 3)
    if groups > 1 and r.chance(0.3):  # depthwise
      c = k = groups
    number = both if axes == 2 else lambda r, low, high: r.int(low, high)
    stride, padding, dilation = (number(r, 1, 3), number(r, 0, 2),
                                 number(r, 1, 3))
    kernel = [r.size(1, 3) for _ in range(axes)]
    size = [max(r.size(1, 7), reach(q, d) - 2 * p) for q, d, p in
            zip(kernel, pair(dilation), pair(padding))]
    x = r.tensor([batch(r), c] + size)
    w = r.tensor([k, c // groups] + kernel)
    b = r.tensor([k]) if r.chance() else None
    return (call(x, w, b, stride=stride, padding=padding, dilation=dilation,
                 groups=groups),
            fn(x, w, b, stride, padding, dilation, groups))


def transposed(name, fn, axes):
  @op(name, cases=30)
  def _(r):
    groups = r.choice([1, 1, 2, 3])
    c, k = groups * r.size(1, 3), r.size(1, 3)
    stride, padding, dilation, extra, kernel, size = [], [], [], [], [], []
    for _ in range(axes):
      stride.append(r.int(1, 3))
      dilation.append(r.int(1, 3))
      extra.append(r.int(0, max(stride[-1], dilation[-1]) - 1))
      kernel.append(r.size(1, 3))
      size.append(r.size(1, 5))
      full = (size[-1] - 1) * stride[-1] + reach(kernel[-1], dilation[-1])
      padding.append(r.int(0, min(2, (full + extra[-1] - 1) // 2)))
    x = r.tensor([batch(r), c] + size)
    w = r.tensor([c, k] + kernel)
    b = r.tensor([k * groups]) if r.chance() else None

    def ours(v):
      return v[0] if axes == 1 or v[0] == v[-1] else v
    return (call(x, w, b, stride=ours(stride), padding=ours(padding),
                 output_padding=ours(extra), groups=groups,
                 dilation=ours(dilation)),
            fn(x, w, b, stride, padding, extra, groups, dilation))


conv("conv1d", F.conv1d, 1)
conv("conv2d", F.conv2d, 2)
transposed("conv_transpose1d", F.conv_transpose1d, 1)
transposed("conv_transpose2d", F.conv_transpose2d, 2)


# ---- windows as columns

def window(r):
  return both(r, 1, 3), both(r, 1, 2), both(r, 0, 2), both(r, 1, 3)


def room(r, kernel, dilation, padding):
  return [max(r.size(1, 6), reach(k, d) - 2 * p) for k, d, p in
          zip(pair(kernel), pair(dilation), pair(padding))]


@op("unfold")
def _(r):
  kernel, dilation, padding, stride = window(r)
  x = r.tensor([batch(r), r.size(1, 3)] + room(r, kernel, dilation, padding))
  return (call(x, kernel_size=kernel, dilation=dilation, padding=padding,
               stride=stride),
          F.unfold(x, kernel, dilation, padding, stride))


@op("fold")
def _(r):
  kernel, dilation, padding, stride = window(r)
  size = room(r, kernel, dilation, padding)
  spots = 1
  for n, k, d, p, s in zip(size, pair(kernel), pair(dilation), pair(padding),
                           pair(stride)):
    spots *= (n + 2 * p - reach(k, d)) // s + 1
  taps = pair(kernel)[0] * pair(kernel)[1]
  x = r.tensor([batch(r), taps * r.size(1, 3), spots])
  return (call(x, output_size=size, kernel_size=kernel, dilation=dilation,
               padding=padding, stride=stride),
          F.fold(x, size, kernel, dilation, padding, stride))


# ---- pools

def pool(name, fn, axes, largest):
  @op(name, cases=30)
  def _(r):
    number = both if axes == 2 else lambda r, low, high: r.int(low, high)
    kernel = number(r, 1, 4)
    stride = number(r, 1, 3) if r.chance(0.7) else None
    dilation = number(r, 1, 2) if largest else 1
    most = min(pair(kernel)) // 2
    padding = number(r, 0, most)
    ceil, count = r.chance(), r.chance()
    size = [max(r.size(2, 7), reach(k, d) - 2 * p) for k, d, p, _ in
            zip(pair(kernel), pair(dilation), pair(padding), range(axes))]
    shape = [batch(r), r.size(1, 3)] + size
    if largest:
      x = r.distinct(shape)
      return (call(x, kernel_size=kernel, stride=stride, padding=padding,
                   dilation=dilation, ceil_mode=ceil),
              fn(x, kernel, stride, padding, dilation, ceil))
    x = r.tensor(shape)
    by = {"divisor_override": r.int(1, 5)} if axes == 2 and r.chance(0.3) else {}
    return (call(x, kernel_size=kernel, stride=stride, padding=padding,
                 ceil_mode=ceil, count_include_pad=count, **by),
            fn(x, kernel, stride, padding, ceil, count, **by))


pool("max_pool1d", F.max_pool1d, 1, True)
pool("max_pool2d", F.max_pool2d, 2, True)
pool("avg_pool1d", F.avg_pool1d, 1, False)
pool("avg_pool2d", F.avg_pool2d, 2, False)


def adaptive(name, fn, axes, draw):
  @op(name)
  def _(r):
    shape = [batch(r), r.size(1, 3)] + [r.size(1, 7) for _ in range(axes)]
    x = getattr(r, draw)(shape)
    size = both(r, 1, 5) if axes == 2 else r.int(1, 5)
    return call(x, output_size=size), fn(x, size)


adaptive("adaptive_avg_pool1d", F.adaptive_avg_pool1d, 1, "tensor")
adaptive("adaptive_avg_pool2d", F.adaptive_avg_pool2d, 2, "tensor")
adaptive("adaptive_max_pool1d", F.adaptive_max_pool1d, 1, "distinct")
adaptive("adaptive_max_pool2d", F.adaptive_max_pool2d, 2, "distinct")
