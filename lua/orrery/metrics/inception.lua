--- Inception-v3 (Szegedy et al. 2016, "Rethinking the Inception Architecture"),
--- as torchvision lays it out and names its parameters, and with the changes of
--- the network that the FID was defined by: averages at the border of a 3 x 3
--- window count pixels of the image only, the last block takes a maximum there,
--- and there are 1008 classes, of which 1001 to 1008 mean nothing.
local orrery = require "orrery"
local nn = require "orrery.nn"
local options = require "orrery.options"
local sorted_keys = require "orrery.sorted_keys"

-- A convolution without bias, batch statistics, ReLU.
local Unit = nn.Module:subclass "InceptionUnit"

function Unit:init(from, to, size, more)
  local o = { bias = false }
  for key, value in pairs(more or {}) do o[key] = value end
  self.conv = nn.Conv2d(from, to, size, o)
  self.bn = nn.BatchNorm2d(to, { eps = 1e-3 })
end

function Unit:forward(x) return self.bn(self.conv(x)):relu() end

-- Branches side by side, joined by channels.
local Block = nn.Module:subclass "InceptionBlock"

--- @param units table  name -> { from, to, size, more }
--- @param routes table  lists of names; "max", "average" and "down" are pools;
---  { a, { b, c } } ends in b and in c, side by side
--- @param fid boolean
function Block:init(units, routes, fid)
  for _, name in ipairs(sorted_keys(units)) do
    self[name] = Unit(table.unpack(units[name]))
  end
  self.routes, self.fid = routes, fid
end

local function apply(self, step, x)
  local three = { stride = 1, padding = 1 }
  if step == "max" then return orrery.max_pool2d(x, 3, three) end
  if step == "down" then return orrery.max_pool2d(x, 3, { stride = 2 }) end
  if step == "average" then
    three.count_include_pad = not self.fid
    return orrery.avg_pool2d(x, 3, three)
  end
  return self[step](x)
end

function Block:forward(x)
  local parts = {}
  for i, route in ipairs(self.routes) do
    local y = x
    for _, step in ipairs(route) do
      if type(step) == "table" then
        y = orrery.cat({ apply(self, step[1], y), apply(self, step[2], y) }, 2)
      else
        y = apply(self, step, y)
      end
    end
    parts[i] = y
  end
  return orrery.cat(parts, 2)
end

local one, half = { padding = 1 }, { stride = 2 }
local function wide(n) return { padding = { 0, (n - 1) // 2 } } end
local function tall(n) return { padding = { (n - 1) // 2, 0 } } end

-- Blocks A to E by the names of torchvision. 35 x 35:
local function block_a(from, pool, fid)
  return Block({
    branch1x1 = { from, 64, 1 },
    branch5x5_1 = { from, 48, 1 }, branch5x5_2 = { 48, 64, 5, { padding = 2 } },
    branch3x3dbl_1 = { from, 64, 1 }, branch3x3dbl_2 = { 64, 96, 3, one },
    branch3x3dbl_3 = { 96, 96, 3, one }, branch_pool = { from, pool, 1 },
  }, { { "branch1x1" }, { "branch5x5_1", "branch5x5_2" },
    { "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3" },
    { "average", "branch_pool" } }, fid)
end

-- To 17 x 17:
local function block_b(from)
  return Block({
    branch3x3 = { from, 384, 3, half },
    branch3x3dbl_1 = { from, 64, 1 }, branch3x3dbl_2 = { 64, 96, 3, one },
    branch3x3dbl_3 = { 96, 96, 3, half },
  }, { { "branch3x3" },
    { "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3" }, { "down" } })
end

local function block_c(from, c, fid)
  local row, column = { 1, 7 }, { 7, 1 }
  return Block({
    branch1x1 = { from, 192, 1 },
    branch7x7_1 = { from, c, 1 }, branch7x7_2 = { c, c, row, wide(7) },
    branch7x7_3 = { c, 192, column, tall(7) },
    branch7x7dbl_1 = { from, c, 1 },
    branch7x7dbl_2 = { c, c, column, tall(7) },
    branch7x7dbl_3 = { c, c, row, wide(7) },
    branch7x7dbl_4 = { c, c, column, tall(7) },
    branch7x7dbl_5 = { c, 192, row, wide(7) },
    branch_pool = { from, 192, 1 },
  }, { { "branch1x1" }, { "branch7x7_1", "branch7x7_2", "branch7x7_3" },
    { "branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4",
      "branch7x7dbl_5" }, { "average", "branch_pool" } }, fid)
end

-- To 8 x 8:
local function block_d(from)
  return Block({
    branch3x3_1 = { from, 192, 1 }, branch3x3_2 = { 192, 320, 3, half },
    branch7x7x3_1 = { from, 192, 1 },
    branch7x7x3_2 = { 192, 192, { 1, 7 }, wide(7) },
    branch7x7x3_3 = { 192, 192, { 7, 1 }, tall(7) },
    branch7x7x3_4 = { 192, 192, 3, half },
  }, { { "branch3x3_1", "branch3x3_2" }, { "branch7x7x3_1", "branch7x7x3_2",
    "branch7x7x3_3", "branch7x7x3_4" }, { "down" } })
end

local function block_e(from, pool, fid)
  return Block({
    branch1x1 = { from, 320, 1 }, branch3x3_1 = { from, 384, 1 },
    branch3x3_2a = { 384, 384, { 1, 3 }, wide(3) },
    branch3x3_2b = { 384, 384, { 3, 1 }, tall(3) },
    branch3x3dbl_1 = { from, 448, 1 },
    branch3x3dbl_2 = { 448, 384, 3, one },
    branch3x3dbl_3a = { 384, 384, { 1, 3 }, wide(3) },
    branch3x3dbl_3b = { 384, 384, { 3, 1 }, tall(3) },
    branch_pool = { from, 192, 1 },
  }, { { "branch1x1" }, { "branch3x3_1", { "branch3x3_2a", "branch3x3_2b" } },
    { "branch3x3dbl_1", "branch3x3dbl_2",
      { "branch3x3dbl_3a", "branch3x3dbl_3b" } }, { pool, "branch_pool" } },
    fid)
end

-- The second classifier of training, which nothing looks at afterwards.
local Aux = nn.Module:subclass "InceptionAux"

function Aux:init(classes)
  self.conv0 = Unit(768, 128, 1)
  self.conv1 = Unit(128, 768, 5)
  self.fc = nn.Linear(768, classes)
end

---@class orrery.metrics.Inception: orrery.nn.Module
local Inception = nn.Module:subclass "Inception3"

--- Inception-v3. With fid = true (the default) the network of the FID, to be
--- given the weights known as pt_inception-2015-12-05; with false that of
--- torchvision, whose file has the second classifier of training too: aux =
--- true. In safetensors they are loaded by nn.utils.load_torch.
---@param given? { fid?: boolean, classes?: integer, aux?: boolean }  classes:
---  1008 or 1000
function Inception:init(given)
  local o = options.take("Inception", given, { fid = true, aux = false },
    { "classes" })
  local fid, classes = o.fid, o.classes or o.fid and 1008 or 1000
  self.Conv2d_1a_3x3 = Unit(3, 32, 3, half)
  self.Conv2d_2a_3x3 = Unit(32, 32, 3)
  self.Conv2d_2b_3x3 = Unit(32, 64, 3, one)
  self.Conv2d_3b_1x1 = Unit(64, 80, 1)
  self.Conv2d_4a_3x3 = Unit(80, 192, 3)
  self.Mixed_5b = block_a(192, 32, fid)
  self.Mixed_5c = block_a(256, 64, fid)
  self.Mixed_5d = block_a(288, 64, fid)
  self.Mixed_6a = block_b(288)
  self.Mixed_6b = block_c(768, 128, fid)
  self.Mixed_6c = block_c(768, 160, fid)
  self.Mixed_6d = block_c(768, 160, fid)
  self.Mixed_6e = block_c(768, 192, fid)
  if o.aux then self.AuxLogits = Aux(classes) end
  self.Mixed_7a = block_d(768)
  self.Mixed_7b = block_e(1280, "average", fid)
  self.Mixed_7c = block_e(2048, fid and "max" or "average", fid)
  self.fc = nn.Linear(2048, classes)
end

local stem = { "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "pool",
  "Conv2d_3b_1x1", "Conv2d_4a_3x3", "pool", "Mixed_5b", "Mixed_5c",
  "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e",
  "Mixed_7a", "Mixed_7b", "Mixed_7c" }

--- The 2048 features of the FID: means over the last maps.
---@param x orrery.Tensor  [N, 3, H, W], 0 to 1; 299 x 299 in the paper, H and W
---  at least 75
---@return orrery.Tensor  [N, 2048]
function Inception:features(x)
  x = x * 2 - 1
  for _, name in ipairs(stem) do
    if name == "pool" then
      x = orrery.max_pool2d(x, 3, { stride = 2 })
    else
      x = self[name](x)
    end
  end
  return x:mean { axis = { 3, 4 } }
end

---@param x orrery.Tensor  [N, 3, H, W], 0 to 1
---@return orrery.Tensor logits  [N, classes]
function Inception:forward(x)
  local y = nn.functional.dropout(self:features(x), 0.5,
    { training = self.training })
  return self.fc(y)
end

return Inception
