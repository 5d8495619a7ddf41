--- Looking at sets of pictures before training on them: sheets, and counts,
--- sizes and colours in a table.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local inspect = {}

local function is_set(x)
  return type(x) == "table" and type(x.get) == "function"
    and (getmetatable(x) or {}).__len ~= nil
end

-- What black and white are in its batches.
local function range_of(set)
  if set.range then return set.range end
  if set.o then return set.o.mean and "auto" or set.o.range end
  return { 0, 1 }
end

-- Its pictures [N, C, H, W] at these positions; masks and labels are left out.
local function pictures_of(who, set, positions)
  local views = {}
  for _, x in ipairs { set:get(positions) } do
    local wide = x:dim() == 4 and (#views == 0 or x:size(2) == 3)
    if wide then views[#views + 1] = x end
  end
  if #views == 0 then
    blame("%s: the set has no pictures [B, C, H, W]; give one that has", who)
  end
  return views
end

-- The first `count`, or as many at random when there is a seed.
local function chosen(set, count, seed)
  local n = math.min(count, #set)
  if seed == nil then return orrery.range(1, n, { dtype = "int64" }) end
  return orrery.randperm(#set, { generator = orrery.Generator(seed) })
    :narrow(1, 1, n)
end

-- Rows of one view and of its partners under them.
local function interleaved(views, columns)
  local rows, n = {}, views[1]:size(1)
  for first = 1, n, columns do
    for _, view in ipairs(views) do
      local some = view:narrow(1, first, math.min(columns, n - first + 1))
      if some:size(1) < columns and #views > 1 then
        local c, h, w = select(2, some:shape())
        some = orrery.cat({ some, orrery.full({ columns - some:size(1), c, h,
          w }, view:amax():item()) }, 1)
      end
      rows[#rows + 1] = some
    end
  end
  return orrery.cat(rows, 1)
end

local function sheet_of(set, o, title)
  local views = pictures_of("sheet", set, chosen(set, o.count, o.seed))
  return orrery.plot.grid(interleaved(views, o.columns),
    { columns = o.columns, range = range_of(set), scale = o.scale,
      title = o.title or title })
end

-- { part, domain, set } of a set with parts, or of one alone.
local function parts_of(who, set)
  if is_set(set) then return { { "", "", set } } end
  local list = {}
  for _, part in ipairs { "train", "val", "test" } do
    local of = type(set) == "table" and set[part]
    if is_set(of) then
      list[#list + 1] = { part, "", of }
    elseif type(of) == "table" then
      for _, domain in ipairs { "A", "B" } do
        if is_set(of[domain]) then
          list[#list + 1] = { part, domain, of[domain] }
        end
      end
    end
  end
  if #list == 0 then
    blame("%s: set is %s; give a set of pictures, or a table with train or "
      .. "test", who, options.shown(set))
  end
  return list
end

--- Pictures of a set as a figure: of pairs each row has its partners under it;
--- of a set with train and test the domains one under the other.
---@param set table  a dataset of pictures, or what data.cyclegan and its like
---  return
---@param opts? { count?: integer, columns?: integer, seed?: integer,
---   scale?: integer, title?: string }  of each: 24; 12; at random by that seed
---   (the first ones when absent); each pixel so many wide, 1
---@return orrery.plot.Figure
function inspect.sheet(set, opts)
  local o = options.take("sheet", opts, { count = 24, columns = 12,
    scale = 1 }, { "seed", "title" })
  options.count("sheet", "count", o.count)
  options.count("sheet", "columns", o.columns)
  local figures = {}
  local list = parts_of("sheet", set)
  for _, one in ipairs(list) do
    local part, domain, of = table.unpack(one)
    if part == "train" or part == "" or #list <= 2 then
      figures[#figures + 1] = sheet_of(of, o, domain ~= "" and ("%s %s: %s")
        :format(part, domain, tostring(of)) or tostring(of))
    end
  end
  if #figures == 1 then return figures[1] end
  figures.columns = 1
  return orrery.plot.grid(figures)
end

-- Mean and standard deviation of each channel over up to `most` pictures.
local function colours(set, most)
  local x = pictures_of("describe", set, chosen(set, most))[1]
  local flat = x:transpose(1, 2):flatten(2):double()
  return flat:mean(2):tolist(), flat:std(2):tolist(), x:size(3), x:size(4)
end

local Description = {}
Description.__index = Description

local function numbers(list)
  local out = {}
  for i, v in ipairs(list) do out[i] = ("%5.2f"):format(v) end
  return table.concat(out, " ")
end

function Description:__tostring()
  local lines = { ("%-8s %6s %9s  %-18s %-18s %s"):format("set", "count",
    "size", "mean", "deviation", "damaged") }
  for _, row in ipairs(self) do
    lines[#lines + 1] = ("%-8s %6d %9s  %-18s %-18s %s"):format(row.name,
      row.count, ("%d x %d"):format(row.height, row.width), numbers(row.mean),
      numbers(row.std), row.damaged or "-")
  end
  return table.concat(lines, "\n")
end

--- What a set of pictures is like: a table of counts, sizes and colours, which
--- prints as one.
---
---     print(data.describe(data.cyclegan("horse2zebra", { size = 64 })))
---@param set table  a dataset of pictures, or what data.cyclegan and its like
---  return
---@param opts? { sample?: integer, check?: boolean }  pictures that means are
---  taken over, 200; check decodes every file and counts the damaged ones
---@return { name: string, count: integer, height: integer, width: integer,
---   mean: number[], std: number[], damaged: integer? }[]
function inspect.describe(set, opts)
  local o = options.take("describe", opts, { sample = 200, check = false })
  options.count("describe", "sample", o.sample)
  options.flag("describe", "check", o.check)
  local rows = {}
  for i, one in ipairs(parts_of("describe", set)) do
    local part, domain, of = table.unpack(one)
    local mean, std, h, w = colours(of, o.sample)
    rows[i] = { name = part .. domain, count = #of, height = h, width = w,
      mean = mean, std = std,
      damaged = o.check and of.check and #of:check() or nil }
  end
  return setmetatable(rows, Description)
end

return inspect
