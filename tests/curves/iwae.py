"""The VAE of scripts/iwae.lua in PyTorch, written from the paper alone (Burda,
Grosse & Salakhutdinov 2016, one stochastic layer): its learning curve.

    python3 iwae.py MNIST_FOLDER OUT.csv --steps 15000 --every 3000 [--k 1]

OUT.csv has a line "step,name,value" for each curve and mark, in nats: the mean
of the loss since the mark before, and the bounds of 1 and 50 draws on the
first test images, binarised once.
"""
import argparse
import gzip
import math
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def images(folder, name):
    with gzip.open(os.path.join(folder, name + "-images-idx3-ubyte.gz")) as f:
        raw = np.frombuffer(f.read(), np.uint8, offset=16)
    return torch.from_numpy(raw.reshape(-1, 784).astype(np.float32) / 255)


def mlp(*sizes):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        linear = nn.Linear(a, b)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class Model(nn.Module):
    def __init__(self, hidden=200, latent=50):
        super().__init__()
        self.encoder = mlp(784, hidden, hidden, 2 * latent)
        self.decoder = mlp(latent, hidden, hidden, 784)

    def log_weights(self, x, k):
        """log p(x, z) / q(z | x) of k draws, [k, B]."""
        mean, logvar = self.encoder(x).chunk(2, -1)
        eps = torch.randn(k, *mean.shape)
        z = mean + (logvar / 2).exp() * eps
        # log p(z) - log q(z | x); the constants cancel.
        ratio = ((logvar + eps ** 2 - z ** 2) / 2).sum(-1)
        logits = self.decoder(z)
        return ratio - F.binary_cross_entropy_with_logits(
            logits, x.expand_as(logits), reduction="none").sum(-1)

    def bound(self, x, k):
        """-L_k, the mean over x."""
        return math.log(k) - self.log_weights(x, k).logsumexp(0).mean()


def measured(model, held, k):
    with torch.no_grad():
        return np.mean([model.bound(x, k).item() for x in held.split(20)])


def main():
    o = argparse.ArgumentParser()
    o.add_argument("folder")
    o.add_argument("out")
    for name, value in dict(steps=15000, every=3000, k=1, seed=1, held=1000).items():
        o.add_argument("--" + name, type=int, default=value)
    o = o.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(o.seed)
    train, held = images(o.folder, "train"), images(o.folder, "t10k")[:o.held]
    held = torch.bernoulli(held)
    model = Model()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-4)
    order, total = torch.randperm(len(train)), 0.0
    with open(o.out, "w") as out:
        for step in range(1, o.steps + 1):
            at = (step - 1) * 20 % len(train)
            if at == 0:
                order = torch.randperm(len(train))
            loss = model.bound(torch.bernoulli(train[order[at:at + 20]]), o.k)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
            if step % o.every == 0:
                for name, value in (("training loss", total / o.every),
                                    ("held-out -L1", measured(model, held, 1)),
                                    ("held-out -L50", measured(model, held, 50))):
                    out.write(f"{step},{name},{value:.6f}\n")
                out.flush()
                total = 0.0


main()
