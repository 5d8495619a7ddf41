--- The digits that come with Orrery are the first 10,000 of MNIST's training
--- images, each with its label, in another order.
local orrery, t = require "orrery", require "orrery.testing"

local source = os.getenv "ORRERY_SOURCE_DIR" or "."
local digits = source .. "/lua/orrery/datasets/digits/"
-- MNIST as its authors publish it, where a machine has it beside the source.
local original = source .. "/../shared/data/mnist/train-"

local function exists(path)
  local file = io.open(path)
  return file and file:close()
end

local function unpacked(path)
  local pipe = assert(io.popen(("gzip -dc '%s'"):format(path)))
  local bytes = pipe:read "a"
  assert(pipe:close())
  return bytes
end

--- The first 10,000 images, each followed by its label, sorted.
local function pairs_of(prefix)
  local images = unpacked(prefix .. "images-idx3-ubyte.gz")
  local labels = unpacked(prefix .. "labels-idx1-ubyte.gz")
  local list = {}
  for i = 0, 9999 do
    list[i + 1] = images:sub(17 + i * 784, 800 + i * 784)
      .. labels:sub(9 + i, 9 + i)
  end
  table.sort(list)
  return table.concat(list)
end

local with_gzip = t.needing "gzip"

-- Counted in the original files.
with_gzip("the digits have the classes of MNIST's first 10,000", function()
  local images = assert(orrery.io.read_idx(digits .. "images-idx3-ubyte.gz"))
  local labels = assert(orrery.io.read_idx(digits .. "labels-idx1-ubyte.gz"))
  t.equal({ images:shape() }, { 10000, 28, 28 })
  local counts = {}
  for digit = 0, 9 do counts[digit + 1] = labels:eq(digit):sum():item() end
  t.equal(counts, { 1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978 })
end)

with_gzip("the digits are shuffled: halves hold the classes alike", function()
  local labels = assert(orrery.io.read_idx(digits .. "labels-idx1-ubyte.gz"))
  for digit = 0, 9 do
    local hits = labels:eq(digit)
    local all = hits:sum():item()
    local first = hits[{ { 1, 5000 } }]:sum():item()
    -- Hypergeometric: variance n/4 to within a tenth, so this is 5 sigma.
    t.ok(math.abs(first - all / 2) < 5 * math.sqrt(all / 4),
      ("digit %d: %d of %d in the first half"):format(digit, first, all))
  end
end)

local same = "the digits are MNIST's own images with their labels"
if exists(original .. "images-idx3-ubyte.gz") then
  t.test(same, function()
    t.ok(pairs_of(digits) == pairs_of(original), "other images or labels")
  end)
else
  t.skip(same, "the original MNIST files are not beside the source")
end

t.test("the digits take at most 2.5 MB", function()
  local size = 0
  for _, name in ipairs { "images-idx3", "labels-idx1" } do
    local file = assert(io.open(digits .. name .. "-ubyte.gz", "rb"))
    size = size + file:seek "end"
    file:close()
  end
  t.ok(size <= 2.5e6, ("%d bytes"):format(size))
end)
