--- Writes FOLDER/report.html: a page with all that a report can hold.
local report = require "orrery.report"

local folder = ...
local page = report.new { title = "a report", subtitle = "all parts" }
page:heading "Curves"
local x, y = {}, {}
for i = 1, 50 do x[i], y[i] = i, math.sin(i / 8) end
page:curves { title = "loss", series = { { name = "seed 1", x = x, y = y } } }
page:fold("settings", "beta = 4")
assert(page:write(folder .. "/report.html"))
