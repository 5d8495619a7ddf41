--- Writes down the digits that scripts/maf.lua trains on and measures with, as
--- grey levels, for maf.py.
---     orrery maf.lua OUT.npz
local orrery = require "orrery"

local function levels(set)
  local x = orrery.nn.functional.avg_pool2d((set:everything()), 2)
  return (x * 255):round():byte():flatten(2)
end

local digits = assert(orrery.data.mnist {})
local n = #digits.train
assert(orrery.io.write_npz(arg[1], {
  train = levels(digits.train):narrow(1, 1, n - n // 16),
  held = levels(digits.test),
}))
