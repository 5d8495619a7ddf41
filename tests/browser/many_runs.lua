--- A store with N runs of all kinds in OUT, to be watched; the first has LONG
--- numbers more, a wave with one high and one low among them.
---     lua5.4 many_runs.lua OUT N [LONG]
local Store = require "orrery.runs.store"

local out, count, long = ...
local store = assert(Store.open(out, true))
local list = {}
for i = 1, math.tointeger(tonumber(count)) do
  list[i] = { key = "key" .. i, experiment = i % 4 == 0 and "warm_up" or
    "beta_sweep", label = ("beta=%d lr=0.00%d seed=%d"):format(i % 7, i % 3, i),
    folder = "runs/run" .. i, config = "{}", seed = i, code = "" }
end
store:enroll(list)

local endings = { "done", "done", "done", "failed", "diverged", "interrupted" }

for i = 1, #list - 3 do
  store:claim(i, "{}")
  local rows = {}
  for step = 1, 20 do
    rows[#rows + 1] = { #rows + 1, "loss", step, i / step }
    for latent = 1, 8 do
      rows[#rows + 1] = { #rows + 1, "KL per latent/" .. latent, step,
        latent / step }
    end
    rows[#rows + 1] = { #rows + 1, "D/real", step, 0.9 }
    rows[#rows + 1] = { #rows + 1, "D/fake", step, 0.1 }
    rows[#rows + 1] = { #rows + 1, "gap", step,
      step % 5 == 0 and 0 / 0 or step == 7 and math.huge or 1.0 * step }
  end
  store:append(i, rows)
  local status = endings[i % #endings + 1]
  store:finish(i, { status = status, seconds = 40.0 * i,
    message = status == "failed" and "out of <b>memory</b> & patience\nline 2"
      or status == "diverged" and "diverged: loss is nan at step 12" or nil })
end
local wave = {}
for i = 1, math.tointeger(tonumber(long or 0)) do
  wave[i] = { 1000 + i, "wave", i, i == 7000 and 50.0 or i == 7001 and -40.0
    or math.sin(i / 999) }
end
if #wave > 0 then store:append(1, wave) end
store:close()
