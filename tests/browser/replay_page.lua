--- Writes FOLDER/replay.html: formulas, code, output and a chart.
local orrery = require "orrery"
local folder = ...
local file = assert(io.open(folder .. "/file.lua", "w"))
file:write [=[
-- %% [markdown]
-- # Formulas
-- For $z \sim N(\mu, 1)$ and $a < b$, see [below](#figures):
--
-- $$ \int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi} $$
--
-- ![elsewhere](https://example.org/a.png)

-- %% Code
print "printed"
replay.check("pi", math.pi, 3, { abs = 0.2 })
show(rand(4, 4))
plot.line { y = { 1, 2, 3 }, title = "rising" }

-- %% Wrong
error "on purpose"
]=]
file:close()
local result = assert(orrery.replay.run(folder .. "/file.lua"))
local page = assert(io.open(folder .. "/replay.html", "w"))
page:write(require "orrery.replay.page"(result))
page:close()
