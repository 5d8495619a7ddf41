--- Training loops with compile = true: the numbers of the loop without, however
--- it is stopped, resumed, interrupted or made to fail; and what a step that is
--- recorded may not do.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local program = require "orrery.core".program
local train, nn, optim, F = orrery.train, orrery.nn, orrery.optim,
  orrery.nn.functional

local source = os.getenv "ORRERY_SOURCE_DIR" or "."
local small = dofile(source .. "/tests/lua/small_run.lua")

local function finished(run)
  run:run()
  return small.numbers(run)
end

t.test("a compiled run ends with the numbers of a plain one", function()
  local want = finished(small.run(20))
  local threads = orrery.threads()
  for n = 1, 2 do
    orrery.set_threads(n)
    t.equal(finished(small.run(20, { compile = true })), want)
  end
  orrery.set_threads(threads)
end)

-- Files of tensors need it.
local kept = t.needing "json"

kept("stopped after any step and resumed, compiled, it ends in the file of a "
  .. "plain run", function()
  local dir = files.folder()
  local function part(steps, name, compile)
    local c = { path = dir .. "/" .. name .. ".safetensors", every = 1 }
    train.loop(small.options(steps, { checkpoint = c, compile = compile }))
    return assert(files.read(c.path))
  end
  local whole = part(8, "whole", false)
  for stop = 0, 8 do
    part(stop, "cut" .. stop, stop % 3 > 0)
    t.ok(part(8, "cut" .. stop, true) == whole,
      ("stopped after %d steps it ends otherwise"):format(stop))
  end
  files.drop(dir)
end)

t.test("interrupts and failed allocations leave no trace in a compiled run",
  function()
    local run, tries = small.run(12, { compile = true }), 0
    run:step()
    while true do
      tries = tries + 1
      if tries % 3 == 0 then program.interrupt_after(tries) end
      if tries % 3 == 1 then orrery.fail_after(7 * tries) end
      local ok, more = pcall(run.step, run)
      orrery.fail_after(0)
      program.interrupt_after(0)
      orrery.clear_interrupt()
      if ok and not more then break end
    end
    t.ok(tries > 15, tries)
    t.equal(small.numbers(run), finished(small.run(12)))
  end)

--- A game in a loop: both optimisers step by themselves.
local function game(compile)
  orrery.manual_seed(8)
  local G, D = nn.Linear(2, 2), nn.Sequential { nn.Linear(2, 4), nn.Tanh(),
    nn.Linear(4, 1) }
  local optimizers = { G = optim.Adam(G), D = optim.SGD(D, { lr = 0.1 }) }
  local function bce(logits, label)
    return F.binary_cross_entropy_with_logits(logits,
      orrery.full_like(logits, label))
  end
  local run = train.run { model = { G = G, D = D }, optimizer = optimizers,
    schedule = { G = optim.lr_scheduler.StepLR(optimizers.G,
      { step_size = 2, gamma = 0.5 }) }, schedule_every = "step",
    ema = train.EMA(G, { decay = 0.8 }), steps = 7, seed = 2, progress = false,
    compile = compile,
    data = function(i) return orrery.randn(4, 2), 0.1 * i + 0.05 end,
    step = function(batch)
      local x, smooth = batch[1], batch[2]
      local fake = G(orrery.randn(4, 2))
      local lossD = bce(D(x), 1) + bce(D(fake:detach()), 0) * smooth
      optimizers.D:minimize(lossD)
      local lossG = bce(D(fake), 1)
      optimizers.G:minimize(lossG)
      return lossG, { D = lossD }
    end }
  run:run()
  local out = {}
  for _, m in ipairs { G, D, run.emas.main.model } do
    for _, p in ipairs(m:parameters()) do out[#out + 1] = p:tolist() end
  end
  return out
end

t.test("a game with schedules, an average and a number that changes",
  function() t.equal(game(true), game(false)) end)

-- ---- what a step may not do

kept("what cannot be done again is refused, and leaves all usable", function()
  local path = files.folder() .. "/x.safetensors"
  local function refused(pattern, fn)
    local step = orrery.compile(fn)
    local ok, why = pcall(step, orrery.tensor { 1, 2 })
    t.ok(not ok and why:find(pattern) and why:find "test_compile_train.lua:%d+",
      tostring(why))
    t.ok(not program.recording())
    t.equal((orrery.ones(2) + 1):tolist(), { 2, 2 })
  end
  refused("making a generator", function(x)
    return x + orrery.randn({ 2 }, { generator = orrery.Generator(3) })
  end)
  refused("compile: ", function(x)
    orrery.save(path, { x = x })
    return x
  end)
  refused("reads a value", function(x) return x:allclose(x) and x or x * 2 end)
  refused("single values", function(x) return x[x:gt(1)] end)
  refused("printing a tensor", function(x) return ("%s"):format(x) end)
  refused("attempt to compare", function(x)
    return x:sum() > 0 and x or x * 2
  end)
  refused("end it first", function(x)
    program.begin {}
    return x
  end)
  files.drop(path:match "^(.*)/")
end)

t.test("skipping a step by a value is refused; where it is decided by "
  .. "tensors it is done", function()
  local w = orrery.ones { 2, requires_grad = true }
  local opt = optim.SGD({ w }, { lr = 1 })
  local skips = orrery.compile(function(x)
    w.grad = nil
    local loss = (w * x):sum()
    loss:backward()
    if loss:isfinite():item() == 1 then opt:step() end
    return loss
  end)
  t.ok(not pcall(skips, orrery.ones(2)))
  t.equal(w:detach():tolist(), { 1, 1 })
  local step = orrery.compile(function(x)
    w.grad = nil
    local loss = (w * x):sum()
    loss:backward()
    w.grad = orrery.where(loss:isfinite():expand(2), w.grad,
      orrery.zeros_like(w.grad))
    opt:step()
    return loss
  end)
  step(orrery.ones(2))
  step(orrery.full({ 2 }, 1 / 0))
  step(orrery.ones(2))
  t.equal(w:detach():tolist(), { -1, -1 })
end)
