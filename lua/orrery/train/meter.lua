--- Weighted means of what a loop reports, by name, in the order first seen.
local blame = require "orrery.blame"
local options = require "orrery.options"

---@class orrery.train.Meter
local Meter = {}
Meter.__index = Meter

---@return orrery.train.Meter
function Meter.new()
  return setmetatable({ names = {}, sums = {}, weights = {} }, Meter)
end

---@param values table<string, number>
---@param weight number  examples these are the mean of
function Meter:add(values, weight)
  if type(values) ~= "table" then
    blame("meter: values are %s; give numbers by name", options.shown(values))
  end
  options.number("meter", "weight", weight)
  local fresh = {}
  for name, value in pairs(values) do
    options.number("meter", tostring(name), value)
  end
  for name, value in pairs(values) do
    if not self.sums[name] then fresh[#fresh + 1] = name end
    self.sums[name] = (self.sums[name] or 0) + value * weight
    self.weights[name] = (self.weights[name] or 0) + weight
  end
  table.sort(fresh, function(a, b)  -- the loss leads
    if (a == "loss") ~= (b == "loss") then return a == "loss" end
    return a < b
  end)
  table.move(fresh, 1, #fresh, #self.names + 1, self.names)
end

---@return table<string, number>
function Meter:means()
  local means = {}
  for name, sum in pairs(self.sums) do
    means[name] = sum / self.weights[name]
  end
  return means
end

--- "loss 104.2  kl 14.9"
---@return string
function Meter:text()
  local parts, means = {}, self:means()
  for i, name in ipairs(self.names) do
    parts[i] = ("%s %.4g"):format(name, means[name])
  end
  return table.concat(parts, "  ")
end

function Meter:state_dict()
  return { names = self.names, sums = self.sums, weights = self.weights }
end

function Meter:load_state_dict(state)
  self.names, self.sums, self.weights = state.names, state.sums, state.weights
end

return Meter
