"""The workloads of mlp.lua, images.lua and micro.lua in PyTorch, for run.py.

Each training workload builds its nets and returns one step. `style` says how:
foreach optimisers or not, channels-last or not; run.py takes the fastest.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn


class Style:
    def __init__(self, foreach=False, channels_last=False):
        self.foreach, self.channels_last = foreach, channels_last

    def put(self, thing):
        if not self.channels_last:
            return thing
        if isinstance(thing, nn.Module):
            return thing.to(memory_format=torch.channels_last)
        return thing.contiguous(memory_format=torch.channels_last)

    def adam(self, *nets, lr=1e-3, betas=(0.9, 0.999)):
        params = [p for net in nets for p in net.parameters()]
        return torch.optim.Adam(params, lr=lr, betas=betas,
                                foreach=self.foreach)


def mlp(*sizes, act=nn.ReLU):
    layers = []
    for i in range(len(sizes) - 1):
        layers.append(nn.Linear(sizes[i], sizes[i + 1]))
        if i < len(sizes) - 2:
            layers.append(act())
    return nn.Sequential(*layers)


def bce(logits, label):
    return F.binary_cross_entropy_with_logits(
        logits, torch.full_like(logits, float(label)))


def trainable(on, *nets):
    for net in nets:
        net.requires_grad_(on)


def minimize(opt, loss):
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()


def ring(n):
    angle = torch.randint(0, 8, (n,)) * (math.pi / 4)
    centres = torch.stack([2 * angle.cos(), 2 * angle.sin()], 1)
    return centres + 0.02 * torch.randn(n, 2)


# ------------------------------------------------------------- small nets

def vae_loss(mean, logvar, rec, beta):
    kl = -0.5 * (1 + logvar - mean * mean - logvar.exp()).sum()
    return (rec + beta * kl) / len(mean)


def sample(mean, logvar):
    return mean + (0.5 * logvar).exp() * torch.randn_like(mean)


def vae_mlp(style, n=128):
    x = torch.rand(n, 784)
    enc, to_mean, to_logvar = (nn.Linear(784, 400), nn.Linear(400, 20),
                               nn.Linear(400, 20))
    dec = mlp(20, 400, 784)
    opt = style.adam(enc, to_mean, to_logvar, dec)

    def step():
        h = enc(x).relu()
        mean, logvar = to_mean(h), to_logvar(h)
        rec = F.binary_cross_entropy_with_logits(
            dec(sample(mean, logvar)), x, reduction="sum")
        loss = vae_loss(mean, logvar, rec, 4)
        minimize(opt, loss)
        return loss
    return step


def ring_nets(n):
    return mlp(2, 128, 128, 2), mlp(2, 128, 128, 1), ring(n)


def gan_step(G, D, x, noise, og, od):
    def step():
        trainable(True, D)
        fake = G(noise())
        minimize(od, bce(D(x), 1) + bce(D(fake.detach()), 0))
        trainable(False, D)
        loss = bce(D(fake), 1)
        minimize(og, loss)
        return loss
    return step


def gan2d(style, n=512):
    G, D, x = ring_nets(n)
    return gan_step(G, D, x, lambda: torch.randn(n, 2), style.adam(G),
                    style.adam(D))


def wgan_gp2d(style, n=512):
    G, D, x = ring_nets(n)
    og = style.adam(G, lr=1e-4, betas=(0.5, 0.9))
    od = style.adam(D, lr=1e-4, betas=(0.5, 0.9))

    def step():
        trainable(True, D)
        for _ in range(5):
            with torch.no_grad():
                fake = G(torch.randn(n, 2))
            mix = torch.lerp(fake, x, torch.rand(n, 1)).requires_grad_()
            g, = torch.autograd.grad(D(mix).sum(), mix, create_graph=True)
            penalty = ((g.norm(2, dim=1) - 1) ** 2).mean()
            minimize(od, D(fake).mean() - D(x).mean() + 10 * penalty)
        trainable(False, D)
        loss = -D(G(torch.randn(n, 2))).mean()
        minimize(og, loss)
        return loss
    return step


def critic(p, h):
    for i in (0, 2, 4):
        h = F.linear(h, p[i], p[i + 1])
        if i < 4:
            h = h.relu()
    return h


def unrolled2d(style, n=512):
    G, D, x = ring_nets(n)
    og, od = style.adam(G), style.adam(D)

    def step():
        fake, p = G(torch.randn(n, 2)), list(D.parameters())
        for _ in range(5):
            loss = bce(critic(p, x), 1) + bce(critic(p, fake), 0)
            g = torch.autograd.grad(loss, p, create_graph=True)
            p = [w - 1e-2 * d for w, d in zip(p, g)]
        loss = bce(critic(p, fake), 1)
        own = list(G.parameters())
        for w, d in zip(own, torch.autograd.grad(loss, own)):
            w.grad = d
        og.step()
        minimize(od, bce(D(x), 1) + bce(D(fake.detach()), 0))
        return loss
    return step


class MaskedLinear(nn.Linear):
    def __init__(self, a, b, mask):
        super().__init__(a, b)
        self.register_buffer("mask", mask)

    def forward(self, x):
        return F.linear(x, self.weight * self.mask, self.bias)


def made(d, hidden):
    enter, inner = torch.arange(1, d + 1), torch.randint(1, d, (hidden,))
    out_mask = (enter.unsqueeze(1) > inner).float()
    last = MaskedLinear(hidden, 2 * d, torch.cat([out_mask, out_mask]))
    with torch.no_grad():
        last.weight.mul_(0.05)
    first = MaskedLinear(d, hidden, (inner.unsqueeze(1) >= enter).float())
    return nn.Sequential(first, nn.ReLU(), last)


def maf(style, n=128, d=784):
    blocks = nn.ModuleList([made(d, 1024) for _ in range(5)])
    opt, x = style.adam(blocks, lr=1e-4), torch.randn(n, d)

    def step():
        u, logdet = x, 0
        for block in blocks:
            m, a = block(u).chunk(2, 1)
            u = ((u - m) * (-a).exp()).flip(1)
            logdet = logdet - a.sum(1)
        loss = (0.5 * (u * u).sum(1) - logdet).mean()
        minimize(opt, loss)
        return loss
    return step


def inverted(u, w1, b1, w2, b2):
    """x of one block's u: a whole pass for each number, masks multiplied in."""
    x, d = torch.zeros_like(u), u.shape[1]
    for i in range(d):
        m = F.linear(F.linear(x, w1, b1).relu(), w2, b2)
        x[:, i] = u[:, i] * m[:, d + i].exp() + m[:, i]
    return x


def maf_sample(style, n=100, d=784):
    del style  # nothing here has one
    nets = [made(d, 1024) for _ in range(5)]
    folded = [[t.detach() for layer in (net[0], net[2])
               for t in (layer.weight * layer.mask, layer.bias)]
              for net in nets]

    def draw():
        with torch.no_grad():
            u = torch.randn(n, d)
            for block in reversed(folded):
                u = inverted(u.flip(1), *block)
            return u
    return draw


# ------------------------------------------------------------------ images

def vae_conv(style, n=128):
    x = style.put(torch.rand(n, 1, 28, 28))
    enc = style.put(nn.Sequential(
        nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1),
        nn.ReLU(), nn.Flatten(), nn.Linear(3136, 16), nn.ReLU()))
    to_mean, to_logvar = nn.Linear(16, 2), nn.Linear(16, 2)
    dec = style.put(nn.Sequential(
        nn.Linear(2, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 64, 3, 2, 1, 1), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 3, 1, 1), nn.Sigmoid()))
    opt = style.adam(enc, to_mean, to_logvar, dec)

    def step():
        h = enc(x)
        mean, logvar = to_mean(h), to_logvar(h)
        rec = F.binary_cross_entropy(dec(sample(mean, logvar)), x,
                                     reduction="sum")
        loss = vae_loss(mean, logvar, rec, 1)
        minimize(opt, loss)
        return loss
    return step


def images(style, n, c, size):
    return style.put(torch.rand(n, c, size, size) * 2 - 1)


def dcgan28(style, n=64):
    G = style.put(nn.Sequential(
        nn.Linear(100, 256 * 49, bias=False), nn.Unflatten(1, (256, 7, 7)),
        nn.BatchNorm2d(256), nn.ReLU(),
        nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128),
        nn.ReLU(), nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 1, 3, 1, 1), nn.Tanh()))
    D = style.put(nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(128 * 49, 1)))
    return gan_step(G, D, images(style, n, 1, 28),
                    lambda: torch.randn(n, 100),
                    style.adam(G, lr=2e-4, betas=(0.5, 0.999)),
                    style.adam(D, lr=2e-4, betas=(0.5, 0.999)))


class Residual(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return x + self.body(x)


def resnet_generator(f):
    def act(c):
        return [nn.InstanceNorm2d(c), nn.ReLU(True)]

    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, f, 7)] + act(f)
    for c in (f, 2 * f):
        layers += [nn.Conv2d(c, 2 * c, 3, 2, 1)] + act(2 * c)
    c = 4 * f
    for _ in range(6):
        layers.append(Residual(nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), *act(c),
            nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c))))
    for a in (4 * f, 2 * f):
        layers += [nn.ConvTranspose2d(a, a // 2, 3, 2, 1, 1)] + act(a // 2)
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(f, 3, 7), nn.Tanh()]
    return nn.Sequential(*layers)


def patch_discriminator(channels, f):
    layers = [nn.Conv2d(channels, f, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for a, b, stride in ((f, 2 * f, 2), (2 * f, 4 * f, 2), (4 * f, 8 * f, 1)):
        layers += [nn.Conv2d(a, b, 4, stride, 1), nn.InstanceNorm2d(b),
                   nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * f, 1, 4, 1, 1))


def mse_to(x, target):
    return ((x - target) ** 2).mean()


def cyclegan(style, size, f):
    A, B = (style.put(resnet_generator(f)) for _ in range(2))
    DA, DB = (style.put(patch_discriminator(3, f)) for _ in range(2))
    a, b = (images(style, 1, 3, size) for _ in range(2))
    og = style.adam(A, B, lr=2e-4, betas=(0.5, 0.999))
    od = style.adam(DA, DB, lr=2e-4, betas=(0.5, 0.999))

    def step():
        trainable(False, DA, DB)
        fb, fa = A(a), B(b)
        loss = (mse_to(DB(fb), 1) + mse_to(DA(fa), 1)
                + 10 * (F.l1_loss(B(fb), a) + F.l1_loss(A(fa), b))
                + 5 * (F.l1_loss(A(b), b) + F.l1_loss(B(a), a)))
        minimize(og, loss)
        trainable(True, DA, DB)
        fa, fb = fa.detach(), fb.detach()
        minimize(od, 0.5 * (mse_to(DA(a), 1) + mse_to(DA(fa), 0)
                            + mse_to(DB(b), 1) + mse_to(DB(fb), 0)))
        return loss
    return step


def cyclegan64(style):
    return cyclegan(style, 64, 32)


def cyclegan128(style):
    return cyclegan(style, 128, 64)


class UNetBlock(nn.Module):
    def __init__(self, outer, inner, sub=None, outermost=False, channels=None,
                 dropout=False):
        super().__init__()
        layers = [nn.Conv2d(channels or outer, inner, 4, 2, 1)]
        if not outermost:
            layers.insert(0, nn.LeakyReLU(0.2))
            if sub:
                layers.append(nn.BatchNorm2d(inner))
        if sub:
            layers.append(sub)
        layers += [nn.ReLU(), nn.ConvTranspose2d(inner * 2 if sub else inner,
                                                 outer, 4, 2, 1)]
        layers.append(nn.Tanh() if outermost else nn.BatchNorm2d(outer))
        if dropout:
            layers.append(nn.Dropout(0.5))
        self.body, self.outermost = nn.Sequential(*layers), outermost

    def forward(self, x):
        y = self.body(x)
        return y if self.outermost else torch.cat([x, y], 1)


def pix2pix64(style, f=32):
    net = UNetBlock(8 * f, 8 * f)
    net = UNetBlock(8 * f, 8 * f, net, dropout=True)
    for outer in (4 * f, 2 * f, f):
        net = UNetBlock(outer, 2 * outer, net)
    G = style.put(UNetBlock(3, f, net, outermost=True, channels=3))
    D = style.put(patch_discriminator(6, f))
    a, b = (images(style, 1, 3, 64) for _ in range(2))
    og = style.adam(G, lr=2e-4, betas=(0.5, 0.999))
    od = style.adam(D, lr=2e-4, betas=(0.5, 0.999))

    def step():
        fake = G(a)
        trainable(True, D)
        minimize(od, 0.5 * (bce(D(torch.cat([a, fake.detach()], 1)), 0)
                            + bce(D(torch.cat([a, b], 1)), 1)))
        trainable(False, D)
        loss = (bce(D(torch.cat([a, fake], 1)), 1)
                + 100 * F.l1_loss(fake, b))
        minimize(og, loss)
        return loss
    return step


class Synthesis(nn.Module):
    def __init__(self, c, w, upsample):
        super().__init__()
        self.upsample = upsample
        self.conv = nn.ModuleList(nn.Conv2d(c, c, 3, 1, 1) for _ in range(2))
        self.style = nn.ModuleList(nn.Linear(w, 2 * c) for _ in range(2))
        self.strength = nn.ParameterList(
            nn.Parameter(torch.zeros(1, c, 1, 1)) for _ in range(2))

    def forward(self, x, w):
        if self.upsample:
            x = F.interpolate(x, scale_factor=2)
        for conv, style, s in zip(self.conv, self.style, self.strength):
            x = conv(x)
            noise = torch.randn(len(x), 1, *x.shape[2:])
            x = F.leaky_relu(x + s * noise, 0.2)
            scale, shift = style(w)[..., None, None].chunk(2, 1)
            x = F.instance_norm(x) * (1 + scale) + shift
        return x


class StyleGenerator(nn.Module):
    def __init__(self, style, c, w):
        super().__init__()
        self.how = style
        self.map = nn.Sequential(mlp(*[w] * 9, act=lambda: nn.LeakyReLU(0.2)),
                                 nn.LeakyReLU(0.2))
        self.const = nn.Parameter(torch.randn(1, c, 4, 4))
        self.blocks = nn.ModuleList(Synthesis(c, w, i > 0) for i in range(4))
        self.rgb = nn.Conv2d(c, 3, 1)

    def forward(self, z):
        w = self.map(z * ((z * z).mean(1, keepdim=True) + 1e-8).rsqrt())
        x = self.how.put(self.const.expand(len(z), -1, -1, -1))
        for block in self.blocks:
            x = block(x, w)
        return self.rgb(x)


def stylegan_small(style, n=16, c=64, w=256):
    G = style.put(StyleGenerator(style, c, w))
    D = style.put(nn.Sequential(
        nn.Conv2d(3, c, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(c, c, 4, 2, 1),
        nn.LeakyReLU(0.2), nn.Conv2d(c, c, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(c * 16, 1)))
    return gan_step(G, D, images(style, n, 3, 32), lambda: torch.randn(n, w),
                    style.adam(G, betas=(0, 0.99)),
                    style.adam(D, betas=(0, 0.99)))


MLP = [vae_mlp, gan2d, wgan_gp2d, unrolled2d, maf]
CONV = [vae_conv, dcgan28, pix2pix64, cyclegan64, cyclegan128, stylegan_small]


# --------------------------------------------------------- single operations

def micro():
    """name -> (function, calls of the thing in it)."""
    a, b = torch.randn(16), torch.randn(16)
    leaf, one = a.clone().requires_grad_(), torch.ones(16)
    big = torch.randn(1 << 22)
    big_leaf, big_one = big.clone().requires_grad_(), torch.ones(1 << 22)
    rows = torch.randn(4096, 1024)
    cases = {}

    def many(x):
        def run():
            for _ in range(500):
                x + b
        return run

    def chain():
        y = leaf
        for _ in range(100):
            y = y * b
        torch.autograd.grad(y, leaf, one)

    def curve(x):
        return (torch.sigmoid(1.3 * x + 0.1) * torch.tanh(x)
                + torch.exp(-x * x))

    cases["op_small"] = many(a), 500
    cases["op_small taped"] = many(leaf), 500
    cases["op_small chain"] = chain, 100
    cases["ewise_big"] = lambda: curve(big), 1
    cases["ewise_big backward"] = lambda: torch.autograd.grad(
        curve(big_leaf), big_leaf, big_one), 1
    cases["sum"] = lambda: rows.sum(), 1
    cases["softmax"] = lambda: torch.softmax(rows, 1), 1
    for n in (128, 512, 2048):
        x, y, out = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
        calls = max(1, int(1e8 / (2 * n ** 3)))

        def product(x=x, y=y, out=out, calls=calls):
            for _ in range(calls):
                torch.mm(x, y, out=out)
        cases["sgemm %d" % n] = product, calls
    return cases


def large_matrices():
    x = torch.randn(10000, 2048, dtype=torch.float64)
    s = x[:4096].T @ x[:4096] / 4096

    def root():
        w, q = torch.linalg.eigh(s)
        return (q * w.clamp_min(0).sqrt()) @ q.T

    def covariance():
        y = x - x.mean(0)
        return y.T @ y / (len(y) - 1)
    return {"sqrtm 2048": (root, 1), "covariance 10000x2048": (covariance, 1)}
