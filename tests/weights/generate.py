"""Writes networks trained a little in PyTorch: their state_dict, inputs and
outputs, for nets.lua to give the same from.

    python3 generate.py FOLDER [SEED]      both formats
    python3 generate.py FOLDER --frozen    one format each, what the tests use
    python3 generate.py FOLDER --back      loads what nets.lua saved there

NAME.safetensors, NAME.npz  the state_dict, float32
NAME.data.npz               in.I, eval.I and train.I: inputs and outputs of
                            both modes, after.BUFFER: a training forward's
                            effect, all computed in float64
"""
import json
import os
import struct
import sys

import numpy as np
import torch

from nets import nets

TYPES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.uint8: "U8"}


def write_safetensors(path, tensors):
    """By the format's description alone: length, JSON, data without gaps."""
    header, data, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name, t in tensors.items():
        raw = t.contiguous().numpy().tobytes()
        header[name] = {"dtype": TYPES[t.dtype], "shape": list(t.shape),
                        "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def read_safetensors(path):
    with open(path, "rb") as f:
        raw = f.read()
    (n,) = struct.unpack("<Q", raw[:8])
    kinds = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "U8": np.uint8}
    tensors = {}
    for name, e in json.loads(raw[8:8 + n]).items():
        if name != "__metadata__":
            begin, end = e["data_offsets"]
            values = np.frombuffer(raw[8 + n + begin:8 + n + end], kinds[e["dtype"]])
            tensors[name] = torch.from_numpy(values.reshape(e["shape"]).copy())
    return tensors


def shake(model, inputs, g):
    """Makes every number of the state say something: normalisations that are
    not at their defaults, running averages of real batches."""
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=g) * 0.2)
    model.train()
    for _ in range(3):
        model(*inputs)


def in_double(tensors):
    return [t.double() if t.is_floating_point() else t for t in tensors]


def outputs(model, inputs, prefix):
    with torch.no_grad():
        y = model(*inputs)
    y = y if isinstance(y, tuple) else (y,)
    return {f"{prefix}.{i}": t.numpy() for i, t in enumerate(y)}


def make(folder, name, seed, kinds):
    kind, makers, repeatable = nets[name]
    g = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = kind()
    inputs = [maker(g) for maker in makers]
    shake(model, inputs, g)
    state = {k: v.detach().clone() for k, v in model.state_dict().items()}
    if "safetensors" in kinds:
        write_safetensors(f"{folder}/{name}.safetensors", state)
    if "npz" in kinds:
        np.savez_compressed(f"{folder}/{name}.npz", **{k: v.numpy() for k, v in state.items()})
    model, inputs = model.double(), in_double(inputs)
    data = {f"in.{i}": t.numpy() for i, t in enumerate(inputs)}
    data.update(outputs(model.eval(), inputs, "eval"))
    if repeatable:
        data.update(outputs(model.train(), inputs, "train"))
        for key, value in model.named_buffers():
            if value.is_floating_point():
                data[f"after.{key}"] = value.numpy()
    np.savez_compressed(f"{folder}/{name}.data.npz", **data)


def check_back(folder, name):
    """What nets.lua saved must load strictly and give the same outputs."""
    kind, makers, _ = nets[name]
    data = np.load(f"{folder}/{name}.data.npz")
    inputs = [torch.from_numpy(data[f"in.{i}"]) for i in range(len(makers))]
    for ending in "safetensors", "npz":
        path = f"{folder}/back/{name}.{ending}"
        if ending == "npz":
            tensors = {k: torch.from_numpy(v) for k, v in np.load(path).items()}
        else:
            tensors = read_safetensors(path)
        model = kind()
        model.load_state_dict(tensors)
        for key, value in outputs(model.double().eval(), inputs, "eval").items():
            worst = np.abs(value - data[key]).max()
            if worst > 1e-10:
                sys.exit(f"{path}: {key} is off by {worst:g}")
    print(f"{name}: loads in PyTorch, from both formats")


def main():
    folder, option = sys.argv[1], (sys.argv[2:] + ["1"])[0]
    for i, name in enumerate(nets):
        if option == "--back":
            check_back(folder, name)
        elif option == "--frozen":
            make(folder, name, 100 + i, ["npz" if i % 3 == 2 else "safetensors"])
        else:
            make(folder, name, 1000 * int(option) + i, ["safetensors", "npz"])


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
