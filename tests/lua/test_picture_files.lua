--- Pictures in folders and zip files: what is read, how it is changed, that a
--- seed is all it depends on, and that damage is never silent.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local data = orrery.data

for _, need in ipairs { "png", "jpeg" } do
  if not orrery.io.features[need] then
    t.skip("this build has no " .. need)
    return
  end
end

-- A picture whose every pixel tells its place: red the column, green the row.
local function places(h, w, blue)
  local x = orrery.zeros({ 3, h, w }, { dtype = "uint8" })
  for i = 1, h do
    for j = 1, w do x[{ {}, i, j }] = orrery.tensor { j, i, blue } end
  end
  return x
end

local function grey(...) return orrery.full({ 3, 6, 6 }, ..., {
  dtype = "uint8" }) end

-- A folder of pictures by name.
local function folder_of(pictures)
  local root = files.folder()
  for name, x in pairs(pictures) do
    orrery.fs.mkdir((root .. "/" .. name):match "^(.*)/")
    assert(orrery.write_image(root .. "/" .. name, x))
  end
  return root
end

local function open(root, opts)
  return assert(data.images(root, opts))
end

local as_bytes = { range = { 0, 255 } }
local function with(opts)
  local o = { range = { 0, 255 } }
  for key, value in pairs(opts) do o[key] = value end
  return o
end

-- ------------------------------------------------------------------ what is

t.test("pictures come in the order of their names, in the range asked for",
  function()
    local root = folder_of { ["b.png"] = grey(255), ["a.png"] = grey(0),
      ["c.jpg"] = grey(51) }
    local set = open(root)
    t.equal(set.names, { "a.png", "b.png", "c.jpg" })
    t.equal(tostring(set), "3 pictures of 6 x 6 in " .. root)
    local x = set:everything()
    t.equal({ x:shape() }, { 3, 3, 6, 6 })
    t.near(x:select(3, 1):select(3, 1), { { -1, -1, -1 }, { 1, 1, 1 },
      { -0.6, -0.6, -0.6 } }, 1e-5)
    local scaled = open(root, { mean = { 0.5, 0.5, 0.2 },
      std = { 0.25, 0.5, 1 } })
    t.near(scaled:everything():select(3, 1):select(3, 1):narrow(1, 2, 1),
      { { 2, 1, 0.8 } }, 1e-5)
    t.equal(set:everything { dtype = "float64", flat = true }.dtype,
      "float64")
    t.equal(set:subset { 3, 1 }.names, { "c.jpg", "a.png" })
    t.near(set:subset { 2 }:everything(), orrery.ones(1, 3, 6, 6))
  end)

t.test("what is no picture is left alone", function()
  local root = folder_of { ["a.png"] = grey(9), ["._a.png"] = grey(8),
    [".hidden/b.png"] = grey(7), ["v1.0/c.PNG"] = nil }
  assert(orrery.write_image(root .. "/d.png", grey(3)))
  assert(os.rename(root .. "/d.png", root .. "/D.PNG"))
  local note = assert(io.open(root .. "/notes.txt", "w"))
  note:write "no picture"
  note:close()
  t.equal(open(root).names, { "D.PNG", "a.png" })
end)

t.test("folders within are classes, in the order of their names", function()
  local root = folder_of { ["dog/1.png"] = grey(1), ["cat/2.png"] = grey(2),
    ["cat/1.png"] = grey(3) }
  local set = open(root, as_bytes)
  t.equal(set.classes, { "cat", "dog" })
  local x, class = set:everything()
  t.equal(class:tolist(), { 1, 1, 2 })
  t.near(x:amax { 2, 3, 4 }, { 3, 2, 1 }, 1e-4)
  local _, picked = set:subset { 3 }:everything()
  t.equal(picked:tolist(), { 2 })
  t.equal(open(root, { classes = false }).labels, nil)
end)

t.test("grey and transparent pictures become what is asked for", function()
  local root = folder_of { ["g.png"] = orrery.full({ 1, 2, 2 }, 100, {
    dtype = "uint8" }) }
  t.near(open(root, as_bytes):everything(), orrery.full({ 1, 3, 2, 2 }, 100),
    1e-4)
  local colour = orrery.zeros({ 3, 2, 2 }, { dtype = "uint8" })
  colour[1] = 200
  colour[2] = 50
  local clear = orrery.cat({ colour, orrery.full({ 1, 2, 2 }, 51,
    { dtype = "uint8" }) }, 1)
  root = folder_of { ["c.png"] = colour, ["t.png"] = clear }
  -- Rec. 601: .299 x 200 + .587 x 50 = 89.15.
  t.near(open(root, with { channels = 1 }):subset(1, 1):everything(),
    orrery.full({ 1, 1, 2, 2 }, 89), 1e-4)
  -- A fifth of the colour over white: 244, 214, 204; over black 40, 10, 0.
  t.near(open(root, as_bytes):subset(2, 2):everything():select(3, 1)
    :select(3, 1), { { 244, 214, 204 } }, 1e-4)
  t.near(open(root, with { background = 0 }):subset(2, 2):everything()
    :select(3, 1):select(3, 1), { { 40, 10, 0 } }, 1e-4)
end)

-- ------------------------------------------------------------------ changes

t.test("a crop in the middle and one at random cut what they say", function()
  local root = folder_of { ["a.png"] = places(10, 12, 7) }
  local x = open(root, with { resize = { 10, 12 }, size = 4 }):everything()[1]
  t.equal({ x[{ 1, 1, 1 }]:item(), x[{ 2, 1, 1 }]:item() }, { 5, 4 })
  t.equal({ x[{ 1, 4, 4 }]:item(), x[{ 2, 4, 4 }]:item() }, { 8, 7 })
  local set = open(root, with { resize = { 10, 12 }, size = 4,
    crop = "random" })
  local rows, columns = {}, {}
  for epoch = 1, 400 do
    local y = set:get(orrery.tensor({ 1 }, { dtype = "int64" }), nil,
      epoch)[1]
    local j, i = math.tointeger(y[{ 1, 1, 1 }]:item()),
      math.tointeger(y[{ 2, 1, 1 }]:item())
    t.near(y, places(10, 12, 7):float():narrow(2, i, 4):narrow(3, j, 4))
    rows[i], columns[j] = (rows[i] or 0) + 1, (columns[j] or 0) + 1
  end
  -- 7 rows and 9 columns to begin at, each with its share within 5 sd.
  for i = 1, 7 do t.near(rows[i], 400 / 7, 5 * math.sqrt(400 / 7)) end
  for j = 1, 9 do t.near(columns[j], 400 / 9, 5 * math.sqrt(400 / 9)) end
  t.equal(#rows, 7)
  t.equal(#columns, 9)
end)

t.test("cover keeps the shape, stretch does not", function()
  local root = folder_of { ["a.png"] = places(8, 16, 0) }
  local cover = open(root, with { size = 4, filter = "area" }):everything()
  local stretch = open(root, with { size = 4, filter = "area",
    fit = "stretch" }):everything()
  -- Covered: 4 x 8, of which columns 3 to 6 are left; column k of the 8 is
  -- the mean of 2 k - 1 and 2 k.
  t.near(cover[{ 1, 1, 1 }], { 5.5, 7.5, 9.5, 11.5 }, 1e-4)
  t.near(stretch[{ 1, 1, 1 }], { 2.5, 6.5, 10.5, 14.5 }, 1e-4)
  t.near(stretch[{ 1, 2 }]:select(2, 1), { 1.5, 3.5, 5.5, 7.5 }, 1e-4)
end)

t.test("half of the pictures are flipped, and those are mirrored", function()
  local root = folder_of { ["a.png"] = places(2, 5, 0) }
  local set, flipped = open(root, with { flip = true }), 0
  for epoch = 1, 300 do
    local x = set:get(orrery.tensor({ 1 }, { dtype = "int64" }), nil,
      epoch)[{ 1, 1, 1 }]:tolist()
    local is = x[1] == 5
    t.equal(x, is and { 5, 4, 3, 2, 1 } or { 1, 2, 3, 4, 5 })
    flipped = flipped + (is and 1 or 0)
  end
  t.near(flipped, 150, 5 * math.sqrt(75))
end)

-- The picture of one colour as jitter leaves it in `epochs` epochs.
local function jittered(colour, jitter, epochs)
  local x = orrery.tensor(colour, { dtype = "uint8" }):reshape(3, 1, 1)
    :expand(3, 2, 2):contiguous()
  local set = open(folder_of { ["a.png"] = x }, with { jitter = jitter })
  local seen = {}
  for epoch = 1, epochs do
    seen[epoch] = set:get(orrery.tensor({ 1 }, { dtype = "int64" }), nil,
      epoch)[{ 1, {}, 1, 1 }]:tolist()
  end
  return seen
end

t.test("brightness, contrast, saturation and hue change what they name",
  function()
    local low, high = 1e9, 0
    for _, v in ipairs(jittered({ 100, 50, 20 }, { brightness = 0.5 }, 200)) do
      t.near(v[2] / v[1], 0.5, 1e-4)
      t.near(v[3] / v[1], 0.2, 1e-4)
      low, high = math.min(low, v[1] / 100), math.max(high, v[1] / 100)
    end
    t.ok(low > 0.5 and low < 0.55 and high < 1.5 and high > 1.45)
    -- Contrast and saturation both leave the mean shade of one colour.
    local shade = 0.299 * 100 + 0.587 * 90 + 0.114 * 80
    for _, name in ipairs { "contrast", "saturation" } do
      for _, v in ipairs(jittered({ 100, 90, 80 }, { [name] = 0.5 }, 50)) do
        local by = (v[1] - shade) / (100 - shade)
        t.ok(by > 0.5 and by < 1.5)
        t.near(v[2], shade + (90 - shade) * by, 1e-2)
        t.near(v[3], shade + (80 - shade) * by, 1e-2)
      end
    end
    local sectors = {}
    for _, v in ipairs(jittered({ 200, 50, 50 }, { hue = 0.5 }, 200)) do
      t.near(math.max(table.unpack(v)), 200, 1e-3)
      t.near(math.min(table.unpack(v)), 50, 1e-3)
      for c = 1, 3 do
        if v[c] > 199.9 then sectors[c] = true end
      end
    end
    t.equal(sectors, { true, true, true })
    for _, v in ipairs(jittered({ 100, 100, 100 }, { hue = 0.5,
      saturation = 0.9 }, 5)) do
      t.near(orrery.tensor(v), { 100, 100, 100 }, 1e-3)
    end
  end)

-- -------------------------------------------------------------------- cursor

local function numbered(n)
  local pictures = {}
  for i = 1, n do
    pictures[("%03d.png"):format(i)] = places(8, 8, i)
  end
  return folder_of(pictures)
end

local lively = { size = 5, resize = 8, crop = "random", flip = true,
  jitter = { brightness = 0.3, hue = 0.2 } }

local function stream(root, workers, batch, epochs, opts)
  local o = { workers = workers, seed = 4 }
  for key, value in pairs(lively) do o[key] = value end
  local seen = {}
  local loader = open(root, o):batches(batch, opts
    or { shuffle = true, seed = 5 })
  for _ = 1, epochs do
    for x in loader do
      for i = 1, #x do seen[#seen + 1] = x[i] end
    end
  end
  return orrery.stack(seen, 1), loader
end

t.test("workers and batch sizes change no bit", function()
  local root = numbered(11)
  local want = stream(root, 0, 4, 2)
  for workers = 0, 3 do
    for _, size in ipairs { 1, 3, 20 } do
      t.equal((stream(root, workers, size, 2)), want)
    end
  end
  local other = stream(root, 1, 4, 2, { shuffle = true, seed = 6 })
  t.ok(other ~= want)
  t.ok(want:narrow(1, 1, 11) ~= want:narrow(1, 12, 11))
end)

t.test("a loader goes on where another one was", function()
  local root = numbered(9)
  for _, shuffle in ipairs { true, false } do
    local opts = { shuffle = shuffle, seed = shuffle and 5 or nil }
    local o = { seed = 2 }
    for key, value in pairs(lively) do o[key] = value end
    local one = open(root, o):batches(2, opts)
    for _ = 1, 8 do one:next() end  -- into the second epoch
    local state = one:state()
    local two = open(root, o):batches(2, { shuffle = shuffle,
      seed = shuffle and 99 or nil })
    two:next()
    two:set_state(state)
    for _ = 1, 9 do
      local a, b = one:next(), two:next()
      t.equal(a, b)
    end
    local mark = one:mark()
    local first = one:next()
    one:back(mark)
    t.equal(one:next(), first)
    t.equal(two:next(), first)
    one:rewind()
    two:rewind()
    t.equal(one:next(), two:next())
  end
end)

t.test("nothing stays alive when a loop is left early", function()
  local root = numbered(9)
  collectgarbage()
  local before = orrery.live()
  do
    local loader = open(root, lively):batches(2)
    loader:next()
  end
  collectgarbage()
  collectgarbage()
  t.equal(orrery.live(), before)
end)

t.test("a step's scope may free its batch, not those to come", function()
  local loader = open(numbered(8), lively):batches(2)
  local means = {}
  for _ = 1, 4 do
    orrery.tidy(function() means[#means + 1] = loader:next():mean():item() end)
  end
  local again = open(loader.dataset.place.path, lively):batches(2)
  for i = 1, 4 do t.equal(again:next():mean():item(), means[i]) end
end)

t.test("a step can be recorded while a worker reads", function()
  local batch = open(folder_of { ["1.png"] = places(200, 200, 9) },
    { workers = 1 })
  local many = orrery.full({ 300 }, 1, { dtype = "int64" })
  local coming = batch:begin(many)
  local step = orrery.compile(function(x)
    local stop = os.clock() + 0.05
    while os.clock() < stop do end
    return x + 1
  end)
  t.equal(step(orrery.ones(2)), orrery.full({ 2 }, 2))
  t.equal((batch:finish(coming)):size(1), 300)
end)

t.test("an interrupt stops a read, and the next one gives the batch",
  function()
    local root = numbered(6)
    local o = { workers = 0 }
    for key, value in pairs(lively) do o[key] = value end
    local loader = open(root, o):batches(3)
    orrery.interrupt()
    local ok, why = pcall(loader.next, loader)
    orrery.clear_interrupt()
    t.ok(not ok and tostring(why):find "interrupted")
    t.equal(loader:next(), open(root, o):batches(3):next())
  end)

-- -------------------------------------------------------------------- memory

t.test("in_memory holds the same pictures as bytes", function()
  local root = numbered(5)
  local set = open(root, { size = 8, flip = true })
  local kept = set:in_memory()
  t.equal(#kept, 5)
  t.equal(kept.views[1].dtype, "uint8")
  t.near(kept:everything(), open(root, { size = 8 }):everything(), 1e-5)
end)

-- -------------------------------------------------------------------- damage

local function cut(path, share)
  local bytes = assert(orrery.io.read_file(path))
  assert(orrery.io.write_file(path, bytes:sub(1, math.floor(#bytes * share))))
end

local noisy = (orrery.rand(3, 24, 24, { generator = orrery.Generator(1) })
  * 255):byte()

local function with_damage()
  local root = folder_of { ["1.png"] = noisy, ["2.jpg"] = noisy,
    ["3.jpg"] = noisy, ["4.png"] = noisy, ["5.png"] = noisy }
  cut(root .. "/2.jpg", 0.7)
  cut(root .. "/4.png", 0.9)
  return root
end

-- What fn writes to stderr, and what it returns.
local function complaints(fn)
  local own, said = io.stderr, {}
  rawset(io, "stderr", { write = function(_, ...)
    said[#said + 1] = table.concat { ... }
  end })
  local got = table.pack(pcall(fn))
  rawset(io, "stderr", own)
  assert(got[1], got[2])
  return table.concat(said), table.unpack(got, 2, got.n)
end

t.test("a truncated JPEG or PNG is an error that names it", function()
  local root = with_damage()
  local set = open(root)
  t.fails_like(("images: %s/2.jpg is not a whole JPEG picture: Premature end "
    .. "of JPEG file; copy it again, or pass damaged = \"skip\""):format(root),
    function() for _ in set:batches(2) do end end)
  t.fails_like("4.png is cut short: its end is missing; copy it again",
    function() set:subset(4, 4):everything() end)
  local bad = set:check()
  t.equal({ #bad, bad[1].name, bad[2].name }, { 2, "2.jpg", "4.png" })
end)

t.test("what has a picture's name and is none is told", function()
  local root = folder_of { ["3.png"] = grey(9) }
  assert(orrery.io.write_file(root .. "/1.jpg", ""))
  assert(orrery.io.write_file(root .. "/2.png", "a few words"))
  t.equal(open(root):check(), {
    { name = "1.jpg", why = "is empty; copy it again" },
    { name = "2.png", why = "is neither a PNG nor a JPEG picture; convert it" },
  })
  t.equal({ open(root, as_bytes).plan.width }, { 6 })
end)

t.test("skipped pictures are named once, and the next ones stand in",
  function()
    local set = open(with_damage(), { damaged = "skip" })
    local said, x = complaints(function()
      local all = set:everything()
      set:everything()
      return all
    end)
    t.ok(said:find("2.jpg is not a whole JPEG picture", 1, true), said)
    t.ok(said:find("4.png is cut short", 1, true), said)
    t.equal(select(2, said:gsub("\n", "")), 2)
    t.equal(x[2], x[3])
    t.equal(x[4], x[5])
    t.ok(x[1] ~= x[2])
    t.ok(set.damaged["2.jpg"] and set.damaged["4.png"])
  end)

t.test("a folder of nothing whole is an error even when skipping", function()
  local root = folder_of { ["1.png"] = noisy, ["2.png"] = noisy }
  cut(root .. "/1.png", 0.5)
  cut(root .. "/2.png", 0.5)
  local set, why = data.images(root)
  t.equal(set, nil)
  t.ok(why:find "1.png is cut short")
  set = open(root, { size = 4, damaged = "skip" })
  complaints(function()
    t.fails_like("holds no picture that is whole; copy it again",
      set.everything, set)
  end)
end)

-- ----------------------------------------------------------------------- zip

local function crc32(text)
  local c = 0xffffffff
  for i = 1, #text do
    c = c ~ text:byte(i)
    for _ = 1, 8 do c = c & 1 == 1 and (c >> 1) ~ 0xedb88320 or c >> 1 end
  end
  return c ~ 0xffffffff
end

-- A zip file of stored entries (APPNOTE.TXT 4.3), { { name, bytes }, ... }.
local function write_zip(path, entries)
  local out, directory, at = {}, {}, 0
  for _, e in ipairs(entries) do
    local name, bytes = e[1], e[2]
    local common = ("<I2I2I2I2I2I4I4I4I2I2"):pack(20, 0, 0, 0, 33,
      crc32(bytes), #bytes, #bytes, #name, 0)
    out[#out + 1] = "PK\3\4" .. common .. name .. bytes
    directory[#directory + 1] = "PK\1\2" .. ("<I2"):pack(20) .. common
      .. ("<I2I2I2I4I4"):pack(0, 0, 0, 0, at) .. name
    at = at + #out[#out]
  end
  local tail = table.concat(directory)
  out[#out + 1] = tail .. "PK\5\6" .. ("<I2I2I2I2I4I4I2"):pack(0, 0, #entries,
    #entries, #tail, at, 0)
  assert(orrery.io.write_file(path, table.concat(out)))
end

local zip_test = orrery.io.features.zip and t.test or t.skip

zip_test("a zip file reads as its folder does, from any thread", function()
  local root = folder_of { ["h/trainA/1.png"] = places(6, 6, 1),
    ["h/trainA/2.jpg"] = places(6, 6, 2), ["h/trainB/1.png"] = grey(5),
    ["h/testA/1.png"] = grey(6) }
  local entries = { { "h/", "" }, { "__MACOSX/h/trainA/._1.png", "rubbish" } }
  for _, name in ipairs { "h/trainA/2.jpg", "h/trainA/1.png",
    "h/trainB/1.png", "h/testA/1.png" } do
    entries[#entries + 1] = { name,
      assert(orrery.io.read_file(root .. "/" .. name)) }
  end
  write_zip(root .. "/set.zip", entries)
  for workers = 0, 2 do
    local opts = { size = 6, seed = 3, workers = workers }
    local zipped = assert(data.cyclegan(root .. "/set.zip", opts))
    local plain = assert(data.cyclegan(root .. "/h", opts))
    t.equal(zipped.train.A:everything(), plain.train.A:everything())
    t.equal(zipped.train.B:everything(), plain.train.B:everything())
    t.equal(zipped.test.A:everything(), plain.test.A:everything())
    t.equal(#zipped.train.A, 2)
  end
  t.equal(tostring(open(root .. "/set.zip", { classes = false })),
    "4 pictures of 6 x 6 in " .. root .. "/set.zip")
end)

zip_test("a damaged zip file is refused, a damaged entry named", function()
  local root = folder_of { ["1.png"] = noisy }
  local png = assert(orrery.io.read_file(root .. "/1.png"))
  write_zip(root .. "/s.zip", { { "1.png", png }, { "2.png", png } })
  local bytes = assert(orrery.io.read_file(root .. "/s.zip"))
  local middle = 30 + 5 + #png // 2
  local flipped = bytes:sub(1, middle)
    .. string.char(bytes:byte(middle + 1) ~ 1) .. bytes:sub(middle + 2)
  assert(orrery.io.write_file(root .. "/s.zip", flipped))
  local set = open(root .. "/s.zip", { size = 8 })
  t.fails_like("1.png in " .. root .. "/s.zip is damaged: CRC error; copy it "
    .. "again, or pass damaged = \"skip\"", set.everything, set)
  assert(orrery.io.write_file(root .. "/s.zip", bytes:sub(1, #bytes // 2)))
  local none, why = data.images(root .. "/s.zip")
  t.equal(none, nil)
  t.ok(why:find("s.zip is not a whole zip file", 1, true), why)
end)

-- --------------------------------------------------------------- conventions

t.test("cyclegan: training sets are cut at random, test sets whole",
  function()
    local pictures = {}
    for _, part in ipairs { "trainA", "trainB", "testA", "testB" } do
      pictures[part .. "/1.png"] = places(16, 16, 1)
      pictures[part .. "/2.png"] = places(16, 16, 2)
    end
    local root = folder_of(pictures)
    local set = assert(data.cyclegan(root, { size = 128 }))
    t.equal({ set.train.A.plan.scaled_height, set.train.A.plan.height,
      set.test.B.plan.scaled_height }, { 143, 128, 128 })
    t.equal({ set.train.A.o.flip, set.test.A.o.flip, set.test.A.o.crop },
      { true, false, "centre" })
    t.equal(set.train.A.names, { "trainA/1.png", "trainA/2.png" })
    os.remove(root .. "/trainB/1.png")
    os.remove(root .. "/trainB/2.png")
    t.equal({ data.cyclegan(root) }, { nil, ("cyclegan: %s has no pictures in "
      .. "trainB; it needs trainA and trainB"):format(root) })
  end)

t.test("pix2pix: halves are a pair, changed alike; A is the half asked for",
  function()
    -- Left and right tell their places too, but for blue.
    local both = orrery.cat({ places(8, 8, 10), places(8, 8, 20) }, 3)
    local root = folder_of { ["train/1.png"] = both, ["test/1.png"] = both }
    local opts = with { size = 6, resize = 8 }
    local set = assert(data.pix2pix(root, opts))
    for epoch = 1, 20 do
      local a, b = set.train.pairs:get(orrery.tensor({ 1 },
        { dtype = "int64" }), nil, epoch)
      t.equal(a:narrow(2, 1, 2), b:narrow(2, 1, 2))
      t.near(a:select(2, 3), orrery.full({ 1, 6, 6 }, 10), 1e-4)
      t.near(b:select(2, 3), orrery.full({ 1, 6, 6 }, 20), 1e-4)
      t.equal(set.train.B:get(orrery.tensor({ 1 }, { dtype = "int64" }), nil,
        epoch), b)
    end
    opts.A = "right"
    local turned = assert(data.pix2pix(root, opts))
    t.near(turned.test.A:everything():select(2, 3),
      orrery.full({ 1, 6, 6 }, 20), 1e-4)
    t.equal(tostring(turned.test.pairs),
      ("1 pairs of pictures of 6 x 6 in %s"):format(root))
    assert(orrery.write_image(root .. "/train/1.png", places(4, 5, 0)))
    t.fails_like("is 5 wide, which has no two halves; cut", function()
      set.train.pairs:everything()
    end)
  end)

-- --------------------------------------------------------------------- wrong

t.test("what is wrong is told by name", function()
  t.equal({ data.images "/no/such/folder" }, { nil, "images: stat: /no/such/"
    .. "folder: No such file or directory; give the path of a folder or a "
    .. "zip file" })
  local empty = files.folder()
  t.equal({ data.images(empty) }, { nil, ("images: %s holds no PNG or JPEG; "
    .. "give another folder"):format(empty) })
  local root = folder_of { ["a.png"] = grey(0), ["b.png"] = places(3, 4, 0) }
  local set = open(root)
  t.fails_like("b.png is 3 x 4, but 6 x 6 are to be cut from it; resize it",
    set.everything, set)
  for _, case in ipairs {
    { { sise = 4 }, "images: unknown option sise; did you mean size?" },
    { { filter = "cubic" }, "images: filter is \"cubic\"; it is nearest, "
      .. "area, bilinear, bicubic, lanczos" },
    { { jitter = { hue = 0.7 } }, "images: jitter.hue is 0.7; give 0 to 0.5" },
    { { mean = 0.5 }, "images: mean and std go together; give both or "
      .. "neither" },
    { { range = { 1, 1 } }, "images: range is 1 to 1; give two numbers that "
      .. "differ" },
    { { size = 8, resize = 4 }, "images: 8 x 8 are to be cut from 4 x 4; "
      .. "raise resize or lower size" },
    { 7, "images: options are a number; write them as a table { name = "
      .. "value }" },
  } do
    t.fails(case[2], data.images, root, case[1])
  end
  t.fails("pix2pix: A is \"top\"; it is left, right", data.pix2pix, root,
    { A = "top" })
end)
