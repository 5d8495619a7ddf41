--- The store of runs, and `orrery runs`.
local orrery, t = require "orrery", require "orrery.testing"
local Store = require "orrery.runs.store"
local command = require "orrery.runs.command"
local current = require "orrery.runs.current"
local files = require "orrery.testing.files"

local folder, drop, slurp = files.folder, files.drop, files.read
local missing = orrery.runs.missing()
local test = missing and function(name) t.skip(name, missing) end or t.test

local function experiment(name, trial, knobs)
  local run = orrery.experiment { name = name,
    knobs = knobs or { x = { 1.0, "x" } } }
  run.trial, run.write = trial, function() end
  return run
end

-- What `orrery runs ...` prints, its status, and its complaint.
local function ask(...)
  local said = {}
  local function say(text) said[#said + 1] = text end
  local status, why = command({ ... }, say)
  return table.concat(said, "\n"), status, why
end

-- ------------------------------------------------------------------ SQLite

test("what goes into a database comes out the same", function()
  local out = folder()
  local db = assert(orrery._sqlite.open(out .. "/x.sqlite"))
  db:run "CREATE TABLE v(x)"
  local values = { 1, 1.0, -0.0, 1 / 3, 2 ^ 63, math.mininteger, math.huge,
    -math.huge, 5e-324, "text", "a\0b", "", "it's; DROP TABLE v" }
  for _, v in ipairs(values) do
    t.equal(db:run("INSERT INTO v VALUES(?)", v), 1)
  end
  for i, row in ipairs(db:run "SELECT x FROM v ORDER BY rowid") do
    t.equal(row.x, values[i])
    t.equal(math.type(row.x), math.type(values[i]))
  end
  db:run("INSERT INTO v VALUES(?)", 0 / 0)
  t.equal(db:run("SELECT x FROM v ORDER BY rowid DESC LIMIT 1")[1].x, "nan")
  t.fails_like("syntax error", db.run, db, "SELEC 1")
  t.fails_like("1 values for 2 places", db.run, db, "SELECT ?, ?", 1)
  db:close()
  t.fails_like("the store is closed; open it again", db.run, db, "SELECT 1")
  drop(out)
end)

test("a transaction that fails has changed nothing", function()
  local out = folder()
  local db = assert(orrery._sqlite.open(out .. "/x.sqlite"))
  db:run "CREATE TABLE v(x)"
  t.fails_like("enough", db.transaction, db, function()
    db:run "INSERT INTO v VALUES(1)"
    error "enough"
  end)
  t.equal(#db:run "SELECT x FROM v", 0)
  t.equal({ db:transaction(function()
    db:run "INSERT INTO v VALUES(2)"
    return 7, 8
  end) }, { 7, 8 })
  t.fails_like("a transaction inside another", db.transaction, db, function()
    db:transaction(function() end)
  end)
  t.equal(db:run("SELECT x FROM v")[1].x, 2)
  db:close()
  drop(out)
end)

-- ------------------------------------------------------------------- store

local function entry(key)
  return { key = key, experiment = "e", folder = "e/" .. key, config = "{}" }
end

test("of two processes that want a run one gets it", function()
  local out = folder()
  local store = assert(Store.open(out, true))
  store:enroll { entry "a", entry "b", entry "a" }
  t.equal(#store:rows(), 2)
  local id = store:row("a").id
  t.equal(store:claim(id, "{}"), true)
  t.equal({ store:claim(id, "{}") }, { false, "running" })
  t.equal(store:finish(id, { status = "done", result = "{}" }), true)
  t.equal({ store:claim(id, "{}") }, { false, "done" })
  t.equal({ store:claim(99, "{}") }, { false, "deleted" })
  drop(out)
end)

test("a run is interrupted when its process is gone", function()
  local out = folder()
  local store = assert(Store.open(out, true))
  store:enroll { entry "a" }
  local id = store:row("a").id
  store:claim(id, "{}")
  t.equal(store:row(id).status, "running")
  -- The number of a process that lives, but began at another time.
  store.db:run "UPDATE runs SET pid=1, pid_start='never'"
  local row = store:row(id)
  t.equal(row.status, "interrupted")
  t.equal(row.message, "its process ended")
  -- What it says afterwards does not count.
  t.equal(store:finish(id, { status = "done" }), false)
  t.equal(store:claim(id, "{}"), true)
  t.equal(store:row(id).attempts, 2)
  -- On another machine only signs of life tell.
  store.db:run("UPDATE runs SET host='elsewhere', heartbeat=?", os.time())
  t.equal(store:row(id).status, "running")
  store.db:run("UPDATE runs SET heartbeat=?", os.time() - 3600)
  t.equal(store:row(id).status, "interrupted")
  drop(out)
end)

test("numbers written twice are there once, NaN and infinity as they were",
  function()
    local out = folder()
    local store = assert(Store.open(out, true))
    store:enroll { entry "a" }
    local rows = { { 1, "loss", 1, 0 / 0 }, { 2, "loss", 2, math.huge },
      { 3, "other", 2.5, -0.0 } }
    store:append(1, rows)
    store:append(1, rows)
    local back = store:numbers(1)
    t.equal(#back, 3)
    t.ok(back[1][4] ~= back[1][4])
    t.equal(back[2], rows[2])
    t.equal(1 / back[3][4], -math.huge)
    store:cut(1, 2)
    t.equal(#store:numbers(1), 2)
    drop(out)
  end)

test("a store of a newer Orrery is left alone", function()
  local out = folder()
  local store = assert(Store.open(out, true))
  store.db:run "PRAGMA user_version=99"
  local none, why = Store.open(out, false)
  t.equal(none, nil)
  t.ok(why:find("is of a newer Orrery; use that one", 1, true), why)
  none, why = Store.open(out .. "/nowhere", false)
  t.equal(none, nil)
  t.equal(why, ("runs: there are none in %s/nowhere; give out=FOLDER"):format(
    out))
  drop(out)
end)

-- ------------------------------------------------------------ a run's story

test("a training loop inside a trial is recorded step by step", function()
  local out, losses = folder(), {}
  local run = experiment("loop", function(k)
    local net = orrery.nn.Linear(1, 1)
    orrery.train.loop { model = net, steps = 4, progress = false,
      optimizer = orrery.optim.SGD(net, { lr = k.x }),
      data = function() return orrery.ones(3, 1) end,
      on_step = function(_, values) losses[#losses + 1] = values.loss end,
      step = function(batch)
        return (net(batch[1]) ^ 2):mean(), { twice = 2.0 }
      end }
    return {}
  end, { x = { 0.1, "learning rate" } })
  local list = run:main { "out=" .. out }
  local series, names = list[1]:metrics()
  t.equal(names, { "loss", "twice" })
  t.equal(series.loss, { x = { 1, 2, 3, 4 }, y = losses })
  t.equal(series.twice.y, { 2, 2, 2, 2 })
  t.equal(current.recorder(error), nil)
  drop(out)
end)

local pictured = missing and test or t.needing "png"

pictured("lists, means over seeds and what charts draw on", function()
  local out = folder()
  local run = experiment("squares", function(k, log)
    for epoch = 1, 2 do
      log:image("dot", orrery.rand(2, 2), { step = epoch })
    end
    return { y = k.x ^ 2 + k.seed, word = "w" }
  end)
  run:main { "x=2,3", "seed=1,3", "out=" .. out }
  local runs = orrery.runs.open(out)
  local list = runs:list { x = { 2, 3 }, status = "done" }
  t.equal(list.y, { 5.0, 7.0, 10.0, 12.0 })
  t.equal(#runs:list { x = 2 }, 2)
  t.equal(#runs:list { seed = 3, experiment = "squares" }, 2)
  t.equal(#runs:list { status = "failed" }, 0)
  t.equal(list:settings(), { "x" })
  local axes, lines = list:parallel()
  t.equal(axes, { "x", "y" })
  t.equal(lines[3], { 3.0, 10.0 })
  t.equal(list:against("x", "y"), { x = { 2.0, 3.0 }, mean = { 6.0, 11.0 },
    sd = { math.sqrt(2), math.sqrt(2) }, n = { 2, 2 } })
  local steps, rows = list:images_by_step("dot", "step")
  t.equal(steps, { 1, 2 })
  t.equal(rows[1].run.id, 1)
  t.ok(orrery.io.read_png(rows[4].paths[2]))
  drop(out)
end)

-- --------------------------------------------------------------- by command

-- Two runs of which the second goes another way from step 3 on.
local function two_ways(out)
  local run = experiment("ways", function(k, log)
    for i = 1, 4 do
      log:scalar("a", i, i < 3 and 1 or k.x)
      log:scalar("b", i, 0 / 0)
    end
    return { end_ = k.x }
  end)
  run:main { "x=1,2", "out=" .. out }
end

test("a difference is in the settings and from a step on", function()
  local out = folder()
  two_ways(out)
  local runs = orrery.runs.open(out)
  local d = runs:diff(1, 2)
  t.equal(d.settings, { { name = "x", a = 1.0, b = 2.0 } })
  t.equal(d.environment, {})
  t.equal(d.results, { { name = "end_", a = 1.0, b = 2.0 } })
  t.equal(d.metrics, { { name = "a", step = 3, a = 1.0, b = 2.0 } })
  t.equal(runs:diff(1, 1), { settings = {}, environment = {}, results = {},
    metrics = {} })
  local said = ask("diff", "1", "2", "out=" .. out)
  t.ok(said:find "settings\n%s+run 1   run 2\n  x%s+1%s+2\n", said)
  t.ok(said:find "step   run 1   run 2\n  a%s+3%s+1%s+2", said)
  t.equal(ask("diff", "2", "2", "out=" .. out), "no difference")
  drop(out)
end)

test("runs are listed, shown, picked and deleted", function()
  local out = folder()
  two_ways(out)
  local said, status = ask("out=" .. out)
  t.equal(status, 0)
  t.ok(said:find "1   ways%s+seed=1%s+done", said)
  t.ok(said:find "2   ways%s+x=2 seed=1%s+done", said)
  said = ask("x=2", "status=done", "out=" .. out)
  t.ok(said:find("x=2", 1, true) and not said:find("\n  1 ", 1, true), said)
  t.equal(ask("x=7", "out=" .. out), "none of 2 runs fits")
  said = ask("show", "2", "out=" .. out)
  t.ok(said:find "  a%s+4%s+1%s+1%s+2%s+2%s+4", said)
  t.ok(said:find "  x%s+2\n", said)
  said = ask("--csv", "x=1,2", "out=" .. out)
  t.equal(said, (slurp(out .. "/ways/summary.csv"):gsub("\n$", "")))
  local place = orrery.runs.open(out):run(2).folder
  t.ok(orrery.fs.exists(place))
  t.equal(ask("delete", "2", "out=" .. out), "deleted 1 run")
  t.ok(not orrery.fs.exists(place))
  t.equal(#orrery.runs.open(out):list(), 1)
  t.equal(ask("delete", "status=done", "--yes", "out=" .. out), "deleted 1 run")
  t.equal(ask("out=" .. out), "no runs")
  drop(out)
end)

test("mistakes are answered with what is right", function()
  local out = folder()
  two_ways(out)
  local function complains(sentence, ...)
    local _, status, why = ask("out=" .. out, ...)
    t.ok(status > 0)
    t.equal(why, sentence)
  end
  complains("runs: no run has a setting sed; did you mean seed?", "sed=1")
  complains(("runs: there is no run 9 in %s; `orrery runs` lists them"):format(
    out), "show", "9")
  complains("runs: x is no run; give the number `orrery runs` shows", "diff",
    "1", "x")
  complains("runs: diff takes two runs' numbers", "diff", "1")
  complains("runs: shw is no filter; write name=value, or see orrery runs "
    .. "--help", "shw")
  complains("runs: unknown flag --all; orrery runs --help", "--all")
  t.ok(ask("--help"):find("orrery runs diff ID ID", 1, true))
  drop(out)
end)

-- ------------------------------------------------------- scripts that train

local program = (os.getenv "ORRERY_BUILD_DIR" or "build") .. "/orrery"
local with_program = io.open(program) and test or function(name)
  t.skip(name, "the program is not built")
end

local trainer = [[
local orrery = require "orrery"
orrery.manual_seed(3)
local net = orrery.nn.Linear(1, 1)
orrery.train.loop { model = net, steps = 6, seed = 3, progress = false,
  optimizer = orrery.optim.SGD(net, { lr = 0.1 }),
  checkpoint = { path = "net.safetensors", every = 2 },
  data = function() return orrery.randn(3, 1) end,
  on_step = function(state)
    if state.step == tonumber(os.getenv "DIE" or "") then
      orrery._process.stop(orrery.getpid(), "kill")
    end
  end,
  step = function(batch) return (net(batch[1]) ^ 2):mean() end }
if ... == "fail" then error("glue: dry; buy some") end
]]

with_program("a script with a training loop is a run of its own", function()
  local out = folder()
  local file = assert(io.open(out .. "/fit.lua", "w"))
  file:write(trainer)
  file:close()
  local function go(env, words)
    return os.execute(("cd '%s' && %s '%s' fit.lua %s >said 2>&1"):format(out,
      env, program, words))
  end
  t.ok(not go("DIE=5", "lr=0.1"))
  local runs = orrery.runs.open(out .. "/runs")
  t.equal(runs:run(1).status, "interrupted")
  t.ok(go("DIE=", "lr=0.1"), slurp(out .. "/said"))
  t.equal(#runs:list(), 1)
  local first = runs:run(1)
  t.equal({ first.status, first.experiment, first.lr, first.steps,
    first.seed }, { "done", "fit", 0.1, 6, 3 })
  t.equal(first:metrics().loss.x, { 1, 2, 3, 4, 5, 6 })
  orrery.train.checkpoint.remove(out .. "/net.safetensors")
  t.ok(go("DIE=", "lr=0.1"), slurp(out .. "/said"))
  t.equal(runs:diff(1, 2).metrics, {})
  t.ok(not go("DIE=", "fail"))
  t.equal(runs:run(3).status, "failed")
  t.ok(runs:run(3).message:find "glue: dry; buy some$")
  drop(out)
end)

with_program("the program lists runs", function()
  local out = folder()
  two_ways(out)
  local pipe = io.popen(("'%s' runs 'out=%s' 2>&1"):format(program, out))
  local said = pipe:read "a"
  t.ok(pipe:close(), said)
  t.ok(said:find "ways%s+x=2 seed=1%s+done", said)
  pipe = io.popen(("'%s' runs 'out=%s/x' 2>&1"):format(program, out))
  said = pipe:read "a"
  t.ok(not pipe:close())
  t.equal(said, ("orrery: runs: there are none in %s/x; give out=FOLDER\n")
    :format(out))
  drop(out)
end)
