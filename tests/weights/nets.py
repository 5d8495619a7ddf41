"""The networks of tests/weights, in PyTorch; nets.lua has the same ones.

Each entry of `nets` gives a module and, from a generator of random numbers,
the tensors its forward takes. Widths are small, so that the files are.
"""
import torch
from torch import nn
import torch.nn.functional as F

spectral = nn.utils.spectral_norm


class MlpVae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 6))
        self.decoder = nn.Sequential(nn.Linear(3, 10), nn.ReLU(), nn.Linear(10, 12))

    def forward(self, x, noise):
        mean, logvar = self.encoder(x).chunk(2, -1)
        return self.decoder(mean + torch.exp(0.5 * logvar) * noise), mean, logvar


class ConvVae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2),
            nn.Conv2d(4, 6, 4, 2, 1), nn.BatchNorm2d(6), nn.LeakyReLU(0.2),
            nn.Flatten())
        self.mean, self.logvar = nn.Linear(24, 3), nn.Linear(24, 3)
        self.decoder = nn.Sequential(
            nn.Linear(3, 24), nn.BatchNorm1d(24), nn.ReLU(),
            nn.Unflatten(1, (6, 2, 2)),
            nn.ConvTranspose2d(6, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.ReLU(),
            nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Sigmoid())

    def forward(self, x, noise):
        h = self.encoder(x)
        mean, logvar = self.mean(h), self.logvar(h)
        return self.decoder(mean + torch.exp(0.5 * logvar) * noise), mean, logvar


class DcganGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(5, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
            nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(True),
            nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, z):
        return self.main(z)


class DcganDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, 4, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(4, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, 1, 4, 1, 0, bias=False))

    def forward(self, x):
        return self.main(x).view(-1)


class SpectralCritic(nn.Module):
    """Spectral normalisation on every kind of layer, one step per forward."""

    def __init__(self):
        super().__init__()
        self.body = nn.ModuleList([
            spectral(nn.Conv2d(2, 4, 3, 2, 1)), spectral(nn.ConvTranspose2d(4, 3, 4, 2, 1))])
        self.score = spectral(nn.Linear(3 * 6 * 6, 1))

    def forward(self, x):
        for layer in self.body:
            x = F.leaky_relu(layer(x), 0.1)
        return self.score(x.flatten(1))


class ResnetBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(dim, dim, 3), nn.InstanceNorm2d(dim), nn.ReLU(True),
            nn.ReflectionPad2d(1), nn.Conv2d(dim, dim, 3), nn.InstanceNorm2d(dim))

    def forward(self, x):
        return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
    """CycleGAN's generator."""

    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, 3, 7), nn.InstanceNorm2d(3), nn.ReLU(True),
            nn.Conv2d(3, 6, 3, 2, 1), nn.InstanceNorm2d(6), nn.ReLU(True),
            ResnetBlock(6), ResnetBlock(6),
            nn.ConvTranspose2d(6, 3, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(3),
            nn.ReLU(True),
            nn.ReflectionPad2d(3), nn.Conv2d(3, 3, 7), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class UnetBlock(nn.Module):
    """One level of pix2pix's generator: down, what lies inside, up, and the
    input beside it."""

    def __init__(self, outer, inner, inside=None, outermost=False, dropout=False):
        super().__init__()
        self.outermost = outermost
        down = [nn.Conv2d(outer, inner, 4, 2, 1, bias=False)]
        if not outermost:
            down.insert(0, nn.LeakyReLU(0.2))
            if inside:
                down.append(nn.BatchNorm2d(inner))
        up = [nn.ReLU(), nn.ConvTranspose2d(inner * 2 if inside else inner, outer, 4, 2, 1,
                                            bias=outermost)]
        up.append(nn.Tanh() if outermost else nn.BatchNorm2d(outer))
        if dropout:
            up.append(nn.Dropout(0.5))
        self.model = nn.Sequential(*down, *([inside] if inside else []), *up)

    def forward(self, x):
        y = self.model(x)
        return y if self.outermost else torch.cat([x, y], 1)


class UnetGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        block = UnetBlock(8, 8)
        block = UnetBlock(4, 8, block, dropout=True)
        self.model = UnetBlock(3, 4, block, outermost=True)

    def forward(self, x):
        return self.model(x)


class StyleBlock(nn.Module):
    """A block of StyleGAN2's generator: nearest-neighbour upsampling, a
    modulated and demodulated convolution, noise, and a modulated 1 x 1 to RGB."""

    def __init__(self):
        super().__init__()
        self.affine, self.rgb_affine = nn.Linear(6, 4), nn.Linear(6, 5)
        self.weight = nn.Parameter(torch.randn(5, 4, 3, 3))
        self.bias = nn.Parameter(torch.randn(5))
        self.noise_strength = nn.Parameter(torch.randn([]))
        self.rgb_weight = nn.Parameter(torch.randn(3, 5, 1, 1))
        self.register_buffer("resample_filter", torch.tensor([1.0, 3.0, 3.0, 1.0]))

    @staticmethod
    def modulated(x, weight, style, demodulate, padding):
        w = weight[None] * style[:, None, :, None, None]
        if demodulate:
            w = w * torch.rsqrt(w.square().sum((2, 3, 4), keepdim=True) + 1e-8)
        n = x.shape[0]
        y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), w.flatten(0, 1), padding=padding, groups=n)
        return y.reshape(n, -1, *y.shape[2:])

    def forward(self, x, w, noise):
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        y = self.modulated(x, self.weight, self.affine(w), True, 1)
        y = y + self.noise_strength * noise + self.bias[:, None, None]
        y = F.leaky_relu(y, 0.2) * 2 ** 0.5
        return y, self.modulated(y, self.rgb_weight, self.rgb_affine(w), False, 0)


class Conditional(nn.Module):
    """Labels, and the normalisations and activations the others leave out."""

    def __init__(self):
        super().__init__()
        self.label = nn.Embedding(5, 4)
        self.head = nn.utils.weight_norm(nn.Linear(7, 16))
        self.body = nn.Sequential(
            nn.LayerNorm(16), nn.PReLU(16), nn.Unflatten(1, (4, 2, 2)), nn.Conv2d(4, 4, 1),
            nn.GroupNorm(2, 4), nn.SiLU(), nn.Upsample(scale_factor=2),
            nn.ConvTranspose2d(4, 4, 2, 2, groups=2), nn.InstanceNorm2d(4, affine=True), nn.GELU(),
            nn.Conv2d(4, 2, 3, padding=2, dilation=2))

    def forward(self, z, label):
        return self.body(self.head(torch.cat([z, self.label(label)], 1)))


class SketchRnn(nn.Module):
    """A sketch VAE: an encoder in both directions, a decoder that is told the
    code at each step, and a cell that goes on from its last state."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
        self.code = nn.Linear(8, 2)
        self.decoder = nn.GRU(5, 4, batch_first=True)
        self.plain = nn.RNN(4, 3, nonlinearity="relu", bias=False)
        self.lstm = nn.LSTM(3, 4, proj_size=3)
        self.cell, self.gates = nn.LSTMCell(3, 4), nn.GRUCell(3, 4)

    def forward(self, x):
        y, (h, c) = self.encoder(x)
        code = self.code(torch.cat([h[-2], h[-1]], -1))
        steps = torch.cat([x, code.expand(len(x), -1, -1)], -1)
        z, last = self.decoder(steps.transpose(0, 1))
        w, (p, _) = self.lstm(self.plain(z.transpose(0, 1))[0])
        h, c = self.cell(w[-1], (last[0], c[0]))
        return code, z, p, self.gates(w[0], h), c


class Translator(nn.Module):
    """A transformer that may not look ahead, and attention with sizes of its
    own."""

    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(7, 8)
        self.body = nn.Transformer(8, 2, 2, 1, 12, dropout=0.0)
        layer = nn.TransformerEncoderLayer(8, 4, 10, 0.0, "gelu", batch_first=True, norm_first=True)
        self.more = nn.TransformerEncoder(layer, 2)
        self.look = nn.MultiheadAttention(8, 2, kdim=3, vdim=5, add_bias_kv=True)

    def forward(self, source, target, keys, values):
        ahead = torch.ones(3, 3, dtype=torch.bool).triu(1)
        y = self.body(self.word(source), self.word(target), tgt_mask=ahead,
                      src_key_padding_mask=(source == 0).t())
        y = self.more(y.transpose(0, 1)).transpose(0, 1)
        return self.look(y, keys, values)


def normal(*shape):
    return lambda g: torch.randn(*shape, generator=g)


def labels(n, count):
    return lambda g: torch.randint(count, (n,), generator=g)


def words(length, n):
    """The first of each sentence is no padding."""
    def make(g):
        sentence = torch.randint(7, (length, n), generator=g)
        sentence[0] = 1
        return sentence
    return make


# name: class, makers of inputs, whether a forward in training is repeatable.
nets = {
    "mlp_vae": (MlpVae, [normal(3, 12), normal(3, 3)], True),
    "conv_vae": (ConvVae, [normal(3, 1, 8, 8), normal(3, 3)], True),
    "dcgan_generator": (DcganGenerator, [normal(2, 5, 1, 1)], True),
    "dcgan_discriminator": (DcganDiscriminator, [normal(3, 3, 16, 16)], True),
    "spectral_critic": (SpectralCritic, [normal(2, 2, 6, 6)], True),
    "resnet_generator": (ResnetGenerator, [normal(1, 3, 8, 8)], True),
    "unet_generator": (UnetGenerator, [normal(2, 3, 16, 16)], False),
    "style_block": (StyleBlock, [normal(2, 4, 3, 3), normal(2, 6), normal(2, 1, 6, 6)], True),
    "conditional": (Conditional, [normal(4, 3), labels(4, 5)], True),
    "sketch_rnn": (SketchRnn, [normal(5, 2, 3)], True),
    "translator": (Translator, [words(4, 2), words(3, 2), normal(4, 2, 3), normal(4, 2, 5)], True),
}
