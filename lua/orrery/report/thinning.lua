--- Long series made short enough for a page, without hiding what they do: of
--- every group of neighbours the mean stays, with the least and the most.
local thinning = {}

-- One group of values; those that are no number are left out of it.
local function fold(y, first, last)
  local sum, n, lo, hi = 0, 0, math.huge, -math.huge
  for i = first, last do
    local v = y[i]
    if v and v - v == 0 then
      sum, n = sum + v, n + 1
      if v < lo then lo = v end
      if v > hi then hi = v end
    end
  end
  if n == 0 then return 0 / 0, 0 / 0, 0 / 0 end
  return sum / n, lo, hi
end

-- How many values are no number or infinite.
local function count_odd(y)
  local odd = 0
  for _, v in ipairs(y) do
    if v - v ~= 0 then odd = odd + 1 end
  end
  return odd
end

--- At most `most` points for a series.
---@param s { x: number[], y: number[] }
---@param most integer
---@return table  x, y, odd (values that are no number or infinite), and for a
---  shortened one lo, hi, size (values to a point), total
function thinning.thin(s, most)
  local n, odd = #s.x, count_odd(s.y)
  if n <= most then return { x = s.x, y = s.y, odd = odd } end
  local size = math.ceil(n / most)
  local out = { x = {}, y = {}, lo = {}, hi = {}, size = size, total = n,
    odd = odd }
  for first = 1, n, size do
    local last, p = math.min(first + size - 1, n), #out.x + 1
    out.x[p] = (s.x[first] + s.x[last]) / 2
    out.y[p], out.lo[p], out.hi[p] = fold(s.y, first, last)
  end
  return out
end

-- 100000 as "100,000".
local function spaced(n)
  local text = tostring(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

local function note(size, total, odd)
  local words = {}
  if size then
    words[1] = ("%s values, %d to a point: the line is their mean, the band "
      .. "goes from the least to the most; the store has every value.")
      :format(spaced(total), size)
  end
  if odd > 0 then
    words[#words + 1] = ("%s no number or infinite, and left out.")
      :format(odd == 1 and "1 value is" or spaced(odd) .. " values are")
  end
  return words[1] and table.concat(words, " ")
end

-- A band of one deviation to either side, where one is given.
local function add_band(s)
  if not s.sd then return end
  s.lo, s.hi = {}, {}
  for j, sd in ipairs(s.sd) do
    s.lo[j], s.hi[j] = s.y[j] - sd, s.y[j] + sd
  end
  s.sd = nil
end

--- Thinned series of one chart, and a sentence on what the page leaves out.
---@param series table[]  { name=, group=, x=, y=, sd? }, or thinned ones
---@param most integer  points each
---@return table[] thinned  with name and group
---@return string? note
function thinning.chart(series, most)
  local out, longest, odd = {}, {}, 0
  for i, s in ipairs(series) do
    local thin = s.odd and s or thinning.thin(s, most)
    out[i] = { name = s.name, group = s.group, sd = s.sd, x = thin.x,
      y = thin.y, lo = thin.lo, hi = thin.hi, size = thin.size }
    add_band(out[i])
    odd = odd + thin.odd
    if (thin.size or 0) > (longest.size or 0) then longest = thin end
  end
  return out, note(longest.size, longest.total, odd)
end

return thinning
