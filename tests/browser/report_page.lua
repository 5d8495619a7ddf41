--- Writes FOLDER/report.html: a page with all that a report can hold.
local orrery = require "orrery"
local plot = require "orrery.plot"
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

-- A picture for every setting, seed and epoch: six samples, whose grey level
-- is 10 times the sample, plus 70 for beta 4, plus the epoch.
local trials = {}
for _, beta in ipairs { 1, 4 } do
  for seed = 1, 2 do
    local t = { beta = beta, knobs = { beta = beta, seed = seed }, images = {},
      image_names = {}, image_tiles = {}, label = "beta " .. beta }
    for epoch = 1, 3 do
      local level = orrery.range(1, 6) * 10 + (beta == 4 and 70 or 0) + epoch
      local grid = plot.grid(level:to "uint8":reshape(6, 1, 1, 1)
        :expand(6, 1, 8, 8), { columns = 3 })
      local name = ("samples, epoch %d"):format(epoch)
      local path = ("%s/%d_%d_%d.png"):format(folder, beta, seed, epoch)
      assert(grid:save(path))
      t.images[name], t.image_tiles[name] = path, grid.tiles
      t.image_names[epoch] = name
    end
    t.images.last = t.images["samples, epoch 3"]
    trials[#trials + 1] = t
  end
end
page.trials = trials
page:heading "Pictures"
page:image_matrix { image = "samples" }
page:image_matrix { images = { "last" }, rows = "beta" }
page:fold("settings", "beta = 4")
assert(page:write(folder .. "/report.html"))
