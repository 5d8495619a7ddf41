-- Datasets and batches: what is delivered, in which order, and again.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local data = orrery.data

local function numbers(n)
  return data.TensorDataset(orrery.range(1, n),
    orrery.range(1, n, { dtype = "int64" }))
end

local function collect(loader)
  local seen = {}
  for x in loader do
    for _, v in ipairs(x:tolist()) do seen[#seen + 1] = math.tointeger(v) end
  end
  return seen
end

local function sorted(list)
  local copy = { table.unpack(list) }
  table.sort(copy)
  return copy
end

local function upto(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

-- ------------------------------------------------------------------ batches

t.test("batches come in order, the last one short", function()
  local sizes = {}
  local loader = numbers(10):batches(4)
  for x, y in loader do
    sizes[#sizes + 1] = x:size(1)
    t.near(x, y:float())
  end
  t.equal(sizes, { 4, 4, 2 })
  t.equal(#loader, 3)
  t.equal(collect(numbers(10):batches(4)), upto(10))
end)

t.test("drop_last leaves a short batch out", function()
  local loader = numbers(10):batches(4, { drop_last = true })
  t.equal(collect(loader), upto(8))
  t.equal(#loader, 2)
  t.equal(#numbers(8):batches(4, { drop_last = true }), 2)
end)

t.test("a shuffled epoch has every example once, each epoch another order",
  function()
    local loader = numbers(50):batches(7, { shuffle = true, seed = 5 })
    local first, second = collect(loader), collect(loader)
    t.equal(sorted(first), upto(50))
    t.equal(sorted(second), upto(50))
    t.ok(table.concat(first, " ") ~= table.concat(second, " "))
    t.ok(table.concat(first, " ") ~= table.concat(upto(50), " "))
    t.equal(loader.epoch, 3)
  end)

t.test("a seed fixes the order, and so does manual_seed", function()
  local function order(opts) return collect(numbers(30):batches(4, opts)) end
  t.equal(order { shuffle = true, seed = 2 },
    order { shuffle = true, seed = 2 })
  local function seeded(n)
    orrery.manual_seed(n)
    return order { shuffle = true }
  end
  t.equal(seeded(1), seeded(1))
  t.ok(table.concat(seeded(1), " ") ~= table.concat(seeded(2), " "))
end)

-- What steps() gives, each step's examples in a list of their own.
local function stepped(set, ...)
  local rows, at = {}, 0
  for step, x, y in set:steps(...) do
    at = at + 1
    t.equal(step, at)
    t.near(x, y:float())
    rows[step] = x:tolist()
  end
  return rows
end

t.test("steps go on from epoch to epoch, and stop where they are told",
  function()
    t.equal(stepped(numbers(5), 5, 2), { { 1, 2 }, { 3, 4 }, { 5 }, { 1, 2 },
      { 3, 4 } })
    t.equal(stepped(numbers(5), 3, 2, { drop_last = true }), { { 1, 2 },
      { 3, 4 }, { 1, 2 } })
    t.equal(stepped(numbers(5), 0, 2), {})
  end)

t.test("each epoch of steps has the order of its seed, plus steps before it",
  function()
    local function epoch(seed)
      local rows = {}
      for x in numbers(9):batches(3, { shuffle = true, seed = seed }) do
        rows[#rows + 1] = x:tolist()
      end
      return rows
    end
    local rows, opts = {}, { shuffle = true, seed = 4 }
    for _, seed in ipairs { 4, 7, 10 } do
      table.move(epoch(seed), 1, 3, #rows + 1, rows)
    end
    t.equal(stepped(numbers(9), 9, 3, opts), rows)
    t.equal(opts, { shuffle = true, seed = 4 })
    t.ok(orrery.json.encode(epoch(4)) ~= orrery.json.encode(epoch(7)))
  end)

t.test("steps that can give no batch are said at once", function()
  local set = numbers(5)
  t.fails("steps: 5 examples make no batch of 6; lower size or leave out "
    .. "drop_last", set.steps, set, 10, 6, { drop_last = true })
  t.fails("steps: n is -1; give a whole number of at least 0", set.steps, set,
    -1, 2)
  t.fails("batches: size is 0; give a whole number of at least 1", set.steps,
    set, 1, 0)
  t.fails("batches: unknown option suffle; did you mean shuffle?", set.steps,
    set, 1, 2, { suffle = true })
end)

t.test("shuffling draws nothing from the default stream but a seed", function()
  orrery.manual_seed(4)
  local loader = numbers(30):batches(4, { shuffle = true })
  local before = orrery.default_generator():state()
  collect(loader)
  t.equal(orrery.default_generator():state(), before)
end)

t.test("the cursor taken over gives the batches that were to come", function()
  for stop = 0, 12 do
    local function make()
      return numbers(23):batches(4, { shuffle = true, seed = 9 })
    end
    local whole, other = make(), make()
    for _ = 1, stop do whole:next() end
    other:set_state(whole:state())
    t.equal(collect(other), collect(whole))
    t.equal(collect(other), collect(whole))
    t.equal(other.epoch, whole.epoch)
  end
end)

t.test("a batch made in a scope that closes does not spoil the order",
  function()
    local loader = numbers(20):batches(3, { shuffle = true, seed = 1 })
    local seen = {}
    for _ = 1, #loader do
      orrery.tidy(function()
        for _, v in ipairs(loader:next():tolist()) do seen[#seen + 1] = v end
      end)
    end
    t.near(sorted(seen), upto(20))
  end)

t.test("a cursor of other data is refused", function()
  local a = numbers(10):batches(4)
  t.fails("set_state: state is of 9 examples in batches of 4 but here are 10 "
    .. "in batches of 4; make them alike", a.set_state, a,
    numbers(9):batches(4):state())
  t.fails("set_state: one of the two shuffles and the other does not; make "
    .. "them alike", a.set_state, a,
    numbers(10):batches(4, { shuffle = true }):state())
  t.fails("set_state: state is 3; give what state() gave", a.set_state, a, 3)
end)

-- ----------------------------------------------------------------- datasets

t.test("subset takes a range, a list or a tensor of positions", function()
  local set = numbers(10)
  t.equal(collect(set:subset(3, 5):batches(2)), { 3, 4, 5 })
  t.equal(collect(set:subset({ 9, 1 }):batches(2)), { 9, 1 })
  t.equal(collect(set:subset(orrery.tensor({ 2, 2 }, { dtype = "int64" }))
    :batches(2)), { 2, 2 })
  t.fails("subset: 3 to 11 is asked for of 10 examples; use 1 to 10",
    set.subset, set, 3, 11)
  t.fails("subset: entry 2 is 11; use positions 1 to 10", set.subset, set,
    { 1, 11 })
end)

t.test("split cuts by counts and by fractions, at random with a seed",
  function()
    local set = numbers(10)
    local a, b = set:split { 7, 3 }
    t.equal({ #a, #b }, { 7, 3 })
    t.equal(collect(b:batches(3)), { 8, 9, 10 })
    local c, d = set:split({ 0.8, 0.2 }, { seed = 3 })
    t.equal({ #c, #d }, { 8, 2 })
    local both = collect(c:batches(8))
    for _, v in ipairs(collect(d:batches(2))) do both[#both + 1] = v end
    t.equal(sorted(both), upto(10))
    t.ok(table.concat(both, " ") ~= table.concat(upto(10), " "))
    t.fails("split: the sizes add up to 9 but there are 10 examples; make them "
      .. "add up to that, or to 1", set.split, set, { 7, 2 })
  end)

t.test("misuse is named at the caller's line", function()
  local set = numbers(10)
  t.fails("batches: size is missing; give a whole number of at least 1",
    set.batches, set)
  t.fails("batches: unknown option shufle; did you mean shuffle?",
    set.batches, set, 2, { shufle = true })
  t.fails("tensordataset: argument 1 has 2 examples but argument 2 has 3; "
    .. "match them", data.TensorDataset, orrery.zeros { 2 },
    orrery.zeros { 3 })
  t.fails("tensordataset: argument 1 is missing; give tensors with an axis of "
    .. "examples", data.TensorDataset)
  t.fails("mnist: dir is 3; give the path of a folder", data.mnist,
    { dir = 3 })
end)

-- ------------------------------------------------------------------- digits

local with_gzip = t.needing "gzip"

with_gzip("the embedded digits are 8,000 and 2,000 bytes images with classes",
  function()
    local digits = assert(data.mnist {})
    t.equal({ #digits.train, #digits.test }, { 8000, 2000 })
    t.equal({ digits.train.images:shape() }, { 8000, 28, 28 })
    t.equal(digits.train.images.dtype, "uint8")
    t.equal(digits.test.labels.dtype, "int64")
    t.equal({ digits.all.labels:amin():item(),
      digits.all.labels:amax():item() }, { 1, 10 })
    t.equal(digits.classes[1], "0")
    -- The classes of MNIST's first 10,000 training images.
    local counts = {}
    for class = 1, 10 do
      counts[class] = digits.all.labels:eq(class):sum():item()
    end
    t.equal(counts,
      { 1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978 })
  end)

with_gzip("images are delivered as floats from 0 to 1", function()
  local set = assert(data.mnist {}).test
  local x, y = set:batches(16):next()
  t.equal({ x:shape() }, { 16, 1, 28, 28 })
  t.equal({ y:shape() }, { 16 })
  local bytes = set.images[{ { 1, 16 } }]:double() / 255
  t.near(x:reshape(16, 28, 28):double(), bytes, 1e-7)
  t.equal({ set:batches(16, { flat = true }):next():shape() }, { 16, 784 })
  t.equal(set:batches(2, { dtype = "float64" }):next().dtype, "float64")
end)

with_gzip("the first so many of each set are kept when asked", function()
  local whole = assert(data.mnist {})
  local few = assert(data.mnist { dir = "embedded", images = 30, held = 5 })
  t.equal({ #few.train, #few.test, #few.all }, { 30, 5, 35 })
  t.equal(few.train.labels, whole.train.labels[{ { 1, 30 } }])
  t.equal(few.test.images, whole.test.images[{ { 1, 5 } }])
  t.equal(#assert(data.mnist { images = 9000 }).train, 8000)
  t.fails("mnist: held is -1; give a whole number of at least 0", data.mnist,
    { held = -1 })
end)

-- ------------------------------------------------------------ files on disk

local function write_set(dir, stem, n, ending)
  local bytes = orrery.range(1, n * 6):reshape(n, 2, 3):byte()
  local labels = orrery.range(1, n):remainder(10):byte()
  assert(orrery.io.write_idx(("%s/%s-images-idx3-ubyte%s"):format(dir, stem,
    ending), bytes))
  assert(orrery.io.write_idx(("%s/%s-labels-idx1-ubyte%s"):format(dir, stem,
    ending), labels))
end

with_gzip("a folder of IDX files is read, gzip or plain", function()
  local dir = files.folder()
  write_set(dir, "train", 12, ".gz")
  write_set(dir, "t10k", 5, "")
  for _, load in ipairs { data.mnist, data.fashion } do
    local set = assert(load { dir = dir .. "/" })
    t.equal({ #set.train, #set.test, #set.all }, { 12, 5, 17 })
    t.equal(set.test.labels:tolist(), { 2, 3, 4, 5, 6 })
    t.equal(set.test.images[1]:tolist(), { { 1, 2, 3 }, { 4, 5, 6 } })
  end
  files.drop(dir)
end)

t.test("files that are missing or do not fit are a sentence", function()
  local dir = files.folder()
  local set, why = data.mnist { dir = dir }
  t.ok(set == nil)
  t.equal(why, ("mnist: %s/train-images-idx3-ubyte is missing, with or without "
    .. ".gz; put the file there or give another dir"):format(dir))
  write_set(dir, "train", 12, "")
  write_set(dir, "t10k", 5, "")
  assert(orrery.io.write_idx(dir .. "/t10k-labels-idx1-ubyte",
    orrery.zeros({ 4 }, { dtype = "uint8" })))
  local bad, why_bad = data.mnist { dir = dir }
  t.ok(bad == nil)
  t.ok(why_bad:find("holds [5, 2, 3] images and [4] labels", 1, true), why_bad)
  files.drop(dir)
end)

local shared = (os.getenv "ORRERY_DATA"
  or (os.getenv "ORRERY_SOURCE_DIR" or ".") .. "/../shared/data") .. "/mnist"

if orrery.fs.exists(shared) then
  with_gzip("the original files give 60,000 and 10,000 digits", function()
    local digits = assert(data.mnist { dir = shared })
    t.equal({ #digits.train, #digits.test }, { 60000, 10000 })
    t.equal(digits.train.labels[{ { 1, 5 } }]:tolist(), { 6, 1, 5, 2, 10 })
    -- The mean grey value of MNIST's training images, 0.1306604762738429.
    t.near(digits.train.images:sum():item() / (60000 * 784 * 255),
      0.1306604762738429, 1e-12)
    t.equal(#digits.all, 70000)
  end)

  local same = "the embedded digits are the first 10,000 of the original"
  with_gzip(same, function()
    -- In another order: the sum of each pixel and class stays.
    local function sums(set) return set.images:sum { axis = 1 } end
    t.equal(sums(assert(data.mnist {}).all),
      sums(assert(data.mnist { dir = shared }).train:subset(1, 10000)))
  end)
else
  t.skip("the original files give 60,000 and 10,000 digits",
    "no folder with MNIST's files in ORRERY_DATA")
end

local fashion = data.fashion {}
if fashion then
  t.test("Fashion-MNIST is found where Debian puts it", function()
    local set = assert(data.fashion {})
    t.equal({ #set.train, #set.test }, { 60000, 10000 })
    t.equal(set.train.labels:eq(1):sum():item(), 6000)
    t.equal(set.classes[10], "ankle boot")
  end)
else
  t.test("without Fashion-MNIST the sentence says how to get it", function()
    local _, why = data.fashion {}
    t.ok(why:find("install Debian's package dataset-fashion-mnist", 1, true))
  end)
end
fashion = nil -- luacheck: ignore
