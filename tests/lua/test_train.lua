-- Training: the same bits however a run is stopped, resumed, interrupted or
-- made to fail, and what the loop shows and refuses.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local train, nn, optim = orrery.train, orrery.nn, orrery.optim

local source = os.getenv "ORRERY_SOURCE_DIR" or "."
local script = source .. "/tests/lua/small_run.lua"
local small = dofile(script)

local function temporary()
  local path = files.folder()
  return path, path .. "/run.safetensors"
end

local clean = files.drop

local function bytes(path) return assert(files.read(path)) end

local function finished(steps, more)
  local run = small.run(steps, more)
  run:run()
  return small.numbers(run)
end

-- --------------------------------------------------------------- same bits

t.test("a run gives the same bits twice, and with one thread and two",
  function()
    local threads = orrery.threads()
    local first = finished(20)
    t.equal(finished(20), first)
    orrery.set_threads(1)
    local one = finished(20)
    orrery.set_threads(2)
    local two = finished(20)
    orrery.set_threads(threads)
    t.equal(one, first)
    t.equal(two, first)
  end)

t.test("larger layers give the same bits with one thread and two", function()
  local function go()
    orrery.manual_seed(1)
    local model = nn.Sequential { nn.Conv2d(1, 4, 3, { padding = 1 }),
      nn.ReLU(), nn.Flatten(), nn.Linear(4 * 28 * 28, 64), nn.ReLU(),
      nn.Linear(64, 10) }
    local opt = optim.SGD(model, { lr = 0.01, momentum = 0.9 })
    local losses = {}
    for i = 1, 3 do
      local x, y = orrery.rand { 32, 1, 28, 28 }, orrery.randint(1, 10, { 32 })
      local loss = nn.functional.cross_entropy(model(x), y)
      losses[i] = opt:minimize(loss):item()
    end
    return { losses, model[4].weight:detach():tolist() }
  end
  local threads = orrery.threads()
  orrery.set_threads(1)
  local one = go()
  orrery.set_threads(2)
  local two = go()
  orrery.set_threads(threads)
  t.equal(two, one)
end)

-- Checkpoints are safetensors files.
local kept = t.needing "json"

kept("stopped after any step and resumed, a run ends in the same file",
  function()
    local dir = temporary()
    local function part(steps, name)
      local c = { path = dir .. "/" .. name .. ".safetensors", every = 1 }
      train.loop(small.options(steps, { checkpoint = c }))
      return bytes(c.path)
    end
    local whole = part(12, "whole")
    for stop = 0, 12 do
      part(stop, "cut" .. stop)
      t.ok(part(12, "cut" .. stop) == whole,
        ("stopped after %d steps it ends otherwise"):format(stop))
    end
    clean(dir)
  end)

--- Runs the script, killed with SIGKILL after so many seconds if it still
--- runs. True when it came to its end.
local function killed_after(seconds, path, steps)
  -- The killer's output goes nowhere: a `sleep` that outlives it would hold
  -- this test's own output open, and whoever reads that waits for the sleep.
  local killer = seconds == math.huge and "k="
    or ("(sleep %.3f; kill -9 $p) >/dev/null 2>&1 & k=$!"):format(seconds)
  local command = ("'%s' '%s' '%s' %d 1 0.005 2>'%s.log' & p=$!; %s; "
    .. "wait $p 2>/dev/null; r=$?; kill $k 2>/dev/null; exit $r"):format(
    files.interpreter(), script, path, steps, path, killer)
  local _, _, status = os.execute("sh -c \"" .. command:gsub("[$\"]", "\\%0")
    .. "\" 2>/dev/null")
  if status == 0 then return true end
  local log = bytes(path .. ".log")
  t.ok(not log:find "%.lua:%d", log)  -- killed, not failed
  return false
end

kept("killed at random moments and run again, a run ends in the same file",
  function()
    local dir, path = temporary()
    local whole, steps = dir .. "/whole.safetensors", 150
    t.ok(killed_after(math.huge, whole, steps))
    local stream, kills = orrery.Generator(os.time()), 0
    while true do
      -- After 20 kills the tries grow longer, so that it ends on any machine.
      local wait = orrery.rand({ 1 }, { generator = stream }):item()
      local longer = 1.3 ^ math.max(0, kills - 20)
      if killed_after((0.02 + wait * 0.12) * longer, path, steps) then break end
      kills = kills + 1
    end
    t.ok(bytes(path) == bytes(whole), ("other bytes after %d kills"):format(
      kills))
    clean(dir)
  end)

-- ----------------------------------------------------------------- failures

--- A run of its own steps: the default stream is one for all, so each run
--- puts it where it left it.
local function own_stream(run)
  local stream = orrery.default_generator()
  local place = stream:state()
  return function()
    stream:set_state(place)
    local results = table.pack(pcall(run.step, run))
    place = stream:state()
    return table.unpack(results, 1, results.n)
  end
end

local function live()
  collectgarbage()
  collectgarbage()
  return orrery.live()
end

t.test("a step by hand that fails leaves no trace either, with attempt",
  function()
    local model = nn.Sequential { nn.Linear(3, 4), nn.BatchNorm1d(4),
      nn.Dropout(0.5) }
    local x, bn = orrery.randn(6, 3), model[2]
    local mean, var = bn.running_mean:clone(), bn.running_var:clone()
    local place = orrery.default_generator():state()
    t.fails("no loss today", train.attempt, model, function(input)
      model(input)
      error("no loss today", 0)
    end, x)
    t.equal(bn.running_mean, mean)
    t.equal(bn.running_var, var)
    t.equal(orrery.default_generator():state(), place)
    -- One that succeeds keeps all, and gives back what fn gave.
    local a, b = train.attempt({ net = model }, function(input)
      return model(input):sum():item(), 2
    end, x)
    t.ok(a and b == 2 and not bn.running_mean:equal(mean))
    t.fails("attempt: model is 3; give a module, or several by name",
      train.attempt, 3, print)
  end)

t.test("a step that fails leaves no trace in running averages", function()
  local function make()
    orrery.manual_seed(2)
    local model = orrery.nn.Sequential { orrery.nn.Linear(3, 4),
      orrery.nn.BatchNorm1d(4), orrery.nn.Linear(4, 1) }
    local x = orrery.randn(6, 3)
    local run = orrery.train.run { model = model, steps = 50, seed = 1,
      optimizer = orrery.optim.SGD(model, { lr = 0.1 }), progress = false,
      data = function() return x end,
      step = function(batch) return model(batch[1]):square():mean() end }
    return run, model[2]
  end
  local run, norm = make()
  local reference, want = make()
  assert(run:step() and reference:step())
  local failed = 0
  repeat
    local mean, var, steps = norm.running_mean:tolist(),
      norm.running_var:tolist(), run.state.step
    orrery.fail_after(failed + 1)
    local ok = pcall(run.step, run)
    orrery.fail_after(0)
    failed = failed + 1
    if run.state.step == steps then
      t.equal(norm.running_mean:tolist(), mean)
      t.equal(norm.running_var:tolist(), var)
    end
  until ok
  t.ok(failed > 40, failed)
  while reference.state.step < run.state.step do reference:step() end
  t.equal(norm.running_mean, want.running_mean)
  t.equal(norm.running_var, want.running_var)
end)

-- Parameters whose gradient made room for one that was not made.
local function without_gradient(run)
  local n = 0
  for _, p in ipairs(run.optimizers.main:parameters()) do
    if not p.grad then n = n + 1 end
  end
  return n
end

t.test("every allocation of a step made to fail is an error, leaks nothing, "
  .. "and the next step has the right bits", function()
  local run, reference = small.run(1000), small.run(1000)
  local step, reference_step = own_stream(run), own_stream(reference)
  assert(step())
  assert(reference_step())
  local failed = 0
  while true do
    local before, steps = live(), run.state.step
    orrery.fail_after(failed + 1)
    local ok, why = step()
    orrery.fail_after(0)
    if ok then break end
    failed = failed + 1
    t.ok(tostring(why):find "memory", why)
    if run.state.step == steps then
      t.equal(live() + without_gradient(run), before)
    end
    assert(step())
    -- What fails after the update (an average) leaves the step done.
    while reference.state.step < run.state.step do assert(reference_step()) end
    t.equal(small.numbers(run), small.numbers(reference))
  end
  t.ok(failed > 20, ("only %d allocations failed"):format(failed))
end)

t.test("a step that is interrupted can be taken again", function()
  local wanted = finished(10)
  local interrupt = false
  local o = small.options(10)
  local step = o.step
  o.step = function(batch, state)
    if interrupt then orrery.interrupt() end
    return step(batch, state)
  end
  local run = train.run(o)
  for i = 1, 10 do
    interrupt = i % 3 == 0
    if interrupt then
      local ok, why = pcall(run.step, run)
      orrery.clear_interrupt()
      t.ok(not ok and why:find "interrupted", why)
      interrupt = false
    end
    run:step()
  end
  t.equal(small.numbers(run), wanted)
end)

t.test("a loss that is not finite stops the run and changes nothing", function()
  local o = small.options(10)
  local step = o.step
  o.step = function(batch, state)
    local loss = step(batch, state)
    return state.step == 4 and loss * (0 / 0) or loss
  end
  local run = train.run(o)
  for _ = 1, 4 do run:step() end
  local before = o.model[1].weight:detach():clone()
  t.fails_like("^train: diverged: loss is %-?nan at step 5 %(epoch 1%); lower "
    .. "the learning rate, or clip gradients with max_norm$", run.step, run)
  t.equal(o.model[1].weight:detach(), before)
end)

-- -------------------------------------------------------------- checkpoints

kept("a damaged checkpoint falls back to the one before", function()
  local dir, path = temporary()
  local c = { path = path, every = 1 }
  train.loop(small.options(6, { checkpoint = c }))
  local good = bytes(path)
  train.loop(small.options(7, { checkpoint = c }))
  local file = assert(io.open(path, "wb"))
  file:write(good:sub(1, #good // 2))
  file:close()
  local run = small.run(8, { checkpoint = c })
  t.equal(run.state.step, 6)
  for _, name in ipairs(orrery.fs.list(dir)) do
    file = assert(io.open(dir .. "/" .. name, "wb"))
    file:write "nonsense"
    file:close()
  end
  t.fails_like("^loop: no checkpoint can be read: ", small.run, 8,
    { checkpoint = c })
  t.equal(small.run(8, { checkpoint = c, resume = false }).state.step, 0)
  clean(dir)
end)

kept("a checkpoint between its two renames is found", function()
  local dir, path = temporary()
  train.loop(small.options(3, { checkpoint = path }))
  assert(os.rename(path, dir .. "/run.new.safetensors"))
  t.equal(small.run(8, { checkpoint = path }).state.step, 3)
  train.checkpoint.remove(path)
  t.equal(orrery.fs.list(dir), {})
  clean(dir)
end)

kept("a checkpoint of another model is refused in one sentence", function()
  local dir, path = temporary()
  train.loop(small.options(2, { checkpoint = path }))
  local o = small.options(4, { checkpoint = path })
  o.ema = nil
  t.fails("loop: the checkpoint has a ema main that is not here; resume = "
    .. "false starts afresh", train.run, o)
  local p = small.options(4, { checkpoint = path })
  p.model = nn.Linear(2, 2)
  t.fails_like("^load_state_dict: missing weight, bias; unexpected ",
    train.run, p)
  clean(dir)
end)

kept("without `every` a checkpoint is written at the end of each epoch",
  function()
    local dir, path = temporary()
    local o = small.options(nil, { epochs = 3, checkpoint = path })
    local epochs = {}
    o.on_epoch = function(state)
      epochs[#epochs + 1] = { state.epoch, orrery.fs.exists(path) }
    end
    local state = train.loop(o)
    t.equal(epochs, { { 1, false }, { 2, true }, { 3, true } })
    t.equal({ state.step, state.epoch, #state.history }, { 15, 4, 3 })
    clean(dir)
  end)

-- --------------------------------------------------------------------- loop

t.test("the history holds means over each epoch, weighted by examples",
  function()
    local set = orrery.data.TensorDataset(orrery.range(1, 5))
    local state = train.loop {
      data = set:batches(2), epochs = 2, progress = false,
      step = function(batch) return nil, { x = batch[1]:mean() } end,
    }
    t.near({ state.history[1].x, state.history[2].x }, { 3, 3 }, 1e-6)
    t.equal(state.history[2].step, 6)
  end)

t.test("several optimisers leave the updates to step", function()
  local p = orrery.tensor { 1 }:requires_grad_()
  local q = orrery.tensor { 1 }:requires_grad_()
  local a, b = optim.SGD({ p }, { lr = 1 }), optim.SGD({ q }, { lr = 1 })
  train.loop {
    optimizer = { a = a, b = b }, steps = 2, progress = false,
    data = function(i) return i end,
    step = function(batch)
      a:minimize(p:sum() * batch[1])
      return (p * q):sum()
    end,
  }
  t.near({ p, q }, { { -2 }, { 1 } })
end)

t.test("max_norm clips and state.stop ends", function()
  local p = orrery.tensor { 0, 0 }:requires_grad_()
  local state = train.loop {
    optimizer = optim.SGD({ p }, { lr = 1 }), steps = 100, max_norm = 1,
    progress = false, data = function() return orrery.tensor { 3, 4 } end,
    step = function(batch, state)
      state.stop = state.step == 1
      return (p * batch[1]):sum()
    end,
  }
  t.equal(state.step, 2)
  t.near(p, { -1.2, -1.6 })
end)

t.test("misuse of the loop is named at the caller's line", function()
  local function with(change)
    local o = small.options(5)
    for name, value in pairs(change) do o[name] = value or nil end
    return o
  end
  t.fails("loop: unknown option optimiser; did you mean optimizer?",
    train.loop, with { optimiser = 1 })
  t.fails("loop: how long is missing; give epochs = N or steps = N",
    train.loop, with { steps = false })
  t.fails("loop: step is missing; give a function", train.loop,
    with { step = false })
  t.fails("loop: data is a dataset; say how: data = set:batches(128, "
    .. "{ shuffle = true })", train.loop,
    with { data = orrery.data.TensorDataset(orrery.zeros { 2 }) })
  t.fails("loop: checkpoint run.pt does not end in .safetensors; rename it",
    train.loop, with { checkpoint = "run.pt" })
  t.fails("loop: metric a is \"b\"; give numbers or one-element tensors",
    train.loop, with { step = function() return nil, { a = "b" } end })
end)

-- ---------------------------------------------------------------------- EMA

t.test("EMA is the decayed sum of the values it met", function()
  local l = nn.Linear(1, 1, { bias = false })
  local function set(v)
    l:load_state_dict { weight = orrery.tensor { { v } } }
  end
  set(1)
  local ema = train.EMA(l, { decay = 0.75 })
  set(2)
  ema:update()
  set(4)
  ema:update()
  t.near(ema.model.weight, { { (1 * 0.75 + 2 * 0.25) * 0.75 + 4 * 0.25 } })
  t.near(l.weight, { { 4 } })
  t.ok(not ema.model.weight.requires_grad)
end)

-- ----------------------------------------------------------------- progress

--- A stream that keeps what is written, and a clock that is set by hand.
local function fake()
  local out, now = {}, 0
  local stream = {}
  function stream:write(...)
    for _, s in ipairs { ... } do out[#out + 1] = s end
    return self
  end
  function stream.flush() end
  return {
    options = function(more)
      local o = { stream = stream, clock = function() return now end }
      for k, v in pairs(more) do o[k] = v end
      return o
    end,
    set = function(seconds) now = seconds end,
    text = function()
      local text = table.concat(out)
      out = {}
      return text
    end,
  }
end

t.test("the line shows bar, share, speed, time left and a note", function()
  local f = fake()
  local p = train.progress(100, f.options { terminal = true, label = "vae" })
  f.set(2)
  p:update(40, "kl 3")
  t.equal(f.text(), "\rvae    [========>           ] 40%  20 it/s  ETA 3.0 s   "
    .. "kl 3\27[K")
  f.set(2.01)
  p:update(41)
  t.equal(f.text(), "")
  f.set(5)
  p:update(100)
  p:finish()
  t.ok(f.text():find("[====================] 100%  20 it/s\27[K\n", 1, true))
end)

t.test("off a terminal a line comes now and then, and one at the end",
  function()
    local f = fake()
    local p = train.progress(100, f.options { terminal = false })
    for i = 1, 99 do
      f.set(i / 4)
      p:update(i)
    end
    p:update(100)
    p:finish()
    local lines = {}
    for line in f.text():gmatch "[^\n]+" do lines[#lines + 1] = line end
    t.equal(#lines, 3)
    t.ok(lines[1]:find("40%  4.0 it/s  ETA 15 s", 1, true), lines[1])
    t.ok(lines[3]:find "100%%", lines[3])
  end)

t.test("the estimate follows a change of speed smoothly", function()
  local f = fake()
  local p = train.progress(1e6, f.options { terminal = true })
  local done, last = 0, nil
  for i = 1, 600 do
    f.set(i / 10)
    done = done + (i <= 300 and 10 or 20)  -- 100, then 200 a second
    p:update(done)
    if i == 300 then t.near(p.rate, 100, 1e-9) end
    if i > 300 then
      t.ok(not last or p.rate >= last - 1e-9)
      last = p.rate
    end
  end
  -- After 30 s the old speed weighs e^-6.
  t.near(p.rate, 200 - 100 * math.exp(-6), 1e-3)
end)

t.test("durations read well", function()
  local shown = {}
  for i, s in ipairs { 0.44, 9.96, 59.4, 200, 3900, 90000 } do
    shown[i] = train.duration(s)
  end
  t.equal(shown, { "0.4 s", "10 s", "59 s", "3 min 20 s", "1 h 05 min",
    "25 h 00 min" })
end)
