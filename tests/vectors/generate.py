"""Computes vectors with PyTorch: what ops give, and two derivatives.

  python3 generate.py FOLDER [--seed N] [--cases N] [--family NAME]
                      [--names FILE] [--frozen]

For each spec_FAMILY.py beside this file it writes FOLDER/FAMILY.json and
FOLDER/FAMILY.npy. The second is one long list of float64. The first has the
cases; each names its tensors by shape and by where they start in the list:

  op, args, options   the call: {"t": i} is tensor i, {"n": "nan"} a number,
        "float" the dtype of the run
  layer   of a layer, how it is made (layers.lua); {"map": ...} has names
  x     tensors; "grad" marks those to differentiate by
  y     outputs: tensors, or plain values
  g     where the gradients by the marked x start, one after the other:
        d/dx of the sum over float outputs k (from 1) of <y[k], weights(k)>
  h     where the second ones start:
        d/dx of the sum over marked x i of <g[i], weights(100 + i)>

weights(salt)[i] = ((7919 i + 104729 salt) mod 251 - 125) / 128, i from 0.
A gradient that PyTorch does not have, or that has no finite value, is in
"unsupported", with its reason.
--names has lines "OP <tab> NAME"; those that PyTorch has not go to
names.json. --frozen makes few and tiny cases.
"""
import argparse
import json
import os
import sys
import warnings
import zlib

import numpy
import torch

import spec

DTYPES = {torch.float64: "float", torch.float32: "float32",
          torch.int64: "int64", torch.bool: "uint8", torch.uint8: "uint8"}


class Values:
  """The long list, while it grows."""

  def __init__(self):
    self.parts, self.length = [], 0

  def add(self, x):
    if x._is_zerotensor():  # without storage: what is read there is garbage
      x = x.clone()
    flat = x.detach().to(torch.float64).contiguous().numpy().reshape(-1)
    self.parts.append(flat)
    self.length += len(flat)
    return self.length - len(flat)

  def tensor(self, x):
    entry = {"shape": list(x.shape), "at": self.add(x)}
    if x.dtype not in DTYPES:
      raise TypeError(f"{x.dtype} is none of ours")
    dtype = getattr(x, "ours", DTYPES[x.dtype])
    if dtype != "float":
      entry["dtype"] = dtype
    return entry


def plain(value, tensors):
  """An argument for JSON; tensors go to the list."""
  if isinstance(value, torch.Tensor):
    for i, x in enumerate(tensors):
      if x is value:  # given twice, one tensor
        return {"t": i + 1}
    tensors.append(value)
    return {"t": len(tensors)}
  if isinstance(value, (list, tuple)):
    return [plain(v, tensors) for v in value]
  if isinstance(value, dict):
    return {"map": {k: plain(v, tensors) for k, v in value.items()}}
  if isinstance(value, float) and not numpy.isfinite(value):
    return {"n": str(value)}
  return value


def weights(x, salt):
  i = torch.arange(x.numel(), dtype=torch.int64)
  w = (7919 * i + 104729 * salt) % 251 - 125
  return (w.to(torch.float64) / 128).reshape(x.shape)


def weighted(tensors, salt):
  """The sum that is differentiated; None when it depends on nothing."""
  total = None
  for k, y in enumerate(tensors, 1):
    if (isinstance(y, torch.Tensor) and y.dtype == torch.float64
        and y.requires_grad):
      part = (y * weights(y, salt + k)).sum()
      total = part if total is None else total + part
  return total


def derivative(total, xs):
  gs = torch.autograd.grad(total, xs, create_graph=True, allow_unused=True)
  return [torch.zeros_like(x) if g is None else g for x, g in zip(xs, gs)]


def reason(error):
  return (str(error).strip() or "no reason").splitlines()[0][:120]


def differentiate(case, outputs, xs, values, no_second):
  total = weighted(outputs, 0)
  if total is None:
    return
  try:
    gs = derivative(total, xs)
  except (RuntimeError, NotImplementedError) as error:
    case["unsupported"] = {"g": reason(error), "h": reason(error)}
    return
  case["g"] = [values.add(g) for g in gs][0]
  if no_second:
    case["unsupported"] = {"h": no_second}
    return
  total = weighted(gs, 100)
  try:
    hs = ([torch.zeros_like(x) for x in xs] if total is None
          else derivative(total, xs))
    case["h"] = [values.add(h) for h in hs][0]
  except (RuntimeError, NotImplementedError) as error:
    case["unsupported"] = {"h": reason(error)}


def make_case(name, fn, tolerance, r, values):
  ours, outputs = fn(r)
  tensors = []
  case = {"op": name, "args": plain(ours.args, tensors)}
  if ours.options:
    case["options"] = {k: plain(v, tensors) for k, v in ours.options.items()}
  if isinstance(ours, spec.Layer):
    case["layer"] = plain(ours.how, tensors)
  if callable(outputs):
    outputs = outputs(*tensors)
  if not isinstance(outputs, (list, tuple)):
    outputs = [outputs]
  case["x"] = [values.tensor(x) for x in tensors]
  xs = []
  for entry, x in zip(case["x"], tensors):
    if x.requires_grad:
      entry["grad"] = True
      xs.append(x)
  case["y"] = [values.tensor(y) if isinstance(y, torch.Tensor)
               else {"value": plain(y, [])} for y in outputs]
  if xs:
    differentiate(case, outputs, xs, values, r.no_second)
  wider = r.wider or tolerance
  if wider["why"]:
    case["tolerance"] = {k: v for k, v in wider.items() if v}
  if r.packed:
    case["packed"] = r.packed
  return case


def make_family(family, options):
  module = spec.load(family)
  frozen = getattr(module, "FROZEN", [3, 1, 2])
  values, cases, faults = Values(), [], 0
  for name, count, fn, tolerance in list(spec.OPS):
    before = values.length
    # Frozen are few: 3 has an axis of size 0, large ones keep two.
    numbers = frozen if options.frozen else range(options.cases or count)
    for number in numbers:
      if number == 2 and options.frozen and values.length - before > 100:
        break
      seed = [options.seed, zlib.crc32(name.encode()), number]
      r = spec.Generator(seed, number, options.frozen)
      try:
        cases.append(make_case(name, fn, tolerance, r, values))
      except spec.Refused:
        pass
      except Exception as error:  # the spec is at fault: name it, go on
        print(f"generate: {family}, {name}, case {number}: "
              f"{type(error).__name__}: {reason(error)}", file=sys.stderr)
        faults += 1
  write(os.path.join(options.folder, family), values, cases)
  print(f"{family}: {len(cases)} cases of "
        f"{len({c['op'] for c in cases})} ops, {values.length} values")
  return faults


def write(path, values, cases):
  numpy.save(path + ".npy", numpy.concatenate(values.parts or [[]]))
  lines = [json.dumps(c, separators=(",", ":")) for c in cases]
  with open(path + ".json", "w", encoding="utf-8") as file:
    file.write("[\n" + ",\n".join(lines) + "\n]\n")


def resolves(name):
  value = torch
  for part in name.split(".")[1:]:
    value = getattr(value, part, None)
  return name.startswith("torch.") and value is not None


def check_names(options):
  missing = []
  with open(options.names, encoding="utf-8") as file:
    for line in file:
      ours, theirs = line.rstrip("\n").split("\t")
      if not resolves(theirs):
        missing.append({"op": ours, "torch": theirs})
  with open(os.path.join(options.folder, "names.json"), "w",
            encoding="utf-8") as file:
    json.dump({"missing": missing, "version": torch.__version__}, file)


def main():
  parser = argparse.ArgumentParser(description="Vectors from PyTorch.")
  parser.add_argument("folder")
  parser.add_argument("--seed", type=int, default=1)
  parser.add_argument("--cases", type=int, help="per op, not the spec's count")
  parser.add_argument("--family", action="append", help="only this; repeats")
  parser.add_argument("--names", help="file of op names and PyTorch's")
  parser.add_argument("--frozen", action="store_true")
  options = parser.parse_args()
  torch.set_num_threads(1)
  warnings.simplefilter("ignore", UserWarning)
  torch.set_default_dtype(torch.float64)
  here = os.path.dirname(os.path.abspath(__file__))
  families = sorted(f[5:-3] for f in os.listdir(here)
                    if f.startswith("spec_") and f.endswith(".py"))
  faults = sum(make_family(family, options)
               for family in options.family or families)
  if options.names:
    check_names(options)
  sys.exit(1 if faults else 0)


if __name__ == "__main__":
  main()
