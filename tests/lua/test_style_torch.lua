--- Style-based nets beside the same ones written in PyTorch: images, what D
--- says of them, and gradients of both players' losses by every weight.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local python = require "orrery.testing.python"
local gan, style = orrery.gan, orrery.style

-- Written from the papers, of tensors by their names; conventions that differ
-- are PyTorch's: interpolate's bilinear, padding by "replicate".
local program = [=[
import math, numpy, torch
import torch.nn.functional as F

def read(name):
    with numpy.load(name) as z:
        return {k: torch.from_numpy(z[k]).clone() for k in z.files}

def linear(p, name, x, gain=1.0, rate=1.0):
    w, b = p[name + ".weight"], p[name + ".bias"]
    return x @ (w * (gain / math.sqrt(w.shape[1]) * rate)).t() + b * rate

def conv(p, name, x, gain=1.0, pad=1):
    w = p[name + ".weight"]
    return F.conv2d(x, w * (gain / math.sqrt(w[0].numel())),
                    p.get(name + ".bias"), padding=pad)

def lrelu(x): return F.leaky_relu(x, 0.2)
def channel(v): return v.reshape(1, -1, 1, 1)

def double(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear",
                         align_corners=False)

def halve(x):
    k = torch.tensor([1., 3., 3., 1.], dtype=x.dtype) / 8
    k = (k[:, None] * k[None, :]).expand(x.shape[1], 1, 4, 4)
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(x, k, stride=2, groups=x.shape[1])

def mapping(p, z, version):
    x = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for i in (1, 2):
        x = lrelu(linear(p, "mapping.layers.%d" % i, x,
                         math.sqrt(2) if version == 1 else 1, 0.1))
        if version == 2: x = x * math.sqrt(2)
    return x

def first(p, ws, noise):
    x = p["constant"].expand(ws.shape[0], -1, -1, -1)
    for l in (1, 2, 3, 4):
        name = "synthesis.%d" % l
        if l == 3: x = double(x)
        if l > 1: x = conv(p, name + ".conv", x, math.sqrt(2))
        x = x + noise[l - 1] * channel(p[name + ".strength"])
        x = lrelu(x + channel(p[name + ".bias"]))
        y = linear(p, name + ".affine", ws[:, l - 1])
        c = x.shape[1]
        x = F.instance_norm(x, eps=1e-8)
        x = x * (1 + y[:, :c, None, None]) + y[:, c:, None, None]
    return conv(p, "heads.side8", x, pad=0)

def modulated(p, name, x, w, plain):
    k = p[name + ".weight"]
    s = linear(p, name + ".affine", w)
    out = []
    for n in range(x.shape[0]):  # one image after another, as the paper says
        own = k / math.sqrt(k[0].numel()) * s[n].reshape(1, -1, 1, 1)
        if not plain:
            own = own / (own.square().sum((1, 2, 3), keepdim=True)
                         + 1e-8).sqrt()
        out.append(F.conv2d(x[n:n + 1], own, padding=0 if plain else 1))
    return torch.cat(out)

def second(p, ws, noise):
    x = p["constant"].expand(ws.shape[0], -1, -1, -1)
    image, at = None, 0
    for side, layers in ((4, (1,)), (8, (2, 3))):
        for l in layers:
            name = "synthesis.%d" % l
            if l == 2: x = double(x)
            x = modulated(p, name, x, ws[:, l - 1], False)
            x = x + noise[l - 1] * p[name + ".strength"]
            x = lrelu(x + channel(p[name + ".bias"])) * math.sqrt(2)
            at = l
        name = "heads.side%d" % side
        rgb = modulated(p, name, x, ws[:, at], True) + channel(
            p[name + ".bias"])
        image = rgb if image is None else double(image) + rgb
    return image

def judge(p, image, version):
    g = math.sqrt(2)
    x = lrelu(conv(p, "inputs.side8", image, g, 0))
    y = lrelu(conv(p, "blocks.side8.1", x, g))
    y = lrelu(halve(conv(p, "blocks.side8.2", y, g)))
    if version == 2:
        y = (y + conv(p, "blocks.side8.3", halve(x), 1, 0)) * math.sqrt(0.5)
    n, c, h, w = y.shape
    group = y.reshape(4, n // 4, c, h, w)
    sd = (group.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    y = torch.cat([y, sd.repeat(4).reshape(n, 1, 1, 1).expand(n, 1, h, w)], 1)
    y = lrelu(conv(p, "last", y, g))
    y = lrelu(linear(p, "hidden", y.flatten(1), g))
    return linear(p, "head", y)

for version in (1, 2):
    g, d = read("g%d.npz" % version), read("d%d.npz" % version)
    given = read("given%d.npz" % version)
    z, real = given["z"], given["real"].requires_grad_()
    noise = [given["noise%d" % l] for l in range(1, 5 - (version == 2))]
    gs = {k: v.requires_grad_() for k, v in g.items() if k != "w_mean"}
    ds = {k: v.requires_grad_() for k, v in d.items()}
    # The second code's turn comes after two layers.
    w = [mapping(gs, v, version) for v in z]
    ws = torch.stack([w[0], w[0], w[1], w[1]], 1)
    fake = (first if version == 1 else second)(gs, ws, noise)
    said = judge(ds, fake, version)
    out = {"fake": fake, "said": said}
    def grads(name, loss, p):
        got = torch.autograd.grad(loss, list(p.values()), retain_graph=True,
                                  allow_unused=True)
        for k, v in zip(p, got):
            out[name + " " + k] = torch.zeros_like(p[k]) if v is None else v
    grads("g", F.softplus(-said).mean(), gs)
    of_real = judge(ds, real, version)
    slope = torch.autograd.grad(of_real.sum(), real, create_graph=True)[0]
    r1 = slope.square().sum((1, 2, 3)).mean() * 0.5
    total = (F.softplus(-of_real).mean() + F.softplus(judge(ds, fake.detach(),
             version)).mean() + 3 * r1)
    grads("d", total, ds)
    numpy.savez("answer%d.npz" % version,
                **{k: v.detach().numpy() for k, v in out.items()})
]=]

local torch = python.having "torch"
if not torch then
  return t.skip("style-based nets beside PyTorch's",
    "no python3 here has torch")
elseif not orrery.io.features.zip then
  return t.skip("style-based nets beside PyTorch's", "this build has no zip")
end

local function normal(seed, ...)
  return orrery.randn({ ... }, { dtype = "float64",
    generator = orrery.Generator(seed) })
end

-- Off the start, where noise and biases do nothing.
local function stir(net, seed)
  orrery.no_grad(function()
    for i, p in ipairs(net:parameters()) do
      p:add_(normal(seed + i, p:shape()) * 0.3)
    end
  end)
  return net
end

local function nets(version)
  local o = { size = 8, channel_base = 32, channel_max = 6, version = version,
    dtype = "float64", generator = orrery.Generator(version) }
  local D = stir(style.Discriminator(o), 100)
  o.latent, o.style_dim, o.mapping, o.mapping_rate = 5, 4, 2, 0.1
  return stir(style.Generator(o), 200), D
end

-- Losses as a game has them, of the nets and what they are given.
local function losses(G, D, given, noise)
  local ws = G:styles({ given.z[1], given.z[2] }, { cuts = { 2 } })
  local fake = G:synthesize(ws, noise)
  local said = D(fake)
  local ns = gan.losses.non_saturating
  local cost = ns.discriminator(D(given.real), D(fake:detach()))
    + gan.penalties.r1(D, given.real) * 3
  return { fake = fake, said = said, g = ns.generator(said), d = cost }
end

local function compare(folder, version, G, D, given, noise)
  local got = losses(G, D, given, noise)
  local want = assert(orrery.io.read_npz(("%s/answer%d.npz"):format(folder,
    version)))
  t.near(got.fake, want.fake, 1e-9)
  t.near(got.said, want.said, 1e-9)
  for player, net in pairs { g = G, d = D } do
    local names, list = {}, {}
    for name, p in net:named_parameters() do
      names[#names + 1], list[#list + 1] = name, p
    end
    local slopes = orrery.grad(got[player], list, { allow_unused = true })
    for i, name in ipairs(names) do
      local wanted = want[player .. " " .. name]
      t.near(slopes[i] or orrery.zeros_like(wanted), wanted,
        1e-9 * math.max(1, wanted:abs():amax():item()), name)
    end
  end
end

t.test("images, judgements and all gradients are those of PyTorch", function()
  local folder, kept = files.folder(), {}
  for version = 1, 2 do
    local G, D = nets(version)
    local given = { z = normal(1, 2, 8, 5), real = normal(2, 8, 1, 8, 8) }
    local noise = G:noise(8, orrery.Generator(3))
    kept[version] = { G, D, given, noise }
    local all = { z = given.z, real = given.real }
    for l, image in ipairs(noise) do all["noise" .. l] = image end
    local function write(name, tensors)
      assert(orrery.io.write_npz(("%s/%s%d.npz"):format(folder, name, version),
        tensors))
    end
    write("g", G:state_dict())
    write("d", D:state_dict())
    write("given", all)
  end
  local said, why = python.run(torch, program, folder)
  t.ok(said, why)
  for version = 1, 2 do
    compare(folder, version, table.unpack(kept[version]))
  end
  files.drop(folder)
end)
