--- Files of NumPy read here, ours read by NumPy: the values are counted, so
--- that both sides know them without telling.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local python = require "orrery.testing.python"

local numpy = python.having "numpy"
if not numpy then
  return t.skip("files shared with NumPy", "no python3 here has numpy")
end
if not orrery.io.features.zip then
  return t.skip("files shared with NumPy", "this build has no zip")
end

--- Runs a Python program in the folder; its output, or an error.
local function run(folder, program)
  local text, why = python.run(numpy, program, folder)
  return text or t.fail("%s", why)
end

-- By NumPy's type: ours, and whether it has a sign.
local types = {
  float16 = { "float32", true }, float32 = { "float32", true },
  float64 = { "float64", true }, int8 = { "int64", true },
  int16 = { "int64", true }, int32 = { "int64", true },
  int64 = { "int64", true }, uint8 = { "uint8" }, uint16 = { "int64" },
  uint32 = { "int64" }, uint64 = { "int64" },
}

t.test("numpy.savez of every width, order and layout reads here", function()
  local folder = files.folder()
  run(folder, [=[
import numpy as np
arrays = {}
for name in ("float16 float32 float64 int8 int16 int32 int64 uint8 uint16 "
             "uint32 uint64").split():
    low = 0 if name.startswith("uint") else -11
    a = np.arange(low, low + 24).reshape(2, 3, 4).astype(name)
    arrays[name] = a
    arrays[name + ".fortran"] = np.asfortranarray(a)
    arrays[name + ".swapped"] = a.astype(a.dtype.newbyteorder())
    arrays[name + ".both"] = np.asfortranarray(arrays[name + ".swapped"])
    arrays[name + ".strided"] = np.repeat(a, 2, axis=1)[:, ::2]
arrays["truth"] = np.array([[True, False], [False, True]])
truth = np.array([[True, False], [True, True]])
arrays["truth.fortran"] = np.asfortranarray(truth)
arrays["number"] = np.float64(2.5)
arrays["empty"] = np.zeros((0, 3), "f4")
arrays["caf\u00e9/deep"] = np.arange(3.0)
np.savez("plain.npz", **arrays)
np.savez_compressed("packed.npz", **arrays)
np.save("new.npy", np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)))
np.savez("objects.npz", a=np.array([{"a": 1}], dtype=object))
np.savez("complex.npz", a=np.zeros(2, "c8"))
np.savez("text.npz", a=np.array(["a"]))
]=])
  for _, name in ipairs { "plain.npz", "packed.npz" } do
    local got = assert(orrery.load(folder .. "/" .. name))
    for kind, ours in pairs(types) do
      local low = ours[2] and -11 or 0
      local want = orrery.range(low, low + 23):to(ours[1])
        :reshape { 2, 3, 4 }
      for _, layout in ipairs { "", ".fortran", ".swapped", ".both",
        ".strided" } do
        t.equal(got[kind .. layout], want)
      end
    end
    t.equal(got.truth, orrery.tensor({ { 1, 0 }, { 0, 1 } },
      { dtype = "uint8" }))
    t.equal(got["truth.fortran"], orrery.tensor({ { 1, 0 }, { 1, 1 } },
      { dtype = "uint8" }))
    t.equal(got.number, orrery.tensor(2.5, { dtype = "float64" }))
    t.equal({ got.empty:shape() }, { 0, 3 })
    t.equal(got["caf\u{e9}/deep"]:tolist(), { 0, 1, 2 })
  end
  t.equal(orrery.load(folder .. "/new.npy"):tolist(),
    { { 0, 1, 2 }, { 3, 4, 5 } })
  for name, seen in pairs { objects = "|O", complex = "<c8", text = "<U1" } do
    local path = ("%s/%s.npz"):format(folder, name)
    t.equal(select(2, orrery.load(path)), ("load: a.npy in %s holds values of "
      .. "type %s; save it as float32, float64, int64 or uint8"):format(path,
      seen))
  end
  files.drop(folder)
end)

t.test("what is saved here reads in NumPy", function()
  local folder = files.folder()
  local x = orrery.range(0, 23):reshape { 2, 3, 4 }
  local tensors = { none = orrery.zeros(0, 3), number = orrery.tensor(7.0),
    ["a.b/c"] = x, turned = x:permute(3, 1, 2), ["caf\u{e9}"] = x }
  for _, dtype in ipairs { "float32", "float64", "int64", "uint8" } do
    tensors[dtype] = x:to(dtype)
  end
  assert(orrery.save(folder .. "/plain.npz", tensors))
  assert(orrery.io.write_npz(folder .. "/packed.npz", tensors,
    { compress = true }))
  assert(orrery.save(folder .. "/x.npy", tensors.turned))
  t.equal(run(folder, [=[
import numpy as np
x = np.arange(24).reshape(2, 3, 4)
for name in "plain.npz", "packed.npz":
    with np.load(name) as got:
        for kind in "float32", "float64", "int64", "uint8":
            assert got[kind].dtype == kind, got[kind].dtype
            assert (got[kind] == x).all(), kind
        for key in "a.b/c", "caf\u00e9":
            assert (got[key] == x).all(), key
        assert (got["turned"] == x.transpose(2, 0, 1)).all()
        assert got["none"].shape == (0, 3)
        assert got["number"].shape == () and got["number"] == 7
        assert len(got.files) == 9, got.files
assert (np.load("x.npy") == x.transpose(2, 0, 1)).all()
print("same")
]=]), "same\n")
  files.drop(folder)
end)
