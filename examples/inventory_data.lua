-- %% [markdown]
-- # Four small matters of data
-- Groups found without labels, records in one file, data as a mixture of
-- peaks, and what a report was made with.

-- %%
local orrery = require "orrery"
local data, metrics, optim = orrery.data, orrery.metrics, orrery.optim
local replay, show, vae = orrery.replay, orrery.show, orrery.vae
local set = replay.settings { images = 4000, epochs = 15, hidden = 200,
  draws = 2500, quick = { images = 1000, epochs = 20 } }

-- %% [markdown]
-- ## Groups without labels
-- Do codes of digits fall into groups by themselves? $k$-means with $k = 10$
-- on the means of $q(z \mid x)$ never sees a label. The adjusted Rand index
-- (Hubert & Arabie 1985) says how far its groups are those of the labels, by
-- counting pairs of images that both keep together or both part: 1 when the
-- groups are the same under any names, 0 on average for groups at random. On
-- a map of two principal components there is less to find.

-- %% Codes of a small VAE
local digits = assert(data.mnist { images = set.images })
local images, labels = digits.train:everything()
local model = vae.mlp { latent = 10, hidden = set.hidden }
local opt = optim.Adam(model, { lr = 2e-3 })
for _ = 1, set.epochs do
  for x in digits.train:batches(100, { shuffle = true }) do
    opt:minimize((model:loss(x)))
  end
end
local codes = vae.measure(model, images).means

-- %% k-means, and how far it is from the labels
local groups = metrics.kmeans(codes, 10)
local found = metrics.adjusted_rand(groups.labels, labels)
local flat = metrics.pca(images:flatten(2), 2):encode(images:flatten(2))
local by_pca = metrics.adjusted_rand(metrics.kmeans(flat, 10).labels, labels)
local chance = metrics.adjusted_rand(labels,
  labels:index_select(1, orrery.randperm(labels:size(1))))
print(("adjusted Rand index: codes %.3f, two principal components %.3f")
  :format(found, by_pca))
replay.check("adjusted Rand index of the codes' groups", found, 0.3,
  { relation = ">" })
replay.check("more than on two principal components", found, by_pca,
  { relation = ">" })
replay.check("of labels in random order", chance, 0, { abs = 0.01 })

-- %% Ten images of each group, a row each
local rows = {}
for group = 1, 10 do
  rows[group] = images[groups.labels:eq(group)]:narrow(1, 1, 10)
end
show(orrery.cat(rows, 1), { columns = 10 })

-- %% [markdown]
-- ## Records in one file
-- A TFRecord file is one record after another: its length in 8 bytes, a
-- checksum of those, the bytes, a checksum of them. The checksum is CRC-32C,
-- turned by 15 bits and shifted by a constant so that a checksum of data that
-- hold checksums stays a good one: $((c \gg 15) \,|\, (c \ll 17)) +
-- \mathtt{a282ead8}$.

-- %% The checksum
local byte_crc = {}
for byte = 0, 255 do
  local c = byte
  for _ = 1, 8 do
    c = c & 1 == 1 and (c >> 1) ~ 0x82f63b78 or c >> 1
  end
  byte_crc[byte] = c
end

local function crc32c(text)
  local c = 0xffffffff
  for i = 1, #text do
    c = byte_crc[(c ~ text:byte(i)) & 0xff] ~ (c >> 8)
  end
  return c ~ 0xffffffff
end

local function masked(text)
  local c = crc32c(text)
  return ((c >> 15 | c << 17) + 0xa282ead8) & 0xffffffff
end

replay.check("crc32c of 123456789", crc32c "123456789", 3808858755,
  { abs = 0 })
replay.check("the same, masked", masked "123456789", 3347755237, { abs = 0 })

-- %% A writer and a reader
local function write_records(path, records)
  local file = assert(io.open(path, "wb"))
  for _, record in ipairs(records) do
    local length = string.pack("<I8", #record)
    file:write(length, string.pack("<I4", masked(length)), record,
      string.pack("<I4", masked(record)))
  end
  file:close()
end

-- The records one by one; the second value says what is wrong.
local function records_of(path)
  local file = assert(io.open(path, "rb"))
  local n = 0
  return function()
    local head = file:read(12)
    if not head then
      file:close()
      return nil
    end
    n = n + 1
    local length, sum = string.unpack("<I8I4", head)
    if sum ~= masked(head:sub(1, 8)) then
      return false, ("record %d: its length is damaged"):format(n)
    end
    local record, last = file:read(length), file:read(4)
    if not last or string.unpack("<I4", last) ~= masked(record) then
      return false, ("record %d: its bytes are damaged"):format(n)
    end
    return record
  end
end

-- %% Digits there and back
local bytes, records = (images:narrow(1, 1, 20) * 255):round():byte(), {}
for i = 1, 20 do
  records[i] = string.pack("<I1", labels[i]:item())
    .. string.char(table.unpack(bytes[i]:reshape(-1):tolist()))
end
local folder = os.tmpname()
os.remove(folder)
-- Such files carry how many records they hold in their names.
local path = folder .. "-digits-20.tfrec"
write_records(path, records)
local back, count = 0, 0
for record in records_of(path) do
  count = count + 1
  if record == records[count] then back = back + 1 end
end
replay.check("records read as they were written", back, 20, { abs = 0 })
replay.check("as many as the name says",
  math.tointeger(path:match "%-(%d+)%.tfrec$"), count, { abs = 0 })

-- A byte of the third record is changed.
local file = assert(io.open(path, "r+b"))
file:seek("set", 2 * (12 + 785 + 4) + 12 + 400)
file:write "\xff"
file:close()
local good, why = 0, nil
for record, complaint in records_of(path) do
  why = complaint
  if not record then break end
  good = good + 1
end
os.remove(path)
print(why)
replay.check("records before the damaged one", good, 2, { abs = 0 })

-- %% [markdown]
-- ## Ten kinds of digit are ten peaks
-- The density of images has a peak for each way to write a digit. Laws whose
-- peaks are known stand in for it: eight on a ring, twenty-five on a grid. A
-- sampler that is perfect finds every peak, and $1 - e^{-9/2}$ of its draws
-- lie within three standard deviations of one.

-- %% Ring and grid
for _, law in ipairs { data.known.ring {}, data.known.grid {} } do
  local draws = law:sample(set.draws)
  local m = metrics.modes(draws, law)
  print(("%s: %d of %d peaks, %.1f %% near one"):format(law.name, m.modes20,
    m.of, 100 * m.quality))
  replay.check(law.name .. ": peaks found", m.modes20, m.of, { abs = 0 })
  replay.check(law.name .. ": near a peak", m.quality, 1 - math.exp(-4.5),
    { abs = 4 * math.sqrt(math.exp(-4.5) / set.draws) })
end

-- %% [markdown]
-- ## What it was made with
-- A notebook's list of pinned packages is one line here: the engine's version
-- and Lua's stand on every page, and the whole surroundings of a run, machine
-- and revision too, in its report.

-- %% Versions
print("Orrery " .. orrery.version .. ", " .. _VERSION)
replay.check("parts of the version number",
  select(2, orrery.version:gsub("%d+", "")), 1, { relation = ">" })
