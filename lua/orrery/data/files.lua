--- Pictures in files, read when they are wanted: decoded, scaled, cut, coloured
--- and flipped in threads of their own, one batch ahead of the training step.
local orrery = require "orrery"
local Dataset = require("orrery.data.dataset").Dataset
local Pictures = require "orrery.data.pictures"
local blame = require "orrery.blame"
local options = require "orrery.options"
local raw = require("orrery.core")._pictures

---@class orrery.data.Files: orrery.data.Dataset
---@field names string[]  in the folder or zip file
---@field labels? orrery.Tensor  int64 [N], from 1
---@field classes? string[]
---@field damaged table<string, string>  what was passed over, and why
---@field place orrery.data.Place
---@field plan table  how pictures are made, as the core takes it
---@field o table  the options they were opened with
local Files = setmetatable({}, { __index = Dataset })
Files.__index = Files

function Files.__len(self) return #self.names end

-- ------------------------------------------------------------------ changes

local function factor(u, by) return 1 + (2 * u - 1) * by end

-- The seven numbers of a picture: a function of the seed, the epoch and the
-- picture alone, so that neither batch size nor a restart changes them.
local function changes_of(self, generator, index, epoch, out)
  local o = self.o
  generator:set_state { seed = o.seed,
    counter = (epoch << 40) + (index << 3) }
  local u = orrery.rand(7, { generator = generator }):tolist()
  local jitter = o.jitter
  local cut = o.crop == "random"
  for _, v in ipairs {
    cut and u[1] or -1, cut and u[2] or -1, o.flip and u[3] < 0.5 and 1 or 0,
    math.max(0, factor(u[4], jitter.brightness)),
    math.max(0, factor(u[5], jitter.contrast)),
    math.max(0, factor(u[6], jitter.saturation)),
    (2 * u[7] - 1) * jitter.hue } do
    out[#out + 1] = v
  end
end

local function changes(self, list, epoch)
  local o, out = self.o, {}
  if o.crop ~= "random" and not o.flip and not o.jittered then
    for _ = 1, #list do
      table.move({ -1, -1, 0, 1, 1, 1, 0 }, 1, 7, #out + 1, out)
    end
    return out
  end
  orrery.tidy(function()
    local generator = orrery.Generator(0)
    for _, i in ipairs(list) do changes_of(self, generator, i, epoch, out) end
  end)
  return out
end

-- ------------------------------------------------------------------ reading

local function start(self, list, numbers, plan)
  local names = {}
  for i, at in ipairs(list) do names[i] = self.names[at] end
  local sources, archive = self.place:sources(names)
  return raw.start(plan or self.plan, sources, numbers, archive,
    self.o.workers)
end

local function note(self, name, why)
  if self.damaged[name] then return end
  self.damaged[name] = why
  io.stderr:write(("%s: %s %s; the next one takes its place\n"):format(
    self.who, self.place:called(name), why))
end

-- Into row i of the batch: the next good picture of the set, changed alike.
local function replace(self, views, i, list, numbers)
  local row = table.move(numbers, 7 * i - 6, 7 * i, 1, {})
  local at = list[i]
  for _ = 1, #self do
    at = at % #self + 1
    if not self.damaged[self.names[at]] then
      local got = table.pack(raw.finish(start(self, { at }, row)))
      if not got[1][1] then
        for k, view in ipairs(views) do
          view:narrow(1, i, 1):copy_(got[k + 1])
        end
        return at
      end
      note(self, self.names[at], got[1][1])
    end
  end
  return blame("%s: %s holds no picture that is whole; copy it again",
    self.who, self.place.path)
end

-- Damaged pictures are an error, or make room for others; never silent.
local function mend(self, views, wrong, list, numbers)
  local used = table.move(list, 1, #list, 1, {})
  for i = 1, #list do
    if wrong[i] then
      local name = self.names[list[i]]
      if self.o.damaged ~= "skip" then
        blame("%s: %s %s, or pass damaged = \"skip\"", self.who,
          self.place:called(name), wrong[i])
      end
      note(self, name, wrong[i])
      used[i] = replace(self, views, i, list, numbers)
    end
  end
  return used
end

--- Begins on a batch in the background; `finish` gives it.
---@param indices orrery.Tensor  int64 [B]
---@param opts? { dtype?: string, flat?: boolean }
---@param epoch? integer  of which the random changes are; 0 when absent
---@return table coming
function Files:begin(indices, opts, epoch)
  local list = indices:tolist()
  local numbers = changes(self, list, epoch or 0)
  return { list = list, numbers = numbers, opts = opts or {},
    batch = start(self, list, numbers) }
end

--- Waits for a batch.
---@param coming table  from `begin`
---@return orrery.Tensor ...  float32 [B, C, H, W], one of each part, and the
---   classes int64 [B] if there are any
function Files:finish(coming)
  local views = table.pack(raw.finish(coming.batch))
  local wrong = table.remove(views, 1)
  views.n = nil
  local used = mend(self, views, wrong, coming.list, coming.numbers)
  local out, o = {}, coming.opts
  for i, part in ipairs(self.parts) do
    local x = views[part]
    if o.dtype and o.dtype ~= "float32" then x = x:to(o.dtype) end
    out[i] = o.flat and x:flatten(2) or x
  end
  if self.labels then
    out[#out + 1] = self.labels:index_select(1,
      orrery.tensor(used, { dtype = "int64" }))
  end
  return table.unpack(out)
end

--- The pictures at these positions.
---@param indices orrery.Tensor  int64 [B]
---@param opts? { dtype?: string, flat?: boolean }
---@param epoch? integer
---@return orrery.Tensor ...
function Files:get(indices, opts, epoch)
  return self:finish(self:begin(indices, opts, epoch))
end

--- All at once, as get() gives them.
---@param opts? { dtype?: string, flat?: boolean }
---@return orrery.Tensor ...  [N, C, H, W]
function Files:everything(opts)
  opts = options.take("everything", opts, {}, { "dtype", "flat" })
  return self:get(orrery.range(1, #self, { dtype = "int64" }), opts)
end

--- All of them decoded once, as bytes in memory, without random changes: what
--- small pictures of many epochs want.
---@return orrery.data.Pictures
function Files:in_memory()
  local kept = setmetatable({ o = setmetatable({ crop = "centre",
    flip = false, jittered = false }, { __index = self.o }) },
    { __index = self, __len = Files.__len })
  kept.plan = setmetatable({ offset = { 0, 0, 0 }, gain = { 1, 1, 1 } },
    { __index = self.plan })
  local pieces = {}
  for first = 1, #self, 64 do
    local part = orrery.range(first, math.min(first + 63, #self),
      { dtype = "int64" })
    for k, x in ipairs { Files.get(kept, part) } do
      pieces[k] = pieces[k] or {}
      table.insert(pieces[k], x.dtype == "int64" and x
        or orrery.tidy(function() return x:round():byte() end))
    end
  end
  for k, list in ipairs(pieces) do pieces[k] = orrery.cat(list, 1) end
  return Pictures.new(pieces, { range = self.o.range })
end

--- Decodes every file and says which are damaged.
---@return { name: string, why: string }[]
function Files:check()
  local bad = {}
  for first = 1, #self, 64 do
    local list = {}
    for i = first, math.min(first + 63, #self) do list[#list + 1] = i end
    local wrong = raw.finish(start(self, list, changes(self, list, 0)))
    for i, at in ipairs(list) do
      if wrong[i] then
        bad[#bad + 1] = { name = self.names[at], why = wrong[i] }
      end
    end
  end
  return bad
end

-- --------------------------------------------------------------------- parts

local function with_names(self, names, labels)
  local copy = {}
  for key, value in pairs(self) do copy[key] = value end
  copy.names, copy.labels = names, labels
  return setmetatable(copy, Files)
end

--- One half of pairs, as a set of its own.
---@param k integer  1: A, 2: B
---@return orrery.data.Files
function Files:view(k)
  options.count("view", "k", k)
  if k > #self.parts then
    blame("view: k is %d; these pictures have %d views", k, #self.parts)
  end
  local one = with_names(self, self.names, self.labels)
  one.parts = { self.parts[k] }
  return one
end

function Files:pick(indices)
  local names = {}
  for i, at in ipairs(indices:tolist()) do names[i] = self.names[at] end
  return with_names(self, names,
    self.labels and self.labels:index_select(1, indices))
end

function Files:slice(first, last)
  return with_names(self, table.move(self.names, first, last, 1, {}),
    self.labels and self.labels:narrow(1, first, last - first + 1))
end

function Files.__tostring(self)
  return ("%d %s of %d x %d in %s"):format(#self,
    #self.parts == 1 and "pictures" or "pairs of pictures", self.plan.height,
    self.plan.width, self.place.path)
end

return Files
