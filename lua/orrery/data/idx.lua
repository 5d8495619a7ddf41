--- Sets kept as MNIST is: pairs of IDX files, gzip or plain.
local orrery = require "orrery"
local sets = require "orrery.data.dataset"

local idx = {}

local here = debug.getinfo(1, "S").source:match "^@(.*)data/idx%.lua$" or ""
--- Folder of the digits that come with Orrery.
idx.embedded = here .. "datasets/digits"

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

--- The file in any of its usual spellings, or nil.
local function find(dir, stem)
  for _, name in ipairs { stem, (stem:gsub("%-idx", ".idx")) } do
    for _, ending in ipairs { "", ".gz" } do
      local path = ("%s/%s%s"):format(dir, name, ending)
      if exists(path) then return path end
    end
  end
end

local function read(who, dir, stem)
  local path = find(dir, stem)
  if not path then
    return nil, ("%s: %s/%s is missing, with or without .gz; put the file "
      .. "there or give another dir"):format(who, dir, stem)
  end
  return orrery.io.read_idx(path)
end

local function check(who, dir, images, labels)
  local good = images.dtype == "uint8" and images:dim() == 3
    and labels.dtype == "uint8" and labels:dim() == 1
    and images:size(1) == labels:size(1)
  if good and labels:numel() > 0 then
    good = labels:long():amax():item() <= 9
  end
  if good then return true end
  return nil, ("%s: %s holds %s images and %s labels; bytes [N, H, W] and "
    .. "classes 0 to 9 [N] are wanted: fetch the files again"):format(who, dir,
    images:shape_str(), labels:shape_str())
end

--- One set out of a pair of files. Classes count from 1: a 0 is class 1.
---@param who string
---@param dir string
---@param stem string  "train" or "t10k"; "" for names without one
---@return orrery.data.ImageDataset?
---@return string? message
function idx.load(who, dir, stem)
  local images, why = read(who, dir, stem .. "images-idx3-ubyte")
  if not images then return nil, why end
  local labels, why_not = read(who, dir, stem .. "labels-idx1-ubyte")
  if not labels then return nil, why_not end
  local ok, message = check(who, dir, images, labels)
  if not ok then return nil, message end
  return sets.ImageDataset.new(images, labels:long() + 1)
end

--- { train, test, all, classes }; all is put together when first asked for.
local function bundle(train, test, classes)
  return setmetatable({ train = train, test = test, classes = classes }, {
    __index = function(self, key)
      if key ~= "all" then return nil end
      local all = sets.ImageDataset.new(
        orrery.cat({ self.train.images, self.test.images }, 1),
        orrery.cat({ self.train.labels, self.test.labels }, 1))
      rawset(self, "all", all)
      return all
    end,
  })
end

--- Both sets of a folder with MNIST's four files.
function idx.folder(who, dir, classes)
  local train, why = idx.load(who, dir, "train-")
  if not train then return nil, why end
  local test, why_not = idx.load(who, dir, "t10k-")
  if not test then return nil, why_not end
  return bundle(train, test, classes)
end

--- The 10,000 digits that come with Orrery: the first 8,000 to train on.
function idx.digits(who, classes)
  local all, why = idx.load(who, idx.embedded, "")
  if not all then return nil, why end
  return bundle(all:slice(1, 8000), all:slice(8001, #all), classes)
end

--- Where Debian's package dataset-fashion-mnist puts its files, if it did.
---@return string? folder
function idx.fashion()
  for _, top in ipairs { "/usr/share", "/usr/local/share" } do
    local folder = top .. "/datasets/fashion-mnist"
    if exists(folder .. "/train-images-idx3-ubyte.gz") then return folder end
  end
end

return idx
