--- Sweeps in several processes: what kills them costs nothing but time.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"

local process = orrery._process
local root = os.getenv "ORRERY_SOURCE_DIR" or "."
local script = root .. "/tests/lua/killed_sweep.lua"
local interpreter = files.interpreter()
local folder, drop, slurp = files.folder, files.drop, files.read
local missing = orrery.runs.missing()

local test = missing and function(name) t.skip(name, missing) end or t.test

-- A number of the environment; else that of the short form, or with
-- ORRERY_FULL=1 that of the long one.
local full = os.getenv "ORRERY_FULL" == "1"
local function setting(name, short, long)
  return tonumber(os.getenv(name) or "") or full and long or short
end

-- A step takes so many seconds.
local function start(out, pause, words, said)
  return assert(process.spawn({ "env", "ORRERY_PAUSE=" .. pause, interpreter,
    script, "out=" .. out, table.unpack(words) }, out .. "/"
    .. (said or "said")))
end

-- Waits for a process of ours; nil when it took too long and was ended.
local function wait(pid, seconds)
  local since = orrery.clock()
  repeat
    local how, number = process.ended(pid)
    if how then return how, number end
    orrery.sleep(0.01)
  until orrery.clock() - since > seconds
  process.stop(pid, "kill")
  while not process.ended(pid) do orrery.sleep(0.01) end
end

-- All that a reader can see must hold together at any moment.
local function read_all(out)
  local runs = orrery.runs.open(out)
  if not runs then return {} end
  local list = runs:list()
  for _, r in ipairs(list) do
    for place, number in ipairs(runs.store:numbers(r.id)) do
      t.equal(number[1], place, r.folder)
    end
    if r.status == "done" then t.ok(r.values.at, r.folder) end
  end
  return list
end

-- Processes that work on trials of this folder now.
local function workers(list)
  local pids = {}
  for _, r in ipairs(list) do
    if r.status == "running" then pids[#pids + 1] = r.row.pid end
  end
  return pids
end

-- Starts the sweep over and over until it succeeds, reading all the time and
-- killing as many processes as told on the way, so many seconds apart: workers,
-- and now and then the one that leads them.
local function disturbed(out, words, o)
  local dice, left = orrery.Generator(17), o.kills
  local function roll(n)
    return orrery.randint(1, n, { 1 }, { generator = dice }):item()
  end
  local leader = start(out, o.pause, words)
  local now = orrery.clock()
  local ends, next_kill = now + o.patience, now
  while now < ends do
    orrery.sleep(o.interval / 10)
    local pids = workers(read_all(out))
    now = orrery.clock()
    if left > 0 and #pids > 0 and now > next_kill then
      next_kill = now + roll(20) / 10 * o.interval
      process.stop(pids[roll(#pids)], "kill")
      left = left - 1
      if left % 5 == 0 then process.stop(leader, "kill") end
    end
    local how, number = process.ended(leader)
    if how == "exit" and number == 0 then return o.kills - left end
    if how then leader = start(out, o.pause, words) end
  end
  process.stop(leader, "kill")
  t.ok(false, "the sweep did not end: " .. (slurp(out .. "/said") or ""))
end

-- The store of a sweep that is over, as text without times.
local function contents(out)
  local lines = { slurp(out .. "/walks/summary.csv") }
  local runs = orrery.runs.open(out)
  for _, r in ipairs(runs:list()) do
    t.equal(r.status, "done")
    lines[#lines + 1] = r.key
    for _, n in ipairs(runs.store:numbers(r.id)) do
      lines[#lines + 1] = ("%d %s %s %.17g"):format(table.unpack(n))
    end
  end
  return table.concat(lines, "\n")
end

-- By hand, ten minutes and more: ORRERY_FULL=1.
test("workers killed at random lose no trial and double none", function()
  local quiet, out = folder(), folder()
  local o = { kills = setting("ORRERY_KILLS", 10, 50),
    interval = setting("ORRERY_INTERVAL", 0.3, 11),
    pause = setting("ORRERY_STEP", 0.01, 0.1) }
  o.patience = 120 + 4 * o.kills * o.interval
  local seeds = math.tointeger(setting("ORRERY_SEEDS", 3, 200))
  local sweep = { "seed=1.." .. seeds, "-j", "2" }
  t.equal({ wait(start(quiet, 0, sweep), 600) }, { "exit", 0 },
    slurp(quiet .. "/said"))
  local killed = disturbed(out, sweep, o)
  t.ok(killed > 0)
  io.stdout:write(("# %d workers killed\n"):format(killed))
  t.equal(#read_all(out), 2 * seeds)
  t.equal(contents(out), contents(quiet))
  t.equal(slurp(out .. "/doubled"), nil)
  drop(quiet)
  drop(out)
end)

test("the second of two sweeps side by side repeats nothing", function()
  local out = folder()
  local first = start(out, 0.01, { "seed=1..2", "-j", "2" })
  local second = start(out, 0.01, { "seed=1..2" }, "said2")
  t.equal({ wait(first, 60) }, { "exit", 0 }, slurp(out .. "/said"))
  t.equal({ wait(second, 60) }, { "exit", 0 }, slurp(out .. "/said2"))
  local list = read_all(out)
  t.equal(#list, 4)
  for _, r in ipairs(list) do t.equal(r.row.attempts, 1) end
  t.equal(slurp(out .. "/doubled"), nil)
  drop(out)
end)

test("Ctrl-C stops the workers and says how to go on", function()
  local out = folder()
  local leader = start(out, 0.2, { "seed=1..2", "-j", "2" })
  local since = orrery.clock()
  while #workers(read_all(out)) < 2 and orrery.clock() - since < 60 do
    orrery.sleep(0.02)
  end
  local pids = workers(read_all(out))
  t.equal(#pids, 2)
  process.stop(leader, "int")
  t.equal({ wait(leader, 60) }, { "exit", 130 }, slurp(out .. "/said"))
  t.ok(slurp(out .. "/said"):find("walks: interrupted; run the same command "
    .. "again to go on", 1, true), slurp(out .. "/said"))
  for _, pid in ipairs(pids) do t.ok(not process.alive(pid)) end
  local seen = {}
  for _, r in ipairs(orrery.runs.open(out):list()) do
    seen[r.status] = (seen[r.status] or 0) + 1
    t.ok(r.status == "interrupted" or r.status == "waiting",
      ("%s: %s\n%s"):format(r.status, rawget(r, "message"),
        slurp(r:path "output.txt")))
  end
  t.equal(seen, { interrupted = 2, waiting = 2 })
  drop(out)
end)

-- A script with one knob x, and the body of its trial.
local function small(out, body)
  local path = out .. "/small.lua"
  local file = assert(io.open(path, "w"))
  file:write(([[
local orrery = require "orrery"
local run = orrery.experiment { name = "small", by = "y",
  knobs = { x = { 1.0, "x" }, n = { 1, "budget", min = 1 } } }
function run.trial(k, log) %s end
return run(...)
]]):format(body))
  file:close()
  return function(words)
    local pipe = io.popen(("'%s' '%s' 'out=%s' %s 2>&1"):format(interpreter,
      path, out, words))
    local said = pipe:read "a"
    return said, pipe:close()
  end
end

test("a failure is told at once, the rest goes on", function()
  local out = folder()
  local sweep = small(out, [[
    if k.x == 1 then error("glass: x is 1; take another", 0) end
    orrery.sleep(0.3)
    return { y = k.x }]])
  local said, ok = sweep "x=1..3 -j 2"
  t.ok(not ok)
  local failed = said:find("x=1  failed: glass: x is 1; take another", 1, true)
  t.ok(failed, said)
  t.ok(failed < said:find("x=3  done", 1, true), said)
  t.ok(said:find("small: 1 of 3 trials did not finish", 1, true), said)
  drop(out)
end)

test("a worker that dies without a word is named by its signal", function()
  local out = folder()
  local sweep = small(out, [[
    if k.x == 2 then orrery._process.stop(orrery.getpid(), "kill") end
    return { y = k.x }]])
  local said = sweep "x=1..2 -j 2"
  t.ok(said:find("x=2  interrupted: its worker was ended by signal 9", 1, true),
    said)
  drop(out)
end)

test("a script that cannot start fails each trial with its last words",
  function()
    local out = folder()
    local sweep = small(out, "return { y = k.x }")
    local file = assert(io.open(out .. "/small.lua", "a"))
    file:close()
    local text = slurp(out .. "/small.lua")
    file = assert(io.open(out .. "/small.lua", "w"))
    file:write('if arg[#arg] == "--trial" then error("early: no", 0) end\n',
      text)
    file:close()
    local said, ok = sweep "x=1..2 -j 2"
    t.ok(not ok)
    t.ok(said:find("x=1  failed: [^\n]*early: no"), said)
    drop(out)
  end)

test("successive halving gives the best settings the larger budgets",
  function()
    local out = folder()
    local sweep = small(out, "return { y = (k.x - 3) ^ 2 / k.n }")
    local said, ok = sweep "x=1..9 n=9,1,3 halve=n"
    t.ok(ok, said)
    local runs = orrery.runs.open(out)
    local by_budget = {}
    for _, r in ipairs(runs:list()) do
      by_budget[r.n] = by_budget[r.n] or {}
      table.insert(by_budget[r.n], r.x)
    end
    t.equal(#by_budget[1], 9)
    -- By distance from 3, then by place: 3; 2 and 4; 1 and 5 ...
    t.equal(by_budget[3], { 3.0, 2.0, 4.0 })
    t.equal(by_budget[9], { 3.0 })
    local again
    again, ok = sweep "x=1..9 n=9,1,3 halve=n"
    t.ok(ok, again)
    t.equal(select(2, again:gsub("done before", "")), 13)
    said, ok = sweep "x=1..9 n=1,3 halve=n by=max:y -j 2"
    t.ok(ok, said)
    t.equal(#runs:list { n = 3, x = { 9, 8, 7 } }, 3)
    drop(out)
  end)

test("halving by a result that no trial gives says so", function()
  local out = folder()
  local said, ok = small(out, "return { y = k.x }") "x=1..3 n=1,3 halve=n by=z"
  t.ok(not ok)
  t.ok(said:find("halve: no trial returns z; name a result with by=", 1, true),
    said)
  drop(out)
end)

test("-j needs the script to be the program", function()
  local run_ = orrery.experiment { name = "inner", knobs = {} }
  function run_.trial() return {} end
  run_.write = function() end
  local out = folder()
  local ok, why = run_:main { "-j", "2", "out=" .. out }
  t.equal(ok, nil)
  t.equal(why, "inner: -j starts the script anew, so it must be the program "
    .. "that runs; run it by itself")
  drop(out)
end)
