--- A sweep to be watched: curves, pictures with steps, a NaN. It goes on when
--- the file OUT/go is there.
---     lua5.4 watched_run.lua out=OUT
local orrery = require "orrery"
local run = orrery.experiment {
  name = "watched", step = "epoch",
  knobs = {
    beta = { { 1.0, 4.0 }, "weight of the second term" },
    epochs = { 24, "epochs of a trial", min = 1 },
  },
}

-- Half way it waits to be told to go on, for two minutes at most.
local function wait_for(path)
  local since = orrery.clock()
  while not orrery.fs.exists(path) do
    orrery.sleep(0.02)
    if orrery.clock() - since > 120 then error("nobody said go", 0) end
  end
end

function run.trial(k, log)
  local noise = log:generator "noise"
  local sum = 0.0
  for epoch = 1, k.epochs do
    if epoch == k.epochs // 2 + 1 then
      log:checkpoint { epoch = epoch }  -- all of the first half is in the store
      wait_for(log.record.folder .. "/../../go")
    end
    local drawn = orrery.rand({ 1 }, { generator = noise }):item()
    sum = sum + drawn
    log:scalar("loss", epoch, k.beta * math.exp(-epoch / 8) + drawn / 10)
    log:scalar("kl", epoch, epoch == 7 and 0 / 0 or k.beta * epoch)
    if epoch % 4 == 0 then
      log:image("samples", orrery.rand({ 16, 1, 8, 8 }, { generator = noise }),
        { step = epoch })
    end
    log:progress(epoch / k.epochs, "epoch " .. epoch)
  end
  return { sum = sum }
end

return run(...)
