"""What scripts/maf.lua trains on digits of 14 x 14, in PyTorch, written from
the papers alone (Papamakarios et al. 2017; Germain et al. 2015 for the masks):
as likely, on average over seeds, is what was held out.

    python3 maf.py DIGITS.npz SUMMARY.csv

SUMMARY.csv is what scripts/maf.lua wrote; models, updates and seeds are taken
from it. Prints each seed's nats and both means; ends badly where these are more
than two standard errors of their difference apart."""
import csv
import itertools
import math
import statistics
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

D, HIDDEN, LAYERS, COMPONENTS, BATCH = 196, 256, 5, 10, 100
DRAWS = 4  # of the noise within a level, to measure with


class Masked(nn.Linear):
    def __init__(self, mask):
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.float())

    def forward(self, x):
        return F.linear(x, self.weight * self.mask, self.bias)


def made(outputs):
    """`outputs` numbers for each of D, of those before it: [B, outputs D]."""
    places = torch.arange(1, D + 1)[:, None]
    units = 1 + torch.arange(HIDDEN)[:, None] * (D - 1) // HIDDEN
    last = (places > units.T).repeat(outputs, 1)
    return nn.Sequential(Masked(units >= places.T), nn.ReLU(),
                         Masked(units >= units.T), nn.ReLU(), Masked(last))


class Affine(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = made(2)

    def forward(self, x):
        t, s = self.net(x).chunk(2, 1)
        s = s.clamp(-5, 5)
        return x * s.exp() + t, s.sum(1)


class Norm(nn.Module):
    """By the batch in training, after it by the first one seen: all of what was
    trained on."""

    def __init__(self):
        super().__init__()
        self.s, self.t = (nn.Parameter(torch.zeros(D)) for _ in range(2))
        self.fixed = None

    def forward(self, x):
        mean, var = x.mean(0), x.var(0, unbiased=False)
        if not self.training:
            self.fixed = self.fixed or (mean, var)
            mean, var = self.fixed
        s = self.s - 0.5 * (var + 1e-5).log()
        return (x - mean) * s.exp() + self.t, s.sum()


def normal(x):
    return -0.5 * (x * x + math.log(2 * math.pi)).sum(1)


class Mixture(nn.Module):
    """Each number a mixture of Gaussians, given those before it; means begin
    apart by biases."""

    def __init__(self):
        super().__init__()
        self.net = made(3 * COMPONENTS)
        means = self.net[-1].bias[COMPONENTS * D:2 * COMPONENTS * D]
        with torch.no_grad():
            means += torch.randn(len(means))

    def forward(self, x):
        w, m, s = self.net(x).reshape(len(x), 3, COMPONENTS, D).unbind(1)
        s = s.clamp(-5, 5)
        e = (x[:, None] - m) * (-s).exp()
        each = w.log_softmax(1) - s - 0.5 * (e * e + math.log(2 * math.pi))
        return each.logsumexp(1).sum(1)


class Flow(nn.Module):
    """log p of rows: what each layer stretches, and the law at the end."""

    def __init__(self, layers, law):
        super().__init__()
        self.layers, self.law = nn.ModuleList(layers), law

    def forward(self, x):
        total = 0
        for layer in self.layers:
            x, more = layer(x)
            total = total + more
        return total + self.law(x)


class Reverse(nn.Module):
    def forward(self, x):
        return x.flip(1), 0


def layers(count):
    return [part for _ in range(count)
            for part in (Reverse(), Norm(), Affine())][1:]


BUILD = {"made": lambda: Flow(layers(1), normal),
         "maf": lambda: Flow(layers(LAYERS), normal),
         "made_mog": lambda: Flow([Norm()], Mixture())}


def reals(levels):
    """Noise within a level, then the logit of the papers."""
    y = (levels.float() + torch.rand(levels.shape)) / 256
    y = 1e-6 + (1 - 2e-6) * y
    return y.log() - (-y).log1p()


def batches(x):
    while True:
        order = torch.randperm(len(x)).split(BATCH)
        for rows in order[:len(x) // BATCH]:
            yield x[rows]


def held_out(kind, seed, updates, digits):
    torch.manual_seed(seed)
    train, held = (torch.from_numpy(digits[k]) for k in ("train", "held"))
    model = BUILD[kind]()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6)
    for x in itertools.islice(batches(train), updates):
        loss = -model(reals(x)).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad():
        model(reals(train))
        return statistics.mean(model(reals(held)).mean().item()
                               for _ in range(DRAWS))


def compared(kind, rows, digits):
    ours, theirs = [], []
    for row in rows:
        begin = time.perf_counter()
        ours.append(float(row["ll"]))
        theirs.append(held_out(kind, int(row["seed"]), int(row["steps"]),
                               digits))
        print("%-9s seed %s  Orrery %9.3f  PyTorch %9.3f  (%.0f s)"
              % (kind, row["seed"], ours[-1], theirs[-1],
                 time.perf_counter() - begin), flush=True)
    mean = [statistics.mean(v) for v in (ours, theirs)]
    error = [statistics.stdev(v) / math.sqrt(len(v)) for v in (ours, theirs)]
    apart, both = abs(mean[0] - mean[1]), math.hypot(*error)
    print("%-9s Orrery %.3f +- %.3f  PyTorch %.3f +- %.3f: %.2f standard "
          "errors apart" % (kind, mean[0], error[0], mean[1], error[1],
                            apart / both), flush=True)
    return apart <= 2 * both


def main():
    torch.set_num_threads(1)
    digits = np.load(sys.argv[1])
    with open(sys.argv[2]) as f:
        rows = [r for r in csv.DictReader(f) if r["status"] == "done"]
    kinds = sorted({r["model"] for r in rows})
    ok = [compared(k, [r for r in rows if r["model"] == k], digits)
          for k in kinds]
    sys.exit(0 if ok and all(ok) else 1)


main()
