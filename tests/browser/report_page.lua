--- Writes FOLDER/report.html: a page with all that a report can hold.
local report = require "orrery.report"

local folder = ...
local page = report.new { title = "a report", subtitle = "all parts" }
page:heading "Curves"
local series = {}
for b, beta in ipairs { 1, 4, 10 } do
  for seed = 1, 3 do
    local s = { name = ("beta %d seed %d"):format(beta, seed),
      group = "beta " .. beta, x = {}, y = {} }
    for i = 1, 50 do
      s.x[i], s.y[i] = i, 100 * b * (math.exp(-i / 10) + 0.2 + 0.03 * seed)
    end
    series[#series + 1] = s
  end
end
page:curves { title = "loss", xlabel = "epoch", series = series }
local x, y = {}, {}
for i = 1, 30000 do
  x[i], y[i] = i, math.sin(i / 2000) + 0.3 * math.sin(i * 12.9898)
end
y[20000] = 0 / 0
page:curves { title = "long", xlabel = "step",
  series = { { name = "loss", x = x, y = y } } }
page:curves { title = "elbo by model", ticks = { "mlp", "conv" },
  series = { { name = "elbo", x = { 1, 2 }, y = { -120, -110 },
    sd = { 2, 3 } } } }
page:fold("settings", "beta = 4")
assert(page:write(folder .. "/report.html"))
