--- A small training run with everything a checkpoint has to hold, for
--- test_train.lua: as a module, and as a program of its own that is killed.
---     lua5.4 tests/lua/small_run.lua CHECKPOINT STEPS EVERY [PAUSE]
local orrery = require "orrery"
local data, nn, optim, train = orrery.data, orrery.nn, orrery.optim,
  orrery.train

local small = {}

--- The options of a run; `more` adds to them or replaces them.
function small.options(steps, more)
  orrery.manual_seed(11)
  local model = nn.Sequential { nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.2),
    nn.Linear(8, 3) }
  local examples = data.TensorDataset(orrery.randn { 40, 6 },
    orrery.randint(1, 3, { 40 }))
  local opt = optim.Adam(model, { lr = 0.02 })
  local noise = orrery.Generator(5)
  local o = {
    model = model, optimizer = opt, steps = steps, seed = 3,
    data = examples:batches(8, { shuffle = true, seed = 7 }),
    schedule = optim.lr_scheduler.CosineAnnealingLR(opt, { T_max = 50 }),
    schedule_every = "step",
    ema = train.EMA(model, { decay = 0.9 }),
    generators = { noise = noise },
    extra = { seen = 0 },
    progress = false,
    on_step = function(state) state.extra.seen = state.extra.seen + 1 end,
    step = function(batch)
      local x, y = batch[1], batch[2]
      x = x + orrery.randn({ x:shape() }, { generator = noise }) * 0.1
      local logits = model(x)
      local loss = nn.functional.cross_entropy(logits, y)
      return loss, { size = logits:detach():abs():mean() }
    end,
  }
  for name, value in pairs(more or {}) do o[name] = value end
  return o
end

--- A run ready to be stepped.
function small.run(steps, more) return train.run(small.options(steps, more)) end

--- All the numbers a run ends with, as lists.
function small.numbers(run)
  local out = {}
  for _, part in ipairs { run.models.main, run.emas.main } do
    local state, names = part:state_dict(), {}
    for name in pairs(state) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do out[#out + 1] = state[name]:tolist() end
  end
  out[#out + 1] = run.state.extra.seen
  return out
end

local path, steps, every, pause = ...
if tonumber(steps) then
  require("orrery.runs.current").forget()  -- it is no run to be kept
  train.loop(small.options(tonumber(steps), {
    checkpoint = { path = path, every = tonumber(every) },
    on_step = function(state)
      state.extra.seen = state.extra.seen + 1
      orrery.sleep(tonumber(pause or 0))
    end,
  }))
end

return small
