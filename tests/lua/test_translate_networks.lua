--- Nets of image translation: published sizes, what an output sees, weights
--- of PyTorch.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local python = require "orrery.testing.python"
local nn, translate = orrery.nn, orrery.translate
local receptive_field = translate.receptive_field

-- ------------------------------------------------------------ published sizes

local function count(make, o) return function() return make(o):num_parameters()
end end

t.fact("F174", "parameters of the 70 x 70 PatchGAN", 2764737, 0,
  count(translate.PatchGAN))
t.fact("F175", "the same with affine norms and one bias", 2765569, 0,
  count(translate.PatchGAN, { norm = "instance_affine", bias = false }))
t.fact("F176", "parameters of the U-Net of 256 pixels", 54414979, 0,
  count(translate.UNet, { norm = "instance_affine", norm_deepest = true }))
t.fact("F177", "parameters of the generator of 6 blocks", 7837699, 0,
  count(translate.ResNet, { n_blocks = 6 }))
t.fact("F178", "parameters of the generator of 9 blocks", 11378179, 0,
  count(translate.ResNet))

for id, row in pairs { F166 = { 70, 3 }, F167 = { 16, 1 }, F168 = { 34, 2 },
  F169 = { 286, 5 } } do
  t.fact(id, ("an output of %d layers of stride 2 sees so many pixels")
    :format(row[2]), row[1], 0, function()
      return translate.PatchGAN { n_layers = row[2], ndf = 2 }.receptive_field
    end)
end
t.fact("F170", "the pixel discriminator sees one pixel", 1, 0, function()
  return translate.PixelGAN { ndf = 2 }.receptive_field
end)
local patch = translate.PatchGAN { ndf = 2 }
t.fact("F171", "side of the map of 256 pixels", 30, 0,
  function() return patch:map(256) end)
t.fact("F172", "side of the map of 128 pixels", 14, 0,
  function() return patch(orrery.zeros(1, 3, 128, 128)):size(3) end)
t.fact("F173", "pixels from one output of the PatchGAN to the next", 8, 0,
  function() return patch.jump end)
t.fact("F187", "an instance norm leaves nothing of one pixel", 0, 1e-6,
  function()
    return nn.InstanceNorm2d(1, { single = true })(
      orrery.full({ 1, 1, 1, 1 }, 3))
  end)

t.test("a receptive field is worked out from kernels and strides", function()
  t.equal({ receptive_field({ { 4, 2, 1 }, { 4, 2, 1 }, { 4, 2, 1 },
    { 4, 1, 1 }, { 4, 1, 1 } }, 256) }, { 70, 8, 30 })
  t.equal({ receptive_field { { 3, 1, 0, 2 } } }, { 5, 1 })
  t.equal(tostring(patch):match "^[^\n]*",
    "PatchGAN(receptive field 70, jump 8")
end)

-- Rows and columns of the image that one output depends on.
local function box(net, side, at)
  local x = orrery.randn({ 1, 3, side, side },
    { generator = orrery.Generator(1) }):requires_grad_()
  local g = orrery.grad(net(x)[{ 1, 1, at, at }], { x })[1]
  local seen = orrery.argwhere(g:abs():amax(2):reshape(side, side):gt(0))
  return seen:amin(1):tolist(), seen:amax(1):tolist()
end

t.test("the gradient of one output fills its receptive field", function()
  local net = translate.PatchGAN { ndf = 4, norm = false,
    generator = orrery.Generator(3) }
  local low, high = box(net, 112, 7)
  t.equal({ high[1] - low[1] + 1, high[2] - low[2] + 1 }, { 70, 70 })
  local corner
  low, corner = box(net, 112, 1)
  t.equal(low, { 1, 1 })
  t.ok(corner[1] < 70)
end)

t.test("an image moved by the jump moves the map by one output", function()
  local net = translate.PatchGAN { ndf = 4, norm = false }
  local x = orrery.randn(1, 3, 136, 136)
  local all = net(x:narrow(3, 1, 128):narrow(4, 1, 128))
  local moved = net(x:narrow(3, 9, 128):narrow(4, 9, 128))
  local function inner(map, first)  -- what sees no border
    return map:narrow(3, first, 5):narrow(4, first, 5)
  end
  t.near(inner(moved, 5), inner(all, 6), 1e-5)
end)

-- -------------------------------------------------------------- what they do

t.test("generators keep an image's size, whatever it is", function()
  for _, norm in ipairs { "instance", "batch", "instance_affine", false } do
    local net = translate.ResNet { ngf = 2, n_blocks = 1, norm = norm }
    t.equal(net(orrery.randn(1, 3, 12, 20)):shape_str(), "[1, 3, 12, 20]")
  end
  local net = translate.ResNet { ngf = 2, n_blocks = 0, n_downsampling = 1,
    input_nc = 1, output_nc = 2, kernel = 5, padding_type = "zero" }
  t.equal(net(orrery.randn(2, 1, 6, 6)):shape_str(), "[2, 2, 6, 6]")
  for depth = 2, 5 do
    net = translate.UNet { num_downs = depth, ngf = 2 }
    local side = 2 << depth
    t.equal(net(orrery.randn(1, 3, side, side)):shape_str(),
      ("[1, 3, %d, %d]"):format(side, side))
  end
  local y = net(orrery.randn(1, 3, 32, 32) * 100)
  t.ok(y:amax():item() <= 1 and y:amin():item() >= -1)
end)

t.test("the published shapes of the 128 pixel generator", function()
  local net = translate.ResNet { ngf = 2, n_blocks = 6 }
  local sizes, x = {}, orrery.randn(1, 3, 128, 128)
  for _, layer in ipairs(net.model) do
    x = layer(x)
    if layer.class_name:find "Conv" then
      sizes[#sizes + 1] = x:shape_str()
    end
  end
  t.equal(sizes, { "[1, 2, 128, 128]", "[1, 4, 64, 64]", "[1, 8, 32, 32]",
    "[1, 4, 64, 64]", "[1, 2, 128, 128]", "[1, 3, 128, 128]" })
end)

t.test("an instance norm first takes brightness and contrast away", function()
  local x = orrery.rand({ 1, 3, 16, 16 }, { low = -1, high = 1 })
  local o = { ngf = 4, n_blocks = 1, init_gain = false,
    generator = orrery.Generator(2) }
  local function moved(net)
    return (net(x) - net(x * 0.5 + 0.2)):abs():amax():item()
  end
  t.ok(moved(translate.ResNet(o)) < 1e-3)
  o.norm = false
  t.ok(moved(translate.ResNet(o)) > 1e-3)
end)

t.test("dropout as noise stays on in eval, the other goes", function()
  local function differs(use)
    local net = translate.UNet { num_downs = 4, ngf = 2, use_dropout = use,
      dropout_levels = 2, norm = false, init_gain = false }
    net:eval()
    local x = orrery.randn(1, 3, 16, 16)
    return (net(x) - net(x)):abs():amax():item() > 0
  end
  t.equal({ differs "noise", differs(true), differs(false) },
    { true, false, false })
end)

t.test("without skips the deepest map is all that gets through", function()
  local x = orrery.randn(1, 3, 16, 16)
  local net = translate.UNet { num_downs = 4, ngf = 2, skips = false,
    norm = false, use_dropout = false }
  local deepest = net.model.model[2].model[4].model[4]
  deepest.forward = function(_, y) return y * 0 end
  t.near(net(x), net(x + 1))
end)

t.test("weights begin at N(0, 0.02), scales at N(1, 0.02)", function()
  local net = translate.PatchGAN { norm = "batch",
    generator = orrery.Generator(4) }
  local w = net.model[9].weight
  t.near(w:std():item(), 0.02, 1e-4)
  t.near(w:mean():item(), 0, 1e-4)
  local scale = net.model[10].weight
  t.near(scale:mean():item(), 1, 5e-3)
  t.near(scale:std():item(), 0.02, 3e-3)
  t.equal(net.model[1].bias:abs():sum():item(), 0)
end)

t.test("scales judge the image, its half and its quarter", function()
  local net = translate.MultiScale { num_D = 3, ndf = 2, n_layers = 1 }
  local x = orrery.rand(1, 3, 32, 32)
  local maps = net(x)
  t.equal({ #maps, maps[1]:size(3), maps[2]:size(3), maps[3]:size(3) },
    { 3, 14, 6, 2 })
  -- Means over what lies inside: a constant image stays one.
  local flat = net.layers[2](orrery.full({ 1, 3, 16, 16 }, 0.5))
  t.near(net(orrery.full({ 1, 3, 32, 32 }, 0.5))[2], flat, 1e-6)
end)

t.test("nets come by their published names", function()
  t.equal(translate.generator("resnet_6blocks", { ngf = 8 }):num_parameters(),
    translate.ResNet { ngf = 8, n_blocks = 6 }:num_parameters())
  t.equal(translate.generator("unet_128", { ngf = 2 }).multiple, 128)
  t.equal(translate.discriminator("pixel", { ndf = 2 }).receptive_field, 1)
  t.equal(translate.discriminator("n_layers", { ndf = 2, n_layers = 2 })
    .receptive_field, 34)
end)

t.test("small nets have no norm, and take what they are told", function()
  -- 4 x 4 convolutions with biases: 3 to c, c to 2 c, 2 c to c, 2 c to 3.
  local c = 5
  local net = translate.generator("unet_small", { ngf = c })
  t.equal(net:num_parameters(), 16 * (3 * c + 2 * c * c + 2 * c * c + 6 * c)
    + c + 2 * c + c + 3)
  t.equal(net.multiple, 4)
  t.equal(translate.generator("unet_small", { num_downs = 3 }).multiple, 8)
  local judge = translate.discriminator("small", { ndf = c })
  t.equal(judge:num_parameters(), 16 * (3 * c + 2 * c * c + 8 * c * c + 4 * c)
    + c + 2 * c + 4 * c + 1)
  t.equal(judge.receptive_field, 34)
  local given = { ndf = c, head = false }
  t.equal(translate.discriminator("small", given).features, 4 * c)
  t.equal(given, { ndf = c, head = false })  -- the table stays as it was
end)

t.test("wrong sizes and names are said with what would do", function()
  t.fails("resnet: x is [1, 3, 30, 32]; give [B, C, H, W] with H and W "
    .. "multiples of 4", function()
    translate.ResNet { ngf = 2, n_blocks = 0 }(orrery.zeros(1, 3, 30, 32))
  end)
  t.fails('translate.ResNet: norm is "group"; give instance, '
    .. "instance_affine, batch or false", translate.ResNet, { norm = "group" })
  t.fails('translate.UNet: use_dropout is 0.5; give true, false or "noise"',
    translate.UNet, { use_dropout = 0.5 })
  t.fails('translate.generator: netG is "resnet"; give resnet_9blocks, '
    .. "resnet_6blocks, unet_256, unet_128 or unet_small",
    translate.generator, "resnet")
  t.fails('translate.discriminator: netD is "patch"; give basic, n_layers, '
    .. "pixel, multi_scale or small", translate.discriminator, "patch")
  t.fails("translate.receptive_field: ConvTranspose2d makes maps larger; give "
    .. "a net of convolutions and pooling", receptive_field,
    translate.ResNet { ngf = 2 })
end)

-- ----------------------------------------------------- PyTorch's own weights

-- The reference nets, written down in PyTorch as they were published; their
-- weights as safetensors (a length, a header, the bytes), an image and what
-- becomes of it.
local program = [=[
import json, struct, torch
from torch import nn
torch.manual_seed(7)
torch.set_num_threads(1)

class Res(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c),
            nn.ReLU(True), nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3),
            nn.InstanceNorm2d(c))
    def forward(self, x):
        return x + self.conv_block(x)

class ResnetGenerator(nn.Module):
    def __init__(self, f=8, blocks=6):
        super().__init__()
        m = [nn.ReflectionPad2d(3), nn.Conv2d(3, f, 7), nn.InstanceNorm2d(f),
             nn.ReLU(True)]
        for c in (f, 2 * f):
            m += [nn.Conv2d(c, 2 * c, 3, 2, 1), nn.InstanceNorm2d(2 * c),
                  nn.ReLU(True)]
        m += [Res(4 * f) for _ in range(blocks)]
        for c in (4 * f, 2 * f):
            m += [nn.ConvTranspose2d(c, c // 2, 3, 2, 1, 1),
                  nn.InstanceNorm2d(c // 2), nn.ReLU(True)]
        m += [nn.ReflectionPad2d(3), nn.Conv2d(f, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*m)
    def forward(self, x):
        return self.model(x)

class Skip(nn.Module):
    def __init__(self, outer, inner, sub=None, outermost=False):
        super().__init__()
        self.outermost = outermost
        down = nn.Conv2d(3 if outermost else outer, inner, 4, 2, 1, bias=False)
        wide = inner if sub is None else 2 * inner
        up = nn.ConvTranspose2d(wide, 3 if outermost else outer, 4, 2, 1,
                                bias=outermost)
        if outermost:
            m = [down, sub, nn.ReLU(True), up, nn.Tanh()]
        elif sub is None:
            m = [nn.LeakyReLU(0.2, True), down, nn.ReLU(True), up,
                 nn.BatchNorm2d(outer)]
        else:
            m = [nn.LeakyReLU(0.2, True), down, nn.BatchNorm2d(inner), sub,
                 nn.ReLU(True), up, nn.BatchNorm2d(outer)]
        self.model = nn.Sequential(*m)
    def forward(self, x):
        y = self.model(x)
        return y if self.outermost else torch.cat([x, y], 1)

class UnetGenerator(nn.Module):
    def __init__(self, f=4):
        super().__init__()
        net = Skip(8 * f, 8 * f)
        net = Skip(8 * f, 8 * f, net)
        net = Skip(4 * f, 8 * f, net)
        net = Skip(2 * f, 4 * f, net)
        net = Skip(f, 2 * f, net)
        self.model = Skip(3, f, net, True)
    def forward(self, x):
        return self.model(x)

class NLayer(nn.Module):
    def __init__(self, f=8):
        super().__init__()
        m = [nn.Conv2d(3, f, 4, 2, 1), nn.LeakyReLU(0.2, True)]
        for a, b, s in ((f, 2 * f, 2), (2 * f, 4 * f, 2), (4 * f, 8 * f, 1)):
            m += [nn.Conv2d(a, b, 4, s, 1), nn.InstanceNorm2d(b),
                  nn.LeakyReLU(0.2, True)]
        self.model = nn.Sequential(*m, nn.Conv2d(8 * f, 1, 4, 1, 1))
    def forward(self, x):
        return self.model(x)

class Pixel(nn.Module):
    def __init__(self, f=8):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, f, 1), nn.LeakyReLU(0.2, True), nn.Conv2d(f, 2 * f, 1),
            nn.InstanceNorm2d(2 * f), nn.LeakyReLU(0.2, True),
            nn.Conv2d(2 * f, 1, 1))
    def forward(self, x):
        return self.net(x)

kinds = {"float32": "F32", "int64": "I64"}
def save(path, tensors):
    head, at, body = {}, 0, []
    for name, x in tensors.items():
        data = x.detach().contiguous().numpy()
        head[name] = {"dtype": kinds[str(data.dtype)], "shape": list(x.shape),
                      "data_offsets": [at, at + data.nbytes]}
        at += data.nbytes
        body.append(data.tobytes())
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(body))

x = torch.randn(2, 3, 64, 64)
for name, net in (("resnet", ResnetGenerator()), ("unet", UnetGenerator()),
                  ("patch", NLayer()), ("pixel", Pixel())):
    net(x)  # so that batch norm's averages are not at their beginning
    net.eval()
    save(name + ".safetensors", net.state_dict())
    with torch.no_grad():
        save(name + ".answer.safetensors", {"x": x, "y": net(x)})
]=]

local torch = python.having "torch"
if not torch then
  return t.skip("weights of PyTorch's own nets", "no python3 here has torch")
elseif not orrery.io.features.json then
  return t.skip("weights of PyTorch's own nets", "this build has no json")
end

t.test("weights of PyTorch's nets load by their names and do the same",
  function()
    local folder = files.folder()
    local said, why = python.run(torch, program, folder)
    t.ok(said, why)
    for name, net in pairs {
      resnet = translate.ResNet { ngf = 8, n_blocks = 6 },
      unet = translate.UNet { ngf = 4, num_downs = 6, use_dropout = false },
      patch = translate.PatchGAN { ndf = 8 },
      pixel = translate.PixelGAN { ndf = 8 },
    } do
      local path = ("%s/%s"):format(folder, name)
      t.ok(nn.utils.load_torch(net, path .. ".safetensors"))
      net:eval()
      local wanted = orrery.load(path .. ".answer.safetensors")
      t.near(net(wanted.x), wanted.y, 1e-4)
    end
    files.drop(folder)
  end)
