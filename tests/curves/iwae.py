"""The VAE that iwae.lua trained, in PyTorch, written from the paper alone (Burda,
Grosse & Salakhutdinov 2016, one stochastic layer): from the same weights, over
the same images and noise, the same learning curve.

    python3 iwae.py WRITTEN.npz

Prints both curves, in nats; ends badly where they are more than 1 % apart, or
the first 100 losses more than one in 10,000."""
import math
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def mlp(*sizes):
    layers = []
    for a, b in zip(sizes, sizes[1:]):
        layers += [nn.Linear(a, b), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class Model(nn.Module):
    def __init__(self, hidden=200, latent=50):
        super().__init__()
        self.encoder = mlp(784, hidden, hidden, 2 * latent)
        self.decoder = mlp(latent, hidden, hidden, 784)

    def log_weights(self, x, eps):
        """log p(x, z) / q(z | x) of draws with this noise, [k, B]."""
        mean, logvar = self.encoder(x).chunk(2, -1)
        z = mean + (logvar / 2).exp() * eps
        # log p(z) - log q(z | x); the constants cancel.
        ratio = ((logvar + eps ** 2 - z ** 2) / 2).sum(-1)
        logits = self.decoder(z)
        return ratio - F.binary_cross_entropy_with_logits(
            logits, x.expand_as(logits), reduction="none").sum(-1)

    def bound(self, x, eps):
        """-L_k, the mean over x."""
        return math.log(len(eps)) - self.log_weights(x, eps).logsumexp(0).mean()


def loaded(written):
    """The model with the initial weights. Ours count layers from 1, after one
    that flattens."""
    model = Model()
    with torch.no_grad():
        for name, p in model.named_parameters():
            part, layer, kind = name.split(".")
            p.copy_(torch.from_numpy(written[f"{part}.{int(layer) + 2}.{kind}"]))
    return model


def trained(model, written):
    opt = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-4)
    losses = []
    for x, eps in zip(written["images"], written["noise"]):
        loss = model.bound(torch.from_numpy(x).float(), torch.from_numpy(eps)[None])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return np.array(losses)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    written = dict(np.load(sys.argv[1]))
    model, ours = loaded(written), written["losses"]
    theirs = trained(model, written)
    print(f"{'updates':>8}  {'PyTorch':>8}  {'Orrery':>8}  apart")
    rows = [(f"{len(a) * (i + 1):>8}", a.mean(), b.mean()) for i, (a, b) in
            enumerate(zip(np.array_split(theirs, 6), np.array_split(ours, 6)))]
    held = torch.from_numpy(written["held"]).float()
    with torch.no_grad():
        bound = np.mean([model.bound(x, torch.randn(50, len(x), 50)).item()
                         for x in held.split(20)])
    rows.append(("held out", bound, written["bound"][0]))
    apart = [abs(b / a - 1) for _, a, b in rows]
    for (name, a, b), gap in zip(rows, apart):
        print(f"{name:>8}  {a:8.3f}  {b:8.3f}  {gap:.4%}")
    first = np.abs(ours[:100] / theirs[:100] - 1).max()
    print(f"the first 100 losses at most {first:.1e} apart")
    sys.exit(1 if max(apart) > 0.01 or first > 1e-4 else 0)


main()
