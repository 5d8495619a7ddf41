--- Curves in a page: their numbers as JSON in the page, drawn by chart.js and
--- dygraphs, both inlined, so that the page needs no network.
local assets = require "orrery.report.assets"
local thinning = require "orrery.report.thinning"

local curves = {}

local function quote(text)
  return '"' .. assets.guard((tostring(text):gsub('[%c"\\]', function(c)
    return ("\\u%04x"):format(c:byte())
  end))) .. '"'
end

local function number(v)
  if type(v) ~= "number" or v - v ~= 0 then return "null" end
  if v == math.floor(v) and math.abs(v) < 1e15 then return ("%d"):format(v) end
  return ("%.6g"):format(v)
end

local function numbers(list)
  local out = {}
  for i, v in ipairs(list) do out[i] = number(v) end
  return "[" .. table.concat(out, ",") .. "]"
end

-- Steps that an earlier series has are written as its place.
local function series_json(series)
  local known, out = {}, {}
  for i, s in ipairs(series) do
    local x = numbers(s.x)
    local fields = { '"x":' .. (known[x] or x), '"y":' .. numbers(s.y) }
    known[x] = known[x] or i - 1
    if s.lo then
      fields[3] = '"lo":' .. numbers(s.lo)
      fields[4] = '"hi":' .. numbers(s.hi)
    end
    fields[#fields + 1] = '"name":' .. quote(s.name or "")
    if s.group then fields[#fields + 1] = '"group":' .. quote(s.group) end
    out[i] = "{" .. table.concat(fields, ",") .. "}"
  end
  return "[" .. table.concat(out, ",\n") .. "]"
end

-- Names on the x axis stand at 1, 2 ...
local function by_place(options)
  local ticks = {}
  for i, name in ipairs(options.ticks) do ticks[i] = quote(name) end
  return "[" .. table.concat(ticks, ",") .. "]"
end

--- What chart.js draws.
---@param options table  title, xlabel?, ylabel?, ticks?, points? (at most so
---  many of each series, 2000), series = { { name=, group?=, x=, y=, sd?= } }
---@return string json
function curves.spec(options)
  local series, note = thinning.chart(options.series, options.points or 2000)
  local fields = { '"title":' .. quote(options.title or ""),
    '"xlabel":' .. quote(options.xlabel or ""),
    '"series":' .. series_json(series) }
  if options.ylabel then
    fields[#fields + 1] = '"ylabel":' .. quote(options.ylabel)
  end
  if options.ticks then
    fields[#fields + 1] = '"ticks":' .. by_place(options)
  end
  if note then fields[#fields + 1] = '"note":' .. quote(note) end
  return "{" .. table.concat(fields, ",") .. "}"
end

--- HTML of one chart.
---@param options table  see curves.spec
---@return string? html  nil when dygraphs is not here
function curves.html(options)
  if not assets.dygraphs() then return nil end
  return "<figure class='curve'><script type='application/json' "
    .. "class='chart'>" .. curves.spec(options) .. "</script></figure>"
end

return curves
