--- Weights trained in PyTorch give PyTorch's outputs here, and go back under
--- PyTorch's names. tests/weights/run.sh does the same with PyTorch itself.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local nn, utils = orrery.nn, orrery.nn.utils

for need in ("zip json"):gmatch "%a+" do
  if not orrery.io.features[need] then
    return t.skip("weights of PyTorch", "this build has no " .. need)
  end
end

local root = (os.getenv "ORRERY_SOURCE_DIR" or ".") .. "/tests/weights/"
local nets = dofile(root .. "nets.lua")

--- The files of one network: weights, in the format kept, and data.
local function frozen(net)
  local base = root .. "frozen/" .. net.name
  local weights = base .. ".safetensors"
  if not orrery.fs.exists(weights) then weights = base .. ".npz" end
  return weights, assert(orrery.io.read_npz(base .. ".data.npz"))
end

local function read(path)
  return assert(path:find "npz$" and orrery.io.read_npz(path)
    or orrery.io.read_safetensors(path))
end

for _, net in ipairs(nets.list) do
  t.test(net.name .. " gives the outputs it gives in PyTorch", function()
    local weights, data = frozen(net)
    nets.check(net, weights, data, function(what, d, allowed)
      t.fail("%s is off by %.3g, allowed is %g", what, d, allowed)
    end)
  end)

  t.test(net.name .. " goes back under PyTorch's names", function()
    local weights, data = frozen(net)
    local want = read(weights)
    for name in pairs(want) do
      if name:find "num_batches_tracked$" then want[name] = nil end
    end
    local got = nets.back(net, nets.check(net, weights, data, function() end))
    for name in pairs(got) do t.ok(want[name], name) end
    for name, x in pairs(want) do t.equal(got[name], x) end
  end)
end

t.test("the comparison sees a difference of 1e-4", function()
  local net = nets.list[1]
  local weights, data = frozen(net)
  local seen = 0
  data["eval.0"] = data["eval.0"] + 1e-4
  nets.check(net, weights, data, function() seen = seen + 1 end)
  t.equal(seen, 2)
end)

-- -------------------------------------------------------------------- names

local function small()
  return nn.Sequential { nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1) }
end

t.test("everything that does not fit is reported at once, changing nothing",
  function()
    local model = small()
    local state = utils.torch_state_dict(small())
    state["0.weight"], state["3.extra"] = nil, orrery.ones(1)
    state["1.bias"] = orrery.ones(4)
    local before = model[3].weight:clone()
    t.fails("load_torch: missing 0.weight; unexpected 3.extra; 1.bias is [4] "
      .. "but [3] here; these are PyTorch's names, from 0; give { rename = "
      .. "... } or build the model alike", utils.load_torch, model, state)
    t.equal(model[3].weight, before)
    state["1.bias"] = nil
    local missing, extra = utils.load_torch(model, state, { strict = false })
    t.equal(missing, { "0.weight", "1.bias" })
    t.equal(extra, { "3.extra" })
    t.equal(model[3].weight, state["2.weight"])
  end)

t.test("rename maps whole parts of names, the longest first", function()
  local model = nn.Module()
  model.net, model.out = nn.Sequential { nn.Linear(2, 2) }, nn.Linear(2, 1)
  local ones = orrery.ones
  local function load(state, rename)
    utils.load_torch(model, state, { rename = rename })
    return model.out.bias:item()
  end
  local state = { ["g.0.weight"] = ones(2, 2), ["g.0.bias"] = ones(2),
    ["g.fc.weight"] = ones(1, 2), ["g.fc.bias"] = ones(1) * 5,
    ["g.old.x"] = ones(1), ["g.0.num_batches_tracked"] = ones(1) }
  t.equal(load(state, { g = "net", ["g.fc"] = "out", ["g.old."] = false }), 5)
  state["g.fc.bias"] = ones(1) * 6
  t.equal(load(state, function(name)
    name = name:gsub("^g%.fc", "out"):gsub("^g%.", "net.")
    return not name:find "old" and name or nil
  end), 6)
  t.equal(load({ ["0.weight"] = ones(2, 2), ["0.bias"] = ones(2),
    ["fc.weight"] = ones(1, 2), ["fc.bias"] = ones(1) * 7 },
    { [""] = "net", fc = "out" }), 7)
  t.fails("load_torch: a.b and c.b would both be x.b; change rename",
    utils.load_torch, model, { ["a.b"] = ones(1), ["c.b"] = ones(1) },
    { rename = { a = "x", c = "x" } })
  t.fails("load_torch: rename has a = 5; give names, or false to leave one out",
    utils.load_torch, model, state, { rename = { a = 5 } })
end)

t.test("wrappers of whole models come off by themselves", function()
  for _, prefix in ipairs { "module.", "_orig_mod." } do
    local from, to, state = small(), small(), {}
    for name, x in pairs(utils.torch_state_dict(from)) do
      state[prefix .. name] = x
    end
    utils.load_torch(to, state)
    t.equal(to[1].weight, from[1].weight:detach())
  end
end)

t.test("parametrizations load where the older names are", function()
  local layer, other = nn.Linear(3, 2), nn.Linear(3, 2)
  utils.spectral_norm(layer)
  utils.load_torch(layer, {
    bias = orrery.zeros(2),
    ["parametrizations.weight.original"] = orrery.ones(2, 3),
    ["parametrizations.weight.0._u"] = orrery.tensor { 1, 0 },
    ["parametrizations.weight.0._v"] = orrery.tensor { 0, 1, 0 },
  })
  t.equal(layer.weight_u, orrery.tensor { 1, 0 })
  t.equal(layer.weight:detach(), orrery.ones(2, 3))
  utils.weight_norm(other)
  utils.load_torch(other, {
    bias = orrery.zeros(2),
    ["parametrizations.weight.original0"] = orrery.tensor { { 5 }, { 10 } },
    ["parametrizations.weight.original1"] =
      orrery.tensor { { 3, 4, 0 }, { 0, 0, 2 } },
  })
  t.near(other.weight, { { 3, 4, 0 }, { 0, 0, 10 } })
end)

t.test("a module held twice has both names, and either is enough", function()
  local model = nn.Module()
  model.a = nn.Linear(1, 1)
  model.b = model.a
  local state = utils.torch_state_dict(model)
  local names = {}
  for name in pairs(state) do names[#names + 1] = name end
  table.sort(names)
  t.equal(names, { "a.bias", "a.weight", "b.bias", "b.weight" })
  utils.load_torch(model, state)
  utils.load_torch(model, { ["b.weight"] = orrery.ones(1, 1) * 3,
    ["b.bias"] = orrery.ones(1) })
  t.equal(model.a.weight:item(), 3)
end)

t.test("files that cannot be loaded are told, misuse is raised", function()
  local model, folder = small(), files.folder()
  local path = folder .. "/x.npz"
  local got, why = utils.load_torch(model, path)
  t.equal(got, nil)
  t.equal(why, ("load_torch: %s cannot be read: No such file or directory")
    :format(path))
  t.ok(utils.save_torch(path, model))
  t.equal(utils.load_torch(small(), path), {})
  got, why = utils.save_torch(folder .. "/no/x.safetensors", model)
  t.equal(got, nil)
  t.equal(why, ("save_torch: %s/no/x.safetensors cannot be written: No such "
    .. "file or directory"):format(folder))
  files.drop(folder)
  t.fails("load_torch: x.pth is a pickle, which is a program; in PyTorch save "
    .. "the state_dict() with safetensors.torch.save_file or numpy.savez",
    utils.load_torch, model, "x.pth")
  t.fails("save_torch: x.npy ends in neither .safetensors nor .npz; rename it",
    utils.save_torch, "x.npy", model)
  t.fails("load_torch: model is a table; give a module", utils.load_torch, {},
    "x.npz")
  t.fails("load_torch: source is 5; give a file or a table of tensors by name",
    utils.load_torch, model, 5)
  t.fails("load_torch: a tensor is named 1; give tensors by name",
    utils.load_torch, model, { orrery.ones(1) })
end)

t.test("load_state_dict points to load_torch when names count from 0",
  function()
    t.fails("load_state_dict: missing 1.weight, 1.bias; unexpected 0.bias, "
      .. "0.weight; load the state of a model built alike, or one of PyTorch's "
      .. "with nn.utils.load_torch", function(...)
        local model = nn.Sequential { nn.Linear(1, 1) }
        return model:load_state_dict(...)
      end, utils.torch_state_dict(nn.Sequential { nn.Linear(1, 1) }))
  end)
