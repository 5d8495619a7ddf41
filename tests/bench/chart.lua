--- Draws run.py's rows, read as JSON from standard input, as bars.
---     chart.lua FILE.png
local orrery = require "orrery"
local rows = assert(orrery.json.decode(io.read "a"))
local names, ratios = {}, {}
for i, row in ipairs(rows) do names[i], ratios[i] = row.case, row.ratio end
assert(orrery.plot.bar {
  x = names, y = ratios, title = "time, ours / PyTorch (1 is equal)",
  ylabel = "ratio", ymin = 0, size = { 1200, 500 },
}:save(arg[1]))
