--- A sweep for test_sweep.lua, whose workers are killed: each step adds draws
--- of two streams, and a training loop runs inside the trial. A trial that two
--- processes work on at once says so in the file OUT/doubled.
---     ORRERY_PAUSE=0.01 lua5.4 tests/lua/killed_sweep.lua seed=1..6 -j 2
local orrery = require "orrery"
local pause = tonumber(os.getenv "ORRERY_PAUSE" or "") or 0
local run = orrery.experiment {
  name = "walks",
  knobs = {
    steps = { 20, "steps of a trial", min = 1 },
    drift = { { 0.0, 0.5 }, "added at each step" },
  },
}

local function write(path, mode, text)
  local file = assert(io.open(path, mode))
  file:write(text)
  file:close()
end

-- The process that works on a trial leaves its number; finding another one
-- there later means that both believe the trial is theirs.
local function watch(log)
  local path = log.record:path "owner"
  local pid = tostring(orrery.getpid())
  write(path, "w", pid)
  return function()
    local file = assert(io.open(path))
    local found = file:read "a"
    file:close()
    if found ~= pid then
      write(log.record.folder .. "/../../doubled", "a", path .. "\n")
    end
  end
end

local function train(k, log, noise, check)
  local net = orrery.nn.Linear(2, 1)
  orrery.train.loop { model = net, steps = k.steps, progress = false,
    optimizer = orrery.optim.Adam(net, { lr = 0.05 }),
    generators = { noise = noise },
    checkpoint = { path = log.record:path "net.safetensors", every = 4 },
    data = function() return orrery.randn({ 8, 2 }, { generator = noise }) end,
    on_step = function()
      check()
      orrery.sleep(pause / 2)
    end,
    step = function(batch)
      return ((net(batch[1]) - k.drift) ^ 2):mean()
    end }
  return net.weight:sum():item()
end

function run.trial(k, log)
  local check, noise = watch(log), log:generator "noise"
  local walk = { at = 0.0 }
  function walk:state() return { at = self.at } end
  function walk:set_state(s) self.at = s.at end
  local done = log:resume({ walk = walk }, { step = 0 })
  for step = done.step + 1, k.steps do
    check()
    walk.at = walk.at + orrery.randn({ 1 }, { generator = noise }):item()
      + orrery.rand(1):item() + k.drift
    log:scalar("at", step, walk.at)
    log:progress(step / k.steps, "step " .. step)
    orrery.sleep(pause)
    if step % 3 == 0 then log:checkpoint { step = step } end
  end
  log:checkpoint { step = k.steps }
  local weight = train(k, log, log:generator "loop", check)
  check()
  return { at = walk.at, weight = weight }
end

return run(...)
