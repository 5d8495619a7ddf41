"""Recurrent and attention layers: given the same parameters."""
import torch
from torch import nn
from torch.nn.utils.stateless import functional_call

from spec import call, layer, op


def flat(y):
  """The tensors of nested pairs, as our layers give them one by one."""
  if isinstance(y, torch.Tensor):
    return [y]
  return [t for part in y if part is not None for t in flat(part)]


def run(r, module, inputs, new, theirs=None, **options):
  """Our layer made by `new` and the options, against PyTorch's module, whose
  inputs are `theirs` where they are grouped otherwise."""
  module = module.double()
  state = {name: r.tensor(p.shape, -1, 1) for name, p in
           module.named_parameters()}
  if isinstance(module, nn.RNNBase):  # which keeps a second list of them
    module._flat_weights = [state[name] for name in module._flat_weights_names]
    y = module(*(theirs or inputs))
  else:
    y = functional_call(module, state, tuple(theirs or inputs))
  return layer(inputs, new, options, state), flat(y)


def grouped(x, states):
  """PyTorch takes several states as one pair."""
  if not states:
    return [x]
  return [x, states[0] if len(states) == 1 else tuple(states)]


def recurrent(name, states):
  @op("nn." + name)
  def _(r):
    n, hidden, layers = r.size(1, 3), r.int(2, 3), r.int(1, 2)
    options = {"num_layers": layers, "bias": r.chance(0.7),
               "bidirectional": r.chance(), "batch_first": r.chance()}
    if name == "LSTM" and r.chance():
      options["proj_size"] = 1
    if name == "RNN":
      options["nonlinearity"] = r.choice(["tanh", "relu"])
    length, batch, alone = r.size(1, 4), r.size(1, 3), r.chance(0.3)
    x = [length] if alone else [batch, length] if options["batch_first"] \
        else [length, batch]
    x = r.tensor(x + [n])
    rows = layers * (2 if options["bidirectional"] else 1)
    sizes = [options.get("proj_size", hidden), hidden][:states]
    given = [r.tensor(([rows] if alone else [rows, batch]) + [size])
             for size in sizes] if r.chance() else []
    return run(r, getattr(nn, name)(n, hidden, **options), [x] + given,
               [n, hidden], grouped(x, given), **options)


def cell(name, states):
  @op("nn." + name)
  def _(r):
    n, hidden = r.size(1, 4), r.size(1, 4)
    options = {"bias": r.chance(0.7)}
    if name == "RNNCell":
      options["nonlinearity"] = r.choice(["tanh", "relu"])
    batch = [] if r.chance(0.3) else [r.size(1, 3)]
    x = r.tensor(batch + [n])
    given = [r.tensor(batch + [hidden]) for _ in range(states)] \
        if r.chance() else []
    return run(r, getattr(nn, name)(n, hidden, **options), [x] + given,
               [n, hidden], grouped(x, given), **options)


for kind, states in (("RNN", 1), ("LSTM", 2), ("GRU", 1)):
  recurrent(kind, states)
  cell(kind + "Cell", states)


# ---- attention

def hidden(r, shape):
  """A mask: none, of flags that leave something, or of numbers."""
  kind = r.choice([None, "flags", "numbers"])
  if kind == "numbers":
    return r.tensor(shape)
  if kind == "flags":
    flags = torch.from_numpy(r.random.random(shape) < 0.4)
    flags[..., 0] = False
    return flags


@op("nn.MultiheadAttention")
def _(r):
  heads = r.int(1, 2)
  e = heads * r.int(1, 2)
  options = {"bias": r.chance(0.7), "add_bias_kv": r.chance(0.3),
             "add_zero_attn": r.chance(0.3), "batch_first": r.chance()}
  if r.chance(0.4):
    options.update(kdim=r.size(1, 3), vdim=r.size(1, 3))
  n, length, keys = r.size(1, 2), r.size(1, 3), r.size(1, 3)
  alone = r.chance(0.2)

  def entries(count, size):
    shape = [count] if alone else [n, count] if options["batch_first"] \
        else [count, n]
    return r.tensor(shape + [size])
  q = entries(length, e)
  if keys == length and "kdim" not in options and r.chance():
    k = v = q
  else:
    k = entries(keys, options.get("kdim", e))
    v = entries(keys, options.get("vdim", e))
  padding = hidden(r, [keys] if alone else [n, keys])
  mask = hidden(r, [length, keys] if alone or r.chance()
                else [n * heads, length, keys])
  if padding is not None and padding.is_floating_point():
    mask = None  # PyTorch 1.13 takes its numbers for flags when there is one
  given = {"key_padding_mask": padding, "attn_mask": mask,
           "average_attn_weights": r.chance()}
  given = {name: value for name, value in given.items() if value is not None}
  module = nn.MultiheadAttention(e, heads, **options).double()
  state = {name: r.tensor(p.shape, -1, 1) for name, p in
           module.named_parameters()}
  y = functional_call(module, state, (q, k, v), given)
  return layer([q, k, v, given], [e, heads], options, state), list(y)


def attend(q, k, v, bias=None, scale=None):
  scores = q @ k.transpose(-1, -2) * (scale or q.shape[-1] ** -0.5)
  return (scores if bias is None else scores + bias).softmax(-1) @ v


@op("scaled_dot_product_attention")
def _(r):
  """By products: PyTorch 1.13 has none yet."""
  batch, length, keys = r.shape(0, 2, zero=False), r.size(1, 3), r.size(1, 3)
  q, k = r.tensor(batch + [length, 3]), r.tensor(batch + [keys, 3])
  v = r.tensor(batch + [keys, 2])
  scale = r.choice([None, 0.5])
  kind = r.each(["plain", "causal", "flags", "numbers"])
  if kind == "causal":
    bias = torch.full([length, keys], -torch.inf).triu(1)
    return (call(q, k, v, is_causal=True, scale=scale),
            attend(q, k, v, bias, scale))
  if kind == "flags":
    flags = torch.from_numpy(r.random.random([length, keys]) < 0.6)
    flags[..., 0] = True
    bias = torch.zeros(length, keys).masked_fill(~flags, -torch.inf)
    return (call(q, k, v, attn_mask=flags, scale=scale),
            attend(q, k, v, bias, scale))
  bias = r.tensor([length, keys]) if kind == "numbers" else None
  return (call(q, k, v, attn_mask=bias, scale=scale),
          attend(q, k, v, bias, scale))
