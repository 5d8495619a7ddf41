--- Warnings: rules on logged numbers, judged while a run trains and afterwards,
--- and the page of a run that shows them.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local monitors = require "orrery.train.monitors"

local folder, drop, slurp = files.folder, files.drop, files.read
local missing = orrery.runs.missing()
local kept = missing and function(name) t.skip(name, missing) end or t.test

local function judged(rule, values)
  local x = {}
  for i = 1, #values do x[i] = 10 * i end
  return monitors.judge("n", rule, { x = x, y = values })
end

t.test("a rule warns after so many values in a row, and says since when",
  function()
    local rule = { above = 1, steps = 3, advice = "do less" }
    t.equal(judged(rule, { 2, 2, 1, 2, 2 }), nil)
    local w = judged(rule, { 0, 2, 3, 4 })
    t.equal({ w.step, w.last, w.holds }, { 20, 40, true })
    t.equal(w.text, "n is 4, above 1, from step 20 to 40: do less")
    w = judged(rule, { 0, 2, 3, 4, 1 })
    t.equal({ w.step, w.last, w.holds }, { 20, 40, false })
    t.equal(w.text, "n is 4, above 1, from step 20 to 40; it has recovered "
      .. "since")
    t.equal(judged({ below = 0 }, { 0, 0 }), nil)
    t.equal(judged({ below = 0, counts = "epoch" }, { 0, -1 }).text,
      "n is -1, below 0, at epoch 20")
    t.equal(judged(rule, {}), nil)
  end)

t.test("the same rule speaks up once, as the values come", function()
  local said = {}
  local watch = monitors.watch(function(text) said[#said + 1] = text end)
  t.ok(watch:add("n", { above = 1, steps = 2 }))
  t.ok(not watch:add("n", { above = 5 }))
  for step, v in ipairs { 2, 0, 2, 3, 4, 0, 5, 5 } do
    watch:feed("n", step, v)
    watch:feed("other", step, v)
  end
  t.equal(said, { "n is 3 at step 4, above 1" })
end)

t.test("latents asleep and the KL of the code are counted", function()
  local found = {}
  for _, n in ipairs(monitors.numbers("log", { active_units = 1,
    kl_per_latent = orrery.tensor { 2.5, 0.009, 0.001, 0.5 } })) do
    found[n[1]] = { n[2], n[3] }
  end
  t.near(found["KL of the code"][1], 3.01, 1e-6)
  t.equal(found["latents asleep"][1], 2)
  t.equal(found["latents asleep"][2].above, 2.0)
  t.near(found["KL per latent/4"][1], 0.5, 1e-7)
  t.equal(found["active units"][2].below, 1)
end)

t.test("mistakes in monitors are named", function()
  t.fails("log: there is no monitor overlap; give its limits: { overlap = "
    .. "{ below = } }", monitors.numbers, "log", { overlap = 1 })
  t.fails("loop: monitor loss has no limit; give below = or above =",
    monitors.rule, "loop", "loss", { steps = 2 })
  t.fails("loop: monitor loss is true; give { below = } or { above = }",
    monitors.rule, "loop", "loss", true)
  t.fails("loop: monitor loss: unknown option abov; did you mean above?",
    monitors.rule, "loop", "loss", { abov = 2 })
end)

local function experiment(trial, knobs)
  local said = {}
  local run = orrery.experiment { name = "watched", step = "epoch",
    knobs = knobs or {} }
  run.trial = trial
  run.write = function(text) said[#said + 1] = text end
  return run, function() return table.concat(said) end
end

local function texts(run)
  local out = {}
  for i, w in ipairs(run:warnings()) do out[i] = w.text end
  return out
end

local collapse = "KL of the code is 0.05, below 0.1, at epoch 2: "
  .. monitors.known.kl.advice

local function collapsing(_, log)
  log:monitor(1, { kl_per_latent = { 0.5, 0.5 }, active_units = 2 })
  log:monitor(2, { kl_per_latent = { 0.05, 0.0 }, active_units = 2 })
  log:monitor(1, { overlap = 2 }, { overlap = { above = 1 } })
  log:scalar("odd", 1, 1)
  log:scalar("odd", 2, 0 / 0)
  log:warn("mixing", "the chain mixes slowly", 2)
  return { y = 1 }
end

kept("a trial's warnings are on the terminal, in the store, on its page",
  function()
    local out = folder()
    local run, said = experiment(collapsing)
    local trials = run:main { "out=" .. out }
    local want = { collapse, "overlap is 2, above 1, at epoch 1",
      "odd is nan from step 2 on", "the chain mixes slowly" }
    t.equal(texts(trials[1]), want)
    t.equal(texts(orrery.runs.open(out):run(1)), want)
    t.ok(said():find("one trial: warning: KL of the code is 0.05 at epoch 2",
      1, true), said())
    for _, path in ipairs { trials[1]:path "report.html",
      out .. "/watched/report.html" } do
      local html = slurp(path)
      t.ok(html:find("<h2>4 warnings</h2>", 1, true), html:sub(1, 9000))
      t.ok(html:find("the chain mixes slowly</li>", 1, true))
    end
    drop(out)
  end)

kept("a run that failed has a page that says so and where", function()
  local out = folder()
  local run = experiment(function(_, log)
    log:scalar("loss", 1, 2)
    error("no disk <b>", 0)
  end)
  t.equal(run:main { "out=" .. out }, nil)
  local found = orrery.runs.open(out):run(1)
  t.equal(texts(found), { "no disk <b>" })
  local html = slurp(found:path "report.html")
  t.ok(html:find("no disk &lt;b&gt;</li>", 1, true))
  t.ok(html:find("stack traceback", 1, true))
  drop(out)
end)

kept("orrery runs names the page and writes it anew", function()
  local command = require "orrery.runs.command"
  local out, said = folder(), {}
  experiment(collapsing):main { "out=" .. out }
  local function say(text) said[#said + 1] = text end
  t.equal(command({ "show", "1", "out=" .. out }, say), 0)
  local path = said[1]:match "report%s+(%S+)"
  t.ok(said[1]:find(collapse, 1, true), said[1])
  local html = assert(slurp(path))
  os.remove(path)
  t.equal(command({ "report", "1", "out=" .. out }, say), 0)
  t.equal(said[2], path)
  t.equal(#slurp(path), #html)
  drop(out)
end)

t.test("a training loop watches the metrics it is told to", function()
  local loop = require "orrery.train.loop"
  local said, values = {}, { 0.5, 0.96, 0.97, 0.98, 0.99, 1 }
  local run = loop.new { steps = #values, progress = false,
    data = function() return 1 end,
    monitors = { d_accuracy = true, other = { above = 0, steps = 2 } },
    step = function(_, state)
      return nil, { d_accuracy = values[state.step + 1], other = 1 }
    end }
  run.watch.tell = function(text) said[#said + 1] = text end
  run:run()
  t.equal(said[1], "other is 1 at step 2, above 0")
  t.equal(said[2], "d_accuracy is 1 at step 6, above 0.95: "
    .. monitors.known.d_accuracy.advice)
  t.fails("loop: monitor loss is 3; give { below = } or { above = }", loop.new,
    { steps = 1, data = function() end, step = function() end,
      monitors = { loss = 3 } })
end)

-- ---------------------------------------------------------------- measurements

local measures = orrery.train.measures

t.test("accuracy, dead units and modes are counted", function()
  t.equal(measures.d_accuracy(orrery.tensor { 1, 2, -1, 3 },
    orrery.tensor { -1, 0, 5, 6 }), (0.75 + 0.5) / 2)
  t.equal(measures.dead_units(orrery.tensor { { 0, 1, 0, -1 },
    { 0, 0, 2, -2 } }), 0.5)
  local maps = orrery.zeros(2, 4, 3, 3)
  maps[{ 2, 3, 1, 2 }] = 1
  t.equal(measures.dead_units(maps), 0.75)
  local centres = orrery.tensor { { 0, 0 }, { 10, 0 }, { 0, 10 } }
  local coverage, quality = measures.mode_coverage(orrery.tensor {
    { 0.5, 0 }, { 0, 0.5 }, { 10, 0.9 }, { 5, 5 } }, centres, 1)
  t.near(coverage, 2 / 3, 1e-12)
  t.equal(quality, 0.75)
  t.fails("dead_units: activations are [3]; give [B, units]",
    measures.dead_units, orrery.zeros(3))
end)

t.test("dead units, updates and gradients of layers are measured",
  function()
    local nn = orrery.nn
    local net = nn.Sequential { nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 2),
      nn.LeakyReLU(0.2), nn.Linear(2, 1) }
    orrery.no_grad(function()
      net[1].weight:copy_(orrery.tensor { { 1 }, { -1 }, { 1 }, { 1 } })
      net[1].bias:copy_(orrery.tensor { 0, 0, -9, -9 })
      net[3].weight:fill_(1)
      net[3].bias:copy_(orrery.tensor { 0, -99 })
    end)
    local shares, names = measures.dead_layers(net,
      orrery.tensor { { 1 }, { -2 } })
    t.equal(names, { "2", "4" })
    t.equal(shares, { ["2"] = 0.5, ["4"] = 0.5 })
    t.near(measures.update_ratio({ orrery.tensor { 3, 4 } },
      { orrery.tensor { 3, 4.5 } }), 0.1, 1e-6)
    t.near(measures.gradient_norm { a = orrery.tensor { 3 },
      c = orrery.tensor { 4 } }, 5, 1e-6)
  end)

-- D(x) = d x and G(z) = g z on the line: everything follows by hand.
t.test("two linear players are measured as by hand", function()
  local nn, d, g = orrery.nn, 0.5, 2.0
  local D, G = nn.Linear(1, 1), nn.Linear(1, 1)
  orrery.no_grad(function()
    for net, w in pairs { [D] = d, [G] = g } do
      net.weight:fill_(w)
      net.bias:fill_(0)
    end
  end)
  local players = orrery.train.players { generator = G, discriminator = D,
    loss = { generator = orrery.gan.losses.wgan.generator,
      discriminator = orrery.gan.losses.wgan.discriminator },
    centres = orrery.tensor { { 2 }, { 50 } },
    radius = 0.5 }
  players:before()
  orrery.no_grad(function() G.weight:fill_(2.5) end)
  local real, z = orrery.tensor { { 3 }, { 5 } }, orrery.tensor { { 1 },
    { -1 } }
  local m = players:measure(real, z)
  t.equal({ m.d_accuracy_real, m.d_accuracy_fake, m.d_accuracy },
    { 1.0, 0.5, 0.75 })
  -- -mean D(x): -d / 2 at each of two samples
  t.near(m.generator_gradient, math.sqrt(2) * d / 2, 1e-6)
  -- in g: -d mean z = 0; in G's bias: -d
  t.near(m.gradient_norm.generator, d, 1e-6)
  -- mean fake - mean real = -4 in d, nothing in D's bias
  t.near(m.gradient_norm.discriminator, 4, 1e-6)
  t.near(m.update_ratio.generator, 0.25, 1e-6)
  t.equal(m.update_ratio.discriminator, 0.0)
  t.equal(m.mode_coverage, 0.5)
  t.equal(m.dead_units, nil)
  t.equal(D.weight.grad, nil)
  t.equal(players:measure(real, z).update_ratio, nil)
end)

t.test("players of a game whose D sees packs are measured too", function()
  local gan, nn = orrery.gan, orrery.nn
  orrery.manual_seed(4)
  local game = gan.Game { generator = gan.mlp(2, 2, { hidden = { 8 } }),
    latent = 2, discriminator = gan.mlp(4, 1, { hidden = { 8 } }),
    parts = { gan.pack(2) } }
  local m = orrery.train.players { generator = game.generator,
    discriminator = game.discriminator, loss = game.loss,
    judge = function(x, real)
      return game:judge(game:seen { x = x, real = real })
    end }:measure(orrery.randn(6, 2), orrery.randn(6, 2))
  t.ok(m.generator_gradient > 0 and m.gradient_norm.discriminator > 0)
  t.ok(m.dead_units["D.2"] and m.dead_units["G.2"])
  -- units that are off on one side only are alive
  local net = nn.Sequential { nn.Linear(1, 2), nn.ReLU() }
  orrery.no_grad(function()
    net[1].weight:copy_(orrery.tensor { { 1 }, { -1 } })
    net[1].bias:fill_(0)
  end)
  t.equal(measures.dead_layers(net, function()
    net(orrery.tensor { { 1 } })
    net(orrery.tensor { { -1 } })
  end)["2"], 0.0)
end)

t.test("a flat D is named in the progress line until it has a slope",
  function()
    local watch = monitors.watch(function() end)
    for _, n in ipairs(monitors.numbers("log", { generator_gradient = 0,
      dead_units = { ["D.2"] = 0.9, ["G.2"] = 0 } })) do
      watch:add(n[1], n[3])
      for step = 1, 3 do watch:feed(n[1], step, n[2]) end
    end
    t.equal(watch:marked("step 3"),
      "step 3  ! dead units, generator gradient vanished")
    watch:feed("generator gradient", 4, 0.2)
    watch:feed("dead units/D.2", 4, 0.1)
    t.equal(watch:marked("step 4"), "step 4")
  end)

-- A gradient g with noise of variance v in each of d directions has
-- E|mean of b|^2 = |g|^2 + d v / b.
t.test("the noise scale is that of a gradient with known noise", function()
  local g, dv, small, big = 3.0, 40.0, 8, 64
  t.near(measures.gradient_noise(g + dv / small, small, g + dv / big, big),
    dv / g / big, 1e-12)
  t.equal(measures.gradient_noise(1 / 8, 8, 1 / 64, 64), math.huge)
  t.equal(measures.gradient_noise(1, 8, 1, 64), 0.0)
  t.fails("gradient_noise: the batches are 8 and 8; the second must be the "
    .. "larger", measures.gradient_noise, 1, 8, 1, 8)
end)

-- Scripts that train, run at the prompt in a process of its own, in `out`.
local function prompt(out, entries)
  local path = out .. "/entries.lua"
  assert(orrery.io.write_file(path, ([[
    require("orrery.runs.current").forget()  -- this file is no script
    local session = require("orrery.repl").session { env = _ENV }
    for _, entry in ipairs { %s } do session:eval(entry) end
  ]]):format(entries)))
  local pipe = io.popen(("cd '%s' && '%s' entries.lua 2>&1"):format(out,
    files.interpreter()))
  local said = pipe:read "a"
  return said, pipe:close()
end

kept("a script run at the prompt is a run, however it ends", function()
  local out = folder()
  assert(orrery.io.write_file(out .. "/small.lua", [[
    local stop = tonumber((...):match "stop=(%d+)")
    require("orrery").train.loop { steps = 4, progress = false,
      data = function() return 1 end,
      step = function(_, state)
        if state.step == stop then error "enough" end
        return nil, { loss = state.step }
      end }
  ]]))
  local said, ok = prompt(out,
    '":run small.lua stop=9", ":run small.lua stop=2", "1 + 1"')
  t.ok(ok and said:find "enough", said)
  local list = orrery.runs.open(out .. "/runs"):list()
  t.equal({ list[1].status, list[2].status, list[3] }, { "done", "failed" })
  t.equal(list[1].knobs.stop, 9)
  t.equal(list[1]:metrics().loss, { x = { 1, 2, 3, 4 }, y = { 0, 1, 2, 3 } })
  t.ok(slurp(list[2]:path "report.html"):find "enough")
  drop(out)
end)
