--- The live view's server: many pages, slow ones and those that went away;
--- nobody waits for them.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local watched = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/watched.lua")
local test, spell, start, get, ask, serve_until, answers, statuses, make_runs,
  rows, parse, values, until_alone = watched.test, watched.spell,
  watched.start, watched.get, watched.ask, watched.serve_until,
  watched.answers, watched.statuses, watched.make_runs, watched.rows,
  watched.parse, watched.values, watched.until_alone

local function open_files()
  local list = orrery.fs.list "/proc/self/fd"
  return list and #list
end

test("a page grows while the store does", function()
  local w <close> = start()
  local store = make_runs(w)
  local seen, go = w.folder .. "/seen", w.folder .. "/over"
  local over = ask(w, { { send = get(w.at .. "events?runs=1"), into = seen },
    { wait = go } })
  for i = 1, 20 do
    store:append(1, rows(i, i))
    serve_until(w, function()
      return #values(parse(files.read(seen) or "")) == i
    end)
  end
  spell(go, "")
  serve_until(w, over)
  store:close()
end)

test("a page that does not read holds up nobody and nothing grows", function()
  local w <close> = start()
  local store = make_runs(w)
  store:append(1, rows(1, 10))
  local go, seen = w.folder .. "/go", w.folder .. "/seen"
  local over = ask(w, { { send = get(w.at .. "events?runs=1"), deaf = true,
    many = 3 }, { send = get(w.at .. "events?runs=1"), into = seen },
    { wait = go } })
  serve_until(w, function() return #w.watcher.pages == 4 end)
  local at, per_round = 10, 400
  local sizes = {}
  for round = 1, 60 do
    local names = {}
    for i = 1, per_round do
      at = at + 1
      names[i] = { at, "metric " .. i % 50 .. (" "):rep(500), at, 1.0 }
    end
    store:append(1, names)
    w.watcher.looked = -1
    w.watcher:step(0.002)
    collectgarbage()
    sizes[round] = collectgarbage "count" + orrery.memory().live_bytes / 1024
  end
  t.ok(sizes[60] < sizes[10] + 2000, "memory grew")
  serve_until(w, function()
    return #values(parse(files.read(seen) or "")) == at
  end)
  spell(go, "")
  serve_until(w, over)
  store:close()
end)

test("pages come and go, and leave no file open behind them", function()
  local w <close> = start { pulse = 0, patience = 2 }
  local store = make_runs(w)
  store:append(1, rows(1, 100))
  t.equal(statuses(answers(w, { get(w.at) })), { 200 })
  until_alone(w)
  collectgarbage()
  local before = open_files()
  for _ = 1, 3 do
    local stream = get(w.at .. "events?runs=1")
    local got = answers(w, { { send = stream, leave = true, many = 10 },
      { send = get(w.at .. "live.js"), leave = true, many = 10 },
      { send = "GET /", leave = true, many = 5 },
      { send = stream, deaf = true, many = 10 },
      { send = stream, events = 2, many = 10 } })
    for i = #got - 9, #got do t.equal(#values(parse(got[i])), 100) end
    until_alone(w)
  end
  t.equal(open_files(), before)
  store:close()
end)

test("a request that never ends is given up", function()
  local w <close> = start { patience = 1 }
  local got = answers(w, { "GET /", "\0\0\0\0\r\n\r\n", "" })
  for _, text in ipairs(got) do t.equal(text:match "\r\n\r\n(.*)", nil) end
  until_alone(w)
end)

test("a watcher ends with pages that are still there", function()
  local w <close> = start()
  make_runs(w):close()
  local over, read = ask(w, { { send = get(w.at .. "events?runs=1"),
    events = 99 } })
  serve_until(w, function() return #w.watcher.pages == 1 end)
  w.watcher:step(0.01)
  w.watcher:close()
  local since = orrery.clock()
  while not over() and orrery.clock() - since < 60 do orrery.sleep(0.01) end
  t.equal(statuses(read()), { 200 })
end)
