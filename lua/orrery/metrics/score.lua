--- A measured value with all that it depends on. Two are compared with <, <=
--- and - when they were measured alike; else that is refused, since a distance
--- of 1,000 images is not to be set against one of 10,000, nor one network's
--- features against another's.
local blame = require "orrery.blame"
local options = require "orrery.options"

---@class orrery.metrics.Score
---@field metric string  "fid"
---@field value number
---@field low number  of the interval; the value itself without resamples
---@field high number
---@field n integer  how many generated examples (or pairs, or cases)
---@field m integer?  how many real ones
---@field extractor string  whose features: a network's name, or "none"
---@field hash string  of its weights, 16 hexadecimal digits, or "-"
---@field seed integer  of all that was drawn to measure it
---@field settings string  what else it depends on, "k = 3"
local Score = {}
Score.__index = Score

-- What must agree, in the order in which it is told.
local alike = { "metric", "extractor", "hash", "n", "m", "settings" }
local words = { hash = "weights", n = "n", m = "n of the real ones" }

local function refuse(a, b, field)
  blame("%s: one has %s %s, the other %s; measure both alike", a.metric,
    words[field] or field, tostring(a[field]), tostring(b[field]))
end

local function values(a, b)
  if type(a) == "number" or type(b) == "number" then
    return type(a) == "number" and a or a.value,
      type(b) == "number" and b or b.value
  end
  for _, side in ipairs { a, b } do
    if getmetatable(side) ~= Score then
      blame("score: compared with a %s; give a score or a number", type(side))
    end
  end
  for _, field in ipairs(alike) do
    if a[field] ~= b[field] then refuse(a, b, field) end
  end
  return a.value, b.value
end

function Score.__lt(a, b)
  local x, y = values(a, b)
  return x < y
end

function Score.__le(a, b)
  local x, y = values(a, b)
  return x <= y
end

--- The difference of two values measured alike.
---@return number
function Score.__sub(a, b)
  local x, y = values(a, b)
  return x - y
end

function Score.__tostring(self)
  local parts = { ("%s %.5g"):format(self.metric, self.value) }
  if self.low < self.high then
    parts[1] = parts[1] .. (" [%.4g, %.4g]"):format(self.low, self.high)
  end
  parts[2] = "n = " .. self.n
  if self.m then parts[3] = "real " .. self.m end
  parts[#parts + 1] = self.extractor == "none" and "features as given"
    or self.extractor .. " " .. self.hash:sub(1, 8)
  if self.settings ~= "" then parts[#parts + 1] = self.settings end
  parts[#parts + 1] = "seed " .. self.seed
  return table.concat(parts, ", ")
end

--- The fields as plain values, for tables and files.
---@return table
function Score:row()
  local row = {}
  for key, value in pairs(self) do row[key] = value end
  return row
end

---@param fields table  metric, value, n and what else is known
---@return orrery.metrics.Score
return function(fields)
  if type(fields) ~= "table" or getmetatable(fields) or not fields.value then
    blame("score: fields are %s; give { metric =, value =, n = }",
      options.shown(fields))
  end
  fields.low, fields.high = fields.low or fields.value,
    fields.high or fields.value
  fields.extractor, fields.hash = fields.extractor or "none",
    fields.hash or "-"
  fields.settings = fields.settings or ""
  return setmetatable(fields, Score)
end
