--- Numbers of a training run changed between its steps: what changes, what is
--- logged, and that resumed or repeated the run comes out the same.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local guard = require "orrery.train.guard"
local source = os.getenv "ORRERY_SOURCE_DIR" or "."
local small = dofile(source .. "/tests/lua/small_run.lua")
local data, nn, optim, train = orrery.data, orrery.nn, orrery.optim,
  orrery.train

-- One weight w, loss scale * w: each step of SGD takes lr * scale from it.
local function line(more)
  local model = nn.Linear(1, 1, { bias = false })
  orrery.no_grad(function() model.weight:fill_(0) end)
  local scale = 1.0
  local o = { model = model, optimizer = optim.SGD(model, { lr = 0.5 }),
    steps = 6, progress = false, data = function() return orrery.ones(1) end,
    step = function() return model.weight:sum() * scale end }
  for name, value in pairs(more or {}) do o[name] = value end
  return train.run(o), function() return model.weight:item() end
end

t.test("the rate counts from the next step on and is logged", function()
  local run, weight = line()
  run:step()
  t.near(weight(), -0.5)
  local change = run:change("lr", 0.25)
  t.equal(change, { step = 1, name = "lr", value = 0.25, was = 0.5, loop = 1 })
  run:step()
  t.near(weight(), -0.75)
  t.equal(run.state.changes, { change })
end)

t.test("numbers that the step has from outside can be changed", function()
  local run, weight = line()
  run:change("scale", 3)
  run:step()
  t.near(weight(), -1.5)
end)

t.test("a knob is read from the state, compiled too", function()
  for _, compile in ipairs { false, true } do
    local model = nn.Linear(1, 1, { bias = false })
    orrery.no_grad(function() model.weight:fill_(0) end)
    local given = { beta = 0.5 }
    local run = line { model = model, knobs = given, compile = compile,
      optimizer = optim.SGD(model, { lr = 1 }),
      step = function(_, state)
        return model.weight:sum() * state.knobs.beta
      end }
    run:step()
    t.near(model.weight:item(), -0.5)
    run:change("beta", 0.25)
    run:step()
    t.near(model.weight:item(), -0.75)
    run:change("beta", 4)
    run:step()
    t.near(model.weight:item(), -4.75)
    t.equal(given.beta, 0.5)
  end
end)

t.test("several optimisers have a rate each", function()
  local a, b = nn.Linear(1, 1), nn.Linear(1, 1)
  local G, D = optim.SGD(a, { lr = 1 }), optim.SGD(b, { lr = 1 })
  local run = line { model = { a = a, b = b }, optimizer = { G = G, D = D },
    step = function() end }
  run:change("lr.D", 0.125)
  t.equal({ G.param_groups[1].lr, D.param_groups[1].lr }, { 1, 0.125 })
end)

t.test("all groups of an optimiser change by the same factor", function()
  local a, b = nn.Linear(1, 1), nn.Linear(1, 1)
  local opt = optim.SGD({ { params = a:parameters() },
    { params = b:parameters(), lr = 0.5 } }, { lr = 0.25 })
  local run = line { model = { a = a, b = b }, optimizer = opt,
    step = function() end }
  run:change("lr", 0.5)
  t.equal({ opt.param_groups[1].lr, opt.param_groups[2].lr }, { 0.5, 1.0 })
end)

t.test("a schedule goes on from the changed rate", function()
  local run, weight
  local model = nn.Linear(1, 1, { bias = false })
  orrery.no_grad(function() model.weight:fill_(0) end)
  local opt = optim.SGD(model, { lr = 1 })
  run = line { model = model, optimizer = opt, schedule_every = "step",
    schedule = optim.lr_scheduler.ExponentialLR(opt, { gamma = 0.5 }),
    step = function() return model.weight:sum() end }
  weight = function() return model.weight:item() end
  run:step()                                 -- 1
  run:change("lr", 4)                        -- where it would have been 0.5
  run:step()
  t.near(weight(), -5)
  run:step()
  t.near(weight(), -7)
  -- Affine in its base, not linear: eta_min stays.
  opt = optim.SGD(model, { lr = 1 })
  local cosine = optim.lr_scheduler.CosineAnnealingLR(opt,
    { T_max = 4, eta_min = 0.2 })
  run = line { model = model, optimizer = opt, schedule_every = "step",
    schedule = cosine, step = function() return model.weight:sum() end }
  run:step()
  run:step()
  run:change("lr", 0.7)                      -- 0.2 + (base - 0.2) / 2
  t.near(cosine.base_lrs[1], 1.2)
  t.near(opt.param_groups[1].lr, 0.7)
  run:step()
  run:step()
  t.near(opt.param_groups[1].lr, 0.2)
end)

t.test("what cannot be changed is named in a sentence", function()
  local run = line { knobs = { beta = 1.0 } }
  t.fails("change: bta is nothing that can be changed; did you mean beta?",
    run.change, run, "bta", 1)
  t.fails("change: nonsense is nothing that can be changed; it is one of lr, "
    .. "beta, scale", run.change, run, "nonsense", 1)
  t.fails("change: lr is -1; give a finite number of at least 0", run.change,
    run, "lr", -1)
  t.fails('change: beta is "4"; give a finite number', run.change, run, "beta",
    "4")
  t.equal(run.state.changes, {})
  local function with(knobs)
    return { knobs = knobs, steps = 1, step = print, data = print }
  end
  t.fails("loop: knobs are 3; write { beta = 4.0 }", train.run, with(3))
  t.fails("loop: knob beta is a boolean; give a number by its name", train.run,
    with { beta = true })
end)

-- ---------------------------------------------------------- the same again

-- A run with dropout, schedules, an average, noise; two changes on the way.
local function changed(steps, more)
  local o = small.options(steps, more)
  local step = o.step
  o.knobs = { scale = 1.5 }
  o.step = function(batch, state)
    local loss, metrics = step(batch)
    return loss * state.knobs.scale, metrics
  end
  return train.run(o)
end

local function go(run, from)
  repeat
    local at = run.state.step
    if at == 3 and from ~= "repeat" and at > (from or 0) then
      run:change("lr", 0.004)
    elseif at == 7 and from ~= "repeat" and at > (from or 0) then
      run:change("scale", 0.7)
      run:change("lr", 0.03)
    end
  until not run:step()
  return run
end

t.test("a run repeated with its changes gives the same bits", function()
  local first = go(changed(12))
  t.equal(#first.state.changes, 3)
  local again = go(changed(12, { changes = first.state.changes }), "repeat")
  t.equal(small.numbers(again), small.numbers(first))
  t.equal(again.state.changes, first.state.changes)
  local without = go(changed(12), "repeat")
  t.ok(without.models.main[1].weight:tolist()[1][1]
    ~= first.models.main[1].weight:tolist()[1][1])
end)

local kept = t.needing "json"

kept("stopped after any step and resumed, changes count as before", function()
  local folder = files.folder()
  local function path(name) return folder .. "/" .. name .. ".safetensors" end
  local whole = go(changed(12, { checkpoint = path "whole" }))
  whole:save()
  local wanted = files.read(path "whole")
  for stop = 1, 11 do
    local cut = path("cut" .. stop)
    local part = changed(12, { checkpoint = cut })
    repeat
      if part.state.step == 3 then part:change("lr", 0.004) end
      if part.state.step == 7 then
        part:change("scale", 0.7)
        part:change("lr", 0.03)
      end
      part:step()
    until part.state.step == stop
    part:save()
    go(changed(12, { checkpoint = cut }), stop - 1):save()
    t.ok(files.read(cut) == wanted, ("stopped after %d"):format(stop))
  end
  files.drop(folder)
end)

t.test("looking leaves streams, averages, data and modes as they were",
  function()
    orrery.manual_seed(5)
    local set = data.TensorDataset(orrery.randn(32, 4))
    local function run(look)
      orrery.manual_seed(6)
      local model = nn.Sequential { nn.Linear(4, 8), nn.BatchNorm1d(8),
        nn.Dropout(0.5), nn.Linear(8, 1) }
      local noise = orrery.Generator(3)
      local r = train.run { model = model, seed = 2, steps = 6,
        optimizer = optim.SGD(model, { lr = 0.1 }), progress = false,
        generators = { noise = noise },
        data = set:batches(8, { shuffle = true, seed = 4 }),
        step = function(batch)
          local x = batch[1]
          x = x + orrery.randn({ 8, 4 }, { generator = noise })
          return (model(x) ^ 2):mean()
        end }
      local losses = {}
      for i = 1, 6 do
        r:step()
        if look then
          local _ <close> = guard.looking(r)
          model(orrery.randn(7, 4))
          model:eval()
          orrery.rand({ 3 }, { generator = noise })
          r.data()
        end
        losses[i] = model[2].running_mean:tolist()
      end
      t.ok(model.training)
      return { losses, model[1].weight:tolist(), model[4].weight:tolist() }
    end
    t.equal(run(true), run(false))
  end)
