-- Files through the Lua side: what is saved comes back exactly, what is
-- damaged is refused, and nothing that is read runs.
local orrery, t = require "orrery", require "orrery.testing"
local core = require "orrery.core"

for need in ("png jpeg gzip zip json"):gmatch "%a+" do
  if not require "orrery.core"._io.features[need] then
    return t.skip("files", "this build has no " .. need)
  end
end
local files = orrery.io

local folder = os.tmpname()
os.remove(folder)
assert(orrery.fs.mkdir(folder))

local function path(name) return folder .. "/" .. name end

local function bytes_of(name)
  local f = assert(io.open(path(name), "rb"))
  local bytes = f:read "a"
  f:close()
  return bytes
end

local function put(name, bytes)
  local f = assert(io.open(path(name), "wb"))
  f:write(bytes)
  f:close()
  return path(name)
end

local function saved(value)
  assert(orrery.save(path "x.safetensors", value))
  return assert(orrery.load(path "x.safetensors"))
end

t.test("numbers, strings and booleans come back exactly", function()
  local value = {
    list = { 1, 2.0, -3, 0.1, 1e300, 5e-324, math.mininteger,
      math.maxinteger },
    minus_zero = -0.0, yes = true, no = false, empty = {}, none = "",
    text = 'caf\u{e9} "quoted" \\ \n\t\0', bytes = "\xff\x00\xfe",
    code = "os.exit(1)",
    [1] = "one", [2] = "two", [7] = "seven", [-1] = "minus", [2.5] = "half",
    [true] = "yes",
  }
  local got = saved(value)
  t.equal(got, value)
  for i, x in ipairs(value.list) do
    t.equal(math.type(got.list[i]), math.type(x))
  end
  t.equal(1 / got.minus_zero, -math.huge)
  got = saved { 0 / 0, math.huge, -math.huge }
  t.ok(got[1] ~= got[1])
  t.equal(got[2], math.huge)
  t.equal(got[3], -math.huge)
  t.equal(saved(5), 5)
  t.equal(saved "alone", "alone")
end)

t.test("tensors of every dtype and shape come back exactly", function()
  local value = { nested = { deep = {} } }
  for _, dtype in ipairs { "float32", "float64", "int64", "uint8" } do
    value.nested[dtype] = orrery.tensor({ { 1, 2, 3 }, { 4, 5, 6 } },
      { dtype = dtype })
    value.nested.deep[dtype] = orrery.tensor(7, { dtype = dtype })
  end
  value.strided = value.nested.float32:transpose(1, 2)
  value[1] = orrery.tensor { 1 }
  local got = saved(value)
  t.equal(got.strided:tolist(), { { 1, 4 }, { 2, 5 }, { 3, 6 } })
  for dtype, x in pairs(value.nested.deep) do
    t.equal(got.nested[dtype], value.nested[dtype])
    t.equal(got.nested.deep[dtype], x)
    t.equal(got.nested.deep[dtype]:dim(), 0)
  end
  t.equal(got[1], value[1])
  t.equal(saved(value[1]), value[1])
end)

t.test("sharing and circles are kept", function()
  local w, part = orrery.tensor { 1, 2 }, { 5 }
  local value = { a = w, b = { w }, c = part, d = part }
  value.self = value
  local got = saved(value)
  t.ok(rawequal(got.a, got.b[1]))
  t.ok(rawequal(got.c, got.d))
  t.ok(rawequal(got.self, got))
  local tensors = files.read_safetensors(path "x.safetensors")
  local n = 0
  for _ in pairs(tensors) do n = n + 1 end
  t.equal(n, 1)
end)

t.test("tensors are named after where they were", function()
  local one = orrery.tensor { 1 }
  orrery.save(path "x.safetensors", {
    model = { ["0.weight"] = one, layers = { orrery.tensor { 2 } } },
    ["model.0"] = { weight = orrery.tensor { 3 } },
  })
  local got, notes = files.read_safetensors(path "x.safetensors")
  t.equal(got["model.layers.1"], orrery.tensor { 2 })
  local both = { got["model.0.weight"]:item(), got["model.0.weight#2"]:item() }
  table.sort(both)
  t.equal(both, { 1, 3 })
  t.ok(notes["orrery.tree"])
end)

t.test("equal values make equal files, whatever the order", function()
  local keys = {}
  for i = 1, 50 do keys[i] = "key" .. i end
  local a, b = {}, {}
  for i = 1, 50 do a[keys[i]] = orrery.tensor { i } end
  for i = 50, 1, -1 do b[keys[i]] = orrery.tensor { i } end
  orrery.save(path "a.safetensors", a)
  orrery.save(path "b.safetensors", b)
  t.ok(bytes_of "a.safetensors" == bytes_of "b.safetensors")
  orrery.save(path "a.npz", a)
  orrery.save(path "b.npz", b)
  t.ok(bytes_of "a.npz" == bytes_of "b.npz")
end)

--- A small checkpoint, and whether another is the same.
local function checkpoint()
  return { model = { w = orrery.tensor { 1.5, -2 } }, step = 12, lr = 1e-3,
    stream = { seed = math.mininteger, counter = 3 }, note = "ok" }
end

local function is_same(a, b)
  return a.step == b.step and a.lr == b.lr and a.note == b.note
    and a.stream.seed == b.stream.seed
    and a.stream.counter == b.stream.counter
    and a.model.w:dim() == 1 and #a.model.w == 2
    and a.model.w[1]:item() == 1.5 and a.model.w[2]:item() == -2
end

t.test("a checkpoint cut anywhere is refused", function()
  orrery.save(path "c.safetensors", checkpoint())
  local whole = bytes_of "c.safetensors"
  for n = 0, #whole - 1 do
    local got, why = orrery.load(put("cut.safetensors", whole:sub(1, n)))
    t.equal(got, nil)
    t.ok(why:find("load: " .. folder, 1, true) == 1, why)
  end
end)

t.test("a checkpoint with a flipped bit is refused or exact", function()
  local want = checkpoint()
  orrery.save(path "c.safetensors", want)
  local whole = bytes_of "c.safetensors"
  for i = 1, #whole do
    for bit = 0, 7 do
      local byte = string.char(whole:byte(i) ~ (1 << bit))
      local got, why = orrery.load(put("flip.safetensors",
        whole:sub(1, i - 1) .. byte .. whole:sub(i + 1)))
      t.ok(got == nil and type(why) == "string" or is_same(got, want),
        ("bit %d of byte %d"):format(bit, i))
    end
  end
end)

t.test("a tree that makes no sense is refused, and nothing runs", function()
  local trees = {
    "", "{", "null", '{"t":"absent"}', '{"t":5}', '{"n":"huge"}', '{"b":"0"}',
    '{"b":"zz"}', '{"b":5}', '{"=":2}', '{"=":"x"}', '{"a":5}', '{"h":[5]}',
    '{"h":[[]]}', '{"h":[[{"n":"nan"},1]]}', '{"h":[["a",1],["a",2]]}',
    '{"h":[[{"t":"w"},1]]}', '{"a":[null]}', '{"h":[["a",null]]}',
    ("["):rep(10000), "function() end",
  }
  local w = orrery.tensor { 1 }
  for _, tree in ipairs(trees) do
    assert(core._io.write_bundle("safetensors", "save", path "t.safetensors",
      { "w" }, { w }, { ["orrery.tree"] = tree }))
    local got, why = orrery.load(path "t.safetensors")
    t.equal(got, nil)
    t.ok(why:find "^load: .* is damaged: ", tree)
  end
end)

t.test("what cannot be saved is named by its place", function()
  local function save(value) return orrery.save(path "n.safetensors", value) end
  local only = "; only tensors, numbers, strings, booleans and tables of them "
    .. "are saved"
  t.fails("save: value.a.1 is a function" .. only, save, { a = { print } })
  t.fails("save: value is a thread" .. only, save,
    coroutine.create(function() end))
  t.fails("save: value is missing; pass what to save", save, nil)
  t.fails("save: value is a table with a table as a key; use numbers, strings "
    .. "or booleans", save, { [{}] = 1 })
  t.fails("save: value.m is a module or an optimiser; save its state_dict()",
    save, { m = { state_dict = function() end } })
  local deep = {}
  for _ = 1, 300 do deep = { deep } end
  t.fails_like("^save: value[.1]* is nested more than 200 deep; flatten it$",
    save, deep)
  t.ok(not orrery.fs.exists(path "n.safetensors"))
end)

t.test("misuse is told at the caller's line", function()
  local x = orrery.tensor { 1 }
  t.fails("load: path is a number; pass a file name", orrery.load, 5)
  t.fails("load: path is missing; pass a file name", orrery.load)
  t.fails("save: x.pt ends in neither .safetensors, .npy nor .npz; rename it, "
    .. "or see orrery.io for other formats", orrery.save, "x.pt", x)
  t.fails("save: x is a table; pass a tensor", orrery.save, path "x.npy", {})
  t.fails("save: a tensor is named 1; name it by a string", orrery.save,
    path "x.npz", { x })
  t.fails("save: b is a number; pass a tensor", orrery.save, path "x.npz",
    { b = 3 })
  t.fails("write_idx: x is missing; pass a tensor", files.write_idx, "x")
  t.fails("write_png: image is [1]; it must be [H, W] or [C, H, W] with C = 1, "
    .. "3 or 4", files.write_png, path "x.png", x)
  t.fails("write_file: bytes is missing; pass a string", files.write_file, "x")
  t.fails("write_safetensors: metadata n is no text by name; pass strings "
    .. "without zero bytes, not named orrery.*", files.write_safetensors,
    path "x", { x = x }, { n = 5 })
end)

t.test("a missing file is told, not raised", function()
  for _, name in ipairs { "no.npy", "no.npz", "no.safetensors" } do
    local got, why = orrery.load(path(name))
    t.equal(got, nil)
    t.equal(why, ("load: %s cannot be read: No such file or directory"):format(
      path(name)))
  end
  local ok, why = orrery.save(path "no/such.npy", orrery.tensor { 1 })
  t.equal(ok, nil)
  t.equal(why, ("save: %s cannot be written: No such file or directory")
    :format(path "no/such.npy"))
end)

t.test("npy, npz and idx keep tensors", function()
  local a = orrery.tensor { { 1.5, -2 }, { 3, 4 } }
  local n = orrery.tensor({ 1, -70000 }, { dtype = "int64" })
  local u = orrery.tensor({ { 0, 255 } }, { dtype = "uint8" })
  for i, x in ipairs { a, n, u } do
    local name = path(("x%d"):format(i))
    t.ok(orrery.save(name .. ".npy", x))
    t.equal(orrery.load(name .. ".npy"), x)
    t.ok(files.write_idx(name .. "-idx", x))
    t.equal(files.read_idx(name .. "-idx"), x)
    t.ok(files.write_idx(name .. "-idx.gz", x))
    t.equal(files.read_idx(name .. "-idx.gz"), x)
  end
  local named = { a = a, ["b.c"] = n, ["\u{e9}"] = u }
  for _, compress in ipairs { false, true } do
    t.ok(files.write_npz(path "x.npz", named, { compress = compress }))
    t.equal(orrery.load(path "x.npz"), named)
  end
  local big = orrery.tensor({ 1 << 40 }, { dtype = "int64" })
  t.fails(("write_idx: %s: 1099511627776 does not fit IDX's int32; save it as "
    .. ".npy"):format(path "y"), files.write_idx, path "y", big)
end)

t.test("pictures keep their pixels", function()
  local grey = orrery.tensor({ { 0, 128 }, { 255, 7 } }, { dtype = "uint8" })
  t.ok(files.write_png(path "g.png", grey))
  t.equal(files.read_png(path "g.png"):tolist(), { grey:tolist() })
  local red = orrery.tensor({ { { 255 } }, { { 1 } }, { { 2 } } },
    { dtype = "uint8" })
  t.ok(files.write_png(path "r.png", red))
  t.equal(files.read_png(path "r.png"), red)
  t.ok(files.write_png(path "f.png", orrery.tensor { { 0, 0.2, 7, -1 } }))
  t.equal(files.read_png(path "f.png"):tolist(), { { { 0, 51, 255, 0 } } })
end)

t.test("photographs keep nearly their pixels, in files of either name",
  function()
    local x = orrery.range(0, 63):reshape { 1, 8, 8 }:expand { 3, 8, 8 } / 63
    for _, name in ipairs { "p.jpg", "p.JPEG", "p.png" } do
      t.ok(orrery.write_image(path(name), x, { quality = 100 }))
      local got = orrery.read_image(path(name))
      t.equal(got.dtype, "uint8")
      t.ok((got:float() / 255 - x):abs():max():item() < 0.02, name)
    end
    -- What a file is counts, not what it is called.
    t.ok(os.rename(path "p.png", path "q.jpg"))
    t.near(orrery.read_image(path "q.jpg"):float() / 255, x, 0.5 / 255)
    t.equal(select(2, files.read_jpeg(path "q.jpg")), ("read_jpeg: %s is not a "
      .. "JPEG picture; convert it to JPEG"):format(path "q.jpg"))
    t.ok(files.write_jpeg(path "small.jpg", x, { quality = 5 }))
    t.ok(#bytes_of "small.jpg" < #bytes_of "p.jpg")
    t.equal({ files.read_jpeg(path "small.jpg"):shape() }, { 3, 8, 8 })
  end)

t.test("pictures that cannot be are refused", function()
  local x = orrery.zeros(3, 2, 2)
  t.fails("write_image: x.gif ends in neither .png, .jpg nor .jpeg; rename it",
    orrery.write_image, "x.gif", x)
  t.fails("write_image: quality is 101; give a whole number, 1 to "
    .. "100",
    orrery.write_image, path "x.jpg", x, { quality = 101 })
  t.fails("write_jpeg: quality is \"high\"; give a whole number, 1 to "
    .. "100",
    files.write_jpeg, path "x.jpg", x, { quality = "high" })
  t.fails("write_jpeg: unknown option qualty; did you mean quality?",
    files.write_jpeg, path "x.jpg", x, { qualty = 3 })
  t.fails("write_jpeg: image is [4, 2, 2]; it must be [H, W] or [C, H, W] with "
    .. "C = 1 or 3", files.write_jpeg, path "x.jpg", orrery.zeros(4, 2, 2))
  put("no.jpg", "hello")
  t.equal(select(2, orrery.read_image(path "no.jpg")), ("read_image: %s is "
    .. "neither a PNG nor a JPEG picture; convert it"):format(path "no.jpg"))
  t.equal(select(2, orrery.read_image(path "none.jpg")), ("read_image: %s "
    .. "cannot be read: No such file or directory"):format(path "none.jpg"))
end)

t.test("an interrupted save raises and leaves the old file", function()
  assert(orrery.save(path "x.safetensors", { 1 }))
  orrery.interrupt()
  local ok, why = pcall(orrery.save, path "x.safetensors", { 2 })
  local read, why_not = pcall(orrery.load, path "x.safetensors")
  orrery.clear_interrupt()
  t.ok(not ok and tostring(why):find "interrupted", why)
  t.ok(not read and tostring(why_not):find "interrupted", why_not)
  t.equal(orrery.load(path "x.safetensors"), { 1 })
end)

t.test("a file is written whole over the old one", function()
  local name = put("text", "old")
  t.ok(files.write_file(name, "new\0bytes"))
  t.equal(files.read_file(name), "new\0bytes")
  t.equal(files.read_file(put("plain", "abc"), { gunzip = true }), "abc")
  for _, left in ipairs(orrery.fs.list(folder)) do
    t.ok(not left:find "tmp$", left)
    os.remove(path(left))
  end
  t.ok(os.remove(folder))
end)
