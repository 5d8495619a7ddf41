--- Experiments: trials run once, go on where they were killed, fail alone.
local orrery, t = require "orrery", require "orrery.testing"
local json = require "orrery.json"
local files = require "orrery.testing.files"

local interpreter = files.interpreter()
local folder, drop, slurp = files.folder, files.drop, files.read

-- Without the store every sweep starts afresh.
local missing = orrery.runs.missing()
local kept = missing and function(name) t.skip(name, missing) end or t.test

-- An experiment that keeps what it prints.
local function quiet(spec, trial)
  local run, said = orrery.experiment(spec), {}
  run.trial = trial
  run.write = function(text) said[#said + 1] = text end
  return run, function() return table.concat(said) end
end

local function squares(calls)
  return quiet({ name = "squares",
    knobs = { x = { 1.0, "a number" }, n = { 2, "steps", min = 1 } } },
  function(k, log)
    calls[#calls + 1] = k.x
    for i = 1, k.n do log:scalar("part", i, k.x / i) end
    return { square = k.x ^ 2, word = "a,b" }
  end)
end

kept("every trial leaves its settings, its numbers and its result", function()
  local out, calls = folder(), {}
  local run, said = squares(calls)
  local trials, path = run:main { "x=2,3", "seed=1..2", "out=" .. out }
  t.equal(#trials, 4)
  t.equal(trials.square, { 4.0, 4.0, 9.0, 9.0 })
  t.equal(path, out .. "/squares/report.html")
  local first = trials[1].folder
  local href = slurp(path):match "<a href='([^']*)'>All of this run"
  t.ok(slurp(out .. "/squares/" .. href):find "</html>")
  local config = json.decode(slurp(first .. "/config.json"))
  t.equal(config.knobs, { x = 2.0, n = 2, seed = 1, quick = false })
  t.equal(config.seed, 1)
  t.equal(config.environment.orrery, orrery.version)
  local found = orrery.runs.open(out):run(1)
  t.equal(found.status, "done")
  t.equal(found.values, { square = 4.0, word = "a,b" })
  t.equal(found.knobs, config.knobs)
  t.equal(slurp(first .. "/metrics.csv"),
    "step,name,value\n1,part,2\n2,part,1\n")
  t.ok(said():find("x   square   word\n2        4   a,b", 1, true), said())
  local lines = {}
  for line in slurp(out .. "/squares/summary.csv"):gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
  t.equal(#lines, 5)
  t.equal(lines[1], "trial,status,n,quick,seed,x,square,word")
  t.ok(lines[5]:find '2,false,2,3,9,"a,b"$', lines[5])
  drop(out)
end)

kept("a second run repeats no finished trial", function()
  local out, calls = folder(), {}
  local run = squares(calls)
  t.ok(run:main { "x=2,3", "out=" .. out })
  t.equal(calls, { 2.0, 3.0 })
  local trials = run:main { "x=3,4", "out=" .. out }
  t.equal(calls, { 2.0, 3.0, 4.0 })
  t.equal(trials.square, { 9.0, 16.0 })
  t.ok(run:main { "x=3", "n=3", "out=" .. out })
  t.equal(calls, { 2.0, 3.0, 4.0, 3.0 })
  drop(out)
end)

t.test("a new version of the script does not take old results", function()
  local out, calls = folder(), {}
  local run = squares(calls)
  t.ok(run:main { "out=" .. out })
  run.spec.version = 2
  t.ok(run:main { "out=" .. out })
  t.equal(#calls, 2)
  drop(out)
end)

kept("a trial that fails is named and the others go on", function()
  local out, calls, broken = folder(), 0, true
  local run, said = quiet({ name = "brittle", knobs = { x = { 1, "x" } } },
    function(k)
      calls = calls + 1
      if k.x == 2 and broken then error("glass: x is 2; take another", 0) end
      return { y = k.x }
    end)
  local ok, why = run:main { "x=1,2,3", "out=" .. out }
  t.equal(ok, nil)
  t.equal(why, ("brittle: 1 of 3 trials did not finish; see %s"):format(
    out .. "/brittle/report.html"))
  t.ok(said():find("x=2  failed: glass: x is 2; take another", 1, true), said())
  broken = false
  local trials = run:main { "x=1,2,3", "out=" .. out }
  t.equal(calls, 4)
  t.equal(trials.y, { 1, 2, 3 })
  t.equal(rawget(trials[2], "trace"), nil)
  drop(out)
end)

t.test("a number that is no number ends a trial as diverged", function()
  local out = folder()
  local run, said = quiet({ name = "wild", knobs = {} }, function(_, log)
    log:finite("loss", 7, 1e300 * 1e300)
  end)
  t.equal(run:main { "out=" .. out }, nil)
  t.ok(said():find("diverged: loss is infinite at step 7", 1, true), said())
  drop(out)
end)

t.test("steps with batches larger than the data say so", function()
  local out = folder()
  local run, said = quiet({ name = "thin", knobs = {} }, function(_, log)
    log:steps { steps = 2, objects = {}, update = function() return {} end,
      batches = orrery.data.TensorDataset(orrery.zeros(3, 1)):batches(4,
        { drop_last = true }) }
  end)
  t.equal(run:main { "out=" .. out }, nil)
  t.ok(said():find("failed: steps: there are fewer examples than a batch "
    .. "takes; lower batch, or give more", 1, true), said())
  drop(out)
end)

t.test("nan and infinity survive in a result", function()
  local out = folder()
  local run = quiet({ name = "limits", knobs = {} }, function()
    return { a = 0 / 0, b = -math.huge, c = 1 }
  end)
  run:main { "out=" .. out }
  local again = run:main { "out=" .. out }
  t.ok(again[1].a ~= again[1].a)
  t.equal(again[1].b, -math.huge)
  t.equal(again[1].c, 1)
  drop(out)
end)

t.test("a stopped trial says so and the sweep ends there", function()
  local out, stop = folder(), true
  local run = quiet({ name = "stopped", knobs = { x = { 1, "x" } } },
    function(k)
      if stop and k.x == 2 then error("interrupted", 0) end
      return {}
    end)
  local ok, why = run:main { "x=1..3", "out=" .. out }
  t.equal(ok, nil)
  t.equal(why, "stopped: interrupted; run the same command again to go on")
  stop = false
  t.equal(#run:main { "x=1..3", "out=" .. out }, 3)
  drop(out)
end)

t.test("a program of a stopped sweep ends as one ended by Ctrl-C", function()
  local out = folder()
  local file = assert(io.open(out .. "/sweep.lua", "w"))
  file:write [[
local run = require("orrery").experiment { name = "stopped",
  knobs = { x = { 1, "x" } } }
function run.trial() error("interrupted", 0) end
return run(...)
]]
  file:close()
  -- (os.execute of the program would take 130 for a Ctrl-C of its own.)
  local pipe = io.popen(("'%s' '%s/sweep.lua' 'out=%s' 2>&1"):format(
    interpreter, out, out))
  local said = pipe:read "a"
  local _, how, status = pipe:close()
  t.equal({ how, status }, { "exit", 130 })
  t.ok(said:find("orrery: stopped: interrupted; run the same command again "
    .. "to go on\n", 1, true), said)
  drop(out)
end)

-- The script of the next test: each step adds a number of a stream; it kills
-- itself once, at the step DIE names, after a checkpoint and two more steps.
local walker = [[
local orrery = require "orrery"
local run = orrery.experiment { name = "walk", knobs = { steps = { 9, "n" } } }
function run.trial(k, log)
  local noise = log:generator "noise"
  local sum = { total = 0 }
  function sum:state() return { total = self.total } end
  function sum:set_state(s) self.total = s.total end
  local at = log:resume({ sum = sum }, { step = 0 })
  for step = at.step + 1, k.steps do
    local draw = orrery.randn({ 1 }, { generator = noise }):item()
    sum.total = sum.total + draw + orrery.rand(1):item()
    log:scalar("total", step, sum.total)
    if step == tonumber(os.getenv "DIE" or "") then
      os.execute("kill -9 " .. orrery.getpid())
    end
    if step % 3 == 0 then log:checkpoint { step = step } end
  end
  return { total = sum.total }
end
return run(...)
]]

kept("a killed trial goes on to the same bits", function()
  local out = folder()
  local script = out .. "/walk.lua"
  local file = assert(io.open(script, "w"))
  file:write(walker)
  file:close()
  local function go(env, place)
    return os.execute(("%s '%s' '%s' out='%s' >'%s/log' 2>&1"):format(env,
      interpreter, script, place, out))
  end
  t.ok(go("DIE=", out .. "/a"), slurp(out .. "/log"))
  t.ok(not go("DIE=5", out .. "/b"))
  t.ok(go("DIE=", out .. "/b"), slurp(out .. "/log"))
  t.ok(slurp(out .. "/log"):find("goes on where it was stopped", 1, true))
  local function result(place)
    local pipe = io.popen(("cat '%s'/walk/*/metrics.csv"):format(place))
    local text = pipe:read "a"
    pipe:close()
    return text
  end
  local whole = result(out .. "/a")
  t.equal(select(2, whole:gsub("\n", "")), 10)
  t.equal(result(out .. "/b"), whole)
  drop(out)
end)

t.test("a sweep over seeds is one row of means", function()
  local out = folder()
  local run, said = quiet({ name = "seeds", knobs = { x = { 1.0, "x" } } },
    function(k) return { y = k.x + k.seed } end)
  function run.report(trials, page)
    local rows = trials:by_setting()
    t.near(rows.y, { 12, 22 })
    t.near(rows.y_sd, { 1, 1 })
    page:table(trials, { "x", { "y", "the sum" } })
  end
  t.ok(run:main { "x=10,20", "seed=1..3", "out=" .. out })
  t.ok(said():find("10   12.0 +- 1.0", 1, true), said())
  drop(out)
end)

t.test("a result may be called as the trials of a row are", function()
  local out = folder()
  local run = quiet({ name = "names", knobs = { x = { 1.0, "x" } } },
    function(k) return { of = k.seed + k.x } end)
  local rows
  function run.report(trials) rows = trials:by_setting() end
  t.ok(run:main { "seed=1..3", "out=" .. out })
  t.near(rows.of, { 3 })
  drop(out)
end)

t.test("what was swept leads a table that leaves it out", function()
  local out = folder()
  local run, said = quiet({ name = "wide", knobs = { x = { 1, "x" },
    w = { 1, "w" } } }, function(k) return { y = k.x * k.w } end)
  function run.report(trials, page) page:table(trials, { "x", "y" }) end
  t.ok(run:main { "w=2,3", "x=4,5", "seed=1..2", "out=" .. out })
  t.ok(said():find("w   x    y\n2   4    8\n2   5   10\n3   4   12\n", 1, true),
    said())
  drop(out)
end)

local features = require "orrery.core"._io.features
local with_pictures = features.png and features.json and t.test
  or function(name) t.skip(name, "this build has no libspng or no json") end

with_pictures("pictures of several steps are laid out in order", function()
  local out = folder()
  local run = quiet({ name = "film", step = "epoch", knobs = {} },
    function(_, log)
      for epoch = 9, 11 do
        log:image("dots", orrery.rand(4, 3, 3), { step = epoch, columns = 2 })
      end
      log:image("last", orrery.rand(3, 3))
      return {}
    end)
  local html
  function run.report(trials, page)
    page:image_matrix { image = "dots" }
    html = page:html()
    t.equal(trials[1].image_names, { "dots, epoch 9", "dots, epoch 10",
      "dots, epoch 11", "last" })
  end
  local trials = run:main { "out=" .. out }
  local spec = orrery.json.decode(html:match "class='matrix'>(.-)</script>")
  t.equal(spec.axes, { { name = "epoch", values = { "9", "10", "11" } } })
  t.equal(spec.tiles, { count = 4, columns = 2, width = 3, height = 3,
    padding = 2 })
  t.equal(select(2, html:gsub("data:image/png", "")), 3)
  -- Two columns and rows of 3 x 3 with borders of 2: 3 * 2 + 3 * 2 = 12.
  local image = orrery.io.read_png(trials[1].images["dots, epoch 9"])
  t.equal({ image:shape() }, { 1, 12, 12 })
  drop(out)
end)

with_pictures("pictures of no step are laid out by the settings", function()
  local out = folder()
  local run = quiet({ name = "once", knobs = {
    a = { { 1, 2 }, "" }, b = { { 3, 4, 5 }, "" } } }, function(_, log)
      log:image("dots", orrery.rand(3, 3))
      return {}
    end)
  local html
  function run.report(_, page)
    page:image_matrix { image = "dots" }
    page:image_matrix { images = { "dots" }, rows = "a" }
    html = page:html()
  end
  run:main { "out=" .. out }
  t.ok(html:find("<th>a=2 b=4</th>", 1, true))  -- a alone does not tell
  local spec = orrery.json.decode(html:match "class='matrix'>(.-)</script>")
  t.equal({ spec.axes[1], spec.axes[2] }, { { name = "a",
    values = { "1", "2" } }, { name = "b", values = { "3", "4", "5" } } })
  t.equal({ spec.rows, spec.columns, #spec.cells }, { "a", "b", 6 })
  drop(out)
end)

with_pictures("pictures lie by what they were drawn by, once at its end",
  function()
    local out = folder()
    local run = quiet({ name = "both", step = "step", knobs = {
      a = { { 1, 2 }, "" } } }, function(k, log)
        for step = 1, k.a == 1 and 3 or 0 do
          log:image("dots", orrery.rand(3, 3), { step = step })
        end
        if k.a == 2 then log:image("dots", orrery.rand(3, 3)) end
        return {}
      end)
    local html
    function run.report(_, page)
      page:image_matrix { image = "dots" }
      html = page:html()
    end
    run:main { "out=" .. out }
    local spec = orrery.json.decode(html:match "class='matrix'>(.-)</script>")
    t.equal(spec.axes[2], { name = "step", values = { "1", "2", "3" } })
    local of_two = {}
    for _, cell in ipairs(spec.cells) do
      if cell.at[1] == 1 then of_two[#of_two + 1] = cell.at[2] end
    end
    t.equal({ #spec.cells, of_two }, { 4, { 2 } })
    drop(out)
  end)

t.test("a report that fails does not lose the trials", function()
  local out = folder()
  local run, said = quiet({ name = "poor", knobs = {} },
    function() return { y = 1 } end)
  function run.report() error("paper: none left; buy some", 0) end
  t.ok(run:main { "out=" .. out })
  t.ok(said():find("paper: none left", 1, true), said())
  t.ok(slurp(out .. "/poor/report.html"))
  drop(out)
end)

t.test("mistakes on the command line and in the trial are named", function()
  local out = folder()
  local run, said = quiet({ name = "strict",
    knobs = { beta = { 1.0, "b", min = 0 } } }, function(k) return k.bta end)
  local ok, why = run:main { "bta=2" }
  t.equal(ok, nil)
  t.equal(why, "strict: unknown knob bta; did you mean beta?")
  t.equal(run:main { "out=" .. out }, nil)
  t.ok(said():find("strict: the trial reads knob bta, which is not declared",
    1, true), said())
  t.fails_like("its name is missing", orrery.experiment, {})
  drop(out)
end)

t.test("--dry-run and --help run nothing", function()
  local calls = {}
  local run, said = squares(calls)
  t.ok(run:main { "x=1,2", "--dry-run" })
  t.ok(said():find "2 trials")
  t.ok(run:main { "--help" })
  t.ok(said():find("a number", 1, true))
  t.equal(calls, {})
  t.ok(run.started)
end)
