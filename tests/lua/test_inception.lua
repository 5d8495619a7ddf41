--- Inception-v3 against the same network written once more in PyTorch, both of
--- its kinds: every block and the end, for weights that a formula gives.
local orrery, t = require "orrery", require "orrery.testing"
local Inception = require "orrery.metrics.inception"
local files = require "orrery.testing.files"
local json = require "orrery.json"
local python = require "orrery.testing.python"
local nn = orrery.nn

-- Whole numbers below 65521 that look random, by quadratic residues; the same
-- in any language.
local function number(shape, which)
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  local j = orrery.range(1, n, { dtype = "int64" })
  return ((j * 31 + 7919) * j + 104729 * which):remainder(65521)
    :double():reshape(shape) / 65521
end

-- The program the numbers are compared with: `names` lists the tensors in the
-- order of `which`.
local program = [=[
import json, torch
import torch.nn.functional as F
from torch import cat

given = json.load(open("given.json"))
fid = given["fid"]

def number(shape, which):
    n = 1
    for s in shape: n *= s
    j = torch.arange(1, n + 1, dtype=torch.int64)
    return (((j * 31 + 7919) * j + 104729 * which) % 65521
            ).double().reshape(shape) / 65521

w = {}
for i, (name, shape) in enumerate(given["tensors"]):
    u = number(shape, i + 1)
    if name.endswith("running_var") or name.endswith("bn.weight"):
        u = u + 0.5
    elif len(shape) > 1:
        fan = u[0].numel()
        u = (u - 0.5) * (24 / fan) ** 0.5
    else:
        u = u - 0.5
    w[name] = u.float()

at = ""
def unit(name, x, stride=1, pad=0):
    n = at + name
    x = F.conv2d(x, w[n + ".conv.weight"], None, stride, pad)
    return F.relu(F.batch_norm(x, w[n + ".bn.running_mean"],
        w[n + ".bn.running_var"], w[n + ".bn.weight"], w[n + ".bn.bias"],
        False, 0, 1e-3))

def mean3(x): return F.avg_pool2d(x, 3, 1, 1, count_include_pad=not fid)
def down(x): return F.max_pool2d(x, 3, 2)

def a(x):
    return cat([unit("branch1x1", x),
        unit("branch5x5_2", unit("branch5x5_1", x), 1, 2),
        unit("branch3x3dbl_3", unit("branch3x3dbl_2",
            unit("branch3x3dbl_1", x), 1, 1), 1, 1),
        unit("branch_pool", mean3(x))], 1)

def b(x):
    return cat([unit("branch3x3", x, 2),
        unit("branch3x3dbl_3", unit("branch3x3dbl_2",
            unit("branch3x3dbl_1", x), 1, 1), 2), down(x)], 1)

def c(x):
    short = unit("branch7x7_1", x)
    short = unit("branch7x7_2", short, 1, (0, 3))
    short = unit("branch7x7_3", short, 1, (3, 0))
    long = unit("branch7x7dbl_1", x)
    long = unit("branch7x7dbl_2", long, 1, (3, 0))
    long = unit("branch7x7dbl_3", long, 1, (0, 3))
    long = unit("branch7x7dbl_4", long, 1, (3, 0))
    long = unit("branch7x7dbl_5", long, 1, (0, 3))
    return cat([unit("branch1x1", x), short, long,
        unit("branch_pool", mean3(x))], 1)

def d(x):
    long = unit("branch7x7x3_1", x)
    long = unit("branch7x7x3_2", long, 1, (0, 3))
    long = unit("branch7x7x3_3", long, 1, (3, 0))
    return cat([unit("branch3x3_2", unit("branch3x3_1", x), 2),
        unit("branch7x7x3_4", long, 2), down(x)], 1)

def e(x, pool=mean3):
    short = unit("branch3x3_1", x)
    long = unit("branch3x3dbl_2", unit("branch3x3dbl_1", x), 1, 1)
    return cat([unit("branch1x1", x),
        unit("branch3x3_2a", short, 1, (0, 1)),
        unit("branch3x3_2b", short, 1, (1, 0)),
        unit("branch3x3dbl_3a", long, 1, (0, 1)),
        unit("branch3x3dbl_3b", long, 1, (1, 0)),
        unit("branch_pool", pool(x))], 1)

x = number([1, 3, given["side"], given["side"]], 0).float() * 2 - 1
x = unit("Conv2d_1a_3x3", x, 2)
x = unit("Conv2d_2b_3x3", unit("Conv2d_2a_3x3", x), 1, 1)
x = unit("Conv2d_4a_3x3", unit("Conv2d_3b_1x1", down(x)))
said, x = {}, down(x)
last = (lambda x: e(x, lambda y: F.max_pool2d(y, 3, 1, 1))) if fid else e
for name, block in [("5b", a), ("5c", a), ("5d", a), ("6a", b), ("6b", c),
        ("6c", c), ("6d", c), ("6e", c), ("7a", d), ("7b", e), ("7c", last)]:
    at = "Mixed_" + name + "."
    x = block(x)
    said[at[:-1]] = x.mean((0, 2, 3)).tolist()
x = x.mean((2, 3))
said["features"] = x[0].tolist()
said["logits"] = F.linear(x, w["fc.weight"], w["fc.bias"])[0].tolist()
print(json.dumps(said))
]=]

-- Gives the network the formula's weights; what there is, in order.
local function set(net)
  local state, names, tensors = nn.utils.torch_state_dict(net), {}, {}
  for name in pairs(state) do
    if not name:find "num_batches_tracked$" then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do
    local shape = { state[name]:shape() }
    local u = number(shape, i)
    if name:find "running_var$" or name:find "bn%.weight$" then
      u = u + 0.5
    elseif #shape > 1 then
      u = (u - 0.5) * math.sqrt(24 / (u:numel() // shape[1]))
    else
      u = u - 0.5
    end
    orrery.no_grad(function() state[name]:copy_(u:float()) end)
    tensors[i] = { name, shape }
  end
  return tensors
end

-- What the network says of the formula's image, by name.
local function says(net, side)
  local said = {}
  for name, block in net:named_modules() do
    if name:find "^Mixed_%w+$" then
      block:register_forward_hook(function(_, _, y)
        said[name] = y:mean { axis = { 1, 3, 4 } }:tolist()
      end)
    end
  end
  local x = number({ 1, 3, side, side }, 0):float()
  orrery.no_grad(function()
    local features = net:eval():features(x)
    said.features = features[1]:tolist()
    said.logits = net.fc(features)[1]:tolist()
  end)
  return said
end

local torch = python.having "torch"
for _, fid in ipairs { true, false } do
  local title = fid and "the FID's network computes what PyTorch does"
    or "torchvision's network computes what PyTorch does"
  if not torch then
    t.skip(title, "no PyTorch here")
  else
    t.test(title, function()
      local net, side, folder = Inception { fid = fid }, 139, files.folder()
      local tensors = set(net)
      assert(orrery.io.write_file(folder .. "/given.json", json.encode {
        fid = fid, side = side, tensors = tensors }))
      local ours = says(net, side)
      local theirs = json.decode(assert(python.run(torch, program, folder)))
      files.drop(folder)
      local n = 0
      for name, want in pairs(theirs) do
        n = n + 1
        local scale = orrery.tensor(want):abs():amax():item()
        t.ok(scale > 0.01, name)
        t.near(ours[name], want, 1e-4 * scale)
      end
      t.equal(n, 13)
    end)
  end
end
